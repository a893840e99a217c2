//! Faults on demand, quotas, overlaps, and the simulator's own paths.

use std::time::Duration;

use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, Clock, ForeignClient, Reply, Simulator};
use bytes::Bytes;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Seen, World, request, seen};

fn describe(text: &str) -> Value {
    json!([{"op": "replace", "path": "/description", "value": text}])
}

/// Asks one of the simulator's own paths; status and JSON body.
async fn own(simulator: &Simulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder().method(method).uri(format!("/_simulator/{path}")).body(Bytes::from(body));
    let response = simulator.handle(request.unwrap()).await.answer().unwrap();
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
}

#[tokio::test]
async fn a_stale_read_shows_the_state_before_the_last_write_and_writes_are_never_stale() {
    let world = World::new();
    world.stage().await;
    world.simulator.faults().on("GetStage").call(2).stale_read();
    world.patch("R/stages/prod", describe("one")).await;
    world.patch("R/stages/prod", describe("two")).await;
    let read = async || world.get("R/stages/prod").await.body["description"].clone();
    assert_eq!((read().await, read().await, read().await), (json!("two"), json!("one"), json!("two")));
    world.simulator.faults().on("UpdateStage").stale_read();
    assert_eq!(world.patch("R/stages/prod", describe("three")).await.body["description"], "three");
    assert_eq!(read().await, json!("three"));
}

#[tokio::test]
async fn somebody_else_writes_between_two_calls() {
    let world = World::new();
    world.stage().await;
    let operations = describe("theirs").as_array().unwrap().clone();
    world.simulator.faults().on("UpdateStage").foreign_write(BeforeTheEffect, &world.api, "prod", operations.clone());
    let list = json!([{"op": "replace", "path": "/tracingEnabled", "value": "true"}]);
    let stage = world.patch("R/stages/prod", list).await.body;
    assert_eq!((&stage["description"], &stage["tracingEnabled"]), (&json!("theirs"), &json!(true)));
    world.simulator.faults().on("UpdateStage").foreign_write(AfterTheEffect, &world.api, "prod", operations);
    assert_eq!(world.patch("R/stages/prod", describe("mine")).await.body["description"], "mine");
    assert_eq!(world.get("R/stages/prod").await.body["description"], "theirs");
    let overlaps = world.simulator.overlaps();
    let callers: Vec<_> =
        overlaps.iter().map(|overlap| (overlap.first.caller.as_str(), overlap.second.caller.as_str())).collect();
    assert_eq!(
        callers,
        [("AKIDEXAMPLE", "somebody else"), ("somebody else", "AKIDEXAMPLE"), ("AKIDEXAMPLE", "somebody else"),]
    );
}

#[tokio::test]
async fn a_delayed_request_has_its_effect_late_and_a_held_reply_comes_late() {
    let world = World::new();
    world.stage().await;
    world.simulator.faults().on("UpdateStage").latency(Duration::from_secs(10));
    world.simulator.faults().on("UpdateStage").call(2).hold_back(Duration::from_secs(10));
    let described = || world.simulator.stage(&world.api, "prod").unwrap().get("description").cloned();
    {
        let mut delayed = std::pin::pin!(world.patch("R/stages/prod", describe("late")));
        assert!(until_idle(&mut delayed).await.is_none());
        assert_eq!(described(), None);
        world.simulator.clock().advance(Duration::from_secs(10));
        assert_eq!(delayed.await.body["description"], "late");
    }
    let mut held = std::pin::pin!(world.patch("R/stages/prod", describe("now")));
    assert!(until_idle(&mut held).await.is_none());
    assert_eq!(described(), Some(json!("now")));
    world.simulator.clock().advance(Duration::from_secs(10));
    assert_eq!(held.await.status, 200);
}

#[tokio::test]
async fn a_delayed_request_arrives_although_its_sender_gave_up() {
    let world = World::new();
    world.stage().await;
    world.simulator.faults().on("UpdateStage").latency(Duration::from_secs(10));
    {
        let mut given_up = std::pin::pin!(world.patch("R/stages/prod", describe("late")));
        assert!(until_idle(&mut given_up).await.is_none());
    }
    assert_eq!(world.simulator.stage(&world.api, "prod").unwrap().get("description"), None);
    world.simulator.clock().advance(Duration::from_secs(10));
    let mut nothing = std::pin::pin!(std::future::pending::<()>());
    until_idle(&mut nothing).await;
    assert_eq!(world.simulator.stage(&world.api, "prod").unwrap()["description"], "late");
}

