//! What each operation of `UpdateStage` does: one row for each operation and path.

use super::cache::SIZES;
use super::canary::Canary;
use super::method_settings::MethodSetting;
use super::stage::unknown_deployment;
use super::stage_patch::{Draft, invalid_setting_path, map_of_strings, nothing_to_remove};
use super::variables;
use crate::error::ApiError;
use crate::switches::{AbsentVariable, CacheChange, Verdict};
use crate::wire::patch::{Effect, Op, Rule, unescape};

type Done = Result<(), ApiError>;

const LOGGING_LEVELS: [&str; 3] = ["OFF", "ERROR", "INFO"];
const UNAUTHORIZED_STRATEGIES: [&str; 3] =
    ["SUCCEED_WITH_RESPONSE_HEADER", "FAIL_WITH_403", "SUCCEED_WITHOUT_RESPONSE_HEADER"];

const fn replace(path: &'static str, effect: Effect<Draft>) -> Rule<Draft> {
    Rule { op: Op::Replace, path, effect }
}

const fn remove(path: &'static str, change: fn(&mut Draft, &str) -> Done) -> Rule<Draft> {
    Rule { op: Op::Remove, path, effect: Effect::Removal(change) }
}

const fn add(path: &'static str, effect: Effect<Draft>) -> Rule<Draft> {
    Rule { op: Op::Add, path, effect }
}

const fn copy(path: &'static str, from: &'static str, change: fn(&mut Draft) -> Done) -> Rule<Draft> {
    Rule { op: Op::Copy, path, effect: Effect::Copy(from, change) }
}

/// Everything but method settings.
pub(super) static STAGE_RULES: &[Rule<Draft>] = &[
    replace("/deploymentId", Effect::Text(set_deployment)),
    replace("/description", Effect::Text(set_description)),
    replace("/tracingEnabled", Effect::Boolean(set_tracing)),
    replace("/documentationVersion", Effect::Text(set_documentation_version)),
    replace("/clientCertificateId", Effect::Text(set_client_certificate)),
    replace("/cacheClusterEnabled", Effect::Boolean(set_cache_enabled)),
    replace("/cacheClusterSize", Effect::Choice(&SIZES, set_cache_size)),
    replace("/variables", Effect::Text(set_all_variables)),
    remove("/variables", remove_all_variables),
    replace("/variables/{name+}", Effect::Text(set_variable)),
    remove("/variables/{name+}", remove_variable),
    remove("/accessLogSettings", remove_access_log),
    add("/accessLogSettings/destinationArn", Effect::Text(set_access_log_destination)),
    replace("/accessLogSettings/destinationArn", Effect::Text(set_access_log_destination)),
    add("/accessLogSettings/format", Effect::Text(set_access_log_format)),
    replace("/accessLogSettings/format", Effect::Text(set_access_log_format)),
    remove("/canarySettings", remove_canary),
    replace("/canarySettings/deploymentId", Effect::Text(set_canary_deployment)),
    replace("/canarySettings/percentTraffic", Effect::Number(0.0, 100.0, set_percent_traffic)),
    replace("/canarySettings/useStageCache", Effect::Boolean(set_use_stage_cache)),
    replace("/canarySettings/stageVariableOverrides", Effect::Text(set_all_overrides)),
    replace("/canarySettings/stageVariableOverrides/{name+}", Effect::Text(set_override)),
    remove("/canarySettings/stageVariableOverrides/{name+}", remove_override),
    copy("/deploymentId", "/canarySettings/deploymentId", promote_deployment),
    copy("/variables", "/canarySettings/stageVariableOverrides", promote_variables),
];

