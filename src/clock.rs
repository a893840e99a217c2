//! The one place that asks what time it is, and the one place that waits for time to pass.
//!
//! Everything else gets a [`Clock`], so that a test can hold the time in its hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// A source of wall-clock time and of time since boot.
///
/// Clones share their source: moving one moves all.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<Reading>>),
    Simulated { began: tokio::time::Instant, jumps: Arc<Mutex<Reading>> },
}

/// What a clock of a test shows; both sides move together.
#[derive(Clone, Copy, Debug)]
struct Reading {
    now: Timestamp,
    boottime: Duration,
}

impl Reading {
    fn moved(self, by: Duration) -> Self {
        Self {
            // At the end of time a test's clock stands still.
            now: self.now.checked_add(by).unwrap_or(Timestamp::MAX),
            boottime: self.boottime.saturating_add(by),
        }
    }
}

impl Clock {
    /// The time of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock for tests: it stands at `now` until [`advance`](Self::advance) moves it.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(Reading { now, boottime: Duration::ZERO }))))
    }

    /// A clock for tests on tokio's paused time: it stands at `now`, follows tokio's time from there, and
    /// [`advance`](Self::advance) makes it jump ahead of all timers, as a suspended machine does.
    #[must_use]
    pub fn simulated(now: Timestamp) -> Self {
        let jumps = Arc::new(Mutex::new(Reading { now, boottime: Duration::ZERO }));
        Self(Source::Simulated { began: tokio::time::Instant::now(), jumps })
    }

    /// The wall clock, for what people read. It may jump both ways: no decision about leadership uses it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(reading) => read(reading).now,
            Source::Simulated { began, jumps } => read(jumps).moved(began.elapsed()).now,
        }
    }

    /// Time since this machine started, counting the time it was suspended. It never goes back.
    ///
    /// Values of different machines have nothing to do with each other.
    #[must_use]
    pub fn boottime(&self) -> Duration {
        match &self.0 {
            Source::System => system_boottime(),
            Source::Manual(reading) => read(reading).boottime,
            Source::Simulated { began, jumps } => read(jumps).moved(began.elapsed()).boottime,
        }
    }

    /// Moves a clock of a test ahead; on the system's clock this does nothing.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => {}
            Source::Manual(reading) | Source::Simulated { jumps: reading, .. } => {
                let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
                *reading = reading.moved(by);
            }
        }
    }

    /// Waits for `span` on tokio's timers, which stand still while the machine is suspended: whoever waits for a moment
    /// of [`boottime`](Self::boottime) looks at it again afterwards.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that waits for time; callers race it against what they wait for"
    )]
    pub async fn wait(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

fn read(reading: &Mutex<Reading>) -> Reading {
    *reading.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the one clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

fn system_boottime() -> Duration {
    // Elsewhere (macOS) the monotonic clock already counts the time in suspend.
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(id);
    // Neither is ever negative.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-08-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_manual_clock_moves_both_sides_together_and_only_when_told() {
        let clock = Clock::manual(noon());
        let copy = clock.clone();
        assert_eq!((copy.now(), copy.boottime()), (noon(), Duration::ZERO));
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(copy.now(), "2026-08-01T12:00:01.5Z".parse().unwrap());
        assert_eq!(copy.boottime(), Duration::from_millis(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_follows_tokio_and_jumps_ahead_of_it() {
        let clock = Clock::simulated(noon());
        let timers = tokio::time::Instant::now();
        clock.wait(Duration::from_secs(3)).await;
        assert_eq!(clock.boottime(), Duration::from_secs(3));
        clock.advance(Duration::from_mins(10));
        assert_eq!(clock.boottime(), Duration::from_secs(603));
        assert_eq!(clock.now(), "2026-08-01T12:10:03Z".parse().unwrap());
        assert_eq!(timers.elapsed(), Duration::from_secs(3), "a suspended machine's timers know nothing of the jump");
    }

    #[test]
    fn the_system_clock_counts_from_boot_and_cannot_be_moved() {
        let clock = Clock::system();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        clock.advance(Duration::from_hours(1));
        let difference = (clock.boottime().as_secs_f64() - uptime).abs();
        assert!(difference < 60.0, "boottime is {difference} s away from /proc/uptime");
    }
}
