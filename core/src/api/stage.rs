//! The kind `ApiStage`: what a stage of a REST API should be.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Duration;
use super::names::{DeploymentId, Region, RestApiId, Revision, StageName};
use super::settings::{AccessLogSettings, CacheClusterSize, MethodSettings, RestApiIdSource, Tags, tags_schema};
use super::status::ApiStageStatus;

/// What a stage of an API Gateway REST API should be.
///
/// A field that is declared is enforced. One that was declared and is dropped is put back: a variable, a tag, a method's
/// settings and access logs are removed; description, certificate and documentation version are emptied; tracing and the cache
/// are switched off; revision, deploymentId and the cache's size stay as they are. One that never was declared is never touched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "stagecraft.dev",
    version = "v1alpha1",
    kind = "ApiStage",
    namespaced,
    status = "ApiStageStatus",
    category = "stagecraft",
    doc = "A stage of an Amazon API Gateway REST API: which deployment it serves, its variables and its settings.",
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stageName", description = "Name of the stage"),
    printcolumn(name = "API", type_ = "string", json_path = ".status.restApiId", description = "REST API of the stage"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision", description = "Revision that the stage serves"),
    printcolumn(name = "Canary", type_ = "number", json_path = ".status.canary.percentTraffic", description = "Percent of requests that the canary answers"),
    printcolumn(name = "Cache", type_ = "string", json_path = ".status.cacheCluster.status", description = "Status of the cache cluster"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the stage is as declared"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is ready or not"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", description = "AWS Region", priority = 1),
    printcolumn(name = "Deployment", type_ = "string", json_path = ".status.deploymentId", description = "Deployment that the stage serves", priority = 1),
    printcolumn(name = "Release", type_ = "string", json_path = ".status.release.id", description = "The present or last release", priority = 1),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.invokeUrl", description = "Where the stage is called", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Age of the object"),
    validation = Rule::new("has(self.spec.stageName) || self.metadata.name.matches('^[A-Za-z0-9_-]{1,128}$')")
        .message("metadata.name cannot be a stage name (letters, digits, _ and - only, at most 128): set spec.stageName.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.restApiId) || has(self.restApiIdFrom)")
        .message("spec.restApiId is missing: set it to the id of the REST API, such as a1b2c3d4e5, or set spec.restApiIdFrom."),
    validation = Rule::new("!(has(self.restApiId) && has(self.restApiIdFrom))")
        .message("spec.restApiId and spec.restApiIdFrom exclude each other: keep the one that names the REST API."),
    validation = Rule::new("!has(self.cacheClusterSize) || (has(self.cacheClusterEnabled) && self.cacheClusterEnabled)")
        .message("spec.cacheClusterSize needs spec.cacheClusterEnabled: true: set it, or remove the size."),
    validation = Rule::new("!(has(self.revision) && has(self.deploymentId))")
        .message("spec.revision and spec.deploymentId exclude each other: keep the one that names what the stage shall serve."),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("spec.region cannot be set, changed or removed later: delete this ApiStage and create one with the other region."),
    validation = Rule::new("has(self.stageName) == has(oldSelf.stageName) && (!has(self.stageName) || self.stageName == oldSelf.stageName)")
        .message("spec.stageName cannot be set, changed or removed later: delete this ApiStage and create one with the other name.")
)]
pub struct ApiStageSpec {
    /// Id of the REST API whose stage this is, such as `a1b2c3d4e5`. Once the stage is governed it cannot be changed: delete the
    /// object and create another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]{1,32}$"), length(max = 32))]
    pub rest_api_id: Option<RestApiId>,

    /// Where the id of the REST API is read from, instead of restApiId. Read once; then the stage stays with that REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_api_id_from: Option<RestApiIdSource>,

    /// AWS Region of the REST API. Absent: the operator's own. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"), length(max = 32))]
    pub region: Option<Region>,

    /// Name of the stage in API Gateway. Absent: `metadata.name`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,128}$"), length(max = 128))]
    pub stage_name: Option<StageName>,

    /// Your name for the deployment to serve: a Git SHA, a build number. A revision that this REST API already knows is served
    /// from its first snapshot, a new one is snapshotted. Change it whenever the API's definition changed and shall go live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._+/:@-]{0,127}$"), length(max = 128))]
    pub revision: Option<Revision>,

