//! What API Gateway holds, as it was read: AWS's words, our types, nothing left out that a decision may need.
//!
//! Filled by `aws`, read by the plan. Where AWS leaves a member out, the field is `None` or empty; where absence cannot
//! be told from the default (AWS's SDK reads an absent boolean as false), the default stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::api::gateway_response::ResponseType;
use crate::api::names::{DeploymentId, RestApiId, StageName};

/// A REST API, as far as stages and snapshots depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestApi {
    /// Its identifier.
    pub id: RestApiId,
    /// Its name, which is not unique.
    pub name: String,
    /// Whether it is reached through VPC endpoints only; such an API has no public invoke URL.
    pub private: bool,
    /// Whether its definition can be snapshotted now.
    pub availability: Availability,
}

/// `apiStatus` of a REST API. Absent counts as available: older APIs do not report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// AVAILABLE, absent, or FAILED (a failed update leaves the former definition in use).
    Available,
    /// UPDATING or PENDING: a snapshot would catch a half-made definition.
    Changing,
}

/// A stage, with all members that AWS reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// The deployment that it serves.
    pub deployment_id: DeploymentId,
    /// Its description; `None` when unset or empty.
    pub description: Option<String>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Its tags, `None` while no read has told them: replies of writes may leave them out, so they are never taken from one.
    pub tags: Option<BTreeMap<String, String>>,
    /// Its canary, present exactly while AWS reports `canarySettings`, also at 0 percent.
    pub canary: Option<Canary>,
    /// When it was created, to the second.
    pub created: Option<Timestamp>,
    /// When it was last changed, to the second. Tagging does not move it: no change detector.
    pub last_updated: Option<Timestamp>,
    /// The web ACL that WAF has associated with it.
    pub web_acl_arn: Option<String>,
    /// The client certificate that it shows to back ends.
    pub client_certificate_id: Option<String>,
    /// The version of the API's documentation that it is tied to.
    pub documentation_version: Option<String>,
    /// Whether X-Ray traces it.
    pub tracing_enabled: bool,
    /// Its cache cluster.
    pub cache: CacheCluster,
    /// Settings by method key as AWS spells it: `*/*`, `~1pets~1{id}/GET`.
    pub method_settings: BTreeMap<String, MethodSetting>,
    /// Where access logs go, present while either member is set.
    pub access_log: Option<AccessLog>,
}

/// The stages of a REST API, as far as we may read them.
#[derive(Clone, Debug, PartialEq)]
pub enum Stages {
    /// All of them, as `GetStages` tells.
    All(Arc<Vec<Stage>>),
    /// The one that was asked for, absent where there is none: listing is denied. What others serve is not known.
    One(Arc<Option<Stage>>),
}

impl Stages {
    /// The stage of this name. Of another stage than the one that was asked for, nothing is known where listing is denied.
    #[must_use]
    pub fn find(&self, name: &StageName) -> Option<&Stage> {
        match self {
            Self::All(stages) => stages.iter().find(|stage| stage.name == *name),
            Self::One(stage) => stage.as_ref().as_ref().filter(|stage| stage.name == *name),
        }
    }

    /// All stages of the REST API; `None` where they cannot be listed, so that nobody knows who uses a deployment.
    #[must_use]
    pub fn all(&self) -> Option<&[Stage]> {
        match self {
            Self::All(stages) => Some(stages),
            Self::One(_) => None,
        }
    }

    /// The stage of this name, to change what is known of it.
    pub(crate) fn find_mut(&mut self, name: &StageName) -> Option<&mut Stage> {
        match self {
            Self::All(stages) => Arc::make_mut(stages).iter_mut().find(|stage| stage.name == *name),
            Self::One(stage) => Arc::make_mut(stage).as_mut().filter(|stage| stage.name == *name),
        }
    }

    /// Adds a stage that was created.
    pub(crate) fn add(&mut self, new: Stage) {
        match self {
            Self::All(stages) => Arc::make_mut(stages).push(new),
            Self::One(stage) => *stage = Arc::new(Some(new)),
        }
    }

    /// Takes away a stage that was deleted.
    pub(crate) fn remove(&mut self, name: &StageName) {
        match self {
            Self::All(stages) => Arc::make_mut(stages).retain(|stage| stage.name != *name),
            Self::One(stage) => *stage = Arc::new(Option::clone(stage).filter(|stage| stage.name != *name)),
        }
    }
}

