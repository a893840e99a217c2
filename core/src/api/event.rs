//! Events: changes of state, told once.

/// What an event reports: a closed list, so that people can filter by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventReason {
    /// A release began.
    ReleaseStarted,
    /// A release ended with its target serving.
    ReleaseSucceeded,
    /// A step of a release has its share of the requests.
    StepStarted,
    /// A person must approve.
    AwaitingApproval,
    /// A person approved.
    Approved,
    /// A check failed; the note has the numbers.
    CheckFailed,
    /// There has been no data to judge a release by for long.
    NoData,
    /// A release has waited for long for what somebody has to do.
    WaitsLong,
    /// The target gets all requests.
    Promoting,
    /// The target serves all and is judged for a while longer.
    Baking,
    /// A target that was stable here before goes in at once.
    FastRollback,
    /// Somebody raised a canary; it is put back.
    RaisedByHand,
    /// Another target was declared and takes over when its snapshot exists.
    Superseding,
    /// Something cannot be had with a canary.
    Limitation,
    /// A release was undone.
    RolledBack,
    /// A release ended without its target serving; the target is held.
    ReleaseFailed,
    /// A release waits where it is.
    ReleasePaused,
    /// A paused release goes on.
    ReleaseResumed,
    /// A held target may ship again.
    TargetFreed,
    /// A release ended because another target was declared.
    ReleaseSuperseded,
    /// A release ended because the spec went back to what is served.
    ReleaseCancelled,
    /// A snapshot of the REST API was taken.
    SnapshotTaken,
    /// A revision is served from a snapshot that existed already.
    RevisionReused,
    /// A second snapshot of the same revision and attempt was removed.
    DuplicateRemoved,
    /// What a release changes about the methods of the API and their authorization.
    ApiChanged,
    /// A deployment that nobody needs any more was deleted.
    DeploymentPruned,
    /// Somebody deleted a deployment that the history offered.
    DeploymentGone,
    /// The stage was created.
    StageCreated,
    /// Somebody deleted the stage; it is created again.
    StageGone,
    /// A stage that existed became ours.
    StageAdopted,
    /// Settings beside the release were applied.
    SettingsApplied,
    /// The cache cluster is replaced by one of another size; its data are lost.
    CacheReplaced,
    /// AWS does not end a transition of the cache cluster.
    CacheStuck,
    /// A change behind our back was put right.
    DriftCorrected,
    /// A change behind our back was noticed and left, as `driftPolicy` says.
    DriftReported,
    /// The deployment was moved behind our back; the target is held.
    StageMovedByHand,
    /// A held target was put in by hand; it is no longer held.
    PromotedByHand,
    /// The object lost its status; what can be known again was read from AWS.
    StatusRebuilt,
    /// A field was dropped whose value in AWS stays as it is.
    LeftAsItIs,
    /// A command was accepted.
    CommandAccepted,
    /// A command was refused.
    CommandRefused,
    /// The stage was deleted.
    StageDeleted,
    /// The object goes, the stage stays.
    StageRetained,
    /// A gateway response was written as declared.
    ResponseApplied,
    /// A customisation of a gateway response that existed became ours.
    ResponseAdopted,
    /// The callers of a stage get a gateway response as it is declared.
    ResponseLive,
    /// A customisation of a gateway response was deleted; API Gateway's own answer is back.
    ResponseDeleted,
    /// The object goes, the customisation of the gateway response stays.
    ResponseRetained,
    /// The deletion cannot go on.
    DeletionBlocked,
    /// Nothing goes on before somebody changes something; the note is the condition's message.
    Blocked,
    /// Something is worth knowing that no condition tells.
    Warning,
}

impl EventReason {
    /// The reason as it stands in the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReleaseStarted => "ReleaseStarted",
            Self::ReleaseSucceeded => "ReleaseSucceeded",
            Self::StepStarted => "StepStarted",
            Self::AwaitingApproval => "AwaitingApproval",
            Self::Approved => "Approved",
            Self::CheckFailed => "CheckFailed",
            Self::NoData => "NoData",
            Self::WaitsLong => "WaitsLong",
            Self::Promoting => "Promoting",
            Self::Baking => "Baking",
            Self::FastRollback => "FastRollback",
            Self::RaisedByHand => "RaisedByHand",
            Self::Superseding => "Superseding",
            Self::Limitation => "Limitation",
            Self::RolledBack => "RolledBack",
            Self::ReleaseFailed => "ReleaseFailed",
            Self::ReleasePaused => "ReleasePaused",
            Self::ReleaseResumed => "ReleaseResumed",
            Self::TargetFreed => "TargetFreed",
            Self::ReleaseSuperseded => "ReleaseSuperseded",
            Self::ReleaseCancelled => "ReleaseCancelled",
            Self::SnapshotTaken => "SnapshotTaken",
            Self::RevisionReused => "RevisionReused",
            Self::DuplicateRemoved => "DuplicateRemoved",
            Self::ApiChanged => "ApiChanged",
            Self::DeploymentPruned => "DeploymentPruned",
            Self::DeploymentGone => "DeploymentGone",
            Self::StageCreated => "StageCreated",
            Self::StageGone => "StageGone",
            Self::StageAdopted => "StageAdopted",
            Self::SettingsApplied => "SettingsApplied",
            Self::CacheReplaced => "CacheReplaced",
            Self::CacheStuck => "CacheStuck",
            Self::DriftCorrected => "DriftCorrected",
            Self::DriftReported => "DriftReported",
            Self::StageMovedByHand => "StageMovedByHand",
            Self::PromotedByHand => "PromotedByHand",
            Self::StatusRebuilt => "StatusRebuilt",
            Self::LeftAsItIs => "LeftAsItIs",
            Self::CommandAccepted => "CommandAccepted",
            Self::CommandRefused => "CommandRefused",
            Self::StageDeleted => "StageDeleted",
            Self::StageRetained => "StageRetained",
            Self::ResponseApplied => "ResponseApplied",
            Self::ResponseAdopted => "ResponseAdopted",
            Self::ResponseLive => "ResponseLive",
            Self::ResponseDeleted => "ResponseDeleted",
            Self::ResponseRetained => "ResponseRetained",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::Blocked => "Blocked",
            Self::Warning => "Warning",
        }
    }
}

/// One event on its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is news (`Normal`) or needs somebody's eyes (`Warning`).
    pub warning: bool,
    /// What it reports.
    pub reason: EventReason,
    /// What was done, and what to; events of one reason and action fold into one, so what must stay apart is put here.
    pub action: String,
    /// One sentence for people.
    pub note: String,
}

impl Event {
    /// News.
    pub fn normal(reason: EventReason, action: impl Into<String>, note: impl Into<String>) -> Self {
        Self { warning: false, reason, action: action.into(), note: note.into() }
    }

    /// News that needs somebody's eyes.
    pub fn warning(reason: EventReason, action: impl Into<String>, note: impl Into<String>) -> Self {
        Self { warning: true, reason, action: action.into(), note: note.into() }
    }
}
