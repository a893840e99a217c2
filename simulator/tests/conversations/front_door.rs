//! The main path through the front door, and what every call has in common.

use crate::support::{ACCOUNT, START, Seen, World, request, request_by, seen};
use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, FaultKind, Moment, Reply};
use serde_json::{Value, json};

#[tokio::test]
async fn a_rest_api_becomes_a_stage_that_is_changed_and_deleted() {
    let world = World::new();
    let first = world.deploy().await;
    let body = json!({"stageName": "prod", "deploymentId": first, "variables": {"url": "a"}, "tags": {"team": "x"}});
    let stage = json!({
        "deploymentId": first, "stageName": "prod", "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "variables": {"url": "a"},
        "tracingEnabled": false, "tags": {"team": "x"}, "createdDate": START, "lastUpdatedDate": START,
    });
    assert_eq!(world.send("POST", "R/stages", &body).await, Seen::ok(201, stage.clone()));
    assert_eq!(world.get("R/stages/prod").await, Seen::ok(200, stage.clone()));
    assert_eq!(world.get("R/stages").await, Seen::ok(200, json!({"item": [stage]})));

    let second = world.deploy().await;
    world.simulator.clock().advance(std::time::Duration::from_mins(1));
    let moved = world
        .patch(
            "R/stages/prod",
            json!([
                {"op": "replace", "path": "/deploymentId", "value": second},
                {"op": "replace", "path": "/description", "value": "shop"},
                {"op": "remove", "path": "/variables/url"},
            ]),
        )
        .await;
    let mut expected = stage;
    expected["deploymentId"] = json!(second);
    expected["description"] = json!("shop");
    expected["lastUpdatedDate"] = json!(START + 60);
    expected.as_object_mut().unwrap().remove("variables");
    assert_eq!(moved, Seen::ok(200, expected));
    let in_use = world.send("DELETE", &format!("R/deployments/{second}"), &Value::Null).await;
    assert_eq!(in_use, Seen::bad_request("Active stages pointing to this deployment must be moved or deleted"));
    assert_eq!(world.send("DELETE", "R/stages/prod", &Value::Null).await, Seen::ok(202, Value::Null));
    assert_eq!(world.get("R/stages/prod").await, Seen::not_found("Invalid stage identifier specified"));
    let free = world.send("DELETE", &format!("R/deployments/{second}"), &Value::Null).await;
    assert_eq!(free, Seen::ok(202, Value::Null));
    assert_eq!(
        world.get("/restapis/UPPERCASE1/stages").await,
        Seen::not_found(&format!("Invalid API identifier specified {ACCOUNT}:UPPERCASE1"))
    );
}

