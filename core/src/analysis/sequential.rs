//! A test that may be looked at after every new minute: does the canary answer badly more often than it may?
//!
//! Evidence is a bet that no honest canary can expect to win. Each minute all but a fiftieth of the stake is put on
//! `ratio^bad / (1 + share * (ratio - 1))^trials`, where without a difference `share` is the chance that one of the `trials`
//! bad ones is the canary's. The expectation is then at most 1, whatever the common error rate of that minute is, so the
//! product over all minutes exceeds `1 / false_alarm` with at most that probability, however often and whenever one looks
//! (Ville 1939). Several ratios are bet on at once; the evidence is their weighted mean. `docs/analysis.md` tells it at length.
//!
//! Against the stable side the trials are the bad responses of both sides and the share is the canary's share of the requests
//! of that minute: given these, the canary's bad responses are hypergeometric, for which the binomial bet pays no more than
//! for the binomial (Hoeffding 1963, theorem 4). Only the shares of a minute count, never a rate across minutes: a common rate
//! may drift and burst. Against a fixed rate the trials are the canary's requests and the share is that rate.

use crate::api::check::Verdict;
use crate::api::counts::Evidence;

/// One of the bets.
#[derive(Debug)]
struct Bet {
    /// How many times as likely as allowed a bad response of the canary is assumed to be.
    ratio: f64,
    /// Part of the stake; those of all bets add up to 1.
    weight: f64,
}

/// Most of the stake is on large increases: they show in so few bad responses that each one less counts.
const BETS: [Bet; 3] =
    [Bet { ratio: 2.5, weight: 0.1 }, Bet { ratio: 6.0, weight: 0.1 }, Bet { ratio: 25.0, weight: 0.8 }];

/// Part of the stake that is not put on a minute. A burst that hits both sides alike would else wipe out what many minutes have
/// gathered; so it costs no more than a factor of 50.
const KEPT: f64 = 0.02;

/// Units of [`Evidence::log_evidence`] in a natural logarithm.
const MILLIONTHS: f64 = 1e6;

/// What both sides answered in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Bad responses of the canary; at most `requests`.
    pub bad: u64,
    /// Requests to the canary.
    pub requests: u64,
    /// Bad responses of the stable side; at most `stable_requests`.
    pub stable_bad: u64,
    /// Requests to the stable side.
    pub stable_requests: u64,
}

/// A minute in numbers that an estimate may choose freely.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) bad: f64,
    pub(super) requests: f64,
    pub(super) stable_bad: f64,
    pub(super) stable_requests: f64,
}

/// One bet of a test, for estimates of what it will do.
#[derive(Clone, Copy, Debug)]
pub(super) struct BetOf<'t> {
    test: &'t Test,
    bet: &'static Bet,
}

/// What the canary is tested against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against {
    /// The stable side in the same minutes.
    Stable {
        /// Increase that is borne, as a share of the requests: 0.0 to 1.0.
        smallest_increase: f64,
    },
    /// A fixed share of the requests, 0.0 to 1.0.
    Rate(f64),
}

/// A sequential test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// What the canary is tested against.
    pub against: Against,
    /// Probability, over all looks, that a canary that is no worse fails: between 0.0 and 1.0.
    pub false_alarm: f64,
}

impl Test {
    /// Adds a minute to the evidence. The order of the minutes does not matter, so a late one comes when it comes.
    pub fn take(&self, evidence: &mut Evidence, minute: Minute) {
        let Minute { bad, requests, stable_bad, stable_requests } = minute;
        evidence.bad = evidence.bad.saturating_add(bad);
        evidence.requests = evidence.requests.saturating_add(requests);
        evidence.stable_bad = evidence.stable_bad.saturating_add(stable_bad);
        evidence.stable_requests = evidence.stable_requests.saturating_add(stable_requests);
        evidence.log_evidence.resize(BETS.len(), 0);
        let counted = Counted {
            bad: number(bad),
            requests: number(requests),
            stable_bad: number(stable_bad),
            stable_requests: number(stable_requests),
        };
        for (so_far, bet) in evidence.log_evidence.iter_mut().zip(&BETS) {
            *so_far = so_far.saturating_add(millionths(hedged(self.log_payout(bet.ratio, counted))));
        }
    }

