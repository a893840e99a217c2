//! What is told about releases: a view of `ApiStage.status`, made anew each time. Only `checks` is told here alone, and it
//! refills.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::check::Check;
use crate::api::counts::{Counts, Series};
use crate::api::names::{DeploymentId, ReleaseId, Revision};
use crate::api::percent::Percent;
use crate::api::status::{HistoryEntry, Phase};

/// What is so. Written by the operator alone, as a whole; losing it loses nothing that decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiCanaryStatus {
    /// The generation of spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Analysis.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Where the present or last release of the stage stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The present or last release of the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<CanaryRelease>,
    /// Where the two sides' numbers come from, as found out for the present release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// The last checks, newest first, at most 5.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub checks: Vec<Check>,
    /// What was served, and what did not come to serve, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub history: Vec<HistoryEntry>,
}

/// A release, as people ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryRelease {
    /// Its id; commands name it.
    pub id: ReleaseId,
    /// The revision that shall serve, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The deployment that shall serve; absent while its snapshot has not been taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_deployment_id: Option<DeploymentId>,
    /// The deployment that served when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_deployment_id: Option<DeploymentId>,
    /// Why it stands where it does, where the phase alone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Time,
    /// The step that it is at, from 1; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub step: Option<u32>,
    /// How many steps there are.
    pub steps: u32,
    /// Both as people read them: `2/4`.
    #[schemars(length(max = 5))]
    pub progress: String,
    /// Percent of the stage's requests that the canary answers, as observed.
    pub percent: Percent,
    /// When it goes on by itself, where it waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action_at: Option<Time>,
    /// What its checks found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// The counts as people read them: `12 pass, 0 fail`.
    #[schemars(length(max = 64))]
    pub check_summary: String,
}
