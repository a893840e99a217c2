//! Preparing: find the deployment or take its snapshot. What then decides about the way out is `leave`.

use super::promote::{self, Moved};
use super::rest::gone;
use super::words::name;
use super::{Scene, Turn, hands, leave};
use crate::api::condition::{Finding, Reason};
use crate::api::stage::ReleasePolicy;
use crate::api::status::{How, Phase, Release};
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::changes;
use crate::plan::draft::Draft;
use crate::plan::snapshot::{remove_duplicates, snapshot, tell_reuse};
use crate::plan::target::{Resolution, resolve};
use crate::validate::Desired;
use crate::world::Group;

/// One turn of a release that moves no traffic yet.
pub(super) fn prepare(draft: &mut Draft<'_>, scene: Scene<'_>, desired: &Desired) -> Result<Turn, Need> {
    let stage = scene.stage;
    let Some(release) = draft.running().cloned() else { return Ok(Turn::Again) };
    note_governor(draft, scene, &release);
    // Of several calls some had their effect, and a later one was refused.
    let is_moving = promote::moved(&release, stage) != Moved::Nothing;
    if !is_moving && let Some(turn) = stage.and_then(|stage| moved_meanwhile(draft, scene, &release, stage)) {
        return Ok(turn);
    }
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
    draft.change(|release| release.target = target);
    let Some(release) = draft.running().cloned() else { return Ok(Turn::Again) };
    if let Some(finding) = stage.and_then(|stage| foreign_canary(draft, &release, stage)) {
        return Ok(Turn::Wait(finding));
    }
    if let Some(finding) = draft.refusal(Group::Traffic)
        && draft.world.recent.tried.contains(&Group::Traffic)
    {
        return Ok(Turn::Wait(finding));
    }
    if is_moving && stage.is_some_and(|stage| stage.canary.is_none()) {
        // The way out of Preparing was decided before the first of them.
        draft.change(|release| release.phase = Phase::Promoting);
        return Ok(Turn::Again);
    }
    leave::leave(draft, scene, desired, &release)
}

/// The uid of the `ApiCanary` as soon as there is one, so that its end is noticed from then on.
fn note_governor(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) {
    let applies = scene.stage.is_some() && release.how != How::RolledBack;
    let direct = draft.world.object.spec.release_policy == Some(ReleasePolicy::Direct);
    if direct && !release.is_open() {
        draft.change(|release| release.governed_by = None);
    } else if let Some(governor) = scene.governor.filter(|_| applies && release.governed_by.is_none()) {
        let uid = governor.uid.clone();
        draft.change(|release| release.governed_by = Some(uid));
    }
}

/// A hand moved the stage before the release had moved anything: it is obeyed.
fn moved_meanwhile(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> Option<Turn> {
    let stable = release.stable.as_ref()?;
    if stable.target.deployment_id.as_ref() == Some(&stage.deployment_id) && !release.is_open() {
        return None;
    }
    hands::judge(draft, scene, release)
}

/// A canary that no release of ours opened is never changed, and nothing moves beside it.
fn foreign_canary(draft: &Draft<'_>, release: &Release, stage: &Stage) -> Option<Finding> {
    let canary = stage.canary.as_ref().filter(|canary| !hands::is_ours(draft, release, canary))?;
    Some(Finding::releasing(
        Reason::ForeignCanary,
        format!(
            "{} waits: a canary that Stagecraft did not open is on the stage (deployment {}, {} % of requests). It is never changed by itself; remove it, or give the command abort/{}, and the release goes on.",
            name(&release.target),
            canary.deployment_id,
            canary.percent_traffic,
            canary.deployment_id
        ),
    ))
}
