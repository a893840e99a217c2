//! Data that are missing, partial or late never promote, and say why.

use std::time::Duration;

use apigateway_simulator::{GapKind, MetricGap};
use serde_json::json;

use crate::support::release::{errors, judged_by};
use crate::support::{World, step};

#[tokio::test]
async fn without_traffic_a_release_holds_and_never_promotes() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.simulator.stop_traffic();
    world.declare("r2", "green").await;
    world.minutes("orders", 150).await.unwrap();
    assert_eq!(world.shown().await, "Progressing 1/3 5 r2.2");
    assert_eq!(world.serves(), first);
    assert_eq!(world.stands("Reconciling").await, "True NoData");
    assert_eq!(world.told().await, ["ReleaseStarted", "SnapshotTaken", "StepStarted", "NoData"], "after an hour, once");
    let sentence = world.last_check().await.remove(0);
    assert!(sentence.starts_with("5xx: no data: "), "{sentence}");

    step("callers come");
    world.flow(&first, apigateway_simulator::Behaviour::default());
    world.until("Progressing 2/3 25").await;
}

#[tokio::test]
async fn minutes_without_data_hold_a_step_and_nothing_else() {
    for kind in [GapKind::Missing, GapKind::Partial] {
        let world = World::governed(judged_by(&errors())).await;
        world.declare("r2", "green").await;
        world.until("Progressing 1/3 5").await;
        let now = world.clock.now();
        let until = now.checked_add(Duration::from_mins(12)).unwrap();
        let gap = MetricGap { from_epoch_seconds: now.as_second(), until_epoch_seconds: until.as_second(), kind };
        world.simulator.set_switches(|switches| switches.metric_gaps.push(gap));
        world.minutes("orders", 12).await.unwrap();
        assert_eq!(world.shown().await, "Progressing 1/3 5 r2.2", "{kind:?}: the hold is over, and nobody knows");
        assert_eq!(world.stands("Reconciling").await, "True NoData", "{kind:?}");
        world.until("Progressing 2/3 25").await;
        assert!(world.clock.now() > until, "{kind:?}");
        world.until("Succeeded").await;
        let status = world.status("orders").await;
        let counts = status.release.unwrap().counts.unwrap();
        assert!(counts.no_data >= 5 && counts.fail == 0, "{kind:?}: {counts:?}");
    }
}

#[tokio::test]
async fn data_that_come_late_are_waited_for() {
    let world = World::governed(judged_by(&errors())).await;
    world.simulator.set_switches(|switches| {
        switches.metric_delay.min_seconds = 600;
        switches.metric_delay.max_seconds = 600;
    });
    world.declare("r2", "green").await;
    world.minutes("orders", 45).await.unwrap();
    assert_eq!(world.shown().await, "Progressing 1/3 5 r2.2", "what is judged after two minutes is never there");
    assert_eq!(world.stands("Reconciling").await, "True NoData");

    step("whoever knows says how long it takes");
    let mut policy = judged_by(&errors());
    policy["analysis"]["metricDelay"] = json!("12m");
    world.govern("orders", policy).await;
    world.until("Succeeded").await;
    assert_eq!(world.stands("Ready").await, "True Synced");
}
