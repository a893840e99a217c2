//! What happened in a rehearsal, in order.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use stagecraft_core::api::check::Verdict;

/// One release, as it was played.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeLine {
    /// As `--scenario` writes it.
    pub scenario: String,
    /// The scenario in a sentence, without a full stop.
    pub description: String,
    /// Of everything random.
    pub seed: u64,
    /// Requests to the stage.
    pub requests_a_minute: f64,
    /// What was released.
    pub revision: String,
    /// What of the manifests a rehearsal cannot play, and what was done instead: whole sentences.
    pub notes: Vec<String>,
    /// What the steps can see, by step and metric.
    pub steps: Vec<StepSight>,
    /// When the new revision was declared, in simulated time.
    pub began: Timestamp,
    /// What happened since.
    pub entries: Vec<Entry>,
    /// Share of the traffic that went to the new revision, from each change on.
    pub shares: Vec<Share>,
    /// How it ended.
    pub ending: Ending,
}

/// What one step can see by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepSight {
    /// From 1.
    pub step: usize,
    /// The canary's share in percent.
    pub percent: f64,
    /// Name of the metric.
    pub metric: String,
    /// Minutes of traffic that the step's last check knows.
    pub minutes: f64,
    /// Requests to the canary that are to be expected in them.
    pub requests: f64,
    /// The smallest rate of bad responses at which half of such releases are stopped in this step, in percent; absent where none
    /// is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sees_percent: Option<f64>,
    /// What is wrong with it, if anything is: a whole sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// In simulated time.
    pub at: Timestamp,
    /// Seconds since the new revision was declared.
    pub seconds: i64,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Happening {
    /// API Gateway was asked to change something.
    Write {
        /// AWS's name of it.
        operation: String,
        /// The patch, each operation as `op path value`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        patch: Vec<String>,
    },
    /// The release was looked at.
    Check {
        /// What all metrics together say.
        verdict: Verdict,
        /// What each says.
        sentences: Vec<String>,
    },
    /// The operator told something.
    Event {
        /// The event's reason.
        reason: String,
        /// Whether it is one that people should look at.
        warning: bool,
        /// Its sentence.
        note: String,
    },
    /// A person did something.
    Person {
        /// What.
        note: String,
    },
}

/// A share of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Seconds since the new revision was declared.
    pub seconds: i64,
    /// Of the requests to the stage.
    pub percent: f64,
}

/// What became of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The new revision serves all.
    Promoted,
    /// The old one serves all again.
    Aborted,
    /// It waits, and nothing was to be expected any more.
    Held,
}

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// What became of it.
    pub outcome: Outcome,
    /// Seconds since the new revision was declared.
    pub seconds: i64,
    /// Requests that the new revision answered.
    pub requests: u64,
    /// Those with a 5xx.
    pub errors_5xx: u64,
    /// Those with a 4xx.
    pub errors_4xx: u64,
    /// What the operator says in the end.
    pub message: String,
}

/// Where things are noted as they happen, so that their order is known. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<Happening>>>);

impl Journal {
    pub(super) fn note(&self, what: Happening) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// What was noted since the last time.
    pub(super) fn take(&self) -> Vec<Happening> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
