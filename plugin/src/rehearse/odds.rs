//! The odds: what becomes of many releases by one policy, each with its own luck.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::play::{Error, play};
use super::scenario::{Scenario, Setting};
use super::script::Script;
use super::timeline::{Ending, Outcome};

/// Time between two words about how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

/// What became of many releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Odds {
    /// How many were played.
    pub runs: u32,
    /// How many were promoted.
    pub promoted: u32,
    /// How many were aborted.
    pub aborted: u32,
    /// How many waited in the end.
    pub held: u32,
    /// What the aborted ones cost; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborts: Option<Cost>,
}

/// What aborted releases cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Median time from the declaration to the abort.
    pub median_seconds: u64,
    /// Median number of requests to the new revision that were answered by 5xx.
    pub median_errors: u64,
    /// 95 of 100 runs had at most so many.
    pub most_errors: u64,
}

/// Plays so many releases, with the seeds from `seed` on, on all CPUs, and tells on standard error how far it is.
///
/// # Errors
///
/// That of the first release that cannot be played.
pub fn odds(script: &Script, scenario: &Scenario, setting: Setting, seed: u64, runs: u32) -> Result<Odds, Error> {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (done, results) = channel();
    let endings = thread::scope(|scope| {
        for _ in 0..workers {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= u64::from(runs) {
                        return;
                    }
                    let played = play(script, scenario, setting, seed.wrapping_add(index));
                    if done.send(played.map(|line| line.ending)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        collect(results, runs)
    })?;
    Ok(tally(&endings))
}

/// Takes the results as they come. At the first error it lets go of the channel, so that the workers end.
#[expect(clippy::needless_pass_by_value, reason = "workers end when the channel is dropped")]
fn collect(results: Receiver<Result<Ending, Error>>, runs: u32) -> Result<Vec<Ending>, Error> {
    let mut endings = Vec::new();
    let mut told = Instant::now();
    let mut has_told = false;
    let terminal = io::stderr().is_terminal();
    let end = if terminal { "\r" } else { "\n" };
    loop {
        match results.recv_timeout(PROGRESS) {
            Ok(ending) => endings.push(ending?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            has_told = true;
            // Where standard error is closed there is nobody to tell.
            drop(write!(io::stderr(), "{} of {runs} runs{end}", endings.len()));
        }
    }
    if has_told && terminal {
        drop(write!(io::stderr(), "{:24}\r", ""));
    }
    Ok(endings)
}

fn tally(endings: &[Ending]) -> Odds {
    let of = |outcome| endings.iter().filter(move |ending| ending.outcome == outcome);
    let count = |outcome| u32::try_from(of(outcome).count()).unwrap_or(u32::MAX);
    let sorted = |value: fn(&Ending) -> u64| {
        let mut values: Vec<u64> = of(Outcome::Aborted).map(value).collect();
        values.sort_unstable();
        values
    };
    let (seconds, errors) = (sorted(|ending| ending.seconds.unsigned_abs()), sorted(|ending| ending.errors_5xx));
    let aborts = quantile(&seconds, 50).map(|median_seconds| Cost {
        median_seconds,
        median_errors: quantile(&errors, 50).unwrap_or_default(),
        most_errors: quantile(&errors, 95).unwrap_or_default(),
    });
    Odds {
        runs: u32::try_from(endings.len()).unwrap_or(u32::MAX),
        promoted: count(Outcome::Promoted),
        aborted: count(Outcome::Aborted),
        held: count(Outcome::Held),
        aborts,
    }
}

/// The value that so many of 100 do not exceed.
fn quantile(sorted: &[u64], of_100: usize) -> Option<u64> {
    let rank = (sorted.len() * of_100).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(outcome: Outcome, seconds: i64, errors_5xx: u64) -> Ending {
        Ending { outcome, seconds, requests: 100, errors_5xx, errors_4xx: 0, message: String::new() }
    }

    #[test]
    fn outcomes_are_counted_and_only_aborts_cost() {
        let mut endings = vec![ending(Outcome::Promoted, 900, 99), ending(Outcome::Held, 9_000, 77)];
        endings.extend((1..=20).map(|number| ending(Outcome::Aborted, 60 * number, number.unsigned_abs())));
        let cost = Cost { median_seconds: 600, median_errors: 10, most_errors: 19 };
        assert_eq!(tally(&endings), Odds { runs: 22, promoted: 1, aborted: 20, held: 1, aborts: Some(cost) });
        assert_eq!(tally(&endings[..2]).aborts, None);
    }
}
