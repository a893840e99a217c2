//! What a check found: one evaluation of all metrics, as status tells it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one evaluation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Verdict {
    /// The data are there, and nothing speaks against the release.
    Pass,
    /// The data are there and outside the bounds.
    Fail,
    /// The data are missing, partial, late or too few to tell. Never good news.
    NoData,
}

/// One evaluation of all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// When it was made.
    pub at: Time,
    /// The step that it was made in; absent in the bake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// `Fail` if a metric failed, else `NoData` if one could not be judged, else `Pass`; `onNoData` has been applied.
    pub verdict: Verdict,
    /// The metrics, in the order of the spec.
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricCheck>,
}

/// What one metric said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricCheck {
    /// The metric's name in `analysis.metrics`.
    #[schemars(length(max = 63))]
    pub name: String,
    /// What it says.
    pub verdict: Verdict,
    /// The canary's value: percent for rates, milliseconds for latencies, else as the source gives it. In the bake the stage's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The stable side's value, where it was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// Requests behind `value`, where the source counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// Requests behind `baseline`, where the source counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_samples: Option<u64>,
    /// The bound that decided, as the spec writes it: `max 1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub bound: Option<String>,
    /// True where the metric only tells and never decides.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// The verdict in one sentence with its numbers.
    #[schemars(length(max = 1024))]
    pub sentence: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
