//! Sends the calls of a plan, in order, and tells what came of each: the only step that writes to AWS.

use std::collections::BTreeSet;

use stagecraft_core::api::marker::Marker;
use stagecraft_core::api::owner::OWNER_TAG;
use stagecraft_core::cause::Cause;
use stagecraft_core::plan::{Action, Place};
use stagecraft_core::settle::Reply;
use stagecraft_core::world::Group;

use super::context::Context;
use super::dereference::Site;
use crate::aws::{self, Error, Gateway, Operation};
use crate::lease::Permit;

/// What a round really did. Private fields: only [`apply`] makes one, so a report cannot speak of a wish.
pub(super) struct Applied {
    done: Vec<(Action, Reply)>,
    refused: Vec<(Action, Error)>,
    stopped: Option<(Action, Error)>,
}

impl Applied {
    /// Calls that had their effect, in order.
    pub(super) fn done(&self) -> &[(Action, Reply)] {
        &self.done
    }

    /// Calls that AWS refused for what they asked; the rest of their group was not sent.
    pub(super) fn refused(&self) -> &[(Action, Error)] {
        &self.refused
    }

    /// The call that ended the round: throttled, lost, or no longer leading.
    pub(super) fn stopped(&self) -> Option<&(Action, Error)> {
        self.stopped.as_ref()
    }
}

/// Sends the calls. A refusal ends its group; a throttle, a conflict, a lost reply or a lost lease ends the round.
pub(super) async fn apply(ctx: &Context, site: &Site, place: &Place, actions: Vec<Action>) -> Applied {
    let mut applied = Applied { done: Vec::new(), refused: Vec::new(), stopped: None };
    let mut closed: BTreeSet<Group> = BTreeSet::new();
    for action in actions {
        if closed.contains(&action.group()) {
            continue;
        }
        match site.aws.with_valid_credentials(|| send(ctx, site, place, &action)).await {
            Ok(reply) => applied.done.push((action, reply)),
            Err(error) => {
                // What of it took effect is known to AWS alone; a call that was only told to wait had no effect.
                if !matches!(
                    error.cause,
                    Cause::Throttled { .. } | Cause::NotSent | Cause::NotLeader | Cause::CredentialsExpired
                ) {
                    ctx.observations.forget(&site.gateway, &site.rest_api);
                }
                if error.class().is_passing() {
                    applied.stopped = Some((action, error));
                    break;
                }
                closed.insert(action.group());
                applied.refused.push((action, error));
            }
        }
    }
    applied
}

async fn send(ctx: &Context, site: &Site, place: &Place, action: &Action) -> Result<Reply, Error> {
    let Site { aws: _, gateway, rest_api } = site;
    let gateway = &gateway.at(action.priority());
    let observations = &ctx.observations;
    if let Action::Snapshot { revision, attempt, description } = action {
        let _one_at_a_time = observations.snapshot_lock(gateway, rest_api).await;
        // Another stage may have taken it since the plan was made; what we made ourselves is in the index without a read.
        let index = observations.deployments(gateway, rest_api, std::time::Duration::ZERO).await?;
        let taken = index.value.iter().find(|deployment| {
            let marker = deployment.description.as_deref().and_then(Marker::parse);
            marker.is_some_and(|marker| marker.revision == *revision && marker.attempt == *attempt)
        });
        if let Some(taken) = taken {
            return Ok(Reply::Deployment { id: taken.id.clone(), found: true });
        }
        gateway.admit(&[Operation::CreateDeployment]).await?;
        let _write = observations.write_lock(gateway, rest_api).await;
        let deployment =
            gateway.create_deployment(rest_api, description, permit(ctx, Operation::CreateDeployment)?).await?;
        observations.note_deployment(gateway, rest_api, deployment.clone());
        return Ok(Reply::Deployment { id: deployment.id, found: false });
    }

    // Before the lock: who waits for the quota must not keep others from writing.
    gateway.admit(calls(action)).await?;
    // One writer at a time per REST API; only who takes traffic away from a bad side waits for nobody.
    let waits = !matches!(action, Action::Abort(_));
    let _write = if waits { Some(observations.write_lock(gateway, rest_api).await) } else { None };
    let sent_at = ctx.clock.boottime();
    match action {
        Action::CreateStage(new) => {
            // No `..`: a new member of the plan's stage that nobody sends must not compile.
            let stagecraft_core::plan::NewStage {
                name,
                deployment_id,
                description,
                variables,
                tags,
                tracing_enabled,
                documentation_version,
                cache,
            } = new.clone();
            let stage = aws::NewStage {
                name,
                deployment_id,
                description,
                variables,
                tags,
                tracing_enabled: tracing_enabled.then_some(true),
                documentation_version,
                cache: cache
                    .map(|cache| aws::NewCacheCluster { size: cache.size.map(|size| size.as_str().to_owned()) }),
            };
            let stage = gateway.create_stage(rest_api, stage, permit(ctx, Operation::CreateStage)?).await?;
            observations.note_stage(gateway, rest_api, stage, sent_at);
        }
        Action::Traffic(operations)
        | Action::Promote { operations, .. }
        | Action::Abort(operations)
        | Action::Settings { operations, .. } => {
            let permit = permit(ctx, Operation::UpdateStage)?;
            let stage = gateway.update_stage(rest_api, &place.stage, operations, permit).await?;
            observations.note_stage(gateway, rest_api, stage, sent_at);
            if action.group() == Group::Cache {
                // What the cluster does now is told by reads only.
                observations.forget_stages(gateway, rest_api);
            }
        }
        Action::SetTags { .. } | Action::RemoveTags { .. } | Action::FlushCache | Action::FlushAuthorizers => {
            beside_the_stage(ctx, gateway, place, action).await?;
            observations.forget_stages(gateway, rest_api);
        }
        Action::Tag(owner) => {
            let tags = [(OWNER_TAG.to_owned(), owner.to_string())].into();
            gateway.tag(&place.stage_arn(), tags, permit(ctx, Operation::TagResource)?).await?;
            // Whose the stage is now is judged from a read.
            observations.forget_stages(gateway, rest_api);
        }
        Action::Untag => {
            let keys = [OWNER_TAG.to_owned()];
            let untagged = gateway.untag(&place.stage_arn(), &keys, permit(ctx, Operation::UntagResource)?).await;
            unless_gone(untagged, &[Cause::StageNotFound, Cause::AlreadyAbsent, Cause::RestApiNotFound])?;
            observations.forget_stages(gateway, rest_api);
        }
        Action::DeleteStage => {
            let deleted = gateway.delete_stage(rest_api, &place.stage, permit(ctx, Operation::DeleteStage)?).await;
            unless_gone(deleted, &[Cause::StageNotFound, Cause::RestApiNotFound])?;
            observations.note_gone(gateway, rest_api, &place.stage);
        }
        Action::DeleteDeployment(id) | Action::Prune { deployment: id, .. } => {
            let deleted = gateway.delete_deployment(rest_api, id, permit(ctx, Operation::DeleteDeployment)?).await;
            unless_gone(deleted, &[Cause::DeploymentNotFound, Cause::RestApiNotFound])?;
            observations.note_deployment_gone(gateway, rest_api, id);
        }
        Action::Describe { deployment, description } => {
            let permit = permit(ctx, Operation::UpdateDeployment)?;
            let described = gateway.update_deployment(rest_api, deployment, description, permit).await?;
            observations.note_deployment(gateway, rest_api, described);
        }
        Action::Snapshot { .. } => {}
    }
    Ok(Reply::Done)
}

