//! Rows of the settings of the stage as a whole.

use super::{Drift, Fate, Field, Rows};
use crate::api::settings::{AccessLogSettings, CacheClusterSize};
use crate::cause::Cause;
use crate::observed::AccessLog;
use crate::world::Group;

const GROUP: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:orders";

fn sent(path: &'static str, rows: Rows) -> Field {
    Field { path, fate: Fate::Sent(Box::new(rows)) }
}

pub(super) fn fields() -> Vec<Field> {
    let mut fields = vec![description(), tracing(), certificate(), documentation(), tags()];
    fields.extend([cache_enabled(), cache_size(), log_destination(), log_format()]);
    fields
}

fn description() -> Field {
    let rows = Rows {
        declare: |spec| spec.description = Some("Orders".to_owned()),
        create: &["CreateStage deploymentId=dep1", "  description=Orders"],
        change: |spec| spec.description = Some("Orders 2".to_owned()),
        changed: &["UpdateStage", "  replace /description = Orders 2"],
        drop: |spec| spec.description = None,
        dropped: &["UpdateStage", "  replace /description = "],
        forgets: &["description"],
        put_back: &[],
        hand: |stage| stage.description = Some("by hand".to_owned()),
        drift: Drift::Corrected("description", &["UpdateStage", "  replace /description = Orders"]),
        adopted: &["UpdateStage", "  replace /description = Orders"],
        refusal: (Group::Settings, Cause::Refused, "Refused"),
        refused: &["UpdateStage", "  replace /description = Orders"],
        beside: &[],
    };
    sent("description", rows)
}

fn tracing() -> Field {
    let rows = Rows {
        declare: |spec| spec.tracing_enabled = Some(true),
        create: &["CreateStage deploymentId=dep1", "  tracingEnabled=true"],
        change: |spec| spec.tracing_enabled = Some(false),
        changed: &["UpdateStage", "  replace /tracingEnabled = false"],
        drop: |spec| spec.tracing_enabled = None,
        dropped: &["UpdateStage", "  replace /tracingEnabled = false"],
        forgets: &["tracingEnabled"],
        put_back: &[],
        hand: |stage| stage.tracing_enabled = false,
        drift: Drift::Corrected("tracingEnabled", &["UpdateStage", "  replace /tracingEnabled = true"]),
        adopted: &["UpdateStage", "  replace /tracingEnabled = true"],
        refusal: (Group::Settings, Cause::Denied, "AccessDenied"),
        refused: &["UpdateStage", "  replace /tracingEnabled = true"],
        beside: &[],
    };
    sent("tracingEnabled", rows)
}

fn certificate() -> Field {
    let rows = Rows {
        declare: |spec| spec.client_certificate_id = Some("abc123".to_owned()),
        create: &["CreateStage deploymentId=dep1", "UpdateStage", "  replace /clientCertificateId = abc123"],
        change: |spec| spec.client_certificate_id = Some("def456".to_owned()),
        changed: &["UpdateStage", "  replace /clientCertificateId = def456"],
        drop: |spec| spec.client_certificate_id = None,
        dropped: &["UpdateStage", "  replace /clientCertificateId = "],
        forgets: &["clientCertificateId"],
        put_back: &[],
        hand: |stage| stage.client_certificate_id = Some("fff000".to_owned()),
        drift: Drift::Corrected("clientCertificateId", &["UpdateStage", "  replace /clientCertificateId = abc123"]),
        adopted: &["UpdateStage", "  replace /clientCertificateId = abc123"],
        refusal: (Group::ClientCertificate, Cause::Refused, "Refused"),
        refused: &["UpdateStage", "  replace /clientCertificateId = abc123"],
        beside: &[],
    };
    sent("clientCertificateId", rows)
}

fn documentation() -> Field {
    let rows = Rows {
        declare: |spec| spec.documentation_version = Some("v1".to_owned()),
        create: &["CreateStage deploymentId=dep1", "  documentationVersion=v1"],
        change: |spec| spec.documentation_version = Some("v2".to_owned()),
        changed: &["UpdateStage", "  replace /documentationVersion = v2"],
        drop: |spec| spec.documentation_version = None,
        dropped: &["UpdateStage", "  replace /documentationVersion = "],
        forgets: &["documentationVersion"],
        put_back: &[],
        hand: |stage| stage.documentation_version = Some("v0".to_owned()),
        drift: Drift::Corrected("documentationVersion", &["UpdateStage", "  replace /documentationVersion = v1"]),
        adopted: &["UpdateStage", "  replace /documentationVersion = v1"],
        refusal: (Group::DocumentationVersion, Cause::Refused, "Refused"),
        refused: &["UpdateStage", "  replace /documentationVersion = v1"],
        beside: &[],
    };
    sent("documentationVersion", rows)
}

