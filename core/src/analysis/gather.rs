//! Which minutes become evidence: each one once, wholly within one share of traffic, when both sides' counts are there.
//!
//! Since the evidence of a minute depends on the shares of that minute alone, a changed share or a step that starts again takes
//! nothing away: what was gathered stays. Left out are the minutes from a change of traffic until `initialDelay` is over.
//! Minutes that are partial, late or missing are remembered for [`PATIENCE`] and counted when they arrive.

use super::sequential::{Minute, Test};
use super::window::Window;
use crate::api::counts::Evidence;

/// How long a missing minute is waited for, in minutes: far longer than `CloudWatch` takes.
const PATIENCE: i64 = 30;

/// The minutes that can count now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first whole minute after the last change of traffic and the initial delay.
    pub(super) first: i64,
    /// The minute in which traffic last changed.
    pub(super) changed: i64,
    /// The minute after the last one that is old enough.
    pub(super) until: i64,
}

/// The minutes that must be asked for, beside those of the window.
pub(super) fn wanted(evidence: Option<&Evidence>, span: Span, window: Window) -> Window {
    let mut due = evidence.cloned().unwrap_or_default();
    enlist(&mut due, span);
    let from = due.missing.first().copied().unwrap_or(window.from);
    Window { from: from.min(window.from), until: window.until }
}

/// Takes all minutes that have arrived. `counts` gives what both sides had in a minute, `None` while that is not known.
pub(super) fn take(evidence: &mut Evidence, test: &Test, span: Span, counts: impl Fn(i64) -> Option<Minute>) {
    enlist(evidence, span);
    let mut missing = std::mem::take(&mut evidence.missing);
    missing.retain(|at| {
        let Some(minute) = counts(*at) else { return true };
        test.take(evidence, minute);
        if *at < span.first {
            // Of an earlier step, whose requests do not count for this one.
            evidence.requests_before_step = evidence.requests_before_step.saturating_add(minute.requests);
            evidence.stable_requests_before_step =
                evidence.stable_requests_before_step.saturating_add(minute.stable_requests);
        }
        false
    });
    evidence.missing = missing;
}

/// Puts the minutes that have become due among the missing ones, and gives up those that are too old.
fn enlist(evidence: &mut Evidence, span: Span) {
    if let Some(since) = evidence.since
        && since != span.first
    {
        // The rest of the former share: up to the minute in which traffic changed.
        let rest = evidence.until.unwrap_or(since).max(since)..span.changed;
        evidence.missing.extend(rest);
    }
    // Also where the clock went back: what was counted is not counted again.
    let next = evidence.until.map_or(span.first, |until| until.max(span.first));
    evidence.since = Some(span.first);
    let oldest = span.until.saturating_sub(PATIENCE);
    evidence.missing.extend(next.max(oldest)..span.until);
    evidence.until = Some(next.max(span.until));
    evidence.missing.retain(|minute| *minute >= oldest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::sequential::Against;

    const TEST: Test = Test { against: Against::Stable { smallest_increase: 0.0 }, false_alarm: 0.01 };

    fn span(changed: i64, until: i64) -> Span {
        Span { first: changed + 2, changed, until }
    }

    /// One request a side in each minute that has arrived.
    fn take_all(evidence: &mut Evidence, span: Span, arrived: impl Fn(i64) -> bool) {
        let one = Minute { bad: 0, requests: 1, stable_bad: 0, stable_requests: 1 };
        take(evidence, &TEST, span, |at| arrived(at).then_some(one));
    }

    #[test]
    fn each_minute_counts_once() {
        let mut evidence = Evidence::default();
        for until in [13, 13, 14, 20] {
            take_all(&mut evidence, span(10, until), |_| true);
        }
        assert_eq!((evidence.requests, evidence.missing), (8, vec![]), "minutes 12 to 19");
    }

    #[test]
    fn a_late_minute_counts_when_it_arrives() {
        let mut evidence = Evidence::default();
        take_all(&mut evidence, span(10, 20), |at| at != 15 && at != 19);
        assert_eq!((evidence.requests, evidence.missing.clone()), (6, vec![15, 19]));
        take_all(&mut evidence, span(10, 21), |at| at != 19);
        assert_eq!((evidence.requests, evidence.missing.clone()), (8, vec![19]));
        take_all(&mut evidence, span(10, 21), |_| true);
        assert_eq!((evidence.requests, evidence.missing), (9, vec![]));
    }

    #[test]
    fn minutes_around_a_change_of_traffic_are_left_out_and_nothing_else() {
        let mut evidence = Evidence::default();
        take_all(&mut evidence, span(10, 18), |_| true);
        assert_eq!(evidence.requests, 6, "minutes 12 to 17");
        // Traffic changed within minute 20: 18 and 19 still count for the former share, 20 and 21 for none.
        take_all(&mut evidence, span(20, 25), |_| true);
        assert_eq!(evidence.requests, 6 + 2 + 3);
        assert_eq!(evidence.requests_before_step, 2, "late ones of the former step");
    }

    #[test]
    fn a_clock_that_goes_back_counts_no_minute_again() {
        let mut evidence = Evidence::default();
        take_all(&mut evidence, span(10, 20), |_| true);
        take_all(&mut evidence, span(14, 18), |_| true);
        assert_eq!(evidence.requests, 8, "minutes 12 to 19");
        take_all(&mut evidence, span(14, 21), |_| true);
        assert_eq!(evidence.requests, 9);
    }

    #[test]
    fn a_minute_that_never_comes_is_given_up() {
        let mut evidence = Evidence::default();
        take_all(&mut evidence, span(10, 13), |_| false);
        take_all(&mut evidence, span(10, 12 + PATIENCE), |at| at > 12);
        assert_eq!(evidence.missing, [12]);
        take_all(&mut evidence, span(10, 13 + PATIENCE), |at| at > 12);
        assert_eq!(evidence.missing, Vec::<i64>::new());
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let window = Window { from: 40, until: 45 };
        assert_eq!(wanted(None, span(10, 45), window), Window { from: 15, until: 45 });
        assert_eq!(wanted(None, span(40, 45), window), window);
        let mut evidence = Evidence::default();
        take_all(&mut evidence, span(10, 44), |at| at != 30);
        assert_eq!(wanted(Some(&evidence), span(10, 45), window), Window { from: 30, until: 45 });
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_no_minute_counts_twice(
            looks in proptest::collection::vec((0_i64..5, any::<bool>(), 0_u64..4), 1..60)
        ) {
            let mut evidence = Evidence::default();
            let (mut now, mut changed) = (100, 97);
            for (pause, moves, arrives) in looks {
                now += pause;
                if moves {
                    changed = now - 3;
                }
                take_all(&mut evidence, span(changed, now), |at| at.unsigned_abs() % 4 <= arrives);
                prop_assert!(evidence.missing.len() <= usize::try_from(PATIENCE).unwrap());
                prop_assert!(evidence.missing.is_sorted());
            }
            prop_assert!(evidence.requests <= u64::try_from(now - 97).unwrap());
            prop_assert!(evidence.requests_before_step <= evidence.requests);
        }
    }
}
