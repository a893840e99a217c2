//! The status of an `ApiStage`: what it governs, what was observed, and all memory of decisions.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::names::{AccountId, DeploymentId, Region, ReleaseId, RestApiId, Revision, StageName};
use super::percent::Percent;
use super::progress::{Approval, Changes, Next};
use super::target::Target;

/// What is so. Written by the operator alone, as a whole, by server-side apply with the resourceVersion that it was read at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiStageStatus {
    /// The generation of spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last generation whose settings were all applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Ready, Reconciling, Stalled, Released.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,

    /// REST API of the stage that this object governs. Written before the stage is created; deletion goes by this, never by spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_api_id: Option<RestApiId>,
    /// AWS Region of the stage that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// AWS account of the stage that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Name of the stage that this object governs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_name: Option<StageName>,
    /// ARN of the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_arn: Option<String>,
    /// Where the stage is called; absent for private REST APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke_url: Option<String>,
    /// ARN that permissions to invoke the stage refer to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
    /// How the stage became ours; it decides what an absent `deletionPolicy` means. Absent (status was lost): as `Adopted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,

    /// Revision that the stage serves, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Deployment that the stage serves, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<DeploymentId>,
    /// When the stage was created, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_date: Option<Time>,
    /// When the stage was last changed, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_date: Option<Time>,
    /// Web ACL of the stage, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_acl_arn: Option<String>,
    /// Client certificate of the stage, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate_id: Option<String>,
    /// Documentation version of the stage, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation_version: Option<String>,
    /// Whether X-Ray traces the stage, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing_enabled: Option<bool>,
    /// The canary of the stage, as observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStatus>,
    /// The cache cluster of the stage, as observed; absent while the stage never had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_cluster: Option<CacheClusterStatus>,

    /// Paths that are or were declared, without values: `description`, `variables[KEY]`, `tags[KEY]`,
    /// `methodSettings[/pets/{id}:GET]`. Widened before a write, narrowed after.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub managed: BTreeSet<String>,
    /// Method entries on the stage that nobody declared here: listed, never touched. Cut after about 2 KiB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<String>,
    /// The present or last release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Number of releases so far; the next one gets this plus one. Never falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releases: Option<u64>,
    /// Targets that must not ship by themselves, newest first, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Snapshots that may be under way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// What was served, and what did not come to serve, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Revisions that the history has forgotten, newest first, at most 100: where their deployment is gone they are never
    /// snapshotted again by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub pruned: Vec<Pruned>,
    /// Hash of what the descriptions of our deployments were last made to say, so that nobody looks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub described: Option<String>,
    /// The last corrections and reports of changes behind our back, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// The last command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_command: Option<LastCommand>,
}

/// How a stage became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Origin {
    /// We created it.
    Created,
    /// It existed.
    Adopted,
}

/// `canarySettings`, as observed; names of overrides only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryStatus {
    /// Deployment that the canary serves.
    pub deployment_id: Option<DeploymentId>,
    /// Percent of the stage's requests that it answers, 0 to 100.
    pub percent_traffic: f64,
    /// Whether it uses the stage's cache.
    pub use_stage_cache: bool,
    /// Names of the variables that only it sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stage_variable_overrides: Vec<String>,
}

/// The cache cluster, as observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CacheClusterStatus {
    /// Whether it is wanted.
    pub enabled: bool,
    /// Its size in gigabytes, as AWS writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// AWS's status: `CREATE_IN_PROGRESS`, `AVAILABLE`, `DELETE_IN_PROGRESS`, `FLUSH_IN_PROGRESS`, `NOT_AVAILABLE`.
    pub status: String,
    /// Since when it has this status, as far as we saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// The transition of a stage from stable to target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its id; a command names it.
    pub id: ReleaseId,
    /// How the target comes to serve.
    pub how: How,
    /// What shall serve.
    pub target: Target,
    /// What served when it began; absent for a new stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Stable>,
    /// Where it stands.
    pub phase: Phase,
    /// Why it stands there, where the phase alone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Time,
    /// When the stage's traffic was last moved by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_changed_at: Option<Time>,
    /// When it goes on by itself, where it waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action_at: Option<Time>,
    /// How many releases in a row were superseded by the next before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<u32>,
    /// Uid of the `ApiCanary` that governs it; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governed_by: Option<String>,
    /// The step that it is at, from 1; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub step: Option<u32>,
    /// When that step started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_started_at: Option<Time>,
    /// The percentage that we set last, or less if a hand lowered it: nothing is raised above it but by a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Percent>,
    /// What people approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 51))]
    pub approvals: Vec<Approval>,
    /// What a person must approve now, as the command `approve` names it: the number of the step, or `promotion`. There only in
    /// the phase `AwaitingApproval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 9))]
    pub awaiting: Option<String>,
    /// What it waits for that somebody has to do or that should not take long, and since when; absent while it goes its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What its checks found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How the target's deployment differs from the stable one; absent while it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The target that takes over when its snapshot exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
}

