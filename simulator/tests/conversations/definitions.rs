//! REST APIs and what belongs to their definition: resources, methods, integrations, documentation; deployments.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, START, Seen, World};

#[tokio::test]
async fn a_rest_api_shows_what_is_always_there_and_what_was_set() {
    let world = World::new();
    let plain = world.send("POST", "/restapis", &json!({"name": "plain"})).await;
    let (id, root) = (plain.body["id"].clone(), plain.body["rootResourceId"].clone());
    let view = json!({
        "id": id, "name": "plain", "createdDate": START, "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"}, "disableExecuteApiEndpoint": false,
        "rootResourceId": root,
    });
    assert_eq!(plain, Seen::ok(201, view.clone()));
    assert_eq!(id.as_str().unwrap().len(), 10);
    let path = format!("/restapis/{}", id.as_str().unwrap());
    assert_eq!(world.get(&path).await, Seen::ok(200, view.clone()));
    let upper = id.as_str().unwrap().to_uppercase();
    assert_eq!(
        world.get(&format!("/restapis/{upper}")).await,
        Seen::not_found(&format!("Invalid API identifier specified {ACCOUNT}:{upper}"))
    );
    let list = json!([
        {"op": "replace", "path": "/description", "value": "d"},
        {"op": "add", "path": "/binaryMediaTypes/image~1png"},
        {"op": "replace", "path": "/minimumCompressionSize", "value": "10"},
        {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
    ]);
    let mut updated = view;
    updated["description"] = json!("d");
    updated["binaryMediaTypes"] = json!(["image/png"]);
    updated["minimumCompressionSize"] = json!(10);
    updated["disableExecuteApiEndpoint"] = json!(true);
    updated["endpointConfiguration"]["types"] = json!(["REGIONAL"]);
    assert_eq!(world.get(&path).await.body.get("tags"), None);
    let reply = world.patch(&path, list).await;
    updated["tags"] = json!({});
    assert_eq!(reply, Seen::ok(200, updated));
    assert_eq!(world.send("DELETE", &path, &Value::Null).await, Seen::ok(202, Value::Null));
    assert_eq!(world.get(&path).await.status, 404);
}

#[rstest]
#[case::description(json!({"name": "x", "description": ""}), Seen::bad_request("Description cannot be an empty string"))]
#[case::name(json!({}), Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value null at 'createRestApiInput.name' failed to satisfy constraint: Member must not \
     be null"))]
#[case::address(json!({"name": "x", "endpointConfiguration": {"ipAddressType": "ipv5"}}),
    Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value 'ipv5' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to \
     satisfy constraint: Member must satisfy enum value set: [ipv4, dualstack]"))]
#[case::unknown_source(json!({"name": "x", "cloneFrom": "nope"}),
    Seen::not_found("Invalid API identifier specified 123456789012:nope"))]
#[tokio::test]
async fn a_bad_rest_api_is_not_made(#[case] body: Value, #[case] refusal: Seen) {
    let world = World::new();
    let before = world.simulator.dump();
    assert_eq!(world.send("POST", "/restapis", &body).await, refusal);
    assert_eq!(world.simulator.dump(), before);
}

