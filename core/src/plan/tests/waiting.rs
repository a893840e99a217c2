//! What a release waits for: told in status at once, and by one event where it has been for long.

use serde_json::{Value, json};

use super::*;
use crate::world::Group;

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

fn policy(step: &Value) -> Value {
    json!({ "stageRef": { "name": "orders-prod" }, "steps": [step], "promotion": "Manual" })
}

/// r2 in its first step.
fn released_by(policy: Value) -> Bench {
    let mut bench = at_rest();
    bench.govern(policy).pass();
    bench.revision("r2").pass();
    bench
}

/// What it waits for, and whether that was told.
fn waits(bench: &Bench) -> Option<(String, bool)> {
    bench.release().waiting.clone().map(|waiting| (waiting.reason, waiting.told))
}

/// The minute, from now on, in which the event comes; after it, no other does for a week.
fn told_after(bench: &mut Bench, limit: u32) {
    let since = bench.release().waiting.clone().unwrap().since;
    bench.minutes(limit - 5);
    assert!(!bench.events.contains(&EventReason::WaitsLong), "{:?}", bench.events);
    assert_eq!(bench.release().waiting.clone().unwrap().since, since, "the same wait");
    bench.minutes(10);
    assert_eq!(bench.events.iter().filter(|event| **event == EventReason::WaitsLong).count(), 1);
    bench.minutes(7 * DAY);
    assert!(!bench.events.contains(&EventReason::WaitsLong));
    assert!(waits(bench).unwrap().1, "remembered, also by the next operator");
}

#[test]
fn a_person_has_a_day() {
    let mut bench = released_by(policy(&json!({ "setPercent": 5, "approval": "Required" })));
    assert_eq!(waits(&bench), Some(("AwaitingApproval".to_owned(), false)));
    told_after(&mut bench, DAY);
    bench.command("approve/r2.2/1/1").pass();
    assert_eq!(waits(&bench), Some(("AwaitingApproval".to_owned(), false)), "of the promotion now");
    bench.command("pause/r2.2/2").pass();
    assert_eq!(waits(&bench), Some(("PausedByCommand".to_owned(), false)));
    bench.command("abort/r2.2/3").pass();
    assert_eq!(waits(&bench), None, "it has ended");
}

#[test]
fn a_gate_has_an_hour() {
    let mut bench = at_rest();
    let gate = json!([{ "name": "tests", "url": "https://tests.example.com", "when": ["BeforeRelease"] }]);
    let mut policy = policy(&json!({ "setPercent": 5, "hold": "10m" }));
    policy["webhooks"] = gate;
    bench.govern(policy).pass();
    bench.gate_open = false;
    bench.revision("r2").pass();
    assert_eq!(waits(&bench), Some(("GateClosed".to_owned(), false)));
    told_after(&mut bench, HOUR);
    bench.gate_open = true;
    bench.minutes(2);
    assert_eq!(waits(&bench), None, "it goes its way");
}

#[test]
fn a_step_that_holds_for_long_waits_for_nobody() {
    let mut bench = released_by(policy(&json!({ "setPercent": 5, "hold": "48h" })));
    assert_eq!(waits(&bench), None);
    bench.minutes(47 * HOUR);
    assert!(!bench.events.contains(&EventReason::WaitsLong));
}

#[test]
fn a_refused_setting_waits_for_its_own_time_and_nothing_else_does() {
    let log = json!({ "destinationArn": "arn:aws:logs:eu-west-1:123456789012:log-group:orders", "format": "$context.requestId" });
    let mut bench = at_rest();
    bench.refusing = Some((Group::Logging, Cause::LogsRoleMissing));
    bench.edit(|spec| spec.access_log_settings = Some(serde_json::from_value(log).unwrap())).pass();
    assert_eq!(bench.ready(), "False LogsRoleMissing (Released True)");
    let wait = |bench: &Bench| bench.wake_up_at.unwrap().duration_since(bench.now).as_secs();
    assert!(wait(&bench) >= 8 * 60, "looking earlier than at the poll would repeat nothing: {} s", wait(&bench));

    bench.edit(|spec| (spec.revision, spec.deployment_id) = (None, Some("dep9".into()))).pass();
    assert_eq!(bench.ready(), "False DeploymentNotFound (Released Unknown)");
    assert!(wait(&bench) <= 30, "the deployment may appear any moment: {} s", wait(&bench));

    bench.deployment(None);
    bench.govern(policy(&json!({ "setPercent": 5, "hold": "1h" })));
    bench.edit(|spec| (spec.revision, spec.deployment_id) = (Some("r2".into()), None)).pass();
    assert_eq!(bench.release().phase, Phase::Progressing);
    assert!(wait(&bench) <= 30, "a canary is looked at: {} s", wait(&bench));
}
