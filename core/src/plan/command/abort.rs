//! `abort`: undoes a release, or removes a canary that is not ours.

use super::{Outcome, named, no_release};
use crate::api::command::{Command, Verb};
use crate::api::condition::Reason;
use crate::api::status::{CommandState, Phase};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::plan::release::{Scene, is_ours, undo};

/// Undoes the release with this id, or has the foreign canary of this deployment removed: ids of releases hold a dot, those
/// of deployments do not.
pub(super) fn abort(draft: &mut Draft<'_>, scene: Scene<'_>, what: &str) -> Outcome {
    if !what.contains('.') {
        return foreign(draft, scene.stage, what);
    }
    let running = named(draft, "abort", what)?;
    match running.phase {
        Phase::Promoting => {
            return Err(format!(
                "release {what} is moving the stage right now; when it is done, go back with the command rollback/-"
            ));
        }
        Phase::RollingBack => return Err(format!("release {what} is being undone already")),
        Phase::Preparing | Phase::Progressing | Phase::AwaitingApproval | Phase::Paused | Phase::Baking => {}
        Phase::Idle | Phase::Succeeded | Phase::Failed => return Err(no_release(draft, "abort")),
    }
    undo(draft, Reason::ReleaseAborted, "it was aborted by command");
    Ok((CommandState::Accepted, format!("release {what} is undone and its target is held")))
}

/// The foreign canary that a person wants removed.
fn foreign(draft: &Draft<'_>, stage: Option<&Stage>, deployment: &str) -> Outcome {
    match stage.and_then(|stage| stage.canary.as_ref()) {
        Some(canary) if canary.deployment_id.as_str() != deployment => {
            Err(format!("the canary on the stage is of deployment {}: name that one", canary.deployment_id))
        }
        Some(canary) => match draft.running().filter(|release| is_ours(draft, release, canary)) {
            Some(release) => Err(format!("that canary belongs to release {}: give abort/{}", release.id, release.id)),
            None => Ok((CommandState::Accepted, format!("the canary of deployment {deployment} is removed"))),
        },
        None => Err(no_release(draft, "abort")),
    }
}

/// Removes the foreign canary of an accepted command, for as long as it is there. True: the call is planned.
pub(in crate::plan) fn carry_on(draft: &mut Draft<'_>, stage: Option<&Stage>) -> bool {
    let Some(last) = draft.status.last_command.as_mut().filter(|last| last.state == CommandState::Accepted) else {
        return false;
    };
    let Ok(Command { verb: Verb::Abort(what), .. }) = Command::parse(&last.value) else { return false };
    if what.contains('.') {
        return false;
    }
    let canary = stage.and_then(|stage| stage.canary.as_ref());
    if canary.is_none_or(|canary| canary.deployment_id.as_str() != what) {
        last.state = CommandState::Done;
        return false;
    }
    draft.call(Action::Abort(vec![PatchOperation::remove("/canarySettings")]));
    true
}
