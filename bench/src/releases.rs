//! Two hundred releases at once under AWS's quota: whether their questions to CloudWatch go out together, whether the share is
//! kept, and how soon a release that fails is undone while everything else is busy.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::Call;
use crate::failure::Failure;
use crate::fleet::{Fleet, Kind};
use crate::operator::{Operator, Share};
use crate::pause::pass;
use crate::quota::{REFUSED, most_beyond, refused, times};
use crate::share::{BURST, RATE, most_at_once};
use crate::table::{Bound, CALLS, PERCENT, Row, SECONDS, TOKENS, say};
use crate::world::{Programs, World};

const REST_APIS: usize = 10;
const STAGES_EACH: usize = 20;
const RELEASES: usize = REST_APIS * STAGES_EACH;

/// The releases that turn bad, each on another REST API.
const BAD: usize = 5;

/// Requests a second to each stage; a quarter of them are the canary's, so that a minute holds 300 of them.
const REQUESTS_PER_SECOND: u32 = 20;

/// One answer in two thousand is a 5xx where all is well, and one in five where it is not. 5 % is allowed, so that of a thousand checks
/// none fails by chance.
const GOOD: f64 = 0.000_5;
const FAILING: f64 = 0.2;

/// Queries that one `GetMetricData` takes; source: API reference.
const QUERIES_A_CALL: usize = 500;

/// Calls of `GetMetricData` a minute: one for ten releases, whose questions are due at the same moment and reach the operator's
/// gathering as fast as a busy machine makes the passes.
const BATCHED: Bound = Bound::AtMost(20.0);

/// Seconds from the check's data to the arrival of the abort.
const ABORT: Bound = Bound::AtMost(2.0);

/// The grain of CloudWatch, and the interval and window of these checks.
const MINUTE: Duration = Duration::from_mins(1);

/// Full minutes in which the questions to CloudWatch are counted.
const COUNTED_MINUTES: u32 = 2;

/// New work is declared this long before what there is can be done: 195 calls take the share 39 seconds.
const WAVE: Duration = Duration::from_secs(30);

/// Around an abort, on both sides, the share must have been in use, or it met no queue.
const BUSY_AROUND: Duration = Duration::from_secs(2);

const PATIENCE: Duration = Duration::from_mins(5);

/// One stage with its `ApiCanary`.
struct Release {
    rest_api: String,
    stage: String,
}

impl Release {
    fn stage_spec(&self, revision: &str, description: &str) -> (String, Value) {
        let spec = json!({
            "restApiId": self.rest_api, "stageName": self.stage, "revision": revision, "description": description,
            "releasePolicy": "Canary", "variables": { "backend": "orders.internal" },
        });
        (self.stage.clone(), spec)
    }

    /// One long step: it ends by a failed check or not at all.
    fn canary_spec(&self) -> (String, Value) {
        let spec = json!({
            "stageRef": { "name": self.stage },
            "steps": [{ "setPercent": 25, "hold": "2h" }],
            "analysis": {
                "interval": "1m", "window": "1m", "initialDelay": "0s", "metricDelay": "0s", "minRequests": 50,
                "metrics": [{ "name": "errors", "apiGateway": { "metric": "ErrorRate5xx" }, "max": 5 }],
            },
        });
        (self.stage.clone(), spec)
    }

