//! Which deployment a stage shall serve (design: what a revision means for a stage).

use super::action::oldest_first;
use super::draft::Draft;
use super::{Need, history, ownership};
use crate::api::marker::Marker;
use crate::api::names::{DeploymentId, Revision};
use crate::api::target::{Target, variables_hash};
use crate::observed::{Deployment, Stage};
use crate::validate::{Desired, Wanted};

/// What is asked for, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// The deployment exists.
    Known(Target),
    /// It must be snapshotted; the target has no deployment yet.
    Snapshot(Target),
    /// The revision had a deployment, and it was deleted.
    Gone(Revision),
    /// `spec.deploymentId` names nothing.
    Missing(DeploymentId),
}

/// Looks up what is asked for. What the stage serves exists, so it needs no look; everything else is checked against the
/// deployments of the REST API as they were after the cause.
pub(super) fn resolve(draft: &Draft<'_>, desired: &Desired, stage: Option<&Stage>) -> Result<Resolution, Need> {
    let hash = variables_hash(&desired.variables);
    let serves = |id: &DeploymentId| stage.is_some_and(|stage| stage.deployment_id == *id);
    match &desired.wanted {
        Wanted::Deployment(id) => {
            let target = Target { deployment_id: Some(id.clone()), variables_hash: hash, ..Target::default() };
            if serves(id) || index(draft)?.iter().any(|deployment| deployment.id == *id) {
                Ok(Resolution::Known(target))
            } else {
                Ok(Resolution::Missing(id.clone()))
            }
        }
        Wanted::Keep { initial } => match stage {
            Some(stage) => {
                Ok(Resolution::Known(Target { variables_hash: hash, ..ownership::as_it_is(draft, stage, desired) }))
            }
            None => revision(draft, initial, &hash, &serves),
        },
        Wanted::Revision(name) => revision(draft, name, &hash, &serves),
    }
}

fn revision(
    draft: &Draft<'_>,
    name: &Revision,
    variables_hash: &str,
    serves: &dyn Fn(&DeploymentId) -> bool,
) -> Result<Resolution, Need> {
    let named = |attempt: Option<u32>, id: Option<DeploymentId>| Target {
        revision: Some(name.clone()),
        attempt,
        deployment_id: id,
        variables_hash: variables_hash.to_owned(),
    };
    let release = draft.status.release.as_ref().filter(|release| release.target.revision.as_ref() == Some(name));
    if let Some(running) = release.filter(|release| release.phase.is_running()) {
        if let Some(id) = &running.target.deployment_id {
            return Ok(Resolution::Known(named(running.target.attempt, Some(id.clone()))));
        }
        // It asked for this snapshot: nothing older than that attempt will do.
        let least = running.target.attempt.unwrap_or(1);
        return at_least(draft, &named(None, None), name, least);
    }
    // What this stage's own status has resolved, then what was stable here, newest first.
    let own = release
        .map(|release| &release.target)
        .into_iter()
        .chain(draft.status.history.iter().filter(|entry| entry.how.is_some()).map(|entry| &entry.target))
        .filter(|target| target.revision.as_ref() == Some(name))
        .filter_map(|target| Some((target.attempt, target.deployment_id.as_ref()?)));
    for (attempt, id) in own {
        if serves(id) || index(draft)?.iter().any(|deployment| deployment.id == *id) {
            return Ok(Resolution::Known(named(attempt, Some(id.clone()))));
        }
    }
    if let Some((attempt, deployment)) = newest_attempt(index(draft)?, name, 1) {
        return Ok(Resolution::Known(named(Some(attempt), Some(deployment.id.clone()))));
    }
    let was_here = draft
        .status
        .history
        .iter()
        .map(|entry| &entry.target)
        .chain(release.map(|release| &release.target))
        .any(|target| target.revision.as_ref() == Some(name) && target.deployment_id.is_some());
    if was_here || history::is_pruned(&draft.status, name) || draft.world.siblings.known.contains(name) {
        return Ok(Resolution::Gone(name.clone()));
    }
    Ok(Resolution::Snapshot(named(Some(1), None)))
}

/// The snapshot of a revision that is this attempt or a later one.
pub(super) fn at_least(draft: &Draft<'_>, target: &Target, name: &Revision, least: u32) -> Result<Resolution, Need> {
    let named = |attempt, deployment_id| Target {
        revision: Some(name.clone()),
        attempt: Some(attempt),
        deployment_id,
        ..target.clone()
    };
    Ok(match newest_attempt(index(draft)?, name, least) {
        Some((attempt, deployment)) => Resolution::Known(named(attempt, Some(deployment.id.clone()))),
        None => Resolution::Snapshot(named(least, None)),
    })
}

/// The deployments as they were after the cause.
pub(super) fn index<'a>(draft: &Draft<'a>) -> Result<&'a [Deployment], Need> {
    Ok(draft.world.deployments(draft.world.fresh())?.value.as_slice())
}

/// The highest attempt of a revision on the REST API, whoever took it; of equals the oldest.
fn newest_attempt<'a>(deployments: &'a [Deployment], name: &Revision, least: u32) -> Option<(u32, &'a Deployment)> {
    let attempt = snapshots(deployments, name).map(|(attempt, _)| attempt).filter(|attempt| *attempt >= least).max()?;
    let oldest = snapshots(deployments, name)
        .filter(|(other, _)| *other == attempt)
        .map(|(_, deployment)| deployment)
        .min_by_key(|deployment| oldest_first(deployment))?;
    Some((attempt, oldest))
}

/// All snapshots of a revision with their attempts.
pub(super) fn snapshots<'a>(
    deployments: &'a [Deployment],
    name: &Revision,
) -> impl Iterator<Item = (u32, &'a Deployment)> {
    deployments.iter().filter_map(move |deployment| {
        let marker = Marker::parse(deployment.description.as_deref()?)?;
        (marker.revision == *name).then_some((marker.attempt, deployment))
    })
}
