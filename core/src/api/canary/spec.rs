//! What a user declares: the steps, and what is asked before and between them.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]
#![expect(clippy::duplicated_attributes, reason = "several columns of a table have the same type")]

use std::collections::{BTreeMap, BTreeSet};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, dimensions_schema};
use super::status::ApiCanaryStatus;
use super::webhook::Webhook;
use crate::api::duration::Duration;

/// How a new release of a stage gets to all of its traffic.
///
/// Edited during a release, the next decision reads it as it is then; an edit never moves traffic by itself. What is absent
/// has the default that its field tells; nothing is written into the object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "stagecraft.dev",
    version = "v1alpha1",
    kind = "ApiCanary",
    plural = "apicanaries",
    namespaced,
    status = "ApiCanaryStatus",
    category = "stagecraft",
    doc = "How a new release of a stage of an Amazon API Gateway REST API gets to all of its traffic: steps, checks, approvals.",
    printcolumn(
        name = "Stage",
        type_ = "string",
        json_path = ".spec.stageRef.name",
        description = "The ApiStage whose releases this governs"
    ),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where the present or last release stands"
    ),
    printcolumn(
        name = "Step",
        type_ = "string",
        json_path = ".status.release.progress",
        description = "Step of steps"
    ),
    printcolumn(
        name = "Percent",
        type_ = "number",
        json_path = ".status.release.percent",
        description = "Percent of requests that the canary answers, as observed"
    ),
    printcolumn(
        name = "Release",
        type_ = "string",
        json_path = ".status.release.id",
        description = "The present or last release"
    ),
    printcolumn(
        name = "Checks",
        type_ = "string",
        json_path = ".status.release.checkSummary",
        description = "Checks of that release by verdict"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether nothing is left to do",
        priority = 1
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is ready or not",
        priority = 1
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.release.nextActionAt",
        description = "When the release goes on by itself",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Age of the object"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ApiCanarySpec {
    /// The stage whose releases this governs.
    pub stage_ref: StageRef,

    /// The way of the canary's share, from the first step to the last; after the last one the release is promoted. An edit
    /// during a release goes on from the last step that is not above what the canary has.
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(
        validation = Rule::new("self.map(step, step.setPercent).isSorted() && self.all(step, self.exists_one(other, other.setPercent == step.setPercent))")
            .message("steps must rise: give each step a larger setPercent than the one before it.")
    )]
    pub steps: Vec<Step>,

    /// By which metrics the release is judged, and how often. Absent or without metrics: time and approvals alone move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,

    /// What must hold of the target's snapshot, compared with what serves, before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub guards: Option<BTreeSet<Guard>>,

    /// Variables that only the canary sees, over the declared ones of the `ApiStage`; never promoted. A variable that the target
    /// drops stays visible to the canary until promotion: API Gateway cannot unset it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "overrides_schema")]
    pub stage_variable_overrides: Option<BTreeMap<String, String>>,

    /// Whether the canary answers from the stage's cache. Absent: yes, where the stage has a cache and the two deployments
    /// differ. A release of variables only never does, since both sides share the cache's keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_stage_cache: Option<bool>,

    /// Who promotes after the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,

    /// How long after promotion the same metrics judge the whole stage, with a return to the former deployment where they
    /// fail. Absent: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Duration>,

    /// A target that was stable on this stage before the present one, with the same variables and not held, goes in at once, if
    /// it is one of this many before it. Going forward again takes the steps. Absent: 1; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10))]
    pub fast_rollback: Option<u32>,

    /// What happens when more checks fail than `failureLimit` allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,

    /// How long a release may take, without the time in which it waits for people. Over it is like a failed check beyond the
    /// limit. Absent: as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline: Option<Duration>,

    /// Whom to ask or to tell. The operator must allow the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub webhooks: Option<Vec<Webhook>>,

    /// While true a release stays where it is: never raised, still checked, and commands work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// The stage whose releases are governed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageRef {
    /// Name of an `ApiStage` in the same namespace. Of several `ApiCanary` objects for it the oldest governs.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// One step on the way: a share, and how long it is kept or who lets it go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.hold) != has(self.approval)")
        .message("a step has either hold or approval: set one of them, such as hold: 10m or approval: Required.")
)]
pub struct Step {
    /// Percent of the stage's requests that the canary answers: above 0 and at most 100, with at most two decimals.
    #[x_kube(
        validation = Rule::new("self > 0.0 && self <= 100.0")
            .message("setPercent must be above 0 and at most 100."),
        validation = Rule::new("self < 0.0 || self > 1000.0 || (self * 100.0 - double(int(self * 100.0 + 0.5)) < 0.000001 && self * 100.0 - double(int(self * 100.0 + 0.5)) > -0.000001)")
            .message("setPercent has at most two decimals, as API Gateway keeps no more: round it.")
    )]
    pub set_percent: f64,

    /// How long the share is kept at least; the checks of the step must pass, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,

    /// A person lets the release go on, instead of time; the checks of the step must pass, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalPolicy>,
}