    /// Traffic of which what others than this deployment answer fails at this rate.
    fn traffic(&self, good: Option<&str>, others: f64) -> Value {
        let mut plan = json!({
            "restApiId": self.rest_api, "stageName": self.stage,
            "requests": [{ "perSecond": REQUESTS_PER_SECOND }],
            "otherDeployments": [{ "errorRate5xx": others }],
        });
        if let (Some(good), Some(plan)) = (good, plan.as_object_mut()) {
            plan.insert("deployments".to_owned(), json!({ good: [{ "errorRate5xx": GOOD }] }));
        }
        plan
    }
}

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>, Failure> {
    let world = World::start(programs).await?;
    let fleet = Fleet::new(world.client()?);
    let releases = stable(&world, &fleet).await?;
    world.aws.limit().await?;
    let mut operator = Operator::start(&world, Share::Default, &[]).await?;
    say("  an operator with default flags has begun under AWS's quota, beside a client of 2 requests a second")?;
    // Until it has looked at every REST API, and what that took is saved up again.
    pass(Duration::from_secs_f64(2.0 * BURST / RATE)).await;

    world.aws.forget_calls().await?;
    let started = Instant::now();
    let next: Vec<_> = releases.iter().map(|release| release.stage_spec("r2", "as it was")).collect();
    fleet.apply(Kind::ApiStage, &next).await?;
    fleet.until("have an open canary", RELEASES, PATIENCE, has_canary).await?;
    let opened = started.elapsed();
    fleet.until("have passed a check", RELEASES, PATIENCE, has_passed).await?;

    until_a_minute_begins(&world).await?;
    say(&format!("  all are judged each minute; {COUNTED_MINUTES} minutes of that are counted"))?;
    let from = world.aws.now().await?;
    pass(MINUTE * COUNTED_MINUTES).await;
    let until = world.aws.now().await?;

    let failed_at = undo(&world, &fleet, &releases).await?;
    operator.must_live()?;
    world.must_live()?;

    let calls = world.aws.calls().await?;
    let batches = Batches::of(calls.iter().filter(|call| (from..until).contains(&call.time)));
    let to_gateway: Vec<Call> = calls.iter().filter(|call| call.is_to_api_gateway()).cloned().collect();
    let mut slowest: f64 = 0.0;
    for release in releases.iter().step_by(STAGES_EACH).take(BAD) {
        let took = time_to_abort(release, &calls, &to_gateway, failed_at)?;
        say(&format!("  {}: undone {took:.2} s after the question whose answer showed its errors", release.stage))?;
        slowest = slowest.max(took);
    }
    let Batches { calls: asked, queries, fewest } = batches;
    say(&format!("  {queries} queries in {asked} calls of GetMetricData; {fewest} calls are the fewest"))?;
    let minutes = f64::from(COUNTED_MINUTES);
    Ok(vec![
        Row::new(
            "200 releases under AWS's quota, until all canaries are open",
            Bound::Told,
            opened.as_secs_f64(),
            SECONDS,
        ),
        Row::new("GetMetricData a minute for 200 releases", BATCHED, f64::from(asked) / minutes, CALLS),
        Row::new("calls to API Gateway refused with 429", REFUSED, refused(&to_gateway), PERCENT),
        Row::new("most calls beyond 5 a second", most_beyond(), most_at_once(&times(&to_gateway)), TOKENS),
        Row::new(format!("slowest abort of {BAD}, from its check's data, all others busy"), ABORT, slowest, SECONDS),
    ])
}

/// Stages that serve r1, each with an `ApiCanary` and with traffic.
async fn stable(world: &World<'_>, fleet: &Fleet) -> Result<Vec<Release>, Failure> {
    let operator = Operator::start(world, Share::Unlimited, &[]).await?;
    let mut releases = Vec::new();
    for api in 0..REST_APIS {
        let rest_api = world.aws.rest_api(&format!("api-{api}")).await?;
        releases.extend(
            (0..STAGES_EACH).map(|stage| Release { rest_api: rest_api.clone(), stage: format!("a{api}s{stage}") }),
        );
    }
    let stages: Vec<_> = releases.iter().map(|release| release.stage_spec("r1", "as it was")).collect();
    let canaries: Vec<_> = releases.iter().map(Release::canary_spec).collect();
    fleet.apply(Kind::ApiStage, &stages).await?;
    fleet.apply(Kind::ApiCanary, &canaries).await?;
    fleet.until_ready(RELEASES, PATIENCE).await?;
    operator.stop().await?;
    world.aws.count_at_once().await?;
    let plans: Vec<_> = releases.iter().map(|release| release.traffic(None, GOOD)).collect();
    world.aws.send_traffic(&plans).await?;
    Ok(releases)
}

/// Lets some releases turn bad while all others have settings to apply, until the bad ones are undone. Gives the moment from
/// which they were bad: right after a minute began, so that the first check that looks at this minute must see it.
async fn undo(world: &World<'_>, fleet: &Fleet, releases: &[Release]) -> Result<Timestamp, Failure> {
    let mut plans = Vec::new();
    for release in releases.iter().step_by(STAGES_EACH).take(BAD) {
        let good = world.aws.deployment_of(&release.rest_api, &release.stage).await?;
        plans.push(release.traffic(Some(&good), FAILING));
    }
    let failed_at = world.aws.now().await?;
    world.aws.send_traffic(&plans).await?;
    say(&format!("  the canaries of {BAD} stages begin to fail; what that does is known when the minute is over"))?;
    let rest_of_minute = MINUTE.saturating_sub(Duration::from_secs(second_of_minute(failed_at)));
    pass(rest_of_minute.saturating_sub(Duration::from_secs(5))).await;
    let is_bad = |stage: &str| releases.iter().step_by(STAGES_EACH).take(BAD).any(|release| release.stage == stage);
    let others: Vec<_> = releases.iter().filter(|release| !is_bad(&release.stage)).collect();
    let undone = fleet.until("are undone", BAD, PATIENCE, |object| is_bad(&object.name_any()) && has_failed(object));
    let busy = async {
        for wave in 0_u32.. {
            say(&format!("  {} others are given a new description", others.len()))?;
            let text = format!("edited {wave}");
            let edits: Vec<_> = others.iter().map(|release| release.stage_spec("r2", &text)).collect();
            fleet.apply(Kind::ApiStage, &edits).await?;
            pass(WAVE).await;
        }
        Ok::<_, Failure>(())
    };
    tokio::select! {
        undone = undone => undone?,
        ended = busy => ended?,
    }
    // The calls after the last abort tell whether it met a queue.
    pass(BUSY_AROUND).await;
    Ok(failed_at)
}

