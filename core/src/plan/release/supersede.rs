//! Another target is declared while a canary is open (design: supersede). What runs keeps its share, is still judged and can
//! be aborted, until the new snapshot exists; then one patch puts the new deployment in at the first step.

use super::begin::{Occasion, begin};
use super::wanted::names_target;
use super::words::name;
use super::{Scene, Turn, held, undo};
use crate::api::condition::Reason;
use crate::api::event::{Event, EventReason};
use crate::api::progress::Next;
use crate::api::status::{Release, ReleaseResult};
use crate::api::target::{Target, variables_hash};
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::plan::snapshot::snapshot;
use crate::plan::target::{Resolution, at_least, resolve};
use crate::validate::Desired;

/// Sees to the target that is declared instead of the running one. `None`: the running release has its turn.
pub(super) fn supersede(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    desired: &Desired,
    release: &Release,
) -> Result<Option<Turn>, Need> {
    let next = release.next.as_ref().map(|next| &next.target).filter(|_| is_resnapshot(release, desired));
    let target = match next.and_then(|next| Some((next, next.revision.as_ref()?, next.attempt?))) {
        Some((next, revision, attempt)) => at_least(draft, next, revision, attempt)?,
        None => resolve(draft, desired, scene.stage)?,
    };
    let stage = scene.stage;
    match target {
        Resolution::Known(target) => {
            let goes_back = release.stable.as_ref().is_some_and(|stable| stable.target.is(&target));
            if goes_back || held::is_held(draft, &target).is_some() {
                let sentence = if goes_back {
                    "the spec went back to what the stage serves"
                } else {
                    "the spec names a target that is held"
                };
                undo::begin(draft, Reason::Cancelled, sentence);
                return Ok(Some(Turn::Again));
            }
            take_over(draft, desired, stage, release, target);
            Ok(Some(Turn::Again))
        }
        Resolution::Snapshot(target) => {
            let known = release.next.as_ref().filter(|next| next.target.is(&target));
            if known.is_none() {
                let note = format!(
                    "{} is declared while release {} runs: it takes over when its snapshot exists.",
                    name(&target),
                    release.id
                );
                draft.tell(Event::normal(EventReason::Superseding, release.id.as_str(), note));
            }
            let next_action_at = release.next_action_at.clone();
            let since = known.map_or_else(|| Some(draft.time()), |next| next.since.clone());
            draft.change(|release| release.next = Some(Next { target: target.clone(), since }));
            snapshot(draft, desired, &target)?;
            draft.change(|release| release.next_action_at = next_action_at);
            Ok(None)
        }
        Resolution::Gone(_) => {
            undo::begin(draft, Reason::Cancelled, "the spec names a revision whose deployment is gone");
            Ok(Some(Turn::Again))
        }
        // A deployment of others that does not exist yet: it may appear, and nothing is raised meanwhile.
        Resolution::Missing(id) => {
            let target = Target {
                deployment_id: Some(id),
                variables_hash: variables_hash(&desired.variables),
                ..Target::default()
            };
            draft.change(|release| release.next = Some(Next { target, since: None }));
            Ok(None)
        }
    }
}

/// Whether what comes next is another snapshot of the same revision.
pub(super) fn is_resnapshot(release: &Release, desired: &Desired) -> bool {
    let Some(next) = release.next.as_ref().map(|next| &next.target) else { return false };
    next.revision.is_some()
        && next.revision == release.target.revision
        && next.attempt > release.target.attempt
        && names_target(next, desired)
        && next.variables_hash == variables_hash(&desired.variables)
}

/// Mints the release that supersedes; its canary is the one that is open, until its first step is entered.
fn take_over(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>, former: &Release, target: Target) {
    draft.record_unserved(former, ReleaseResult::Superseded);
    draft.tell(Event::normal(
        EventReason::ReleaseSuperseded,
        former.id.as_str(),
        format!("Release {} ended before its target served: {} takes over.", former.id, name(&target)),
    ));
    begin(draft, desired, stage, target, Occasion::Declared);
}
