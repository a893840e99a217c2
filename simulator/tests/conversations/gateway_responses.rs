//! Gateway responses: defaults, customisations, inheritance, refusals.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, Seen, World};

const TEMPLATE: &str = "{\"message\":$context.error.messageString}";
const TYPES: &str = "REQUEST_TOO_LARGE, RESOURCE_NOT_FOUND, AUTHORIZER_CONFIGURATION_ERROR, \
    MISSING_AUTHENTICATION_TOKEN, BAD_REQUEST_BODY, INVALID_SIGNATURE, INVALID_API_KEY, BAD_REQUEST_PARAMETERS, \
    AUTHORIZER_FAILURE, UNAUTHORIZED, INTEGRATION_TIMEOUT, ACCESS_DENIED, DEFAULT_4XX, DEFAULT_5XX, WAF_FILTERED, \
    QUOTA_EXCEEDED, THROTTLED, API_CONFIGURATION_ERROR, UNSUPPORTED_MEDIA_TYPE, INTEGRATION_FAILURE, EXPIRED_TOKEN";

fn default_of(kind: &str, status: &str) -> Value {
    json!({"responseType": kind, "statusCode": status, "responseParameters": {},
        "responseTemplates": {"application/json": TEMPLATE}, "defaultResponse": true})
}

#[tokio::test]
async fn all_types_are_listed_by_name_with_their_defaults() {
    let world = World::new();
    let listed = world.get("R/gatewayresponses").await.body["item"].clone();
    let statuses: Vec<(&str, Option<&str>)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (item["responseType"].as_str().unwrap(), item.get("statusCode").map(|status| status.as_str().unwrap()))
        })
        .collect();
    assert_eq!(
        statuses,
        [
            ("ACCESS_DENIED", Some("403")),
            ("API_CONFIGURATION_ERROR", Some("500")),
            ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
            ("AUTHORIZER_FAILURE", Some("500")),
            ("BAD_REQUEST_BODY", Some("400")),
            ("BAD_REQUEST_PARAMETERS", Some("400")),
            ("DEFAULT_4XX", None),
            ("DEFAULT_5XX", None),
            ("EXPIRED_TOKEN", Some("403")),
            ("INTEGRATION_FAILURE", Some("504")),
            ("INTEGRATION_TIMEOUT", Some("504")),
            ("INVALID_API_KEY", Some("403")),
            ("INVALID_SIGNATURE", Some("403")),
            ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
            ("QUOTA_EXCEEDED", Some("429")),
            ("REQUEST_TOO_LARGE", Some("413")),
            ("RESOURCE_NOT_FOUND", Some("404")),
            ("THROTTLED", Some("429")),
            ("UNAUTHORIZED", Some("401")),
            ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
            ("WAF_FILTERED", Some("403")),
        ]
    );
    assert_eq!(world.get("R/gatewayresponses/THROTTLED").await, Seen::ok(200, default_of("THROTTLED", "429")));
}

#[tokio::test]
async fn a_put_replaces_the_whole_and_a_delete_gives_the_default_back() {
    let world = World::new();
    let path = "R/gatewayresponses/THROTTLED";
    let full = json!({"statusCode": "503", "responseParameters": {"gatewayresponse.header.X": "'a.b.c'"},
        "responseTemplates": {"text/plain": "slow"}});
    let mut expected = full.clone();
    expected["responseType"] = json!("THROTTLED");
    expected["defaultResponse"] = json!(false);
    assert_eq!(world.send("PUT", path, &full).await, Seen::ok(201, expected.clone()));
    assert_eq!(world.get(path).await, Seen::ok(200, expected));
    let header = json!({"responseParameters": {"gatewayresponse.header.Y": "context.requestId"}});
    let replaced = world.send("PUT", path, &header).await;
    assert_eq!(
        replaced,
        Seen::ok(
            201,
            json!({"responseType": "THROTTLED", "statusCode": "429",
        "responseParameters": {"gatewayresponse.header.Y": "context.requestId"},
        "responseTemplates": {"application/json": TEMPLATE}, "defaultResponse": false})
        )
    );
    assert_eq!(world.send("DELETE", path, &Value::Null).await, Seen::ok(202, Value::Null));
    assert_eq!(world.get(path).await, Seen::ok(200, default_of("THROTTLED", "429")));
    assert_eq!(
        world.send("DELETE", path, &Value::Null).await,
        Seen::not_found("Gateway response type not defined on api")
    );
}

