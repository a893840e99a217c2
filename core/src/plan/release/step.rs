//! Progressing and `AwaitingApproval`: enter a step, wait until everything that holds it is over, go on to the next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::checks::{self, Checked};
use super::gates::{self, Held};
use super::traffic::{self, WantedCanary};
use super::words::{name, word};
use super::{Scene, Turn, hands};
use crate::api::canary::Moment;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::percent::Percent;
use crate::api::status::{Phase, Release};
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::validate::Desired;
use crate::validate::canary::{Policy, StepEnd};
use crate::world::Group;

/// One turn of a release whose canary is open, or is being opened again.
pub(super) fn progress(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    release: &Release,
    policy: Result<&Policy, &str>,
) -> Result<Turn, Need> {
    if let Some(turn) = hands::judge(draft, scene, release) {
        return Ok(turn);
    }
    let Some(stage) = scene.stage else { return Ok(Turn::Again) };
    let policy = match policy {
        Ok(policy) => policy,
        // Nothing is raised while nobody can say how far.
        Err(invalid) => return Ok(Turn::Wait(stays(draft, release, Reason::InvalidApiCanary, invalid))),
    };
    if let Checked::Ended = checks::check(draft, policy, release, stage)? {
        return Ok(Turn::Again);
    }
    let Some(desired) = scene.desired else {
        let message = "the spec of the ApiStage cannot be used as it is, and nothing is raised before it can.";
        return Ok(Turn::Wait(stays(draft, release, Reason::InvalidSpec, message)));
    };
    let release = match draft.running() {
        Some(release) => release.clone(),
        None => return Ok(Turn::Again),
    };
    // The spec's values are those of the target that takes over: this one's canary must not get them.
    if release.next.is_some()
        && let Some(held) = gates::first(draft, policy, &release)
    {
        return Ok(wait(draft, policy, &release, held));
    }
    if release.step_started_at.is_none() && release.step.is_some() {
        return Ok(enter(draft, desired, policy, &release, stage));
    }
    if renumber(draft, policy, &release) {
        return Ok(Turn::Again);
    }
    if let Some(turn) = put_right(draft, desired, policy, &release, stage) {
        return Ok(turn);
    }
    if word(&release) == Some(Reason::ApiCanarySuspended.as_str()) && !policy.suspended {
        // As after a pause: that step from its start.
        let now = draft.time();
        draft.change(|release| {
            release.reason = None;
            release.step_started_at = Some(now);
        });
        return Ok(Turn::Again);
    }
    match gates::first(draft, policy, &release) {
        Some(held) => Ok(wait(draft, policy, &release, held)),
        None => go_on(draft, policy, &release),
    }
}

/// The finding of a release that stays where it is.
pub(super) fn stays(draft: &mut Draft<'_>, release: &Release, reason: Reason, why: &str) -> Finding {
    draft.wake_up_in(30);
    Finding::releasing(reason, format!("Release {} stays where it is: {why}", release.id))
}

/// Brings the canary to the step's share, and notes that it is there.
pub(super) fn enter(
    draft: &mut Draft<'_>,
    desired: &Desired,
    policy: &Policy,
    release: &Release,
    stage: &Stage,
) -> Turn {
    let number = release.step.unwrap_or(1);
    let Some(step) = step_of(policy, number).or_else(|| policy.steps.last()) else {
        return Turn::Wait(stays(draft, release, Reason::InvalidApiCanary, "its ApiCanary has no steps."));
    };
    let Some(wanted) = wanted(desired, policy, release, stage, step.percent) else {
        return Turn::Wait(stays(draft, release, Reason::WaitingForAws, "its deployment is not known."));
    };
    let operations = traffic::canary(&wanted, stage);
    if !operations.is_empty() {
        if let Some(finding) = draft.refusal(Group::Traffic)
            && draft.world.recent.tried.contains(&Group::Traffic)
        {
            return Turn::Wait(finding);
        }
        for operations in traffic::in_calls(&operations) {
            draft.call(Action::Traffic(operations));
        }
        let message =
            format!("Release {} goes to step {number} of {}: {} %.", release.id, policy.steps.len(), step.percent);
        return Turn::Wait(
            draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Releasing, message)),
        );
    }
    let now = draft.time();
    let how_long = match step.end {
        StepEnd::Hold(hold) => format!("for {}", crate::api::duration::Duration::from(hold)),
        StepEnd::Approval => format!("until somebody gives the command approve/{}/{number}", release.id),
    };
    draft.tell(Event::normal(
        EventReason::StepStarted,
        // Apart from the same step of another release: repeats of an action are folded into its first note.
        format!("{}/Step{number}Of{}", release.id, policy.steps.len()),
        format!("{} step {number} of {}: {} % {how_long}.", release.id, policy.steps.len(), step.percent),
    ));
    draft.change(|release| {
        release.phase = Phase::Progressing;
        release.reason = None;
        release.step = Some(number);
        release.step_started_at = Some(now.clone());
        release.traffic_changed_at = Some(now);
        release.ceiling = Some(step.percent);
    });
    Turn::Again
}

