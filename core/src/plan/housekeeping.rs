//! What is done when all else is done: descriptions of our deployments, and the clean-up of those that nobody needs.
//!
//! # Guarantees
//!
//! * Only at rest: no release runs, no call is planned, nothing has failed but settings beside the release. Those may be
//!   refused for months, and deployments would pile up meanwhile.
//! * A few calls a pass, so that a long list never stands between a user and a change.
//! * A refusal, a lost reply or a read that fails is nobody's news: it is tried again later.

use super::Need;
use super::What;
use super::draft::Draft;
use super::ownership::Ownership;
use super::{clean_up, describe};
use crate::observed::{Deployment, Stage};
use crate::world::World;

/// Calls a pass.
const MOST_CALLS: usize = 5;

/// The next few follow soon.
const NEXT_SECONDS: u64 = 30;

impl<'a> World<'a> {
    /// All deployments of the REST API; a read that fails disturbs nothing.
    pub(super) fn leftovers(&self, not_before: jiff::Timestamp) -> Result<&'a [Deployment], Need> {
        let seen = self.observed.deployments.as_ref().filter(|seen| seen.read_at >= not_before);
        seen.map(|seen| seen.value.as_slice()).ok_or(Need { what: What::Leftovers, not_before })
    }
}

/// Tidies up where there is peace to do it.
///
/// `stages` are all stages of the REST API; without them nobody knows who uses a deployment, so none is deleted.
pub(super) fn attend(draft: &mut Draft<'_>, stages: Option<&[Stage]>, ownership: &Ownership) -> Result<(), Need> {
    let recent = draft.world.recent;
    let has_peace = draft.actions.is_empty()
        && draft.running().is_none()
        && ownership.is_ours()
        && recent.failure.is_none()
        && recent.tried.iter().all(|group| group.is_of_settings());
    let rests = recent.housekeeping.not_before.is_some_and(|until| until > draft.world.now);
    if !has_peace || rests {
        return Ok(());
    }
    if recent.housekeeping.sent >= MOST_CALLS {
        draft.wake_up_in(NEXT_SECONDS);
        return Ok(());
    }
    // A write's reply does not tell tags, so it does not tell whose the stage is.
    let may_write = *ownership == Ownership::Ours;
    describe::attend(draft, may_write)?;
    if let Some(stages) = stages
        && draft.actions.is_empty()
        && may_write
    {
        clean_up::attend(draft, stages, MOST_CALLS - recent.housekeeping.sent)?;
    }
    Ok(())
}
