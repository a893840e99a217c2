//! A REST API that a spec refers to: waited for, resolved once, then kept.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{World, step};

fn spec() -> Value {
    json!({
        "restApiIdFrom": { "configMapKeyRef": { "name": "orders-api", "key": "id" } },
        "stageName": "prod", "revision": "r1",
    })
}

async fn write(config_maps: &Api<ConfigMap>, data: Value) {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "orders-api" }, "data": data });
    config_maps.patch("orders-api", &PatchParams::apply("pipeline").force(), &Patch::Apply(&object)).await.unwrap();
}

#[tokio::test]
async fn a_config_map_is_waited_for_read_once_and_then_let_be() {
    let world = World::new().await;
    let config_maps: Api<ConfigMap> = world.api_of();
    world.simulator.reset_calls();
    world.apply("orders", spec()).await.unwrap();
    world.pass("orders").await.unwrap();
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "False ReferenceUnresolved", "{}", world.tell("orders").await);
    assert!(message.starts_with("There is no ConfigMap orders-api in this namespace"), "{message}");

    step("the pipeline writes it, first without the key, then with nonsense");
    write(&config_maps, json!({ "arn": "arn:aws:apigateway:eu-west-1::/restapis/x" })).await;
    world.stir("orders").await;
    assert!(world.ready("orders").await.1.contains("has no key id"));
    write(&config_maps, json!({ "id": "${API_ID}" })).await;
    world.stir("orders").await;
    assert!(world.ready("orders").await.1.contains("is not the id of a REST API"));
    assert_eq!(world.calls(), [""; 0], "until now AWS was asked nothing");
    assert!(world.get("orders").await.unwrap().metadata.finalizers.is_none());

    step("then with the id");
    write(&config_maps, json!({ "id": format!("{}\n", world.api) })).await;
    world.stir("orders").await;
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_eq!(world.status("orders").await.rest_api_id, Some(world.api.as_str().into()));
    world.assert_rest("orders").await;

    step("it changes, and goes");
    write(&config_maps, json!({ "id": "zzzzzzzzzz" })).await;
    world.simulator.reset_calls();
    world.stir("orders").await;
    world.rest("orders").await;
    let (ready, message) = world.ready("orders").await;
    assert_eq!(ready, "True Synced");
    assert!(
        message.contains(&format!("names REST API zzzzzzzzzz now; this object stays with {}", world.api)),
        "{message}"
    );
    assert_eq!(world.writes(), [""; 0]);
    assert!(world.event_reasons("orders").await.contains(&"LeftAsItIs".to_owned()));
    world.assert_rest("orders").await;
    config_maps.delete("orders-api", &DeleteParams::default()).await.unwrap();
    let mut second = spec();
    second["revision"] = json!("r2");
    world.apply("orders", second).await.unwrap();
    world.rest("orders").await;
    assert_eq!(world.ready("orders").await.0, "True Synced", "{}", world.tell("orders").await);
    assert_eq!(world.status("orders").await.revision, Some("r2".into()));
    world.delete("orders").await;
    world.rest("orders").await;
    assert!(world.get("orders").await.is_none() && world.stage("prod").is_none());
}
