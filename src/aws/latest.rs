//! What was read last about one thing, read by one caller at a time.
//!
//! Order is told by a counter, not by the clock: what began before what is then certain also when two events fall on the
//! same reading of a clock. The clock only says how old an observation is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stagecraft_core::plan::Priority;

use super::error::Error;
use super::urgency::{Turn, Urgency};
use crate::clock::Clock;

/// How long a note is kept after a read has made it needless: longer than any call lasts, so that a late reply of another
/// write still finds it.
const NOTES_KEPT: Duration = Duration::from_mins(1);

/// Something that was observed.
#[derive(Debug)]
pub struct Seen<T> {
    /// What was seen, with what our own writes have changed in it since.
    pub value: Arc<T>,
    /// [`Clock::boottime`] at the **start** of the read: nothing is known about what happened later.
    pub started: Duration,
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), started: self.started }
    }
}

/// What can be observed, and how the reply of a write changes it.
pub(super) trait Observable: Clone {
    /// What a note is about; a later note about the same thing replaces an earlier one.
    type Key: Ord + Clone;
    /// What a write has changed.
    type Note;

    /// Makes the observation show what the note says.
    fn overlay(&mut self, key: &Self::Key, note: &Self::Note);
}

/// The last observation of one thing.
pub(super) struct Latest<T: Observable> {
    /// Held by whoever is reading; the others wait for it and look at what it brought.
    turn: Turn,
    memory: Mutex<Memory<T>>,
}

struct Memory<T: Observable> {
    /// Rises with every event below.
    now: u64,
    seen: Option<Seen<T>>,
    notes: BTreeMap<T::Key, Noted<T::Note>>,
    /// Reads that began before this have nothing to say to later callers.
    forgotten: u64,
    failed: Option<Failed>,
}

struct Noted<N> {
    note: N,
    event: u64,
    at: Duration,
}

/// The last read that failed. Shared by those who were waiting for it, and by nobody else.
struct Failed {
    event: u64,
    started: Duration,
    error: Error,
}

impl<T: Observable> Latest<T> {
    /// What was seen by a read that started at `newer_than` or later, else what `read` brings now.
    ///
    /// `admit` waits until the read may be sent, as urgently as the most urgent of those who wait for it; the read starts when
    /// that is over, or what waited long would be old when it comes.
    ///
    /// # Errors
    ///
    /// The error of `admit` or `read`, also of somebody else's for whom this caller waited. Errors are not remembered.
    pub(super) async fn get<L, A, F>(
        &self,
        clock: &Clock,
        newer_than: Duration,
        priority: Priority,
        admit: impl FnOnce(Urgency) -> A,
        read: impl FnOnce(L) -> F,
    ) -> Result<Seen<T>, Error>
    where
        A: Future<Output = Result<L, Error>>,
        F: Future<Output = Result<T, Error>>,
    {
        let arrived = {
            let mut memory = self.memory();
            if let Some(seen) = memory.since(newer_than) {
                return Ok(seen);
            }
            memory.event()
        };
        let turn = self.turn.wait(priority).await;
        {
            let memory = self.memory();
            if let Some(seen) = memory.since(newer_than) {
                return Ok(seen);
            }
            if let Some(error) = memory.failed_for(arrived, newer_than) {
                return Err(error);
            }
        }
        let admitted = admit(turn.urgency()).await;
        let (began, started) = (self.memory().event(), clock.boottime());
        let outcome = match admitted {
            // On the heap: one reads, and all others of the REST API wait for it here.
            Ok(admitted) => Box::pin(read(admitted)).await,
            Err(error) => Err(error),
        };
        self.memory().finish(outcome, began, started)
    }

    /// Remembers what a write has changed: in what was seen, and in reads that are under way.
    pub(super) fn note(&self, key: T::Key, note: T::Note, at: Duration) {
        self.memory().note(key, note, at);
    }

    /// Whether a write about `key` was noted after `moment`.
    pub(super) fn noted_since(&self, key: &T::Key, moment: Duration) -> bool {
        self.memory().notes.get(key).is_some_and(|noted| noted.at > moment)
    }

    /// Callers from now on read again, whatever a read brings that is under way.
    pub(super) fn forget(&self) {
        let mut memory = self.memory();
        memory.forgotten = memory.event();
        memory.seen = None;
    }

    fn memory(&self) -> MutexGuard<'_, Memory<T>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Observable> Memory<T> {
    fn event(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn since(&self, newer_than: Duration) -> Option<Seen<T>> {
        self.seen.as_ref().filter(|seen| seen.started >= newer_than).cloned()
    }

    fn failed_for(&self, arrived: u64, newer_than: Duration) -> Option<Error> {
        let failed = self.failed.as_ref()?;
        (failed.event > arrived && failed.started >= newer_than).then(|| failed.error.clone())
    }

    fn finish(&mut self, outcome: Result<T, Error>, began: u64, started: Duration) -> Result<Seen<T>, Error> {
        let event = self.event();
        let mut value = match outcome {
            Ok(value) => value,
            Err(error) => {
                self.failed = Some(Failed { event, started, error: error.clone() });
                return Err(error);
            }
        };
        self.failed = None;
        // A reply that came after this read had begun is newer than what it saw, or as new.
        for (key, noted) in self.notes.iter().filter(|(_, noted)| noted.event > began) {
            value.overlay(key, &noted.note);
        }
        self.notes.retain(|_, noted| noted.event > began || noted.at.saturating_add(NOTES_KEPT) > started);
        let seen = Seen { value: Arc::new(value), started };
        if began > self.forgotten {
            self.seen = Some(seen.clone());
        }
        Ok(seen)
    }

    fn note(&mut self, key: T::Key, note: T::Note, at: Duration) {
        let event = self.event();
        if let Some(seen) = &mut self.seen {
            Arc::make_mut(&mut seen.value).overlay(&key, &note);
        }
        self.notes.insert(key, Noted { note, event, at });
    }
}

impl<T: Observable> Default for Latest<T> {
    fn default() -> Self {
        Self {
            turn: Turn::default(),
            memory: Mutex::new(Memory { now: 0, seen: None, notes: BTreeMap::new(), forgotten: 0, failed: None }),
        }
    }
}

impl<T: Observable> fmt::Debug for Latest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
