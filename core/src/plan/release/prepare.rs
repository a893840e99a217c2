//! Preparing: find the deployment or take its snapshot, and wait for what must be so before the first traffic.

use super::rest::gone;
use super::words::name;
use super::{Scene, Turn};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::status::{How, Phase, Release};
use crate::api::target::Target;
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::changes;
use crate::plan::draft::Draft;
use crate::plan::snapshot::{remove_duplicates, snapshot, tell_reuse};
use crate::plan::target::{Resolution, resolve};
use crate::world::Group;

/// One turn of a release that moves no traffic yet.
pub(super) fn prepare(draft: &mut Draft<'_>, scene: Scene<'_>) -> Result<Turn, Need> {
    let Scene { desired, stage } = scene;
    let Some(release) = draft.running().cloned() else { return Ok(Turn::Again) };
    let target = if release.how == How::RolledBack {
        release.target.clone()
    } else {
        match resolve(draft, desired, stage)? {
            Resolution::Known(target) => target,
            Resolution::Snapshot(target) => return snapshot(draft, desired, &target).map(Turn::Wait),
            Resolution::Gone(revision) => return Ok(Turn::Wait(gone(&revision, desired))),
            Resolution::Missing(id) => {
                let message = format!("Release waits: REST API {} has no deployment {id}.", desired.rest_api_id);
                return Ok(Turn::Wait(Finding::releasing(Reason::DeploymentNotFound, message)));
            }
        }
    };
    remove_duplicates(draft, &target);
    changes::note(draft, &target)?;
    if release.target.deployment_id.is_none() {
        draft.status.intents.retain(|intent| Some(&intent.revision) != target.revision.as_ref());
        tell_reuse(draft, &target);
    }
    if let Some(finding) = stage.and_then(|stage| foreign_canary(&target, stage)) {
        return Ok(Turn::Wait(finding));
    }
    if let Some(finding) = draft.refusal(Group::Traffic)
        && draft.world.recent.tried.contains(&Group::Traffic)
    {
        return Ok(Turn::Wait(finding));
    }
    draft.change(|release| {
        release.target = target;
        release.phase = Phase::Promoting;
        release.next_action_at = None;
    });
    Ok(Turn::Again)
}

/// A canary that no release of ours opened is never changed, and nothing moves beside it.
fn foreign_canary(target: &Target, stage: &Stage) -> Option<Finding> {
    let canary = stage.canary.as_ref()?;
    Some(Finding::releasing(
        Reason::ForeignCanary,
        format!(
            "{} waits: a canary that Stagecraft did not open is on the stage (deployment {}, {} % of requests). It is never changed by itself; remove it, or give the command abort/{}, and the release goes on.",
            name(target),
            canary.deployment_id,
            canary.percent_traffic,
            canary.deployment_id
        ),
    ))
}

/// A person stopped the release before it moved traffic.
pub(super) fn paused(draft: &mut Draft<'_>, release: &Release) -> Finding {
    draft.wake_up_in(30);
    let message = format!(
        "Release {} is paused by command before it moved any traffic. To go on, give the command resume/{}; to end it, abort/{}.",
        release.id, release.id, release.id
    );
    Finding::new(Situation::PersonAwaited, Reason::PausedByCommand, message)
}
