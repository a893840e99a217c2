//! `UpdateStage` without canaries: what works, what is refused, and in which words.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, START, Seen, World};

pub(crate) const LIST_A: &str = "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, /{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, /{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, /{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled]";
const LIST_B: &str = "[.../metrics/enabled, .../logging/dataTrace, .../logging/loglevel,.../throttling/burstLimit, .../throttling/rateLimit, .../caching/ttlInSeconds, .../caching/enabled, .../caching/dataEncrypted, .../caching/requireAuthorizationForCacheControl, .../caching/unauthorizedCacheControlHeaderStrategy]";

/// A fresh entry of method settings.
fn fresh() -> Value {
    json!({
        "metricsEnabled": false, "dataTraceEnabled": false, "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10000.0, "cachingEnabled": false, "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false, "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}

fn with(mut object: Value, members: Value) -> Value {
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), members) {
        object.extend(members);
    }
    object
}

async fn staged() -> (World, Value) {
    let world = World::new();
    world.with_role().await;
    world.stage().await;
    let stage = world.get("R/stages/prod").await.body;
    (world, stage)
}

#[rstest]
#[case::unknown("replace", "/x", &format!("Invalid method setting path: /x. Must be one of: {LIST_A}"))]
#[case::documentation("replace", "/documentation_version",
    &format!("Invalid method setting path: /documentation_version. Must be one of: {LIST_A}"))]
#[case::tag("replace", "/tags/x", &format!("Invalid method setting path: /tags/x. Must be one of: {LIST_A}"))]
#[case::web_acl("replace", "/webAclArn", &format!("Invalid method setting path: /webAclArn. Must be one of: {LIST_A}"))]
#[case::canary("replace", "/canarySettings",
    &format!("Invalid method setting path: /canarySettings. Must be one of: {LIST_A}"))]
#[case::canary_member("replace", "/canarySettings/other",
    &format!("Invalid method setting path: /canarySettings/other. Must be one of: {LIST_A}"))]
#[case::method_settings("replace", "/methodSettings",
    &format!("Invalid method setting path: /methodSettings. Must be one of: {LIST_A}"))]
#[case::one_segment_key("replace", "/GET/metrics/enabled",
    &format!("Invalid method setting path: /GET/metrics/enabled. Must be one of: {LIST_A}"))]
#[case::not_a_setting("replace", "/*/*/accessLogSettings/format",
    &format!("Invalid method setting path: /accessLogSettings/format. Must be one of: {LIST_B}"))]
#[case::add_canary(
    "add",
    "/canarySettings/deploymentId",
    "Invalid add operation with path: /canarySettings/deploymentId"
)]
#[case::add_variable("add", "/variables/a", "Invalid add operation with path: /variables/a")]
#[case::add_description("add", "/description", "Invalid add operation with path: /description")]
#[case::move_it("move", "/description", "Invalid move operation with path: /description")]
#[case::test("test", "/description", "Invalid test operation with path: /description")]
#[case::remove_deployment(
    "remove",
    "/deploymentId",
    "Cannot remove method setting deploymentId because there is no method setting for this method "
)]
#[case::remove_canary_member(
    "remove",
    "/canarySettings/percentTraffic",
    "Cannot remove method setting canarySettings/percentTraffic because there is no method setting for this method "
)]
#[case::remove_overrides(
    "remove",
    "/canarySettings/stageVariableOverrides",
    "Cannot remove method setting canarySettings/stageVariableOverrides because there is no method setting for this \
     method "
)]
#[case::remove_absent_canary(
    "remove",
    "/canarySettings",
    "Cannot remove method setting canarySettings because there is no method setting for this method "
)]
#[case::remove_log_member(
    "remove",
    "/accessLogSettings/format",
    "Cannot remove method setting accessLogSettings/format because there is no method setting for this method "
)]
#[case::remove_absent_entry(
    "remove",
    "/*/*",
    "Cannot remove method setting */* because there is no method setting for this method "
)]
#[case::remove_one_setting(
    "remove",
    "/~1pets/GET/throttling/rateLimit",
    "Cannot remove method setting ~1pets/GET/throttling/rateLimit because there is no method setting for this method "
)]
#[case::remove_absent_variable(
    "remove",
    "/variables/a",
    "Cannot remove method setting variables/a because there is no method setting for this method "
)]
#[case::access_log(
    "replace",
    "/accessLogSettings",
    "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
)]
#[case::access_log_star(
    "add",
    "/accessLogSettings/*",
    "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
)]
#[case::access_log_empty("replace", "/accessLogSettings/format", "Access Log value must not be empty")]
#[case::deployment("replace", "/deploymentId", "Deployment id does not exist")]
#[case::variable_name(
    "replace",
    "/variables/a-b",
    "Invalid stage variable name: a-b.  Please use names with only word characters."
)]
#[case::variable_value(
    "replace",
    "/variables/a",
    "Invalid stage variable value: .  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', \
     ':', '/', '?', '&', '=', and ','."
)]
#[case::cache_size(
    "replace",
    "/cacheClusterSize",
    "Invalid value '' for path /cacheClusterSize. Must be one of [0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]"
)]
#[tokio::test]
async fn a_refused_operation_has_awss_words_and_no_effect(
    #[case] op: &str,
    #[case] path: &str,
    #[case] message: &str,
    #[values(false, true)] behind_a_good_one: bool,
) {
    let (world, _) = staged().await;
    let before = world.simulator.dump();
    let mut list = vec![json!({"op": op, "path": path, "value": ""})];
    if behind_a_good_one {
        list.insert(0, json!({"op": "replace", "path": "/description", "value": "new"}));
    }
    assert_eq!(world.patch("R/stages/prod", json!(list)).await, Seen::bad_request(message));
    assert_eq!(world.simulator.dump(), before);
}

