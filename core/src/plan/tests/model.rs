//! What `UpdateStage` does to a stage, for every path that a plan may send; anything else API Gateway would refuse, so it panics.

use crate::observed::{AccessLog, MethodSetting, Stage};
use crate::patch::{Op, PatchOperation};

/// A fresh entry where there is no `*/*`, as recorded from AWS.
pub(super) fn fresh() -> MethodSetting {
    MethodSetting {
        metrics_enabled: false,
        logging_level: None,
        data_trace_enabled: false,
        throttling_burst_limit: 5000,
        throttling_rate_limit: 10_000.0,
        caching_enabled: false,
        cache_ttl_in_seconds: 300,
        cache_data_encrypted: false,
        require_authorization_for_cache_control: true,
        unauthorized_cache_control_header_strategy: Some("SUCCEED_WITH_RESPONSE_HEADER".to_owned()),
    }
}

/// Carries out one list, at most 80 operations, in its order; then transitions of the cache begin.
pub(super) fn update_stage(stage: &mut Stage, operations: &[PatchOperation]) {
    assert!(operations.len() <= 80, "Update size too large: {} operations", operations.len());
    let (enabled, size) = (stage.cache.enabled, stage.cache.size.clone());
    for operation in operations {
        patch(stage, operation);
    }
    let cache = &mut stage.cache;
    if cache.enabled && cache.size.is_none() {
        cache.size = Some("0.5".to_owned());
    }
    if cache.enabled && (!enabled || cache.size != size) {
        cache.status = "CREATE_IN_PROGRESS".to_owned();
    } else if enabled && !cache.enabled {
        cache.status = "DELETE_IN_PROGRESS".to_owned();
    }
}

/// The transition of the cache comes to its end.
pub(super) fn settle_cache(stage: &mut Stage) {
    stage.cache.status = if stage.cache.enabled { "AVAILABLE" } else { "NOT_AVAILABLE" }.to_owned();
}

fn patch(stage: &mut Stage, operation: &PatchOperation) {
    let value = operation.value.clone().unwrap_or_default();
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    match (operation.op, operation.path.as_str()) {
        (Op::Replace, "/deploymentId") => stage.deployment_id = value.as_str().into(),
        (Op::Replace, "/description") => stage.description = given(value),
        (Op::Replace, "/documentationVersion") => stage.documentation_version = given(value),
        (Op::Replace, "/clientCertificateId") => stage.client_certificate_id = given(value),
        (Op::Replace, "/tracingEnabled") => stage.tracing_enabled = value.parse().unwrap(),
        (Op::Replace, "/cacheClusterEnabled") => stage.cache.enabled = value.parse().unwrap(),
        (Op::Replace, "/cacheClusterSize") => stage.cache.size = Some(value),
        (Op::Replace, "/accessLogSettings/destinationArn") => {
            assert!(!value.ends_with(":*") && !value.is_empty(), "API Gateway refuses {value}");
            access_log(stage).destination_arn = Some(value);
        }
        (Op::Replace, "/accessLogSettings/format") => {
            assert!(!value.is_empty(), "Access Log value must not be empty");
            access_log(stage).format = Some(value);
        }
        (Op::Remove, "/accessLogSettings") => stage.access_log = None,
        (Op::Remove, "/canarySettings") => {
            assert!(stage.canary.take().is_some(), "API Gateway refuses to remove a canary that is not there");
        }
        (Op::Replace, path) if path.starts_with("/variables/") => {
            stage.variables.insert(path.trim_start_matches("/variables/").to_owned(), value);
        }
        (Op::Remove, path) if path.starts_with("/variables/") => {
            let removed = stage.variables.remove(path.trim_start_matches("/variables/"));
            assert!(removed.is_some(), "{path} is removed although no read has shown it");
        }
        (Op::Replace, path) => method_setting(stage, path, &value),
        (Op::Remove, path) => {
            let removed = stage.method_settings.remove(path.trim_start_matches('/'));
            assert!(removed.is_some(), "there is no method setting for {path}");
        }
        (op, path) => panic!("API Gateway would refuse {op} {path}"),
    }
}

fn access_log(stage: &mut Stage) -> &mut AccessLog {
    stage.access_log.get_or_insert(AccessLog { destination_arn: None, format: None })
}

/// One setting of a method. The first one makes the whole entry from `*/*` as it is now.
fn method_setting(stage: &mut Stage, path: &str, value: &str) {
    let segments: Vec<_> = path.split('/').collect();
    let ["", resource, method, setting @ ..] = segments.as_slice() else { panic!("API Gateway would refuse {path}") };
    assert!(*resource == "*" || resource.starts_with("~1"), "an unescaped key is another key: {path}");
    let seed = stage.method_settings.get("*/*").cloned().unwrap_or_else(fresh);
    let entry = stage.method_settings.entry(format!("{resource}/{method}")).or_insert(seed);
    match setting {
        ["metrics", "enabled"] => entry.metrics_enabled = value.parse().unwrap(),
        ["logging", "loglevel"] => entry.logging_level = Some(value.to_owned()),
        ["logging", "dataTrace"] => entry.data_trace_enabled = value.parse().unwrap(),
        ["throttling", "burstLimit"] => entry.throttling_burst_limit = value.parse().unwrap(),
        ["throttling", "rateLimit"] => entry.throttling_rate_limit = value.parse().unwrap(),
        ["caching", "enabled"] => entry.caching_enabled = value.parse().unwrap(),
        ["caching", "ttlInSeconds"] => entry.cache_ttl_in_seconds = value.parse().unwrap(),
        ["caching", "dataEncrypted"] => entry.cache_data_encrypted = value.parse().unwrap(),
        ["caching", "requireAuthorizationForCacheControl"] => {
            entry.require_authorization_for_cache_control = value.parse().unwrap();
        }
        ["caching", "unauthorizedCacheControlHeaderStrategy"] => {
            entry.unauthorized_cache_control_header_strategy = Some(value.to_owned());
        }
        _ => panic!("API Gateway would refuse {path}"),
    }
}
