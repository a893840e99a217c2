//! The promise of a rehearsal: its time line is, call for call, what the real operator asks of AWS.

use std::time::Duration;

use apigateway_simulator::{Behaviour, GapKind, MetricGap, Phase, Traffic};
use rstest::rstest;
use serde_json::{Value, json};

use crate::operator::{RealOperator, Write};
use crate::program::time_line;

const SEED: u64 = 7;
const REQUESTS_A_MINUTE: f64 = 1_200.0;

/// What the new revision does, and from which share of the traffic on.
#[derive(Clone, Copy)]
enum World {
    Answers { errors: f64, from_percent: f64 },
    Silent,
    Gap,
}

/// Three steps of six minutes; the metric declares no bound.
fn policy() -> Value {
    json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": "orders" },
        "spec": {
            "stageRef": { "name": "orders" },
            "steps": [{ "setPercent": 5, "hold": "6m" }, { "setPercent": 25, "hold": "6m" }, { "setPercent": 50, "hold": "6m" }],
            "analysis": {
                "initialDelay": "0s", "window": "2m",
                "metrics": [{ "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } }],
            },
        },
    })
}

fn stage(api: &str, revision: &str) -> Value {
    json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": "orders" },
        "spec": { "restApiId": api, "stageName": "prod", "revision": revision, "releasePolicy": "Canary" },
    })
}

/// Traffic to the old revision, with the new one as bad as that.
fn traffic(operator: &RealOperator, old: &str, requests_a_minute: f64, errors: f64) -> Traffic {
    let usual = Behaviour { error_rate_5xx: 0.002, ..Behaviour::default() };
    let behaviour = Behaviour { error_rate_5xx: errors, ..usual };
    let mut traffic = Traffic::to(&operator.api, "prod").per_second(requests_a_minute / 60.0).deployment(old, usual);
    traffic.other_deployments = vec![Phase { from_seconds: 0.0, behaviour }];
    traffic
}

/// Share of the traffic that does not go to the old deployment.
fn share(operator: &RealOperator, old: &str) -> f64 {
    let stage = operator.stage();
    if stage["deploymentId"] == old { stage["canarySettings"]["percentTraffic"].as_f64().unwrap_or(0.0) } else { 100.0 }
}

/// The writes that a time line tells.
fn told(line: &Value) -> Vec<Write> {
    let entries = line["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "write");
    let patch = |entry: &Value| if entry["patch"].is_null() { json!([]) } else { entry["patch"].clone() };
    entries
        .map(|entry| {
            let at = entry["at"].as_str().unwrap().parse().unwrap();
            (at, json!([entry["operation"], patch(entry)]).to_string())
        })
        .collect()
}

#[rstest]
#[case::good("good", World::Answers { errors: 0.002, from_percent: 0.0 }, "promoted", "Succeeded")]
#[case::errors("errors=3%", World::Answers { errors: 0.03, from_percent: 0.0 }, "aborted", "Failed")]
#[case::errors_at_half("errors=3%@50", World::Answers { errors: 0.03, from_percent: 50.0 }, "aborted", "Failed")]
#[case::silent("silent", World::Silent, "held", "Progressing")]
#[case::gap("gap=12m", World::Gap, "promoted", "Succeeded")]
#[tokio::test]
async fn the_time_line_is_call_for_call_what_the_real_operator_asks_of_aws(
    #[case] scenario: &str,
    #[case] world: World,
    #[case] outcome: &str,
    #[case] phase: &str,
) {
    let mut operator = RealOperator::start(SEED).await;
    let made = operator.apply(&stage(&operator.api, "stable")).await;
    operator.rest().await;
    let old = operator.stage()["deploymentId"].as_str().unwrap().to_owned();
    operator.flow(traffic(&operator, &old, REQUESTS_A_MINUTE, 0.002));
    operator.pass_time(Duration::from_mins(15));

    // The rehearsal plays the objects as the apiserver has them: with their uid, since it stands in what AWS is told.
    let mut declared = stage(&operator.api, "r2");
    declared["metadata"] =
        json!({ "name": "orders", "namespace": operator.namespace.name(), "uid": made["metadata"]["uid"] });
    let (rpm, seed) = (REQUESTS_A_MINUTE.to_string(), SEED.to_string());
    let name = scenario.replace(['=', '%', '@'], "-");
    let line = time_line(&name, &[declared, policy()], &["--scenario", scenario, "--rpm", &rpm, "--seed", &seed]);
    assert_eq!(line["ending"]["outcome"], outcome, "{line:#}");

    operator.simulator.reset_calls();
    let began = operator.now();
    let mut shows = false;
    match world {
        World::Answers { errors, from_percent } => {
            shows = from_percent <= 0.0;
            operator.flow(traffic(&operator, &old, REQUESTS_A_MINUTE, if shows { errors } else { 0.002 }));
        }
        World::Silent => operator.flow(traffic(&operator, &old, 0.0, 0.002)),
        World::Gap => {
            operator.flow(traffic(&operator, &old, REQUESTS_A_MINUTE, 0.002));
            let from_epoch_seconds = began.as_second() + 4 * 60;
            let until_epoch_seconds = from_epoch_seconds + 12 * 60;
            let gap = MetricGap { from_epoch_seconds, until_epoch_seconds, kind: GapKind::Missing };
            operator.switch(|switches| switches.metric_gaps.push(gap));
        }
    }
    operator.apply(&policy()).await;
    operator.apply(&stage(&operator.api, "r2")).await;
    let ends = began.checked_add(Duration::from_secs(line["ending"]["seconds"].as_u64().unwrap())).unwrap();
    loop {
        let wait = operator.pass().await;
        if let World::Answers { errors, from_percent } = world
            && !shows
            && share(&operator, &old) >= from_percent
        {
            shows = true;
            operator.flow(traffic(&operator, &old, REQUESTS_A_MINUTE, errors));
        }
        if operator.now() >= ends {
            break;
        }
        operator.pass_time(wait);
    }
    if outcome != "held" {
        operator.rest().await;
    }
    let writes = operator.writes();
    assert!(writes.len() >= 2, "a release without writes proves nothing: {writes:#?}");
    assert_eq!(told(&line), writes, "{scenario}: the rehearsal on the left");
    assert_eq!(operator.phase().await, phase);
}
