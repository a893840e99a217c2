//! An existing stage as an `ApiStage` would declare it: how stages that Terraform, the CDK or a hand has made come over.
//!
//! What is declared is what is there, so that governing it changes nothing; what an `ApiStage` cannot say is left out, and
//! said. A setting that is AWS's default, or that follows from the entry of all methods, is left out too: manifests are read
//! by people.

use crate::api::names::{Region, RestApiId};
use crate::api::owner::OWNER_TAG;
use crate::api::settings::{
    AccessLogSettings, CacheClusterSize, CacheControlStrategy, HttpMethod, LoggingLevel, MethodSettings, Tags,
};
use crate::api::stage::{AdoptionPolicy, ApiStageSpec, DeletionPolicy};
use crate::method::{MethodKey, Setting, Values, declared, unescape};
use crate::observed::{AccessLog, CacheCluster, MethodSetting, Stage};

/// Entries of `methodSettings` that a spec has at most.
const MOST_METHODS: usize = 300;

/// A spec, and what it cannot say.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The stage as it is.
    pub spec: ApiStageSpec,
    /// What of the stage is not in it, or is to be known before it is applied: whole sentences.
    pub notes: Vec<String>,
}

/// The stage as an `ApiStage` would declare it.
///
/// # Guarantees
///
/// * Nothing of the stage changes when it is governed by this spec, but for the tag of its owner.
/// * Deleting the object later leaves the stage.
#[must_use]
pub fn import(region: &Region, rest_api: &RestApiId, stage: &Stage) -> Imported {
    // No `..`: what is new on a stage is imported, or left out on purpose. Dates are AWS's own.
    let Stage {
        name,
        deployment_id,
        description,
        variables,
        tags,
        canary,
        created: _,
        last_updated: _,
        web_acl_arn,
        client_certificate_id,
        documentation_version,
        tracing_enabled,
        cache,
        method_settings: _,
        access_log,
    } = stage;
    let mut notes = Vec::new();
    let cache_size = cache_size(cache, &mut notes);
    let spec = ApiStageSpec {
        rest_api_id: Some(rest_api.clone()),
        region: Some(region.clone()),
        stage_name: Some(name.clone()),
        deployment_id: Some(deployment_id.clone()),
        description: description.clone(),
        variables: Some(variables.clone()).filter(|variables| !variables.is_empty()),
        tracing_enabled: tracing_enabled.then_some(true),
        client_certificate_id: client_certificate_id.clone(),
        documentation_version: documentation_version.clone(),
        cache_cluster_enabled: cache_size.is_some().then_some(true),
        cache_cluster_size: cache_size,
        method_settings: Some(methods(stage, &mut notes)).filter(|entries| !entries.is_empty()),
        access_log_settings: access_log.as_ref().and_then(|log| logged(log, &mut notes)),
        tags: Some(tags.iter().flatten().filter(|(key, _)| is_ours(key)).map(pair).collect::<Tags>())
            .filter(|tags| !tags.is_empty()),
        adoption_policy: Some(AdoptionPolicy::IfExists),
        deletion_policy: Some(DeletionPolicy::Retain),
        ..ApiStageSpec::default()
    };
    if let Some(owner) = tags.as_ref().and_then(|tags| tags.get(OWNER_TAG)) {
        notes.push(format!(
            "The stage is governed already, by {owner} (tag {OWNER_TAG}). Delete that object with deletionPolicy: Retain first, or \
             leave the stage with it."
        ));
    }
    if let Some(canary) = canary {
        notes.push(format!(
            "A canary of deployment {} has {} % of the requests. It is left as it is; a change of the target waits until it is \
             gone.",
            canary.deployment_id, canary.percent_traffic
        ));
    }
    if let Some(acl) = web_acl_arn {
        notes.push(format!(
            "The web ACL {acl} stays on the stage; it belongs to AWS WAF and is no part of an ApiStage."
        ));
    }
    Imported { spec, notes }
}

