//! What schema and CEL can refuse of an `ApiCanary`, the apiserver refuses with a sentence that says what to do.

use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::validate::canary::policy;
use testbed::{Cluster, Namespace};

/// A namespace whose apiserver knows the kinds.
struct Place {
    cluster: &'static Cluster,
    namespace: Namespace,
}

impl Place {
    async fn new() -> Self {
        let cluster = testbed::shared().await.unwrap();
        let crds = stagecraft_core::api::crds();
        let yaml: Vec<_> = crds.iter().map(|crd| serde_saphyr::to_string(crd).unwrap()).collect();
        cluster.apply_crds(&yaml.join("---\n")).await.unwrap();
        Self { cluster, namespace: cluster.namespace("canary").await.unwrap() }
    }

    /// What `kubectl apply --server-side` does with strict validation, as it is its default.
    async fn apply(&self, name: &str, spec: &Value) -> Result<ApiCanary, kube::Error> {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": name }, "spec": spec,
        });
        let params = PatchParams::apply("kubectl").force().validation_strict();
        self.objects().patch(name, &params, &Patch::Apply(&object)).await
    }

    async fn refusal(&self, name: &str, spec: &Value) -> String {
        match self.apply(name, spec).await {
            Err(kube::Error::Api(status)) => status.message,
            other => panic!("{name} was not refused: {other:?}"),
        }
    }

    fn objects(&self) -> Api<ApiCanary> {
        Api::namespaced(self.cluster.client().unwrap(), self.namespace.name())
    }
}

/// Every field of the contract, each with a value that is right.
fn everything() -> Value {
    json!({
        "stageRef": { "name": "orders-prod" },
        "steps": [
            { "setPercent": 0.29, "hold": "1m30s" },
            { "setPercent": 12.5, "approval": "Required" },
            { "setPercent": 57.3, "hold": "1h30m" },
            { "setPercent": 100, "hold": "0s" },
        ],
        "analysis": {
            "interval": "1m", "initialDelay": "2m", "window": "5m", "metricDelay": "3m", "minChecks": 2, "minRequests": 100,
            "failureLimit": 1, "onNoData": "Hold", "canarySeries": "Custom",
            "customSeries": { "namespace": "Orders", "canary": { "Side": "canary" }, "stable": { "Side": "stable" } },
            "metrics": [
                { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
                { "name": "slow", "apiGateway": { "metric": "SlowRequestRate", "thresholdMs": 800 },
                  "sequential": { "falseAlarm": 0.001, "smallestIncrease": 0.5 }, "max": 5 },
                { "name": "latency", "apiGateway": { "metric": "LatencyP99" }, "maxRatio": 1.2, "ratioFloor": 50, "dryRun": true },
                { "name": "payments", "cloudWatch": { "namespace": "Orders", "metric": "Declined", "statistic": "Sum",
                  "dimensions": { "Deployment": "${canaryDeploymentId}" } }, "max": 3, "failureLimit": 2 },
                { "name": "insights", "cloudWatch": { "expression": "SELECT AVG(Depth) FROM Orders" }, "min": -1.5, "max": 10 },
                { "name": "alarm", "alarm": { "name": "orders-${stageName}" } },
                { "name": "checkout", "prometheus": { "provider": "main", "query": "sum(rate(failed[${window}]))" }, "max": 2 },
            ],
        },
        "guards": ["NoMethodRemoved", "NoAuthorizationWeakened"],
        "stageVariableOverrides": { "backend": "green" },
        "useStageCache": false,
        "promotion": "Manual",
        "bake": "30m",
        "fastRollback": 2,
        "onFailure": "Pause",
        "progressDeadline": "24h",
        "webhooks": [{ "name": "gate", "url": "https://gate.example.com:8443/release?team=orders", "timeout": "5s", "retries": 1,
            "when": ["BeforeRelease", "BeforeStep", "BeforePromotion", "AfterPromotion", "AfterRollback"] }],
        "suspend": false,
    })
}

/// `everything` with `value` at `pointer`; null removes what is there.
fn with(pointer: &str, value: &Value) -> Value {
    let mut spec = everything();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}"));
    match (parent, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(key).unwrap()),
        (Value::Object(members), value) => drop(members.insert(key.to_owned(), value.clone())),
        (Value::Array(items), value) => items[key.parse::<usize>().unwrap()] = value.clone(),
        (other, _) => panic!("{pointer} is in {other}"),
    }
    spec
}

