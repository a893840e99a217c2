//! The moments of a stage that people look at, as objects: what the screens of the kubectl plugin are tested with. They are
//! made by the plan itself, so that a screen never shows what no operator writes.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::bench::{api, at};
use super::model::settle_cache;
use super::*;
use crate::analysis::{Ask, Reading};
use crate::view::{Standing, canary_status};

/// How to write the files anew.
const COMMAND: &str = "make objects";

/// 5 %, 25 % and 50 %, judged by errors and latency, and promoted by a person.
fn policy() -> Value {
    json!({
        "stageRef": { "name": "orders-prod" }, "promotion": "Manual", "bake": "30m",
        "steps": [{ "setPercent": 5, "hold": "10m" }, { "setPercent": 25, "hold": "20m" }, { "setPercent": 50, "approval": "Required" }],
        "analysis": {
            "interval": "1m", "window": "5m", "initialDelay": "1m", "metricDelay": "1m", "canarySeries": "StageDimension",
            "metrics": [
                { "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" } },
                { "name": "latency", "apiGateway": { "metric": "LatencyP99" }, "maxRatio": 1.2 },
                { "name": "orders-lost", "alarm": { "name": "orders-lost" }, "dryRun": true },
            ],
        },
    })
}

/// What `CloudWatch` tells of a canary that is well.
fn good(ask: &Ask) -> Reading {
    answer(ask, 0.2)
}

/// What it tells where one of twenty requests fails on the canary.
fn bad(ask: &Ask) -> Reading {
    answer(ask, 6.0)
}

/// 120 requests a minute at the canary, 1,080 beside it, of which one in a minute fails.
fn answer(ask: &Ask, failing: f64) -> Reading {
    let Ask::Metric { metric, dimensions, window, period_minutes, .. } = ask else {
        return Reading::Missing("the alarm is not there".to_owned());
    };
    let is_canary = dimensions["Stage"].ends_with("/Canary");
    let value = match (metric.as_str(), is_canary) {
        ("Count", true) => 120.0,
        ("Count", false) => 1_080.0,
        ("5XXError", true) => failing,
        ("5XXError", false) => 1.0,
        (_, true) => 412.0,
        (_, false) => 398.0,
    };
    let step = usize::try_from(*period_minutes).unwrap();
    let values = (window.from..window.until).step_by(step).map(|minute| (minute, value)).collect();
    Reading::Series { values, complete: true }
}

/// A pass a minute, and what the `ApiCanary` tells after each.
fn minutes(bench: &mut Bench, minutes: u32) {
    for _ in 0..minutes {
        bench.pass();
        let Some(canary) = &bench.canary else { continue };
        let status = canary_status(canary, Standing::Governs(&bench.object), &bench.checks, bench.now);
        bench.canary.as_mut().unwrap().status = Some(status);
    }
}

/// r1 and then r2 came to serve; r3 is asked for.
fn releasing() -> Bench {
    let mut bench = at_rest();
    bench.object.metadata.creation_timestamp = Some(Time(at(0)));
    bench.source = Some(good);
    bench.revision("r2").pass();
    bench.govern(policy());
    let metadata = &mut bench.canary.as_mut().unwrap().metadata;
    metadata.namespace = Some("shop".to_owned());
    metadata.generation = Some(1);
    minutes(&mut bench, 5 * 60);
    bench.definition = api(&["GET /orders", "GET /orders/{id}/history"]);
    bench.revision("r3").variable("backend", "green");
    bench
}

/// Every moment by its name.
fn moments() -> Vec<(&'static str, Value)> {
    let mut moments = Vec::new();
    let mut show = |name: &'static str, bench: &Bench| {
        let now = bench.now + Duration::from_secs(20);
        moments.push((name, json!({ "now": now.to_string(), "stage": bench.object, "canary": bench.canary })));
    };

    let mut bench = orders();
    show("no-status", bench.revision("r1"));

    let mut bench = releasing();
    bench.revision("r2").variable("backend", "blue");
    minutes(&mut bench, 1);
    bench.stage().description = Some("a hand in the console".to_owned());
    minutes(&mut bench, 60);
    show("synced", &bench);

    let mut bench = releasing();
    minutes(&mut bench, 20);
    assert_eq!(bench.stands(), "Progressing 2 at 25");
    show("releasing", &bench);
    bench.command("pause/r3.3/1");
    minutes(&mut bench, 5);
    show("paused", &bench);
    bench.command("resume/r3.3/2");
    minutes(&mut bench, 25);
    assert_eq!(bench.stands(), "AwaitingApproval 3 at 50");
    bench.command("approve/r3.3/2/3");
    minutes(&mut bench, 1);
    show("awaiting-approval", &bench);
    bench.command("approve/r3.3/3/4");
    minutes(&mut bench, 5);
    assert_eq!(bench.release().awaiting.as_deref(), Some("promotion"));
    show("awaiting-promotion", &bench);
    bench.command("promote/r3.3/5");
    minutes(&mut bench, 5);
    show("baking", &bench);

    let mut bench = releasing();
    minutes(&mut bench, 20);
    bench.source = Some(bad);
    minutes(&mut bench, 20);
    assert_eq!(bench.release().phase, Phase::Failed);
    show("failed", &bench);

    let mut bench = at_rest();
    bench.edit(|spec| spec.cache_cluster_enabled = Some(true));
    minutes(&mut bench, 4);
    show("cache-creating", &bench);
    settle_cache(bench.stage());
    minutes(&mut bench, 4);
    show("cached", &bench);

    let mut bench = releasing();
    let foreign = bench.deployment(None);
    bench.stage().canary = Some(Canary {
        deployment_id: foreign.as_str().into(),
        percent_traffic: 10.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::from([("debug".to_owned(), "on".to_owned())]),
    });
    minutes(&mut bench, 3);
    show("foreign-canary", &bench);

    let mut bench = at_rest();
    bench.settings.access = Policy::Rules(Vec::new());
    bench.revision("r2");
    minutes(&mut bench, 3);
    show("denied", &bench);
    bench.delete();
    minutes(&mut bench, 3);
    show("deletion-blocked", &bench);

    let mut bench = at_rest();
    bench.edit(|spec| spec.suspend = Some(true)).revision("r2");
    minutes(&mut bench, 3);
    show("suspended", &bench);
    moments
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugin/tests/objects/{name}.json"))
}

#[test]
fn the_objects_of_the_plugins_screens_are_what_the_plan_makes() {
    for (name, object) in moments() {
        // Not the texts: serde_json keeps another order where another crate of the build asks for it.
        let found = fs::read(file(name)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        assert_eq!(found, Some(object), "{name}.json is not what the plan makes any more: run '{COMMAND}'");
    }
}

#[test]
#[ignore = "writes the files that the test above compares with"]
fn write_the_objects() {
    for (name, object) in moments() {
        fs::create_dir_all(file(name).parent().unwrap()).unwrap();
        fs::write(file(name), format!("{object:#}\n")).unwrap();
    }
}
