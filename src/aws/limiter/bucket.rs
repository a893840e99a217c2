//! A token bucket whose rate falls when AWS says "too many" and comes back by itself.

use std::time::Duration;

/// A refused call halves the rate, but not below this part of it.
const LEAST_PART: f64 = 1.0 / 20.0;

/// The time in which a rate comes back from nothing to all of it: additive, so that a neighbour who took the quota for a
/// moment costs half a minute and one who stays is tried rarely.
const RECOVERY: Duration = Duration::from_mins(1);

/// Clocks show whole nanoseconds: what is missing for less than that must not cost another wait.
const EPSILON: f64 = 1e-7;

/// Tokens that come back with time. Time is [`Clock::boottime`](crate::clock::Clock::boottime) everywhere here.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// Tokens a second while AWS does not complain.
    full: f64,
    burst: f64,
    tokens: f64,
    /// When `tokens` was right.
    at: Duration,
    /// The rate right after the last cut, and when that was.
    cut: f64,
    cut_at: Duration,
    paused_until: Duration,
}

impl Bucket {
    /// A full bucket that gives `rate` tokens a second and saves at most `burst`.
    pub(super) fn new(rate: f64, burst: f64, now: Duration) -> Self {
        Self { full: rate, burst, tokens: burst, at: now, cut: rate, cut_at: now, paused_until: Duration::ZERO }
    }

    /// Tokens a second at this time.
    pub(super) fn rate(&self, now: Duration) -> f64 {
        (self.cut + now.saturating_sub(self.cut_at).as_secs_f64() * self.slope()).min(self.full)
    }

    /// Tokens that are there at this time.
    pub(super) fn tokens(&self, now: Duration) -> f64 {
        (self.tokens + self.refilled(now)).min(self.burst)
    }

    /// How long until `count` tokens are there, not less than AWS's own wish where that counts. Zero: now.
    pub(super) fn wait_for(&self, count: f64, now: Duration, heeds_pause: bool) -> Duration {
        let missing = count - self.tokens(now);
        // The rate can only rise meanwhile, so this is enough.
        let refill = if missing <= EPSILON { 0.0 } else { missing / self.rate(now) };
        let refill = Duration::try_from_secs_f64(refill).unwrap_or(Duration::MAX);
        let pause = if heeds_pause { self.paused_until.saturating_sub(now) } else { Duration::ZERO };
        refill.max(pause)
    }

    /// Takes tokens that [`wait_for`](Self::wait_for) said are there.
    pub(super) fn take(&mut self, count: f64, now: Duration) {
        self.settle(now);
        self.tokens = (self.tokens - count).max(0.0);
    }

    /// Gives back tokens of a call that was not sent.
    pub(super) fn give_back(&mut self, count: f64, now: Duration) {
        self.settle(now);
        self.tokens = (self.tokens + count).min(self.burst);
    }

    /// AWS refused a call that was sent at `sent_at`. Calls that were on their way together are refused together, so only one
    /// that was sent after the last cut cuts again.
    pub(super) fn throttled(&mut self, sent_at: Duration, now: Duration, retry_after: Option<Duration>) {
        self.settle(now);
        // What was saved is not there.
        self.tokens = 0.0;
        if sent_at >= self.cut_at {
            self.cut = (self.rate(now) / 2.0).max(self.full * LEAST_PART);
            self.cut_at = now;
        }
        if let Some(wish) = retry_after {
            self.paused_until = self.paused_until.max(now.saturating_add(wish));
        }
    }

    fn settle(&mut self, now: Duration) {
        self.tokens = self.tokens(now);
        self.at = self.at.max(now);
    }

    /// What came in since `at`: the area under the rate, which rises in a straight line and then stays.
    fn refilled(&self, now: Duration) -> f64 {
        let Some(span) = now.checked_sub(self.at) else { return 0.0 };
        let missing = self.full - self.rate(self.at);
        let rising = (missing / self.slope()).min(span.as_secs_f64());
        let level = span.as_secs_f64() - rising;
        rising * (self.rate(self.at) + rising * self.slope() / 2.0) + level * self.full
    }

