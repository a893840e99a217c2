//! What the last check found, metric by metric.

use stagecraft_core::api::check::Verdict;

use super::paint::{Paint, Tone};
use super::table::{Cell, beside, cell, columns, toned, wrapped};
use super::view::{CheckView, MetricView};

/// One line a metric, and below it the whole sentence where it did not pass.
#[must_use]
pub fn lines(check: &CheckView, indent: usize, paint: Paint) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = check.metrics.iter().map(row).collect();
    let width = beside(indent);
    let mut lines = Vec::new();
    for (metric, line) in check.metrics.iter().zip(columns(&rows, width, paint)) {
        lines.push(line);
        if metric.check.verdict == Verdict::Fail {
            let sentence = wrapped(&metric.check.sentence, width.saturating_sub(2));
            lines.extend(sentence.into_iter().map(|line| format!("  {line}")));
        }
    }
    lines
}

fn row(metric: &MetricView) -> Vec<Cell> {
    let MetricView { check, unit } = metric;
    let shown = |value: f64| unit.map_or_else(|| number(value), |unit| format!("{} {unit}", number(value)));
    let (verdict, tone) = match check.verdict {
        Verdict::Pass => ("pass", Tone::Good),
        Verdict::Fail => ("FAIL", Tone::Bad),
        Verdict::NoData => ("no data", Tone::Busy),
    };
    // Why there are none is all that there is to tell then.
    let beside = match (check.verdict, check.samples) {
        (Verdict::NoData, _) => after(&check.sentence, "no data: ").unwrap_or(&check.sentence).to_owned(),
        (Verdict::Pass | Verdict::Fail, Some(samples)) => format!("{} requests", thousands(samples)),
        (Verdict::Pass | Verdict::Fail, None) => String::new(),
    };
    let beside = match (check.dry_run, beside.is_empty()) {
        (true, true) => "dry run".to_owned(),
        (true, false) => format!("dry run: {beside}"),
        (false, _) => beside,
    };
    vec![
        toned(Tone::Strong, check.name.clone()),
        cell(check.value.map(shown).unwrap_or_default()),
        cell(check.baseline.map(|stable| format!("stable {}", shown(stable))).unwrap_or_default()),
        cell(bound(metric)),
        toned(tone, verdict),
        cell(beside),
    ]
}

/// The bound as the spec writes it; of a sequential test what it found, which is at the end of its sentence.
fn bound(metric: &MetricView) -> String {
    let bound = metric.check.bound.clone().unwrap_or_default();
    if bound.starts_with("sequential")
        && let Some((_, found)) = metric.check.sentence.rsplit_once(": ")
    {
        return found.to_owned();
    }
    bound
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, after)| after)
}

/// Three digits that count: `412`, `41.2`, `4.12`, `0.14`.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `5,921`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_with_the_digits_that_count() {
        let cases = [
            (412.4, "412"),
            (41.25, "41.2"),
            (4.126, "4.13"),
            (0.14, "0.14"),
            (0.0, "0"),
            (1.2, "1.2"),
            (12_345.6, "12346"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        for (value, text) in [(0, "0"), (999, "999"), (5_921, "5,921"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(value), text);
        }
    }
}
