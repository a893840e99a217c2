//! The leaves of spec, walked from the generated definition, so that a new field cannot be forgotten.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};

/// Paths of all leaves: members of objects by `.`, of list items by `[].`. A map of free keys is one leaf.
pub(super) fn of_spec() -> BTreeSet<String> {
    let crds = crate::api::crds();
    let stage = crds.iter().find(|crd| crd.spec.names.kind == "ApiStage").unwrap();
    let schema = stage.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let mut leaves = BTreeSet::new();
    walk(&schema.properties.as_ref().unwrap()["spec"], "", &mut leaves);
    assert!(leaves.len() > 30, "the walk found {leaves:?}");
    leaves
}

fn walk(schema: &JSONSchemaProps, path: &str, leaves: &mut BTreeSet<String>) {
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items
        && items.properties.is_some()
    {
        return walk(items, &format!("{path}[]"), leaves);
    }
    match &schema.properties {
        Some(properties) => {
            for (name, property) in properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(property, &path, leaves);
            }
        }
        None => drop(leaves.insert(path.to_owned())),
    }
}
