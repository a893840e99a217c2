//! Our share of AWS's request quota: who calls, and who waits.
//!
//! AWS counts all callers of an account and Region together (10 requests a second, 40 at once, one `CreateDeployment` in
//! 5 s), and nobody can raise that. So there is one [`Limiter`] per account and Region, whatever credentials lead there, and
//! it takes a part only: consoles, pipelines and other tools need the rest.
//!
//! # Guarantees
//!
//! * In any time t at most burst + rate * t calls, and no two `CreateDeployment` within 5 s.
//! * The most urgent is served first, and among equals whose pass began first. An abort waits for one token at most.
//! * Nobody starves: who waits rises to the urgency of a user's change, a step a minute.
//! * After a 429 fewer calls; after its Retry-After none before, aborts apart.
//!
//! # Caveats
//!
//! STS and CloudWatch have quotas of their own and are not counted.
//!
//! | file | decides |
//! | --- | --- |
//! | `bucket` | how many tokens there are |
//! | `queue` | who gets them |
//! | here | how callers wait |

mod bucket;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stagecraft_core::api::names::{AccountId, Region};
use stagecraft_core::cause::Cause;
use stagecraft_core::plan::Priority;
use tokio::sync::{Notify, oneshot};

use super::call::Observer;
use super::error::Error;
use super::operation::Operation;
use super::urgency::Urgency;
use crate::clock::Clock;
use queue::{Queue, Ticket, Wanted};

/// The part of AWS's request quota that this process may use, per account and Region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Calls a second, of AWS's 10.
    pub rate: f64,
    /// Calls at once after a quiet time, of AWS's 40.
    pub burst: u32,
}

impl Default for Share {
    /// Half of what AWS gives (design: budget).
    fn default() -> Self {
        Self { rate: 5.0, burst: 20 }
    }
}

/// The limiters of all accounts and Regions. Clones share them: one per process, for all credentials.
#[derive(Clone)]
pub struct Limiters {
    inner: Arc<All>,
}

struct All {
    clock: Clock,
    share: Share,
    observer: Arc<dyn Observer>,
    limiters: Mutex<HashMap<(AccountId, Region), Limiter>>,
}

/// Who calls API Gateway in one account and Region, and who waits. Clones share the queue.
#[derive(Clone)]
pub(super) struct Limiter {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
    /// Held by the one waiter that watches the time for all. When it is served, the next one takes over.
    watch: tokio::sync::Mutex<()>,
    /// Something came up that may be due earlier than what the watch waits for.
    news: Notify,
}

struct State {
    queue: Queue,
    callers: HashMap<Ticket, oneshot::Sender<()>>,
}

/// Leave to send calls now, as far as the quota goes. What is not used is given back when this is dropped.
#[must_use = "leave that nobody uses lets nobody call"]
pub(super) struct Leave {
    limiter: Limiter,
    calls: Mutex<Vec<Operation>>,
}

/// A place in the queue, left when dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    ticket: Ticket,
    wanted: Wanted,
    used: bool,
}

impl Limiters {
    /// One share for each account and Region, whichever will be called.
    #[must_use]
    pub fn new(share: Share, clock: Clock, observer: Arc<dyn Observer>) -> Self {
        Self { inner: Arc::new(All { clock, share, observer, limiters: Mutex::default() }) }
    }

    /// The limiter of this account and Region.
    pub(super) fn of(&self, account: AccountId, region: &Region) -> Limiter {
        let mut limiters = self.inner.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let All { clock, share, observer, limiters: _ } = &*self.inner;
        let entry = limiters.entry((account, region.clone()));
        entry.or_insert_with(|| Limiter::new(*share, clock.clone(), Arc::clone(observer))).clone()
    }

    /// Tokens that are there and calls a second that are allowed now, of the account and Region that has the fewest;
    /// the whole share while nobody has called.
    #[must_use]
    pub fn standing(&self) -> (f64, f64) {
        let limiters = self.inner.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let full = (f64::from(self.inner.share.burst), self.inner.share.rate);
        limiters
            .values()
            .map(Limiter::standing)
            .fold(full, |(tokens, rate), (its_tokens, its_rate)| (tokens.min(its_tokens), rate.min(its_rate)))
    }
}

impl Limiter {
    fn new(share: Share, clock: Clock, observer: Arc<dyn Observer>) -> Self {
        let state = State { queue: Queue::new(share, clock.boottime()), callers: HashMap::new() };
        Self {
            inner: Arc::new(Inner {
                clock,
                observer,
                state: Mutex::new(state),
                watch: tokio::sync::Mutex::default(),
                news: Notify::new(),
            }),
        }
    }

