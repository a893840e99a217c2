//! Promoting a canary: two calls, and the table that says from what the stage shows which of them is left (design: promote;
//! aws-facts: traps of promotion).
//!
//! Decided by deployment and variables, never by the share: a canary at 0 may be promoted, idle or a phantom.

use super::traffic::{self, close};
use super::words::{name, word};
use super::{Scene, Turn, bake, end, gates, undo, variables, wanted};
use crate::api::canary::Moment;
use crate::api::condition::{Finding, Reason};
use crate::api::event::{Event, EventReason};
use crate::api::status::{How, Phase, Release};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::Need;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::world::Group;

/// What the stage shows of a promotion.
enum Seen {
    /// The target serves with its variables; the canary is still there.
    Promoted,
    /// The target serves with its variables, and no canary is left.
    Finished,
    /// The target serves, some variables are outstanding.
    VariablesLeft(Vec<PatchOperation>),
    /// Nothing has moved: our canary is open.
    Open(Vec<PatchOperation>),
    /// Nothing has moved, and the canary is gone.
    Gone,
    /// Nothing has moved, and an idle canary of the stage's own deployment is there: our own fall-back made it.
    Phantom,
    /// Nothing has moved, and another canary is there.
    Swapped,
    /// The canary was swapped between our read and our call, and what was copied is neither the target nor what served.
    Wrong,
    /// A hand moved the stage somewhere else.
    Elsewhere,
}

