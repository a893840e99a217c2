//! Settings that AWS takes and does not show: values that it writes otherwise, or does not keep.
//!
//! Sending them again at each look would change nothing and never end. So they are sent once, said in `SettingNotKept`, and sent
//! again when spec asks anew or when the stage's settings are others than those that showed it.

use std::collections::BTreeSet;

use super::difference::{Change, Difference, Part};
use crate::observed::{CacheCluster, Stage};
use crate::patch::PatchOperation;
use crate::plan::action::Action;
use crate::plan::draft::Draft;

/// Settings that AWS took and did not show afterwards, and the stage that told so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotKept {
    differences: Vec<Difference>,
    shown: Option<Box<Stage>>,
}

impl NotKept {
    /// Takes out of `parts` what it is no use to send: sent and taken in this very pass, or before it to a stage that showed
    /// the same settings as this one.
    pub(super) fn take(draft: &Draft<'_>, parts: &mut [Part], stage: &Stage) -> Self {
        let known = &draft.world.recent.not_kept;
        let shown = known.shown.as_deref();
        let same_settings = shown.is_some_and(|shown| settings_of(shown) == settings_of(stage));
        let same_tags = shown.is_some_and(|shown| shown.tags == stage.tags);
        let done = Done::of(&draft.world.recent.done);
        let is_no_use = |difference: &Difference| {
            let same = match &difference.change {
                Change::Patch(_) => same_settings,
                Change::Tag(..) | Change::Untag(_) => same_tags,
            };
            done.holds(&difference.change) || (same && known.differences.contains(difference))
        };
        let mut differences = Vec::new();
        // What waits for the cache cluster to come to rest is not judged before.
        for part in parts.iter_mut().filter(|part| part.waits.is_none()) {
            differences.extend(part.differences.extract_if(.., |difference| is_no_use(difference)));
        }
        // A write's reply leaves the tags out: nothing new is known of them.
        let tags = if stage.tags.is_some() {
            stage.tags.clone()
        } else {
            differences.extend(known.differences.iter().filter(|known| known.is_of_tags()).cloned());
            shown.and_then(|shown| shown.tags.clone())
        };
        if differences.is_empty() {
            return Self::default();
        }
        Self { differences, shown: Some(Box::new(Stage { tags, ..stage.clone() })) }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.differences.iter().map(|difference| difference.path.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What calls of this pass have asked for.
struct Done<'a> {
    operations: Vec<&'a PatchOperation>,
    tags: BTreeSet<(&'a str, &'a str)>,
    removed: BTreeSet<&'a str>,
}

impl<'a> Done<'a> {
    fn of(actions: &'a [Action]) -> Self {
        let mut done = Self { operations: Vec::new(), tags: BTreeSet::new(), removed: BTreeSet::new() };
        for action in actions {
            if let Action::Settings { operations, .. } = action {
                done.operations.extend(operations);
            } else if let Action::SetTags { tags, .. } = action {
                done.tags.extend(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            } else if let Action::RemoveTags { keys } = action {
                done.removed.extend(keys.iter().map(String::as_str));
            }
        }
        done
    }

    fn holds(&self, change: &Change) -> bool {
        match change {
            Change::Patch(operation) => self.operations.contains(&operation),
            Change::Tag(key, value) => self.tags.contains(&(key.as_str(), value.as_str())),
            Change::Untag(key) => self.removed.contains(key.as_str()),
        }
    }
}

/// A stage without what releases move, what time moves, and what is known from reads only.
fn settings_of(stage: &Stage) -> Stage {
    Stage {
        deployment_id: "".into(),
        canary: None,
        last_updated: None,
        tags: None,
        cache: CacheCluster { status: String::new(), ..stage.cache.clone() },
        ..stage.clone()
    }
}
