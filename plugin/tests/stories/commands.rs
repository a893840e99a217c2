//! A release from its first step to the last word, by hand.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::world::{World, step};

/// Every step awaits a person, so that nothing depends on time.
fn policy() -> Value {
    json!({
        "stageRef": { "name": "orders" }, "promotion": "Manual",
        "steps": [{ "setPercent": 5, "approval": "Required" }, { "setPercent": 50, "approval": "Required" }],
    })
}

#[tokio::test]
async fn people_take_a_release_through_its_life() {
    let world = World::new().await;
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1", "variables": { "backend": "blue.internal" } });
    world.apply("ApiStage", "orders", &spec).await;
    let said = world.plugin(&["status", "orders", "--wait"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Serves     r1   dep "), "{}", said.out);
    let first = world.simulator.stage(&world.api, "prod").unwrap()["deploymentId"].clone();

    nothing_runs(&world).await;
    awaits_approval(&world).await;
    through_its_states(&world, &first).await;
    tried_again(&world, &first).await;
    and_back(&world, &first).await;
    undone_meanwhile(&world).await;
}

/// `status -w`, not at a terminal: one frame for each change, the last one when the object is gone.
#[tokio::test]
async fn who_watches_sees_each_change_once() {
    let world = World::new().await;
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" });
    world.apply("ApiStage", "orders", &spec).await;
    assert_eq!(world.plugin(&["status", "orders", "--wait"]).await.code, 0);
    let watching = world.begin(&["status", "orders", "-w"]);
    let reading = world.begin(&["status", "orders", "-w", "-o", "json"]);
    // A change that shows nowhere is none.
    let label = json!({ "metadata": { "labels": { "team": "orders" } } });
    for _ in 0..2 {
        world.objects().patch("orders", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
        world
            .objects()
            .patch("orders", &PatchParams::default(), &Patch::Merge(&json!({ "metadata": { "labels": null } })))
            .await
            .unwrap();
    }
    world.change("orders", json!({ "description": "Orders" })).await;
    assert_eq!(world.plugin(&["status", "orders", "--wait"]).await.code, 0);
    world.await_view("orders", "rest", |view| view["settingsApplied"] == true && view["upToDate"] == true).await;
    world.objects().delete("orders", &DeleteParams::default()).await.unwrap();
    let said = World::said(watching).await;
    assert_eq!(said.code, 0, "{said:?}");
    let frames: Vec<&str> = said.out.split("── ").skip(1).map(|frame| frame.split_once('\n').unwrap().1).collect();
    assert!(frames.len() > 1 && frames.windows(2).all(|pair| pair[0] != pair[1]), "{}", said.out);
    assert!(said.out.ends_with(&format!("ApiStage {}/orders is gone.\n", world.namespace())), "{}", said.out);
    let lines = World::said(reading).await.out;
    let views: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(views.len() > 1 && views.windows(2).all(|pair| pair[0] != pair[1]), "{lines}");
}

async fn nothing_runs(world: &World) {
    step("what nothing is done to cannot be ended, and what helps is said");
    for verb in ["abort", "promote", "approve", "pause", "resume"] {
        let said = world.plugin(&[verb, "orders"]).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        let sentence =
            format!("error: ApiStage {}/orders has no release to {verb}: r1 is stable for ", world.namespace());
        assert!(said.err.starts_with(&sentence), "{}", said.err);
    }
    let said = world.plugin(&["retry", "orders"]).await;
    assert!(said.code == 1 && said.err.contains("holds no target, so there is nothing to release again"), "{said:?}");
    let said = world.plugin(&["flush-cache", "orders"]).await;
    assert!(said.code == 1 && said.err.contains("the operator refuses it: the stage has no cache cluster"), "{said:?}");
    let said = world.plugin(&["flush-authorizers", "orders"]).await;
    assert!(said.code == 0 && said.out.starts_with("Emptying the authorizer cache of orders … "), "{said:?}");
    assert_eq!(world.writes().last().map(String::as_str), Some("FlushStageAuthorizersCache"));
}

async fn awaits_approval(world: &World) {
    step("a release waits for its approval, and the screen says what to type");
    world.apply("ApiCanary", "orders", &policy()).await;
    world.change("orders", json!({ "revision": "r2" })).await;
    world.until("orders", "r2.2", "AwaitingApproval").await;
    let said = world.plugin(&["status", "orders"]).await;
    for part in [
        "◐────○────○",
        "step 1 of 2 at 5 %: a person must approve it",
        "Next: kubectl stagecraft approve | promote | abort | pause orders -n ",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(!said.out.contains('\u{1b}'), "no colours where nobody sees them");
    let said = world.plugin(&["list"]).await;
    assert!(said.out.contains("r2.2 step 1/2 at 5 %"), "{}", said.out);
}

async fn through_its_states(world: &World, first: &Value) {
    step("approve, pause, resume, abort");
    let said = world.plugin(&["approve", "orders"]).await;
    assert!(said.code == 0 && said.out.starts_with("Approving step 1 of r2.2 of orders … approved: "), "{said:?}");
    world.until("orders", "r2.2", "AwaitingApproval").await;
    let said = world.plugin(&["pause", "orders"]).await;
    assert!(said.code == 0 && said.out.contains("paused at step 2 of 2 at 50 %"), "{said:?}");
    let said = world.plugin(&["approve", "orders"]).await;
    assert!(
        said.code == 1 && said.err.contains("r2.2 of ApiStage") && said.err.contains("awaits no approval: paused"),
        "{said:?}"
    );
    let said = world.plugin(&["rollback", "orders"]).await;
    assert!(said.code == 1 && said.err.contains("To undo it: kubectl stagecraft abort orders -n"), "{said:?}");
    let said = world.plugin(&["resume", "orders"]).await;
    assert!(said.code == 0 && said.out.starts_with("Resuming r2.2 of orders … "), "{said:?}");
    let waiting = world.begin(&["status", "orders", "--wait"]);
    let said = world.plugin(&["abort", "orders"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    for part in [
        "Aborting r2.2 of orders … the canary is removed, all traffic is on r1 (",
        " s). r2 is held; release it again with: ",
        "kubectl stagecraft retry orders -n",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let stage = world.simulator.stage(&world.api, "prod").unwrap();
    assert_eq!((&stage["deploymentId"], stage["canarySettings"].is_null()), (first, true), "{stage:#}");
    let said = World::said(waiting).await;
    assert_eq!(said.code, 1, "what waited for it hears that it did not come to serve: {said:?}");
}

async fn tried_again(world: &World, first: &Value) {
    step("retry, and who waits sees it promoted");
    let said = world.plugin(&["retry", "orders"]).await;
    assert!(
        said.code == 0 && said.out.contains("Releasing r2 of r2.2 again on orders … release r2.3 begins"),
        "{said:?}"
    );
    world.until("orders", "r2.3", "AwaitingApproval").await;
    let said = world.plugin(&["promote", "orders", "--wait"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("Promoting r2.3 of orders … "), "{said:?}");
    assert_eq!(said.out.matches("r2.3 is done: ").count(), 1, "{said:?}");
    assert_ne!(world.simulator.stage(&world.api, "prod").unwrap()["deploymentId"], *first);
}

async fn and_back(world: &World, first: &Value) {
    step("history and rollback");
    let said = world.plugin(&["history", "orders"]).await;
    for part in ["RELEASE", "r2.3      r2", "aborted", "created the stage"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = world.plugin(&["rollback", "orders", "--to", "r11"]).await;
    assert!(
        said.code == 1 && said.err.contains("r11 was not stable on ApiStage") && said.err.contains("did you mean r1"),
        "{said:?}"
    );
    let said = world.plugin(&["rollback", "orders", "--to", "r1"]).await;
    assert!(
        said.code == 0
            && said.out.contains("Rolling orders back to r1 … all traffic is on r1 (")
            && said.out.contains("r2 is held"),
        "{said:?}"
    );
    assert_eq!(world.simulator.stage(&world.api, "prod").unwrap()["deploymentId"], *first);
}

async fn undone_meanwhile(world: &World) {
    step("who waits for a release that somebody undoes gets another exit code than 0");
    let retrying = world.begin(&["retry", "orders", "--wait"]);
    world.await_view("orders", "its first step", |view| view["release"]["phase"] == "AwaitingApproval").await;
    let waiting = world.begin(&["approve", "orders", "--wait"]);
    world.await_view("orders", "its second step", |view| view["canary"]["percent"] == 50.0).await;
    let said = world.plugin(&["abort", "orders", "-o", "json"]).await;
    let view: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&view["release"]["phase"], &view["canary"]), (&json!("Failed"), &json!(null)), "{said:?}");
    let said = World::said(retrying).await;
    assert_eq!(said.code, 1, "it awaits the release that it began: {said:?}");
    let said = World::said(waiting).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("step 2 of 2 at 50 %: a person must approve it"), "progress: {}", said.out);
    assert!(said.out.contains("did not come to serve"), "{}", said.out);
}

#[tokio::test]
async fn an_operator_that_does_not_answer_is_said() {
    let mut world = World::new().await;
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" });
    world.apply("ApiStage", "orders", &spec).await;
    assert_eq!(world.plugin(&["status", "orders", "--wait"]).await.code, 0);
    world.stop_the_operator();
    let said = world.plugin(&["flush-authorizers", "orders", "--timeout", "1s"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the operator did not answer within 1s"), "{}", said.err);
    world.change("orders", json!({ "revision": "r2" })).await;
    let said = world.plugin(&["status", "orders", "--wait", "--timeout", "1s"]).await;
    assert!(said.code == 1 && said.err.contains("is not released yet, and the time of --timeout is over"), "{said:?}");
}
