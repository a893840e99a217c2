//! Commands by annotation: taken up once, remembered in status, alive through re-applies.

use serde_json::json;

use crate::support::{World, step};

#[tokio::test]
async fn a_command_is_obeyed_once_and_survives_a_reapply() {
    let world = World::new().await;
    let spec = json!({ "restApiId": world.api, "stageName": "prod", "revision": "r1" });
    world.apply("orders", spec.clone()).await.unwrap();
    world.rest("orders").await;
    let first = world.stage("prod").unwrap()["deploymentId"].clone();

    step("the definition changed under the same revision, and the user says that it shall count");
    world.annotate("orders", "resnapshot/r1/1").await;
    world.rest("orders").await;
    let second = world.stage("prod").unwrap()["deploymentId"].clone();
    assert_ne!(second, first, "{}", world.tell("orders").await);
    let status = world.status("orders").await;
    assert_eq!(serde_json::to_value(status.last_command.unwrap()).unwrap()["state"], "Done");
    assert_eq!(status.release.unwrap().target.attempt, Some(2));

    step("Git is applied again, and another operator starts");
    let applied = world.apply("orders", spec).await.unwrap();
    assert_eq!(applied.metadata.annotations.unwrap()["stagecraft.dev/command"], "resnapshot/r1/1");
    world.rest("orders").await;
    assert_eq!(world.stage("prod").unwrap()["deploymentId"], second);
    assert_eq!(world.snapshots().len(), 2, "a value is taken up once");
    world.assert_rest("orders").await;

    step("reconcile looks at everything anew, at once");
    world.simulator.reset_calls();
    world.annotate("orders", "reconcile/-/2").await;
    world.rest("orders").await;
    assert_eq!(world.calls(), ["GetStages"]);

    step("what this version cannot do is refused with a sentence");
    world.annotate("orders", "promote/r1.2/3").await;
    world.rest("orders").await;
    let refused = world.status("orders").await.last_command.unwrap();
    assert_eq!(serde_json::to_value(refused.state).unwrap(), "Refused");
    assert_eq!(
        refused.message,
        "there is no release to promote: r1 (snapshot 2) is stable; to go back to r1, give the command rollback/-"
    );
    assert!(world.event_reasons("orders").await.contains(&"CommandRefused".to_owned()));
    world.assert_rest("orders").await;
}
