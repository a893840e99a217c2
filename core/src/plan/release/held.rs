//! Targets that must not ship by themselves (design: held). Naming another target in between does not free one; `retry` does,
//! being put in by hand does.

use super::undo;
use super::words::{name, word};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::names::ReleaseId;
use crate::api::status::{Held, Why};
use crate::api::target::Target;
use crate::observed::Stage;
use crate::plan::draft::Draft;
use crate::world::Governor;

/// Most held targets that are remembered.
const MOST_HELD: usize = 10;

/// Holds a target, unless it is held already. True: it is news.
pub(in crate::plan) fn hold(draft: &mut Draft<'_>, target: &Target, release: Option<ReleaseId>, why: Why) -> bool {
    if is_held(draft, target).is_some() {
        return false;
    }
    let since = draft.time();
    draft.status.held.insert(0, Held { release, target: target.clone(), why, since });
    draft.status.held.truncate(MOST_HELD);
    true
}

/// The entry that holds this target.
pub(in crate::plan) fn is_held<'a>(draft: &'a Draft<'_>, target: &Target) -> Option<&'a Held> {
    draft.status.held.iter().find(|held| held.target.is(target))
}

/// A target that serves is not held, however it got there.
pub(super) fn free(draft: &mut Draft<'_>, target: &Target) {
    draft.status.held.retain(|held| !held.target.is(target));
}

/// A target whose `ApiCanary` went away may ship again through another one.
pub(super) fn free_unfinished(draft: &mut Draft<'_>, target: &Target, governor: Option<&Governor>) {
    let Some(governor) = governor else { return };
    let Some(held) = is_held(draft, target).filter(|held| held.why == Why::Unfinished) else { return };
    let last = draft.status.release.as_ref().filter(|release| Some(&release.id) == held.release.as_ref());
    if last.is_some_and(|release| release.governed_by.as_ref() == Some(&governor.uid)) {
        return;
    }
    let note = format!("{} is no longer held: ApiCanary {} governs the stage now.", name(target), governor.name);
    draft.tell(Event::normal(EventReason::TargetFreed, &governor.name, note));
    free(draft, target);
}

/// The reason of a condition that tells of a held target.
pub(super) fn reason(why: Why) -> Reason {
    match why {
        Why::Failed => Reason::ReleaseFailed,
        Why::Aborted => Reason::ReleaseAborted,
        Why::Unfinished => Reason::ReleaseUnfinished,
        Why::RolledBackByCommand => Reason::RolledBackByCommand,
        Why::StageMovedByHand => Reason::StageMovedByHand,
    }
}

/// What is so while the target is held, and the ways on.
pub(super) fn finding(draft: &Draft<'_>, held: &Held, target: &Target, stage: Option<&Stage>) -> Finding {
    let last = draft.status.release.as_ref().filter(|release| Some(&release.id) == held.release.as_ref());
    // The release that it was the target of still knows better than "failed".
    let known = last.filter(|release| release.reason.as_deref().is_some_and(|reason| reason.contains(": ")));
    let reason = known.and_then(|release| Reason::parse(word(release)?)).unwrap_or_else(|| reason(held.why));
    let sentence = known.map(|release| format!("release {} was undone: {}", release.id, undo::why(release)));
    let why = match held.why {
        Why::Failed => "its release failed and was undone",
        Why::Aborted => "its release was aborted",
        Why::Unfinished => "its release could not be finished",
        Why::RolledBackByCommand => "the stage was rolled back from it by command",
        Why::StageMovedByHand => "somebody moved the stage to another deployment",
    };
    let why = sentence.unwrap_or_else(|| format!("{why}."));
    let so = stage.map_or_else(
        || "The stage is not there.".to_owned(),
        |stage| format!("The stage serves deployment {}.", stage.deployment_id),
    );
    let back = if held.why == Why::StageMovedByHand { ", move the stage back" } else { "" };
    let retry = held.release.as_ref().map_or_else(
        || ", or take a new snapshot with the command resnapshot".to_owned(),
        |release| format!(", or release it again with the command retry/{release}"),
    );
    let message = format!("{} is held: {why} {so} Name another revision{back}{retry}.", name(target));
    Finding::new(Situation::Held, reason, message)
}
