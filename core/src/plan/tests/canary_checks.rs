//! What the checks of a release do to it: pass, fail, and silence, in each phase.

use serde_json::{Value, json};

use super::*;
use crate::analysis::{AlarmState, Reading};
use crate::api::check::Verdict;

const OK: Reading = Reading::Alarm(AlarmState::Ok);
const ALARM: Reading = Reading::Alarm(AlarmState::Alarm);
const SILENCE: Reading = Reading::Alarm(AlarmState::InsufficientData);

/// 5 % and 50 %, four minutes each, judged every minute.
fn policy(more: &Value) -> Value {
    let mut policy = json!({
        "stageRef": { "name": "orders-prod" },
        "steps": [{ "setPercent": 5, "hold": "4m" }, { "setPercent": 50, "hold": "4m" }],
        "analysis": {
            "interval": "1m", "window": "1m", "initialDelay": "0s", "metricDelay": "0s",
            "metrics": [{ "name": "errors", "alarm": { "name": "orders-errors" } }],
        },
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        policy[member] = value.clone();
    }
    policy
}

/// r2 in its first step.
fn judged(more: &Value) -> Bench {
    let mut bench = at_rest();
    bench.reading = OK;
    bench.govern(policy(more)).pass();
    bench.revision("r2").variable("backend", "green").pass();
    assert!(bench.stands().ends_with("1 at 5"), "{}: {}", bench.stands(), bench.message());
    bench
}

#[test]
fn a_release_moves_only_after_its_hold_and_on_a_pass() {
    let mut bench = judged(&json!({}));
    bench.minutes(3);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "the hold is not over");
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    bench.minutes(2);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
    assert!(bench.release().counts.as_ref().unwrap().pass >= 3);
    bench.minutes(5);
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_failed_check_undoes_the_release_in_one_call_and_says_why() {
    let mut bench = judged(&json!({}));
    bench.minutes(5);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
    bench.reading = ALARM;
    bench.minutes(2);
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
    assert_eq!(bench.ready(), "False AnalysisFailed (Released False)");
    assert!(
        bench.message().contains("errors: the alarm is in ALARM") && bench.message().contains("retry/r2.2"),
        "{}",
        bench.message()
    );
    assert!(bench.events.contains(&EventReason::CheckFailed) && bench.events.contains(&EventReason::RolledBack));
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    bench.reading = OK;
    let message = bench.message().to_owned();
    bench.minutes(30);
    assert_eq!(bench.message(), message, "told for as long as it is held");
    bench.command("retry/r2.2/1").minutes(11);
    assert_eq!(bench.ready(), "True Synced (Released True)", "the same revision again, through its steps");
    assert_eq!(bench.release().how, How::Canary);
}

#[test]
fn a_failure_limit_bears_what_it_says() {
    let mut bench = judged(&json!({}));
    bench.edit_canary(|spec| spec.analysis.as_mut().unwrap().failure_limit = Some(1));
    bench.reading = ALARM;
    bench.pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.checks.iter().map(|check| check.verdict).collect::<Vec<_>>(), [Verdict::Fail]);
    bench.pass();
    assert_eq!(bench.ready(), "False AnalysisFailed (Released False)");
}

#[test]
fn silence_is_not_health_and_one_hour_of_it_is_told_once() {
    let mut bench = judged(&json!({}));
    bench.reading = SILENCE;
    bench.minutes(10);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert!(bench.message().contains("no data") || bench.message().contains("checks passed"), "{}", bench.message());
    bench.minutes(110);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "however long");
    assert_eq!(bench.events.iter().filter(|event| **event == EventReason::NoData).count(), 1);
    bench.reading = OK;
    bench.minutes(2);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
}

#[test]
fn a_pass_that_was_followed_by_silence_raises_nothing() {
    let mut bench = judged(&json!({}));
    bench.minutes(2);
    assert!(bench.release().counts.as_ref().unwrap().step_pass > 0);
    bench.reading = SILENCE;
    bench.minutes(10);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    assert!(bench.message().contains("had no data"), "{}", bench.message());
}

#[test]
fn on_failure_pause_leaves_the_canary_for_people_to_look_at() {
    let mut bench = judged(&json!({ "onFailure": "Pause" }));
    bench.reading = ALARM;
    bench.minutes(3);
    assert_eq!(bench.stands(), "Paused 1 at 5");
    assert_eq!(bench.ready(), "False AnalysisFailed (Released Unknown)");
    assert!(bench.message().contains("errors: the alarm is in ALARM"), "{}", bench.message());
    bench.reading = OK;
    bench.command("resume/r2.2/1").minutes(11);
    assert_eq!(bench.ready(), "True Synced (Released True)", "its failures are forgotten with resume");
}

#[test]
fn a_paused_release_is_still_judged() {
    let mut bench = judged(&json!({}));
    bench.command("pause/r2.2/1").pass();
    bench.reading = ALARM;
    bench.minutes(2);
    assert_eq!(bench.ready(), "False AnalysisFailed (Released False)");
    assert_eq!(bench.stage().canary, None);
}

#[test]
fn an_approval_replaces_the_hold_and_not_the_checks() {
    let mut bench = judged(&json!({ "steps": [
        { "setPercent": 5, "approval": "Required" }, { "setPercent": 50, "hold": "4m" },
    ] }));
    bench.reading = SILENCE;
    bench.command("approve/r2.2/1/1").minutes(10);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.reading = OK;
    bench.minutes(2);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
}

#[test]
fn what_fails_only_after_the_promotion_goes_back() {
    let mut bench = judged(&json!({ "bake": "10m" }));
    bench.minutes(10);
    assert_eq!(bench.stands(), "Baking 0 no canary");
    bench.reading = ALARM;
    bench.minutes(3);
    assert_eq!(bench.writes(), ["UpdateStage replace /deploymentId, replace /variables/backend"]);
    assert_eq!(bench.ready(), "False AnalysisFailed (Released False)");
    assert_eq!(bench.stage().deployment_id, "dep1".into());
}

#[test]
fn a_bake_ends_though_nobody_calls_the_stage() {
    let mut bench = judged(&json!({ "bake": "10m" }));
    bench.minutes(10);
    bench.reading = SILENCE;
    bench.minutes(20);
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_deadline_ends_what_does_not_get_on_and_leaves_people_their_time() {
    let mut bench = judged(&json!({ "progressDeadline": "30m" }));
    bench.reading = SILENCE;
    bench.minutes(33);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.minutes(3);
    assert_eq!(bench.ready(), "False DeadlineExceeded (Released False)");

    let approval = json!({ "progressDeadline": "30m", "steps": [{ "setPercent": 5, "approval": "Required" }] });
    let mut bench = judged(&approval);
    bench.minutes(90);
    assert_eq!(bench.ready(), "False AwaitingApproval (Released Unknown)");
}

#[test]
fn what_is_superseded_is_still_judged() {
    let mut bench = judged(&json!({}));
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r3").pass();
    bench.reading = ALARM;
    bench.minutes(2);
    assert_eq!(bench.stage().canary, None);
    assert_eq!(bench.status().held[0].target.revision, Some("r2".into()));
}

#[test]
fn an_edited_policy_keeps_counts_and_judges_by_itself() {
    let mut bench = judged(&json!({}));
    bench.minutes(2);
    let before = bench.release().counts.as_ref().unwrap().pass;
    bench.edit_canary(|spec| spec.analysis.as_mut().unwrap().min_checks = Some(50)).minutes(10);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert!(bench.release().counts.as_ref().unwrap().pass > before, "counts stay");
}
