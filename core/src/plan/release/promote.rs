//! Promoting, for releases without a canary: the one call that moves the stage, judged by what the stage then shows.

use super::words::name;
use super::{Scene, Turn, end, variables};
use crate::api::condition::{Finding, Reason};
use crate::api::status::{Phase, Release};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::plan::settings::new_stage;
use crate::validate::Desired;
use crate::world::Group;

/// One turn of moving the stage.
pub(super) fn promote(draft: &mut Draft<'_>, scene: Scene<'_>, desired: &Desired) -> Turn {
    let stage = scene.stage;
    let Some(release) = draft.running().cloned() else { return Turn::Again };
    let Some(deployment) = release.target.deployment_id.clone() else { return prepare_again(draft) };
    let Some(stage) = stage else {
        draft.call(Action::CreateStage(new_stage(draft, desired, deployment)));
        let message = format!("Stage {} is being created.", desired.stage_name);
        return moving(draft, message);
    };
    let mut operations = Vec::new();
    if stage.deployment_id != deployment {
        operations.push(PatchOperation::replace("/deploymentId", deployment.as_str()));
    }
    operations.extend(variables::of_release(draft, scene, &release, stage));
    if operations.is_empty() {
        end::succeed(draft, release);
        draft.name_revision(Some(stage));
        return Turn::Again;
    }
    if stage.canary.is_some() {
        return prepare_again(draft);
    }
    draft.call(Action::Traffic(operations));
    let message = format!("Release {} moves the stage to {}.", release.id, name(&release.target));
    moving(draft, message)
}

/// Whether the call that moves the stage has had its effect.
pub(super) fn has_moved(release: &Release, stage: Option<&Stage>) -> bool {
    stage.is_some_and(|stage| release.target.deployment_id.as_ref() == Some(&stage.deployment_id))
        && release.stable.as_ref().is_none_or(|stable| stable.target.deployment_id != release.target.deployment_id)
}

fn prepare_again(draft: &mut Draft<'_>) -> Turn {
    draft.change(|release| release.phase = Phase::Preparing);
    Turn::Again
}

fn moving(draft: &Draft<'_>, message: String) -> Turn {
    Turn::Wait(draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Releasing, message)))
}
