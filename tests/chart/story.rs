//! P11: what the chart allows in the cluster and `docs/iam-policy.json` in AWS is exactly what the operator uses.
//!
//! The operator runs as its pods would (module `pod`), with the chart's own `ServiceAccount`, through everything that it does:
//! both logs are then compared with both lists of rights, in both directions. A right that no step here needs is one too many,
//! or a step is missing.

use std::collections::BTreeSet;
use std::time::Duration;

use apigateway_simulator::{CallRecord, FaultKind, Moment};
use futures::future::join_all;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::iam;
use crate::rights::{self, Differences, requests_of, rights_of};
use crate::stand::{Named, OPERATOR_NAMESPACE, REGION, RELEASE, Stand, plural};
use crate::world::{CHART, SOON, helm, kubectl, kubectl_with, objects, only, step};

const STAGE: Named = ("ApiStage", "orders", "orders-prod");
const CANARY: Named = ("ApiCanary", "orders", "orders-prod");
const RESPONSE: Named = ("ApiGatewayResponse", "orders", "throttled");
/// Names of `ApiCanary`s whose stage does not exist.
const LONELY: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// Of a team with an account of its own.
const FOREIGN: Named = ("ApiStage", "shop", "maps");

/// The operator's role, and that of the other account: the names of `docs/access.md`.
const OWN_ROLE: &str = "arn:aws:iam::123456789012:role/stagecraft";
const OTHER_ROLE: &str = "arn:aws:iam::111111111111:role/stagecraft-orders";
const OTHER_ACCOUNT: &str = "111111111111";

#[tokio::test]
async fn the_rights_of_the_chart_are_exactly_what_is_used() {
    let stand = Stand::new(&["orders", "shop"]).await;
    let orders = stand.simulator.create_rest_api("orders");
    let maps = stand.simulator.scope(OTHER_ACCOUNT, REGION).create_rest_api("maps");
    step("install, with a role, access rules, a Prometheus and a webhook's host");
    stand.install(values(&stand, &maps)).await;
    let one = stand.pod("one").await;
    assert_eq!(one.says().await.as_deref(), Some("leading"));
    let two = stand.pod("two").await;
    assert_ne!(two.says().await.as_deref(), Some("leading"));

    a_stage_comes_to_life(&stand, &orders).await;
    its_settings_change(&stand, &orders).await;
    a_gateway_response_changes(&stand, &orders).await;
    a_stage_of_another_account_is_adopted(&stand, &maps).await;
    writes_that_meet_are_repeated(&stand).await;
    step("the leader ends, and the other follows");
    a_canary_opens(&stand).await;
    one.terminate().await;
    follows(&two).await;
    step("both are away, for longer than a check needs");
    two.terminate().await;
    minutes_pass(&stand).await;
    let three = stand.pod("three").await;
    the_canary_is_promoted(&stand).await;
    one_is_aborted_and_one_rolled_back(&stand).await;
    everything_goes(&stand, &orders, &maps).await;
    drop(three);

    let account = &only_account(&stand).await;
    let requests = requests_of(&stand.plane, OPERATOR_NAMESPACE, account);
    let rights = rights_of(&stand.plane, OPERATOR_NAMESPACE, account).await;
    step(&format!("{} kinds of requests, {} rights", requests.len(), rights.len()));
    assert_eq!(rights::compare(&rights, &requests), Differences::default());
    assert_policy(&stand);
}

