//! Three hundred new stages at once, beside a client that takes two of the ten requests a second.

use std::time::Duration;

use apigateway_simulator::ForeignClient;
use stagecraft::aws::Share;

use crate::world::{World, seconds, spec};

const REST_APIS: usize = 30;
const BESIDE_US: ForeignClient = ForeignClient { requests_per_second: 2.0, create_deployments_per_second: 0.0 };

/// What a storm must keep to.
struct Bounds {
    /// Calls that it cannot do without.
    calls: f64,
    /// `CreateDeployment` calls among them.
    snapshots: f64,
}

impl Bounds {
    /// What the share allows: the burst at once, then its rate; snapshots one in five seconds.
    fn allowed(&self) -> f64 {
        let Share { rate, burst } = Share::default();
        let common = (self.calls - f64::from(burst)) / rate;
        common.max((self.snapshots - 1.0) * 5.0)
    }
}

/// An operator that has just started; a stage that serves r2 after r1 and is at rest, and one stage for each REST API where
/// `known` says that its deployment exists already.
async fn calm_before(known: bool) -> (World, Vec<String>) {
    let mut world = World::new();
    world.start_operator(None).await;
    let rest_apis = world.rest_apis(REST_APIS + 1);
    let (live, rest_apis) = rest_apis.split_first().unwrap();
    let mut before = vec!["live".to_owned()];
    world.apiserver.apply("live", &spec(live, "prod", "r1"));
    for (number, rest_api) in rest_apis.iter().enumerate().filter(|_| known) {
        let name = format!("api{number}-s0");
        world.apiserver.apply(&name, &spec(rest_api, "s0", "r1"));
        before.push(name);
    }
    for name in &before {
        world.reconcile(name);
    }
    world.until_ready(&before, Duration::from_mins(10)).await;
    world.apiserver.apply("live", &spec(live, "prod", "r2"));
    world.clock.wait(Duration::from_mins(1)).await;
    assert_eq!(world.apiserver.ready("live"), "True Synced");

    world.simulator.set_quota(true, BESIDE_US);
    world.simulator.reset_calls();
    world.start_operator(Some(Share::default())).await;
    for name in &before {
        world.reconcile(name);
    }
    (world, rest_apis.to_vec())
}

/// Applies ten stages for each REST API, less those that exist; turns `live` back to r1 in the middle.
async fn storm(known: bool, bounds: Bounds) {
    let (mut world, rest_apis) = calm_before(known).await;
    let live = world.apiserver.get("live").spec.rest_api_id.unwrap().to_string();
    let mut names = Vec::new();
    for (number, rest_api) in rest_apis.iter().enumerate() {
        for stage in usize::from(known)..10 {
            let name = format!("api{number}-s{stage}");
            world.apiserver.apply(&name, &spec(rest_api, &format!("s{stage}"), "r1"));
            world.reconcile(&name);
            names.push(name);
        }
    }
    let allowed = bounds.allowed();
    let middle = Duration::from_secs_f64(allowed / 2.0);
    world.clock.wait(middle).await;
    let ready = names.iter().filter(|name| world.apiserver.ready(name) == "True Synced").count();
    assert!((names.len() / 10..names.len() * 9 / 10).contains(&ready), "not the middle: {ready} are ready");

    let edited = world.clock.now();
    world.apiserver.apply("live", &spec(&live, "prod", "r1"));
    let took = middle + world.until_ready(&names, Duration::from_mins(30)).await;

    let calls = world.calls();
    let moved = calls.iter().find(|call| call.info.operation == "UpdateStage" && call.info.path.contains(&live));
    let urgent = seconds(edited, moved.unwrap().info.time);
    let refused = calls.iter().filter(|call| call.status == Some(429)).count();
    println!(
        "{} stages in {:.1} s, the share allows {allowed:.1} s; {} calls, {} of them needed; {refused} refused with 429; \
         the urgent change was there after {urgent:.1} s",
        names.len(),
        took.as_secs_f64(),
        calls.len(),
        bounds.calls,
    );
    let Share { rate, burst } = Share::default();
    let first = calls.first().unwrap().info.time;
    let most = testbed::most_at_once(calls.iter().map(|call| seconds(first, call.info.time)), rate);
    // What leaves in even steps arrives 20 to 120 ms later: at most one call more than the burst stands in those 100 ms.
    assert!(most <= f64::from(burst) + 1.0, "{most} calls beyond {rate} a second, and {burst} are allowed");
    assert!(took.as_secs_f64() <= allowed * 1.15, "{took:?} where {allowed} s are allowed");
    assert!(refused * 100 <= calls.len(), "{refused} of {} calls were refused", calls.len());
    assert!(urgent <= 5.0, "the urgent change took {urgent} s");
    assert_eq!(world.apiserver.ready("live"), "True Synced");
    let snapshots = calls.iter().filter(|call| call.info.operation == "CreateDeployment" && call.effect).count();
    assert_eq!(snapshots, if known { 0 } else { REST_APIS }, "one for each REST API and revision");
}

/// Bound by `CreateDeployment`: 30 REST APIs that were never deployed.
#[tokio::test(start_paused = true)]
async fn p9_three_hundred_new_stages_take_what_the_snapshots_take() {
    // For each REST API its stages, the API itself, its deployments and the snapshot; for each stage its creation.
    storm(false, Bounds { calls: 30.0 * 4.0 + 300.0, snapshots: 30.0 }).await;
}

/// Bound by the common rate: the deployments exist, and nine more stages want to serve each.
#[tokio::test(start_paused = true)]
async fn p9_new_stages_of_known_revisions_take_what_the_rate_takes() {
    storm(true, Bounds { calls: 30.0 * 3.0 + 270.0, snapshots: 1.0 }).await;
}
