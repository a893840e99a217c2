//! Why a call to AWS did not do what it was sent for, and what follows from that.
//!
//! `aws::error` reads AWS's codes and texts and picks a [`Cause`]; everything else (how long to wait, which condition,
//! whether the call may have had an effect) is decided here, by exhaustive matches.

use std::time::Duration;

/// What went wrong, told apart as far as a reaction differs. Sources: aws-facts, error table and refusals of patches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 429, or a limit whose text speaks of rate.
    Throttled {
        /// AWS's `Retry-After`, where it was sent.
        retry_after: Option<Duration>,
    },
    /// 409 or 400 "Unable to complete operation due to concurrent modification".
    ConcurrentModification,
    /// 500, 502, 503, 504: the service failed. The call may have had its effect.
    ServiceFailed,
    /// No answer in time, or the connection broke. The call may have had its effect.
    LostReply,
    /// The request never left: no route, refused connection, no credentials provider answer.
    NotSent,
    /// 404 for the REST API.
    RestApiNotFound,
    /// 404 for the stage.
    StageNotFound,
    /// 409 "Stage already exists".
    StageExists,
    /// 404 for a deployment, or 400 "Deployment id does not exist".
    DeploymentNotFound,
    /// 400: a snapshot of an API without methods.
    NoMethods,
    /// 400: a snapshot of an API with a method that has no integration.
    NoIntegration,
    /// 400: a plain deployment or a move refused because a canary is on.
    CanaryEnabled,
    /// 400: the deployment is still served by a stage or a canary.
    DeploymentInUse,
    /// 400: the stage is still mapped by a custom domain or used by a usage plan.
    StageInUse,
    /// 400 "Promotion not available. Canary does not exist."
    NoCanary,
    /// 400 "CloudWatch Logs role ARN must be set in account settings to enable logging".
    LogsRoleMissing,
    /// 400 or 409 that speaks of the cache: the cluster is in transition.
    CacheChanging,
    /// 400 "Update size too large".
    PatchTooLarge,
    /// 404 or 400 for the removal of something that is not there.
    AlreadyAbsent,
    /// 403, 401: not allowed, or no valid credentials.
    Denied,
    /// 403 or 400 `ExpiredToken`: the credentials were good and are no longer.
    CredentialsExpired,
    /// A hard quota that only AWS can raise.
    Quota,
    /// Any other refusal of what was sent.
    Refused,
    /// Leadership ended before the call: nothing was sent.
    NotLeader,
}

/// What a caller does about a failure: the only thing that waiting, metrics and conditions look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Slower, please.
    Throttled {
        /// AWS's own wish, where it told one.
        retry_after: Option<Duration>,
    },
    /// Somebody else was writing; ours is tried again.
    Conflict,
    /// Passes by itself.
    Transient,
    /// Something else must appear or go first.
    WaitingFor,
    /// Refused until the spec or the world changes.
    Invalid,
    /// Credentials or permissions.
    Denied,
    /// A hard quota.
    Quota,
}

impl Cause {
    /// The class of this cause.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Throttled { retry_after } => Class::Throttled { retry_after: *retry_after },
            Self::ConcurrentModification => Class::Conflict,
            Self::ServiceFailed | Self::LostReply | Self::NotSent | Self::NotLeader => Class::Transient,
            Self::RestApiNotFound
            | Self::StageNotFound
            | Self::StageExists
            | Self::DeploymentNotFound
            | Self::NoMethods
            | Self::NoIntegration
            | Self::CanaryEnabled
            | Self::DeploymentInUse
            | Self::StageInUse
            | Self::NoCanary
            | Self::LogsRoleMissing
            | Self::CacheChanging
            | Self::AlreadyAbsent => Class::WaitingFor,
            Self::PatchTooLarge | Self::Refused => Class::Invalid,
            Self::Denied | Self::CredentialsExpired => Class::Denied,
            Self::Quota => Class::Quota,
        }
    }

    /// Whether the call may have changed something although it failed: then nobody sends it again without looking.
    #[must_use]
    pub fn may_have_had_effect(&self) -> bool {
        match self {
            Self::ServiceFailed | Self::LostReply => true,
            Self::Throttled { .. }
            | Self::ConcurrentModification
            | Self::NotSent
            | Self::RestApiNotFound
            | Self::StageNotFound
            | Self::StageExists
            | Self::DeploymentNotFound
            | Self::NoMethods
            | Self::NoIntegration
            | Self::CanaryEnabled
            | Self::DeploymentInUse
            | Self::StageInUse
            | Self::NoCanary
            | Self::LogsRoleMissing
            | Self::CacheChanging
            | Self::PatchTooLarge
            | Self::AlreadyAbsent
            | Self::Denied
            | Self::CredentialsExpired
            | Self::Quota
            | Self::Refused
            | Self::NotLeader => false,
        }
    }
}

impl Class {
    /// The time to the next try after `failures` failures in a row (the first counts as 1), before jitter; at most 10 minutes.
    #[must_use]
    pub fn retry_in(self, failures: u32) -> Duration {
        match self {
            // AWS's own wish is the least: many who come back after the same second are throttled again.
            Self::Throttled { retry_after: Some(wait) } => {
                doubling(Duration::from_secs(1), failures, Duration::from_mins(2)).max(wait).min(LONGEST)
            }
            Self::Throttled { retry_after: None } | Self::Conflict | Self::Transient => {
                doubling(Duration::from_secs(1), failures, Duration::from_mins(2))
            }
            Self::WaitingFor => doubling(Duration::from_secs(5), failures, Duration::from_mins(5)),
            Self::Invalid | Self::Denied | Self::Quota => doubling(Duration::from_mins(1), failures, LONGEST),
        }
    }

    /// Whether the failure is expected to pass by itself within a short time.
    #[must_use]
    pub fn is_passing(self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Conflict | Self::Transient => true,
            Self::WaitingFor | Self::Invalid | Self::Denied | Self::Quota => false,
        }
    }

    /// The label of metrics: seven values.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::WaitingFor => "waiting",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Quota => "quota",
        }
    }
}

/// Nothing is ever given up, and nothing waits longer: a fixed world is noticed within ten minutes (design: errors).
pub(crate) const LONGEST: Duration = Duration::from_mins(10);

fn doubling(first: Duration, failures: u32, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_ends_at_its_limit() {
        let cases = [
            ("the first conflict waits a second", Class::Conflict, 1, 1),
            ("then two", Class::Conflict, 2, 2),
            ("at most two minutes", Class::Transient, 40, 120),
            ("AWS's own wish is the least", Class::Throttled { retry_after: Some(Duration::from_secs(7)) }, 1, 7),
            ("and waits grow beyond it", Class::Throttled { retry_after: Some(Duration::from_secs(7)) }, 5, 16),
            ("but not for ever", Class::Throttled { retry_after: Some(Duration::from_hours(9)) }, 1, 600),
            ("a dependency is looked at after five seconds", Class::WaitingFor, 1, 5),
            ("a refusal after a minute", Class::Invalid, 1, 60),
            ("and every ten minutes for ever", Class::Denied, u32::MAX, 600),
        ];
        for (reason, class, failures, seconds) in cases {
            assert_eq!(class.retry_in(failures), Duration::from_secs(seconds), "{reason}");
        }
    }
}