/// What differs from a release for the whole cluster with a Lease: nothing is asked for outside the namespaces, of the Lease, or
/// of kube-system. The roles in the namespaces have the rules that the other story has used one by one.
#[tokio::test]
async fn one_replica_for_some_namespaces_asks_for_nothing_outside_of_them() {
    let stand = Stand::new(&["orders", "shop"]).await;
    let orders = stand.simulator.create_rest_api("orders");
    let annotations = json!({ "eks.amazonaws.com/role-arn": OWN_ROLE });
    let values = json!({
        "watchNamespaces": ["orders", "shop"], "clusterId": "prod-eu", "driftInterval": "2s",
        "leaderElection": { "enabled": false }, "serviceAccount": { "annotations": annotations },
    });
    stand.install(values).await;
    let pod = stand.pod("one").await;
    a_stage_comes_to_life(&stand, &orders).await;
    a_gateway_response_changes(&stand, &orders).await;
    a_canary_opens(&stand).await;
    stand.command(STAGE, "abort/r2.2/1").await;
    stand.until_phase(STAGE, "r2.2", "Failed").await;
    stand.delete(RESPONSE).await;
    stand.delete(STAGE).await;
    stand.until_gone(RESPONSE).await;
    stand.until_gone(STAGE).await;
    assert!(!pod.log().contains("forbidden"), "{}", pod.log());

    let account = &only_account(&stand).await;
    let requests = requests_of(&stand.plane, OPERATOR_NAMESPACE, account);
    let rights = rights_of(&stand.plane, OPERATOR_NAMESPACE, account).await;
    assert_eq!(rights::compare(&rights, &requests).missing, BTreeSet::new());
    let outside: Vec<_> = requests.iter().filter(|request| request.namespace.is_none()).collect();
    assert!(outside.is_empty(), "{outside:#?}");
    let leases: Vec<_> = requests.iter().filter(|request| request.resource == "leases").collect();
    assert!(leases.is_empty(), "{leases:#?}");

    let wide = helm(&stand.plane, &["template", RELEASE, CHART, "--show-only", "templates/rbac.yaml"]).await;
    let wide = objects(&wide);
    let everywhere = only_named(&wide, "ClusterRole", RELEASE);
    for namespace in ["orders", "shop"] {
        let get = ["get", "role", RELEASE, "--namespace", namespace, "-o", "json"];
        let role: Value = serde_json::from_str(&kubectl(&stand.plane, &get).await).unwrap();
        assert_eq!(role["rules"], everywhere["rules"], "each of them is used, as the other story shows");
    }
    let kinds =
        ["get", "clusterroles,roles", "--all-namespaces", "-o", "name", "-l", "app.kubernetes.io/name=stagecraft"];
    let kinds = kubectl(&stand.plane, &kinds).await;
    let mut roles: Vec<_> = kinds.lines().collect();
    roles.sort_unstable();
    let expected = [
        "clusterrole.rbac.authorization.k8s.io/stagecraft-edit",
        "clusterrole.rbac.authorization.k8s.io/stagecraft-view",
        "role.rbac.authorization.k8s.io/stagecraft",
        "role.rbac.authorization.k8s.io/stagecraft",
    ];
    assert_eq!(roles, expected, "no role for the Lease, none for kube-system");
}

fn only_named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let named: Vec<Value> = objects.iter().filter(|object| object["metadata"]["name"] == name).cloned().collect();
    let index = objects.iter().position(|object| object == only(&named, kind)).unwrap();
    &objects[index]
}

fn values(stand: &Stand, maps: &str) -> Value {
    json!({
        "replicas": 2,
        "driftInterval": "2s",
        "access": { "rules": [
            {
                "namespace": "shop", "roleArn": OTHER_ROLE, "restApiIds": [maps], "regions": [REGION], "adoption": true,
            },
            { "namespace": "orders", "restApiIds": ["*"], "regions": [REGION] },
        ] },
        "providers": { "prometheus": [{ "name": "main", "url": format!("http://{}", stand.neighbour) }] },
        "webhooks": { "allowedHosts": [stand.neighbour.to_string()], "allowHttp": true },
        "serviceAccount": { "annotations": { "eks.amazonaws.com/role-arn": OWN_ROLE } },
    })
}

async fn only_account(stand: &Stand) -> String {
    let path = ["jsonpath={.spec.template.spec.serviceAccountName}", "--namespace", OPERATOR_NAMESPACE];
    kubectl(&stand.plane, &[&["get", "deployment", RELEASE, "-o"][..], &path].concat()).await
}

/// The stage as declared in this edition.
fn spec(revision: &str, edition: u32) -> Value {
    json!({
        "restApiIdFrom": { "configMapKeyRef": { "name": "orders-api", "key": "id" } },
        "stageName": "prod",
        "revision": revision,
        "releasePolicy": "Canary",
        "description": format!("edition {edition}"),
        "variables": { "backend": revision },
        "tags": { format!("edition-{edition}"): "yes" },
        "cacheClusterEnabled": true,
        "cacheClusterSize": "0.5",
        "methodSettings": [{
            "resourcePath": "*", "httpMethod": "*", "throttlingBurstLimit": 10 * edition, "throttlingRateLimit": 5,
        }],
    })
}