#[tokio::test]
async fn what_is_right_is_taken_and_kept_as_it_was_written() {
    let place = Place::new().await;
    let smallest = json!({ "stageRef": { "name": "orders-prod" }, "steps": [{ "setPercent": 5, "hold": "10m" }] });
    for (name, spec) in [("everything", everything()), ("smallest", smallest)] {
        let stored = place.apply(name, &spec).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        // What the apiserver takes, the second line must take too.
        policy(&stored.spec).unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
        let numbers_as_written = serde_json::to_string(&stored.spec).unwrap().replace(".0,", ",").replace(".0}", "}");
        let read: Value = serde_json::from_str(&numbers_as_written).unwrap();
        let mut declared = spec.clone();
        sort_sets(&mut declared);
        assert_eq!(read, declared, "{name}: nobody but the user writes into spec, and nothing is lost on the way");
    }
}

#[tokio::test]
async fn the_example_is_taken_and_is_a_policy() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/orders-canary.yaml");
    let example: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let stored = Place::new().await.apply("example", &example["spec"]).await.unwrap();
    let policy = policy(&stored.spec).unwrap();
    assert_eq!((policy.steps.len(), policy.analysis.metrics.len()), (3, 2));
}

/// Sets have no order.
fn sort_sets(spec: &mut Value) {
    for set in ["/guards", "/webhooks/0/when"] {
        if let Some(Value::Array(members)) = spec.pointer_mut(set) {
            let name = |member: &Value| ORDER.iter().position(|known| member == known);
            members.sort_by_key(name);
        }
    }
}

const ORDER: [&str; 7] = [
    "NoMethodRemoved",
    "NoAuthorizationWeakened",
    "BeforeRelease",
    "BeforeStep",
    "BeforePromotion",
    "AfterPromotion",
    "AfterRollback",
];

