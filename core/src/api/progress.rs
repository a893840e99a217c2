//! How far a release has come on its way through a canary: memory of decisions that nothing in AWS can tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::percent::Percent;
use super::target::Target;

/// Methods that a list of [`Changes`] names at most.
pub const MOST_CHANGES: usize = 20;

/// A person's word that a release may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The step, `1` to `n` as the release counts them, or `promotion`.
    #[schemars(length(max = 9))]
    pub step: String,
    /// The percentage of the step when it was approved: with an edited one the approval is void. Absent for `promotion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_percent: Option<Percent>,
    /// When.
    pub at: Time,
}

/// How the target's deployment differs from the one that served, by `GetDeployment?embed=apisummary`. Methods are written
/// `GET /pets/{id}`, in the order of path and verb; each list holds the first 20.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// Methods that only the target has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub methods_added: Vec<String>,
    /// Methods that only the former deployment had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub methods_removed: Vec<String>,
    /// Methods whose authorization is weaker than it was: none instead of some, or no API key where one was required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub authorization_weakened: Vec<String>,
    /// How many more there are that the lists do not name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<u32>,
}

/// A target that was declared while this release runs; it takes over when its snapshot exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// What shall serve then.
    pub target: Target,
    /// When it was first declared: `spec.snapshotDelay` counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}
