//! What goes with the object. Clean-up does not validate and goes by status: a broken spec cannot wedge it, and no user can
//! aim it at a stage that is not ours.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::action::{Action, Place};
use super::clean_up::{deletable, unlisted};
use super::draft::Draft;
use super::{Need, Plan, What};
use crate::api::FINALIZER;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::owner::OWNER_TAG;
use crate::api::stage::DeletionPolicy;
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::validate::{deletion_policy, is_suspended};
use crate::world::{Failure, Group, World};

/// Own deployments hold the finalizer for this long at most (design: deletion).
const DEPLOYMENTS_HOLD: Duration = Duration::from_mins(10);

/// How to get rid of an object whose deletion is blocked; part of every such message.
pub(crate) const ESCAPE: &str = "To let the object go and leave AWS as it is, set spec.deletionPolicy to Retain.";

/// Plans the deletion.
pub(super) fn plan(world: &World<'_>) -> Result<Plan, Need> {
    let mut draft = Draft::new(*world);
    if !world.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(free(draft));
    }
    let Some(place) = governed(&draft) else { return Ok(free(draft)) };
    let stage_name = format!("Stage {} of REST API {}", place.stage, place.rest_api);
    if is_suspended(world.object) {
        let note = format!("{stage_name} stays as it is, with its owner tag: spec.suspend is true.");
        draft.tell(Event::normal(EventReason::StageRetained, "Retain", note));
        return Ok(free(draft));
    }
    let retained = deletion_policy(world.object) == DeletionPolicy::Retain;
    if retained && began_otherwise(&draft) {
        let note = format!("{stage_name} is left as it is, as deletionPolicy Retain asks.");
        draft.tell(Event::normal(EventReason::StageRetained, "Retain", note));
        return Ok(free(draft));
    }
    if let Some(finding) = out_of_reach(&draft, &place)? {
        if retained {
            return Ok(with_tag_left(draft, &finding));
        }
        return Ok(say_blocked(draft, &finding, Situation::Blocked, None));
    }
    if retained {
        return retain(draft, place, &stage_name);
    }

    let owner = world.owner();
    let stages = world.stages(world.fresh())?;
    if let Some(stage) = stages.value.find(&place.stage) {
        let Some(tags) = &stage.tags else {
            // A write's reply does not tell whose the stage is.
            return Err(Need { what: What::Stages, not_before: world.now });
        };
        if tags.get(OWNER_TAG).is_none_or(|tag| tag != owner.as_str()) {
            let note = format!("{stage_name} is not deleted: it does not carry our owner tag.");
            draft.tell(Event::warning(EventReason::StageRetained, "NotOurs", note));
            return Ok(free(draft));
        }
        if let Some(failure) =
            world.recent.refused.get(&Group::CleanUp).filter(|_| world.recent.tried.contains(&Group::CleanUp))
        {
            let finding = super::failure::finding(world, &draft.status, failure);
            let wake_up_at = world.now.checked_add(world.retry_in(failure)).ok();
            return Ok(blocked(draft, failure, &finding, wake_up_at));
        }
        draft.call(Action::DeleteStage);
        draft.place = Some(place);
        if world.recent.refused.contains_key(&Group::CleanUp) {
            // What was refused stays in the conditions while it is tried again: no flapping.
            let actions = std::mem::take(&mut draft.actions);
            let place = draft.place.take();
            return Ok(Plan { place, actions, ..draft.unchanged(None) });
        }
        let message = format!("{stage_name} is being deleted. {ESCAPE}");
        return Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)));
    }
    let Some(all) = stages.value.all() else {
        let note = format!("The deployments of {stage_name} stay: {}", unlisted(&place.rest_api));
        draft.tell(Event::warning(EventReason::LeftAsItIs, "Deployments", note));
        return Ok(free(draft));
    };
    // What an unreadable object's history offers is not known, and a deletion cannot be undone.
    if world.siblings.unreadable {
        let note = format!(
            "The deployments of {stage_name} stay: another ApiStage cannot be read, so nobody knows which of them it needs. Delete those that nothing needs."
        );
        draft.tell(Event::warning(EventReason::LeftAsItIs, "Deployments", note));
        return Ok(free(draft));
    }
    delete_deployments(draft, place, all)
}

/// The plan after a call of the deletion failed: every blocked deletion says so, and how to end it.
pub(super) fn blocked(draft: Draft<'_>, failure: &Failure, finding: &Finding, wake_up_at: Option<Timestamp>) -> Plan {
    let world = draft.world;
    // Without the REST API there is neither a stage nor a deployment.
    if failure.cause == crate::cause::Cause::RestApiNotFound {
        return free(draft);
    }
    let passing = failure.cause.class().is_passing();
    if deletion_policy(world.object) == DeletionPolicy::Retain && !passing {
        return with_tag_left(draft, finding);
    }
    if passing && failure.in_a_row < 3 {
        return draft.unchanged(wake_up_at);
    }
    let situation = if passing { Situation::Outstanding } else { Situation::Blocked };
    say_blocked(draft, finding, situation, wake_up_at)
}

/// Why nothing may or can be done about the stage that is governed: no rule allows it any more, or it is in an account that
/// our credentials do not belong to. A REST API that they do not find there says nothing about the governed one.
fn out_of_reach(draft: &Draft<'_>, place: &Place) -> Result<Option<Finding>, Need> {
    if let Err(denied) = draft.world.access(&place.rest_api, &place.region) {
        return Ok(Some(Finding::new(Situation::Blocked, Reason::NotAllowed, denied.to_string())));
    }
    let account = draft.world.account()?.clone();
    Ok(draft.moved_account(&Place { account, ..place.clone() }))
}

