//! One metric: where its value comes from, and what is a bad value.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A metric of an analysis: a name, exactly one source, and bounds.
///
/// Rates (`ErrorRate5xx`, `ErrorRate4xx`, `SlowRequestRate`, `CacheHitRate`) and their bounds are in percent of requests,
/// 0 to 100; latencies are in milliseconds; others have the unit that their series has. A bad-request rate without any bound gets
/// `sequential`; anything else needs one. Queries, expressions, dimensions and alarm names may use `${restApiId}`,
/// `${apiName}`, `${stageName}`, `${canaryDeploymentId}`, `${stableDeploymentId}` and `${window}`, such as `5m`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.apiGateway), has(self.cloudWatch), has(self.alarm), has(self.prometheus)].filter(is, is).size() == 1")
        .message("a metric has exactly one source: keep one of apiGateway, cloudWatch, alarm and prometheus."),
    validation = Rule::new("has(self.alarm) || has(self.max) || has(self.min) || has(self.maxIncrease) || has(self.maxRatio) || has(self.sequential) || (has(self.apiGateway) && self.apiGateway.metric in ['ErrorRate5xx', 'ErrorRate4xx', 'SlowRequestRate'])")
        .message("nothing tells which value of this metric is bad: set max, min, maxIncrease or maxRatio."),
    validation = Rule::new("!has(self.alarm) || !(has(self.max) || has(self.min) || has(self.maxIncrease) || has(self.maxRatio) || has(self.ratioFloor) || has(self.sequential))")
        .message("an alarm brings its own threshold: remove max, min, maxIncrease, maxRatio, ratioFloor and sequential."),
    validation = Rule::new("!(has(self.maxIncrease) || has(self.maxRatio)) || has(self.apiGateway) || has(self.alarm)")
        .message("maxIncrease and maxRatio compare with the stable side, which only apiGateway metrics have: use max or min, and compare inside the query or expression."),
    validation = Rule::new("!has(self.sequential) || has(self.alarm) || (has(self.apiGateway) && self.apiGateway.metric in ['ErrorRate5xx', 'ErrorRate4xx', 'SlowRequestRate'])")
        .message("sequential counts bad requests: it goes with ErrorRate5xx, ErrorRate4xx and SlowRequestRate only; use max, min, maxIncrease or maxRatio."),
    validation = Rule::new("!has(self.sequential) || !(has(self.min) || has(self.maxIncrease) || has(self.maxRatio))")
        .message("sequential goes alone, against the stable side, or with max, against a fixed rate: remove min, maxIncrease and maxRatio, or remove sequential."),
    validation = Rule::new("!has(self.ratioFloor) || has(self.maxRatio) || has(self.alarm)")
        .message("ratioFloor belongs to maxRatio: set maxRatio, or remove ratioFloor."),
    validation = Rule::new("!has(self.min) || !has(self.max) || self.min <= self.max")
        .message("min is above max, so no value would pass: swap them."),
    validation = Rule::new("!has(self.apiGateway) || !self.apiGateway.metric.matches('Rate') || ((!has(self.max) || (self.max >= 0.0 && self.max <= 100.0)) && (!has(self.min) || (self.min >= 0.0 && self.min <= 100.0)) && (!has(self.maxIncrease) || self.maxIncrease <= 100.0))")
        .message("a rate is in percent of requests: give max, min and maxIncrease as 0 to 100.")
)]
pub struct Metric {
    /// Your name for it; counts and results are kept by it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))]
    pub name: String,

    /// What API Gateway tells CloudWatch about the stage, for both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_gateway: Option<ApiGatewaySource>,

    /// Any CloudWatch metric or expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch: Option<CloudWatchSource>,

    /// A CloudWatch alarm: OK passes, ALARM fails, `INSUFFICIENT_DATA` is no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<AlarmSource>,

    /// A Prometheus query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,

    /// The largest value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,

    /// The smallest value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,

    /// How far the canary may be above the stable side, in the metric's own unit: percentage points for rates. For
    /// `CacheHitRate`, how far below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_increase: Option<f64>,

    /// How many times the stable side's value the canary may have. For `CacheHitRate`, the stable side the canary's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self > 0.0").message("maxRatio must be above 0, such as 1.2 for a fifth more."))]
    pub max_ratio: Option<f64>,

    /// A stable side below this counts as this for `maxRatio`, so that next to nothing is not multiplied. Absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub ratio_floor: Option<f64>,

    /// A sequential test, which may look at every new minute and is still wrong no more often than it declares: against the
    /// stable side, or with `max` against that rate. Its evidence is gathered over all steps of a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<Sequential>,

    /// Failed checks of this metric that a release may have. Absent: that of the analysis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub failure_limit: Option<u32>,

    /// While true it is measured and told, and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What API Gateway tells CloudWatch about a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.thresholdMs) == (self.metric == 'SlowRequestRate')")
        .message("thresholdMs belongs to SlowRequestRate and to no other metric: set it there, such as thresholdMs: 800, or remove it.")
)]
pub struct ApiGatewaySource {
    /// Which of them.
    pub metric: ApiGatewayMetric,

    /// For `SlowRequestRate`: a request that took longer than this many milliseconds is a slow one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900_000))]
    pub threshold_ms: Option<u32>,
}

