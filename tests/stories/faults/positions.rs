//! Every position of every switch of the simulator, beside the default.

use std::collections::BTreeSet;

use apigateway_simulator::{
    AbsentVariable, CacheChange, CacheSize, CanaryDimension, DeploymentGuard, DeploymentOrder, FailedCreateStage,
    FailedPatch, GapKind, MessageMember, MetricDelay, MetricGap, StageMembers, StatusAfterDeletion, Switches,
    UnknownStage, UnparsableBoolean, Verdict,
};
use serde_json::{Value, json};

/// The switch, and what moves it.
pub(crate) type Position = (&'static str, fn(&mut Switches));

/// Positions in which the story ends as in every other.
pub(crate) const POSITIONS: &[Position] = &[
    ("failedPatch", |s| s.failed_patch = FailedPatch::KeepsEarlierOperations),
    ("removeCanaryAfterOthers", |s| s.remove_canary_after_others = Verdict::Refuse),
    ("copyBeforePercent", |s| s.copy_before_percent = Verdict::Refuse),
    ("removeAbsentCanary", |s| s.remove_absent_canary = Verdict::Accept),
    ("deploymentIdWhileCanary", |s| s.deployment_id_while_canary = Verdict::Refuse),
    ("wholeMapPatches", |s| s.whole_map_patches = Verdict::Refuse),
    ("removeAbsentVariable", |s| s.remove_absent_variable = AbsentVariable::NotFound),
    ("removeAbsentVariable", |s| s.remove_absent_variable = AbsentVariable::Accept),
    ("unparsableBoolean", |s| s.unparsable_boolean = UnparsableBoolean::Refuse),
    ("patchOperationLimit", |s| s.patch_operation_limit = None),
    ("canaryDimension", |s| s.canary_dimension = CanaryDimension::Inclusive),
    ("canaryDimension", |s| s.canary_dimension = CanaryDimension::Absent),
    ("cacheChangeInTransition", |s| s.cache_change_in_transition = CacheChange::BadRequest),
    ("cacheChangeInTransition", |s| s.cache_change_in_transition = CacheChange::Conflict),
    ("cacheClusterEnabledWhileDeleting", |s| s.cache_cluster_enabled_while_deleting = true),
    ("cacheClusterStatusAfterDeletion", |s| s.cache_cluster_status_after_deletion = StatusAfterDeletion::Empty),
    ("cacheClusterStatusAfterDeletion", |s| s.cache_cluster_status_after_deletion = StatusAfterDeletion::Absent),
    ("defaultCacheClusterSize", |s| s.default_cache_cluster_size = CacheSize::try_from("1.6".to_owned()).unwrap()),
    ("flushWithoutCache", |s| s.flush_without_cache = Verdict::Refuse),
    ("cacheDeletionStuck", |s| s.cache_deletion_stuck = true),
    ("retryAfter", |s| s.retry_after = false),
    ("conflictWindowSeconds", |s| s.conflict_window_seconds = Some(5.0)),
    ("failedCreateStage", |s| s.failed_create_stage = FailedCreateStage::LeavesStage),
    ("deploymentMembersOnExistingStage", |s| s.deployment_members_on_existing_stage = StageMembers::Ignore),
    ("bothDeploymentGuards", |s| s.both_deployment_guards = DeploymentGuard::Canary),
    ("unknownReference", |s| s.unknown_reference = Verdict::Accept),
    ("tagUnknownStage", |s| s.tag_unknown_stage = UnknownStage::BadRequest),
    ("taggingMovesLastUpdatedDate", |s| s.tagging_moves_last_updated_date = true),
    ("deploymentOrder", |s| s.deployment_order = DeploymentOrder::NewestFirst),
    ("deploymentOrder", |s| s.deployment_order = DeploymentOrder::Id),
    ("frontEndMessageMember", |s| s.front_end_message_member = MessageMember::UpperCase),
    ("metricDelay", |s| s.metric_delay = MetricDelay { min_seconds: 600, max_seconds: 900 }),
    ("metricGaps", |s| s.metric_gaps = vec![gap(GapKind::Missing)]),
    ("metricGaps", |s| s.metric_gaps = vec![gap(GapKind::Partial)]),
    ("seedLoggingLevel", |s| s.seed_logging_level = false),
    ("defaultThrottlingBurstLimit", |s| s.default_throttling_burst_limit = 1250),
    ("defaultThrottlingRateLimit", |s| s.default_throttling_rate_limit = 2500.0),
    // The story clears no documentation version: where AWS refuses that, the object says so for as long as the spec asks for it,
    // which `settings::a_documentation_version_that_cannot_be_cleared_holds_back_nothing_else` shows.
    ("emptyDocumentationVersion", |s| s.empty_documentation_version = Verdict::Refuse),
    ("apiStatus", |s| s.api_status = Some("AVAILABLE".to_owned())),
    ("apiStatus", |s| s.api_status = Some("FAILED".to_owned())),
    ("tagsInWriteReplies", |s| s.tags_in_write_replies = false),
    ("loggingOffNeedsRole", |s| s.logging_off_needs_role = false),
];

/// Switches that are about members of method entries that nobody declares, so that these differ in their positions.
pub(crate) const ABOUT_UNDECLARED: &[&str] =
    &["seedLoggingLevel", "defaultThrottlingBurstLimit", "defaultThrottlingRateLimit"];

/// A position in which the stage cannot become as declared, and what the object says instead: situation and reason of `Ready`, and
/// what its message holds.
pub(crate) struct Endless {
    pub(crate) position: Position,
    pub(crate) ready: &'static str,
    pub(crate) says: &'static str,
}

/// While AWS says that a REST API is being changed, a snapshot would catch half of the change. It is waited for however long that
/// takes: there is nothing better to serve.
pub(crate) const ENDLESS: &[Endless] = &[
    Endless {
        position: ("apiStatus", |s| s.api_status = Some("UPDATING".to_owned())),
        ready: "False Releasing",
        says: "is changing the definition",
    },
    Endless {
        position: ("apiStatus", |s| s.api_status = Some("PENDING".to_owned())),
        ready: "False Releasing",
        says: "is changing the definition",
    },
];

fn gap(kind: GapKind) -> MetricGap {
    MetricGap { from_epoch_seconds: 0, until_epoch_seconds: i64::MAX, kind }
}

/// The switches in this position, as data.
fn moved(position: fn(&mut Switches)) -> Value {
    let mut switches = Switches::default();
    position(&mut switches);
    serde_json::to_value(switches).unwrap()
}

/// The position in words.
pub(crate) fn named((switch, position): Position) -> String {
    format!("{switch} {}", moved(position)[switch])
}

/// Every switch has a position in the tables, and a switch that chooses from a list has all of them.
pub(crate) fn assert_that_none_is_missing() {
    let default = serde_json::to_value(Switches::default()).unwrap();
    let tables = POSITIONS.iter().chain(ENDLESS.iter().map(|endless| &endless.position));
    for switch in default.as_object().unwrap().keys() {
        let named = tables.clone().filter(|(name, _)| name == switch);
        let mut positions: BTreeSet<_> = named.map(|(_, position)| moved(*position)[switch].to_string()).collect();
        positions.insert(default[switch].to_string());
        assert!(positions.len() > 1, "{switch} has no position in the tables");
        // Asked for what it does not know, a switch lists what it does.
        let refused = serde_json::from_value::<Switches>(json!({ switch: "?" })).err().map(|error| error.to_string());
        let (_, listed) = refused.as_deref().and_then(|error| error.split_once("expected ")).unwrap_or_default();
        for variant in listed.split('`').skip(1).step_by(2) {
            assert!(positions.contains(&format!("{variant:?}")), "{switch} has no position {variant} in the tables");
        }
    }
}
