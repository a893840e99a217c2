//! Hands in the console, in the phases that one pass takes at once and that an AWS that throttles holds: nothing of others is
//! touched, no phantom stays, and the stage never comes to serve what nobody let through.

use std::time::Duration;

use apigateway_simulator::BeforeTheEffect;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::release::{errors, judged_by};
use crate::support::{World, step};

/// r2 in this phase, held there by a throttling AWS.
async fn held_in(phase: &str) -> World {
    let world = World::governed(judged_by(&errors())).await;
    world.declare("r2", "green").await;
    if phase == "Preparing" {
        world.simulator.faults().on("CreateDeployment").always().error(429, BeforeTheEffect);
        world.until("Preparing").await;
        world.simulator.reset_calls();
        return world;
    }
    world.until("Progressing 1/3 5").await;
    world.simulator.faults().on("UpdateStage").always().error(429, BeforeTheEffect);
    world.annotate("orders", if phase == "Promoting" { "promote/r2.2/1" } else { "abort/r2.2/1" }).await;
    world.until(phase).await;
    world.simulator.reset_calls();
    world
}

/// What a hand does.
fn hand(world: &World, does: &str) {
    let set = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let copy = |from: &str, path: &str| json!({ "op": "copy", "from": from, "path": path });
    let operations: Vec<Value> = match does {
        "lowers" => vec![set("/canarySettings/percentTraffic", "2.0")],
        "raises" => vec![set("/canarySettings/percentTraffic", "90.0")],
        "removes" => vec![json!({ "op": "remove", "path": "/canarySettings" })],
        "promotes" => vec![
            set("/canarySettings/percentTraffic", "0.0"),
            copy("/canarySettings/deploymentId", "/deploymentId"),
            copy("/canarySettings/stageVariableOverrides", "/variables"),
        ],
        "swaps" => vec![set("/canarySettings/deploymentId", &another(world))],
        "moves" => vec![set("/deploymentId", &another(world))],
        "opens" => {
            vec![set("/canarySettings/deploymentId", &another(world)), set("/canarySettings/percentTraffic", "10.0")]
        }
        _ => panic!("{does}"),
    };
    world.simulator.patch_stage_by_hand(&world.api, "prod", &operations).unwrap();
}

/// A deployment of somebody else.
fn another(world: &World) -> String {
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let made = scope.send(&http::Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

/// One hand at a time: what is shown at the end, what Ready says, which deployment serves, which canary stays, and how many calls
/// moved traffic.
async fn meets(phase: &str, does: &str) -> String {
    let world = held_in(phase).await;
    let first = world.serves();
    let target = world.canary().map(|(deployment, _)| deployment);
    hand(&world, does);
    let (moved_to, shown) = (world.serves(), world.canary());
    // Longer than a read is good for: what a hand does between our read and our call is another story.
    world.pass_time(Duration::from_mins(1));
    world.simulator.faults().clear();
    world.minutes("orders", 2).await.unwrap();
    let stable = match world.serves() {
        now if now == first => "r1",
        now if Some(&now) == target.as_ref() => "r2",
        now if now == moved_to => "theirs",
        now => panic!("{phase} {does}: the stage serves {now}"),
    };
    let canary = match world.canary() {
        None => "no canary",
        canary if canary == shown => "their canary",
        canary => panic!("{phase} {does}: the canary is {canary:?}"),
    };
    let (progress, ready) = (world.shown().await, world.stands("Ready").await);
    let outcome = format!("{progress} · {ready} · {stable}, {canary} · {:?}", world.traffic().len());
    step(&format!("{phase}, a hand {does}: {outcome}"));
    outcome
}

#[rstest]
#[case::opens_a_canary("opens", "Preparing 0/3 0 r2.2 · False Releasing · r1, their canary · 0")]
#[case::moves_the_stage("moves", "Failed 0/3 0 r2.2 · False StageMovedByHand · theirs, no canary · 0")]
#[tokio::test]
async fn while_the_snapshot_is_taken(#[case] does: &str, #[case] outcome: &str) {
    assert_eq!(meets("Preparing", does).await, outcome);
}

#[rstest]
// Somebody promoted it: its share no longer matters.
#[case::lowers("lowers", "Succeeded 3/3 0 r2.2 · True Synced · r2, no canary · 2")]
#[case::raises("raises", "Succeeded 3/3 0 r2.2 · True Synced · r2, no canary · 2")]
#[case::removes("removes", "Paused 1/3 0 r2.2 · False ChangedByHand · r1, no canary · 0")]
#[case::promotes("promotes", "Succeeded 3/3 0 r2.2 · True Synced · r2, no canary · 1")]
#[case::swaps("swaps", "Paused 1/3 0 r2.2 · False ForeignCanary · r1, their canary · 0")]
#[case::moves_the_stage("moves", "Failed 1/3 0 r2.2 · False StageMovedByHand · theirs, no canary · 1")]
#[tokio::test]
async fn while_the_stage_is_moved(#[case] does: &str, #[case] outcome: &str) {
    assert_eq!(meets("Promoting", does).await, outcome);
}

#[rstest]
#[case::lowers("lowers", "Failed 1/3 0 r2.2 · False ReleaseAborted · r1, no canary · 1")]
#[case::raises("raises", "Failed 1/3 0 r2.2 · False ReleaseAborted · r1, no canary · 1")]
#[case::removes("removes", "Failed 1/3 0 r2.2 · False ReleaseAborted · r1, no canary · 0")]
// The one who said abort is obeyed, not the one who promoted after it.
#[case::promotes("promotes", "Failed 1/3 0 r2.2 · False ReleaseAborted · r1, no canary · 2")]
#[case::swaps("swaps", "Failed 1/3 0 r2.2 · False ReleaseAborted · r1, their canary · 0")]
#[case::moves_the_stage("moves", "Failed 1/3 0 r2.2 · False ReleaseAborted · theirs, no canary · 1")]
#[tokio::test]
async fn while_the_canary_is_removed(#[case] does: &str, #[case] outcome: &str) {
    assert_eq!(meets("RollingBack", does).await, outcome);
}
