//! The second act: releases that take their steps while traffic flows, one to its end and one to its undoing.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::{
    OBJECT,
    begin::{self, ready, text},
    change::{at_rest, events, writes},
    share::{Side, is_shared},
};
use crate::{failure::Failure, world::World};

/// Requests a second: 300 a minute are the canary's at 5 %.
const PER_SECOND: u32 = 100;

/// The share of requests that fail when all is well, as some always do.
const WELL: f64 = 0.000_5;

/// The share of requests that the integration of the bad revision fails.
const BAD: f64 = 0.08;

/// The window of `examples/orders-canary.yaml`, and the grain of API Gateway's metrics.
const MINUTE: i64 = 60;

/// Beyond the end of a whole minute, for the check and what follows from it on a busy machine.
const GRACE: Duration = Duration::from_secs(45);

/// Between two lines that say how far it is.
const NEWS: Duration = Duration::from_secs(20);

/// Between two looks at the stage.
const TICK: Duration = Duration::from_millis(200);

pub(super) async fn traffic(world: &mut World) -> Result<(), Failure> {
    if world.ids.rest_api.is_empty() {
        begin::world(world).await?;
    }
    world.types("kubectl apply -f examples/orders-r2.yaml").await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Ready --timeout=60s")).await?;
    let stage = world.stage().await?;
    let stable = text(&stage, "deploymentId");
    world.ids.stable_deployment.clone_from(&stable);

    world.screen.note(&format!(
        "Callers come, {PER_SECOND} a second. CloudWatch counts them by the minute, and tells one to three minutes later what it \
         counted. Here it is made to tell at once:"
    ))?;
    let at_once = json!({"metricDelay": {"minSeconds": 0, "maxSeconds": 0}});
    world.requests(Method::PUT, "/_simulator/switches", &at_once).await?;
    flows(world, WELL).await?;

    world.types("cat examples/orders-canary.yaml").await?;
    world.types("kubectl apply -f examples/orders-canary.yaml").await?;
    world.types("kubectl wait apicanary/orders-prod --for=condition=Ready --timeout=60s").await?;
    world.types("kubectl get apicanaries").await?;
    let variables = of_r2();
    is_shared(world, Side { deployment: &stable, revision: "r2", variables: &variables }, None).await?;
    world.check_equal("there is no canary yet (asked API Gateway)", &stage.get("canarySettings"), &None)
}

pub(super) async fn good_release(world: &mut World) -> Result<(), Failure> {
    let stable = world.ids.stable_deployment.clone();
    let (before, after) = (of_r2(), of_r3());
    world.types_in_vain("diff examples/orders-r2.yaml examples/orders-r3.yaml").await?;
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f examples/orders-r3.yaml").await?;
    let canary = opens(world).await?;

    let of_r2 = Side { deployment: &stable, revision: "r2", variables: &before };
    let of_r3 = Side { deployment: &canary, revision: "r3", variables: &after };
    for (number, percent) in (1..).zip([5.0, 25.0, 50.0]) {
        if number > 1 {
            steps(world, &format!("{percent} %"), |stage| share_of(stage) == Some(percent)).await?;
        }
        told(world, &format!("Progressing {number}/3"), percent).await?;
        world.types("kubectl get apicanaries").await?;
        if number == 1 {
            world.types("kubectl get apistages").await?;
            world.types(&message_of("Ready")).await?;
        }
        is_shared(world, of_r2, Some((of_r3, percent))).await?;
    }
    steps(world, "the promotion", |stage| text(stage, "deploymentId") == canary && share_of(stage).is_none()).await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Released --timeout=60s")).await?;
    world.types("kubectl get apicanaries").await?;
    world.types(&format!("kubectl events --for {OBJECT} | tail -n 7")).await?;
    let writes = shows_writes(world).await?;
    is_shared(world, of_r3, None).await?;
    let stage = world.stage().await?;
    world.check_equal("the variables are those of r3 (asked API Gateway)", &stage.get("variables"), &Some(&after))?;
    let words = ["CreateDeployment", "percentTraffic 5", "percentTraffic 25", "percentTraffic 50", "copy", "remove"];
    let each = writes.len() == words.len() && writes.iter().zip(words).all(|(write, word)| write.contains(word));
    world.check(
        "6 writes: a snapshot, a call for each step, two for the promotion",
        each,
        format_args!("{writes:#?}"),
    )?;
    let checks = ended_checks(world).await?;
    world.check(
        "its checks passed, at least one in each step, and none failed",
        checks.0 >= 3 && checks.1 == 0,
        format_args!("{} passed, {} failed", checks.0, checks.1),
    )?;
    world.ids.stable_deployment = canary;
    Ok(())
}

