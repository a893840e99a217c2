//! The mind of `ApiGatewayResponse`: validate, decide, settle.
//!
//! Pure, as [`plan`](crate::plan) is for stages, and made the same way: a decision asks only for what it needs ([`Need`]),
//! status is written before the calls it describes, and after calls the plan is made again.
//!
//! What is special here: there are no tags, so ownership is a record in status ([`Owned`](crate::api::gateway_response::Owned)),
//! and a change has no effect on callers before a deployment was made after it, so each stage is told apart (`live`).
//!
//! | file | decides |
//! | --- | --- |
//! | `validate` | what a spec asks for |
//! | `content` | what is different, and whether a patch can bring it |
//! | `ownership` | whose a customisation is |
//! | `apply` | what is written |
//! | `live` | which stages serve it |
//! | `deletion` | what goes with the object |
//! | `settle` | what a call did |

mod apply;
mod content;
mod deletion;
mod draft;
mod live;
mod ownership;
mod settle;
#[cfg(test)]
mod tests;
mod validate;

use jiff::Timestamp;

pub use content::{Declared, hash};
pub use settle::{Reply, settle};
pub use validate::{Desired, Invalid, deletion_policy, is_suspended, validate};

use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::Event;
use crate::api::gateway_response::{ApiGatewayResponse, ApiGatewayResponseStatus, ResponseType};
use crate::api::names::{AccountId, DeploymentId, Region, RestApiId, StageName};
use crate::observed::{Deployment, GatewayResponse, GatewayResponses};
use crate::patch::PatchOperation;
use crate::plan::Priority;
use crate::reference::Referred;
use crate::world::{self, Group, Seen};
use draft::{Draft, synced};
use ownership::Ownership;

/// Everything that a plan is made from.
pub type World<'a> = world::World<'a, ApiGatewayResponse, Observed, Neighbours>;

/// What has been read for this pass; `None` was not asked for yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What was found where `spec.restApiIdFrom` refers to; `None` where it names the id itself.
    pub referred: Option<Referred>,
    /// The account of our credentials.
    pub account: Option<AccountId>,
    /// All gateway responses of the REST API.
    pub responses: Option<Seen<GatewayResponses>>,
    /// All deployments of the REST API.
    pub deployments: Option<Seen<Vec<Deployment>>>,
}

/// What the other objects of this cluster say about this one's REST API.
///
/// Taken once a pass: what a stage serves must have been seen before the reads that are held against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// `namespace/name` of the oldest other object for the same type, where it is older than ours.
    pub older: Option<String>,
    /// The governed stages that exist, in the order of their names.
    pub stages: Vec<Serving>,
}

/// What a governed stage serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Its name.
    pub stage: StageName,
    /// Namespace and name of its `ApiStage`.
    pub api_stage: String,
    /// The deployment that it serves.
    pub deployment: DeploymentId,
    /// The deployment that its canary serves.
    pub canary: Option<DeploymentId>,
}

/// What a pass does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Read this and plan again.
    Read(Need),
    /// Do this.
    Act(Box<Plan>),
}

/// Something that must be known before a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What to read.
    pub what: What,
    /// The read must have been started at this time or later.
    pub not_before: Timestamp,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The account of our credentials.
    Account,
    /// All gateway responses of the REST API.
    Responses,
    /// All deployments of the REST API.
    Deployments,
}

/// Where a gateway response is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// AWS account.
    pub account: AccountId,
    /// AWS Region.
    pub region: Region,
    /// REST API.
    pub rest_api: RestApiId,
    /// Its type.
    pub response_type: ResponseType,
}

/// One call that changes something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `PutGatewayResponse`: the whole, and what is not declared is reset.
    Put(Change),
    /// `UpdateGatewayResponse`: what was added or changed.
    Update(Change, Vec<PatchOperation>),
    /// `DeleteGatewayResponse`: AWS's own answer comes back.
    Delete,
}

/// What a write is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is declared; the rest is AWS's default.
    pub declared: Declared,
    /// Its hash with the defaults filled in.
    pub hash: String,
    /// Paths that are brought about, without values.
    pub paths: Vec<String>,
    /// Whether somebody else had changed them.
    pub drifted: bool,
}

impl Action {
    /// The group that this call belongs to.
    #[must_use]
    pub fn group(&self) -> Group {
        match self {
            Self::Put(_) | Self::Update(..) => Group::Settings,
            Self::Delete => Group::CleanUp,
        }
    }

    /// How urgent this call is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self {
            Self::Put(change) | Self::Update(change, _) if change.drifted => Priority::Drift,
            Self::Put(_) | Self::Update(..) | Self::Delete => Priority::UserChange,
        }
    }
}

/// How urgent the reads of a pass over this object are: somebody waits for a change, nobody for a poll.
#[must_use]
pub fn priority_of_reads(object: &ApiGatewayResponse) -> Priority {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    let is_news = object.metadata.deletion_timestamp.is_some() || observed != object.metadata.generation;
    if is_news { Priority::UserChange } else { Priority::Drift }
}

