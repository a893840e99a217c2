//! Call for call and operation for operation.

use serde_json::json;

use super::{manifest, orders};
use crate::world::{SOON, World, step};

const EXACT: &[&str] = &["-o", "json", "--show-values"];

#[tokio::test]
async fn what_a_plan_shows_is_what_happens_and_it_does_nothing_itself() {
    let world = World::new().await;
    world.simulator.reset_calls();
    let mut spec = world.spec("prod", "r1");
    spec["variables"] = json!({ "backend": "blue.internal" });
    spec["tags"] = json!({ "team": "orders" });
    spec["tracingEnabled"] = json!(true);
    spec["description"] = json!("Orders");
    spec["methodSettings"] = json!([{ "resourcePath": "*", "httpMethod": "*", "throttlingRateLimit": 100 }]);

    step("a new stage, before there is anything");
    let said = world.plan(EXACT, &[orders(&spec)]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    assert_eq!(world.writes(&[]), [""; 0], "a plan writes nothing");
    assert!(world.objects().get_opt("orders").await.unwrap().is_none(), "nor to the cluster");
    let operator = world.operator("operator", world.plane.kubeconfig());
    world.apply("orders", spec.clone()).await;
    world.await_ready("orders", SOON).await;
    assert_eq!(world.writes(&[]), said.planned(), "the same order, too: {}", said.out);
    world.await_writes(&[], &said.planned()).await;

    step("the same again: no change");
    let said = world.plan(&[], &[orders(&spec)]).await;
    assert_eq!((said.code, said.out.lines().last()), (0, Some("")), "{} {}", said.out, said.err);
    assert!(said.out.contains("ApiStage default/orders (stage prod of "), "{}", said.out);
    assert!(said.out.contains("No change."), "{}", said.out);

    step("a change: fields, calls, and no value of a variable");
    spec["revision"] = json!("r2");
    spec["deploymentDescription"] = json!("Second");
    spec["variables"] = json!({ "backend": "green.internal" });
    spec["tags"] = json!({ "team": "shop" });
    spec["methodSettings"][0]["throttlingRateLimit"] = json!(250);
    world.simulator.reset_calls();
    let said = world.plan(&[], &[orders(&spec)]).await;
    assert_eq!(said.code, 2, "{}", said.err);
    for line in [
        "  ~ variables.backend                         (value hidden; --show-values)",
        "  ~ methodSettings[*:*].throttlingRateLimit   100 -> 250",
        "2 settings, 1 release and 1 description of a deployment to apply. Nothing was written.",
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line:?} is missing in\n{}", said.out);
    }
    assert!(said.out.contains("TagResource           tags        team = shop\n"), "{}", said.out);
    assert!(!said.out.contains("green") && !said.out.contains("blue"), "{}", said.out);
    let said = world.plan(EXACT, &[orders(&spec)]).await;
    let before = world.deployments();
    assert_eq!(world.writes(&before), [""; 0]);
    assert!(said.planned().iter().any(|call| call.starts_with("UpdateDeployment (new)")), "{:?}", said.planned());
    world.apply("orders", spec.clone()).await;
    world.await_writes(&before, &said.planned()).await;

    step("with an ApiCanary in the same file, up to its first step");
    spec["revision"] = json!("r3");
    let policy = json!({ "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "hold": "10m" }] });
    let canary = manifest("ApiCanary", "orders", &policy);
    let both = [orders(&spec), canary.clone()];
    let said = world.plan(&[], &both).await;
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.out.contains("goes through ApiCanary orders, to step 1 first."), "{}", said.out);
    assert!(said.out.contains("replace /canarySettings/percentTraffic = 5"), "{}", said.out);
    assert!(!said.out.contains("replace /deploymentId"), "{}", said.out);
    let said = world.plan(EXACT, &both).await;
    let before = world.deployments();
    world.simulator.reset_calls();
    world.create("apicanaries", &canary).await;
    world.apply("orders", spec.clone()).await;
    world.await_writes(&before, &said.planned()).await;

    step("a setting while the release runs");
    spec["description"] = json!("Orders of the shop");
    world.simulator.reset_calls();
    let said = world.plan(EXACT, &[orders(&spec)]).await;
    assert_eq!(said.planned(), ["UpdateStage prod: replace /description = Orders of the shop"], "{}", said.out);
    let before = world.deployments();
    world.apply("orders", spec).await;
    world.await_writes(&before, &said.planned()).await;
    drop(operator);
}