/// Runs this future and all tasks of the test's one thread until nothing moves any more; its output if it ended.
///
/// A paused clock jumps only when every task waits, so the end of the sleep is the proof.
async fn until_idle<F: Future>(future: &mut std::pin::Pin<&mut F>) -> Option<F::Output> {
    tokio::time::pause();
    let output = tokio::time::timeout(Duration::from_hours(1), future.as_mut()).await.ok();
    tokio::time::resume();
    output
}

#[tokio::test]
async fn real_time_with_a_factor_lets_replies_come() {
    let simulator = Simulator::builder().clock(Clock::real(1_000.0)).build();
    let before = simulator.clock().now();
    simulator.faults().on("GetRestApis").hold_back(Duration::from_secs(20));
    assert_eq!(seen(simulator.handle(request("GET", "/restapis", "")).await).status, 200);
    let waited = simulator.clock().now().duration_since(before).as_secs();
    assert!((20..2_000).contains(&waited), "{waited}");
}

#[rstest]
#[case(
    400,
    "BadRequestException",
    "Unable to complete operation due to concurrent modification. Please try again later."
)]
#[case(401, "UnauthorizedException", "Unauthorized")]
#[case(
    403,
    "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/simulator is not authorized to perform: \
    apigateway:GET on resource: arn:aws:apigateway:eu-west-1::/restapis/ID/stages because no identity-based policy \
    allows the apigateway:GET action"
)]
#[case(500, "InternalFailure", "Internal server error")]
#[case(503, "ServiceUnavailableException", "Service Unavailable")]
#[tokio::test]
async fn an_error_on_demand_has_awss_words(#[case] status: u16, #[case] code: &str, #[case] message: &str) {
    let world = World::new();
    world.simulator.faults().on("*").error(status, BeforeTheEffect);
    let message = message.replace("ID", &world.api);
    assert_eq!(world.get("R/stages").await, Seen::refusal(status, code, &message));
    assert_eq!(world.get("R/stages").await.status, 200);
}

#[tokio::test]
async fn faults_are_data_over_http_too() {
    let world = World::new();
    let rules = json!([
        {"operation": "CreateDeployment", "call": 2, "times": 2, "moment": "after", "fault": "dropConnection"},
        {"operation": "*", "times": null, "probability": 0.0, "fault": {"error": 503}},
        {"operation": "GetStage", "fault": {"refusal": {"status": 418, "code": "Teapot", "message": "no"}}},
        {"operation": "GetStages", "fault": {"delay": {"seconds": 0.0}}},
    ]);
    let (status, armed) = own(&world.simulator, "PUT", "faults", &rules).await;
    assert_eq!((status, armed.as_array().unwrap().len()), (200, 4));
    let mut ends = Vec::new();
    for _ in 0..4 {
        ends.push(matches!(world.reply("POST", "R/deployments", "{}").await, Reply::Dropped));
    }
    assert_eq!((ends, world.simulator.deployments(&world.api).len()), (vec![false, true, true, false], 4));
    assert_eq!(world.get("R/stages/x").await, Seen::refusal(418, "Teapot", "no"));
    assert_eq!(own(&world.simulator, "DELETE", "faults", &Value::Null).await.0, 204);
    assert_eq!(own(&world.simulator, "GET", "faults", &Value::Null).await.1, json!([]));
}