/// Seconds from the arrival of the first `GetMetricData` whose answer holds the bad minute of this release to the arrival of the
/// `UpdateStage` that removes its canary.
fn time_to_abort(release: &Release, calls: &[Call], to_gateway: &[Call], failed_at: Timestamp) -> Result<f64, Failure> {
    let canary = format!("{}/Canary", release.stage);
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970, far below 2^52")]
    let bad_minute_ends = (failed_at.as_second().div_euclid(60) + 1) as f64 * 60.0;
    let shows = |call: &&Call| {
        call.operation == "GetMetricData"
            && call.asks_about(&canary)
            && call.end_of_window().is_some_and(|end| end >= bad_minute_ends)
    };
    let missing = |what: &str| Failure::Meaningless(format!("no {what} for {} is in the log", release.stage));
    let asked = calls.iter().find(shows).ok_or_else(|| missing("question to CloudWatch after its errors"))?;
    let removes = |call: &&Call| call.updates(&release.stage) && call.patches("remove", "/canarySettings");
    let abort = to_gateway.iter().find(removes).ok_or_else(|| missing("removal of the canary"))?;
    let near = |call: &&Call| call.time.duration_since(abort.time).unsigned_abs() <= BUSY_AROUND;
    let around = to_gateway.iter().filter(near).count();
    let least = BUSY_AROUND.as_secs_f64() * 2.0 * RATE * 0.8;
    if f64::from(u32::try_from(around).unwrap_or(u32::MAX)) < least {
        return Err(Failure::Meaningless(format!(
            "only {around} calls within {BUSY_AROUND:?} of the abort of {}: nothing else was busy",
            release.stage
        )));
    }
    Ok(abort.time.duration_since(asked.time).as_secs_f64())
}

/// How questions to CloudWatch were put together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batches {
    calls: u32,
    queries: usize,
    /// The calls that these queries need at least, since one call asks about one stretch of time.
    fewest: usize,
}

impl Batches {
    fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Self {
        let mut batches = Self::default();
        let mut by_window: BTreeMap<String, usize> = BTreeMap::new();
        for call in calls.filter(|call| call.operation == "GetMetricData") {
            batches.calls += 1;
            let window = call.end_of_window().map(|end| end.to_string()).unwrap_or_default();
            *by_window.entry(window).or_default() += call.queries().len();
        }
        batches.queries = by_window.values().sum();
        batches.fewest = by_window.values().map(|queries| queries.div_ceil(QUERIES_A_CALL)).sum();
        batches
    }
}

async fn until_a_minute_begins(world: &World<'_>) -> Result<(), Failure> {
    let second = second_of_minute(world.aws.now().await?);
    // A moment into it, so that no rounding of a clock puts us into the minute before.
    pass(Duration::from_secs(60 - second.min(60)) + Duration::from_millis(200)).await;
    Ok(())
}

fn second_of_minute(at: Timestamp) -> u64 {
    u64::try_from(at.as_second().rem_euclid(60)).unwrap_or_default()
}

fn phase(object: &DynamicObject) -> Option<&str> {
    object.data.pointer("/status/release/phase").and_then(Value::as_str)
}

fn has_canary(object: &DynamicObject) -> bool {
    phase(object) == Some("Progressing") && object.data.pointer("/status/canary/percentTraffic").is_some()
}

fn has_passed(object: &DynamicObject) -> bool {
    let passed = object.data.pointer("/status/release/counts/pass").and_then(Value::as_u64);
    has_canary(object) && passed.is_some_and(|passed| passed > 0)
}

fn has_failed(object: &DynamicObject) -> bool {
    phase(object) == Some("Failed")
}
