//! What only AWS knows ends in a condition that says what to do, and heals by itself when the world changes.

use std::time::Duration;

use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, FaultKind, Moment};
use serde_json::{Value, json};
use stagecraft_core::access::Policy;

use crate::support::{World, step};

fn spec(world: &World) -> Value {
    json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" })
}

#[tokio::test]
async fn a_rest_api_that_is_not_there_is_waited_for() {
    let world = World::new().await;
    let mut spec = spec(&world);
    spec["restApiId"] = json!("zzzzzzzzzz");
    world.apply("orders", spec).await.unwrap();
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False RestApiNotFound");
    assert_eq!(
        message,
        "There is no REST API zzzzzzzzzz in eu-west-1 of account 123456789012. Create it, correct the id that spec names, or check whose credentials the operator has."
    );
    assert!(
        world.get("orders").await.unwrap().metadata.finalizers.is_none(),
        "it governs nothing and holds nothing up"
    );
    step("it may still be edited");
    world.apply("orders", self::spec(&world)).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
}

#[tokio::test]
async fn an_api_without_methods_is_deployed_once_it_has_one() {
    let world = World::new().await;
    let bare = world.simulator.scope("123456789012", "eu-west-1");
    let created = bare.send(&http::Method::POST, "/restapis", &json!({ "name": "bare" })).unwrap();
    let api = created["id"].as_str().unwrap();
    world.apply("orders", json!({ "restApiId": api, "stageName": "prod", "revision": "r1" })).await.unwrap();
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False Releasing");
    assert!(message.contains("has no methods"), "{message}");
    let status = world.status("orders").await;
    let reconciling = status.conditions.iter().find(|condition| condition.type_ == "Reconciling").unwrap();
    assert_eq!(reconciling.reason, "RestApiNotDeployable");
    world.simulator.add_method(api, "/orders", "GET").unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
    assert_eq!(world.simulator.deployments(api).len(), 1);
}

#[tokio::test]
async fn a_stage_of_somebody_else_is_left_alone_until_it_is_gone() {
    let world = World::new().await;
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let deployment =
        scope.send(&http::Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    let body = json!({ "stageName": "prod", "deploymentId": deployment["id"] });
    scope.send(&http::Method::POST, &format!("/restapis/{}/stages", world.api), &body).unwrap();
    let theirs = world.stage("prod");
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False StageExists");
    assert!(message.contains("Set spec.adoptionPolicy to IfExists"), "{message}");
    assert_eq!(world.stage("prod"), theirs);
    world.assert_rest("orders").await;

    step("adoption is asked for, and not allowed");
    let mut adopting = spec(&world);
    adopting["adoptionPolicy"] = json!("IfExists");
    world.apply("orders", adopting).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "False AdoptionDenied");
    assert_eq!(world.stage("prod"), theirs);

    step("its owner deletes it");
    scope.send(&http::Method::DELETE, &format!("/restapis/{}/stages/prod", world.api), &Value::Null).unwrap();
    world.pass_time(Duration::from_mins(6));
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
}

#[tokio::test]
async fn an_adopted_stage_is_tagged_first_and_stays_when_the_object_goes() {
    let mut world = World::new().await;
    world.access = Policy::Open { adoption: true };
    world.restart().await;
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    let deployment =
        scope.send(&http::Method::POST, &format!("/restapis/{}/deployments", world.api), &json!({})).unwrap();
    let body = json!({ "stageName": "prod", "deploymentId": deployment["id"], "tags": { "team": "orders" } });
    scope.send(&http::Method::POST, &format!("/restapis/{}/stages", world.api), &body).unwrap();
    world.simulator.reset_calls();
    let spec =
        json!({ "restApiId": world.api, "stageName": "prod", "adoptionPolicy": "IfExists", "description": "Ours" });
    world.apply("orders", spec).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_eq!(world.writes(), ["TagResource", "UpdateStage replace /description Ours"]);
    assert_eq!(world.calls(), ["GetStages", "GetRestApi", "TagResource", "GetStages", "GetDeployments", "UpdateStage"]);
    world.assert_rest("orders").await;
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!(world.stage("prod").unwrap()["tags"], json!({ "team": "orders" }), "only our tag goes");
}