fn tags() -> Field {
    let rows = Rows {
        declare: |spec| spec.tags = Some([("team".to_owned(), "shop".to_owned())].into()),
        create: &["CreateStage deploymentId=dep1", "  tags team=shop"],
        change: |spec| {
            let tags = [("team", "pay"), ("tier", "1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
            spec.tags = Some(tags.into());
        },
        changed: &["TagResource team=pay,tier=1"],
        drop: |spec| spec.tags = None,
        dropped: &["UntagResource team"],
        forgets: &["tags[team]"],
        put_back: &[],
        hand: |stage| drop(stage.tags.get_or_insert_default().insert("team".to_owned(), "theirs".to_owned())),
        drift: Drift::Corrected("tags[team]", &["TagResource team=shop"]),
        adopted: &["TagResource team=shop"],
        refusal: (Group::Tags, Cause::Denied, "AccessDenied"),
        refused: &["TagResource team=shop"],
        beside: &[],
    };
    sent("tags", rows)
}

fn cache_enabled() -> Field {
    let rows = Rows {
        declare: |spec| spec.cache_cluster_enabled = Some(true),
        create: &["CreateStage deploymentId=dep1", "  cacheClusterEnabled=true"],
        change: |spec| spec.cache_cluster_enabled = Some(false),
        changed: &["UpdateStage", "  replace /cacheClusterEnabled = false"],
        drop: |spec| spec.cache_cluster_enabled = None,
        dropped: &["UpdateStage", "  replace /cacheClusterEnabled = false"],
        forgets: &["cacheClusterEnabled"],
        put_back: &[],
        hand: |stage| {
            stage.cache.enabled = false;
            super::settle_cache(stage);
        },
        drift: Drift::Corrected("cacheClusterEnabled", &["UpdateStage", "  replace /cacheClusterEnabled = true"]),
        adopted: &["UpdateStage", "  replace /cacheClusterEnabled = true"],
        refusal: (Group::Cache, Cause::CacheChanging, "WaitingForAws"),
        refused: &["UpdateStage", "  replace /cacheClusterEnabled = true"],
        beside: &[],
    };
    sent("cacheClusterEnabled", rows)
}

fn cache_size() -> Field {
    let rows = Rows {
        declare: |spec| {
            spec.cache_cluster_enabled = Some(true);
            spec.cache_cluster_size = Some(CacheClusterSize::Gb1_6);
        },
        create: &["CreateStage deploymentId=dep1", "  cacheClusterEnabled=true", "  cacheClusterSize=1.6"],
        change: |spec| {
            spec.cache_cluster_enabled = Some(true);
            spec.cache_cluster_size = Some(CacheClusterSize::Gb6_1);
        },
        changed: &["UpdateStage", "  replace /cacheClusterSize = 6.1"],
        drop: |spec| spec.cache_cluster_size = None,
        // AWS cannot unset it.
        dropped: &[],
        forgets: &["cacheClusterSize"],
        put_back: &[],
        hand: |stage| stage.cache.size = Some("0.5".to_owned()),
        drift: Drift::Corrected("cacheClusterSize", &["UpdateStage", "  replace /cacheClusterSize = 1.6"]),
        adopted: &["UpdateStage", "  replace /cacheClusterSize = 1.6", "  replace /cacheClusterEnabled = true"],
        refusal: (Group::Cache, Cause::Refused, "Refused"),
        refused: &["UpdateStage", "  replace /cacheClusterSize = 1.6", "  replace /cacheClusterEnabled = true"],
        beside: &[],
    };
    sent("cacheClusterSize", rows)
}

fn log(destination: &str, format: &str) -> AccessLogSettings {
    AccessLogSettings { destination_arn: destination.to_owned(), format: format.to_owned() }
}

fn log_destination() -> Field {
    let rows = Rows {
        declare: |spec| spec.access_log_settings = Some(log(&format!("{GROUP}:*"), "$context.requestId")),
        create: &[
            "CreateStage deploymentId=dep1",
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            "  replace /accessLogSettings/format = $context.requestId",
        ],
        change: |spec| spec.access_log_settings = Some(log(&format!("{GROUP}-2"), "$context.requestId")),
        changed: &[
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders-2",
        ],
        drop: |spec| spec.access_log_settings = None,
        dropped: &["UpdateStage", "  remove /accessLogSettings"],
        forgets: &["accessLogSettings"],
        put_back: &[],
        hand: |stage| {
            let format = Some("$context.requestId".to_owned());
            stage.access_log = Some(AccessLog { destination_arn: Some("arn:other".to_owned()), format });
        },
        drift: Drift::Corrected(
            "accessLogSettings",
            &[
                "UpdateStage",
                "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            ],
        ),
        adopted: &[
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
        ],
        refusal: (Group::Logging, Cause::LogsRoleMissing, "LogsRoleMissing"),
        refused: &[
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            "  replace /accessLogSettings/format = $context.requestId",
        ],
        beside: &[],
    };
    sent("accessLogSettings.destinationArn", rows)
}

fn log_format() -> Field {
    let rows = Rows {
        declare: |spec| spec.access_log_settings = Some(log(GROUP, "$context.requestId $context.status\n")),
        create: &[
            "CreateStage deploymentId=dep1",
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            "  replace /accessLogSettings/format = $context.requestId $context.status",
        ],
        change: |spec| spec.access_log_settings = Some(log(GROUP, "$context.extendedRequestId")),
        changed: &["UpdateStage", "  replace /accessLogSettings/format = $context.extendedRequestId"],
        drop: |spec| spec.access_log_settings = None,
        dropped: &["UpdateStage", "  remove /accessLogSettings"],
        forgets: &["accessLogSettings"],
        put_back: &[],
        hand: |stage| {
            let destination_arn = Some(GROUP.to_owned());
            stage.access_log = Some(AccessLog { destination_arn, format: Some("$context.requestId".to_owned()) });
        },
        drift: Drift::Corrected(
            "accessLogSettings",
            &["UpdateStage", "  replace /accessLogSettings/format = $context.requestId $context.status"],
        ),
        adopted: &["UpdateStage", "  replace /accessLogSettings/format = $context.requestId $context.status"],
        refusal: (Group::Logging, Cause::LogsRoleMissing, "LogsRoleMissing"),
        refused: &[
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            "  replace /accessLogSettings/format = $context.requestId $context.status",
        ],
        beside: &[],
    };
    sent("accessLogSettings.format", rows)
}