impl From<Vec<Stage>> for Stages {
    fn from(all: Vec<Stage>) -> Self {
        Self::All(Arc::new(all))
    }
}

/// `canarySettings` of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// The deployment that the canary serves.
    pub deployment_id: DeploymentId,
    /// Share of the stage's requests that it answers, 0.0 to 100.0 percent. Compare with a tolerance of 0.01.
    pub percent_traffic: f64,
    /// Whether it reads and fills the stage's cache.
    pub use_stage_cache: bool,
    /// Variables that only it sees, over the stage's own.
    pub stage_variable_overrides: BTreeMap<String, String>,
}

/// The cache cluster of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheCluster {
    /// Whether it is wanted; what it reads during deletion is not documented, so judge by `status`.
    pub enabled: bool,
    /// `"0.5"` to `"237"` gigabytes; reported even where the cache is off, once given.
    pub size: Option<String>,
    /// AWS's text: `NOT_AVAILABLE`, `CREATE_IN_PROGRESS`, `AVAILABLE`, `DELETE_IN_PROGRESS`, `FLUSH_IN_PROGRESS`, empty or new.
    pub status: String,
}

/// One entry of `methodSettings`, with the nine or ten members of AWS.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "these are AWS's own members, each independent of the others")]
pub struct MethodSetting {
    /// Detailed CloudWatch metrics.
    pub metrics_enabled: bool,
    /// `OFF`, `ERROR`, `INFO`; absent until it was set once.
    pub logging_level: Option<String>,
    /// Whether full requests and responses are logged.
    pub data_trace_enabled: bool,
    /// Requests at once; -1 is "not limited here".
    pub throttling_burst_limit: i32,
    /// Requests a second; -1 is "not limited here".
    pub throttling_rate_limit: f64,
    /// Whether answers are cached.
    pub caching_enabled: bool,
    /// 0 to 3600 seconds, 0 is off.
    pub cache_ttl_in_seconds: i32,
    /// Whether cached data are encrypted.
    pub cache_data_encrypted: bool,
    /// Whether a client needs authorization to invalidate an entry.
    pub require_authorization_for_cache_control: bool,
    /// What an unauthorized invalidation gets: AWS's enum as text.
    pub unauthorized_cache_control_header_strategy: Option<String>,
}

/// `accessLogSettings` of a stage; one member alone is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// ARN of a log group or a Firehose stream.
    pub destination_arn: Option<String>,
    /// One line of `$context` variables.
    pub format: Option<String>,
}

/// A deployment: an immutable snapshot of a REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its identifier.
    pub id: DeploymentId,
    /// When it was made, to the second: ties are possible, the id breaks them.
    pub created: Timestamp,
    /// Its description, which ends in our marker when we made it.
    pub description: Option<String>,
}

/// All gateway responses of a REST API, from one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayResponses {
    /// One of each type, as AWS lists them.
    pub items: Vec<GatewayResponse>,
    /// AWS's own time when it answered (`Date` of the reply), where it was sent.
    pub answered: Option<Timestamp>,
}

/// A gateway response of a REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayResponse {
    /// Its type.
    pub response_type: ResponseType,
    /// Whether nobody has customised it; its content may then be inherited from `DEFAULT_4XX` or `DEFAULT_5XX`.
    pub default_response: bool,
    /// What callers get.
    pub content: ResponseContent,
}

/// What callers get with a gateway response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseContent {
    /// HTTP status; `None` only for the two families.
    pub status_code: Option<String>,
    /// Headers and the like, by `gatewayresponse.header.NAME`.
    pub response_parameters: BTreeMap<String, String>,
    /// Bodies by media type.
    pub response_templates: BTreeMap<String, String>,
}

/// Methods of a snapshot: by path, then by verb (`apiSummary`).
pub type ApiSummary = BTreeMap<String, BTreeMap<String, MethodSummary>>;

/// What a snapshot tells of one method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSummary {
    /// `NONE`, `AWS_IAM`, `CUSTOM`, `COGNITO_USER_POOLS`.
    pub authorization_type: String,
    /// Whether a caller needs an API key.
    pub api_key_required: bool,
}
