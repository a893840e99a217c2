//! What the answers of the sources mean for a release.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::policy::Policy;
use super::query::{Query, Readings};
use super::subject::{Scene, Subject};
use super::window::Window;
use crate::api::check::{Check, Verdict};
use crate::api::counts::Counts;

/// What a check found, and what is remembered of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The check.
    pub check: Check,
    /// The counts with this check.
    pub counts: Counts,
    /// The sentence of the metric that failed more often than is borne: the release ends. `None`: it goes on.
    pub beyond_limit: Option<String>,
    /// Whole sentences about what a person should know once, such as what cannot be compared and why.
    pub warnings: Vec<String>,
}

/// What must be asked for a check over `window`.
#[must_use]
pub fn queries(policy: &Policy, subject: &Subject, window: Window, counts: &Counts) -> Vec<Query> {
    let (_, _, _, _) = (policy, subject, window, counts);
    Vec::new()
}

/// Judges a release.
#[must_use]
pub fn judge(
    policy: &Policy,
    subject: &Subject,
    window: Window,
    readings: &Readings,
    counts: &Counts,
    now: Timestamp,
) -> Judged {
    let (_, _, _) = (policy, window, readings);
    let step = match subject.scene {
        Scene::Canary { step, .. } => Some(step),
        Scene::Bake => None,
    };
    Judged {
        check: Check { at: Time(now), step, verdict: Verdict::NoData, metrics: Vec::new() },
        counts: counts.clone(),
        beyond_limit: None,
        warnings: Vec::new(),
    }
}
