//! No release runs: the target serves, is held or gone, or a release begins.

use super::begin::{Occasion, begin};
use super::words::name;
use super::{Scene, Turn, held, variables};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::names::Revision;
use crate::api::status::{How, Why};
use crate::api::target::Target;
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::describe;
use crate::plan::draft::Draft;
use crate::plan::ownership::{as_it_is, note_served};
use crate::plan::target::{Resolution, index, resolve};
use crate::validate::Desired;

/// Looks at what the stage serves and what it shall serve.
pub(super) fn rest(draft: &mut Draft<'_>, scene: Scene<'_>, desired: &Desired) -> Result<Turn, Need> {
    let stage = scene.stage;
    let target = match resolve(draft, desired, stage)? {
        Resolution::Known(target) | Resolution::Snapshot(target) => target,
        Resolution::Gone(revision) => return Ok(Turn::Wait(gone(&revision, desired))),
        Resolution::Missing(id) => {
            draft.wake_up_in(30);
            return Ok(Turn::Wait(Finding::new(
                Situation::Outstanding,
                Reason::DeploymentNotFound,
                format!(
                    "REST API {} has no deployment {id}: create it, or name another in spec.deploymentId.",
                    desired.rest_api_id
                ),
            )));
        }
    };
    let established = draft.current().is_some_and(|entry| entry.target.is(&target));
    if let Some(stage) = stage {
        let same_deployment = target.deployment_id.as_ref() == Some(&stage.deployment_id);
        if same_deployment && variables::pending_variables(draft, desired, stage).is_empty() {
            serves(draft, desired, stage, target, established)?;
            return Ok(Turn::Serves);
        }
        if established && !same_deployment {
            moved_by_hand(draft, &target, stage);
        } else if established && held::is_held(draft, &target).is_none() {
            // A hand changed declared variables: drift, which `settings` sees to. The release itself stands.
            draft.serves = true;
            return Ok(Turn::Serves);
        }
    }
    if describe::was_rejected(draft, &target) {
        held::hold(draft, &target, None, Why::Failed);
    }
    held::free_unfinished(draft, &target, scene.governor);
    if let Some(held) = held::is_held(draft, &target) {
        return Ok(Turn::Wait(held::finding(draft, held, &target, stage)));
    }
    begin(draft, desired, stage, target, Occasion::Declared);
    Ok(Turn::Again)
}

/// What stands where a revision's deployment was deleted.
pub(super) fn gone(revision: &Revision, desired: &Desired) -> Finding {
    Finding::new(
        Situation::Blocked,
        Reason::RevisionGone,
        format!(
            "The deployment of revision {revision} on REST API {} was deleted, and a revision is never snapshotted again by itself. Name another revision, or annotate this ApiStage with stagecraft.dev/command: resnapshot/{revision}/1.",
            desired.rest_api_id
        ),
    )
}

/// The target serves. Where no release of ours brought it, the history says how it came.
fn serves(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: &Stage,
    target: Target,
    established: bool,
) -> Result<(), Need> {
    held::free(draft, &target);
    draft.serves = true;
    if established {
        return Ok(());
    }
    let how = if draft.status.history.is_empty() { How::Adopted } else { How::PromotedByHand };
    // The marker tells which revision an adopted stage serves, and it is worth one look.
    if how == How::Adopted && target.revision.is_none() {
        index(draft)?;
    }
    let as_is = as_it_is(draft, stage, desired);
    let target =
        Target { revision: target.revision.or(as_is.revision), attempt: target.attempt.or(as_is.attempt), ..target };
    if how == How::PromotedByHand {
        let note = format!("Somebody moved the stage to {}, which is what the spec names.", name(&target));
        draft.tell(Event::normal(EventReason::PromotedByHand, name(&target), note));
    }
    note_served(draft, target, how);
    draft.name_revision(Some(stage));
    Ok(())
}

/// A hand moved the stage: it is obeyed, and what it undid does not ship again by itself.
fn moved_by_hand(draft: &mut Draft<'_>, target: &Target, stage: &Stage) {
    let release = draft.current().and_then(|entry| entry.release.clone());
    if held::hold(draft, target, release, Why::StageMovedByHand) {
        draft.end_current();
        tell_moved(draft, target, stage);
    }
}

pub(super) fn tell_moved(draft: &mut Draft<'_>, target: &Target, stage: &Stage) {
    draft.tell(Event::warning(
        EventReason::StageMovedByHand,
        stage.deployment_id.as_str(),
        format!(
            "Somebody moved the stage to deployment {}; that is obeyed, and {} is held until another revision is named.",
            stage.deployment_id,
            name(target)
        ),
    ));
}
