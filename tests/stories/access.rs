//! Access rules and roles, through the front door: who acts as whom, and what nobody is allowed.

use std::time::Duration;

use apigateway_simulator::{BeforeTheEffect, FaultKind};
use http::Method;
use kube::api::PostParams;
use serde_json::{Value, json};
use stagecraft_core::access::{Allowed, Pattern, Policy, RoleArn, Rule};
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::api::stage::ApiStage;

use crate::support::{World, step};

const ORDERS: &str = "111111111111";

/// A rule for the story's own namespace.
fn rule(world: &World, api: &str, role: Option<&str>) -> Rule {
    Rule {
        namespace: Pattern::parse(world.namespace()).unwrap(),
        role: role.map(|account| RoleArn::parse(&format!("arn:aws:iam::{account}:role/stagecraft")).unwrap()),
        rest_apis: Allowed::These([RestApiId::from(api)].into()),
        regions: Allowed::These([Region::from("eu-west-1")].into()),
        adoption: false,
    }
}

fn spec(api: &str) -> Value {
    json!({ "restApiId": api, "stageName": "prod", "revision": "r1" })
}

/// A REST API with a method, in an account of its own.
fn api_of_orders(world: &World) -> String {
    let scope = world.simulator.scope(ORDERS, "eu-west-1");
    let made = scope.send(&Method::POST, "/restapis", &json!({ "name": "orders" })).unwrap();
    let api = made["id"].as_str().unwrap().to_owned();
    scope.add_method(&api, "/orders", "GET").unwrap();
    world.simulator.reset_calls();
    api
}

#[tokio::test]
async fn an_object_lives_in_the_account_of_its_rule() {
    let mut world = World::new().await;
    let api = api_of_orders(&world);
    world.access = Policy::Rules(vec![rule(&world, &api, Some(ORDERS))]);
    world.restart().await;
    world.apply("orders", spec(&api)).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    let status = world.status("orders").await;
    assert_eq!(status.account_id, Some(ORDERS.into()));
    assert_eq!(status.execution_arn, Some(format!("arn:aws:execute-api:eu-west-1:{ORDERS}:{api}/prod")));
    let stage = world.simulator.scope(ORDERS, "eu-west-1").stage(&api, "prod").unwrap();
    assert_eq!(stage["tags"]["stagecraft.dev/owner"], format!("story/{}/orders", world.namespace()));
    let calls = world.simulator.calls();
    let sts: Vec<_> = calls.iter().filter(|call| call.info.service == "sts").collect();
    assert_eq!(sts.len(), 1, "one AssumeRole, and whose account it is needs no question");
    assert_eq!(sts[0].info.body["RoleSessionName"], format!("stagecraft-story-{}", world.namespace()));
    let accounts: Vec<_> =
        calls.iter().filter(|call| call.info.service != "sts").map(|call| &call.info.account).collect();
    assert!(accounts.iter().all(|account| *account == ORDERS), "{accounts:?}");
    world.assert_rest("orders").await;

    step("the role's sessions are revoked in the middle of a release");
    let message = "The security token included in the request is expired".to_owned();
    let expired = FaultKind::Refusal { status: 403, code: "ExpiredTokenException".to_owned(), message };
    world.simulator.faults().on("CreateDeployment").call(1).fault(BeforeTheEffect, expired.clone());
    world.simulator.faults().on("GetStages").call(1).fault(BeforeTheEffect, expired);
    let mut changed = spec(&api);
    changed["revision"] = json!("r2");
    world.apply("orders", changed).await.unwrap();
    world.pass("orders").await.unwrap();
    assert_eq!(world.ready("orders").await.0, "True Synced", "in one pass: {}", world.tell("orders").await);
    assert_eq!(world.simulator.scope(ORDERS, "eu-west-1").deployments(&api).len(), 2);

    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none(), "{}", world.tell("orders").await);
    assert_eq!(world.simulator.scope(ORDERS, "eu-west-1").stages(&api), Vec::<Value>::new());
}

