//! Luck: what becomes of some seconds of traffic, drawn as counts and a compact histogram, never request by request
//! where there are many.

use std::sync::LazyLock;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, LogNormal, Poisson};

use super::plan::{Behaviour, Latency};

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

/// From so many requests on latencies are drawn by bucket, not one by one.
const MANY: u64 = 64;

/// Buckets are this wide in standard deviations: 6 percent of the latency where p99 is 4 times p50.
const WIDTH: f64 = 0.1;
const BUCKETS: i32 = 72;

/// What became of the requests of one side and method in some seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) errors_4xx: u64,
    pub(crate) errors_5xx: u64,
    /// Answered by the cache; `None` where there is none in use.
    pub(crate) cache_hits: Option<u64>,
    /// Milliseconds with how often each came, of the requests that reached the integration; empty unless asked for.
    pub(crate) latencies: Vec<(f64, f64)>,
    pub(crate) overhead_milliseconds: f64,
}

/// What is to be drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// The same key draws the same.
    pub(crate) key: u64,
    /// Requests that are to be expected.
    pub(crate) expected: f64,
    pub(crate) behaviour: Behaviour,
    pub(crate) cached: bool,
    /// Latencies come last, so that the counts are the same with and without.
    pub(crate) with_latencies: bool,
}

impl Draw {
    /// Requests come at random, so their number is Poisson's; `None` where there is none.
    pub(crate) fn draw(&self) -> Option<Outcome> {
        if self.expected <= 0.0 {
            return None;
        }
        let mut random = StdRng::seed_from_u64(self.key);
        let requests = Poisson::new(self.expected).map_or(0, |counts| whole(counts.sample(&mut random)));
        (requests > 0).then(|| self.outcome(requests, &mut random))
    }

    /// What becomes of exactly one request.
    pub(crate) fn single(&self) -> Outcome {
        self.outcome(1, &mut StdRng::seed_from_u64(self.key))
    }

    fn outcome(&self, requests: u64, random: &mut StdRng) -> Outcome {
        let Behaviour { error_rate_4xx, error_rate_5xx, latency, overhead_milliseconds, cache_hit_rate } =
            self.behaviour;
        let errors_5xx = among(requests, error_rate_5xx, random);
        let errors_4xx = among(requests.saturating_sub(errors_5xx), error_rate_4xx / (1.0 - error_rate_5xx), random);
        let cache_hits = self.cached.then(|| among(requests, cache_hit_rate, random));
        let latencies = if self.with_latencies {
            latencies(requests.saturating_sub(cache_hits.unwrap_or(0)), latency, random)
        } else {
            Vec::new()
        };
        Outcome { requests, errors_4xx, errors_5xx, cache_hits, latencies, overhead_milliseconds }
    }
}

/// How many of so many have something that comes with this probability.
fn among(count: u64, probability: f64, random: &mut StdRng) -> u64 {
    let probability = if probability.is_nan() { 0.0 } else { probability.clamp(0.0, 1.0) };
    Binomial::new(count, probability).map_or(0, |counts| counts.sample(random))
}

fn latencies(count: u64, latency: Latency, random: &mut StdRng) -> Vec<(f64, f64)> {
    let deviation = (latency.p99 / latency.p50).ln() / Z99;
    if count < MANY {
        let Ok(distribution) = LogNormal::new(latency.p50.ln(), deviation) else { return Vec::new() };
        return (0..count).map(|_| (distribution.sample(random), 1.0)).collect();
    }
    let mut left = count;
    let mut drawn = Vec::new();
    for (z, share_of_rest) in BUCKET_TABLE.iter() {
        if left == 0 {
            break;
        }
        let times = among(left, *share_of_rest, random);
        if times > 0 {
            // Somewhere in the bucket, so that percentiles over some minutes do not step.
            let place = z + (random.random::<f64>() - 0.5) * WIDTH;
            drawn.push((latency.p50 * (deviation * place).exp(), number(times)));
        }
        left = left.saturating_sub(times);
    }
    drawn
}

