//! P5: missed, late and stale events are harmless. The watch delivers any earlier state of the object, in order but late.

use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::RngExt as _;
use serde_json::json;

use crate::support::{World, step};

/// Stories of one run, each with its own printed seed.
const STORIES: u8 = 12;

#[tokio::test]
async fn a_late_watch_never_loses_an_intent_or_makes_a_second_snapshot() {
    for seed in 0..STORIES {
        step(&format!("seed {seed}"));
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut world = World::new().await;
        let spec = |revision: &str| json!({ "restApiId": world.api, "stageName": "prod", "revision": revision });
        let specs = [spec("r1"), spec("r2"), spec("r1"), spec("r3")];
        for spec in specs {
            let first = world.apply("orders", spec).await.unwrap();
            let mut versions = vec![first];
            let mut shown = 0;
            for _ in 0..10 {
                // The watch lags by up to five versions and never goes back.
                let newest = versions.len() - 1;
                shown = random.random_range(shown.max(newest.saturating_sub(5))..=newest);
                if random.random_range(0..4) == 0 {
                    world.restart().await;
                }
                let passed = world.pass_over(versions[shown].clone()).await.unwrap();
                if let Some(wait) = passed.wake_up_in.filter(|wait| wait.as_secs() < 100) {
                    world.pass_time(wait);
                }
                let now = world.get("orders").await.unwrap();
                if now.metadata.resource_version != versions[newest].metadata.resource_version {
                    versions.push(now);
                }
            }
            world.rest("orders").await;
            assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
        }
        let mut snapshots = world.snapshots();
        snapshots.sort();
        snapshots.dedup();
        assert_eq!(
            snapshots.len(),
            world.snapshots().len(),
            "a snapshot was taken twice: {}",
            world.tell("orders").await
        );
        assert_eq!(snapshots.len(), 3);
        let entries = world.status("orders").await.history.len();
        assert_eq!(entries, 4, "no release was lost or doubled: {}", world.tell("orders").await);
        world.assert_rest("orders").await;
    }
}
