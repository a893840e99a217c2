//! Live or waiting: a gateway response is part of the snapshot, so callers of a stage get a change only with a deployment
//! that was made after it.
//!
//! Which deployment a stage serves is what its `ApiStage` shows; when it was made, is in the list of deployments. A
//! deployment never changes, so each is judged once: again only after a write of something else, which makes all wait.
//!
//! # Guarantees
//!
//! * Live is only said where it is certain: the deployment was made in a later second than the last write had its effect, by
//!   AWS's clock, and a read that started after the deployment was seen still showed what was written.
//! * A correction of drift lets those be live that were: their deployments were made before the hand came.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::draft::Draft;
use super::{Need, Serving};
use crate::api::condition::{Reason, Released};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::{ApiGatewayResponseStatus, CanaryLiveness, Liveness};
use crate::api::names::DeploymentId;

/// How many stages a message names; REST APIs have ten at most.
const MOST_NAMED: usize = 3;

/// Judges what the stages serve now. While something is to be written or drifts, nothing new is said.
pub(super) fn judge(draft: &mut Draft<'_>) -> Result<(), Need> {
    let served = &draft.world.siblings.stages;
    if !draft.in_place || !draft.actions.is_empty() {
        draft.status.stages.retain(|known| served.iter().any(|serving| serving.stage == known.name));
        return Ok(());
    }
    let mut stages = Vec::new();
    for serving in served {
        let known = draft.status.stages.iter().find(|known| known.name == serving.stage).cloned();
        stages.push(one(draft, serving, known)?);
    }
    draft.status.stages = stages;
    Ok(())
}

fn one(draft: &mut Draft<'_>, serving: &Serving, known: Option<Liveness>) -> Result<Liveness, Need> {
    let now = draft.time();
    let is_same = known.as_ref().is_some_and(|known| known.deployment_id == serving.deployment);
    let mut liveness = match &known {
        Some(known) if is_same => known.clone(),
        Some(_) | None => moved(draft, serving, known.as_ref())?,
    };
    liveness.api_stage.clone_from(&serving.api_stage);
    liveness.canary = match &serving.canary {
        None => None,
        Some(deployment) => {
            let known = known.and_then(|known| known.canary).filter(|canary| canary.deployment_id == *deployment);
            Some(match known {
                Some(canary) => canary,
                None => canary(draft, serving, deployment, &now, &liveness)?,
            })
        }
    };
    Ok(liveness)
}

/// A stage that is new here, or serves another deployment than before.
fn moved(draft: &mut Draft<'_>, serving: &Serving, known: Option<&Liveness>) -> Result<Liveness, Need> {
    let now = draft.time();
    // A canary's deployment was judged when it came up; promoted, it serves all.
    let canary = known.and_then(|known| known.canary.as_ref());
    let is_live = match canary.filter(|canary| canary.deployment_id == serving.deployment) {
        Some(canary) => canary.live_since.is_some(),
        None => is_later(draft, &serving.deployment)?,
    };
    if is_live {
        tell(draft, serving, &serving.deployment, "");
    }
    let waits_since = known.and_then(|known| known.waiting_since.clone());
    Ok(Liveness {
        name: serving.stage.clone(),
        api_stage: serving.api_stage.clone(),
        deployment_id: serving.deployment.clone(),
        live_since: is_live.then(|| now.clone()),
        waiting_since: (!is_live).then(|| waits_since.unwrap_or(now)),
        canary: None,
    })
}

fn canary(
    draft: &mut Draft<'_>,
    serving: &Serving,
    deployment: &DeploymentId,
    now: &Time,
    stage: &Liveness,
) -> Result<CanaryLiveness, Need> {
    let is_live = is_later(draft, deployment)?;
    if is_live && stage.live_since.is_none() {
        tell(draft, serving, deployment, "the canary of ");
    }
    Ok(CanaryLiveness { deployment_id: deployment.clone(), live_since: is_live.then(|| now.clone()) })
}

fn tell(draft: &mut Draft<'_>, serving: &Serving, deployment: &DeploymentId, part: &str) {
    let note = format!(
        "Callers of {part}stage {} (ApiStage {}) get it: deployment {deployment} was made after the last change.",
        serving.stage, serving.api_stage
    );
    draft.tell(Event::normal(EventReason::ResponseLive, serving.stage.as_str(), note));
}

/// Whether a deployment was certainly made after the last write had its effect. Deployments are dated to the second: one of
/// the same second proves nothing.
fn is_later(draft: &Draft<'_>, deployment: &DeploymentId) -> Result<bool, Need> {
    let written = draft.status.owned.as_ref().and_then(|owned| owned.written.as_ref());
    let Some(written) = written else { return Ok(false) };
    // Any list that holds it will do, since nothing about it changes; else one that is as new as what we were told.
    let list = draft.world.deployments(Timestamp::UNIX_EPOCH)?;
    let find = |list: &[crate::observed::Deployment]| {
        list.iter().find(|known| known.id == *deployment).map(|known| known.created.as_second())
    };
    let created = match find(&list.value) {
        Some(created) => Some(created),
        None => find(&draft.world.deployments(draft.world.cause_at)?.value),
    };
    Ok(created.is_some_and(|created| created > written.0.as_second()))
}

/// What `Deployed` says where the REST API holds what is declared.
pub(super) fn verdict(status: &ApiGatewayResponseStatus) -> Released {
    let name = |stage: &Liveness| stage.api_stage.clone();
    let waiting: Vec<_> = status.stages.iter().filter(|stage| stage.waiting_since.is_some()).collect();
    let (through_canary, stuck): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|stage| stage.canary.as_ref().is_some_and(|canary| canary.live_since.is_some()));
    if status.stages.is_empty() {
        let message =
            "No ApiStage of this cluster is on this REST API. Callers get it with the next deployment of a stage.";
        return Released { status: None, reason: Reason::NoApiStage, message: message.to_owned() };
    }
    if stuck.is_empty() && through_canary.is_empty() {
        let names = list(status.stages.iter().map(name).collect());
        let message = format!("Callers get it through every ApiStage on this REST API: {names}.");
        return Released { status: Some(true), reason: Reason::Live, message };
    }
    let mut sentences = Vec::new();
    if !stuck.is_empty() {
        let names = list(stuck.into_iter().map(name).collect());
        sentences.push(format!("Callers get it only with a new deployment: name a new revision in ApiStage {names}."));
    }
    if !through_canary.is_empty() {
        let names = list(through_canary.into_iter().map(name).collect());
        sentences.push(format!(
            "Callers that meet the canary of ApiStage {names} get it already, the others when that release is promoted."
        ));
    }
    Released { status: Some(false), reason: Reason::AwaitingDeployment, message: sentences.join(" ") }
}

/// Names as a sentence has them, the first few.
fn list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let first = names.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
