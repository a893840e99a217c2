//! Metrics that declare no bound: the sequential test decides, and the stories of thresholds come out the same.

use apigateway_simulator::Behaviour;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::release::{but, failing, judged_by, slow};
use crate::support::{World, step};

/// What fails shows in one of them.
fn metrics() -> Value {
    json!([
        { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
        { "name": "refused", "apiGateway": { "metric": "ErrorRate4xx" } },
        { "name": "slow", "apiGateway": { "metric": "SlowRequestRate", "thresholdMs": 200 } },
    ])
}

#[tokio::test]
async fn a_good_release_is_promoted() {
    let world = World::governed(judged_by(&metrics())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Succeeded 3/3 0 r2.2").await;
    assert_ne!(world.serves(), first);
    let sentences = world.last_check().await;
    assert!(sentences[0].starts_with("5xx 0 of ") && sentences[0].contains(" against 0 of "), "{sentences:?}");
    world.assert_rest("orders").await;
}

#[rstest]
#[case::errors(failing(), "5xx ")]
#[case::refusals(Behaviour { error_rate_4xx: 0.1, ..Behaviour::default() }, "4xx ")]
#[case::slowness(slow(), "over 200 ms ")]
#[tokio::test]
async fn a_bad_one_is_undone_and_its_odds_are_told(#[case] behaviour: Behaviour, #[case] told: &str) {
    let world = World::governed(judged_by(&metrics())).await;
    let first = world.serves();
    world.flow(&first, behaviour);
    world.declare("r2", "green").await;
    world.until("Failed 1/3 0 r2.2").await;
    assert_eq!((world.serves(), world.canary()), (first, None));
    let (_, message) = world.ready("orders").await;
    assert!(message.contains(told) && message.contains(" against ") && message.contains(" by chance"), "{message}");
}

#[tokio::test]
async fn what_turns_bad_at_half_of_the_traffic_or_after_its_promotion_is_undone() {
    let world = World::governed(but(judged_by(&metrics()), json!({ "bake": "15m" }))).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 3/3 50").await;
    step("r2 does not stand the load");
    world.flow(&first, failing());
    world.until("Failed 3/3 0 r2.2").await;
    assert_eq!((world.serves(), world.canary()), (first.clone(), None));

    step("r3 stands it, and fails when it has all");
    world.flow(&first, Behaviour::default());
    world.declare("r3", "red").await;
    world.until("Baking").await;
    assert_ne!(world.serves(), first);
    world.flow(&first, failing());
    world.until("Failed").await;
    assert_eq!(world.serves(), first);
}

#[tokio::test]
async fn silence_promotes_nothing() {
    let world = World::governed(judged_by(&metrics())).await;
    let first = world.serves();
    world.simulator.stop_traffic();
    world.declare("r2", "green").await;
    world.minutes("orders", 30).await.unwrap();
    assert_eq!((world.shown().await.as_str(), world.serves()), ("Progressing 1/3 5 r2.2", first));
}
