//! What goes with the object. Clean-up does not validate and goes by status: a broken spec cannot wedge it, and no user can
//! aim it at a gateway response that is not ours.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::draft::Draft;
use super::ownership::is_ours;
use super::validate::{deletion_policy, is_suspended};
use super::{Action, Need, Place, Plan, World, find};
use crate::api::FINALIZER;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::DeletionPolicy;
use crate::cause::Cause;
use crate::plan::deletion::ESCAPE;
use crate::world::{Failure, Group};

/// Plans the deletion.
pub(super) fn plan(world: &World<'_>) -> Result<Plan, Need> {
    let mut draft = Draft::new(*world);
    if !world.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(free(draft));
    }
    let Some(place) = governed(&draft) else { return Ok(free(draft)) };
    let name = format!("{} of REST API {}", place.response_type, place.rest_api);
    if draft.status.owned.is_none() {
        // Never written, or deleted in this pass.
        return Ok(free(draft));
    }
    if is_suspended(world.object) {
        let note = format!("{name} stays as it is: spec.suspend is true.");
        draft.tell(Event::normal(EventReason::ResponseRetained, "Retain", note));
        return Ok(free(draft));
    }
    // No tag has to be removed, so Retain needs no call; it is also the way out when AWS cannot be reached.
    if deletion_policy(world.object) == DeletionPolicy::Retain {
        let note = format!("{name} stays as it is; it is nobody's now.");
        draft.tell(Event::normal(EventReason::ResponseRetained, "Retain", note));
        return Ok(free(draft));
    }
    if let Some(finding) = out_of_reach(&draft, &place)? {
        return Ok(say_blocked(draft, &finding, Situation::Blocked, None));
    }
    let late = late_effect(&draft);
    let responses =
        world.responses(world.fresh().max(late.filter(|late| *late <= world.now).unwrap_or(Timestamp::MIN)))?;
    let Some(response) = find(&responses.value, place.response_type) else {
        // A write whose reply was lost may still take effect; then it would stay for ever.
        if let Some(late) = late.filter(|late| *late > world.now) {
            draft.wake_up_at = Some(late);
            let message = format!("A write whose reply was lost may still take effect, and is then undone. {ESCAPE}");
            return Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)));
        }
        return Ok(free(draft));
    };
    if !is_ours(draft.status.owned.as_ref(), response) {
        let note = format!("{name} is not deleted: what is there is not what we wrote.");
        draft.tell(Event::warning(EventReason::ResponseRetained, "NotOurs", note));
        return Ok(free(draft));
    }
    let refused = world.recent.refused.get(&Group::CleanUp);
    if let Some(failure) = refused.filter(|_| world.recent.tried.contains(&Group::CleanUp)) {
        let finding = draft.failed(failure);
        let wake_up_at = world.now.checked_add(world.retry_in(failure)).ok();
        return Ok(blocked(draft, failure, &finding, wake_up_at));
    }
    if refused.is_some() {
        // What was refused stays in the conditions while it is tried again: no flapping.
        return Ok(Plan { place: Some(place), actions: vec![Action::Delete], ..draft.unchanged(None) });
    }
    draft.call(Action::Delete);
    draft.place = Some(place);
    let message = format!("The customisation of {name} is being deleted. {ESCAPE}");
    Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)))
}

/// When the last write that may be under way must have shown.
fn late_effect(draft: &Draft<'_>) -> Option<Timestamp> {
    let writing = draft.status.owned.iter().flat_map(|owned| &owned.writing);
    writing.filter_map(|writing| writing.since.0.checked_add(draft.world.settings.lost_reply_wait).ok()).max()
}

/// The plan after a call of the deletion failed: every blocked deletion says so, and how to end it.
pub(super) fn blocked(draft: Draft<'_>, failure: &Failure, finding: &Finding, wake_up_at: Option<Timestamp>) -> Plan {
    // Without the REST API there is no gateway response.
    if failure.cause == Cause::RestApiNotFound {
        return free(draft);
    }
    let passing = failure.cause.class().is_passing();
    if passing && failure.in_a_row < 3 {
        return draft.unchanged(wake_up_at);
    }
    let situation = if passing { Situation::Outstanding } else { Situation::Blocked };
    say_blocked(draft, finding, situation, wake_up_at)
}

/// Why nothing may or can be done about it: no rule allows it any more, or it is in an account that our credentials do not
/// belong to. A REST API that they do not find there says nothing about the governed one.
fn out_of_reach(draft: &Draft<'_>, place: &Place) -> Result<Option<Finding>, Need> {
    if let Err(denied) = draft.world.access(&place.rest_api, &place.region) {
        return Ok(Some(Finding::new(Situation::Blocked, Reason::NotAllowed, denied.to_string())));
    }
    let account = draft.world.account()?.clone();
    Ok(draft.moved_account(&Place { account, ..place.clone() }))
}

/// Every blocked deletion says so, once as an event, and how to end it.
fn say_blocked(mut draft: Draft<'_>, finding: &Finding, situation: Situation, wake_up_at: Option<Timestamp>) -> Plan {
    let message = format!("The deletion cannot go on. {} {ESCAPE}", finding.message);
    let reason = Reason::DeletionBlocked;
    if draft.status.conditions.iter().all(|condition| condition.reason != reason.as_str()) {
        draft.tell(Event::warning(EventReason::DeletionBlocked, "Delete", &message));
    }
    draft.wake_up_at = wake_up_at;
    let mut plan = draft.finish(Finding::new(situation, reason, message));
    plan.finalizer = true;
    plan
}

/// The gateway response that the status says is governed.
fn governed(draft: &Draft<'_>) -> Option<Place> {
    let status = &draft.status;
    Some(Place {
        account: status.account_id.clone()?,
        region: status.region.clone()?,
        rest_api: status.rest_api_id.clone()?,
        response_type: status.response_type?,
    })
}

/// Lets the object go.
fn free(draft: Draft<'_>) -> Plan {
    let events = draft.events.clone();
    Plan { finalizer: false, events, ..draft.unchanged(None) }
}
