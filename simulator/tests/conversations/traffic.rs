//! Traffic: what is sent to a stage becomes CloudWatch's minutes, by side, over time, with delay and gaps.

use std::time::Duration;

use apigateway_simulator::{
    Behaviour, CanaryDimension, GapKind, Latency, MetricDelay, MetricGap, Requests, Simulator, Traffic,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::aws_json::cloudwatch;
use crate::support::{START, World, request};

const AT_ONCE: MetricDelay = MetricDelay { min_seconds: 0, max_seconds: 0 };

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// A stage `prod`; data are visible as soon as their minute is over.
async fn stage() -> (World, String) {
    let world = World::new();
    let deployment = world.stage().await;
    world.simulator.set_switches(|switches| switches.metric_delay = AT_ONCE);
    (world, deployment)
}

/// A canary of so many percent; gives its deployment.
async fn canary(world: &World, percent: &str) -> String {
    let next = world.deploy().await;
    let list = json!([
        {"op": "replace", "path": "/canarySettings/deploymentId", "value": next},
        {"op": "replace", "path": "/canarySettings/percentTraffic", "value": percent},
    ]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
    next
}

fn dimensions(stage: Option<&str>) -> Vec<(&'static str, String)> {
    let mut dimensions = vec![("ApiName", "petstore".to_owned())];
    dimensions.extend(stage.map(|stage| ("Stage", stage.to_owned())));
    dimensions
}

/// Minutes since the start, values, and the status.
async fn read(
    simulator: &Simulator,
    name: &str,
    dimensions: &[(&str, String)],
    stat: &str,
    period: i64,
) -> (Vec<i64>, Vec<f64>, String) {
    let dimensions: Vec<Value> = dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let metric = json!({"Namespace": "AWS/ApiGateway", "MetricName": name, "Dimensions": dimensions});
    let answer = cloudwatch(
        simulator,
        "GetMetricData",
        &json!({
            "MetricDataQueries": [{"Id": "m", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}}],
            "StartTime": START, "EndTime": START + 86_400 * 2, "ScanBy": "TimestampAscending",
        }),
    )
    .await;
    let result = &answer["MetricDataResults"][0];
    let minutes =
        result["Timestamps"].as_array().unwrap().iter().map(|at| (at.as_i64().unwrap() - START) / 60).collect();
    let values = result["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    (minutes, values, result["StatusCode"].as_str().unwrap().to_owned())
}

/// The sum of all there is.
async fn total(simulator: &Simulator, name: &str, stage: Option<&str>) -> f64 {
    read(simulator, name, &dimensions(stage), "Sum", 60).await.1.iter().sum()
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn sent(simulator: &Simulator, count: fn(&Requests) -> u64, canary: Option<bool>) -> f64 {
    let reports = simulator.traffic();
    let lines = reports.iter().flat_map(|report| &report.requests);
    lines.filter(|line| canary.is_none_or(|canary| line.canary == canary)).map(count).sum::<u64>() as f64
}

/// Within six standard deviations of a count that comes at random.
fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 6.0 * expected.sqrt() + 1.0, "{value} is not near {expected}");
}

fn same(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-6, "{one} is not {other}");
}

