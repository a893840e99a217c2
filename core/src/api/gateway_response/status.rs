//! The status of an `ApiGatewayResponse`: what it governs, the record of ownership, and which stages have it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ResponseType;
use crate::api::names::{AccountId, DeploymentId, Region, RestApiId, StageName};
use crate::api::status::{Drift, Origin};

/// What is so. Written by the operator alone, as a whole, by server-side apply with the resourceVersion that it was read at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiGatewayResponseStatus {
    /// The generation of spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Deployed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// REST API of the gateway response that this object governs. Written before the first call; deletion goes by this, never
    /// by spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_api_id: Option<RestApiId>,
    /// AWS Region of the gateway response that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// AWS account of the gateway response that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Type of the gateway response that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_type: Option<ResponseType>,
    /// How the customisation became ours; it decides what an absent `deletionPolicy` means. Absent: as `Adopted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Our record of ownership: API Gateway has no tags on gateway responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned: Option<Owned>,

    /// The gateway response, as observed; names only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObservedResponse>,
    /// The stages of this REST API that `ApiStage`s of this cluster govern, by name: whether their callers get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub stages: Vec<Liveness>,
    /// The last corrections and reports of changes behind our back, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
}

/// What says that a customisation is ours. Hashes are the first 16 hex digits of SHA-256 over the content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Owned {
    /// Since when it is ours.
    pub since: Option<Time>,
    /// Hash of what API Gateway held after our last write, or when it was adopted. Absent: nothing of ours is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Hash of what was declared when it was last found in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// Since when API Gateway holds it, by AWS's clock and at the latest: a deployment made in a later second holds it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Time>,
    /// Writes that may be under way, noted before the call: a customisation with one of these hashes is ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writing: Vec<Writing>,
}

/// A write that may be under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Writing {
    /// Hash of what it makes of the gateway response.
    pub hash: String,
    /// When the call may have been sent at the earliest.
    pub since: Time,
}

/// A gateway response, as observed; names of parameters and templates only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ObservedResponse {
    /// Whether nobody has customised it. Then what it shows is AWS's, or inherited, and is not told here.
    pub default_response: bool,
    /// HTTP status that callers get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// Names of its parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_parameters: Vec<String>,
    /// Media types of its templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_templates: Vec<String>,
}

/// Whether the callers of a stage get the gateway response as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Liveness {
    /// Name of the stage.
    pub name: StageName,
    /// Namespace and name of the `ApiStage` that governs it.
    pub api_stage: String,
    /// Deployment that the stage serves.
    pub deployment_id: DeploymentId,
    /// Since when its callers are known to get it. Exactly one of this and `waitingSince` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_since: Option<Time>,
    /// Since when it waits for a deployment: the stage serves one that was made before the last write, or in the same second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Time>,
    /// The stage's canary, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryLiveness>,
}

/// Whether the callers that meet a stage's canary get the gateway response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryLiveness {
    /// Deployment that the canary serves.
    pub deployment_id: DeploymentId,
    /// Since when they are known to get it; absent while they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_since: Option<Time>,
}