#[tokio::test]
async fn two_objects_for_one_stage_the_older_governs() {
    let world = World::new().await;
    world.apply("first", spec(&world)).await.unwrap();
    world.rest("first").await;
    let first = world.get("first").await.unwrap();
    world.apply_later("second", spec(&world), &first).await;
    world.simulator.reset_calls();
    let passed = world.pass("second").await.unwrap();
    assert_eq!(passed.wake_up_in, Some(Duration::from_secs(30)), "it looks again by itself");
    let (ready, message) = world.ready("second").await;
    assert_eq!(ready, "False NotOldest");
    assert_eq!(world.event_reasons("second").await, ["Blocked"]);
    assert!(message.contains("/first. Delete one of the two"), "{message}");
    assert_eq!(world.calls(), [""; 0], "the younger asks AWS nothing");
    step("the older goes, and with it the stage");
    world.delete("first").await;
    world.rest("first").await;
    world.pass_time(Duration::from_mins(1));
    world.rest("second").await;
    assert_eq!(world.ready("second").await.0, "True Synced");
}

#[tokio::test]
async fn denied_is_said_and_heals() {
    let world = World::new().await;
    world.simulator.faults().on("CreateStage").always().error(403, Moment::Before);
    world.apply("orders", spec(&world)).await.unwrap();
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False AccessDenied", "{}", world.tell("orders").await);
    assert!(message.starts_with("AWS denies CreateStage to the operator: "), "{message}");
    assert!(message.ends_with("Give the operator's role this permission, or fix its credentials."), "{message}");
    world.simulator.faults().clear();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
    assert_eq!(world.snapshots().len(), 1);
}

#[tokio::test]
async fn where_stages_cannot_be_listed_each_is_read_by_itself_and_no_deployment_goes() {
    let world = World::new().await;
    let deny = || world.simulator.faults().on("GetStages").always().error(403, Moment::Before);
    deny();
    let of = |revision: &str| {
        let mut spec = spec(&world);
        spec["revision"] = json!(revision);
        spec["deploymentHistoryLimit"] = json!(1);
        spec
    };
    for revision in ["r1", "r2", "r3"] {
        world.apply("orders", of(revision)).await.unwrap();
        world.rest("orders").await;
    }
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "True Synced", "{}", world.tell("orders").await);
    let advice = format!(
        "It is read by itself: listing the stages of REST API {0} is denied, so nobody knows who else uses a deployment, and none is deleted. Allow apigateway:GET on /restapis/{0}/stages.",
        world.api
    );
    assert!(message.ends_with(&advice), "{message}");
    assert_eq!(world.stage("prod").unwrap()["variables"], spec(&world)["variables"]);
    let told = world.events("orders").await.into_iter().filter(|event| event.note.as_ref() == Some(&advice)).count();
    assert_eq!(told, 1);
    world.pass_time(Duration::from_hours(2));
    world.rest("orders").await;
    world.assert_rest("orders").await;
    assert_eq!(world.snapshots().len(), 3);
    let lists = world.calls().into_iter().filter(|call| call == "GetStages").count();
    assert!(lists <= 6, "{lists} lists in two hours");

    step("the permission is given");
    world.simulator.faults().clear();
    world.pass_time(Duration::from_mins(31));
    world.rest("orders").await;
    assert!(!world.ready("orders").await.1.contains("denied"), "{}", world.tell("orders").await);
    assert_eq!(world.snapshots().len(), 2, "what had piled up is cleaned up");

    step("and taken away, and the object is deleted");
    deny();
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!((world.stage("prod"), world.snapshots().len()), (None, 2), "its deployments stay");
    let kept = world.events("orders").await.into_iter().filter_map(|event| event.note);
    assert!(kept.into_iter().any(|note| note.starts_with("The deployments of Stage prod")));
}

