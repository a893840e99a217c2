//! Plays the releases of a row.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Binomial, Distribution as _, Poisson};
use stagecraft_core::analysis::sequential::Minute;

use crate::checks;
use crate::rows::{HOUR, Row, STABLE_SHARE, Scene};
use crate::rules::{Ratio, Rule, Sequential, Threshold, Wald};
use crate::tally::{Measured, Outcomes};

/// Releases a row.
const RELEASES: u32 = 10_000;

/// Of these, as many go through whole checks, which take a hundred times as long.
const WHOLE_CHECKS: u32 = 10;

/// A row's bursts: one an hour on average, a tenth of the requests.
const BURST_CHANCE: f64 = 1.0 / 60.0;
const BURST_RATE: f64 = 0.1;

/// How a rule ended a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Whether it was aborted within the hour.
    pub(crate) aborted: bool,
    /// The minute at whose end it was, from 1.
    pub(crate) minute: u32,
    /// Bad responses that the canary gave until then by its own doing: those of a burst would have come from the stable side.
    pub(crate) bad: u32,
}

/// A minute, and the truth about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) minute: Minute,
    /// Bad responses of the canary by its own doing.
    own_bad: u64,
}

/// Plays all releases of a row.
pub(crate) fn row(row: &Row) -> Measured {
    let mut outcomes: [Outcomes; 4] = Default::default();
    let mut differing_checks = 0;
    let mut minutes = Vec::with_capacity(60);
    for number in 0..RELEASES {
        draw(row, number, &mut minutes);
        let ends = [
            end(row, &minutes, &mut Sequential::new()),
            end(row, &minutes, &mut Threshold::default()),
            end(row, &minutes, &mut Ratio::default()),
            end(row, &minutes, &mut Wald::new(row)),
        ];
        let [sequential, ..] = ends;
        if number < WHOLE_CHECKS && checks::aborted_at(row, &minutes) != sequential.aborted.then_some(sequential.minute)
        {
            differing_checks += 1;
        }
        for (outcomes, end) in outcomes.iter_mut().zip(ends) {
            outcomes.add(end);
        }
    }
    for outcomes in &mut outcomes {
        outcomes.sort();
    }
    let [sequential, threshold, ratio, wald] = outcomes;
    Measured { releases: u64::from(RELEASES), sequential, threshold, ratio, wald, differing_checks }
}

/// The minute by which the sequential rule has aborted half of so many releases; `None` where it aborts fewer within the hour.
#[cfg(test)]
pub(crate) fn median_minutes(row: &Row, releases: u32) -> Option<u32> {
    let mut minutes = Vec::with_capacity(60);
    let mut ends: Vec<u32> = (0..releases)
        .map(|number| {
            draw(row, number, &mut minutes);
            let end = end(row, &minutes, &mut Sequential::new());
            if end.aborted { end.minute } else { u32::MAX }
        })
        .collect();
    ends.sort_unstable();
    ends.get(ends.len() / 2).copied().filter(|minute| *minute <= HOUR)
}

/// An hour of both sides.
fn draw(row: &Row, number: u32, minutes: &mut Vec<Served>) {
    // Rows differ in their rates, and the same release of two rows is as lucky in both.
    let mut random = StdRng::seed_from_u64(u64::from(number) << 16 | u64::from(row.traffic));
    let canary_arrivals = Poisson::new(f64::from(row.traffic));
    let stable_arrivals = Poisson::new(f64::from(row.traffic) * STABLE_SHARE);
    minutes.clear();
    for minute in 0..HOUR {
        let arrive =
            |of: &Result<Poisson<f64>, _>, random: &mut StdRng| of.as_ref().map_or(0, |of| whole(of.sample(random)));
        let (requests, stable_requests) =
            (arrive(&canary_arrivals, &mut random), arrive(&stable_arrivals, &mut random));
        let bursts = row.scene == Scene::Bursts && random.random_bool(BURST_CHANCE);
        let rate = |base: f64| match row.scene {
            Scene::Steady | Scene::Late | Scene::Bursts => base,
            Scene::Drift => (base * (0.5 + 2.5 * f64::from(minute) / f64::from(HOUR))).min(1.0),
        };
        let own_bad = among(requests, rate(row.canary), &mut random);
        let mut bad = own_bad;
        let mut stable_bad = among(stable_requests, rate(row.stable), &mut random);
        if bursts {
            bad += among(requests.saturating_sub(bad), BURST_RATE, &mut random);
            stable_bad += among(stable_requests.saturating_sub(stable_bad), BURST_RATE, &mut random);
        }
        minutes.push(Served { minute: Minute { bad, requests, stable_bad, stable_requests }, own_bad });
    }
}

/// When a rule aborts, and what was served until then. The rule sees a minute when its counts arrive.
fn end(row: &Row, minutes: &[Served], rule: &mut impl Rule) -> End {
    let lag = row.scene.lag();
    let mut arrived = minutes.iter();
    let mut bad: u64 = 0;
    for (number, served) in (1..).zip(minutes) {
        bad = bad.saturating_add(served.own_bad);
        if number > lag && arrived.next().is_some_and(|served| rule.aborts(served.minute)) {
            return End { aborted: true, minute: number, bad: small(bad) };
        }
    }
    End { aborted: false, minute: HOUR, bad: small(bad) }
}

fn among(requests: u64, rate: f64, random: &mut StdRng) -> u64 {
    Binomial::new(requests, rate).map_or(0, |binomial| binomial.sample(random))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a Poisson count of at most some ten thousand"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
