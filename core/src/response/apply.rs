//! What is written: the whole with Put, or what was added or changed with Update.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::content::{Difference, difference, hash};
use super::draft::{Draft, whole_second};
use super::{Action, Change, Desired, hash_of};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::{Owned, Writing};
use crate::api::stage::DriftPolicy;
use crate::api::status::{Drift, Origin};
use crate::observed::GatewayResponse;
use crate::world::Group;

/// How many writes that may be under way are remembered.
const MOST_WRITING: usize = 5;

/// Whether the REST API holds what is declared: the contents are the same, or both are as our last write left them, in case
/// AWS spells something otherwise than it was sent.
pub(super) fn is_in_place(draft: &Draft<'_>, desired: &Desired, response: Option<&GatewayResponse>) -> bool {
    let Some(response) = response else { return false };
    let owned = draft.status.owned.as_ref();
    let as_left = owned.is_some_and(|owned| {
        owned.declared.as_ref() == Some(&hash(&desired.declared.content(desired.response_type)))
            && owned.hash.as_ref() == Some(&hash_of(response))
    });
    as_left || difference(&desired.declared, desired.response_type, &response.content).is_none()
}

/// Plans the write. `None`: all is as declared, or is put right within the same breath.
pub(super) fn apply(
    draft: &mut Draft<'_>,
    desired: &Desired,
    response: Option<&GatewayResponse>,
    seen_at: Timestamp,
) -> Option<Finding> {
    let wanted = hash(&desired.declared.content(desired.response_type));
    let drifted = draft.status.owned.as_ref().is_some_and(|owned| owned.declared.as_ref() == Some(&wanted));
    if is_in_place(draft, desired, response) {
        rest(draft, &wanted, response, seen_at);
        return None;
    }
    let Difference { paths, operations } = match response {
        Some(response) => difference(&desired.declared, desired.response_type, &response.content)?,
        // The whole thing, whatever it was.
        None => Difference { paths: vec!["responseType".to_owned()], operations: None },
    };
    draft.status.drift.retain(|drift| drift.corrected || paths.contains(&drift.field));
    if drifted && desired.drift == DriftPolicy::Report {
        return Some(report(draft, desired, response, &paths));
    }
    let refusal = draft.refusal(Group::Settings);
    let change = Change { declared: desired.declared.clone(), hash: wanted.clone(), paths: paths.clone(), drifted };
    if !drifted {
        note_writing(draft, &wanted);
    } else if response.is_none() && refusal.is_some() {
        forget_gone(draft);
    }
    draft.call(match operations {
        Some(operations) => Action::Update(change, operations),
        None => Action::Put(change),
    });
    if drifted && refusal.is_none() {
        // Put right within the same breath: a condition that flips and flips back would only wake everybody (decision 0002).
        // So nothing is written ahead of it either: what the hand made of it is told by the event and `drift`.
        draft.in_place = true;
        draft.status.observed = draft.world.object.status.as_ref().and_then(|status| status.observed.clone());
        return None;
    }
    let what =
        if response.is_none() { format!("the customisation of {}", desired.response_type) } else { paths.join(", ") };
    let message = format!("To be applied: {what}.");
    Some(refusal.unwrap_or_else(|| Finding::new(Situation::Outstanding, Reason::SettingsPending, message)))
}

/// All is in place: what our record says of it is brought up to date.
fn rest(draft: &mut Draft<'_>, wanted: &str, response: Option<&GatewayResponse>, seen_at: Timestamp) {
    draft.in_place = true;
    let was_drifting = draft.status.drift.iter().any(|drift| !drift.corrected);
    draft.status.drift.retain(|drift| drift.corrected);
    let Some(response) = response else { return };
    let held = hash_of(response);
    let Some(owned) = draft.status.owned.as_mut() else { return };
    let is_new = owned.declared.as_deref() != Some(wanted);
    if owned.hash.as_ref() != Some(&held) || was_drifting {
        // Somebody else brought it about, at an unknown time: from this read on it is certain.
        owned.written = Some(whole_second(seen_at));
        owned.hash = Some(held);
        if is_new {
            draft.status.stages.clear();
        }
    }
    if is_new {
        owned.declared = Some(wanted.to_owned());
    }
    owned.writing.clear();
}

/// The record of ownership, in status before the call.
fn note_writing(draft: &mut Draft<'_>, wanted: &str) {
    let since = draft.time();
    let was_refused = draft.world.recent.refused.contains_key(&Group::Settings);
    draft.status.origin.get_or_insert(Origin::Created);
    let owned = draft.status.owned.get_or_insert_with(|| Owned { since: Some(since.clone()), ..Owned::default() });
    let known = owned.writing.iter().position(|writing| writing.hash == wanted);
    // A refused call had no effect; when it is tried again, nothing new is to be remembered.
    if known.is_some() && was_refused {
        return;
    }
    owned.writing.retain(|writing| writing.hash != wanted);
    owned.writing.insert(0, Writing { hash: wanted.to_owned(), since });
    owned.writing.truncate(MOST_WRITING);
}

/// What we wrote is gone: whatever comes next is not ours unless it is the same.
fn forget_gone(draft: &mut Draft<'_>) {
    if let Some(owned) = draft.status.owned.as_mut() {
        owned.hash = None;
    }
}

fn report(draft: &mut Draft<'_>, desired: &Desired, response: Option<&GatewayResponse>, paths: &[String]) -> Finding {
    let at: Time = draft.time();
    let response_type = desired.response_type;
    if response.is_none() {
        forget_gone(draft);
    }
    for path in paths {
        if draft.status.drift.iter().any(|drift| !drift.corrected && drift.field == *path) {
            continue;
        }
        draft.status.drift.insert(0, Drift { field: path.clone(), at: at.clone(), corrected: false });
        let what = if response.is_none() {
            format!("Somebody deleted the customisation of {response_type}")
        } else {
            format!("Somebody changed {path} of {response_type}")
        };
        let note = format!("{what}; spec.driftPolicy is Report, so it is left.");
        draft.tell(Event::warning(EventReason::DriftReported, path.as_str(), note));
    }
    draft.status.drift.truncate(20);
    let what = if response.is_none() {
        format!("Somebody deleted the customisation of {response_type}")
    } else {
        format!("Somebody changed {} of {response_type}", paths.join(", "))
    };
    Finding::new(
        Situation::PersonAwaited,
        Reason::DriftReported,
        format!("{what}, and spec.driftPolicy is Report. Change it back, change spec, or set driftPolicy to Correct."),
    )
}