#[tokio::test]
async fn plain_members_are_replaced_and_cleared() {
    let (world, stage) = staged().await;
    world.send("POST", "R/documentation/versions", &json!({"documentationVersion": "v1"})).await;
    let certificate = world.send("POST", "/clientcertificates", &json!({})).await.body["clientCertificateId"].clone();
    world.simulator.clock().advance(Duration::from_secs(5));
    let set = json!([
        {"op": "replace", "path": "/description", "value": "d"},
        {"op": "replace", "path": "/tracingEnabled", "value": "true"},
        {"op": "replace", "path": "/documentationVersion", "value": "v1"},
        {"op": "replace", "path": "/clientCertificateId", "value": certificate},
        {"op": "replace", "path": "/variables/a", "value": "1"},
        {"op": "replace", "path": "/variables/b", "value": "2"},
        {"op": "replace", "path": "/variables/a", "value": "3"},
        {"op": "add", "path": "/accessLogSettings/format", "value": "$context.requestId"},
        {"op": "replace", "path": "/accessLogSettings/destinationArn", "value": "arn:aws:logs:r:1:log-group:g"},
    ]);
    let changed = with(
        stage.clone(),
        json!({
            "description": "d", "tracingEnabled": true, "documentationVersion": "v1", "clientCertificateId": certificate,
            "variables": {"a": "3", "b": "2"}, "lastUpdatedDate": START + 5,
            "accessLogSettings": {"format": "$context.requestId", "destinationArn": "arn:aws:logs:r:1:log-group:g"},
        }),
    );
    assert_eq!(world.patch("R/stages/prod", set).await, Seen::ok(200, changed));
    let clear = json!([
        {"op": "replace", "path": "/description", "value": ""},
        {"op": "replace", "path": "/tracingEnabled", "value": "maybe"},
        {"op": "replace", "path": "/documentationVersion", "value": ""},
        {"op": "replace", "path": "/clientCertificateId", "value": ""},
        {"op": "remove", "path": "/variables/a"},
        {"op": "remove", "path": "/variables/b"},
        {"op": "remove", "path": "/accessLogSettings"},
    ]);
    let cleared = with(stage, json!({"lastUpdatedDate": START + 5}));
    assert_eq!(world.patch("R/stages/prod", clear).await, Seen::ok(200, cleared));
}

