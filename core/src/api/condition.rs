//! Conditions: their types, their reasons, and the table that sets them together.
//!
//! `Reconciling` and `Stalled` are True when something is up, as kstatus wants it, and absent otherwise; never both. The others
//! are good when True.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The types of conditions. `Released` is an `ApiStage`'s own, `Deployed` an `ApiGatewayResponse`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionType {
    /// True: the target serves and every declared setting is applied.
    Ready,
    /// True: the operator is at work, or waits for AWS or a REST API; it goes on by itself.
    Reconciling,
    /// True: nothing goes on before somebody changes something.
    Stalled,
    /// True: the target of this very generation (deployment and variables) serves, and no release runs.
    Released,
    /// True: the stage's cache cluster is available. There only while a cluster is declared or AWS has one.
    CacheReady,
    /// Of an `ApiCanary`. True: the checks of the running release passed.
    Analysis,
    /// True: every stage of this cluster on the REST API serves a deployment that holds the gateway response.
    Deployed,
}

impl ConditionType {
    /// Every type, for tables that must be complete.
    pub const ALL: &[Self] = &[Self::Ready, Self::Reconciling, Self::Stalled, Self::Released, Self::Deployed];

    /// The type as it stands in a condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Released => "Released",
            Self::CacheReady => "CacheReady",
            Self::Analysis => "Analysis",
            Self::Deployed => "Deployed",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition is as it is: a closed list; `docs/troubleshooting.md` has an entry for each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, for tables that must be complete.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The reason that a text names.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().find(|reason| reason.as_str() == text).copied()
            }

            /// The reason as it stands in a condition.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

