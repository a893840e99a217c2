//! Why a call failed, and the only place where AWS's codes and texts are matched.
//!
//! Order of matching: texts of concurrency and throttling, then the HTTP status, then the code, then the text. Never by
//! code alone: `BadRequestException` spans what waits, what is done and what is refused, `ConflictException` spans "again"
//! and "exists".
//!
//! Sources, as marks beside each pattern: R recorded from AWS, D documented by AWS, T quoted from AWS in public by users
//! of other tools, U not verified.

use std::time::Duration;

use stagecraft_core::cause::{Cause, Class};

use super::message;
use super::operation::Operation;

/// A call that did not do what it was sent for.
///
/// Shown as one line that holds no value of a variable and no request id, so it may enter conditions and events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {}", outcome(.cause, *.status, .code.as_deref(), .message.as_deref()))]
pub struct Error {
    /// What was called.
    pub operation: Operation,
    /// Why it failed, which decides what follows.
    pub cause: Cause,
    /// AWS's code, such as `NotFoundException`, where AWS answered with one.
    pub code: Option<String>,
    /// AWS's text, or ours where AWS did not answer: one line, bounded, without values.
    pub message: Option<String>,
    /// The HTTP status of the answer, where there was one.
    pub status: Option<u16>,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        self.cause.class()
    }

    /// A call that AWS did not answer, or not so that it can be read.
    pub(super) fn unanswered(operation: Operation, cause: Cause, message: impl Into<String>) -> Self {
        Self { operation, cause, code: None, message: Some(message.into()), status: None }
    }

    /// A call whose permit was not valid any more: nothing was sent.
    #[must_use]
    pub fn not_leader(operation: Operation) -> Self {
        Self { operation, cause: Cause::NotLeader, code: None, message: None, status: None }
    }
}

fn outcome(cause: &Cause, status: Option<u16>, code: Option<&str>, message: Option<&str>) -> String {
    let what = match cause {
        Cause::Throttled { .. } => "was throttled",
        Cause::ConcurrentModification => "met another writer",
        Cause::ServiceFailed => "failed in AWS",
        Cause::LostReply => "got no answer that can be read",
        Cause::NotSent => "was not sent",
        Cause::NotLeader => "was not sent because this replica does not lead any more",
        Cause::Denied => "was denied",
        Cause::CredentialsExpired => "came with expired credentials",
        Cause::Quota => "is over a quota",
        Cause::RestApiNotFound
        | Cause::StageNotFound
        | Cause::StageExists
        | Cause::DeploymentNotFound
        | Cause::NoMethods
        | Cause::NoIntegration
        | Cause::CanaryEnabled
        | Cause::DeploymentInUse
        | Cause::StageInUse
        | Cause::NoCanary
        | Cause::LogsRoleMissing
        | Cause::CacheChanging
        | Cause::PatchTooLarge
        | Cause::AlreadyAbsent
        | Cause::Refused => "was refused",
    };
    match (message.or(code), status) {
        (Some(detail), _) if !detail.is_empty() => format!("{what}: {detail}"),
        (_, Some(status)) => format!("{what}: http status {status}"),
        (_, None) => what.to_owned(),
    }
}

/// An answer of AWS that is not a success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// What was called.
    pub(super) operation: Operation,
    /// Its HTTP status.
    pub(super) status: u16,
    /// AWS's code.
    pub(super) code: Option<&'a str>,
    /// AWS's text.
    pub(super) message: Option<&'a str>,
    /// `Retry-After` in seconds, where it was sent.
    pub(super) retry_after: Option<Duration>,
}

