//! The switches: each moves one answer of the simulator and nothing else.

use apigateway_simulator::{
    AbsentVariable, DeploymentGuard, DeploymentOrder, FailedCreateStage, FailedPatch, MessageMember, StageMembers,
    UnknownStage, UnparsableBoolean, Verdict,
};
use serde_json::{Value, json};

use crate::support::{START, Seen, World};

fn replace(path: &str, value: &str) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

async fn staged() -> World {
    let world = World::new();
    world.stage().await;
    world
}

#[tokio::test]
async fn a_failed_patch_may_keep_its_earlier_operations() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.failed_patch = FailedPatch::KeepsEarlierOperations);
    let list = json!([replace("/description", "kept"), replace("/x", "bad"), replace("/tracingEnabled", "true")]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 400);
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!((&stage["description"], &stage["tracingEnabled"]), (&json!("kept"), &json!(false)));
}

#[tokio::test]
async fn the_canary_may_have_to_be_removed_alone() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.remove_canary_after_others = Verdict::Refuse);
    let remove = json!({"op": "remove", "path": "/canarySettings"});
    let list = json!([replace("/canarySettings/percentTraffic", "1"), remove]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 400);
    world.patch("R/stages/prod", json!([replace("/canarySettings/percentTraffic", "1")])).await;
    assert_eq!(world.patch("R/stages/prod", json!([remove])).await.status, 200);
}

#[tokio::test]
async fn a_promotion_may_need_the_percentage_first() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.copy_before_percent = Verdict::Refuse);
    world.patch("R/stages/prod", json!([replace("/canarySettings/percentTraffic", "5")])).await;
    let copy = json!({"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"});
    let zero = replace("/canarySettings/percentTraffic", "0.0");
    assert_eq!(world.patch("R/stages/prod", json!([copy, zero])).await.status, 400);
    assert_eq!(world.patch("R/stages/prod", json!([zero, copy])).await.status, 200);
}

#[tokio::test]
async fn absent_things_may_be_removed_or_not() {
    let world = staged().await;
    let remove = async |path: &str| world.patch("R/stages/prod", json!([{"op": "remove", "path": path}])).await.status;
    let both = async || (remove("/variables/a").await, remove("/canarySettings/stageVariableOverrides/a").await);
    assert_eq!((both().await, remove("/canarySettings").await), ((400, 400), 400));
    world.simulator.set_switches(|switches| {
        switches.remove_absent_variable = AbsentVariable::NotFound;
        switches.remove_absent_canary = Verdict::Accept;
    });
    assert_eq!((both().await, remove("/canarySettings").await), ((404, 404), 200));
    world.simulator.set_switches(|switches| switches.remove_absent_variable = AbsentVariable::Accept);
    assert_eq!(both().await, (200, 200));
    assert_eq!(world.get("R/stages/prod").await.body.get("canarySettings"), None);
}

#[tokio::test]
async fn the_stages_deployment_may_be_fixed_while_a_canary_runs() {
    let world = staged().await;
    let next = world.deploy().await;
    world.patch("R/stages/prod", json!([replace("/canarySettings/percentTraffic", "5")])).await;
    world.simulator.set_switches(|switches| switches.deployment_id_while_canary = Verdict::Refuse);
    assert_eq!(world.patch("R/stages/prod", json!([replace("/deploymentId", &next)])).await.status, 400);
    world.simulator.set_switches(|switches| switches.deployment_id_while_canary = Verdict::Accept);
    assert_eq!(world.patch("R/stages/prod", json!([replace("/deploymentId", &next)])).await.status, 200);
}

#[tokio::test]
async fn whole_maps_may_be_replaced_or_not() {
    let world = staged().await;
    let list = json!([
        replace("/variables", "{\"a\":\"1\",\"b\":\"2\"}"),
        replace("/canarySettings/stageVariableOverrides", "{\"c\":\"3\"}"),
    ]);
    let stage = world.patch("R/stages/prod", list.clone()).await.body;
    assert_eq!(stage["variables"], json!({"a": "1", "b": "2"}));
    assert_eq!(stage["canarySettings"]["stageVariableOverrides"], json!({"c": "3"}));
    assert_eq!(world.patch("R/stages/prod", json!([replace("/variables", "[]")])).await.status, 400);
    let removed = world.patch("R/stages/prod", json!([{"op": "remove", "path": "/variables"}])).await;
    assert_eq!(removed.body.get("variables"), None);
    world.simulator.set_switches(|switches| switches.whole_map_patches = Verdict::Refuse);
    for path in ["/variables", "/canarySettings/stageVariableOverrides"] {
        let refused = world.patch("R/stages/prod", json!([replace(path, "{}")])).await;
        let text = format!("Invalid method setting path: {path}. Must be one of: {}", super::stage_patches::LIST_A);
        assert_eq!(refused, Seen::bad_request(&text));
    }
}

