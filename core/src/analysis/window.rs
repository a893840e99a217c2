//! Which minutes a check looks at.

use std::time::Duration;

use jiff::Timestamp;

use super::policy::Policy;
use super::subject::Subject;
use crate::api::counts::Counts;

/// Some minutes, in minutes since 1970: `from` is part of it, `until` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first minute.
    pub from: i64,
    /// The minute after the last one.
    pub until: i64,
}

/// Whether a check can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Now, over this window.
    Now(Window),
    /// Not before this moment.
    NotBefore(Timestamp),
}

/// The window of a check made now: whole minutes, the policy's length, wholly after the last change of traffic and the initial
/// delay, and ended a metric delay ago.
///
/// Evidence need not wait for a whole window: where a metric gathers it, a window is one minute long at first and grows. Over
/// such a window the other metrics are not judged, so that it can fail and, unless all metrics gather evidence, not pass.
#[must_use]
pub fn window(policy: &Policy, subject: &Subject, now: Timestamp) -> Due {
    let first = first_minute(policy, subject.traffic_changed_at);
    let until = last_minute(policy, now);
    let least = if policy.metrics.iter().any(|metric| metric.sequential().is_some()) { 1 } else { length(policy) };
    let from = until.saturating_sub(length(policy)).max(first);
    if until.saturating_sub(from) >= least {
        return Due::Now(Window { from, until });
    }
    let earliest = first.saturating_add(least).saturating_mul(60);
    let at = Timestamp::from_second(earliest).unwrap_or(Timestamp::MAX);
    Due::NotBefore(later(at, policy.metric_delay))
}

/// When the next check is due: an interval after the last one, and not before there is a [`window`].
#[must_use]
pub fn next_check(policy: &Policy, subject: &Subject, counts: &Counts, now: Timestamp) -> Due {
    // A clock that went back must not put off the next check to a time that it may never reach again.
    let last = counts.last_check_at.as_ref().map(|last| last.0).filter(|last| *last <= now);
    match last.map(|last| later(last, policy.interval)) {
        Some(next) if next > now => match window(policy, subject, next) {
            Due::Now(_) => Due::NotBefore(next),
            Due::NotBefore(at) => Due::NotBefore(at),
        },
        _ => window(policy, subject, now),
    }
}

/// How far back the counts are read that tell what a series holds, in minutes: no further, since one minute of which `CloudWatch`
/// has a part only keeps all of them from being trusted.
const MOST_SINCE_CHANGE: i64 = 30;

/// The minutes since traffic last changed, up to the end of `window`: little traffic tells something, too, when it has come for
/// long.
pub(super) fn since_change(policy: &Policy, subject: &Subject, window: Window) -> Window {
    let first = first_minute(policy, subject.traffic_changed_at).max(window.until.saturating_sub(MOST_SINCE_CHANGE));
    Window { from: first.min(window.from), until: window.until }
}

/// Length of a whole window, in minutes.
pub(super) fn length(policy: &Policy) -> i64 {
    minutes(policy.window).max(1)
}

/// The first whole minute after a change of traffic and the initial delay.
pub(super) fn first_minute(policy: &Policy, traffic_changed_at: Timestamp) -> i64 {
    let from = later(traffic_changed_at, policy.initial_delay);
    let into_the_minute = from.as_second().rem_euclid(60) != 0 || from.subsec_nanosecond() != 0;
    minute(from).saturating_add(i64::from(into_the_minute))
}

/// The minute after the last one that is old enough to be complete.
pub(super) fn last_minute(policy: &Policy, now: Timestamp) -> i64 {
    let delay = i64::try_from(policy.metric_delay.as_secs()).unwrap_or(i64::MAX);
    now.as_second().saturating_sub(delay).div_euclid(60)
}

/// The minute that an instant lies in.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

fn minutes(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs() / 60).unwrap_or(i64::MAX)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

impl Window {
    /// How many minutes.
    #[must_use]
    pub fn minutes(self) -> i64 {
        self.until.saturating_sub(self.from)
    }

    /// Seconds since 1970 at which it begins.
    #[must_use]
    pub fn start(self) -> i64 {
        self.from.saturating_mul(60)
    }

    /// Seconds since 1970 at which it has ended.
    #[must_use]
    pub fn end(self) -> i64 {
        self.until.saturating_mul(60)
    }

    /// Whether a minute lies in it.
    #[must_use]
    pub fn contains(self, minute: i64) -> bool {
        (self.from..self.until).contains(&minute)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::analysis::fixtures::{at, policy, subject};

    #[rstest]
    #[case::the_first_window_is_over_when_delays_and_length_are("10:10:00", Due::Now(window_of("10:02", "10:07")))]
    #[case::a_second_earlier_is_too_early("10:09:59", Due::NotBefore(at("10:10:00")))]
    #[case::windows_end_on_whole_minutes("10:10:59", Due::Now(window_of("10:02", "10:07")))]
    #[case::later_windows_slide("10:14:30", Due::Now(window_of("10:06", "10:11")))]
    fn a_window_lies_wholly_after_the_change_and_before_the_delay(#[case] now: &str, #[case] expected: Due) {
        assert_eq!(window(&policy(), &subject("10:00:00"), at(now)), expected);
    }

    #[test]
    fn the_minute_in_which_traffic_changed_is_not_judged() {
        assert_eq!(window(&policy(), &subject("10:00:01"), at("10:10:30")), Due::NotBefore(at("10:11:00")));
        assert_eq!(window(&policy(), &subject("10:00:01"), at("10:11:00")), Due::Now(window_of("10:03", "10:08")));
    }

    fn window_of(from: &str, until: &str) -> Window {
        let minute_of = |time: &str| minute(at(&format!("{time}:00")));
        Window { from: minute_of(from), until: minute_of(until) }
    }

    proptest! {
        #[test]
        fn what_is_said_to_be_due_then_is_due_then(
            changed in 0_i64..10_000, initial in 0_u64..900, length in 1_u64..40, delay in 0_u64..900, now in 0_i64..20_000
        ) {
            let mut policy = policy();
            policy.initial_delay = Duration::from_secs(initial);
            policy.window = Duration::from_secs(length * 60);
            policy.metric_delay = Duration::from_secs(delay);
            let mut subject = subject("10:00:00");
            subject.traffic_changed_at = Timestamp::from_second(changed).unwrap();
            let due = window(&policy, &subject, Timestamp::from_second(now).unwrap());
            let (window_now, moment) = match due {
                Due::Now(window) => (window, now),
                Due::NotBefore(then) => {
                    prop_assert!(then.as_second() > now);
                    let Due::Now(later) = window(&policy, &subject, then) else { panic!("{then} is not due") };
                    (later, then.as_second())
                }
            };
            prop_assert!(window_now.start() >= changed + i64::try_from(initial).unwrap());
            prop_assert!(window_now.end() + i64::try_from(delay).unwrap() <= moment);
            prop_assert_eq!(window_now.minutes(), i64::try_from(length).unwrap());
        }
    }
}
