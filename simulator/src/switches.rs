//! Positions of the simulator where AWS's behaviour is not known.
//!
//! Each switch answers one open question; its number is that of the list of unknowns in the simulator's README.

use serde::{Deserialize, Serialize};

/// AWS's enum of the member `apiStatus`.
const API_STATUSES: [&str; 4] = ["UPDATING", "AVAILABLE", "PENDING", "FAILED"];

/// All switches. The default is the position that the notes about AWS hold for most likely or safest.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// 1: a patch list whose later operation is refused.
    pub failed_patch: FailedPatch,
    /// 2: `remove /canarySettings` behind other operations in one list.
    pub remove_canary_after_others: Verdict,
    /// 3: a promoting `copy` while the canary's percentTraffic is not 0.
    pub copy_before_percent: Verdict,
    /// 4: `remove /canarySettings` on a stage without canary.
    pub remove_absent_canary: Verdict,
    /// 6: `replace /deploymentId` while a canary exists.
    pub deployment_id_while_canary: Verdict,
    /// 7: `replace` and `remove` of the whole `/variables`, `replace` of all `stageVariableOverrides`; a value is a
    /// JSON object in a string.
    pub whole_map_patches: Verdict,
    /// 8: `remove` of a variable or an override that is not there.
    pub remove_absent_variable: AbsentVariable,
    /// 9: a stage's boolean that is neither `true` nor `false`: read as false, or refused.
    pub unparsable_boolean: UnparsableBoolean,
    /// 11: the most operations that one `UpdateStage` takes; `null` for no limit.
    pub patch_operation_limit: Option<usize>,
    /// 12: where `CloudWatch` counts a canary's requests.
    pub canary_dimension: CanaryDimension,
    /// 13: changes of the cache while it is in transition.
    pub cache_change_in_transition: CacheChange,
    /// 14: what `cacheClusterEnabled` reads while the cache is being deleted.
    pub cache_cluster_enabled_while_deleting: bool,
    /// 14: what `cacheClusterStatus` reads after a deletion.
    pub cache_cluster_status_after_deletion: StatusAfterDeletion,
    /// 14: size of a cache that is enabled without one.
    pub default_cache_cluster_size: CacheSize,
    /// 15: a flush of a stage that has no available cache.
    pub flush_without_cache: Verdict,
    /// 16: deletions of caches never end.
    pub cache_deletion_stuck: bool,
    /// 17: whether throttled calls carry `Retry-After`.
    pub retry_after: bool,
    /// 18: a write to a REST API within so many seconds of another caller's write to it is refused with 409;
    /// `null` for never.
    pub conflict_window_seconds: Option<f64>,
    /// 20: a `CreateStage` whose canary names an unknown deployment.
    pub failed_create_stage: FailedCreateStage,
    /// 21: what `CreateDeployment`'s stage members do to a stage that exists.
    pub deployment_members_on_existing_stage: StageMembers,
    /// 22: the text for a deployment that is a stage's and a canary's at once.
    pub both_deployment_guards: DeploymentGuard,
    /// 23: a client certificate or documentation version that does not exist.
    pub unknown_reference: Verdict,
    /// 24: tagging a stage that does not exist.
    pub tag_unknown_stage: UnknownStage,
    /// 24: whether tagging moves the stage's `lastUpdatedDate`.
    pub tagging_moves_last_updated_date: bool,
    /// 25: the order of `GetDeployments`.
    pub deployment_order: DeploymentOrder,
    /// 26: the member of `ValidationException` and `AccessDeniedException` that holds the text.
    pub front_end_message_member: MessageMember,
    /// 27: how long after its end a minute of emitted data becomes visible.
    pub metric_delay: MetricDelay,
    /// Minutes of which `CloudWatch` lost emitted data.
    pub metric_gaps: Vec<MetricGap>,
    /// 29: whether a method entry made from `*/*` takes its loggingLevel too.
    pub seed_logging_level: bool,
    /// 30: `throttlingBurstLimit` of a fresh method entry.
    pub default_throttling_burst_limit: i32,
    /// 30: `throttlingRateLimit` of a fresh method entry.
    pub default_throttling_rate_limit: f64,
    /// 31: `replace /documentationVersion` with an empty value: clears it, or is refused.
    pub empty_documentation_version: Verdict,
    /// 32: the member `apiStatus` of REST APIs; `null` for none.
    pub api_status: Option<String>,
    /// 33: whether the replies of `CreateStage` and `UpdateStage` carry `tags`.
    pub tags_in_write_replies: bool,
    /// 6.5: whether the log level OFF needs the account's CloudWatch role as the other levels do.
    pub logging_off_needs_role: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            failed_patch: FailedPatch::Atomic,
            remove_canary_after_others: Verdict::Accept,
            copy_before_percent: Verdict::Accept,
            remove_absent_canary: Verdict::Refuse,
            deployment_id_while_canary: Verdict::Accept,
            whole_map_patches: Verdict::Accept,
            remove_absent_variable: AbsentVariable::BadRequest,
            unparsable_boolean: UnparsableBoolean::False,
            patch_operation_limit: Some(80),
            canary_dimension: CanaryDimension::Disjoint,
            cache_change_in_transition: CacheChange::Accept,
            cache_cluster_enabled_while_deleting: false,
            cache_cluster_status_after_deletion: StatusAfterDeletion::NotAvailable,
            default_cache_cluster_size: CacheSize("0.5".to_owned()),
            flush_without_cache: Verdict::Accept,
            cache_deletion_stuck: false,
            retry_after: true,
            conflict_window_seconds: None,
            failed_create_stage: FailedCreateStage::NoStage,
            deployment_members_on_existing_stage: StageMembers::Overwrite,
            both_deployment_guards: DeploymentGuard::Stage,
            unknown_reference: Verdict::Refuse,
            tag_unknown_stage: UnknownStage::NotFound,
            tagging_moves_last_updated_date: false,
            deployment_order: DeploymentOrder::Creation,
            front_end_message_member: MessageMember::LowerCase,
            metric_delay: MetricDelay { min_seconds: 60, max_seconds: 180 },
            metric_gaps: Vec::new(),
            seed_logging_level: true,
            default_throttling_burst_limit: 5000,
            default_throttling_rate_limit: 10_000.0,
            empty_documentation_version: Verdict::Accept,
            api_status: None,
            tags_in_write_replies: true,
            logging_off_needs_role: true,
        }
    }
}

