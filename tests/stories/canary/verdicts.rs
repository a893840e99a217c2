//! Good releases promote themselves, bad ones undo themselves, whenever they turn bad.

use apigateway_simulator::Behaviour;
use serde_json::json;

use crate::support::release::{but, errors, failing, judged_by, slow};
use crate::support::{World, step};

/// The patch that opens the canary at 5 %.
fn opens(world: &World) -> String {
    let id = world.simulator.deployments(&world.api).last().unwrap()["id"].as_str().unwrap().to_owned();
    format!(
        "UpdateStage replace /canarySettings/deploymentId {id}; replace /canarySettings/stageVariableOverrides/backend green; replace /canarySettings/percentTraffic 5.0"
    )
}

const PROMOTES: &str = "UpdateStage copy /deploymentId from /canarySettings/deploymentId; replace /variables/backend green; replace /canarySettings/percentTraffic 0.0";
const CLOSES: &str = "UpdateStage remove /canarySettings";

/// r2 is held, and r1 serves as if r2 had never been.
async fn assert_undone(world: &World, first: &str) {
    assert_eq!(world.serves(), first);
    assert_eq!(world.canary(), None);
    assert_eq!(world.stage("prod").unwrap()["variables"], json!({ "backend": "blue" }));
    assert_eq!(world.ask_callers(200)[first], 200);
    assert_eq!(world.stands("Released").await, "False AnalysisFailed");
    assert_eq!(world.stands("Ready").await, "False AnalysisFailed");
    let held = world.status("orders").await.held;
    assert_eq!(held.iter().map(|held| held.target.revision.clone().unwrap()).collect::<Vec<_>>(), ["r2".into()]);
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn a_good_release_is_promoted_by_its_numbers() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    for (shown, fewest, most) in
        [("Progressing 1/3 5", 1, 30), ("Progressing 2/3 25", 25, 80), ("Progressing 3/3 50", 70, 130)]
    {
        world.until(shown).await;
        let served = world.ask_callers(200);
        let (second, percent) = world.canary().unwrap();
        step(&format!("{shown}: {served:?}"));
        assert_eq!((served[&first] + served[&second], world.serves()), (200, first.clone()), "at {percent} %");
        assert!((fewest..=most).contains(&served[&second]), "{served:?} at {percent} %");
    }
    let (second, _) = world.canary().unwrap();
    world.until("Succeeded 3/3 0 r2.2").await;
    assert_eq!(world.ask_callers(200)[&second], 200);
    let share = |percent: &str| format!("UpdateStage replace /canarySettings/percentTraffic {percent}");
    assert_eq!(world.traffic(), [&opens(&world), &share("25.0"), &share("50.0"), PROMOTES, CLOSES]);
    assert_eq!(
        world.told().await,
        [
            "ReleaseStarted",
            "SnapshotTaken",
            "StepStarted",
            "StepStarted",
            "StepStarted",
            "Promoting",
            "ReleaseSucceeded"
        ]
    );
    assert_eq!(world.stands("Released").await, "True Synced");
    let sentence = world.last_check().await.remove(0);
    assert!(sentence.starts_with("5xx 0") && sentence.contains(", allowed 1"), "{sentence}");
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn errors_undo_a_release_and_the_numbers_are_told() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.flow(&first, failing());
    world.declare("r2", "green").await;
    world.until("Failed").await;
    assert_eq!(world.traffic(), [&opens(&world), CLOSES], "one call ends it");
    assert_eq!(
        world.told().await,
        ["ReleaseStarted", "SnapshotTaken", "StepStarted", "CheckFailed", "RolledBack", "ReleaseFailed"]
    );
    let (_, message) = world.ready("orders").await;
    assert!(message.contains("5xx ") && message.contains(" requests, allowed 1"), "{message}");
    assert!(message.contains("retry/r2.2"), "{message}");
    assert_undone(&world, &first).await;
}

#[tokio::test]
async fn latency_undoes_a_release() {
    let metrics = json!([
        { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" }, "max": 1 },
        { "name": "p99", "apiGateway": { "metric": "LatencyP99" }, "maxRatio": 2, "ratioFloor": 50 },
    ]);
    let world = World::governed(judged_by(&metrics)).await;
    let first = world.serves();
    world.flow(&first, slow());
    world.declare("r2", "green").await;
    world.until("Failed").await;
    assert_eq!(world.traffic(), [&opens(&world), CLOSES]);
    let (_, message) = world.ready("orders").await;
    assert!(message.contains("p99 latency ") && message.contains("stable side "), "{message}");
    assert_undone(&world, &first).await;
}

#[tokio::test]
async fn what_turns_bad_at_half_of_the_traffic_is_undone_there() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 3/3 50").await;
    step("r2 does not stand the load");
    world.flow(&first, failing());
    world.simulator.reset_calls();
    world.until("Failed 3/3 0 r2.2").await;
    assert_eq!(world.traffic(), [CLOSES]);
    assert_undone(&world, &first).await;
}

#[tokio::test]
async fn what_turns_bad_after_its_promotion_goes_back_while_it_bakes() {
    let world = World::governed(but(judged_by(&errors()), json!({ "bake": "15m" }))).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Baking").await;
    assert_ne!(world.serves(), first);
    assert_eq!(world.stands("Reconciling").await, "True Baking");
    world.minutes("orders", 5).await.unwrap();
    step("r2 was good for five minutes");
    world.flow(&first, failing());
    world.simulator.reset_calls();
    world.until("Failed").await;
    assert_eq!(
        world.traffic(),
        [format!("UpdateStage replace /deploymentId {first}; replace /variables/backend blue")]
    );
    let told = world.told().await;
    assert_eq!(told[told.len() - 4..], ["Baking", "CheckFailed", "RolledBack", "ReleaseFailed"]);
    assert_undone(&world, &first).await;
}

#[tokio::test]
async fn what_stays_good_while_it_bakes_is_released() {
    let world = World::governed(but(judged_by(&errors()), json!({ "bake": "10m" }))).await;
    world.declare("r2", "green").await;
    world.until("Baking").await;
    assert_eq!(world.stands("Released").await, "Unknown Baking");
    world.until("Succeeded").await;
    let told = world.told().await;
    assert_eq!(told[told.len() - 2..], ["Baking", "ReleaseSucceeded"]);
    assert_eq!(world.stands("Released").await, "True Synced");
    world.flow("nobody", Behaviour::default());
    world.assert_rest("orders").await;
}
