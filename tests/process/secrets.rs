//! P12: values of variables appear in no log, event or metric, and in status only where the contract says.

use apigateway_simulator::{BeforeTheEffect, FaultKind, Moment};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{SOON, World, step};

const OLD: &str = "planted-old-value";
const NEW: &str = "planted-new-value";

#[tokio::test]
async fn values_of_variables_stay_in_spec() {
    let world = World::new().await;
    let operator = world.operator("AKIAONE", world.plane.kubeconfig());
    let spec = |value: &str| {
        let mut spec = world.spec("prod", "r1");
        spec["variables"] = json!({ "backend": value });
        spec
    };
    world.apply("prod", spec(OLD)).await;
    world.await_ready("prod", SOON).await;
    step("a value that AWS refuses, and quotes");
    let message = format!(
        "Invalid stage variable value: {NEW}.  Please use values with alphanumeric characters and the symbols."
    );
    let refusal = FaultKind::Refusal { status: 400, code: "BadRequestException".to_owned(), message };
    world.simulator.faults().on("UpdateStage").times(1).fault(Moment::Before, refusal);
    world.simulator.faults().on("GetStages").call(4).error(500, BeforeTheEffect);
    world.apply("prod", spec(NEW)).await;
    let deadline = tokio::time::Instant::now() + SOON;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
    while !operator.log().contains("UpdateStage was refused") {
        assert!(tokio::time::Instant::now() < deadline, "it was never refused: {}", operator.log());
        ticks.tick().await;
    }

    let object = world.objects().get("prod").await.unwrap();
    let mut status = serde_json::to_value(object.status.unwrap()).unwrap();
    assert_eq!(
        status["release"]["stable"]["variables"],
        json!({ "backend": OLD }),
        "the one place, so that it can be put back"
    );
    status["release"]["stable"]["variables"] = Value::Null;
    let events: Api<Event> = Api::namespaced(world.raw(), "default");
    let events = serde_json::to_string(&events.list(&ListParams::default()).await.unwrap().items).unwrap();
    assert!(events.contains("ReleaseStarted"), "there are events to look at: {events}");
    let metrics = metrics(&operator.log()).await;
    assert!(metrics.contains("stagecraft_aws_calls_total{"), "there are metrics to look at: {metrics}");
    let places = [("status", status.to_string()), ("events", events), ("metrics", metrics), ("log", operator.log())];
    for (place, text) in places {
        for value in [OLD, NEW] {
            assert!(!text.contains(value), "{value} is in the {place}: {text}");
        }
    }
}

/// What `/metrics` answers, at the address that the log tells.
async fn metrics(log: &str) -> String {
    let address =
        log.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("the log tells it");
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}