#[tokio::test]
async fn private_apis_are_dualstack_and_bad_endpoint_types_are_refused_where_they_come() {
    let world = World::new();
    let body = json!({"name": "p", "endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}});
    let made = world.send("POST", "/restapis", &body).await.body;
    assert_eq!(
        made["endpointConfiguration"],
        json!({"types": ["PRIVATE"], "ipAddressType": "dualstack", "vpcEndpointIds": ["vpce-1"]})
    );
    let wrong = json!([{"op": "replace", "path": "/endpointConfiguration/types/REGIONAL", "value": "MOON"}]);
    let refused = world.patch("R", wrong).await;
    assert_eq!((refused.status, refused.error.as_deref()), (400, Some("BadRequestException")));
}

#[tokio::test]
async fn rest_apis_are_paged() {
    let world = World::new();
    let mut made = vec![world.api.clone()];
    for name in ["b", "c", "d"] {
        world.simulator.clock().advance(std::time::Duration::from_secs(1));
        made.push(world.simulator.create_rest_api(name));
    }
    let (mut ids, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = world.get(&format!("/restapis{query}")).await.body;
        ids.extend(page["item"].as_array().unwrap().iter().map(|api| api["id"].as_str().unwrap().to_owned()));
        let Some(position) = page.get("position") else { break };
        query = format!("?limit=3&position={}", position.as_str().unwrap());
    }
    assert_eq!(ids, made);
}

#[tokio::test]
async fn resources_methods_and_integrations_show_what_was_put() {
    let world = World::new();
    let root = world.get("R").await.body["rootResourceId"].as_str().unwrap().to_owned();
    let pets = world.send("POST", &format!("R/resources/{root}"), &json!({"pathPart": "pets"})).await;
    let id = pets.body["id"].as_str().unwrap().to_owned();
    let resource = json!({"id": id, "parentId": root, "pathPart": "pets", "path": "/pets"});
    assert_eq!(pets, Seen::ok(201, resource.clone()));
    let method = format!("R/resources/{id}/methods/GET");
    let put = world.send("PUT", &method, &json!({"authorizationType": "NONE"})).await;
    assert_eq!(put, Seen::ok(201, json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false})));
    assert_eq!(
        world.send("POST", "R/deployments", &json!({})).await,
        Seen::bad_request("No integration defined for method")
    );
    let integration = json!({"type": "MOCK", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
        "cacheNamespace": id, "cacheKeyParameters": []});
    let put = world.send("PUT", &format!("{method}/integration"), &json!({"type": "MOCK"})).await;
    assert_eq!(put, Seen::ok(201, integration.clone()));
    let response = world.send("PUT", &format!("{method}/responses/200"), &json!({})).await;
    assert_eq!(response, Seen::ok(201, json!({"statusCode": "200"})));
    let templates = json!({"responseTemplates": {"application/json": "{}"}, "selectionPattern": ""});
    let response = world.send("PUT", &format!("{method}/integration/responses/200"), &templates).await;
    assert_eq!(
        response,
        Seen::ok(
            201,
            json!({"statusCode": "200", "selectionPattern": "",
        "responseTemplates": {"application/json": "{}"}})
        )
    );
    let list = json!([{"op": "replace", "path": "/responseTemplates/application~1json", "value": "{\"a\":1}"}]);
    let response = world.patch(&format!("{method}/integration/responses/200"), list).await;
    let patched = json!({"statusCode": "200", "selectionPattern": "",
        "responseTemplates": {"application/json": "{\"a\":1}"}});
    assert_eq!(response, Seen::ok(200, patched.clone()));
    let mut whole = integration;
    whole["integrationResponses"] = json!({"200": patched});
    let whole = json!({"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": false,
        "methodResponses": {"200": {"statusCode": "200"}}, "methodIntegration": whole});
    assert_eq!(world.get(&method).await, Seen::ok(200, whole.clone()));
    let mut listed = resource;
    listed["resourceMethods"] = json!({"GET": {}});
    assert_eq!(world.get(&format!("R/resources/{id}")).await, Seen::ok(200, listed.clone()));
    listed["resourceMethods"] = json!({"GET": whole});
    assert_eq!(world.get(&format!("R/resources/{id}?embed=methods")).await, Seen::ok(200, listed));

    world.send("POST", &format!("R/resources/{id}"), &json!({"pathPart": "{id}"})).await;
    assert_eq!(world.get("R/resources").await.body["item"].as_array().unwrap().len(), 3);
    assert_eq!(world.send("DELETE", &format!("R/resources/{id}"), &Value::Null).await, Seen::ok(202, Value::Null));
    let left = world.get("R/resources").await.body["item"].clone();
    assert_eq!(left, json!([{"id": root, "path": "/", "resourceMethods": {"GET": {}}}]));
    assert_eq!(world.send("DELETE", &format!("R/resources/{root}/methods/GET"), &Value::Null).await.status, 204);
    assert_eq!(
        world.send("POST", "R/deployments", &json!({})).await,
        Seen::bad_request("The REST API doesn't contain any methods")
    );
}

