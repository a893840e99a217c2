//! Hands in the console, in every phase that lasts: who lowers is obeyed, who raises is not, and nothing of others is touched.

use serde_json::{Value, json};

use crate::support::release::{but, errors, judged_by};
use crate::support::{World, step};

/// Phases in which a hand may meet a release.
const PHASES: [&str; 3] = ["Progressing", "AwaitingApproval", "Paused"];

/// r2 at 25 %, in this phase.
async fn in_phase(phase: &str) -> World {
    let mut policy = judged_by(&errors());
    policy["steps"][1] = json!({ "setPercent": 25, "approval": "Required" });
    let policy = if phase == "AwaitingApproval" { policy } else { judged_by(&errors()) };
    let world = World::governed(policy).await;
    world.declare("r2", "green").await;
    world.until("Progressing 1/3 5").await;
    if phase != "AwaitingApproval" {
        world.until("Progressing 2/3 25").await;
    }
    if phase == "Paused" {
        world.annotate("orders", "pause/r2.2/p").await;
    }
    world.until(&format!("{phase} 2/3 25")).await;
    world.simulator.reset_calls();
    world
}

fn console(world: &World, operations: &[Value]) {
    world.simulator.patch_stage_by_hand(&world.api, "prod", operations).unwrap();
}

fn share(percent: &str) -> Value {
    json!({ "op": "replace", "path": "/canarySettings/percentTraffic", "value": percent })
}

/// A deployment of somebody else.
fn another(world: &World) -> String {
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let made = scope.send(&http::Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_lowers_is_obeyed() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        console(&world, &[share("10.0")]);
        world.minutes("orders", 20).await.unwrap();
        assert_eq!(world.writes(), [""; 0], "{phase}");
        assert_eq!(world.shown().await, "Paused 2/3 10 r2.2", "{phase}");
        world.annotate("orders", "resume/r2.2/1").await;
        world.until(&format!("{} 2/3 25", if phase == "Paused" { "Progressing" } else { phase })).await;
        assert_eq!(world.writes(), ["UpdateStage replace /canarySettings/percentTraffic 25.0"], "{phase}");
    }
}

#[tokio::test]
async fn who_raises_is_put_right() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        console(&world, &[share("90.0")]);
        world.minutes("orders", 2).await.unwrap();
        assert_eq!(world.writes(), ["UpdateStage replace /canarySettings/percentTraffic 25.0"], "{phase}");
        assert_eq!(world.shown().await, format!("{phase} 2/3 25 r2.2"));
        assert!(world.told().await.contains(&"RaisedByHand".to_owned()), "{phase}");
    }
}

#[tokio::test]
async fn who_removes_the_canary_is_obeyed() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        let first = world.serves();
        console(&world, &[json!({ "op": "remove", "path": "/canarySettings" })]);
        world.minutes("orders", 20).await.unwrap();
        assert_eq!((world.writes(), world.serves(), world.canary()), (vec![], first, None), "{phase}");
        assert_eq!(world.shown().await, "Paused 2/3 0 r2.2", "{phase}");
        world.annotate("orders", "abort/r2.2/1").await;
        world.rest("orders").await;
        assert_eq!(world.stands("Ready").await, "False ReleaseAborted", "{phase}");
        assert_eq!(world.writes().iter().filter(|write| write.starts_with("UpdateStage")).count(), 0, "{phase}");
    }
}

#[tokio::test]
async fn another_canary_is_never_touched() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        let theirs = another(&world);
        console(&world, &[json!({ "op": "replace", "path": "/canarySettings/deploymentId", "value": theirs })]);
        world.minutes("orders", 20).await.unwrap();
        assert_eq!(world.writes(), [""; 0], "{phase}");
        assert_eq!(world.stands("Ready").await, "False ForeignCanary", "{phase}");
        assert_eq!(world.canary(), Some((theirs.clone(), 25.0)), "{phase}");

        step("somebody says that it may go");
        world.annotate("orders", &format!("abort/{theirs}/1")).await;
        world.pass("orders").await.unwrap();
        assert_eq!(world.writes()[0], "UpdateStage remove /canarySettings", "{phase}");
    }
}

#[tokio::test]
async fn who_promotes_in_the_console_is_thanked() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        let (second, _) = world.canary().unwrap();
        console(
            &world,
            &[
                share("0.0"),
                json!({ "op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId" }),
                json!({ "op": "copy", "from": "/canarySettings/stageVariableOverrides", "path": "/variables" }),
            ],
        );
        world.rest("orders").await;
        assert_eq!((world.serves(), world.canary()), (second, None), "{phase}");
        assert_eq!(world.writes()[0], "UpdateStage remove /canarySettings", "{phase}");
        assert_eq!(world.stands("Ready").await, "True Synced", "{phase}");
        assert!(world.told().await.contains(&"PromotedByHand".to_owned()), "{phase}");
        world.assert_rest("orders").await;
    }
}

#[tokio::test]
async fn who_moves_the_stage_is_obeyed_and_the_release_ends() {
    for phase in PHASES {
        step(phase);
        let world = in_phase(phase).await;
        let theirs = another(&world);
        console(&world, &[json!({ "op": "replace", "path": "/deploymentId", "value": theirs })]);
        world.rest("orders").await;
        assert_eq!((world.serves(), world.canary()), (theirs, None), "{phase}");
        assert_eq!(world.traffic(), ["UpdateStage remove /canarySettings"], "{phase}");
        assert_eq!(world.stands("Ready").await, "False StageMovedByHand", "{phase}");
        world.assert_rest("orders").await;
    }
}

#[tokio::test]
async fn a_stage_that_is_moved_while_its_release_bakes_stays_there() {
    let world = World::governed(but(judged_by(&errors()), json!({ "bake": "15m" }))).await;
    world.declare("r2", "green").await;
    world.until("Baking").await;
    let theirs = another(&world);
    world.simulator.reset_calls();
    console(&world, &[json!({ "op": "replace", "path": "/deploymentId", "value": theirs })]);
    world.rest("orders").await;
    assert_eq!((world.serves(), world.traffic()), (theirs, vec![]));
    assert_eq!(world.stands("Ready").await, "False StageMovedByHand");
}
