//! Argo CD: what it shows of real objects, and what its actions bring about.
//!
//! The objects that these stories come by are kept under `argocd/tests/objects`, for the tests of the Lua texts, which build
//! without the operator. `make argocd-objects` writes them anew; every other run holds them equal to what the stories see.

mod objects;

use std::fs;
use std::time::Duration;

use apigateway_simulator::Behaviour;
use http::Method;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use stagecraft_argocd::{Customizations, Status};

use crate::support::release::{errors, failing, judged_by, revision};
use crate::support::{World, step};
use objects::{keep, keep_canary, keep_response};

impl World {
    /// What somebody does who chooses this action in Argo CD's menu: it must be offered.
    async fn choose(&self, action: &str) {
        let customizations = Customizations::installed().unwrap();
        let object = serde_json::to_value(self.get("orders").await.unwrap()).unwrap();
        let offered = customizations.discover(&object).unwrap();
        assert!(!offered[action].disabled, "{action} is not offered: {object:#}");
        self.run(action).await;
    }

    /// The same, whether it is offered or not: Argo CD asks nobody.
    async fn run(&self, action: &str) {
        let customizations = Customizations::installed().unwrap();
        let object = serde_json::to_value(self.get("orders").await.unwrap()).unwrap();
        let patch = customizations.act(action, &object).unwrap();
        self.objects().patch("orders", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        self.pass("orders").await.unwrap();
    }

    /// What became of the last command.
    async fn answered(&self) -> (String, String) {
        let last = serde_json::to_value(self.status("orders").await.last_command.unwrap()).unwrap();
        let text = |member: &str| last[member].as_str().unwrap().to_owned();
        (text("state"), text("message"))
    }

    /// What Argo CD shows of the stage.
    async fn health(&self) -> Status {
        let object = serde_json::to_value(self.get("orders").await.unwrap()).unwrap();
        Customizations::installed().unwrap().health(&object).unwrap().status
    }
}

/// Two approvals, a pause, a bake that fails, another try, a way back: all by buttons.
#[tokio::test]
async fn a_release_is_led_by_the_actions_of_argo_cd() {
    let mut policy = judged_by(&errors());
    policy["steps"] = json!([{ "setPercent": 5, "approval": "Required" }, { "setPercent": 50, "hold": "5m" }]);
    policy["promotion"] = json!("Manual");
    policy["bake"] = json!("10m");
    let world = World::governed(policy).await;
    let first = world.serves();
    keep(&world, "synced", "orders").await;
    keep_canary(&world, "idle", "orders").await;
    assert_eq!(world.health().await, Status::Healthy);

    step("a new revision, before the operator has seen it");
    world.declare("r2", "green").await;
    keep(&world, "changed", "orders").await;
    assert_eq!(world.health().await, Status::Progressing);

    step("pause and resume");
    world.until("AwaitingApproval 1/2 5 r2.2").await;
    keep(&world, "awaiting-step", "orders").await;
    keep_canary(&world, "awaiting-step", "orders").await;
    assert_eq!(world.health().await, Status::Suspended);
    world.choose("pause").await;
    assert_eq!(world.shown().await, "Paused 1/2 5 r2.2");
    keep(&world, "paused", "orders").await;
    keep_canary(&world, "paused", "orders").await;
    world.choose("resume").await;
    world.until("AwaitingApproval 1/2 5").await;

    step("the step is approved, then the promotion: the same button");
    world.choose("approve").await;
    assert_eq!(world.answered().await, ("Done".to_owned(), "step 1 of release r2.2 is approved".to_owned()));
    world.until("Progressing 2/2 50").await;
    keep(&world, "progressing", "orders").await;
    keep_canary(&world, "progressing", "orders").await;
    assert_eq!(world.health().await, Status::Progressing);
    world.until("AwaitingApproval 2/2 50").await;
    keep(&world, "awaiting-promotion", "orders").await;
    world.choose("approve").await;
    assert_eq!(world.answered().await.1, "its promotion of release r2.2 is approved");
    world.until("Baking").await;
    keep(&world, "baking", "orders").await;

    step("a bake that fails: held, and the other buttons are refused by the operator");
    world.flow(&first, failing());
    world.until("Failed").await;
    assert_eq!(world.serves(), first);
    keep(&world, "held", "orders").await;
    keep_canary(&world, "held", "orders").await;
    assert_eq!(world.health().await, Status::Degraded);
    for action in ["promote", "pause", "resume", "abort", "flush-cache"] {
        world.run(action).await;
        assert_eq!(world.answered().await.0, "Refused", "{action}");
    }
    assert_eq!(world.serves(), first);

    step("another try, which is promoted past its approvals and undone while it bakes");
    world.flow(&first, Behaviour::default());
    world.choose("retry").await;
    world.until("AwaitingApproval 1/2 5 r2.3").await;
    world.choose("promote").await;
    world.until("Baking").await;
    world.choose("abort").await;
    world.until("Failed").await;
    keep(&world, "aborted", "orders").await;
    assert_eq!(world.serves(), first);

    step("it is released after all, and rolled back");
    world.choose("retry").await;
    world.until("AwaitingApproval 1/2 5 r2.4").await;
    world.choose("promote").await;
    world.until("Succeeded").await;
    assert_ne!(world.serves(), first);
    keep(&world, "promoted", "orders").await;
    world.choose("rollback").await;
    world.rest("orders").await;
    assert_eq!(world.serves(), first);
    keep(&world, "rolled-back", "orders").await;
    assert_eq!(world.stands("Ready").await, "False RolledBackByCommand");
}

#[tokio::test]
async fn a_cache_is_emptied_and_a_foreign_canary_removed_by_the_actions_of_argo_cd() {
    let world = World::new().await;
    let mut spec = revision(&world, "r1", "blue");
    world.apply("orders", spec.clone()).await.unwrap();
    keep(&world, "new", "orders").await;
    world.rest("orders").await;
    spec["cacheClusterEnabled"] = json!(true);
    spec["cacheClusterSize"] = json!("0.5");
    world.apply("orders", spec.clone()).await.unwrap();
    world.pass("orders").await.unwrap();
    keep(&world, "cache-creating", "orders").await;
    world.rest("orders").await;
    keep(&world, "cache-available", "orders").await;
    world.choose("flush-cache").await;
    world.rest("orders").await;
    assert_eq!(world.answered().await.0, "Done");
    assert_eq!(world.calls().iter().filter(|call| *call == "FlushStageCache").count(), 1);

    step("no ApiCanary governs the stage, and its releasePolicy is Canary");
    spec["revision"] = json!("r2");
    world.apply("orders", spec.clone()).await.unwrap();
    world.minutes("orders", 2).await.unwrap();
    keep(&world, "awaiting-apicanary", "orders").await;
    assert_eq!(world.health().await, Status::Suspended);

    step("somebody opens a canary in the console");
    world.govern("orders", judged_by(&json!([]))).await;
    world.until("Progressing 1/3 5").await;
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let made = scope.send(&Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    let theirs = json!({ "op": "replace", "path": "/canarySettings/deploymentId", "value": made["id"] });
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[theirs]).unwrap();
    world.minutes("orders", 2).await.unwrap();
    keep(&world, "foreign-canary", "orders").await;
    assert_eq!(world.health().await, Status::Suspended);
    world.choose("abort").await;
    assert_eq!(world.answered().await.0, "Done", "it is gone already");
    world.minutes("orders", 1).await.unwrap();
    assert_eq!(world.canary(), None);
}

#[tokio::test]
async fn objects_that_wait_or_cannot_go_on() {
    let world = World::new().await;
    step("a REST API that is not there");
    world.apply("orders", json!({ "restApiId": "zzzzzzzzzz", "stageName": "prod", "revision": "r1" })).await.unwrap();
    world.pass("orders").await.unwrap();
    keep(&world, "no-rest-api", "orders").await;
    world.delete("orders").await;
    world.rest("orders").await;

    step("a suspended one, and drift that is only reported");
    let mut spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1", "description": "Ours",
        "driftPolicy": "Report" });
    world.apply("orders", spec.clone()).await.unwrap();
    world.rest("orders").await;
    let by_hand = json!({ "op": "replace", "path": "/description", "value": "Theirs" });
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[by_hand]).unwrap();
    world.pass_time(Duration::from_mins(12));
    world.rest("orders").await;
    assert_eq!(world.stands("Ready").await, "False DriftReported");
    keep(&world, "drift-reported", "orders").await;
    spec["suspend"] = json!(true);
    world.apply("orders", spec.clone()).await.unwrap();
    world.rest("orders").await;
    keep(&world, "suspended", "orders").await;
    world.run("rollback").await;
    assert_eq!(world.answered().await.0, "Refused", "the operator refuses what is not offered");

    step("ApiCanaries that let nothing go on");
    let policy = judged_by(&json!([]));
    let first = world.govern("orders", policy.clone()).await;
    // creationTimestamp has whole seconds.
    while world.govern("second", policy.clone()).await.metadata.creation_timestamp == first.metadata.creation_timestamp
    {
        world.canaries().delete("second", &kube::api::DeleteParams::default()).await.unwrap();
    }
    world.pass("orders").await.unwrap();
    keep_canary(&world, "not-governing", "second").await;
    let mut suspended = policy;
    suspended["suspend"] = json!(true);
    world.govern("orders", suspended).await;
    world.pass("orders").await.unwrap();
    keep_canary(&world, "suspended", "orders").await;

    step("denied, and a deletion that is denied");
    spec["suspend"] = json!(false);
    spec["description"] = json!("Ours, too");
    spec["driftPolicy"] = json!("Correct");
    world.simulator.faults().on("UpdateStage").always().error(403, apigateway_simulator::Moment::Before);
    world.apply("orders", spec).await.unwrap();
    world.pass("orders").await.unwrap();
    assert_eq!(world.stands("Ready").await, "False AccessDenied");
    keep(&world, "access-denied", "orders").await;
    world.simulator.faults().clear();
    world.simulator.faults().on("DeleteStage").always().error(403, apigateway_simulator::Moment::Before);
    world.delete("orders").await;
    world.pass("orders").await.unwrap();
    assert_eq!(world.stands("Ready").await, "False DeletionBlocked");
    keep(&world, "deletion-blocked", "orders").await;
}