/// Calls whose reply does not show what they changed: who asks for the stage next reads it.
async fn beside_the_stage(ctx: &Context, gateway: &Gateway, place: &Place, action: &Action) -> Result<(), Error> {
    let Place { rest_api, stage, .. } = place;
    match action {
        Action::SetTags { tags, .. } => {
            gateway.tag(&place.stage_arn(), tags.clone(), permit(ctx, Operation::TagResource)?).await
        }
        Action::RemoveTags { keys } => {
            gateway.untag(&place.stage_arn(), keys, permit(ctx, Operation::UntagResource)?).await
        }
        Action::FlushCache => {
            gateway.flush_stage_cache(rest_api, stage, permit(ctx, Operation::FlushStageCache)?).await
        }
        Action::FlushAuthorizers => {
            let permit = permit(ctx, Operation::FlushStageAuthorizersCache)?;
            gateway.flush_stage_authorizers_cache(rest_api, stage, permit).await
        }
        Action::Snapshot { .. }
        | Action::CreateStage(_)
        | Action::Traffic(_)
        | Action::Promote { .. }
        | Action::Abort(_)
        | Action::Settings { .. }
        | Action::Tag(_)
        | Action::Untag
        | Action::DeleteStage
        | Action::DeleteDeployment(_)
        | Action::Prune { .. }
        | Action::Describe { .. } => Ok(()),
    }
}

/// What an action sends.
fn calls(action: &Action) -> &'static [Operation] {
    match action {
        Action::Snapshot { .. } => &[Operation::CreateDeployment],
        // With what CreateStage cannot set (throttles, the certificate) in the next round: a stage that is new must not stand
        // half made while others call. A pass that needs no such call gives the token back when it ends.
        Action::CreateStage(_) => &[Operation::CreateStage, Operation::UpdateStage],
        Action::Traffic(_) | Action::Promote { .. } | Action::Abort(_) | Action::Settings { .. } => {
            &[Operation::UpdateStage]
        }
        Action::Tag(_) | Action::SetTags { .. } => &[Operation::TagResource],
        Action::Untag | Action::RemoveTags { .. } => &[Operation::UntagResource],
        Action::FlushCache => &[Operation::FlushStageCache],
        Action::FlushAuthorizers => &[Operation::FlushStageAuthorizersCache],
        Action::DeleteStage => &[Operation::DeleteStage],
        Action::DeleteDeployment(_) | Action::Prune { .. } => &[Operation::DeleteDeployment],
        Action::Describe { .. } => &[Operation::UpdateDeployment],
    }
}

/// Asked for each call, not for each pass: the lease can end between two calls.
fn permit(ctx: &Context, operation: Operation) -> Result<Permit, Error> {
    ctx.leadership.permit().ok_or_else(|| Error::not_leader(operation))
}

/// What was to go and is gone is done.
fn unless_gone(result: Result<(), Error>, gone: &[Cause]) -> Result<(), Error> {
    match result {
        Err(error) if gone.contains(&error.cause) => Ok(()),
        other => other,
    }
}
