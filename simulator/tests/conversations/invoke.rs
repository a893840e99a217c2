//! Single requests to a deployed API.

use std::time::Duration;

use apigateway_simulator::{Behaviour, Traffic};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::aws_json::cloudwatch;
use crate::support::{START, World};

async fn invoke(world: &World, verb: &str, path: &str) -> (Response<Bytes>, Value) {
    let request =
        http::Request::builder().method(verb).uri(format!("/_simulator/invoke/{path}")).body(Bytes::new()).unwrap();
    let answer = world.simulator.handle(request).await.answer().unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap();
    (answer, body)
}

/// A stage with variables and a canary that overrides one and adds one; gives both deployments.
async fn canary(percent: &str) -> (World, String, String) {
    let world = World::new();
    world.simulator.add_method(&world.api, "/pets/{id}", "GET").unwrap();
    let stable = world.stage().await;
    let next = world.deploy().await;
    let list = json!([
        {"op": "replace", "path": "/variables/url", "value": "stable"},
        {"op": "replace", "path": "/variables/kept", "value": "yes"},
        {"op": "replace", "path": "/canarySettings/deploymentId", "value": next},
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": percent},
        {"op": "replace", "path": "/canarySettings/stageVariableOverrides/url", "value": "canary"},
        {"op": "replace", "path": "/canarySettings/stageVariableOverrides/only", "value": "there"},
    ]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
    (world, stable, next)
}

#[tokio::test]
async fn the_canary_sees_the_variables_united_with_its_overrides_and_production_its_own() {
    for (percent, is_canary, variables) in [
        ("100.0", true, json!({"kept": "yes", "only": "there", "url": "canary"})),
        ("0.0", false, json!({"kept": "yes", "url": "stable"})),
    ] {
        let (world, stable, next) = canary(percent).await;
        let (answer, body) = invoke(&world, "GET", &format!("{}/prod/pets/7", world.api)).await;
        let deployment = if is_canary { next } else { stable };
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-simulator-deployment-id"], deployment.as_str());
        assert_eq!(
            (&body["deploymentId"], &body["isCanaryRequest"], &body["stageVariables"], &body["resource"]),
            (&json!(deployment), &json!(is_canary), &variables, &json!("/pets/{id}"))
        );
    }
}

#[tokio::test]
async fn requests_are_split_by_percent() {
    let (world, _, _) = canary("25").await;
    let mut canaries = 0;
    for _ in 0..1000 {
        canaries += i32::from(world.simulator.invoke(&world.api, "prod", "GET", "/").is_canary_request);
    }
    // Six standard deviations.
    assert!((250 - 83..=250 + 83).contains(&canaries), "{canaries}");
}

#[tokio::test]
async fn what_is_not_deployed_is_refused_as_api_gateway_does() {
    let (world, ..) = canary("0.0").await;
    for path in ["nope/prod/", &format!("{}/nope/", world.api)] {
        let (answer, body) = invoke(&world, "GET", path).await;
        assert_eq!((answer.status().as_u16(), body), (403, json!({"message": "Forbidden"})), "{path}");
        assert_eq!(answer.headers()["x-amzn-errortype"], "ForbiddenException");
    }
    let missing = format!("{}/prod/nope", world.api);
    let (answer, body) = invoke(&world, "GET", &missing).await;
    assert_eq!((answer.status().as_u16(), body), (403, json!({"message": "Missing Authentication Token"})));
    assert_eq!(answer.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    assert_eq!(invoke(&world, "POST", &format!("{}/prod/", world.api)).await.0.status(), 403);

    // A customised response reaches callers with the deployment that holds it, not before.
    let custom = json!({"statusCode": "404", "responseParameters": {"gatewayresponse.header.X-Why": "'gone'"},
        "responseTemplates": {"application/json": "{\"error\":$context.error.messageString}"}});
    world.send("PUT", "R/gatewayresponses/MISSING_AUTHENTICATION_TOKEN", &custom).await;
    assert_eq!(invoke(&world, "GET", &missing).await.0.status(), 403);
    let deployment = world.deploy().await;
    world.patch("R/stages/prod", json!([{"op": "replace", "path": "/deploymentId", "value": deployment}])).await;
    let (answer, body) = invoke(&world, "GET", &missing).await;
    assert_eq!((answer.status().as_u16(), body), (404, json!({"error": "Missing Authentication Token"})));
    assert_eq!(answer.headers()["x-why"], "gone");
}

async fn counted(world: &World, name: &str, stage: &str) -> Vec<f64> {
    let metric = json!({"Namespace": "AWS/ApiGateway", "MetricName": name, "Dimensions": [
        {"Name": "ApiName", "Value": "petstore"}, {"Name": "Stage", "Value": stage}]});
    let answer = cloudwatch(
        &world.simulator,
        "GetMetricData",
        &json!({
            "MetricDataQueries": [{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
            "StartTime": START, "EndTime": START + 3600,
        }),
    )
    .await;
    serde_json::from_value(answer["MetricDataResults"][0]["Values"].clone()).unwrap()
}

#[tokio::test]
async fn invocations_are_counted_on_their_side_after_cloudwatchs_delay() {
    let (world, _, next) = canary("100.0").await;
    let bad = Behaviour { error_rate_5xx: 1.0, ..Behaviour::default() };
    world.simulator.set_traffic(Traffic::to(&world.api, "prod").deployment(&next, bad)).unwrap();
    for _ in 0..5 {
        let (answer, _) = invoke(&world, "GET", &format!("{}/prod/", world.api)).await;
        assert_eq!(answer.status(), 500);
    }
    invoke(&world, "GET", &format!("{}/prod/nope", world.api)).await;
    invoke(&world, "GET", &format!("{}/nope/", world.api)).await;
    assert_eq!(counted(&world, "Count", "prod/Canary").await, [] as [f64; 0]);
    world.simulator.clock().advance(Duration::from_mins(5));
    assert_eq!(counted(&world, "Count", "prod/Canary").await, [6.0]);
    assert_eq!(counted(&world, "5XXError", "prod/Canary").await, [5.0]);
    assert_eq!(counted(&world, "4XXError", "prod/Canary").await, [1.0]);
    assert_eq!(counted(&world, "Count", "prod").await, [] as [f64; 0]);
}
