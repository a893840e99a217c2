//! What this process remembers of each object between passes. Losing it costs reads, never a decision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use stagecraft_core::api::COMMAND;
use stagecraft_core::cause::Cause as AwsCause;
use stagecraft_core::plan::Priority;
use stagecraft_core::world::{Housekeeping, Recent};

use super::governed::Governed;

/// Memories by uid of the object.
pub(super) struct Memories<K>(Mutex<HashMap<String, Memory<K>>>);

/// What is remembered of one object.
pub(super) struct Memory<K> {
    last_written: Option<Written<K>>,
    cause: Option<Cause>,
    /// When `cause` was first seen.
    pub(super) cause_at: Timestamp,
    /// When the object is due although nobody touched it.
    pub(super) wake_up_at: Option<Timestamp>,
    /// How long it was to rest until then.
    rests: Option<Duration>,
    /// Tries that failed.
    pub(super) recent: Recent,
}

/// Our last write.
enum Written<K> {
    /// The object as the write returned it. The watch is still behind.
    Ahead(Arc<K>),
    /// The resourceVersion that it left. The watch has shown it, so the object need not be kept twice.
    Shown(String),
}

/// What makes a pass look at the world anew.
#[derive(Clone, PartialEq, Eq)]
struct Cause {
    generation: Option<i64>,
    command: Option<String>,
    deleting: bool,
    /// What the other objects say that this one's decisions need fresh reads for; empty where nothing is.
    surroundings: String,
}

// Not derived: objects are shared, not copied, and need no default.
impl<K> Default for Memories<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Governed> Written<K> {
    fn resource_version(&self) -> Option<String> {
        match self {
            Self::Ahead(object) => object.resource_version(),
            Self::Shown(version) => Some(version.clone()),
        }
    }
}

impl<K> Clone for Written<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Ahead(object) => Self::Ahead(Arc::clone(object)),
            Self::Shown(version) => Self::Shown(version.clone()),
        }
    }
}

impl<K> Default for Memory<K> {
    fn default() -> Self {
        Self {
            last_written: None,
            cause: None,
            cause_at: Timestamp::default(),
            wake_up_at: None,
            rests: None,
            recent: Recent::default(),
        }
    }
}

impl<K> Clone for Memory<K> {
    fn clone(&self) -> Self {
        let Self { last_written, cause, cause_at, wake_up_at, rests, recent } = self;
        Self {
            last_written: last_written.clone(),
            cause: cause.clone(),
            cause_at: *cause_at,
            wake_up_at: *wake_up_at,
            rests: *rests,
            recent: recent.clone(),
        }
    }
}

impl<K> Memories<K> {
    pub(super) fn get(&self, uid: &str) -> Memory<K> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    pub(super) fn put(&self, uid: String, memory: Memory<K>) {
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

impl<K: Governed> Memory<K> {
    /// The newer of what the watch shows and what we wrote last.
    ///
    /// resourceVersions of one object rise, and since Kubernetes 1.35 they may be compared; one that is no number is taken
    /// as newer, and a status write on an older one is refused by the apiserver anyway.
    pub(super) fn newest(&mut self, watched: &Arc<K>) -> Arc<K> {
        let is_newer = |written: &K| {
            let version = |object: &K| object.resource_version().and_then(|version| version.parse::<u128>().ok());
            matches!((version(written), version(watched)), (Some(ours), Some(theirs)) if ours > theirs)
        };
        match self.last_written.take() {
            Some(Written::Ahead(written)) if is_newer(&written) => {
                self.last_written = Some(Written::Ahead(Arc::clone(&written)));
                written
            }
            // Kept, since it tells an echo of our own write from news.
            Some(written) if written.resource_version() == watched.resource_version() => {
                self.last_written = watched.resource_version().map(Written::Shown);
                Arc::clone(watched)
            }
            Some(_) | None => Arc::clone(watched),
        }
    }

    /// Whether this object is what our last write made of it, and nothing is due: the watch only tells us what we did.
    pub(super) fn is_own_echo(&self, object: &K, now: Timestamp) -> bool {
        let written = self.last_written.as_ref();
        written.is_some_and(|written| written.resource_version() == object.resource_version())
            && self.wake_up_at.is_some_and(|due| due > now)
    }

    /// Whether what the watched ones among the other objects say is not what the last pass was about. What must be read to be
    /// known stands behind a bar.
    pub(super) fn has_news(&self, watched: &str) -> bool {
        let known = self.cause.as_ref().and_then(|cause| cause.surroundings.split('|').next());
        known != Some(watched)
    }

    /// Notes how long the object may rest after a pass.
    pub(super) fn rest(&mut self, rests: Option<Duration>, now: Timestamp) {
        self.wake_up_at = rests.and_then(|rests| now.checked_add(rests).ok());
        self.rests = rests;
    }

    pub(super) fn wrote(&mut self, object: &Arc<K>) {
        self.last_written = Some(Written::Ahead(Arc::clone(object)));
    }

    /// Notes what this pass is about, news of other objects among it; a new cause makes earlier reads and failures history.
    ///
    /// An object that this process has not met before and that is at rest has no news: its pass is a poll like those that
    /// follow, and shares its read with the other stages of the REST API. Else a new leader would read each stage by itself.
    pub(super) fn note_cause_among(&mut self, object: &K, surroundings: String, urgency: Priority, now: Timestamp) {
        let cause = Cause {
            generation: object.meta().generation,
            command: object.annotations().get(COMMAND).cloned(),
            deleting: object.meta().deletion_timestamp.is_some(),
            surroundings,
        };
        if self.cause.as_ref() != Some(&cause) {
            let is_poll = self.cause.is_none() && urgency == Priority::Drift && !object.moves();
            self.cause = Some(cause);
            self.cause_at = if is_poll { Timestamp::MIN } else { now };
            let Recent { unsent, housekeeping, .. } = std::mem::take(&mut self.recent);
            // That a snapshot was certainly not taken stays true, and so does what was looked through.
            let housekeeping = Housekeeping { not_before: None, ..housekeeping };
            self.recent = Recent { unsent, housekeeping, ..Recent::default() };
        } else if self.wake_up_at.is_some_and(|due| due <= now) && !is_ready(object) && !self.was_throttled() {
            self.cause_at = self.cause_at.max(self.looks_since(object, now));
        }
        self.recent.done.clear();
        self.recent.retry_at.retain(|_, at| *at > now);
        self.recent.tried = self.recent.retry_at.keys().copied().collect();
        self.recent.housekeeping.sent = 0;
    }

    /// Since when reads tell an object that is due what is new to it: now where something moves. What only waits takes those of
    /// the last part of its wait, as polls do, so that one read serves all the stages of a REST API that wait alike.
    fn looks_since(&self, object: &K, now: Timestamp) -> Timestamp {
        let share = self.rests.filter(|_| !object.moves()).unwrap_or_default().mul_f64(0.6);
        now.checked_sub(share).unwrap_or(now)
    }

    /// Whoever was asked to call less does not read again what it knows.
    fn was_throttled(&self) -> bool {
        self.recent.failure.as_ref().is_some_and(|failure| matches!(failure.cause, AwsCause::Throttled { .. }))
    }
}

/// Whether nothing is awaited: the age that polls accept is enough.
fn is_ready(object: &impl Governed) -> bool {
    object.meta().deletion_timestamp.is_none()
        && object.conditions().iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
