//! What becomes of deployments, asked of API Gateway: which stay, which go, what they say, and what a release tells of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, Moment};
use http::Method;
use serde_json::{Value, json};

use crate::support::{World, step};

const HOUR: Duration = Duration::from_hours(1);

fn spec(world: &World, stage: &str, revision: &str) -> Value {
    json!({ "restApiId": world.api, "stageName": stage, "revision": revision })
}

/// A stage for production that keeps three former deployments.
fn prod(world: &World, revision: &str) -> Value {
    let mut spec = spec(world, "prod", revision);
    spec["deploymentHistoryLimit"] = json!(3);
    spec
}

async fn release(world: &World, name: &str, spec: Value) {
    world.apply(name, spec).await.unwrap();
    world.rest(name).await;
    assert_eq!(world.ready(name).await.0, "True Synced", "{}", world.tell(name).await);
}

/// Ids of the deployments by the revision in their marker, asked of API Gateway.
fn by_revision(world: &World) -> BTreeMap<String, String> {
    let deployments = world.simulator.deployments(&world.api);
    let named = deployments.iter().filter_map(|deployment| {
        let (_, marker) = deployment["description"].as_str()?.split_once("[stagecraft revision=")?;
        Some((marker.split(' ').next()?.to_owned(), deployment["id"].as_str()?.to_owned()))
    });
    named.collect()
}

/// What the description of a revision's deployment says before the marker.
fn says(world: &World, revision: &str) -> String {
    let marker = format!("[stagecraft revision={revision} ");
    let all = world.snapshots();
    let found = all.iter().find(|description| description.contains(&marker)).unwrap_or_else(|| panic!("{all:?}"));
    found.split("[stagecraft ").next().unwrap().trim_end().to_owned()
}

/// Passes until clean-up has nothing left to do.
async fn after_an_hour(world: &World, name: &str) {
    world.pass_time(HOUR + Duration::from_mins(2));
    world.rest(name).await;
}

/// The operator's calls of an operation: what they were about, and whether AWS did it.
fn asked(world: &World, operation: &str) -> Vec<(String, Option<u16>)> {
    let calls = world.simulator.calls();
    let ours = calls
        .iter()
        .filter(|call| call.info.operation == operation && call.info.caller.name.as_deref() != Some("console"));
    ours.map(|call| (call.info.after("deployments").unwrap_or_default().to_owned(), call.status)).collect()
}

fn by_hand(world: &World, method: &Method, path: &str, body: &Value) -> Value {
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    scope.send(method, &format!("/restapis/{}/{path}", world.api), body).unwrap()
}

#[tokio::test]
async fn of_fifteen_revisions_the_right_ones_stay() {
    let world = World::new().await;
    step("dev names r2 too, a hand serves r3 and lets a canary serve r4, and somebody made a deployment of their own");
    for n in 1..=4 {
        release(&world, "prod", prod(&world, &format!("r{n}"))).await;
    }
    release(&world, "dev", spec(&world, "dev", "r2")).await;
    let ids = by_revision(&world);
    assert_eq!(world.stage("dev").unwrap()["deploymentId"], ids["r2"].as_str(), "one snapshot for dev and prod");
    by_hand(&world, &Method::POST, "stages", &json!({ "stageName": "hand", "deploymentId": ids["r3"] }));
    let canary = json!({ "deploymentId": ids["r4"], "percentTraffic": 5 });
    by_hand(
        &world,
        &Method::POST,
        "stages",
        &json!({ "stageName": "canary", "deploymentId": ids["r3"], "canarySettings": canary }),
    );
    by_hand(&world, &Method::POST, "deployments", &json!({ "description": "made by hand" }));

    step("eleven more revisions, then an hour");
    for n in 5..=15 {
        release(&world, "prod", prod(&world, &format!("r{n}"))).await;
    }
    assert_eq!(world.snapshots().len(), 16, "nothing goes within the hour");
    world.simulator.reset_calls();
    after_an_hour(&world, "prod").await;
    let left: BTreeSet<_> = by_revision(&world).into_keys().collect();
    let expected = ["r2", "r3", "r4", "r12", "r13", "r14", "r15"].map(str::to_owned);
    assert_eq!(left, BTreeSet::from(expected), "{}", world.tell("prod").await);
    assert_eq!(world.snapshots().len(), 8, "somebody's own deployment is not ours");
    let deletions = asked(&world, "DeleteDeployment");
    assert!(deletions.iter().all(|(_, status)| *status == Some(202)), "nothing in use was touched: {deletions:?}");
    assert_eq!(deletions.len(), 8);
    assert_eq!(asked(&world, "GetDeployments").len(), 1, "one look");
    assert_eq!(world.event_reasons("prod").await.iter().filter(|reason| *reason == "DeploymentPruned").count(), 8);
    let pruned: BTreeSet<_> =
        world.status("prod").await.pruned.iter().map(|pruned| pruned.revision.to_string()).collect();
    assert_eq!(pruned, (1..=11).map(|n| format!("r{n}")).collect(), "and whatever the history has forgotten");
    world.assert_rest("prod").await;

    step("a revision that was cleaned up is gone, for every stage of the REST API; one that is there is not");
    world.apply("prod", prod(&world, "r6")).await.unwrap();
    world.rest("prod").await;
    assert_eq!(world.ready("prod").await.0, "False RevisionGone", "{}", world.tell("prod").await);
    world.apply("test", spec(&world, "test", "r7")).await.unwrap();
    world.rest("test").await;
    assert_eq!(world.ready("test").await.0, "False RevisionGone");
    release(&world, "test", spec(&world, "test", "r4")).await;
    release(&world, "prod", prod(&world, "r13")).await;
    assert_eq!(asked(&world, "CreateDeployment"), []);
    world.assert_rest("prod").await;
}