#[tokio::test]
async fn one_access_log_member_is_enough_and_a_group_must_not_end_in_a_star() {
    let (world, stage) = staged().await;
    let path = "/accessLogSettings/destinationArn";
    let starred = "arn:aws:logs:eu-west-1:123456789012:log-group:shop:*";
    let refused = world.patch("R/stages/prod", json!([{"op": "replace", "path": path, "value": starred}])).await;
    assert_eq!(
        refused,
        Seen::bad_request(
            "Access log destination must only contain characters a-z, A-Z, 0-9, '_', '-', '/', '.': 'shop:*'"
        )
    );
    let one = world.patch("R/stages/prod", json!([{"op": "add", "path": path, "value": "arn:aws:logs:x"}])).await;
    let expected = with(stage, json!({"accessLogSettings": {"destinationArn": "arn:aws:logs:x"}}));
    assert_eq!(one, Seen::ok(200, expected));
}

#[tokio::test]
async fn logging_needs_the_account_role_but_path_and_value_are_judged_first() {
    let world = World::new();
    world.stage().await;
    let replace = async |path: &str, value: &str| {
        world.patch("R/stages/prod", json!([{"op": "replace", "path": path, "value": value}])).await
    };
    let no_role = Seen::bad_request("CloudWatch Logs role ARN must be set in account settings to enable logging");
    assert_eq!(replace("/*/*/logging/loglevel", "INFO").await, no_role);
    assert_eq!(replace("/accessLogSettings/format", "$context.requestId").await, no_role);
    assert_eq!(replace("/accessLogSettings/format", "").await, Seen::bad_request("Access Log value must not be empty"));
    assert_eq!(
        replace("/*/*/logging/loglevel", "LOUD").await,
        Seen::bad_request("Invalid value 'LOUD' for path /*/*/logging/loglevel. Must be one of [OFF, ERROR, INFO]")
    );
    assert_eq!(replace("/*/*/logging/dataTrace", "true").await.status, 200);
    world.with_role().await;
    assert_eq!(replace("/*/*/logging/loglevel", "INFO").await.body["methodSettings"]["*/*"]["loggingLevel"], "INFO");
}

#[tokio::test]
async fn one_setting_makes_the_whole_entry_and_a_new_entry_is_taken_from_the_present_star() {
    let (world, _) = staged().await;
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    let list = json!([
        replace("/test/GET/throttling/burstLimit", "124"),
        replace("/*/*/throttling/burstLimit", "123"),
        replace("/*/*/logging/loglevel", "ERROR"),
        replace("/~1a~1{b}/POST/caching/enabled", "true"),
        replace("/*/*/throttling/rateLimit", "12.5"),
        replace("/*/*/caching/ttlInSeconds", "0"),
    ]);
    let settings = world.patch("R/stages/prod", list).await.body["methodSettings"].clone();
    let star = with(fresh(), json!({"throttlingBurstLimit": 123, "loggingLevel": "ERROR"}));
    assert_eq!(
        settings,
        json!({
            "*/*": with(star.clone(), json!({"throttlingRateLimit": 12.5, "cacheTtlInSeconds": 0})),
            "test/GET": with(fresh(), json!({"throttlingBurstLimit": 124})),
            "~1a~1{b}/POST": with(star, json!({"cachingEnabled": true})),
        })
    );
    let rebuild = json!([
        {"op": "remove", "path": "/~1a~1{b}/POST"},
        replace("/~1a~1{b}/POST/throttling/burstLimit", "-1"),
        {"op": "remove", "path": "/*/*"},
        {"op": "remove", "path": "/test/GET"},
    ]);
    let settings = world.patch("R/stages/prod", rebuild).await.body["methodSettings"].clone();
    let seeded = json!({"throttlingBurstLimit": -1, "loggingLevel": "ERROR", "throttlingRateLimit": 12.5,
        "cacheTtlInSeconds": 0});
    assert_eq!(settings, json!({"~1a~1{b}/POST": with(fresh(), seeded)}));
    let emptied = world.patch("R/stages/prod", json!([{"op": "remove", "path": "/~1a~1{b}/POST"}])).await;
    assert_eq!(emptied.body["methodSettings"], json!({}));
}