reasons! {
    /// The stage is as declared.
    Synced,
    /// A release is under way: the target does not serve yet.
    Releasing,
    /// A setting beside the release is still to be applied.
    SettingsPending,
    /// AWS accepted a setting and does not show it as declared.
    SettingNotKept,
    /// The cache cluster is available.
    CacheAvailable,
    /// A cache cluster is declared, and AWS has not been asked for it yet.
    CachePending,
    /// AWS is building the cache cluster.
    CacheCreating,
    /// AWS is emptying the cache cluster.
    CacheFlushing,
    /// AWS is removing the cache cluster.
    CacheDeleting,
    /// AWS has left the cache cluster in a transition for longer than any should take.
    CacheStuck,
    /// `driftPolicy: Report` and somebody changed a declared field.
    DriftReported,
    /// `spec.suspend` is true: nothing is written to AWS.
    Suspended,
    /// Every stage of this cluster on the REST API serves a deployment that holds the gateway response.
    Live,
    /// A stage still serves a deployment from before the last change of the gateway response; the message says which.
    AwaitingDeployment,
    /// The deployment that the stage serves was changed behind our back; that hand is obeyed.
    StageMovedByHand,
    /// No release runs.
    Idle,
    /// The checks of the release passed.
    ChecksPass,
    /// No metric is declared: time and approvals alone move a release.
    NoMetrics,
    /// Another `ApiCanary`, which is older, governs the stage.
    NotGoverning,
    /// The `ApiCanary` names an `ApiStage` that does not exist; or none is on the REST API of the gateway response, so nothing is
    /// known of its stages.
    NoApiStage,
    /// `releasePolicy` is `Canary` and no `ApiCanary` names this stage.
    AwaitingApiCanary,
    /// The `ApiCanary` that governs the release cannot be used as it is.
    InvalidApiCanary,
    /// `spec.suspend` of the governing `ApiCanary` is true: nothing is raised.
    ApiCanarySuspended,
    /// The step has not had its time.
    StepHolds,
    /// A person must approve.
    AwaitingApproval,
    /// The step needs more checks that pass.
    ChecksOutstanding,
    /// The last check had no data to judge by.
    NoData,
    /// A webhook does not let the release go on.
    GateClosed,
    /// Another target was declared and takes over when its snapshot exists.
    Superseding,
    /// The target gets all requests.
    Promoting,
    /// The target serves all and is still judged.
    Baking,
    /// The release is being undone.
    RollingBack,
    /// What the release was to bring is no longer asked for.
    Cancelled,
    /// The release was paused by command.
    PausedByCommand,
    /// Somebody lowered or removed the canary; that hand is obeyed.
    ChangedByHand,
    /// More checks failed than is borne.
    AnalysisFailed,
    /// The release was without progress for longer than `progressDeadline`.
    DeadlineExceeded,
    /// A guard of the `ApiCanary` refused the snapshot.
    GuardFailed,
    /// API Gateway refused to promote the canary.
    PromotionRefused,
    /// The canary was changed in the very moment of its promotion; the stage was put back.
    PromotedWrongDeployment,
    /// The target's release failed and was undone; it is held.
    ReleaseFailed,
    /// The target's release was aborted; it is held.
    ReleaseAborted,
    /// The target's release could not be finished; it is held.
    ReleaseUnfinished,
    /// The stage was rolled back from the target by command; it is held.
    RolledBackByCommand,
    /// A canary that no release of ours opened is on the stage; a change of the target waits until it is gone.
    ForeignCanary,
    /// A new revision waits for `spec.snapshotDelay` before its snapshot is taken.
    SnapshotDelayed,
    /// A snapshot's reply was lost, and we look whether it was taken before we ask again.
    SnapshotUnconfirmed,
    /// `spec.restApiIdFrom` refers to what is not there, or is not the id of a REST API.
    ReferenceUnresolved,
    /// There is no such REST API in this account and Region.
    RestApiNotFound,
    /// The REST API's definition is being changed by AWS right now.
    RestApiChanging,
    /// The REST API's definition cannot be deployed: it has no methods, or a method without an integration.
    RestApiNotDeployable,
    /// The account has no CloudWatch Logs role in this Region, without which API Gateway refuses logs.
    LogsRoleMissing,
    /// `spec.deploymentId` names a deployment that does not exist.
    DeploymentNotFound,
    /// The revision's deployment was deleted, and a revision is never snapshotted again by itself.
    RevisionGone,
    /// The stage exists, carries no owner tag, and `adoptionPolicy` does not allow to take it.
    StageExists,
    /// The gateway response is customised, we have no record that it is ours, and `adoptionPolicy` does not allow to take it.
    ResponseExists,
    /// The stage carries another owner's tag.
    OwnedByAnother,
    /// An older object of this cluster governs the same stage, or the same gateway response.
    NotOldest,
    /// Adoption is asked for, but the operator does not allow it.
    AdoptionDenied,
    /// No access rule of the operator allows this object to govern its stage.
    NotAllowed,
    /// The spec or the credentials name another stage than the one that this object governs.
    IdentityChanged,
    /// The spec cannot be used as it is.
    InvalidSpec,
    /// AWS refused the operator's credentials or permissions.
    AccessDenied,
    /// AWS refused what was sent; the message has its text.
    Refused,
    /// A hard quota of the AWS account is reached.
    QuotaExceeded,
    /// AWS asks to be called more slowly.
    Throttled,
    /// AWS does not answer, or answers with failures of its own.
    AwsUnavailable,
    /// Something in AWS must appear, end or go first; the message says what.
    WaitingForAws,
    /// The object is being deleted, and so is its stage.
    Deleting,
    /// The deletion cannot go on; the message says why and how to free the object.
    DeletionBlocked,
}

/// Where an object stands: the rows of the table in design §2.4, the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// Invalid, denied, in conflict, gone: somebody must change something.
    Blocked,
    /// The target must not ship by itself.
    Held,
    /// A person is awaited: suspended, paused, to be approved, drift that is only reported.
    PersonAwaited,
    /// A release runs.
    Releasing,
    /// Settings are outstanding, or AWS or an API is awaited.
    Outstanding,
    /// All is applied and the target serves.
    Synced,
}

/// A situation with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row.
    pub situation: Situation,
    /// The reason of `Ready`.
    pub reason: Reason,
    /// The reason of the others: the same, or what a running release waits for.
    pub detail: Reason,
    /// One sentence or two that a stranger can act on; no time, counter or request id in it.
    pub message: String,
}

/// What `Released`, or another kind's own condition, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// `Some(true)` is True, `Some(false)` False, `None` Unknown.
    pub status: Option<bool>,
    /// Its reason.
    pub reason: Reason,
    /// Its message.
    pub message: String,
}

impl Finding {
    /// A finding from its parts.
    pub fn new(situation: Situation, reason: Reason, message: impl Into<String>) -> Self {
        Self { situation, reason, detail: reason, message: message.into() }
    }

    /// A release that runs and waits for something: `Ready` says `Releasing`, the others say for what.
    pub fn releasing(detail: Reason, message: impl Into<String>) -> Self {
        Self { situation: Situation::Releasing, reason: Reason::Releasing, detail, message: message.into() }
    }

