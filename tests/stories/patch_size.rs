//! Releases of more operations than API Gateway takes in one call, against the simulator and its limits.

use serde_json::{Value, json};

use crate::support::{World, step};

/// Two revisions of one stage have this many variables with one name, and each has names of its own.
#[derive(Clone, Copy, Debug)]
struct Names {
    shared: usize,
    own: usize,
}

/// A revision whose variables all differ from those of one of another colour.
fn spec(world: &World, names: Names, revision: &str, colour: &str) -> Value {
    let shared = (0..names.shared).map(|n| (format!("shared{n}"), json!(colour)));
    let own = (0..names.own).map(|n| (format!("{colour}{n}"), json!(n.to_string())));
    let variables: serde_json::Map<_, _> = shared.chain(own).collect();
    json!({ "restApiId": world.api, "stageName": "prod", "revision": revision, "variables": variables })
}

/// How many operations each patch of the stage had since the log was reset, all of which were accepted.
fn sizes(world: &World) -> Vec<usize> {
    let calls = world.simulator.calls();
    let patches = calls.iter().filter(|call| call.info.operation == "UpdateStage");
    let size = |call: &apigateway_simulator::CallRecord| {
        assert_eq!(call.status, Some(200), "{}", call.line());
        call.info.patch().len()
    };
    let sizes = patches.map(size).collect();
    world.simulator.reset_calls();
    sizes
}

/// What the stage serves, and with which variables.
async fn assert_serves(world: &World, deployment: &Value, names: Names, colour: &str) {
    let stage = world.stage("prod").unwrap();
    assert_eq!(stage["deploymentId"], *deployment, "{}", world.tell("orders").await);
    assert_eq!(stage["variables"], spec(world, names, "", colour)["variables"]);
}

#[tokio::test]
async fn a_hundred_variables_change_and_go_back() {
    let cases = [
        (Names { shared: 100, own: 0 }, vec![80, 21]),
        // New names; the deployment and what changes with it; what is not needed any more.
        (Names { shared: 70, own: 15 }, vec![15, 80, 6]),
        // The stage has no room for both revisions' names.
        (Names { shared: 80, own: 20 }, vec![80, 41]),
    ];
    for (names, calls) in cases {
        change_and_go_back(names, &calls).await;
    }
}

async fn change_and_go_back(names: Names, calls: &[usize]) {
    step(&format!("{names:?}"));
    let world = World::new().await;
    world.apply("orders", spec(&world, names, "r1", "blue")).await.unwrap();
    world.rest("orders").await;
    let first = world.stage("prod").unwrap()["deploymentId"].clone();
    assert_serves(&world, &first, names, "blue").await;

    step("at once");
    world.simulator.reset_calls();
    world.apply("orders", spec(&world, names, "r2", "green")).await.unwrap();
    world.rest("orders").await;
    let second = world.stage("prod").unwrap()["deploymentId"].clone();
    assert_eq!(sizes(&world), calls);
    assert_ne!(second, first);
    assert_serves(&world, &second, names, "green").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
    world.assert_rest("orders").await;

    step("rollback");
    world.simulator.reset_calls();
    world.annotate("orders", "rollback/-/1").await;
    world.rest("orders").await;
    assert_eq!(sizes(&world), calls);
    assert_serves(&world, &first, names, "blue").await;
    assert_eq!(world.ready("orders").await.0, "False RolledBackByCommand");
    world.assert_rest("orders").await;

    step("through a canary, and an abort of the bake");
    let policy = json!({
        "stageRef": { "name": "orders" }, "bake": "30m", "steps": [{ "setPercent": 50, "hold": "1m" }],
    });
    world.govern("orders", policy).await;
    world.annotate("orders", "retry/r2.2/2").await;
    world.until("Baking").await;
    sizes(&world);
    assert_serves(&world, &second, names, "green").await;
    world.annotate("orders", "abort/r2.4/3").await;
    world.rest("orders").await;
    assert_eq!(sizes(&world), calls);
    assert_serves(&world, &first, names, "blue").await;
    assert_eq!(world.ready("orders").await.0, "False ReleaseAborted");
    world.assert_rest("orders").await;
}
