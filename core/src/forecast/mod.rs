//! What the calls of a plan would make of API Gateway, without sending them: for showing a plan before it is carried out.
//!
//! Only effects that are known beforehand are foreseen, by the rules that plans are made by (aws-facts, patch operations).
//! Where API Gateway would refuse a call, the forecast leaves things as they are: what is shown is what would be sent.

mod difference;
pub(crate) mod patch;

pub use difference::{Difference, differences};

use std::sync::Arc;

use jiff::Timestamp;

use crate::api::names::DeploymentId;
use crate::api::owner::OWNER_TAG;
use crate::observed::{CacheCluster, Deployment, Stage};
use crate::plan::{Action, NewStage, Place};
use crate::settle::Reply;
use crate::world::{Observed, Seen};

/// How ids of snapshots begin that would be taken: API Gateway's own are lower-case letters and digits only.
const TO_COME: &str = "(new";

/// The id of the next snapshot that would be taken: `(new)`, then `(new 2)` and so on.
fn to_come(deployments: &[Deployment]) -> DeploymentId {
    match deployments.iter().filter(|deployment| deployment.id.as_str().starts_with(TO_COME)).count() {
        0 => DeploymentId::new(format!("{TO_COME})")),
        others => DeploymentId::new(format!("{TO_COME} {})", others + 1)),
    }
}

/// Puts the effect of one call into what was observed, and tells the reply that the call would get.
pub fn carry_out(observed: &mut Observed, place: &Place, action: &Action, now: Timestamp) -> Reply {
    match action {
        Action::Snapshot { description, .. } => {
            let id = to_come(observed.deployments.as_ref().map_or(&[][..], |seen| seen.value.as_slice()));
            let deployment = Deployment { id: id.clone(), created: now, description: Some(description.clone()) };
            change(&mut observed.deployments, |deployments| deployments.push(deployment));
            return Reply::Deployment { id, found: false };
        }
        Action::CreateStage(new) => {
            let stage = created(new, now);
            change(&mut observed.stages, |stages| stages.add(stage));
        }
        Action::Traffic(operations)
        | Action::Promote { operations, .. }
        | Action::Abort(operations)
        | Action::Settings { operations, .. } => {
            on_stage(observed, place, |stage| patch::update_stage(stage, operations));
        }
        Action::Tag(owner) => on_stage(observed, place, |stage| {
            stage.tags.get_or_insert_default().insert(OWNER_TAG.to_owned(), owner.to_string());
        }),
        Action::SetTags { tags, .. } => on_stage(observed, place, |stage| {
            stage.tags.get_or_insert_default().extend(tags.clone());
        }),
        Action::RemoveTags { keys } => on_stage(observed, place, |stage| {
            stage.tags.get_or_insert_default().retain(|key, _| !keys.contains(key));
        }),
        Action::Untag => on_stage(observed, place, |stage| {
            stage.tags.get_or_insert_default().remove(OWNER_TAG);
        }),
        Action::DeleteStage => {
            change(&mut observed.stages, |stages| stages.remove(&place.stage));
        }
        Action::DeleteDeployment(id) | Action::Prune { deployment: id, .. } => {
            change(&mut observed.deployments, |deployments| deployments.retain(|deployment| deployment.id != *id));
        }
        Action::Describe { deployment, description } => change(&mut observed.deployments, |deployments| {
            for known in deployments.iter_mut().filter(|known| known.id == *deployment) {
                known.description = Some(description.clone());
            }
        }),
        Action::FlushCache | Action::FlushAuthorizers => {}
    }
    Reply::Done
}

/// Changes what was read; what was not read yet will be, as it is.
fn change<T: Clone>(seen: &mut Option<Seen<T>>, change: impl FnOnce(&mut T)) {
    if let Some(seen) = seen {
        change(Arc::make_mut(&mut seen.value));
    }
}

fn on_stage(observed: &mut Observed, place: &Place, then: impl FnOnce(&mut Stage)) {
    change(&mut observed.stages, |stages| {
        if let Some(stage) = stages.find_mut(&place.stage) {
            then(stage);
        }
    });
}

fn created(new: &NewStage, now: Timestamp) -> Stage {
    // No `..`: what a new stage is given shows in the forecast.
    let NewStage { name, deployment_id, description, variables, tags, tracing_enabled, documentation_version, cache } =
        new.clone();
    let size = cache.as_ref().and_then(|cache| cache.size).map(|size| size.as_str().to_owned());
    let status = if cache.is_some() { "CREATE_IN_PROGRESS" } else { "NOT_AVAILABLE" };
    Stage {
        name,
        deployment_id,
        description,
        variables,
        tags: Some(tags),
        canary: None,
        created: Some(now),
        last_updated: Some(now),
        web_acl_arn: None,
        client_certificate_id: None,
        documentation_version,
        tracing_enabled,
        cache: CacheCluster { enabled: cache.is_some(), size, status: status.to_owned() },
        method_settings: std::collections::BTreeMap::new(),
        access_log: None,
    }
}
