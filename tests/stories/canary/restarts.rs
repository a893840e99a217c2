//! The operator dies in each phase, and another one has nothing but status and AWS to go by. Phases that one pass takes at once
//! are held by an AWS that throttles.

use apigateway_simulator::BeforeTheEffect;
use serde_json::{Value, json};

use crate::support::release::{but, errors, failing, judged_by};
use crate::support::{Side, Tripwire, World, step};

/// What becomes of r2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Promoted,
    Undone,
}

/// What is left, told so that ids and times do not matter.
async fn ending(world: &World, first: &str) -> Value {
    let status = world.status("orders").await;
    let shown = |write: &String| write.split("; ").map(|part| part.rsplit_once(' ').unwrap().0.to_owned()).collect();
    let traffic: Vec<Vec<String>> = world.traffic().iter().map(shown).collect();
    json!({
        "ready": world.stands("Ready").await,
        "released": world.stands("Released").await,
        "shown": world.shown().await,
        "stable": world.serves() == first,
        "variables": world.stage("prod").unwrap()["variables"],
        "canary": world.canary().is_some(),
        "snapshots": world.snapshots().len(),
        "traffic": traffic,
        "held": status.held.len(),
        "history": status.history.len(),
    })
}

fn policy() -> Value {
    let mut policy = but(judged_by(&errors()), json!({ "bake": "10m" }));
    policy["steps"][1] = json!({ "setPercent": 25, "approval": "Required" });
    policy
}

/// The story of r2, with a restart in each of these phases.
async fn story(end: End, restarts: &[&str]) -> Value {
    let mut world = World::governed(policy()).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    if restarts.contains(&"Preparing") {
        world.simulator.faults().on("CreateDeployment").always().error(429, BeforeTheEffect);
        world.pass("orders").await.unwrap();
        assert!(world.shown().await.starts_with("Preparing"), "{}", world.shown().await);
        world.restart().await;
        world.simulator.faults().clear();
    }
    world.until("Progressing 1/3 5").await;
    if restarts.contains(&"Progressing") {
        world.restart().await;
    }
    world.until("AwaitingApproval 2/3 25").await;
    if restarts.contains(&"AwaitingApproval") {
        world.restart().await;
    }
    world.annotate("orders", "pause/r2.2/1").await;
    world.until("Paused 2/3 25").await;
    if restarts.contains(&"Paused") {
        world.restart().await;
    }
    world.annotate("orders", "resume/r2.2/2").await;
    world.until("AwaitingApproval 2/3 25").await;
    world.annotate("orders", "approve/r2.2/2/3").await;
    world.until("Progressing 3/3 50").await;
    if end == End::Promoted {
        if restarts.contains(&"Promoting") {
            world.minutes("orders", 4).await.unwrap();
            world.simulator.faults().on("UpdateStage").always().error(429, BeforeTheEffect);
            world.until("Promoting").await;
            world.restart().await;
            world.pass("orders").await.unwrap();
            assert!(world.shown().await.starts_with("Promoting"), "{}", world.shown().await);
            world.simulator.faults().clear();
        }
        world.until("Baking").await;
        if restarts.contains(&"Baking") {
            world.restart().await;
        }
        world.until("Succeeded").await;
    } else {
        world.flow(&first, failing());
        if restarts.contains(&"RollingBack") {
            world.simulator.faults().on("UpdateStage").always().error(429, BeforeTheEffect);
            world.until("RollingBack").await;
            world.restart().await;
            world.pass("orders").await.unwrap();
            assert!(world.shown().await.starts_with("RollingBack"), "{}", world.shown().await);
            world.simulator.faults().clear();
        }
        world.until("Failed").await;
    }
    world.rest("orders").await;
    world.restart().await;
    world.rest("orders").await;
    let refused = |call: &apigateway_simulator::CallRecord| call.line().contains(" 429");
    step(&format!(
        "{end:?} {restarts:?}: {} calls refused",
        world.simulator.calls().iter().filter(|call| refused(call)).count()
    ));
    let ending = ending(&world, &first).await;
    world.assert_rest("orders").await;
    ending
}

#[tokio::test]
async fn a_restart_in_any_phase_changes_nothing_of_a_good_release() {
    let mut undisturbed = story(End::Promoted, &[]).await;
    for phase in ["Preparing", "Progressing", "AwaitingApproval", "Paused", "Baking"] {
        assert_eq!(story(End::Promoted, &[phase]).await, undisturbed, "{phase}");
    }
    // Refused calls are in the log, too.
    let mut promoting = story(End::Promoted, &["Promoting"]).await;
    for story in [&mut promoting, &mut undisturbed] {
        story["traffic"].as_array_mut().unwrap().dedup();
    }
    assert_eq!(promoting, undisturbed);
}

#[tokio::test]
async fn a_restart_in_any_phase_changes_nothing_of_a_bad_release() {
    let mut undisturbed = story(End::Undone, &[]).await;
    assert_eq!(undisturbed["stable"], true);
    let mut rolling_back = story(End::Undone, &["RollingBack"]).await;
    for story in [&mut rolling_back, &mut undisturbed] {
        story["traffic"].as_array_mut().unwrap().dedup();
    }
    assert_eq!(rolling_back, undisturbed);
}

/// P2: a crash at any write from the moment on in which a release is found bad.
#[tokio::test]
async fn a_crash_at_any_write_of_an_undoing_is_harmless() {
    async fn bad() -> (World, String) {
        let world = World::governed(judged_by(&errors())).await;
        let first = world.serves();
        world.declare("r2", "green").await;
        world.until("Progressing 2/3 25").await;
        world.flow(&first, failing());
        (world, first)
    }
    let (mut undisturbed, first) = bad().await;
    undisturbed.restart().await;
    undisturbed.until("Failed").await;
    undisturbed.rest("orders").await;
    let expected = ending(&undisturbed, &first).await;
    let calls = undisturbed.tripwire().log();
    // Checks that pass write counts alone: what matters begins with the call to AWS, or just before it.
    let abort = calls.iter().position(|call| call == "UpdateStage").unwrap();
    let is_write = |number: &usize| {
        let call = &calls[number - 1];
        !call.starts_with("GET") && !call.starts_with("Get") && !call.starts_with("List")
    };
    let before = (1..=abort).rev().filter(is_write).take(2);
    let writes: Vec<usize> = before.chain((abort + 1..=calls.len()).filter(is_write)).collect();
    assert!(writes.len() >= 5, "{calls:?}");
    for number in writes {
        for side in [Side::Before, Side::After] {
            let (mut world, first) = bad().await;
            world.restart_with(Tripwire::at(number, side)).await;
            let mut died = false;
            for _ in 0..40 {
                died = world.minutes("orders", 1).await.is_none();
                if died {
                    break;
                }
            }
            let case = format!("crashed {side:?} call {number}: {}", calls[number - 1]);
            assert!(died, "{case} was never made: {:?}", world.tripwire().log());
            world.restart().await;
            world.until("Failed").await;
            world.rest("orders").await;
            let mut ending = ending(&world, &first).await;
            // A call whose reply was lost is seen to have had its effect, and is not made again.
            ending["traffic"].as_array_mut().unwrap().dedup();
            assert_eq!(ending, expected, "{case}\n{}", world.tell("orders").await);
        }
    }
}