    /// The natural logarithm of what a whole stake on `ratio` pays for a minute.
    fn log_payout(&self, ratio: f64, minute: Counted) -> f64 {
        let Counted { bad, requests, stable_bad, stable_requests } = minute;
        match self.against {
            Against::Rate(rate) => bad * ratio.ln() - requests * (rate.clamp(0.0, 1.0) * (ratio - 1.0)).ln_1p(),
            Against::Stable { smallest_increase } => {
                let all = requests + stable_requests;
                if all <= 0.0 {
                    return 0.0;
                }
                let log_price = (requests / all * (ratio - 1.0)).ln_1p();
                let both = bad + stable_bad;
                // What a bad response of the canary pays; with it, each request may have had the increase that is borne.
                let log_gain = ratio.ln() - log_price;
                let borne = requests * (smallest_increase.clamp(0.0, 1.0) * log_gain.exp_m1()).ln_1p();
                bad * ratio.ln() - both * log_price - borne
            }
        }
    }

    /// Whether the evidence is beyond what chance may do: it stays so however the looks were chosen.
    #[must_use]
    pub fn has_crossed(&self, evidence: &Evidence) -> bool {
        log_evidence(evidence) >= -self.false_alarm.ln()
    }

    /// The verdict on what was gathered: `Fail` by evidence alone, `Pass` only on enough requests of both sides in the present
    /// step.
    #[must_use]
    pub fn verdict(&self, evidence: &Evidence, min_requests: u64) -> Verdict {
        if self.has_crossed(evidence) {
            return Verdict::Fail;
        }
        let enough = |all: u64, before: u64| all.saturating_sub(before) >= min_requests.max(1);
        let canary = enough(evidence.requests, evidence.requests_before_step);
        let stable = match self.against {
            Against::Stable { .. } => enough(evidence.stable_requests, evidence.stable_requests_before_step),
            Against::Rate(_) => true,
        };
        if canary && stable { Verdict::Pass } else { Verdict::NoData }
    }
}

impl Test {
    /// Its bets, one by one.
    pub(super) fn bets(&self) -> impl Iterator<Item = BetOf<'_>> {
        BETS.iter().map(|bet| BetOf { test: self, bet })
    }
}

impl BetOf<'_> {
    /// What a minute adds to the logarithm of the bet's stake.
    pub(super) fn gain(self, minute: Counted) -> f64 {
        hedged(self.worth(minute))
    }

    /// The same for a whole stake.
    pub(super) fn worth(self, minute: Counted) -> f64 {
        self.test.log_payout(self.bet.ratio, minute)
    }

    /// What it must gain to cross alone, the other bets being lost.
    pub(super) fn must_gain(self) -> f64 {
        -self.test.false_alarm.ln() - self.bet.weight.ln()
    }
}

/// The natural logarithm of the evidence: 0.0 before the first minute.
#[must_use]
pub fn log_evidence(evidence: &Evidence) -> f64 {
    let logs = BETS.iter().enumerate().map(|(index, bet)| {
        let log = evidence.log_evidence.get(index).copied().unwrap_or(0);
        bet.weight.ln() + signed(log) / MILLIONTHS
    });
    // The largest is taken out of the sum, so that no exponential overflows.
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + logs.map(|log| (log - largest).exp()).sum::<f64>().ln()
}