    fn slope(&self) -> f64 {
        self.full / RECOVERY.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-6
    }

    #[test]
    fn saved_tokens_go_at_once_and_then_as_fast_as_the_rate() {
        let mut bucket = Bucket::new(5.0, 20.0, Duration::ZERO);
        for _ in 0..20 {
            assert_eq!(bucket.wait_for(1.0, Duration::ZERO, true), Duration::ZERO);
            bucket.take(1.0, Duration::ZERO);
        }
        assert_eq!(bucket.wait_for(1.0, Duration::ZERO, true), seconds(0.2));
        assert_eq!(bucket.wait_for(1.0, seconds(0.2), true), Duration::ZERO);
        assert_eq!(bucket.wait_for(2.0, seconds(0.2), true), seconds(0.2));
        assert!(close(bucket.tokens(seconds(1_000.0)), 20.0), "no more is saved than the burst");
    }

    #[test]
    fn a_refusal_halves_the_rate_which_comes_back_in_a_straight_line() {
        let mut bucket = Bucket::new(6.0, 20.0, Duration::ZERO);
        bucket.throttled(Duration::ZERO, seconds(10.0), None);
        assert!(close(bucket.rate(seconds(10.0)), 3.0));
        assert!(close(bucket.tokens(seconds(10.0)), 0.0), "AWS has none, whatever we saved");
        assert!(close(bucket.rate(seconds(25.0)), 4.5));
        assert!(close(bucket.rate(seconds(40.0)), 6.0));
        assert!(close(bucket.rate(seconds(4_000.0)), 6.0));
        // A second at 3.0 to 3.1 tokens a second.
        assert!(close(bucket.tokens(seconds(11.0)), 3.05), "{}", bucket.tokens(seconds(11.0)));
    }

    #[test]
    fn tokens_are_the_same_however_often_one_looks() {
        let mut often = Bucket::new(6.0, 1_000.0, Duration::ZERO);
        often.throttled(Duration::ZERO, Duration::ZERO, None);
        let once = often.clone();
        for step in 1..=90 {
            often.take(0.0, seconds(f64::from(step)));
        }
        // 30 s from 3 to 6, then 60 s at 6.
        assert!(close(once.tokens(seconds(90.0)), 135.0 + 360.0), "{}", once.tokens(seconds(90.0)));
        assert!(close(often.tokens(seconds(90.0)), 495.0), "{}", often.tokens(seconds(90.0)));
    }

    #[test]
    fn calls_that_were_refused_together_cut_once_and_there_is_a_floor() {
        let mut bucket = Bucket::new(5.0, 20.0, Duration::ZERO);
        for _ in 0..10 {
            bucket.throttled(seconds(1.0), seconds(1.1), None);
        }
        assert!(close(bucket.rate(seconds(1.1)), 2.5));
        for step in 0..100 {
            let now = seconds(2.0 + 0.01 * f64::from(step));
            bucket.throttled(now, now, None);
        }
        assert!(bucket.rate(seconds(3.0)) > 0.24 && bucket.rate(seconds(3.0)) < 0.3);
    }

    #[test]
    fn retry_after_holds_whoever_heeds_it() {
        let mut bucket = Bucket::new(5.0, 20.0, Duration::ZERO);
        bucket.throttled(Duration::ZERO, Duration::ZERO, Some(seconds(7.0)));
        assert_eq!(bucket.wait_for(1.0, seconds(2.0), true), seconds(5.0));
        assert_eq!(bucket.wait_for(1.0, seconds(2.0), false), Duration::ZERO);
        assert_eq!(bucket.wait_for(1.0, seconds(7.0), true), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_stands_gives_nothing() {
        let mut bucket = Bucket::new(5.0, 1.0, seconds(9.0));
        bucket.take(1.0, seconds(9.0));
        assert!(close(bucket.tokens(seconds(9.0)), 0.0));
        assert!(close(bucket.tokens(seconds(3.0)), 0.0), "an earlier reading neither");
    }
}
