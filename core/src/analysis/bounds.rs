//! Whether a value is within its bounds, and the sentence that says so.

use super::numbers::{Unit, count};
use super::policy::Bounds;
use crate::api::check::Verdict;

/// What one side had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    /// In the metric's unit.
    pub(super) value: f64,
    /// Requests behind it, where they are counted.
    pub(super) samples: Option<u64>,
}

/// How values of a metric are told.
pub(super) struct Told<'t> {
    /// What is measured: `5xx`.
    pub(super) label: &'t str,
    /// What in.
    pub(super) unit: Unit,
    /// Whether the lower value is the worse one.
    pub(super) lower_is_worse: bool,
    /// Whether the stable side's value is that from before the promotion.
    pub(super) before_promotion: bool,
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// The bound that decided, as the spec writes it.
    pub(super) bound: Option<String>,
    pub(super) sentence: String,
}

/// One bound, as a number.
struct Limit {
    written: String,
    compares: bool,
    at_most: bool,
    number: f64,
}

impl Told<'_> {
    /// Judges a value; `stable` is what it is compared with, or why there is nothing.
    pub(super) fn judge(&self, bounds: &Bounds, canary: Value, stable: &Result<Value, String>) -> Finding {
        if !canary.value.is_finite() {
            return self.no_data(&format!("the source answered {}, which is no number", canary.value));
        }
        let limits = match self.limits(bounds, stable) {
            Ok(limits) => limits,
            Err(why) => return self.no_data(&why),
        };
        let broken = |limit: &&Limit| {
            if limit.at_most { canary.value > limit.number } else { canary.value < limit.number }
        };
        if let Some(limit) = limits.iter().find(broken) {
            return self.finding(Verdict::Fail, limit, canary, stable);
        }
        match (stable, limits.first()) {
            (Err(why), _) if bounds.compares() => self.no_data(why),
            (_, None) => self.no_data("it has no bound"),
            (_, Some(limit)) => self.finding(Verdict::Pass, limit, canary, stable),
        }
    }

    /// Nothing can be said, and why: a phrase without a full stop.
    pub(super) fn no_data(&self, why: &str) -> Finding {
        no_data(self.label, why)
    }

    /// The bounds as numbers; those that compare are left out where there is nothing to compare with.
    fn limits(&self, bounds: &Bounds, stable: &Result<Value, String>) -> Result<Vec<Limit>, String> {
        let Bounds { max, min, max_increase, max_ratio, ratio_floor, sequential: _ } = bounds;
        let mut limits = Vec::new();
        let mut add = |written: &str, number: f64, compares: bool, at_most: bool, limit: f64| {
            let written = format!("{written} {}", Unit::Own.show(number));
            limits.push(Limit { written, compares, at_most, number: limit });
        };
        if let Some(max) = *max {
            add("max", max, false, true, max);
        }
        if let Some(min) = *min {
            add("min", min, false, false, min);
        }
        if let Ok(stable) = stable {
            let stable = stable.value;
            if let Some(increase) = *max_increase {
                let limit = if self.lower_is_worse { stable - increase } else { stable + increase };
                add("maxIncrease", increase, true, !self.lower_is_worse, limit);
            }
            if let Some(ratio) = *max_ratio {
                let limit =
                    if self.lower_is_worse { stable / ratio } else { stable.max(ratio_floor.unwrap_or(0.0)) * ratio };
                add("maxRatio", ratio, true, !self.lower_is_worse, limit);
            }
        }
        match limits.iter().find(|limit| !limit.number.is_finite()) {
            Some(limit) => Err(format!("{} gives {}, which is no number", limit.written, limit.number)),
            None => Ok(limits),
        }
    }

    fn finding(&self, verdict: Verdict, limit: &Limit, canary: Value, stable: &Result<Value, String>) -> Finding {
        let value = match verdict {
            Verdict::Fail => self.unit.show_beside(canary.value, limit.number),
            Verdict::Pass | Verdict::NoData => self.unit.show(canary.value),
        };
        let of = canary.samples.map(|samples| format!(" of {} requests", count(samples))).unwrap_or_default();
        let allowed = self.unit.show(limit.number);
        let allowed = if limit.at_most { format!("allowed {allowed}") } else { format!("at least {allowed} wanted") };
        let written = if limit.compares { format!(" ({})", limit.written) } else { String::new() };
        let beside = stable.as_ref().map(|stable| self.beside(*stable)).unwrap_or_default();
        let sentence = format!("{} {value}{of}, {allowed}{written}{beside}", self.label);
        Finding { verdict, bound: Some(limit.written.clone()), sentence }
    }

    fn beside(&self, stable: Value) -> String {
        let of = stable.samples.map(|samples| format!(" of {}", count(samples))).unwrap_or_default();
        let when = if self.before_promotion { " before the promotion" } else { "" };
        format!(", stable side {}{of}{when}", self.unit.show(stable.value))
    }
}

impl Bounds {
    /// Whether the stable side is needed.
    pub(super) fn compares(&self) -> bool {
        self.max_increase.is_some() || self.max_ratio.is_some()
    }
}

