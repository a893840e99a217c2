//! Tags beside the owner's: only declared keys are ours. Known from reads only, and set by calls of their own.

use super::difference::{Change, Difference};
use crate::observed::Stage;
use crate::plan::draft::Draft;
use crate::validate::Desired;

/// The declared path of a tag.
pub(super) fn path(key: &str) -> String {
    format!("tags[{key}]")
}

/// Tags to be set, then keys to be removed. None while no read has shown the tags.
pub(super) fn differences(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> Vec<Difference> {
    let Some(observed) = &stage.tags else { return Vec::new() };
    let wanted = &desired.settings.tags;
    let set = wanted
        .iter()
        .filter(|(key, value)| observed.get(*key) != Some(value))
        .map(|(key, value)| Difference { path: path(key), change: Change::Tag(key.clone(), value.clone()) });
    let removed = observed
        .keys()
        .filter(|key| !wanted.contains_key(*key) && draft.status.managed.contains(&path(key)))
        .map(|key| Difference { path: path(key), change: Change::Untag(key.clone()) });
    set.chain(removed).collect()
}