/// The largest rate under which `bad` or fewer of `requests` still has the probability `error`, by Chernoff's bound: 1.0 where
/// there were no requests.
#[must_use]
pub fn upper_bound(bad: u64, requests: u64, error: f64) -> f64 {
    let (bad, requests) = (number(bad.min(requests)), number(requests));
    if requests <= 0.0 {
        return 1.0;
    }
    let seen = bad / requests;
    let surprise = -error.ln();
    // The divergence grows with the rate, from 0 at what was seen.
    let divergence = |rate: f64| {
        let of_bad = if seen > 0.0 { seen * (seen / rate).ln() } else { 0.0 };
        let of_good = if seen < 1.0 { (1.0 - seen) * ((1.0 - seen) / (1.0 - rate)).ln() } else { 0.0 };
        requests * (of_bad + of_good)
    };
    let (mut low, mut high) = (seen, 1.0);
    // 60 halvings are more than a double can tell apart.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if divergence(middle) < surprise { low = middle } else { high = middle }
    }
    high
}

/// The logarithm of what the stake is worth after a minute that pays `log_payout` on the part that was put on it.
fn hedged(log_payout: f64) -> f64 {
    if log_payout > 0.0 {
        // The payout is taken out, so that its exponential cannot overflow.
        log_payout + (1.0 - KEPT + KEPT * (-log_payout).exp()).ln()
    } else {
        (KEPT + (1.0 - KEPT) * log_payout.exp()).ln()
    }
}