async fn a_stage_comes_to_life(stand: &Stand, rest_api: &str) {
    step("a stage whose REST API is not known yet, then is");
    stand.apply(STAGE, spec("r1", 1)).await;
    stand
        .until(STAGE, "waiting", |found| {
            let conditions = found["status"]["conditions"].as_array().into_iter().flatten();
            conditions.into_iter().any(|condition| condition["reason"] == "ReferenceUnresolved")
        })
        .await;
    let config_map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "orders-api", "namespace": "orders" },
        "data": { "id": rest_api },
    });
    kubectl_with(&stand.plane, &["apply", "-f", "-"], &config_map.to_string()).await;
    stand.until_ready(STAGE).await;
    assert_eq!(stand.simulator.stage(rest_api, "prod").unwrap()["variables"], json!({ "backend": "r1" }));
}

async fn its_settings_change(stand: &Stand, rest_api: &str) {
    step("settings and tags change, the caches are flushed");
    stand.apply(STAGE, spec("r1", 2)).await;
    stand.until_ready(STAGE).await;
    let stage = stand.simulator.stage(rest_api, "prod").unwrap();
    assert_eq!(stage["description"], "edition 2");
    assert_eq!(stage["tags"]["edition-1"], Value::Null);
    stand.until(STAGE, "cached", |found| found["status"]["cacheCluster"]["status"] == "AVAILABLE").await;
    for command in ["flush-cache/-/1", "flush-authorizers/-/2"] {
        stand.command(STAGE, command).await;
        stand.until_done(STAGE, command).await;
    }
    step("the same drift twice, so that the event is folded");
    for _ in 0..2 {
        let by_hand = json!({ "op": "replace", "path": "/description", "value": "by hand" });
        stand.simulator.patch_stage_by_hand(rest_api, "prod", &[by_hand]).unwrap();
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        while stand.simulator.stage(rest_api, "prod").unwrap()["description"] != "edition 2" {
            assert!(Instant::now() < deadline, "drift stays");
            ticks.tick().await;
        }
    }
}

async fn a_gateway_response_changes(stand: &Stand, rest_api: &str) {
    step("a gateway response: created, a header more, a header less");
    let spec = |headers: Value| {
        json!({
            "restApiId": rest_api, "responseType": "THROTTLED", "statusCode": "429", "responseParameters": headers,
        })
    };
    let one = json!({ "gatewayresponse.header.Retry-After": "'5'" });
    let two = json!({
        "gatewayresponse.header.Retry-After": "'5'", "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
    });
    for headers in [&one, &two, &one] {
        stand.apply(RESPONSE, spec(headers.clone())).await;
        // It is ready only when a deployment has taken it to callers.
        stand
            .until(RESPONSE, "written", |found| {
                let names = found["status"]["observed"]["responseParameters"].as_array();
                names.map(Vec::len) == headers.as_object().map(serde_json::Map::len)
            })
            .await;
    }
}

async fn a_stage_of_another_account_is_adopted(stand: &Stand, rest_api: &str) {
    step("a stage that was made by hand, in another account");
    let account = stand.simulator.scope(OTHER_ACCOUNT, REGION);
    let body = json!({ "stageName": "live" });
    account.send(&Method::POST, &format!("/restapis/{rest_api}/deployments"), &body).unwrap();
    let spec = json!({ "restApiId": rest_api, "stageName": "live", "adoptionPolicy": "IfExists" });
    stand.apply(FOREIGN, spec).await;
    stand.until_ready(FOREIGN).await;
    assert!(account.stage(rest_api, "live").unwrap()["tags"]["stagecraft.dev/owner"].is_string());
}

/// While the operator waits for AWS somebody else changes the object, so that what it writes next meets another version of it
/// and it must ask for the newest one.
async fn writes_that_meet_are_repeated(stand: &Stand) {
    step("objects that change while a call is under way");
    meet(stand, STAGE, "UpdateStage", |round| spec("r1", 2 + round)).await;
    stand.until_ready(STAGE).await;
    let response = stand.get(RESPONSE).await["spec"].clone();
    meet(stand, RESPONSE, "UpdateGatewayResponse", |round| {
        let mut spec = response.clone();
        spec["responseParameters"]["gatewayresponse.header.X-Round"] = json!(format!("'{round}'"));
        spec
    })
    .await;
    step("ApiCanaries without a stage that keep changing");
    // Their status is written one after the other, so that some have changed before their turn.
    for round in 1_u32.. {
        let spec =
            json!({ "stageRef": { "name": "nobody" }, "steps": [{ "setPercent": 5, "hold": format!("{round}m") }] });
        join_all(LONELY.map(|name| stand.apply(("ApiCanary", "shop", name), spec.clone()))).await;
        if asked_for_newest(stand, "ApiCanary").await {
            return;
        }
        assert!(round < 100, "no two writes met");
    }
}