#[tokio::test]
async fn a_day_at_1000_requests_a_second_is_all_there() {
    let (world, deployment) = stage().await;
    let behaviour = Behaviour {
        error_rate_4xx: 0.05,
        error_rate_5xx: 0.01,
        latency: Latency { p50: 30.0, p99: 150.0 },
        ..Behaviour::default()
    };
    let simulator = &world.simulator;
    simulator
        .set_traffic(Traffic::to(&world.api, "prod").per_second(1000.0).deployment(&deployment, behaviour))
        .unwrap();
    simulator.clock().advance(minutes(24 * 60));
    let requests = total(simulator, "Count", Some("prod")).await;
    near(requests, 86_400_000.0);
    same(requests, sent(simulator, |line| line.requests, None));
    same(requests, total(simulator, "Count", None).await);
    let prod = dimensions(Some("prod"));
    let (at, rate, _) = read(simulator, "5XXError", &prod, "Average", 86_400).await;
    assert_eq!((at, rate.len()), (vec![0], 1));
    assert!((rate[0] - 0.01).abs() < 0.0005, "{rate:?}");
    same(total(simulator, "4XXError", Some("prod")).await, sent(simulator, |line| line.errors_4xx, None));
    for (stat, expected) in [("p50", 30.0), ("p99", 150.0)] {
        let (_, value, _) = read(simulator, "Latency", &prod, stat, 86_400).await;
        assert!((value[0] / expected - 1.0).abs() < 0.06, "{stat} is {value:?}");
    }
    let (_, latency, _) = read(simulator, "Latency", &prod, "Average", 86_400).await;
    let (_, integration, _) = read(simulator, "IntegrationLatency", &prod, "Average", 86_400).await;
    assert!((latency[0] - integration[0] - 2.0).abs() < 0.01, "overhead {} - {}", latency[0], integration[0]);
    assert_eq!(read(simulator, "CacheHitCount", &prod, "Sum", 60).await.0, [] as [i64; 0]);
}

#[tokio::test]
async fn the_split_is_that_of_the_moment_even_within_a_minute() {
    let (world, stable) = stage().await;
    let simulator = &world.simulator;
    simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(100.0)).unwrap();
    simulator.clock().advance(minutes(2));
    // From 2:30 to 4:00 the canary takes 20 percent, then nothing: it is removed.
    simulator.clock().advance(Duration::from_secs(30));
    let next = canary(&world, "20").await;
    simulator.clock().advance(Duration::from_secs(90));
    world.patch("R/stages/prod", json!([{"op": "remove", "path": "/canarySettings"}])).await;
    simulator.clock().advance(minutes(2));
    let (at, by_canary, _) = read(simulator, "Count", &dimensions(Some("prod/Canary")), "Sum", 60).await;
    assert_eq!(at, [2, 3]);
    near(by_canary[0], 600.0);
    near(by_canary[1], 1200.0);
    let (at, by_production, _) = read(simulator, "Count", &dimensions(Some("prod")), "Sum", 60).await;
    assert_eq!(at, [0, 1, 2, 3, 4, 5]);
    for (minute, expected) in [6000.0, 6000.0, 5400.0, 4800.0, 6000.0, 6000.0].into_iter().enumerate() {
        near(by_production[minute], expected);
    }
    let lines = &simulator.traffic()[0].requests;
    let who: Vec<(&str, bool)> = lines.iter().map(|line| (line.deployment_id.as_str(), line.canary)).collect();
    assert_eq!(who, [(stable.as_str(), false), (next.as_str(), true)]);
}

#[tokio::test]
async fn the_canarys_series_is_disjoint_inclusive_or_absent() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    canary(&world, "25").await;
    simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(50.0)).unwrap();
    simulator.clock().advance(minutes(10));
    let (all, by_canary) =
        (sent(simulator, |line| line.requests, None), sent(simulator, |line| line.requests, Some(true)));
    near(by_canary, 7500.0);
    for (dimension, of_stage, of_canary) in [
        (CanaryDimension::Disjoint, all - by_canary, by_canary),
        (CanaryDimension::Inclusive, all, by_canary),
        (CanaryDimension::Absent, all, 0.0),
    ] {
        simulator.set_switches(|switches| switches.canary_dimension = dimension);
        same(total(simulator, "Count", Some("prod")).await, of_stage);
        same(total(simulator, "Count", Some("prod/Canary")).await, of_canary);
        same(total(simulator, "Count", None).await, all);
        let filter = json!({"Dimensions": [{"Name": "Stage", "Value": "prod/Canary"}]});
        let listed = cloudwatch(simulator, "ListMetrics", &filter).await["Metrics"].as_array().unwrap().len();
        assert_eq!(listed > 0, of_canary > 0.0, "{dimension:?}");
    }
}

