//! What is done at rest, deletions among it, of a stage that is older than an hour.

use std::time::Duration;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::orders;
use crate::world::{SOON, World, step};

const AGE: SignedDuration = SignedDuration::from_hours(3);

impl World {
    /// What ended in the history did so three hours ago.
    async fn let_history_age(&self, name: &str) {
        let object = serde_json::to_value(self.objects().get(name).await.unwrap()).unwrap();
        let mut history = object["status"]["history"].clone();
        let ended = history.as_array_mut().unwrap().iter_mut().filter(|entry| !entry["ended"].is_null());
        let mut aged = 0;
        for entry in ended {
            for member in ["created", "stableSince", "ended"] {
                if let Some(time) = entry[member].as_str() {
                    let time: Timestamp = time.parse().unwrap();
                    entry[member] = json!(time.checked_sub(AGE).unwrap().to_string());
                }
            }
            aged += 1;
        }
        assert!(aged > 1, "{history:#}");
        let patch = json!({ "status": { "history": history } });
        self.objects().patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// Plans a spec, applies it, and holds the operator to the plan. Returns the text for people.
    async fn goes_as_planned(&self, spec: &Value, planned: &[String]) -> String {
        let text = self.plan(&[], &[orders(spec)]).await;
        let said = self.plan(&["-o", "json", "--show-values"], &[orders(spec)]).await;
        assert_eq!((said.code, said.planned()), (2, planned.to_vec()), "{} {}", said.out, said.err);
        let before = self.deployments();
        self.simulator.reset_calls();
        self.apply("orders", spec.clone()).await;
        self.await_writes(&before, planned).await;
        self.await_ready("orders", SOON).await;
        text.out
    }
}

#[tokio::test]
async fn housekeeping_is_planned_and_hides_nothing() {
    let world = World::of_age(AGE).await;
    let mut spec = world.spec("prod", "r1");
    let operator = world.operator("first", world.plane.kubeconfig());
    for revision in ["r1", "r2", "r3"] {
        spec["revision"] = json!(revision);
        world.apply("orders", spec.clone()).await;
        world.await_ready("orders", SOON).await;
    }
    let promoted = || {
        let all = world.simulator.deployments(&world.api);
        let texts = all.iter().filter_map(|one| one["description"].as_str());
        texts.filter(|text| text.contains("result=Promoted") && text.contains("revision=r3 ")).count() == 1
    };
    let (deadline, mut ticks) = (Instant::now() + SOON, interval(Duration::from_millis(100)));
    while !promoted() {
        assert!(Instant::now() < deadline, "the third release is not described");
        ticks.tick().await;
    }
    drop(operator);
    let of_revision = |revision: &str| {
        let all = world.simulator.deployments(&world.api);
        let marked = |one: &&Value| one["description"].as_str().unwrap().contains(&format!("revision={revision} "));
        all.iter().find(marked).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let [first, third] = ["r1", "r3"].map(of_revision);
    world.let_history_age("orders").await;
    let _operator = world.operator("second", world.plane.kubeconfig());

    step("a setting");
    spec["tracingEnabled"] = json!(true);
    let text = world.goes_as_planned(&spec, &["UpdateStage prod: replace /tracingEnabled = true".to_owned()]).await;
    assert!(text.ends_with("1 setting to apply. Nothing was written.\n\n"), "{text}");
    assert!(!text.contains("SettingsPending"), "{text}");

    step("nothing but a description");
    spec["deploymentDescription"] = json!("Third");
    let marker = "[stagecraft revision=r3 attempt=1 by=process/default/orders]";
    let planned = format!("UpdateDeployment {third}: replace /description = Third result=Promoted {marker}");
    let text = world.goes_as_planned(&spec, &[planned]).await;
    assert!(text.ends_with("\n1 description of a deployment to apply. Nothing was written.\n\n"), "{text}");

    step("nothing but a lower limit");
    spec["deploymentHistoryLimit"] = json!(1);
    let text = world.goes_as_planned(&spec, &[format!("DeleteDeployment {first}: ")]).await;
    assert!(text.ends_with("\n1 deletion of a deployment to apply. Nothing was written.\n\n"), "{text}");
    let said = world.plan(&[], &[orders(&spec)]).await;
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);

    step("more than a pass does at once");
    let scope = world.simulator.scope("123456789012", "eu-west-1");
    for number in 1..=6 {
        let description = format!("[stagecraft revision=old{number} attempt=1 by=process/default/orders]");
        let path = format!("/restapis/{}/deployments", world.api);
        scope.send(&Method::POST, &path, &json!({ "description": description })).unwrap();
    }
    let said = world.plan(&["-o", "json"], &[orders(&spec)]).await;
    let deletions = said.planned().iter().filter(|call| call.starts_with("DeleteDeployment ")).count();
    assert_eq!((said.code, deletions, said.planned().len()), (2, 6, 6), "{}", said.out);
}