pub(super) async fn bad_release(world: &mut World) -> Result<(), Failure> {
    let stable = world.ids.stable_deployment.clone();
    world.screen.note(&format!(
        "What comes next will fail {} of 100 requests; what serves goes on as before. Nobody tells the operator:",
        BAD * 100.0
    ))?;
    flows(world, BAD).await?;
    world.types_in_vain("diff examples/orders-r3.yaml examples/orders-r4.yaml").await?;
    let told_before = events(world).await?.len();
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f examples/orders-r4.yaml").await?;
    let canary = opens(world).await?;
    told(world, "Progressing 1/3", 5.0).await?;
    world.types("kubectl get apistages,apicanaries").await?;
    let (of_r3, of_r4) = (of_r3(), of_r4());
    let of_r3 = Side { deployment: &stable, revision: "r3", variables: &of_r3 };
    let of_r4 = Side { deployment: &canary, revision: "r4", variables: &of_r4 };
    let failed = is_shared(world, of_r3, Some((of_r4, 5.0))).await?;
    world
        .screen
        .note(&format!("{failed} of those requests to r4 failed. The operator has to find out by the metrics."))?;

    steps(world, "the check that catches it", |stage| share_of(stage).is_none()).await?;
    world.types("kubectl wait apicanary/orders-prod --for=jsonpath='{.status.phase}'=Failed --timeout=60s").await?;
    world.types("kubectl get apistages,apicanaries").await?;
    world.types(&message_of("Ready")).await?;
    world.types(&format!("kubectl events --for {OBJECT} | tail -n 6")).await?;
    let undoing = shows_writes(world).await?;
    is_shared(world, of_r3, None).await?;
    let stage = world.stage().await?;
    world.check_equal(
        "the stage is as it was: r3, its variables, no canary (asked API Gateway)",
        &json!([stage.get("deploymentId"), stage.get("variables"), stage.get("canarySettings")]),
        &json!([stable, of_r3.variables, null]),
    )?;
    let undone =
        undoing.len() == 3 && undoing.last().is_some_and(|write| write == "UpdateStage remove /canarySettings");
    world.check("it was undone in one call, and never had more than 5 %", undone, format_args!("{undoing:#?}"))?;
    let reasons: Vec<_> = events(world).await?.iter().skip(told_before).map(|event| text(event, "reason")).collect();
    let tell = ["CheckFailed", "RolledBack", "ReleaseFailed"];
    let all_told = tell.iter().all(|reason| reasons.iter().any(|told| told == reason));
    world.check(&format!("events tell it: {}", tell.join(", ")), all_told, format_args!("{reasons:?}"))?;

    let noted = || async {
        let calls = world.gateway()?.calls().await?;
        Ok(calls.iter().any(|call| call.operation == "UpdateDeployment").then_some(()))
    };
    world.until("the note in the deployment of r4 that it was rejected", noted).await?;
    world.screen.note("The spec still names r4, and Git applies it again and again:")?;
    world.types("kubectl apply -f examples/orders-r4.yaml").await?;
    at_rest(world).await?;
    let object = world.asks(&format!("get {OBJECT}")).await?;
    world.check_equal(
        "r4 is held (asked kubectl)",
        &json!([object.pointer("/status/held/0/revision"), ready(&object)]),
        &json!(["r4", "False AnalysisFailed"]),
    )?;

    world.screen.note("Git revert:")?;
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f examples/orders-r3.yaml").await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Ready --timeout=60s")).await?;
    world.types("kubectl get apistages,apicanaries").await?;
    let writes = writes(&world.gateway()?.calls().await?);
    world.check_equal("Ready again, without a write to AWS: r3 has served all the time", &writes.len(), &0)
}

/// The variables that the examples declare.
fn of_r2() -> Value {
    json!({"backend": "green.orders.internal", "historyDays": "90"})
}

fn of_r3() -> Value {
    json!({"backend": "green.orders.internal", "historyDays": "365"})
}

fn of_r4() -> Value {
    json!({"backend": "amber.orders.internal", "historyDays": "365"})
}