#[tokio::test]
async fn a_deployment_that_came_into_use_meanwhile_is_left_without_a_word() {
    let world = World::new().await;
    let mut limited = spec(&world, "prod", "r1");
    limited["deploymentHistoryLimit"] = json!(1);
    for n in 1..=4 {
        limited["revision"] = json!(format!("r{n}"));
        release(&world, "prod", limited.clone()).await;
    }
    let ids = by_revision(&world);
    let stage = json!({ "stageName": "hand", "deploymentId": ids["r4"] });
    by_hand(&world, &Method::POST, "stages", &stage);
    step("between the look at the stages and the deletion a hand moves a stage to r1");
    let moved = vec![json!({ "op": "replace", "path": "/deploymentId", "value": ids["r1"] })];
    world.simulator.faults().on("GetDeployments").times(1).foreign_write(Moment::After, &world.api, "hand", moved);
    let told = world.events("prod").await.len();
    after_an_hour(&world, "prod").await;
    let refused: Vec<_> =
        asked(&world, "DeleteDeployment").into_iter().filter(|(_, status)| *status == Some(400)).collect();
    assert_eq!(refused, [(ids["r1"].clone(), Some(400))], "{}", world.tell("prod").await);
    assert_eq!(world.ready("prod").await.0, "True Synced");
    assert_eq!(by_revision(&world).into_keys().collect::<Vec<_>>(), ["r1", "r3", "r4"], "r2 went all the same");
    assert_eq!(world.events("prod").await.len(), told + 1, "only r2 is told");
    world.assert_rest("prod").await;
    step("the hand moves on, and an hour later it goes");
    let back = json!({ "op": "replace", "path": "/deploymentId", "value": ids["r4"] });
    world.simulator.patch_stage_by_hand(&world.api, "hand", &[back]).unwrap();
    after_an_hour(&world, "prod").await;
    assert_eq!(by_revision(&world).into_keys().collect::<Vec<_>>(), ["r3", "r4"]);
}

