//! What `UpdateStage` does to a stage, for every path that a plan may send; anything else API Gateway would refuse, so it panics.

use std::collections::BTreeMap;

use crate::api::names::DeploymentId;
use crate::cause::Cause;
use crate::observed::{AccessLog, Canary, MethodSetting, Stage};
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
///
/// # Errors
///
/// Where API Gateway refuses what a release may well run into: a deployment that is gone (not in `known`), a canary that is
/// gone. Everything else that it refuses is a mistake of the plan.
pub(super) fn update_stage(
    stage: &mut Stage,
    operations: &[PatchOperation],
    known: &[DeploymentId],
) -> Result<(), Cause> {
    assert!(operations.len() <= 80, "Update size too large: {} operations", operations.len());
    let (enabled, size) = (stage.cache.enabled, stage.cache.size.clone());
    for operation in operations {
        patch(stage, operation, known)?;
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
    Ok(())
}

/// The transition of the cache comes to its end.
pub(super) fn settle_cache(stage: &mut Stage) {
    stage.cache.status = if stage.cache.enabled { "AVAILABLE" } else { "NOT_AVAILABLE" }.to_owned();
}

pub(super) fn patch(stage: &mut Stage, operation: &PatchOperation, known: &[DeploymentId]) -> Result<(), Cause> {
    let value = operation.value.clone().unwrap_or_default();
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let exists = |id: &DeploymentId| if known.contains(id) { Ok(()) } else { Err(Cause::DeploymentNotFound) };
    match (operation.op, operation.path.as_str()) {
        (Op::Replace, "/deploymentId") => {
            exists(&value.as_str().into())?;
            stage.deployment_id = value.as_str().into();
        }
        (Op::Copy, "/deploymentId") => {
            assert_eq!(operation.from.as_deref(), Some("/canarySettings/deploymentId"), "no other copy is used");
            stage.deployment_id = stage.canary.as_ref().ok_or(Cause::NoCanary)?.deployment_id.clone();
        }
        (Op::Replace, "/canarySettings/deploymentId") => {
            exists(&value.as_str().into())?;
            canary(stage).deployment_id = value.as_str().into();
        }
        (Op::Replace, "/canarySettings/percentTraffic") => {
            assert!(value.contains('.'), "{value} is not as AWS shows it");
            canary(stage).percent_traffic = value.parse().unwrap_or(f64::NAN);
        }
        (Op::Replace, "/canarySettings/useStageCache") => canary(stage).use_stage_cache = value == "true",
        (Op::Replace, "/description") => stage.description = given(value),
        (Op::Replace, "/documentationVersion") => stage.documentation_version = given(value),
        (Op::Replace, "/clientCertificateId") => stage.client_certificate_id = given(value),
        (Op::Replace, "/tracingEnabled") => stage.tracing_enabled = truth(&value),
        (Op::Replace, "/cacheClusterEnabled") => stage.cache.enabled = truth(&value),
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
            stage.canary.take().ok_or(Cause::AlreadyAbsent)?;
        }
        (op, path) if path.starts_with("/variables/") => {
            keyed(&mut stage.variables, op, path, path.trim_start_matches("/variables/"), value);
            assert!(stage.variables.len() <= 100, "A stage has at most 100 variables, also after {path}");
        }
        (op, path) if path.starts_with("/canarySettings/stageVariableOverrides/") => {
            let key = path.trim_start_matches("/canarySettings/stageVariableOverrides/");
            keyed(&mut canary(stage).stage_variable_overrides, op, path, key, value);
        }
        (Op::Replace, path) => method_setting(stage, path, &value),
        (Op::Remove, path) => {
            let removed = stage.method_settings.remove(path.trim_start_matches('/'));
            assert!(removed.is_some(), "there is no method setting for {path}");
        }
        (op, path) => panic!("API Gateway would refuse {op} {path}"),
    }
    Ok(())
}

/// Only the two canonical words are ever sent.
fn truth(value: &str) -> bool {
    value.parse().unwrap()
}

fn keyed(map: &mut BTreeMap<String, String>, op: Op, path: &str, key: &str, value: String) {
    match op {
        Op::Replace => drop(map.insert(key.to_owned(), value)),
        Op::Remove => assert!(map.remove(key).is_some(), "{path} is removed although no read has shown it"),
        Op::Add | Op::Copy => panic!("API Gateway would refuse {op} {path}"),
    }
}

/// The canary, created where there is none: of the stage's own deployment, at 0.
fn canary(stage: &mut Stage) -> &mut Canary {
    let deployment_id = stage.deployment_id.clone();
    stage.canary.get_or_insert_with(|| Canary {
        deployment_id,
        percent_traffic: 0.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::new(),
    })
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