/// A command that prints the message of a condition.
fn message_of(condition: &str) -> String {
    format!(r#"kubectl get {OBJECT} -o jsonpath='{{.status.conditions[?(@.type=="{condition}")].message}}{{"\n"}}'"#)
}

/// Lets traffic flow. What does not serve yet will fail this share of its requests.
async fn flows(world: &mut World, others: f64) -> Result<(), Failure> {
    let plan = json!({
        "restApiId": world.ids.rest_api, "stageName": "prod", "requests": [{"perSecond": PER_SECOND}],
        "deployments": {&world.ids.stable_deployment: [{"errorRate5xx": WELL}]},
        "otherDeployments": [{"errorRate5xx": others}],
    });
    world.requests(Method::PUT, "/_simulator/traffic", &plan).await.map(drop)
}

/// Percent of requests that the canary of a stage shall get; `None` without one.
fn share_of(stage: &Value) -> Option<f64> {
    stage.pointer("/canarySettings/percentTraffic").and_then(Value::as_f64)
}

/// Waits for the first step. Gives the canary's deployment.
async fn opens(world: &mut World) -> Result<String, Failure> {
    let open = || async {
        let stage = world.stage().await?;
        Ok(stage.get("canarySettings").map(|canary| (text(canary, "deploymentId"), share_of(&stage))))
    };
    let (deployment, percent) = world.until("the canary's first step", open).await?;
    world.check_equal(
        &format!("deployment {deployment} is the stage's canary, with 5 % of the requests (asked API Gateway)"),
        &percent,
        &Some(5.0),
    )?;
    Ok(deployment)
}

/// Waits until the `ApiCanary` tells this phase, progress and share.
async fn told(world: &World, progress: &str, percent: f64) -> Result<(), Failure> {
    let told = || async {
        let status = world.asks("get apicanary/orders-prod").await?;
        let at = status.pointer("/status/release/percent").and_then(Value::as_f64);
        Ok((phase_and_progress(&status) == progress && at == Some(percent)).then_some(()))
    };
    world.until(&format!("{progress} in the status of the ApiCanary"), told).await
}

fn phase_and_progress(canary: &Value) -> String {
    let member = |path| canary.pointer(path).and_then(Value::as_str).unwrap_or("-");
    format!("{} {}", member("/status/phase"), member("/status/release/progress"))
}

/// Waits for what follows from the check of the first whole minute after the last change of traffic, and says how far it is.
async fn steps(world: &mut World, what: &str, reached: impl Fn(&Value) -> bool) -> Result<(), Failure> {
    let at_most = until_a_minute_is_over(now(world).await?);
    world.screen.note(&format!(
        "Waiting for {what}: a whole minute of traffic has to be over, which is in {at_most} s at the latest."
    ))?;
    let started = Instant::now();
    let deadline = Duration::from_secs(at_most.unsigned_abs()).saturating_add(GRACE);
    let (mut tick, mut news) = (interval(TICK), NEWS);
    loop {
        tick.tick().await;
        world.all_alive()?;
        if reached(&world.stage().await?) {
            return Ok(());
        }
        let waited = started.elapsed();
        if waited > deadline {
            return Err(Failure::TooLate { what: what.to_owned(), waited: deadline });
        }
        if waited >= news {
            news = news.saturating_add(NEWS);
            let canary = world.asks("get apicanary/orders-prod").await?;
            let percent = canary.pointer("/status/release/percent").cloned().unwrap_or_default();
            let checks = canary.pointer("/status/release/checkSummary").and_then(Value::as_str).unwrap_or("none yet");
            let progress = phase_and_progress(&canary);
            let seconds = waited.as_secs();
            world.screen.note(&format!("… {seconds} of {at_most} s: {progress}, {percent} %, checks: {checks}"))?;
        }
    }
}

/// The simulated AWS's time, which is the machine's, in seconds since 1970.
async fn now(world: &World) -> Result<i64, Failure> {
    let clock = world.look_up("/_simulator/clock").await?;
    clock.get("epochSeconds").and_then(Value::as_i64).ok_or_else(|| Failure::Request {
        request: "GET /_simulator/clock".to_owned(),
        reason: format!("no time in {clock}"),
    })
}

/// Seconds until the minute that begins next has ended.
fn until_a_minute_is_over(now: i64) -> i64 {
    2 * MINUTE - now.rem_euclid(MINUTE)
}

/// Shows what the operator wrote to API Gateway since the log was emptied, and gives it.
async fn shows_writes(world: &mut World) -> Result<Vec<String>, Failure> {
    let calls = world.gateway()?.calls().await?;
    world.screen.note("What the operator wrote to API Gateway meanwhile, from the simulator's log:")?;
    for call in calls.iter().filter(|call| call.write) {
        world.screen.output(&call.to_string())?;
    }
    Ok(writes(&calls))
}

/// Passed and failed checks of the last release.
async fn ended_checks(world: &World) -> Result<(u64, u64), Failure> {
    let canary = world.asks("get apicanary/orders-prod").await?;
    let count = |verdict| {
        let path = format!("/status/release/counts/{verdict}");
        canary.pointer(&path).and_then(Value::as_u64).unwrap_or_default()
    };
    Ok((count("pass"), count("fail")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_minute_is_over_within_two() {
        assert_eq!([600, 601, 659].map(until_a_minute_is_over), [120, 119, 61]);
    }

    #[test]
    fn the_canarys_share_is_read_where_there_is_one() {
        let stage = json!({"deploymentId": "dep2", "canarySettings": {"percentTraffic": 5.0, "deploymentId": "dep3"}});
        assert_eq!(share_of(&stage), Some(5.0));
        assert_eq!(share_of(&json!({"deploymentId": "dep2"})), None);
    }

    /// What the checks of this act expect is what the examples declare.
    #[test]
    fn the_variables_are_those_of_the_examples() {
        for (revision, variables) in [("r2", of_r2()), ("r3", of_r3()), ("r4", of_r4())] {
            let path = format!("{}/../examples/orders-{revision}.yaml", env!("CARGO_MANIFEST_DIR"));
            let manifest = std::fs::read_to_string(path).unwrap();
            let declared = manifest.split_once("  variables:\n").unwrap().1;
            let declared: Value = declared
                .lines()
                .map(|line| line.trim().split_once(": ").unwrap())
                .map(|(name, value)| (name.to_owned(), Value::from(value.trim_matches('"'))))
                .collect::<serde_json::Map<_, _>>()
                .into();
            assert_eq!(declared, variables, "{revision}");
            assert!(manifest.contains(&format!("\n  revision: {revision}\n")));
        }
    }
}
