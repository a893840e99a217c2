//! The calls that a plan consists of.

use std::collections::BTreeMap;

use crate::api::arn;
use crate::api::names::{AccountId, DeploymentId, Region, RestApiId, Revision, StageName};
use crate::api::owner::Owner;
use crate::api::settings::CacheClusterSize;
use crate::observed::Deployment;
use crate::patch::PatchOperation;
use crate::world::Group;

/// Where a stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// AWS account.
    pub account: AccountId,
    /// AWS Region.
    pub region: Region,
    /// REST API.
    pub rest_api: RestApiId,
    /// Name of the stage.
    pub stage: StageName,
}

impl Place {
    /// ARN of the stage, as tags need it.
    #[must_use]
    pub fn stage_arn(&self) -> String {
        arn::stage_arn(&self.region, &self.rest_api, &self.stage)
    }
}

/// One call that changes something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `CreateDeployment`, unless the marker turns up before it.
    Snapshot {
        /// The revision that is snapshotted.
        revision: Revision,
        /// Which snapshot of it.
        attempt: u32,
        /// The description, which ends in the marker.
        description: String,
    },
    /// `CreateStage`, with the owner tag.
    CreateStage(NewStage),
    /// `UpdateStage`: deployment, variables and canary, always alone.
    Traffic(Vec<PatchOperation>),
    /// `UpdateStage`: the first of the two calls that promote a canary.
    Promote {
        /// The operations.
        operations: Vec<PatchOperation>,
        /// Whether they are in the order that was recorded from AWS, after copy-first was refused.
        as_recorded: bool,
    },
    /// `UpdateStage`: takes traffic away from what a release brought. Waits for nothing and nobody.
    Abort(Vec<PatchOperation>),
    /// `UpdateStage`: settings beside the release.
    Settings {
        /// Their purpose: settings, one of the references among them, logging, or the cache cluster.
        group: Group,
        /// The operations.
        operations: Vec<PatchOperation>,
        /// The declared paths that they put right, each once.
        fields: Vec<String>,
        /// Whether somebody else had changed them.
        drifted: bool,
    },
    /// `TagResource`: declared tags.
    SetTags {
        /// The tags.
        tags: BTreeMap<String, String>,
        /// Whether somebody else had changed them.
        drifted: bool,
    },
    /// `UntagResource`: tags that were declared.
    RemoveTags {
        /// Their keys.
        keys: Vec<String>,
    },
    /// `FlushStageCache`.
    FlushCache,
    /// `FlushStageAuthorizersCache`.
    FlushAuthorizers,
    /// `TagResource`: the stage becomes ours.
    Tag(Owner),
    /// `UntagResource`: the stage is no longer ours.
    Untag,
    /// `DeleteStage`.
    DeleteStage,
    /// `DeleteDeployment` of one of ours that nothing serves.
    DeleteDeployment(DeploymentId),
    /// `DeleteDeployment` of one of ours that nobody needs any more, at rest.
    Prune {
        /// The deployment.
        deployment: DeploymentId,
        /// What it was a snapshot of.
        revision: Revision,
    },
    /// `UpdateDeployment` of one of ours: the user's text and the result before the marker, which stays.
    Describe {
        /// The deployment.
        deployment: DeploymentId,
        /// The whole description.
        description: String,
    },
}

/// What `CreateStage` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStage {
    /// Name of the stage.
    pub name: StageName,
    /// What it serves.
    pub deployment_id: DeploymentId,
    /// Its description.
    pub description: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Its tags: the owner tag among them, so that no moment exists in which the stage is nobody's.
    pub tags: BTreeMap<String, String>,
    /// Whether X-Ray traces it.
    pub tracing_enabled: bool,
    /// The version of the API's documentation that it is tied to.
    pub documentation_version: Option<String>,
    /// Its cache cluster; `None`: no cache.
    pub cache: Option<NewCache>,
}

/// The cache cluster of a new stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCache {
    /// Its size; `None` leaves the choice to AWS.
    pub size: Option<CacheClusterSize>,
}

impl Action {
    /// The group that this call belongs to.
    #[must_use]
    pub fn group(&self) -> Group {
        match self {
            Self::Snapshot { .. } => Group::Snapshot,
            Self::CreateStage(_) | Self::Traffic(_) | Self::Promote { .. } | Self::Abort(_) => Group::Traffic,
            Self::Settings { group, .. } => *group,
            Self::SetTags { .. } | Self::RemoveTags { .. } => Group::Tags,
            Self::FlushCache | Self::FlushAuthorizers => Group::Command,
            Self::Tag(_) | Self::Untag => Group::Ownership,
            Self::DeleteStage | Self::DeleteDeployment(_) => Group::CleanUp,
            Self::Prune { .. } | Self::Describe { .. } => Group::Housekeeping,
        }
    }
}

/// The oldest of equals: first by creation, then by id, since creation is told to the second only.
pub(super) fn oldest_first(deployment: &Deployment) -> (jiff::Timestamp, DeploymentId) {
    (deployment.created, deployment.id.clone())
}
