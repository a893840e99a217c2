//! Statistics: what `Stat` names and how it is made from a period's data.

use super::metric::Datum;

/// A statistic of one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    Sum,
    Average,
    SampleCount,
    Minimum,
    Maximum,
    /// 0.0 to 100.0
    Percentile(f64),
    /// The share of values above the first bound and up to the second, in percent.
    PercentileRank(Option<f64>, Option<f64>),
}

impl Statistic {
    /// What `Stat` means; `None` for what is not simulated (trimmed means and such) or is nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "Sum" => return Some(Self::Sum),
            "Average" => return Some(Self::Average),
            "SampleCount" => return Some(Self::SampleCount),
            "Minimum" => return Some(Self::Minimum),
            "Maximum" => return Some(Self::Maximum),
            _ => {}
        }
        if let Some(bounds) = text.strip_prefix("PR(").and_then(|rest| rest.strip_suffix(')')) {
            let (low, high) = bounds.split_once(':')?;
            let bound = |text: &str| if text.is_empty() { Some(None) } else { number(text).map(Some) };
            let (low, high) = (bound(low)?, bound(high)?);
            let ordered = match (low, high) {
                (None, None) => false,
                (Some(low), Some(high)) => low < high,
                (None, Some(_)) | (Some(_), None) => true,
            };
            return ordered.then_some(Self::PercentileRank(low, high));
        }
        let percent = text.strip_prefix('p').and_then(number)?;
        (0.0..=100.0).contains(&percent).then_some(Self::Percentile(percent))
    }

    /// The value for a period; `None` where its data do not tell.
    pub(super) fn of(self, datum: &Datum) -> Option<f64> {
        match self {
            Self::Sum => Some(datum.sum),
            Self::Average => Some(datum.sum / datum.count),
            Self::SampleCount => Some(datum.count),
            Self::Minimum => Some(datum.minimum),
            Self::Maximum => Some(datum.maximum),
            Self::Percentile(percent) => percentile(datum, percent),
            Self::PercentileRank(low, high) => {
                let values = raw(datum)?;
                let inside = |value: f64| low.is_none_or(|low| value > low) && high.is_none_or(|high| value <= high);
                let hit: f64 = values.iter().filter(|(value, _)| inside(*value)).map(|(_, times)| times).sum();
                Some(hit / datum.count * 100.0)
            }
        }
        .filter(|value| value.is_finite())
    }
}

/// Digits with at most one point: no sign, no exponent.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

/// Percentiles need single values, and none below zero; source: CloudWatch, "Percentiles".
fn raw(datum: &Datum) -> Option<&[(f64, f64)]> {
    datum.values.as_deref().filter(|_| datum.minimum >= 0.0)
}

/// The smallest value that so many percent of all values do not exceed (nearest rank).
fn percentile(datum: &Datum, percent: f64) -> Option<f64> {
    let mut values = raw(datum)?.to_vec();
    values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    // A rounding error must not push the rank to the next value.
    let rank = datum.count * percent / 100.0 - datum.count * 1e-12;
    let mut so_far = 0.0;
    for (value, times) in &values {
        so_far += times;
        if so_far >= rank {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// 1.0, 2.0, … 100.0
    fn hundred() -> Datum {
        Datum::of((1..=100).map(|value| (f64::from(value), 1.0)).collect()).unwrap()
    }

    #[rstest]
    #[case("Sum", 5050.0)]
    #[case("Average", 50.5)]
    #[case("SampleCount", 100.0)]
    #[case("Minimum", 1.0)]
    #[case("Maximum", 100.0)]
    #[case("p0", 1.0)]
    #[case("p50", 50.0)]
    #[case("p90", 90.0)]
    #[case("p99", 99.0)]
    #[case("p99.5", 100.0)]
    #[case("p100", 100.0)]
    #[case("PR(:25)", 25.0)]
    #[case("PR(25:75)", 50.0)]
    #[case("PR(90:)", 10.0)]
    #[case("PR(0.5:1.5)", 1.0)]
    fn statistics_of_the_numbers_from_1_to_100(#[case] stat: &str, #[case] expected: f64) {
        let value = Statistic::parse(stat).unwrap().of(&hundred()).unwrap();
        assert!((value - expected).abs() < 1e-9, "{stat} is {value}");
    }

    #[rstest]
    #[case("sum")]
    #[case("p")]
    #[case("p101")]
    #[case("p-1")]
    #[case("p1e1")]
    #[case("pNaN")]
    #[case("PR(:)")]
    #[case("PR(5:1)")]
    #[case("PR(5)")]
    #[case("tm90")]
    #[case("")]
    fn what_is_no_statistic_is_refused(#[case] stat: &str) {
        assert_eq!(Statistic::parse(stat), None);
    }

    #[test]
    fn weights_count_and_sums_alone_have_no_percentile() {
        let mut datum = Datum::of(vec![(10.0, 98.0), (500.0, 2.0)]).unwrap();
        assert_eq!(Statistic::Percentile(98.0).of(&datum), Some(10.0));
        assert_eq!(Statistic::Percentile(98.1).of(&datum), Some(500.0));
        datum.add(&Datum { count: 2.0, sum: 4.0, minimum: 1.0, maximum: 3.0, values: None });
        assert_eq!((Statistic::Percentile(50.0).of(&datum), Statistic::Minimum.of(&datum)), (None, Some(1.0)));
    }

    #[test]
    fn negative_values_have_no_percentile() {
        let datum = Datum::of(vec![(-1.0, 1.0), (1.0, 1.0)]).unwrap();
        assert_eq!((Statistic::Percentile(50.0).of(&datum), Statistic::Average.of(&datum)), (None, Some(0.0)));
    }
}
