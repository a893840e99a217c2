//! P13: from the chart that people run to this one. What they have in the cluster stays as it is, to the resourceVersion.

use std::path::Path;

use serde_json::{Value, json};
use testbed::ControlPlane;

use crate::world::{CHART, control_plane, helm, kubectl, kubectl_with, step};

/// What people run: see the README beside it.
const PREVIOUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/previous/stagecraft-0.1.0.tgz");

const OBJECTS: [&str; 3] = ["apistage/orders-prod", "apicanary/orders-prod", "apigatewayresponse/throttled"];

#[tokio::test]
async fn an_upgrade_from_the_previous_chart_changes_no_object() {
    let plane = control_plane().await;
    step("install the previous chart, and use it");
    let at = ["--namespace", "stagecraft"];
    helm(&plane, &[&["install", "stagecraft", PREVIOUS, "--create-namespace"][..], &at].concat()).await;
    let manifest = json!({ "apiVersion": "v1", "kind": "List", "items": objects() }).to_string();
    kubectl_with(&plane, &["apply", "-f", "-"], &manifest).await;
    for (object, status) in OBJECTS.iter().zip(statuses()) {
        let status = json!({ "status": status }).to_string();
        kubectl(&plane, &["patch", object, "--subresource=status", "--type=merge", "-p", &status]).await;
    }
    let before = all(&plane).await;
    for object in before["items"].as_array().unwrap() {
        assert_eq!(object["status"]["observedGeneration"], 1, "what is compared is there: {object}");
    }
    let old = definitions(&plane).await;

    step("upgrade to this chart");
    helm(&plane, &[&["upgrade", "stagecraft", CHART][..], &at].concat()).await;
    assert_eq!(all(&plane).await, before, "spec, status, generation, resourceVersion, finalizers");
    let new = definitions(&plane).await;
    step(if old == new { "the definitions are those of the previous chart" } else { "with other definitions" });
    assert_eq!(new, wanted(&plane).await, "the definitions are those of crds/");
    let again = kubectl_with(&plane, &["apply", "-f", "-"], &manifest).await;
    assert_eq!(again.matches("unchanged").count(), OBJECTS.len(), "what was accepted still is: {again}");

    step("uninstall");
    let output = plane.helm([&["uninstall", "stagecraft"][..], &at].concat()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(all(&plane).await, before, "they outlive the release");
    assert_eq!(definitions(&plane).await, new);
}

async fn all(plane: &ControlPlane) -> Value {
    let get = [&["get"][..], &OBJECTS, &["-o", "json", "--show-managed-fields"]].concat();
    serde_json::from_str(&kubectl(plane, &get).await).unwrap()
}

/// The specs of our definitions, as the API server has them.
async fn definitions(plane: &ControlPlane) -> Vec<Value> {
    specs(&kubectl(plane, &["get", "crds", "-o", "json"]).await)
}

/// The specs of `crds/`, as the API server would have them.
async fn wanted(plane: &ControlPlane) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let replace = ["replace", "--dry-run=server", "-o", "json", "-f", &folder.to_string_lossy()];
    specs(&kubectl(plane, &replace).await)
}

/// Of a list, or of objects one after the other.
fn specs(objects: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_json::Deserializer::from_str(objects).into_iter().map(Result::unwrap).collect();
    let objects = objects.iter().flat_map(|object| match object["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![object.clone()],
    });
    let mut specs: Vec<_> = objects.map(|object| object["spec"].clone()).collect();
    specs.sort_by_key(|spec| spec["names"]["kind"].to_string());
    assert_eq!(specs.len(), OBJECTS.len(), "{specs:#?}");
    specs
}

fn objects() -> [Value; 3] {
    let object = |kind: &str, name: &str, spec: Value| {
        let metadata = json!({ "name": name, "namespace": "default", "finalizers": ["stagecraft.dev/finalizer"] });
        json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
    };
    let stage = json!({
        "restApiId": "a1b2c3d4e5", "region": "eu-west-1", "stageName": "prod", "revision": "r2", "releasePolicy": "Canary",
        "description": "Orders", "variables": { "backend": "green" }, "tags": { "team": "orders" },
        "cacheClusterEnabled": true, "cacheClusterSize": "0.5", "adoptionPolicy": "IfExists", "deletionPolicy": "Retain",
        "methodSettings": [{ "resourcePath": "*", "httpMethod": "*", "throttlingBurstLimit": 10 }],
    });
    let canary = json!({
        "stageRef": { "name": "orders-prod" },
        "steps": [{ "setPercent": 5, "hold": "10m" }, { "setPercent": 50, "approval": "Required" }],
        "analysis": { "metrics": [
            { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
            { "name": "slow", "apiGateway": { "metric": "LatencyP99" }, "maxRatio": 1.3 },
        ] },
    });
    let response = json!({
        "restApiId": "a1b2c3d4e5", "responseType": "THROTTLED", "statusCode": "429",
        "responseParameters": { "gatewayresponse.header.Retry-After": "'5'" },
    });
    [
        object("ApiStage", "orders-prod", stage),
        object("ApiCanary", "orders-prod", canary),
        object("ApiGatewayResponse", "throttled", response),
    ]
}

/// A release in the middle, as the operator of that chart wrote it.
fn statuses() -> [Value; 3] {
    let then = "2026-11-22T12:00:00Z";
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "as it was", "lastTransitionTime": then,
            "observedGeneration": 1,
        })
    };
    let (r1, r2) = (
        json!({ "revision": "r1", "attempt": 1, "deploymentId": "evr733", "variablesHash": "c20dc713a1fc1452" }),
        json!({ "revision": "r2", "attempt": 1, "deploymentId": "ac45vs", "variablesHash": "a1b2c3d4e5f60718" }),
    );
    let stage = json!({
        "observedGeneration": 1, "appliedGeneration": 1, "restApiId": "a1b2c3d4e5", "region": "eu-west-1",
        "accountId": "123456789012", "stageName": "prod", "revision": "r1", "deploymentId": "evr733", "releases": 2,
        "managed": ["description", "variables[backend]"],
        "canary": { "deploymentId": "ac45vs", "percentTraffic": 5 },
        "release": {
            "id": "r2.2", "how": "Canary", "phase": "Progressing", "target": r2, "stable": r1, "startedAt": then, "step": 1,
            "stepStartedAt": then, "trafficChangedAt": then, "ceiling": 5,
        },
        "conditions": [condition("Ready", "False", "Releasing"), condition("Reconciling", "True", "Releasing")],
    });
    let canary = json!({
        "observedGeneration": 1, "phase": "Progressing",
        "release": {
            "id": "r2.2", "revision": "r2", "startedAt": then, "step": 1, "steps": 2, "progress": "1/2", "percent": 5,
            "checkSummary": "1 pass, 0 fail",
        },
        "conditions": [condition("Ready", "False", "Releasing")],
    });
    let response = json!({
        "observedGeneration": 1, "restApiId": "a1b2c3d4e5", "region": "eu-west-1", "responseType": "THROTTLED",
        "conditions": [condition("Ready", "True", "Synced")],
    });
    [stage, canary, response]
}
