//! Whether a running release still brings what is asked for, and how it ends where it does not.

use super::{Scene, Turn, end, held, promote};
use crate::api::status::{How, Phase, Release, ReleaseResult};
use crate::api::target::variables_hash;
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::plan::target::{Resolution, resolve};
use crate::validate::{Desired, Wanted};

/// `Some`: the release has ended for another target. `None`: it goes on.
pub(super) fn judge(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<Option<Turn>, Need> {
    if is_wanted(draft, scene, release)? || release.phase == Phase::RollingBack {
        return Ok(None);
    }
    if release.phase == Phase::Promoting && promote::has_moved(release, scene.stage) {
        // The call had its effect before the target changed: what it brought is what the next release starts from.
        end::succeed(draft, release.clone());
        return Ok(Some(Turn::Again));
    }
    let result =
        if leads_nowhere(draft, scene, release)? { ReleaseResult::Cancelled } else { ReleaseResult::Superseded };
    end::give_up(draft, release.clone(), result);
    Ok(Some(Turn::Again))
}

/// Whether the running release still brings what is asked for.
fn is_wanted(draft: &Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<bool, Need> {
    let Scene { desired, stage } = scene;
    if release.how == How::RolledBack {
        // It goes back from the spec's target, for as long as that one is held.
        return Ok(match resolve(draft, desired, stage)? {
            Resolution::Known(target) | Resolution::Snapshot(target) => held::is_held(draft, &target).is_some(),
            Resolution::Gone(_) | Resolution::Missing(_) => true,
        });
    }
    Ok(names(release, desired, stage) && release.target.variables_hash == variables_hash(&desired.variables))
}

fn names(release: &Release, desired: &Desired, stage: Option<&Stage>) -> bool {
    let target = &release.target;
    match &desired.wanted {
        Wanted::Revision(revision) => target.revision.as_ref() == Some(revision),
        Wanted::Deployment(id) => target.revision.is_none() && target.deployment_id.as_ref() == Some(id),
        Wanted::Keep { initial } => {
            target.revision.as_ref() == Some(initial)
                || stage.is_some_and(|stage| target.deployment_id.as_ref() == Some(&stage.deployment_id))
        }
    }
}

/// Whether nothing is to ship instead: the spec went back to what the stage serves, or to a target that is held or gone.
fn leads_nowhere(draft: &Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<bool, Need> {
    let Scene { desired, stage } = scene;
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