#[tokio::test]
async fn a_deployment_may_turn_bad_after_a_while() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    let next = canary(&world, "50").await;
    let bad = Behaviour { error_rate_5xx: 0.2, latency: Latency { p50: 400.0, p99: 900.0 }, ..Behaviour::default() };
    let plan = Traffic::to(&world.api, "prod")
        .per_second(200.0)
        .deployment(&next, Behaviour::default())
        .deployment_from(&next, 300.0, bad);
    simulator.set_traffic(plan).unwrap();
    simulator.clock().advance(minutes(10));
    let canary = dimensions(Some("prod/Canary"));
    let (_, rates, _) = read(simulator, "5XXError", &canary, "Average", 300).await;
    assert!(rates[0].abs() < 1e-9 && (rates[1] - 0.2).abs() < 0.02, "{rates:?}");
    let (_, latencies, _) = read(simulator, "Latency", &canary, "p50", 300).await;
    assert!(latencies[0] < 30.0 && (latencies[1] / 400.0 - 1.0).abs() < 0.06, "{latencies:?}");
    same(total(simulator, "5XXError", Some("prod")).await, 0.0);
}

#[tokio::test]
async fn rates_change_over_time_and_a_stop_ends_them() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    let plan = json!({"restApiId": world.api, "stageName": "prod",
        "requests": [{"perSecond": 50}, {"fromSeconds": 90, "perMinute": 6000}]});
    let answer =
        world.simulator.handle(request("PUT", "/_simulator/traffic", plan.to_string())).await.answer().unwrap();
    assert_eq!(answer.status(), 200, "{answer:?}");
    simulator.clock().advance(minutes(3));
    let stopped = simulator.handle(request("DELETE", "/_simulator/traffic", "")).await.answer().unwrap();
    assert_eq!(stopped.status(), 204);
    simulator.clock().advance(minutes(5));
    let (at, values, _) = read(simulator, "Count", &dimensions(Some("prod")), "SampleCount", 60).await;
    assert_eq!(at, [0, 1, 2]);
    for (minute, expected) in [3000.0, 1500.0 + 3000.0, 6000.0].into_iter().enumerate() {
        near(values[minute], expected);
    }
    let report = simulator.handle(request("GET", "/_simulator/traffic", "")).await.answer().unwrap();
    let report: Value = serde_json::from_slice(report.body()).unwrap();
    assert_eq!((report[0].get("plan"), &report[0]["stageName"]), (None, &json!("prod")));
    same(report[0]["requests"][0]["requests"].as_f64().unwrap(), values.iter().sum());
}

#[tokio::test]
async fn detailed_metrics_come_only_while_they_are_enabled() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    let plan =
        Traffic::to(&world.api, "prod").per_second(40.0).method("GET", "/pets/{id}", 3.0).method("POST", "/pets", 1.0);
    simulator.set_traffic(plan).unwrap();
    simulator.clock().advance(minutes(2));
    let enable = json!([{"op": "replace", "path": "/~1pets~1{id}/GET/metrics/enabled", "value": "true"}]);
    assert_eq!(world.patch("R/stages/prod", enable).await.status, 200);
    simulator.clock().advance(minutes(3));
    let detailed = |method: &str, resource: &str| {
        let mut all = dimensions(Some("prod"));
        all.extend([("Method", method.to_owned()), ("Resource", resource.to_owned())]);
        all
    };
    let (at, values, _) = read(simulator, "Count", &detailed("GET", "/pets/{id}"), "Sum", 60).await;
    assert_eq!(at, [2, 3, 4]);
    near(values.iter().sum(), 3.0 * 60.0 * 30.0);
    assert_eq!(read(simulator, "Count", &detailed("POST", "/pets"), "Sum", 60).await.0, [] as [i64; 0]);
    near(total(simulator, "Count", Some("prod")).await, 5.0 * 60.0 * 40.0);
}

