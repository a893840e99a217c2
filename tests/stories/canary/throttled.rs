//! AWS throttles: a release waits where it is, and an abort gets through as one call.

use apigateway_simulator::BeforeTheEffect;

use crate::support::release::{errors, failing, judged_by};
use crate::support::{World, step};

#[tokio::test]
async fn an_abort_gets_through_while_aws_throttles() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 2/3 25").await;
    world.flow(&first, failing());
    world.simulator.reset_calls();
    for operation in ["GetStages", "GetRestApi", "GetDeployments"] {
        world.simulator.faults().on(operation).times(2).error(429, BeforeTheEffect);
    }
    world.simulator.faults().on("UpdateStage").times(4).error(429, BeforeTheEffect);
    world.until("Failed").await;
    let writes = world.writes();
    step(&format!("{writes:?}"));
    assert_eq!(writes.len(), 5, "four were refused: {writes:?}");
    assert!(writes.iter().all(|write| write == "UpdateStage remove /canarySettings"), "{writes:?}");
    assert_eq!((world.serves(), world.canary()), (first, None));
    world.rest("orders").await;
    assert_eq!(world.stands("Ready").await, "False AnalysisFailed");
}

#[tokio::test]
async fn a_step_that_is_refused_is_taken_later_and_its_time_begins_then() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 1/3 5").await;
    world.simulator.faults().on("UpdateStage").always().error(429, BeforeTheEffect);
    world.minutes("orders", 30).await.unwrap();
    assert_eq!(world.canary().unwrap().1.to_string(), "5");
    world.simulator.faults().clear();
    world.until("Progressing 2/3 25").await;
    let entered = world.clock.now();
    world.until("Progressing 3/3 50").await;
    assert!(world.clock.now().duration_since(entered).as_secs() >= 299);
    assert_eq!(world.serves(), first);
    world.until("Succeeded").await;
}
