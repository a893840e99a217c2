//! Numbers as people read them.

/// What a value is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Percent of requests.
    Percent,
    /// Milliseconds.
    Milliseconds,
    /// Whatever the source says.
    Own,
}

impl Unit {
    /// A value with its unit: `4.2 %`, `412 ms`, `0.8`.
    pub(super) fn show(self, value: f64) -> String {
        self.with(value, self.decimals(value))
    }

    /// A value, told apart from a limit that it does not keep: `1.04 %` where `1.0 %` is allowed.
    pub(super) fn show_beside(self, value: f64, limit: f64) -> String {
        let least = self.decimals(value);
        let shown = |decimals| self.with(value, decimals);
        let apart = (least..=6).find(|decimals| shown(*decimals) != self.with(limit, *decimals));
        // Equal to the last digit: then they are the same for people, too.
        shown(apart.unwrap_or(least))
    }

    fn with(self, value: f64, decimals: usize) -> String {
        let digits = grouped(&format!("{value:.decimals$}"));
        match self {
            Self::Percent => format!("{digits} %"),
            Self::Milliseconds => format!("{digits} ms"),
            Self::Own => digits,
        }
    }

    /// Two digits that say something, and no more than that.
    fn decimals(self, value: f64) -> usize {
        let size = value.abs();
        match self {
            Self::Milliseconds if size >= 100.0 => 0,
            Self::Own if size >= 1000.0 => 0,
            Self::Percent | Self::Milliseconds | Self::Own if !(1e-6..1.0).contains(&size) => 1,
            Self::Percent | Self::Milliseconds | Self::Own => {
                (1..=6).find(|decimals| rounds_to_two_digits(size, *decimals)).unwrap_or(6)
            }
        }
    }
}

/// Whether so many decimals show the first two digits that are not zero, or all there are.
fn rounds_to_two_digits(size: f64, decimals: usize) -> bool {
    let shown: f64 = format!("{size:.decimals$}").parse().unwrap_or(0.0);
    (shown - size).abs() <= size * 0.05
}

/// A count: `5,921`.
pub(super) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// How seldom chance alone brings such evidence: `1 in 4,000`; `None` where it is no evidence at all.
pub(super) fn odds(log_evidence: f64) -> Option<String> {
    const BILLION: f64 = 1e9;
    let one_in = log_evidence.exp();
    if one_in < 2.0 {
        return None;
    }
    if one_in >= BILLION {
        return Some("less than 1 in 1,000,000,000".to_owned());
    }
    // Two digits: it is an estimate of luck.
    let unit = 10_f64.powf((one_in.log10().floor() - 1.0).max(0.0));
    Some(format!("1 in {}", grouped(&format!("{:.0}", (one_in / unit).floor() * unit))))
}

/// Thousands apart, before the point.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Unit::Percent, 4.23, "4.2 %")]
    #[case(Unit::Percent, 0.1, "0.1 %")]
    #[case(Unit::Percent, 0.14, "0.14 %")]
    #[case(Unit::Percent, 0.0214, "0.021 %")]
    #[case(Unit::Percent, 0.0, "0.0 %")]
    #[case(Unit::Percent, 100.0, "100.0 %")]
    #[case(Unit::Milliseconds, 412.3, "412 ms")]
    #[case(Unit::Milliseconds, 12.34, "12.3 ms")]
    #[case(Unit::Milliseconds, 12345.0, "12,345 ms")]
    #[case(Unit::Own, -1234.5, "-1,234")]
    #[case(Unit::Own, 0.8, "0.8")]
    fn values_have_the_digits_that_matter(#[case] unit: Unit, #[case] value: f64, #[case] expected: &str) {
        assert_eq!(unit.show(value), expected);
    }

    #[test]
    fn a_value_beyond_its_limit_never_looks_like_it() {
        assert_eq!(Unit::Percent.show_beside(1.004, 1.0), "1.004 %");
        assert_eq!(Unit::Percent.show_beside(4.2, 1.0), "4.2 %");
        assert_eq!(Unit::Percent.show_beside(1.0, 1.0), "1.0 %");
    }

    #[rstest]
    #[case(0.0, None)]
    #[case(3.0_f64.ln() + 1e-9, Some("1 in 3"))]
    #[case(4_123.0_f64.ln(), Some("1 in 4,100"))]
    #[case(1e12_f64.ln(), Some("less than 1 in 1,000,000,000"))]
    fn evidence_is_told_as_odds(#[case] log: f64, #[case] expected: Option<&str>) {
        assert_eq!(odds(log).as_deref(), expected);
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 12, 999, 1_000, 5_921, 1_234_567].map(count), ["0", "12", "999", "1,000", "5,921", "1,234,567"]);
    }

    proptest! {
        #[test]
        fn no_number_panics(value in any::<f64>(), limit in any::<f64>()) {
            for unit in [Unit::Percent, Unit::Milliseconds, Unit::Own] {
                prop_assert!(!unit.show(value).is_empty() && !unit.show_beside(value, limit).is_empty());
            }
            odds(value);
        }
    }
}