#[tokio::test]
async fn a_cache_answers_once_it_is_there_and_not_for_a_canary_that_does_not_use_it() {
    let (world, stable) = stage().await;
    let simulator = &world.simulator;
    let next = canary(&world, "50").await;
    let list = json!([
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
    ]);
    assert_eq!(world.patch("R/stages/prod", list).await.status, 200);
    let half = Behaviour { cache_hit_rate: 0.5, overhead_milliseconds: 1.0, ..Behaviour::default() };
    let plan = Traffic::to(&world.api, "prod").per_second(100.0).deployment(&stable, half).deployment(&next, half);
    simulator.set_traffic(plan).unwrap();
    simulator.clock().advance(minutes(6));
    let (at, hits, _) = read(simulator, "CacheHitCount", &dimensions(Some("prod")), "Sum", 60).await;
    assert_eq!(at, [4, 5]);
    near(hits[0], 1500.0);
    let (_, rate, _) = read(simulator, "CacheMissCount", &dimensions(Some("prod")), "Average", 600).await;
    assert!((rate[0] - 0.5).abs() < 0.03, "{rate:?}");
    assert_eq!(read(simulator, "CacheHitCount", &dimensions(Some("prod/Canary")), "Sum", 60).await.0, [] as [i64; 0]);
    let (_, latencies, _) = read(simulator, "Latency", &dimensions(Some("prod")), "Minimum", 600).await;
    same(latencies[0], 1.0);
    let (_, reached, _) = read(simulator, "IntegrationLatency", &dimensions(Some("prod")), "SampleCount", 60).await;
    let (_, all, _) = read(simulator, "Latency", &dimensions(Some("prod")), "SampleCount", 60).await;
    same(all[5] - reached[5], hits[1]);
}

#[tokio::test]
async fn a_minute_becomes_visible_one_to_three_minutes_after_its_end() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    simulator.set_switches(|switches| *switches = apigateway_simulator::Switches::default());
    simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(10.0)).unwrap();
    let mut seen_after = std::collections::BTreeMap::new();
    for second in (0..1800).step_by(5) {
        for minute in read(simulator, "Count", &dimensions(Some("prod")), "Sum", 60).await.0 {
            seen_after.entry(minute).or_insert(second - 60 * (minute + 1));
        }
        simulator.clock().advance(Duration::from_secs(5));
    }
    assert!(seen_after.len() >= 26, "{seen_after:?}");
    assert!(seen_after.values().all(|delay| (60..=185).contains(delay)), "{seen_after:?}");
    let different: std::collections::BTreeSet<_> = seen_after.values().collect();
    assert!(different.len() > 5, "{seen_after:?}");
}

#[tokio::test]
async fn gaps_are_silent_and_partial_minutes_are_told() {
    let (world, _) = stage().await;
    let simulator = &world.simulator;
    simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(100.0)).unwrap();
    simulator.clock().advance(minutes(5));
    let gap = |minute: i64, kind| MetricGap {
        from_epoch_seconds: START + 60 * minute,
        until_epoch_seconds: START + 60 * (minute + 1),
        kind,
    };
    let count = async || read(simulator, "Count", &dimensions(Some("prod")), "Sum", 60).await;
    simulator.set_switches(|switches| switches.metric_gaps = vec![gap(1, GapKind::Missing)]);
    let (at, _, status) = count().await;
    assert_eq!((at, status.as_str()), (vec![0, 2, 3, 4], "Complete"));
    simulator.set_switches(|switches| switches.metric_gaps = vec![gap(4, GapKind::Partial)]);
    let (at, values, status) = count().await;
    assert_eq!((at, status.as_str()), (vec![0, 1, 2, 3, 4], "PartialData"));
    near(values[4], 3000.0);
    near(values[3], 6000.0);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_numbers_whatever_was_read_in_between() {
    let run = async |seed: u64, curious: bool| {
        let simulator = Simulator::builder().seed(seed).build();
        let api = simulator.create_rest_api("petstore");
        let world = World { simulator, api };
        world.stage().await;
        world.simulator.set_switches(|switches| switches.metric_delay = AT_ONCE);
        world.simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(7.0)).unwrap();
        for _ in 0..20 {
            world.simulator.clock().advance(Duration::from_secs(13));
            if curious {
                total(&world.simulator, "Count", Some("prod")).await;
                drop(world.simulator.traffic());
            }
        }
        read(&world.simulator, "Latency", &dimensions(Some("prod")), "p90", 60).await.1
    };
    let once = run(1, false).await;
    assert_eq!(once.len(), 4);
    assert_eq!(run(1, true).await, once);
    assert_ne!(run(2, false).await, once);
}

