//! The stage moves on, goes back, and is moved by somebody else.

use http::Method;
use serde_json::{Value, json};

use super::{
    OBJECT,
    begin::{add_method, ready, text},
};
use crate::{call::Call, failure::Failure, world::World};

/// The end of a release, of the generation that was just applied.
const RELEASED: &str = "kubectl wait apistage/orders-prod --for=condition=Released --timeout=60s";

pub(super) async fn new_revision(world: &mut World) -> Result<(), Failure> {
    world.screen.note("The API's definition changes, as the team's pipeline would change it:")?;
    let parent = format!("/restapis/{}/resources/{}", world.ids.rest_api, world.ids.orders_resource);
    let history = world.requests(Method::POST, &parent, &json!({"pathPart": "history"})).await?;
    add_method(world, &text(&history, "id")).await?;
    let first = world.ids.first_deployment.clone();
    let methods = world.methods_of(&first).await?;
    world.check_equal("callers see none of it: prod still serves GET /orders alone", &methods, &["GET /orders"])?;

    // Its exit code says that they differ.
    world.types_in_vain("diff examples/orders-r1.yaml examples/orders-r2.yaml").await?;
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f examples/orders-r2.yaml").await?;
    world.types(RELEASED).await?;
    world.types("kubectl get apistages").await?;
    world.types(&format!("kubectl events --for {OBJECT} | tail -n 3")).await?;
    let calls = world.shows_calls().await?;

    let stage = world.stage().await?;
    let second = text(&stage, "deploymentId");
    world.ids.second_deployment.clone_from(&second);
    world.check(
        &format!("the stage serves another deployment, {second} (asked API Gateway)"),
        second != first,
        &stage,
    )?;
    let methods = world.methods_of(&second).await?;
    world.check_equal("which holds the new method too", &methods, &["GET /orders", "GET /orders/history"])?;
    world.check_equal(
        "the variables are those of r2",
        &stage.get("variables"),
        &Some(&json!({"backend": "green.orders.internal", "historyDays": "90"})),
    )?;
    let writes = writes(&calls);
    let together = writes.last().is_some_and(|patch| patch.contains("/deploymentId") && patch.contains("/variables/"));
    let right = writes.len() == 2 && writes.first().is_some_and(|write| write.starts_with("CreateDeployment"));
    world.check(
        "2 writes: a snapshot, then deployment and variables in one UpdateStage",
        right && together,
        format_args!("{writes:#?}"),
    )
}

pub(super) async fn git_revert(world: &mut World) -> Result<(), Failure> {
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f examples/orders-r1.yaml").await?;
    world.types(RELEASED).await?;
    world.types("kubectl get apistages -o wide").await?;
    let calls = world.shows_calls().await?;

    let (first, second) = (world.ids.first_deployment.clone(), world.ids.second_deployment.clone());
    let stage = world.stage().await?;
    world.check_equal(
        &format!("the stage serves {first} again, the first snapshot (asked API Gateway)"),
        &text(&stage, "deploymentId"),
        &first,
    )?;
    world.check_equal(
        "the variables are those of r1: one is back, one is gone",
        &stage.get("variables"),
        &Some(&json!({"backend": "blue.orders.internal"})),
    )?;
    let snapshots = calls.iter().filter(|call| call.operation == "CreateDeployment").count();
    world.check_equal("no CreateDeployment in the call log", &snapshots, &0)?;
    let mut kept: Vec<String> = world.deployments().await?.iter().map(|deployment| text(deployment, "id")).collect();
    kept.sort_unstable();
    let mut both = vec![first, second];
    both.sort_unstable();
    world.check_equal("both snapshots are kept: going forward again costs none either", &kept, &both)?;
    world.check_equal("it took 1 write", &writes(&calls).len(), &1)?;
    at_rest(world).await
}

