//! What a release does to the stage's variables, and what is kept so that it can be undone.

use std::collections::{BTreeMap, BTreeSet};

use super::Scene;
use super::order;
use super::promote::Moved;
use crate::api::event::{Event, EventReason};
use crate::api::status::{How, Release, Stable};
use crate::api::target::variables_hash;
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::draft::{Draft, variable_path};
use crate::validate::Desired;

/// Over this, former values are not kept, and going back moves the deployment only.
const MOST_FORMER_VALUES: usize = 8 * 1024;

/// What must be done for the variables to have these values, and for the stage to have none that `goes`.
fn towards(wanted: &BTreeMap<String, String>, goes: impl Fn(&String) -> bool, stage: &Stage) -> Vec<PatchOperation> {
    let set = wanted
        .iter()
        .filter(|(key, value)| stage.variables.get(*key) != Some(value))
        .map(|(key, value)| PatchOperation::replace(format!("/variables/{key}"), value));
    // Removal only of what the read showed: what AWS does about an absent key is not known.
    let removed = stage
        .variables
        .keys()
        .filter(|key| !wanted.contains_key(*key) && goes(key))
        .map(|key| PatchOperation::remove(format!("/variables/{key}")));
    order::with_room(set.chain(removed).collect(), stage)
}

/// What must be done for the declared variables to be as declared: changed and new ones set, dropped ones of ours removed.
pub(in crate::plan) fn pending_variables(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> Vec<PatchOperation> {
    towards(&desired.variables, |key| draft.status.managed.contains(&variable_path(key)), stage)
}

/// What must be done for the variables to be as they were before the release that `stable` belongs to.
pub(super) fn put_back(stable: &Stable, stage: &Stage) -> Vec<PatchOperation> {
    towards(&stable.variables, |key| stable.added_variables.contains(key), stage)
}

/// What the variables still need for this release's target to serve.
pub(super) fn of_release(draft: &Draft<'_>, scene: Scene<'_>, release: &Release, stage: &Stage) -> Vec<PatchOperation> {
    match (release.how, &release.stable) {
        // The spec's target is held: its variables are what this release goes back from.
        (How::RolledBack, Some(stable)) => put_back(stable, stage),
        (How::RolledBack, None) => Vec::new(),
        (How::First | How::Canary | How::Direct | How::FastRollback | How::Adopted | How::PromotedByHand, _) => {
            scene.desired.map(|desired| pending_variables(draft, desired, stage)).unwrap_or_default()
        }
    }
}

/// What must be done for the variables to be as they were before this release.
pub(super) fn undone(scene: Scene<'_>, release: &Release, stable: &Stable, stage: &Stage) -> Vec<PatchOperation> {
    if release.how != How::RolledBack {
        return put_back(stable, stage);
    }
    // It came from the spec's target, whose values the spec has for as long as it is not edited.
    let desired = scene.desired.filter(|desired| variables_hash(&desired.variables) == stable.target.variables_hash);
    let Some(Desired { variables, .. }) = desired else { return Vec::new() };
    towards(variables, |key| stable.variables.contains_key(key), stage)
}

/// Takes what was put back for declared, as it was once: the spec may have dropped it, and dropping it again must remove it.
pub(super) fn own_again(draft: &mut Draft<'_>, stable: &Stable, stage: &Stage) {
    let back = stable.variables.keys().filter(|key| stage.variables.contains_key(*key));
    draft.status.managed.extend(back.map(|key| variable_path(key)));
}

/// How much of what a release does to the variables the stage shows. Of one that does nothing to them, all.
pub(super) fn moved(release: &Release, stable: &Stable, stage: &Stage) -> Moved {
    let of_both = stable.variables.len() + stable.added_variables.len();
    let values = stable.variables.iter().filter(|(key, value)| stage.variables.get(*key) == Some(value)).count();
    let names = stable.added_variables.iter().filter(|key| !stage.variables.contains_key(*key)).count();
    let former = values + names;
    // A rollback goes to what others go from.
    let moved = if release.how == How::RolledBack { former } else { of_both - former };
    match moved {
        _ if moved == of_both => Moved::Wholly,
        0 => Moved::Nothing,
        _ => Moved::Partly,
    }
}

/// The values that a release overwrites or removes, and the names that it adds.
pub(super) fn former_variables(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: &Stage,
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let changed = stage.variables.iter().filter(|(key, value)| match desired.variables.get(*key) {
        Some(wanted) => wanted != *value,
        None => draft.status.managed.contains(&variable_path(key)),
    });
    let former: BTreeMap<_, _> = changed.map(|(key, value)| (key.clone(), value.clone())).collect();
    let added = desired.variables.keys().filter(|key| !stage.variables.contains_key(*key)).cloned().collect();
    if former.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MOST_FORMER_VALUES {
        draft.tell(Event::warning(
            EventReason::Warning,
            "FormerVariables",
            "The former values of the changed variables take more than 8 KiB and are not kept: going back will move the deployment only.",
        ));
        return (BTreeMap::new(), BTreeSet::new());
    }
    (former, added)
}
