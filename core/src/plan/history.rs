//! What the history keeps, and what is left of what it forgets.
//!
//! The history is what a rollback can go back to, so its length decides which deployments stay. What it forgets leaves the
//! name of its revision behind: a revision that was deployed here once is never snapshotted again by itself.

use std::collections::BTreeSet;

use super::draft::Draft;
use crate::api::names::{DeploymentId, Revision};
use crate::api::stage::ApiStage;
use crate::api::status::{ApiStageStatus, HistoryEntry, Pruned};

/// Former deployments that are kept where spec does not say.
const DEFAULT_LIMIT: u8 = 10;

/// Releases that did not come to serve which are listed at most.
const MOST_UNSERVED: usize = 10;

/// Forgotten revisions that are remembered at most.
const MOST_PRUNED: usize = 100;

/// Bytes of the two lists as JSON: a status stays below 16 KiB whatever the limit says. Deployments stay all the same:
/// clean-up counts them itself.
const MOST_BYTES_OF_HISTORY: usize = 7 * 1024;
const MOST_BYTES_OF_PRUNED: usize = 4 * 1024;

/// `deploymentHistoryLimit`: how many deployments are kept beside the one that serves.
pub(super) fn limit(object: &ApiStage) -> usize {
    usize::from(object.spec.deployment_history_limit.unwrap_or(DEFAULT_LIMIT)).clamp(1, 100)
}

impl Draft<'_> {
    /// Writes an entry into the history, newest first, and forgets what is over the limit.
    pub(super) fn record(&mut self, entry: HistoryEntry) {
        self.status.history.insert(0, entry);
        self.trim_history();
    }

    /// Forgets what is over the limit. True where there was something.
    pub(super) fn trim_history(&mut self) -> bool {
        let trimmed = trim(&mut self.status, limit(self.world.object));
        self.found.cut += trimmed.cut;
        trimmed.any
    }
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trimmed {
    /// Whether there was something at all.
    any: bool,
    /// Entries that fell to the size of the status and not to the limit.
    cut: usize,
}

/// Keeps the newest `limit` + 1 entries that served, the newest one of each of the last `limit` + 1 deployments (a dozen
/// changes of variables must not push the deployment before them out), and the newest that did not serve.
fn trim(status: &mut ApiStageStatus, limit: usize) -> Trimmed {
    let most = limit.saturating_add(1);
    let mut deployments: BTreeSet<DeploymentId> = BTreeSet::new();
    let (mut served, mut unserved, mut bytes, mut cut) = (0, 0, 0, 0);
    let (kept, forgotten): (Vec<_>, Vec<_>) = std::mem::take(&mut status.history).into_iter().partition(|entry| {
        let is_listed = if entry.how.is_some() {
            served += 1;
            let id = entry.target.deployment_id.as_ref();
            let is_next = id.is_some_and(|id| deployments.len() < most && deployments.insert(id.clone()));
            served <= most || is_next
        } else {
            unserved += 1;
            unserved <= MOST_UNSERVED.min(limit)
        };
        if !is_listed {
            return false;
        }
        bytes += size(entry);
        let fits = bytes <= MOST_BYTES_OF_HISTORY;
        cut += usize::from(!fits);
        fits
    });
    status.history = kept;
    let any = !forgotten.is_empty();
    // Oldest first, so that the newest one comes to stand at the front.
    for entry in forgotten.into_iter().rev() {
        remember(status, &entry);
    }
    Trimmed { any, cut }
}

/// Leaves the name of a forgotten entry's revision behind, where there was a deployment of it.
fn remember(status: &mut ApiStageStatus, entry: &HistoryEntry) {
    if let (Some(revision), Some(_)) = (&entry.target.revision, &entry.target.deployment_id) {
        bury(status, revision, entry.target.attempt.unwrap_or(1));
    }
}

/// Notes that a revision was deployed here once and may be gone.
pub(super) fn bury(status: &mut ApiStageStatus, revision: &Revision, attempt: u32) {
    let known = status.pruned.iter().position(|pruned| pruned.revision == *revision);
    let attempt = match known.map(|at| status.pruned.remove(at)) {
        Some(pruned) => pruned.attempt.max(attempt),
        None => attempt,
    };
    status.pruned.insert(0, Pruned { revision: revision.clone(), attempt });
    status.pruned.truncate(MOST_PRUNED);
    let mut bytes = 0;
    status.pruned.retain(|pruned| {
        bytes += size(pruned);
        bytes <= MOST_BYTES_OF_PRUNED
    });
}

/// Forgets a deployment that somebody else deleted: nothing can go back to it.
pub(super) fn forget(status: &mut ApiStageStatus, deployment: &DeploymentId) {
    let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut status.history)
        .into_iter()
        .partition(|entry| entry.target.deployment_id.as_ref() == Some(deployment));
    status.history = kept;
    for entry in &gone {
        remember(status, entry);
    }
}

