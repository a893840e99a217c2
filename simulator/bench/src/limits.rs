//! The limits, and the table that tells how they were kept.

use std::fmt;

/// What one run measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// From the start of the process to its first answer.
    pub(crate) startup_seconds: f64,
    /// `GetStage` answers while the server had one core to itself.
    pub(crate) answers_per_second: f64,
    /// `VmHWM`: the most physical memory that the process ever held.
    pub(crate) peak_memory_mib: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { startup_seconds, answers_per_second, peak_memory_mib } = self;
        write!(
            f,
            "first answer after {startup_seconds:.3} s, {answers_per_second:.0} GetStage a second, \
             {peak_memory_mib:.1} MiB"
        )
    }
}

/// One number that the median of all runs must keep to.
#[derive(Debug)]
pub(crate) struct Limit {
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    decimals: usize,
    of: fn(&Measured) -> f64,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    Under(f64),
}

/// What the simulator promises.
pub(crate) static LIMITS: [Limit; 3] = [
    Limit {
        what: "First answer after the start",
        bound: Bound::Under(1.0),
        unit: "s",
        decimals: 3,
        of: |run| run.startup_seconds,
    },
    Limit {
        what: "GetStage answers a second, server on one core",
        bound: Bound::AtLeast(3_000.0),
        unit: "",
        decimals: 0,
        of: |run| run.answers_per_second,
    },
    Limit {
        what: "Peak memory with 10,000 stages",
        bound: Bound::Under(100.0),
        unit: "MiB",
        decimals: 1,
        of: |run| run.peak_memory_mib,
    },
];

/// A limit with what came of it.
#[derive(Debug)]
pub(crate) struct Row {
    what: &'static str,
    limit: String,
    measured: String,
    pub(crate) kept: bool,
}

impl Limit {
    /// Compares the median of the runs with the limit. No run at all keeps no limit.
    pub(crate) fn judge(&self, runs: &[Measured]) -> Row {
        let median = median(runs.iter().map(self.of).collect());
        let kept = median.is_some_and(|median| match self.bound {
            Bound::AtLeast(least) => median >= least,
            Bound::Under(most) => median < most,
        });
        let limit = match self.bound {
            Bound::AtLeast(least) => format!("at least {}", self.amount(least, 0)),
            Bound::Under(most) => format!("under {}", self.amount(most, 0)),
        };
        let measured = median.map_or_else(|| "nothing".to_owned(), |median| self.amount(median, self.decimals));
        Row { what: self.what, limit, measured, kept }
    }

    fn amount(&self, number: f64, decimals: usize) -> String {
        format!("{number:.decimals$} {}", self.unit).trim_end().to_owned()
    }
}

/// The middle one of an odd number of values, the upper of the two middle ones of an even number.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The rows below each other, each with its verdict.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut lines = vec![line("what", "limit", "measured", "verdict")];
    lines.extend(
        rows.iter().map(|row| line(row.what, &row.limit, &row.measured, if row.kept { "ok" } else { "FAILED" })),
    );
    lines.concat()
}

fn line(what: &str, limit: &str, measured: &str, verdict: &str) -> String {
    format!("{what:<47}{limit:<16}{measured:>12}  {verdict}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Measured = Measured { startup_seconds: 0.999, answers_per_second: 3_000.0, peak_memory_mib: 99.9 };

    fn kept(runs: &[Measured]) -> [bool; 3] {
        LIMITS.each_ref().map(|limit| limit.judge(runs).kept)
    }

    #[test]
    fn each_limit_fails_by_itself_and_one_bad_run_of_three_does_not_decide() {
        let cases = [
            ("all within", GOOD, [true, true, true]),
            ("a second is too long", Measured { startup_seconds: 1.0, ..GOOD }, [false, true, true]),
            ("one answer too few", Measured { answers_per_second: 2_999.0, ..GOOD }, [true, false, true]),
            ("the whole 100 MiB", Measured { peak_memory_mib: 100.0, ..GOOD }, [true, true, false]),
        ];
        for (reason, bad, expected) in cases {
            assert_eq!(kept(&[bad, GOOD, bad]), expected, "{reason}");
            assert_eq!(kept(&[GOOD, bad, GOOD]), [true, true, true], "{reason}, once");
        }
        assert_eq!(kept(&[]), [false, false, false], "nothing measured is nothing kept");
    }

    #[test]
    fn the_table_says_what_failed() {
        let slow = Measured { answers_per_second: 2_999.4, ..GOOD };
        let rows: Vec<Row> = LIMITS.iter().map(|limit| limit.judge(&[slow])).collect();
        assert_eq!(
            table(&rows),
            "what                                           limit               measured  verdict\n\
             First answer after the start                   under 1 s            0.999 s  ok\n\
             GetStage answers a second, server on one core  at least 3000           2999  FAILED\n\
             Peak memory with 10,000 stages                 under 100 MiB       99.9 MiB  ok\n"
        );
    }
}
