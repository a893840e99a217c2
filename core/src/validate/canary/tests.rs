use serde_json::{Value, json};

use super::*;
use crate::analysis::{Bounds, Preset, Source};

fn spec(json: Value) -> ApiCanarySpec {
    serde_json::from_value(json).unwrap()
}

fn smallest() -> Value {
    json!({ "stageRef": { "name": "orders-prod" }, "steps": [{ "setPercent": 12.5, "hold": "10m" }] })
}

/// `smallest` with one more member.
fn with(member: &str, value: &Value) -> Value {
    let mut spec = smallest();
    spec[member] = value.clone();
    spec
}

/// Golden: defaults do not change within an API version (contract).
#[test]
fn what_is_absent_has_the_defaults_of_the_contract() {
    let expected = Policy {
        stage: "orders-prod".to_owned(),
        steps: vec![Step {
            percent: Percent::from_hundredths(1250).unwrap(),
            end: StepEnd::Hold(Duration::from_mins(10)),
        }],
        analysis: analysis::Policy {
            interval: Duration::from_mins(1),
            initial_delay: Duration::from_mins(2),
            window: Duration::from_mins(5),
            metric_delay: Duration::from_mins(3),
            min_checks: 1,
            min_requests: 50,
            failure_limit: 0,
            on_no_data: analysis::OnNoData::Hold,
            canary_series: analysis::CanarySeries::Auto,
            metrics: Vec::new(),
        },
        guards: BTreeSet::new(),
        stage_variable_overrides: BTreeMap::new(),
        use_stage_cache: None,
        promotion: Promotion::Automatic,
        bake: None,
        fast_rollback: 1,
        on_failure: OnFailure::Rollback,
        progress_deadline: None,
        webhooks: Vec::new(),
        suspended: false,
    };
    assert_eq!(policy(&spec(smallest())), Ok(expected));
}