/// Whether the history has forgotten this revision, so that it was deployed here once.
pub(super) fn is_pruned(status: &ApiStageStatus, revision: &Revision) -> bool {
    status.pruned.iter().any(|pruned| pruned.revision == *revision)
}

fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len() + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::names::ReleaseId;
    use crate::api::status::{How, ReleaseResult};
    use crate::api::target::Target;

    fn entry(n: usize, deployment: usize, served: bool) -> HistoryEntry {
        HistoryEntry {
            release: Some(format!("r{deployment}.{n}").as_str().into()),
            target: Target {
                revision: Some(format!("r{deployment}").as_str().into()),
                attempt: Some(1),
                deployment_id: Some(format!("dep{deployment}").as_str().into()),
                variables_hash: "e3b0c44298fc1c14".to_owned(),
            },
            how: served.then_some(How::Direct),
            result: (!served).then_some(ReleaseResult::Superseded),
            stable_since: None,
            ended: None,
        }
    }

    fn ids(status: &ApiStageStatus) -> Vec<&str> {
        status.history.iter().filter_map(|entry| entry.release.as_ref()).map(ReleaseId::as_str).collect()
    }

    fn with(entries: impl IntoIterator<Item = HistoryEntry>) -> ApiStageStatus {
        ApiStageStatus { history: entries.into_iter().collect(), ..ApiStageStatus::default() }
    }

    #[test]
    fn the_limit_counts_deployments_beside_the_one_that_serves() {
        let mut status = with((1..=8).rev().map(|n| entry(n, n, true)));
        assert_eq!(trim(&mut status, 3), Trimmed { any: true, cut: 0 });
        assert_eq!(ids(&status), ["r8.8", "r7.7", "r6.6", "r5.5"]);
        let buried: Vec<_> = status.pruned.iter().map(|pruned| pruned.revision.as_str()).collect();
        assert_eq!(buried, ["r4", "r3", "r2", "r1"]);
        assert_eq!(trim(&mut status, 3), Trimmed::default(), "once");
    }

    #[test]
    fn changes_of_variables_do_not_push_deployments_out() {
        let variables = (10..30).rev().map(|n| entry(n, 5, true));
        let mut status = with(variables.chain((1..=4).rev().map(|n| entry(n, n, true))));
        trim(&mut status, 2);
        assert_eq!(ids(&status), ["r5.29", "r5.28", "r5.27", "r4.4", "r3.3"]);
    }

    #[test]
    fn what_did_not_serve_is_listed_apart_and_needs_a_deployment_to_be_remembered() {
        let mut unserved = entry(9, 9, false);
        unserved.target.deployment_id = None;
        let superseded = (20..40).rev().map(|n| entry(n, n, false));
        let mut status = with(superseded.chain([unserved, entry(1, 1, true)]));
        trim(&mut status, 50);
        assert_eq!(status.history.len(), 11);
        assert!(is_pruned(&status, &"r20".into()) && !is_pruned(&status, &"r9".into()));
        assert_eq!(ids(&status).last(), Some(&"r1.1"), "what serves stays");
    }

    #[test]
    fn a_revision_is_buried_once_with_its_highest_attempt() {
        let mut status = ApiStageStatus::default();
        for (revision, attempt) in [("r1", 2), ("r2", 1), ("r1", 1)] {
            bury(&mut status, &revision.into(), attempt);
        }
        let buried: Vec<_> = status.pruned.iter().map(|pruned| (pruned.revision.as_str(), pruned.attempt)).collect();
        assert_eq!(buried, [("r1", 2), ("r2", 1)]);
        for n in 0..200 {
            bury(&mut status, &format!("s{n}").as_str().into(), 1);
        }
        assert_eq!((status.pruned.len(), status.pruned[0].revision.as_str()), (100, "s199"));
    }

    proptest! {
        /// However long the names and whatever the limit: the lists stay small, and what served last stays.
        #[test]
        fn the_lists_stay_small(
            served in proptest::collection::vec((0..40_usize, any::<bool>()), 1..150),
            limit in 1..=100_usize,
            long in 1..128_usize,
        ) {
            let mut status = ApiStageStatus::default();
            for (n, (deployment, served)) in served.into_iter().enumerate() {
                let mut entry = entry(n, deployment, served);
                entry.target.revision = Some(format!("{deployment}{}", "x".repeat(long)).as_str().into());
                status.history.insert(0, entry);
                trim(&mut status, limit);
                prop_assert_eq!(ids(&status).first().map(|id| id.ends_with(&format!(".{n}"))), Some(true));
                let bytes = serde_json::to_string(&(&status.history, &status.pruned)).unwrap().len();
                prop_assert!(bytes < 12 * 1024, "{} bytes", bytes);
                prop_assert!(status.history.iter().filter(|entry| entry.how.is_none()).count() <= MOST_UNSERVED.min(limit));
            }
        }
    }
}
