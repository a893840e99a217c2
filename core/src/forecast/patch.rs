//! The effect of `UpdateStage` (aws-facts, table of `UpdateStage` and method settings).

use crate::method::Setting;
use crate::observed::{AccessLog, Canary, MethodSetting, Stage};
use crate::patch::{Op, PatchOperation};

/// A fresh entry where there is no `*/*`, as recorded from AWS with the default limits of an account.
const FRESH: MethodSetting = MethodSetting {
    metrics_enabled: false,
    logging_level: None,
    data_trace_enabled: false,
    throttling_burst_limit: 5000,
    throttling_rate_limit: 10_000.0,
    caching_enabled: false,
    cache_ttl_in_seconds: 300,
    cache_data_encrypted: false,
    require_authorization_for_cache_control: true,
    unauthorized_cache_control_header_strategy: None,
};

/// Carries out one list in its order: a later operation sees the effect of an earlier one.
pub(crate) fn update_stage(stage: &mut Stage, operations: &[PatchOperation]) {
    let before = stage.cache.clone();
    for operation in operations {
        apply(stage, operation);
    }
    let cache = &mut stage.cache;
    if cache.enabled && (!before.enabled || cache.size != before.size) {
        "CREATE_IN_PROGRESS".clone_into(&mut cache.status);
    } else if before.enabled && !cache.enabled {
        "DELETE_IN_PROGRESS".clone_into(&mut cache.status);
    }
}

fn apply(stage: &mut Stage, operation: &PatchOperation) {
    let value = operation.value.clone().unwrap_or_default();
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    match (operation.op, operation.path.as_str()) {
        (Op::Replace, "/deploymentId") => stage.deployment_id = value.as_str().into(),
        (Op::Replace, "/description") => stage.description = given(value),
        (Op::Replace, "/documentationVersion") => stage.documentation_version = given(value),
        (Op::Replace, "/clientCertificateId") => stage.client_certificate_id = given(value),
        (Op::Replace, "/tracingEnabled") => stage.tracing_enabled = value == "true",
        (Op::Replace, "/cacheClusterEnabled") => stage.cache.enabled = value == "true",
        (Op::Replace, "/cacheClusterSize") => stage.cache.size = Some(value),
        (Op::Add | Op::Replace, "/accessLogSettings/destinationArn") => access_log(stage).destination_arn = Some(value),
        (Op::Add | Op::Replace, "/accessLogSettings/format") => access_log(stage).format = Some(value),
        (Op::Remove, "/accessLogSettings") => stage.access_log = None,
        (Op::Remove, "/canarySettings") => stage.canary = None,
        (Op::Copy, "/deploymentId") => {
            if let Some(canary) = &stage.canary {
                stage.deployment_id = canary.deployment_id.clone();
            }
        }
        (Op::Replace, "/canarySettings/deploymentId") => canary(stage).deployment_id = value.as_str().into(),
        (Op::Replace, "/canarySettings/percentTraffic") => {
            if let Ok(percent) = value.parse() {
                canary(stage).percent_traffic = percent;
            }
        }
        (Op::Replace, "/canarySettings/useStageCache") => canary(stage).use_stage_cache = value == "true",
        (op, path) => by_key(stage, op, path, value),
    }
}

/// Paths that hold a key: a variable, an override, a method.
fn by_key(stage: &mut Stage, op: Op, path: &str, value: String) {
    if let Some(key) = path.strip_prefix("/variables/") {
        set(&mut stage.variables, op, key, value);
    } else if let Some(key) = path.strip_prefix("/canarySettings/stageVariableOverrides/") {
        set(&mut canary(stage).stage_variable_overrides, op, key, value);
    } else if op == Op::Remove {
        stage.method_settings.remove(path.trim_start_matches('/'));
    } else if op == Op::Replace {
        method_setting(stage, path, value);
    }
}

fn set(map: &mut std::collections::BTreeMap<String, String>, op: Op, key: &str, value: String) {
    if op == Op::Remove {
        map.remove(key);
    } else {
        map.insert(key.to_owned(), value);
    }
}

/// The canary; a first operation on a stage without one makes it, of the stage's own deployment.
fn canary(stage: &mut Stage) -> &mut Canary {
    let deployment_id = stage.deployment_id.clone();
    stage.canary.get_or_insert_with(|| Canary {
        deployment_id,
        percent_traffic: 0.0,
        use_stage_cache: false,
        stage_variable_overrides: std::collections::BTreeMap::new(),
    })
}

fn access_log(stage: &mut Stage) -> &mut AccessLog {
    stage.access_log.get_or_insert(AccessLog { destination_arn: None, format: None })
}

/// One setting of a method; the first one makes the whole entry, from `*/*` as it is then.
fn method_setting(stage: &mut Stage, path: &str, value: String) {
    let Some((key, suffix)) = Setting::ALL
        .into_iter()
        .find_map(|setting| Some((path.strip_suffix(setting.suffix())?.trim_matches('/').to_owned(), setting)))
    else {
        return;
    };
    let seed = stage.method_settings.get("*/*").cloned().unwrap_or_else(|| MethodSetting {
        unauthorized_cache_control_header_strategy: Setting::CacheControlStrategy.default().map(str::to_owned),
        ..FRESH
    });
    let entry = stage.method_settings.entry(key).or_insert(seed);
    let truth = value == "true";
    match suffix {
        Setting::Metrics => entry.metrics_enabled = truth,
        Setting::LoggingLevel => entry.logging_level = Some(value),
        Setting::DataTrace => entry.data_trace_enabled = truth,
        Setting::BurstLimit => entry.throttling_burst_limit = value.parse().unwrap_or(entry.throttling_burst_limit),
        Setting::RateLimit => entry.throttling_rate_limit = value.parse().unwrap_or(entry.throttling_rate_limit),
        Setting::Caching => entry.caching_enabled = truth,
        Setting::CacheTtl => entry.cache_ttl_in_seconds = value.parse().unwrap_or(entry.cache_ttl_in_seconds),
        Setting::CacheEncryption => entry.cache_data_encrypted = truth,
        Setting::CacheControlAuthorization => entry.require_authorization_for_cache_control = truth,
        Setting::CacheControlStrategy => entry.unauthorized_cache_control_header_strategy = Some(value),
    }
}
