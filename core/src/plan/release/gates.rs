//! What holds a step: a list of named reasons to stay, of which the first becomes the condition's.

use jiff::Timestamp;

use super::Scene;
use super::step::step_of;
use crate::api::canary::{Moment, Promotion};
use crate::api::condition::Reason;
use crate::api::percent::Percent;
use crate::api::status::Release;
use crate::plan::draft::Draft;
use crate::plan::{Need, Notice, Question};
use crate::validate::canary::{Policy, StepEnd};

/// The entry of `release.approvals` that the command `promote` leaves: nothing that is left needs to be waited for.
const PROMOTE: &str = "promote";

/// The entry of `release.approvals` that a manual promotion waits for.
pub(in crate::plan) const PROMOTION: &str = "promotion";

/// Why a step stays.
pub(super) struct Held {
    pub(super) reason: Reason,
    pub(super) until: Option<Timestamp>,
    pub(super) message: String,
}

type Gate = fn(&Draft<'_>, &Policy, &Release) -> Option<Held>;

const GATES: &[Gate] = &[
    suspended,        // the user said stop
    step_not_over,    // the step has not had its time, or nobody has approved it
    no_data,          // missing or partial data is not good data
    too_few_passes,   // one good minute proves nothing
    promotion_manual, // the last step is over, and a person promotes
];

/// The first reason to stay.
pub(super) fn first(draft: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    superseding(draft, policy, release).or_else(|| {
        // Whoever promotes by command has seen what there is to see.
        let gates = if is_promoted_by_command(release) { &[][..] } else { GATES };
        gates.iter().find_map(|gate| gate(draft, policy, release))
    })
}

/// Whether the command `promote` was given.
pub(super) fn is_promoted_by_command(release: &Release) -> bool {
    release.approvals.iter().any(|approval| approval.step == PROMOTE)
}

/// What the command `promote` leaves in `release.approvals`.
pub(in crate::plan) const fn by_command() -> &'static str {
    PROMOTE
}

/// What an approval would have to name now: the number of the step, or `promotion`.
pub(in crate::plan) fn awaited(policy: &Policy, release: &Release) -> String {
    let number = release.step.unwrap_or(0);
    match step_of(policy, number) {
        Some(step) if step.end == StepEnd::Approval && !is_approved(release, number, step.percent) => {
            number.to_string()
        }
        Some(_) | None => PROMOTION.to_owned(),
    }
}

fn is_approved(release: &Release, number: u32, percent: Percent) -> bool {
    let number = number.to_string();
    release.approvals.iter().any(|approval| approval.step == number && approval.set_percent == Some(percent))
}

fn is_last(policy: &Policy, release: &Release) -> bool {
    step_of(policy, release.step.unwrap_or(0) + 1).is_none()
}

fn at(release: &Release) -> String {
    release.ceiling.map_or_else(|| "its share".to_owned(), |ceiling| format!("{ceiling} %"))
}

fn steps(policy: &Policy, release: &Release) -> String {
    format!("step {} of {}", release.step.unwrap_or(0), policy.steps.len())
}

/// Another target was declared: what runs keeps its share and gets no more.
fn superseding(_: &Draft<'_>, _: &Policy, release: &Release) -> Option<Held> {
    release.next.as_ref()?;
    let message = format!(
        "Release {} stays at {} until the snapshot of the newly declared target exists, and is then superseded by it.",
        release.id,
        at(release)
    );
    Some(Held { reason: Reason::Superseding, until: None, message })
}

fn suspended(_: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    policy.suspended.then(|| Held {
        reason: Reason::ApiCanarySuspended,
        until: None,
        message: format!(
            "Release {} stays at {}: spec.suspend of its ApiCanary is true. Remove it to go on; the commands promote and abort work meanwhile.",
            release.id,
            at(release)
        ),
    })
}

fn step_not_over(draft: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    let number = release.step?;
    let step = step_of(policy, number)?;
    match step.end {
        StepEnd::Approval if is_approved(release, number, step.percent) => None,
        StepEnd::Approval => Some(Held {
            reason: Reason::AwaitingApproval,
            until: None,
            message: format!(
                "Release {} awaits approval in {} at {}: give the command approve/{}/{number}, or abort/{}.",
                release.id,
                steps(policy, release),
                at(release),
                release.id,
                release.id
            ),
        }),
        StepEnd::Hold(hold) => {
            let over = release.step_started_at.as_ref()?.0.checked_add(hold).ok()?;
            (draft.world.now < over).then(|| Held {
                reason: Reason::StepHolds,
                until: Some(over),
                message: format!(
                    "Release {} holds in {} at {}; status.release.nextActionAt says until when.",
                    release.id,
                    steps(policy, release),
                    at(release)
                ),
            })
        }
    }
}

