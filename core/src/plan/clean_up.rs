//! Which of our deployments nobody needs any more, and when somebody looks.
//!
//! Nothing in API Gateway ever deletes a deployment. We delete those with our marker that no stage and no canary uses, that no
//! object names and no history offers, an hour after they were made at the earliest. A deployment whose owner is gone is
//! nobody's to delete; such are counted.
//!
//! Looking costs a list of all deployments, so it is done once an hour after something ceased to serve, not at every poll.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Need;
use super::action::{Action, oldest_first};
use super::draft::Draft;
use super::history;
use crate::api::event::{Event, EventReason};
use crate::api::marker::Marker;
use crate::api::names::{DeploymentId, RestApiId};
use crate::api::status::ApiStageStatus;
use crate::observed::{Deployment, Stage};
use crate::world::World;

/// No deployment is cleaned up that is younger, and none that ceased to be needed a moment ago.
const AGE: std::time::Duration = std::time::Duration::from_hours(1);

/// That the stages of this REST API cannot be listed, what follows from it, and what to do: part of a sentence's end.
pub(super) fn unlisted(rest_api: &RestApiId) -> String {
    format!(
        "listing the stages of REST API {rest_api} is denied, so nobody knows who else uses a deployment, and none is deleted. Allow apigateway:GET on /restapis/{rest_api}/stages."
    )
}

/// Our deployments that AWS would let go and that no other object needs: what may be deleted with its object, and what
/// clean-up may choose from.
pub(super) fn deletable<'a>(
    world: &World<'_>,
    deployments: &'a [Deployment],
    stages: &[Stage],
) -> Vec<(Marker, &'a Deployment)> {
    let owner = world.owner();
    let serves = |id: &DeploymentId| {
        stages.iter().any(|stage| {
            stage.deployment_id == *id || stage.canary.as_ref().is_some_and(|canary| canary.deployment_id == *id)
        })
    };
    let siblings = world.siblings;
    deployments
        .iter()
        .filter_map(|deployment| Some((Marker::parse(deployment.description.as_deref()?)?, deployment)))
        .filter(|(marker, deployment)| {
            marker.by == owner.as_str()
                && !serves(&deployment.id)
                && !siblings.offered.contains(&deployment.id)
                && !siblings.wanted.contains(&marker.revision)
        })
        .collect()
}

/// Deletes what nobody needs, a few at a time. Everything here waits for its turn: a refusal is no news.
pub(super) fn attend(draft: &mut Draft<'_>, stages: &[Stage], most: usize) -> Result<(), Need> {
    let trimmed = draft.trim_history();
    // What an unreadable object's history offers is not known, and a deletion cannot be undone.
    if draft.world.siblings.unreadable {
        return Ok(());
    }
    let Some(since) = due(&draft.world, &draft.status, trimmed) else { return Ok(()) };
    let deployments = draft.world.leftovers(since.max(draft.world.fresh()))?;
    draft.found.orphans = Some(orphans(&draft.world, deployments));
    forget_deleted(draft, deployments);
    let surplus = surplus(draft, deployments, stages);
    if surplus.is_empty() {
        draft.found.swept = true;
    }
    for (marker, deployment) in surplus.into_iter().take(most) {
        // Before the call: whoever comes after a crash knows that the revision was here.
        history::bury(&mut draft.status, &marker.revision, marker.attempt);
        draft.call(Action::Prune { deployment: deployment.id.clone(), revision: marker.revision });
    }
    Ok(())
}

/// Whether it is time to look: an hour after something ceased to serve, or was not let go. Returns since when.
fn due(world: &World<'_>, status: &ApiStageStatus, trimmed: bool) -> Option<Timestamp> {
    let housekeeping = &world.recent.housekeeping;
    let ended = status.history.iter().filter_map(|entry| Some(entry.ended.as_ref()?.0));
    let swept = housekeeping.swept.filter(|_| !trimmed).unwrap_or(Timestamp::MIN);
    ended
        .chain(world.siblings.ended.iter().copied())
        .chain(housekeeping.spared.values().copied())
        .filter_map(|moment| moment.checked_add(AGE).ok())
        .filter(|due| *due > swept && *due <= world.now)
        .max()
}

