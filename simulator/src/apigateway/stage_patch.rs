//! `UpdateStage`: how a patch list is carried out, and the words of what is refused. What each operation does is the
//! table in `stage_rules`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::cache::{CacheCluster, Conditions};
use super::client_certificate::ClientCertificate;
use super::deployment::Deployment;
use super::documentation::DocumentationVersion;
use super::stage::Stage;
use super::stage_rules::{METHOD_SETTING_RULES, STAGE_RULES};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::switches::{FailedPatch, Switches, UnparsableBoolean};
use crate::wire::patch::{self, Effect, Op, PatchOperation};

/// AWS's list for a bad path, verbatim: the missing commas are its own, and canary and documentationVersion are not
/// in it although they work.
const LIST_A: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled]";

/// AWS's list for a bad setting of a method, verbatim.
const LIST_B: &str = "[.../metrics/enabled, .../logging/dataTrace, .../logging/loglevel,.../throttling/burstLimit, .../throttling/rateLimit, .../caching/ttlInSeconds, .../caching/enabled, .../caching/dataEncrypted, .../caching/requireAuthorizationForCacheControl, .../caching/unauthorizedCacheControlHeaderStrategy]";

/// First segments whose paths are never method settings.
const RESERVED: [&str; 4] = ["canarySettings", "accessLogSettings", "variables", "tags"];

/// A stage while a patch list is carried out, with what its operations depend on.
pub(super) struct Draft {
    pub(super) stage: Stage,
    pub(super) deployments: Arc<BTreeMap<String, Deployment>>,
    pub(super) documentation_versions: Arc<BTreeMap<String, DocumentationVersion>>,
    pub(super) client_certificates: Arc<BTreeMap<String, ClientCertificate>>,
    pub(super) has_cloudwatch_role: bool,
    pub(super) switches: Switches,
    pub(super) now: jiff::Timestamp,
    /// What the cache shall be; its transition starts once the whole list was carried out.
    pub(super) cache_cluster_enabled: bool,
    pub(super) cache_cluster_size: Option<String>,
    /// Operations carried out so far.
    pub(super) done: usize,
}

pub(super) fn update(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let list = patch::read(call.operation, &call.body)?;
    let mut draft = draft(session, call)?;
    if session.switches.patch_operation_limit.is_some_and(|most| list.len() > most) {
        let text = "Update size too large. Try updating stage in multiple UpdateStage operations";
        return Err(ApiError::bad_request(text));
    }
    let outcome = list.iter().try_for_each(|operation| {
        draft.carry_out(operation)?;
        draft.done = draft.done.saturating_add(1);
        Ok(())
    });
    if outcome.is_err() && (session.switches.failed_patch == FailedPatch::Atomic || draft.done == 0) {
        return outcome.map(|()| Answer::no_content());
    }
    let stage = draft.finish(&CacheCluster::conditions(session));
    let view = stage.write_view(session.now, session.switches);
    *session.stage_mut(call)? = stage;
    outcome.map(|()| Answer::ok(view))
}

fn draft(session: &Session<'_>, call: &Call) -> Result<Draft, ApiError> {
    let api = session.rest_api(call)?;
    let stage = session.stage(call)?.clone();
    Ok(Draft {
        deployments: Arc::clone(&api.deployments),
        documentation_versions: Arc::clone(&api.documentation_versions),
        client_certificates: Arc::clone(&session.region.client_certificates),
        has_cloudwatch_role: session.region.account.cloudwatch_role_arn.is_some(),
        switches: session.switches.clone(),
        now: session.now,
        cache_cluster_enabled: stage.cache.enabled(),
        cache_cluster_size: None,
        done: 0,
        stage,
    })
}

impl Draft {
    fn carry_out(&mut self, operation: &PatchOperation) -> Result<(), ApiError> {
        let path = operation.path.as_str();
        let reserved = RESERVED.contains(&path.split('/').nth(1).unwrap_or_default());
        let rule = patch::find(STAGE_RULES, operation.op, path)
            .or_else(|| if reserved { None } else { patch::find(METHOD_SETTING_RULES, operation.op, path) });
        let Some((rule, parameter)) = rule else { return Err(refusal(operation)) };
        if let Effect::Copy(from, _) = rule.effect
            && operation.from.as_deref() != Some(from)
        {
            return Err(refusal(operation));
        }
        let strict = self.switches.unparsable_boolean == UnparsableBoolean::Refuse;
        rule.apply(self, operation, parameter, strict)
    }

    /// The stage with the transitions and the date that a successful patch brings.
    fn finish(mut self, conditions: &Conditions<'_>) -> Stage {
        self.stage.cache.change(self.cache_cluster_enabled, self.cache_cluster_size, conditions);
        self.stage.updated = self.now;
        self.stage
    }
}

/// AWS's words for an operation that the tables do not have.
fn refusal(operation: &PatchOperation) -> ApiError {
    let path = operation.path.as_str();
    let access_log = path == "/accessLogSettings" || path.starts_with("/accessLogSettings/");
    match operation.op {
        Op::Add | Op::Replace if access_log => ApiError::bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, \
             /accessLogSettings/format]",
        ),
        Op::Replace => invalid_setting_path(path),
        Op::Remove => nothing_to_remove(path),
        Op::Copy => {
            let from = operation.from.as_deref().unwrap_or("null");
            ApiError::bad_request(format!(
                "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, \
                 /variables] and valid copy:from are [/canarySettings/deploymentId, \
                 /canarySettings/stageVariableOverrides]"
            ))
        }
        Op::Add | Op::Move | Op::Test => {
            ApiError::bad_request(format!("Invalid {} operation with path: {path}", operation.op.name()))
        }
    }
}

/// The refusal of a replace: list B where the path begins with a method's key and goes on with two segments or more.
pub(super) fn invalid_setting_path(path: &str) -> ApiError {
    let mut segments = path.splitn(4, '/');
    let reserved = RESERVED.contains(&segments.nth(1).unwrap_or_default());
    let rest = segments.nth(1).filter(|rest| rest.contains('/') && !reserved);
    match rest {
        Some(rest) => ApiError::bad_request(format!("Invalid method setting path: /{rest}. Must be one of: {LIST_B}")),
        None => ApiError::bad_request(format!("Invalid method setting path: {path}. Must be one of: {LIST_A}")),
    }
}

/// The refusal of a remove, whatever it was that could not be removed. It ends with a blank.
pub(super) fn nothing_to_remove(path: &str) -> ApiError {
    let path = path.strip_prefix('/').unwrap_or(path);
    ApiError::bad_request(format!(
        "Cannot remove method setting {path} because there is no method setting for this method "
    ))
}

/// A map of strings inside the string value of a whole-map operation.
pub(super) fn map_of_strings(path: &str, value: Option<&str>) -> Result<BTreeMap<String, String>, ApiError> {
    let parsed: Option<BTreeMap<String, Value>> = value.and_then(|text| serde_json::from_str(text).ok());
    let strings = parsed.and_then(|map| {
        map.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect::<Option<_>>()
    });
    strings.ok_or_else(|| {
        let given = value.unwrap_or("null");
        ApiError::bad_request(format!("Invalid value '{given}' for path {path}. Must be a JSON object of strings"))
    })
}