/// Settings of a method, by the end of the path; the key is what stands before it.
pub(super) static METHOD_SETTING_RULES: &[Rule<Draft>] = &[
    replace(
        "/{key+}/metrics/enabled",
        Effect::Boolean(|draft, key, on| {
            entry(draft, key, |entry| {
                entry.metrics_enabled = on;
            })
        }),
    ),
    replace("/{key+}/logging/loglevel", Effect::Choice(&LOGGING_LEVELS, set_logging_level)),
    replace(
        "/{key+}/logging/dataTrace",
        Effect::Boolean(|draft, key, on| {
            entry(draft, key, |entry| {
                entry.data_trace_enabled = on;
            })
        }),
    ),
    replace(
        "/{key+}/throttling/burstLimit",
        Effect::Integer(-1, i32::MAX, |draft, key, limit| {
            entry(draft, key, |entry| entry.throttling_burst_limit = limit)
        }),
    ),
    replace(
        "/{key+}/throttling/rateLimit",
        Effect::Number(-1.0, f64::MAX, |draft, key, limit| {
            entry(draft, key, |entry| entry.throttling_rate_limit = limit)
        }),
    ),
    replace(
        "/{key+}/caching/enabled",
        Effect::Boolean(|draft, key, on| {
            entry(draft, key, |entry| {
                entry.caching_enabled = on;
            })
        }),
    ),
    replace(
        "/{key+}/caching/ttlInSeconds",
        Effect::Integer(0, 3600, |draft, key, seconds| entry(draft, key, |entry| entry.cache_ttl_in_seconds = seconds)),
    ),
    replace(
        "/{key+}/caching/dataEncrypted",
        Effect::Boolean(|draft, key, on| {
            entry(draft, key, |entry| {
                entry.cache_data_encrypted = on;
            })
        }),
    ),
    replace(
        "/{key+}/caching/requireAuthorizationForCacheControl",
        Effect::Boolean(|draft, key, on| entry(draft, key, |entry| entry.require_authorization_for_cache_control = on)),
    ),
    replace(
        "/{key+}/caching/unauthorizedCacheControlHeaderStrategy",
        Effect::Choice(&UNAUTHORIZED_STRATEGIES, |draft, key, strategy| {
            entry(draft, key, |entry| strategy.clone_into(&mut entry.unauthorized_cache_control_header_strategy))
        }),
    ),
    remove("/{key+}", |draft, key| {
        draft.stage.method_settings.remove(key).map(drop).ok_or_else(|| nothing_to_remove(key))
    }),
];

fn set_deployment(draft: &mut Draft, _: &str, id: Option<&str>) -> Done {
    let id = known_deployment(draft, id)?;
    if draft.stage.canary.is_some() && draft.switches.deployment_id_while_canary == Verdict::Refuse {
        return Err(ApiError::bad_request("Deployment of a stage cannot be changed while a canary is enabled"));
    }
    draft.stage.deployment_id = id;
    Ok(())
}

