//! A plan in the making.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use super::{Action, Desired, Need, Place, Plan, What, World};
use crate::api::FINALIZER;
use crate::api::condition::{ConditionType, Finding, Reason, Released, Situation, conditions_with};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::{ApiGatewayResponseStatus, ObservedResponse, ResponseType};
use crate::api::names::AccountId;
use crate::observed::{Deployment, GatewayResponse, GatewayResponses};
use crate::plan::draft::{blocked_news, recheck};
use crate::plan::failure::{About, place, sentence};
use crate::reference;
use crate::world::{Failure, Group, Seen};

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) world: World<'a>,
    pub(super) status: ApiGatewayResponseStatus,
    pub(super) place: Option<Place>,
    pub(super) actions: Vec<Action>,
    pub(super) events: Vec<Event>,
    pub(super) wake_up_at: Option<Timestamp>,
    /// Whether the REST API holds what this generation declares.
    pub(super) in_place: bool,
}

impl<'a> World<'a> {
    pub(super) fn account(&self) -> Result<&'a AccountId, Need> {
        self.observed.account.as_ref().ok_or(Need { what: What::Account, not_before: self.cause_at })
    }

    pub(super) fn responses(&self, not_before: Timestamp) -> Result<&'a Seen<GatewayResponses>, Need> {
        let seen = self.observed.responses.as_ref().filter(|seen| seen.read_at >= not_before);
        seen.ok_or(Need { what: What::Responses, not_before })
    }

    pub(super) fn deployments(&self, not_before: Timestamp) -> Result<&'a Seen<Vec<Deployment>>, Need> {
        let seen = self.observed.deployments.as_ref().filter(|seen| seen.read_at >= not_before);
        seen.ok_or(Need { what: What::Deployments, not_before })
    }
}

/// A moment as status holds it, and as AWS dates deployments: never later than it was.
pub(super) fn whole_second(moment: Timestamp) -> Time {
    Time(Timestamp::from_second(moment.as_second()).unwrap_or(moment))
}

impl<'a> Draft<'a> {
    pub(super) fn new(world: World<'a>) -> Self {
        Self {
            world,
            status: world.object.status.clone().unwrap_or_default(),
            place: None,
            actions: Vec::new(),
            events: Vec::new(),
            wake_up_at: None,
            in_place: false,
        }
    }

    pub(super) fn time(&self) -> Time {
        whole_second(self.world.now)
    }

