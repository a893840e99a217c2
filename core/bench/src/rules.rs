//! When a release is aborted: four rules that look at the same minutes.

use stagecraft_core::analysis::sequential::{Against, Minute, Test};
use stagecraft_core::api::check::Verdict;
use stagecraft_core::api::counts::Evidence;

use crate::rows::Row;

/// What the sequential rule declares: the default.
pub(crate) const FALSE_ALARM: f64 = 0.01;

/// Minutes that the rules with a window look at.
const WINDOW: usize = 5;

/// A rule's view of one release.
pub(crate) trait Rule {
    /// Another minute has arrived: is the release aborted?
    fn aborts(&mut self, minute: Minute) -> bool;
}

/// The operator's default.
pub(crate) struct Sequential {
    evidence: Evidence,
}

/// "5xx above 1 % in the last five minutes".
#[derive(Default)]
pub(crate) struct Threshold {
    last: Last,
}

/// "Twice the stable side in the last five minutes".
#[derive(Default)]
pub(crate) struct Ratio {
    last: Last,
}

/// Wald's test for somebody who knows both rates: no rule that errs as seldom can be quicker on average.
pub(crate) struct Wald {
    of_bad: f64,
    of_good: f64,
    so_far: f64,
}

/// The last minutes.
#[derive(Default)]
struct Last {
    minutes: Vec<Minute>,
}

pub(crate) const TEST: Test = Test { against: Against::Stable { smallest_increase: 0.0 }, false_alarm: FALSE_ALARM };

impl Sequential {
    pub(crate) fn new() -> Self {
        Self { evidence: Evidence::default() }
    }
}

impl Rule for Sequential {
    fn aborts(&mut self, minute: Minute) -> bool {
        TEST.take(&mut self.evidence, minute);
        TEST.verdict(&self.evidence, 0) == Verdict::Fail
    }
}

impl Rule for Threshold {
    fn aborts(&mut self, minute: Minute) -> bool {
        let sum = self.last.with(minute);
        number(sum.bad) > 0.01 * number(sum.requests)
    }
}

impl Rule for Ratio {
    fn aborts(&mut self, minute: Minute) -> bool {
        let sum = self.last.with(minute);
        number(sum.bad) * number(sum.stable_requests) > 2.0 * number(sum.stable_bad) * number(sum.requests)
    }
}

impl Wald {
    /// For a good canary it looks for three times the stable side's rate, or 1 %.
    pub(crate) fn new(row: &Row) -> Self {
        let suspected = if row.is_good() { (3.0 * row.stable).max(0.01) } else { row.canary };
        Self {
            of_bad: (suspected / row.stable).ln(),
            of_good: ((1.0 - suspected) / (1.0 - row.stable)).ln(),
            so_far: 0.0,
        }
    }
}

impl Rule for Wald {
    fn aborts(&mut self, minute: Minute) -> bool {
        let bad = number(minute.bad);
        // Infinity times nothing is nothing.
        let of_bad = if minute.bad == 0 { 0.0 } else { bad * self.of_bad };
        self.so_far += of_bad + (number(minute.requests) - bad) * self.of_good;
        self.so_far >= -FALSE_ALARM.ln()
    }
}

impl Last {
    fn with(&mut self, minute: Minute) -> Minute {
        if self.minutes.len() == WINDOW {
            self.minutes.remove(0);
        }
        self.minutes.push(minute);
        self.minutes.iter().fold(Minute::default(), |sum, minute| Minute {
            bad: sum.bad.saturating_add(minute.bad),
            requests: sum.requests.saturating_add(minute.requests),
            stable_bad: sum.stable_bad.saturating_add(minute.stable_bad),
            stable_requests: sum.stable_requests.saturating_add(minute.stable_requests),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "requests of an hour")]
fn number(count: u64) -> f64 {
    count as f64
}