#[tokio::test]
async fn unparsable_booleans_may_be_refused() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.unparsable_boolean = UnparsableBoolean::Refuse);
    let refused = world.patch("R/stages/prod", json!([replace("/tracingEnabled", "yes")])).await;
    assert_eq!(refused, Seen::bad_request("Invalid value 'yes' for path /tracingEnabled. Must be true or false"));
    assert_eq!(world.patch("R/stages/prod", json!([replace("/tracingEnabled", "False")])).await.status, 200);
}

#[tokio::test]
async fn the_size_of_a_patch_may_be_unlimited() {
    let world = staged().await;
    let list = Value::Array(vec![replace("/description", "x"); 500]);
    world.simulator.set_switches(|switches| switches.patch_operation_limit = Some(3));
    assert_eq!(world.patch("R/stages/prod", list.clone()).await.status, 400);
    world.simulator.set_switches(|switches| switches.patch_operation_limit = None);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
}

#[tokio::test]
async fn throttled_calls_may_come_without_retry_after() {
    let world = World::new();
    world.simulator.set_switches(|switches| switches.retry_after = false);
    world.simulator.faults().on("GetStages").error(429, apigateway_simulator::BeforeTheEffect);
    let reply = world.reply("GET", "R/stages", "").await.answer().unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers().get("retry-after")), (429, None));
}

#[tokio::test]
async fn another_callers_recent_write_may_be_a_conflict() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.conflict_window_seconds = Some(2.0));
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[replace("/description", "hand")]).unwrap();
    let write = async || world.patch("R/stages/prod", json!([replace("/description", "mine")])).await;
    assert_eq!(
        write().await,
        Seen::refusal(
            409,
            "ConflictException",
            "Unable to complete operation due to concurrent modification. Please try again later."
        )
    );
    world.simulator.clock().advance(std::time::Duration::from_secs(3));
    assert_eq!((write().await.status, write().await.status), (200, 200));
}

#[tokio::test]
async fn a_failed_create_may_leave_a_stage_without_canary() {
    let world = staged().await;
    world.simulator.set_switches(|switches| switches.failed_create_stage = FailedCreateStage::LeavesStage);
    let deployment = world.deploy().await;
    let body = json!({"stageName": "beta", "deploymentId": deployment, "canarySettings": {"deploymentId": "nope"}});
    assert_eq!(world.send("POST", "R/stages", &body).await, Seen::bad_request("Deployment id does not exist"));
    let left = world.simulator.stage(&world.api, "beta").unwrap();
    assert_eq!((&left["deploymentId"], left.get("canarySettings")), (&json!(deployment), None));
}

#[tokio::test]
async fn members_of_a_deployment_may_be_ignored_on_a_stage_that_exists() {
    let world = staged().await;
    let body = json!({"stageName": "prod", "stageDescription": "new", "variables": {"a": "1"}});
    world.simulator.set_switches(|switches| switches.deployment_members_on_existing_stage = StageMembers::Ignore);
    let id = world.send("POST", "R/deployments", &body).await.body["id"].clone();
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!((&stage["deploymentId"], stage.get("description"), stage.get("variables")), (&id, None, None));
    world.simulator.set_switches(|switches| switches.deployment_members_on_existing_stage = StageMembers::Overwrite);
    world.send("POST", "R/deployments", &body).await;
    let stage = world.get("R/stages/prod").await.body;
    assert_eq!((&stage["description"], &stage["variables"]), (&json!("new"), &json!({"a": "1"})));
}

#[tokio::test]
async fn either_guard_may_speak_for_both() {
    let world = World::new();
    let id = world.stage().await;
    world.patch("R/stages/prod", json!([replace("/canarySettings/percentTraffic", "5")])).await;
    world.simulator.set_switches(|switches| switches.both_deployment_guards = DeploymentGuard::Canary);
    let refused = world.send("DELETE", &format!("R/deployments/{id}"), &Value::Null).await;
    assert_eq!(
        refused,
        Seen::bad_request("Active stages with canary settings pointing to this deployment must be moved or deleted")
    );
}

#[tokio::test]
async fn unknown_certificates_and_versions_may_be_taken() {
    let world = staged().await;
    let list = json!([replace("/documentationVersion", "v9"), replace("/clientCertificateId", "nope12")]);
    for operation in list.as_array().unwrap() {
        assert_eq!(world.patch("R/stages/prod", json!([operation])).await.status, 400);
    }
    world.simulator.set_switches(|switches| switches.unknown_reference = Verdict::Accept);
    let stage = world.patch("R/stages/prod", list).await.body;
    assert_eq!((&stage["documentationVersion"], &stage["clientCertificateId"]), (&json!("v9"), &json!("nope12")));
    world.simulator.set_switches(|switches| switches.empty_documentation_version = Verdict::Refuse);
    assert_eq!(world.patch("R/stages/prod", json!([replace("/documentationVersion", "")])).await.status, 400);
}