/// One round of a pass: status first, then the calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The whole status, to be written before the first call where it differs.
    pub status: ApiGatewayResponseStatus,
    /// Whether our finalizer belongs on the object: put there before the status, taken away after everything else.
    pub finalizer: bool,
    /// The gateway response that the calls concern; absent where there are none.
    pub place: Option<Place>,
    /// The calls: one at most. After it the plan is made again; without any the pass is over.
    pub actions: Vec<Action>,
    /// News, to be told once the status is written.
    pub events: Vec<Event>,
    /// When to look again although nobody called; absent where only a change of an object can matter.
    pub wake_up_at: Option<Timestamp>,
}

/// Plans one round. Also what a dry run shows: the plan's actions are the calls that a pass would send.
#[must_use]
pub fn plan(world: &World<'_>) -> Next {
    match decide(world) {
        Ok(plan) => Next::Act(Box::new(plan)),
        Err(need) => Next::Read(need),
    }
}

/// The plan after a call or read failed (`world.recent.failure`): nothing but words and a time.
#[must_use]
pub fn after_failure(world: &World<'_>) -> Plan {
    let mut draft = Draft::new(*world);
    let Some(failure) = &world.recent.failure else { return draft.unchanged(None) };
    let finding = draft.failed(failure);
    let wake_up_at = world.now.checked_add(world.retry_in(failure)).ok();
    if world.object.metadata.deletion_timestamp.is_some() {
        return deletion::blocked(draft, failure, &finding, wake_up_at);
    }
    // A short failure is no news: only what lasts changes a condition, or each hiccup would be two writes.
    if failure.cause.class().is_passing() && failure.in_a_row < 3 {
        return draft.unchanged(wake_up_at);
    }
    draft.wake_up_at = wake_up_at;
    draft.finish(finding)
}

fn decide(world: &World<'_>) -> Result<Plan, Need> {
    if world.object.metadata.deletion_timestamp.is_some() {
        return deletion::plan(world);
    }
    let mut draft = Draft::new(*world);
    let desired = match validate(world.object, world.settings, world.observed.referred.as_ref()) {
        Ok(desired) => desired,
        Err(invalid) => {
            let (situation, reason) = match invalid {
                Invalid::IdentityChanged { .. } => (Situation::Blocked, Reason::IdentityChanged),
                Invalid::Unresolved(_) => (Situation::Outstanding, Reason::ReferenceUnresolved),
                Invalid::NoRestApi | Invalid::BothRestApis => (Situation::Blocked, Reason::InvalidSpec),
            };
            return Ok(draft.finish(Finding::new(situation, reason, invalid.to_string())));
        }
    };
    let access = match world.access(&desired.rest_api_id, &desired.region) {
        Ok(access) => access,
        Err(denied) => {
            return Ok(draft.finish(Finding::new(Situation::Blocked, Reason::NotAllowed, denied.to_string())));
        }
    };
    if let Some(older) = &world.siblings.older {
        let message = format!(
            "{} of REST API {} is governed by the older ApiGatewayResponse {older}. Delete one of the two.",
            desired.response_type, desired.rest_api_id
        );
        // Nothing is asked of AWS, so looking often costs nothing: the older one may go any time.
        draft.wake_up_in(30);
        return Ok(draft.finish(Finding::new(Situation::Blocked, Reason::NotOldest, message)));
    }
    let place = draft.locate(&desired)?;
    if let Some(blocked) = draft.moved_account(&place) {
        return Ok(draft.finish(blocked));
    }
    let seen = world.responses(world.fresh())?;
    draft.look_again_at_poll(seen.read_at);
    if seen.value.items.iter().all(|response| response.response_type != desired.response_type) {
        let message = format!(
            "API Gateway does not list {} among the gateway responses of REST API {}. It is looked at again.",
            desired.response_type, desired.rest_api_id
        );
        return Ok(draft.finish(Finding::new(Situation::Outstanding, Reason::WaitingForAws, message)));
    }
    let response = find(&seen.value, desired.response_type);
    // By AWS's clock where it told the time: deployments are dated by it.
    let seen_at = seen.value.answered.unwrap_or(seen.read_at);

    let ownership = ownership::judge(&draft, &access, &desired, response);
    draft.observe(response);
    if let Ownership::Foreign(finding) = ownership {
        draft.status.stages.clear();
        return Ok(draft.finish(finding));
    }
    if ownership == Ownership::Ours {
        ownership::recognise(&mut draft, response, seen_at);
    }
    if desired.suspended {
        draft.in_place = apply::is_in_place(&draft, &desired, response);
        live::judge(&mut draft)?;
        let message = "spec.suspend is true: nothing is written to AWS. Remove it to go on.";
        return Ok(draft.finish(Finding::new(Situation::PersonAwaited, Reason::Suspended, message)));
    }
    draft.govern(&place);
    if ownership == Ownership::Adoptable {
        ownership::adopt(&mut draft, response, seen_at);
    }
    let finding = apply::apply(&mut draft, &desired, response, seen_at);
    live::judge(&mut draft)?;
    draft.place = Some(place);
    let finding = finding.unwrap_or_else(|| synced(&mut draft, &desired));
    Ok(draft.finish(finding))
}

/// The customisation of a type; `None` while there is none. What a default shows may be inherited, so it is never looked at.
fn find(responses: &GatewayResponses, response_type: ResponseType) -> Option<&GatewayResponse> {
    let of_type = responses.items.iter().find(|response| response.response_type == response_type);
    of_type.filter(|response| !response.default_response)
}

/// Hash of what a customisation holds.
fn hash_of(response: &GatewayResponse) -> String {
    hash(&response.content)
}