#[tokio::test]
async fn a_deployment_that_somebody_deletes_is_offered_no_more() {
    let world = World::new().await;
    for n in 1..=3 {
        release(&world, "prod", prod(&world, &format!("r{n}"))).await;
    }
    let gone = by_revision(&world)["r1"].clone();
    by_hand(&world, &Method::DELETE, &format!("deployments/{gone}"), &Value::Null);
    step("a rollback to it is refused with a sentence");
    world.annotate("prod", "rollback/r1/1").await;
    world.rest("prod").await;
    let refused = world.status("prod").await.last_command.unwrap();
    assert_eq!(serde_json::to_value(refused.state).unwrap(), "Refused");
    assert_eq!(refused.message, "the deployment of r1 was deleted: name another");
    step("an hour later the history offers it no more");
    after_an_hour(&world, "prod").await;
    let history = world.status("prod").await.history;
    assert!(history.iter().all(|entry| entry.target.revision != Some("r1".into())), "{history:?}");
    assert!(world.event_reasons("prod").await.contains(&"DeploymentGone".to_owned()));
    world.assert_rest("prod").await;
    step("a revision or an id that names it says so");
    world.apply("prod", prod(&world, "r1")).await.unwrap();
    world.rest("prod").await;
    assert_eq!(world.ready("prod").await.0, "False RevisionGone");
    world.apply("prod", json!({ "restApiId": world.api, "stageName": "prod", "deploymentId": gone })).await.unwrap();
    world.pass("prod").await.unwrap();
    assert_eq!(world.ready("prod").await.0, "False DeploymentNotFound");
    release(&world, "prod", prod(&world, "r2")).await;
}

#[tokio::test]
async fn a_deployment_says_what_became_of_it() {
    let mut world = World::new().await;
    let mut spec = spec(&world, "prod", "r1");
    spec["deploymentDescription"] = json!("Orders, build 1");
    release(&world, "prod", spec.clone()).await;
    assert_eq!(says(&world, "r1"), "Orders, build 1");
    assert_eq!(asked(&world, "UpdateDeployment"), [], "the text comes with the snapshot");
    step("released, and rolled back by command");
    spec["revision"] = json!("r2");
    spec["deploymentDescription"] = json!("Orders, build 2");
    release(&world, "prod", spec.clone()).await;
    assert_eq!(says(&world, "r2"), "Orders, build 2 result=Promoted");
    world.annotate("prod", "rollback/-/1").await;
    world.rest("prod").await;
    assert_eq!(says(&world, "r2"), "Orders, build 2 result=Rejected", "{}", world.tell("prod").await);
    assert_eq!(says(&world, "r1"), "Orders, build 2 result=Promoted", "the text is that of the spec");
    world.assert_rest("prod").await;

    step("the object is restored without its status: what its owner rejected does not ship by itself");
    world.lose("prod").await;
    world.restart().await;
    world.apply("prod", spec).await.unwrap();
    world.rest("prod").await;
    assert_eq!(world.ready("prod").await.0, "False ReleaseFailed", "{}", world.tell("prod").await);
    assert_eq!(world.stage("prod").unwrap()["deploymentId"], by_revision(&world)["r1"].as_str());
    world.assert_rest("prod").await;
}

#[tokio::test]
async fn a_description_that_cannot_be_written_disturbs_nothing() {
    /// What goes wrong with the call.
    type Fault = fn(&World);
    let faults: [(&str, Fault); 5] = [
        ("denied", |world| world.simulator.faults().on("UpdateDeployment").always().error(403, BeforeTheEffect)),
        ("refused", |world| world.simulator.faults().on("UpdateDeployment").always().error(400, BeforeTheEffect)),
        ("throttled", |world| world.simulator.faults().on("UpdateDeployment").always().error(429, BeforeTheEffect)),
        ("lost before", |world| {
            world.simulator.faults().on("UpdateDeployment").always().drop_connection(BeforeTheEffect);
        }),
        ("lost after", |world| {
            world.simulator.faults().on("UpdateDeployment").times(1).drop_connection(AfterTheEffect);
        }),
    ];
    for (case, fault) in faults {
        let world = World::new().await;
        release(&world, "prod", spec(&world, "prod", "r1")).await;
        fault(&world);
        release(&world, "prod", spec(&world, "prod", "r2")).await;
        let asked_once = asked(&world, "UpdateDeployment").len();
        assert_eq!(asked_once, 1, "{case}: once, and not again and again");
        let warnings: Vec<_> =
            world.event_reasons("prod").await.into_iter().filter(|reason| reason == "Blocked").collect();
        assert_eq!(warnings, [""; 0], "{case}");
        world.simulator.faults().clear();
        after_an_hour(&world, "prod").await;
        assert_eq!(says(&world, "r2"), "result=Promoted", "{case}: {}", world.tell("prod").await);
        world.assert_rest("prod").await;
    }
}