#[tokio::test]
async fn tagging_may_refuse_otherwise_and_may_move_the_date() {
    let world = staged().await;
    let path = format!("/tags/arn:aws:apigateway:eu-west-1::/restapis/{}/stages/", world.api);
    let tag = async |stage: &str| world.send("PUT", &format!("{path}{stage}"), &json!({"tags": {"a": "1"}})).await;
    assert_eq!(tag("nope").await, Seen::not_found("Invalid stage identifier specified"));
    world.simulator.set_switches(|switches| {
        switches.tag_unknown_stage = UnknownStage::BadRequest;
        switches.tagging_moves_last_updated_date = true;
    });
    assert_eq!(tag("nope").await, Seen::bad_request("Invalid stage identifier specified"));
    world.simulator.clock().advance(std::time::Duration::from_secs(7));
    assert_eq!(tag("prod").await.status, 204);
    assert_eq!(world.get("R/stages/prod").await.body["lastUpdatedDate"], json!(START + 7));
}

#[tokio::test]
async fn deployments_may_be_listed_in_another_order() {
    let world = World::new();
    let mut made = vec![world.deploy().await, world.deploy().await, world.deploy().await];
    let listed = async || -> Vec<String> {
        let items = world.get("R/deployments").await.body["item"].as_array().unwrap().clone();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed().await, made);
    made.reverse();
    world.simulator.set_switches(|switches| switches.deployment_order = DeploymentOrder::NewestFirst);
    assert_eq!(listed().await, made);
    made.sort();
    world.simulator.set_switches(|switches| switches.deployment_order = DeploymentOrder::Id);
    assert_eq!(listed().await, made);
}

#[tokio::test]
async fn the_front_ends_text_may_stand_under_an_upper_case_key() {
    let world = World::new();
    world.simulator.set_switches(|switches| switches.front_end_message_member = MessageMember::UpperCase);
    let refused = world.patch("R/stages/x", json!([{"op": "wrong"}])).await;
    assert!(refused.body["Message"].as_str().unwrap().starts_with("1 validation error detected: "));
    assert_eq!(world.get("R/stages/x").await, Seen::not_found("Invalid stage identifier specified"));
}

#[tokio::test]
async fn fresh_entries_may_have_other_numbers_and_leave_the_log_level_behind() {
    let world = staged().await;
    world.with_role().await;
    world.simulator.set_switches(|switches| {
        switches.seed_logging_level = false;
        switches.default_throttling_burst_limit = 1250;
        switches.default_throttling_rate_limit = 2500.0;
    });
    let list = json!([replace("/*/*/logging/loglevel", "INFO"), replace("/~1/GET/metrics/enabled", "true")]);
    let settings = world.patch("R/stages/prod", list).await.body["methodSettings"].clone();
    let (star, single) = (&settings["*/*"], &settings["~1/GET"]);
    assert_eq!((&star["loggingLevel"], single.get("loggingLevel")), (&json!("INFO"), None));
    assert_eq!((&single["throttlingBurstLimit"], &single["throttlingRateLimit"]), (&json!(1250), &json!(2500.0)));
}

#[tokio::test]
async fn switching_logging_off_may_need_no_role() {
    let world = staged().await;
    let off = json!([replace("/*/*/logging/loglevel", "OFF")]);
    assert_eq!(world.patch("R/stages/prod", off.clone()).await.status, 400);
    world.simulator.set_switches(|switches| switches.logging_off_needs_role = false);
    assert_eq!(world.patch("R/stages/prod", off).await.status, 200);
    assert_eq!(world.patch("R/stages/prod", json!([replace("/*/*/logging/loglevel", "INFO")])).await.status, 400);
}

#[tokio::test]
async fn write_replies_may_leave_the_tags_out_and_apis_may_show_a_status() {
    let world = World::new();
    world.simulator.set_switches(|switches| {
        switches.tags_in_write_replies = false;
        switches.api_status = Some("UPDATING".to_owned());
    });
    let deployment = world.deploy().await;
    let body = json!({"stageName": "prod", "deploymentId": deployment, "tags": {"a": "1"}});
    assert_eq!(world.send("POST", "R/stages", &body).await.body.get("tags"), None);
    assert_eq!(world.patch("R/stages/prod", json!([])).await.body.get("tags"), None);
    assert_eq!(world.get("R/stages/prod").await.body["tags"], json!({"a": "1"}));
    assert_eq!(world.get("R").await.body["apiStatus"], "UPDATING");
}