#[tokio::test]
async fn a_family_is_shown_by_its_uncustomised_types_only() {
    let world = World::new();
    let header = json!({"responseParameters": {"gatewayresponse.header.Own": "'1'"}});
    world.send("PUT", "R/gatewayresponses/AUTHORIZER_FAILURE", &header).await;
    let family = json!({"statusCode": "599", "responseParameters": {"gatewayresponse.header.Family": "'1'"},
        "responseTemplates": {"text/plain": "family"}});
    world.send("PUT", "R/gatewayresponses/DEFAULT_5XX", &family).await;
    let mut inherited = family.clone();
    inherited["responseType"] = json!("INTEGRATION_FAILURE");
    inherited["defaultResponse"] = json!(true);
    assert_eq!(world.get("R/gatewayresponses/INTEGRATION_FAILURE").await.body, inherited);
    assert_eq!(
        world.get("R/gatewayresponses/AUTHORIZER_FAILURE").await.body,
        json!({
            "responseType": "AUTHORIZER_FAILURE", "statusCode": "500",
            "responseParameters": {"gatewayresponse.header.Own": "'1'"},
            "responseTemplates": {"application/json": TEMPLATE}, "defaultResponse": false,
        })
    );
    assert_eq!(world.get("R/gatewayresponses/THROTTLED").await.body, default_of("THROTTLED", "429"));

    let status = json!([{"op": "replace", "path": "/statusCode", "value": "418"}]);
    let patched = world.patch("R/gatewayresponses/DEFAULT_4XX", status).await;
    assert_eq!((patched.status, &patched.body["defaultResponse"]), (200, &json!(false)));
    assert_eq!(world.get("R/gatewayresponses/UNAUTHORIZED").await.body, default_of("UNAUTHORIZED", "418"));
    let clear = json!([{"op": "replace", "path": "/statusCode", "value": ""}]);
    world.patch("R/gatewayresponses/DEFAULT_4XX", clear).await;
    assert_eq!(world.get("R/gatewayresponses/UNAUTHORIZED").await.body, default_of("UNAUTHORIZED", "401"));
}

#[tokio::test]
async fn patches_add_replace_and_remove_parts() {
    let world = World::new();
    let list = json!([
        {"op": "add", "path": "/responseParameters/gatewayresponse.header.A", "value": "'1'"},
        {"op": "replace", "path": "/responseParameters/gatewayresponse.header.A", "value": "'2'"},
        {"op": "add", "path": "/responseTemplates/text~1plain", "value": "x"},
        {"op": "remove", "path": "/responseTemplates/application~1json"},
        {"op": "replace", "path": "/statusCode", "value": "400"},
    ]);
    assert_eq!(
        world.patch("R/gatewayresponses/WAF_FILTERED", list).await,
        Seen::ok(
            200,
            json!({
                "responseType": "WAF_FILTERED", "statusCode": "400",
                "responseParameters": {"gatewayresponse.header.A": "'2'"}, "responseTemplates": {"text/plain": "x"},
                "defaultResponse": false,
            })
        )
    );
}

#[rstest]
#[case::add_status(json!({"op": "add", "path": "/statusCode", "value": "400"}),
    Seen::bad_request("Invalid patch path /statusCode"))]
#[case::remove_status(json!({"op": "remove", "path": "/statusCode"}), Seen::bad_request("Invalid patch path /statusCode"))]
#[case::unknown(json!({"op": "replace", "path": "/x", "value": "1"}), Seen::bad_request("Invalid patch path /x"))]
#[case::no_path(json!({"op": "replace", "value": "1"}), Seen::bad_request("Invalid patch path null"))]
#[case::absent_header(json!({"op": "replace", "path": "/responseParameters/gatewayresponse.header.A", "value": "'1'"}),
    Seen::not_found("Invalid parameter name specified"))]
#[case::absent_template(json!({"op": "replace", "path": "/responseTemplates/text~1plain", "value": "x"}),
    Seen::not_found("Invalid parameter name specified"))]
#[case::no_header_value(json!({"op": "replace", "path": "/responseParameters/gatewayresponse.header.A"}),
    Seen::bad_request("Invalid null or empty value in responseParameters"))]
#[case::no_template_value(json!({"op": "replace", "path": "/responseTemplates/application~1json"}),
    Seen::bad_request("Invalid null or empty value in responseTemplates"))]
#[case::op(json!({"op": "wrong", "path": "/statusCode"}), Seen::refusal(400, "ValidationException",
    "1 validation error detected: Value 'wrong' at 'updateGatewayResponseInput.patchOperations.1.member.op' failed to \
     satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]"))]
#[tokio::test]
async fn a_refused_patch_leaves_the_type_uncustomised(#[case] operation: Value, #[case] refusal: Seen) {
    let world = World::new();
    let before = world.simulator.dump();
    assert_eq!(world.patch("R/gatewayresponses/THROTTLED", json!([operation])).await, refusal);
    assert_eq!(world.simulator.dump(), before);
}

#[rstest]
#[case("GET", Value::Null)]
#[case("PUT", json!({}))]
#[case("DELETE", Value::Null)]
#[case("PATCH", json!({"patchOperations": []}))]
#[tokio::test]
async fn an_unknown_type_is_told_before_the_api_is_looked_up(#[case] verb: &str, #[case] body: Value) {
    let world = World::new();
    let expected = Seen::refusal(
        400,
        "ValidationException",
        &format!(
            "1 validation error detected: Value 'X' at 'responseType' failed to satisfy constraint: Member must satisfy \
             enum value set: [{TYPES}]"
        ),
    );
    assert_eq!(world.send(verb, "/restapis/nothing/gatewayresponses/X", &body).await, expected);
    let unknown_api = world.send(verb, "/restapis/nothing/gatewayresponses/THROTTLED", &body).await;
    assert_eq!(unknown_api, Seen::not_found(&format!("Invalid API identifier specified {ACCOUNT}:nothing")));
}
