//! `stagecraft plan`: what it shows is what the operator then does, and it does nothing itself.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::world::{SOON, World, step};

/// What the program said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl World {
    async fn plan(&self, flags: &[&str], manifests: &[Value]) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stagecraft"))
            .args(["plan", "-f", "-", "--region", "eu-west-1", "--cluster-id", "process"])
            .args(["--aws-endpoint-url", &self.endpoint()])
            .args(flags)
            .env_clear()
            .env("KUBECONFIG", self.plane.kubeconfig())
            .env("AWS_ACCESS_KEY_ID", "planner")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text: Vec<_> = manifests.iter().map(Value::to_string).collect();
        child.stdin.take().unwrap().write_all(text.join("\n---\n").as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn manifest(spec: &Value) -> Value {
        json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": "orders" }, "spec": spec })
    }

    /// The writes to API Gateway since the log was reset, each with its patch.
    fn writes(&self) -> Vec<String> {
        let calls = self.simulator.calls();
        let writes = calls.iter().filter(|call| call.info.write);
        writes
            .map(|call| format!("{} {}", call.info.operation, call.info.patch().join("; ")).trim_end().to_owned())
            .collect()
    }
}

/// The writes of a plan in JSON, as [`World::writes`] tells them.
fn planned(said: &Said) -> Vec<String> {
    let plan: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {} {}", said.out, said.err));
    let calls = plan["stages"][0]["calls"].as_array().unwrap();
    let writes = calls.iter().filter(|call| call["write"] == true);
    let details = |call: &Value| {
        let details = call["details"].as_array().cloned().unwrap_or_default();
        let texts = details.iter().map(|detail| detail.as_str().unwrap().replace(" = ", " "));
        texts.collect::<Vec<_>>().join("; ")
    };
    writes
        .map(|call| match call["operation"].as_str().unwrap() {
            "UpdateStage" => format!("UpdateStage {}", details(call)),
            other => other.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn what_a_plan_shows_is_what_happens_and_it_does_nothing_itself() {
    let world = World::new().await;
    world.simulator.reset_calls();
    let mut spec = world.spec("prod", "r1");
    spec["variables"] = json!({ "backend": "blue.internal" });
    spec["tags"] = json!({ "team": "orders" });
    spec["methodSettings"] = json!([{ "resourcePath": "*", "httpMethod": "*", "throttlingRateLimit": 100 }]);

    step("a new stage, before there is anything");
    let said = world.plan(&["-o", "json", "--show-values"], &[World::manifest(&spec)]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    assert_eq!(world.writes(), [""; 0], "a plan writes nothing");
    assert!(world.objects().get_opt("orders").await.unwrap().is_none(), "nor to the cluster");
    let foreseen = planned(&said);

    let _operator = world.operator("operator", world.plane.kubeconfig());
    world.apply("orders", spec.clone()).await;
    world.await_ready("orders", SOON).await;
    assert_eq!(world.writes(), foreseen, "{}", said.out);

    step("the same again: no change");
    let said = world.plan(&[], &[World::manifest(&spec)]).await;
    assert_eq!((said.code, said.out.lines().last()), (0, Some("")), "{} {}", said.out, said.err);
    assert!(said.out.contains("ApiStage default/orders (stage prod of "), "{}", said.out);
    assert!(said.out.contains("No change."), "{}", said.out);

    step("a change: fields, calls, and no value of a variable");
    spec["revision"] = json!("r2");
    spec["variables"] = json!({ "backend": "green.internal" });
    spec["methodSettings"][0]["throttlingRateLimit"] = json!(250);
    world.simulator.reset_calls();
    let said = world.plan(&[], &[World::manifest(&spec)]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    for line in [
        "  ~ variables.backend                         (value hidden; --show-values)",
        "  ~ methodSettings[*:*].throttlingRateLimit   100 -> 250",
        "1 setting and 1 release to apply. Nothing was written.",
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line:?} is missing in\n{}", said.out);
    }
    assert!(!said.out.contains("green") && !said.out.contains("blue"), "{}", said.out);
    let said = world.plan(&["-o", "json", "--show-values"], &[World::manifest(&spec)]).await;
    let foreseen = planned(&said);
    assert_eq!(world.writes(), [""; 0]);
    world.apply("orders", spec.clone()).await;
    world.await_ready("orders", SOON).await;
    // The id of the snapshot is AWS's to choose; descriptions follow when all is over.
    let writes: Vec<_> = world.writes().into_iter().filter(|call| !call.starts_with("UpdateDeployment")).collect();
    let stage = world.simulator.stage(&world.api, "prod").unwrap();
    let id = stage["deploymentId"].as_str().unwrap();
    let foreseen: Vec<_> = foreseen
        .into_iter()
        .filter(|call| !call.starts_with("UpdateDeployment"))
        .map(|call| call.replace("(new)", id))
        .collect();
    assert_eq!(writes, foreseen);

    step("with an ApiCanary in the same file, up to its first step");
    spec["revision"] = json!("r3");
    let canary = json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": "orders" },
        "spec": { "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "hold": "10m" }] },
    });
    let said = world.plan(&[], &[World::manifest(&spec), canary]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.out.contains("goes through ApiCanary orders, to step 1 first."), "{}", said.out);
    assert!(said.out.contains("replace /canarySettings/percentTraffic = 5"), "{}", said.out);
    assert!(!said.out.contains("replace /deploymentId"), "{}", said.out);
}

#[tokio::test]
async fn what_cannot_be_planned_is_one_sentence_and_exit_code_1() {
    let world = World::new().await;
    let mut spec = world.spec("prod", "r1");
    spec["deploymentId"] = json!("abc123");
    let config_map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" } });
    let cases = [
        (vec![World::manifest(&spec)], "spec.revision and spec.deploymentId exclude each other"),
        (vec![config_map], "there is no ApiStage and no ApiGatewayResponse in -: name a file that holds one"),
        (vec![json!("{")], "there is no ApiStage and no ApiGatewayResponse in -"),
    ];
    for (manifests, sentence) in cases {
        let said = world.plan(&[], &manifests).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
        assert!(said.err.contains(sentence), "{sentence}: {}", said.err);
    }
    step("what the operator would only say is no error of the plan");
    spec = json!({ "restApiId": "zzzzzzzzzz", "stageName": "prod", "revision": "r1" });
    let said = world.plan(&[], &[World::manifest(&spec)]).await;
    assert!(said.err.contains("GetStages") || said.out.contains("RestApiNotFound"), "{} {}", said.out, said.err);
}

#[tokio::test]
async fn a_gateway_response_is_planned_without_its_values() {
    let world = World::new().await;
    world.simulator.reset_calls();
    let mut manifest = json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiGatewayResponse", "metadata": { "name": "slow" },
        "spec": {
            "restApiId": world.api, "responseType": "THROTTLED", "statusCode": "429",
            "responseTemplates": { "application/json": "{\"secret\":\"words\"}" },
        },
    });
    let said = world.plan(&[], &[manifest.clone()]).await;
    assert_eq!(said.code, 2, "{} {}", said.out, said.err);
    let head = format!("ApiGatewayResponse default/slow (THROTTLED of {}, eu-west-1), which is new", world.api);
    assert!(said.out.starts_with(&head), "{}", said.out);
    assert!(said.out.contains("PutGatewayResponse"), "{}", said.out);
    assert!(!said.out.contains("words"), "{}", said.out);
    assert_eq!(world.writes(), [""; 0], "a plan writes nothing");
    step("bad input is the API server's sentence");
    manifest["spec"]["statusCode"] = json!("999");
    let said = world.plan(&[], &[manifest]).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("the API server refuses ApiGatewayResponse default/slow"), "{}", said.err);
}
