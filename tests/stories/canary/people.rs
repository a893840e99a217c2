//! What people decide: approvals, pauses, another try, the way back.

use apigateway_simulator::Behaviour;
use serde_json::{Value, json};

use crate::support::release::{but, errors, failing, judged_by};
use crate::support::{World, step};

async fn last_command(world: &World) -> Value {
    serde_json::to_value(world.status("orders").await.last_command.unwrap()).unwrap()
}

#[tokio::test]
async fn what_failed_is_held_until_somebody_asks_for_another_try() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.flow(&first, failing());
    world.declare("r2", "green").await;
    world.until("Failed").await;
    let (_, message) = world.ready("orders").await;

    step("another revision in between does not free it");
    world.declare("r1", "blue").await;
    world.rest("orders").await;
    assert_eq!(world.stands("Ready").await, "True Synced");
    world.flow(&first, Behaviour::default());
    world.simulator.reset_calls();
    world.declare("r2", "green").await;
    world.minutes("orders", 30).await.unwrap();
    assert_eq!((world.writes(), world.serves()), (vec![], first.clone()));
    assert_eq!(world.stands("Ready").await, "False AnalysisFailed");
    assert_eq!(world.stands("Released").await, "False AnalysisFailed");
    assert_eq!(world.ready("orders").await.1, message, "told as on the first day");

    step("retry: from the first step, by a new id, with the same snapshot");
    world.annotate("orders", "retry/r2.2/1").await;
    world.until("Progressing 1/3 5 r2.3").await;
    world.until("Succeeded 3/3 0 r2.3").await;
    assert_eq!((last_command(&world).await["state"].clone(), world.snapshots().len()), (json!("Done"), 2));
    assert_eq!(world.status("orders").await.held, []);
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn what_was_stable_a_while_ago_goes_back_in_at_once() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Succeeded").await;
    world.simulator.reset_calls();
    world.declare("r1", "blue").await;
    world.rest("orders").await;
    assert_eq!(world.serves(), first);
    assert_eq!(
        world.traffic(),
        [format!("UpdateStage replace /deploymentId {first}; replace /variables/backend blue")]
    );
    let told = world.told().await;
    assert_eq!(told[told.len() - 3..], ["ReleaseStarted", "FastRollback", "ReleaseSucceeded"]);

    step("unless the policy says otherwise");
    world.govern("orders", but(judged_by(&errors()), json!({ "fastRollback": 0 }))).await;
    world.declare("r2", "green").await;
    world.until("Progressing 1/3 5 r2.4").await;
    assert_eq!(world.serves(), first);
}

#[tokio::test]
async fn a_rollback_by_command_is_one_patch_and_holds_the_spec() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Succeeded").await;
    world.simulator.reset_calls();
    world.annotate("orders", "rollback/-/1").await;
    world.rest("orders").await;
    assert_eq!(
        world.traffic(),
        [format!("UpdateStage replace /deploymentId {first}; replace /variables/backend blue")]
    );
    assert_eq!(world.ask_callers(200)[&first], 200);
    assert_eq!(world.stands("Ready").await, "False RolledBackByCommand");
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn a_pause_keeps_the_share_and_a_step_starts_again() {
    let world = World::governed(judged_by(&errors())).await;
    world.declare("r2", "green").await;
    world.until("Progressing 2/3 25").await;
    world.simulator.reset_calls();
    world.annotate("orders", "pause/r2.2/1").await;
    world.minutes("orders", 60).await.unwrap();
    assert_eq!(world.shown().await, "Paused 2/3 25 r2.2");
    assert_eq!(world.stands("Ready").await, "False PausedByCommand");
    assert_eq!(world.writes(), [""; 0]);

    step("a paused release is still judged");
    let resumed = world.clock.now();
    world.annotate("orders", "resume/r2.2/2").await;
    world.until("Progressing 3/3 50").await;
    let took = world.clock.now().duration_since(resumed).as_secs();
    assert!(took >= 300, "that step from its start: {took} s");
    world.annotate("orders", "pause/r2.2/3").await;
    world.until("Paused 3/3 50").await;
    world.flow(&world.serves(), failing());
    world.until("Failed").await;
    assert_eq!(world.canary(), None);
}

#[tokio::test]
async fn a_step_waits_for_its_approval_and_is_judged_meanwhile() {
    let mut policy = judged_by(&errors());
    policy["steps"] = json!([{ "setPercent": 5, "approval": "Required" }, { "setPercent": 50, "hold": "5m" }]);
    let world = World::governed(policy).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.minutes("orders", 60).await.unwrap();
    assert_eq!(world.shown().await, "AwaitingApproval 1/2 5 r2.2");

    step("an approval of another step or release is refused");
    for (nonce, refused) in ["approve/r2.2/2", "approve/r2.1/1", "approve/r2.2/promotion"].iter().enumerate() {
        world.annotate("orders", &format!("{refused}/n{nonce}")).await;
        world.pass("orders").await.unwrap();
        assert_eq!(last_command(&world).await["state"], "Refused", "{refused}");
        assert_eq!(world.shown().await, "AwaitingApproval 1/2 5 r2.2");
    }
    world.annotate("orders", "approve/r2.2/1/ok").await;
    world.until("Progressing 2/2 50").await;
    assert_eq!(last_command(&world).await["state"], "Done");
    assert_eq!(world.serves(), first);

    step("and promote skips what is left");
    world.annotate("orders", "promote/r2.2/now").await;
    world.pass("orders").await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.shown().await, "Succeeded 2/2 0 r2.2");
    assert_ne!(world.serves(), first);
}
