//! `stagecraft plan`: what it shows is what the operator then does, and it does nothing itself.

mod exact;
mod hidden;
mod housekeeping;
mod refused;
mod several;

use std::process::Stdio;
use std::time::Duration;

use apigateway_simulator::CallRecord;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, interval};

use crate::world::{SOON, World};

/// What the program said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// The plan in JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// The writes of the plan's stages in JSON, as [`World::writes`] tells them.
    fn planned(&self) -> Vec<String> {
        let plan = self.json();
        let stages = plan["stages"].as_array().unwrap().iter();
        let calls = stages.flat_map(|stage| {
            let name = stage["place"]["stageName"].as_str().unwrap_or_default().to_owned();
            stage["calls"].as_array().unwrap().iter().map(move |call| (name.clone(), call.clone()))
        });
        calls.filter(|(_, call)| call["write"] == true).map(|(stage, call)| of_plan(&stage, &call)).collect()
    }

    /// The operations of all calls, reads among them.
    fn operations(&self) -> Vec<String> {
        let plan = self.json();
        let objects = ["stages", "gatewayResponses"].map(|kind| plan[kind].as_array().unwrap().clone());
        let calls = objects.iter().flatten().flat_map(|object| object["calls"].as_array().unwrap().clone());
        calls.map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
    }
}

/// A write as a plan tells it: the operation, what it is about, and all that it is given.
fn of_plan(stage: &str, call: &Value) -> String {
    let mut details: Vec<_> =
        call["details"].as_array().into_iter().flatten().map(|detail| detail.as_str().unwrap().to_owned()).collect();
    let operation = call["operation"].as_str().unwrap();
    let about = match operation {
        "CreateDeployment" => String::new(),
        "UpdateDeployment" | "DeleteDeployment" => {
            let deployment = details.remove(0);
            let id = deployment.strip_prefix("deployment ").unwrap();
            // Which revision it was stands behind it, where it is deleted.
            if id.starts_with('(') { id.to_owned() } else { id.split(' ').next().unwrap().to_owned() }
        }
        _ => stage.to_owned(),
    };
    told(operation, &about, details)
}

fn told(operation: &str, about: &str, mut details: Vec<String>) -> String {
    if ["CreateStage", "TagResource"].contains(&operation) {
        details.sort_unstable();
    }
    format!("{operation} {about}: {}", details.join("; ")).replace(" : ", ": ")
}

/// The same of a call that was sent.
fn of_call(call: &CallRecord) -> String {
    let (info, body) = (&call.info, &call.info.body);
    let members = |prefix: &str, map: &Value| {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let named = |key: &str| match prefix {
            "variables" => format!("variables.{key}"),
            "tags" => format!("tags[{key}]"),
            _ => key.to_owned(),
        };
        let map = map.as_object().cloned().unwrap_or_default();
        let flat = map.iter().filter(|(_, value)| !value.is_object());
        flat.map(|(key, value)| format!("{} = {}", named(key), text(value))).collect::<Vec<_>>()
    };
    let patch = || {
        let operations = body["patchOperations"].as_array().cloned().unwrap_or_default();
        let of = |one: &Value| {
            let (op, path) = (one["op"].as_str().unwrap(), one["path"].as_str().unwrap());
            match (one["from"].as_str(), one["value"].as_str()) {
                (Some(from), _) => format!("{op} {from} -> {path}"),
                (None, Some(value)) => format!("{op} {path} = {value}"),
                (None, None) => format!("{op} {path}"),
            }
        };
        operations.iter().map(of).collect::<Vec<_>>()
    };
    let (about, details) = match info.operation {
        "CreateDeployment" => ("", members("", body)),
        "UpdateDeployment" => (info.after("deployments").unwrap(), patch()),
        "DeleteDeployment" => (info.after("deployments").unwrap(), Vec::new()),
        "UpdateStage" => (info.after("stages").unwrap(), patch()),
        "CreateStage" => {
            let all = [members("", body), members("variables", &body["variables"]), members("tags", &body["tags"])];
            (body["stageName"].as_str().unwrap(), all.concat())
        }
        "TagResource" => {
            let arn = info.path.split('?').next().unwrap();
            (arn.rsplit("%2F").next().unwrap(), members("", &body["tags"]))
        }
        other => panic!("{other} is not expected here"),
    };
    told(info.operation, about, details)
}