impl Answer<'_> {
    /// What the answer means.
    pub(super) fn cause(&self) -> Cause {
        let text = self.message.unwrap_or_default();
        // Such a text repeats what the user wrote, which may look like any other pattern.
        if self.status == 400 && (message::speaks_of_a_variable(text) || message::speaks_of_a_mapping(text)) {
            return Cause::Refused;
        }
        if self.speaks_of_the_cache(text) {
            return Cause::CacheChanging;
        }
        if let Some(cause) = self.contended(text) {
            return cause;
        }
        match self.status {
            429 => self.too_much(text),
            // D: the service's own failures. 408: a request that AWS waited for in vain.
            408 | 500..=599 => Cause::ServiceFailed,
            // D: AWS-wide.
            401 | 403 if self.has_code(EXPIRED) => Cause::CredentialsExpired,
            401 | 403 => Cause::Denied,
            404 => self.absent(text),
            409 => self.conflict(text),
            _ => self.bad_request(text),
        }
    }

    /// U: a change or a flush that is refused while the cache cluster is in transition, with a 400 or a 409. By the whole word,
    /// because paths that AWS repeats hold "cacheClusterSize" and "caching". Not of a deletion, which has its own reasons.
    fn speaks_of_the_cache(&self, text: &str) -> bool {
        matches!(self.operation, Operation::UpdateStage | Operation::FlushStageCache)
            && matches!(self.status, 400 | 409)
            && text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word.eq_ignore_ascii_case("cache"))
    }

    /// Texts that mean "again, please", whatever the code. Only with a 4xx: a failure of the service that says "try
    /// again later" may have had its effect.
    fn contended(&self, text: &str) -> Option<Cause> {
        // T: "Unable to complete operation due to concurrent modification. Please try again later.", in older days with a
        // 400.
        if matches!(self.status, 400 | 409)
            && (text.contains("concurrent modification") || text.contains("try again later"))
        {
            return Some(Cause::ConcurrentModification);
        }
        // T: "Too Many Requests", "Rate exceeded". D: the codes of AWS's query protocols, which come with a 400.
        let throttled = self.has_code(&["Throttling", "ThrottlingException", "RequestLimitExceeded"])
            || (self.status == 400 && THROTTLED.iter().any(|words| text.starts_with(words)));
        throttled.then_some(Cause::Throttled { retry_after: self.retry_after })
    }

    /// 429: a rate, or a hard quota that shares the code (D).
    fn too_much(&self, text: &str) -> Cause {
        let retry_after = self.retry_after;
        if self.has_code(&["LimitExceededException"]) && retry_after.is_none() && !speaks_of_rate(text) {
            return Cause::Quota;
        }
        Cause::Throttled { retry_after }
    }

    /// 404. Absent is only what AWS itself calls so: a proxy's "not found" says nothing about a stage.
    fn absent(&self, text: &str) -> Cause {
        if !self.has_code(&["NotFoundException"]) {
            return Cause::ServiceFailed;
        }
        // R: "Invalid API identifier specified {account}:{apiId}".
        if text.contains("Invalid API identifier") {
            return Cause::RestApiNotFound;
        }
        // T: "Invalid stage identifier specified".
        if text.contains("stage identifier") {
            return Cause::StageNotFound;
        }
        // U: "Invalid Deployment identifier specified"; the code is documented.
        if text.contains("eployment identifier") {
            return Cause::DeploymentNotFound;
        }
        match self.operation {
            Operation::GetDeployment | Operation::UpdateDeployment | Operation::DeleteDeployment => {
                Cause::DeploymentNotFound
            }
            // U: the removal of a variable that is not there. A stage that exists must not be taken for gone.
            Operation::UpdateStage if !text.is_empty() => Cause::AlreadyAbsent,
            // U: tag calls on an unknown stage.
            Operation::GetStage
            | Operation::UpdateStage
            | Operation::DeleteStage
            | Operation::FlushStageCache
            | Operation::FlushStageAuthorizersCache
            | Operation::TagResource
            | Operation::UntagResource => Cause::StageNotFound,
            // R: "Invalid parameter name specified", for the replace of a key that is not there; "Gateway response type not
            // defined on api", for the deletion of what nobody customised.
            Operation::UpdateGatewayResponse | Operation::DeleteGatewayResponse => Cause::AlreadyAbsent,
            Operation::GetRestApi
            | Operation::GetStages
            | Operation::GetDeployments
            | Operation::CreateDeployment
            | Operation::CreateStage
            | Operation::GetGatewayResponses
            | Operation::PutGatewayResponse => Cause::RestApiNotFound,
            Operation::GetMetricData | Operation::ListMetrics | Operation::DescribeAlarms => Cause::Refused,
            Operation::GetCallerIdentity => Cause::ServiceFailed,
        }
    }

    fn conflict(&self, text: &str) -> Cause {
        // T: "Stage already exists".
        if text.contains("already exists") {
            return Cause::StageExists;
        }
        match self.operation {
            // U: a usage plan that still names the stage.
            Operation::DeleteStage => Cause::StageInUse,
            Operation::GetCallerIdentity
            | Operation::GetRestApi
            | Operation::GetStages
            | Operation::GetStage
            | Operation::GetDeployments
            | Operation::GetDeployment
            | Operation::CreateDeployment
            | Operation::UpdateDeployment
            | Operation::DeleteDeployment
            | Operation::CreateStage
            | Operation::UpdateStage
            | Operation::FlushStageCache
            | Operation::FlushStageAuthorizersCache
            | Operation::TagResource
            | Operation::UntagResource
            | Operation::GetMetricData
            | Operation::ListMetrics
            | Operation::DescribeAlarms
            | Operation::GetGatewayResponses
            | Operation::PutGatewayResponse
            | Operation::UpdateGatewayResponse
            | Operation::DeleteGatewayResponse => Cause::ConcurrentModification,
        }
    }

    /// 400, and every status that has no meaning of its own here.
    fn bad_request(&self, text: &str) -> Cause {
        if self.has_code(EXPIRED) {
            return Cause::CredentialsExpired;
        }
        if self.has_code(DENIED) {
            return Cause::Denied;
        }
        if let Some(path) = text.strip_prefix(CANNOT_REMOVE) {
            return if removed_something_absent(path) { Cause::AlreadyAbsent } else { Cause::Refused };
        }
        if let Some((_, cause)) = REFUSALS.iter().find(|(pattern, _)| text.contains(pattern)) {
            return cause.clone();
        }
        match self.operation {
            // U: a usage plan that still names the stage; every other refusal of a deletion waits, too.
            Operation::DeleteStage if self.status == 400 => Cause::StageInUse,
            Operation::GetCallerIdentity
            | Operation::GetRestApi
            | Operation::GetStages
            | Operation::GetStage
            | Operation::GetDeployments
            | Operation::GetDeployment
            | Operation::CreateDeployment
            | Operation::UpdateDeployment
            | Operation::DeleteDeployment
            | Operation::CreateStage
            | Operation::UpdateStage
            | Operation::DeleteStage
            | Operation::FlushStageCache
            | Operation::FlushStageAuthorizersCache
            | Operation::TagResource
            | Operation::UntagResource
            | Operation::GetMetricData
            | Operation::ListMetrics
            | Operation::DescribeAlarms
            | Operation::GetGatewayResponses
            | Operation::PutGatewayResponse
            | Operation::UpdateGatewayResponse
            | Operation::DeleteGatewayResponse => Cause::Refused,
        }
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.code.is_some_and(|code| codes.contains(&code))
    }
}

