//! Canary releases: three ways to create, promotion with its traps, abort, and what they forbid.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Seen, World};

fn replace(path: &str, value: &str) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

fn copy(from: &str, path: &str) -> Value {
    json!({"op": "copy", "from": from, "path": path})
}

fn promote() -> Value {
    json!([
        replace("/canarySettings/percentTraffic", "0.0"),
        copy("/canarySettings/deploymentId", "/deploymentId"),
        copy("/canarySettings/stageVariableOverrides", "/variables"),
    ])
}

/// A stage with variables and a canary at 10.5 percent; gives stable's and the canary's deployment.
async fn canary() -> (World, String, String) {
    let world = World::new();
    let stable = world.stage().await;
    let next = world.deploy().await;
    let list = json!([
        replace("/variables/a", "1"),
        replace("/variables/b", "2"),
        replace("/canarySettings/deploymentId", &next),
        replace("/canarySettings/percentTraffic", "10.5"),
        replace("/canarySettings/stageVariableOverrides/b", "canary"),
        replace("/canarySettings/stageVariableOverrides/c", "new"),
    ]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
    (world, stable, next)
}

#[rstest]
#[case::percent("/canarySettings/percentTraffic", "5", json!({"percentTraffic": 5.0}))]
#[case::cache("/canarySettings/useStageCache", "true", json!({"useStageCache": true}))]
#[case::override_("/canarySettings/stageVariableOverrides/k", "v", json!({"stageVariableOverrides": {"k": "v"}}))]
#[tokio::test]
async fn the_first_replace_of_a_member_makes_the_canary(
    #[case] path: &str,
    #[case] value: &str,
    #[case] member: Value,
) {
    let world = World::new();
    let stable = world.stage().await;
    let mut expected = json!({"percentTraffic": 0.0, "deploymentId": stable, "useStageCache": false});
    expected.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
    let made = world.patch("R/stages/prod", json!([replace(path, value)])).await;
    assert_eq!((made.status, &made.body["canarySettings"]), (200, &expected));
}

#[tokio::test]
async fn an_unknown_deployment_makes_no_canary() {
    let world = World::new();
    world.stage().await;
    let refused = world.patch("R/stages/prod", json!([replace("/canarySettings/deploymentId", "nope")])).await;
    assert_eq!(refused, Seen::bad_request("Deployment id does not exist"));
    assert_eq!(world.get("R/stages/prod").await.body.get("canarySettings"), None);
}

#[tokio::test]
async fn promotion_merges_the_overrides_and_leaves_the_canary_which_a_second_call_ends() {
    let (world, _, next) = canary().await;
    let promoted = world.patch("R/stages/prod", promote()).await.body;
    assert_eq!(promoted["deploymentId"], json!(next));
    assert_eq!(promoted["variables"], json!({"a": "1", "b": "canary", "c": "new"}));
    assert_eq!(
        promoted["canarySettings"],
        json!({
            "percentTraffic": 0.0, "deploymentId": next, "stageVariableOverrides": {"b": "canary", "c": "new"},
            "useStageCache": false,
        })
    );
    let ended = world.patch("R/stages/prod", json!([{"op": "remove", "path": "/canarySettings"}])).await;
    assert_eq!((ended.status, ended.body.get("canarySettings")), (200, None));
}

#[tokio::test]
async fn promotion_on_a_stage_without_canary_makes_a_phantom_unless_the_copies_come_first() {
    let world = World::new();
    let stable = world.stage().await;
    let before = world.simulator.dump();
    let mut copies_first = promote().as_array().unwrap().clone();
    copies_first.rotate_left(1);
    let refused = world.patch("R/stages/prod", json!(copies_first)).await;
    assert_eq!(refused, Seen::bad_request("Promotion not available. Canary does not exist."));
    assert_eq!(world.simulator.dump(), before);
    let phantom = world.patch("R/stages/prod", promote()).await;
    let expected = json!({"percentTraffic": 0.0, "deploymentId": stable, "useStageCache": false});
    assert_eq!((phantom.status, &phantom.body["canarySettings"]), (200, &expected));
    assert_eq!(phantom.body["deploymentId"], json!(stable));
    assert_eq!(phantom.body.get("variables"), None);
}

#[tokio::test]
async fn copies_first_promote_where_there_is_a_canary() {
    let (world, _, next) = canary().await;
    let mut list = promote().as_array().unwrap().clone();
    list.rotate_left(1);
    let promoted = world.patch("R/stages/prod", json!(list)).await;
    assert_eq!((promoted.status, &promoted.body["deploymentId"]), (200, &json!(next)));
}

#[rstest]
#[case("/canarySettings/deploymentId", "/variables")]
#[case("/canarySettings/stageVariableOverrides", "/deploymentId")]
#[case("/deploymentId", "/canarySettings/deploymentId")]
#[case("/description", "/description")]
#[tokio::test]
async fn a_wrong_pair_of_a_copy_is_judged_before_the_canary(#[case] from: &str, #[case] path: &str) {
    let world = World::new();
    world.stage().await;
    assert_eq!(
        world.patch("R/stages/prod", json!([copy(from, path)])).await,
        Seen::bad_request(&format!(
            "Invalid copy operation with path: {path} and from {from}. Valid copy:path are [/deploymentId, /variables] \
             and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        ))
    );
}

#[tokio::test]
async fn an_abort_leaves_the_rest_of_the_stage_as_it_was() {
    let (world, stable, next) = canary().await;
    let aborted = world.patch("R/stages/prod", json!([{"op": "remove", "path": "/canarySettings"}])).await.body;
    assert_eq!((&aborted["deploymentId"], &aborted["variables"]), (&json!(stable), &json!({"a": "1", "b": "2"})));
    let again = world.patch("R/stages/prod", json!([{"op": "remove", "path": "/canarySettings"}])).await;
    assert_eq!(
        again,
        Seen::bad_request(
            "Cannot remove method setting canarySettings because there is no method setting for this method "
        )
    );
    assert_eq!(world.send("DELETE", &format!("R/deployments/{next}"), &Value::Null).await.status, 202);
}

#[tokio::test]
async fn overrides_are_removed_one_by_one_and_the_empty_map_disappears() {
    let (world, _, next) = canary().await;
    let list = json!([
        {"op": "remove", "path": "/canarySettings/stageVariableOverrides/b"},
        {"op": "remove", "path": "/canarySettings/stageVariableOverrides/c"},
    ]);
    let canary = world.patch("R/stages/prod", list).await.body["canarySettings"].clone();
    assert_eq!(canary, json!({"percentTraffic": 10.5, "deploymentId": next, "useStageCache": false}));
}

#[tokio::test]
async fn a_canary_deployment_points_only_the_canary_and_replaces_its_settings() {
    let (world, stable, _) = canary().await;
    let body = json!({"stageName": "prod", "canarySettings": {"percentTraffic": 20, "useStageCache": true},
        "variables": {"x": "y"}, "stageDescription": "other"});
    let created = world.send("POST", "R/deployments", &body).await;
    let id = created.body["id"].clone();
    assert_eq!(created, Seen::ok(201, json!({"id": id, "createdDate": crate::support::START})));
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!((&stage["deploymentId"], &stage["variables"]), (&json!(stable), &json!({"a": "1", "b": "2"})));
    assert_eq!(stage["canarySettings"], json!({"percentTraffic": 20.0, "deploymentId": id, "useStageCache": true}));
    assert_eq!(stage.get("description"), None);
}

#[rstest]
#[case::plain_on_canary_stage(json!({"stageName": "prod"}),
    "Invalid deployment content specified.Non canary deployment not supported on stage prod because Canary is enabled. \
     Provide CanarySettings in deploymentInput.")]
#[case::no_stage(json!({"canarySettings": {}}),
    "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. \
     Provided value is null")]