/// A rule that can never strike, or not as it says, would let a test pass that proves nothing.
#[rstest]
#[case::no_list(json!({}), "The request body must be a JSON list of fault rules.")]
#[case::no_operation(json!([{"fault": "dropConnection"}]), "Fault rule 0: missing field `operation`.")]
#[case::misspelt(
    json!([{"operation": "*", "fault": "dropConnection"}, {"operation": "UpdateStag", "fault": "dropConnection"}]),
    "Fault rule 1: operation 'UpdateStag' is not known; it must be a name such as UpdateStage, or * for all."
)]
#[case::unknown_fault(
    json!([{"operation": "UpdateStage", "fault": "explode"}]),
    "Fault rule 0: unknown variant `explode`, expected one of `dropConnection`, `error`, `refusal`, `delay`, \
     `truncateBody`, `staleRead`, `foreignWrite`."
)]
#[case::never(
    json!([{"operation": "UpdateStage", "times": 0, "fault": "dropConnection"}]),
    "Fault rule 0: times is 0 and must be 1 or more, or null for all calls."
)]
#[case::call_0(
    json!([{"operation": "UpdateStage", "call": 0, "fault": "dropConnection"}]),
    "Fault rule 0: call counts from 1."
)]
#[case::improbable(
    json!([{"operation": "UpdateStage", "probability": 2, "fault": "dropConnection"}]),
    "Fault rule 0: probability is 2 and must be from 0 to 1."
)]
#[case::into_the_past(
    json!([{"operation": "UpdateStage", "fault": {"delay": {"seconds": -1}}}]),
    "Fault rule 0: delay is -1.0 seconds and must be 0 or more, and less than 1e19."
)]
#[case::no_refusal(
    json!([{"operation": "UpdateStage", "fault": {"error": 200}}]),
    "Fault rule 0: status is 200 and must be from 400 to 599."
)]
#[case::no_header(
    json!([{"operation": "UpdateStage", "fault": {"refusal": {"status": 400, "code": "a\nb", "message": "x"}}}]),
    "Fault rule 0: code is \"a\\nb\" and must be the name of an exception, such as ConflictException."
)]
#[case::stale_too_late(
    json!([{"operation": "GetStage", "moment": "after", "fault": "staleRead"}]),
    "Fault rule 0: staleRead strikes before the effect only; leave moment out."
)]
#[case::no_stage(
    json!([{"operation": "GetStage",
        "fault": {"foreignWrite": {"restApiId": "", "stageName": "a/b", "patchOperations": []}}}]),
    "Fault rule 0: restApiId and stageName of foreignWrite must consist of letters, digits, _ and -."
)]
#[tokio::test]
async fn a_fault_that_would_never_strike_is_refused_and_the_plan_stays(#[case] wrong: Value, #[case] sentence: &str) {
    let simulator = Simulator::builder().build();
    simulator.faults().on("CreateStage").drop_connection(AfterTheEffect);
    let before = simulator.faults().rules();
    assert_eq!(own(&simulator, "PUT", "faults", &wrong).await, (400, json!({"message": sentence})));
    assert_eq!(simulator.faults().rules(), before);
}

#[tokio::test]
async fn switches_move_over_http_and_unknown_ones_are_refused_whole() {
    let world = World::new();
    let moved = json!({"failedPatch": "keepsEarlierOperations", "patchOperationLimit": null});
    let (status, switches) = own(&world.simulator, "PUT", "switches", &moved).await;
    assert_eq!((status, &switches["failedPatch"]), (200, &json!("keepsEarlierOperations")));
    assert_eq!((&switches["patchOperationLimit"], &switches["retryAfter"]), (&Value::Null, &json!(true)));
    for (wrong, sentence) in [
        (json!({"retryAfter": false, "nonsense": 1}), "Switch nonsense cannot be moved: unknown field `nonsense`, "),
        (
            json!({"retryAfter": "no"}),
            "Switch retryAfter cannot be moved: invalid type: string \"no\", expected a boolean.",
        ),
        (
            json!({"patchOperationLimit": -1}),
            "Switch patchOperationLimit cannot be moved: invalid value: integer `-1`, expected usize.",
        ),
        (
            json!({"defaultCacheClusterSize": "2"}),
            "Switch defaultCacheClusterSize cannot be moved: cache size '2' must be one of 0.5, ",
        ),
        (
            json!({"conflictWindowSeconds": -1}),
            "Switch conflictWindowSeconds cannot be moved: it must be 0 or more seconds, or null for never.",
        ),
        (
            json!({"defaultThrottlingRateLimit": -1}),
            "Switch defaultThrottlingRateLimit cannot be moved: it must be 0 or more.",
        ),
        (
            json!({"apiStatus": "GONE"}),
            "Switch apiStatus cannot be moved: it must be one of UPDATING, AVAILABLE, PENDING, FAILED, or null for none.",
        ),
        (json!([]), "The request body must be a JSON object of switches."),
    ] {
        let (status, body) = own(&world.simulator, "PUT", "switches", &wrong).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(body["message"].as_str().unwrap().starts_with(sentence), "{body}");
    }
    assert_eq!(own(&world.simulator, "GET", "switches", &Value::Null).await, (200, switches));
}

