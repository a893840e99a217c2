//! Settings of a stage beside its release, as users declare them: method settings, access logs, cache size, tags.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]

use std::collections::BTreeMap;
use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of one method, or with `*` and `*` of all methods.
///
/// An entry that is declared is wholly ours: what it leaves out follows the declared entry of all methods, else it is AWS's
/// default. A throttle that nothing declares is left as AWS made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.resourcePath == '*') == (self.httpMethod == '*')")
        .message("an entry of spec.methodSettings has * on one side only: use * for both resourcePath and httpMethod, or a path with a method."),
)]
pub struct MethodSettings {
    /// Path of the resource as the API has it, such as `/pets/{id}`, never escaped; or `*`.
    #[schemars(schema_with = "resource_path_schema")]
    pub resource_path: String,
    /// Method of the resource; `ANY` is a method of its own, that of a resource which answers all; or `*`.
    pub http_method: HttpMethod,
    /// Detailed CloudWatch metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_enabled: Option<bool>,
    /// What is written to the execution log. Needs the account's CloudWatch Logs role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging_level: Option<LoggingLevel>,
    /// Whether full requests and responses are logged: they may hold secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_trace_enabled: Option<bool>,
    /// Requests that may be under way at once; -1 is "not limited here".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub throttling_burst_limit: Option<i32>,
    /// Requests a second; -1 is "not limited here".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0))]
    pub throttling_rate_limit: Option<f64>,
    /// Whether answers are cached; needs the cache cluster to have an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching_enabled: Option<bool>,
    /// How long an answer is cached, in seconds; 0 is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub cache_ttl_in_seconds: Option<i32>,
    /// Whether cached answers are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_data_encrypted: Option<bool>,
    /// Whether a client needs authorization to invalidate a cached answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_authorization_for_cache_control: Option<bool>,
    /// What an unauthorized invalidation gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unauthorized_cache_control_header_strategy: Option<CacheControlStrategy>,
}

/// An HTTP method of a resource, or `*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum HttpMethod {
    /// All methods of all resources.
    #[default]
    #[serde(rename = "*")]
    All,
    /// The method of a resource that answers every method.
    Any,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl HttpMethod {
    /// The method as AWS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::Any => "ANY",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the execution log holds: nothing, errors, or errors and informational events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum LoggingLevel {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Errors and informational events.
    Info,
}

impl LoggingLevel {
    /// The level as AWS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Info => "INFO",
        }
    }
}

/// What a client without authorization gets that asks to invalidate a cached answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum CacheControlStrategy {
    /// The request fails with 403.
    #[serde(rename = "FAIL_WITH_403")]
    FailWith403,
    /// The request is answered, with a header that warns. AWS's default.
    SucceedWithResponseHeader,
    /// The request is answered, without a word.
    SucceedWithoutResponseHeader,
}

impl CacheControlStrategy {
    /// The strategy as AWS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailWith403 => "FAIL_WITH_403",
            Self::SucceedWithResponseHeader => "SUCCEED_WITH_RESPONSE_HEADER",
            Self::SucceedWithoutResponseHeader => "SUCCEED_WITHOUT_RESPONSE_HEADER",
        }
    }
}

/// Memory of a cache cluster in gigabytes, as AWS writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum CacheClusterSize {
    /// 0.5 GB
    #[serde(rename = "0.5")]
    Gb0_5,
    /// 1.6 GB
    #[serde(rename = "1.6")]
    Gb1_6,
    /// 6.1 GB
    #[serde(rename = "6.1")]
    Gb6_1,
    /// 13.5 GB
    #[serde(rename = "13.5")]
    Gb13_5,
    /// 28.4 GB
    #[serde(rename = "28.4")]
    Gb28_4,
    /// 58.2 GB
    #[serde(rename = "58.2")]
    Gb58_2,
    /// 118 GB
    #[serde(rename = "118")]
    Gb118,
    /// 237 GB
    #[serde(rename = "237")]
    Gb237,
}

impl CacheClusterSize {
    /// The size as AWS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gb0_5 => "0.5",
            Self::Gb1_6 => "1.6",
            Self::Gb6_1 => "6.1",
            Self::Gb13_5 => "13.5",
            Self::Gb28_4 => "28.4",
            Self::Gb58_2 => "58.2",
            Self::Gb118 => "118",
            Self::Gb237 => "237",
        }
    }
}

/// Where access logs go and what a line of them holds. Needs the account's CloudWatch Logs role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(r"self.destinationArn.matches('^arn:[a-z0-9-]+:logs:[a-z0-9-]+:[0-9]{12}:log-group:[A-Za-z0-9_/.-]+(:[*])?$') || self.destinationArn.matches('^arn:[a-z0-9-]+:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/amazon-apigateway-[A-Za-z0-9_.-]+$')")
        .message("spec.accessLogSettings.destinationArn is neither the ARN of a log group (arn:aws:logs:REGION:ACCOUNT:log-group:NAME) nor of a Firehose stream whose name begins with amazon-apigateway-."),
    validation = Rule::new("self.format.contains('$context.requestId') || self.format.contains('$context.extendedRequestId')")
        .message("spec.accessLogSettings.format must hold $context.requestId or $context.extendedRequestId: API Gateway refuses it otherwise."),
    validation = Rule::new(r"self.format.matches('^[^\\n\\r]+\\n?$')")
        .message("spec.accessLogSettings.format must be one line: write it with > instead of |, or in quotes."),
)]
pub struct AccessLogSettings {
    /// ARN of a log group or of a Firehose stream whose name begins with `amazon-apigateway-`. A trailing `:*` is stripped.
    #[schemars(length(max = 1024))]
    pub destination_arn: String,
    /// One line of `$context` variables, `$context.requestId` or `$context.extendedRequestId` among them.
    #[schemars(length(max = 3072))]
    pub format: String,
}

/// Where the id of a REST API is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RestApiIdSource {
    /// A key of a `ConfigMap` in the namespace of the object.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// A key of a `ConfigMap`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ConfigMapKeyRef {
    /// Name of the `ConfigMap`.
    #[schemars(regex(pattern = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"), length(max = 253))]
    pub name: String,
    /// Key in its data.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,253}$"), length(max = 253))]
    pub key: String,
}

/// Tags of the stage that are declared: key to value.
pub type Tags = BTreeMap<String, String>;

/// A path that the API has, or `*`. A path of API Gateway holds neither `~` nor a blank, and no segment of it is empty.
fn resource_path_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 512,
        "x-kubernetes-validations": [{
            "rule": r"self.matches('^([*]|/|(/[^/~\\s]+)+)$')",
            "message": "a resourcePath in spec.methodSettings is neither * nor the path of a resource: write it as the API has it, such as /pets/{id}, with a leading / and none at the end; ~1 is not needed, escaping is ours."
        }]
    })
}

/// At most 49 tags beside ours; 128 and 256 characters (API Gateway quotas).
pub(super) fn tags_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 49,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(key, key.matches('^[A-Za-z0-9 +=._:/@-]{1,128}$'))",
                "message": "a key in spec.tags holds a character that AWS refuses, or is empty or longer than 128: use letters, digits, blanks and + - = . _ : / @ only."
            },
            {
                "rule": "self.all(key, !key.matches('^[aA][wW][sS]:'))",
                "message": "a key in spec.tags begins with aws:, which AWS keeps for itself: rename it."
            },
            {
                "rule": "self.all(key, !key.startsWith('stagecraft.dev/'))",
                "message": "a key in spec.tags begins with stagecraft.dev/, which marks the owner of a stage: rename it."
            }
        ]
    })
}