/// D, AWS-wide: codes about who calls, sent with a 400 by some front ends.
pub(super) const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// D, AWS-wide: temporary credentials that were good once.
pub(super) const EXPIRED: &[&str] = &["ExpiredToken", "ExpiredTokenException"];

/// What a text of a 400 means; the first that occurs in it.
const REFUSALS: &[(&str, Cause)] = &[
    // U with a 400: tag calls, whose resource is an argument. T with a 404.
    ("Invalid stage identifier", Cause::StageNotFound),
    // U with a 400, R with a 404.
    ("Invalid API identifier", Cause::RestApiNotFound),
    // R for canaries, T for stages.
    ("Deployment id does not exist", Cause::DeploymentNotFound),
    // R: "… pointing to this deployment must be moved or deleted".
    ("Active stages pointing to this deployment", Cause::DeploymentInUse),
    // T.
    ("Active stages with canary settings pointing to this deployment", Cause::DeploymentInUse),
    // T: "The REST API doesn't contain any methods".
    ("doesn't contain any methods", Cause::NoMethods),
    // T.
    ("No integration defined for method", Cause::NoIntegration),
    // T: "Non canary deployment not supported on stage {stage} because Canary is enabled."
    ("because Canary is enabled", Cause::CanaryEnabled),
    // R: "Promotion not available. Canary does not exist."
    ("Promotion not available", Cause::NoCanary),
    // T: "… must be set in account settings to enable logging".
    ("CloudWatch Logs role ARN must be set", Cause::LogsRoleMissing),
    // T: "Update size too large. Try updating stage in multiple UpdateStage operations".
    ("Update size too large", Cause::PatchTooLarge),
    // T with a 409; the text decides.
    ("Stage already exists", Cause::StageExists),
    // T: "Deleting stage {name} failed. Please remove all base path mappings related to the stage in your domains: …".
    ("remove all base path mappings", Cause::StageInUse),
    // T for REST APIs: "Maximum number of APIs has been reached."
    ("Maximum number of ", Cause::Quota),
];

/// R: "Cannot remove method setting {path without its first slash} because there is no method setting for this method ".
/// AWS says it for every removal that it does not carry out, method setting or not.
const CANNOT_REMOVE: &str = "Cannot remove method setting ";

/// Whether the refused removal named something that can be absent. Of the members of `canarySettings` and
/// `accessLogSettings`, and of one setting of a method, AWS refuses the removal as such.
fn removed_something_absent(rest: &str) -> bool {
    let path = rest.split_once(" because ").map_or(rest, |(path, _)| path);
    let segments: Vec<_> = path.split('/').collect();
    match segments.as_slice() {
        ["canarySettings" | "accessLogSettings", _] => false,
        // A method's entry, `*/*` or `~1pets/GET` (R); a variable, an override, a canary or access logs (U).
        [_, _] | ["canarySettings", "stageVariableOverrides", _] | ["canarySettings" | "accessLogSettings"] => true,
        _ => false,
    }
}

/// T: how the text of a throttle begins. Not "rate" anywhere: a refused patch is told all paths that there are, also
/// `throttling/rateLimit`.
const THROTTLED: &[&str] = &["Rate exceeded", "Too Many Requests"];

/// Whether the text of a limit is about a rate: "Rate exceeded", "Too Many Requests", "Throttled". By whole words, because
/// "integration" and "generate" hold "rate", too.
fn speaks_of_rate(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("too many requests")
        || text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| word == "rate" || word.starts_with("throttl"))
}

#[cfg(test)]
mod tests;
