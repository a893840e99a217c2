//! Rows of the settings of a method. Each is declared for `GET /pets/{id}`, whose key API Gateway spells `~1pets~1{id}/GET`.

use super::{Drift, Edit, Fate, Field, Rows};
use crate::api::settings::{CacheControlStrategy, HttpMethod, LoggingLevel, MethodSettings};
use crate::api::stage::ApiStageSpec;
use crate::cause::Cause;
use crate::observed::{MethodSetting, Stage};
use crate::plan::tests::model;
use crate::world::Group;

const FIELD: &str = "methodSettings[/pets/{id}:GET]";

/// The entry of the rows, made where it is not.
fn entry(spec: &mut ApiStageSpec) -> &mut MethodSettings {
    let entries = spec.method_settings.get_or_insert_default();
    if entries.is_empty() {
        entries.push(MethodSettings {
            resource_path: "/pets/{id}".to_owned(),
            http_method: HttpMethod::Get,
            ..MethodSettings::default()
        });
    }
    entries.first_mut().unwrap()
}

/// The entry in API Gateway, made where it is not.
fn observed(stage: &mut Stage) -> &mut MethodSetting {
    stage.method_settings.entry("~1pets~1{id}/GET".to_owned()).or_insert_with(model::fresh)
}

/// A setting whose three rows differ in value only: what is declared, what it is changed to, AWS's default.
struct Values {
    path: &'static str,
    declare: Edit,
    create: &'static [&'static str],
    change: Edit,
    changed: &'static [&'static str],
    drop: Edit,
    dropped: &'static [&'static str],
    forgets: &'static [&'static str],
    hand: fn(&mut Stage),
    corrected: &'static [&'static str],
    group: Group,
}

impl From<Values> for Field {
    fn from(values: Values) -> Self {
        let Values { path, declare, create, change, changed, drop, dropped, forgets, hand, corrected, group } = values;
        let (refusal, beside): (_, &[&str]) = if group == Group::Logging {
            // The entry is made by the settings group.
            let beside = &["UpdateStage", "  replace /~1pets~1{id}/GET/metrics/enabled = false"];
            ((group, Cause::LogsRoleMissing, "LogsRoleMissing"), beside)
        } else {
            ((group, Cause::Denied, "AccessDenied"), &[])
        };
        // The entry stays ours, so what it leaves out is put right; a throttle that nothing declares is nobody's.
        let put_back = if forgets.is_empty() { dropped } else { &[] };
        let rows = Rows {
            declare,
            create,
            change,
            changed,
            drop,
            dropped,
            forgets,
            put_back,
            hand,
            drift: Drift::Corrected(FIELD, corrected),
            adopted: corrected,
            refusal,
            refused: corrected,
            beside,
        };
        Self { path, fate: Fate::Sent(Box::new(rows)) }
    }
}

/// One such setting: its member, patch path, and values as texts.
macro_rules! setting {
    // Throttles alone have no default of AWS that they could go to, so each is remembered by a path of its own.
    (forgets "-1", $name:literal) => {
        &[concat!("methodSettings[/pets/{id}:GET].", $name)]
    };
    (forgets $dropped:literal, $name:literal) => {
        &[]
    };
    ($member:ident, $name:literal, $suffix:literal, $group:ident, $value:expr => $text:literal, $other:expr => $other_text:literal,
     $dropped:tt, $hand:expr) => {
        setting!(
            $member, $name, $suffix, $group, $value => $text, $other => $other_text, $dropped, $hand,
            &["CreateStage deploymentId=dep1", "UpdateStage", concat!("  replace /~1pets~1{id}/GET/", $suffix, " = ", $text)]
        )
    };
    ($member:ident, $name:literal, $suffix:literal, $group:ident, $value:expr => $text:literal, $other:expr => $other_text:literal,
     $dropped:tt, $hand:expr, $create:expr) => {
        Field::from(Values {
            path: concat!("methodSettings[].", $name),
            declare: |spec| entry(spec).$member = Some($value),
            create: $create,
            change: |spec| entry(spec).$member = Some($other),
            changed: &["UpdateStage", concat!("  replace /~1pets~1{id}/GET/", $suffix, " = ", $other_text)],
            drop: |spec| entry(spec).$member = None,
            dropped: &["UpdateStage", concat!("  replace /~1pets~1{id}/GET/", $suffix, " = ", $dropped)],
            forgets: setting!(forgets $dropped, $name),
            hand: $hand,
            corrected: &["UpdateStage", concat!("  replace /~1pets~1{id}/GET/", $suffix, " = ", $text)],
            group: Group::$group,
        })
    };
}

pub(super) fn fields() -> Vec<Field> {
    let mut fields = vec![resource_path(), http_method()];
    fields.extend(plain());
    fields.extend(logging());
    fields
}