/// Each bucket's middle, in standard deviations, and its share of what the buckets before it leave. The last one takes
/// the rest.
static BUCKET_TABLE: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    let middles: Vec<f64> =
        (0..BUCKETS).map(|index| (f64::from(index) - f64::from(BUCKETS - 1) / 2.0) * WIDTH).collect();
    // Of the density only the proportions matter. Simpson's rule over each bucket.
    let density = |z: f64| (-z * z / 2.0).exp();
    let weight = |z: f64| density(z - WIDTH / 2.0) + 4.0 * density(z) + density(z + WIDTH / 2.0);
    let weights: Vec<f64> = middles.iter().map(|z| weight(*z)).collect();
    let mut left: f64 = weights.iter().sum();
    let last = middles.last().copied();
    middles
        .iter()
        .zip(weights)
        .map(|(z, weight)| {
            let share = if Some(*z) == last { 1.0 } else { weight / left };
            left -= weight;
            (*z, share)
        })
        .collect()
});

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, not negative, and plans are bounded"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

/// A count as a weight. Above 2^53 it is rounded, and no plan gets there within a minute.
#[expect(clippy::cast_precision_loss, reason = "counts of a minute are small")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// Mixes numbers and texts into a key, each change of one giving an unrelated key (`SplitMix64` over FNV-1a).
pub(crate) fn key(seed: u64, texts: &[&str], numbers: &[i64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ mix(seed);
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for text in texts {
        text.bytes().chain([0]).for_each(&mut eat);
    }
    for number in numbers {
        number.to_le_bytes().into_iter().for_each(&mut eat);
    }
    mix(hash)
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(key: u64, expected: f64) -> Draw {
        let behaviour = Behaviour {
            error_rate_4xx: 0.1,
            error_rate_5xx: 0.02,
            latency: Latency { p50: 20.0, p99: 100.0 },
            cache_hit_rate: 0.25,
            ..Behaviour::default()
        };
        Draw { key, expected, behaviour, cached: true, with_latencies: true }
    }

    fn near(value: u64, expected: f64, tolerance: f64) {
        assert!((number(value) - expected).abs() < tolerance, "{value} is not near {expected}");
    }

    #[test]
    fn counts_are_near_their_expectation() {
        let outcome = draw(7, 1_000_000.0).draw().unwrap();
        // Six standard deviations.
        near(outcome.requests, 1_000_000.0, 6000.0);
        near(outcome.errors_5xx, 20_000.0, 900.0);
        near(outcome.errors_4xx, 100_000.0, 2000.0);
        near(outcome.cache_hits.unwrap(), 250_000.0, 3000.0);
    }

    #[test]
    fn every_request_that_reaches_the_integration_has_a_latency() {
        for expected in [3.0, 30.0, 63.0, 200.0, 60_000.0] {
            let outcome = draw(3, expected).draw().unwrap();
            let total: f64 = outcome.latencies.iter().map(|(_, times)| times).sum();
            assert!((total - number(outcome.requests - outcome.cache_hits.unwrap())).abs() < 0.5, "{expected}");
        }
    }

    #[test]
    fn many_and_few_have_the_percentiles_asked_for() {
        let few: Vec<(f64, f64)> = (0..4000).flat_map(|key| draw(key, 20.0).draw().unwrap().latencies).collect();
        let many = draw(1, 100_000.0).draw().unwrap().latencies;
        for mut values in [few, many] {
            values.sort_by(|one, other| one.0.total_cmp(&other.0));
            let total: f64 = values.iter().map(|(_, times)| times).sum();
            let percentile = |share: f64| {
                let mut so_far = 0.0;
                values
                    .iter()
                    .find(|(_, times)| {
                        so_far += times;
                        so_far >= total * share
                    })
                    .unwrap()
                    .0
            };
            assert!((percentile(0.5) / 20.0 - 1.0).abs() < 0.05, "p50 is {}", percentile(0.5));
            assert!((percentile(0.99) / 100.0 - 1.0).abs() < 0.06, "p99 is {}", percentile(0.99));
        }
    }

    #[test]
    fn the_same_key_draws_the_same_and_latencies_change_no_count() {
        let with = draw(9, 500.0).draw().unwrap();
        assert_eq!(draw(9, 500.0).draw().unwrap(), with);
        let without = Draw { with_latencies: false, ..draw(9, 500.0) }.draw().unwrap();
        assert_eq!(without, Outcome { latencies: Vec::new(), ..with.clone() });
        assert_ne!(draw(10, 500.0).draw().unwrap(), with);
        assert_eq!(draw(9, 0.0).draw(), None);
    }

    #[test]
    fn keys_tell_their_parts_apart() {
        assert_ne!(key(1, &["ab", "c"], &[]), key(1, &["a", "bc"], &[]));
        assert_ne!(key(1, &["a"], &[1]), key(2, &["a"], &[1]));
        assert_ne!(key(1, &["a"], &[1]), key(1, &["a"], &[2]));
    }
}
