//! How the releases of a row ended, and the table of it.

use crate::play::End;
use crate::rows::Row;

/// How one rule ended the releases of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    aborted: u32,
    /// Bad responses served until the abort, or in the whole hour; in rising order once sorted.
    bad: Vec<u32>,
}

/// A row, played.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) releases: u64,
    pub(crate) sequential: Outcomes,
    pub(crate) threshold: Outcomes,
    pub(crate) ratio: Outcomes,
    pub(crate) wald: Outcomes,
    /// Releases that whole checks ended otherwise than the bare test.
    pub(crate) differing_checks: u32,
}

impl Outcomes {
    pub(crate) fn add(&mut self, end: End) {
        let End { aborted, minute: _, bad } = end;
        self.aborted = self.aborted.saturating_add(u32::from(aborted));
        self.bad.push(bad);
    }

    pub(crate) fn sort(&mut self) {
        self.bad.sort_unstable();
    }

    /// 0.0 to 1.0
    pub(crate) fn aborted_share(&self) -> f64 {
        f64::from(self.aborted) / f64::from(u32::try_from(self.bad.len()).unwrap_or(u32::MAX))
    }

    /// Bad responses served in the median release.
    pub(crate) fn median(&self) -> u32 {
        self.quantile(50)
    }

    /// Bad responses that 95 of 100 releases did not exceed.
    pub(crate) fn p95(&self) -> u32 {
        self.quantile(95)
    }

    fn quantile(&self, percent: usize) -> u32 {
        let rank = self.bad.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
        self.bad.get(rank).copied().unwrap_or(0)
    }
}

pub(crate) fn heading() -> String {
    let rule = |name: &str| format!("| {name:<22}");
    let columns = "|  false missed  50%  95%";
    format!(
        "{:>8} {:>8} {:>8} {}{}{}{}| {:>6} {:>6}\n{:>8} {:>8} {:>8} {}|\n",
        "canary",
        "stable",
        "canary",
        rule("sequential"),
        rule("threshold 1 %"),
        rule("twice the stable side"),
        rule("Wald, rates known"),
        "bound",
        "limit",
        "req/min",
        "",
        "",
        columns.repeat(4),
    )
}

/// One line of the table. Of a good row the first number of a rule is its false alarms, of a bad one the second is what it
/// missed; then the bad responses served, in the median release and in the 95th of a hundred.
pub(crate) fn line(row: &Row, measured: &Measured) -> String {
    let rates = format!("{:>8} {:>7.1}% {:>7.1}% ", row.traffic, row.stable * 100.0, row.canary * 100.0);
    let cell = |outcomes: &Outcomes| {
        let share = outcomes.aborted_share() * 100.0;
        let (wrong, missed) = if row.is_good() {
            (format!("{share:.2}%"), String::new())
        } else {
            (String::new(), format!("{:.1}%", 100.0 - share))
        };
        format!("|{wrong:>7}{missed:>7}{:>5}{:>5}", outcomes.median(), outcomes.p95())
    };
    let Measured { sequential, threshold, ratio, wald, .. } = measured;
    let promise =
        if row.must_be_seen() { format!("| {:>6.1} {:>6.1}", row.bound(), row.limit()) } else { "|".to_owned() };
    format!("{rates}{}{}{}{}{promise}", cell(sequential), cell(threshold), cell(ratio), cell(wald))
}
