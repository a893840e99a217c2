//! Git applies the same specs over and over: nothing of a release changes by that, and nobody takes an old release for the new.

use serde_json::{Value, json};

use crate::support::release::{errors, judged_by, revision};
use crate::support::{World, step};

/// Both objects as a file for kubectl.
fn manifests(world: &World, name: &str, backend: &str) -> String {
    let object = |kind: &str, spec: Value| {
        let metadata = json!({ "name": "orders" });
        json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
    };
    let items = [object("ApiStage", revision(world, name, backend)), object("ApiCanary", judged_by(&errors()))];
    json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
}

async fn succeeds(world: &World, arguments: &[&str], input: &str) {
    let output = world.kubectl(arguments, input).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn specs_that_are_applied_again_change_nothing_of_a_release() {
    for apply in [&["apply", "--server-side", "--force-conflicts", "-f", "-"][..], &["apply", "-f", "-"]] {
        step(&format!("{apply:?}"));
        let world = World::governed(judged_by(&errors())).await;
        let files = manifests(&world, "r2", "green");
        succeeds(&world, apply, &files).await;
        world.until("Progressing 1/3 5 r2.2").await;
        world.annotate("orders", "pause/r2.2/1").await;
        world.until("Paused 1/3 5").await;
        let (before, canary) = (world.get("orders").await.unwrap(), world.api_canary().await);
        world.simulator.reset_calls();
        for _ in 0..4 {
            succeeds(&world, apply, &files).await;
            world.minutes("orders", 2).await.unwrap();
        }
        let after = world.get("orders").await.unwrap();
        assert_eq!(after.metadata.generation, before.metadata.generation);
        assert_eq!(world.api_canary().await.metadata.generation, canary.metadata.generation);
        assert_eq!(after.metadata.annotations.unwrap()["stagecraft.dev/command"], "pause/r2.2/1");
        assert_eq!(world.shown().await, "Paused 1/3 5 r2.2");
        assert_eq!(world.writes(), [""; 0]);

        world.annotate("orders", "resume/r2.2/2").await;
        for shown in ["Progressing 2/3 25", "Progressing 3/3 50", "Succeeded 3/3 0 r2.2"] {
            world.until(shown).await;
            succeeds(&world, apply, &files).await;
        }
        world.rest("orders").await;
        assert_eq!(world.shown().await, "Succeeded 3/3 0 r2.2");
        assert_eq!(world.status("orders").await.releases, Some(2));
    }
}

/// Whether `kubectl wait` is content at once.
async fn is_released(world: &World) -> bool {
    let arguments = ["wait", "apistage/orders", "--for=condition=Released", "--timeout=1s"];
    world.kubectl(&arguments, "").await.status.success()
}

#[tokio::test]
async fn an_earlier_release_does_not_satisfy_who_waits_for_this_one() {
    let world = World::governed(judged_by(&errors())).await;
    assert!(is_released(&world).await, "r1 is");
    world.declare("r2", "green").await;
    assert!(!is_released(&world).await, "no operator has seen r2 yet");
    world.until("Progressing 2/3 25").await;
    assert_eq!(world.stands("Released").await, "Unknown StepHolds");
    assert!(!is_released(&world).await);
    world.annotate("orders", "abort/r2.2/1").await;
    world.rest("orders").await;
    assert_eq!(world.stands("Released").await, "False ReleaseAborted");
    assert!(!is_released(&world).await);

    step("r3 is, when it is");
    world.declare("r3", "red").await;
    assert!(!is_released(&world).await);
    world.until("Succeeded").await;
    assert!(is_released(&world).await);
}
