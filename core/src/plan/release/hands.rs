//! What somebody else did to the stage while a release runs (design: from what is observed). A hand that lowers traffic is
//! obeyed; one that raises it is not; one that finishes the job is thanked.

use super::traffic::{close, is_at, percent_of, share};
use super::words::{name, word};
use super::{Scene, Turn, undo, variables};
use crate::api::condition::{Finding, Reason};
use crate::api::event::{Event, EventReason};
use crate::api::percent::Percent;
use crate::api::status::{How, Phase, Release};
use crate::observed::{Canary, Stage};
use crate::plan::action::Action;
use crate::plan::draft::Draft;

/// Compares the stage with what this release left there. `None`: nobody else was at it, or it is seen to already.
pub(super) fn judge(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Option<Turn> {
    let Some(stage) = scene.stage else {
        undo::begin(draft, Reason::ReleaseUnfinished, "the stage was deleted");
        return Some(Turn::Again);
    };
    let stable = release.stable.as_ref().and_then(|stable| stable.target.deployment_id.as_ref());
    let target = release.target.deployment_id.as_ref();
    if is_finished_by_hand(draft, scene, release, stage) {
        draft.tell(Event::normal(
            EventReason::PromotedByHand,
            release.id.as_str(),
            format!("Somebody promoted {}: release {} is finished.", name(&release.target), release.id),
        ));
        draft.change(|release| {
            release.how = How::PromotedByHand;
            release.phase = Phase::Promoting;
            release.reason = None;
        });
        return Some(Turn::Again);
    }
    if stable != Some(&stage.deployment_id) && target != Some(&stage.deployment_id) {
        undo::begin(draft, Reason::StageMovedByHand, &format!("somebody moved the stage to {}", stage.deployment_id));
        return Some(Turn::Again);
    }
    if let Some(turn) = phantom(draft, scene, release, stage) {
        return Some(turn);
    }
    canary(draft, release, stage)
}

/// The canary vanished between our read and the call that was to raise it, which made an idle one of the stage's own deployment
/// (aws-facts: implicit creation). It is removed, and the hand that removed ours is obeyed.
fn phantom(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> Option<Turn> {
    let canary = stage.canary.as_ref()?;
    let was_open = release.ceiling.is_some() && release.step_started_at.is_none();
    let is_bare = canary.deployment_id == stage.deployment_id && canary.stage_variable_overrides.is_empty();
    // In a release of variables alone the deployment is the same, and what is missing is what the canary was to see.
    let sees_too_little = scene
        .desired
        .is_some_and(|desired| desired.variables.iter().any(|(key, value)| stage.variables.get(key) != Some(value)));
    let is_other = release.target.deployment_id.as_ref() != Some(&stage.deployment_id);
    if !(was_open && is_bare && (is_other || sees_too_little)) {
        return None;
    }
    if release.phase != Phase::Paused {
        drop(lowered(draft, release, Percent::ZERO, "removed the canary"));
    }
    draft.call(Action::Abort(close()));
    let message = format!("An idle canary is removed that a call for release {} left behind.", release.id);
    Some(Turn::Wait(Finding::releasing(Reason::ChangedByHand, message)))
}

/// The target serves, and not by our doing.
fn is_finished_by_hand(draft: &Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> bool {
    if release.target.deployment_id.as_ref() != Some(&stage.deployment_id) {
        return false;
    }
    let stable = release.stable.as_ref().map(|stable| &stable.target);
    if stable.is_none_or(|stable| stable.deployment_id.as_ref() != Some(&stage.deployment_id)) {
        return true;
    }
    // The deployment stays, so the variables tell.
    scene.desired.is_some() && variables::of_release(draft, scene, release, stage).is_empty()
}

/// The canary beside what we set.
fn canary(draft: &mut Draft<'_>, release: &Release, stage: &Stage) -> Option<Turn> {
    let paused = release.phase == Phase::Paused;
    let entering = release.step_started_at.is_none();
    let Some(ceiling) = release.ceiling else {
        // Nothing is open yet, or its limit was lifted: what is there is set right when the step is entered.
        return match &stage.canary {
            Some(canary) if !is_ours(draft, release, canary) => foreign(draft, release, canary, paused),
            Some(_) | None => None,
        };
    };
    match &stage.canary {
        None if paused && ceiling == Percent::ZERO => None,
        None => Some(lowered(draft, release, Percent::ZERO, "removed the canary")),
        Some(canary) if !is_ours(draft, release, canary) => foreign(draft, release, canary, paused),
        Some(canary) if is_at(canary, ceiling) => None,
        Some(canary) if canary.percent_traffic < ceiling.as_f64() => {
            let percent = percent_of(canary);
            Some(lowered(draft, release, percent, &format!("lowered the canary to {percent} %")))
        }
        // Our own call, whose reply nobody noted: the step is entered or set right.
        Some(_) if entering && !paused => None,
        Some(canary) => {
            let percent = percent_of(canary);
            draft.tell(Event::warning(
                EventReason::RaisedByHand,
                percent.to_string(),
                format!(
                    "Somebody raised the canary of release {} to {percent} %; it is put back to {ceiling} %. To go faster, give the command promote/{}.",
                    release.id, release.id
                ),
            ));
            draft.call(Action::Traffic(vec![share(ceiling)]));
            let message = format!("The canary of release {} is put back to {ceiling} %.", release.id);
            Some(Turn::Wait(Finding::releasing(Reason::Releasing, message)))
        }
    }
}

/// Whether this is the canary that the release opened, or that it took over from the one that it supersedes.
pub(in crate::plan) fn is_ours(draft: &Draft<'_>, release: &Release, canary: &Canary) -> bool {
    let opened = release.step.is_some() || release.ceiling.is_some();
    (opened && release.target.deployment_id.as_ref() == Some(&canary.deployment_id))
        || is_inherited(draft, release, canary)
}

/// Whether this canary is that of the release which this one supersedes, and the first step will take it over.
pub(super) fn is_inherited(draft: &Draft<'_>, release: &Release, canary: &Canary) -> bool {
    use crate::api::status::ReleaseResult;
    release.superseded.is_some()
        && release.ceiling.is_none()
        && draft.status.history.iter().find(|entry| entry.how.is_none()).is_some_and(|entry| {
            entry.result == Some(ReleaseResult::Superseded)
                && entry.ended.as_ref() == Some(&release.started_at)
                && entry.target.deployment_id.as_ref() == Some(&canary.deployment_id)
        })
}

fn lowered(draft: &mut Draft<'_>, release: &Release, percent: Percent, what: &str) -> Turn {
    draft.tell(Event::warning(
        EventReason::ReleasePaused,
        percent.to_string(),
        format!(
            "Somebody {what}: release {} is paused and raises nothing above that until the command resume/{} or promote/{}.",
            release.id, release.id, release.id
        ),
    ));
    let now = draft.time();
    draft.change(|release| {
        // Why the release failed its checks, or could not be promoted, is told on.
        if release.phase != Phase::Paused || word(release) == Some(Reason::PausedByCommand.as_str()) {
            release.reason = Some(Reason::ChangedByHand.as_str().to_owned());
        }
        release.phase = Phase::Paused;
        release.ceiling = Some(percent);
        release.traffic_changed_at = Some(now);
        release.next_action_at = None;
    });
    Turn::Again
}

/// A canary of another deployment took the place of ours.
fn foreign(draft: &mut Draft<'_>, release: &Release, canary: &Canary, paused: bool) -> Option<Turn> {
    let is_known = paused && release.reason.as_deref() == Some(Reason::ForeignCanary.as_str());
    if is_known {
        return None;
    }
    draft.tell(Event::warning(
        EventReason::ReleasePaused,
        canary.deployment_id.as_str(),
        format!(
            "Somebody put deployment {} into the canary: release {} is paused. That canary is not ours and stays; to remove it, give the command abort/{}.",
            canary.deployment_id, release.id, canary.deployment_id
        ),
    ));
    draft.change(|release| {
        release.phase = Phase::Paused;
        release.reason = Some(Reason::ForeignCanary.as_str().to_owned());
        release.ceiling = Some(Percent::ZERO);
        release.next_action_at = None;
    });
    Some(Turn::Again)
}
