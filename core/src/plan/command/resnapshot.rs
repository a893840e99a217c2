//! `resnapshot`: the definition changed under the same revision, and shall count.

use super::Outcome;
use crate::api::names::Revision;
use crate::api::progress::Next;
use crate::api::status::{CommandState, Phase, ReleaseResult};
use crate::api::target::{Target, variables_hash};
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::plan::release::{Occasion, Scene, begin, succeed};
use crate::plan::target::{index, snapshots};
use crate::validate::Wanted;

/// Attempt + 1 becomes the target, as a release of its own.
pub(super) fn resnapshot(draft: &mut Draft<'_>, scene: Scene<'_>, revision: &Revision) -> Result<Outcome, Need> {
    let Some(desired) = scene.desired else { return Ok(Err(super::UNUSABLE.to_owned())) };
    let Wanted::Revision(wanted) = &desired.wanted else {
        return Ok(Err("spec.revision is not set, so there is no revision to snapshot again".to_owned()));
    };
    if wanted != revision {
        return Ok(Err(format!("spec.revision is {wanted}: name that one")));
    }
    if let Some(release) = draft.running()
        && matches!(release.phase, Phase::Promoting | Phase::RollingBack)
    {
        return Ok(Err(format!("release {} is moving the stage right now: give it again when it is done", release.id)));
    }
    let known = snapshots(index(draft)?, revision).map(|(attempt, _)| attempt);
    let remembered = draft
        .status
        .history
        .iter()
        .map(|entry| &entry.target)
        .chain(draft.status.release.as_ref().map(|release| &release.target))
        .filter(|target| target.revision.as_ref() == Some(revision))
        .filter_map(|target| target.attempt);
    let pruned = draft.status.pruned.iter().filter(|pruned| pruned.revision == *revision).map(|pruned| pruned.attempt);
    let attempt = known.chain(remembered).chain(pruned).max().unwrap_or(0) + 1;
    let target = Target {
        revision: Some(revision.clone()),
        attempt: Some(attempt),
        deployment_id: None,
        variables_hash: variables_hash(&desired.variables),
    };
    if let Some(former) = draft.running().cloned() {
        if former.phase == Phase::Baking {
            succeed(draft, former);
        } else if former.is_open() {
            // What is open keeps its share until there is something to take over.
            draft.change(|release| release.next = Some(Next { target, since: None }));
            let message =
                format!("snapshot {attempt} of {revision} is taken and takes over from release {}", former.id);
            return Ok(Ok((CommandState::Done, message)));
        } else {
            draft.record_unserved(&former, ReleaseResult::Superseded);
        }
    }
    let id = begin(draft, desired, scene.stage, target, Occasion::Resnapshot);
    Ok(Ok((CommandState::Accepted, format!("snapshot {attempt} of {revision} is taken and released as {id}"))))
}