#[tokio::test]
async fn what_no_rule_allows_costs_no_call_and_is_let_go() {
    let mut world = World::new().await;
    let api = world.api.clone();
    world.access = Policy::Rules(vec![rule(&world, "zzzzzzzzzz", None)]);
    world.restart().await;
    world.simulator.reset_calls();
    world.apply("orders", spec(&api)).await.unwrap();
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False NotAllowed");
    assert!(message.contains(&format!("does not allow REST API {api}. Correct the REST API")), "{message}");
    assert_eq!(world.simulator.calls().len(), 0, "not even whose credentials they are");
    assert_eq!(world.event_reasons("orders").await, ["Blocked"]);
    world.assert_rest("orders").await;

    step("the rules change, and the operator starts anew");
    world.access = Policy::Rules(vec![rule(&world, &api, None)]);
    world.restart().await;
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);

    step("they change back while the object is being deleted");
    world.access = Policy::Rules(vec![rule(&world, "zzzzzzzzzz", None)]);
    world.restart().await;
    world.simulator.reset_calls();
    world.delete("orders").await;
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False DeletionBlocked");
    assert!(message.contains("does not allow REST API") && message.contains("deletionPolicy to Retain"), "{message}");
    assert_eq!(world.simulator.calls().len(), 0);
    let mut retained = spec(&api);
    retained["deletionPolicy"] = json!("Retain");
    world.apply("orders", retained).await.unwrap();
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none());
    assert_eq!(world.simulator.calls().len(), 0);
    assert!(world.stage("prod").is_some());
}

#[tokio::test]
async fn an_object_that_may_do_nothing_keeps_nobody_from_the_stage() {
    let mut world = World::new().await;
    let api = world.api.clone();
    step("somebody in another namespace names the stage first");
    let elsewhere = world.elsewhere().await;
    let squatter = ApiStage::new("squatter", serde_json::from_value(spec(&api)).unwrap());
    let squatter = elsewhere.create(&PostParams::default(), &squatter).await.unwrap();
    world.apply_later("orders", spec(&api), &squatter).await;
    world.pass("orders").await.unwrap();
    assert_eq!(world.ready("orders").await.0, "False NotOldest", "without rules the first one governs");

    step("rules that let only one of the two near the API");
    world.access = Policy::Rules(vec![rule(&world, &api, None)]);
    world.restart().await;
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
}

#[tokio::test]
async fn an_object_that_acts_in_another_account_keeps_nobody_from_the_stage() {
    let mut world = World::new().await;
    let api = world.api.clone();
    let elsewhere = world.elsewhere().await;
    step("a namespace with a role in another account names this account's REST API first");
    let foreign = ApiStage::new("squatter", serde_json::from_value(spec(&api)).unwrap());
    let foreign = elsewhere.create(&PostParams::default(), &foreign).await.unwrap();
    let everything = |namespace: &str, role: Option<&str>| Rule {
        namespace: Pattern::parse(namespace).unwrap(),
        rest_apis: Allowed::All,
        ..rule(&world, &api, role)
    };
    let theirs = everything(&foreign.metadata.namespace.clone().unwrap(), Some(ORDERS));
    world.access = Policy::Rules(vec![theirs, everything(world.namespace(), None)]);
    world.restart().await;
    world.simulator.reset_calls();
    world.simulator.faults().on("GetCallerIdentity").call(1).times(1).error(503, BeforeTheEffect);
    world.apply_later("orders", spec(&api), &foreign).await;
    world.pass("orders").await.unwrap();
    assert_eq!(
        world.ready("orders").await.0,
        "False NotOldest",
        "while nobody knows whose the operator's credentials are"
    );
    assert_eq!(world.writes(), [""; 0]);
    world.pass_time(Duration::from_mins(1));
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
}

#[tokio::test]
async fn another_role_of_another_account_is_not_another_stage() {
    let mut world = World::new().await;
    let api = world.api.clone();
    world.apply("orders", spec(&api)).await.unwrap();
    world.rest("orders").await;
    world.access = Policy::Rules(vec![rule(&world, &api, Some(ORDERS))]);
    world.restart().await;
    world.simulator.reset_calls();
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False IdentityChanged", "{}", world.tell("orders").await);
    assert!(
        message.contains("in account 123456789012, but the operator's credentials belong to account 111111111111"),
        "{message}"
    );
    world.delete("orders").await;
    world.pass("orders").await.unwrap();
    assert_eq!(world.ready("orders").await.0, "False DeletionBlocked", "absent there is not gone");
    assert_eq!(world.calls(), [""; 0]);
    assert!(world.stage("prod").is_some());
}
