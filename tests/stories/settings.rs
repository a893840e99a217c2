//! Settings beside the release, against the simulator: what an account without a log role gets, what an edit costs, what a drop
//! leaves behind, and that no answer that AWS may give keeps a stage from being as declared.

use std::time::Duration;

use apigateway_simulator::{
    AbsentVariable, CacheChange, CacheSize, FailedPatch, StatusAfterDeletion, Switches, UnknownStage, Verdict,
};
use serde_json::{Value, json};

use crate::support::{World, step};

const LOG_GROUP: &str = "arn:aws:logs:eu-west-1:123456789012:log-group:orders";

fn send(world: &World, method: &http::Method, path: &str, body: &Value) -> Value {
    world.simulator.scope("123456789012", "eu-west-1").send(method, path, body).unwrap()
}

fn give_the_account_a_role(world: &World) {
    let role = json!({ "op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::123456789012:role/logs" });
    send(world, &http::Method::PATCH, "/account", &json!({ "patchOperations": [role] }));
}

/// Nothing but what every stage declares.
fn bare(world: &World) -> Value {
    json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" })
}

/// Everything, in a first and a second edition.
pub(crate) fn full(world: &World, certificate: &str, edition: u32) -> Value {
    let mut spec = bare(world);
    let more = json!({
        "description": format!("Orders {edition}"),
        "tracingEnabled": true,
        "clientCertificateId": certificate,
        "documentationVersion": format!("v{edition}"),
        "variables": { "backend": format!("blue{edition}") },
        "tags": { "team": "shop", "edition": edition.to_string() },
        "cacheClusterEnabled": true,
        "cacheClusterSize": if edition == 1 { "0.5" } else { "1.6" },
        "accessLogSettings": { "destinationArn": format!("{LOG_GROUP}:*"), "format": format!("$context.requestId {edition}") },
        "methodSettings": [
            { "resourcePath": "/orders/{id}", "httpMethod": "GET", "cachingEnabled": true, "cacheTtlInSeconds": edition },
            { "resourcePath": "*", "httpMethod": "*", "loggingLevel": "ERROR", "throttlingBurstLimit": 40 + edition },
            { "resourcePath": "/", "httpMethod": "ANY", "loggingLevel": "INFO", "dataTraceEnabled": true },
        ],
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// What the declared entries hold in API Gateway; throttles of single methods follow those of all.
fn assert_full(world: &World, edition: u32, case: &str) {
    let stage = world.stage("prod").unwrap();
    assert_eq!(stage["description"], format!("Orders {edition}"), "{case}");
    assert_eq!(stage["documentationVersion"], format!("v{edition}"), "{case}");
    assert_eq!(stage["tracingEnabled"], true, "{case}");
    assert_eq!(stage["cacheClusterStatus"], "AVAILABLE", "{case}");
    assert_eq!(stage["cacheClusterSize"], if edition == 1 { "0.5" } else { "1.6" }, "{case}");
    assert_eq!(stage["tags"]["edition"], edition.to_string(), "{case}");
    assert_eq!(
        stage["accessLogSettings"],
        json!({ "destinationArn": LOG_GROUP, "format": format!("$context.requestId {edition}") }),
        "{case}"
    );
    let methods = &stage["methodSettings"];
    assert_eq!(methods.as_object().unwrap().len(), 3, "{case}: {methods}");
    for (key, level, trace, caching) in
        [("*/*", "ERROR", false, false), ("~1orders~1{id}/GET", "ERROR", false, true), ("~1/ANY", "INFO", true, false)]
    {
        let entry = &methods[key];
        assert_eq!(entry["loggingLevel"], level, "{case}: {key}");
        assert_eq!(entry["dataTraceEnabled"], trace, "{case}: {key}");
        assert_eq!(entry["cachingEnabled"], caching, "{case}: {key}");
        assert_eq!(entry["throttlingBurstLimit"], 40 + edition, "{case}: {key}");
    }
    assert_eq!(methods["~1orders~1{id}/GET"]["cacheTtlInSeconds"], edition, "{case}");
}

/// A world whose account has what a full spec names: the id of a certificate, and two documentation versions.
pub(crate) async fn equipped() -> (World, String) {
    let world = World::new().await;
    give_the_account_a_role(&world);
    let certificate = send(&world, &http::Method::POST, "/clientcertificates", &json!({}));
    let documentation = format!("/restapis/{}/documentation", world.api);
    let part = json!({ "location": { "type": "API" }, "properties": "{\"description\":\"x\"}" });
    send(&world, &http::Method::POST, &format!("{documentation}/parts"), &part);
    for version in ["v1", "v2"] {
        let version = json!({ "documentationVersion": version });
        send(&world, &http::Method::POST, &format!("{documentation}/versions"), &version);
    }
    let certificate = certificate["clientCertificateId"].as_str().unwrap().to_owned();
    (world, certificate)
}

async fn cache_ready(world: &World) -> Option<String> {
    let status = world.status("orders").await;
    let found = status.conditions.iter().find(|condition| condition.type_ == "CacheReady");
    found.map(|condition| format!("{} {}", condition.status, condition.reason))
}

#[tokio::test]
async fn an_account_without_a_log_role_gets_everything_but_logging() {
    let world = World::new().await;
    world.simulator.set_switches(|switches| switches.unknown_reference = Verdict::Accept);
    world.apply("orders", full(&world, "abc123", 1)).await.unwrap();
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False LogsRoleMissing", "{}", world.tell("orders").await);
    assert_eq!(
        message,
        "API Gateway refused logging: this account has no CloudWatch Logs role in eu-west-1. Set one in the account settings, or remove logging from spec; everything else is applied."
    );
    let stage = world.stage("prod").unwrap();
    assert_eq!(stage["clientCertificateId"], "abc123");
    assert_eq!(stage["cacheClusterStatus"], "AVAILABLE");
    assert_eq!(stage["tags"]["team"], "shop");
    assert_eq!(stage["methodSettings"]["~1orders~1{id}/GET"]["cacheTtlInSeconds"], 1);
    assert_eq!(stage["methodSettings"]["*/*"]["throttlingBurstLimit"], 41);
    assert_eq!(stage["accessLogSettings"], Value::Null);

    step("in that state a canary is removed with one accepted call");
    let canary = stage["deploymentId"].as_str().unwrap().to_owned();
    let by_hand = json!({ "op": "replace", "path": "/canarySettings/percentTraffic", "value": "10.0" });
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[by_hand]).unwrap();
    world.simulator.reset_calls();
    world.annotate("orders", &format!("abort/{canary}/1")).await;
    world.rest("orders").await;
    assert_eq!(world.stage("prod").unwrap()["canarySettings"], Value::Null, "{}", world.tell("orders").await);
    assert_eq!(world.writes().first().map(String::as_str), Some("UpdateStage remove /canarySettings"));
    assert_eq!(world.answers_to("remove /canarySettings"), [Some(200)], "{}", world.tell("orders").await);

    step("the account gets a role");
    give_the_account_a_role(&world);
    world.pass_time(Duration::from_mins(5));
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_full(&world, 1, "with a role");
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn an_edit_of_twenty_methods_costs_what_its_operations_need() {
    let world = World::new().await;
    give_the_account_a_role(&world);
    world.apply("orders", bare(&world)).await.unwrap();
    world.rest("orders").await;
    world.simulator.reset_calls();
    let mut spec = bare(&world);
    let methods: Vec<_> = (0..20)
        .map(|n| {
            json!({
                "resourcePath": format!("/orders/{n}"), "httpMethod": "GET", "metricsEnabled": true, "cachingEnabled": true,
                "cacheTtlInSeconds": 60, "throttlingBurstLimit": 10, "throttlingRateLimit": 5.5, "loggingLevel": "ERROR",
            })
        })
        .collect();
    spec["methodSettings"] = json!(methods);
    spec["variables"] = json!({ "backend": "green", "limit": "6" });
    spec["tags"] = json!({ "team": "shop", "tier": "1" });
    spec["accessLogSettings"] = json!({ "destinationArn": LOG_GROUP, "format": "$context.requestId" });
    world.apply("orders", spec).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    let writes = world.writes();
    let updates: Vec<_> = writes.iter().filter(|write| write.starts_with("UpdateStage")).collect();
    let operations: usize = updates.iter().map(|write| write.split("; ").count()).sum();
    assert_eq!(operations, 20 * 6 + 2 + 2, "{writes:#?}");
    assert!(updates.len() <= operations.div_ceil(80) + 2, "{} calls for {operations} operations", updates.len());
    assert_eq!(writes.iter().filter(|write| write.contains("agResource")).count(), 1, "one tag call");
    assert_eq!(world.stage("prod").unwrap()["methodSettings"].as_object().unwrap().len(), 20);
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn a_cache_is_emptied_by_command_and_gone_when_it_is_dropped() {
    let (world, certificate) = equipped().await;
    world.apply("orders", full(&world, &certificate, 1)).await.unwrap();
    world.rest("orders").await;
    assert_eq!(cache_ready(&world).await.as_deref(), Some("True CacheAvailable"), "{}", world.tell("orders").await);

    step("flush-cache");
    world.simulator.reset_calls();
    world.annotate("orders", "flush-cache/-/1").await;
    world.pass("orders").await.unwrap();
    assert_eq!(world.writes(), ["FlushStageCache"]);
    assert_eq!(cache_ready(&world).await.as_deref(), Some("False CacheFlushing"));
    assert_eq!(world.ready("orders").await.0, "True Synced", "a cache in transition shows in CacheReady only");
    world.annotate("orders", "flush-cache/-/2").await;
    world.pass("orders").await.unwrap();
    let refused = serde_json::to_value(world.status("orders").await.last_command).unwrap();
    assert_eq!(refused["state"], "Refused");
    assert_eq!(refused["message"], "the cache cluster is FLUSH_IN_PROGRESS: give it again when CacheReady is True");
    world.annotate("orders", "flush-authorizers/-/3").await;
    world.rest("orders").await;
    assert_eq!(world.writes(), ["FlushStageCache", "FlushStageAuthorizersCache"], "each was sent once");
    assert_eq!(cache_ready(&world).await.as_deref(), Some("True CacheAvailable"));

    step("a resize says what is lost");
    world.apply("orders", full(&world, &certificate, 2)).await.unwrap();
    world.rest("orders").await;
    assert_full(&world, 2, "resized");
    assert!(world.event_reasons("orders").await.contains(&"CacheReplaced".to_owned()));

    step("everything is dropped");
    world.apply("orders", bare(&world)).await.unwrap();
    world.rest("orders").await;
    let stage = world.stage("prod").unwrap();
    assert_eq!((&stage["cacheClusterEnabled"], &stage["cacheClusterStatus"]), (&json!(false), &json!("NOT_AVAILABLE")));
    assert_eq!(stage["methodSettings"], json!({}));
    assert_eq!(cache_ready(&world).await, None);
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn an_endless_removal_of_a_cache_is_said_and_blocks_nothing() {
    let (world, certificate) = equipped().await;
    world.apply("orders", full(&world, &certificate, 1)).await.unwrap();
    world.rest("orders").await;
    world.simulator.set_switches(|switches| switches.cache_deletion_stuck = true);
    world.apply("orders", bare(&world)).await.unwrap();
    world.pass("orders").await.unwrap();
    assert_eq!(cache_ready(&world).await.as_deref(), Some("False CacheDeleting"));
    world.pass_time(Duration::from_mins(91));
    world.rest("orders").await;
    assert_eq!(cache_ready(&world).await.as_deref(), Some("False CacheStuck"));
    assert_eq!(world.ready("orders").await.0, "True Synced");
    world.assert_rest("orders").await;
    let told = world.event_reasons("orders").await.into_iter().filter(|reason| reason == "CacheStuck").count();
    assert_eq!(told, 1);
    let mut spec = bare(&world);
    spec["revision"] = json!("r2");
    world.apply("orders", spec).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "a release goes on");
}

type Position = (&'static str, fn(&mut Switches));

const POSITIONS: &[Position] = &[
    ("as AWS most likely is", |_| {}),
    ("a refused list keeps its first operations", |s| s.failed_patch = FailedPatch::KeepsEarlierOperations),
    ("an absent variable is 404", |s| s.remove_absent_variable = AbsentVariable::NotFound),
    ("lists of any length", |s| s.patch_operation_limit = None),
    ("a moving cache is a 400", |s| s.cache_change_in_transition = CacheChange::BadRequest),
    ("a moving cache is a 409", |s| s.cache_change_in_transition = CacheChange::Conflict),
    ("a cache that goes reads enabled", |s| s.cache_cluster_enabled_while_deleting = true),
    ("a cache that went has an empty status", |s| s.cache_cluster_status_after_deletion = StatusAfterDeletion::Empty),
    ("a cache that went has no status", |s| s.cache_cluster_status_after_deletion = StatusAfterDeletion::Absent),
    ("a cache is 1.6 GB by itself", |s| s.default_cache_cluster_size = CacheSize::try_from("1.6".to_owned()).unwrap()),
    ("a flush needs a cache", |s| s.flush_without_cache = Verdict::Refuse),
    ("unknown references are taken", |s| s.unknown_reference = Verdict::Accept),
    ("an unknown stage is a 400 for tags", |s| s.tag_unknown_stage = UnknownStage::BadRequest),
    ("tagging moves the date", |s| s.tagging_moves_last_updated_date = true),
    ("a new entry has no log level", |s| s.seed_logging_level = false),
    ("a small Region", |s| {
        s.default_throttling_burst_limit = 1250;
        s.default_throttling_rate_limit = 2500.0;
    }),
    ("replies without tags", |s| s.tags_in_write_replies = false),
    ("OFF needs no role", |s| s.logging_off_needs_role = false),
];

#[tokio::test]
async fn a_stage_is_as_declared_in_every_position_of_the_simulators_switches() {
    for (case, position) in POSITIONS {
        step(case);
        let (world, certificate) = equipped().await;
        world.simulator.set_switches(position);
        for edition in [1, 2] {
            world.apply("orders", full(&world, &certificate, edition)).await.unwrap();
            world.rest("orders").await;
            assert_eq!(world.ready("orders").await.0, "True Synced", "{case}: {}", world.tell("orders").await);
            assert_full(&world, edition, case);
        }
        world.assert_rest("orders").await;
        world.apply("orders", bare(&world)).await.unwrap();
        world.rest("orders").await;
        assert_eq!(world.ready("orders").await.0, "True Synced", "{case}: {}", world.tell("orders").await);
        let stage = world.stage("prod").unwrap();
        let tags: Vec<_> = stage["tags"].as_object().unwrap().keys().collect();
        assert_eq!(tags, ["stagecraft.dev/owner"], "{case}");
        assert_eq!((&stage["methodSettings"], &stage["tracingEnabled"]), (&json!({}), &json!(false)), "{case}");
        assert_eq!(stage["cacheClusterEnabled"], false, "{case}");
        for gone in ["description", "clientCertificateId", "documentationVersion", "accessLogSettings", "variables"] {
            assert_eq!(stage[gone], Value::Null, "{case}: {gone}");
        }
        let managed: Vec<_> = world.status("orders").await.managed.into_iter().collect();
        assert_eq!(managed, ["revision"], "{case}");
        world.assert_rest("orders").await;
    }
}

#[tokio::test]
async fn a_documentation_version_that_cannot_be_cleared_holds_back_nothing_else() {
    let (world, certificate) = equipped().await;
    world.apply("orders", full(&world, &certificate, 1)).await.unwrap();
    world.rest("orders").await;
    world.simulator.set_switches(|switches| switches.empty_documentation_version = Verdict::Refuse);
    world.apply("orders", bare(&world)).await.unwrap();
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False Refused", "{message}");
    let stage = world.stage("prod").unwrap();
    assert_eq!(stage["documentationVersion"], "v1");
    assert_eq!((&stage["description"], &stage["methodSettings"]), (&Value::Null, &json!({})), "{message}");
    assert_eq!(stage["clientCertificateId"], Value::Null, "{message}");
    assert_eq!(stage["cacheClusterEnabled"], false);
}

#[tokio::test]
async fn of_two_references_the_one_that_is_there_is_applied() {
    let (world, certificate) = equipped().await;
    for (case, version, id, taken) in [
        ("a version that is not there", "typo", certificate.as_str(), "clientCertificateId"),
        ("a certificate that is not there", "v1", "gone00", "documentationVersion"),
    ] {
        step(case);
        world.apply("orders", bare(&world)).await.unwrap();
        world.rest("orders").await;
        assert_eq!(world.ready("orders").await.0, "True Synced", "{case}: {}", world.tell("orders").await);
        let mut spec = bare(&world);
        spec["description"] = json!("Orders");
        spec["documentationVersion"] = json!(version);
        spec["clientCertificateId"] = json!(id);
        world.apply("orders", spec).await.unwrap();
        world.rest("orders").await;
        world.pass_time(Duration::from_mins(10));
        world.rest("orders").await;
        assert_eq!(world.ready("orders").await.0, "False Refused", "{case}");
        let stage = world.stage("prod").unwrap();
        let both = ["clientCertificateId", "documentationVersion"];
        let shown: Vec<_> = both.into_iter().filter(|field| !stage[*field].is_null()).collect();
        assert_eq!(shown, [taken], "{case}: {}", world.tell("orders").await);
        assert_eq!(stage["description"], "Orders", "{case}");
    }
}
