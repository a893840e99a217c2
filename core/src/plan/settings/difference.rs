//! What one declared path needs to be as declared, and how many of them become calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::patch::PatchOperation;
use crate::plan::action::Action;
use crate::world::Group;

/// Operations of one `UpdateStage` at most. AWS documents no limit, but refuses large patches; 80 is what a widely used tool
/// splits at (aws-facts: rules common to patches).
const MOST_OPERATIONS: usize = 80;

/// Paths that a sentence names before it counts the rest.
const MOST_NAMES: usize = 8;

/// A declared path that is not as declared, and what would put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) path: String,
    pub(super) change: Change,
}

/// What would put a path right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An operation of `UpdateStage`.
    Patch(PatchOperation),
    /// A tag of `TagResource`.
    Tag(String, String),
    /// A key of `UntagResource`.
    Untag(String),
}

impl Difference {
    pub(super) fn patch(path: impl Into<String>, operation: PatchOperation) -> Self {
        Self { path: path.into(), change: Change::Patch(operation) }
    }

    pub(super) fn is_of_tags(&self) -> bool {
        matches!(self.change, Change::Tag(..) | Change::Untag(_))
    }
}

/// Differences whose calls stand and fall together.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) group: Group,
    pub(super) differences: Vec<Difference>,
    /// Why nothing of it is sent now, in a sentence.
    pub(super) waits: Option<String>,
}

impl Part {
    pub(super) fn new(group: Group, differences: impl IntoIterator<Item = Difference>) -> Self {
        Self { group, differences: differences.into_iter().collect(), waits: None }
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.differences.iter().map(|difference| difference.path.as_str())
    }

    /// The calls: patches in their order, then at most one call each that adds and removes tags.
    pub(super) fn actions(&self, drifted: bool) -> Vec<Action> {
        let patches: Vec<_> = self
            .differences
            .iter()
            .filter_map(|difference| match &difference.change {
                Change::Patch(operation) => Some((operation.clone(), difference.path.clone())),
                Change::Tag(..) | Change::Untag(_) => None,
            })
            .collect();
        let mut actions: Vec<_> = patches
            .chunks(MOST_OPERATIONS)
            .map(|chunk| {
                let (operations, fields): (Vec<_>, Vec<_>) = chunk.iter().cloned().unzip();
                Action::Settings { group: self.group, operations, fields: distinct(fields), drifted }
            })
            .collect();
        let (mut set, mut removed) = (BTreeMap::new(), Vec::new());
        for difference in &self.differences {
            match &difference.change {
                Change::Patch(_) => {}
                Change::Tag(key, value) => drop(set.insert(key.clone(), value.clone())),
                Change::Untag(key) => removed.push(key.clone()),
            }
        }
        if !set.is_empty() {
            actions.push(Action::SetTags { tags: set, drifted });
        }
        if !removed.is_empty() {
            actions.push(Action::RemoveTags { keys: removed });
        }
        actions
    }
}

/// Each path once, in the order of its first operation.
fn distinct(fields: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    fields.into_iter().filter(|field| seen.insert(field.clone())).collect()
}

/// Paths for a sentence: each once, the first few by name.
pub(super) fn list<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    let paths = distinct(paths.into_iter().map(ToOwned::to_owned).collect());
    let named = paths.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MOST_NAMES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
