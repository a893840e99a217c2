//! The world is made, and a stage comes to life in it.

use std::time::Instant;

use http::Method;
use serde_json::{Value, json};

use super::OBJECT;
use crate::{failure::Failure, world::World};

/// Conditions in short, as no column shows them.
const CONDITIONS: &str = r#"kubectl get apistage orders-prod -o jsonpath='{range .status.conditions[*]}{.type}={.status}: {.message}{"\n"}{end}'"#;

pub(super) async fn world(world: &mut World) -> Result<(), Failure> {
    let started = Instant::now();
    world.start_control_plane().await?;
    let server = world.control_plane()?.server().to_owned();
    let time = started.elapsed().as_secs_f64();
    world.screen.note(&format!("etcd, kube-apiserver and kube-controller-manager run at {server} ({time:.1} s)"))?;
    world.start_simulator().await?;

    world.screen.note("A REST API, as a team's pipeline would make it (requests to the simulated API Gateway):")?;
    let api = world.requests(Method::POST, "/restapis", &json!({"name": "orders"})).await?;
    let root = text(&api, "rootResourceId");
    world.ids.rest_api = text(&api, "id");
    let resources = format!("/restapis/{}/resources", world.ids.rest_api);
    let parent = format!("{resources}/{root}");
    let orders = world.requests(Method::POST, &parent, &json!({"pathPart": "orders"})).await?;
    world.ids.orders_resource = text(&orders, "id");
    add_method(world, &world.ids.orders_resource.clone()).await?;
    let named = rest_api_of_examples()?;
    let created = world.ids.rest_api.clone();
    world.check_equal(&format!("REST API {named} of the examples is there (asked API Gateway)"), &created, &named)?;

    world.types("kubectl apply -f crds/").await?;
    world.types("kubectl wait --for=condition=Established -f crds/ --timeout=60s").await?;
    // Established, and served a moment later.
    let answered = || async { Ok(Some(world.asks("get apistages").await?).filter(|list| !list.is_null())) };
    world.until("the first answer about ApiStages", answered).await?;
    world.start_operator().await?;
    let lease = world.asks("get lease stagecraft").await?;
    let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned();
    world.check("the operator leads: it holds the Lease (asked kubectl)", !holder.is_empty(), lease)?;
    let untouched = world.gateway()?.calls().await?;
    world.check_equal("it has asked nothing of API Gateway yet (call log)", &untouched.len(), &0)
}

/// GET on a resource, with an integration that needs no backend.
pub(super) async fn add_method(world: &mut World, resource: &str) -> Result<(), Failure> {
    let method = format!("/restapis/{}/resources/{resource}/methods/GET", world.ids.rest_api);
    world.requests(Method::PUT, &method, &json!({"authorizationType": "NONE"})).await?;
    world.requests(Method::PUT, &format!("{method}/integration"), &json!({"type": "MOCK"})).await?;
    Ok(())
}

pub(super) async fn comes_to_life(world: &mut World) -> Result<(), Failure> {
    world.types("cat examples/orders-r1.yaml").await?;
    world.types("kubectl apply -f examples/orders-r1.yaml").await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Ready --timeout=60s")).await?;
    let calls = world.gateway()?.calls().await?;
    world.types("kubectl get apistages").await?;
    world.types(CONDITIONS).await?;
    world.types(&format!("kubectl events --for {OBJECT}")).await?;
    world.shows_calls().await?;

    let stage = world.stage().await?;
    let deployment = text(&stage, "deploymentId");
    world.ids.first_deployment.clone_from(&deployment);
    world.check(
        &format!("stage prod exists and serves deployment {deployment} (asked API Gateway)"),
        stage != Value::Null,
        &stage,
    )?;
    world.check_equal(
        "it has the declared variables and description, and the owner's tag",
        &json!([stage.get("variables"), stage.get("description"), stage.pointer("/tags/stagecraft.dev~1owner")]),
        &json!([{"backend": "blue.orders.internal"}, "Orders, production", "demo/default/orders-prod"]),
    )?;
    let object = world.asks(&format!("get {OBJECT}")).await?;
    world.check_equal(
        "the object's status says the same: r1, this deployment, Ready (asked kubectl)",
        &json!([object.pointer("/status/revision"), object.pointer("/status/deploymentId"), ready(&object)]),
        &json!(["r1", deployment, "True Synced"]),
    )?;
    let methods = world.methods_of(&deployment).await?;
    world.check_equal("the deployment holds GET /orders, and nothing else", &methods, &["GET /orders"])?;
    // Polls may have begun by now; they come after the work.
    let work: Vec<_> = calls.iter().map(|call| call.operation.as_str()).take(5).collect();
    let rest = calls.iter().skip(5).all(crate::call::Call::is_poll);
    let mut sorted = work.clone();
    sorted.sort_unstable();
    let expected = ["CreateDeployment", "CreateStage", "GetDeployments", "GetRestApi", "GetStages"];
    world.check("5 calls to API Gateway, each of them once", sorted == expected && rest, format_args!("{calls:#?}"))
}

/// Status and reason of Ready.
pub(super) fn ready(object: &Value) -> String {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| text(condition, "type") == "Ready");
    ready.map_or_else(|| "absent".to_owned(), |ready| format!("{} {}", text(ready, "status"), text(ready, "reason")))
}

/// A member that is a text; empty where there is none.
pub(super) fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The REST API that the examples name: the simulator's first one, as its ids come from a seed.
fn rest_api_of_examples() -> Result<String, Failure> {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/orders-r1.yaml"))?;
    let named = manifest.lines().find_map(|line| line.trim().strip_prefix("restApiId: "));
    Ok(named.unwrap_or_default().to_owned())
}