/// Two whole polls in which nothing is written anywhere.
pub(super) async fn at_rest(world: &mut World) -> Result<(), Failure> {
    let before = (world.asks(&format!("get {OBJECT}")).await?, events(world).await?.len());
    world.gateway()?.forget_calls().await?;
    let polled = || async {
        let calls = world.gateway()?.calls().await?;
        // The first one may have been under way before the log was emptied; after the second, the first is over.
        Ok(Some(calls).filter(|calls| calls.iter().filter(|call| call.is_poll()).count() >= 2))
    };
    let calls = world.until("two polls of a stage at rest", polled).await?;
    let after = (world.asks(&format!("get {OBJECT}")).await?, events(world).await?.len());
    let versions = [&before.0, &after.0].map(|object| object.pointer("/metadata/resourceVersion"));
    world.check(
        "then it rests: two polls later no write to AWS, none to the object, no event",
        calls.iter().all(|call| !call.write) && versions[0] == versions[1] && before.1 == after.1,
        format_args!("{calls:#?}, resourceVersions {versions:?}, events {} and {}", before.1, after.1),
    )
}

pub(super) async fn drift(world: &mut World) -> Result<(), Failure> {
    let before = events(world).await?.len();
    world.gateway()?.forget_calls().await?;
    let path = format!("/restapis/{}/stages/prod", world.ids.rest_api);
    world.screen.note("Somebody who does not know of Git, in the console:")?;
    let hand = json!({"op": "replace", "path": "/variables/backend", "value": "laptop.internal"});
    let moved = world.requests(Method::PATCH, &path, &json!({"patchOperations": [hand]})).await?;
    let now_at = moved.pointer("/variables/backend").and_then(Value::as_str).unwrap_or_default().to_owned();
    world.check_equal("the stage has it for the moment (asked API Gateway)", &now_at.as_str(), &"laptop.internal")?;

    let corrected = || async {
        let stage = world.stage().await?;
        let told = events(world).await?.iter().any(|event| text(event, "reason") == "DriftCorrected");
        let right = stage.pointer("/variables/backend").and_then(Value::as_str) == Some("blue.orders.internal");
        Ok((told && right).then_some(stage))
    };
    let stage = world.until("the correction, and its event", corrected).await?;
    world.types(&format!("kubectl events --for {OBJECT} | tail -n 1")).await?;
    world.types(r#"kubectl get apistage orders-prod -o jsonpath='{.status.drift}{"\n"}'"#).await?;
    let calls = world.shows_calls().await?;
    world.check_equal(
        "the variable is as declared again (asked API Gateway)",
        &stage.get("variables"),
        &Some(&json!({"backend": "blue.orders.internal"})),
    )?;
    world.check_equal(
        "1 write, and it touched nothing else",
        &writes(&calls),
        &["UpdateStage replace /variables/backend blue.orders.internal"],
    )?;
    let reasons: Vec<String> = events(world).await?.iter().skip(before).map(|event| text(event, "reason")).collect();
    world.check_equal("1 event tells it: DriftCorrected", &reasons, &["DriftCorrected"])?;
    let object = world.asks(&format!("get {OBJECT}")).await?;
    world.check_equal("the object is Ready (asked kubectl)", &ready(&object), &"True Synced")
}

/// Operation and details of each call that may change something, the note in a deployment's description apart: it follows
/// the release, so it may not have been written yet when somebody looks.
pub(super) fn writes(calls: &[Call]) -> Vec<String> {
    let writes = calls.iter().filter(|call| call.write && call.operation != "UpdateDeployment");
    writes.map(|call| format!("{} {}", call.operation, call.details())).collect()
}

/// The events about our object, oldest first.
pub(super) async fn events(world: &World) -> Result<Vec<Value>, Failure> {
    let list = world.asks("get events.events.k8s.io --field-selector regarding.name=orders-prod").await?;
    let mut items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items.sort_by_key(|event| text(event, "eventTime"));
    Ok(items)
}
