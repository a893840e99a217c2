//! Taking a snapshot exactly once, with a call that has no client token.
//!
//! The intent is in status before the call; the marker in the description is how a snapshot is found again whose reply was
//! lost; nobody asks a second time before a late effect of the first would have shown.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Need;
use super::action::{Action, oldest_first};
use super::draft::Draft;
use super::target::snapshots;
use crate::api::condition::{Finding, Reason};
use crate::api::event::{Event, EventReason};
use crate::api::marker::Marker;
use crate::api::names::Revision;
use crate::api::status::Intent;
use crate::api::target::Target;
use crate::observed::{Availability, Deployment};
use crate::validate::Desired;
use crate::world::Group;

/// Takes the snapshot: the intent first, since `CreateDeployment` has no client token; after a lost reply nobody asks again
/// before a late effect would have shown.
pub(super) fn snapshot(draft: &mut Draft<'_>, desired: &Desired, target: &Target) -> Result<Finding, Need> {
    let (Some(revision), Some(attempt)) = (target.revision.clone(), target.attempt) else {
        return Ok(Finding::releasing(Reason::WaitingForAws, "The release has no revision to snapshot."));
    };
    if let Some(finding) = delay(draft, &revision, attempt) {
        return Ok(finding);
    }
    let rest_api = draft.world.rest_api(draft.world.fresh())?;
    if rest_api.value.availability == Availability::Changing {
        draft.wake_up_in(15);
        return Ok(Finding::releasing(
            Reason::RestApiChanging,
            format!("{revision} waits: AWS is changing the definition of REST API {} right now.", desired.rest_api_id),
        ));
    }
    let pending = draft.status.intents.iter().find(|intent| intent.revision == revision && intent.attempt == attempt);
    if let Some(intent) = pending
        && !draft.world.recent.unsent.contains(&(revision.clone(), attempt))
    {
        let look_again = intent.since.0.checked_add(draft.world.settings.lost_reply_wait).unwrap_or(draft.world.now);
        if draft.world.now < look_again {
            draft.wake_up(look_again);
            let at = Time(look_again);
            if let Some(release) = draft.status.release.as_mut() {
                release.next_action_at = Some(at);
            }
            return Ok(Finding::releasing(
                Reason::SnapshotUnconfirmed,
                format!(
                    "A snapshot of {revision} was asked for and its reply was lost. If it does not turn up by status.release.nextActionAt, it is taken again."
                ),
            ));
        }
        draft.world.deployments(look_again)?;
    }
    let since = draft.time();
    if !draft.world.recent.tried.contains(&Group::Snapshot) {
        draft.status.intents.retain(|intent| intent.revision != revision || intent.attempt != attempt);
        draft.status.intents.insert(0, Intent { revision: revision.clone(), attempt, since });
        draft.status.intents.truncate(10);
    }
    if let Some(release) = draft.status.release.as_mut() {
        release.next_action_at = None;
    }
    let text = draft.world.object.spec.deployment_description.clone();
    let marker = Marker { revision: revision.clone(), attempt, by: draft.world.owner().to_string() };
    draft.call(Action::Snapshot {
        revision: revision.clone(),
        attempt,
        description: marker.description(text.as_deref()),
    });
    Ok(draft
        .refusal(Group::Snapshot)
        .unwrap_or_else(|| Finding::releasing(Reason::Releasing, format!("A snapshot of {revision} is being taken."))))
}

/// A new revision waits for `spec.snapshotDelay` after it was declared, so that imports of the same commit are in its
/// snapshot. Who asks for another snapshot by command waits for nothing.
fn delay(draft: &mut Draft<'_>, revision: &Revision, attempt: u32) -> Option<Finding> {
    let delay = draft.world.object.spec.snapshot_delay.filter(|_| attempt == 1)?.get();
    let release = draft.status.release.as_mut()?;
    let next = release.next.as_ref().filter(|next| next.target.revision.as_ref() == Some(revision));
    let declared = next.and_then(|next| next.since.as_ref()).unwrap_or(&release.started_at);
    let over = declared.0.checked_add(delay).ok()?;
    if over <= draft.world.now {
        return None;
    }
    release.next_action_at = Some(Time(over));
    draft.wake_up(over);
    let message = format!(
        "The snapshot of {revision} waits for spec.snapshotDelay, so that changes of the API that belong to it are in; status.release.nextActionAt says until when."
    );
    Some(Finding::releasing(Reason::SnapshotDelayed, message))
}

/// A snapshot of ours whose reply was lost may have come twice: the oldest is used, the others go.
pub(super) fn remove_duplicates(draft: &mut Draft<'_>, target: &Target) {
    // Without all stages nobody knows whether one of the two is used.
    let stages = draft.world.observed.stages.as_ref().and_then(|stages| stages.value.all());
    let (Some(revision), Some(deployments), Some(stages)) =
        (&target.revision, &draft.world.observed.deployments, stages)
    else {
        return;
    };
    let owner = draft.world.owner();
    let serves = |deployment: &Deployment| {
        stages.iter().any(|stage| {
            stage.deployment_id == deployment.id
                || stage.canary.as_ref().is_some_and(|canary| canary.deployment_id == deployment.id)
        })
    };
    let mut ours: Vec<_> = snapshots(&deployments.value, revision)
        .filter(|(attempt, _)| Some(*attempt) == target.attempt)
        .map(|(_, deployment)| deployment)
        .filter(|deployment| {
            deployment.description.as_deref().and_then(Marker::parse).is_some_and(|marker| marker.by == owner.as_str())
        })
        .collect();
    ours.sort_by_key(|deployment| oldest_first(deployment));
    let surplus: Vec<_> = ours
        .into_iter()
        .skip(1)
        .filter(|deployment| Some(&deployment.id) != target.deployment_id.as_ref() && !serves(deployment))
        .map(|deployment| deployment.id.clone())
        .collect();
    for id in surplus {
        draft.tell(Event::normal(
            EventReason::DuplicateRemoved,
            id.as_str(),
            format!("Deployment {id} is a second snapshot of {revision} and is removed."),
        ));
        draft.call(Action::DeleteDeployment(id));
    }
}

/// Says that a revision needs no snapshot, where one exists already.
pub(super) fn tell_reuse(draft: &mut Draft<'_>, target: &Target) {
    if let (Some(revision), Some(deployment)) = (&target.revision, &target.deployment_id) {
        let note = format!("Revision {revision} has a snapshot already: deployment {deployment} is used.");
        draft.tell(Event::normal(EventReason::RevisionReused, deployment.as_str(), note));
    }
}