#[tokio::test]
async fn numbers_keep_their_json_types() {
    let (world, _) = staged().await;
    let list = json!([
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "7"},
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": "10"},
    ]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
    let reply = world.reply("GET", "R/stages/prod", "").await.answer().unwrap();
    let text = String::from_utf8(reply.into_body().to_vec()).unwrap();
    for part in [
        "\"throttlingRateLimit\":7.0",
        "\"throttlingBurstLimit\":5000",
        "\"percentTraffic\":10.0",
        "\"cachingEnabled\":false",
        "\"createdDate\":1767225600,",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[rstest]
#[case("/*/*/throttling/burstLimit", "1.5", "Must be a whole number from -1 to 2147483647")]
#[case("/*/*/throttling/burstLimit", "many", "Must be a whole number from -1 to 2147483647")]
#[case("/*/*/caching/ttlInSeconds", "3601", "Must be a whole number from 0 to 3600")]
#[case("/canarySettings/percentTraffic", "100.01", "Must be a number from 0 to 100")]
#[case("/canarySettings/percentTraffic", "NaN", "Must be a number from 0 to 100")]
#[case("/canarySettings/percentTraffic", "ten", "Must be a number from 0 to 100")]
#[case(
    "/*/*/caching/unauthorizedCacheControlHeaderStrategy",
    "x",
    "Must be one of [SUCCEED_WITH_RESPONSE_HEADER, \
    FAIL_WITH_403, SUCCEED_WITHOUT_RESPONSE_HEADER]"
)]
#[tokio::test]
async fn a_value_out_of_bounds_is_refused(#[case] path: &str, #[case] value: &str, #[case] wanted: &str) {
    let (world, _) = staged().await;
    let before = world.simulator.dump();
    let refused = world.patch("R/stages/prod", json!([{"op": "replace", "path": path, "value": value}])).await;
    assert_eq!(refused, Seen::bad_request(&format!("Invalid value '{value}' for path {path}. {wanted}")));
    assert_eq!(world.simulator.dump(), before);
}

#[tokio::test]
async fn the_front_end_judges_before_it_looks_anything_up() {
    let world = World::new();
    let wrong = world.patch("/restapis/nothing/stages/x", json!([{"op": "wrong", "path": "/a"}])).await;
    assert_eq!(
        wrong,
        Seen::refusal(
            400,
            "ValidationException",
            "1 validation error detected: Value 'wrong' at 'updateStageInput.patchOperations.1.member.op' failed to \
             satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
        )
    );
    let wrong_type = json!([{"op": "replace", "path": "/tracingEnabled", "value": true}]);
    assert_eq!(
        world.patch("/restapis/nothing/stages/x", wrong_type).await,
        Seen::refusal(400, "SerializationException", "class java.lang.Boolean can not be converted to an String")
    );
    let empty = world.patch("/restapis/nothing/stages/x", json!([])).await;
    assert_eq!(empty, Seen::not_found(&format!("Invalid API identifier specified {ACCOUNT}:nothing")));
    let no_stage = world.patch("R/stages/x", json!([])).await;
    assert_eq!(no_stage, Seen::not_found("Invalid stage identifier specified"));
}

#[tokio::test]
async fn at_most_eighty_operations_a_call() {
    let (world, _) = staged().await;
    let list = |count| Value::Array(vec![json!({"op": "replace", "path": "/description", "value": "x"}); count]);
    assert_eq!(world.patch("R/stages/prod", list(80)).await.status, 200);
    assert_eq!(
        world.patch("R/stages/prod", list(81)).await,
        Seen::bad_request("Update size too large. Try updating stage in multiple UpdateStage operations")
    );
}

#[tokio::test]
async fn an_unparsable_boolean_reads_as_false_and_an_empty_list_changes_nothing_but_the_date() {
    let (world, stage) = staged().await;
    world.simulator.clock().advance(Duration::from_secs(1));
    let untouched = with(stage, json!({"lastUpdatedDate": START + 1}));
    assert_eq!(world.patch("R/stages/prod", json!([])).await, Seen::ok(200, untouched));
    let on = json!([{"op": "replace", "path": "/tracingEnabled", "value": "TRUE"}]);
    assert_eq!(world.patch("R/stages/prod", on).await.body["tracingEnabled"], true);
    let maybe = json!([{"op": "replace", "path": "/tracingEnabled", "value": "yes"}]);
    assert_eq!(world.patch("R/stages/prod", maybe).await.body["tracingEnabled"], false);
}
