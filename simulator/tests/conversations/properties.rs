//! Promises over any requests: never a 5xx of its own, a refused request leaves everything as it was, and the state
//! stays one that AWS could have.

use apigateway_simulator::{Switches, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::support::{Seen, World};

/// Any JSON, of few levels.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any_member(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Texts that mean something to the simulator, and any others.
fn any_text() -> impl Strategy<Value = String> {
    let known = vec![
        "",
        "true",
        "false",
        "0",
        "-1",
        "10.5",
        "100.0",
        "1e400",
        "NaN",
        "0.5",
        "118",
        "OFF",
        "INFO",
        "prod",
        "beta",
        "STABLE",
        "NEXT",
        "{\"a\":\"b\"}",
        "GET",
        "MOCK",
        "NONE",
        "403",
        "'x'",
        "arn:aws:logs:r:1:log-group:g:*",
        "v1",
    ];
    prop_oneof![3 => select(known).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_member() -> impl Strategy<Value = String> {
    let known = vec![
        "name",
        "description",
        "deploymentId",
        "stageName",
        "variables",
        "tags",
        "canarySettings",
        "percentTraffic",
        "stageVariableOverrides",
        "useStageCache",
        "cacheClusterEnabled",
        "cacheClusterSize",
        "tracingEnabled",
        "documentationVersion",
        "type",
        "statusCode",
        "responseParameters",
        "patchOperations",
        "op",
        "path",
        "value",
    ];
    prop_oneof![8 => select(known).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_path() -> impl Strategy<Value = String> {
    let known = vec![
        "/deploymentId",
        "/description",
        "/tracingEnabled",
        "/documentationVersion",
        "/clientCertificateId",
        "/cacheClusterEnabled",
        "/cacheClusterSize",
        "/variables",
        "/variables/a",
        "/variables/b",
        "/variables/a-b",
        "/accessLogSettings",
        "/accessLogSettings/format",
        "/accessLogSettings/destinationArn",
        "/canarySettings",
        "/canarySettings/deploymentId",
        "/canarySettings/percentTraffic",
        "/canarySettings/useStageCache",
        "/canarySettings/stageVariableOverrides",
        "/canarySettings/stageVariableOverrides/a",
        "/*/*/metrics/enabled",
        "/*/*/logging/loglevel",
        "/*/*/throttling/burstLimit",
        "/~1pets/GET/throttling/rateLimit",
        "/~1pets/GET/caching/ttlInSeconds",
        "/~1pets/GET",
        "/*/*",
        "/*/*/x/y",
        "/statusCode",
        "/responseParameters/gatewayresponse.header.A",
        "/responseTemplates/text~1plain",
        "",
        "/",
        "//",
        "/~",
        "x",
    ];
    prop_oneof![12 => select(known).prop_map(str::to_owned), 1 => any::<String>()]
}

/// An operation that is well formed to the front end.
fn any_operation() -> impl Strategy<Value = Value> {
    let op = select(vec!["replace", "replace", "replace", "add", "remove", "copy", "move", "test"]);
    (op, any_path(), proptest::option::of(any_text()), proptest::option::of(any_path())).prop_map(
        |(op, path, value, from)| {
            let mut operation = json!({"op": op, "path": path});
            let members: &mut Map<String, Value> = operation.as_object_mut().unwrap();
            members.extend(value.map(|value| ("value".to_owned(), value.into())));
            members.extend(from.map(|from| ("from".to_owned(), from.into())));
            operation
        },
    )
}

/// Any request: a verb, a path below the REST API (or elsewhere), a body.
fn any_request() -> impl Strategy<Value = (String, String, Value)> {
    let verb = select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]).prop_map(str::to_owned);
    let path = select(vec![
        "R",
        "R/stages",
        "R/stages/prod",
        "R/stages/beta",
        "R/stages/prod/cache/data",
        "R/deployments",
        "R/deployments/STABLE",
        "R/deployments/NEXT",
        "R/resources",
        "R/resources/ROOT",
        "R/resources/ROOT/methods/GET",
        "R/resources/ROOT/methods/POST",
        "R/resources/ROOT/methods/GET/integration",
        "R/resources/ROOT/methods/GET/integration/responses/200",
        "R/gatewayresponses/THROTTLED",
        "R/gatewayresponses/DEFAULT_4XX",
        "R/gatewayresponses/X",
        "R/documentation/parts",
        "R/documentation/versions",
        "/restapis",
        "/account",
        "/clientcertificates",
        "/tags/arn:aws:apigateway:eu-west-1::R/stages/prod",
        "/x",
        "/restapis?limit=1&position=zz",
        "/",
        "//restapis",
        "/restapis/%ff%2f/stages/%00",
    ])
    .prop_map(str::to_owned);
    let operations = vec(any_operation(), 0..6).prop_map(|operations| json!({"patchOperations": operations}));
    let stage = (any_text(), any_text(), any_json()).prop_map(|(name, deployment, rest)| {
        let mut body = json!({"stageName": name, "deploymentId": deployment});
        if let Some(members) = rest.as_object() {
            body.as_object_mut().unwrap().extend(members.clone());
        }
        body
    });
    (verb, path, prop_oneof![operations, stage, any_json()])
}

/// A world with stage `prod` on STABLE and a second deployment NEXT, with words for the ids.
struct Named {
    world: World,
    names: Vec<(&'static str, String)>,
}

impl Named {
    async fn new(switches: Switches) -> Self {
        let world = World::new();
        world.with_role().await;
        let stable = world.stage().await;
        let next = world.deploy().await;
        let root = world.get("R").await.body["rootResourceId"].as_str().unwrap().to_owned();
        world.simulator.set_switches(|present| *present = switches);
        Self { world, names: vec![("STABLE", stable), ("NEXT", next), ("ROOT", root)] }
    }

    async fn send(&self, verb: &str, path: &str, body: &Value) -> Seen {
        let (mut path, mut body) = (path.replace("::R", &format!("::/restapis/{}", self.world.api)), body.to_string());
        for (word, id) in &self.names {
            path = path.replace(word, id);
            body = body.replace(&format!("\"{word}\""), &format!("\"{id}\""));
        }
        self.world.send_raw(verb, &path, body).await
    }
}

/// Whether this is a state that AWS could have, seen through its own replies.
fn assert_valid(world: &World) {
    for api in world.simulator.rest_apis() {
        let id = api["id"].as_str().unwrap();
        let deployments = world.simulator.deployments(id);
        let known = |id: &Value| deployments.iter().any(|deployment| deployment["id"] == *id);
        for stage in world.simulator.stages(id) {
            assert!(known(&stage["deploymentId"]), "{stage}");
            assert!(stage["cacheClusterEnabled"].is_boolean() && stage["methodSettings"].is_object(), "{stage}");
            assert!(stage.as_object().unwrap().values().all(|member| *member != json!("") && *member != Value::Null));
            for optional in ["variables", "tags", "accessLogSettings"] {
                assert_ne!(stage.get(optional), Some(&json!({})), "{stage}");
            }
            if let Some(canary) = stage.get("canarySettings") {
                assert!(known(&canary["deploymentId"]), "{stage}");
                assert!((0.0..=100.0).contains(&canary["percentTraffic"].as_f64().unwrap()), "{stage}");
                assert!(canary["percentTraffic"].is_f64() && canary["useStageCache"].is_boolean(), "{stage}");
            }
            for (key, entry) in stage["methodSettings"].as_object().unwrap() {
                assert!(key.contains('/') && entry.as_object().unwrap().len() >= 9, "{stage}");
            }
        }
    }
}

/// Sends a request and checks what must hold for every one.
async fn checked(named: &Named, verb: &str, path: &str, body: &Value) -> Seen {
    let before = named.world.simulator.dump();
    let seen = named.send(verb, path, body).await;
    let refused = seen.error.is_some();
    assert!(matches!(seen.status, 200..=204 | 400 | 403 | 404 | 409), "{verb} {path} {body}: {seen:?}");
    assert_eq!(refused, seen.status >= 400, "{seen:?}");
    if refused {
        assert!(!seen.body["message"].as_str().unwrap().is_empty());
        assert_eq!(named.world.simulator.dump(), before, "{verb} {path} {body}: {seen:?}");
    }
    assert_valid(&named.world);
    seen
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_patch_list_is_taken_whole_or_not_at_all(list in vec(any_operation(), 0..8)) {
        run(async {
            let named = Named::new(Switches::default()).await;
            checked(&named, "PATCH", "R/stages/prod", &json!({"patchOperations": list})).await;
        });
    }

    #[test]
    fn any_patch_list_is_taken_whole_or_not_at_all_with_other_switches(list in vec(any_operation(), 0..8)) {
        run(async {
            let switches = Switches {
                remove_absent_canary: Verdict::Accept,
                copy_before_percent: Verdict::Refuse,
                deployment_id_while_canary: Verdict::Refuse,
                whole_map_patches: Verdict::Refuse,
                unknown_reference: Verdict::Accept,
                seed_logging_level: false,
                ..Switches::default()
            };
            let named = Named::new(switches).await;
            checked(&named, "PATCH", "R/stages/prod", &json!({"patchOperations": list})).await;
        });
    }

    #[test]
    fn any_requests_in_any_order_leave_a_valid_state(requests in vec(any_request(), 1..12)) {
        run(async {
            let named = Named::new(Switches::default()).await;
            for (verb, path, body) in requests {
                checked(&named, &verb, &path, &body).await;
            }
        });
    }

    #[test]
    fn any_bytes_are_no_body_that_breaks_anything(body in vec(any::<u8>(), 0..64), verb in select(vec!["POST", "PATCH", "PUT"])) {
        run(async {
            let named = Named::new(Switches::default()).await;
            let before = named.world.simulator.dump();
            let path = if verb == "POST" { "R/stages" } else { "R/stages/prod" };
            let seen = named.world.send_raw(verb, path, body).await;
            assert!(matches!(seen.status, 200 | 400), "{seen:?}");
            if seen.status == 400 {
                assert_eq!(named.world.simulator.dump(), before);
            }
        });
    }
}