    /// Adds a call, unless its group was refused in this very pass.
    pub(super) fn call(&mut self, action: Action) {
        if !self.world.recent.tried.contains(&action.group()) {
            self.actions.push(action);
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn wake_up(&mut self, at: Timestamp) {
        self.wake_up_at = Some(self.wake_up_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn wake_up_in(&mut self, seconds: u64) {
        if let Ok(at) = self.world.now.checked_add(std::time::Duration::from_secs(seconds)) {
            self.wake_up(at);
        }
    }

    /// The next poll: one drift interval after the read that this plan stands on.
    pub(super) fn look_again_at_poll(&mut self, read_at: Timestamp) {
        let rest_api = self.world.object.spec.rest_api_id.as_ref().or(self.status.rest_api_id.as_ref());
        if let Ok(at) = read_at.checked_add(self.world.drift_interval(rest_api, read_at)) {
            self.wake_up(at.max(self.world.now));
        }
    }

    /// Where the gateway response of this object is.
    pub(super) fn locate(&self, desired: &Desired) -> Result<Place, Need> {
        Ok(Place {
            account: self.world.account()?.clone(),
            region: desired.region.clone(),
            rest_api: desired.rest_api_id.clone(),
            response_type: desired.response_type,
        })
    }

    /// Credentials of another account would make a second customisation there and forget the first.
    pub(super) fn moved_account(&self, place: &Place) -> Option<Finding> {
        let governed = self.status.account_id.as_ref().filter(|account| **account != place.account)?;
        Some(Finding::new(
            Situation::Blocked,
            Reason::IdentityChanged,
            format!(
                "This ApiGatewayResponse governs a gateway response in account {governed}, but the operator's credentials belong to account {}. Give the operator credentials of {governed}, or delete this ApiGatewayResponse and create it anew.",
                place.account
            ),
        ))
    }

    /// Copies what was observed. Of a default nothing is told: it changes with the family, which is nobody's business here.
    pub(super) fn observe(&mut self, response: Option<&GatewayResponse>) {
        self.status.observed = Some(match response {
            None => ObservedResponse { default_response: true, ..ObservedResponse::default() },
            Some(GatewayResponse { content, .. }) => ObservedResponse {
                default_response: false,
                status_code: content.status_code.clone(),
                response_parameters: content.response_parameters.keys().cloned().collect(),
                response_templates: content.response_templates.keys().cloned().collect(),
            },
        });
    }

    /// Writes down what this object governs, before anything is done about it.
    pub(super) fn govern(&mut self, place: &Place) {
        if self.status.rest_api_id.is_some() {
            return;
        }
        let Place { account, region, rest_api, response_type } = place.clone();
        self.status.rest_api_id = Some(rest_api);
        self.status.region = Some(region);
        self.status.account_id = Some(account);
        self.status.response_type = Some(response_type);
        if response_type == ResponseType::RequestTooLarge {
            self.tell(Event::warning(EventReason::Warning, "RequestTooLarge", TOO_LARGE));
        }
    }

    /// A failure of this group that has not been overcome, in words.
    pub(super) fn refusal(&self, group: Group) -> Option<Finding> {
        self.world.recent.refused.get(&group).map(|failure| self.failed(failure))
    }

    /// What a failure means for the object.
    pub(super) fn failed(&self, failure: &Failure) -> Finding {
        let (spec, status) = (&self.world.object.spec, &self.status);
        let about = About {
            kind: "ApiGatewayResponse",
            part: "gateway response",
            rest_api: spec.rest_api_id.as_ref().or(status.rest_api_id.as_ref()),
            region: spec.region.as_ref().or(status.region.as_ref()).unwrap_or(&self.world.settings.region),
            account: self.world.observed.account.as_ref(),
            governs: status.rest_api_id.is_some(),
        };
        let (situation, reason) = place(&failure.cause);
        Finding::new(situation, reason, sentence(&about, failure))
    }

    /// A plan that changes nothing and looks again later.
    pub(super) fn unchanged(self, wake_up_at: Option<Timestamp>) -> Plan {
        let finalizer = self.world.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        Plan { status: self.status, finalizer, place: None, actions: Vec::new(), events: Vec::new(), wake_up_at }
    }

    /// Puts conditions on the status and closes the plan.
    pub(super) fn finish(mut self, finding: Finding) -> Plan {
        // What failed and lasts stays in the conditions while it is tried again: no flapping.
        let finding = match &self.world.recent.failure {
            Some(failure)
                if !self.actions.is_empty() && (!failure.cause.class().is_passing() || failure.in_a_row >= 3) =>
            {
                self.failed(failure)
            }
            Some(_) | None => finding,
        };
        if let Some(seconds) = recheck(finding.situation, self.wake_up_at.is_some()) {
            self.wake_up_in(seconds);
        }
        self.events.extend(blocked_news(&self.status.conditions, &finding));
        let (generation, now) = (self.world.generation(), self.time());
        let deployed = self.deployed(&finding);
        self.status.conditions =
            conditions_with(&self.status.conditions, &finding, ConditionType::Deployed, &deployed, generation, now.0);
        self.status.observed_generation = Some(generation);
        // A pass with calls is followed by another plan at once.
        let wake_up_at = if self.actions.is_empty() { self.wake_up_at } else { None };
        Plan {
            finalizer: self.status.rest_api_id.is_some(),
            status: self.status,
            place: self.place,
            actions: self.actions,
            events: self.events,
            wake_up_at,
        }
    }

    /// The rule for `Deployed`: False while somebody has to do something, Unknown while it goes on by itself or nobody knows.
    fn deployed(&self, finding: &Finding) -> Released {
        if self.in_place {
            return super::live::verdict(&self.status);
        }
        let status = match finding.situation {
            Situation::Blocked | Situation::Held | Situation::PersonAwaited => Some(false),
            Situation::Releasing | Situation::Outstanding | Situation::Synced => None,
        };
        Released { status, reason: finding.detail, message: finding.message.clone() }
    }
}

/// All is as declared.
pub(super) fn synced(draft: &mut Draft<'_>, desired: &Desired) -> Finding {
    let Desired { response_type, rest_api_id, .. } = desired;
    let mut message = format!("{response_type} of REST API {rest_api_id} is as declared.");
    if *response_type == ResponseType::RequestTooLarge {
        message = format!("{message} {TOO_LARGE}");
    }
    if let Some(difference) = reference_differs(draft) {
        if draft.status.conditions.iter().all(|condition| !condition.message.contains(&difference)) {
            draft.tell(Event::warning(EventReason::LeftAsItIs, "RestApi", &difference));
        }
        message = format!("{message} {difference}");
    }
    Finding::new(Situation::Synced, Reason::Synced, message)
}

/// That the `ConfigMap` names another REST API now than the governed one.
fn reference_differs(draft: &Draft<'_>) -> Option<String> {
    let source = draft.world.object.spec.rest_api_id_from.as_ref()?;
    reference::difference(source, draft.world.observed.referred.as_ref()?, draft.status.rest_api_id.as_ref()?)
}

/// Said once in an event, and in the message of Ready. Source: aws-facts, content rules (customising 413 has limits).
const TOO_LARGE: &str = "API Gateway does not honour every customisation of REQUEST_TOO_LARGE: callers may get its own answer all the same.";
