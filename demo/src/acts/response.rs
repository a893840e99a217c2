//! Act 7: what API Gateway itself answers, and when callers get it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    begin::{ready, text},
    change::writes,
};
use crate::{failure::Failure, world::World};

const OBJECT: &str = "apigatewayresponse/orders-throttled";

pub(super) async fn gateway_response(world: &mut World) -> Result<(), Failure> {
    world.gateway()?.forget_calls().await?;
    world.types("cat examples/gateway-response.yaml").await?;
    world.types("kubectl apply -f examples/gateway-response.yaml").await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Ready --timeout=60s")).await?;
    let written = Instant::now();
    world.types("kubectl get apigatewayresponses").await?;
    world
        .types(&format!(
            r#"kubectl get {OBJECT} -o jsonpath='{{.status.conditions[?(@.type=="Deployed")].message}}{{"\n"}}'"#
        ))
        .await?;
    let path = format!("/restapis/{}/gatewayresponses/THROTTLED", world.ids.rest_api);
    let held = world.look_up(&path).await?;
    let header = held.pointer("/responseParameters/gatewayresponse.header.Retry-After").and_then(Value::as_str);
    world.check_equal("the REST API holds the header (asked API Gateway)", &header, &Some("'5'"))?;
    let object = world.asks(&format!("get {OBJECT}")).await?;
    world.check_equal("the object is Ready (asked kubectl)", &ready(&object), &"True Synced")?;
    world.check_equal(
        "and says that callers of the stage do not get it yet",
        &deployed(&object),
        &"False AwaitingDeployment",
    )?;
    let calls = world.shows_calls().await?;
    let writes = writes(&calls);
    let one_put = matches!(writes.as_slice(), [write] if write.starts_with("PutGatewayResponse"));
    world.check("1 write", one_put, format_args!("{writes:#?}"))?;

    world.screen.note("A deployment of the same second would prove nothing: API Gateway dates them to the second.")?;
    let next_second = || async { Ok((written.elapsed() > Duration::from_secs(1)).then_some(())) };
    world.until("the next second", next_second).await?;
    world.types(r#"kubectl patch apistage orders-prod --type=merge -p '{"spec":{"revision":"r3"}}'"#).await?;
    world.types("kubectl wait apistage/orders-prod --for=condition=Released --timeout=60s").await?;
    world.types(&format!("kubectl wait {OBJECT} --for=condition=Deployed --timeout=60s")).await?;
    world.types("kubectl get apigatewayresponses").await?;
    world.types(&format!("kubectl events --for {OBJECT}")).await?;
    let stage = world.stage().await?;
    let deployment = text(&stage, "deploymentId");
    let object = world.asks(&format!("get {OBJECT}")).await?;
    let named = object.pointer("/status/stages/0/deploymentId").and_then(Value::as_str).unwrap_or_default();
    world.check(
        &format!("now it is live: the stage serves deployment {deployment}, made after it (asked API Gateway)"),
        deployed(&object) == "True Live" && named == deployment,
        &object,
    )?;

    world.types("kubectl delete -f examples/gateway-response.yaml").await?;
    let back = world.look_up(&path).await?;
    world.check_equal(
        "deleted: API Gateway's own answer is back (asked API Gateway)",
        &back.get("defaultResponse"),
        &Some(&Value::Bool(true)),
    )
}

/// Status and reason of the condition Deployed.
fn deployed(object: &Value) -> String {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let found = conditions.into_iter().find(|condition| text(condition, "type") == "Deployed");
    found.map(|condition| format!("{} {}", text(condition, "status"), text(condition, "reason"))).unwrap_or_default()
}
