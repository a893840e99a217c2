//! The contract: what users write, what they read, and what is left in AWS.
//!
//! `docs/contract.md` states it on one page, golden tests hold it, and a change needs a decision note: objects and AWS
//! resources will hold these shapes for years.

pub mod command;
pub mod condition;
pub mod event;
pub mod marker;
pub mod names;
pub mod owner;
pub mod stage;
pub mod status;
pub mod target;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
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
    vec![stage::ApiStage::crd()]
}
