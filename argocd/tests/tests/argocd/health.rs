//! What Argo CD shows of the objects of the stories, and what that does to a sync.

use serde_json::{Value, json};
use stagecraft_argocd::{Customizations, Status};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::view::{Standing, canary_status};

use crate::{object, objects};

/// Every object that a story keeps, and what Argo CD shows of it.
const EXPECTED: &[(&str, Status)] = &[
    ("apicanary-awaiting-step", Status::Healthy),
    ("apicanary-held", Status::Healthy),
    ("apicanary-idle", Status::Healthy),
    ("apicanary-not-governing", Status::Degraded),
    ("apicanary-paused", Status::Healthy),
    ("apicanary-progressing", Status::Healthy),
    ("apicanary-suspended", Status::Suspended),
    ("apigatewayresponse-awaiting-deployment", Status::Healthy),
    ("apigatewayresponse-exists", Status::Degraded),
    ("apigatewayresponse-live", Status::Healthy),
    ("apigatewayresponse-new", Status::Progressing),
    ("apistage-aborted", Status::Degraded),
    ("apistage-access-denied", Status::Degraded),
    ("apistage-awaiting-apicanary", Status::Suspended),
    ("apistage-awaiting-promotion", Status::Suspended),
    ("apistage-awaiting-step", Status::Suspended),
    ("apistage-baking", Status::Progressing),
    ("apistage-cache-available", Status::Healthy),
    ("apistage-cache-creating", Status::Healthy),
    ("apistage-changed", Status::Progressing),
    ("apistage-deletion-blocked", Status::Degraded),
    ("apistage-drift-reported", Status::Suspended),
    ("apistage-foreign-canary", Status::Suspended),
    ("apistage-held", Status::Degraded),
    ("apistage-new", Status::Progressing),
    ("apistage-no-rest-api", Status::Progressing),
    ("apistage-paused", Status::Suspended),
    ("apistage-progressing", Status::Progressing),
    ("apistage-promoted", Status::Healthy),
    ("apistage-rolled-back", Status::Degraded),
    ("apistage-suspended", Status::Suspended),
    ("apistage-synced", Status::Healthy),
];

#[test]
fn every_object_of_the_stories_has_the_health_of_this_table() {
    let customizations = Customizations::installed().unwrap();
    let named: Vec<_> = EXPECTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, objects(), "an object without a row, or a row without an object");
    for (name, expected) in EXPECTED {
        let health = customizations.health(&object(name)).unwrap();
        assert_eq!(health.status, *expected, "{name}: {health:?}");
        assert!(!health.message.is_empty(), "{name} says nothing");
    }
}

#[test]
fn the_message_is_the_one_that_says_what_to_do() {
    let customizations = Customizations::installed().unwrap();
    let says = |name: &str| customizations.health(&object(name)).unwrap().message;
    assert!(says("apistage-awaiting-step").contains("give the command approve/r2.2/1"));
    assert!(says("apistage-held").contains("Name another revision"));
    assert!(says("apigatewayresponse-awaiting-deployment").contains("name a new revision"));
    assert!(says("apicanary-held").contains("is held"), "how the release stands: {}", says("apicanary-held"));
    assert!(says("apistage-changed").contains("has not looked at the latest change"));
}

/// An `ApiCanary` with the status that the operator would give it for this stage.
fn canary_of(stage: &ApiStage) -> Value {
    let canary = json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary",
        "metadata": { "name": "orders", "namespace": "shop", "uid": "c1", "generation": 3, "resourceVersion": "1" },
        "spec": { "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "hold": "10m" }] },
    });
    let mut canary: ApiCanary = serde_json::from_value(canary).unwrap();
    canary.status = Some(canary_status(&canary, Standing::Governs(stage), &[], jiff(0)));
    serde_json::to_value(canary).unwrap()
}

fn jiff(second: i64) -> k8s_openapi::jiff::Timestamp {
    k8s_openapi::jiff::Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Argo CD goes on to the next wave from Healthy alone, and fails at Degraded. An `ApiCanary` in an earlier wave must never hold
/// back what its stage needs: the revision that mends a failed release, or the stage itself when both are new.
#[test]
fn an_apicanary_holds_back_no_later_wave_whatever_its_stage_does() {
    let customizations = Customizations::installed().unwrap();
    for name in objects().iter().filter(|name| name.starts_with("apistage-")) {
        let stage: ApiStage = serde_json::from_value(object(name)).unwrap();
        if stage.status.is_some() {
            let health = customizations.health(&canary_of(&stage)).unwrap();
            assert_eq!(health.status, Status::Healthy, "{name}: {health:?}");
        }
    }
    let mut alone: ApiCanary = serde_json::from_value(object("apicanary-idle")).unwrap();
    alone.status = Some(canary_status(&alone, Standing::Alone, &[], jiff(0)));
    let health = customizations.health(&serde_json::to_value(&alone).unwrap()).unwrap();
    assert_eq!(health.status, Status::Healthy, "its stage comes with the next wave");
    assert!(health.message.contains("There is no ApiStage"), "{health:?}");
    alone.spec.steps.clear();
    alone.status = Some(canary_status(&alone, Standing::Alone, &[], jiff(0)));
    let stage: ApiStage = serde_json::from_value(object("apistage-synced")).unwrap();
    alone.status = Some(canary_status(&alone, Standing::Governs(&stage), &[], jiff(0)));
    let health = customizations.health(&serde_json::to_value(&alone).unwrap()).unwrap();
    assert_eq!(health.status, Status::Degraded, "one that cannot be used: {health:?}");
}

#[test]
fn a_status_of_another_generation_is_not_taken_for_news() {
    let customizations = Customizations::installed().unwrap();
    for name in objects() {
        let mut changed = object(&name);
        changed["metadata"]["generation"] = json!(99);
        assert_eq!(customizations.health(&changed).unwrap().status, Status::Progressing, "{name}");
    }
}
