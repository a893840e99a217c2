//! `ApiGatewayResponse` from a custom answer to callers of a stage, and back.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use stagecraft_core::access::Policy;

use crate::support::{Side, Tripwire, World, step};

fn throttled(world: &World) -> Value {
    json!({
        "restApiId": world.api, "responseType": "THROTTLED", "statusCode": "420",
        "responseParameters": { "gatewayresponse.header.Retry-After": "'7'" },
        "responseTemplates": { "application/json": "{\"slow\":\"down\"}" },
    })
}

async fn stage(world: &World, revision: &str) {
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": revision });
    world.apply("orders", spec).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced");
}

#[tokio::test]
async fn from_a_custom_4xx_body_to_live_on_a_stage() {
    let world = World::new().await;
    step("a stage that serves r1");
    stage(&world, "r1").await;
    world.simulator.reset_calls();
    step("a gateway response of its own for every 4XX");
    let mut spec = throttled(&world);
    spec["responseType"] = json!("DEFAULT_4XX");
    world.apply_response("errors", spec.clone()).await.unwrap();
    world.rest_response("errors").await;
    assert_eq!(world.calls(), ["GetGatewayResponses", "PutGatewayResponse"], "{}", world.tell_response("errors").await);
    let shown = world.gateway_response("DEFAULT_4XX");
    assert_eq!(shown["responseTemplates"], json!({ "application/json": "{\"slow\":\"down\"}" }));
    assert_eq!((&shown["statusCode"], &shown["defaultResponse"]), (&json!("420"), &json!(false)));
    assert_eq!(world.condition("errors", "Ready").await.0, "True Synced");
    let (deployed, message) = world.condition("errors", "Deployed").await;
    assert_eq!(deployed, "False AwaitingDeployment");
    let name = format!("name a new revision in ApiStage {}/orders.", world.namespace());
    assert!(message.ends_with(&name), "{message}");
    assert_eq!(world.event_reasons("errors").await, ["ResponseApplied"]);
    world.simulator.reset_calls();
    world.assert_response_rest("errors").await;
    assert_eq!(world.calls(), ["GetGatewayResponses"], "at rest it is one read");

    step("a new revision takes it live, and it hears of it without a poll");
    stage(&world, "r2").await;
    world.simulator.reset_calls();
    world.pass_response("errors").await.unwrap();
    assert_eq!(world.condition("errors", "Deployed").await.0, "True Live");
    assert_eq!(world.calls(), ["GetGatewayResponses"], "the deployment was known already");
    let live = &world.response_status("errors").await.stages[0];
    assert_eq!(live.name.as_str(), "prod");
    assert!(live.live_since.is_some() && live.waiting_since.is_none());
    assert_eq!(world.event_reasons("errors").await, ["ResponseApplied", "ResponseLive"]);
    world.assert_response_rest("errors").await;

    step("one header more is a patch of what is new, and waits again");
    world.simulator.reset_calls();
    spec["responseParameters"]["gatewayresponse.header.X-Slow"] = json!("'yes'");
    world.apply_response("errors", spec.clone()).await.unwrap();
    world.rest_response("errors").await;
    assert_eq!(world.writes(), ["UpdateGatewayResponse add /responseParameters/gatewayresponse.header.X-Slow 'yes'"]);
    assert_eq!(world.condition("errors", "Deployed").await.0, "False AwaitingDeployment");
    world.assert_response_rest("errors").await;

    step("a header less is the whole anew");
    world.simulator.reset_calls();
    spec["responseParameters"] = json!({ "gatewayresponse.header.X-Slow": "'yes'" });
    world.apply_response("errors", spec).await.unwrap();
    world.rest_response("errors").await;
    assert_eq!(world.writes(), ["PutGatewayResponse"]);
    assert_eq!(
        world.gateway_response("DEFAULT_4XX")["responseParameters"],
        json!({ "gatewayresponse.header.X-Slow": "'yes'" })
    );

    step("deleted: AWS's own answer is back");
    world.delete_response("errors").await;
    world.rest_response("errors").await;
    assert!(world.get_response("errors").await.is_none(), "{}", world.tell_response("errors").await);
    let shown = world.gateway_response("DEFAULT_4XX");
    assert_eq!((&shown["defaultResponse"], &shown["statusCode"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn the_example_applies_as_it_is() {
    let world = World::new().await;
    let example: Value = serde_saphyr::from_str(include_str!("../../examples/gateway-response.yaml")).unwrap();
    let mut spec = example["spec"].clone();
    world.apply_response("example", spec.clone()).await.unwrap();
    world.pass_response("example").await.unwrap();
    assert_eq!(world.condition("example", "Ready").await.0, "False RestApiNotFound", "the API of the demo");
    spec["restApiId"] = json!(world.api);
    world.apply_response("example", spec).await.unwrap();
    world.rest_response("example").await;
    assert_eq!(world.condition("example", "Ready").await.0, "True Synced");
}

#[tokio::test]
async fn callers_of_a_canary_get_it_first_and_the_others_when_it_is_promoted() {
    let world = World::new().await;
    stage(&world, "r1").await;
    let policy = json!({ "stageRef": { "name": "orders" }, "promotion": "Manual", "steps": [
        { "setPercent": 25, "approval": "Required" },
    ] });
    world.govern("orders", policy).await;
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    assert_eq!(world.condition("slow", "Deployed").await.0, "False AwaitingDeployment");

    step("a canary of r2 at 25 %");
    world.apply("orders", json!({ "restApiId": world.api, "stageName": "prod", "revision": "r2" })).await.unwrap();
    world.minutes("orders", 2).await.unwrap();
    assert_eq!(world.stage("prod").unwrap()["canarySettings"]["percentTraffic"], 25.0);
    world.pass_response("slow").await.unwrap();
    let (deployed, message) = world.condition("slow", "Deployed").await;
    assert_eq!(deployed, "False AwaitingDeployment");
    assert!(message.starts_with("Callers that meet the canary of ApiStage story-"), "{message}");
    let waiting = &world.response_status("slow").await.stages[0];
    assert!(waiting.waiting_since.is_some() && waiting.canary.as_ref().unwrap().live_since.is_some(), "{waiting:?}");

    step("approved and promoted");
    world.annotate("orders", "approve/r2.2/1/1").await;
    world.minutes("orders", 1).await.unwrap();
    world.annotate("orders", "approve/r2.2/promotion/2").await;
    world.rest("orders").await;
    world.pass_response("slow").await.unwrap();
    assert_eq!(world.condition("slow", "Deployed").await.0, "True Live", "{}", world.tell_response("slow").await);
    let live = &world.response_status("slow").await.stages[0];
    assert!(live.live_since.is_some() && live.canary.is_none(), "{live:?}");
    world.assert_response_rest("slow").await;
}

#[tokio::test]
async fn callers_get_what_status_says() {
    let world = World::new().await;
    stage(&world, "r1").await;
    let spec = json!({
        "restApiId": world.api, "responseType": "MISSING_AUTHENTICATION_TOKEN", "statusCode": "404",
        "responseTemplates": { "application/json": "{\"what\":\"is that\"}" },
    });
    world.apply_response("unknown", spec).await.unwrap();
    world.rest_response("unknown").await;
    assert_eq!(world.condition("unknown", "Deployed").await.0, "False AwaitingDeployment");
    let before = world.simulator.invoke(&world.api, "prod", "GET", "/nothing/here");
    assert_eq!(before.status, 403, "as status says, callers do not get it yet");
    stage(&world, "r2").await;
    world.pass_response("unknown").await.unwrap();
    assert_eq!(world.condition("unknown", "Deployed").await.0, "True Live");
    let after = world.simulator.invoke(&world.api, "prod", "GET", "/nothing/here");
    assert_eq!(after.status, 404, "as status says, callers get it");
}

#[tokio::test]
async fn a_snapshot_behind_a_slow_clock_of_ours_is_not_taken_for_a_later_one() {
    let world = World::new().await;
    // AWS's clock is ahead by an hour: what it made before our write looks later than our time of it.
    world.simulator.clock().advance(Duration::from_hours(1));
    stage(&world, "r1").await;
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    assert_eq!(world.condition("slow", "Deployed").await.0, "False AwaitingDeployment");
    stage(&world, "r2").await;
    world.pass_response("slow").await.unwrap();
    assert_eq!(world.condition("slow", "Deployed").await.0, "True Live");
}

#[tokio::test]
async fn gateway_responses_of_one_rest_api_share_one_read() {
    let world = World::new().await;
    for (name, kind) in [("slow", "THROTTLED"), ("denied", "ACCESS_DENIED"), ("broken", "DEFAULT_5XX")] {
        let spec = json!({ "restApiId": world.api, "responseType": kind });
        world.apply_response(name, spec).await.unwrap();
        world.rest_response(name).await;
    }
    world.pass_time(Duration::from_mins(13));
    world.simulator.reset_calls();
    for name in ["slow", "denied", "broken"] {
        world.pass_response(name).await.unwrap();
    }
    assert_eq!(world.calls(), ["GetGatewayResponses"]);
}

#[tokio::test]
async fn what_is_inherited_is_nobodys_drift() {
    let world = World::new().await;
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    step("somebody customises the family, and takes it back");
    let family = json!({ "statusCode": "418", "responseParameters": { "gatewayresponse.header.X": "'theirs'" } });
    world.by_hand(&Method::PUT, "DEFAULT_4XX", &family);
    world.assert_response_rest("slow").await;
    assert_eq!(world.gateway_response("ACCESS_DENIED")["statusCode"], "418", "the others show it");
    let spec = json!({ "restApiId": world.api, "responseType": "ACCESS_DENIED" });
    world.apply_response("denied", spec).await.unwrap();
    world.rest_response("denied").await;
    let shown = world.gateway_response("ACCESS_DENIED");
    assert_eq!(
        (&shown["statusCode"], &shown["responseParameters"]),
        (&json!("403"), &json!({})),
        "declared is AWS's own"
    );
    world.by_hand(&Method::DELETE, "DEFAULT_4XX", &Value::Null);
    world.assert_response_rest("slow").await;
    world.assert_response_rest("denied").await;
}

#[tokio::test]
async fn delete_tolerates_that_it_is_gone() {
    let world = World::new().await;
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    step("gone before it is looked at");
    world.by_hand(&Method::DELETE, "THROTTLED", &Value::Null);
    world.pass_time(Duration::from_mins(12));
    world.simulator.reset_calls();
    world.delete_response("slow").await;
    world.rest_response("slow").await;
    assert!(world.get_response("slow").await.is_none());
    assert_eq!(world.calls(), ["GetGatewayResponses"]);

    step("gone between the look and the call");
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    let (simulator, api) = (world.simulator.clone(), world.api.clone());
    world.simulator.set_hook(move |call, moment| {
        if call.operation == "DeleteGatewayResponse"
            && moment == apigateway_simulator::Moment::Before
            && call.caller.name.as_deref() != Some("console")
        {
            let path = format!("/restapis/{api}/gatewayresponses/THROTTLED");
            simulator.scope("123456789012", "eu-west-1").send(&Method::DELETE, &path, &Value::Null).unwrap();
        }
        None
    });
    world.delete_response("slow").await;
    world.rest_response("slow").await;
    assert!(world.get_response("slow").await.is_none(), "a 404 is done: {}", world.tell_response("slow").await);
}

#[tokio::test]
async fn a_hand_is_put_right_and_a_customisation_of_others_is_left_alone() {
    let mut world = World::new().await;
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    world.by_hand(&Method::PUT, "THROTTLED", &json!({ "statusCode": "200" }));
    world.pass_time(Duration::from_mins(12));
    world.rest_response("slow").await;
    assert_eq!(world.gateway_response("THROTTLED")["statusCode"], "420");
    assert!(world.event_reasons("slow").await.contains(&"DriftCorrected".to_owned()));

    step("somebody else's");
    let theirs = world.by_hand(&Method::PUT, "ACCESS_DENIED", &json!({ "statusCode": "401" }));
    let mut spec = json!({ "restApiId": world.api, "responseType": "ACCESS_DENIED" });
    world.apply_response("denied", spec.clone()).await.unwrap();
    world.rest_response("denied").await;
    assert_eq!(world.condition("denied", "Ready").await.0, "False ResponseExists");
    assert!(world.get_response("denied").await.unwrap().metadata.finalizers.is_none(), "it holds nothing up");
    world.assert_response_rest("denied").await;
    spec["adoptionPolicy"] = json!("IfExists");
    world.apply_response("denied", spec).await.unwrap();
    world.rest_response("denied").await;
    assert_eq!(world.condition("denied", "Ready").await.0, "False AdoptionDenied");
    assert_eq!(world.gateway_response("ACCESS_DENIED"), theirs);
    world.access = Policy::Open { adoption: true };
    world.restart().await;
    world.rest_response("denied").await;
    assert_eq!(world.condition("denied", "Ready").await.0, "True Synced");
    assert_eq!(world.gateway_response("ACCESS_DENIED")["statusCode"], "403");
    world.delete_response("denied").await;
    world.rest_response("denied").await;
    assert_eq!(world.gateway_response("ACCESS_DENIED")["defaultResponse"], json!(false), "an adopted one stays");
}

#[tokio::test]
async fn of_two_objects_for_one_type_the_oldest_governs() {
    let world = World::new().await;
    world.apply_response("first", throttled(&world)).await.unwrap();
    let first = world.get_response("first").await.unwrap().metadata.creation_timestamp.unwrap();
    let mut spec = throttled(&world);
    spec["statusCode"] = json!("503");
    // creationTimestamp has whole seconds; the uid breaks ties, and this story is about the clear case.
    loop {
        world.apply_response("second", spec.clone()).await.unwrap();
        let second = world.get_response("second").await.unwrap();
        if second.metadata.creation_timestamp.unwrap() > first {
            break;
        }
        world.delete_response("second").await;
    }
    world.pass_response("second").await.unwrap();
    let (ready, message) = world.condition("second", "Ready").await;
    assert_eq!(ready, "False NotOldest");
    assert!(message.contains("the older ApiGatewayResponse story-") && message.contains("/first"), "{message}");
    assert_eq!(world.calls(), [""; 0], "nothing is asked of AWS");
    world.rest_response("first").await;
    world.delete_response("first").await;
    world.rest_response("first").await;
    world.rest_response("second").await;
    assert_eq!(world.gateway_response("THROTTLED")["statusCode"], "503", "the other follows");
}

#[tokio::test]
async fn a_refusal_of_aws_is_told_without_the_value_and_heals_with_the_spec() {
    let world = World::new().await;
    let mut spec = throttled(&world);
    spec["responseParameters"] = json!({ "gatewayresponse.header.X": "method.request.body.secret-path" });
    world.apply_response("slow", spec).await.unwrap();
    world.pass_response("slow").await.unwrap();
    let (ready, message) = world.condition("slow", "Ready").await;
    assert_eq!(ready, "False Refused");
    assert!(message.contains("gatewayresponse.header.X") && !message.contains("secret-path"), "{message}");
    world.apply_response("slow", throttled(&world)).await.unwrap();
    world.rest_response("slow").await;
    assert_eq!(world.condition("slow", "Ready").await.0, "True Synced");
    world.assert_response_rest("slow").await;
}

#[tokio::test]
async fn the_apiserver_refuses_with_a_sentence() {
    let world = World::new().await;
    let of = |member: &str, value: Value| {
        let mut spec = json!({ "restApiId": "a1b2c3d4e5", "responseType": "THROTTLED" });
        spec[member] = value;
        spec
    };
    let cases = [
        (
            "no-api",
            json!({ "responseType": "THROTTLED" }),
            "spec.restApiId is missing: set it to the id of the REST API",
        ),
        (
            "type",
            of("responseType", json!("TEAPOT")),
            "Unsupported value: \"TEAPOT\": supported values: \"ACCESS_DENIED\"",
        ),
        ("low", of("statusCode", json!("099")), "set it to a text from \"100\" to \"599\", such as \"429\""),
        ("high", of("statusCode", json!("600")), "spec.statusCode is no HTTP status"),
        ("number", of("statusCode", json!(429)), ".spec.statusCode: expected string"),
        (
            "key",
            of("responseParameters", json!({ "header.Retry-After": "'7'" })),
            "a key in spec.responseParameters is not gatewayresponse.header.NAME (or .path. or .querystring.)",
        ),
        (
            "unquoted",
            of("responseParameters", json!({ "gatewayresponse.header.Access-Control-Allow-Origin": "*" })),
            "a value in spec.responseParameters is neither text in single quotes nor a reference",
        ),
        (
            "object",
            of("responseTemplates", json!({ "application/json": { "message": "slow" } })),
            ".spec.responseTemplates.application/json: expected string",
        ),
        ("none", of("responseTemplates", json!({})), "spec.responseTemplates is empty: declare a template, or leave"),
        (
            "empty",
            of("responseTemplates", json!({ "application/json": "" })),
            "a template in spec.responseTemplates is empty, which API Gateway refuses",
        ),
        ("media", of("responseTemplates", json!({ "json": "{}" })), "a key in spec.responseTemplates is no media type"),
        (
            "long",
            of("responseTemplates", json!({ "application/json": "x".repeat(40_000) })),
            "may not be more than 32768 bytes",
        ),
        ("null", of("statusCode", Value::Null), "spec.statusCode in body must be of type string"),
    ];
    for (name, spec, sentence) in cases {
        match world.apply_response(name, spec).await {
            Err(kube::Error::Api(status)) => assert!(status.message.contains(sentence), "{name}: {}", status.message),
            other => panic!("{name} was not refused: {other:?}"),
        }
    }
    step("REQUEST_TOO_LARGE is a warning and no refusal");
    let mut spec = throttled(&world);
    spec["responseType"] = json!("REQUEST_TOO_LARGE");
    world.apply_response("large", spec.clone()).await.unwrap();
    world.rest_response("large").await;
    let (ready, message) = world.condition("large", "Ready").await;
    assert_eq!(ready, "True Synced");
    assert!(message.contains("does not honour every customisation of REQUEST_TOO_LARGE"), "{message}");
    assert_eq!(world.event_reasons("large").await, ["Warning", "ResponseApplied"]);
    step("identity cannot be changed");
    for (member, value) in [("responseType", json!("THROTTLED")), ("region", json!("eu-west-1"))] {
        let mut changed = spec.clone();
        changed[member] = value;
        match world.apply_response("large", changed).await {
            Err(kube::Error::Api(status)) => assert!(
                status.message.contains(&format!("spec.{member} cannot be"))
                    && status.message.contains("delete this ApiGatewayResponse"),
                "{}",
                status.message
            ),
            other => panic!("{member} was changed: {other:?}"),
        }
    }
}

/// What is left of the story, told so that times do not matter.
#[derive(Debug, PartialEq)]
struct Ending {
    conditions: Vec<String>,
    aws: Value,
    owned: Option<(bool, bool, usize)>,
    stages: Vec<(String, bool)>,
}

async fn ending(world: &World) -> Ending {
    let status = world.get_response("slow").await.and_then(|object| object.status).unwrap_or_default();
    Ending {
        conditions: status
            .conditions
            .iter()
            .map(|found| format!("{}={} {}", found.type_, found.status, found.reason))
            .collect(),
        aws: world.gateway_response("THROTTLED"),
        owned: status.owned.map(|owned| (owned.hash.is_some(), owned.hash == owned.declared, owned.writing.len())),
        stages: status.stages.iter().map(|stage| (stage.name.to_string(), stage.live_since.is_some())).collect(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chapter {
    Create,
    Change,
    Drop,
    Drift,
    Adopt,
    Delete,
}

/// A world in which everything before the chapter has happened undisturbed.
async fn before(chapter: Chapter) -> World {
    let mut world = World::new().await;
    world.access = Policy::Open { adoption: true };
    world.restart().await;
    stage(&world, "r1").await;
    if chapter == Chapter::Adopt {
        world.by_hand(&Method::PUT, "THROTTLED", &json!({ "statusCode": "200" }));
    } else if chapter != Chapter::Create {
        world.apply_response("slow", throttled(&world)).await.unwrap();
        world.rest_response("slow").await;
    }
    world
}

async fn act(world: &World, chapter: Chapter) {
    let mut spec = throttled(world);
    match chapter {
        Chapter::Create => {}
        Chapter::Change => spec["statusCode"] = json!("503"),
        Chapter::Drop => drop(spec.as_object_mut().unwrap().remove("responseParameters")),
        Chapter::Adopt => spec["adoptionPolicy"] = json!("IfExists"),
        Chapter::Drift => {
            world.by_hand(&Method::PUT, "THROTTLED", &json!({ "statusCode": "200" }));
            world.pass_time(Duration::from_mins(12));
            return;
        }
        Chapter::Delete => return world.delete_response("slow").await,
    }
    world.apply_response("slow", spec).await.unwrap();
}

async fn crash_everywhere(chapter: Chapter) {
    let mut undisturbed = before(chapter).await;
    undisturbed.restart().await;
    act(&undisturbed, chapter).await;
    undisturbed.rest_response("slow").await;
    let calls = undisturbed.tripwire().log();
    let expected = ending(&undisturbed).await;
    step(&format!("{chapter:?} takes {} calls: {calls:?}", calls.len()));
    assert!(calls.len() > 3, "a story without calls proves nothing");
    for number in 1..=calls.len() {
        for side in [Side::Before, Side::After] {
            let mut world = before(chapter).await;
            world.restart_with(Tripwire::at(number, side)).await;
            act(&world, chapter).await;
            let survived = world.response_to_rest("slow").await.is_some();
            assert!(
                !survived && world.tripwire().has_struck(),
                "call {number} was never made: {:?}",
                world.tripwire().log()
            );
            world.restart().await;
            world.rest_response("slow").await;
            let case = format!("{chapter:?}, crashed {side:?} call {number} of {}: {}", calls.len(), calls[number - 1]);
            assert_eq!(ending(&world).await, expected, "{case}\n{}", world.tell_response("slow").await);
            world.assert_response_rest("slow").await;
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_creation_is_harmless() {
    crash_everywhere(Chapter::Create).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_change_is_harmless() {
    crash_everywhere(Chapter::Change).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_drop_is_harmless() {
    crash_everywhere(Chapter::Drop).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_correction_is_harmless() {
    crash_everywhere(Chapter::Drift).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_an_adoption_is_harmless() {
    crash_everywhere(Chapter::Adopt).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_deletion_is_harmless() {
    crash_everywhere(Chapter::Delete).await;
}
