//! Objects that no operator would write: other versions of the definitions, hands, losses. A script that raises an error on one of
//! them would block a sync for ever.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use stagecraft_argocd::{Customizations, Status};

use crate::{object, objects};

/// What stands where something else should.
fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        Just(json!("True")),
        Just(json!(0)),
        Just(json!(-1.5)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, "x", [], {}])),
        Just(json!([{ "type": "Ready" }, { "type": 7, "status": {} }])),
        Just(json!({ "type": [], "message": {}, "status": "True" })),
    ]
}

/// Paths of everything in a value, the value itself first.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                paths(item, &format!("{path}/{number}"), all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                paths(member, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Runs everything on it. Health and discovery must answer, whatever it is.
fn survive(customizations: &Customizations, object: &Value) -> Result<(), TestCaseError> {
    let health = customizations.health(object);
    prop_assert!(health.is_ok(), "{health:?} of {object}");
    if object["kind"] == "ApiStage" {
        let actions = customizations.discover(object);
        prop_assert!(actions.is_ok(), "{actions:?} of {object}");
    }
    Ok(())
}

/// Each member of each object of the stories, replaced by each strange thing: nothing of it is left to chance.
#[test]
fn no_member_is_taken_for_granted() {
    let customizations = Customizations::installed().unwrap();
    let strange =
        [Value::Null, json!("x"), json!(7), json!(true), json!([]), json!({}), json!([{}]), json!([null, "x"])];
    let mut tried = 0;
    // The objects share most of their members: each is broken in every way once, and elsewhere by its absence.
    let mut known = BTreeSet::new();
    for name in objects() {
        let object = object(&name);
        let mut all = Vec::new();
        paths(&object, "", &mut all);
        // Which script runs is told by these two.
        for path in all.iter().filter(|path| !["", "/kind", "/apiVersion"].contains(&path.as_str())) {
            let is_new = known.insert(format!("{} {path}", object["kind"]));
            for instead in strange.iter().take(if is_new { strange.len() } else { 1 }) {
                let mut broken = object.clone();
                *broken.pointer_mut(path).unwrap() = instead.clone();
                survive(&customizations, &broken).unwrap();
                tried += 1;
            }
        }
    }
    assert!(tried > 3_000, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn several_strange_things_at_once_raise_no_error(
        which in any::<prop::sample::Index>(),
        holes in proptest::collection::vec((any::<prop::sample::Index>(), strange()), 1..5),
    ) {
        let customizations = Customizations::installed().unwrap();
        let mut object = object(which.get::<String>(&objects()));
        for (at, instead) in holes {
            let mut all = Vec::new();
            paths(&object, "", &mut all);
            all.retain(|path| !["", "/kind", "/apiVersion"].contains(&path.as_str()));
            if let Some(place) = object.pointer_mut(at.get::<String>(&all)) {
                *place = instead;
            }
        }
        survive(&customizations, &object)?;
    }
}

#[test]
fn what_is_not_known_is_progressing_and_never_healthy() {
    let customizations = Customizations::installed().unwrap();
    for kind in ["ApiStage", "ApiCanary", "ApiGatewayResponse"] {
        let base = json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind });
        for (member, value) in [
            ("status", Value::Null),
            ("status", json!({})),
            ("status", json!({ "conditions": [] })),
            ("status", json!({ "conditions": [{ "type": "Released", "status": "True" }] })),
            ("metadata", Value::Null),
        ] {
            let mut object = base.clone();
            object[member] = value;
            assert_eq!(customizations.health(&object).unwrap().status, Status::Progressing, "{object}");
        }
    }
}