fn plain() -> Vec<Field> {
    vec![
        setting!(
            metrics_enabled, "metricsEnabled", "metrics/enabled", Settings, true => "true", false => "false", "false",
            |stage| observed(stage).metrics_enabled = false
        ),
        // AWS's own throttles are not known: dropped, it is not limited here.
        setting!(
            throttling_burst_limit, "throttlingBurstLimit", "throttling/burstLimit", Settings, 20 => "20", 30 => "30",
            "-1", |stage| observed(stage).throttling_burst_limit = 7,
            &[
                "CreateStage deploymentId=dep1", "UpdateStage",
                "  replace /~1pets~1{id}/GET/throttling/burstLimit = 20",
            ]
        ),
        setting!(
            throttling_rate_limit, "throttlingRateLimit", "throttling/rateLimit", Settings, 10.5 => "10.5", 20.0 => "20",
            "-1", |stage| observed(stage).throttling_rate_limit = 7.0
        ),
        setting!(
            caching_enabled, "cachingEnabled", "caching/enabled", Settings, true => "true", false => "false", "false",
            |stage| observed(stage).caching_enabled = false
        ),
        setting!(
            cache_ttl_in_seconds, "cacheTtlInSeconds", "caching/ttlInSeconds", Settings, 60 => "60", 0 => "0", "300",
            |stage| observed(stage).cache_ttl_in_seconds = 7
        ),
        setting!(
            cache_data_encrypted, "cacheDataEncrypted", "caching/dataEncrypted", Settings, true => "true",
            false => "false", "false", |stage| observed(stage).cache_data_encrypted = false
        ),
        setting!(
            require_authorization_for_cache_control, "requireAuthorizationForCacheControl",
            "caching/requireAuthorizationForCacheControl", Settings, false => "false", true => "true", "true",
            |stage| observed(stage).require_authorization_for_cache_control = true
        ),
        setting!(
            unauthorized_cache_control_header_strategy, "unauthorizedCacheControlHeaderStrategy",
            "caching/unauthorizedCacheControlHeaderStrategy", Settings,
            CacheControlStrategy::FailWith403 => "FAIL_WITH_403",
            CacheControlStrategy::SucceedWithoutResponseHeader => "SUCCEED_WITHOUT_RESPONSE_HEADER",
            "SUCCEED_WITH_RESPONSE_HEADER",
            |stage| {
                let other = Some("SUCCEED_WITHOUT_RESPONSE_HEADER".to_owned());
                observed(stage).unauthorized_cache_control_header_strategy = other;
            }
        ),
    ]
}

/// The entry itself is made by the settings group, so that it is there whatever becomes of logging.
fn logging() -> Vec<Field> {
    vec![
        setting!(
            logging_level, "loggingLevel", "logging/loglevel", Logging, LoggingLevel::Info => "INFO",
            LoggingLevel::Error => "ERROR", "OFF", |stage| observed(stage).logging_level = Some("OFF".to_owned()),
            &[
                "CreateStage deploymentId=dep1",
                "UpdateStage",
                "  replace /~1pets~1{id}/GET/metrics/enabled = false",
                "UpdateStage",
                "  replace /~1pets~1{id}/GET/logging/loglevel = INFO",
            ]
        ),
        setting!(
            data_trace_enabled, "dataTraceEnabled", "logging/dataTrace", Logging, true => "true", false => "false",
            "false", |stage| observed(stage).data_trace_enabled = false,
            &[
                "CreateStage deploymentId=dep1",
                "UpdateStage",
                "  replace /~1pets~1{id}/GET/metrics/enabled = false",
                "UpdateStage",
                "  replace /~1pets~1{id}/GET/logging/dataTrace = true",
            ]
        ),
    ]
}

/// Another path is another entry: the former one is removed, the new one made.
fn resource_path() -> Field {
    let rows = Rows {
        declare: |spec| entry(spec).metrics_enabled = Some(true),
        create: &["CreateStage deploymentId=dep1", "UpdateStage", "  replace /~1pets~1{id}/GET/metrics/enabled = true"],
        change: |spec| {
            entry(spec).metrics_enabled = Some(true);
            entry(spec).resource_path = "/".to_owned();
        },
        changed: &["UpdateStage", "  remove /~1pets~1{id}/GET", "  replace /~1/GET/metrics/enabled = true"],
        drop: |spec| spec.method_settings = None,
        dropped: &["UpdateStage", "  remove /~1pets~1{id}/GET"],
        forgets: &["methodSettings[/pets/{id}:GET]"],
        put_back: &[],
        hand: |stage| observed(stage).metrics_enabled = false,
        drift: Drift::Corrected(FIELD, &["UpdateStage", "  replace /~1pets~1{id}/GET/metrics/enabled = true"]),
        adopted: &["UpdateStage", "  replace /~1pets~1{id}/GET/metrics/enabled = true"],
        refusal: (Group::Settings, Cause::Denied, "AccessDenied"),
        refused: &["UpdateStage", "  replace /~1pets~1{id}/GET/metrics/enabled = true"],
        beside: &[],
    };
    Field { path: "methodSettings[].resourcePath", fate: Fate::Sent(Box::new(rows)) }
}

fn http_method() -> Field {
    let rows = Rows {
        declare: |spec| entry(spec).caching_enabled = Some(true),
        create: &["CreateStage deploymentId=dep1", "UpdateStage", "  replace /~1pets~1{id}/GET/caching/enabled = true"],
        change: |spec| {
            entry(spec).caching_enabled = Some(true);
            entry(spec).http_method = HttpMethod::Any;
        },
        changed: &["UpdateStage", "  remove /~1pets~1{id}/GET", "  replace /~1pets~1{id}/ANY/caching/enabled = true"],
        drop: |spec| spec.method_settings = Some(Vec::new()),
        dropped: &["UpdateStage", "  remove /~1pets~1{id}/GET"],
        forgets: &["methodSettings[/pets/{id}:GET]"],
        put_back: &[],
        // Somebody removed the whole entry.
        hand: |stage| {
            if stage.method_settings.remove("~1pets~1{id}/GET").is_none() {
                observed(stage);
            }
        },
        drift: Drift::Corrected(FIELD, &["UpdateStage", "  replace /~1pets~1{id}/GET/caching/enabled = true"]),
        adopted: &["UpdateStage", "  replace /~1pets~1{id}/GET/caching/enabled = true"],
        refusal: (Group::Settings, Cause::Denied, "AccessDenied"),
        refused: &["UpdateStage", "  replace /~1pets~1{id}/GET/caching/enabled = true"],
        beside: &[],
    };
    Field { path: "methodSettings[].httpMethod", fate: Fate::Sent(Box::new(rows)) }
}
