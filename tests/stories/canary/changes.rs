//! What is declared while a release runs: another revision, the former one, settings that are none of its business.

use serde_json::json;

use crate::support::release::{but, errors, judged_by, revision};
use crate::support::{World, step};

#[tokio::test]
async fn another_revision_takes_over_at_the_first_step() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 2/3 25").await;
    let (second, _) = world.canary().unwrap();
    world.simulator.reset_calls();
    world.declare("r3", "red").await;
    world.until("Progressing 1/3 5 r3.3").await;
    let (third, percent) = world.canary().unwrap();
    assert!(third != second && third != first && (percent - 5.0).abs() < 0.01);
    assert_eq!(world.serves(), first);
    assert_eq!(
        world.traffic(),
        [format!(
            "UpdateStage replace /canarySettings/deploymentId {third}; replace /canarySettings/stageVariableOverrides/backend red; replace /canarySettings/percentTraffic 5.0"
        )],
        "one patch, and no moment without r1"
    );
    world.until("Succeeded 3/3 0 r3.3").await;
    assert_eq!(world.serves(), third);
    let told = world.told().await;
    for reason in ["Superseding", "ReleaseSuperseded", "ReleaseSucceeded"] {
        assert!(told.contains(&reason.to_owned()), "{reason}: {told:?}");
    }
    let history = world.status("orders").await.history;
    assert_eq!(
        history.iter().map(|entry| entry.release.clone().unwrap().to_string()).collect::<Vec<_>>(),
        ["r3.3", "r2.2", "r1.1"]
    );
    world.assert_rest("orders").await;
}

#[tokio::test]
async fn going_back_to_what_serves_cancels_a_release() {
    let world = World::governed(judged_by(&errors())).await;
    let first = world.serves();
    world.declare("r2", "green").await;
    world.until("Progressing 2/3 25").await;
    world.simulator.reset_calls();
    world.declare("r1", "blue").await;
    world.rest("orders").await;
    assert_eq!(world.writes()[0], "UpdateStage remove /canarySettings");
    assert_eq!((world.serves(), world.canary()), (first.clone(), None));
    assert_eq!(world.stands("Ready").await, "True Synced");
    assert_eq!(world.told().await.last().unwrap(), "ReleaseCancelled");
    assert_eq!(world.status("orders").await.held.len(), 0, "nothing is wrong with r2");
    world.assert_rest("orders").await;

    step("and it may be declared again");
    world.declare("r2", "green").await;
    world.until("Progressing 1/3 5 r2.3").await;
    assert_eq!(world.snapshots().len(), 2, "its snapshot is still there");
}

#[tokio::test]
async fn a_cache_comes_while_a_release_runs_and_the_release_goes_on() {
    let world = World::governed(judged_by(&errors())).await;
    world.declare("r2", "green").await;
    world.until("Progressing 1/3 5").await;
    let (second, _) = world.canary().unwrap();
    world.simulator.reset_calls();
    let more = json!({ "cacheClusterEnabled": true, "cacheClusterSize": "0.5", "description": "With a cache" });
    world.apply("orders", but(revision(&world, "r2", "green"), more)).await.unwrap();
    world.until("Progressing 2/3 25").await;
    let writes = world.writes();
    assert!(writes.iter().any(|write| write.contains("/cacheClusterEnabled true")), "{writes:?}");
    let mine = writes.iter().filter(|write| write.contains("/canarySettings"));
    assert_eq!(
        mine.collect::<Vec<_>>(),
        [
            "UpdateStage replace /canarySettings/useStageCache true",
            "UpdateStage replace /canarySettings/percentTraffic 25.0"
        ],
        "its canary uses the cache as soon as there is one, and that is all"
    );
    world.until("Succeeded 3/3 0 r2.2").await;
    assert_eq!(world.serves(), second);
    assert_eq!(world.stage("prod").unwrap()["description"], "With a cache");
    world.rest("orders").await;
    assert_eq!(world.stands("Ready").await, "True Synced");
}
