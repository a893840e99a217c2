//! What the checks of a release have found so far: memory that nothing in AWS can tell again.
//!
//! Whole numbers only, so that what is written is what is read, whoever writes it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the checks of a release have found so far. Counts stay, by metric name, when its `ApiCanary` is edited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Checks of this release with the verdict Pass.
    pub pass: u32,
    /// Checks of this release with the verdict Fail.
    pub fail: u32,
    /// Checks of this release with the verdict `NoData`.
    pub no_data: u32,
    /// Of `pass`, those of the present step since it started; `minChecks` asks for this.
    pub step_pass: u32,
    /// The step that `step_pass` counts for, by its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_since: Option<Time>,
    /// When the last check was judged: the next one is due an `interval` later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_check_at: Option<Time>,
    /// Since when every check had the verdict `NoData`; absent after one that had data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_data_since: Option<Time>,
    /// Where the canary's requests are counted, once that was verified in this release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// By metric name, for those that failed at least once or gather evidence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub metrics: Vec<MetricCounts>,
}

/// Which series of `CloudWatch` hold the requests of the two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// Value of the dimension `Stage` of the canary's series.
    #[schemars(length(max = 256))]
    pub canary: String,
    /// Value of the dimension `Stage` of the stage's series.
    #[schemars(length(max = 256))]
    pub stable: String,
    /// Whether the stage's series holds the canary's requests too.
    pub scope: Scope,
}

/// Whether the series of a stage holds the requests of its canary; AWS does not document it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Scope {
    /// It does not: the stage's series is the stable side.
    Disjoint,
    /// It does: the stable side is the stage's series less the canary's.
    Inclusive,
    /// The counts do not tell: the sides are not compared.
    Unknown,
}

/// What the checks of one metric have found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricCounts {
    /// The metric's name in `analysis.metrics`.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Checks in which it failed.
    pub fail: u32,
    /// What its sequential test remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// What the stable side last had: the bake compares with it, when there is no stable side any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// What the stable side last had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// Millionths of the metric's unit.
    pub millionths: i64,
    /// Requests behind it.
    pub samples: u64,
}

/// What a sequential test remembers. Gathered from the first traffic of the release over all steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// What is tested, as text: with another source, bound or ratio the test begins anew.
    #[schemars(length(max = 128))]
    pub of: String,
    /// Bad responses of the canary.
    pub bad: u64,
    /// Requests to the canary.
    pub requests: u64,
    /// Bad responses of the stable side in the same minutes.
    pub stable_bad: u64,
    /// Requests to the stable side in the same minutes.
    pub stable_requests: u64,
    /// `requests` at the start of the present step.
    pub requests_before_step: u64,
    /// `stable_requests` at the start of the present step.
    pub stable_requests_before_step: u64,
    /// For each assumed increase the evidence for it: millionths of a natural logarithm, rounded down.
    #[schemars(length(max = 16))]
    pub log_evidence: Vec<i64>,
    /// The first minute of the present share of traffic that may count, in minutes since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Minutes before this one were counted, are `missing` or will never count. In minutes since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Minutes whose data had not arrived and still count when they do, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 30))]
    pub missing: Vec<i64>,
}
