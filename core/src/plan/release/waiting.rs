//! Releases that wait for long: told once, so that nobody finds out next week.

use std::time::Duration;

use crate::api::condition::{Finding, Reason};
use crate::api::event::{Event, EventReason};
use crate::api::status::Waiting;
use crate::plan::draft::Draft;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What a release waits for and how long it may: an hour where a machine or a mistake holds it, a day where a person said so.
///
/// Missing data have an event of their own, and a step that holds goes on by itself.
const WAITS: &[(Reason, Duration)] = &[
    (Reason::AwaitingApiCanary, HOUR),
    (Reason::InvalidApiCanary, HOUR),
    (Reason::InvalidSpec, HOUR),
    (Reason::ForeignCanary, HOUR),
    (Reason::GateClosed, HOUR),
    (Reason::ChecksOutstanding, HOUR),
    (Reason::SnapshotUnconfirmed, HOUR),
    (Reason::RestApiChanging, HOUR),
    (Reason::RestApiNotDeployable, HOUR),
    (Reason::WaitingForAws, HOUR),
    (Reason::PromotionRefused, HOUR),
    (Reason::AnalysisFailed, HOUR),
    (Reason::DeadlineExceeded, HOUR),
    (Reason::ChangedByHand, DAY),
    (Reason::AwaitingApproval, DAY),
    (Reason::PausedByCommand, DAY),
    (Reason::ApiCanarySuspended, DAY),
    (Reason::Suspended, DAY),
];

/// Notes what the running release waits for, and tells it where it has been for long.
pub(in crate::plan) fn attend(draft: &mut Draft<'_>, finding: &Finding) {
    let waits = WAITS.iter().find(|(reason, _)| *reason == finding.detail);
    let waiting = draft.running().zip(waits).map(|(release, (reason, limit))| {
        // An approval is not waited for as long as the one before it was.
        let before = draft.world.object.status.as_ref().and_then(|status| status.release.as_ref());
        let is_same = before.is_some_and(|before| before.awaiting == release.awaiting);
        let known = release.waiting.clone().filter(|waiting| is_same && waiting.reason == reason.as_str());
        let since = draft.time();
        let new = || Waiting { reason: reason.as_str().to_owned(), since, told: false };
        (known.unwrap_or_else(new), *limit)
    });
    let waiting = waiting.map(|(waiting, limit)| tell(draft, finding, waiting, limit));
    if let Some(release) = draft.status.release.as_mut() {
        release.waiting = waiting;
    }
}

fn tell(draft: &mut Draft<'_>, finding: &Finding, waiting: Waiting, limit: Duration) -> Waiting {
    match waiting.since.0.checked_add(limit) {
        Ok(long) if !waiting.told && long <= draft.world.now => {
            let hours = limit.as_secs() / 3600;
            let note = format!("For {hours} h now: {}", finding.message);
            draft.tell(Event::warning(EventReason::WaitsLong, waiting.reason.as_str(), note));
            Waiting { told: true, ..waiting }
        }
        Ok(long) if !waiting.told => {
            draft.wake_up(long);
            waiting
        }
        Ok(_) | Err(_) => waiting,
    }
}
