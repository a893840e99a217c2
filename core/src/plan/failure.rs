//! The words for a call that failed: what is so, why, and what to do.

use crate::api::condition::{Finding, Reason, Situation};
use crate::api::names::{AccountId, Region, RestApiId};
use crate::api::status::ApiStageStatus;
use crate::cause::Cause;
use crate::reference::Referred;
use crate::world::{Failure, World};

/// What the words are about.
pub(crate) struct About<'a> {
    /// The kind of the object, such as `ApiStage`.
    pub(crate) kind: &'static str,
    /// The part of a REST API that an object of this kind governs, such as `stage`.
    pub(crate) part: &'static str,
    pub(crate) rest_api: Option<&'a RestApiId>,
    pub(crate) region: &'a Region,
    pub(crate) account: Option<&'a AccountId>,
    /// Whether the object has governed its part of this REST API before.
    pub(crate) governs: bool,
}

/// What a failure means for the object. While a release runs, what merely waits is the release's waiting.
pub(super) fn finding(world: &World<'_>, status: &ApiStageStatus, failure: &Failure) -> Finding {
    let (situation, reason) = place(&failure.cause);
    let spec = &world.object.spec;
    let referred = match &world.observed.referred {
        Some(Referred::Id(id)) => Some(id),
        Some(Referred::NoConfigMap | Referred::NoKey | Referred::NotAnId) | None => None,
    };
    let about = About {
        kind: "ApiStage",
        part: "stage",
        rest_api: spec.rest_api_id.as_ref().or(status.rest_api_id.as_ref()).or(referred),
        region: spec.region.as_ref().or(status.region.as_ref()).unwrap_or(&world.settings.region),
        account: world.observed.account.as_ref(),
        governs: status.rest_api_id.is_some(),
    };
    let message = sentence(&about, failure);
    let running = status.release.as_ref().is_some_and(|release| release.phase.is_running());
    if running && situation == Situation::Outstanding {
        return Finding::releasing(reason, message);
    }
    Finding::new(situation, reason, message)
}

/// Whether a finding is no more than that a group of settings was refused, whose next try has its own time: looking earlier would
/// repeat nothing.
pub(super) fn has_its_own_time(world: &World<'_>, status: &ApiStageStatus, said: &Finding) -> bool {
    let waiting = world.recent.tried.iter().filter(|group| group.is_of_settings());
    waiting.filter_map(|group| world.recent.refused.get(group)).any(|failure| finding(world, status, failure) == *said)
}

/// The row of the conditions' table and the reason: exhaustive, so that a new cause does not compile without them.
pub(crate) fn place(cause: &Cause) -> (Situation, Reason) {
    match cause {
        Cause::Throttled { .. } => (Situation::Outstanding, Reason::Throttled),
        Cause::ServiceFailed | Cause::LostReply | Cause::NotSent | Cause::NotLeader => {
            (Situation::Outstanding, Reason::AwsUnavailable)
        }
        Cause::RestApiNotFound => (Situation::Outstanding, Reason::RestApiNotFound),
        Cause::NoMethods | Cause::NoIntegration => (Situation::Outstanding, Reason::RestApiNotDeployable),
        Cause::DeploymentNotFound => (Situation::Outstanding, Reason::DeploymentNotFound),
        Cause::LogsRoleMissing => (Situation::Outstanding, Reason::LogsRoleMissing),
        Cause::ConcurrentModification
        | Cause::StageNotFound
        | Cause::StageExists
        | Cause::CanaryEnabled
        | Cause::DeploymentInUse
        | Cause::StageInUse
        | Cause::NoCanary
        | Cause::CacheChanging
        | Cause::AlreadyAbsent => (Situation::Outstanding, Reason::WaitingForAws),
        Cause::PatchTooLarge | Cause::Refused => (Situation::Blocked, Reason::Refused),
        Cause::Denied | Cause::CredentialsExpired => (Situation::Blocked, Reason::AccessDenied),
        Cause::Quota => (Situation::Blocked, Reason::QuotaExceeded),
    }
}

