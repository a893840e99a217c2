//! Two operators: one writes. The simulator's log is the judge: no write of a former leader after its successor's first.

use std::time::Duration;

use rustix::process::Signal;

use crate::proxy::Cable;
use crate::world::{LEASE, SOON, TAKEOVER, World, failed, step};

const ONE: &str = "AKIAONE";
const TWO: &str = "AKIATWO";

/// No write of the former leader came after the first one of its successor, nor near it: what the former leader sent last may
/// still be on its way when it cannot say so.
fn assert_handed_over(world: &World, former: &str, successor: &str) {
    assert_in_order(world, former, successor);
    let console = |write: &apigateway_simulator::Write| write.caller == "console";
    let overlaps = world.simulator.overlaps();
    let met: Vec<_> = overlaps.iter().filter(|overlap| !console(&overlap.first) && !console(&overlap.second)).collect();
    assert!(met.is_empty(), "two operators met on one stage: {met:#?}");
}

/// No write of the former leader came after the first one of its successor.
fn assert_in_order(world: &World, former: &str, successor: &str) {
    let last = world.writes_of(former).into_iter().max().expect("the former leader wrote");
    let first = world.writes_of(successor).into_iter().min().expect("the successor wrote");
    assert!(last < first, "{former} wrote at {last}, {successor} had begun at {first}");
}

#[tokio::test]
async fn a_leader_that_ends_in_order_is_followed_at_once() {
    let world = World::new().await;
    let mut one = world.operator(ONE, world.plane.kubeconfig());
    world.apply("prod", world.spec("prod", "r1")).await;
    world.await_ready("prod", SOON).await;
    let _two = world.operator(TWO, world.plane.kubeconfig());
    world.apply("prod", world.spec("prod", "r2")).await;
    world.await_ready("prod", SOON).await;
    assert_eq!(world.writes_of(TWO), [0; 0], "a candidate writes nothing");
    step("SIGTERM");
    one.signal(Signal::TERM);
    let status = one.end(SOON).await;
    assert!(status.success(), "{status}: {}", one.log());
    world.apply("prod", world.spec("prod", "r3")).await;
    // Sooner than the lease would have run out: it was given back.
    world.await_write_of(TWO, LEASE).await;
    world.await_ready("prod", SOON).await;
    // Who gives the lease back has nothing on its way, so its successor need not wait.
    assert_in_order(&world, ONE, TWO);
    world.assert_one_snapshot_per_revision();
}

#[tokio::test]
async fn a_killed_leader_is_replaced_and_nothing_is_done_twice() {
    let world = World::new().await;
    let mut one = world.operator(ONE, world.plane.kubeconfig());
    world.apply("first", world.spec("first", "r1")).await;
    world.await_ready("first", SOON).await;
    let _two = world.operator(TWO, world.plane.kubeconfig());
    step("killed in the middle of eight new stages");
    for number in 0..8 {
        let name = format!("stage-{number}");
        world.apply(&name, world.spec(&name, &format!("r{}", number % 3))).await;
    }
    one.signal(Signal::KILL);
    one.end(SOON).await;
    world.await_write_of(TWO, TAKEOVER).await;
    for number in 0..8 {
        world.await_ready(&format!("stage-{number}"), Duration::from_secs(100)).await;
    }
    assert_handed_over(&world, ONE, TWO);
    world.assert_one_snapshot_per_revision();
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_lease_writes_nothing_when_it_goes_on() {
    let world = World::new().await;
    let mut one = world.operator(ONE, world.plane.kubeconfig());
    for name in ["a", "b", "c"] {
        let mut spec = world.spec(name, "r1");
        spec["description"] = "declared".into();
        world.apply(name, spec).await;
        world.await_ready(name, SOON).await;
    }
    let _two = world.operator(TWO, world.plane.kubeconfig());
    step("stopped while it has drift to correct");
    for name in ["a", "b", "c"] {
        world.drift(name, "by hand");
    }
    one.signal(Signal::STOP);
    world.await_write_of(TWO, TAKEOVER).await;
    world.drift("b", "by hand again");
    one.signal(Signal::CONT);
    let status = one.end(SOON).await;
    assert!(failed(status), "{status}: {}", one.log());
    for name in ["a", "b", "c"] {
        world.await_ready(name, SOON).await;
    }
    assert_handed_over(&world, ONE, TWO);
}

#[tokio::test]
async fn a_leader_cut_off_from_the_apiserver_stops_writing_to_aws() {
    let world = World::new().await;
    let server = world.plane.server().trim_start_matches("https://").parse().unwrap();
    let cable = Cable::to(server).await;
    let kubeconfig = std::fs::read_to_string(world.plane.kubeconfig()).unwrap();
    let path = world.plane.folder().join("cable.kubeconfig");
    std::fs::write(&path, kubeconfig.replace(&server.to_string(), &cable.address.to_string())).unwrap();
    let mut one = world.operator(ONE, &path);
    let mut spec = world.spec("prod", "r1");
    spec["description"] = "declared".into();
    world.apply("prod", spec).await;
    world.await_ready("prod", SOON).await;
    let _two = world.operator(TWO, world.plane.kubeconfig());
    step("the cable is pulled; AWS stays reachable, and there is drift to correct");
    cable.pull();
    world.drift("prod", "by hand");
    let status = one.end(LEASE + SOON).await;
    assert!(failed(status), "{status}: {}", one.log());
    world.drift("prod", "by hand again");
    world.await_write_of(TWO, TAKEOVER).await;
    assert_handed_over(&world, ONE, TWO);
}