#[case::empty_stage(json!({"stageName": "", "canarySettings": {}}),
    "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. \
     Provided value is ")]
#[case::unknown_stage(json!({"stageName": "nope", "canarySettings": {}}),
    "Invalid deployment content specified.Stage nope must already be created before making a canary release deployment")]
#[case::percent(json!({"stageName": "prod", "canarySettings": {"percentTraffic": 101}}),
    "Invalid percentTraffic '101'. Must be a number from 0.0 to 100.0")]
#[tokio::test]
async fn a_deployment_that_does_not_fit_the_canary_is_refused(#[case] body: Value, #[case] message: &str) {
    let (world, ..) = canary().await;
    let before = world.simulator.dump();
    assert_eq!(world.send("POST", "R/deployments", &body).await, Seen::bad_request(message));
    assert_eq!(world.simulator.dump(), before);
}

#[tokio::test]
async fn a_stage_is_created_with_its_canary_or_not_at_all() {
    let world = World::new();
    let (stable, next) = (world.deploy().await, world.deploy().await);
    let create = async |name: &str, canary: Value| {
        let body = json!({"stageName": name, "deploymentId": stable, "canarySettings": canary});
        world.send("POST", "R/stages", &body).await
    };
    let made = create("a", json!({"deploymentId": next, "percentTraffic": 1.25, "stageVariableOverrides": {"k": "v"}}));
    assert_eq!(
        made.await.body["canarySettings"],
        json!({
            "percentTraffic": 1.25, "deploymentId": next, "stageVariableOverrides": {"k": "v"}, "useStageCache": false,
        })
    );
    let own = create("b", json!({})).await.body["canarySettings"].clone();
    assert_eq!(own, json!({"percentTraffic": 0.0, "deploymentId": stable, "useStageCache": false}));
    let refused = create("c", json!({"deploymentId": "nope"})).await;
    assert_eq!(refused, Seen::bad_request("Deployment id does not exist"));
    assert_eq!(world.simulator.stage(&world.api, "c"), None);
}

#[tokio::test]
async fn both_pointers_guard_their_deployment() {
    let (world, stable, next) = canary().await;
    let delete = async |id: &str| world.send("DELETE", &format!("R/deployments/{id}"), &Value::Null).await;
    assert_eq!(
        delete(&stable).await,
        Seen::bad_request("Active stages pointing to this deployment must be moved or deleted")
    );
    assert_eq!(
        delete(&next).await,
        Seen::bad_request("Active stages with canary settings pointing to this deployment must be moved or deleted")
    );
    world.patch("R/stages/prod", promote()).await;
    assert_eq!(
        delete(&next).await,
        Seen::bad_request("Active stages pointing to this deployment must be moved or deleted")
    );
    assert_eq!(world.send("DELETE", "R/stages/prod", &Value::Null).await.status, 202);
    assert_eq!((delete(&stable).await.status, delete(&next).await.status), (202, 202));
}
