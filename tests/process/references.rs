//! What an object refers to brings a pass when it changes, long before the object's own time.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::world::{SOON, World, step};

#[tokio::test]
async fn a_config_map_that_appears_is_noticed_at_once() {
    let world = World::new().await;
    let operator = world.operator("AKIAONE", world.plane.kubeconfig());
    let spec = json!({
        "restApiIdFrom": { "configMapKeyRef": { "name": "orders-api", "key": "id" } },
        "stageName": "prod", "revision": "r1",
    });
    world.apply("orders", spec.clone()).await;
    world.await_reason("orders", "ReferenceUnresolved", SOON).await;
    step("the object would look again in half a minute by itself");
    let config_maps: Api<ConfigMap> = Api::namespaced(world.raw(), "default");
    let config_map = json!({ "metadata": { "name": "orders-api" }, "data": { "id": world.api } });
    config_maps.create(&PostParams::default(), &serde_json::from_value(config_map).unwrap()).await.unwrap();
    world.await_ready("orders", Duration::from_secs(15)).await;
    let log = operator.log();
    assert!(!log.contains("broke off"), "{log}");
}
