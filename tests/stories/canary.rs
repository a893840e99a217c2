//! A release through a canary, on a real apiserver and the simulator: what AWS is asked, and what people see.

mod by_default;
mod changes;
mod hands;
mod hands_in_passing;
mod order;
mod people;
mod reapplied;
mod refused_settings;
mod restarts;
mod series;
mod silence;
mod throttled;
mod verdicts;

use serde_json::{Value, json};
use stagecraft_core::analysis::{AlarmState, Reading};
use stagecraft_core::api::canary::ApiCanary;

use crate::support::{Side, Tripwire, World, step};

/// 5 % and 50 %, two minutes each.
fn policy() -> Value {
    json!({ "stageRef": { "name": "orders" }, "steps": [
        { "setPercent": 5, "hold": "2m" }, { "setPercent": 50, "hold": "2m" },
    ] })
}

fn spec(world: &World, revision: &str, backend: &str) -> Value {
    json!({
        "restApiId": world.api, "stageName": "prod", "revision": revision, "variables": { "backend": backend },
        "releasePolicy": "Canary",
    })
}

/// r1 serves, and nothing but an `ApiCanary` is missing.
async fn serving() -> World {
    let world = World::new().await;
    world.apply("orders", spec(&world, "r1", "blue")).await.unwrap();
    world.rest("orders").await;
    world
}

/// r1 serves, and an `ApiCanary` governs what comes next.
async fn governed(policy: Value) -> World {
    let world = serving().await;
    world.govern("orders", policy).await;
    world.rest("orders").await;
    world.simulator.reset_calls();
    world
}

async fn canary(world: &World) -> ApiCanary {
    world.canaries().get("orders").await.unwrap()
}

/// Phase, step and share as `kubectl get apicanaries` shows them.
async fn shown(world: &World) -> String {
    let status = serde_json::to_value(canary(world).await.status.unwrap()).unwrap();
    let release = &status["release"];
    format!(
        "{} {} {} {}",
        status["phase"].as_str().unwrap_or("-"),
        release["progress"].as_str().unwrap_or("-"),
        release["percent"],
        release["id"].as_str().unwrap_or("-"),
    )
}

fn deployment(world: &World) -> Value {
    world.stage("prod").unwrap()["deploymentId"].clone()
}

#[tokio::test]
async fn a_good_release_takes_its_steps() {
    let world = governed(policy()).await;
    let first = deployment(&world);
    assert_eq!(shown(&world).await, "Succeeded 0/2 0 r1.1");

    step("r2 is declared");
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.pass("orders").await.unwrap();
    assert_eq!(shown(&world).await, "Progressing 1/2 5 r2.2", "{}", world.tell("orders").await);
    assert_eq!(deployment(&world), first);
    assert_eq!(world.ready("orders").await.0, "False Releasing");

    step("all of its steps");
    world.rest("orders").await;
    let second = deployment(&world);
    assert_ne!(second, first);
    let id = second.as_str().unwrap();
    assert_eq!(
        world.writes()[1..],
        [
            format!("UpdateStage replace /canarySettings/deploymentId {id}; replace /canarySettings/stageVariableOverrides/backend green; replace /canarySettings/percentTraffic 5.0"),
            "UpdateStage replace /canarySettings/percentTraffic 50.0".to_owned(),
            "UpdateStage copy /deploymentId from /canarySettings/deploymentId; replace /variables/backend green; replace /canarySettings/percentTraffic 0.0".to_owned(),
            "UpdateStage remove /canarySettings".to_owned(),
            world.writes()[5].clone(),
        ],
        "{}",
        world.tell("orders").await
    );
    assert!(world.writes()[5].starts_with("UpdateDeployment"), "{:?}", world.writes());
    assert_eq!(world.stage("prod").unwrap()["variables"], json!({ "backend": "green" }));
    assert_eq!(world.stage("prod").unwrap()["canarySettings"], Value::Null);
    assert_eq!(shown(&world).await, "Succeeded 2/2 0 r2.2");
    assert_eq!(world.ready("orders").await.0, "True Synced");
    for reason in ["ReleaseStarted", "SnapshotTaken", "StepStarted", "Promoting", "ReleaseSucceeded"] {
        assert!(world.event_reasons("orders").await.contains(&reason.to_owned()), "{reason}");
    }
    world.assert_rest("orders").await;
    let before = canary(&world).await.metadata.resource_version;
    world.pass("orders").await.unwrap();
    assert_eq!(canary(&world).await.metadata.resource_version, before, "a view that tells the same is not written");
}