fn no_data(_: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    if policy.analysis.metrics.is_empty() {
        return None;
    }
    release.counts.as_ref()?.no_data_since.as_ref()?;
    Some(Held {
        reason: Reason::NoData,
        until: None,
        message: format!(
            "Release {} stays in {} at {}: its last check had no data to judge by. The checks in the status of its ApiCanary say why; missing data never promotes, unless analysis.onNoData says so.",
            release.id,
            steps(policy, release),
            at(release)
        ),
    })
}

fn too_few_passes(_: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    if policy.analysis.metrics.is_empty() {
        return None;
    }
    let counts = release.counts.as_ref();
    // Before the first step of edited ones a single Pass is enough.
    let least = if release.step.is_some() { policy.analysis.min_checks } else { 1 };
    let passed =
        counts.filter(|counts| counts.step_since == release.step_started_at).map_or(0, |counts| counts.step_pass);
    (passed < least).then(|| Held {
        reason: Reason::ChecksOutstanding,
        until: None,
        message: format!(
            "Release {} stays in {} at {} until {least} of its checks passed there (analysis.minChecks).",
            release.id,
            steps(policy, release),
            at(release)
        ),
    })
}

fn promotion_manual(_: &Draft<'_>, policy: &Policy, release: &Release) -> Option<Held> {
    let approved = release.approvals.iter().any(|approval| approval.step == PROMOTION);
    (policy.promotion == Promotion::Manual && is_last(policy, release) && !approved).then(|| Held {
        reason: Reason::AwaitingApproval,
        until: None,
        message: format!(
            "Release {} has taken all its steps and awaits its promotion: give the command approve/{}/{PROMOTION}, or abort/{}.",
            release.id, release.id, release.id
        ),
    })
}

/// Whether the release has been without progress for longer than `progressDeadline`. What people let wait does not count:
/// time runs from the end of a hold, and from an approval.
pub(super) fn is_overdue(draft: &Draft<'_>, policy: &Policy, release: &Release, held: &Held) -> bool {
    let by_machine = matches!(held.reason, Reason::NoData | Reason::ChecksOutstanding | Reason::GateClosed);
    let Some(deadline) = policy.progress_deadline.filter(|_| by_machine) else { return false };
    let least = match release.step.and_then(|number| step_of(policy, number)).map(|step| step.end) {
        Some(StepEnd::Hold(time)) => time,
        Some(StepEnd::Approval) | None => std::time::Duration::ZERO,
    };
    let entered = release.step_started_at.as_ref().and_then(|at| at.0.checked_add(least).ok());
    let approved = release.approvals.iter().map(|approval| approval.at.0).max();
    let since = entered.into_iter().chain(approved).max();
    since.and_then(|since| since.checked_add(deadline).ok()).is_some_and(|over| draft.world.now > over)
}

/// Tells those webhooks that only listen.
pub(super) fn notify(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release, moment: Moment) {
    let governor = scene.governor.filter(|governor| release.governed_by.as_ref() == Some(&governor.uid));
    let Some(Ok(policy)) = governor.map(|governor| &governor.policy) else { return };
    let webhooks: Vec<_> = policy.webhooks.iter().filter(|webhook| webhook.when.contains(&moment)).cloned().collect();
    if !webhooks.is_empty() {
        draft.notices.push(Notice { moment, webhooks, release: release.id.clone() });
    }
}

/// What a webhook says before the release goes on. `None`: it may.
pub(super) fn webhook(
    draft: &Draft<'_>,
    policy: &Policy,
    release: &Release,
    moment: Moment,
) -> Result<Option<Held>, Need> {
    let webhooks: Vec<_> = policy.webhooks.iter().filter(|webhook| webhook.when.contains(&moment)).cloned().collect();
    if webhooks.is_empty() {
        return Ok(None);
    }
    let answer = draft.world.gate(Question { moment, webhooks, release: release.id.clone() })?;
    Ok((!answer.open).then(|| Held {
        reason: Reason::GateClosed,
        until: None,
        message: format!(
            "Release {} waits before {moment}: {} It is asked again; to end the release, give the command abort/{}.",
            release.id, answer.said, release.id
        ),
    }))
}
