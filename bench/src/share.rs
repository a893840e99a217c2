//! What the operator may take of AWS's quota, and how to see from a log that it took no more.

use jiff::Timestamp;

/// Calls a second: the operator's default, half of what AWS gives to everybody together.
pub(crate) const RATE: f64 = 5.0;

/// Calls at once after a quiet time: the operator's default.
pub(crate) const BURST: f64 = 20.0;

/// Seconds between two `CreateDeployment`, which AWS allows once in this time.
const SNAPSHOT: f64 = 5.0;

/// What is let through in even steps arrives in uneven ones: a call that was held up by 200 ms on its way comes together with
/// the one that left 200 ms after it. So many calls of this kind are borne.
pub(crate) const UNEVENNESS: f64 = 2.0;

/// Calls that new stages cannot do without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needed {
    /// All of them.
    pub(crate) calls: f64,
    /// `CreateDeployment` among them.
    pub(crate) snapshots: f64,
}

impl Needed {
    /// For each REST API its stages, the API itself, its deployments and the snapshot; for each stage its creation.
    pub(crate) fn by_new_stages(rest_apis: f64, stages: f64) -> Self {
        Self { calls: rest_apis * 4.0 + stages, snapshots: rest_apis }
    }

    /// The seconds that the share takes for them: the burst at once, then its rate; snapshots one in five seconds.
    pub(crate) fn seconds(self) -> f64 {
        let common = (self.calls - BURST) / RATE;
        common.max((self.snapshots - 1.0) * SNAPSHOT)
    }
}

/// The most that arrived in any stretch of time beyond [`RATE`]: at most [`BURST`] where the share is kept. `arrivals` in order.
pub(crate) fn most_at_once(arrivals: &[Timestamp]) -> f64 {
    let Some(first) = arrivals.first() else { return 0.0 };
    let mut most: f64 = 0.0;
    // Calls before a stretch begins less what the rate allows until then, at its least so far.
    let mut least = f64::INFINITY;
    let mut before = 0.0;
    for at in arrivals {
        let allowed = at.duration_since(*first).as_secs_f64() * RATE;
        least = least.min(before - allowed);
        before += 1.0;
        most = most.max(before - allowed - least);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a test")]
        Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).unwrap()
    }

    /// As many calls as a full share gives in so many seconds.
    fn even(seconds: u32, burst: u32, rate: f64) -> Vec<Timestamp> {
        let later = (1..=seconds * 10).map(|call| at(f64::from(call) / rate));
        (0..burst).map(|_| at(0.0)).chain(later).collect()
    }

    #[test]
    fn a_share_that_is_kept_shows_its_burst_and_no_more() {
        assert!((most_at_once(&even(60, 20, 5.0)) - 20.0).abs() < 1e-6);
        assert!((most_at_once(&[at(0.0), at(100.0)]) - 1.0).abs() < 1e-6, "what is not used is not saved without end");
        assert!((most_at_once(&[]) - 0.0).abs() < 1e-6);
    }

    #[test]
    fn a_rate_that_is_a_tenth_too_high_shows() {
        assert!(most_at_once(&even(60, 20, 5.5)) > BURST + UNEVENNESS);
    }

    #[test]
    fn a_second_burst_shows_wherever_it_is() {
        let mut calls = even(10, 20, 5.0);
        let last = *calls.last().unwrap();
        calls.extend([last; 5]);
        assert!((most_at_once(&calls) - 25.0).abs() < 1e-6);
    }

    #[test]
    fn thirty_new_stages_are_bound_by_their_snapshots() {
        let needed = Needed::by_new_stages(10.0, 30.0);
        assert!((needed.seconds() - 45.0).abs() < 1e-9);
        let known = Needed { snapshots: 1.0, ..needed };
        assert!((known.seconds() - 10.0).abs() < 1e-9, "70 calls, 20 of them at once");
    }
}
