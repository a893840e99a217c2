//! How urgent a call is, where several may wait for its answer.
//!
//! One read serves all who wait for it, so it is as urgent as the most urgent of them: else a release would wait behind a
//! drift read that itself waits for the quota.

use std::sync::Arc;

use stagecraft_core::plan::Priority;
use tokio::sync::{OwnedMutexGuard, watch};

/// How urgent a call is; it may rise while the call waits.
#[derive(Clone, Debug)]
pub(super) struct Urgency {
    own: Priority,
    /// Whose calls these are: among equals those of who began first go first.
    turn: u64,
    others: Option<watch::Receiver<Waiting>>,
}

/// How many wait, by priority.
type Waiting = [u32; Priority::ALL.len()];

/// A thing that one does at a time, and that is as urgent as the most urgent who waits for it.
#[derive(Debug)]
pub(super) struct Turn {
    alone: Arc<tokio::sync::Mutex<()>>,
    waiting: watch::Sender<Waiting>,
}

/// The turn is ours until this is dropped.
pub(super) struct Held<'a> {
    turn: &'a Turn,
    priority: Priority,
    _alone: OwnedMutexGuard<()>,
    _counted: Counted<'a>,
}

struct Counted<'a> {
    turn: &'a Turn,
    priority: Priority,
}

impl Urgency {
    pub(super) fn of(own: Priority) -> Self {
        Self { own, turn: 0, others: None }
    }

    /// The same for calls of the caller with this number; earlier ones are smaller.
    pub(super) fn in_turn(self, turn: u64) -> Self {
        Self { turn, ..self }
    }

    /// The number of the caller.
    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    /// The highest of all who wait now.
    pub(super) fn now(&self) -> Priority {
        let others = self.others.as_ref().and_then(|others| highest(&others.borrow()));
        others.map_or(self.own, |others| others.max(self.own))
    }

    /// Resolves when it is above `known`.
    pub(super) async fn rises_above(&mut self, known: Priority) -> Priority {
        let Some(others) = &mut self.others else { return std::future::pending().await };
        let risen =
            others.wait_for(|waiting| highest(waiting) > Some(known)).await.ok().and_then(|waiting| highest(&waiting));
        match risen {
            Some(priority) => priority,
            // The turn is gone, and with it everybody who could wait.
            None => std::future::pending().await,
        }
    }
}

impl Turn {
    /// Waits for the turn. Meanwhile who has it is at least as urgent as this.
    pub(super) async fn wait(&self, priority: Priority) -> Held<'_> {
        let counted = Counted::new(self, priority);
        let alone = Arc::clone(&self.alone).lock_owned().await;
        Held { turn: self, priority, _alone: alone, _counted: counted }
    }
}

impl Held<'_> {
    /// How urgent it is to be done with the turn.
    pub(super) fn urgency(&self) -> Urgency {
        Urgency { own: self.priority, turn: 0, others: Some(self.turn.waiting.subscribe()) }
    }
}

impl<'a> Counted<'a> {
    fn new(turn: &'a Turn, priority: Priority) -> Self {
        turn.count(priority, |count| count.saturating_add(1));
        Self { turn, priority }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.turn.count(self.priority, |count| count.saturating_sub(1));
    }
}

impl Turn {
    fn count(&self, priority: Priority, change: impl Fn(u32) -> u32) {
        self.waiting.send_modify(|waiting| {
            let count = Priority::ALL.iter().zip(waiting.iter_mut()).find(|(its, _)| **its == priority);
            if let Some((_, count)) = count {
                *count = change(*count);
            }
        });
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self { alone: Arc::default(), waiting: watch::Sender::new([0; Priority::ALL.len()]) }
    }
}

fn highest(waiting: &Waiting) -> Option<Priority> {
    Priority::ALL.into_iter().zip(waiting).rev().find(|(_, count)| **count > 0).map(|(priority, _)| priority)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_has_the_turn_is_as_urgent_as_whoever_waits_for_it() {
        let turn = Turn::default();
        let held = turn.wait(Priority::Drift).await;
        let mut urgency = held.urgency();
        assert_eq!(urgency.now(), Priority::Drift);
        assert!(urgency.rises_above(Priority::Drift).now_or_never().is_none());
        let mut other = Box::pin(turn.wait(Priority::Abort));
        assert!(other.as_mut().now_or_never().is_none(), "one at a time");
        assert_eq!(urgency.rises_above(Priority::Drift).now_or_never(), Some(Priority::Abort));
        assert!(urgency.rises_above(Priority::Abort).now_or_never().is_none());
        assert_eq!(urgency.now(), Priority::Abort);
        drop(other);
        assert_eq!(urgency.now(), Priority::Drift, "who gave up waits no more");
        let mut last = Box::pin(turn.wait(Priority::Release));
        assert!(last.as_mut().now_or_never().is_none());
        drop(held);
        assert_eq!(last.await.urgency().now(), Priority::Release);
    }

    #[tokio::test]
    async fn a_call_that_nobody_else_waits_for_never_rises() {
        let mut urgency = Urgency::of(Priority::CleanUp);
        assert_eq!(urgency.now(), Priority::CleanUp);
        assert!(urgency.rises_above(Priority::CleanUp).now_or_never().is_none());
    }
}
