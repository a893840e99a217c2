//! Many stages: how soon they are Ready, what memory they take, and what it costs while nothing changes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::fleet::{Fleet, Kind};
use crate::operator::{Operator, Share};
use crate::pause::pass;
use crate::table::{Bound, CALLS, MIB, PERCENT, Row, SECONDS, say};
use crate::world::{Programs, World};

/// Stages of one REST API.
const STAGES_EACH: usize = 10;

/// The design's limits.
const READY: Bound = Bound::AtMost(30.0);
const MEMORY: Bound = Bound::AtMost(60.0);
const PROCESSOR: Bound = Bound::Under(1.0);

/// Whatever the limit, so long is waited for the figure.
const PATIENCE: Duration = Duration::from_mins(15);

/// Time in which next to nothing must have been asked of AWS before the operator counts as at rest.
const QUIET: Duration = Duration::from_secs(15);

/// Half of the default, so that five minutes at rest hold a whole round of polls: each REST API is looked at once in this time.
const DRIFT_INTERVAL: Duration = Duration::from_mins(5);

const POLLS: [&str; 2] = ["--drift-interval", "5m"];

/// How many stages, and whether the limits of 1,000 hold for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) stages: usize,
    pub(crate) is_limited: bool,
}

impl Population {
    fn bound(self, bound: Bound) -> Bound {
        if self.is_limited { bound } else { Bound::Told }
    }

    fn rest_apis(self) -> usize {
        self.stages.div_ceil(STAGES_EACH)
    }
}

/// How soon 200 new stages are Ready where nothing limits the operator's calls.
pub(crate) async fn ready(programs: &Programs) -> Result<Vec<Row>, Failure> {
    let world = World::start(programs).await?;
    let population = Population { stages: 200, is_limited: true };
    let (mut operator, took) = populate(&world, population).await?;
    operator.must_live()?;
    let row = Row::new("200 new stages without a quota, until all are Ready", READY, took.as_secs_f64(), SECONDS);
    Ok(vec![row])
}

/// Memory of the operator that made the stages and of one that finds them, and processor time while nothing changes.
pub(crate) async fn rest(programs: &Programs, population: Population, watched: Duration) -> Result<Vec<Row>, Failure> {
    let name = if population.stages < 2_000 { "1,000 stages" } else { "5,000 stages" };
    let world = World::start(programs).await?;
    let (maker, took) = populate(&world, population).await?;
    settle(&world, population).await?;
    let made = maker.usage.resident_mib()?;
    maker.stop().await?;

    say("  an operator with its share of the quota takes over")?;
    let mut operator = Operator::start(&world, Share::Default, &POLLS).await?;
    settle(&world, population).await?;
    say(&format!("  it is at rest, and watched for {} s", watched.as_secs()))?;
    world.aws.forget_calls().await?;
    let (before, since) = (operator.usage.processor_time()?, Instant::now());
    pass(watched).await;
    let (after, lasted) = (operator.usage.processor_time()?, since.elapsed());
    operator.must_live()?;
    world.must_live()?;
    let used = after.saturating_sub(before).as_secs_f64() / lasted.as_secs_f64() * 100.0;
    let asked = as_f64(world.aws.counts().await?.values().sum()) / lasted.as_secs_f64() * 60.0;

    let figure = |what: &str, bound, measured, unit| Row::new(format!("{name}: {what}"), bound, measured, unit);
    Ok(vec![
        figure("until all are Ready, without a quota", Bound::Told, took.as_secs_f64(), SECONDS),
        figure("memory of the operator that made them", Bound::Told, made, MIB),
        figure("memory of one that found them", population.bound(MEMORY), operator.usage.resident_mib()?, MIB),
        figure("the most that it ever held", Bound::Told, operator.usage.peak_mib()?, MIB),
        figure("processor time at rest, polls every 5 m, of one core", population.bound(PROCESSOR), used, PERCENT),
        figure("calls to AWS a minute at rest", Bound::Told, asked, CALLS),
    ])
}

/// Declares so many new stages, and tells when all are Ready: from the first request to the API server until a watch has shown it.
async fn populate(world: &World<'_>, population: Population) -> Result<(Operator, Duration), Failure> {
    let Population { stages, is_limited: _ } = population;
    let operator = Operator::start(world, Share::Unlimited, &POLLS).await?;
    let mut objects = Vec::new();
    for number in 0..population.rest_apis() {
        let rest_api = world.aws.rest_api(&format!("api-{number}")).await?;
        objects.extend((0..STAGES_EACH).map(|stage| (format!("api{number}-s{stage}"), spec(&rest_api, stage))));
    }
    objects.truncate(stages);
    say(&format!("  {stages} stages of {} REST APIs are declared", population.rest_apis()))?;
    let fleet = Fleet::new(world.client()?);
    let started = Instant::now();
    let (applied, ready) = tokio::join!(fleet.apply(Kind::ApiStage, &objects), fleet.until_ready(stages, PATIENCE));
    applied?;
    ready?;
    Ok((operator, started.elapsed()))
}

/// What a stage usually has: the bench is of no empty shells.
fn spec(rest_api: &str, stage: usize) -> Value {
    json!({
        "restApiId": rest_api, "stageName": format!("s{stage}"), "revision": "2026-08-01.1",
        "description": "One of many, each with what a stage usually has",
        "variables": { "backend": format!("backend-{stage}.internal"), "table": "orders", "historyDays": "90" },
        "methodSettings": [
            { "resourcePath": "*", "httpMethod": "*", "metricsEnabled": true, "throttlingBurstLimit": 200,
                "throttlingRateLimit": 100 },
            { "resourcePath": "/", "httpMethod": "GET", "throttlingBurstLimit": 40, "throttlingRateLimit": 20 },
        ],
        "tags": { "team": "shop", "environment": format!("stage-{stage}") },
    })
}

/// Waits until the operator asks AWS for no more than its polls.
async fn settle(world: &World<'_>, population: Population) -> Result<(), Failure> {
    let polls = as_f64(population.rest_apis() as u64) * QUIET.as_secs_f64() / DRIFT_INTERVAL.as_secs_f64();
    // Polls come unevenly, so twice as many are still rest.
    let quiet = (polls * 2.0).max(5.0);
    let started = Instant::now();
    loop {
        world.aws.forget_calls().await?;
        pass(QUIET).await;
        world.must_live()?;
        let asked: u64 = world.aws.counts().await?.values().sum();
        if as_f64(asked) <= quiet {
            return Ok(());
        }
        say(&format!("  {:>4} s  not at rest yet: {asked} calls to AWS in {QUIET:?}", started.elapsed().as_secs()))?;
        if started.elapsed() > PATIENCE {
            let what = "rest after everything was Ready".to_owned();
            let found = format!("{asked} calls in {QUIET:?}");
            return Err(Failure::TooLate { what, waited: PATIENCE, found });
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of calls, far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