impl Release {
    /// Whether it has a canary open, or is about to open one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.step.is_some() || self.ceiling.is_some()
    }
}

/// A release that does not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// For what: a reason of the conditions, such as `AwaitingApproval`.
    pub reason: String,
    /// Since when.
    pub since: Time,
    /// Whether the event `WaitsLong` was told of this wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

/// What served before a release, with what is needed to put it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stable {
    /// The deployment and the hash of the declared variables that it was released with.
    #[serde(flatten)]
    pub target: Target,
    /// Former values of the variables that this release changes. The one place outside spec that holds values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Names of variables that this release adds: to go back, they are removed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub added_variables: BTreeSet<String>,
}

/// How a target comes to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum How {
    /// With the new stage.
    First,
    /// Step by step, through a canary.
    Canary,
    /// At once.
    Direct,
    /// At once, because it was stable here before.
    FastRollback,
    /// At once, by the command `rollback`.
    RolledBack,
    /// It served already when the stage became ours.
    Adopted,
    /// Somebody put it in by hand.
    PromotedByHand,
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Phase {
    /// There is no release.
    Idle,
    /// The snapshot is taken or found; nothing of the target serves.
    Preparing,
    /// The canary takes its steps.
    Progressing,
    /// A person must approve.
    AwaitingApproval,
    /// It waits where it is.
    Paused,
    /// The stage is being moved to the target.
    Promoting,
    /// The target serves all; it is still judged.
    Baking,
    /// The stage is being moved back.
    RollingBack,
    /// The target serves.
    Succeeded,
    /// The target does not serve and is held.
    Failed,
}

impl Phase {
    /// Whether a release in this phase is under way.
    #[must_use]
    pub fn is_running(self) -> bool {
        match self {
            Self::Preparing
            | Self::Progressing
            | Self::AwaitingApproval
            | Self::Paused
            | Self::Promoting
            | Self::Baking
            | Self::RollingBack => true,
            Self::Idle | Self::Succeeded | Self::Failed => false,
        }
    }
}

/// A target that must not ship by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The release that it was the target of, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// The deployment and variables.
    #[serde(flatten)]
    pub target: Target,
    /// Why it is held.
    pub why: Why,
    /// Since when.
    pub since: Time,
}

/// Why a target is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Why {
    /// Its checks failed.
    Failed,
    /// It was aborted.
    Aborted,
    /// Its release could not go on.
    Unfinished,
    /// The command `rollback` went back from it.
    RolledBackByCommand,
    /// Somebody moved the stage to another deployment.
    StageMovedByHand,
}

/// A snapshot that may be under way: written before the call, since the call has no client token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// What is snapshotted.
    pub revision: Revision,
    /// Which snapshot of it.
    pub attempt: u32,
    /// When the call may have been sent at the earliest.
    pub since: Time,
}

/// What was served, or did not come to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Its release; absent where it served already when the stage became ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// The deployment and variables.
    #[serde(flatten)]
    pub target: Target,
    /// How it came to serve; absent when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// Why it did not come to serve; absent when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ReleaseResult>,
    /// Since when it served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_since: Option<Time>,
    /// When it ceased to serve, or its release ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
}

/// A revision that the history has forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// The revision.
    pub revision: Revision,
    /// Its highest attempt: a `resnapshot` goes on counting from there.
    #[schemars(range(min = 1))]
    pub attempt: u32,
}

/// How a release ended whose target did not come to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ReleaseResult {
    /// Its checks failed.
    Failed,
    /// It was aborted.
    Aborted,
    /// Another target was declared.
    Superseded,
    /// The spec went back to what is served.
    Cancelled,
}

/// A change behind our back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The declared path, as in `managed`.
    pub field: String,
    /// When it was noticed.
    pub at: Time,
    /// Whether it was put right.
    pub corrected: bool,
}

/// The last command, so that no value is taken up twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastCommand {
    /// The annotation's value, cut to 256 characters.
    pub value: String,
    /// How far it came.
    pub state: CommandState,
    /// What was done, or why it was refused.
    pub message: String,
    /// When it was taken up.
    pub at: Time,
}

/// How far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum CommandState {
    /// Taken up; its effect is under way.
    Accepted,
    /// Not taken up; the message says why.
    Refused,
    /// Its effect is there.
    Done,
}
