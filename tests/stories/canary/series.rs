//! AWS does not say where it counts a canary's requests: whichever it is, the two sides are told apart or nothing is promoted.

use apigateway_simulator::{Behaviour, CanaryDimension};
use serde_json::{Value, json};

use crate::support::release::{failing, judged_by};
use crate::support::{World, step};

/// Half a point more errors than the stable side is allowed.
fn more_errors() -> Value {
    json!([{ "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" }, "maxIncrease": 0.5 }])
}

async fn counted(dimension: CanaryDimension) -> World {
    let world = World::governed(judged_by(&more_errors())).await;
    world.simulator.set_switches(|switches| switches.canary_dimension = dimension);
    world
}

async fn scope(world: &World) -> Value {
    serde_json::to_value(world.api_canary().await.status.unwrap()).unwrap()["series"]["scope"].clone()
}

#[tokio::test]
async fn both_ways_of_counting_are_found_out() {
    for (dimension, expected) in [(CanaryDimension::Disjoint, "Disjoint"), (CanaryDimension::Inclusive, "Inclusive")] {
        step(&format!("a good one, {dimension:?}"));
        let world = counted(dimension).await;
        world.declare("r2", "green").await;
        world.until("Progressing 2/3 25").await;
        assert_eq!(scope(&world).await, expected);
        world.until("Succeeded").await;

        step(&format!("a bad one, {dimension:?}"));
        let second = world.serves();
        world.flow(&second, failing());
        world.declare("r3", "red").await;
        world.until("Failed").await;
        assert_eq!(world.serves(), second);
        let (_, message) = world.ready("orders").await;
        assert!(message.contains("(stable side + 0.5 points)") || message.contains("stable side 0"), "{message}");
    }
}

#[tokio::test]
async fn without_a_series_of_the_canary_nothing_is_promoted() {
    let world = counted(CanaryDimension::Absent).await;
    let first = world.serves();
    world.flow(&first, Behaviour::default());
    world.declare("r2", "green").await;
    world.minutes("orders", 40).await.unwrap();
    assert_eq!(world.shown().await, "Progressing 1/3 5 r2.2");
    assert_eq!(world.serves(), first);
    let sentence = world.last_check().await.remove(0);
    assert!(
        sentence.contains("CloudWatch has no series with Stage = prod/Canary")
            && sentence.contains("set canarySeries: AccessLogs"),
        "{sentence}"
    );
}
