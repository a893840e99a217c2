//! Promoting, for releases without a canary: the call that moves the stage, judged by what the stage then shows. More operations
//! than one call takes are several, and what is left of them is seen from the stage, too.

use super::words::name;
use super::{Scene, Turn, end, order, variables};
use crate::api::condition::{Finding, Reason};
use crate::api::status::{How, Phase, Release};
use crate::observed::Stage;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::plan::settings::new_stage;
use crate::validate::Desired;
use crate::world::Group;

/// How much of what a release does at once the stage shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Nothing, or a hand did it.
    Nothing,
    /// Some of its calls, or some of its operations, had their effect.
    Partly,
    /// All.
    Wholly,
}

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
    let variables = variables::of_release(draft, scene, &release, stage);
    let calls = order::at_once(&deployment, variables, stage);
    if calls.is_empty() {
        if let (How::RolledBack, Some(stable)) = (release.how, &release.stable) {
            variables::own_again(draft, stable, stage);
        }
        end::succeed(draft, release);
        draft.name_revision(Some(stage));
        return Turn::Again;
    }
    if stage.canary.is_some() {
        return prepare_again(draft);
    }
    note_calls(draft, calls.len());
    for operations in calls {
        draft.call(Action::Traffic(operations));
    }
    let message = format!("Release {} moves the stage to {}.", release.id, name(&release.target));
    moving(draft, message)
}

/// Writes down, before the first of several calls, that the release moves the stage: what is found between two of them, after a
/// crash or a refusal, is then known as its doing. As after a promotion, there is neither a step nor a ceiling.
pub(super) fn note_calls(draft: &mut Draft<'_>, calls: usize) {
    if calls < 2 {
        return;
    }
    let now = draft.time();
    draft.change(|release| {
        release.step = None;
        release.step_started_at = None;
        release.ceiling = None;
        release.traffic_changed_at.get_or_insert(now);
    });
}

/// How much of this release's calls has had its effect, where it is one that moves the stage at once.
pub(super) fn moved(release: &Release, stage: Option<&Stage>) -> Moved {
    let may_have_called = release.phase == Phase::Promoting || release.traffic_changed_at.is_some();
    let Some(stage) = stage.filter(|_| may_have_called && !release.is_open()) else { return Moved::Nothing };
    let serves = Some(&stage.deployment_id);
    let is_target = release.target.deployment_id.as_ref() == serves;
    let Some(stable) = &release.stable else { return if is_target { Moved::Wholly } else { Moved::Nothing } };
    if !is_target && stable.target.deployment_id.as_ref() != serves {
        return Moved::Nothing;
    }
    let deployment = is_target && stable.target.deployment_id.as_ref() != serves;
    let variables = variables::moved(release, stable, stage);
    match (deployment, variables) {
        (true, Moved::Wholly) => Moved::Wholly,
        (false, Moved::Wholly) if is_target => Moved::Wholly,
        (false, Moved::Nothing) => Moved::Nothing,
        (true | false, _) => Moved::Partly,
    }
}

fn prepare_again(draft: &mut Draft<'_>) -> Turn {
    draft.change(|release| release.phase = Phase::Preparing);
    Turn::Again
}

fn moving(draft: &Draft<'_>, message: String) -> Turn {
    Turn::Wait(draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Releasing, message)))
}
