//! A stage that others made comes over, and nothing of it changes.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::world::{REGION, World, step};

/// As Terraform would leave it: everything that can be set, is.
fn by_terraform(world: &World) -> Value {
    let scope = world.simulator.scope("123456789012", REGION);
    let send = |method: &Method, path: &str, body: Value| scope.send(method, path, &body).unwrap();
    let api = format!("/restapis/{}", world.api);
    world.simulator.add_method(&world.api, "/orders/{id}", "GET").unwrap();
    let deployment = send(&Method::POST, &format!("{api}/deployments"), json!({ "description": "by Terraform" }));
    let role = json!({ "patchOperations": [
        { "op": "replace", "path": "/cloudwatchRoleArn", "value": "arn:aws:iam::123456789012:role/logs" },
    ] });
    send(&Method::PATCH, "/account", role);
    let stage = json!({
        "stageName": "prod", "deploymentId": deployment["id"], "description": "Orders, production",
        "variables": { "backend": "blue.internal", "limit": "5" }, "tracingEnabled": true,
        "cacheClusterEnabled": true, "cacheClusterSize": "0.5", "tags": { "team": "orders" },
    });
    send(&Method::POST, &format!("{api}/stages"), stage);
    let replace = |path: &str, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let operations = [
        replace("/*/*/throttling/rateLimit", "100"),
        replace("/*/*/throttling/burstLimit", "50"),
        replace("/*/*/metrics/enabled", "true"),
        replace("/*/*/logging/loglevel", "ERROR"),
        replace("/~1orders~1{id}/GET/throttling/rateLimit", "10"),
        replace("/~1orders~1{id}/GET/caching/enabled", "true"),
        replace("/~1orders~1{id}/GET/caching/ttlInSeconds", "60"),
        replace("/accessLogSettings/destinationArn", "arn:aws:logs:eu-west-1:123456789012:log-group:orders"),
        replace("/accessLogSettings/format", "$context.requestId $context.status"),
    ];
    world.simulator.patch_stage_by_hand(&world.api, "prod", &operations).unwrap();
    // Until the cache is there.
    world.simulator.clock().advance(Duration::from_mins(20));
    world.simulator.stage(&world.api, "prod").unwrap()
}

#[tokio::test]
async fn a_stage_with_many_settings_comes_over_without_a_change() {
    let mut world = World::new().await;
    let before = by_terraform(&world);
    let import = ["import", "--rest-api", world.api.as_str(), "--stage"];

    step("a stage that is not there has near ones");
    let said = world.plugin(&[&import[..], &["prd"]].concat()).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.ends_with("has no stage prd; did you mean prod?\n"), "{}", said.err);

    step("the manifest: all that is set, nothing that follows by itself");
    let said = world.plugin(&[&import[..], &["prod"]].concat()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let manifest = said.out;
    insta::assert_snapshot!(
        "imported",
        manifest
            .replace(&world.api, "(api)")
            .replace(world.namespace(), "(namespace)")
            .replace(before["deploymentId"].as_str().unwrap(), "(deployment)")
    );

    step("plan says no change");
    let plan = ["plan", "-f", "-", "--allow-adoption", "--cluster-id", "story"];
    let said = world.plugin_with_input(&plan, &manifest).await;
    assert!(said.out.contains("No change"), "{said:?}");
    assert_eq!(said.code, 0, "{said:?}");

    step("a command line that cannot be read is no change, and no difference");
    for command in [&["plan"][..], &["plan", "-f", "-", "--nonsense"], &["diff"], &["diff", "prod", "--nonsense"]] {
        let said = world.plugin(command).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{command:?}: {said:?}");
    }
    assert_eq!(world.plugin(&["plan", "--help"]).await.code, 0);

    step("applied, it is adopted, and nothing but the owner's tag is written");
    world.simulator.reset_calls();
    let applied = world
        .cluster
        .kubectl_with_input(["--namespace", world.namespace(), "apply", "-f", "-"], &manifest)
        .await
        .unwrap();
    assert!(applied.status.success(), "{applied:?}");
    let said = world.plugin(&["status", "orders-prod", "--wait"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(world.writes(), ["TagResource"]);
    let mut after = world.simulator.stage(&world.api, "prod").unwrap();
    let tags = after["tags"].as_object_mut().unwrap();
    assert_eq!(tags.remove("stagecraft.dev/owner"), Some(json!(format!("story/{}/orders-prod", world.namespace()))));
    for of_aws in ["lastUpdatedDate", "cacheClusterStatus"] {
        after[of_aws] = before[of_aws].clone();
    }
    assert_eq!(after, before);

    step("its cache can be emptied");
    let said = world.plugin(&["flush-cache", "orders-prod"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("Emptying the cache of orders-prod … the cache is emptied"), "{}", said.out);
    assert_eq!(world.writes(), ["TagResource", "FlushStageCache"]);

    step("diff says none, until the object declares something else");
    world.stop_the_operator();
    let diff = ["diff", "orders-prod", "--cluster-id", "story", "--allow-adoption"];
    let said = world.plugin(&diff).await;
    assert!(said.code == 0 && said.out.ends_with("No difference.\n"), "{said:?}");
    world.change("orders-prod", json!({ "description": "All orders", "variables": { "limit": "6" } })).await;
    let said = world.plugin(&diff).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.out.contains("  ~ description       Orders, production -> All orders\n"), "{}", said.out);
    assert!(said.out.contains("  ~ variables.limit   (value hidden; --show-values)"), "{}", said.out);
}
