//! What schema and CEL can refuse, the apiserver refuses with a sentence that says what to do.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::World;

/// What the apiserver says to a spec.
async fn refusal(world: &World, name: &str, spec: Value) -> String {
    match world.apply(name, spec).await {
        Err(kube::Error::Api(status)) => status.message,
        other => panic!("{name} was not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_apiserver_refuses_with_a_sentence() {
    let world = World::new().await;
    let cases = [
        ("no-api", json!({}), "spec.restApiId is missing: set it to the id of the REST API, such as a1b2c3d4e5"),
        (
            "two-apis",
            json!({ "restApiId": "a1b2c3d4e5", "restApiIdFrom": { "configMapKeyRef": { "name": "apis", "key": "orders" } } }),
            "spec.restApiId and spec.restApiIdFrom exclude each other",
        ),
        (
            "both",
            json!({ "restApiId": "a1b2c3d4e5", "revision": "r1", "deploymentId": "abc123" }),
            "spec.revision and spec.deploymentId exclude each other: keep the one that names what the stage shall serve.",
        ),
        (
            "blank",
            json!({ "restApiId": "a1b2c3d4e5", "variables": { "backend": "blue green" } }),
            "a value in spec.variables holds a character that API Gateway refuses",
        ),
        (
            "key",
            json!({ "restApiId": "a1b2c3d4e5", "variables": { "back-end": "blue" } }),
            "a name in spec.variables holds something else than letters, digits and _",
        ),
        ("bracket", json!({ "restApiId": "a1b2c3d4e5", "revision": "r[1]" }), "spec.revision"),
        (
            "policy",
            json!({ "restApiId": "a1b2c3d4e5", "driftPolicy": "Ignore" }),
            "supported values: \"Correct\", \"Report\"",
        ),
        ("number", json!({ "restApiId": "a1b2c3d4e5", "suspend": "yes" }), "spec.suspend"),
        ("a.dot", json!({ "restApiId": "a1b2c3d4e5" }), "metadata.name cannot be a stage name"),
        ("stage", json!({ "restApiId": "a1b2c3d4e5", "stageName": "$default" }), "spec.stageName"),
    ];
    for (name, spec, sentence) in cases {
        let said = refusal(&world, name, spec).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[tokio::test]
async fn cache_and_method_settings_are_refused_with_a_sentence() {
    let world = World::new().await;
    let cases = [
        (
            "delay",
            json!({ "restApiId": "a1b2c3d4e5", "snapshotDelay": "5 minutes" }),
            "this is no span of time: write hours, minutes and seconds in this order, such as 30s, 5m or 1h30m.",
        ),
        (
            "size",
            json!({ "restApiId": "a1b2c3d4e5", "cacheClusterSize": "0.5" }),
            "spec.cacheClusterSize needs spec.cacheClusterEnabled: true",
        ),
        (
            "gigabytes",
            json!({ "restApiId": "a1b2c3d4e5", "cacheClusterEnabled": true, "cacheClusterSize": "2" }),
            "supported values: \"0.5\", \"1.6\", \"6.1\", \"13.5\", \"28.4\", \"58.2\", \"118\", \"237\"",
        ),
        (
            "star",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [{ "resourcePath": "*", "httpMethod": "GET" }] }),
            "use * for both resourcePath and httpMethod, or a path with a method",
        ),
        (
            "escaped",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [{ "resourcePath": "/~1pets", "httpMethod": "GET" }] }),
            "~1 is not needed, escaping is ours",
        ),
        (
            "slash",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [{ "resourcePath": "/pets/", "httpMethod": "GET" }] }),
            "with a leading / and none at the end",
        ),
        (
            "verb",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [{ "resourcePath": "/pets", "httpMethod": "get" }] }),
            "spec.methodSettings[0].httpMethod: Unsupported value: \"get\"",
        ),
        (
            "twice",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [
                { "resourcePath": "/pets", "httpMethod": "GET" }, { "resourcePath": "/pets", "httpMethod": "GET" },
            ] }),
            "duplicate",
        ),
        (
            "burst",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [
                { "resourcePath": "*", "httpMethod": "*", "throttlingBurstLimit": -2 },
            ] }),
            "throttlingBurstLimit in body should be greater than or equal to -1",
        ),
        (
            "ttl",
            json!({ "restApiId": "a1b2c3d4e5", "methodSettings": [
                { "resourcePath": "*", "httpMethod": "*", "cacheTtlInSeconds": 3601 },
            ] }),
            "cacheTtlInSeconds in body should be less than or equal to 3600",
        ),
    ];
    for (name, spec, sentence) in cases {
        let said = refusal(&world, name, spec).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[tokio::test]
async fn logs_and_tags_are_refused_with_a_sentence() {
    let world = World::new().await;
    let cases = [
        (
            "log-id",
            json!({ "restApiId": "a1b2c3d4e5", "accessLogSettings": {
                "destinationArn": "arn:aws:logs:eu-west-1:123456789012:log-group:orders", "format": "$context.status",
            } }),
            "must hold $context.requestId or $context.extendedRequestId",
        ),
        (
            "log-lines",
            json!({ "restApiId": "a1b2c3d4e5", "accessLogSettings": {
                "destinationArn": "arn:aws:logs:eu-west-1:123456789012:log-group:orders:*",
                "format": "$context.requestId\n$context.status\n",
            } }),
            "must be one line",
        ),
        (
            "log-arn",
            json!({ "restApiId": "a1b2c3d4e5", "accessLogSettings": {
                "destinationArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders",
                "format": "$context.requestId",
            } }),
            "a Firehose stream whose name begins with amazon-apigateway-",
        ),
        (
            "tag-aws",
            json!({ "restApiId": "a1b2c3d4e5", "tags": { "aws:team": "shop" } }),
            "begins with aws:, which AWS keeps for itself",
        ),
        (
            "tag-owner",
            json!({ "restApiId": "a1b2c3d4e5", "tags": { "stagecraft.dev/owner": "me" } }),
            "marks the owner of a stage",
        ),
        (
            "tag-key",
            json!({ "restApiId": "a1b2c3d4e5", "tags": { "team\n": "shop" } }),
            "a key in spec.tags holds a character that AWS refuses",
        ),
        (
            "history",
            json!({ "restApiId": "a1b2c3d4e5", "deploymentHistoryLimit": 0 }),
            "deploymentHistoryLimit in body should be greater than or equal to 1",
        ),
    ];
    for (name, spec, sentence) in cases {
        let said = refusal(&world, name, spec).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[tokio::test]
async fn identity_cannot_be_changed_nor_removed_nor_added() {
    let world = World::new().await;
    let api = &world.api;
    let with = json!({ "restApiId": api, "region": "eu-west-1", "stageName": "prod" });
    let without = json!({ "restApiId": api });
    world.apply("with", with.clone()).await.unwrap();
    world.apply("without", without.clone()).await.unwrap();
    let cases = [
        ("with", json!({ "restApiId": api, "region": "eu-central-1", "stageName": "prod" }), "spec.region"),
        ("with", json!({ "restApiId": api, "stageName": "prod" }), "spec.region"),
        ("with", json!({ "restApiId": api, "region": "eu-west-1", "stageName": "test" }), "spec.stageName"),
        ("with", json!({ "restApiId": api, "region": "eu-west-1" }), "spec.stageName"),
        ("without", json!({ "restApiId": api, "region": "eu-west-1" }), "spec.region"),
        ("without", json!({ "restApiId": api, "stageName": "test" }), "spec.stageName"),
    ];
    for (name, spec, field) in cases {
        let said = refusal(&world, name, spec).await;
        assert!(
            said.contains(&format!("{field} cannot be set, changed or removed later: delete this ApiStage")),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_governed_stage_keeps_its_rest_api() {
    let world = World::new().await;
    world.apply("prod", json!({ "restApiId": world.api, "revision": "r1" })).await.unwrap();
    world.rest("prod").await;
    let other = world.simulator.create_rest_api("other");
    world.apply("prod", json!({ "restApiId": other, "revision": "r1" })).await.unwrap();
    world.rest("prod").await;
    let (ready, message) = world.ready("prod").await;
    assert_eq!(ready, "False IdentityChanged");
    assert!(
        message.starts_with(&format!(
            "spec.restApiId is {other}, but this ApiStage governs stage prod of REST API {}",
            world.api
        )),
        "{message}"
    );
    assert_eq!(world.simulator.deployments(&other).len(), 0);
    world.assert_rest("prod").await;
}

#[tokio::test]
async fn a_field_is_declared_or_absent_and_never_null() {
    let world = World::new().await;
    let said = refusal(&world, "prod", json!({ "restApiId": world.api, "revision": null })).await;
    assert!(said.contains("spec.revision in body must be of type string"), "{said}");
}

#[tokio::test]
async fn an_apply_without_status_or_defaults_changes_nothing_in_spec() {
    let world = World::new().await;
    let spec = json!({ "restApiId": world.api });
    world.apply("prod", spec.clone()).await.unwrap();
    world.rest("prod").await;
    let object = world.get("prod").await.unwrap();
    assert_eq!(serde_json::to_value(&object.spec).unwrap(), spec, "nobody but the user writes into spec");
    let patch = json!({ "status": { "releases": 99 } });
    let params = PatchParams::default();
    world.objects().patch("prod", &params, &Patch::Merge(&patch)).await.unwrap();
    assert_eq!(world.status("prod").await.releases, Some(1), "status is a subresource");
}