impl Switches {
    /// A few words about a position that its type takes but that AWS could never have, if there is one.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.conflict_window_seconds.is_some_and(|seconds| seconds < 0.0) {
            return Err("it must be 0 or more seconds, or null for never".to_owned());
        }
        if self.default_throttling_burst_limit < 0 || self.default_throttling_rate_limit < 0.0 {
            return Err("it must be 0 or more".to_owned());
        }
        match &self.api_status {
            Some(status) if !API_STATUSES.contains(&status.as_str()) => {
                Err(format!("it must be one of {}, or null for none", API_STATUSES.join(", ")))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether AWS takes something or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It works, or does nothing where there is nothing to do.
    Accept,
    /// 400 `BadRequestException`.
    Refuse,
}

/// What is left of the operations before the refused one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailedPatch {
    /// Nothing.
    Atomic,
    /// All of them.
    KeepsEarlierOperations,
}

/// Removal of a variable that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AbsentVariable {
    /// 400 `BadRequestException`.
    BadRequest,
    /// 404 `NotFoundException`.
    NotFound,
    /// Nothing happens.
    Accept,
}

/// A boolean that is neither `true` nor `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnparsableBoolean {
    /// Reads as false.
    False,
    /// 400 `BadRequestException`.
    Refuse,
}

/// The series that a canary's requests are counted in, beside those of the whole API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CanaryDimension {
    /// `Stage` = `{stage}/Canary` alone; `{stage}` counts production's requests only.
    Disjoint,
    /// `{stage}/Canary`, and `{stage}` counts all requests.
    Inclusive,
    /// There is no `{stage}/Canary`; `{stage}` counts all requests.
    Absent,
}

/// How long after its end a minute of emitted data becomes visible: drawn from the seed for each minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricDelay {
    /// At least so many seconds.
    pub min_seconds: u32,
    /// At most so many; less than `min_seconds` counts as `min_seconds`.
    pub max_seconds: u32,
}

/// Minutes of emitted data with something wrong. Data that were put are not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricGap {
    /// Minutes that begin at this instant or later, in seconds since 1970,
    pub from_epoch_seconds: i64,
    /// and before this one.
    pub until_epoch_seconds: i64,
    /// What is wrong.
    pub kind: GapKind,
}

/// What is wrong with the data of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GapKind {
    /// There are none, and `CloudWatch` does not say so: the minute is missing, the status is `Complete`.
    Missing,
    /// Only the requests of the minute's first half are counted so far; the status is `PartialData`.
    Partial,
}

/// Cache changes while the cache is in transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CacheChange {
    /// They start the next transition at once.
    Accept,
    /// 400 `BadRequestException`.
    BadRequest,
    /// 409 `ConflictException`.
    Conflict,
}

/// `cacheClusterStatus` after a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StatusAfterDeletion {
    /// `NOT_AVAILABLE`
    NotAvailable,
    /// An empty string.
    Empty,
    /// No member.
    Absent,
}

/// A cache size of AWS's enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CacheSize(String);

impl CacheSize {
    /// As AWS writes it, e.g. `0.5`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CacheSize {
    type Error = String;

    fn try_from(size: String) -> Result<Self, Self::Error> {
        let sizes = crate::apigateway::cache::SIZES;
        if sizes.contains(&size.as_str()) {
            Ok(Self(size))
        } else {
            Err(format!("cache size '{size}' must be one of {}", sizes.join(", ")))
        }
    }
}

/// A `CreateStage` that fails after the stage itself was fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailedCreateStage {
    /// There is no stage.
    NoStage,
    /// There is a stage without canary.
    LeavesStage,
}

/// `CreateDeployment`'s members for a stage that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StageMembers {
    /// Given members overwrite the stage's.
    Overwrite,
    /// Only the deployment moves.
    Ignore,
}

/// Which of two guards speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeploymentGuard {
    /// The stage's.
    Stage,
    /// The canary's.
    Canary,
}

/// Tagging what does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownStage {
    /// 404 `NotFoundException`.
    NotFound,
    /// 400 `BadRequestException`.
    BadRequest,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeploymentOrder {
    /// Oldest first.
    Creation,
    /// Newest first.
    NewestFirst,
    /// By id, as good as random.
    Id,
}

/// The key of an error's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MessageMember {
    /// `message`
    LowerCase,
    /// `Message`
    UpperCase,
}
