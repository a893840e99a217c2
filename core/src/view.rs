//! The status of an `ApiCanary`: a view of its stage's, made anew each time. Losing it loses nothing that decides.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource as _, ResourceExt as _};

use crate::api::canary::{ApiCanary, ApiCanaryStatus, CanaryRelease};
use crate::api::check::Check;
use crate::api::condition::{ConditionType, Finding, Reason, Released, Situation, conditions_with};
use crate::api::counts::Counts;
use crate::api::percent::Percent;
use crate::api::stage::ApiStage;
use crate::api::status::{ApiStageStatus, Phase, Release};
use crate::validate::canary::{Policy, policy};

/// Checks that a status holds at most.
const MOST_CHECKS: usize = 5;

/// Entries of the history that a status holds at most.
const MOST_HISTORY: usize = 20;

/// Where an `ApiCanary` stands towards its stage.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
    /// It governs the stage's releases.
    Governs(&'a ApiStage),
    /// Another one does: its name.
    Beside(&'a str),
    /// There is no such `ApiStage`.
    Alone,
}

/// The whole status, with `checks` in front of those that it tells already.
#[must_use]
pub fn canary_status(canary: &ApiCanary, standing: Standing<'_>, checks: &[Check], now: Timestamp) -> ApiCanaryStatus {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let former = canary.status.clone().unwrap_or_default();
    let generation = canary.meta().generation.unwrap_or_default();
    let stage_name = &canary.spec.stage_ref.name;
    let read = policy(&canary.spec);
    let stalled = |reason, message: String| {
        let finding = Finding::new(Situation::Blocked, reason, message.clone());
        let analysis = Released { status: None, reason, message };
        ApiCanaryStatus {
            observed_generation: Some(generation),
            conditions: conditions_with(
                &former.conditions,
                &finding,
                ConditionType::Analysis,
                &analysis,
                generation,
                now,
            ),
            ..ApiCanaryStatus::default()
        }
    };
    let stage = match standing {
        Standing::Beside(name) => {
            return stalled(
                Reason::NotGoverning,
                format!(
                    "ApiCanary {name} is older and governs ApiStage {stage_name}. Delete one of the two, or give this one another spec.stageRef.name."
                ),
            );
        }
        Standing::Alone => {
            return stalled(
                Reason::NoApiStage,
                format!(
                    "There is no ApiStage {stage_name} in namespace {}. Create it, or correct spec.stageRef.name.",
                    canary.namespace().unwrap_or_default()
                ),
            );
        }
        Standing::Governs(stage) => stage,
    };
    let none = ApiStageStatus::default();
    let status = stage.status.as_ref().unwrap_or(&none);
    let release = status.release.as_ref();
    let of_release = |check: &&Check| release.is_some_and(|release| check.at >= release.started_at);
    let checks = checks.iter().rev().chain(&former.checks).filter(of_release).take(MOST_CHECKS).cloned().collect();
    let analysis = analysis(release, read.as_ref().ok());
    let conditions = match &read {
        Ok(_) => followed(&former.conditions, &status.conditions, &analysis, generation, now),
        Err(invalid) => {
            let finding = Finding::new(Situation::Blocked, Reason::InvalidApiCanary, invalid.to_string());
            conditions_with(&former.conditions, &finding, ConditionType::Analysis, &analysis, generation, now)
        }
    };
    ApiCanaryStatus {
        observed_generation: Some(generation),
        conditions,
        phase: Some(release.map_or(Phase::Idle, |release| release.phase)),
        release: release.map(|release| told(release, status, read.as_ref().ok())),
        series: release.and_then(|release| release.counts.as_ref()).and_then(|counts| counts.series.clone()),
        checks,
        history: status.history.iter().take(MOST_HISTORY).cloned().collect(),
    }
}

/// The release as people ask for it.
fn told(release: &Release, status: &ApiStageStatus, policy: Option<&Policy>) -> CanaryRelease {
    let steps = policy.map_or(0, |policy| u32::try_from(policy.steps.len()).unwrap_or(u32::MAX));
    // After the promotion all steps are behind it.
    let step = match release.phase {
        Phase::Baking | Phase::Succeeded if release.governed_by.is_some() => Some(steps).filter(|steps| *steps > 0),
        Phase::Idle
        | Phase::Preparing
        | Phase::Progressing
        | Phase::AwaitingApproval
        | Phase::Paused
        | Phase::Promoting
        | Phase::Baking
        | Phase::RollingBack
        | Phase::Succeeded
        | Phase::Failed => release.step,
    };
    let observed = status.canary.as_ref().filter(|canary| canary.deployment_id == release.target.deployment_id);
    let reason = release.reason.as_deref().map(|reason| reason.split_once(':').map_or(reason, |(word, _)| word));
    CanaryRelease {
        id: release.id.clone(),
        revision: release.target.revision.clone(),
        canary_deployment_id: release.target.deployment_id.clone(),
        stable_deployment_id: release.stable.as_ref().and_then(|stable| stable.target.deployment_id.clone()),
        reason: reason.map(ToOwned::to_owned),
        started_at: release.started_at.clone(),
        step,
        steps,
        progress: format!("{}/{steps}", step.unwrap_or(0)),
        percent: observed.and_then(|canary| Percent::nearest(canary.percent_traffic)).unwrap_or(Percent::ZERO),
        next_action_at: release.next_action_at.clone(),
        counts: release.counts.clone(),
        check_summary: summary(release.counts.as_ref()),
    }
}

/// `12 pass, 0 fail`, and what had no data where there was any.
fn summary(counts: Option<&Counts>) -> String {
    let Some(counts) = counts else { return "0 pass, 0 fail".to_owned() };
    let no_data = if counts.no_data > 0 { format!(", {} no data", counts.no_data) } else { String::new() };
    format!("{} pass, {} fail{no_data}", counts.pass, counts.fail)
}

/// What the checks say.
fn analysis(release: Option<&Release>, policy: Option<&Policy>) -> Released {
    let said = |status, reason, message: &str| Released { status, reason, message: message.to_owned() };
    if policy.is_some_and(|policy| policy.analysis.metrics.is_empty()) {
        let message = "spec.analysis.metrics is empty: time and approvals alone move a release. Name a metric, such as ErrorRate5xx.";
        return said(Some(false), Reason::NoMetrics, message);
    }
    let Some(release) = release.filter(|release| release.phase.is_running()) else {
        return said(None, Reason::Idle, "No release runs, so nothing is judged.");
    };
    let Some(counts) = &release.counts else {
        return said(None, Reason::ChecksOutstanding, "The release has not been judged yet.");
    };
    if counts.no_data_since.is_some() {
        return said(None, Reason::NoData, "The last check had no data to judge by; status.checks says why.");
    }
    if counts.fail > 0 {
        return said(Some(false), Reason::AnalysisFailed, "A check failed; status.checks has its numbers.");
    }
    if counts.pass > 0 {
        return said(Some(true), Reason::ChecksPass, "The checks of this release passed.");
    }
    said(None, Reason::ChecksOutstanding, "The release has not been judged yet.")
}

/// The stage's own Ready, Reconciling and Stalled, and Analysis.
fn followed(
    previous: &[Condition],
    stage: &[Condition],
    analysis: &Released,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let of_stage =
        [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled].map(|kind| kind.to_string());
    let taken = stage.iter().filter(|condition| of_stage.contains(&condition.type_));
    let finding = Finding::new(Situation::Synced, Reason::Synced, "");
    let own = conditions_with(previous, &finding, ConditionType::Analysis, analysis, generation, now);
    let own = own.into_iter().filter(|condition| condition.type_ == ConditionType::Analysis.to_string());
    taken
        .cloned()
        .chain(own)
        .map(|condition| {
            let same = |former: &&Condition| former.type_ == condition.type_ && former.status == condition.status;
            let since = previous.iter().find(same).map(|former| former.last_transition_time.clone());
            Condition {
                last_transition_time: since.unwrap_or_else(|| condition.last_transition_time.clone()),
                observed_generation: Some(generation),
                ..condition
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary() -> ApiCanary {
        serde_json::from_value(json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary",
            "metadata": { "name": "orders", "namespace": "shop", "uid": "c1", "generation": 3 },
            "spec": { "stageRef": { "name": "orders-prod" }, "steps": [
                { "setPercent": 5, "hold": "10m" }, { "setPercent": 50, "hold": "10m" } ] },
        }))
        .unwrap()
    }

    fn stage(phase: &str, percent: Option<f64>) -> ApiStage {
        let canary = percent.map(|percent| json!({ "deploymentId": "dep2", "percentTraffic": percent }));
        let mut status = json!({
            "observedGeneration": 7,
            "conditions": [{ "type": "Ready", "status": "False", "reason": "Releasing", "message": "m",
                "lastTransitionTime": "2026-08-01T12:00:00Z", "observedGeneration": 7 },
                { "type": "Released", "status": "Unknown", "reason": "Releasing", "message": "m",
                "lastTransitionTime": "2026-08-01T12:00:00Z", "observedGeneration": 7 }],
            "release": { "id": "r2.2", "how": "Canary", "phase": phase, "step": 1, "governedBy": "c1",
                "target": { "revision": "r2", "deploymentId": "dep2", "variablesHash": "0" },
                "stable": { "revision": "r1", "deploymentId": "dep1", "variablesHash": "0" },
                "reason": "AnalysisFailed: it was bad", "startedAt": "2026-08-01T12:00:00Z",
                "counts": { "pass": 12, "fail": 0, "noData": 1, "stepPass": 3 } },
        });
        if let Some(canary) = canary {
            status["canary"] = canary;
        }
        serde_json::from_value(json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": "orders-prod" },
            "spec": {}, "status": status,
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn told_of(status: &ApiCanaryStatus) -> Vec<String> {
        status.conditions.iter().map(|one| format!("{}={} {}", one.type_, one.status, one.reason)).collect()
    }

    #[test]
    fn a_view_tells_what_people_ask_for() {
        let status = canary_status(&canary(), Standing::Governs(&stage("Progressing", Some(5.0))), &[], at(0));
        let release = status.release.clone().unwrap();
        assert_eq!((release.progress.as_str(), release.check_summary.as_str()), ("1/2", "12 pass, 0 fail, 1 no data"));
        assert_eq!((release.percent.to_string().as_str(), release.reason.as_deref()), ("5", Some("AnalysisFailed")));
        assert_eq!(status.phase, Some(Phase::Progressing));
        assert_eq!(told_of(&status), ["Ready=False Releasing", "Analysis=False NoMetrics"], "Released is the stage's");
        assert_eq!(status.conditions[0].observed_generation, Some(3), "its own generation");
        let over = canary_status(&canary(), Standing::Governs(&stage("Succeeded", None)), &[], at(0));
        assert_eq!(over.release.unwrap().progress, "2/2");
    }

    #[test]
    fn one_that_governs_nothing_says_so() {
        let beside = canary_status(&canary(), Standing::Beside("older"), &[], at(0));
        assert_eq!(
            told_of(&beside),
            ["Ready=False NotGoverning", "Stalled=True NotGoverning", "Analysis=Unknown NotGoverning"]
        );
        assert_eq!(beside.phase, None);
        let alone = canary_status(&canary(), Standing::Alone, &[], at(0));
        assert_eq!(alone.conditions[0].reason, "NoApiStage");
        assert!(alone.conditions[0].message.contains("no ApiStage orders-prod in namespace shop"));
    }

    #[test]
    fn nothing_new_is_nothing_to_write() {
        let mut canary = canary();
        let stage = stage("Progressing", Some(5.0));
        canary.status = Some(canary_status(&canary, Standing::Governs(&stage), &[], at(0)));
        assert_eq!(Some(canary_status(&canary, Standing::Governs(&stage), &[], at(900))), canary.status);
        canary.status = Some(canary_status(&canary, Standing::Beside("x"), &[], at(0)));
        assert_eq!(Some(canary_status(&canary, Standing::Beside("x"), &[], at(900))), canary.status);
    }

    #[test]
    fn an_invalid_one_is_stalled_whatever_the_stage_is() {
        let mut canary = canary();
        canary.spec.steps.clear();
        let status = canary_status(&canary, Standing::Governs(&stage("Succeeded", None)), &[], at(0));
        assert!(told_of(&status).contains(&"Stalled=True InvalidApiCanary".to_owned()), "{:?}", told_of(&status));
    }
}