/// Keeps the object, and says why and how to free it: once by an event, as long as it lasts in the conditions.
fn say_blocked(mut draft: Draft<'_>, finding: &Finding, situation: Situation, wake_up_at: Option<Timestamp>) -> Plan {
    let message = format!("The deletion cannot go on. {} {ESCAPE}", finding.message);
    let was_told = draft.world.object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| condition.reason == Reason::DeletionBlocked.as_str())
    });
    if !was_told {
        draft.tell(Event::warning(EventReason::DeletionBlocked, "Delete", &message));
    }
    draft.wake_up_at = wake_up_at;
    let mut plan = draft.finish(Finding::new(situation, Reason::DeletionBlocked, message));
    plan.finalizer = true;
    plan
}

/// Lets the object go although our tag could not be removed.
fn with_tag_left(mut draft: Draft<'_>, finding: &Finding) -> Plan {
    let note = format!("The owner tag stays on the stage: {}", finding.message);
    draft.tell(Event::warning(EventReason::StageRetained, "TagLeft", note));
    free(draft)
}

/// The stage that the status says is governed.
fn governed(draft: &Draft<'_>) -> Option<Place> {
    let status = &draft.status;
    Some(Place {
        account: status.account_id.clone()?,
        region: status.region.clone()?,
        rest_api: status.rest_api_id.clone()?,
        stage: status.stage_name.clone()?,
    })
}

/// Whether the deletion had begun under another policy: then Retain is the way out where AWS cannot be reached or refuses,
/// and nothing is called at all.
fn began_otherwise(draft: &Draft<'_>) -> bool {
    draft.status.conditions.iter().any(|condition| {
        let reasons = [Reason::Deleting.as_str(), Reason::DeletionBlocked.as_str()];
        reasons.contains(&condition.reason.as_str()) && condition.observed_generation < Some(draft.world.generation())
    })
}

/// The stage stays; only our tag goes.
fn retain(mut draft: Draft<'_>, place: Place, stage_name: &str) -> Result<Plan, Need> {
    let world = draft.world;
    let stages = world.stages(world.fresh())?;
    let stage = stages.value.find(&place.stage);
    if let Some(stage) = stage
        && stage.tags.is_none()
    {
        return Err(Need { what: What::Stages, not_before: world.now });
    }
    let owner = world.owner();
    let tagged = stage
        .and_then(|stage: &Stage| stage.tags.as_ref())
        .and_then(|tags| tags.get(OWNER_TAG))
        .is_some_and(|tag| tag == owner.as_str());
    if tagged {
        if let Some(finding) =
            draft.refusal(Group::Ownership).filter(|_| world.recent.tried.contains(&Group::Ownership))
        {
            return Ok(with_tag_left(draft, &finding));
        }
        // Nobody would look after it any more. Where it cannot be removed, the object still goes.
        let ours = draft.running().zip(stage).is_some_and(|(release, stage)| {
            stage.canary.as_ref().is_some_and(|canary| super::release::is_ours(&draft, release, canary))
        });
        if ours && !world.recent.tried.contains(&Group::Traffic) {
            draft.call(Action::Abort(vec![PatchOperation::remove("/canarySettings")]));
        } else {
            draft.call(Action::Untag);
        }
        let actions = std::mem::take(&mut draft.actions);
        return Ok(Plan { place: Some(place), actions, ..draft.unchanged(None) });
    }
    draft.tell(Event::normal(EventReason::StageRetained, "Retain", format!("{stage_name} stays; it is nobody's now.")));
    Ok(free(draft))
}

/// After the stage: our deployments that nothing serves and nobody's history offers.
fn delete_deployments(mut draft: Draft<'_>, place: Place, stages: &[Stage]) -> Result<Plan, Need> {
    let world = draft.world;
    let deleted_at = world.object.metadata.deletion_timestamp.as_ref().map_or(world.now, |time| time.0);
    let too_long = deleted_at.checked_add(DEPLOYMENTS_HOLD).is_ok_and(|limit| world.now > limit);
    if too_long {
        return Ok(free(draft));
    }
    // A snapshot whose reply was lost may still appear; then it would stay for ever.
    let late = draft
        .status
        .intents
        .iter()
        .filter(|intent| !world.recent.unsent.contains(&(intent.revision.clone(), intent.attempt)))
        .filter_map(|intent| intent.since.0.checked_add(world.settings.lost_reply_wait).ok())
        .max();
    if let Some(late) = late.filter(|late| *late > world.now) {
        draft.wake_up_at = Some(late);
        let message = format!("A snapshot whose reply was lost may still appear, and is then removed. {ESCAPE}");
        return Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)));
    }
    let deployments = world.deployments(world.fresh().max(late.unwrap_or(Timestamp::MIN)))?;
    let ours: Vec<_> = deletable(&world, &deployments.value, stages)
        .into_iter()
        .map(|(_, deployment)| deployment.id.clone())
        .collect();
    let refused = world.recent.tried.contains(&Group::CleanUp);
    if ours.is_empty() {
        return Ok(free(draft));
    }
    if refused {
        draft.wake_up_in(30);
        let message = format!("Some of our deployments cannot be deleted yet. {ESCAPE}");
        return Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)));
    }
    for id in ours {
        draft.call(Action::DeleteDeployment(id));
    }
    draft.place = Some(place);
    let message = format!("The stage is deleted; so are our deployments that nothing serves. {ESCAPE}");
    Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::Deleting, message)))
}

/// Lets the object go.
fn free(draft: Draft<'_>) -> Plan {
    let events = draft.events.clone();
    Plan { finalizer: false, events, ..draft.unchanged(None) }
}