fn pair((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// Tags of AWS's own, and ours, are nobody's to declare.
fn is_ours(key: &str) -> bool {
    !key.to_ascii_lowercase().starts_with("aws:") && !key.starts_with("stagecraft.dev/")
}

/// The size of a cluster that is there or comes, for one that goes is on no spec.
fn cache_size(cache: &CacheCluster, notes: &mut Vec<String>) -> Option<CacheClusterSize> {
    if !cache.enabled || matches!(cache.status.as_str(), "NOT_AVAILABLE" | "DELETE_IN_PROGRESS") {
        return None;
    }
    let written = cache.size.as_deref().unwrap_or_default();
    let size = serde_json::from_value(serde_json::Value::from(written)).ok();
    if size.is_none() {
        notes.push(format!(
            "The cache cluster has the size {written:?}, which is not known here: it is left out and left as it is."
        ));
    }
    size
}

/// The entries, `*/*` first.
fn methods(stage: &Stage, notes: &mut Vec<String>) -> Vec<MethodSettings> {
    let mut entries: Vec<(MethodKey, MethodSettings)> = Vec::new();
    let mut left_out = Vec::new();
    for (key, setting) in &stage.method_settings {
        match entry(key, setting) {
            Some(entry) => entries.push(entry),
            None => left_out.push(key.as_str()),
        }
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let all: Values =
        entries.iter().find(|(key, _)| key.is_all()).map(|(_, entry)| declared(entry)).unwrap_or_default();
    let mut entries: Vec<MethodSettings> = entries
        .into_iter()
        .map(|(key, entry)| shortened(&entry, if key.is_all() { None } else { Some(&all) }))
        .collect();
    if entries.len() > MOST_METHODS {
        entries.truncate(MOST_METHODS);
        notes.push(format!("The stage has settings of more than {MOST_METHODS} methods: those beyond are left out and left as they are."));
    }
    if !left_out.is_empty() {
        notes.push(format!(
            "The settings of {} cannot be declared (no method of a resource, or values that are not known here): they are left out \
             and left as they are.",
            left_out.join(", ")
        ));
    }
    entries
}

/// An entry with all that it holds; `None` where it cannot be declared.
fn entry(key: &str, setting: &MethodSetting) -> Option<(MethodKey, MethodSettings)> {
    // No `..`: a new setting that is not imported must not compile.
    let MethodSetting {
        metrics_enabled,
        logging_level,
        data_trace_enabled,
        throttling_burst_limit,
        throttling_rate_limit,
        caching_enabled,
        cache_ttl_in_seconds,
        cache_data_encrypted,
        require_authorization_for_cache_control,
        unauthorized_cache_control_header_strategy,
    } = setting;
    let (path, method) = key.rsplit_once('/')?;
    let method: HttpMethod = serde_json::from_value(serde_json::Value::from(method)).ok()?;
    let path = unescape(path);
    let known = MethodKey::declared(&path, method)?;
    // Another spelling would be another entry in AWS.
    if known.in_aws() != key || *throttling_burst_limit < -1 || *throttling_rate_limit < -1.0 {
        return None;
    }
    let (mut level, mut strategy) = (LoggingLevel::Off, CacheControlStrategy::SucceedWithResponseHeader);
    if let Some(text) = logging_level {
        level = serde_json::from_value(serde_json::Value::from(text.as_str())).ok()?;
    }
    if let Some(text) = unauthorized_cache_control_header_strategy {
        strategy = serde_json::from_value(serde_json::Value::from(text.as_str())).ok()?;
    }
    let entry = MethodSettings {
        resource_path: path,
        http_method: method,
        metrics_enabled: Some(*metrics_enabled),
        logging_level: Some(level),
        data_trace_enabled: Some(*data_trace_enabled),
        throttling_burst_limit: Some(*throttling_burst_limit),
        throttling_rate_limit: Some(*throttling_rate_limit),
        caching_enabled: Some(*caching_enabled),
        cache_ttl_in_seconds: Some(*cache_ttl_in_seconds),
        cache_data_encrypted: Some(*cache_data_encrypted),
        require_authorization_for_cache_control: Some(*require_authorization_for_cache_control),
        unauthorized_cache_control_header_strategy: Some(strategy),
    };
    Some((known, entry))
}

/// The entry without what follows from `*/*`, where there is one, or is AWS's default.
fn shortened(entry: &MethodSettings, all: Option<&Values>) -> MethodSettings {
    let own = declared(entry);
    let needed = |setting: Setting| {
        let followed = all.and_then(|all| all.get(&setting)).map(String::as_str).or_else(|| setting.default());
        own.get(&setting).map(String::as_str) != followed
    };
    MethodSettings {
        resource_path: entry.resource_path.clone(),
        http_method: entry.http_method,
        metrics_enabled: entry.metrics_enabled.filter(|_| needed(Setting::Metrics)),
        logging_level: entry.logging_level.filter(|_| needed(Setting::LoggingLevel)),
        data_trace_enabled: entry.data_trace_enabled.filter(|_| needed(Setting::DataTrace)),
        throttling_burst_limit: entry.throttling_burst_limit.filter(|_| needed(Setting::BurstLimit)),
        throttling_rate_limit: entry.throttling_rate_limit.filter(|_| needed(Setting::RateLimit)),
        caching_enabled: entry.caching_enabled.filter(|_| needed(Setting::Caching)),
        cache_ttl_in_seconds: entry.cache_ttl_in_seconds.filter(|_| needed(Setting::CacheTtl)),
        cache_data_encrypted: entry.cache_data_encrypted.filter(|_| needed(Setting::CacheEncryption)),
        require_authorization_for_cache_control: entry
            .require_authorization_for_cache_control
            .filter(|_| needed(Setting::CacheControlAuthorization)),
        unauthorized_cache_control_header_strategy: entry
            .unauthorized_cache_control_header_strategy
            .filter(|_| needed(Setting::CacheControlStrategy)),
    }
}

/// Access logs, where both members are there and in a form that API Gateway would take again.
fn logged(log: &AccessLog, notes: &mut Vec<String>) -> Option<AccessLogSettings> {
    let AccessLog { destination_arn, format } = log;
    let is_whole = |format: &&String| {
        let line = format.strip_suffix('\n').unwrap_or(format);
        let has_id = line.contains("$context.requestId") || line.contains("$context.extendedRequestId");
        has_id && !line.contains(['\n', '\r'])
    };
    if let (Some(arn), Some(format)) = (destination_arn, format.as_ref().filter(is_whole)) {
        let destination_arn = arn.strip_suffix(":*").unwrap_or(arn).to_owned();
        let format = format.strip_suffix('\n').unwrap_or(format).to_owned();
        return Some(AccessLogSettings { destination_arn, format });
    }
    notes.push(
        "The access logs have no destination, or a format that API Gateway would not take again (one line that holds \
         $context.requestId): they are left out and left as they are."
            .to_owned(),
    );
    None
}
