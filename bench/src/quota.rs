//! New stages beside a foreign client, under AWS's quota and in real time. `tests/quota` proves the same of 300 stages on paused
//! time, with the same arithmetic; here the program, the network and the API server are real.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::Call;
use crate::failure::Failure;
use crate::fleet::{Fleet, Kind};
use crate::operator::{Operator, Share};
use crate::pause::pass;
use crate::share::{BURST, Needed, RATE, UNEVENNESS, most_at_once};
use crate::table::{Bound, PERCENT, Row, SECONDS, TOKENS, say};
use crate::world::{Programs, World};

const REST_APIS: u32 = 10;
const STAGES: u32 = 30;

/// How much longer than the share makes necessary the new stages may take.
const SLACK: f64 = 1.15;

/// Refused calls, in percent of all.
pub(crate) const REFUSED: Bound = Bound::AtMost(1.0);

/// Seconds from an edit of a stage that serves to its arrival at AWS.
const URGENT: Bound = Bound::AtMost(5.0);

const PATIENCE: Duration = Duration::from_mins(5);

/// The stage that serves already, and that is changed in the middle.
const LIVE: &str = "live";

pub(crate) async fn measure(programs: &Programs) -> Result<Vec<Row>, Failure> {
    let world = World::start(programs).await?;
    let fleet = Fleet::new(world.client()?);
    let live = world.aws.rest_api(LIVE).await?;
    let operator = Operator::start(&world, Share::Unlimited, &[]).await?;
    for revision in ["r1", "r2"] {
        fleet.apply(Kind::ApiStage, &[(LIVE.to_owned(), spec(&live, LIVE, revision))]).await?;
        fleet.until_ready(1, PATIENCE).await?;
    }
    operator.stop().await?;
    let mut objects = Vec::new();
    for number in 0..REST_APIS {
        let rest_api = world.aws.rest_api(&format!("api-{number}")).await?;
        let stages = (0..STAGES / REST_APIS).map(|stage| format!("s{stage}"));
        objects.extend(stages.map(|stage| (format!("api{number}-{stage}"), spec(&rest_api, &stage, "r1"))));
    }
    world.aws.limit().await?;
    let mut operator = Operator::start(&world, Share::Default, &[]).await?;
    say("  an operator with default flags has begun under AWS's quota, beside a client of 2 requests a second")?;
    // Until what it was allowed at its start is saved up again.
    pass(Duration::from_secs_f64(BURST / RATE)).await;
    world.aws.forget_calls().await?;

    let needed = Needed::by_new_stages(REST_APIS.into(), STAGES.into()).seconds();
    say(&format!(
        "  {STAGES} stages of {REST_APIS} new REST APIs are declared; the share takes {needed:.0} s for them"
    ))?;
    let started = Instant::now();
    fleet.apply(Kind::ApiStage, &objects).await?;
    let all = objects.len() + 1;
    let edit = async {
        pass(Duration::from_secs_f64(needed / 2.0)).await;
        say("  in the middle the stage that serves is changed")?;
        let edited = world.aws.now().await?;
        fleet.apply(Kind::ApiStage, &[(LIVE.to_owned(), spec(&live, LIVE, "r1"))]).await?;
        Ok::<_, Failure>(edited)
    };
    let (ready, edited) = tokio::join!(fleet.until_ready(all, PATIENCE), edit);
    ready?;
    let (took, edited) = (started.elapsed().as_secs_f64(), edited?);
    operator.must_live()?;
    world.must_live()?;

    let calls: Vec<Call> = world.aws.calls().await?.into_iter().filter(Call::is_to_api_gateway).collect();
    let moved = calls.iter().find(|call| call.updates(LIVE));
    let urgent = moved.map_or(f64::NAN, |call| call.time.duration_since(edited).as_secs_f64());
    Ok(vec![
        Row::new(
            format!("30 new stages under AWS's quota, of {needed:.0} s that the share takes"),
            Bound::AtMost(needed * SLACK),
            took,
            SECONDS,
        ),
        Row::new("of its calls refused with 429", REFUSED, refused(&calls), PERCENT),
        Row::new("most calls beyond 5 a second", most_beyond(), most_at_once(&times(&calls)), TOKENS),
        Row::new("an urgent change in the middle, until it reached AWS", URGENT, urgent, SECONDS),
    ])
}

/// What a kept share shows at most.
pub(crate) fn most_beyond() -> Bound {
    Bound::AtMost(BURST + UNEVENNESS)
}

/// Refused calls in percent of all.
#[expect(clippy::cast_precision_loss, reason = "counts of calls, far below 2^52")]
pub(crate) fn refused(calls: &[Call]) -> f64 {
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    refused as f64 / calls.len() as f64 * 100.0
}

pub(crate) fn times(calls: &[Call]) -> Vec<jiff::Timestamp> {
    calls.iter().map(|call| call.time).collect()
}

fn spec(rest_api: &str, stage: &str, revision: &str) -> Value {
    json!({ "restApiId": rest_api, "stageName": stage, "revision": revision })
}
