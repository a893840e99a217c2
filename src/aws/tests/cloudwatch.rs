//! `CloudWatch` over the real SDK, and what checks make of both sides of a stage that the simulator serves.

use std::collections::BTreeMap;

use apigateway_simulator::{
    AfterTheEffect, BeforeTheEffect, Behaviour, CanaryDimension, FaultKind, GapKind, MetricDelay, MetricGap, Server,
    Simulator, Traffic,
};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use stagecraft_core::analysis::{
    AlarmState, Ask, Bounds, CanarySeries, Due, Judged, Latency, Metric, OnNoData, Policy, Preset, Query, Reading,
    Scene, Source, Subject, judge, queries, window,
};
use stagecraft_core::api::check::Verdict;
use stagecraft_core::api::counts::{Counts, Scope};
use stagecraft_core::api::names::{DeploymentId, StageName};
use stagecraft_core::patch::PatchOperation;

use super::*;
use crate::aws::{CloudWatch, NewStage};
use crate::prometheus::Prometheus;
use crate::sources::Live;

/// A stage `prod` with a canary of 10 percent, and 100 requests a second since ten minutes.
struct Bench {
    simulator: Simulator,
    _server: Server,
    cloud_watch: CloudWatch,
    subject: Subject,
}

impl Bench {
    async fn new(canary: Behaviour, dimension: CanaryDimension) -> Self {
        let simulator = Simulator::builder().account("123456789012").region(REGION).seed(1).build();
        simulator.set_switches(|switches| {
            switches.canary_dimension = dimension;
            switches.metric_delay = MetricDelay { min_seconds: 0, max_seconds: 0 };
        });
        let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let aws = aws(options(server.url())).await;
        let (gateway, cloud_watch) = (aws.gateway(&Region::from(REGION)), aws.cloud_watch(&Region::from(REGION)));
        let api = RestApiId::new(simulator.create_rest_api("shop"));
        let prod = StageName::from("prod");
        let stable = gateway.create_deployment(&api, "first", permit()).await.unwrap().id;
        gateway.create_stage(&api, new_stage(&prod, &stable), permit()).await.unwrap();
        let next = gateway.create_deployment(&api, "second", permit()).await.unwrap().id;
        let open = [
            PatchOperation::replace("/canarySettings/deploymentId", next.as_str()),
            PatchOperation::replace("/canarySettings/percentTraffic", "10.00"),
        ];
        gateway.update_stage(&api, &prod, &open, permit()).await.unwrap();
        let began = simulator.clock().now();
        let plan = Traffic::to(api.as_str(), "prod")
            .per_second(100.0)
            .deployment(stable.as_str(), Behaviour::default())
            .deployment(next.as_str(), canary);
        simulator.set_traffic(plan).unwrap();
        simulator.clock().advance(Duration::from_mins(10));
        simulator.reset_calls();
        let subject = Subject {
            rest_api_id: api,
            api_name: Some("shop".to_owned()),
            stage_name: prod.clone(),
            stages: vec![prod],
            canary_deployment_id: next,
            stable_deployment_id: Some(stable),
            scene: Scene::Canary { step: 1, percent: 10.0 },
            began_at: began,
            traffic_changed_at: began,
            step_began_at: began,
            stage_has_cache: false,
            canary_uses_cache: false,
            twin: None,
        };
        Self { simulator, _server: server, cloud_watch, subject }
    }

    fn now(&self) -> Timestamp {
        self.simulator.clock().now()
    }

    fn asked(&self, policy: &Policy) -> Vec<Query> {
        let Due::Now(window) = window(policy, &self.subject, self.now()) else { panic!("ten minutes are enough") };
        queries(policy, &self.subject, window, &Counts::default())
    }

    async fn check(&self, policy: &Policy) -> Judged {
        let Due::Now(window) = window(policy, &self.subject, self.now()) else { panic!("ten minutes are enough") };
        let readings = self.cloud_watch.read(&self.asked(policy)).await;
        judge(policy, &self.subject, window, &readings, &Counts::default(), self.now())
    }

    /// Somebody makes an alarm, which is in this state.
    async fn alarm(&self, name: &str, state: &str) {
        let alarm = json!({
            "AlarmName": name, "Namespace": "AWS/ApiGateway", "MetricName": "Count", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        });
        self.ask("PutMetricAlarm", alarm).await;
        self.ask("SetAlarmState", json!({ "AlarmName": name, "StateValue": state, "StateReason": "test" })).await;
    }