/// What of ours is over everything that is kept. The history may have lost entries, with the status or to its size: then as
/// many of the newest deployments stay as the limit says.
fn surplus<'a>(draft: &Draft<'_>, deployments: &'a [Deployment], stages: &[Stage]) -> Vec<(Marker, &'a Deployment)> {
    let world = &draft.world;
    let kept = Kept::of(draft);
    let is_old = |moment: Timestamp| moment.checked_add(AGE).is_ok_and(|due| due <= world.now);
    // Of equals the oldest counts, unless another one is known to be used.
    let is_double = |marker: &Marker, deployment: &Deployment| {
        deployments.iter().any(|other| {
            other.id != deployment.id
                && (oldest_first(other) < oldest_first(deployment) || kept.deployments.contains(&other.id))
                && other.description.as_deref().and_then(Marker::parse).as_ref() == Some(marker)
        })
    };
    let mut unneeded: Vec<_> = deletable(world, deployments, stages)
        .into_iter()
        .filter(|(marker, deployment)| !kept.holds(marker, deployment, is_double(marker, deployment)))
        .collect();
    unneeded.sort_by_key(|(_, deployment)| std::cmp::Reverse(oldest_first(deployment)));
    let mut room = history::limit(world.object).saturating_add(1).saturating_sub(kept.served);
    unneeded
        .into_iter()
        .filter(|(marker, deployment)| {
            let stays = room > 0 && !is_double(marker, deployment);
            room -= usize::from(stays);
            !stays
        })
        .filter(|(_, deployment)| is_old(deployment.created))
        .filter(|(_, deployment)| {
            world.recent.housekeeping.spared.get(&deployment.id).is_none_or(|refused| is_old(*refused))
        })
        .collect()
}

/// What this object's own memory names.
struct Kept {
    deployments: BTreeSet<DeploymentId>,
    /// Snapshots whose deployment is not known: under way, or given up before it was.
    snapshots: BTreeSet<(String, u32)>,
    /// The revision of spec, whichever deployment it will mean.
    revision: Option<String>,
    /// Deployments that the history offers, the present one counted.
    served: usize,
}

impl Kept {
    fn of(draft: &Draft<'_>) -> Self {
        let status = &draft.status;
        let release = status.release.as_ref();
        let targets: Vec<_> = status
            .history
            .iter()
            .map(|entry| &entry.target)
            .chain(status.held.iter().map(|held| &held.target))
            .chain(release.map(|release| &release.target))
            .chain(release.and_then(|release| release.stable.as_ref()).map(|stable| &stable.target))
            .chain(release.and_then(|release| release.next.as_ref()).map(|next| &next.target))
            .collect();
        let spec = &draft.world.object.spec;
        let named = targets.iter().filter_map(|target| target.deployment_id.clone());
        let unresolved = targets
            .iter()
            .filter(|target| target.deployment_id.is_none())
            .filter_map(|target| Some((target.revision.as_ref()?.to_string(), target.attempt?)));
        let intended = status.intents.iter().map(|intent| (intent.revision.to_string(), intent.attempt));
        let served: BTreeSet<_> = status
            .history
            .iter()
            .filter(|entry| entry.how.is_some())
            .filter_map(|entry| entry.target.deployment_id.as_ref())
            .collect();
        Self {
            deployments: named.chain(spec.deployment_id.clone()).collect(),
            snapshots: unresolved.chain(intended).collect(),
            revision: spec.revision.as_ref().map(ToString::to_string),
            served: served.len(),
        }
    }

    /// `is_double`: the revision means another deployment of the same attempt.
    fn holds(&self, marker: &Marker, deployment: &Deployment, is_double: bool) -> bool {
        self.deployments.contains(&deployment.id)
            || self.snapshots.contains(&(marker.revision.to_string(), marker.attempt))
            || (!is_double && self.revision.as_deref() == Some(marker.revision.as_str()))
    }
}

/// Deployments of this cluster's objects that are gone: nobody is left who may delete them.
fn orphans(world: &World<'_>, deployments: &[Deployment]) -> u64 {
    let cluster = format!("{}/", world.settings.cluster_id);
    let owner = world.owner();
    let gone = |by: &str| {
        by.starts_with(&cluster)
            && by != owner.as_str()
            && !world.siblings.owners.iter().any(|other| other.as_str() == by)
    };
    let markers = deployments.iter().filter_map(|deployment| Marker::parse(deployment.description.as_deref()?));
    markers.filter(|marker| gone(&marker.by)).count().try_into().unwrap_or(u64::MAX)
}

/// The history offers nothing that somebody has deleted.
fn forget_deleted(draft: &mut Draft<'_>, deployments: &[Deployment]) {
    let exists = |id: &DeploymentId| deployments.iter().any(|deployment| deployment.id == *id);
    let serves = draft.status.deployment_id.clone();
    let gone: BTreeSet<_> = draft
        .status
        .history
        .iter()
        .filter(|entry| entry.ended.is_some())
        .filter_map(|entry| Some((entry.target.deployment_id.clone()?, entry.target.revision.clone())))
        .filter(|(id, _)| serves.as_ref() != Some(id) && !exists(id))
        .collect();
    for (id, revision) in gone {
        history::forget(&mut draft.status, &id);
        let what = revision.map_or_else(String::new, |revision| format!(" ({revision})"));
        let note =
            format!("Somebody deleted deployment {id}{what}, which served before: nothing can go back to it any more.");
        draft.tell(Event::warning(EventReason::DeploymentGone, id.as_str(), note));
    }
}
