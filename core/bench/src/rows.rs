//! What is played, and what is promised about it.

use crate::rules::FALSE_ALARM;
use crate::tally::Measured;

/// Requests a minute to the canary; the stable side has nine times as many.
const TRAFFIC: [u32; 5] = [10, 30, 100, 300, 3_000];

/// Part of the stable side's requests that fail.
const STABLE: [f64; 5] = [0.0, 0.001, 0.002, 0.005, 0.02];

/// Part of the canary's requests that fail, beside as many as of the stable side's, and three and ten times as many.
const CANARY: [f64; 7] = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2];

/// The stable side's requests for each of the canary's.
pub(crate) const STABLE_SHARE: f64 = 9.0;

/// Minutes that a release lasts at most.
pub(crate) const HOUR: u32 = 60;

/// Minutes that counts take in [`Scene::Late`].
pub(crate) const LAG: u32 = 3;

/// What happens beside the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nothing.
    Steady,
    /// The rates of both sides rise to six times what they were, over the hour.
    Drift,
    /// About once an hour, a tenth of all requests of both sides fails for a minute.
    Bursts,
    /// Counts arrive three minutes late.
    Late,
}

/// A truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) scene: Scene,
    /// Requests a minute to the canary.
    pub(crate) traffic: u32,
    /// Part of the stable side's requests that fail.
    pub(crate) stable: f64,
    /// Part of the canary's requests that fail.
    pub(crate) canary: f64,
}

impl Scene {
    pub(crate) const ALL: [Self; 4] = [Self::Steady, Self::Drift, Self::Bursts, Self::Late];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Steady => "Steady rates",
            Self::Drift => "Rates of both sides that rise from half to three times over the hour",
            Self::Bursts => "Bursts: about once an hour a tenth of the requests to both sides fails for a minute",
            Self::Late => "Counts that arrive three minutes late",
        }
    }

    pub(crate) fn lag(self) -> u32 {
        match self {
            Self::Steady | Self::Drift | Self::Bursts => 0,
            Self::Late => LAG,
        }
    }
}

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    for scene in Scene::ALL {
        for traffic in TRAFFIC {
            for stable in STABLE {
                let mut rates: Vec<f64> = [stable, 3.0 * stable, 10.0 * stable].into_iter().chain(CANARY).collect();
                rates.retain(|rate| (stable..=0.2).contains(rate));
                rates.sort_by(f64::total_cmp);
                rates.dedup_by(|one, other| (*one - *other).abs() < 1e-9);
                rows.extend(rates.into_iter().map(|canary| Row { scene, traffic, stable, canary }));
            }
        }
    }
    rows
}

impl Row {
    pub(crate) fn is_good(&self) -> bool {
        self.canary <= self.stable
    }

    /// Whether the increase is at least threefold, so that it must be seen in time.
    pub(crate) fn must_be_seen(&self) -> bool {
        !self.is_good() && self.canary >= 3.0 * self.stable - 1e-9
    }

    pub(crate) fn name(&self) -> String {
        let Self { scene, traffic, stable, canary } = self;
        format!("{scene:?}, {traffic}/min, stable {:.1} %, canary {:.1} %", stable * 100.0, canary * 100.0)
    }

    /// Bad responses that a test must see on average until it may stop, at the declared rate of false alarms.
    ///
    /// Wald 1945: where both rates are known, each request of the canary brings the divergence of its rate from the stable
    /// one. Where the stable rate is 0, one bad response would do for somebody who knew that it is exactly 0. Nobody can, from
    /// counts: then the bound is that of the two sides together, where each bad response multiplies the evidence by no more
    /// than all requests over the canary's.
    pub(crate) fn bound(&self) -> f64 {
        let needed = (1.0 / FALSE_ALARM).ln();
        let (p, q) = (self.canary, self.stable);
        if q <= 0.0 {
            return needed / (1.0 + STABLE_SHARE).ln();
        }
        let divergence = p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln();
        needed * p / divergence
    }

    /// The most bad responses that the median release may serve: twice the bound, one minute's worth, and the lag's.
    pub(crate) fn limit(&self) -> f64 {
        let minutes = 1.0 + f64::from(self.scene.lag());
        2.0 * self.bound() + minutes * f64::from(self.traffic) * self.canary
    }

    /// What is promised and was not kept.
    pub(crate) fn broken_promises(&self, measured: &Measured) -> Vec<String> {
        let mut broken = Vec::new();
        if self.is_good() && measured.sequential.aborted_share() > FALSE_ALARM {
            broken.push(format!("{:.2} % false alarms", measured.sequential.aborted_share() * 100.0));
        }
        if self.must_be_seen() && f64::from(measured.sequential.median()) > self.limit() {
            broken.push(format!("{} bad responses, allowed {:.1}", measured.sequential.median(), self.limit()));
        }
        if measured.differing_checks > 0 {
            broken.push(format!("{} releases ended otherwise by whole checks", measured.differing_checks));
        }
        broken
    }
}
