//! How a release ends, and what of it is remembered.

use super::held;
use super::words::{deployment_of, name};
use crate::api::event::{Event, EventReason};
use crate::api::status::{HistoryEntry, Phase, Release, ReleaseResult, Why};
use crate::plan::draft::Draft;

/// Releases superseded in a row from which on somebody should look.
const MANY_SUPERSEDED: u32 = 3;

/// The target serves: the release is over.
pub(in crate::plan) fn succeed(draft: &mut Draft<'_>, mut release: Release) {
    let now = draft.time();
    draft.end_current();
    draft.record(HistoryEntry {
        release: Some(release.id.clone()),
        target: release.target.clone(),
        how: Some(release.how),
        result: None,
        stable_since: Some(now),
        ended: None,
    });
    draft.tell(Event::normal(
        EventReason::ReleaseSucceeded,
        release.id.as_str(),
        format!("Release {} is done: the stage serves {}.", release.id, deployment_of(&release.target)),
    ));
    if let Some(revision) = &release.target.revision {
        draft.status.intents.retain(|intent| intent.revision != *revision);
    }
    held::free(draft, &release.target);
    release.phase = Phase::Succeeded;
    release.reason = None;
    release.next_action_at = None;
    draft.status.release = Some(release);
}

/// The target does not serve and is held: the release failed, was aborted or could not be finished.
pub(super) fn fail(draft: &mut Draft<'_>, mut release: Release, why: Why) {
    let (result, what) = match why {
        Why::Failed => (ReleaseResult::Failed, "failed"),
        Why::Aborted => (ReleaseResult::Aborted, "was aborted"),
        Why::Unfinished => (ReleaseResult::Failed, "could not be finished"),
        Why::RolledBackByCommand => (ReleaseResult::Aborted, "was rolled back"),
        Why::StageMovedByHand => (ReleaseResult::Failed, "ended because somebody moved the stage"),
    };
    draft.record_unserved(&release, result);
    held::hold(draft, &release.target, Some(release.id.clone()), why);
    let note = format!(
        "Release {} {what}: {} does not serve and is held. Release it again with the command retry/{}.",
        release.id,
        name(&release.target),
        release.id
    );
    draft.tell(Event::warning(EventReason::ReleaseFailed, release.id.as_str(), note));
    release.phase = Phase::Failed;
    // What it was undone for is told for as long as its target is held.
    release.reason.get_or_insert_with(|| held::reason(why).as_str().to_owned());
    release.next = None;
    release.next_action_at = None;
    draft.status.release = Some(release);
}

/// The target is no longer asked for; nothing is held.
pub(super) fn give_up(draft: &mut Draft<'_>, mut release: Release, result: ReleaseResult) {
    draft.record_unserved(&release, result);
    let cancelled = result == ReleaseResult::Cancelled;
    let (reason, what) = if cancelled {
        (EventReason::ReleaseCancelled, "what it was to bring is no longer asked for, and nothing else is to ship")
    } else {
        (EventReason::ReleaseSuperseded, "another target was declared")
    };
    let note = format!("Release {} ended before its target served: {what}.", release.id);
    let in_a_row = release.superseded.unwrap_or(0) + 1;
    draft.tell(if !cancelled && in_a_row >= MANY_SUPERSEDED {
        Event::warning(
            reason,
            release.id.as_str(),
            format!("{note} None has come to serve for {MANY_SUPERSEDED} times or more."),
        )
    } else {
        Event::normal(reason, release.id.as_str(), note)
    });
    release.phase = Phase::Idle;
    release.reason = Some(format!("{result:?}"));
    release.next_action_at = None;
    release.next = None;
    draft.status.release = Some(release);
}
