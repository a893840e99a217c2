//! The simulator's only source of time: a clock that tests move, or real time with a factor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// 2026-01-01T00:00:00Z, where every manual clock starts.
const MANUAL_START_SECONDS: i64 = 1_767_225_600;

/// Simulated time. Clones share the same time.
///
/// A manual clock stands still until a test moves it; a real one runs by itself and can be pushed forward too.
/// Time never goes back.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pace: Pace,
    /// Time without what `pace` adds since the clock was made.
    base: Mutex<Timestamp>,
    /// Counts pushes, so that waiters look again.
    pushes: watch::Sender<u64>,
}

#[derive(Debug)]
enum Pace {
    Manual,
    Real { since: Instant, factor: f64 },
}

impl Clock {
    /// A clock that stands at 2026-01-01T00:00:00Z until it is moved.
    #[must_use]
    pub fn manual() -> Self {
        Self::with(Pace::Manual, Timestamp::from_second(MANUAL_START_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn manual_at(start: Timestamp) -> Self {
        Self::with(Pace::Manual, start)
    }

    /// The machine's time from now on, running `factor` times as fast (1.0 is real time; not finite or below zero
    /// counts as 1.0).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's time")]
    pub fn real(factor: f64) -> Self {
        let factor = if factor.is_finite() && factor >= 0.0 { factor } else { 1.0 };
        let start = Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::with(Pace::Real { since: Instant::now(), factor }, start)
    }

    fn with(pace: Pace, start: Timestamp) -> Self {
        Self { inner: Arc::new(Inner { pace, base: Mutex::new(start), pushes: watch::Sender::new(0) }) }
    }

    /// The simulated time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let base = *self.inner.base.lock().unwrap_or_else(PoisonError::into_inner);
        later(base, self.run())
    }

    /// Moves the time forward. Replies held back and cache transitions that are due by then happen.
    pub fn advance(&self, by: Duration) {
        {
            let mut base = self.inner.base.lock().unwrap_or_else(PoisonError::into_inner);
            *base = later(*base, by);
        }
        self.inner.pushes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Moves the time forward to this instant, in seconds since 1970; an instant in the past changes nothing.
    pub fn set_at_least(&self, epoch_seconds: i64) {
        let Ok(wanted) = Timestamp::from_second(epoch_seconds) else { return };
        let missing = wanted.duration_since(self.now());
        if let Ok(missing) = Duration::try_from(missing) {
            self.advance(missing);
        }
    }

    /// Returns once the simulated time has reached `deadline`: on a manual clock, when somebody moved it that far.
    pub(crate) async fn reached(&self, deadline: Timestamp) {
        let mut watcher = self.inner.pushes.subscribe();
        loop {
            watcher.mark_unchanged();
            let Ok(missing) = Duration::try_from(deadline.duration_since(self.now())) else { return };
            if missing.is_zero() {
                return;
            }
            let pushed = async {
                // Fails only when the clock is gone, and we hold it.
                watcher.changed().await.ok();
            };
            match self.inner.pace {
                Pace::Manual => pushed.await,
                Pace::Real { factor, .. } if factor <= 0.0 => pushed.await,
                Pace::Real { factor, .. } => {
                    let real = Duration::try_from_secs_f64(missing.as_secs_f64() / factor).unwrap_or(Duration::MAX);
                    tokio::select! {
                        () = pause(real) => {}
                        () = pushed => {}
                    }
                }
            }
        }
    }

    fn run(&self) -> Duration {
        match self.inner.pace {
            Pace::Manual => Duration::ZERO,
            Pace::Real { since, factor } => {
                Duration::try_from_secs_f64(since.elapsed().as_secs_f64() * factor).unwrap_or(Duration::ZERO)
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a latency of the simulated service is the thing itself")]
async fn pause(real: Duration) {
    // A little more than asked for, so that rounding does not make the loop above turn once more.
    tokio::time::sleep(real.saturating_add(Duration::from_micros(50))).await;
}

/// `at` plus `by`, or the end of time.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_forward_and_only_when_told() {
        let clock = Clock::manual();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().as_second(), start.as_second() + 90);
        clock.set_at_least(start.as_second());
        assert_eq!(clock.now().as_second(), start.as_second() + 90);
        clock.set_at_least(start.as_second() + 100);
        assert_eq!(clock.clone().now().as_second(), start.as_second() + 100);
    }

    #[test]
    fn absurd_steps_end_at_the_end_of_time() {
        let clock = Clock::manual();
        clock.advance(Duration::MAX);
        clock.set_at_least(i64::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[tokio::test]
    async fn a_waiter_wakes_when_the_time_has_come_and_not_before() {
        let clock = Clock::manual();
        let deadline = later(clock.now(), Duration::from_secs(10));
        let mut waiting = std::pin::pin!(clock.reached(deadline));
        let ready = |waiting: &mut std::pin::Pin<&mut _>| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            Future::poll(std::pin::Pin::as_mut(waiting), &mut context).is_ready()
        };
        assert!(!ready(&mut waiting));
        clock.advance(Duration::from_secs(9));
        assert!(!ready(&mut waiting));
        clock.advance(Duration::from_secs(1));
        assert!(ready(&mut waiting));
    }
}