#[test]
fn a_metric_and_a_webhook_have_defaults_too() {
    let mut declared = with(
        "analysis",
        &json!({ "metrics": [
        { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
        { "name": "slow", "apiGateway": { "metric": "SlowRequestRate", "thresholdMs": 800 }, "sequential": {} },
    ] }),
    );
    declared["webhooks"] = json!([{ "name": "gate", "url": "https://gate.example.com", "when": ["BeforeStep"] }]);
    let policy = policy(&spec(declared)).unwrap();
    let [errors, slow] = policy.analysis.metrics.as_slice() else { panic!("{policy:?}") };
    assert!(errors.bounds.is_empty(), "what a rate without bounds means is the analysis' business");
    assert!(errors.sequential().is_some());
    assert_eq!(slow.source, Source::ApiGateway(Preset::SlowRequestRate { threshold_ms: 800.0 }));
    let sequential = analysis::Sequential { false_alarm: 0.01, smallest_increase: None };
    assert_eq!(slow.bounds, Bounds { sequential: Some(sequential), ..Bounds::default() });
    assert_eq!((slow.failure_limit, slow.dry_run), (None, false));
    let gate = Webhook {
        name: "gate".to_owned(),
        url: "https://gate.example.com".to_owned(),
        when: BTreeSet::from([crate::api::canary::Moment::BeforeStep]),
        timeout: Duration::from_secs(10),
        retries: 2,
    };
    assert_eq!(policy.webhooks, [gate]);
}

#[test]
fn a_window_is_five_minutes_or_an_interval_in_whole_minutes() {
    let cases = [("10s", 5), ("1m", 5), ("5m", 5), ("5m1s", 6), ("7m30s", 8), ("1h", 60)];
    for (interval, minutes) in cases {
        let policy = policy(&spec(with("analysis", &json!({ "interval": interval })))).unwrap();
        assert_eq!(policy.analysis.window, Duration::from_mins(minutes), "{interval}");
    }
}

#[test]
fn a_bake_of_no_time_is_none() {
    assert_eq!(policy(&spec(with("bake", &json!("0s")))).unwrap().bake, None);
    assert_eq!(policy(&spec(with("bake", &json!("1h")))).unwrap().bake, Some(Duration::from_hours(1)));
}

/// The sentence for `smallest` with this member.
fn refusal(member: &str, value: &Value) -> String {
    match policy(&spec(with(member, value))) {
        Err(invalid) => invalid.to_string(),
        Ok(policy) => panic!("{member}: {value} was accepted: {policy:?}"),
    }
}

#[test]
fn what_got_past_the_schema_is_told_in_one_sentence() {
    let step = |percent: f64| json!({ "setPercent": percent, "hold": "10m" });
    let errors = json!({ "metric": "ErrorRate5xx" });
    let cases = [
        (
            "stageRef",
            json!({ "name": "" }),
            "spec.stageRef.name is empty: set it to the name of the ApiStage whose releases this shall govern.",
        ),
        ("steps", json!([]), "spec.steps is empty: declare at least one step, such as setPercent: 10 with hold: 10m."),
        ("steps", json!(vec![step(1.0); 51]), "spec.steps has 51 entries and may have 50: remove some."),
        (
            "steps",
            json!([step(5.0), step(25.0), step(20.0)]),
            "spec.steps[2].setPercent is 20 and must be more than the 25 of the step before it.",
        ),
        (
            "steps",
            json!([step(0.0)]),
            "spec.steps[0].setPercent is 0 and must be above 0 and at most 100, with at most two decimals.",
        ),
        (
            "steps",
            json!([step(100.5)]),
            "spec.steps[0].setPercent is 100.5 and must be above 0 and at most 100, with at most two decimals.",
        ),
        (
            "steps",
            json!([step(0.125)]),
            "spec.steps[0].setPercent is 0.125 and must be above 0 and at most 100, with at most two decimals.",
        ),
        (
            "steps",
            json!([{ "setPercent": 5 }]),
            "spec.steps[0] has either hold or approval: set one of them, such as hold: 10m or approval: Required.",
        ),
        (
            "steps",
            json!([{ "setPercent": 5, "hold": "1m", "approval": "Required" }]),
            "spec.steps[0] has either hold or approval: set one of them, such as hold: 10m or approval: Required.",
        ),
        ("analysis", json!({ "interval": "9s" }), "spec.analysis.interval is 9s and must be at least 10s."),
        (
            "analysis",
            json!({ "window": "1m30s" }),
            "spec.analysis.window is 1m30s and must be whole minutes, at least one: CloudWatch's metrics have a grain of one minute.",
        ),
        (
            "analysis",
            json!({ "window": "2m", "interval": "3m" }),
            "spec.analysis.window is 2m and must not be shorter than the interval of 3m, or checks would miss what happens between them.",
        ),
        ("analysis", json!({ "minChecks": 0 }), "spec.analysis.minChecks is 0 and must be at least 1."),
        ("analysis", json!({ "minRequests": 0 }), "spec.analysis.minRequests is 0 and must be at least 1."),
        (
            "analysis",
            json!({ "canarySeries": "Custom" }),
            "spec.analysis.customSeries and canarySeries: Custom belong together: set both, or neither.",
        ),
        (
            "analysis",
            json!({ "metrics": [{ "name": "m", "apiGateway": errors }, { "name": "m", "apiGateway": errors }] }),
            "spec.analysis.metrics has two entries of the name \"m\": rename one of them.",
        ),
    ];
    for (member, value, sentence) in cases {
        assert_eq!(refusal(member, &value), sentence, "{member}: {value}");
    }
}

#[test]
fn a_metric_or_a_webhook_that_got_past_the_schema_is_told_in_one_sentence() {
    let metric = |members: Value| {
        let mut metric = members;
        metric["name"] = json!("m");
        json!({ "metrics": [metric] })
    };
    let errors = json!({ "metric": "ErrorRate5xx" });
    let query = |text: &str| json!({ "provider": "main", "query": text });
    let gate = |url: &str| json!([{ "name": "gate", "url": url, "when": ["BeforeStep"] }]);
    let cases = [
        (
            "analysis",
            metric(json!({ "max": 1 })),
            "spec.analysis.metrics: m must have exactly one source: keep one of apiGateway, cloudWatch, alarm and prometheus.",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": errors, "alarm": { "name": "a" } })),
            "spec.analysis.metrics: m must have exactly one source: keep one of apiGateway, cloudWatch, alarm and prometheus.",
        ),
        (
            "analysis",
            metric(json!({ "prometheus": query("up") })),
            "spec.analysis.metrics: m: it has no bound; give it max, min, maxIncrease or maxRatio.",
        ),
        (
            "analysis",
            metric(json!({ "alarm": { "name": "a" }, "max": 1 })),
            "spec.analysis.metrics: m: an alarm brings its own threshold: remove max, min, maxIncrease, maxRatio, ratioFloor and sequential.",
        ),
        (
            "analysis",
            metric(json!({ "prometheus": query("up"), "min": 2, "max": 1 })),
            "spec.analysis.metrics: m: min is above max, so no value would pass: swap them.",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": errors, "sequential": {}, "min": 1 })),
            "spec.analysis.metrics: m: sequential goes alone, against the stable side, or with max, against a fixed rate: remove min, maxIncrease and maxRatio, or remove sequential.",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": { "metric": "SlowRequestRate" } })),
            "spec.analysis.metrics: m: SlowRequestRate needs thresholdMs: set what a slow request is, such as thresholdMs: 800.",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": { "metric": "SlowRequestRate", "thresholdMs": 0 } })),
            "spec.analysis.metrics: m: thresholdMs is 0 and must be more than 0.",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": { "metric": "LatencyP99", "thresholdMs": 5 }, "max": 1 })),
            "spec.analysis.metrics: m: thresholdMs belongs to SlowRequestRate: remove it.",
        ),
        (
            "analysis",
            metric(json!({ "cloudWatch": { "namespace": "Orders" }, "max": 1 })),
            "spec.analysis.metrics: m: cloudWatch has either expression alone, or namespace, metric and statistic (and dimensions, if there are any).",
        ),
        (
            "analysis",
            metric(json!({ "apiGateway": errors, "max": 1, "ratioFloor": 1 })),
            "spec.analysis.metrics: m: ratioFloor belongs to maxRatio: set maxRatio, or remove ratioFloor.",
        ),
        (
            "analysis",
            metric(json!({ "prometheus": query("up{x=\"${stage}\"}"), "max": 1 })),
            "spec.analysis.metrics: m uses \"${stage}\", which nothing fills in: use ${restApiId}, ${apiName}, ${stageName}, ${canaryDeploymentId}, ${stableDeploymentId} or ${window}.",
        ),
        (
            "stageVariableOverrides",
            json!({ "backend": "a b" }),
            "spec.stageVariableOverrides: \"backend\" or its value holds a character that API Gateway refuses: names are letters, digits and _, values letters, digits and - . _ ~ : / ? # & = , only.",
        ),
        (
            "webhooks",
            gate("https://me:secret@gate.example.com"),
            "spec.webhooks: gate has a url that cannot be called: write an https address with a host and without user or password, such as https://gate.example.com/release.",
        ),
        (
            "webhooks",
            gate("https://"),
            "spec.webhooks: gate has a url that cannot be called: write an https address with a host and without user or password, such as https://gate.example.com/release.",
        ),
        (
            "webhooks",
            json!([{ "name": "gate", "url": "https://a.example.com", "when": [] }]),
            "spec.webhooks: gate is never called: name at least one moment in when.",
        ),
        (
            "webhooks",
            json!([{ "name": "gate", "url": "https://a.example.com", "when": ["BeforeStep"], "timeout": "2m" }]),
            "spec.webhooks: gate has a timeout that is not 1s to 60s.",
        ),
    ];
    for (member, value, sentence) in cases {
        assert_eq!(refusal(member, &value), sentence, "{member}: {value}");
    }
}

#[test]
fn every_placeholder_is_known() {
    let query = "a{id=\"${restApiId}\",n=\"${apiName}\",s=\"${stageName}\",c=\"${canaryDeploymentId}\",d=\"${stableDeploymentId}\"}[${window}]";
    let metric = json!({ "name": "m", "prometheus": { "provider": "main", "query": query }, "max": 1 });
    let declared = spec(with("analysis", &json!({ "metrics": [metric] })));
    let [metric] = policy(&declared).unwrap().analysis.metrics.try_into().unwrap();
    assert_eq!(metric.source, Source::Prometheus { provider: "main".to_owned(), query: query.to_owned() });
}