#[rstest]
#[case::api("GET", "/restapis/nothing/resources/ROOT", "Invalid Resource identifier specified")]
#[case::resource("GET", "R/resources/nothing", "Invalid Resource identifier specified")]
#[case::method("GET", "R/resources/ROOT/methods/PUT", "Invalid Method identifier specified")]
#[case::integration_of_no_method(
    "GET",
    "R/resources/ROOT/methods/PUT/integration",
    "Invalid Method identifier specified"
)]
#[case::method_response("GET", "R/resources/ROOT/methods/GET/responses/200", "Invalid Response status code specified")]
#[case::integration_response(
    "GET",
    "R/resources/ROOT/methods/GET/integration/responses/200",
    "Invalid Response status code specified"
)]
#[case::deployment("GET", "R/deployments/nope", "Invalid Deployment identifier specified")]
#[case::deleted_deployment("DELETE", "R/deployments/nope", "Invalid Deployment identifier specified")]
#[case::stage("DELETE", "R/stages/nope", "Invalid stage identifier specified")]
#[case::flush("DELETE", "R/stages/nope/cache/data", "Invalid stage identifier specified")]
#[case::tags(
    "GET",
    "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Fnope",
    "Invalid API identifier specified \
    123456789012:nope"
)]
#[tokio::test]
async fn what_is_not_there_is_a_404_in_awss_words(#[case] verb: &str, #[case] path: &str, #[case] message: &str) {
    let world = World::new();
    let root = world.get("R").await.body["rootResourceId"].as_str().unwrap().to_owned();
    assert_eq!(world.send(verb, &path.replace("ROOT", &root), &Value::Null).await, Seen::not_found(message));
}

#[rstest]
#[case::enum_(json!({"type": "HTTPS_PROXY"}), Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy constraint: Member \
     must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"))]
#[case::type_(json!({"type": "MOCK", "uri": true}), Seen::refusal(400, "SerializationException",
    "class java.lang.Boolean can not be converted to an String"))]
#[case::timeout(json!({"type": "MOCK", "timeoutInMillis": 10}),
    Seen::bad_request("Timeout should be between 50 ms and 29000 ms"))]
#[tokio::test]
async fn a_bad_integration_is_refused(#[case] body: Value, #[case] refusal: Seen) {
    let world = World::new();
    let root = world.get("R").await.body["rootResourceId"].as_str().unwrap().to_owned();
    let path = format!("R/resources/{root}/methods/GET/integration");
    assert_eq!(world.send("PUT", &path, &body).await, refusal);
}

#[tokio::test]
async fn a_deployment_is_a_snapshot_with_a_description_at_most() {
    let world = World::new();
    let made = world.send("POST", "R/deployments", &json!({"description": "r1"})).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!(made, Seen::ok(201, json!({"id": id, "description": "r1", "createdDate": START})));
    assert_eq!(id.len(), 6);
    world.simulator.add_method(&world.api, "/pets/{id}", "POST").unwrap();
    let second = world.deploy().await;
    let none = json!({"authorizationType": "NONE", "apiKeyRequired": false});
    let with_summary = world.get(&format!("R/deployments/{id}?embed=apisummary")).await.body;
    assert_eq!(with_summary["apiSummary"], json!({"/": {"GET": none}}));
    let with_summary = world.get(&format!("R/deployments/{second}?embed=apisummary")).await.body;
    assert_eq!(with_summary["apiSummary"], json!({"/": {"GET": none}, "/pets/{id}": {"POST": none}}));
    let renamed = world
        .patch(
            &format!("R/deployments/{id}"),
            json!([{"op": "replace", "path": "/description",
        "value": "r2"}]),
        )
        .await;
    let renamed_view = json!({"id": id, "description": "r2", "createdDate": START});
    assert_eq!(renamed, Seen::ok(200, renamed_view.clone()));
    let listed = world.get("R/deployments").await.body;
    assert_eq!(listed, json!({"item": [renamed_view, {"id": second, "createdDate": START}]}));
    assert_eq!(world.simulator.stages(&world.api), Vec::<Value>::new());
}

#[rstest]
#[case("add", "/description")]
#[case("remove", "/description")]
#[case("move", "/description")]
#[case("copy", "/description")]
#[case("test", "/description")]
#[case("replace", "/stageName")]
#[tokio::test]
async fn nothing_else_of_a_deployment_can_be_changed(#[case] op: &str, #[case] path: &str) {
    let world = World::new();
    let id = world.deploy().await;
    let list = json!([{"op": op, "path": path, "value": "x", "from": "/description"}]);
    let refused = world.patch(&format!("R/deployments/{id}"), list).await;
    assert_eq!(refused, Seen::bad_request(&format!("Invalid patch path {path}")));
}

