//! Reads the settings beside the release: one spelling for each method, what AWS refuses refused, what it strips stripped.

use std::collections::BTreeMap;

use crate::api::settings::{AccessLogSettings, CacheClusterSize, MethodSettings, Tags};
use crate::api::stage::ApiStageSpec;
use crate::method::{MethodKey, Values, declared};

/// What a spec declares beside the release. `None` and what is not in a map is not declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredSettings {
    /// Description of the stage.
    pub description: Option<String>,
    /// Whether X-Ray traces it.
    pub tracing_enabled: Option<bool>,
    /// The client certificate that it shows to back ends.
    pub client_certificate_id: Option<String>,
    /// The version of the API's documentation that it is tied to.
    pub documentation_version: Option<String>,
    /// Whether it has a cache cluster.
    pub cache_cluster_enabled: Option<bool>,
    /// Memory of the cache cluster; only where it is enabled.
    pub cache_cluster_size: Option<CacheClusterSize>,
    /// Declared settings by method.
    pub methods: BTreeMap<MethodKey, Values>,
    /// Access logs, without a trailing `:*` of the ARN or line end of the format.
    pub access_log: Option<AccessLogSettings>,
    /// Tags beside ours.
    pub tags: Tags,
}

/// Why settings cannot be used: one sentence that says what to change. The schema refuses the same; this is for objects that got
/// past it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// A size without a cache.
    #[error("spec.cacheClusterSize needs spec.cacheClusterEnabled: true: set it, or remove the size.")]
    CacheSize,
    /// A method that cannot be.
    #[error(
        "spec.methodSettings names {0}, which is no method of a resource: use * for both resourcePath and httpMethod, or a path such as /pets/{{id}} with a method."
    )]
    Method(String),
    /// One method twice, maybe in two spellings.
    #[error("spec.methodSettings names {0} twice, maybe in two spellings: keep one entry.")]
    MethodTwice(MethodKey),
    /// A number that AWS refuses.
    #[error("spec.methodSettings has {field} = {value}: use {bounds}.")]
    OutOfBounds {
        /// The declared path.
        field: String,
        /// What it says.
        value: String,
        /// What it may say.
        bounds: &'static str,
    },
    /// An access-log format that AWS refuses.
    #[error(
        "spec.accessLogSettings.format must be one line that holds $context.requestId or $context.extendedRequestId: write it with > instead of |, or in quotes."
    )]
    LogFormat,
    /// A key that is not the user's to set.
    #[error("spec.tags has the key {0}: keys that begin with aws: or stagecraft.dev/ are taken, rename it.")]
    TagKey(String),
}

/// Reads the settings.
pub(super) fn read(spec: &ApiStageSpec) -> Result<DesiredSettings, InvalidSetting> {
    if spec.cache_cluster_size.is_some() && spec.cache_cluster_enabled != Some(true) {
        return Err(InvalidSetting::CacheSize);
    }
    let tags = spec.tags.clone().unwrap_or_default();
    let taken = |key: &&String| key.to_ascii_lowercase().starts_with("aws:") || key.starts_with("stagecraft.dev/");
    if let Some(key) = tags.keys().find(taken) {
        return Err(InvalidSetting::TagKey(key.clone()));
    }
    Ok(DesiredSettings {
        description: spec.description.clone(),
        tracing_enabled: spec.tracing_enabled,
        client_certificate_id: spec.client_certificate_id.clone(),
        documentation_version: spec.documentation_version.clone(),
        cache_cluster_enabled: spec.cache_cluster_enabled,
        cache_cluster_size: spec.cache_cluster_size,
        methods: methods(spec.method_settings.as_deref().unwrap_or_default())?,
        access_log: spec.access_log_settings.as_ref().map(access_log).transpose()?,
        tags,
    })
}

fn methods(entries: &[MethodSettings]) -> Result<BTreeMap<MethodKey, Values>, InvalidSetting> {
    let mut methods = BTreeMap::new();
    for entry in entries {
        let key = MethodKey::declared(&entry.resource_path, entry.http_method)
            .ok_or_else(|| InvalidSetting::Method(format!("{}:{}", entry.resource_path, entry.http_method)))?;
        let out_of_bounds = |name: &str, value: String, bounds| InvalidSetting::OutOfBounds {
            field: format!("{}.{name}", key.field()),
            value,
            bounds,
        };
        let least = "-1 (not limited here) or more";
        if let Some(limit) = entry.throttling_burst_limit.filter(|limit| *limit < -1) {
            return Err(out_of_bounds("throttlingBurstLimit", limit.to_string(), least));
        }
        if let Some(limit) = entry.throttling_rate_limit.filter(|limit| !(*limit >= -1.0 && limit.is_finite())) {
            return Err(out_of_bounds("throttlingRateLimit", limit.to_string(), least));
        }
        if let Some(seconds) = entry.cache_ttl_in_seconds.filter(|seconds| !(0..=3600).contains(seconds)) {
            return Err(out_of_bounds("cacheTtlInSeconds", seconds.to_string(), "0 to 3600"));
        }
        if methods.contains_key(&key) {
            return Err(InvalidSetting::MethodTwice(key));
        }
        methods.insert(key, declared(entry));
    }
    Ok(methods)
}

