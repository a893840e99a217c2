//! Settings that AWS refuses hold back nothing but themselves: a release beside them is judged, undone and promoted in its time.

use std::time::Duration;

use apigateway_simulator::{BeforeTheEffect, Behaviour};
use jiff::Timestamp;
use serde_json::json;

use crate::support::release::{but, errors, failing, judged_by, revision};
use crate::support::{World, step};

/// What is refused beside the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Nothing,
    /// The account has no role for CloudWatch Logs.
    Logging,
    /// The operator may not tag.
    Tags,
}

impl Refused {
    /// r2, with what is refused.
    async fn declare(self, world: &World) {
        let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:orders";
        let more = match self {
            Self::Nothing => json!({}),
            Self::Logging => json!({ "accessLogSettings": { "destinationArn": arn, "format": "$context.requestId" } }),
            Self::Tags => json!({ "tags": { "team": "shop" } }),
        };
        if self == Self::Tags {
            world.simulator.faults().on("TagResource").always().error(403, BeforeTheEffect);
        }
        world.apply("orders", but(revision(world, "r2", "green"), more)).await.unwrap();
    }

    /// Status and reason of Ready when no release runs.
    fn ready(self) -> &'static str {
        match self {
            Self::Nothing => "True Synced",
            Self::Logging => "False LogsRoleMissing",
            Self::Tags => "False AccessDenied",
        }
    }
}

/// How often AWS refused something since the log was reset.
fn refusals(world: &World) -> usize {
    world.simulator.calls().iter().filter(|call| call.status.is_some_and(|status| status >= 400)).count()
}

/// The time from when the canary begins to fail to the call that removes it.
async fn time_to_abort(refused: Refused) -> i64 {
    step(&format!("refused: {refused:?}"));
    let steps = json!({ "steps": [{ "setPercent": 5, "hold": "3h" }] });
    let world = World::governed(but(judged_by(&errors()), steps)).await;
    let first = world.serves();
    refused.declare(&world).await;
    world.until("Progressing 1/1 5").await;
    // By then the refused group is tried as seldom as it ever is.
    world.minutes("orders", 90).await.unwrap();
    let tried = refusals(&world);
    assert!(if refused == Refused::Nothing { tried == 0 } else { (5..=25).contains(&tried) }, "{tried} in 90 minutes");
    world.simulator.reset_calls();
    world.flow(&first, failing());
    let since = world.clock.now();
    world.until("Failed").await;
    assert_eq!((world.serves(), world.canary()), (first, None));
    assert_eq!(world.answers_to("remove /canarySettings"), [Some(200)], "{}", world.tell("orders").await);
    let calls = world.simulator.calls();
    let of_canary = |call: &&apigateway_simulator::CallRecord| {
        call.info.patch().iter().any(|operation| operation.contains("canary"))
    };
    assert_eq!(calls.iter().filter(of_canary).count(), 1, "{}", world.tell("orders").await);
    let aborted: Timestamp = calls.iter().find(of_canary).unwrap().info.time;
    aborted.duration_since(since).as_secs()
}

#[tokio::test]
async fn a_canary_that_fails_is_removed_in_time_while_settings_are_refused() {
    let undisturbed = time_to_abort(Refused::Nothing).await;
    step(&format!("{undisturbed} s"));
    for refused in [Refused::Logging, Refused::Tags] {
        let time = time_to_abort(refused).await;
        step(&format!("{time} s"));
        assert!(time <= undisturbed + 60, "{refused:?}: {time} s, and {undisturbed} s without it");
    }
}

/// The time that a good release takes from its first step to its end.
async fn time_to_promote(refused: Refused) -> i64 {
    step(&format!("refused: {refused:?}"));
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.flow(&first, Behaviour::default());
    refused.declare(&world).await;
    world.until("Progressing 1/3 5").await;
    let since = world.clock.now();
    world.until("Succeeded").await;
    let time = world.clock.now().duration_since(since).as_secs();
    assert_ne!(world.serves(), first);
    assert_eq!(world.canary(), None);
    world.rest("orders").await;
    assert_eq!(world.stands("Ready").await, refused.ready(), "{}", world.tell("orders").await);
    if refused != Refused::Nothing {
        assert_few_looks(&world, refused).await;
    }
    time
}

/// At rest the object is looked at for the next try and for the poll, and not for the refusal itself.
async fn assert_few_looks(world: &World, refused: Refused) {
    let over = world.clock.now().checked_add(Duration::from_hours(2)).unwrap();
    let mut looks = 0;
    while world.clock.now() < over {
        let passed = world.pass("orders").await.expect("nobody was to die here");
        world.pass_time(passed.wake_up_in.expect("a refused group is tried again"));
        looks += 1;
    }
    // Every 5 minutes at most for what may pass by itself; a poll is due every 8 to 12.
    assert!((10..=28).contains(&looks), "{refused:?}: {looks} looks in two hours");
}

#[tokio::test]
async fn a_good_release_is_promoted_in_time_while_settings_are_refused() {
    let undisturbed = time_to_promote(Refused::Nothing).await;
    step(&format!("{undisturbed} s"));
    for refused in [Refused::Logging, Refused::Tags] {
        let time = time_to_promote(refused).await;
        step(&format!("{time} s"));
        assert!(time <= undisturbed + 60, "{refused:?}: {time} s, and {undisturbed} s without it");
    }
}