/// Nothing can be said about what `label` measures, and why: a phrase without a full stop.
pub(super) fn no_data(label: &str, why: &str) -> Finding {
    Finding { verdict: Verdict::NoData, bound: None, sentence: format!("{label}: no data: {why}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const ERRORS: Told<'_> = Told { label: "5xx", unit: Unit::Percent, lower_is_worse: false, before_promotion: false };
    const HITS: Told<'_> =
        Told { label: "cache hits", unit: Unit::Percent, lower_is_worse: true, before_promotion: false };

    fn value(value: f64, samples: u64) -> Value {
        Value { value, samples: Some(samples) }
    }

    fn max(max: f64) -> Bounds {
        Bounds { max: Some(max), ..Bounds::default() }
    }

    fn increase(max_increase: f64) -> Bounds {
        Bounds { max_increase: Some(max_increase), ..Bounds::default() }
    }

    fn ratio(max_ratio: f64, ratio_floor: Option<f64>) -> Bounds {
        Bounds { max_ratio: Some(max_ratio), ratio_floor, ..Bounds::default() }
    }

    #[rstest]
    #[case(max(1.0), 4.2, Verdict::Fail, "5xx 4.2 % of 312 requests, allowed 1.0 %, stable side 0.1 % of 5,921")]
    #[case(max(1.0), 1.0, Verdict::Pass, "5xx 1.0 % of 312 requests, allowed 1.0 %, stable side 0.1 % of 5,921")]
    #[case(max(1.0), 1.004, Verdict::Fail, "5xx 1.004 % of 312 requests, allowed 1.0 %, stable side 0.1 % of 5,921")]
    #[case(
        increase(1.0),
        1.2,
        Verdict::Fail,
        "5xx 1.2 % of 312 requests, allowed 1.1 % (maxIncrease 1.0), stable side 0.1 % of 5,921"
    )]
    #[case(
        increase(1.0),
        1.1,
        Verdict::Pass,
        "5xx 1.1 % of 312 requests, allowed 1.1 % (maxIncrease 1.0), stable side 0.1 % of 5,921"
    )]
    #[case(
        ratio(3.0, None),
        0.31,
        Verdict::Fail,
        "5xx 0.31 % of 312 requests, allowed 0.3 % (maxRatio 3.0), stable side 0.1 % of 5,921"
    )]
    #[case(
        ratio(3.0, Some(0.5)),
        1.5,
        Verdict::Pass,
        "5xx 1.5 % of 312 requests, allowed 1.5 % (maxRatio 3.0), stable side 0.1 % of 5,921"
    )]
    #[case(
        ratio(3.0, Some(0.5)),
        1.6,
        Verdict::Fail,
        "5xx 1.6 % of 312 requests, allowed 1.5 % (maxRatio 3.0), stable side 0.1 % of 5,921"
    )]
    #[case(
        Bounds { min: Some(0.5), ..Bounds::default() },
        0.2,
        Verdict::Fail,
        "5xx 0.2 % of 312 requests, at least 0.5 % wanted, stable side 0.1 % of 5,921"
    )]
    fn every_bound_has_its_sentence(
        #[case] bounds: Bounds,
        #[case] canary: f64,
        #[case] verdict: Verdict,
        #[case] sentence: &str,
    ) {
        let finding = ERRORS.judge(&bounds, value(canary, 312), &Ok(value(0.1, 5921)));
        assert_eq!((finding.verdict, finding.sentence.as_str()), (verdict, sentence));
    }

    #[test]
    fn fewer_cache_hits_are_worse() {
        let judge = |bounds, hits| HITS.judge(&bounds, value(hits, 100), &Ok(value(80.0, 900))).verdict;
        assert_eq!([judge(increase(10.0), 70.0), judge(increase(10.0), 69.9)], [Verdict::Pass, Verdict::Fail]);
        assert_eq!([judge(ratio(2.0, None), 40.0), judge(ratio(2.0, None), 39.9)], [Verdict::Pass, Verdict::Fail]);
        assert_eq!(judge(increase(10.0), 99.0), Verdict::Pass);
    }

    #[test]
    fn a_broken_absolute_bound_fails_although_there_is_nothing_to_compare_with() {
        let both = Bounds { max_increase: Some(1.0), ..max(1.0) };
        let nothing = Err("the stable side answered no requests".to_owned());
        assert_eq!(ERRORS.judge(&both, value(2.0, 100), &nothing).verdict, Verdict::Fail);
        let kept = ERRORS.judge(&both, value(0.5, 100), &nothing);
        assert_eq!(kept.sentence, "5xx: no data: the stable side answered no requests");
        assert_eq!(kept.verdict, Verdict::NoData);
    }

    proptest! {
        #[test]
        fn no_pass_comes_from_what_is_no_number(
            canary in any::<f64>(), stable in any::<f64>(), bounds in (any::<Option<f64>>(), any::<Option<f64>>(),
            any::<Option<f64>>(), any::<Option<f64>>(), any::<Option<f64>>()), known in any::<bool>()
        ) {
            let (max, min, max_increase, max_ratio, ratio_floor) = bounds;
            let bounds = Bounds { max, min, max_increase, max_ratio, ratio_floor, sequential: None };
            let other = if known { Ok(value(stable, 10)) } else { Err("nothing".to_owned()) };
            for told in [ERRORS, HITS] {
                let finding = told.judge(&bounds, value(canary, 10), &other);
                if finding.verdict == Verdict::Pass {
                    prop_assert!(canary.is_finite());
                    prop_assert!(max.is_none_or(|max| canary <= max) && min.is_none_or(|min| canary >= min));
                    prop_assert!(!bounds.compares() || (known && stable.is_finite()), "{:?}", finding);
                }
            }
        }
    }
}