#[tokio::test]
async fn a_stage_name_creates_a_stage_or_moves_it_and_leaves_its_other_settings() {
    let world = World::new();
    let body = json!({"stageName": "prod", "stageDescription": "s", "description": "d", "variables": {"a": "1"},
        "tracingEnabled": true, "cacheClusterSize": "1.6"});
    let first = world.send("POST", "R/deployments", &body).await.body["id"].clone();
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!(
        stage,
        json!({
            "deploymentId": first, "stageName": "prod", "description": "s", "cacheClusterEnabled": false,
            "cacheClusterSize": "1.6", "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {},
            "variables": {"a": "1"}, "tracingEnabled": true, "createdDate": START, "lastUpdatedDate": START,
        })
    );
    world.simulator.clock().advance(std::time::Duration::from_secs(9));
    let second = world.send("POST", "R/deployments", &json!({"stageName": "prod"})).await.body["id"].clone();
    let mut moved = stage;
    moved["deploymentId"] = second;
    moved["lastUpdatedDate"] = json!(START + 9);
    assert_eq!(world.get("R/stages/prod").await.body, moved);
    let bad = world.send("POST", "R/deployments", &json!({"stageName": "$default"})).await;
    assert_eq!(bad, Seen::bad_request("Stage name only allows a-zA-Z0-9_"));
}

#[rstest]
#[case::exists(json!({"stageName": "prod", "deploymentId": "ID"}),
    Seen::refusal(409, "ConflictException", "Stage already exists"))]
#[case::no_deployment(json!({"stageName": "x"}), Seen::bad_request("DeploymentId cannot be empty"))]
#[case::unknown(json!({"stageName": "x", "deploymentId": "nope"}), Seen::bad_request("Deployment id does not exist"))]
#[case::name(json!({"stageName": "a b", "deploymentId": "ID"}), Seen::bad_request("Stage name only allows a-zA-Z0-9_"))]
#[case::no_name(json!({"deploymentId": "ID"}), Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value null at 'createStageInput.stageName' failed to satisfy constraint: Member must \
     not be null"))]
#[case::size(json!({"stageName": "x", "deploymentId": "ID", "cacheClusterSize": "2"}),
    Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value '2' at 'createStageInput.cacheClusterSize' failed to satisfy constraint: Member \
     must satisfy enum value set: [0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]"))]
#[case::percent_as_text(json!({"stageName": "x", "deploymentId": "ID", "canarySettings": {"percentTraffic": "10"}}),
    Seen::refusal(400, "SerializationException", "class java.lang.String can not be converted to a Double"))]
#[case::variable(json!({"stageName": "x", "deploymentId": "ID", "variables": {"a b": "1"}}),
    Seen::bad_request("Invalid stage variable name: a b.  Please use names with only word characters."))]
#[case::tag(json!({"stageName": "x", "deploymentId": "ID", "tags": {"aws:x": "1"}}),
    Seen::bad_request("Tag keys cannot start with the reserved prefix aws:"))]
#[tokio::test]
async fn a_bad_stage_is_not_created(#[case] body: Value, #[case] refusal: Seen) {
    let world = World::new();
    let id = world.stage().await;
    let before = world.simulator.dump();
    let body = serde_json::from_str(&body.to_string().replace("\"ID\"", &format!("\"{id}\""))).unwrap();
    assert_eq!(world.send("POST", "R/stages", &body).await, refusal);
    assert_eq!(world.simulator.dump(), before);
}