#[tokio::test]
async fn a_deletion_that_aws_denies_says_so_and_can_be_escaped() {
    let world = World::new().await;
    world.apply("orders", spec(&world)).await.unwrap();
    world.rest("orders").await;
    world.simulator.faults().on("DeleteStage").always().error(403, Moment::Before);
    world.delete("orders").await;
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False DeletionBlocked", "{}", world.tell("orders").await);
    assert!(message.contains("set spec.deletionPolicy to Retain"), "{message}");
    assert!(world.event_reasons("orders").await.contains(&"DeletionBlocked".to_owned()));
    world.simulator.reset_calls();
    let mut retained = spec(&world);
    retained["deletionPolicy"] = json!("Retain");
    world.apply("orders", retained).await.unwrap();
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!(world.calls(), [""; 0], "freed without any call");
    assert!(world.stage("prod").is_some());
}

/// Arms a fault at an operation.
type Fault = fn(&World, &str);

#[tokio::test]
async fn every_fault_of_every_call_heals_without_a_second_snapshot() {
    let faults: [(&str, Fault); 8] = [
        ("429", |world, on| world.simulator.faults().on(on).times(2).error(429, BeforeTheEffect)),
        ("409", |world, on| world.simulator.faults().on(on).times(2).error(409, BeforeTheEffect)),
        ("500 before", |world, on| world.simulator.faults().on(on).times(1).error(500, BeforeTheEffect)),
        ("500 after", |world, on| world.simulator.faults().on(on).times(1).error(500, AfterTheEffect)),
        ("503 after", |world, on| world.simulator.faults().on(on).times(1).error(503, AfterTheEffect)),
        ("dropped before", |world, on| world.simulator.faults().on(on).times(1).drop_connection(BeforeTheEffect)),
        ("dropped after", |world, on| world.simulator.faults().on(on).times(1).drop_connection(AfterTheEffect)),
        ("truncated", |world, on| world.simulator.faults().on(on).times(1).truncate_body()),
    ];
    let operations = [
        "GetRestApi",
        "GetStages",
        "GetDeployments",
        "CreateDeployment",
        "CreateStage",
        "UpdateStage",
        "DeleteStage",
        "DeleteDeployment",
    ];
    for operation in operations {
        for (name, fault) in &faults {
            let world = World::new().await;
            let case = format!("{name} at {operation}");
            fault(&world, operation);
            world.apply("orders", spec(&world)).await.unwrap();
            world.rest("orders").await;
            let mut changed = spec(&world);
            changed["variables"] = json!({ "backend": "green" });
            world.apply("orders", changed).await.unwrap();
            world.rest("orders").await;
            assert_eq!(world.ready("orders").await.0, "True Synced", "{case}: {}", world.tell("orders").await);
            assert_eq!(world.stage("prod").unwrap()["variables"]["backend"], "green", "{case}");
            assert_eq!(world.snapshots().len(), 1, "{case}: {}", world.tell("orders").await);
            world.assert_rest("orders").await;
            world.delete("orders").await;
            world.rest("orders").await;
            assert!(world.get("orders").await.is_none(), "{case}: {}", world.tell("orders").await);
            assert_eq!((world.stage("prod"), world.snapshots().len()), (None, 0), "{case}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_arrives_late_is_not_taken_twice() {
    let world = World::new().await;
    // Longer than the operation timeout: the operator has long given up when the request has its effect.
    let late = FaultKind::Delay { seconds: 40.0 };
    world.simulator.faults().on("CreateDeployment").call(1).fault(Moment::Before, late);
    world.apply("orders", spec(&world)).await.unwrap();
    world.pass("orders").await.unwrap();
    world.pass_time(Duration::from_secs(2));
    world.pass("orders").await.unwrap();
    let status = world.status("orders").await;
    assert_eq!(status.intents.len(), 1, "{}", world.tell("orders").await);
    let reconciling = status.conditions.iter().find(|condition| condition.type_ == "Reconciling").unwrap();
    assert_eq!(reconciling.reason, "SnapshotUnconfirmed");
    step("it arrives, and nobody has asked again in the meantime");
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    let asked = world.calls().iter().filter(|call| *call == "CreateDeployment").count();
    assert_eq!((asked, world.snapshots().len()), (1, 1), "{}", world.tell("orders").await);
    assert_eq!(world.status("orders").await.intents, []);
    world.assert_rest("orders").await;
}
