//! A stage's cache cluster: built, removed and flushed over simulated time.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::later;
use crate::service::Session;
use crate::switches::{StatusAfterDeletion, Switches};

/// AWS's enum of sizes, in GB.
pub(crate) const SIZES: [&str; 8] = ["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];

/// What a stage knows of its cache.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CacheCluster {
    enabled: bool,
    size: Option<String>,
    phase: Phase,
}

/// Where the cluster is. A transition with an end in the past is over; nobody has to tell it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Phase {
    Never,
    Creating { until: Timestamp },
    Flushing { until: Timestamp },
    Deleting { until: Timestamp },
}

/// What AWS shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Never,
    CreateInProgress,
    Available,
    FlushInProgress,
    DeleteInProgress,
    Deleted,
}

/// What a change depends on.
pub(crate) struct Conditions<'c> {
    pub(crate) now: Timestamp,
    delay: Duration,
    default_size: &'c str,
}

impl Default for CacheCluster {
    fn default() -> Self {
        Self { enabled: false, size: None, phase: Phase::Never }
    }
}

impl CacheCluster {
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    pub(crate) fn size(&self) -> Option<&str> {
        self.size.as_deref()
    }

    pub(crate) fn conditions<'c>(session: &'c Session<'_>) -> Conditions<'c> {
        Conditions {
            now: session.now,
            delay: session.cache_delay,
            default_size: session.switches.default_cache_cluster_size.as_str(),
        }
    }

    /// Brings the cluster to this state, starting the transition that it needs; without a size it keeps its own.
    pub(crate) fn change(&mut self, enabled: bool, size: Option<String>, conditions: &Conditions<'_>) {
        let resized = size.is_some() && size != self.size;
        if let Some(size) = size {
            self.size = Some(size);
        }
        if enabled && self.size.is_none() {
            self.size = Some(conditions.default_size.to_owned());
        }
        let until = later(conditions.now, conditions.delay);
        // A resize removes the instance and makes a new one.
        if enabled && (!self.enabled || resized) {
            self.phase = Phase::Creating { until };
        } else if self.enabled && !enabled {
            self.phase = Phase::Deleting { until };
        }
        self.enabled = enabled;
    }

    /// Starts a flush; false where there is no available cache.
    pub(crate) fn flush(&mut self, conditions: &Conditions<'_>, switches: &Switches) -> bool {
        let available = self.status(conditions.now, switches) == Status::Available;
        if available {
            self.phase = Phase::Flushing { until: later(conditions.now, conditions.delay) };
        }
        available
    }

    pub(crate) fn status(&self, now: Timestamp, switches: &Switches) -> Status {
        match self.phase {
            Phase::Never => Status::Never,
            Phase::Creating { until } if now < until => Status::CreateInProgress,
            Phase::Flushing { until } if now < until => Status::FlushInProgress,
            Phase::Creating { .. } | Phase::Flushing { .. } => Status::Available,
            Phase::Deleting { until } if now < until || switches.cache_deletion_stuck => Status::DeleteInProgress,
            Phase::Deleting { .. } => Status::Deleted,
        }
    }
}

impl Status {
    pub(crate) fn in_transition(self) -> bool {
        matches!(self, Self::CreateInProgress | Self::FlushInProgress | Self::DeleteInProgress)
    }

    /// As AWS writes it; `None` for an absent member.
    pub(crate) fn shown(self, switches: &Switches) -> Option<&'static str> {
        match self {
            Self::Never => Some("NOT_AVAILABLE"),
            Self::CreateInProgress => Some("CREATE_IN_PROGRESS"),
            Self::Available => Some("AVAILABLE"),
            Self::FlushInProgress => Some("FLUSH_IN_PROGRESS"),
            Self::DeleteInProgress => Some("DELETE_IN_PROGRESS"),
            Self::Deleted => match switches.cache_cluster_status_after_deletion {
                StatusAfterDeletion::NotAvailable => Some("NOT_AVAILABLE"),
                StatusAfterDeletion::Empty => Some(""),
                StatusAfterDeletion::Absent => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_mins(4);

    fn at(seconds: i64) -> Conditions<'static> {
        Conditions { now: Timestamp::from_second(seconds).unwrap(), delay: DELAY, default_size: "0.5" }
    }

    fn status(cache: &CacheCluster, seconds: i64) -> Status {
        cache.status(at(seconds).now, &Switches::default())
    }

    #[test]
    fn a_cache_is_built_resized_flushed_and_removed_over_time() {
        let mut cache = CacheCluster::default();
        assert_eq!(status(&cache, 0), Status::Never);
        cache.change(true, None, &at(0));
        assert_eq!(
            (cache.size(), status(&cache, 239), status(&cache, 240)),
            (Some("0.5"), Status::CreateInProgress, Status::Available)
        );
        cache.change(true, Some("1.6".to_owned()), &at(300));
        assert_eq!((status(&cache, 301), status(&cache, 540)), (Status::CreateInProgress, Status::Available));
        assert!(cache.flush(&at(600), &Switches::default()));
        assert_eq!((status(&cache, 601), status(&cache, 840)), (Status::FlushInProgress, Status::Available));
        cache.change(false, None, &at(900));
        assert_eq!((status(&cache, 901), status(&cache, 1140)), (Status::DeleteInProgress, Status::Deleted));
        assert_eq!(cache.size(), Some("1.6"));
    }

    #[test]
    fn the_same_again_starts_nothing() {
        let mut cache = CacheCluster::default();
        cache.change(true, Some("0.5".to_owned()), &at(0));
        cache.change(true, Some("0.5".to_owned()), &at(300));
        assert_eq!(status(&cache, 301), Status::Available);
    }

    #[test]
    fn a_size_without_a_cache_is_only_remembered() {
        let mut cache = CacheCluster::default();
        cache.change(false, Some("6.1".to_owned()), &at(0));
        assert_eq!((cache.enabled(), cache.size(), status(&cache, 1000)), (false, Some("6.1"), Status::Never));
        assert!(!cache.flush(&at(1000), &Switches::default()));
    }

    #[test]
    fn a_stuck_deletion_never_ends() {
        let mut cache = CacheCluster::default();
        cache.change(true, None, &at(0));
        cache.change(false, None, &at(300));
        let stuck = Switches { cache_deletion_stuck: true, ..Switches::default() };
        assert_eq!(cache.status(at(1_000_000).now, &stuck), Status::DeleteInProgress);
    }
}