impl World {
    /// Plans what these manifests say.
    async fn plan(&self, flags: &[&str], manifests: &[Value]) -> Said {
        let text: Vec<_> = manifests.iter().map(Value::to_string).collect();
        self.plan_text(&[&["-f", "-"], flags].concat(), &text.join("\n---\n")).await
    }

    async fn plan_text(&self, flags: &[&str], text: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stagecraft"))
            .args(["plan", "--region", "eu-west-1", "--cluster-id", "process"])
            .args(["--aws-endpoint-url", &self.endpoint()])
            .args(flags)
            .env_clear()
            .env("KUBECONFIG", self.plane.kubeconfig())
            .env("AWS_ACCESS_KEY_ID", "planner")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // Who cannot read its arguments reads no input either.
        child.stdin.take().unwrap().write_all(text.as_bytes()).await.ok();
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The writes to API Gateway since the log was reset, each with all that it was given. Deployments that `before` does not
    /// hold are named as a plan names those to come.
    fn writes(&self, before: &[String]) -> Vec<String> {
        let calls = self.simulator.calls();
        let new: Vec<_> = self.deployments().into_iter().filter(|id| !before.contains(id)).collect();
        let named = |mut text: String| {
            for (number, id) in new.iter().enumerate() {
                let name = if number == 0 { "(new)".to_owned() } else { format!("(new {})", number + 1) };
                text = text.replace(id, &name);
            }
            text
        };
        calls.iter().filter(|call| call.info.write).map(|call| named(of_call(call))).collect()
    }

    /// Ids of all deployments, the oldest first.
    fn deployments(&self) -> Vec<String> {
        let mut all = self.simulator.deployments(&self.api);
        all.sort_by_key(|deployment| deployment["createdDate"].to_string());
        all.iter().map(|deployment| deployment["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Creates an object of another kind than `ApiStage`.
    async fn create(&self, plural: &str, object: &Value) {
        let path = format!("/apis/stagecraft.dev/v1alpha1/namespaces/default/{plural}");
        let request = Request::new(path).create(&PostParams::default(), object.to_string().into_bytes()).unwrap();
        self.raw().request::<Value>(request).await.unwrap();
    }

    /// Waits until this operation was done since the log was reset.
    async fn await_call(&self, operation: &str) {
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        while !self.simulator.calls().iter().any(|call| call.info.operation == operation && call.effect) {
            assert!(Instant::now() < deadline, "{operation} was never done");
            ticks.tick().await;
        }
    }

    /// Waits until exactly this was written since the log was reset, whatever the order, and the operator has looked twice
    /// since without writing more.
    async fn await_writes(&self, before: &[String], planned: &[String]) {
        let sorted = |mut calls: Vec<String>| {
            calls.sort_unstable();
            calls
        };
        let planned = sorted(planned.to_vec());
        let looks = || {
            let calls = self.simulator.calls();
            let last = calls.iter().rposition(|call| call.info.write).map_or(0, |position| position + 1);
            calls.get(last..).unwrap_or_default().iter().filter(|call| call.info.operation == "GetStages").count()
        };
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            let written = sorted(self.writes(before));
            if written == planned && looks() > 2 {
                return;
            }
            assert!(Instant::now() < deadline, "planned {planned:#?}\nand written {written:#?}");
            ticks.tick().await;
        }
    }
}

/// An object of this kind and name.
fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec,
    })
}

/// The stage that most tests are about.
fn orders(spec: &Value) -> Value {
    manifest("ApiStage", "orders", spec)
}
