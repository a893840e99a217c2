//! What a thousand stages cost while nothing changes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::{DRIFT_INTERVAL, World, spec};

const REST_APIS: usize = 100;
const STAGES_EACH: usize = 10;
const INTERVALS: u32 = 4;

/// A thousand stages that are Ready, and nothing is due.
async fn at_rest() -> (World, Vec<String>) {
    let mut world = World::new();
    world.start_operator(None).await;
    let mut names = Vec::new();
    for (number, rest_api) in world.rest_apis(REST_APIS).iter().enumerate() {
        for stage in 0..STAGES_EACH {
            let name = format!("api{number}-s{stage}");
            world.apiserver.apply(&name, &spec(rest_api, &format!("s{stage}"), "r1"));
            world.reconcile(&name);
            names.push(name);
        }
    }
    world.until_ready(&names, Duration::from_mins(10)).await;
    // The first polls are spread over an interval.
    world.clock.wait(DRIFT_INTERVAL * 2).await;
    (world, names)
}

fn by_operation(world: &World) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for call in world.calls() {
        *counts.entry(call.info.operation).or_default() += 1;
    }
    counts
}

/// A start finds all objects at once, in any order, and begins a few dozen passes at a time.
#[tokio::test(start_paused = true)]
async fn a_new_leader_reads_each_rest_api_once() {
    let (mut world, names) = at_rest().await;
    world.start_operator(None).await;
    world.simulator.reset_calls();
    for stage in 0..STAGES_EACH {
        for name in names.iter().skip(stage).step_by(STAGES_EACH) {
            world.reconcile(name);
            world.clock.wait(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(by_operation(&world), BTreeMap::from([("GetStages", REST_APIS)]));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_stages_over_a_hundred_rest_apis_cost_a_hundred_reads_an_interval() {
    let (world, names) = at_rest().await;
    let mut counts = Vec::new();
    for _ in 0..INTERVALS {
        world.simulator.reset_calls();
        let versions: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
        world.clock.wait(DRIFT_INTERVAL).await;
        let by_operation = by_operation(&world);
        assert_eq!(by_operation.keys().collect::<Vec<_>>(), [&"GetStages"], "nothing else");
        counts.push(by_operation["GetStages"]);
        let after: Vec<_> = names.iter().map(|name| world.apiserver.get(name).metadata.resource_version).collect();
        assert_eq!(versions, after, "a poll wrote to an object");
    }
    println!("GetStages in {INTERVALS} drift intervals: {counts:?}");
    // Polls are spread by ±20 %, so a single interval can hold a few more or less.
    assert!(counts.iter().all(|count| (90..=110).contains(count)), "{counts:?}");
    let mean = counts.iter().sum::<usize>() / counts.len();
    assert!((96..=104).contains(&mean), "{counts:?}");
}
