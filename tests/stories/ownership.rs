//! Whose a stage is, in all the ways in which that can change: other clusters, restores, other Regions.

use http::Method;
use serde_json::{Value, json};
use stagecraft_core::access::Policy;
use stagecraft_core::api::names::Region;

use crate::support::{World, step};

fn spec(world: &World) -> Value {
    json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" })
}

fn owner(world: &World) -> Value {
    world.stage("prod").unwrap()["tags"]["stagecraft.dev/owner"].clone()
}

/// Everything that people set on a stage, made by hand.
fn by_hand(world: &World) {
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let stages = format!("/restapis/{}/stages", world.api);
    let deployment = scope.send(&Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    let body = json!({
        "stageName": "prod", "deploymentId": deployment["id"], "description": "made by hand",
        "variables": { "backend": "blue", "limit": "10" }, "tags": { "team": "orders" }, "tracingEnabled": true,
    });
    scope.send(&Method::POST, &stages, &body).unwrap();
    let patch = json!({ "patchOperations": [
        { "op": "replace", "path": "/*/*/throttling/rateLimit", "value": "7" },
        { "op": "replace", "path": "/~1orders/GET/metrics/enabled", "value": "true" },
    ]});
    scope.send(&Method::PATCH, &format!("{stages}/prod"), &patch).unwrap();
    world.simulator.reset_calls();
}

#[tokio::test]
async fn an_adopted_stage_keeps_what_is_not_declared() {
    let mut world = World::new().await;
    world.access = Policy::Open { adoption: true };
    world.restart().await;
    by_hand(&world);
    let mut expected = world.stage("prod").unwrap();
    let spec = json!({
        "restApiId": world.api, "stageName": "prod", "adoptionPolicy": "IfExists", "releasePolicy": "Direct",
        "variables": { "backend": "green" },
    });
    world.apply("orders", spec).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    let mut stage = world.stage("prod").unwrap();
    assert!(stage["tags"].as_object_mut().unwrap().remove("stagecraft.dev/owner").is_some());
    expected["variables"]["backend"] = json!("green");
    expected["lastUpdatedDate"] = stage["lastUpdatedDate"].clone();
    assert_eq!(stage, expected, "the tag and the declared variable, nothing else");
    world.assert_rest("orders").await;

    step("the object goes");
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!(world.stage("prod").unwrap()["tags"], json!({ "team": "orders" }), "the stage stays, and is nobody's");
}

#[tokio::test]
async fn two_clusters_do_not_fight_over_a_stage() {
    let mut world = World::new().await;
    world.access = Policy::Open { adoption: true };
    world.restart().await;
    let mut taking = spec(&world);
    taking["adoptionPolicy"] = json!("TakeOver");
    world.apply("orders", taking.clone()).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
    let ours = owner(&world);

    step("an operator of another cluster governs the same stage, and may take over");
    let other = world.in_another_cluster("another", taking.clone()).await;
    let theirs = owner(&world);
    assert_eq!(theirs, format!("another/{}/orders", other.metadata.namespace.unwrap()));
    assert_ne!(theirs, ours);
    let (before, tag) = (world.stage("prod"), owner(&world));
    world.simulator.reset_calls();
    let mut changed = taking;
    changed["revision"] = json!("r2");
    world.apply("orders", changed).await.unwrap();
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False OwnedByAnother", "{}", world.tell("orders").await);
    assert!(message.contains(&format!("is owned by {} now", theirs.as_str().unwrap())), "{message}");
    assert_eq!((world.writes().len(), world.stage("prod"), owner(&world)), (0, before, tag));
    world.assert_rest("orders").await;

    step("ours goes, theirs stays");
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!(owner(&world), theirs);
}

#[tokio::test]
async fn a_cluster_restored_under_its_id_knows_its_stages_again() {
    let mut world = World::new().await;
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    let mut second = spec(&world);
    second["revision"] = json!("r2");
    second["variables"] = json!({ "backend": "green" });
    world.apply("orders", second).await.unwrap();
    world.rest("orders").await;
    let before = world.stage("prod");

    step("the cluster is lost; its objects come back from Git, without status");
    world.lose("orders").await;
    let mut restored = spec(&world);
    restored["revision"] = json!("r2");
    world.apply("orders", restored).await.unwrap();
    world.restart().await;
    world.simulator.reset_calls();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_eq!(world.stage("prod"), before, "nothing is reset, not even what Git does not declare any more");
    assert_eq!(world.writes(), [""; 0]);
    let said = world.event_reasons("orders").await.iter().filter(|reason| *reason == "StatusRebuilt").count();
    assert_eq!(said, 1);
    world.assert_rest("orders").await;

    step("going back to r1 takes no new snapshot");
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.status("orders").await.revision, Some("r1".into()), "{}", world.tell("orders").await);
    assert_eq!(world.snapshots().len(), 2);

    step("deleted without more said, the stage stays: nobody knows any more how it became ours");
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none() && world.stage("prod").is_some());
}

#[tokio::test]
async fn a_cluster_restored_under_another_id_leaves_the_stage_alone() {
    let mut world = World::new().await;
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    let before = world.stage("prod");
    world.lose("orders").await;
    world.apply("orders", spec(&world)).await.unwrap();
    world.cluster_id = "restored".to_owned();
    world.restart().await;
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False OwnedByAnother");
    assert!(message.contains(&format!("is owned by story/{}/orders", world.namespace())), "{message}");
    assert_eq!(world.stage("prod"), before);
}

#[tokio::test]
async fn objects_keep_their_region_when_the_operators_own_changes() {
    let mut world = World::new().await;
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    world.region = Region::from("us-east-1");
    world.restart().await;
    world.simulator.reset_calls();
    let mut second = spec(&world);
    second["revision"] = json!("r2");
    world.apply("orders", second).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    let calls = world.simulator.calls();
    let regions: Vec<_> =
        calls.iter().filter(|call| call.info.service == "apigateway").map(|call| &call.info.region).collect();
    assert!(!regions.is_empty() && regions.iter().all(|region| *region == "eu-west-1"), "{regions:?}");
    world.delete("orders").await;
    world.rest("orders").await;
    assert_eq!(world.stage("prod"), None, "and it is deleted where it is");
}
