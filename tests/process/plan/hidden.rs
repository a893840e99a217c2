//! Values that are the user's own are shown to whoever asks for them, and to nobody else.

use serde_json::json;

use super::{manifest, orders};
use crate::world::{SOON, World, step};

#[tokio::test]
async fn values_are_shown_only_where_they_are_asked_for() {
    const SECRETS: [&str; 6] = [
        "planted-old-value",
        "planted-new-value",
        "planted-override",
        "planted-header",
        "planted-body",
        "planted-other-body",
    ];
    let [old, new, overriding, header, body, other_body] = SECRETS;
    let world = World::new().await;
    let mut spec = world.spec("prod", "r1");
    spec["variables"] = json!({ "backend": old });
    let mut response = json!({
        "restApiId": world.api, "responseType": "THROTTLED", "statusCode": "429",
        "responseParameters": { "gatewayresponse.header.x-a": format!("'{header}'") },
        "responseTemplates": { "application/json": format!("{{\"message\":\"{body}\"}}") },
    });
    let policy = json!({
        "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "hold": "10m" }],
        "stageVariableOverrides": { "backend": overriding },
    });
    let canary = manifest("ApiCanary", "orders", &policy);
    let both =
        |spec: &_, response: &_| [orders(spec), manifest("ApiGatewayResponse", "slow", response), canary.clone()];
    let holds = |text: &str, secrets: &[&str]| secrets.iter().filter(|secret| text.contains(**secret)).count();

    step("new objects");
    for flags in [&["-o", "json"][..], &[]] {
        let said = world.plan(flags, &both(&spec, &response)).await;
        assert_eq!((said.code, holds(&said.out, &SECRETS)), (2, 0), "{} {}", said.out, said.err);
        assert!(said.out.contains("CreateStage") && said.out.contains("PutGatewayResponse"), "{}", said.out);
        assert!(said.out.contains("variables.backend") && said.out.contains("statusCode = 429"), "{}", said.out);
    }
    let said = world.plan(&["--show-values"], &both(&spec, &response)).await;
    assert_eq!(holds(&said.out, &[old, header, body]), 3, "{}", said.out);

    step("changes");
    let _operator = world.operator("operator", world.plane.kubeconfig());
    world.apply("orders", spec.clone()).await;
    world.create("apigatewayresponses", &manifest("ApiGatewayResponse", "slow", &response)).await;
    world.await_ready("orders", SOON).await;
    world.await_call("PutGatewayResponse").await;
    spec["revision"] = json!("r2");
    spec["variables"] = json!({ "backend": new });
    response["statusCode"] = json!("503");
    response["responseParameters"] =
        json!({ "gatewayresponse.header.x-a": format!("'{header}'"), "gatewayresponse.header.x-b": "'b'" });
    response["responseTemplates"] = json!({ "application/json": format!("{{\"message\":\"{other_body}\"}}") });
    for flags in [&["-o", "json"][..], &[]] {
        let said = world.plan(flags, &both(&spec, &response)).await;
        assert_eq!((said.code, holds(&said.out, &SECRETS)), (2, 0), "{} {}", said.out, said.err);
        assert!(said.out.contains("stageVariableOverrides/backend"), "{}", said.out);
    }
    let said = world.plan(&[], &both(&spec, &response)).await;
    for line in [
        "  + responseParameters[gatewayresponse.header.x-b]   (value hidden; --show-values)",
        "  ~ responseTemplates[application/json]              (value hidden; --show-values)",
        "  ~ statusCode                                       429 -> 503",
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line:?} is missing in\n{}", said.out);
    }
    let said = world.plan(&["--show-values"], &both(&spec, &response)).await;
    assert_eq!(holds(&said.out, &[overriding, body, other_body]), 3, "{}", said.out);
    let line = format!("{{\"message\":\"{body}\"}} -> {{\"message\":\"{other_body}\"}}");
    assert!(said.out.contains(&line), "{}", said.out);

    step("at once, without a canary");
    let said = world.plan(&["-o", "json"], &[orders(&spec)]).await;
    assert_eq!((said.code, holds(&said.out, &SECRETS)), (2, 0), "{} {}", said.out, said.err);
    assert!(said.out.contains("replace /variables/backend (value hidden; --show-values)"), "{}", said.out);
    let said = world.plan(&["-o", "json", "--show-values"], &[orders(&spec)]).await;
    assert_eq!(holds(&said.out, &[old, new]), 2, "{}", said.out);

    step("a response that has to drop something is put as a whole");
    response["responseParameters"] = json!({});
    let said = world.plan(&[], &[manifest("ApiGatewayResponse", "slow", &response)]).await;
    assert!(said.out.contains("  - responseParameters[gatewayresponse.header.x-a]"), "{}", said.out);
    assert!(said.out.contains("PutGatewayResponse"), "{}", said.out);
}

#[tokio::test]
async fn a_gateway_response_is_planned_once_and_for_one_object() {
    let world = World::new().await;
    world.simulator.reset_calls();
    let spec = json!({ "restApiId": world.api, "responseType": "THROTTLED", "statusCode": "429" });
    let mut first = manifest("ApiGatewayResponse", "slow", &spec);
    let said = world.plan(&[], &[first.clone(), manifest("ApiGatewayResponse", "twin", &spec)]).await;
    assert_eq!(said.code, 2, "{} {}", said.out, said.err);
    let head = format!("ApiGatewayResponse default/slow (THROTTLED of {}, eu-west-1), which is new", world.api);
    assert!(said.out.starts_with(&head), "{}", said.out);
    assert_eq!(said.out.matches("PutGatewayResponse").count(), 1, "the other one is not the oldest: {}", said.out);
    assert!(said.out.contains("NotOldest"), "{}", said.out);
    assert_eq!(world.writes(&[]), [""; 0], "a plan writes nothing");
    step("bad input is the API server's sentence");
    first["spec"]["statusCode"] = json!("999");
    let said = world.plan(&[], &[first]).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("the API server refuses ApiGatewayResponse default/slow"), "{}", said.err);
}
