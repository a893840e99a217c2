//! What a step can see: how bad a canary must be for the sequential test to stop it before the step is over.
//!
//! The answer is an estimate by the test's own bets: what they gain in a minute on average, if bad responses come as Poisson's
//! law has them, against what they must gain. It tells where half of such releases have been stopped, to some 20 %; the rest take
//! longer. `docs/analysis.md` has a table of it, and `make bench` holds it against what releases really take.

use std::time::Duration;

use super::policy::{Metric, Policy, Sequential};
use super::sequential::{Against, Counted, Test};
use crate::api::counts::{Counts, Evidence};
use crate::api::percent::Percent;

/// A step that lets every twentieth response be bad without seeing it is there for nothing.
const BLIND_BEYOND: f64 = 0.05;

/// Up to this mean the law's own numbers are summed; beyond it, as many points of its normal approximation.
const FEW: f64 = 30.0;
const POINTS: i32 = 20;
/// Between two points, in standard deviations.
const STEP: f64 = 0.25;

/// Halvings of the range of rates.
const HALVINGS: u32 = 40;

/// Traffic to both sides, in requests a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// To the canary.
    pub canary: f64,
    /// To the stable side.
    pub stable: f64,
}

/// What a step can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    /// Minutes of traffic that the step's last check knows.
    pub minutes: f64,
    /// Requests that the canary is expected to have answered in them.
    pub requests: f64,
    /// The smallest rate of bad responses, 0.0 to 1.0, at which half of all releases are stopped within the step. `None`: not even
    /// where all responses are bad.
    pub smallest: Option<f64>,
}

impl Traffic {
    /// The two sides' parts of a stage's traffic.
    #[must_use]
    pub fn split(requests_a_minute: f64, percent: Percent) -> Self {
        let canary = requests_a_minute.max(0.0) * percent.as_f64() / 100.0;
        Self { canary, stable: requests_a_minute.max(0.0) - canary }
    }
}

impl Sight {
    /// Whether the step sees too little to be of use: not even one bad response in twenty.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.smallest.is_none_or(|smallest| smallest > BLIND_BEYOND)
    }

    /// What to change where the step cannot see what it is there to see: a whole sentence.
    #[must_use]
    pub fn warning(&self, step: usize, metric: &str) -> Option<String> {
        if !self.is_blind() {
            return None;
        }
        let seen = match self.smallest {
            Some(smallest) => format!("only if {} or more of the canary's responses are bad", rate(smallest)),
            None => "not even if all of the canary's responses are bad".to_owned(),
        };
        Some(format!(
            "Step {step} stops a bad release by {metric} {seen}: about {:.0} requests to the canary are to be expected in it. Give it a longer hold, a larger share or a higher minRequests.",
            self.requests
        ))
    }
}