/// Changes the object while this call is held back. On a busy machine the change can come too late; then once more.
async fn meet(stand: &Stand, object: Named, operation: &str, spec: impl Fn(u32) -> Value) {
    let held = || {
        let calls = stand.simulator.calls();
        calls.iter().filter(|call| call.info.operation == operation && !call.faults.is_empty()).count()
    };
    for round in 1..=5 {
        let before = held();
        stand.simulator.faults().on(operation).fault(Moment::Before, FaultKind::Delay { seconds: 1.5 });
        stand.apply(object, spec(round)).await;
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(20));
        while held() == before {
            assert!(Instant::now() < deadline, "{operation} was not called");
            ticks.tick().await;
        }
        stand.annotate(object, "example.com/touched", &round.to_string()).await;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if asked_for_newest(stand, object.0).await {
                return;
            }
            ticks.tick().await;
        }
    }
    panic!("no two writes met on {object:?}");
}

/// Whether the operator has asked for one object of this kind, which it does only where a write was too late.
async fn asked_for_newest(stand: &Stand, kind: &str) -> bool {
    let requests = requests_of(&stand.plane, OPERATOR_NAMESPACE, &only_account(stand).await);
    requests.iter().any(|request| request.verb == "get" && request.resource == plural(kind))
}

fn policy(stand: &Stand) -> Value {
    json!({
        "stageRef": { "name": "orders-prod" },
        "steps": [{ "setPercent": 5, "approval": "Required" }],
        "analysis": {
            "interval": "10s", "window": "1m", "initialDelay": "0s", "metricDelay": "0s",
            "metrics": [
                { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
                { "name": "alarm", "alarm": { "name": "orders" } },
                { "name": "carts", "prometheus": { "provider": "main", "query": "lost_carts" }, "max": 1 },
            ],
        },
        "webhooks": [{ "name": "gate", "url": format!("http://{}/gate", stand.neighbour), "when": ["BeforePromotion"] }],
    })
}

async fn a_canary_opens(stand: &Stand) {
    step("a canary opens");
    stand.apply(CANARY, policy(stand)).await;
    stand.apply(STAGE, spec("r2", 3)).await;
    stand.until_phase(STAGE, "r2.2", "AwaitingApproval").await;
}

async fn follows(pod: &crate::pod::Pod) {
    let deadline = Instant::now() + SOON;
    let mut ticks = interval(Duration::from_millis(100));
    while pod.says().await.as_deref() != Some("leading") {
        assert!(Instant::now() < deadline, "it does not lead:\n{}", pod.log());
        ticks.tick().await;
    }
}

/// A check needs a whole minute after traffic moved, and a real clock cannot be moved: so the release is made older while no
/// operator runs, and CloudWatch is told of minutes that have passed.
async fn minutes_pass(stand: &Stand) {
    let now = stand.simulator.clock().now();
    let earlier = now - SignedDuration::from_mins(4);
    let times = json!({ "startedAt": earlier, "stepStartedAt": earlier, "trafficChangedAt": earlier });
    stand.patch_status(STAGE, json!({ "release": times })).await;
    let mut data = Vec::new();
    for minute in 0..5 {
        let at = (now - SignedDuration::from_mins(minute)).as_second();
        for (stage, requests) in [(None, 10_000), (Some("prod"), 9_500), (Some("prod/Canary"), 500)] {
            let mut dimensions = vec![json!({ "Name": "ApiName", "Value": "orders" })];
            dimensions.extend(stage.map(|stage| json!({ "Name": "Stage", "Value": stage })));
            for (metric, sum) in [("Count", requests), ("5XXError", 0)] {
                let values =
                    json!({ "SampleCount": requests, "Sum": sum, "Minimum": sum.min(1), "Maximum": sum.min(1) });
                data.push(json!({
                    "MetricName": metric, "Dimensions": dimensions, "Timestamp": at, "StatisticValues": values,
                }));
            }
        }
    }
    stand.tell_cloud_watch("PutMetricData", &json!({ "Namespace": "AWS/ApiGateway", "MetricData": data })).await;
    let alarm = json!({
        "AlarmName": "orders", "Namespace": "AWS/ApiGateway", "MetricName": "Count", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    stand.tell_cloud_watch("PutMetricAlarm", &alarm).await;
    let fine = json!({ "AlarmName": "orders", "StateValue": "OK", "StateReason": "quiet" });
    stand.tell_cloud_watch("SetAlarmState", &fine).await;
}

async fn the_canary_is_promoted(stand: &Stand) {
    step("a check passes");
    stand.until(CANARY, "checked", |found| found["status"]["checks"][0]["verdict"] == "Pass").await;
    step("a person approves, the gate is open");
    stand.command(STAGE, "approve/r2.2/1/yes").await;
    stand.until_phase(STAGE, "r2.2", "Succeeded").await;
    stand.until_ready(STAGE).await;
}

async fn one_is_aborted_and_one_rolled_back(stand: &Stand) {
    step("r3 is aborted, then r2 goes back to r1");
    stand.apply(STAGE, spec("r3", 3)).await;
    stand.until_phase(STAGE, "r3.3", "AwaitingApproval").await;
    stand.command(STAGE, "abort/r3.3/1").await;
    stand.until_phase(STAGE, "r3.3", "Failed").await;
    stand.command(STAGE, "rollback/-/1").await;
    let back = stand.until_phase(STAGE, "r1.4", "Succeeded").await;
    assert_eq!(back["status"]["release"]["how"], "RolledBack");
}

async fn everything_goes(stand: &Stand, orders: &str, maps: &str) {
    step("everything is deleted; what was adopted stays, without our mark");
    for object in [RESPONSE, CANARY, FOREIGN, STAGE] {
        stand.delete(object).await;
    }
    for object in [RESPONSE, CANARY, FOREIGN, STAGE] {
        stand.until_gone(object).await;
    }
    assert_eq!(stand.simulator.stage(orders, "prod"), None);
    assert_eq!(stand.simulator.deployments(orders), [Value::Null; 0]);
    let left = stand.simulator.scope(OTHER_ACCOUNT, REGION).stage(maps, "live").unwrap();
    assert!(left["tags"].get("stagecraft.dev/owner").is_none(), "{left}");
}

/// Both roles have the policy of `docs/`, and the operator's own may assume the other as `docs/access.md` says.
fn assert_policy(stand: &Stand) {
    let own = |call: &CallRecord| call.info.caller.name.as_deref() != Some("console");
    let calls: Vec<_> = stand.simulator.calls().into_iter().filter(own).collect();
    let asked: BTreeSet<_> = calls.iter().filter_map(iam::asked).collect();
    let policy = include_str!("../../docs/iam-policy.json");
    let mut permissions = iam::permissions(&serde_json::from_str(policy).unwrap());
    let access = include_str!("../../docs/access.md");
    let documents = access.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let documents: Vec<Value> = documents.map(|document| serde_json::from_str(document).unwrap()).collect();
    let [trust, assume] = documents.as_slice() else { panic!("two documents: {documents:#?}") };
    permissions.extend(iam::permissions(assume));
    step(&format!("{} calls to AWS, {} different, {} permissions", calls.len(), asked.len(), permissions.len()));
    assert_eq!(iam::compare(&permissions, &asked), iam::Differences::default());

    assert_eq!(trust["Statement"][0]["Principal"]["AWS"], OWN_ROLE);
    let allowed = trust["Statement"][0]["Condition"]["StringLike"]["sts:RoleSessionName"].as_str().unwrap();
    let (begin, end) = allowed.split_once('*').unwrap();
    let assumed = calls.iter().filter(|call| call.info.operation == "AssumeRole");
    let sessions: BTreeSet<_> = assumed.map(|call| call.info.body["RoleSessionName"].as_str().unwrap()).collect();
    assert!(!sessions.is_empty());
    for session in sessions {
        assert!(session.starts_with(begin) && session.ends_with(end), "{session} is not trusted by {allowed}");
    }
}