/// The measures that need no query. Rates are in percent of requests, latencies in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApiGatewayMetric {
    /// Responses with a status of 500 to 599.
    ErrorRate5xx,
    /// Responses with a status of 400 to 499.
    ErrorRate4xx,
    /// Requests that took longer than `thresholdMs`.
    SlowRequestRate,
    /// Half of the requests took no longer.
    LatencyP50,
    /// Nine of ten requests took no longer.
    LatencyP90,
    /// 99 of 100 requests took no longer.
    LatencyP99,
    /// The mean.
    LatencyAverage,
    /// As `LatencyP50`, of the integration alone.
    IntegrationLatencyP50,
    /// As `LatencyP90`, of the integration alone.
    IntegrationLatencyP90,
    /// As `LatencyP99`, of the integration alone.
    IntegrationLatencyP99,
    /// As `LatencyAverage`, of the integration alone.
    IntegrationLatencyAverage,
    /// Requests to cached methods that the cache answered. Here the lower value is the bad one.
    CacheHitRate,
}

impl ApiGatewayMetric {
    /// Whether it counts bad requests among all, which a sequential test needs.
    #[must_use]
    pub fn counts_bad_requests(self) -> bool {
        match self {
            Self::ErrorRate5xx | Self::ErrorRate4xx | Self::SlowRequestRate => true,
            Self::LatencyP50
            | Self::LatencyP90
            | Self::LatencyP99
            | Self::LatencyAverage
            | Self::IntegrationLatencyP50
            | Self::IntegrationLatencyP90
            | Self::IntegrationLatencyP99
            | Self::IntegrationLatencyAverage
            | Self::CacheHitRate => false,
        }
    }

    /// Whether it is a share of requests, in percent.
    #[must_use]
    pub fn is_rate(self) -> bool {
        self.counts_bad_requests() || self == Self::CacheHitRate
    }
}

/// A CloudWatch metric, by its series or by an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.expression) ? !(has(self.namespace) || has(self.metric) || has(self.dimensions) || has(self.statistic)) : (has(self.namespace) && has(self.metric) && has(self.statistic))")
        .message("cloudWatch has either expression alone, or namespace, metric and statistic (and dimensions, if there are any).")
)]
pub struct CloudWatchSource {
    /// Namespace of the metric, such as `Orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub namespace: Option<String>,

    /// Name of the metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub metric: Option<String>,

    /// Its dimensions: all of them, as CloudWatch matches them exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dimensions_schema")]
    pub dimensions: Option<BTreeMap<String, String>>,

    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or an extended one such as `p99` or `tm90`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(
        validation = Rule::new("self.matches('^(Average|Sum|Minimum|Maximum|SampleCount|IQM|(p|tm|tc|ts|wm)[0-9]{1,2}([.][0-9]{1,10})?|p100|(PR|TM|TC|TS|WM)[(][0-9.%:]{1,24}[)])$')")
            .message("CloudWatch knows no such statistic: use Average, Sum, Minimum, Maximum, SampleCount, or one such as p99 or tm90.")
    )]
    pub statistic: Option<String>,

    /// A Metrics Insights query (`SELECT …`) or a metric math expression that names its series by `SEARCH(…)`. It must give one
    /// series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new("self.findAll('[$][{][^}]*[}]?').all(name, name in ['${restApiId}', '${apiName}', '${stageName}', '${canaryDeploymentId}', '${stableDeploymentId}', '${window}'])")
            .message("a name in ${…} is none of restApiId, apiName, stageName, canaryDeploymentId, stableDeploymentId and window: use one of these.")
    )]
    pub expression: Option<String>,
}

/// A CloudWatch alarm of the stage's account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct AlarmSource {
    /// Name of a metric alarm or a composite one.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = Rule::new("self.findAll('[$][{][^}]*[}]?').all(name, name in ['${restApiId}', '${apiName}', '${stageName}', '${canaryDeploymentId}', '${stableDeploymentId}', '${window}'])")
            .message("a name in ${…} is none of restApiId, apiName, stageName, canaryDeploymentId, stableDeploymentId and window: use one of these.")
    )]
    pub name: String,
}

/// A query to a Prometheus that the operator knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PrometheusSource {
    /// Name of the Prometheus in the operator's configuration.
    #[schemars(length(min = 1, max = 63))]
    pub provider: String,

    /// An instant query that gives a scalar or a single series. It is evaluated at the end of the window.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(
        validation = Rule::new("self.findAll('[$][{][^}]*[}]?').all(name, name in ['${restApiId}', '${apiName}', '${stageName}', '${canaryDeploymentId}', '${stableDeploymentId}', '${window}'])")
            .message("a name in ${…} is none of restApiId, apiName, stageName, canaryDeploymentId, stableDeploymentId and window: use one of these.")
    )]
    pub query: String,
}

/// A test that may be looked at after every new minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sequential {
    /// How often a release that is no worse may be failed by this metric at most: above 0 and below 1. Absent: 0.01, one in a
    /// hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self > 0.0 && self < 1.0")
            .message("falseAlarm is a probability above 0 and below 1, such as 0.01: no test is never wrong, and one that always is tells nothing.")
    )]
    pub false_alarm: Option<f64>,

    /// The smallest increase over the stable side, or over `max`, that matters, in percentage points: what is smaller does not
    /// fail. Absent: any increase that the requests can prove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self > 0.0 && self < 100.0")
            .message("smallestIncrease is in percentage points, above 0 and below 100, such as 0.5.")
    )]
    pub smallest_increase: Option<f64>,
}

/// At most 30 dimensions; 255 and 1024 characters (CloudWatch's API reference, `Dimension`).
pub(super) fn dimensions_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 30,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 1024 },
        "x-kubernetes-validations": [{
            "rule": "self.all(name, name.size() >= 1 && name.size() <= 255)",
            "message": "the name of a dimension has 1 to 255 characters: shorten it."
        }]
    })
}
