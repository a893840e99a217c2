//! `retry`: a held target may ship again, as a new release from the first step.

use super::Outcome;
use crate::api::event::{Event, EventReason};
use crate::api::status::CommandState;
use crate::plan::draft::Draft;
use crate::plan::release::name;

/// Frees the held target of this release.
pub(super) fn retry(draft: &mut Draft<'_>, release: &str) -> Outcome {
    if let Some(running) = draft.running() {
        return Err(format!("release {} runs: give it again when that is over", running.id));
    }
    let is_named = |id: Option<&crate::api::names::ReleaseId>| id.is_some_and(|id| id.as_str() == release);
    let Some(held) = draft.status.held.iter().find(|held| is_named(held.release.as_ref())) else {
        let known: Vec<_> =
            draft.status.held.iter().filter_map(|held| held.release.as_ref()).map(ToString::to_string).collect();
        return Err(if known.is_empty() {
            format!("no target is held, so there is nothing of {release} to release again")
        } else {
            format!("no target of release {release} is held; held are those of {}", known.join(", "))
        });
    };
    let target = name(&held.target);
    draft.status.held.retain(|held| !is_named(held.release.as_ref()));
    draft.retried = true;
    let note = format!("{target} is no longer held: the command retry asks for it.");
    draft.tell(Event::normal(EventReason::TargetFreed, release, note));
    Ok((CommandState::Done, format!("{target} is no longer held and ships again where the spec names it")))
}
