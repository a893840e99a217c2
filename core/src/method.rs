//! Method settings as comparable texts: keys in both spellings, and the ten settings with their paths and AWS's defaults.
//!
//! Sources: aws-facts, method settings (paths, members and the values of a fresh entry are recorded from AWS).

use std::collections::BTreeMap;
use std::fmt;

use crate::api::settings::{HttpMethod, MethodSettings};
use crate::observed::MethodSetting;

/// A method of a resource, or all methods. `*/*` sorts first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodKey {
    path: String,
    method: HttpMethod,
}

impl MethodKey {
    /// The key of an entry of spec. The same method in another spelling (escaped, without the leading `/`, with one at the end)
    /// is the same key. `None`: `*` on one side only, or a path that no resource can have.
    #[must_use]
    pub fn declared(path: &str, method: HttpMethod) -> Option<Self> {
        if path == "*" || method == HttpMethod::All {
            let all = path == "*" && method == HttpMethod::All;
            return all.then(|| Self { path: "*".to_owned(), method });
        }
        let path = unescape(path);
        let trimmed = path.trim_matches('/');
        let usable = trimmed.split('/').all(|segment| !segment.is_empty()) || trimmed.is_empty();
        let usable = usable && !trimmed.contains(|c: char| c.is_whitespace() || c == '~');
        usable.then(|| Self { path: format!("/{trimmed}"), method })
    }

    /// The key of all methods.
    #[must_use]
    pub fn all() -> Self {
        Self { path: "*".to_owned(), method: HttpMethod::All }
    }

    /// Whether this is the key of all methods.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.method == HttpMethod::All
    }

    /// The key as `methodSettings` of a stage has it: `*/*`, `~1pets~1{id}/GET`.
    #[must_use]
    pub fn in_aws(&self) -> String {
        format!("{}/{}", self.path.replace('~', "~0").replace('/', "~1"), self.method)
    }

    /// The declared path, as `status.managed` holds it: `methodSettings[/pets/{id}:GET]`.
    #[must_use]
    pub fn field(&self) -> String {
        format!("methodSettings[{self}]")
    }

    /// The declared path of one setting of this method.
    #[must_use]
    pub fn field_of(&self, setting: Setting) -> String {
        format!("{}.{}", self.field(), setting.name())
    }
}

impl fmt::Display for MethodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.method)
    }
}

/// The path in the form of [`MethodKey::field`] of a key that AWS shows, whoever wrote it.
#[must_use]
pub fn field_of_aws_key(key: &str) -> String {
    let (path, method) = key.rsplit_once('/').unwrap_or((key, ""));
    format!("methodSettings[{}:{method}]", unescape(path))
}

/// JSON pointer: `~1` is `/`, then `~0` is `~`.
pub(crate) fn unescape(path: &str) -> String {
    path.replace("~1", "/").replace("~0", "~")
}

/// One of the ten settings of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// `metricsEnabled`
    Metrics,
    /// `throttlingBurstLimit`
    BurstLimit,
    /// `throttlingRateLimit`
    RateLimit,
    /// `cachingEnabled`
    Caching,
    /// `cacheTtlInSeconds`
    CacheTtl,
    /// `cacheDataEncrypted`
    CacheEncryption,
    /// `requireAuthorizationForCacheControl`
    CacheControlAuthorization,
    /// `unauthorizedCacheControlHeaderStrategy`
    CacheControlStrategy,
    /// `loggingLevel`
    LoggingLevel,
    /// `dataTraceEnabled`
    DataTrace,
}

/// Values by setting, as a patch has them.
pub type Values = BTreeMap<Setting, String>;

impl Setting {
    /// All ten.
    pub const ALL: [Self; 10] = [
        Self::Metrics,
        Self::BurstLimit,
        Self::RateLimit,
        Self::Caching,
        Self::CacheTtl,
        Self::CacheEncryption,
        Self::CacheControlAuthorization,
        Self::CacheControlStrategy,
        Self::LoggingLevel,
        Self::DataTrace,
    ];

    /// AWS's name of the member, also that of the field in spec.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metricsEnabled",
            Self::BurstLimit => "throttlingBurstLimit",
            Self::RateLimit => "throttlingRateLimit",
            Self::Caching => "cachingEnabled",
            Self::CacheTtl => "cacheTtlInSeconds",
            Self::CacheEncryption => "cacheDataEncrypted",
            Self::CacheControlAuthorization => "requireAuthorizationForCacheControl",
            Self::CacheControlStrategy => "unauthorizedCacheControlHeaderStrategy",
            Self::LoggingLevel => "loggingLevel",
            Self::DataTrace => "dataTraceEnabled",
        }
    }

    /// The end of its patch path, behind the method's key.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Metrics => "metrics/enabled",
            Self::BurstLimit => "throttling/burstLimit",
            Self::RateLimit => "throttling/rateLimit",
            Self::Caching => "caching/enabled",
            Self::CacheTtl => "caching/ttlInSeconds",
            Self::CacheEncryption => "caching/dataEncrypted",
            Self::CacheControlAuthorization => "caching/requireAuthorizationForCacheControl",
            Self::CacheControlStrategy => "caching/unauthorizedCacheControlHeaderStrategy",
            Self::LoggingLevel => "logging/loglevel",
            Self::DataTrace => "logging/dataTrace",
        }
    }

    /// What a fresh entry holds where there is no `*/*`. `None` for the throttles: those of AWS follow the limits of the account,
    /// which differ by Region. An entry without a log level does not log, so it is `OFF`.
    #[must_use]
    pub fn default(self) -> Option<&'static str> {
        match self {
            Self::BurstLimit | Self::RateLimit => None,
            Self::Metrics | Self::Caching | Self::CacheEncryption | Self::DataTrace => Some("false"),
            Self::CacheTtl => Some("300"),
            Self::CacheControlAuthorization => Some("true"),
            Self::CacheControlStrategy => Some("SUCCEED_WITH_RESPONSE_HEADER"),
            Self::LoggingLevel => Some("OFF"),
        }
    }

    /// Whether it is patched with the access logs, because it may need the account's CloudWatch Logs role.
    #[must_use]
    pub fn is_logging(self) -> bool {
        matches!(self, Self::LoggingLevel | Self::DataTrace)
    }
}