#[tokio::test]
async fn what_is_not_known_is_never_a_silent_200() {
    let world = World::new();
    let unknown = world.get("/apikeys").await;
    assert_eq!(unknown, Seen::bad_request("Unknown operation: no operation answers GET /apikeys"));
    assert_eq!(world.send("PUT", "R/stages", &json!({})).await.status, 400);
    let invalid = world.send_raw("POST", "R/deployments", "{not json").await;
    assert_eq!((invalid.status, invalid.error.as_deref()), (400, Some("BadRequestException")));
    let list = world.send_raw("POST", "R/deployments", "[]").await;
    assert_eq!((list.status, list.error.as_deref()), (400, Some("SerializationException")));
    let large = world.send_raw("POST", "R/deployments", vec![b' '; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(large, Seen::bad_request("The request body has more than 10485760 bytes. Send a smaller one."));
    assert_eq!(world.simulator.deployments(&world.api), Vec::<Value>::new());
}

#[tokio::test]
async fn a_missing_or_malformed_signature_is_refused() {
    let world = World::new();
    let mut unsigned = request("GET", "/restapis", "");
    unsigned.headers_mut().remove("authorization");
    let refused = seen(world.simulator.handle(unsigned).await);
    assert_eq!(refused, Seen::refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token"));
    let mut malformed = request("GET", "/restapis", "");
    malformed.headers_mut().insert("authorization", http::HeaderValue::from_static("AWS4-HMAC-SHA256 nonsense"));
    let refused = seen(world.simulator.handle(malformed).await);
    assert_eq!((refused.status, refused.error.as_deref()), (403, Some("InvalidSignatureException")));
}

#[tokio::test]
async fn another_region_has_other_rest_apis() {
    let world = World::new();
    let elsewhere = request_by("AKIDEXAMPLE", "us-east-1", "GET", "/restapis", "");
    assert_eq!(seen(world.simulator.handle(elsewhere).await), Seen::ok(200, json!({"item": []})));
    assert_eq!(world.get("/restapis").await.body["item"][0]["name"], "petstore");
}

#[tokio::test]
async fn a_lost_reply_hides_an_effect_and_a_lost_request_has_none() {
    let world = World::new();
    world.simulator.faults().on("CreateDeployment").drop_connection(BeforeTheEffect);
    assert!(matches!(world.reply("POST", "R/deployments", "{}").await, Reply::Dropped));
    assert_eq!(world.simulator.deployments(&world.api).len(), 0);
    world.simulator.faults().on("CreateDeployment").drop_connection(AfterTheEffect);
    assert!(matches!(world.reply("POST", "R/deployments", "{}").await, Reply::Dropped));
    assert_eq!(world.simulator.deployments(&world.api).len(), 1);
    let calls = world.simulator.calls();
    let told: Vec<_> = calls.iter().map(|call| (call.status, call.effect, call.faults.join(", "))).collect();
    assert_eq!(
        told,
        [
            (None, false, "connection dropped before the effect".to_owned()),
            (None, true, "connection dropped after the effect".to_owned()),
        ]
    );
}

#[tokio::test]
async fn an_error_on_demand_comes_before_or_after_the_effect() {
    let world = World::new();
    let faults = world.simulator.faults();
    faults.on("CreateDeployment").error(429, BeforeTheEffect);
    let throttled = world.reply("POST", "R/deployments", "{}").await.answer().unwrap();
    assert_eq!(throttled.headers()["retry-after"], "1");
    assert_eq!(seen(Reply::Answer(throttled)), Seen::refusal(429, "TooManyRequestsException", "Too Many Requests"));
    faults.on("CreateDeployment").error(409, AfterTheEffect);
    assert_eq!(
        world.send("POST", "R/deployments", &json!({})).await,
        Seen::refusal(
            409,
            "ConflictException",
            "Unable to complete operation due to concurrent modification. Please try again later."
        )
    );
    assert_eq!(world.simulator.deployments(&world.api).len(), 1);
}

#[tokio::test]
async fn a_hook_sees_every_call_before_and_after_and_may_strike() {
    let world = World::new();
    let seen_calls = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&seen_calls);
    world.simulator.set_hook(move |call, moment| {
        log.lock().unwrap().push((call.sequence, call.operation, moment));
        (call.operation == "CreateDeployment" && moment == Moment::After).then_some(FaultKind::DropConnection)
    });
    assert!(matches!(world.reply("POST", "R/deployments", "{}").await, Reply::Dropped));
    world.get("R/deployments").await;
    assert_eq!(
        *seen_calls.lock().unwrap(),
        [
            (1, "CreateDeployment", Moment::Before),
            (1, "CreateDeployment", Moment::After),
            (2, "GetDeployments", Moment::Before),
            (2, "GetDeployments", Moment::After),
        ]
    );
    assert_eq!(world.simulator.deployments(&world.api).len(), 1);
}

#[tokio::test]
async fn the_call_log_reads_like_a_story() {
    let world = World::new();
    let deployment = world.stage().await;
    world.simulator.reset_calls();
    let operations = [json!({"op": "replace", "path": "/description", "value": "by hand"})];
    world.simulator.patch_stage_by_hand(&world.api, "prod", &operations).unwrap();
    world.patch("R/stages/prod", json!([{"op": "replace", "path": "/tags/x", "value": "y"}])).await;
    let calls = world.simulator.calls();
    let api = &world.api;
    assert_eq!(
        calls[0].line(),
        format!(
            "    1 2026-01-01T00:00:00Z UpdateStage  PATCH /restapis/{api}/stages/prod  200  \
         [replace /description by hand]  by console"
        )
    );
    assert_eq!((calls[1].status, calls[1].error.as_deref()), (Some(400), Some("BadRequestException")));
    assert_eq!(calls[1].info.patch(), ["replace /tags/x y"]);
    assert_eq!(calls[1].info.after("stages"), Some("prod"));
    assert_eq!(calls[1].info.caller.access_key_id.as_deref(), Some("AKIDEXAMPLE"));
    assert_eq!(world.simulator.stage(api, "prod").unwrap()["description"], "by hand");
    assert_eq!(world.simulator.stage(api, "prod").unwrap()["deploymentId"], json!(deployment));
}

#[tokio::test]
async fn the_call_log_forgets_the_oldest_before_it_grows_too_large() {
    let world = World::new();
    let large = json!({"description": "x".repeat(4 * 1024 * 1024)});
    for _ in 0..5 {
        world.send("POST", "R/deployments", &large).await;
    }
    world.get("R/deployments?limit=1").await;
    let calls = world.simulator.calls();
    let kept: Vec<_> = calls.iter().map(|call| (call.info.sequence, call.status)).collect();
    assert_eq!(kept, [(3, Some(201)), (4, Some(201)), (5, Some(201)), (6, Some(200))]);
    assert_eq!(world.simulator.call_counts()["CreateDeployment"], 5);
}

#[tokio::test]
async fn the_same_seed_and_the_same_calls_give_the_same_replies() {
    let play = async || {
        let world = World::new();
        world.stage().await;
        let reply = world.reply("GET", "R/stages/prod", "").await.answer().unwrap();
        (reply.headers()["x-amzn-requestid"].clone(), reply.into_body())
    };
    assert_eq!(play().await, play().await);
}