    /// Waits until these calls may be sent, all together.
    pub(super) async fn leave(&self, calls: &[Operation], mut urgency: Urgency) -> Leave {
        let priority = urgency.now();
        let since = self.inner.clock.boottime();
        let (mut place, mut served) = self.enter(wanted(calls), priority, urgency.turn());
        let mut known = priority;
        loop {
            tokio::select! {
                biased;
                // The queue keeps the other end until this place is served.
                _ = &mut served => break,
                risen = urgency.rises_above(known) => {
                    known = risen;
                    self.change(|queue| queue.raise(place.ticket, risen));
                }
                () = self.keep_watch() => {}
            }
        }
        place.used = true;
        self.inner.observer.waited(priority, self.inner.clock.boottime().saturating_sub(since));
        Leave { limiter: self.clone(), calls: Mutex::new(calls.to_vec()) }
    }

    /// Learns from the answer of a call that was sent at `sent_at` ([`Clock::boottime`]).
    pub(super) fn answered(&self, operation: Operation, outcome: Result<(), &Error>, sent_at: Duration) {
        if let Err(Error { cause: Cause::Throttled { retry_after }, .. }) = outcome {
            let now = self.inner.clock.boottime();
            let is_deployment = operation == Operation::CreateDeployment;
            self.change(|queue| queue.throttled(is_deployment, sent_at, now, *retry_after));
        }
    }

    fn enter(&self, wanted: Wanted, priority: Priority, turn: u64) -> (Place<'_>, oneshot::Receiver<()>) {
        let (serve, served) = oneshot::channel();
        let now = self.inner.clock.boottime();
        let mut state = self.state();
        let ticket = state.queue.enter(wanted, priority, turn, now);
        state.callers.insert(ticket, serve);
        state.serve(now);
        drop(state);
        self.inner.news.notify_one();
        (Place { limiter: self, ticket, wanted, used: false }, served)
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut state = self.state();
        change(&mut state.queue);
        state.serve(self.inner.clock.boottime());
        drop(state);
        self.inner.news.notify_one();
    }

    /// Watches the time for all who wait, one waiter at a time. Does not end; whoever is served drops it.
    async fn keep_watch(&self) {
        let _alone = self.inner.watch.lock().await;
        loop {
            let now = self.inner.clock.boottime();
            let due = {
                let mut state = self.state();
                state.serve(now);
                state.queue.due(now)
            };
            let pause = async {
                match due {
                    Some(due) => self.inner.clock.wait(due.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.inner.news.notified() => {}
            }
        }
    }

    fn standing(&self) -> (f64, f64) {
        self.state().queue.standing(self.inner.clock.boottime())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn serve(&mut self, now: Duration) {
        for ticket in self.queue.serve(now) {
            // Who does not listen any more gives it back: see `Place`.
            self.callers.remove(&ticket).map(|caller| caller.send(()).ok());
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let (ticket, wanted) = (self.ticket, self.wanted);
        if self.used {
            return;
        }
        let now = self.limiter.inner.clock.boottime();
        self.limiter.state().callers.remove(&ticket);
        self.limiter.change(|queue| {
            if !queue.leave(ticket) {
                queue.give_back(wanted, now);
            }
        });
    }
}

impl Leave {
    /// Uses it for one call of this operation. False: it holds none.
    pub(super) fn take(&self, operation: Operation) -> bool {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let found = calls.iter().position(|call| *call == operation);
        found.map(|at| calls.swap_remove(at)).is_some()
    }

    /// The calls that were not made yet.
    pub(super) fn calls(&self) -> Vec<Operation> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every call was made.
    pub(super) fn is_used_up(&self) -> bool {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let unused = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        if !unused.is_empty() {
            let now = self.limiter.inner.clock.boottime();
            self.limiter.change(|queue| queue.give_back(wanted(&unused), now));
        }
    }
}

fn wanted(calls: &[Operation]) -> Wanted {
    let count = |calls: usize| u32::try_from(calls).unwrap_or(u32::MAX);
    let deployments = calls.iter().filter(|call| **call == Operation::CreateDeployment).count();
    Wanted { calls: count(calls.len()), deployments: count(deployments) }
}

impl fmt::Debug for Limiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiters").field("share", &self.inner.share).finish_non_exhaustive()
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}