/// Rounded down: a rounding error must not become evidence.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and 10^9 requests give 10^16")]
fn millionths(log: f64) -> i64 {
    (log * MILLIONTHS).floor() as i64
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and a count beyond it is no worse for a rounding")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "millionths of a logarithm, of which the last digits do not matter")]
fn signed(log: i64) -> f64 {
    log as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, reason = "small counts")]

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const TWO_SIDED: Test = Test { against: Against::Stable { smallest_increase: 0.0 }, false_alarm: 0.01 };

    fn against(rate: f64) -> Test {
        Test { against: Against::Rate(rate), ..TWO_SIDED }
    }

    fn minute(bad: u64, requests: u64, stable_bad: u64, stable_requests: u64) -> Minute {
        Minute { bad, requests, stable_bad, stable_requests }
    }

    fn gathered(test: Test, minutes: &[Minute]) -> Evidence {
        let mut evidence = Evidence::default();
        for minute in minutes {
            test.take(&mut evidence, *minute);
        }
        evidence
    }

    fn evidence_of(test: Test, minutes: &[Minute]) -> f64 {
        log_evidence(&gathered(test, minutes)).exp()
    }

    /// By hand: the mean of 0.02 + 0.98 r / (1 + 0.1 (r - 1)) for r = 2.5, 6, 25 with the weights 0.1, 0.1, 0.8, and so on. Any other
    /// ratio or weight gives other numbers.
    #[rstest]
    #[case::nothing_seen(minute(0, 0, 0, 0), 1.0)]
    #[case::no_bad_response_is_no_evidence(minute(0, 100, 0, 900), 1.0)]
    #[case::one_bad_of_the_canary(minute(1, 100, 0, 900), 6.389_749)]
    #[case::one_bad_of_the_stable_side(minute(0, 100, 1, 900), 0.401_139)]
    #[case::two_bad_of_the_canary(minute(2, 100, 0, 900), 44.438_681)]
    #[case::three_bad_of_the_canary(minute(3, 100, 0, 900), 318.971_934)]
    #[case::a_side_alone_tells_nothing(minute(5, 100, 0, 0), 1.0)]
    fn the_bets_pay_as_calculated_by_hand(#[case] minute: Minute, #[case] expected: f64) {
        let found = evidence_of(TWO_SIDED, &[minute]);
        assert!((found / expected - 1.0).abs() < 2e-5, "{minute:?}: {found}");
    }

    #[test]
    fn each_bet_has_its_ratio_and_its_weight() {
        // Where none is allowed, one bad response pays the ratio itself on 0.98 of the stake.
        let logs = gathered(against(0.0), &[minute(1, 1, 0, 0)]).log_evidence;
        assert_eq!(logs, [904_218, 1_774_952, 3_199_489]);
        let weight = |index: usize| {
            // All but one bet are lost.
            let mut log_evidence_of = vec![-60_000_000; 3];
            log_evidence_of[index] = 0;
            let evidence = Evidence { log_evidence: log_evidence_of, ..Evidence::default() };
            (log_evidence(&evidence).exp() * 1e6).round() / 1e6
        };
        assert_eq!([0, 1, 2].map(weight).map(|weight| weight.to_string()), ["0.1", "0.1", "0.8"]);
        assert!((BETS.iter().map(|bet| bet.weight).sum::<f64>() - 1.0).abs() < 1e-12, "the stake is 1");
    }

    #[test]
    fn where_no_requests_are_asked_for_one_is_enough_and_none_is_not() {
        for min_requests in [0, 1] {
            let verdict = |evidence: &[Minute]| TWO_SIDED.verdict(&gathered(TWO_SIDED, evidence), min_requests);
            assert_eq!(verdict(&[]), Verdict::NoData);
            assert_eq!(verdict(&[minute(0, 1, 0, 1)]), Verdict::Pass);
        }
    }

    #[test]
    fn it_fails_at_the_declared_evidence_and_not_before() {
        // Evidence of all bets alike, so that it is exp of it.
        let at = |log: i64| Evidence {
            log_evidence: vec![log; 3],
            requests: 100,
            stable_requests: 100,
            ..Evidence::default()
        };
        assert_eq!(TWO_SIDED.verdict(&at(4_605_171), 50), Verdict::Fail);
        assert_eq!(TWO_SIDED.verdict(&at(4_605_169), 50), Verdict::Pass);
        let strict = Test { false_alarm: 0.001, ..TWO_SIDED };
        assert_eq!(strict.verdict(&at(6_907_754), 50), Verdict::Pass);
        assert_eq!(strict.verdict(&at(6_907_756), 50), Verdict::Fail);
    }

    #[rstest]
    #[case::enough_on_both_sides(50, 50, Verdict::Pass)]
    #[case::too_few_of_the_canary(49, 50, Verdict::NoData)]
    #[case::too_few_of_the_stable_side(50, 49, Verdict::NoData)]
    fn a_pass_needs_requests_of_this_step(#[case] canary: u64, #[case] stable: u64, #[case] expected: Verdict) {
        let evidence = Evidence {
            requests: 1_000 + canary,
            requests_before_step: 1_000,
            stable_requests: 9_000 + stable,
            stable_requests_before_step: 9_000,
            ..Evidence::default()
        };
        assert_eq!(TWO_SIDED.verdict(&evidence, 50), expected);
    }

    #[test]
    fn silence_is_no_pass_even_where_nothing_is_asked_for() {
        assert_eq!(TWO_SIDED.verdict(&Evidence::default(), 0), Verdict::NoData);
        assert_eq!(against(0.01).verdict(&Evidence::default(), 0), Verdict::NoData);
    }

    #[test]
    fn a_fixed_rate_needs_no_stable_side() {
        let minutes = [minute(0, 60, 0, 0)];
        assert_eq!(against(0.01).verdict(&gathered(against(0.01), &minutes), 50), Verdict::Pass);
        assert_eq!(TWO_SIDED.verdict(&gathered(TWO_SIDED, &minutes), 50), Verdict::NoData);
    }

    #[test]
    fn the_order_of_minutes_does_not_matter() {
        let minutes = [minute(3, 30, 1, 200), minute(0, 7, 9, 100), minute(1, 90, 0, 10)];
        let mut backwards = minutes;
        backwards.reverse();
        assert_eq!(gathered(TWO_SIDED, &minutes), gathered(TWO_SIDED, &backwards));
    }

    #[test]
    fn a_burst_that_hits_both_sides_alike_is_no_evidence() {
        let quiet = [minute(0, 100, 1, 900); 10];
        let burst = minute(50, 100, 450, 900);
        let before = evidence_of(TWO_SIDED, &quiet);
        let after = evidence_of(TWO_SIDED, &[quiet.as_slice(), &[burst]].concat());
        assert!(after < before, "{after} after, {before} before");
    }

    #[test]
    fn no_minute_costs_more_than_a_factor_of_fifty() {
        let burst = evidence_of(TWO_SIDED, &[minute(0, 100, 900, 900)]);
        assert!((burst - 0.02).abs() < 1e-6, "{burst}");
    }

    #[test]
    fn an_increase_that_is_borne_is_no_evidence_and_a_larger_one_is() {
        let bears = |smallest_increase| Test { against: Against::Stable { smallest_increase }, ..TWO_SIDED };
        // 3 % against 0.2 %, half an hour long.
        let minutes = [minute(9, 300, 5, 2_700); 30];
        assert!(TWO_SIDED.has_crossed(&gathered(TWO_SIDED, &minutes)));
        assert!(bears(0.01).has_crossed(&gathered(bears(0.01), &minutes)));
        assert!(!bears(0.03).has_crossed(&gathered(bears(0.03), &minutes)));
        // By hand for 1 % and a ratio of 2.5: x = ln 2.5 - ln 1.15 - 100 ln (1 + 0.01 (2.5 / 1.15 - 1)), then ln (0.02 + 0.98 exp x).
        let logs = gathered(bears(0.01), &[minute(1, 100, 0, 900)]).log_evidence;
        assert_eq!(logs[0], -381_037);
    }

    #[rstest]
    #[case(0, 0, 0.005, 1.0)]
    #[case::the_rule_of_three_and_a_bit(0, 1_000, 0.05, 0.002_991_25)]
    #[case(10, 1_000, 0.005, 0.023_921)]
    #[case::all_bad(7, 7, 0.005, 1.0)]
    fn a_rate_is_bounded_from_above(#[case] bad: u64, #[case] requests: u64, #[case] error: f64, #[case] bound: f64) {
        let found = upper_bound(bad, requests, error);
        assert!((found - bound).abs() < 2e-5, "{found}");
    }

    /// Counts of a minute, up to 10^9 a side.
    fn any_minute() -> impl Strategy<Value = Minute> {
        let side =
            || prop_oneof![0_u64..40, 0_u64..1_000_000_000].prop_flat_map(|requests| (0..=requests, Just(requests)));
        (side(), side()).prop_map(|((bad, requests), (stable_bad, stable_requests))| Minute {
            bad,
            requests,
            stable_bad,
            stable_requests,
        })
    }

    fn any_test() -> impl Strategy<Value = Test> {
        let against = prop_oneof![
            (0.0..=1.0).prop_map(|smallest_increase| Against::Stable { smallest_increase }),
            (0.0..=1.0).prop_map(Against::Rate),
        ];
        (against, 1e-9..0.999_f64).prop_map(|(against, false_alarm)| Test { against, false_alarm })
    }

    /// The expectation of what a minute pays when the canary's bad responses are hypergeometric.
    fn expected_payout(requests: u64, stable_requests: u64, both: u64) -> f64 {
        let (canary, stable, all) = (requests as f64, stable_requests as f64, (requests + stable_requests) as f64);
        // P(0) and from there upwards.
        let mut probability: f64 = (0..both).map(|i| (stable - i as f64) / (all - i as f64)).product();
        let mut sum = 0.0;
        for bad in 0..=both {
            let of = minute(bad, requests, both - bad, stable_requests);
            sum += probability * evidence_of(TWO_SIDED, &[of]);
            let x = bad as f64;
            probability *= (both as f64 - x) * (canary - x) / ((x + 1.0) * (stable - both as f64 + x + 1.0));
        }
        sum
    }

    proptest! {
        /// What makes the test valid at any time: without a difference no minute can be expected to pay more than its stake.
        #[test]
        fn no_minute_pays_more_than_its_stake_on_average(
            requests in 1_u64..60, stable_requests in 1_u64..400, both in 0_u64..30
        ) {
            let both = both.min(requests).min(stable_requests);
            prop_assert!(expected_payout(requests, stable_requests, both) <= 1.0 + 1e-9);
        }

        #[test]
        fn a_fixed_rate_pays_no_more_than_its_stake_on_average(rate in 0.0_f64..=1.0, requests in 0_u64..60) {
            let mut sum = 0.0;
            for bad in 0..=requests {
                let ways: f64 = (0..bad).map(|i| (requests - i) as f64 / (i + 1) as f64).product();
                let probability = ways * rate.powf(bad as f64) * (1.0 - rate).powf((requests - bad) as f64);
                sum += probability * evidence_of(against(rate), &[minute(bad, requests, 0, 0)]);
            }
            prop_assert!(sum <= 1.0 + 1e-6, "{}", sum);
        }

        #[test]
        fn another_bad_response_of_the_canary_never_helps_it(test in any_test(), minute in any_minute()) {
            prop_assume!(minute.bad < minute.requests);
            let worse = Minute { bad: minute.bad + 1, ..minute };
            // Up to the rounding of logarithms.
            let slack = 1e-5 + log_evidence(&gathered(test, &[minute])).abs() * 1e-9;
            prop_assert!(log_evidence(&gathered(test, &[worse])) >= log_evidence(&gathered(test, &[minute])) - slack);
        }

        #[test]
        fn another_bad_response_of_the_stable_side_never_hurts_the_canary(minute in any_minute()) {
            prop_assume!(minute.stable_bad < minute.stable_requests);
            let worse = Minute { stable_bad: minute.stable_bad + 1, ..minute };
            let slack = 1e-5 + log_evidence(&gathered(TWO_SIDED, &[minute])).abs() * 1e-9;
            prop_assert!(log_evidence(&gathered(TWO_SIDED, &[worse])) <= log_evidence(&gathered(TWO_SIDED, &[minute])) + slack);
        }

        #[test]
        fn two_sides_that_answer_alike_never_fail(bad in 0_u64..1_000_000, good in 0_u64..1_000_000_000, minutes in 1_usize..60) {
            let alike = minute(bad, bad + good, bad, bad + good);
            prop_assert!(evidence_of(TWO_SIDED, &vec![alike; minutes]) <= 1.0 + 1e-6);
        }

        #[test]
        fn a_larger_increase_that_is_borne_never_hurts_the_canary(minute in any_minute(), one in 0.0..=1.0_f64, other in 0.0..=1.0_f64) {
            let bears = |smallest_increase| Test { against: Against::Stable { smallest_increase }, ..TWO_SIDED };
            let (less, more) = (one.min(other), one.max(other));
            let slack = 1e-5 + log_evidence(&gathered(bears(less), &[minute])).abs() * 1e-9;
            prop_assert!(log_evidence(&gathered(bears(more), &[minute])) <= log_evidence(&gathered(bears(less), &[minute])) + slack);
        }

        #[test]
        fn nothing_is_ever_not_a_number(test in any_test(), minutes in proptest::collection::vec(any_minute(), 0..20)) {
            let evidence = gathered(test, &minutes);
            prop_assert!(log_evidence(&evidence).is_finite());
            prop_assert_ne!((test.verdict(&evidence, 50), evidence.requests), (Verdict::Pass, 0));
        }

        #[test]
        fn a_bound_is_no_less_than_what_was_seen(bad in 0_u64..1_000_000_000, more in 0_u64..1_000_000_000, error in 1e-9..0.5_f64) {
            let bound = upper_bound(bad, bad + more, error);
            let seen = if bad + more == 0 { 0.0 } else { bad as f64 / (bad + more) as f64 };
            prop_assert!((seen..=1.0).contains(&bound), "{} of {}", bound, seen);
        }
    }
}
