//! P2: a crash between any two calls is harmless. Every call of create, change and delete, to AWS and to the apiserver, is
//! met by a crash before and after its effect; another operator then has nothing but status and AWS to go by.

use serde_json::{Value, json};

use crate::support::{Side, Tripwire, World, step};

/// What is left of the story, told so that ids and times do not matter.
#[derive(Debug, PartialEq)]
struct Ending {
    ready: String,
    revision: Option<String>,
    variables: Value,
    description: Value,
    snapshots: Vec<String>,
    releases: Option<u64>,
    pruned: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chapter {
    Create,
    Change,
    /// An hour after the last of five revisions: all but two deployments go.
    Tidy,
    Delete,
}

fn spec(world: &World, revision: &str, backend: &str, description: &str) -> Value {
    json!({
        "restApiId": world.api, "stageName": "prod", "revision": revision, "description": description,
        "variables": { "backend": backend }, "deploymentHistoryLimit": 1, "deploymentDescription": description,
    })
}

/// Does what the user does in a chapter.
async fn act(world: &World, chapter: Chapter) {
    match chapter {
        Chapter::Create => drop(world.apply("orders", spec(world, "r1", "blue", "Orders")).await.unwrap()),
        Chapter::Change => drop(world.apply("orders", spec(world, "r2", "green", "Orders 2")).await.unwrap()),
        Chapter::Tidy => world.pass_time(std::time::Duration::from_mins(62)),
        Chapter::Delete => world.delete("orders").await,
    }
}

/// A world in which everything before the chapter has happened undisturbed.
async fn before(chapter: Chapter) -> World {
    let world = World::new().await;
    if chapter != Chapter::Create {
        act(&world, Chapter::Create).await;
        world.rest("orders").await;
    }
    if chapter == Chapter::Tidy {
        for revision in ["r2", "r3", "r4", "r5"] {
            world.apply("orders", spec(&world, revision, "blue", "Orders")).await.unwrap();
            world.rest("orders").await;
        }
    }
    world
}

async fn ending(world: &World) -> Ending {
    let stage = world.stage("prod").unwrap_or(Value::Null);
    let object = world.get("orders").await;
    let mut snapshots = world.snapshots();
    snapshots.sort();
    // The owner holds the namespace, which differs from world to world.
    let snapshots = snapshots.iter().map(|text| text.split(" by=").next().unwrap().to_owned()).collect();
    let status = object.and_then(|object| object.status).unwrap_or_default();
    let ready = status.conditions.first().map(|ready| format!("{} {}", ready.status, ready.reason)).unwrap_or_default();
    Ending {
        ready,
        revision: status.revision.map(|revision| revision.to_string()),
        variables: stage["variables"].clone(),
        description: stage["description"].clone(),
        snapshots,
        releases: status.releases,
        pruned: status.pruned.iter().map(|pruned| pruned.revision.to_string()).collect(),
    }
}

async fn crash_everywhere(chapter: Chapter) {
    let mut undisturbed = before(chapter).await;
    undisturbed.restart().await;
    act(&undisturbed, chapter).await;
    undisturbed.rest("orders").await;
    let calls = undisturbed.tripwire().log();
    let expected = ending(&undisturbed).await;
    step(&format!("{chapter:?} takes {} calls: {calls:?}", calls.len()));
    assert!(calls.len() > 5, "a story without calls proves nothing");
    for number in 1..=calls.len() {
        for side in [Side::Before, Side::After] {
            let mut world = before(chapter).await;
            world.restart_with(Tripwire::at(number, side)).await;
            act(&world, chapter).await;
            let survived = world.to_rest("orders").await.is_some();
            assert!(
                !survived && world.tripwire().has_struck(),
                "call {number} was never made: {:?}",
                world.tripwire().log()
            );
            world.restart().await;
            world.rest("orders").await;
            let case = format!("{chapter:?}, crashed {side:?} call {number} of {}: {}", calls.len(), calls[number - 1]);
            assert_eq!(ending(&world).await, expected, "{case}\n{}", world.tell("orders").await);
            world.assert_rest("orders").await;
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_creation_is_harmless() {
    crash_everywhere(Chapter::Create).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_change_is_harmless() {
    crash_everywhere(Chapter::Change).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_clean_up_is_harmless() {
    crash_everywhere(Chapter::Tidy).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_deletion_is_harmless() {
    crash_everywhere(Chapter::Delete).await;
}