/// Who lets a step go on: `Required`, a person with the command `approve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ApprovalPolicy {
    /// A person.
    Required,
}

/// By which metrics a release is judged, and how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.customSeries) == (has(self.canarySeries) && self.canarySeries == 'Custom')")
        .message("customSeries and canarySeries: Custom belong together: set both, or neither."),
    validation = Rule::new("!has(self.window) || !has(self.interval) || !self.window.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?$') || !self.interval.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,4}s)?$') || duration(self.window) >= duration(self.interval)")
        .message("window must not be shorter than interval, or checks would miss what happens between them: lengthen window or shorten interval.")
)]
pub struct Analysis {
    /// Time between two checks, at least 10s. Absent: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("!self.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,4}s)?$') || duration(self) >= duration('10s')")
            .message("interval must be at least 10s.")
    )]
    pub interval: Option<Duration>,

    /// How long after a change of traffic nothing is judged. Absent: 2m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_delay: Option<Duration>,

    /// The time that one check looks at, in whole minutes and not shorter than `interval`. Absent: 5m, or `interval` where that
    /// is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self.matches('^([0-9]{1,4}h)?([0-9]{1,4}m)?$') && self.matches('[1-9]')")
            .message("window must be whole minutes, at least one, such as 5m: CloudWatch's metrics have a grain of one minute.")
    )]
    pub window: Option<Duration>,

    /// How far back from now the window ends, since CloudWatch needs time to count. Absent: 3m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_delay: Option<Duration>,

    /// Checks that must pass in each step. Absent: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_checks: Option<u32>,

    /// Requests that each side must have answered in the window, or there is no verdict. Absent: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: Option<u32>,

    /// Failed checks that a release may have. Absent: 0, so that the first one ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub failure_limit: Option<u32>,

    /// What a check without data counts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_no_data: Option<OnNoData>,

    /// Where the canary's numbers come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_series: Option<CanarySeries>,

    /// The series of both sides, for `canarySeries: Custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_series: Option<CustomSeries>,

    /// What is measured. A check passes when every metric does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub metrics: Option<Vec<Metric>>,
}

/// What a check without data counts as: `Hold` (also when absent) is neither, `Pass` a passed one, `Fail` a failed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnNoData {
    /// Neither: the release stays where it is until there is data.
    Hold,
    /// As passed.
    Pass,
    /// As failed.
    Fail,
}

/// Where the canary's numbers come from. `Auto` (also when absent): found out per release before the first verdict.
/// `StageDimension`: the dimension Stage = `{stage}/Canary`. `AccessLogs`: metric filters on the canary's access log, as the
/// documentation tells. `Custom`: the series in `customSeries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum CanarySeries {
    /// Found out per release.
    Auto,
    /// CloudWatch's dimension Stage = `{stage}/Canary`.
    StageDimension,
    /// Metric filters on the log group of the canary.
    AccessLogs,
    /// The series in `customSeries`.
    Custom,
}

/// Series of your own that have API Gateway's metric names (`Count`, `5XXError`, `4XXError`, `Latency`, `IntegrationLatency`,
/// `CacheHitCount`, `CacheMissCount`), one for each side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomSeries {
    /// Namespace of both, such as `Orders/Gateway`.
    #[schemars(length(min = 1, max = 255))]
    pub namespace: String,
    /// All dimensions of the canary's series.
    #[schemars(schema_with = "dimensions_schema")]
    pub canary: BTreeMap<String, String>,
    /// All dimensions of the stable side's series, which must not contain the canary's requests.
    #[schemars(schema_with = "dimensions_schema")]
    pub stable: BTreeMap<String, String>,
}

/// What must hold of a snapshot: `NoMethodRemoved`, `NoAuthorizationWeakened`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Guard {
    /// Every method that serves is in the target, too.
    NoMethodRemoved,
    /// No method of the target asks less of its callers than it does now.
    NoAuthorizationWeakened,
}

/// Who promotes after the last step: `Automatic` (also when absent), or `Manual`, a person with the command `approve` or
/// `promote`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Promotion {
    /// The operator.
    Automatic,
    /// A person.
    Manual,
}

/// What happens when more checks fail than allowed: `Rollback` (also when absent), or `Pause`, which leaves the canary where
/// it is for people to look at. After promotion it is always a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnFailure {
    /// The canary is removed and the target held.
    Rollback,
    /// The release waits for a person.
    Pause,
}

/// As `variables` of an `ApiStage`: at most 100; 64 and 512 characters (API Gateway quotas, patterns of its developer guide).
fn overrides_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 100,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 512 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(name, name.matches('^[A-Za-z0-9_]{1,64}$'))",
                "message": "a name in spec.stageVariableOverrides holds something else than letters, digits and _, or is longer than 64: rename it."
            },
            {
                "rule": "self.all(name, self[name].matches('^[A-Za-z0-9._~:/?#&=,-]+$'))",
                "message": "a value in spec.stageVariableOverrides holds a character that API Gateway refuses: use letters, digits and - . _ ~ : / ? # & = , only (no blank)."
            }
        ]
    })
}