fn access_log(declared: &AccessLogSettings) -> Result<AccessLogSettings, InvalidSetting> {
    let format = declared.format.strip_suffix('\n').unwrap_or(&declared.format);
    let is_line = !format.is_empty() && !format.contains(['\n', '\r']);
    let has_id = format.contains("$context.requestId") || format.contains("$context.extendedRequestId");
    if !is_line || !has_id {
        return Err(InvalidSetting::LogFormat);
    }
    let arn = declared.destination_arn.strip_suffix(":*").unwrap_or(&declared.destination_arn);
    Ok(AccessLogSettings { destination_arn: arn.to_owned(), format: format.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::settings::HttpMethod;

    fn entry(path: &str, method: HttpMethod) -> MethodSettings {
        MethodSettings { resource_path: path.to_owned(), http_method: method, ..MethodSettings::default() }
    }

    fn refusal(spec: &ApiStageSpec) -> String {
        read(spec).map_or_else(|invalid| invalid.to_string(), |read| panic!("{read:?}"))
    }

    #[test]
    fn what_aws_refuses_or_reads_otherwise_is_refused_with_a_sentence() {
        let methods =
            |entries: Vec<MethodSettings>| ApiStageSpec { method_settings: Some(entries), ..Default::default() };
        let log = |format: &str| ApiStageSpec {
            access_log_settings: Some(AccessLogSettings {
                destination_arn: "arn:aws:logs:eu-west-1:123456789012:log-group:orders".to_owned(),
                format: format.to_owned(),
            }),
            ..Default::default()
        };
        let get = |change: fn(&mut MethodSettings)| {
            let mut entry = entry("/pets", HttpMethod::Get);
            change(&mut entry);
            methods(vec![entry])
        };
        let tag = |key: &str| ApiStageSpec {
            tags: Some(BTreeMap::from([(key.to_owned(), "x".to_owned())])),
            ..Default::default()
        };
        let cases = [
            (
                ApiStageSpec { cache_cluster_size: Some(CacheClusterSize::Gb0_5), ..Default::default() },
                "spec.cacheClusterSize needs spec.cacheClusterEnabled: true",
            ),
            (
                methods(vec![entry("/pets/{id}", HttpMethod::Get), entry("/~1pets~1{id}", HttpMethod::Get)]),
                "spec.methodSettings names /pets/{id}:GET twice, maybe in two spellings: keep one entry.",
            ),
            (methods(vec![entry("*", HttpMethod::Get)]), "names *:GET, which is no method of a resource"),
            (
                get(|entry| entry.throttling_burst_limit = Some(-2)),
                "methodSettings[/pets:GET].throttlingBurstLimit = -2: use -1 (not limited here) or more.",
            ),
            (get(|entry| entry.throttling_rate_limit = Some(-1.5)), "throttlingRateLimit = -1.5: use -1"),
            (get(|entry| entry.throttling_rate_limit = Some(f64::NAN)), "throttlingRateLimit = NaN: use -1"),
            (get(|entry| entry.cache_ttl_in_seconds = Some(3601)), "cacheTtlInSeconds = 3601: use 0 to 3600."),
            (log("$context.status"), "must be one line that holds $context.requestId"),
            (log("$context.requestId\n$context.status"), "must be one line that holds $context.requestId"),
            (tag("AWS:team"), "spec.tags has the key AWS:team"),
            (tag("stagecraft.dev/owner"), "spec.tags has the key stagecraft.dev/owner"),
        ];
        for (spec, sentence) in cases {
            let said = refusal(&spec);
            assert!(said.contains(sentence), "{said}");
        }
    }

    #[test]
    fn what_aws_strips_or_wants_stripped_is_stripped() {
        let declared = AccessLogSettings {
            destination_arn: "arn:aws:logs:eu-west-1:123456789012:log-group:orders:*".to_owned(),
            format: "$context.requestId $context.status\n".to_owned(),
        };
        let read = read(&ApiStageSpec { access_log_settings: Some(declared), ..Default::default() }).unwrap();
        let log = read.access_log.unwrap();
        assert_eq!(log.destination_arn, "arn:aws:logs:eu-west-1:123456789012:log-group:orders");
        assert_eq!(log.format, "$context.requestId $context.status");
    }
}