    /// Somebody asks `CloudWatch` in AWS JSON.
    async fn ask(&self, operation: &str, body: serde_json::Value) {
        let request = http::Request::post("/")
            .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", authorization())
            .body(bytes::Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.simulator.handle(request).await.answer().unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
}

fn new_stage(name: &StageName, deployment: &DeploymentId) -> NewStage {
    NewStage {
        name: name.clone(),
        deployment_id: deployment.clone(),
        description: None,
        variables: BTreeMap::new(),
        tags: BTreeMap::new(),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    }
}

/// The defaults.
fn policy(metrics: Vec<Metric>) -> Policy {
    Policy {
        interval: Duration::from_mins(1),
        initial_delay: Duration::from_mins(2),
        window: Duration::from_mins(5),
        metric_delay: Duration::from_mins(3),
        min_checks: 1,
        min_requests: 50,
        failure_limit: 0,
        on_no_data: OnNoData::Hold,
        canary_series: CanarySeries::Auto,
        metrics,
    }
}

fn metric(name: &str, source: Source, bounds: Bounds) -> Metric {
    Metric { name: name.to_owned(), source, bounds, failure_limit: None, dry_run: false }
}

fn gateway_metrics() -> Vec<Metric> {
    let increase = |max_increase| Bounds { max_increase: Some(max_increase), ..Bounds::default() };
    let slow = Preset::SlowRequestRate { threshold_ms: 60.0 };
    vec![
        metric("errors", Source::ApiGateway(Preset::ErrorRate5xx), Bounds::default()),
        metric("client errors", Source::ApiGateway(Preset::ErrorRate4xx), increase(1.0)),
        metric("latency", Source::ApiGateway(Preset::Latency(Latency::P99)), increase(20.0)),
        metric("mean", Source::ApiGateway(Preset::IntegrationLatency(Latency::Average)), increase(20.0)),
        metric("slow", Source::ApiGateway(slow), Bounds::default()),
    ]
}

fn bad() -> Behaviour {
    Behaviour { error_rate_5xx: 0.05, ..Behaviour::default() }
}

#[tokio::test]
async fn a_good_canary_passes_by_every_measure_of_both_sides() {
    let bench = Bench::new(Behaviour::default(), CanaryDimension::Disjoint).await;
    let judged = within(bench.check(&policy(gateway_metrics()))).await;
    assert_eq!(judged.check.verdict, Verdict::Pass, "{judged:#?}");
    assert_eq!(judged.counts.series.as_ref().map(|series| series.scope), Some(Scope::Disjoint));
    for check in &judged.check.metrics {
        let (own, other) = (check.samples.unwrap(), check.baseline_samples.unwrap());
        assert!((2_500..3_500).contains(&own) && (25_000..29_000).contains(&other), "{check:?}");
    }
    let mut operations: Vec<_> = bench.simulator.calls().iter().map(|call| call.info.operation).collect();
    operations.sort_unstable();
    assert_eq!(operations, ["GetMetricData", "ListMetrics"], "one call for all of it");
}

#[tokio::test]
async fn a_bad_canary_fails_in_whichever_series_it_is_counted() {
    for (dimension, scope) in
        [(CanaryDimension::Disjoint, Scope::Disjoint), (CanaryDimension::Inclusive, Scope::Inclusive)]
    {
        let bench = Bench::new(bad(), dimension).await;
        let errors = gateway_metrics().into_iter().take(1).collect();
        let judged = within(bench.check(&policy(errors))).await;
        assert_eq!(judged.check.verdict, Verdict::Fail, "{judged:#?}");
        assert_eq!(judged.counts.series.map(|series| series.scope), Some(scope));
        let check = &judged.check.metrics[0];
        assert!(check.value.is_some_and(|rate| (4.0..6.0).contains(&rate)), "{check:?}");
        assert_eq!(check.baseline, Some(0.0), "{check:?}");
    }
}

#[tokio::test]
async fn a_canary_without_a_series_of_its_own_is_no_data() {
    let bench = Bench::new(bad(), CanaryDimension::Absent).await;
    let judged = within(bench.check(&policy(gateway_metrics()))).await;
    assert_eq!(judged.check.verdict, Verdict::NoData);
    let sentence = "5xx: no data: CloudWatch has no series with Stage = prod/Canary (it lists Stage = prod), so the canary cannot be told apart; set canarySeries: AccessLogs";
    assert_eq!(judged.check.metrics[0].sentence, sentence);
}

#[tokio::test]
async fn a_minute_that_is_still_being_counted_holds_the_verdict() {
    for kind in [GapKind::Partial, GapKind::Missing] {
        let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
        let last = bench.now().as_second().div_euclid(60) * 60 - 240;
        let gap = MetricGap { from_epoch_seconds: last, until_epoch_seconds: last + 60, kind };
        bench.simulator.set_switches(|switches| switches.metric_gaps = vec![gap]);
        let max = Bounds { max: Some(1.0), ..Bounds::default() };
        let errors = metric("errors", Source::ApiGateway(Preset::ErrorRate5xx), max);
        let judged = within(bench.check(&policy(vec![errors]))).await;
        assert_eq!(judged.check.verdict, Verdict::NoData, "{kind:?}: {judged:#?}");
    }
}

#[tokio::test]
async fn all_who_ask_at_one_time_go_out_together_and_each_gets_its_own() {
    let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
    let policy = policy(gateway_metrics());
    let asked = bench.asked(&policy);
    let alone = within(bench.cloud_watch.read(&asked)).await;
    assert_eq!(alone.len(), asked.len());
    bench.simulator.reset_calls();
    // A hundred releases, each with a metric of its own beside those that they share.
    let own = |number: usize| Query {
        id: "own".to_owned(),
        ask: Ask::Metric {
            namespace: "AWS/ApiGateway".to_owned(),
            metric: "Count".to_owned(),
            dimensions: [("ApiName".to_owned(), format!("api-{number}"))].into(),
            statistic: "Sum".to_owned(),
            period_minutes: 1,
            window: asked.iter().find_map(time_of).unwrap(),
        },
    };
    let releases = (0..100).map(|number| {
        let queries: Vec<Query> = asked.iter().cloned().chain([own(number)]).collect();
        let cloud_watch = bench.cloud_watch.clone();
        async move { cloud_watch.read(&queries).await }
    });
    for mut readings in within(join_all(releases)).await {
        let own = readings.remove("own");
        assert_eq!(own, Some(Reading::Series { values: BTreeMap::new(), complete: true }));
        assert_eq!(readings, alone);
    }
    let counts = bench.simulator.call_counts();
    assert_eq!((counts["GetMetricData"], counts["ListMetrics"]), (1, 1));
}

fn time_of(query: &Query) -> Option<stagecraft_core::analysis::Window> {
    match &query.ask {
        Ask::Metric { window, .. } => Some(*window),
        Ask::Expression { .. } | Ask::Alarm { .. } | Ask::Prometheus { .. } | Ask::StageDimensions { .. } => None,
    }
}

#[tokio::test]
async fn more_queries_than_a_call_takes_are_several_calls() {
    let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
    let template = bench.asked(&policy(gateway_metrics())).into_iter().find(|query| time_of(query).is_some()).unwrap();
    let many: Vec<Query> = (0..501)
        .map(|number| {
            let mut query = template.clone();
            query.id = format!("{number}");
            if let Ask::Metric { metric, .. } = &mut query.ask {
                *metric = format!("m{number}");
            }
            query
        })
        .collect();
    let readings = within(bench.cloud_watch.read(&many)).await;
    assert!(readings.len() == 501 && readings.values().all(|reading| matches!(reading, Reading::Series { .. })));
    assert_eq!(bench.simulator.call_counts()["GetMetricData"], 2);
}

#[tokio::test]
async fn one_bad_expression_spoils_nobody_elses_answer() {
    let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
    let mut metrics = gateway_metrics();
    let max = Bounds { max: Some(1.0), ..Bounds::default() };
    metrics.push(metric("wrong", Source::Expression("NONSENSE(".to_owned()), max));
    let asked = bench.asked(&policy(metrics));
    let readings = within(bench.cloud_watch.read(&asked)).await;
    let missing: Vec<&str> = readings
        .iter()
        .filter(|(_, reading)| matches!(reading, Reading::Missing(_)))
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(missing, ["metric.wrong"]);
    let Some(Reading::Missing(why)) = readings.get("metric.wrong") else { panic!("{readings:?}") };
    assert!(why.starts_with("GetMetricData was refused") && why.contains("NONSENSE"), "{why}");
}

#[tokio::test]
async fn a_cloudwatch_that_fails_is_missing_with_its_reason() {
    for (status, reason) in
        [(403, "GetMetricData was denied"), (429, "GetMetricData was throttled"), (500, "GetMetricData failed in AWS")]
    {
        let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
        bench.simulator.faults().on("GetMetricData").always().error(status, BeforeTheEffect);
        let errors = gateway_metrics().into_iter().take(1).collect();
        let judged = within(bench.check(&policy(errors))).await;
        let sentence = &judged.check.metrics[0].sentence;
        assert!(sentence.starts_with(&format!("5xx: no data: {reason}")), "{sentence}");
        assert_eq!(bench.simulator.call_counts()["GetMetricData"], 1, "{status}: nothing tries again");
    }
}

/// The rest of what `make faults` does, for the calls of checks.
#[tokio::test]
async fn a_passing_fault_at_any_call_fails_no_check_and_the_next_one_is_whole() {
    let faults = [409, 429, 500, 503].map(FaultKind::Error).into_iter().chain([FaultKind::DropConnection]);
    let strikes = faults.flat_map(|fault| [BeforeTheEffect, AfterTheEffect].map(|side| (fault.clone(), side)));
    // Each check waits a moment for others that ask.
    join_all(strikes.map(async |(fault, side)| {
        let bench = Bench::new(Behaviour::default(), CanaryDimension::Disjoint).await;
        bench.alarm("fine", "OK").await;
        let metrics = vec![
            metric("errors", Source::ApiGateway(Preset::ErrorRate5xx), Bounds::default()),
            metric("fine", Source::Alarm("fine".to_owned()), Bounds::default()),
        ];
        let policy = policy(metrics);
        // Without a list the counts themselves still tell whose series it is.
        let told =
            [("GetMetricData", Verdict::NoData), ("ListMetrics", Verdict::Pass), ("DescribeAlarms", Verdict::NoData)];
        for (operation, expected) in told {
            bench.simulator.reset_calls();
            bench.simulator.faults().on(operation).call(1).times(1).fault(side, fault.clone());
            let met = within(bench.check(&policy)).await.check;
            assert_eq!(met.verdict, expected, "{operation} {fault:?} {side:?}: {met:#?}");
            assert_eq!(bench.simulator.call_counts()[operation], 1, "nothing tries again");
            let next = within(bench.check(&policy)).await.check;
            assert_eq!(next.verdict, Verdict::Pass, "{operation} {fault:?} {side:?}: {next:#?}");
        }
    }))
    .await;
}

#[tokio::test]
async fn who_stops_waiting_takes_nobody_along() {
    let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
    let asked = bench.asked(&policy(gateway_metrics()));
    let (first, second) = (bench.cloud_watch.clone(), bench.cloud_watch.clone());
    let gone = async {
        let impatient = std::pin::pin!(first.read(&asked));
        futures::future::select(impatient, std::future::ready(())).await;
    };
    gone.await;
    let readings = within(second.read(&asked)).await;
    assert!(readings.values().all(|reading| !matches!(reading, Reading::Missing(_))), "{readings:?}");
}

#[tokio::test]
async fn alarms_and_unknown_sources_have_their_readings() {
    let bench = Bench::new(bad(), CanaryDimension::Disjoint).await;
    for (name, state) in [("fine", "OK"), ("burning", "ALARM"), ("new", "INSUFFICIENT_DATA")] {
        bench.alarm(name, state).await;
    }
    let mut metrics: Vec<Metric> = ["fine", "burning", "new", "absent"]
        .map(|name| metric(name, Source::Alarm(name.to_owned()), Bounds::default()))
        .into();
    let prometheus = Source::Prometheus { provider: "main".to_owned(), query: "up".to_owned() };
    metrics.push(metric("prometheus", prometheus, Bounds { max: Some(1.0), ..Bounds::default() }));
    let live = Live { cloud_watch: bench.cloud_watch.clone(), prometheus: Prometheus::default() };
    let readings = within(live.read(&bench.asked(&policy(metrics)))).await;
    let missing = |why: &str| Reading::Missing(why.to_owned());
    let expected = [
        ("absent", missing("there is no alarm absent in this account and Region")),
        ("burning", Reading::Alarm(AlarmState::Alarm)),
        ("fine", Reading::Alarm(AlarmState::Ok)),
        ("new", Reading::Alarm(AlarmState::InsufficientData)),
        ("prometheus", missing("the operator's configuration names no Prometheus main (it names none)")),
    ];
    let expected: BTreeMap<String, Reading> =
        expected.into_iter().map(|(name, reading)| (format!("metric.{name}"), reading)).collect();
    assert_eq!(readings, expected);
    assert_eq!(bench.simulator.call_counts()["DescribeAlarms"], 1);
}

/// As a client of this account and Region signs.
fn authorization() -> String {
    let scope = format!("20260101/{REGION}/monitoring/aws4_request");
    let signature = "0".repeat(64);
    format!("AWS4-HMAC-SHA256 Credential=AKIDTESTS/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}")
}