#[tokio::test]
async fn stages_are_filtered_by_their_own_deployment() {
    let world = World::new();
    let first = world.stage().await;
    let second = world.deploy().await;
    world.send("POST", "R/stages", &json!({"stageName": "b-1", "deploymentId": second})).await;
    let list = json!([{"op": "replace", "path": "/canarySettings/deploymentId", "value": second}]);
    world.patch("R/stages/prod", list).await;
    let names = |seen: Seen| -> Vec<String> {
        let items = seen.body["item"].as_array().unwrap().clone();
        items.iter().map(|stage| stage["stageName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(world.get(&format!("R/stages?deploymentId={first}")).await), ["prod"]);
    assert_eq!(names(world.get(&format!("R/stages?deploymentId={second}")).await), ["b-1"]);
    assert_eq!(names(world.get("R/stages").await), ["b-1", "prod"]);
}

#[tokio::test]
async fn documentation_is_kept_in_parts_and_versions() {
    let world = World::new();
    let part = json!({"location": {"type": "API"}, "properties": "{\"description\":\"x\"}"});
    let made = world.send("POST", "R/documentation/parts", &part).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let mut expected = json!({"id": id});
    expected.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    assert_eq!(made, Seen::ok(201, expected));
    let version = json!({"documentationVersion": "v1", "description": "first"});
    let made = world.send("POST", "R/documentation/versions", &version).await;
    assert_eq!(made, Seen::ok(201, json!({"version": "v1", "createdDate": START, "description": "first"})));
    let deployment = world.deploy().await;
    let stage = json!({"stageName": "prod", "deploymentId": deployment, "documentationVersion": "v1"});
    assert_eq!(world.send("POST", "R/stages", &stage).await.body["documentationVersion"], "v1");
    let deleted = world.send("DELETE", &format!("R/documentation/parts/{id}"), &Value::Null).await;
    assert_eq!(deleted, Seen::ok(202, Value::Null));
    assert_eq!(world.get("R/documentation/parts").await, Seen::ok(200, json!({"item": []})));
    assert_eq!(world.get("/usageplans").await, Seen::ok(200, json!({"item": []})));
}

#[tokio::test]
async fn client_certificates_are_valid_for_a_year() {
    let world = World::new();
    let made = world.send("POST", "/clientcertificates", &json!({"description": "d", "tags": {"a": "1"}})).await;
    let (id, pem) = (made.body["clientCertificateId"].clone(), made.body["pemEncodedCertificate"].clone());
    assert!(pem.as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    let view = json!({"clientCertificateId": id, "description": "d", "pemEncodedCertificate": pem,
        "createdDate": START, "expirationDate": START + 365 * 86_400, "tags": {"a": "1"}});
    assert_eq!(made, Seen::ok(201, view.clone()));
    let path = format!("/clientcertificates/{}", id.as_str().unwrap());
    assert_eq!(world.get(&path).await, Seen::ok(200, view.clone()));
    assert_eq!(world.get("/clientcertificates").await, Seen::ok(200, json!({"item": [view]})));
    assert_eq!(world.send("DELETE", &path, &Value::Null).await, Seen::ok(202, Value::Null));
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test]
async fn the_account_has_no_logging_role_until_one_is_set() {
    let world = World::new();
    let none = json!({"throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0}, "features": ["UsagePlans"],
        "apiKeyVersion": "4"});
    assert_eq!(world.get("/account").await, Seen::ok(200, none.clone()));
    let arn = "arn:aws:iam::123456789012:role/logs";
    let set = |value: &str| json!([{"op": "replace", "path": "/cloudwatchRoleArn", "value": value}]);
    let mut with_role = none.clone();
    with_role["cloudwatchRoleArn"] = json!(arn);
    assert_eq!(world.patch("/account", set(arn)).await, Seen::ok(200, with_role));
    let refused = world.patch("/account", set("arn:aws:iam::1:user/x")).await;
    assert_eq!(refused, Seen::bad_request("The role ARN is not well formed"));
    assert_eq!(world.patch("/account", set("")).await, Seen::ok(200, none));
}

#[tokio::test]
async fn tags_are_added_overwritten_and_taken_by_arn() {
    let world = World::new();
    world.stage().await;
    let path = format!("/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2F{}%2Fstages%2Fprod", world.api);
    world.simulator.clock().advance(std::time::Duration::from_secs(5));
    let tag = |tags: Value| json!({"tags": tags});
    assert_eq!(world.send("PUT", &path, &tag(json!({"a": "1", "b": "2"}))).await, Seen::ok(204, Value::Null));
    assert_eq!(world.send("PUT", &path, &tag(json!({"b": "3", "c": "4"}))).await, Seen::ok(204, Value::Null));
    assert_eq!(world.get(&path).await, Seen::ok(200, json!({"tags": {"a": "1", "b": "3", "c": "4"}})));
    let taken = world.send("DELETE", &format!("{path}?tagKeys=a&tagKeys=c,x"), &Value::Null).await;
    assert_eq!(taken, Seen::ok(204, Value::Null));
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!((&stage["tags"], &stage["lastUpdatedDate"]), (&json!({"b": "3"}), &json!(START)));
    let unknown = path.replace("prod", "nope");
    assert_eq!(world.get(&unknown).await, Seen::not_found("Invalid stage identifier specified"));
    let elsewhere = path.replace("eu-west-1", "us-east-1");
    assert_eq!(world.get(&elsewhere).await.status, 400);
}
