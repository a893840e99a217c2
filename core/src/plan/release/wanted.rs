//! Whether a running release still brings what is asked for, and how it ends where it does not.

use super::promote::{self, Moved};
use super::{Scene, Turn, end, hands, held, supersede, undo};
use crate::api::condition::Reason;
use crate::api::status::{How, Phase, Release, ReleaseResult};
use crate::api::target::{Target, variables_hash};
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::plan::target::{Resolution, resolve};
use crate::validate::{Desired, Wanted};

/// `Some`: the release has ended or is ending for another target. `None`: it goes on.
pub(super) fn judge(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    desired: &Desired,
    release: &Release,
) -> Result<Option<Turn>, Need> {
    let through_canary = matches!(release.how, How::Canary | How::PromotedByHand);
    if release.phase == Phase::RollingBack || (release.phase == Phase::Promoting && through_canary) {
        return Ok(None);
    }
    let wanted = is_wanted(draft, scene, release)?;
    if release.phase != Phase::Baking && release.phase != Phase::Promoting && release.is_open() {
        if wanted && !supersede::is_resnapshot(release, desired) {
            draft.change(|release| release.next = None);
            return Ok(None);
        }
        return supersede::supersede(draft, scene, desired, release);
    }
    if wanted {
        return Ok(None);
    }
    let moved = promote::moved(release, scene.stage);
    if release.phase == Phase::Baking || (release.phase == Phase::Promoting && moved == Moved::Wholly) {
        // It serves: what it brought is what the next release starts from.
        end::succeed(draft, release.clone());
        return Ok(Some(Turn::Again));
    }
    let canary = scene.stage.and_then(|stage| stage.canary.as_ref());
    if canary.is_some_and(|canary| hands::is_inherited(draft, release, canary)) {
        undo::begin(draft, Reason::Cancelled, "another target was declared before it took over");
        return Ok(Some(Turn::Again));
    }
    // Nobody knows any more what would finish it; what it goes from is remembered.
    if moved == Moved::Partly && release.how != How::RolledBack {
        undo::begin(draft, Reason::Cancelled, "another target was declared before all of its calls were made");
        return Ok(Some(Turn::Again));
    }
    let nowhere = leads_nowhere(draft, desired, scene.stage, release)?;
    let result = if nowhere { ReleaseResult::Cancelled } else { ReleaseResult::Superseded };
    end::give_up(draft, release.clone(), result);
    Ok(Some(Turn::Again))
}

/// Whether the running release still brings what is asked for.
pub(super) fn is_wanted(draft: &Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<bool, Need> {
    let Some(desired) = scene.desired else { return Ok(false) };
    if release.how == How::RolledBack {
        // It goes back from the spec's target, for as long as that one is held.
        return Ok(match resolve(draft, desired, scene.stage)? {
            Resolution::Known(target) | Resolution::Snapshot(target) => held::is_held(draft, &target).is_some(),
            Resolution::Gone(_) | Resolution::Missing(_) => true,
        });
    }
    let target = &release.target;
    let keeps = matches!(desired.wanted, Wanted::Keep { .. }) && serves(target, scene.stage);
    Ok((keeps || names_target(target, desired)) && target.variables_hash == variables_hash(&desired.variables))
}

fn serves(target: &Target, stage: Option<&Stage>) -> bool {
    stage.is_some_and(|stage| target.deployment_id.as_ref() == Some(&stage.deployment_id))
}

/// Whether the spec names the deployment of this target.
pub(super) fn names_target(target: &Target, desired: &Desired) -> bool {
    match &desired.wanted {
        Wanted::Revision(revision) => target.revision.as_ref() == Some(revision),
        Wanted::Deployment(id) => target.revision.is_none() && target.deployment_id.as_ref() == Some(id),
        Wanted::Keep { initial } => target.revision.as_ref() == Some(initial),
    }
}

/// Whether nothing is to ship instead: the spec went back to what the stage serves, or to a target that is held or gone.
fn leads_nowhere(draft: &Draft<'_>, desired: &Desired, stage: Option<&Stage>, release: &Release) -> Result<bool, Need> {
    let back = release.stable.as_ref().is_some_and(|stable| {
        stable.target.variables_hash == variables_hash(&desired.variables)
            && match &desired.wanted {
                Wanted::Revision(revision) => stable.target.revision.as_ref() == Some(revision),
                Wanted::Deployment(id) => stable.target.deployment_id.as_ref() == Some(id),
                Wanted::Keep { .. } => true,
            }
    });
    Ok(back
        || match resolve(draft, desired, stage)? {
            Resolution::Known(target) | Resolution::Snapshot(target) => held::is_held(draft, &target).is_some(),
            Resolution::Gone(_) => true,
            Resolution::Missing(_) => false,
        })
}
