//! What this process remembers of each object between passes. Losing it costs reads, never a decision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kube::ResourceExt as _;
use stagecraft_core::api::COMMAND;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::cause::Cause as AwsCause;
use stagecraft_core::world::Recent;

/// Memories by uid of the object.
#[derive(Default)]
pub(super) struct Memories(Mutex<HashMap<String, Memory>>);

/// What is remembered of one object.
#[derive(Clone, Default)]
pub(super) struct Memory {
    /// The object as our last write returned it. The watch may still be behind.
    last_written: Option<Arc<ApiStage>>,
    cause: Option<Cause>,
    /// When `cause` was first seen.
    pub(super) cause_at: Timestamp,
    /// When the object is due although nobody touched it.
    pub(super) wake_up_at: Option<Timestamp>,
    /// Tries that failed.
    pub(super) recent: Recent,
}

/// What makes a pass look at the world anew.
#[derive(Clone, PartialEq, Eq)]
struct Cause {
    generation: Option<i64>,
    command: Option<String>,
    deleting: bool,
}

impl Memories {
    pub(super) fn get(&self, uid: &str) -> Memory {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    pub(super) fn put(&self, uid: String, memory: Memory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, memory);
    }

    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Drops what belongs to objects that are gone without a pass of ours.
    pub(super) fn keep_only(&self, lives: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| lives(uid));
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Memory {
    /// The newer of what the watch shows and what we wrote last.
    ///
    /// resourceVersions of one object rise, and since Kubernetes 1.35 they may be compared; one that is no number is taken
    /// as newer, and a status write on an older one is refused by the apiserver anyway.
    pub(super) fn newest(&mut self, watched: &Arc<ApiStage>) -> Arc<ApiStage> {
        let is_newer = |written: &ApiStage| {
            let version =
                |object: &ApiStage| object.resource_version().and_then(|version| version.parse::<u128>().ok());
            matches!((version(written), version(watched)), (Some(ours), Some(theirs)) if ours > theirs)
        };
        match self.last_written.take() {
            // Kept when the watch has caught up too: it tells an echo of our own write from news.
            Some(written) if is_newer(&written) || written.resource_version() == watched.resource_version() => {
                self.last_written = Some(Arc::clone(&written));
                written
            }
            Some(_) | None => Arc::clone(watched),
        }
    }

    /// Whether this object is what our last write made of it, and nothing is due: the watch only tells us what we did.
    pub(super) fn is_own_echo(&self, object: &ApiStage, now: Timestamp) -> bool {
        let written = self.last_written.as_ref();
        written.is_some_and(|written| written.resource_version() == object.resource_version())
            && self.wake_up_at.is_some_and(|due| due > now)
    }

    pub(super) fn wrote(&mut self, object: &Arc<ApiStage>) {
        self.last_written = Some(Arc::clone(object));
    }

    /// Notes what this pass is about; a new cause makes earlier reads and failures history.
    pub(super) fn note_cause(&mut self, object: &ApiStage, now: Timestamp) {
        let cause = Cause {
            generation: object.metadata.generation,
            command: object.annotations().get(COMMAND).cloned(),
            deleting: object.metadata.deletion_timestamp.is_some(),
        };
        if self.cause.as_ref() != Some(&cause) {
            self.cause = Some(cause);
            self.cause_at = now;
            // That a snapshot was certainly not taken stays true.
            self.recent = Recent { unsent: std::mem::take(&mut self.recent.unsent), ..Recent::default() };
        } else if self.wake_up_at.is_some_and(|due| due <= now) && !is_ready(object) && !self.was_throttled() {
            self.cause_at = now;
        }
        self.recent.tried.clear();
    }

    /// Whoever was asked to call less does not read again what it knows.
    fn was_throttled(&self) -> bool {
        self.recent.failure.as_ref().is_some_and(|failure| matches!(failure.cause, AwsCause::Throttled { .. }))
    }
}

/// At rest polls share reads with their siblings; whatever waits looks for itself.
fn is_ready(object: &ApiStage) -> bool {
    object.metadata.deletion_timestamp.is_none()
        && object
            .status
            .iter()
            .flat_map(|status| &status.conditions)
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