    /// Ready, Reconciling and Stalled of this situation; `None` is absent.
    fn row(&self) -> (bool, Option<bool>, Option<bool>) {
        match self.situation {
            Situation::Blocked | Situation::Held => (false, None, Some(true)),
            Situation::PersonAwaited => (false, None, None),
            Situation::Releasing | Situation::Outstanding => (false, Some(true), None),
            Situation::Synced => (true, None, None),
        }
    }
}

/// All conditions of an `ApiStage`, replacing `previous`. `lastTransitionTime` moves only where a status flips, never for a
/// new reason or message.
#[must_use]
pub fn conditions(
    previous: &[Condition],
    finding: &Finding,
    released: &Released,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    conditions_with(previous, finding, ConditionType::Released, released, generation, now)
}

/// As [`conditions`], for a kind whose own condition is another one.
#[must_use]
pub fn conditions_with(
    previous: &[Condition],
    finding: &Finding,
    own: ConditionType,
    said: &Released,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let (ready, reconciling, stalled) = finding.row();
    let rows = [
        (ConditionType::Ready, Some(Some(ready)), finding.reason, &finding.message),
        (ConditionType::Reconciling, reconciling.map(Some), finding.detail, &finding.message),
        (ConditionType::Stalled, stalled.map(Some), finding.detail, &finding.message),
        (own, Some(said.status), said.reason, &said.message),
    ];
    rows.into_iter()
        .filter_map(|(kind, status, reason, message)| {
            Some(condition(previous, kind, status?, reason, message, generation, now))
        })
        .collect()
}

/// One condition beside those of the table, replacing its like in `previous`.
#[must_use]
pub fn beside(
    previous: &[Condition],
    kind: ConditionType,
    said: &Released,
    generation: i64,
    now: Timestamp,
) -> Condition {
    condition(previous, kind, said.status, said.reason, &said.message, generation, now)
}

fn condition(
    previous: &[Condition],
    kind: ConditionType,
    status: Option<bool>,
    reason: Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Condition {
    let status = match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let kind = kind.to_string();
    let since = previous
        .iter()
        .find(|former| former.type_ == kind && former.status == status)
        .map_or(Time(now), |former| former.last_transition_time.clone());
    Condition {
        last_transition_time: since,
        message: message.to_owned(),
        observed_generation: Some(generation),
        reason: reason.as_str().to_owned(),
        status: status.to_owned(),
        type_: kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn table(situation: Situation) -> Vec<String> {
        let finding = Finding::new(situation, Reason::Synced, "m");
        let released = Released { status: None, reason: Reason::Releasing, message: "n".to_owned() };
        conditions(&[], &finding, &released, 3, at(0))
            .iter()
            .map(|condition| format!("{}={}", condition.type_, condition.status))
            .collect()
    }

    /// Golden: what scripts and Argo CD wait for.
    #[test]
    fn the_table_is_the_contract() {
        let stalled = ["Ready=False", "Stalled=True", "Released=Unknown"];
        let reconciling = ["Ready=False", "Reconciling=True", "Released=Unknown"];
        assert_eq!(table(Situation::Blocked), stalled);
        assert_eq!(table(Situation::Held), stalled);
        assert_eq!(table(Situation::PersonAwaited), ["Ready=False", "Released=Unknown"]);
        assert_eq!(table(Situation::Releasing), reconciling);
        assert_eq!(table(Situation::Outstanding), reconciling);
        assert_eq!(table(Situation::Synced), ["Ready=True", "Released=Unknown"]);
    }

    #[test]
    fn a_transition_is_a_change_of_status_only() {
        let released = |reason| Released { status: Some(true), reason, message: "n".to_owned() };
        let first = conditions(
            &[],
            &Finding::new(Situation::Outstanding, Reason::Throttled, "a"),
            &released(Reason::Synced),
            1,
            at(0),
        );
        let second = conditions(
            &first,
            &Finding::new(Situation::Outstanding, Reason::AwsUnavailable, "b"),
            &released(Reason::Synced),
            2,
            at(60),
        );
        assert!(second.iter().all(|condition| condition.last_transition_time == Time(at(0))), "{second:?}");
        let third = conditions(
            &second,
            &Finding::new(Situation::Synced, Reason::Synced, "c"),
            &released(Reason::Synced),
            2,
            at(90),
        );
        assert_eq!(third.first().map(|ready| ready.last_transition_time.clone()), Some(Time(at(90))));
        assert_eq!(third.last().map(|released| released.last_transition_time.clone()), Some(Time(at(0))));
    }
}