#[tokio::test]
async fn traffic_pauses_while_the_stage_is_gone_and_apis_of_one_name_share_series() {
    let (world, deployment) = stage().await;
    let simulator = &world.simulator;
    let twin = simulator.create_rest_api("petstore");
    simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(50.0)).unwrap();
    simulator.clock().advance(minutes(1));
    assert_eq!(world.send("DELETE", "R/stages/prod", &Value::Null).await.status, 202);
    simulator.clock().advance(minutes(1));
    world.send("POST", "R/stages", &json!({"stageName": "prod", "deploymentId": deployment})).await;
    let made = world.send("POST", &format!("/restapis/{twin}/deployments"), &json!({"stageName": "prod"})).await;
    assert_eq!(made.status, 201);
    simulator.set_traffic(Traffic::to(&twin, "prod").per_second(50.0)).unwrap();
    simulator.clock().advance(minutes(1));
    let (at, values, _) = read(simulator, "Count", &dimensions(Some("prod")), "Sum", 60).await;
    assert_eq!(at, [0, 2]);
    near(values[0], 3000.0);
    near(values[1], 6000.0);
}

#[tokio::test]
async fn a_plan_that_cannot_be_is_refused_with_a_sentence() {
    let (world, _) = stage().await;
    let put = async |body: Value| {
        let answer =
            world.simulator.handle(request("PUT", "/_simulator/traffic", body.to_string())).await.answer().unwrap();
        let told: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), told["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        put(json!({"restApiId": "nope", "stageName": "prod", "requests": []})).await,
        (400, "There is no stage prod of a REST API nope.".to_owned())
    );
    let both = json!({"restApiId": world.api, "stageName": "prod", "requests": [{"perSecond": 1, "perMinute": 1}]});
    assert_eq!(
        put(both).await,
        (400, "Each phase of requests needs exactly one of perSecond and perMinute.".to_owned())
    );
    let (status, told) = put(json!({"restApiId": world.api, "stageName": "prod", "requests": [], "speed": 1})).await;
    assert!(status == 400 && told.contains("unknown field `speed`"), "{told}");
    let typo = json!({"restApiId": world.api, "stageName": "prod", "requests": [],
        "otherDeployments": [{"errorRate": 0.5}]});
    let (status, told) = put(typo).await;
    assert!(status == 400 && told.contains("errorRate"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens to the stage and whenever: each request that was sent is counted once on its side, and both
    /// sides together are the whole API.
    #[test]
    fn sums_over_minutes_are_the_requests_sent(
        seed in 0..1000_u64,
        rate in 0.0..300.0_f64,
        changes in proptest::collection::vec((1..400_u64, 0..100_u32, any::<bool>()), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let simulator = Simulator::builder().seed(seed).build();
            let api = simulator.create_rest_api("petstore");
            let world = World { simulator, api };
            world.stage().await;
            let simulator = &world.simulator;
            simulator.set_switches(|switches| switches.metric_delay = AT_ONCE);
            simulator.set_traffic(Traffic::to(&world.api, "prod").per_second(rate)).unwrap();
            for (seconds, percent, remove) in changes {
                simulator.clock().advance(Duration::from_secs(seconds));
                let operation = if remove {
                    json!({"op": "remove", "path": "/canarySettings"})
                } else {
                    json!({"op": "replace", "path": "/canarySettings/percentTraffic", "value": percent.to_string()})
                };
                world.patch("R/stages/prod", json!([operation])).await;
            }
            simulator.clock().advance(minutes(2));
            let (stable, canary) = (Some(false), Some(true));
            same(total(simulator, "Count", Some("prod")).await, sent(simulator, |line| line.requests, stable));
            same(total(simulator, "Count", Some("prod/Canary")).await, sent(simulator, |line| line.requests, canary));
            same(total(simulator, "Count", None).await, sent(simulator, |line| line.requests, None));
        });
    }
}
