//! Which `ApiCanary` governs a release.

use super::Scene;
use crate::api::status::Release;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::world::Governor;

/// Who governs a running release.
pub(super) enum Governance<'a> {
    /// Nobody: it goes at once.
    Nobody,
    /// This one, which also did when the release got its governor.
    Governed(&'a Governor),
    /// The one that governed it is gone, or another one governs now.
    Gone,
}

/// Looks up who governs. That somebody is gone is believed only to a list that was made for it: what a watch has not shown
/// yet is not gone.
pub(super) fn governance<'a>(draft: &Draft<'a>, scene: Scene<'a>, release: &Release) -> Result<Governance<'a>, Need> {
    let Some(uid) = &release.governed_by else { return Ok(Governance::Nobody) };
    if let Some(governor) = scene.governor.filter(|governor| governor.uid == *uid) {
        return Ok(Governance::Governed(governor));
    }
    let live = draft.world.governor(draft.world.cause_at)?;
    Ok(match live.value.as_ref().as_ref().filter(|governor| governor.uid == *uid) {
        Some(governor) => Governance::Governed(governor),
        None => Governance::Gone,
    })
}