/// A rate, 0.0 to 1.0, as people write it: two digits of a percentage.
#[must_use]
pub fn rate(rate: f64) -> String {
    let percent = rate * 100.0;
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.995 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

/// What a step sees by this metric, from its own traffic alone; the evidence of earlier steps comes on top. `None`: no
/// sequential test judges the metric.
///
/// `stable_rate` is the share of bad responses of the stable side, 0.0 to 1.0; `hold` is `None` where a person ends the step.
#[must_use]
pub fn sight(
    policy: &Policy,
    metric: &Metric,
    percent: Percent,
    hold: Option<Duration>,
    requests_a_minute: f64,
    stable_rate: f64,
) -> Option<Sight> {
    let test = test(metric)?;
    let traffic = Traffic::split(requests_a_minute, percent);
    let minutes = minutes_seen(policy, hold.unwrap_or_default(), traffic);
    let requests = minutes * traffic.canary;
    Some(Sight { minutes, requests, smallest: smallest_seen(&test, traffic, stable_rate, minutes) })
}

/// What the steps of a running release cannot see, from the present one on, by the traffic that its own checks have counted: whole
/// sentences. Nothing where they have not counted a minute yet.
///
/// `steps` are all of the policy, each with its hold; `present` is the one that the release is at, from 1.
#[must_use]
pub fn blind_steps(
    policy: &Policy,
    steps: &[(Percent, Option<Duration>)],
    present: usize,
    counts: &Counts,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for metric in &policy.metrics {
        let counted = counts.metrics.iter().find(|counts| counts.name == metric.name);
        let counted = counted.and_then(|counts| counted_by(counts.evidence.as_ref()?));
        let Some((requests_a_minute, stable_rate)) = counted else { continue };
        for (number, (percent, hold)) in (1..).zip(steps).skip(present.saturating_sub(1)) {
            let sight = sight(policy, metric, *percent, *hold, requests_a_minute, stable_rate);
            warnings.extend(sight.and_then(|sight| sight.warning(number, &metric.name)));
        }
    }
    warnings
}

/// Requests a minute to both sides together, and the share of the stable side's that were bad, as far as evidence tells.
fn counted_by(evidence: &Evidence) -> Option<(f64, f64)> {
    let late = i64::try_from(evidence.missing.len()).unwrap_or(i64::MAX);
    let minutes = evidence.until?.saturating_sub(evidence.since?).saturating_sub(late);
    let of_step = |all: u64, before: u64| number(all.saturating_sub(before));
    let canary = of_step(evidence.requests, evidence.requests_before_step);
    let stable = of_step(evidence.stable_requests, evidence.stable_requests_before_step);
    if minutes <= 0 || canary + stable <= 0.0 {
        return None;
    }
    let stable_rate = number(evidence.stable_bad) / number(evidence.stable_requests).max(1.0);
    Some(((canary + stable) / number(minutes.unsigned_abs()), stable_rate))
}

#[expect(clippy::cast_precision_loss, reason = "counts for an estimate")]
fn number(count: u64) -> f64 {
    count as f64
}

/// The test of a metric beside a canary.
#[must_use]
pub fn test(metric: &Metric) -> Option<Test> {
    let Sequential { false_alarm, smallest_increase } = metric.sequential().filter(|_| metric.problem().is_none())?;
    let smallest_increase = smallest_increase.unwrap_or(0.0) / 100.0;
    let against = match metric.bounds.max {
        Some(max) => Against::Rate(max / 100.0 + smallest_increase),
        None => Against::Stable { smallest_increase },
    };
    Some(Test { against, false_alarm })
}

/// Whole minutes that the last check of a step looks back on: the hold less both delays, and as many as `minRequests` takes, since
/// a step is not over before.
fn minutes_seen(policy: &Policy, hold: Duration, traffic: Traffic) -> f64 {
    let delays = policy.initial_delay.saturating_add(policy.metric_delay);
    let whole = (hold.saturating_sub(delays).as_secs_f64() / 60.0).floor();
    let rarer = if traffic.stable > 0.0 { traffic.canary.min(traffic.stable) } else { traffic.canary };
    let asked_for = if rarer > 0.0 { (number(policy.min_requests) / rarer).ceil() } else { 0.0 };
    whole.max(asked_for).max(1.0)
}

/// The smallest rate of bad responses, 0.0 to 1.0, at which the test has stopped half of all releases after so many minutes.
#[must_use]
pub fn smallest_seen(test: &Test, traffic: Traffic, stable_rate: f64, minutes: f64) -> Option<f64> {
    let is_seen = |rate: f64| minutes_to_see(test, traffic, stable_rate, rate).is_some_and(|needed| needed <= minutes);
    if !is_seen(1.0) {
        return None;
    }
    let (mut unseen, mut seen) = (stable_rate.clamp(1e-9, 1.0), 1.0);
    for _ in 0..HALVINGS {
        // Of rates the ratio counts.
        let middle = (unseen * seen).sqrt();
        if is_seen(middle) { seen = middle } else { unseen = middle }
    }
    Some(seen)
}

/// Minutes until the test has stopped half of all releases whose canary has this rate of bad responses; at least 1, since it looks
/// at whole minutes. `None`: it never does, because there is no traffic or the bets lose.
#[must_use]
pub fn minutes_to_see(test: &Test, traffic: Traffic, stable_rate: f64, canary_rate: f64) -> Option<f64> {
    let Traffic { canary, stable } = traffic;
    let against_stable = matches!(test.against, Against::Stable { .. });
    if canary.is_nan() || canary <= 0.0 || (against_stable && (stable.is_nan() || stable <= 0.0)) {
        return None;
    }
    let of_canary = poisson(canary * canary_rate.clamp(0.0, 1.0));
    let of_stable = if against_stable { poisson(stable * stable_rate.clamp(0.0, 1.0)) } else { vec![(0.0, 1.0)] };
    let after = |bad: f64, stable_bad: f64| Counted { bad, requests: canary, stable_bad, stable_requests: stable };
    let bets = test.bets().filter_map(|bet| {
        let mut gain = 0.0;
        for (bad, its_chance) in &of_canary {
            for (stable_bad, chance) in &of_stable {
                gain += its_chance * chance * bet.gain(after(*bad, *stable_bad));
            }
        }
        // The response that crosses carries the evidence beyond the mark, by half of its worth on average.
        let overshoot = bet.worth(after(1.0, 0.0)).max(0.0) / 2.0;
        (gain > 0.0).then(|| (bet.must_gain() + overshoot) / gain)
    });
    bets.min_by(f64::total_cmp).map(|minutes: f64| minutes.max(1.0))
}

/// Numbers that a Poisson variable takes, with their chances.
fn poisson(mean: f64) -> Vec<(f64, f64)> {
    if mean.is_nan() || mean <= 0.0 {
        return vec![(0.0, 1.0)];
    }
    if mean > FEW {
        let points = (-POINTS..=POINTS).map(|point| f64::from(point) * STEP);
        let weighed = points.map(|z| ((mean + z * mean.sqrt()).max(0.0), (-z * z / 2.0).exp()));
        return normalized(weighed.collect());
    }
    let mut chance = (-mean).exp();
    let mut all = Vec::new();
    let mut number = 0.0;
    while number <= mean || chance > 1e-9 {
        all.push((number, chance));
        number += 1.0;
        chance *= mean / number;
    }
    normalized(all)
}

fn normalized(mut all: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let total: f64 = all.iter().map(|(_, chance)| chance).sum();
    for (_, chance) in &mut all {
        *chance /= total;
    }
    all
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::analysis::fixtures::policy;
    use crate::analysis::policy::{Bounds, Preset, Source};
    use crate::api::counts::MetricCounts;

    const DEFAULT: Test = Test { against: Against::Stable { smallest_increase: 0.0 }, false_alarm: 0.01 };

    fn errors(bounds: Bounds) -> Metric {
        let source = Source::ApiGateway(Preset::ErrorRate5xx);
        Metric { name: "errors".to_owned(), source, bounds, failure_limit: None, dry_run: false }
    }

    fn minutes(canary: f64, stable_rate: f64, canary_rate: f64) -> Option<f64> {
        minutes_to_see(&DEFAULT, Traffic { canary, stable: 9.0 * canary }, stable_rate, canary_rate)
    }

    #[rstest]
    #[case::more_traffic_sees_it_sooner(minutes(100.0, 0.002, 0.03), minutes(30.0, 0.002, 0.03))]
    #[case::a_larger_increase_is_seen_sooner(minutes(30.0, 0.002, 0.1), minutes(30.0, 0.002, 0.03))]
    #[case::a_noisier_stable_side_takes_longer(minutes(30.0, 0.001, 0.03), minutes(30.0, 0.01, 0.03))]
    fn it_grows_the_right_way(#[case] sooner: Option<f64>, #[case] later: Option<f64>) {
        assert!(sooner.unwrap() < later.unwrap(), "{sooner:?} {later:?}");
    }

    #[test]
    fn what_is_no_worse_is_never_seen_and_silence_shows_nothing() {
        assert_eq!(minutes(30.0, 0.01, 0.01), None);
        assert_eq!(minutes(0.0, 0.01, 1.0), None);
        let alone = Traffic { canary: 30.0, stable: 0.0 };
        assert_eq!(minutes_to_see(&DEFAULT, alone, 0.0, 1.0), None, "nothing to compare with");
        let fixed = Test { against: Against::Rate(0.01), ..DEFAULT };
        assert!(minutes_to_see(&fixed, alone, 0.0, 0.1).is_some(), "a fixed rate needs no stable side");
        assert_eq!(minutes(f64::NAN, 0.01, 1.0), None);
    }

    #[test]
    fn the_smallest_that_is_seen_is_seen_and_what_is_smaller_is_not() {
        let traffic = Traffic { canary: 30.0, stable: 570.0 };
        let smallest = smallest_seen(&DEFAULT, traffic, 0.002, 10.0).unwrap();
        let needed = |rate: f64| minutes_to_see(&DEFAULT, traffic, 0.002, rate).unwrap();
        assert!((0.01..0.03).contains(&smallest), "{smallest}");
        assert!(needed(smallest) <= 10.0 && needed(smallest * 0.99) > 10.0, "{smallest}");
    }

    #[test]
    fn a_step_sees_less_the_shorter_it_is_and_knows_when_it_is_blind() {
        let policy = policy();
        let see = |percent: f64, minutes: u64, rpm: f64| {
            let percent = Percent::exactly(percent).unwrap();
            let hold = Some(Duration::from_mins(minutes));
            sight(&policy, &errors(Bounds::default()), percent, hold, rpm, 0.002).unwrap()
        };
        let (short, long) = (see(5.0, 10, 6_000.0), see(5.0, 60, 6_000.0));
        // Two minutes of initialDelay and three of metricDelay are not seen.
        assert_eq!((short.minutes, short.requests), (5.0, 1_500.0));
        assert!(short.smallest > long.smallest, "{short:?} {long:?}");
        assert!(!short.is_blind() && see(5.0, 10, 120.0).is_blind());
        assert_eq!(see(5.0, 10, 0.0).smallest, None);
        // 50 requests at 3 a minute take longer than the hold.
        assert!((see(5.0, 10, 60.0).minutes - 17.0).abs() < 1e-9);
    }

    #[rstest]
    #[case::one_in_twenty_is_seen(Some(0.05), false)]
    #[case::it_takes_a_little_more(Some(0.050_001), true)]
    #[case::not_even_all(None, true)]
    fn a_step_is_blind_beyond_one_bad_response_in_twenty(#[case] smallest: Option<f64>, #[case] blind: bool) {
        assert_eq!(Sight { minutes: 5.0, requests: 100.0, smallest }.is_blind(), blind);
    }

    #[test]
    fn a_running_release_is_told_by_what_it_has_counted_which_of_its_steps_are_blind() {
        let mut policy = policy();
        policy.metrics = vec![errors(Bounds::default())];
        let percent = |percent| Percent::exactly(percent).unwrap();
        let hold = Some(Duration::from_mins(10));
        let steps = [(percent(1.0), hold), (percent(5.0), hold), (percent(50.0), hold)];
        // Ten minutes of 200 requests, of which one is missing, in the second step.
        let evidence = |requests: u64, stable_requests: u64| Evidence {
            requests: 500 + requests,
            requests_before_step: 500,
            stable_requests: 9_000 + stable_requests,
            stable_requests_before_step: 9_000,
            stable_bad: 20,
            since: Some(100),
            until: Some(110),
            missing: vec![109],
            ..Evidence::default()
        };
        let told = |evidence: Evidence, present: usize| {
            let metric =
                MetricCounts { name: "errors".to_owned(), evidence: Some(evidence), ..MetricCounts::default() };
            blind_steps(&policy, &steps, present, &Counts { metrics: vec![metric], ..Counts::default() })
        };
        assert_eq!(
            told(evidence(90, 1_710), 2),
            [
                "Step 2 stops a bad release by errors only if 6.1 % or more of the canary's responses are bad: about 50 requests to the canary are to be expected in it. Give it a longer hold, a larger share or a higher minRequests."
            ]
        );
        assert_eq!(told(evidence(90, 1_710), 1).len(), 2, "the first step, too");
        assert_eq!(told(evidence(9_000, 171_000), 1), Vec::<String>::new(), "with a hundred times the traffic all see");
        assert_eq!(told(evidence(0, 0), 1), Vec::<String>::new(), "nothing was counted");
    }

    #[test]
    fn other_metrics_have_no_such_sight() {
        let metric = errors(Bounds { max: Some(1.0), ..Bounds::default() });
        assert_eq!(sight(&policy(), &metric, Percent::exactly(5.0).unwrap(), None, 600.0, 0.0), None);
    }

    #[test]
    fn large_traffic_is_no_other_case() {
        // Where the sum ends and the approximation begins.
        let test = Test { false_alarm: 1e-9, ..DEFAULT };
        let needed =
            |canary: f64| minutes_to_see(&test, Traffic { canary, stable: 9.0 * canary }, 0.001, 0.003).unwrap();
        let (few, many) = (needed(9_990.0), needed(10_010.0));
        assert!(many < few && many > 0.97 * few, "{few} {many}");
    }
}
