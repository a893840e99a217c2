//! What the descriptions of our deployments say beside the marker: the user's text, and what became of them.
//!
//! Only the owner writes it, and only where our marker is. The status remembers what was written, so that a stage at rest
//! costs no read; a crash, a refusal or a lost reply costs another look and nothing else. Only what the last release has decided
//! is written: of a release that another one follows before there is peace to write, the history alone tells.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::Need;
use super::action::Action;
use super::draft::Draft;
use crate::api::marker::{Description, Outcome};
use crate::api::names::DeploymentId;
use crate::api::status::{How, Phase, Release, Why};
use crate::api::target::{Target, hex};
use crate::observed::Deployment;
use crate::world::World;

/// Whether our last release of this deployment ended with its rejection. What a lost status does not tell any more, the
/// deployment still does: such a target must not ship by itself.
fn rejected_by_us(world: &World<'_>, deployment: &Deployment) -> bool {
    let description = deployment.description.as_deref().and_then(Description::parse);
    description.is_some_and(|description| {
        description.outcome == Some(Outcome::Rejected) && description.marker.by == world.owner().as_str()
    })
}

/// Whether a target was rejected in a life of the object that its status does not tell of. A status that has counted a
/// release knows by itself what is held.
pub(super) fn was_rejected(draft: &Draft<'_>, target: &Target) -> bool {
    let status_is_lost = draft.status.releases.is_none();
    let Some(deployments) = draft.world.observed.deployments.as_ref().filter(|_| status_is_lost) else { return false };
    let found = deployments.value.iter().find(|deployment| Some(&deployment.id) == target.deployment_id.as_ref());
    found.is_some_and(|deployment| rejected_by_us(&draft.world, deployment))
}

/// What a description shall say; `None` leaves as it is what it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    text: Option<String>,
    outcome: Option<Outcome>,
}

/// Brings the descriptions up to date, once. `may_write`: whether the stage is known to be ours.
pub(super) fn attend(draft: &mut Draft<'_>, may_write: bool) -> Result<(), Need> {
    let wanted = wanted(draft);
    if wanted.is_empty() {
        return Ok(());
    }
    let hash = hash(&wanted);
    if draft.status.described.as_ref() == Some(&hash) {
        return Ok(());
    }
    let owner = draft.world.owner();
    let mut is_done = true;
    let deployments = draft.world.leftovers(draft.world.fresh())?;
    for (id, wanted) in wanted {
        let found = deployments.iter().find(|deployment| deployment.id == id);
        let Some(present) = found.and_then(|deployment| deployment.description.as_deref()) else { continue };
        let Some(description) = Description::parse(present) else { continue };
        if description.marker.by != owner.as_str() {
            continue;
        }
        let outcome = wanted.outcome.or(description.outcome);
        let next = match &wanted.text {
            Some(text) => description.with_text(text),
            None => description,
        };
        let next = next.with_outcome(outcome).to_string();
        if next != present {
            is_done = false;
            if may_write {
                draft.call(Action::Describe { deployment: id, description: next });
            }
        }
    }
    if is_done {
        draft.status.described = Some(hash);
    }
    Ok(())
}

/// What is known of the deployments that serve, served, or were rejected: at most three.
fn wanted(draft: &Draft<'_>) -> BTreeMap<DeploymentId, Wanted> {
    let mut wanted: BTreeMap<DeploymentId, Wanted> = BTreeMap::new();
    if let Some(release) = &draft.status.release {
        for (id, outcome) in outcomes(draft, release) {
            wanted.entry(id).or_default().outcome = Some(outcome);
        }
    }
    let text = draft.world.object.spec.deployment_description.clone();
    if let (Some(text), Some(id)) = (text, draft.status.deployment_id.clone()) {
        wanted.entry(id).or_default().text = Some(text);
    }
    wanted
}

/// What a release that is over has decided. The first release of a new stage decides nothing: nothing stood beside it.
fn outcomes(draft: &Draft<'_>, release: &Release) -> Vec<(DeploymentId, Outcome)> {
    let before = release.stable.as_ref().and_then(|stable| stable.target.deployment_id.clone());
    let Some(target) = release.target.deployment_id.clone() else { return Vec::new() };
    // A release of variables says nothing about the deployment.
    if before.as_ref().is_none_or(|before| *before == target) {
        return Vec::new();
    }
    match (release.phase, release.how) {
        (Phase::Succeeded, How::Canary | How::Direct | How::FastRollback) => vec![(target, Outcome::Promoted)],
        (Phase::Succeeded, How::RolledBack) => {
            // The command went back from it, so it does not ship again by itself.
            let left = before.filter(|before| {
                draft.status.held.iter().any(|held| {
                    held.why == Why::RolledBackByCommand && held.target.deployment_id.as_ref() == Some(before)
                })
            });
            let left = left.map(|left| (left, Outcome::Rejected));
            [(target, Outcome::Promoted)].into_iter().chain(left).collect()
        }
        (Phase::Failed, _) => vec![(target, Outcome::Rejected)],
        (Phase::Succeeded, How::First | How::Adopted | How::PromotedByHand)
        | (
            Phase::Idle
            | Phase::Preparing
            | Phase::Progressing
            | Phase::AwaitingApproval
            | Phase::Paused
            | Phase::Promoting
            | Phase::Baking
            | Phase::RollingBack,
            _,
        ) => Vec::new(),
    }
}

fn hash(wanted: &BTreeMap<DeploymentId, Wanted>) -> String {
    let mut digest = Sha256::new();
    for (id, Wanted { text, outcome }) in wanted {
        digest.update(format!("{id}\0{outcome:?}\0{text:?}\n"));
    }
    hex(&digest.finalize()).chars().take(16).collect()
}