fn known_deployment(draft: &Draft, id: Option<&str>) -> Result<String, ApiError> {
    let id = id.filter(|id| draft.deployments.contains_key(*id)).ok_or_else(unknown_deployment)?;
    Ok(id.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set_description(draft: &mut Draft, _: &str, text: Option<&str>) -> Done {
    draft.stage.description = non_empty(text);
    Ok(())
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set_tracing(draft: &mut Draft, _: &str, on: bool) -> Done {
    draft.stage.tracing_enabled = on;
    Ok(())
}

fn set_documentation_version(draft: &mut Draft, _: &str, version: Option<&str>) -> Done {
    let version = non_empty(version);
    match &version {
        None if draft.switches.empty_documentation_version == Verdict::Refuse => {
            return Err(ApiError::bad_request("Documentation version cannot be empty"));
        }
        Some(version)
            if draft.switches.unknown_reference == Verdict::Refuse
                && !draft.documentation_versions.contains_key(version) =>
        {
            return Err(super::documentation::unknown_version());
        }
        Some(_) | None => {}
    }
    draft.stage.documentation_version = version;
    Ok(())
}

fn set_client_certificate(draft: &mut Draft, _: &str, id: Option<&str>) -> Done {
    let id = non_empty(id);
    if let Some(id) = &id
        && draft.switches.unknown_reference == Verdict::Refuse
        && !draft.client_certificates.contains_key(id)
    {
        return Err(ApiError::bad_request("Invalid Client Certificate identifier specified"));
    }
    draft.stage.client_certificate_id = id;
    Ok(())
}

fn set_cache_enabled(draft: &mut Draft, _: &str, on: bool) -> Done {
    check_cache_change(draft)?;
    draft.cache_cluster_enabled = on;
    Ok(())
}

fn set_cache_size(draft: &mut Draft, _: &str, size: &str) -> Done {
    check_cache_change(draft)?;
    draft.cache_cluster_size = Some(size.to_owned());
    Ok(())
}

/// What is refused during a transition is not known: switch 13.
fn check_cache_change(draft: &Draft) -> Done {
    let status = draft.stage.cache.status(draft.now, &draft.switches);
    if !status.in_transition() {
        return Ok(());
    }
    let status = status.shown(&draft.switches).unwrap_or_default();
    let text = format!("Cache cluster cannot be changed while its status is {status}. Please try again later.");
    match draft.switches.cache_change_in_transition {
        CacheChange::Accept => Ok(()),
        CacheChange::BadRequest => Err(ApiError::bad_request(text)),
        CacheChange::Conflict => Err(ApiError::conflict(text)),
    }
}

fn set_all_variables(draft: &mut Draft, _: &str, value: Option<&str>) -> Done {
    if draft.switches.whole_map_patches == Verdict::Refuse {
        return Err(invalid_setting_path("/variables"));
    }
    let given = map_of_strings("/variables", value)?;
    variables::check_all(&given)?;
    draft.stage.variables = given;
    Ok(())
}

fn remove_all_variables(draft: &mut Draft, _: &str) -> Done {
    if draft.switches.whole_map_patches == Verdict::Refuse {
        return Err(nothing_to_remove("/variables"));
    }
    draft.stage.variables.clear();
    Ok(())
}

fn set_variable(draft: &mut Draft, name: &str, value: Option<&str>) -> Done {
    let name = unescape(name);
    variables::check(&name, value)?;
    draft.stage.variables.insert(name, value.unwrap_or_default().to_owned());
    variables::check_count(&draft.stage.variables)
}

fn remove_variable(draft: &mut Draft, name: &str) -> Done {
    match draft.stage.variables.remove(&unescape(name)) {
        Some(_) => Ok(()),
        None => absent_variable(draft, &format!("/variables/{name}")),
    }
}

/// Removal of what is not there: switch 8.
fn absent_variable(draft: &Draft, path: &str) -> Done {
    match draft.switches.remove_absent_variable {
        AbsentVariable::BadRequest => Err(nothing_to_remove(path)),
        AbsentVariable::NotFound => Err(ApiError::not_found("Invalid stage variable name specified")),
        AbsentVariable::Accept => Ok(()),
    }
}

/// Also where there is nothing to remove: nothing is recorded about that.
#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn remove_access_log(draft: &mut Draft, _: &str) -> Done {
    draft.stage.access_log_destination = None;
    draft.stage.access_log_format = None;
    Ok(())
}

fn set_access_log_destination(draft: &mut Draft, _: &str, arn: Option<&str>) -> Done {
    let arn = access_log_value(arn)?;
    if arn.ends_with(":*") {
        let group = arn.split_once(":log-group:").map_or(arn, |(_, group)| group);
        return Err(ApiError::bad_request(format!(
            "Access log destination must only contain characters a-z, A-Z, 0-9, '_', '-', '/', '.': '{group}'"
        )));
    }
    check_role(draft)?;
    draft.stage.access_log_destination = Some(arn.to_owned());
    Ok(())
}

fn set_access_log_format(draft: &mut Draft, _: &str, format: Option<&str>) -> Done {
    let format = access_log_value(format)?;
    if format.trim_end_matches('\n').contains('\n') {
        return Err(ApiError::bad_request(
            "Access Log format must be single line, new line character is allowed only at end of the format",
        ));
    }
    check_role(draft)?;
    draft.stage.access_log_format = Some(format.to_owned());
    Ok(())
}

fn access_log_value(value: Option<&str>) -> Result<&str, ApiError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| ApiError::bad_request("Access Log value must not be empty"))
}

/// Logging needs the account's role; path and value were judged before.
fn check_role(draft: &Draft) -> Done {
    if draft.has_cloudwatch_role {
        return Ok(());
    }
    Err(ApiError::bad_request("CloudWatch Logs role ARN must be set in account settings to enable logging"))
}

fn remove_canary(draft: &mut Draft, _: &str) -> Done {
    if draft.done > 0 && draft.switches.remove_canary_after_others == Verdict::Refuse {
        return Err(nothing_to_remove("/canarySettings"));
    }
    match draft.stage.canary.take() {
        None if draft.switches.remove_absent_canary == Verdict::Refuse => Err(nothing_to_remove("/canarySettings")),
        Some(_) | None => Ok(()),
    }
}