#[tokio::test]
async fn a_release_tells_what_it_changes_about_the_api() {
    let world = World::new().await;
    release(&world, "maps", spec(&world, "maps", "m8")).await;
    world.simulator.add_method(&world.api, "/tiles/{z}", "GET").unwrap();
    world.simulator.add_method(&world.api, "/styles", "GET").unwrap();
    release(&world, "maps", spec(&world, "maps", "m9")).await;
    let ids = by_revision(&world);
    let changes = world.status("maps").await.release.unwrap().changes.unwrap();
    assert_eq!(changes.methods_added, ["GET /styles", "GET /tiles/{z}"]);
    let events = world.events("maps").await;
    let told = events.iter().find(|event| event.reason.as_deref() == Some("ApiChanged")).unwrap();
    assert_eq!(
        told.note.as_deref().unwrap(),
        format!(
            "m9.2: m8 (deployment {}) -> m9 (deployment {}); 2 methods added: GET /styles, GET /tiles/{{z}}.",
            ids["m8"], ids["m9"]
        )
    );
    assert_eq!(asked(&world, "GetDeployment").len(), 2, "both sides, once");

    step("back to m8: what is known is not read again, and what goes is a warning");
    release(&world, "maps", spec(&world, "maps", "m8")).await;
    assert_eq!(asked(&world, "GetDeployment").len(), 2);
    let changes = world.status("maps").await.release.unwrap().changes.unwrap();
    assert_eq!(changes.methods_removed, ["GET /styles", "GET /tiles/{z}"]);
    let events = world.events("maps").await;
    assert!(
        events
            .iter()
            .any(|event| event.reason.as_deref() == Some("ApiChanged") && event.type_.as_deref() == Some("Warning"))
    );

    step("methods that cannot be read hold nothing up");
    world.simulator.faults().on("GetDeployment").always().error(403, BeforeTheEffect);
    release(&world, "maps", spec(&world, "maps", "m10")).await;
    assert_eq!(world.status("maps").await.release.unwrap().changes, None);
    world.assert_rest("maps").await;
}

#[tokio::test]
async fn what_is_imported_within_the_snapshot_delay_is_in_the_snapshot() {
    let world = World::new().await;
    let mut spec = spec(&world, "prod", "r1");
    spec["snapshotDelay"] = json!("2m");
    world.apply("prod", spec).await.unwrap();
    let passed = world.pass("prod").await.unwrap();
    assert!(passed.wake_up_in.unwrap() <= Duration::from_mins(2));
    let (ready, message) = world.ready("prod").await;
    assert_eq!(ready, "False Releasing");
    assert!(message.contains("waits for spec.snapshotDelay"), "{message}");
    assert_eq!(world.snapshots().len(), 0);
    world.pass_time(Duration::from_mins(1));
    world.pass("prod").await.unwrap();
    assert_eq!(world.snapshots().len(), 0, "not yet");
    world.simulator.add_method(&world.api, "/late", "GET").unwrap();
    world.rest("prod").await;
    assert_eq!(world.ready("prod").await.0, "True Synced");
    let id = world.stage("prod").unwrap()["deploymentId"].as_str().unwrap().to_owned();
    let methods = by_hand(&world, &Method::GET, &format!("deployments/{id}?embed=apisummary"), &Value::Null);
    assert!(methods["apiSummary"]["/late"]["GET"].is_object(), "{methods}");
    world.assert_rest("prod").await;
}

#[tokio::test]
async fn an_account_without_a_log_role_is_tidied_up_all_the_same() {
    let world = World::new().await;
    for revision in ["r1", "r2", "r3"] {
        let mut spec = spec(&world, "prod", revision);
        spec["deploymentHistoryLimit"] = json!(1);
        spec["methodSettings"] = json!([{ "resourcePath": "*", "httpMethod": "*", "loggingLevel": "ERROR" }]);
        world.apply("orders", spec).await.unwrap();
        world.rest("orders").await;
        assert_eq!(world.ready("orders").await.0, "False LogsRoleMissing", "{}", world.tell("orders").await);
    }
    assert_eq!(says(&world, "r3"), "result=Promoted", "{}", world.tell("orders").await);
    after_an_hour(&world, "orders").await;
    assert_eq!(by_revision(&world).into_keys().collect::<Vec<_>>(), ["r2", "r3"], "{}", world.tell("orders").await);
    assert_eq!(world.ready("orders").await.0, "False LogsRoleMissing");
}