/// One turn of a promotion.
pub(super) fn promote(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<Turn, Need> {
    let Some(stage) = scene.stage else {
        undo::begin(draft, Reason::ReleaseUnfinished, "the stage was deleted");
        return Ok(Turn::Again);
    };
    let is_wanted = scene.desired.is_some() && wanted::is_wanted(draft, scene, release)?;
    Ok(match look(draft, scene, release, stage, is_wanted) {
        Seen::Finished => {
            served(draft, scene, release, stage)?;
            Turn::Again
        }
        Seen::Promoted => {
            draft.call(Action::Traffic(close()));
            calling(draft, release, "its canary is removed")
        }
        Seen::VariablesLeft(operations) => {
            for operations in traffic::in_calls(&operations) {
                draft.call(Action::Traffic(operations));
            }
            calling(draft, release, "its last variables are set")
        }
        Seen::Open(_) if !is_wanted => {
            // The spec names another target by now, so nobody knows the values of this one's variables any more.
            back_to(draft, Phase::Progressing, None);
            Turn::Again
        }
        Seen::Open(variables) => open(draft, release, variables),
        Seen::Phantom => {
            draft.call_anyway(Action::Traffic(close()));
            calling(draft, release, "an idle canary is removed")
        }
        Seen::Gone => {
            tell_paused(draft, release, "its canary was removed before it was promoted");
            pause(draft, Reason::ChangedByHand);
            Turn::Again
        }
        Seen::Swapped => {
            tell_paused(draft, release, "another deployment was put into its canary before it was promoted");
            pause(draft, Reason::ForeignCanary);
            Turn::Again
        }
        Seen::Wrong => {
            let sentence = format!(
                "its canary was changed to {} in the very moment of its promotion, and that was promoted",
                stage.deployment_id
            );
            undo::begin(draft, Reason::PromotedWrongDeployment, &sentence);
            Turn::Again
        }
        Seen::Elsewhere => {
            let sentence = format!("somebody moved the stage to {}", stage.deployment_id);
            undo::begin(draft, Reason::StageMovedByHand, &sentence);
            Turn::Again
        }
    })
}

fn look(draft: &Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage, is_wanted: bool) -> Seen {
    let target = release.target.deployment_id.as_ref();
    let stable = release.stable.as_ref().and_then(|stable| stable.target.deployment_id.as_ref());
    let serves = &stage.deployment_id;
    let canary = stage.canary.as_ref();
    let canary_is_target = canary.is_some_and(|canary| Some(&canary.deployment_id) == target);
    let keeps_deployment = target == stable;

    let pending = if is_wanted { of_target(draft, scene, release, stage) } else { Vec::new() };
    let moved = target == Some(serves) && (!keeps_deployment || is_promoted_in_variables(stage, &pending, is_wanted));
    if moved {
        return match canary {
            _ if !pending.is_empty() => Seen::VariablesLeft(pending),
            Some(_) if canary_is_target => Seen::Promoted,
            // A foreign one came after ours; it is left.
            Some(_) | None => Seen::Finished,
        };
    }
    if stable != Some(serves) {
        let copied = canary.is_some_and(|canary| canary.deployment_id == *serves);
        return if copied { Seen::Wrong } else { Seen::Elsewhere };
    }
    match canary {
        None => Seen::Gone,
        Some(_) if canary_is_target => Seen::Open(pending),
        Some(canary)
            if canary.deployment_id == *serves
                && canary.percent_traffic == 0.0
                && canary.stage_variable_overrides.is_empty() =>
        {
            Seen::Phantom
        }
        Some(_) => Seen::Swapped,
    }
}

/// Where the deployment stays, the variables tell. Without the spec's values, those that the canary sees do.
fn is_promoted_in_variables(stage: &Stage, pending: &[PatchOperation], is_wanted: bool) -> bool {
    if is_wanted {
        return pending.is_empty();
    }
    let Some(canary) = &stage.canary else { return true };
    canary.stage_variable_overrides.iter().all(|(key, value)| stage.variables.get(key) == Some(value))
}

/// What the variables still need. After a hand's promotion also the end of overrides that the console copied along.
fn of_target(draft: &Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> Vec<PatchOperation> {
    let mut operations = variables::of_release(draft, scene, release, stage);
    if release.how == How::PromotedByHand
        && let (Some(canary), Some(desired)) = (&stage.canary, scene.desired)
    {
        let overrides = &canary.stage_variable_overrides;
        let copied = stage
            .variables
            .iter()
            .filter(|(key, value)| !desired.variables.contains_key(*key) && overrides.get(*key) == Some(value))
            .map(|(key, _)| PatchOperation::remove(format!("/variables/{key}")))
            .filter(|operation| operations.iter().all(|other| other.path != operation.path));
        let copied: Vec<_> = copied.collect();
        operations.extend(copied);
    }
    operations
}

/// The first call: copy-first, and after its refusal once in the order that was recorded from AWS.
fn open(draft: &mut Draft<'_>, release: &Release, variables: Vec<PatchOperation>) -> Turn {
    let refused = word(release) == Some(Reason::PromotionRefused.as_str());
    let operations = if refused { traffic::promote_as_recorded(variables) } else { traffic::promote(variables) };
    for operations in traffic::in_calls(&operations) {
        draft.call_anyway(Action::Promote { operations, as_recorded: refused });
    }
    calling(draft, release, "it gets all requests")
}

/// The target serves and no canary of ours is left: the bake, or the end.
fn served(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> Result<(), Need> {
    draft.change(|release| {
        release.step = None;
        release.step_started_at = None;
        release.ceiling = None;
        release.reason = None;
    });
    let Some(release) = draft.running().cloned().filter(|running| running.id == release.id) else { return Ok(()) };
    draft.name_revision(Some(stage));
    gates::notify(draft, scene, &release, Moment::AfterPromotion);
    if release.how == How::Canary && bake::begin(draft, scene, &release)? {
        return Ok(());
    }
    end::succeed(draft, release);
    Ok(())
}

fn back_to(draft: &mut Draft<'_>, phase: Phase, reason: Option<String>) {
    draft.change(|release| {
        release.phase = phase;
        release.reason = reason;
        release.next_action_at = None;
    });
}

fn pause(draft: &mut Draft<'_>, reason: Reason) {
    back_to(draft, Phase::Paused, Some(reason.as_str().to_owned()));
    draft.change(|release| {
        release.ceiling = Some(crate::api::percent::Percent::ZERO);
        release.approvals.clear();
    });
}

fn tell_paused(draft: &mut Draft<'_>, release: &Release, why: &str) {
    let note = format!(
        "Release {} is paused: {why}. Give the command resume/{} or abort/{}.",
        release.id, release.id, release.id
    );
    draft.tell(Event::warning(EventReason::ReleasePaused, release.id.as_str(), note));
}

fn calling(draft: &Draft<'_>, release: &Release, what: &str) -> Turn {
    let message = format!("Release {} is being promoted to {}: {what}.", release.id, name(&release.target));
    Turn::Wait(draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Promoting, message)))
}
