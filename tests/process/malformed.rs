//! P7: an object that does not have the shape of its kind (an older definition, a restore into etcd) stops nobody else.

use kube::api::{Api, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::json;

use crate::world::{SOON, World, step};

#[tokio::test]
async fn an_object_that_cannot_be_read_stops_nobody_else() {
    let world = World::new().await;
    step("a definition without a schema lets nonsense into etcd");
    let strict = stagecraft_core::api::crds().remove(0);
    let mut lax = serde_json::to_value(&strict).unwrap();
    lax["spec"]["versions"][0]["schema"] = json!({ "openAPIV3Schema": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
    }});
    world.plane.apply_crds(&serde_saphyr::to_string(&lax).unwrap()).await.unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("stagecraft.dev", "v1alpha1", "ApiStage"));
    let any: Api<DynamicObject> = Api::namespaced_with(world.raw(), "default", &kind);
    let nonsense = json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": "nonsense" },
        "spec": { "restApiId": ["not", "a", "name"], "variables": "neither", "suspend": 7 },
        "status": { "releases": -1, "conditions": "none" },
    });
    let mut stored = None;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    let deadline = tokio::time::Instant::now() + SOON;
    // The apiserver takes a moment until a changed definition is in force.
    while stored.is_none() {
        ticks.tick().await;
        stored = any.patch("nonsense", &PatchParams::apply("restore").force(), &Patch::Apply(&nonsense)).await.ok();
        assert!(tokio::time::Instant::now() < deadline, "nonsense was never let in");
    }
    world.plane.apply_crds(&serde_saphyr::to_string(&strict).unwrap()).await.unwrap();

    step("the operator starts beside it, and reconciles the others");
    let operator = world.operator("AKIAONE", world.plane.kubeconfig());
    world.apply("good", world.spec("good", "r1")).await;
    world.await_ready("good", SOON).await;
    step("also what changes later");
    world.apply("good", world.spec("good", "r2")).await;
    world.await_ready("good", SOON).await;
    let log = operator.log();
    assert!(log.contains("default/nonsense"), "the log names it: {log}");
    assert!(any.get("nonsense").await.unwrap().metadata.finalizers.is_none(), "it is left alone");
}
