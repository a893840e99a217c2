//! The contract: what users write, what they read, and what is left in AWS.
//!
//! `docs/contract.md` states it on one page, golden tests hold it, and a change needs a decision note: objects and AWS
//! resources will hold these shapes for years.

pub mod arn;
pub mod canary;
pub mod check;
pub mod command;
pub mod condition;
pub mod counts;
pub mod duration;
pub mod event;
pub mod gateway_response;
pub mod marker;
pub mod names;
pub mod owner;
pub mod percent;
pub mod progress;
pub mod settings;
pub mod stage;
pub mod status;
pub mod target;

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

/// API group of all kinds.
pub const GROUP: &str = "stagecraft.dev";

/// The finalizer on every object that governs something in AWS: the only thing that the operator writes into metadata.
pub const FINALIZER: &str = "stagecraft.dev/finalizer";

/// The annotation that carries a command.
pub const COMMAND: &str = "stagecraft.dev/command";

/// All custom resource definitions, as `crds/` holds them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        structural(stage::ApiStage::crd()),
        structural(canary::ApiCanary::crd()),
        structural(gateway_response::ApiGatewayResponse::crd()),
    ]
}

/// The definition as the contract wants it. Without `nullable` the apiserver refuses a `field: null`, so that for CEL and for us
/// a field is declared or it is not, and nothing third. Without `default` nobody but the user writes into spec.
/// Formats that the apiserver does not know would be a warning at each apply.
fn structural(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            strip(schema);
        }
    }
    definition
}

fn strip(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    schema.format = schema.format.take().filter(|format| !format.starts_with("uint"));
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        strip(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        strip(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        strip(values);
    }
}