#[tokio::test]
async fn with_policy_canary_the_stable_deployment_never_moves_before_the_first_step() {
    step("the ApiStage is there first");
    let world = serving().await;
    let first = deployment(&world);
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.minutes("orders", 3).await.unwrap();
    assert_eq!(world.ready("orders").await.0, "False Releasing");
    assert_eq!(deployment(&world), first);
    assert_eq!(world.stage("prod").unwrap()["canarySettings"], Value::Null);
    world.govern("orders", policy()).await;
    world.pass("orders").await.unwrap();
    assert_eq!(shown(&world).await, "Progressing 1/2 5 r2.2");
    assert_eq!(deployment(&world), first);

    step("the ApiCanary goes in the middle of it");
    world.canaries().delete("orders", &kube::api::DeleteParams::default()).await.unwrap();
    world.pass("orders").await.unwrap();
    assert_eq!(world.stage("prod").unwrap()["canarySettings"], Value::Null, "{}", world.tell("orders").await);
    assert_eq!(deployment(&world), first);
    assert_eq!(world.ready("orders").await.0, "False ReleaseUnfinished");

    step("another operator, and another ApiCanary");
    let mut world = world;
    world.restart().await;
    world.pass("orders").await.unwrap();
    assert_eq!(deployment(&world), first);
    world.govern("orders", policy()).await;
    world.rest("orders").await;
    assert_ne!(deployment(&world), first);
    assert_eq!(shown(&world).await, "Succeeded 2/2 0 r2.3");
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn people_approve_abort_and_try_again() {
    let world = governed(json!({ "stageRef": { "name": "orders" }, "promotion": "Manual", "steps": [
        { "setPercent": 12.5, "approval": "Required" },
    ] }))
    .await;
    let first = deployment(&world);
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.minutes("orders", 2).await.unwrap();
    assert_eq!(shown(&world).await, "AwaitingApproval 1/1 12.5 r2.2");
    assert_eq!(world.ready("orders").await.0, "False AwaitingApproval");

    step("abort");
    world.simulator.reset_calls();
    world.annotate("orders", "abort/r2.2/1").await;
    world.pass("orders").await.unwrap();
    assert_eq!(world.writes()[0], "UpdateStage remove /canarySettings");
    assert_eq!(shown(&world).await, "Failed 1/1 0 r2.2");
    assert_eq!(world.ready("orders").await.0, "False ReleaseAborted");
    assert_eq!(deployment(&world), first);
    world.rest("orders").await;
    world.assert_rest("orders").await;

    step("retry, approve, approve");
    world.annotate("orders", "retry/r2.2/2").await;
    world.minutes("orders", 1).await.unwrap();
    assert_eq!(shown(&world).await, "AwaitingApproval 1/1 12.5 r2.3");
    world.annotate("orders", "approve/r2.3/1/3").await;
    world.minutes("orders", 1).await.unwrap();
    assert_eq!(shown(&world).await, "AwaitingApproval 1/1 12.5 r2.3", "the promotion is manual");
    world.annotate("orders", "approve/r2.3/promotion/4").await;
    world.rest("orders").await;
    assert_ne!(deployment(&world), first);

    step("rollback, and the spec is held");
    world.annotate("orders", "rollback/-/5").await;
    world.rest("orders").await;
    assert_eq!(deployment(&world), first);
    assert_eq!(world.stage("prod").unwrap()["variables"], json!({ "backend": "blue" }));
    assert_eq!(world.ready("orders").await.0, "False RolledBackByCommand");
    world.assert_rest("orders").await;
}

/// As `policy`, judged by an alarm every minute.
fn judged() -> Value {
    let mut policy = policy();
    policy["analysis"] = json!({
        "interval": "1m", "window": "1m", "initialDelay": "0s", "metricDelay": "0s",
        "metrics": [{ "name": "errors", "alarm": { "name": "orders-errors" } }],
    });
    policy
}

#[tokio::test]
async fn a_bad_release_is_caught_and_undone_also_by_the_next_operator() {
    let mut world = governed(judged()).await;
    let first = deployment(&world);
    world.numbers.tell(Reading::Alarm(AlarmState::Ok));
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.minutes("orders", 3).await.unwrap();
    assert_eq!(shown(&world).await, "Progressing 2/2 50 r2.2", "{}", world.tell("orders").await);
    let status = canary(&world).await.status.unwrap();
    assert!(status.release.unwrap().check_summary.contains(" pass, 0 fail"));
    assert!(!status.checks.is_empty() && status.checks.len() <= 5, "{:?}", status.checks);
    assert_eq!(status.conditions.last().unwrap().reason, "ChecksPass");

    step("the operator is killed, and the canary begins to fail");
    world.restart().await;
    world.numbers.tell(Reading::Alarm(AlarmState::Alarm));
    world.simulator.reset_calls();
    world.minutes("orders", 3).await.unwrap();
    assert_eq!(world.writes()[0], "UpdateStage remove /canarySettings", "{}", world.tell("orders").await);
    assert_eq!(deployment(&world), first);
    assert_eq!(world.stage("prod").unwrap()["variables"], json!({ "backend": "blue" }));
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False AnalysisFailed");
    assert!(message.contains("errors: the alarm is in ALARM"), "{message}");
    assert_eq!(shown(&world).await, "Failed 2/2 0 r2.2");
    for reason in ["CheckFailed", "RolledBack", "ReleaseFailed"] {
        assert!(world.event_reasons("orders").await.contains(&reason.to_owned()), "{reason}");
    }

    step("the same revision is applied again: it stays held");
    world.numbers.tell(Reading::Alarm(AlarmState::Ok));
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.rest("orders").await;
    assert_eq!(deployment(&world), first);
    world.assert_rest("orders").await;

    step("silence promotes nothing");
    world.numbers.tell(Reading::Alarm(AlarmState::InsufficientData));
    world.annotate("orders", "retry/r2.2/1").await;
    world.minutes("orders", 15).await.unwrap();
    assert_eq!(shown(&world).await, "Progressing 1/2 5 r2.3");
    assert_eq!(deployment(&world), first);
}

#[tokio::test]
async fn hands_in_the_console() {
    let world = governed(policy()).await;
    let first = deployment(&world);
    world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
    world.pass("orders").await.unwrap();

    step("lowered");
    let by_hand = json!({ "op": "replace", "path": "/canarySettings/percentTraffic", "value": "1.0" });
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[by_hand]).unwrap();
    world.minutes("orders", 10).await.unwrap();
    assert_eq!(world.ready("orders").await.0, "False ChangedByHand");
    assert_eq!(shown(&world).await, "Paused 1/2 1 r2.2");

    step("resumed, then promoted in the console");
    world.annotate("orders", "resume/r2.2/1").await;
    world.pass("orders").await.unwrap();
    assert_eq!(shown(&world).await, "Progressing 1/2 5 r2.2");
    let console = [
        json!({ "op": "replace", "path": "/canarySettings/percentTraffic", "value": "0.0" }),
        json!({ "op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId" }),
        json!({ "op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables" }),
    ];
    world.simulator.patch_stage_by_hand(&world.api, "prod", &console).unwrap();
    world.rest("orders").await;
    assert_ne!(deployment(&world), first);
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_eq!(world.stage("prod").unwrap()["canarySettings"], Value::Null);
    assert!(world.event_reasons("orders").await.contains(&"PromotedByHand".to_owned()));
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn the_younger_of_two_and_one_without_a_stage_say_so() {
    let world = governed(policy()).await;
    world.govern("second", policy()).await;
    world.pass("orders").await.unwrap();
    let reason = |canary: ApiCanary| canary.status.unwrap().conditions[0].reason.clone();
    let second = world.canaries().get("second").await.unwrap();
    let reasons = [reason(second), reason(canary(&world).await)];
    // Made within one second, the uid decides.
    assert_eq!(reasons.iter().filter(|reason| *reason == "NotGoverning").count(), 1, "{reasons:?}");
}

/// What is left of a release, told so that ids and times do not matter.
async fn ending(world: &World) -> Value {
    let status = world.status("orders").await;
    let stage = world.stage("prod").unwrap();
    json!({
        "ready": world.ready("orders").await.0,
        "shown": shown(world).await,
        "variables": stage["variables"],
        "canary": stage["canarySettings"],
        "snapshots": world.snapshots().len(),
        "held": status.held.len(),
        "history": status.history.len(),
    })
}

/// P2: a crash at any call of a release, to AWS and to the apiserver, before and after its effect.
#[tokio::test]
async fn a_crash_at_any_call_of_a_release_is_harmless() {
    let undisturbed = {
        let mut world = governed(policy()).await;
        world.restart().await;
        world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
        world.rest("orders").await;
        world
    };
    let calls = undisturbed.tripwire().log();
    let expected = ending(&undisturbed).await;
    let writes: Vec<_> = (1..=calls.len())
        .filter(|number| {
            let call = &calls[number - 1];
            !call.starts_with("GET") && !call.starts_with("Get") && !call.contains("/events")
        })
        .collect();
    step(&format!("{} writes among {} calls: {calls:?}", writes.len(), calls.len()));
    assert!(writes.len() > 12, "a story without calls proves nothing");
    for number in writes {
        for side in [Side::Before, Side::After] {
            let mut world = governed(policy()).await;
            world.restart_with(Tripwire::at(number, side)).await;
            world.apply("orders", spec(&world, "r2", "green")).await.unwrap();
            let survived = world.to_rest("orders").await.is_some();
            assert!(!survived, "call {number} was never made: {:?}", world.tripwire().log());
            world.restart().await;
            world.rest("orders").await;
            let case = format!("crashed {side:?} call {number}: {}", calls[number - 1]);
            assert_eq!(ending(&world).await, expected, "{case}\n{}", world.tell("orders").await);
        }
    }
}
