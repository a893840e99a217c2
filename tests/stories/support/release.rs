//! Releases of the stage `prod` by the objects `orders`: what is declared, who sends traffic, and what is seen of it.

use std::collections::BTreeMap;
use std::time::Duration;

use apigateway_simulator::{Behaviour, Latency, Phase, Traffic};
use serde_json::{Value, json};
use stagecraft_core::api::canary::ApiCanary;

use super::World;

/// Requests a second in these stories: 5 % of them are 150 a minute.
const REQUESTS_PER_SECOND: f64 = 50.0;

/// One answer in ten is a 5xx.
pub(crate) fn failing() -> Behaviour {
    Behaviour { error_rate_5xx: 0.1, ..Behaviour::default() }
}

/// Twenty times as slow as anything else here.
pub(crate) fn slow() -> Behaviour {
    Behaviour { latency: Latency { p50: 400.0, p99: 1_600.0 }, ..Behaviour::default() }
}

/// 1 % of 5xx is allowed.
pub(crate) fn errors() -> Value {
    json!([{ "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" }, "max": 1 }])
}

/// 5 %, 25 % and 50 %, five minutes each, judged every minute.
pub(crate) fn judged_by(metrics: &Value) -> Value {
    json!({ "stageRef": { "name": "orders" },
        "steps": [
            { "setPercent": 5, "hold": "5m" }, { "setPercent": 25, "hold": "5m" }, { "setPercent": 50, "hold": "5m" },
        ],
        "analysis": {
            "interval": "1m", "window": "2m", "initialDelay": "0s", "metricDelay": "2m", "minRequests": 50,
            "metrics": metrics,
        },
    })
}

/// The same with other members, `null` for none.
pub(crate) fn but(mut spec: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    for (member, value) in more {
        spec[member] = value;
    }
    spec
}

/// A revision, which brings the variable `backend` along.
pub(crate) fn revision(world: &World, revision: &str, backend: &str) -> Value {
    json!({
        "restApiId": world.api, "stageName": "prod", "revision": revision, "variables": { "backend": backend },
        "releasePolicy": "Canary",
    })
}

impl World {
    /// r1 serves, an `ApiCanary` governs what comes next, and traffic flows.
    pub(crate) async fn governed(policy: Value) -> Self {
        let world = Self::new().await;
        world.simulator.set_switches(|switches| {
            switches.metric_delay.min_seconds = 0;
            switches.metric_delay.max_seconds = 60;
        });
        world.declare("r1", "blue").await;
        world.rest("orders").await;
        world.govern("orders", policy).await;
        world.rest("orders").await;
        world.flow(&world.serves(), Behaviour::default());
        world.simulator.reset_calls();
        world
    }

    pub(crate) async fn declare(&self, name: &str, backend: &str) {
        self.apply("orders", revision(self, name, backend)).await.unwrap();
    }

    /// Traffic flows from now on: what this deployment answers is good, and whatever else serves behaves in this way.
    pub(crate) fn flow(&self, good: &str, others: Behaviour) {
        let plan =
            Traffic::to(&self.api, "prod").per_second(REQUESTS_PER_SECOND).deployment(good, Behaviour::default());
        let others = vec![Phase { from_seconds: 0.0, behaviour: others }];
        self.simulator.set_traffic(Traffic { other_deployments: others, ..plan }).unwrap();
    }

    /// What the stage was asked to become since the log was reset; what is written into deployments is left out.
    pub(crate) fn traffic(&self) -> Vec<String> {
        self.writes().into_iter().filter(|write| write.starts_with("UpdateStage")).collect()
    }

    /// What was answered to the patches of the stage that consist of this alone, since the log was reset.
    pub(crate) fn answers_to(&self, patch: &str) -> Vec<Option<u16>> {
        let calls = self.simulator.calls();
        let ours = calls.iter().filter(|call| call.info.operation == "UpdateStage" && call.info.patch() == [patch]);
        ours.map(|call| call.status).collect()
    }

    /// The stage's deployment.
    pub(crate) fn serves(&self) -> String {
        self.stage("prod").unwrap()["deploymentId"].as_str().unwrap().to_owned()
    }

    /// The canary's deployment and its share as AWS shows it; `None` where there is no canary.
    pub(crate) fn canary(&self) -> Option<(String, f64)> {
        let stage = self.stage("prod")?;
        let canary = stage.get("canarySettings").filter(|canary| !canary.is_null())?;
        Some((canary["deploymentId"].as_str()?.to_owned(), canary["percentTraffic"].as_f64()?))
    }

    /// So many callers ask the data plane: how many were answered by each deployment.
    pub(crate) fn ask_callers(&self, requests: usize) -> BTreeMap<String, usize> {
        let mut served = BTreeMap::new();
        for _ in 0..requests {
            let invocation = self.simulator.invoke(&self.api, "prod", "GET", "/");
            *served.entry(invocation.deployment_id.unwrap()).or_default() += 1;
        }
        served
    }

    pub(crate) async fn api_canary(&self) -> ApiCanary {
        self.canaries().get("orders").await.unwrap()
    }

    /// Phase, step and share as `kubectl get apicanaries` shows them.
    pub(crate) async fn shown(&self) -> String {
        let status = serde_json::to_value(self.api_canary().await.status.unwrap_or_default()).unwrap();
        let release = &status["release"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            text(&status["phase"]),
            text(&release["progress"]),
            release["percent"],
            text(&release["id"])
        )
    }

    /// Time passes, in as many passes as the operator would be woken for, until the `ApiCanary` shows this.
    pub(crate) async fn until(&self, shown: &str) {
        for _ in 0..300 {
            let passed = self.pass("orders").await.expect("nobody was to die here");
            if self.shown().await.starts_with(shown) {
                return;
            }
            let wait = passed.wake_up_in.unwrap_or_else(|| panic!("nothing more will happen: {shown} is waited for"));
            self.pass_time(wait.max(Duration::from_secs(1)));
        }
        panic!("{} is not {shown}: {}", self.shown().await, self.tell("orders").await);
    }

    /// Status and reason of one condition of the `ApiStage`.
    pub(crate) async fn stands(&self, kind: &str) -> String {
        let status = self.status("orders").await;
        let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
        condition.map_or_else(|| "-".to_owned(), |condition| format!("{} {}", condition.status, condition.reason))
    }

    /// Reasons of the events since r1 served, in the order in which they were told; what was told again counts once.
    pub(crate) async fn told(&self) -> Vec<String> {
        let mut events = self.events("orders").await;
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        let reasons = events.into_iter().filter_map(|event| event.reason);
        reasons.skip_while(|reason| reason != "ReleaseSucceeded").skip(1).collect()
    }

    /// What the last check of the release said, by metric.
    pub(crate) async fn last_check(&self) -> Vec<String> {
        let status = serde_json::to_value(self.api_canary().await.status.unwrap()).unwrap();
        let checks = status["checks"].as_array().unwrap();
        let newest = checks.iter().max_by_key(|check| check["at"].as_str().unwrap().to_owned()).unwrap();
        let metrics = newest["metrics"].as_array().unwrap().iter();
        metrics.map(|metric| metric["sentence"].as_str().unwrap().to_owned()).collect()
    }
}