/// The canary that the release shall have at this share.
pub(super) fn wanted(
    desired: &Desired,
    policy: &Policy,
    release: &Release,
    stage: &Stage,
    percent: Percent,
) -> Option<WantedCanary> {
    let deployment = release.target.deployment_id.clone()?;
    let changed = desired.variables.iter().filter(|(key, value)| stage.variables.get(*key) != Some(value));
    // The user's own overrides win: they are what only the canary may see.
    let overrides: BTreeMap<_, _> =
        changed.chain(&policy.stage_variable_overrides).map(|(key, value)| (key.clone(), value.clone())).collect();
    // Both sides would share their entries: one deployment has one set of cache keys (aws-facts: stage cache and canary).
    let shares_keys = deployment == stage.deployment_id;
    let use_stage_cache = !shares_keys && policy.use_stage_cache.unwrap_or(stage.cache.enabled);
    Some(WantedCanary { deployment, percent, overrides, use_stage_cache })
}

/// The step that the traffic is at, after `steps` was edited (design: `ApiCanary` edited). True: it is another one.
fn renumber(draft: &mut Draft<'_>, policy: &Policy, release: &Release) -> bool {
    let Some(ceiling) = release.ceiling else { return false };
    let number = policy.steps.iter().take_while(|step| step.percent <= ceiling).count();
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    if release.step.unwrap_or(0) == number {
        return false;
    }
    let now = draft.time();
    draft.tell(Event::normal(
        EventReason::StepStarted,
        format!("{}/Step{number}Of{}", release.id, policy.steps.len()),
        format!(
            "The steps were edited: at {ceiling} % release {} is in step {number} of {} now, which starts anew. No traffic is moved by that.",
            release.id,
            policy.steps.len()
        ),
    ));
    draft.change(|release| {
        release.step = (number > 0).then_some(number);
        release.step_started_at = Some(now);
    });
    true
}

/// Overrides or the use of the cache were edited, or a hand was at them: one patch at the same share, and the window anew.
fn put_right(
    draft: &mut Draft<'_>,
    desired: &Desired,
    policy: &Policy,
    release: &Release,
    stage: &Stage,
) -> Option<Turn> {
    let canary = stage.canary.as_ref()?;
    let wanted = wanted(desired, policy, release, stage, traffic::percent_of(canary))?;
    let operations = traffic::beside_the_share(&wanted, Some(canary));
    if operations.is_empty() {
        return None;
    }
    let refusal = draft.refusal(Group::Traffic);
    for operations in traffic::in_calls(&operations) {
        draft.call(Action::Traffic(operations));
    }
    if !draft.world.recent.tried.contains(&Group::Traffic) {
        draft.change(|release| release.counts = None);
    }
    let message = format!("The canary of release {} gets other variables or another use of the cache.", release.id);
    Some(Turn::Wait(refusal.unwrap_or_else(|| Finding::releasing(Reason::Releasing, message))))
}

/// Something holds the step: the phase, the time and the words for it.
fn wait(draft: &mut Draft<'_>, policy: &Policy, release: &Release, held: Held) -> Turn {
    if gates::is_overdue(draft, policy, release, &held) {
        let sentence = format!("it was without progress for longer than progressDeadline; {}", held.message);
        if let Checked::Ended = checks::fail(draft, policy, release, Reason::DeadlineExceeded, &sentence) {
            return Turn::Again;
        }
    }
    let Held { reason, until, message } = held;
    let awaits_person = reason == Reason::AwaitingApproval;
    let phase = if awaits_person { Phase::AwaitingApproval } else { Phase::Progressing };
    let awaiting = awaits_person.then(|| gates::awaited(policy, release));
    if let Some(awaiting) = awaiting.as_ref().filter(|_| release.phase != Phase::AwaitingApproval) {
        draft.tell(Event::normal(EventReason::AwaitingApproval, awaiting.as_str(), &message));
    }
    draft.change(|release| {
        if reason == Reason::ApiCanarySuspended {
            release.reason = Some(reason.as_str().to_owned());
        } else {
            release.phase = phase;
            release.awaiting = awaiting;
        }
        release.next_action_at = until.map(whole);
    });
    if let Some(until) = until {
        draft.wake_up(until);
    }
    draft.wake_up_in(30);
    let by_person = awaits_person || reason == Reason::ApiCanarySuspended;
    Turn::Wait(if by_person {
        Finding::new(Situation::PersonAwaited, reason, message)
    } else {
        Finding::releasing(reason, message)
    })
}

pub(super) fn whole(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// Nothing holds the step: the next one, or the promotion.
fn go_on(draft: &mut Draft<'_>, policy: &Policy, release: &Release) -> Result<Turn, Need> {
    let next = release.step.unwrap_or(0) + 1;
    let last = step_of(policy, next).is_none() || gates::is_promoted_by_command(release);
    let moment = if last { Moment::BeforePromotion } else { Moment::BeforeStep };
    if let Some(held) = gates::webhook(draft, policy, release, moment)? {
        return Ok(wait(draft, policy, release, held));
    }
    if last {
        draft.change(|release| {
            release.phase = Phase::Promoting;
            release.reason = None;
            release.next_action_at = None;
        });
        draft.tell(Event::normal(
            EventReason::Promoting,
            release.id.as_str(),
            format!("Release {} is promoted: {} gets all requests.", release.id, name(&release.target)),
        ));
        return Ok(Turn::Again);
    }
    draft.change(|release| {
        release.phase = Phase::Progressing;
        release.reason = None;
        release.step = Some(next);
        release.step_started_at = None;
        release.next_action_at = None;
    });
    Ok(Turn::Again)
}

/// The step with this number, from 1.
pub(super) fn step_of(policy: &Policy, number: u32) -> Option<&crate::validate::canary::Step> {
    policy.steps.get(usize::try_from(number).ok()?.checked_sub(1)?)
}