#[tokio::test]
async fn the_call_log_is_read_and_emptied_over_http() {
    let world = World::new();
    world.get("R/stages").await;
    world.patch("R/stages/x", describe("d")).await;
    let (_, calls) = own(&world.simulator, "GET", "calls", &Value::Null).await;
    assert_eq!(calls[0]["operation"], "GetStages");
    assert_eq!(
        calls[1],
        json!({
            "sequence": 2, "time": "2026-01-01T00:00:00Z", "service": "apigateway", "operation": "UpdateStage",
            "write": true, "method": "PATCH", "path": format!("/restapis/{}/stages/x", world.api),
            "account": "123456789012", "region": "eu-west-1",
            "caller": {"name": null, "accessKeyId": "AKIDEXAMPLE", "userAgent": null},
            "body": {"patchOperations": describe("d")}, "status": 404, "error": "NotFoundException",
            "message": "Invalid stage identifier specified", "effect": false, "faults": [],
        })
    );
    let (_, counts) = own(&world.simulator, "GET", "calls/counts", &Value::Null).await;
    assert_eq!(counts, json!({"GetStages": 1, "UpdateStage": 1}));
    let text = http::Request::get("/_simulator/calls?format=text").body(Bytes::new()).unwrap();
    let text = world.simulator.handle(text).await.answer().unwrap().into_body();
    assert_eq!(String::from_utf8(text.to_vec()).unwrap().lines().count(), 2);
    assert_eq!(own(&world.simulator, "DELETE", "calls", &Value::Null).await.0, 204);
    assert_eq!(own(&world.simulator, "GET", "calls", &Value::Null).await.1, json!([]));
    assert_eq!(own(&world.simulator, "GET", "calls?format=xml", &Value::Null).await.0, 400);
}

#[tokio::test]
async fn what_the_simulator_does_not_have_is_told_in_a_sentence() {
    let world = World::new();
    let (status, body) = own(&world.simulator, "GET", "nothing", &Value::Null).await;
    assert_eq!(status, 404);
    let expected = "There is no /_simulator/nothing. There are: calls, calls/counts, switches, faults, ";
    assert!(body["message"].as_str().unwrap().starts_with(expected), "{body}");
    let (status, body) = own(&world.simulator, "POST", "calls", &Value::Null).await;
    assert_eq!((status, body), (405, json!({"message": "/_simulator/calls does not answer POST."})));
}

#[tokio::test]
async fn the_clock_moves_over_http() {
    let world = World::new();
    let (_, clock) = own(&world.simulator, "PUT", "clock", &json!({"advanceSeconds": 90})).await;
    assert_eq!(clock, json!({"now": "2026-01-01T00:01:30Z", "epochSeconds": crate::support::START + 90}));
    for (wrong, sentence) in [
        (json!({"advanceSeconds": -1}), "advanceSeconds is -1.0 and must be 0 or more, and below 1e19."),
        (
            json!({"advanceSeconds": 1, "atLeastEpochSeconds": i64::MAX}),
            "atLeastEpochSeconds is 9223372036854775807 and must be at most 253402207200.",
        ),
        (json!({}), "The request body must have advanceSeconds or atLeastEpochSeconds."),
        (json!({"advance": 1}), "The request body cannot be read: unknown field `advance`, "),
    ] {
        let (status, body) = own(&world.simulator, "PUT", "clock", &wrong).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(body["message"].as_str().unwrap().starts_with(sentence), "{body}");
    }
    assert_eq!(own(&world.simulator, "GET", "clock", &Value::Null).await.1, clock);
}