/// The values that an entry of spec declares.
#[must_use]
pub fn declared(entry: &MethodSettings) -> Values {
    // No `..`: a new setting that nobody sends must not compile.
    let MethodSettings {
        resource_path: _,
        http_method: _,
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
    } = entry;
    let values = [
        (Setting::Metrics, metrics_enabled.map(|on| on.to_string())),
        (Setting::BurstLimit, throttling_burst_limit.map(|limit| limit.to_string())),
        (Setting::RateLimit, throttling_rate_limit.map(|limit| limit.to_string())),
        (Setting::Caching, caching_enabled.map(|on| on.to_string())),
        (Setting::CacheTtl, cache_ttl_in_seconds.map(|seconds| seconds.to_string())),
        (Setting::CacheEncryption, cache_data_encrypted.map(|on| on.to_string())),
        (Setting::CacheControlAuthorization, require_authorization_for_cache_control.map(|on| on.to_string())),
        (
            Setting::CacheControlStrategy,
            unauthorized_cache_control_header_strategy.map(|strategy| strategy.as_str().to_owned()),
        ),
        (Setting::LoggingLevel, logging_level.map(|level| level.as_str().to_owned())),
        (Setting::DataTrace, data_trace_enabled.map(|on| on.to_string())),
    ];
    values.into_iter().filter_map(|(setting, value)| Some((setting, value?))).collect()
}

/// The values of an entry that AWS shows.
#[must_use]
pub fn observed(entry: &MethodSetting) -> Values {
    // No `..`: a new setting that nobody compares must not compile.
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
    } = entry;
    let given = |value: &Option<String>, setting: Setting| {
        value.clone().or_else(|| setting.default().map(ToOwned::to_owned)).unwrap_or_default()
    };
    [
        (Setting::Metrics, metrics_enabled.to_string()),
        (Setting::BurstLimit, throttling_burst_limit.to_string()),
        (Setting::RateLimit, throttling_rate_limit.to_string()),
        (Setting::Caching, caching_enabled.to_string()),
        (Setting::CacheTtl, cache_ttl_in_seconds.to_string()),
        (Setting::CacheEncryption, cache_data_encrypted.to_string()),
        (Setting::CacheControlAuthorization, require_authorization_for_cache_control.to_string()),
        (
            Setting::CacheControlStrategy,
            given(unauthorized_cache_control_header_strategy, Setting::CacheControlStrategy),
        ),
        (Setting::LoggingLevel, given(logging_level, Setting::LoggingLevel)),
        (Setting::DataTrace, data_trace_enabled.to_string()),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_method_has_one_key_however_it_is_spelled() {
        let cases = [
            ("/pets/{id}", HttpMethod::Get, Some("~1pets~1{id}/GET")),
            ("/pets/{id}/", HttpMethod::Get, Some("~1pets~1{id}/GET")),
            ("pets/{id}", HttpMethod::Get, Some("~1pets~1{id}/GET")),
            ("/~1pets~1{id}", HttpMethod::Get, Some("~1pets~1{id}/GET")),
            ("/", HttpMethod::Any, Some("~1/ANY")),
            ("~1", HttpMethod::Any, Some("~1/ANY")),
            ("*", HttpMethod::All, Some("*/*")),
            ("*", HttpMethod::Get, None),
            ("/pets", HttpMethod::All, None),
            ("/pets//x", HttpMethod::Get, None),
            ("/pe ts", HttpMethod::Get, None),
        ];
        for (path, method, key) in cases {
            let declared = MethodKey::declared(path, method).map(|key| key.in_aws());
            assert_eq!(declared.as_deref(), key, "{path} {method}");
        }
        assert!(MethodKey::all() < MethodKey::declared("/", HttpMethod::Any).unwrap(), "*/* is patched first");
    }

    #[test]
    fn a_key_of_aws_is_shown_as_people_write_it() {
        for (key, field) in [
            ("*/*", "methodSettings[*:*]"),
            ("~1pets~1{id}/GET", "methodSettings[/pets/{id}:GET]"),
            ("test/GET", "methodSettings[test:GET]"),
        ] {
            assert_eq!(field_of_aws_key(key), field);
        }
        assert_eq!(
            MethodKey::declared("/pets/{id}", HttpMethod::Get).unwrap().field(),
            "methodSettings[/pets/{id}:GET]"
        );
    }
}
