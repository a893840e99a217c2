//! The cache cluster over the simulated clock.

use std::time::Duration;

use apigateway_simulator::{CacheChange, StatusAfterDeletion, Verdict};
use serde_json::{Value, json};

use crate::support::{Seen, World};

/// Enabled, size and status of the stage's cache.
async fn cache(world: &World) -> (Value, Option<Value>, Option<Value>) {
    let stage = world.get("R/stages/prod").await.body;
    let member = |name: &str| stage.get(name).cloned();
    (stage["cacheClusterEnabled"].clone(), member("cacheClusterSize"), member("cacheClusterStatus"))
}

fn shown(enabled: bool, size: &str, status: &str) -> (Value, Option<Value>, Option<Value>) {
    (json!(enabled), Some(json!(size)), Some(json!(status)))
}

fn set(member: &str, value: &str) -> Value {
    json!({"op": "replace", "path": format!("/{member}"), "value": value})
}

async fn with_cache() -> World {
    let world = World::new();
    world.stage().await;
    assert_eq!(world.patch("R/stages/prod", json!([set("cacheClusterEnabled", "true")])).await.status, 200);
    world
}

fn pass(world: &World, seconds: u64) {
    world.simulator.clock().advance(Duration::from_secs(seconds));
}

#[tokio::test]
async fn a_cache_is_built_flushed_resized_and_removed_while_other_changes_go_on() {
    let world = with_cache().await;
    assert_eq!(cache(&world).await, shown(true, "0.5", "CREATE_IN_PROGRESS"));
    assert_eq!(world.patch("R/stages/prod", json!([set("description", "meanwhile")])).await.status, 200);
    pass(&world, 239);
    assert_eq!(cache(&world).await, shown(true, "0.5", "CREATE_IN_PROGRESS"));
    pass(&world, 1);
    assert_eq!(cache(&world).await, shown(true, "0.5", "AVAILABLE"));
    assert_eq!(world.send("DELETE", "R/stages/prod/cache/data", &Value::Null).await, Seen::ok(202, Value::Null));
    assert_eq!(cache(&world).await, shown(true, "0.5", "FLUSH_IN_PROGRESS"));
    pass(&world, 240);
    assert_eq!(world.send("DELETE", "R/stages/prod/cache/authorizers", &Value::Null).await.status, 202);
    assert_eq!(cache(&world).await, shown(true, "0.5", "AVAILABLE"));
    world.patch("R/stages/prod", json!([set("cacheClusterSize", "6.1")])).await;
    assert_eq!(cache(&world).await, shown(true, "6.1", "CREATE_IN_PROGRESS"));
    pass(&world, 240);
    world.patch("R/stages/prod", json!([set("cacheClusterEnabled", "false")])).await;
    assert_eq!(cache(&world).await, shown(false, "6.1", "DELETE_IN_PROGRESS"));
    pass(&world, 240);
    assert_eq!(cache(&world).await, shown(false, "6.1", "NOT_AVAILABLE"));
}

#[tokio::test]
async fn a_size_without_a_cache_and_a_flush_without_a_cache_do_nothing() {
    let world = World::new();
    world.stage().await;
    world.patch("R/stages/prod", json!([set("cacheClusterSize", "118")])).await;
    assert_eq!(world.send("DELETE", "R/stages/prod/cache/data", &Value::Null).await.status, 202);
    pass(&world, 100_000);
    assert_eq!(cache(&world).await, shown(false, "118", "NOT_AVAILABLE"));
}

#[tokio::test]
async fn a_list_that_ends_where_it_began_starts_no_transition() {
    let world = with_cache().await;
    pass(&world, 240);
    let list = json!([set("cacheClusterEnabled", "false"), set("cacheClusterEnabled", "true")]);
    world.patch("R/stages/prod", list).await;
    assert_eq!(cache(&world).await, shown(true, "0.5", "AVAILABLE"));
}

#[tokio::test]
async fn switches_decide_what_a_deletion_looks_like() {
    let world = with_cache().await;
    pass(&world, 240);
    world.simulator.set_switches(|switches| {
        switches.cache_cluster_enabled_while_deleting = true;
        switches.cache_deletion_stuck = true;
        switches.cache_cluster_status_after_deletion = StatusAfterDeletion::Absent;
    });
    world.patch("R/stages/prod", json!([set("cacheClusterEnabled", "false")])).await;
    assert_eq!(cache(&world).await, shown(true, "0.5", "DELETE_IN_PROGRESS"));
    pass(&world, 1_000_000);
    assert_eq!(cache(&world).await, shown(true, "0.5", "DELETE_IN_PROGRESS"));
    world.simulator.set_switches(|switches| switches.cache_deletion_stuck = false);
    assert_eq!(cache(&world).await, (json!(false), Some(json!("0.5")), None));
    world.simulator.set_switches(|switches| {
        switches.cache_cluster_status_after_deletion = StatusAfterDeletion::Empty;
    });
    assert_eq!(cache(&world).await, shown(false, "0.5", ""));
}

#[tokio::test]
async fn switches_decide_what_is_refused_in_transition_and_without_a_cache() {
    let world = with_cache().await;
    let text = "Cache cluster cannot be changed while its status is CREATE_IN_PROGRESS. Please try again later.";
    let off = json!([set("cacheClusterEnabled", "false")]);
    world.simulator.set_switches(|switches| switches.cache_change_in_transition = CacheChange::BadRequest);
    assert_eq!(world.patch("R/stages/prod", off.clone()).await, Seen::bad_request(text));
    world.simulator.set_switches(|switches| switches.cache_change_in_transition = CacheChange::Conflict);
    assert_eq!(world.patch("R/stages/prod", off.clone()).await, Seen::refusal(409, "ConflictException", text));
    assert_eq!(world.patch("R/stages/prod", json!([set("description", "x")])).await.status, 200);
    world.simulator.set_switches(|switches| switches.flush_without_cache = Verdict::Refuse);
    assert_eq!(world.send("DELETE", "R/stages/prod/cache/data", &Value::Null).await.status, 400);
    pass(&world, 240);
    assert_eq!(world.patch("R/stages/prod", off).await.status, 200);
}