#[tokio::test]
async fn steps_that_no_release_could_take_are_refused() {
    let place = Place::new().await;
    let rise = "steps must rise: give each step a larger setPercent than the one before it.";
    let range = "setPercent must be above 0 and at most 100.";
    let decimals = "setPercent has at most two decimals, as API Gateway keeps no more: round it.";
    let either = "a step has either hold or approval: set one of them, such as hold: 10m or approval: Required.";
    let duration = "this is no span of time: write hours, minutes and seconds in this order, such as 30s, 5m or 1h30m.";
    let step = |percent: f64| json!({ "setPercent": percent, "hold": "10m" });
    let held = |hold: &str| json!([{ "setPercent": 5, "hold": hold }]);
    let cases = [
        ("fall", json!([step(25.0), step(5.0)]), rise),
        ("same", json!([step(5.0), step(5.0)]), rise),
        ("zero", json!([step(0.0)]), range),
        ("below", json!([step(-5.0)]), range),
        ("above", json!([step(100.01)]), range),
        ("far-above", json!([step(1e300)]), range),
        ("decimals", json!([step(12.345)]), decimals),
        ("tiny", json!([step(0.001)]), decimals),
        ("both", json!([{ "setPercent": 5, "hold": "10m", "approval": "Required" }]), either),
        ("neither", json!([{ "setPercent": 5 }]), either),
        ("who", json!([{ "setPercent": 5, "approval": "Optional" }]), "supported values: \"Required\""),
        ("text", json!([{ "setPercent": "5", "hold": "10m" }]), "expected numeric (int or float), got string"),
        ("share", json!([{ "hold": "10m" }]), "steps[0].setPercent: Required value"),
        ("none", json!([]), "spec.steps in body should have at least 1 items"),
        (
            "many",
            json!((1..=51).map(|percent| step(f64::from(percent))).collect::<Vec<_>>()),
            "must have at most 50 items",
        ),
        ("unit", held("10"), duration),
        ("order", held("30m1h"), duration),
        ("fraction", held("1.5h"), duration),
        ("negative", held("-5m"), duration),
        ("days", held("1d"), duration),
    ];
    for (name, steps, sentence) in cases {
        let said = place.refusal(name, &with("/steps", &steps)).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_metric_that_could_judge_nothing_is_refused() {
    let place = Place::new().await;
    let source = "a metric has exactly one source: keep one of apiGateway, cloudWatch, alarm and prometheus.";
    let bound = "nothing tells which value of this metric is bad: set max, min, maxIncrease or maxRatio.";
    let chance = "falseAlarm is a probability above 0 and below 1, such as 0.01";
    let points = "smallestIncrease is in percentage points, above 0 and below 100, such as 0.5.";
    let threshold = "thresholdMs belongs to SlowRequestRate and to no other metric";
    let cloud_watch = "cloudWatch has either expression alone, or namespace, metric and statistic";
    let errors = json!({ "metric": "ErrorRate5xx" });
    let p99 = json!({ "metric": "LatencyP99" });
    let query = json!({ "provider": "main", "query": "up" });
    let cases = [
        ("no-source", json!({ "max": 1 }), source),
        ("two-sources", json!({ "apiGateway": errors, "prometheus": query, "max": 1 }), source),
        ("no-bound", json!({ "apiGateway": p99 }), bound),
        ("no-bound-hits", json!({ "apiGateway": { "metric": "CacheHitRate" } }), bound),
        ("no-bound-query", json!({ "prometheus": query }), bound),
        ("floor-only", json!({ "apiGateway": p99, "ratioFloor": 5 }), "ratioFloor belongs to maxRatio"),
        ("alarm-bound", json!({ "alarm": { "name": "a" }, "max": 1 }), "an alarm brings its own threshold"),
        (
            "compare",
            json!({ "prometheus": query, "maxRatio": 2 }),
            "which only apiGateway metrics have: use max or min",
        ),
        (
            "ratio",
            json!({ "apiGateway": p99, "maxRatio": 0 }),
            "maxRatio must be above 0, such as 1.2 for a fifth more.",
        ),
        (
            "swapped",
            json!({ "prometheus": query, "min": 3, "max": 2 }),
            "min is above max, so no value would pass: swap them.",
        ),
        (
            "rate",
            json!({ "apiGateway": errors, "max": 101 }),
            "a rate is in percent of requests: give max, min and maxIncrease as 0 to 100.",
        ),
        ("rate-below", json!({ "apiGateway": errors, "max": -1 }), "a rate is in percent of requests"),
        ("increase", json!({ "apiGateway": errors, "maxIncrease": -1 }), "should be greater than or equal to 0"),
        ("never", json!({ "apiGateway": errors, "sequential": { "falseAlarm": 0 } }), chance),
        ("always", json!({ "apiGateway": errors, "sequential": { "falseAlarm": 1 } }), chance),
        ("smallest", json!({ "apiGateway": errors, "sequential": { "smallestIncrease": 0 } }), points),
        ("largest", json!({ "apiGateway": errors, "sequential": { "smallestIncrease": 100 } }), points),
        ("latency", json!({ "apiGateway": p99, "sequential": {} }), "sequential counts bad requests"),
        (
            "mixed",
            json!({ "apiGateway": errors, "sequential": {}, "maxRatio": 2 }),
            "sequential goes alone, against the stable side, or with max",
        ),
        (
            "zero-ms",
            json!({ "apiGateway": { "metric": "SlowRequestRate", "thresholdMs": 0 } }),
            "thresholdMs in body should be greater than or equal to 1",
        ),
        ("no-ms", json!({ "apiGateway": { "metric": "SlowRequestRate" } }), threshold),
        ("other-ms", json!({ "apiGateway": { "metric": "ErrorRate5xx", "thresholdMs": 5 } }), threshold),
        ("unknown", json!({ "apiGateway": { "metric": "ErrorRate" } }), "supported values: \"ErrorRate5xx\""),
        ("half", json!({ "cloudWatch": { "namespace": "Orders" }, "max": 1 }), cloud_watch),
        ("twice", json!({ "cloudWatch": { "namespace": "Orders", "expression": "SELECT 1" }, "max": 1 }), cloud_watch),
        (
            "statistic",
            json!({ "cloudWatch": { "namespace": "O", "metric": "M", "statistic": "Median" }, "max": 1 }),
            "CloudWatch knows no such statistic",
        ),
        ("no-query", json!({ "prometheus": { "provider": "main" }, "max": 1 }), "prometheus.query: Required value"),
        ("nan", json!({ "prometheus": query, "max": "NaN" }), "expected numeric (int or float), got string"),
        (
            "placeholder",
            json!({ "prometheus": { "provider": "main", "query": "up{id=\"${restApi}\"}" }, "max": 1 }),
            "a name in ${…} is none of restApiId, apiName, stageName, canaryDeploymentId, stableDeploymentId and window",
        ),
    ];
    for (name, metric, sentence) in cases {
        let mut metric = metric;
        metric["name"] = json!(name);
        let said = place.refusal(name, &with("/analysis/metrics", &json!([metric]))).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

#[tokio::test]
async fn everything_else_that_a_schema_can_refuse_is_refused() {
    let place = Place::new().await;
    let url = "url must be an https address with a host and without user or password";
    let timeout = "timeout must be 1s to 60s";
    let minutes = "window must be whole minutes, at least one, such as 5m";
    let same_metric = json!([
        { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
        { "name": "errors", "apiGateway": { "metric": "ErrorRate4xx" } },
    ]);
    let same_webhook = json!([
        { "name": "gate", "url": "https://a.example.com", "when": ["BeforeStep"] },
        { "name": "gate", "url": "https://b.example.com", "when": ["BeforeStep"] },
    ]);
    let cases = [
        ("no-stage", "/stageRef", Value::Null, "spec.stageRef: Required value"),
        ("no-name", "/stageRef", json!({}), "spec.stageRef.name: Required value"),
        ("interval", "/analysis/interval", json!("5s"), "interval must be at least 10s."),
        ("interval-text", "/analysis/interval", json!("soon"), "this is no span of time"),
        ("seconds", "/analysis/window", json!("90s"), minutes),
        ("no-window", "/analysis/window", json!("0m"), minutes),
        ("gap", "/analysis/interval", json!("10m"), "window must not be shorter than interval"),
        ("no-check", "/analysis/minChecks", json!(0), "minChecks in body should be greater than or equal to 1"),
        ("no-request", "/analysis/minRequests", json!(0), "minRequests in body should be greater than or equal to 1"),
        ("limit", "/analysis/failureLimit", json!(-1), "failureLimit in body should be greater than or equal to 0"),
        ("no-data", "/analysis/onNoData", json!("Ignore"), "supported values: \"Hold\", \"Pass\", \"Fail\""),
        (
            "custom",
            "/analysis/canarySeries",
            json!("Auto"),
            "customSeries and canarySeries: Custom belong together: set both, or neither.",
        ),
        ("same-metric", "/analysis/metrics", same_metric, "duplicate"),
        ("guard", "/guards", json!(["NoChange"]), "supported values: \"NoMethodRemoved\", \"NoAuthorizationWeakened\""),
        (
            "key",
            "/stageVariableOverrides",
            json!({ "back-end": "x" }),
            "a name in spec.stageVariableOverrides holds something else",
        ),
        (
            "value",
            "/stageVariableOverrides",
            json!({ "backend": "a b" }),
            "a value in spec.stageVariableOverrides holds a character",
        ),
        ("promotion", "/promotion", json!("Never"), "supported values: \"Automatic\", \"Manual\""),
        ("bake", "/bake", json!("half an hour"), "this is no span of time"),
        ("fast", "/fastRollback", json!(11), "fastRollback in body should be less than or equal to 10"),
        ("failure", "/onFailure", json!("Ignore"), "supported values: \"Rollback\", \"Pause\""),
        ("deadline", "/progressDeadline", json!("7d"), "this is no span of time"),
        ("url", "/webhooks/0/url", json!("gate.example.com"), url),
        ("scheme", "/webhooks/0/url", json!("ftp://gate.example.com"), url),
        ("password", "/webhooks/0/url", json!("https://me:secret@gate.example.com"), url),
        ("no-host", "/webhooks/0/url", json!("https:///release"), url),
        ("no-moment", "/webhooks/0/when", json!([]), "when in body should have at least 1 items"),
        ("moment", "/webhooks/0/when", json!(["Always"]), "supported values: \"BeforeRelease\""),
        (
            "on",
            "/webhooks/0/true",
            json!(["BeforeStep"]),
            ".spec.webhooks[name=\"gate\"].true: field not declared in schema",
        ),
        ("timeout", "/webhooks/0/timeout", json!("2m"), timeout),
        ("no-timeout", "/webhooks/0/timeout", json!("0s"), timeout),
        ("retries", "/webhooks/0/retries", json!(6), "retries in body should be less than or equal to 5"),
        ("same-webhook", "/webhooks", same_webhook, "duplicate"),
        ("suspend", "/suspend", json!("yes"), "spec.suspend"),
    ];
    for (name, pointer, value, sentence) in cases {
        let said = place.refusal(name, &with(pointer, &value)).await;
        assert!(said.contains(sentence), "{name}: {said}");
    }
}

/// Golden: what people see.
#[tokio::test]
async fn a_release_can_be_read_off_one_line() {
    let place = Place::new().await;
    let mut spec = everything();
    place.apply("orders", &spec).await.unwrap();
    spec["stageRef"]["name"] = json!("users-prod");
    place.apply("users", &spec).await.unwrap();
    let status = json!({
        "phase": "Progressing",
        "release": {
            "id": "r42.7", "revision": "r42", "canaryDeploymentId": "9xw1c7", "stableDeploymentId": "4fk2x1",
            "startedAt": "2026-11-22T09:00:00Z", "step": 2, "steps": 4, "progress": "2/4", "percent": 12.5,
            "nextActionAt": "2026-11-22T09:20:00Z", "checkSummary": "12 pass, 0 fail",
            "counts": { "pass": 12, "fail": 0, "noData": 0, "stepPass": 3 },
        },
        "conditions": [{ "type": "Ready", "status": "False", "reason": "Releasing", "message": "m",
            "lastTransitionTime": "2026-11-22T09:00:00Z" }],
    });
    let patch = json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "status": status });
    let params = PatchParams::apply("stagecraft").force();
    place.objects().patch_status("orders", &params, &Patch::Apply(&patch)).await.unwrap();

    let rows = |wide: bool| {
        let mut arguments = vec!["get", "apicanaries", "-n", place.namespace.name()];
        arguments.extend(wide.then_some("-owide"));
        place.cluster.kubectl(arguments)
    };
    let cells = |output: std::process::Output| -> Vec<Vec<String>> {
        let text = String::from_utf8(output.stdout).unwrap();
        // Columns are apart by at least three blanks; the text of a cell holds single ones only.
        let cells =
            |line: &str| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
        text.lines().map(cells).collect()
    };
    let narrow = cells(rows(false).await.unwrap());
    assert_eq!(narrow[0], ["NAME", "STAGE", "PHASE", "STEP", "PERCENT", "RELEASE", "CHECKS", "AGE"]);
    assert_eq!(narrow[1][..7], ["orders", "orders-prod", "Progressing", "2/4", "12.5", "r42.7", "12 pass, 0 fail"]);
    assert_eq!(narrow[2][..2], ["users", "users-prod"]);
    let wide = cells(rows(true).await.unwrap());
    assert_eq!(wide[0][7..], ["READY", "REASON", "NEXT", "AGE"]);
    assert_eq!(wide[1][7..10], ["False", "Releasing", "2026-11-22T09:20:00Z"]);
    let stored = place.objects().get("orders").await.unwrap().status.unwrap();
    assert_eq!(serde_json::to_value(stored).unwrap(), status, "nothing of a status is lost on the way");
}