#[tokio::test]
async fn quotas_throttle_with_retry_after_and_a_foreign_client_uses_its_part() {
    let world = World::new();
    world.simulator.set_quota(true, ForeignClient::default());
    let ends = async |count: usize| {
        let mut taken = 0;
        for _ in 0..count {
            taken += usize::from(world.get("R/stages").await.status == 200);
        }
        taken
    };
    assert_eq!(ends(50).await, 40);
    world.simulator.clock().advance(Duration::from_secs(1));
    assert_eq!(ends(50).await, 10);
    world.simulator.clock().advance(Duration::from_mins(1));
    assert_eq!(world.send("POST", "R/deployments", &json!({})).await.status, 201);
    world.simulator.clock().advance(Duration::from_secs(2));
    let throttled = world.reply("POST", "R/deployments", "{}").await.answer().unwrap();
    assert_eq!(throttled.headers()["retry-after"], "3");
    assert_eq!(seen(Reply::Answer(throttled)), Seen::refusal(429, "TooManyRequestsException", "Too Many Requests"));
    let setting = json!({"mode": "aws", "foreignClient": {"requestsPerSecond": 9}});
    assert_eq!(own(&world.simulator, "PUT", "quota", &setting).await.0, 200);
    assert_eq!(ends(50).await, 40);
    world.simulator.clock().advance(Duration::from_secs(1));
    assert_eq!(ends(50).await, 1);
    assert_eq!(own(&world.simulator, "PUT", "quota", &json!({"mode": "off"})).await.0, 200);
    assert_eq!(ends(50).await, 50);
    assert_eq!(own(&world.simulator, "PUT", "quota", &json!({"mode": "some"})).await.0, 400);
    let negative = json!({"mode": "aws", "foreignClient": {"requestsPerSecond": -1}});
    let sentence = json!({"message": "requestsPerSecond is -1.0 and must be 0 or more."});
    assert_eq!(own(&world.simulator, "PUT", "quota", &negative).await, (400, sentence));
}

#[tokio::test]
async fn two_callers_that_write_to_one_stage_within_the_window_overlap() {
    let world = World::new();
    world.stage().await;
    world.simulator.reset_overlaps();
    let write = async |caller: &str, text: &str| {
        let body = json!({"patchOperations": describe(text)}).to_string();
        let mut request = request("PATCH", &format!("/restapis/{}/stages/prod", world.api), body);
        request.headers_mut().insert("x-simulator-caller", caller.parse().unwrap());
        assert_eq!(seen(world.simulator.handle(request).await).status, 200);
    };
    write("a", "1").await;
    write("a", "2").await;
    world.simulator.clock().advance(Duration::from_secs(2));
    write("b", "3").await;
    assert_eq!(world.simulator.overlaps(), []);
    world.simulator.clock().advance(Duration::from_secs(1));
    write("a", "4").await;
    let (_, report) = own(&world.simulator, "GET", "overlaps", &Value::Null).await;
    assert_eq!((&report["count"], &report["windowSeconds"]), (&json!(1), &json!(1.0)));
    let found = &report["overlaps"][0];
    assert_eq!((&found["first"]["caller"], &found["second"]["caller"]), (&json!("b"), &json!("a")));
    assert_eq!((&found["stageName"], &found["restApiId"]), (&json!("prod"), &json!(world.api)));
    own(&world.simulator, "PUT", "overlaps", &json!({"windowSeconds": 60})).await;
    world.simulator.clock().advance(Duration::from_secs(50));
    write("b", "5").await;
    assert_eq!(world.simulator.overlaps().len(), 2);
    own(&world.simulator, "DELETE", "overlaps", &Value::Null).await;
    assert_eq!(world.simulator.overlaps(), []);
}

#[tokio::test]
async fn a_refused_write_and_a_write_to_another_stage_do_not_overlap() {
    let world = World::new();
    let deployment = world.stage().await;
    world.send("POST", "R/stages", &json!({"stageName": "beta", "deploymentId": deployment})).await;
    world.simulator.reset_overlaps();
    let hand = |stage: &str, path: &str| {
        let operations = [json!({"op": "replace", "path": path, "value": "x"})];
        world.simulator.patch_stage_by_hand(&world.api, stage, &operations)
    };
    world.patch("R/stages/prod", describe("mine")).await;
    hand("beta", "/description").unwrap();
    hand("prod", "/x").unwrap_err();
    assert_eq!(world.simulator.overlaps(), []);
    hand("prod", "/description").unwrap();
    assert_eq!(world.simulator.overlaps().len(), 1);
}
