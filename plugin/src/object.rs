//! Objects as this plugin can read them, also where a newer operator wrote more than it knows.
//!
//! A part of spec or status that has another shape than the one known here is left out and named; what is left is shown.
//! A plugin that is a version behind must not be blind.

use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use stagecraft_core::api::canary::{ApiCanary, ApiCanarySpec, ApiCanaryStatus};
use stagecraft_core::api::stage::{ApiStage, ApiStageSpec};
use stagecraft_core::api::status::ApiStageStatus;

/// An object, and the fields that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readable<K> {
    /// The object without them.
    pub object: K,
    /// Their paths, such as `status.release`.
    pub unreadable: Vec<String>,
}

/// A kind that can be read field by field.
pub trait Kind: kube::Resource<DynamicType = ()> + DeserializeOwned {
    /// Its spec.
    type Spec: DeserializeOwned;
    /// Its status.
    type Status: DeserializeOwned;
    /// The least spec, for trying one field at a time.
    fn least_spec() -> Value;
}

impl Kind for ApiStage {
    type Spec = ApiStageSpec;
    type Status = ApiStageStatus;
    fn least_spec() -> Value {
        json!({})
    }
}

impl Kind for ApiCanary {
    type Spec = ApiCanarySpec;
    type Status = ApiCanaryStatus;
    fn least_spec() -> Value {
        json!({ "stageRef": { "name": "" }, "steps": [] })
    }
}

/// Reads an object.
///
/// # Errors
///
/// Not even what is left has the shape of the kind.
pub fn read<K: Kind>(object: &DynamicObject) -> serde_json::Result<Readable<K>> {
    let mut value = serde_json::to_value(object)?;
    if let Ok(object) = serde_json::from_value(value.clone()) {
        return Ok(Readable { object, unreadable: Vec::new() });
    }
    let mut unreadable = Vec::new();
    if let Some(spec) = value.get_mut("spec") {
        sift::<K::Spec>(spec, &K::least_spec(), "spec", &mut unreadable);
    }
    if let Some(status) = value.get_mut("status") {
        sift::<K::Status>(status, &json!({}), "status", &mut unreadable);
    }
    unreadable.sort();
    Ok(Readable { object: serde_json::from_value(value)?, unreadable })
}

/// Leaves out every field that does not fit by itself; of a list, the entries that do not.
fn sift<T: DeserializeOwned>(section: &mut Value, least: &Value, name: &str, unreadable: &mut Vec<String>) {
    let Value::Object(fields) = section else { return };
    let fits = |field: &str, value: &Value| {
        let mut alone = least.as_object().cloned().unwrap_or_default();
        alone.insert(field.to_owned(), value.clone());
        serde_json::from_value::<T>(Value::Object(alone)).is_ok()
    };
    let mut kept = Map::new();
    for (field, mut value) in std::mem::take(fields) {
        if !fits(&field, &value) {
            unreadable.push(format!("{name}.{field}"));
            let Value::Array(entries) = &mut value else { continue };
            entries.retain(|entry| fits(&field, &json!([entry])));
        }
        kept.insert(field, value);
    }
    *fields = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(status: &Value) -> Readable<ApiStage> {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": "orders" },
            "spec": { "restApiId": "a1b2c3d4e5", "releasePolicy": "Canary" }, "status": status,
        });
        read(&serde_json::from_value(object).unwrap()).unwrap()
    }

    #[test]
    fn fields_that_nobody_knew_yet_are_no_trouble() {
        let read = stage(&json!({ "revision": "r1", "mood": { "good": true } }));
        assert_eq!(read.unreadable, [""; 0]);
        assert_eq!(read.object.status.unwrap().revision, Some("r1".into()));
    }

    #[test]
    fn what_has_another_shape_is_left_out_and_named() {
        let entry = |how: &str| json!({ "how": how, "deploymentId": "d", "variablesHash": "0" });
        let read = stage(&json!({
            "revision": "r1", "release": { "id": "r2.2", "phase": "Dreaming" }, "history": [entry("Canary"), entry("Magic")],
        }));
        assert_eq!(read.unreadable, ["status.history", "status.release"]);
        let status = read.object.status.unwrap();
        assert_eq!((status.revision, status.release, status.history.len()), (Some("r1".into()), None, 1));
        assert!(read.object.spec.release_policy.is_some());
    }

    #[test]
    fn a_spec_is_read_field_by_field_too() {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": "orders" },
            "spec": { "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5 }], "onFailure": "Ask" },
        });
        let read: Readable<ApiCanary> = read(&serde_json::from_value(object).unwrap()).unwrap();
        assert_eq!(read.unreadable, ["spec.onFailure"]);
        assert_eq!((read.object.spec.stage_ref.name.as_str(), read.object.spec.steps.len()), ("orders", 1));
    }
}
