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
    let seconds = |at: &Timestamp| arrivals.first().map_or(0.0, |first| at.duration_since(*first).as_secs_f64());
    testbed::most_at_once(arrivals.iter().map(seconds), RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_new_stages_are_bound_by_their_snapshots() {
        let needed = Needed::by_new_stages(10.0, 30.0);
        assert!((needed.seconds() - 45.0).abs() < 1e-9);
        let known = Needed { snapshots: 1.0, ..needed };
        assert!((known.seconds() - 10.0).abs() < 1e-9, "70 calls, 20 of them at once");
    }
}
