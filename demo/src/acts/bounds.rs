//! What is refused, and what is left when all is over.

use serde_json::{Value, json};

use super::{
    OBJECT,
    begin::{ready, text},
    change::{events, writes},
};
use crate::{failure::Failure, world::World};

/// The REST API of `demo/manifests/no-such-api.yaml`.
const NO_SUCH_API: &str = "n0suchap1x";

pub(super) async fn bad_input(world: &mut World) -> Result<(), Failure> {
    let refused = [
        (
            r#"kubectl patch apistage orders-prod --type=merge -p '{"spec":{"variables":{"backend":"blue green"}}}'"#,
            "a variable with a blank",
            "use letters, digits and - . _ ~ : / ? # & = , only (no blank)",
        ),
        (
            r#"kubectl patch apistage orders-prod --type=merge -p '{"spec":{"deploymentId":"abc123"}}'"#,
            "a revision and a deployment at once",
            "exclude each other: keep the one that names what the stage shall serve",
        ),
        (
            r#"kubectl patch apistage orders-prod --type=merge -p '{"spec":{"stageName":"test"}}'"#,
            "another stage's name",
            "delete this ApiStage and create one with the other name",
        ),
    ];
    let before = world.asks(&format!("get {OBJECT}")).await?;
    for (command, what, sentence) in refused {
        let said = world.types_in_vain(command).await?;
        world.check(&format!("{what}: refused by the API server, with what to do"), said.contains(sentence), &said)?;
    }
    let after = world.asks(&format!("get {OBJECT}")).await?;
    world.check_equal("the object is untouched (asked kubectl)", &after.get("spec"), &before.get("spec"))?;

    world.screen.note("An id that looks right; only AWS knows that there is no such REST API:")?;
    world.gateway()?.forget_calls().await?;
    world.types("kubectl apply -f demo/manifests/no-such-api.yaml").await?;
    world.types("kubectl wait apistage/ghost --for=condition=Ready=false --timeout=60s").await?;
    world.types("kubectl get apistages").await?;
    world
        .types(r#"kubectl get apistage ghost -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}{"\n"}'"#)
        .await?;
    let ghost = world.asks("get apistage ghost").await?;
    world.check_equal(
        "the object says why it is not Ready (asked kubectl)",
        &ready(&ghost),
        &"False RestApiNotFound",
    )?;

    world.screen.note("Meanwhile its neighbour goes on:")?;
    world
        .types(r#"kubectl patch apistage orders-prod --type=merge -p '{"spec":{"description":"Orders, still in production"}}'"#)
        .await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Ready --timeout=60s")).await?;
    let stage = world.stage().await?;
    world.check_equal(
        "the change is in AWS (asked API Gateway)",
        &stage.get("description"),
        &Some(&json!("Orders, still in production")),
    )?;
    world.types("kubectl delete apistage ghost").await?;
    let calls = world.shows_calls().await?;
    world.check_equal(
        "1 write in all, and none for the ghost",
        &writes(&calls),
        &["UpdateStage replace /description Orders, still in production"],
    )?;
    let asked = calls.iter().filter(|call| call.is_about(NO_SUCH_API)).count();
    world.check(
        &format!("API Gateway was asked about the ghost {asked} times, not in a loop"),
        (1..=10).contains(&asked),
        asked,
    )
}

pub(super) async fn delete(world: &mut World) -> Result<(), Failure> {
    world.gateway()?.forget_calls().await?;
    world.types("kubectl delete -f examples/orders-r1.yaml").await?;
    world.types("kubectl get apistages").await?;
    let calls = world.shows_calls().await?;

    let objects = world.asks("get apistages").await?;
    world.check_equal("no object is left (asked kubectl)", &objects.get("items"), &Some(&json!([])))?;
    let stage = world.stage().await?;
    world.check_equal("stage prod is gone (asked API Gateway: 404)", &stage, &Value::Null)?;
    let deployments = world.deployments().await?;
    world.check_equal("all of our deployments are gone with it", &deployments, &[json!(null); 0])?;
    let api = world.look_up(&format!("/restapis/{}", world.ids.rest_api)).await?;
    world.check_equal("the REST API is not ours, and stays", &text(&api, "name"), &"orders")?;
    let mut operations: Vec<_> = calls.iter().filter(|call| call.write).map(|call| call.operation.as_str()).collect();
    operations.dedup();
    world.check_equal(
        "the stage went first, then what it served",
        &operations,
        &["DeleteStage", "DeleteDeployment"],
    )?;
    let told = events(world).await?.iter().any(|event| text(event, "reason") == "StageDeleted");
    world.check("an event tells it: StageDeleted", told, "no such event")
}
