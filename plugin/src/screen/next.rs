//! What can be done next: the commands that the operator would accept now, the likeliest first.

use serde::Serialize;
use stagecraft_core::api::condition::Reason;
use stagecraft_core::api::status::Phase;

use super::view::{View, name_of};

/// Something that a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The command of this plugin, with its flags; absent where it is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What it is good for, or what to do instead.
    pub what: String,
}

fn command(command: impl Into<String>, what: impl Into<String>) -> Step {
    Step { command: Some(command.into()), what: what.into() }
}

fn advice(what: impl Into<String>) -> Step {
    Step { command: None, what: what.into() }
}

/// What can be done about this stage, the likeliest first.
#[must_use]
pub fn next(view: &View) -> Vec<Step> {
    if view.deleting_since.is_some() {
        let blocked = "set spec.deletionPolicy: Retain to free the object at once and leave the stage in AWS";
        return if reason(view) == Some(Reason::DeletionBlocked) { vec![advice(blocked)] } else { Vec::new() };
    }
    if view.conditions.is_empty() {
        let what = "the operator has not looked at this object yet: see whether it runs, and whether it watches this namespace";
        return vec![advice(what)];
    }
    if view.suspended {
        return vec![advice("remove spec.suspend: until then nothing is written to AWS, and commands are refused")];
    }
    if view.hides_its_release() {
        return vec![advice(
            "update the plugin: this version cannot read the release, so it cannot tell what may be done",
        )];
    }
    let mut steps: Vec<Step> = foreign(view).into_iter().chain(running(view)).collect();
    if view.running().is_none() {
        steps.extend(held(view));
        steps.extend(back(view));
    }
    steps
}

fn running(view: &View) -> Vec<Step> {
    let Some(release) = view.running() else { return Vec::new() };
    let promote = || command("promote", "skip what is left of the steps");
    let abort = || command("abort", "take all traffic back and hold the target");
    let pause = || command("pause", "stay where it is");
    match release.phase {
        Phase::Preparing => vec![pause(), abort()],
        Phase::Progressing => vec![promote(), abort(), pause()],
        Phase::AwaitingApproval => {
            let approve = command("approve", "let it go on");
            // The promotion itself is what is awaited: to skip it is the same.
            let is_last = release.awaiting.as_deref() == Some("promotion");
            let mut steps = vec![approve];
            steps.extend((!is_last).then(promote));
            steps.extend([abort(), pause()]);
            steps
        }
        Phase::Paused => vec![command("resume", "let the step begin again"), promote(), abort()],
        Phase::Baking => vec![command("abort", "go back to what served before")],
        Phase::Promoting | Phase::RollingBack | Phase::Idle | Phase::Succeeded | Phase::Failed => Vec::new(),
    }
}

fn foreign(view: &View) -> Option<Step> {
    let canary = view.canary.as_ref().filter(|canary| canary.release.is_none())?;
    canary.deployment_id.as_ref()?;
    // Where a release waits for it to go, a plain abort would end that.
    let abort = if view.running().is_some() { "abort --canary" } else { "abort" };
    Some(command(abort, "remove the canary, which no release of this object opened"))
}

fn held(view: &View) -> Option<Step> {
    let waits = reason(view).is_some_and(|reason| {
        matches!(
            reason,
            Reason::AnalysisFailed
                | Reason::DeadlineExceeded
                | Reason::GuardFailed
                | Reason::PromotionRefused
                | Reason::PromotedWrongDeployment
                | Reason::ReleaseFailed
                | Reason::ReleaseAborted
                | Reason::ReleaseUnfinished
                | Reason::RolledBackByCommand
                | Reason::StageMovedByHand
        )
    });
    let held = view.held.first().filter(|_| waits)?;
    Some(command("retry", format!("release {} again; or name another revision in spec", name_of(&held.target))))
}

/// Back to what served before, where there is something.
fn back(view: &View) -> Option<Step> {
    let serves = view.serves.as_ref()?;
    let mut former = view.history.iter().filter(|entry| entry.how.is_some()).map(|entry| &entry.target);
    let former = former.find(|target| {
        target.deployment_id.is_some() && target.deployment_id.as_ref() != Some(&serves.deployment_id)
    })?;
    let to = former.revision.as_ref().map(ToString::to_string);
    let to = to.or_else(|| former.deployment_id.as_ref().map(ToString::to_string))?;
    Some(command(format!("rollback --to {to}"), format!("go back to {}", name_of(former))))
}

fn reason(view: &View) -> Option<Reason> {
    Reason::parse(&view.condition("Ready")?.reason)
}

/// All of it in one line where it fits: `kubectl stagecraft promote | abort | pause orders-prod`.
#[must_use]
pub fn line(view: &View, flags: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let commands: Vec<&str> = view.next.iter().filter_map(|step| step.command.as_deref()).collect();
    // A flag stands behind the name: `rollback orders-prod --to r40` is a line of its own.
    let (plain, flagged): (Vec<&str>, Vec<&str>) = commands.into_iter().partition(|command| !command.contains(' '));
    if !plain.is_empty() {
        lines.push(format!("kubectl stagecraft {} {}{flags}", plain.join(" | "), view.name));
    }
    for command in flagged {
        if let Some((verb, rest)) = command.split_once(' ') {
            lines.push(format!("kubectl stagecraft {verb} {} {rest}{flags}", view.name));
        }
    }
    lines.extend(view.next.iter().filter(|step| step.command.is_none()).map(|step| step.what.clone()));
    lines
}
