//! Several objects in one run: each meets what those before it would have done.

use std::time::Duration;

use serde_json::json;
use stagecraft::clock::Clock;
use tokio::time::interval;

use super::manifest;
use crate::world::{SOON, World, step};

impl World {
    /// Waits until whoever is created is younger than this object.
    async fn await_another_second(&self, name: &str) {
        let created = self.objects().get(name).await.unwrap().metadata.creation_timestamp.unwrap().0;
        let mut ticks = interval(Duration::from_millis(50));
        while Clock::system().now().as_second() <= created.as_second() {
            ticks.tick().await;
        }
    }
}

#[tokio::test]
async fn several_stages_of_one_rest_api_share_what_one_of_them_would_do() {
    let world = World::new().await;
    world.simulator.reset_calls();
    let spec = world.spec("prod", "r1");
    let mut other = world.spec("test", "r1");
    other["variables"] = json!({ "backend": "blue.internal" });
    let objects = [("orders", &spec), ("orders-test", &other), ("twin", &spec), ("next", &world.spec("next", "r2"))];
    let all = objects.map(|(name, spec)| manifest("ApiStage", name, spec));
    let said = world.plan(&["-o", "json", "--show-values"], &all).await;
    assert_eq!(said.code, 2, "{}", said.err);
    let planned = said.planned();
    let count = |operation: &str| planned.iter().filter(|call| call.starts_with(operation)).count();
    assert_eq!((count("CreateDeployment"), count("CreateStage")), (2, 3), "{planned:#?}");
    let ready = |index: usize| said.json()["stages"][index]["ready"]["reason"].clone();
    assert_eq!([ready(0), ready(1), ready(2), ready(3)], ["Synced", "Synced", "NotOldest", "Synced"], "{}", said.out);
    let asked = said.operations().iter().filter(|operation| *operation == "GetCallerIdentity").count();
    assert_eq!(asked, 1, "a process asks once");

    step("and so it goes");
    let _operator = world.operator("operator", world.plane.kubeconfig());
    for (name, spec) in objects {
        world.apply(name, spec.clone()).await;
        // Of two that were created within the same second, nobody knows which one is the older.
        world.await_another_second(name).await;
        if name == "twin" {
            world.await_reason(name, "NotOldest", SOON).await;
        } else {
            world.await_ready(name, SOON).await;
        }
    }
    world.await_writes(&[], &planned).await;
}
