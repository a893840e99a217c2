//! What becomes of releases: which phase they are in, how they end, what checks find.

use std::collections::BTreeSet;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use stagecraft_core::api::check::{Check, Verdict};
use stagecraft_core::api::status::{ApiStageStatus, How, Phase, ReleaseResult};

/// Upper bounds of a release's duration, in seconds: from a rollback of one call to a week of approvals.
const DURATIONS: [f64; 10] = [5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 43_200.0, 172_800.0, 604_800.0];

/// Upper bounds of a canary's share, in percent, as label values.
const SHARES: [(f64, &str); 6] = [(0.0, "0"), (5.0, "5"), (10.0, "10"), (25.0, "25"), (50.0, "50"), (100.0, "100")];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct In {
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpTo {
    percent: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Found {
    verdict: &'static str,
}

/// What is counted of releases.
#[derive(Debug)]
pub(super) struct Releases {
    running: Family<In, Gauge>,
    canaries: Family<UpTo, Gauge>,
    ended: Family<Ended, Counter>,
    duration: Family<Ended, Histogram, fn() -> Histogram>,
    checks: Family<Found, Counter>,
}

/// Where the release of one stage stands, in the words of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    phase: Option<&'static str>,
    share: Option<&'static str>,
}

impl Progress {
    pub(super) fn of(status: &ApiStageStatus) -> Self {
        let running = status.release.as_ref().filter(|release| release.phase.is_running());
        let percent = status.canary.as_ref().map(|canary| canary.percent_traffic);
        let up_to = |percent: f64| SHARES.into_iter().find(|(bound, _)| percent <= *bound).map(|(_, label)| label);
        Self { phase: running.map(|release| phase(release.phase)), share: percent.and_then(up_to) }
    }
}

impl Releases {
    pub(super) fn new() -> Self {
        Self {
            running: Family::default(),
            canaries: Family::default(),
            ended: Family::default(),
            duration: Family::new_with_constructor(durations),
            checks: Family::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("releases_running", "Releases under way, by phase", self.running.clone());
        registry.register(
            "canaries",
            "Stages with a canary, by its share of the requests: the least of 0, 5, 10, 25, 50, 100 percent that is not below it",
            self.canaries.clone(),
        );
        registry.register(
            "releases",
            "Releases that ended, by how: First, Canary, Direct, FastRollback, RolledBack, PromotedByHand where the target serves, \
             else Failed, Aborted, Superseded, Cancelled",
            self.ended.clone(),
        );
        registry.register_with_unit(
            "release_duration",
            "Time from the begin of a release to its end, by how it ended",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register("checks", "Checks of releases, by verdict", self.checks.clone());
    }

    pub(super) fn count(&self, progress: Progress, by: i64) {
        if let Some(phase) = progress.phase {
            self.running.get_or_create(&In { phase }).inc_by(by);
        }
        if let Some(percent) = progress.share {
            self.canaries.get_or_create(&UpTo { percent }).inc_by(by);
        }
    }

    /// Counts what a status tells that the one before it did not.
    pub(super) fn stored(&self, before: Option<&ApiStageStatus>, after: &ApiStageStatus) {
        let known: BTreeSet<_> =
            before.iter().flat_map(|status| &status.history).filter_map(|entry| entry.release.as_ref()).collect();
        for entry in &after.history {
            let Some(id) = entry.release.as_ref().filter(|id| !known.contains(id)) else { continue };
            let result = match (entry.how, entry.result) {
                (_, Some(result)) => ended(result),
                (Some(how), None) => served(how),
                (None, None) => continue,
            };
            self.ended.get_or_create(&Ended { result }).inc();
            let releases = before.into_iter().chain([after]).filter_map(|status| status.release.as_ref());
            let begun = releases.filter(|release| release.id == *id).map(|release| release.started_at.0).next();
            let end = entry.ended.as_ref().or(entry.stable_since.as_ref()).map(|time| time.0);
            if let Some(seconds) = begun.zip(end).map(|(begun, end)| end.duration_since(begun).as_secs_f64()) {
                self.duration.get_or_create(&Ended { result }).observe(seconds.max(0.0));
            }
        }
    }

    pub(super) fn checked(&self, check: &Check) {
        let verdict = match check.verdict {
            Verdict::Pass => "Pass",
            Verdict::Fail => "Fail",
            Verdict::NoData => "NoData",
        };
        self.checks.get_or_create(&Found { verdict }).inc();
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "Idle",
        Phase::Preparing => "Preparing",
        Phase::Progressing => "Progressing",
        Phase::AwaitingApproval => "AwaitingApproval",
        Phase::Paused => "Paused",
        Phase::Promoting => "Promoting",
        Phase::Baking => "Baking",
        Phase::RollingBack => "RollingBack",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
    }
}

fn served(how: How) -> &'static str {
    match how {
        How::First => "First",
        How::Canary => "Canary",
        How::Direct => "Direct",
        How::FastRollback => "FastRollback",
        How::RolledBack => "RolledBack",
        How::Adopted => "Adopted",
        How::PromotedByHand => "PromotedByHand",
    }
}

fn ended(result: ReleaseResult) -> &'static str {
    match result {
        ReleaseResult::Failed => "Failed",
        ReleaseResult::Aborted => "Aborted",
        ReleaseResult::Superseded => "Superseded",
        ReleaseResult::Cancelled => "Cancelled",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> ApiStageStatus {
        serde_json::from_value(value).unwrap()
    }

    fn text(releases: &Releases) -> String {
        let mut registry = Registry::default();
        releases.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn an_end_is_counted_once_with_its_duration() {
        let release = json!({
            "id": "r2.2", "how": "Canary", "phase": "Progressing", "startedAt": "2026-08-01T12:00:00Z",
            "target": { "variablesHash": "0" },
        });
        let running = status(json!({ "release": release }));
        let ended =
            json!({ "release": "r2.2", "variablesHash": "0", "result": "Failed", "ended": "2026-08-01T12:09:00Z" });
        let over = status(json!({ "release": release, "history": [ended] }));
        let releases = Releases::new();
        releases.stored(None, &running);
        releases.stored(Some(&running), &over);
        releases.stored(Some(&over), &over);
        let text = text(&releases);
        assert!(text.contains("releases_total{result=\"Failed\"} 1\n"), "{text}");
        assert!(text.contains("release_duration_seconds_sum{result=\"Failed\"} 540.0\n"), "{text}");
    }

    #[test]
    fn a_share_is_told_by_the_bound_above_it() {
        let at = |percent: f64| {
            let canary = json!({ "percentTraffic": percent, "useStageCache": false, "deploymentId": "d" });
            Progress::of(&status(json!({ "canary": canary }))).share
        };
        assert_eq!([at(0.0), at(0.01), at(5.0), at(33.3), at(100.0)], ["0", "5", "5", "50", "100"].map(Some));
        assert_eq!(Progress::of(&ApiStageStatus::default()), Progress::default());
    }
}