    /// A deployment that others made, instead of a revision. With neither, an existing stage keeps what it serves and a new one
    /// gets a first snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]{1,32}$"), length(max = 32))]
    pub deployment_id: Option<DeploymentId>,

    /// How long to wait after a new revision was first seen before its snapshot is taken, such as `30s`: time for the imports of
    /// the same commit to reach the REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_delay: Option<Duration>,

    /// How a changed target ships.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_policy: Option<ReleasePolicy>,

    /// Text for the description of the deployments that are taken; a marker follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub deployment_description: Option<String>,

    /// Description of the stage. Dropped later: emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,

    /// Stage variables. Names are letters, digits and `_`; values are letters, digits and `-._~:/?#&=,`. They ship together with
    /// the deployment, as one release. Dropped later: removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "variables_schema")]
    pub variables: Option<BTreeMap<String, String>>,

    /// Whether X-Ray traces requests. Dropped later: switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing_enabled: Option<bool>,

    /// Id of the client certificate that the stage shows to back ends. Dropped later: detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]{1,32}$"), length(max = 32))]
    pub client_certificate_id: Option<String>,

    /// Version of the API's documentation that the stage is tied to. Dropped later: untied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub documentation_version: Option<String>,

    /// Whether the stage has a cache cluster, which is billed by the hour. Dropped later: switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_cluster_enabled: Option<bool>,

    /// Memory of the cache cluster in gigabytes. A change replaces the cluster: all cached data are lost. Dropped later: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_cluster_size: Option<CacheClusterSize>,

    /// Settings by method. An entry that is dropped later is removed; entries that never were declared are never touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 300), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["resourcePath", "httpMethod"]))]
    pub method_settings: Option<Vec<MethodSettings>>,

    /// Access logs. Dropped later: removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_settings: Option<AccessLogSettings>,

    /// Tags of the stage. Only keys that are declared are ours. Dropped later: removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tags_schema")]
    pub tags: Option<Tags>,

    /// Whether a stage that exists already may become ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What becomes of the stage when its object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// What is done about a declared field that somebody else changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,

    /// How many former deployments are kept for a rollback. Absent: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub deployment_history_limit: Option<u8>,

    /// While true nothing is written to AWS. The stage is still observed, and deleting the object retains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// How a change of the target of an existing stage ships. `Canary`: only through a governing ApiCanary; while there is none it
/// waits. `Direct`: at once, never through one. Absent: through one if it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ReleasePolicy {
    /// Through a governing ApiCanary only.
    Canary,
    /// At once.
    Direct,
}

/// What happens when the stage exists already and is not ours. `Never` (also when absent): nothing, and a condition says so.
/// `IfExists`: taken over unless somebody else's owner tag is on it. `TakeOver`: taken over in any case. The operator must
/// allow adoption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum AdoptionPolicy {
    /// It may not.
    Never,
    /// It may, unless another owner's tag is on it.
    IfExists,
    /// It may, also from another owner.
    TakeOver,
}

/// What happens to the stage when this object is deleted: `Delete` or `Retain`. Absent: `Delete` for a stage that we created,
/// `Retain` for an adopted one. `Retain` set on an object that is being deleted frees it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// The stage and our unused deployments are deleted.
    Delete,
    /// The stage stays; only our owner tag is removed.
    Retain,
}

/// What happens when somebody else changes a declared field: `Correct` (also when absent) or `Report`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DriftPolicy {
    /// It is put right.
    Correct,
    /// It is reported.
    Report,
}

/// At most 100 variables; 64 and 512 characters (API Gateway quotas, patterns of its developer guide).
fn variables_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 100,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 512 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(name, name.matches('^[A-Za-z0-9_]{1,64}$'))",
                "message": "a name in spec.variables holds something else than letters, digits and _, or is longer than 64: rename it."
            },
            {
                "rule": "self.all(name, self[name].matches('^[A-Za-z0-9._~:/?#&=,-]+$'))",
                "message": "a value in spec.variables holds a character that API Gateway refuses: use letters, digits and - . _ ~ : / ? # & = , only (no blank)."
            }
        ]
    })
}