/// The canary; the first replace of one of its members makes it.
fn canary(draft: &mut Draft) -> &mut Canary {
    let own = &draft.stage.deployment_id;
    draft.stage.canary.get_or_insert_with(|| Canary::implicit(own))
}

fn set_canary_deployment(draft: &mut Draft, _: &str, id: Option<&str>) -> Done {
    let id = known_deployment(draft, id)?;
    canary(draft).deployment_id = id;
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set_percent_traffic(draft: &mut Draft, _: &str, percent: f64) -> Done {
    canary(draft).percent_traffic = percent;
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set_use_stage_cache(draft: &mut Draft, _: &str, on: bool) -> Done {
    canary(draft).use_stage_cache = on;
    Ok(())
}

fn set_all_overrides(draft: &mut Draft, _: &str, value: Option<&str>) -> Done {
    let path = "/canarySettings/stageVariableOverrides";
    if draft.switches.whole_map_patches == Verdict::Refuse {
        return Err(invalid_setting_path(path));
    }
    let given = map_of_strings(path, value)?;
    variables::check_all(&given)?;
    canary(draft).stage_variable_overrides = given;
    Ok(())
}

fn set_override(draft: &mut Draft, name: &str, value: Option<&str>) -> Done {
    let name = unescape(name);
    variables::check(&name, value)?;
    let overrides = &mut canary(draft).stage_variable_overrides;
    overrides.insert(name, value.unwrap_or_default().to_owned());
    variables::check_count(overrides)
}

fn remove_override(draft: &mut Draft, name: &str) -> Done {
    let overrides = draft.stage.canary.as_mut().map(|canary| &mut canary.stage_variable_overrides);
    match overrides.and_then(|overrides| overrides.remove(&unescape(name))) {
        Some(_) => Ok(()),
        None => absent_variable(draft, &format!("/canarySettings/stageVariableOverrides/{name}")),
    }
}

/// The canary to promote, as it is now in the draft.
fn promoted(draft: &Draft) -> Result<Canary, ApiError> {
    let canary = draft.stage.canary.clone();
    let canary = canary.ok_or_else(|| ApiError::bad_request("Promotion not available. Canary does not exist."))?;
    if canary.percent_traffic > 0.0 && draft.switches.copy_before_percent == Verdict::Refuse {
        return Err(ApiError::bad_request("Promotion not available. Canary still receives traffic."));
    }
    Ok(canary)
}

fn promote_deployment(draft: &mut Draft) -> Done {
    draft.stage.deployment_id = promoted(draft)?.deployment_id;
    Ok(())
}

/// Merges: variables that the canary does not override stay.
fn promote_variables(draft: &mut Draft) -> Done {
    let overrides = promoted(draft)?.stage_variable_overrides;
    draft.stage.variables.extend(overrides);
    variables::check_count(&draft.stage.variables)
}

fn set_logging_level(draft: &mut Draft, key: &str, level: &str) -> Done {
    check_key(key, "logging/loglevel")?;
    if level != "OFF" || draft.switches.logging_off_needs_role {
        check_role(draft)?;
    }
    entry(draft, key, |entry| entry.logging_level = Some(level.to_owned()))
}

/// Changes the entry of this key, which the first change makes from the present `*/*`.
fn entry(draft: &mut Draft, key: &str, change: impl FnOnce(&mut MethodSetting)) -> Done {
    check_key(key, "metrics/enabled")?;
    let settings = &mut draft.stage.method_settings;
    if !settings.contains_key(key) {
        let switches = &draft.switches;
        let fresh = settings
            .get("*/*")
            .map_or_else(|| MethodSetting::fresh(switches), |all| MethodSetting::seeded(all, switches));
        settings.insert(key.to_owned(), Box::new(fresh));
    }
    if let Some(entry) = settings.get_mut(key) {
        change(entry);
    }
    Ok(())
}

/// A key has two segments or more: a path and a verb.
fn check_key(key: &str, setting: &str) -> Done {
    if key.contains('/') { Ok(()) } else { Err(invalid_setting_path(&format!("/{key}/{setting}"))) }
}
