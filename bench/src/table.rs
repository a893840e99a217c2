//! The limits, and the table that tells how they were kept.

use std::fmt;
use std::io::{self, Write as _};

/// What a figure must keep to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Under(f64),
    /// It is only told.
    Told,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unit {
    name: &'static str,
    decimals: usize,
}

pub(crate) const SECONDS: Unit = Unit { name: "s", decimals: 2 };
pub(crate) const MIB: Unit = Unit { name: "MiB", decimals: 1 };
pub(crate) const PERCENT: Unit = Unit { name: "%", decimals: 2 };
pub(crate) const CALLS: Unit = Unit { name: "calls", decimals: 0 };
pub(crate) const TOKENS: Unit = Unit { name: "calls", decimals: 1 };

/// One figure with its limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    what: String,
    bound: Bound,
    measured: f64,
    unit: Unit,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, bound: Bound, measured: f64, unit: Unit) -> Self {
        Self { what: what.into(), bound, measured, unit }
    }

    /// Whether the limit is kept. What is no number keeps none.
    pub(crate) fn is_kept(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.measured <= most,
            Bound::Under(most) => self.measured < most,
            Bound::Told => true,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.bound, self.is_kept()) {
            (Bound::Told, _) => "-",
            (_, true) => "ok",
            (_, false) => "FAILED",
        }
    }

    fn limit(&self) -> String {
        match self.bound {
            Bound::AtMost(most) => format!("at most {}", self.unit.amount(most)),
            Bound::Under(most) => format!("under {}", self.unit.amount(most)),
            Bound::Told => "-".to_owned(),
        }
    }
}

impl Unit {
    fn amount(self, number: f64) -> String {
        format!("{number:.*} {}", self.decimals, self.name)
    }
}

/// Tells how far it is, with the time of day left out: lines come as things happen.
pub(crate) fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints the rows below each other, each with its verdict.
pub(crate) fn print(rows: &[Row]) -> io::Result<()> {
    say(&format!("\n{}", Table(rows)))
}

struct Table<'a>(&'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|row| row.what.chars().count()).max().unwrap_or_default();
        let mut line = |what: &str, limit: &str, measured: &str, verdict: &str| {
            writeln!(f, "{what:<width$}  {limit:<20}{measured:>14}  {verdict}")
        };
        line("what", "limit", "measured", "verdict")?;
        for row in self.0 {
            line(&row.what, &row.limit(), &row.unit.amount(row.measured), row.verdict())?;
        }
        let broken = self.0.iter().filter(|row| !row.is_kept()).count();
        let limits = self.0.iter().filter(|row| row.bound != Bound::Told).count();
        write!(f, "\n{limits} limits, {broken} broken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bound: Bound, measured: f64) -> bool {
        Row::new("x", bound, measured, SECONDS).is_kept()
    }

    #[test]
    fn a_limit_is_kept_up_to_its_edge() {
        let cases = [
            ("at most takes the edge", Bound::AtMost(30.0), 30.0, true),
            ("but no more", Bound::AtMost(30.0), 30.001, false),
            ("under does not take it", Bound::Under(1.0), 1.0, false),
            ("what is below is under", Bound::Under(1.0), 0.999, true),
            ("what is no number keeps no limit", Bound::AtMost(1.0), f64::NAN, false),
            ("what is only told breaks none", Bound::Told, f64::NAN, true),
        ];
        for (reason, bound, measured, expected) in cases {
            assert_eq!(kept(bound, measured), expected, "{reason}");
        }
    }

    #[test]
    fn the_table_names_what_is_broken() {
        let rows = [
            Row::new("memory", Bound::AtMost(60.0), 61.25, MIB),
            Row::new("time", Bound::Under(30.0), 7.0, SECONDS),
            Row::new("peak", Bound::Told, 70.0, MIB),
        ];
        let expected = "\
what    limit                     measured  verdict
memory  at most 60.0 MiB          61.2 MiB  FAILED
time    under 30.00 s               7.00 s  ok
peak    -                         70.0 MiB  -

2 limits, 1 broken";
        assert_eq!(Table(&rows).to_string(), expected);
    }
}