/// One sentence, or two, on what is so and what to do.
pub(crate) fn sentence(about: &About<'_>, failure: &Failure) -> String {
    let About { kind, part, rest_api, region, account, governs } = about;
    let operation = &failure.operation;
    let text = if failure.text.is_empty() { "no details" } else { failure.text.trim().trim_end_matches('.') };
    let rest_api = rest_api.map_or("?", RestApiId::as_str);
    let account = account.map_or_else(String::new, |account| format!(" of account {account}"));
    match &failure.cause {
        Cause::Throttled { .. } => {
            format!(
                "API Gateway asks for fewer calls ({operation}): the account's request quota is used up. It is tried again."
            )
        }
        Cause::ConcurrentModification => {
            format!(
                "Somebody else is changing REST API {rest_api} at the same time ({operation}: {text}). It is tried again."
            )
        }
        Cause::ServiceFailed => format!("API Gateway failed to answer {operation} ({text}). It is tried again."),
        Cause::LostReply => format!(
            "API Gateway's answer to {operation} did not arrive. What it did is looked up, then it is tried again."
        ),
        Cause::NotSent => format!(
            "AWS cannot be reached for {operation} ({text}). Check the operator's network and endpoint; it is tried again."
        ),
        Cause::NotLeader => "Another replica of the operator leads now; it goes on.".to_owned(),
        Cause::RestApiNotFound if *governs => format!(
            "REST API {rest_api} in {region}{account}, whose {part} this {kind} governs, is gone. Delete this {kind}, or restore the API under the same id."
        ),
        Cause::RestApiNotFound => format!(
            "There is no REST API {rest_api} in {region}{account}. Create it, correct the id that spec names, or check whose credentials the operator has."
        ),
        Cause::StageNotFound => format!("The stage disappeared before {operation}. It is looked at again."),
        Cause::StageExists => "The stage appeared just before it was to be created. It is looked at again.".to_owned(),
        Cause::DeploymentNotFound => format!("The deployment disappeared before {operation}. It is looked at again."),
        Cause::NoMethods => format!(
            "REST API {rest_api} has no methods, so it cannot be deployed. Add a method with an integration; the release then goes on."
        ),
        Cause::NoIntegration => format!(
            "A method of REST API {rest_api} has no integration, so the API cannot be deployed. Give each method an integration; the release then goes on."
        ),
        Cause::CanaryEnabled => format!(
            "A canary is on the stage, and API Gateway refused {operation} ({text}). Remove the canary; it then goes on."
        ),
        Cause::DeploymentInUse => {
            format!("A deployment that was to be removed is still served ({text}). It is looked at again.")
        }
        Cause::StageInUse => {
            format!("API Gateway refused {operation}: {text}. Remove what refers to the stage; it then goes on.")
        }
        Cause::NoCanary => "The canary disappeared before it was promoted. The stage is looked at again.".to_owned(),
        Cause::LogsRoleMissing => format!(
            "API Gateway refused logging: this account has no CloudWatch Logs role in {region}. Set one in the account settings, or remove logging from spec; everything else is applied."
        ),
        Cause::CacheChanging => format!(
            "API Gateway refused {operation} because of the cache cluster ({text}). It is tried again; all else is applied."
        ),
        Cause::AlreadyAbsent => {
            format!("What {operation} was to remove was gone already. The {part} is looked at again.")
        }
        Cause::PatchTooLarge => format!("API Gateway refused {operation} as too large ({text}). Declare less at once."),
        Cause::Refused => format!("API Gateway refused {operation}: {text}. Change the spec accordingly."),
        Cause::Denied => format!(
            "AWS denies {operation} to the operator: {text}. Give the operator's role this permission, or fix its credentials."
        ),
        Cause::CredentialsExpired => format!(
            "AWS refuses {operation}: the operator's credentials have expired ({text}), and new ones have too. Check where its credentials come from, and the clock of its node."
        ),
        Cause::Quota => format!(
            "A quota of the AWS account is reached ({operation}: {text}). Free some or ask AWS for more; it then goes on."
        ),
    }
}
