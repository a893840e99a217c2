//! Who is served next: the two buckets of an account and Region, and those who wait for them. Pure: told the time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use stagecraft_core::plan::Priority;

use super::Share;
use super::bucket::Bucket;

/// AWS takes one `CreateDeployment` in 5 s and saves none (source: API Gateway quotas). The tenth more is because two
/// requests may travel for different times: what left exactly 5 s apart can arrive closer.
const BETWEEN_DEPLOYMENTS: Duration = Duration::from_millis(5_100);

/// Who has waited this long is served as if it were one step more urgent, up to what a user waits for.
const AGEING: Duration = Duration::from_mins(1);

/// A place in the queue; earlier ones are smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(u64);

/// What somebody waits for: calls that go together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Calls of any operation, those of the next member among them.
    pub(super) calls: u32,
    /// Calls of `CreateDeployment`.
    pub(super) deployments: u32,
}

/// The buckets and the queue before them.
#[derive(Debug)]
pub(super) struct Queue {
    calls: Bucket,
    deployments: Bucket,
    burst: u32,
    waiting: BTreeMap<Ticket, Waiting>,
    next: u64,
    /// Before this nobody but an abort can be served.
    dry_until: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    wanted: Wanted,
    priority: Priority,
    /// Whose calls these are: who began earlier has a smaller number.
    turn: u64,
    since: Duration,
}

impl Queue {
    pub(super) fn new(share: Share, now: Duration) -> Self {
        Self {
            calls: Bucket::new(share.rate, f64::from(share.burst), now),
            deployments: Bucket::new(1.0 / BETWEEN_DEPLOYMENTS.as_secs_f64(), 1.0, now),
            burst: share.burst,
            waiting: BTreeMap::new(),
            next: 0,
            dry_until: Duration::ZERO,
        }
    }

    /// Joins the queue.
    pub(super) fn enter(&mut self, wanted: Wanted, priority: Priority, turn: u64, now: Duration) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        // More than can ever be saved would never come.
        let wanted = Wanted { calls: wanted.calls.min(self.burst), deployments: wanted.deployments.min(1) };
        self.waiting.insert(ticket, Waiting { wanted, priority, turn, since: now });
        if priority == Priority::Abort {
            self.dry_until = Duration::ZERO;
        }
        ticket
    }

    /// Somebody more urgent waits for what this ticket is to bring.
    pub(super) fn raise(&mut self, ticket: Ticket, priority: Priority) {
        if let Some(waiting) = self.waiting.get_mut(&ticket) {
            waiting.priority = waiting.priority.max(priority);
            self.dry_until = Duration::ZERO;
        }
    }

    /// Leaves the queue unserved. False: was served already.
    pub(super) fn leave(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }

    /// Gives back what was served and not used.
    pub(super) fn give_back(&mut self, wanted: Wanted, now: Duration) {
        self.calls.give_back(f64::from(wanted.calls), now);
        self.deployments.give_back(f64::from(wanted.deployments), now);
        self.dry_until = Duration::ZERO;
    }

    /// Serves everybody whose turn it is: the most urgent first, and among equals whose pass began first, so that what was
    /// begun is finished before something else is begun.
    ///
    /// Who waits for `CreateDeployment`'s own bucket holds up nobody else. Who waits for the common one holds up all who are
    /// less urgent, or a call that takes two tokens would never be served beside many that take one.
    pub(super) fn serve(&mut self, now: Duration) -> Vec<Ticket> {
        if now < self.dry_until {
            return Vec::new();
        }
        let mut order: Vec<_> = self.waiting.iter().map(|(ticket, waiting)| (*ticket, *waiting)).collect();
        order.sort_by_key(|(ticket, waiting)| (Reverse(waiting.urgency(now)), waiting.turn, *ticket));
        let mut served = Vec::new();
        self.dry_until = Duration::ZERO;
        for (ticket, waiting) in order {
            let (calls, deployments) = waiting.tokens();
            // AWS's Retry-After is for those who pressed. An abort is one call that takes harm from users, and AWS's own
            // bucket fills twice as fast as ours: worst of all it is refused, and then its own retry waits.
            let heeds_pause = waiting.priority != Priority::Abort;
            let wait = self.calls.wait_for(calls, now, heeds_pause);
            if !wait.is_zero() {
                self.dry_until = now.saturating_add(wait);
                break;
            }
            if !self.deployments.wait_for(deployments, now, heeds_pause && deployments > 0.0).is_zero() {
                continue;
            }
            self.calls.take(calls, now);
            self.deployments.take(deployments, now);
            self.waiting.remove(&ticket);
            served.push(ticket);
        }
        served
    }

    /// When [`serve`](Self::serve) can serve somebody who waits now; `None`: nobody waits.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        if now < self.dry_until {
            return Some(self.dry_until);
        }
        let waits = self.waiting.values().map(|waiting| {
            let (calls, deployments) = waiting.tokens();
            let heeds_pause = waiting.priority != Priority::Abort;
            let common = self.calls.wait_for(calls, now, heeds_pause);
            common.max(self.deployments.wait_for(deployments, now, heeds_pause && deployments > 0.0))
        });
        waits.min().map(|wait| now.saturating_add(wait))
    }

    /// AWS refused a call. `CreateDeployment` has a quota of its own, which is nearly always the one that it is refused for;
    /// where it is the common one, the other calls learn of it by themselves.
    pub(super) fn throttled(
        &mut self,
        is_deployment: bool,
        sent_at: Duration,
        now: Duration,
        retry_after: Option<Duration>,
    ) {
        let bucket = if is_deployment { &mut self.deployments } else { &mut self.calls };
        bucket.throttled(sent_at, now, retry_after);
        self.dry_until = Duration::ZERO;
    }

    /// Tokens that are there, and how many a second come.
    pub(super) fn standing(&self, now: Duration) -> (f64, f64) {
        (self.calls.tokens(now), self.calls.rate(now))
    }
}

impl Waiting {
    fn tokens(&self) -> (f64, f64) {
        (f64::from(self.wanted.calls), f64::from(self.wanted.deployments))
    }

    /// How urgent this is by now.
    ///
    /// What is more urgent always goes first, so that a stream of users' changes could keep drift from ever being looked
    /// for. Who has waited therefore rises, as far as users' changes: a release is never delayed by age.
    fn urgency(&self, now: Duration) -> Priority {
        let steps = now.saturating_sub(self.since).as_secs() / AGEING.as_secs();
        let above = Priority::ALL.into_iter().filter(|priority| *priority >= self.priority);
        let aged = above
            .take_while(|priority| *priority <= Priority::UserChange)
            .take(usize::try_from(steps.saturating_add(1)).unwrap_or(usize::MAX));
        aged.last().unwrap_or(self.priority)
    }
}

#[cfg(test)]
mod tests;
