//! Calls as they would be sent: the operation, what for, and all that it is given.

use serde::Serialize;
use stagecraft_core::api::owner::OWNER_TAG;
use stagecraft_core::api::settings::CacheClusterSize;
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::plan::{Action, NewStage, What};
use stagecraft_core::world::Group;

/// Asks whose credentials these are.
pub(super) const CALLER: &str = "GetCallerIdentity";

/// The purpose of deletions of what nobody needs any more.
pub(super) const CLEAN_UP: &str = "clean-up";

/// The purpose of the tag by which a stage becomes an object's own.
const ADOPTION: &str = "adoption";

/// The purpose of a new description for a deployment.
const DESCRIPTION: &str = "description";

/// One call, as it would be sent.
#[derive(Serialize)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    pub(super) write: bool,
}

impl Call {
    pub(super) fn read(operation: &'static str) -> Self {
        Self { operation, purpose: None, details: Vec::new(), write: false }
    }

    pub(super) fn write(operation: &'static str, purpose: &'static str, details: Vec<String>) -> Self {
        Self { operation, purpose: Some(purpose), details, write: true }
    }

    pub(super) fn is_adoption(&self) -> bool {
        self.operation == "TagResource" && self.purpose == Some(ADOPTION)
    }

    pub(super) fn is_description(&self) -> bool {
        self.purpose == Some(DESCRIPTION)
    }

    pub(super) fn is_clean_up(&self) -> bool {
        self.purpose == Some(CLEAN_UP)
    }
}

/// A read. `unlisted`: listing the stages is denied.
pub(super) fn read(what: &What, unlisted: bool) -> Option<Call> {
    let operation = match what {
        What::Account => CALLER,
        What::RestApi => "GetRestApi",
        What::Stages if unlisted => {
            let details = vec!["in place of GetStages, which is denied".to_owned()];
            return Some(Call { details, ..Call::read("GetStage") });
        }
        What::Stages => "GetStages",
        What::Deployments | What::Leftovers => "GetDeployments",
        What::Methods(_) => "GetDeployment",
        What::Gate(question) => {
            let details = question.webhooks.iter().map(|webhook| format!("{} (taken for granted here)", webhook.name));
            return Some(Call { purpose: Some("gate"), details: details.collect(), ..Call::read("webhook") });
        }
        What::Governor | What::Readings(_) => return None,
    };
    Some(Call::read(operation))
}

/// A write. Values of variables are the user's own.
pub(super) fn write(action: &Action, show_values: bool) -> Call {
    let patch = |operations: &[PatchOperation]| operations.iter().map(|one| operation(one, show_values)).collect();
    let (operation, purpose, details): (_, _, Vec<String>) = match action {
        Action::Snapshot { description, .. } => {
            ("CreateDeployment", "snapshot", vec![format!("description = {description}")])
        }
        Action::CreateStage(new) => ("CreateStage", "traffic", members(new, show_values)),
        Action::Traffic(operations) | Action::Promote { operations, .. } | Action::Abort(operations) => {
            ("UpdateStage", "traffic", patch(operations))
        }
        Action::Settings { group, operations, .. } => ("UpdateStage", purpose_of(*group), patch(operations)),
        Action::SetTags { tags, .. } => {
            ("TagResource", "tags", tags.iter().map(|(key, value)| format!("{key} = {value}")).collect())
        }
        Action::RemoveTags { keys } => ("UntagResource", "tags", keys.clone()),
        Action::Tag(owner) => ("TagResource", ADOPTION, vec![format!("{OWNER_TAG} = {owner}")]),
        Action::Untag => ("UntagResource", ADOPTION, vec![OWNER_TAG.to_owned()]),
        Action::FlushCache => ("FlushStageCache", "command", Vec::new()),
        Action::FlushAuthorizers => ("FlushStageAuthorizersCache", "command", Vec::new()),
        Action::DeleteStage => ("DeleteStage", "deletion", Vec::new()),
        Action::DeleteDeployment(id) => ("DeleteDeployment", CLEAN_UP, vec![format!("deployment {id}")]),
        Action::Prune { deployment, revision } => {
            ("DeleteDeployment", CLEAN_UP, vec![format!("deployment {deployment} ({revision})")])
        }
        Action::Describe { deployment, description } => {
            let details = vec![format!("deployment {deployment}"), format!("replace /description = {description}")];
            ("UpdateDeployment", DESCRIPTION, details)
        }
    };
    Call::write(operation, purpose, details)
}

/// What `CreateStage` is given, by the names of its members.
fn members(new: &NewStage, show_values: bool) -> Vec<String> {
    // No `..`: what a new stage is given shows in the plan.
    let NewStage { name, deployment_id, description, variables, tags, tracing_enabled, documentation_version, cache } =
        new;
    let mut members = vec![format!("stageName = {name}"), format!("deploymentId = {deployment_id}")];
    let mut set = |member: &str, value: Option<&str>| members.extend(value.map(|value| format!("{member} = {value}")));
    set("description", description.as_deref());
    set("tracingEnabled", tracing_enabled.then_some("true"));
    set("documentationVersion", documentation_version.as_deref());
    set("cacheClusterEnabled", cache.map(|_| "true"));
    set("cacheClusterSize", cache.and_then(|cache| cache.size).map(CacheClusterSize::as_str));
    members.extend(variables.iter().map(|(key, value)| given(&format!("variables.{key}"), value, !show_values)));
    members.extend(tags.iter().map(|(key, value)| format!("tags[{key}] = {value}")));
    members
}

fn purpose_of(group: Group) -> &'static str {
    match group {
        Group::Logging => "logging",
        Group::Cache => "cache",
        Group::Snapshot
        | Group::Traffic
        | Group::Settings
        | Group::ClientCertificate
        | Group::DocumentationVersion
        | Group::Tags
        | Group::Command
        | Group::Ownership
        | Group::CleanUp
        | Group::Housekeeping => "settings",
    }
}

/// One operation as it would be sent.
fn operation(operation: &PatchOperation, show_values: bool) -> String {
    let is_private = operation.path.starts_with("/variables/") || operation.path.contains("/stageVariableOverrides/");
    patch_operation(operation, is_private && !show_values)
}

/// One operation as it would be sent, with its value unless that is hidden.
pub(super) fn patch_operation(operation: &PatchOperation, hidden: bool) -> String {
    match &operation.value {
        Some(value) => given(&operation.to_string(), value, hidden),
        None => operation.to_string(),
    }
}

/// What something is given, unless that is hidden.
pub(super) fn given(what: &str, value: &str, hidden: bool) -> String {
    if hidden { format!("{what} (value hidden; --show-values)") } else { format!("{what} = {value}") }
}
