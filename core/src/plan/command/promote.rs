//! `promote` and `approve`: a person lets a release go on.

use super::{Outcome, named, no_release};
use crate::api::event::{Event, EventReason};
use crate::api::progress::Approval;
use crate::api::status::{CommandState, Phase, Release};
use crate::plan::draft::Draft;
use crate::plan::release::{PROMOTION, Scene, awaited, by_command, is_ours};
use crate::validate::canary::{Policy, StepEnd};

/// Skips what is left of the steps, holds, approvals and checks; gates still hold.
pub(super) fn promote(draft: &mut Draft<'_>, scene: Scene<'_>, release: &str) -> Outcome {
    let running = named(draft, "promote", release)?;
    match running.phase {
        Phase::Progressing | Phase::AwaitingApproval | Phase::Paused => {}
        Phase::Preparing => return Err(format!("release {release} has no canary yet: wait until its first step")),
        Phase::Promoting => return Err(format!("release {release} is being promoted already")),
        Phase::Baking => return Err(format!("release {release} serves all requests already")),
        Phase::RollingBack => return Err(format!("release {release} is being undone")),
        Phase::Idle | Phase::Succeeded | Phase::Failed => return Err(no_release(draft, "promote")),
    }
    not_superseded(running)?;
    let canary = scene.stage.and_then(|stage| stage.canary.as_ref());
    if canary.is_none_or(|canary| !is_ours(draft, running, canary)) {
        return Err(format!(
            "the canary of release {release} is not on the stage: give resume/{release} to open it again, or abort/{release}"
        ));
    }
    let at = draft.time();
    draft.change(|release| {
        release.phase = Phase::Progressing;
        release.reason = None;
        // Its step is over by this word; what a hand made of the share does not matter any more.
        release.step_started_at.get_or_insert_with(|| at.clone());
        release.approvals.push(Approval { step: by_command().to_owned(), set_percent: None, at });
    });
    Ok((CommandState::Accepted, format!("release {release} is promoted")))
}

/// Lets a release go on from the step that it waits at.
pub(super) fn approve(draft: &mut Draft<'_>, scene: Scene<'_>, release: &str, step: &str) -> Outcome {
    let running = named(draft, "approve", release)?;
    if running.phase != Phase::AwaitingApproval {
        return Err(format!("release {release} does not await an approval"));
    }
    not_superseded(running)?;
    let Some(policy) = scene.governor.and_then(|governor| governor.policy.as_ref().ok()) else {
        return Err("the ApiCanary that governs it cannot be used as it is".to_owned());
    };
    let awaited = awaited(policy, running);
    if awaited != step {
        return Err(format!("release {release} awaits the approval of {awaited}: give approve/{release}/{awaited}"));
    }
    let set_percent = (step != PROMOTION).then(|| percent_of(policy, step)).flatten();
    let at = draft.time();
    let approval = Approval { step: step.to_owned(), set_percent, at };
    draft.change(|release| {
        release.phase = Phase::Progressing;
        release.approvals.retain(|former| former.step != approval.step);
        release.approvals.push(approval);
    });
    let what = if step == PROMOTION { "its promotion".to_owned() } else { format!("step {step}") };
    draft.tell(Event::normal(EventReason::Approved, step, format!("Release {release}: {what} is approved.")));
    Ok((CommandState::Done, format!("{what} of release {release} is approved")))
}

fn percent_of(policy: &Policy, step: &str) -> Option<crate::api::percent::Percent> {
    let index = step.parse::<usize>().ok()?.checked_sub(1)?;
    policy.steps.get(index).filter(|step| step.end == StepEnd::Approval).map(|step| step.percent)
}

fn not_superseded(release: &Release) -> Result<(), String> {
    match &release.next {
        None => Ok(()),
        Some(_) => Err(format!("another target is declared and takes over from release {} soon", release.id)),
    }
}
