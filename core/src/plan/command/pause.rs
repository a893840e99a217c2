//! `pause` and `resume`: a person holds a release where it is, and lets it go on from there.

use super::{Outcome, named};
use crate::api::condition::Reason;
use crate::api::event::{Event, EventReason};
use crate::api::status::{CommandState, Phase};
use crate::plan::draft::Draft;

/// Holds the release where it is.
pub(super) fn pause(draft: &mut Draft<'_>, release: &str) -> Outcome {
    let running = named(draft, "pause", release)?;
    match running.phase {
        Phase::Preparing | Phase::Progressing | Phase::AwaitingApproval => {}
        Phase::Paused => return Err(format!("release {release} is paused already; to go on, give resume/{release}")),
        Phase::Promoting => {
            return Err(format!("release {release} is moving the stage right now, which cannot be paused"));
        }
        Phase::Baking => {
            return Err(format!("release {release} serves all requests already; to go back, give abort/{release}"));
        }
        Phase::RollingBack => {
            return Err(format!("release {release} is being undone right now, which cannot be paused"));
        }
        Phase::Idle | Phase::Succeeded | Phase::Failed => return Err(format!("release {release} is over")),
    }
    draft.change(|release| {
        release.phase = Phase::Paused;
        release.reason = Some(Reason::PausedByCommand.as_str().to_owned());
        release.next_action_at = None;
    });
    draft.tell(Event::normal(EventReason::ReleasePaused, release, format!("Release {release} is paused by command.")));
    Ok((CommandState::Done, format!("release {release} is paused; to go on, give resume/{release}")))
}

/// Lets a paused release go on from where it came.
pub(super) fn resume(draft: &mut Draft<'_>, release: &str) -> Outcome {
    let running = named(draft, "resume", release)?;
    if running.phase != Phase::Paused {
        return Err(format!("release {release} is not paused"));
    }
    let by_hand = [Reason::ChangedByHand, Reason::ForeignCanary].map(Reason::as_str);
    let lifts = running.reason.as_deref().is_some_and(|reason| by_hand.contains(&reason));
    let now = draft.time();
    draft.change(|release| {
        release.reason = None;
        release.phase = if release.is_open() { Phase::Progressing } else { Phase::Preparing };
        if !release.is_open() {
            return;
        }
        // That step from its start. Only what a hand has lowered is raised by this.
        release.counts = None;
        release.step_started_at = Some(now);
        if lifts {
            release.step = Some(release.step.unwrap_or(1));
            release.step_started_at = None;
            release.ceiling = None;
        }
    });
    draft.tell(Event::normal(EventReason::ReleaseResumed, release, format!("Release {release} goes on.")));
    Ok((CommandState::Done, format!("release {release} goes on")))
}
