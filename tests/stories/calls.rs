//! What each story costs in calls to AWS, from the simulator's own log.

use serde_json::json;

use crate::support::{World, step};

#[tokio::test]
async fn a_stage_comes_to_life_changes_goes_back_and_goes() {
    let world = World::new().await;
    step("a new ApiStage");
    let spec = |revision: &str| {
        json!({
            "restApiId": world.api, "stageName": "prod", "revision": revision, "description": "Orders",
            "variables": { "backend": "blue", "limit": "5" },
        })
    };
    world.apply("orders", spec("r1")).await.unwrap();
    world.rest("orders").await;
    assert_eq!(
        world.calls(),
        ["GetStages", "GetRestApi", "GetDeployments", "CreateDeployment", "CreateStage"],
        "{}",
        world.tell("orders").await
    );
    let stage = world.stage("prod").unwrap();
    assert_eq!(stage["variables"], json!({ "backend": "blue", "limit": "5" }));
    assert_eq!(stage["description"], "Orders");
    let owner = stage["tags"]["stagecraft.dev/owner"].as_str().unwrap();
    assert!(owner.starts_with("story/story-") && owner.ends_with("/orders"), "{owner}");
    assert_eq!(world.ready("orders").await.0, "True Synced");
    let first = stage["deploymentId"].clone();
    world.assert_rest("orders").await;

    step("an unchanged object costs its poll");
    world.simulator.reset_calls();
    world.assert_rest("orders").await;
    assert_eq!(world.calls(), ["GetStages"]);

    step("description and three variables: one UpdateStage per group");
    world.simulator.reset_calls();
    let mut changed = spec("r1");
    changed["description"] = json!("Orders, second edition");
    changed["variables"] = json!({ "backend": "green", "limit": "6", "region": "eu" });
    world.apply("orders", changed).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.calls(), ["GetStages", "UpdateStage", "UpdateStage"], "{}", world.tell("orders").await);
    assert_eq!(
        world.writes(),
        [
            "UpdateStage replace /variables/backend green; replace /variables/limit 6; replace /variables/region eu",
            "UpdateStage replace /description Orders, second edition",
        ]
    );
    world.assert_rest("orders").await;

    step("a new revision after the API changed");
    world.simulator.add_method(&world.api, "/orders", "POST").unwrap();
    world.simulator.reset_calls();
    world.apply("orders", spec("r2")).await.unwrap();
    world.rest("orders").await;
    let count = |operation: &str| world.calls().iter().filter(|call| *call == operation).count();
    let [snapshots, comparisons, moves, notes] =
        ["CreateDeployment", "GetDeployment", "UpdateStage", "UpdateDeployment"].map(count);
    // The description goes back, too, and does not wait for the snapshot.
    assert_eq!((snapshots, comparisons, moves, notes), (1, 2, 2, 1), "{:?}", world.calls());
    assert_ne!(world.stage("prod").unwrap()["deploymentId"], first);
    assert_eq!(world.snapshots().len(), 2);
    world.assert_rest("orders").await;

    step("a Git revert serves the first snapshot again");
    world.simulator.reset_calls();
    world.apply("orders", spec("r1")).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.stage("prod").unwrap()["deploymentId"], first);
    assert!(!world.calls().contains(&"CreateDeployment".to_owned()), "{:?}", world.calls());
    world.assert_rest("orders").await;

    step("a change behind the operator's back");
    let by_hand = json!({ "op": "replace", "path": "/variables/backend", "value": "red" });
    world.simulator.patch_stage_by_hand(&world.api, "prod", &[by_hand]).unwrap();
    world.pass_time(std::time::Duration::from_mins(12));
    world.rest("orders").await;
    assert_eq!(world.stage("prod").unwrap()["variables"]["backend"], "blue");
    assert!(world.event_reasons("orders").await.contains(&"DriftCorrected".to_owned()));
    world.assert_rest("orders").await;

    step("deleted");
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none(), "{}", world.tell("orders").await);
    assert_eq!(world.stage("prod"), None);
    assert_eq!(world.snapshots(), [""; 0], "our deployments go with the stage");
}
