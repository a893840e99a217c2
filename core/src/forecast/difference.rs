//! What differs between a stage as it is and as it would be, field by field in the words of spec.

use std::collections::{BTreeMap, BTreeSet};

use crate::method::{Setting, Values, field_of_aws_key, observed};
use crate::observed::Stage;

/// One field that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In the words of spec: `variables.backend`, `methodSettings[/orders:GET].throttlingRateLimit`.
    pub field: String,
    /// What it is now; `None`: not set.
    pub old: Option<String>,
    /// What it would be; `None`: not set.
    pub new: Option<String>,
    /// Whether the values are the user's own and shown only when asked for.
    pub is_private: bool,
}

/// All fields that differ, in the order of spec. Without a stage before, or after, every field of the other is one.
#[must_use]
pub fn differences(before: Option<&Stage>, after: Option<&Stage>) -> Vec<Difference> {
    let (old, new) = (before.map(fields).unwrap_or_default(), after.map(fields).unwrap_or_default());
    let mut order: Vec<&String> = Vec::new();
    let mut met = BTreeSet::new();
    for (field, _) in old.iter().chain(&new) {
        if met.insert(field) {
            order.push(field);
        }
    }
    let value = |fields: &[(String, String)], field: &str| {
        fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    };
    let changed = order.into_iter().filter_map(|field| {
        let (old, new) = (value(&old, field), value(&new, field));
        (old != new).then(|| Difference { is_private: is_private(field), field: field.clone(), old, new })
    });
    changed.collect()
}

fn is_private(field: &str) -> bool {
    field.starts_with("variables.") || field.contains("stageVariableOverrides.")
}

/// Everything that is set on a stage, in the order of spec.
fn fields(stage: &Stage) -> Vec<(String, String)> {
    // No `..`: a new member of a stage shows in what a plan would change. Dates, the web ACL and the status of the cache are
    // AWS's own.
    let Stage {
        name: _,
        deployment_id,
        description,
        variables,
        tags,
        canary,
        created: _,
        last_updated: _,
        web_acl_arn: _,
        client_certificate_id,
        documentation_version,
        tracing_enabled,
        cache,
        method_settings,
        access_log,
    } = stage;
    let mut fields = vec![("deploymentId".to_owned(), deployment_id.to_string())];
    let mut set = |field: &str, value: Option<String>| fields.extend(value.map(|value| (field.to_owned(), value)));
    set("description", description.clone());
    set("tracingEnabled", tracing_enabled.then(|| "true".to_owned()));
    set("clientCertificateId", client_certificate_id.clone());
    set("documentationVersion", documentation_version.clone());
    for (key, value) in variables {
        set(&format!("variables.{key}"), Some(value.clone()));
    }
    set("cacheClusterEnabled", cache.enabled.then(|| "true".to_owned()));
    set("cacheClusterSize", cache.size.clone().filter(|_| cache.enabled));
    for (key, entry) in method_settings {
        let values: Values = observed(entry);
        for setting in Setting::ALL {
            set(&format!("{}.{}", field_of_aws_key(key), setting.name()), values.get(&setting).cloned());
        }
    }
    set("accessLogSettings.destinationArn", access_log.as_ref().and_then(|log| log.destination_arn.clone()));
    set("accessLogSettings.format", access_log.as_ref().and_then(|log| log.format.clone()));
    for (key, value) in tags.iter().flat_map(BTreeMap::iter) {
        set(&format!("tags[{key}]"), Some(value.clone()));
    }
    if let Some(canary) = canary {
        set("canary.deploymentId", Some(canary.deployment_id.to_string()));
        set("canary.percentTraffic", Some(canary.percent_traffic.to_string()));
        set("canary.useStageCache", canary.use_stage_cache.then(|| "true".to_owned()));
        for (key, value) in &canary.stage_variable_overrides {
            set(&format!("canary.stageVariableOverrides.{key}"), Some(value.clone()));
        }
    }
    fields
}