#[tokio::test]
async fn gateway_responses_and_who_applies_them_again() {
    let world = World::new().await;
    let spec = json!({ "restApiId": world.api, "responseType": "THROTTLED", "statusCode": "420" });
    world.apply("orders", json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" })).await.unwrap();
    world.rest("orders").await;
    world.apply_response("slow", spec.clone()).await.unwrap();
    keep_response(&world, "new", "slow").await;
    world.rest_response("slow").await;
    assert_eq!(world.condition("slow", "Deployed").await.0, "False AwaitingDeployment");
    keep_response(&world, "awaiting-deployment", "slow").await;
    world.apply("orders", json!({ "restApiId": world.api, "stageName": "prod", "revision": "r2" })).await.unwrap();
    world.rest("orders").await;
    world.pass_response("slow").await.unwrap();
    assert_eq!(world.condition("slow", "Deployed").await.0, "True Live");
    keep_response(&world, "live", "slow").await;
    world.by_hand(&Method::PUT, "ACCESS_DENIED", &json!({ "statusCode": "401" }));
    world.apply_response("denied", json!({ "restApiId": world.api, "responseType": "ACCESS_DENIED" })).await.unwrap();
    world.pass_time(Duration::from_mins(12));
    world.rest_response("denied").await;
    assert_eq!(world.condition("denied", "Ready").await.0, "False ResponseExists");
    keep_response(&world, "exists", "denied").await;

    step("Git applies all three kinds over and over, in both ways, and nothing changes");
    world.govern("orders", judged_by(&json!([]))).await;
    world.rest("orders").await;
    let object = |kind: &str, name: &str, spec: &Value| json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec });
    let items = [
        object("ApiStage", "orders", &json!({ "restApiId": world.api, "stageName": "prod", "revision": "r2" })),
        object("ApiCanary", "orders", &judged_by(&json!([]))),
        object("ApiGatewayResponse", "slow", &spec),
    ];
    let files = json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string();
    for apply in [&["apply", "--server-side", "--force-conflicts", "-f", "-"][..], &["apply", "-f", "-"]] {
        // The first one brings the annotation or the field manager of this way.
        let mut before = None;
        for _ in 0..4 {
            let output = world.kubectl(apply, &files).await;
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            world.pass("orders").await.unwrap();
            world.pass_response("slow").await.unwrap();
            let versions = versions(&world).await;
            assert!(before.is_none_or(|before| before == versions), "{apply:?} wrote to an object");
            before = Some(versions);
        }
        let diff = world.kubectl(&[&["diff"][..], &apply[1..]].concat(), &files).await;
        assert!(diff.status.success(), "{apply:?}: {}", String::from_utf8_lossy(&diff.stdout));
    }
}

async fn versions(world: &World) -> [Option<String>; 3] {
    [
        world.get("orders").await.unwrap().metadata.resource_version,
        world.api_canary().await.metadata.resource_version,
        world.get_response("slow").await.unwrap().metadata.resource_version,
    ]
}

/// A file that no story keeps any more proves nothing.
#[test]
fn every_object_that_is_kept_is_kept_by_a_story() {
    let told = [include_str!("argocd.rs")].concat();
    for entry in fs::read_dir(objects::folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let (kind, name) = file.trim_end_matches(".json").split_once('-').unwrap();
        let call = match kind {
            "apistage" => "keep(&world, ",
            "apicanary" => "keep_canary(&world, ",
            _ => "keep_response(&world, ",
        };
        assert!(told.contains(&format!("{call}\"{name}\"")), "{file}");
    }
}
