//! docs/metrics.md, made from what the registry encodes, so that it cannot tell of a metric that is not there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Where it is kept.
pub(super) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");

const HEAD: &str = "\
# Metrics

`stagecraft run` serves them at `/metrics` of `--listen`, as OpenMetrics text. Each label takes its values from a closed list: what
users write or AWS answers cannot make a series. This page is generated from the registry: `make metrics`.

| name | type | labels | meaning |
| --- | --- | --- | --- |
";

/// The page for this OpenMetrics text, which has at least one series of each family.
pub(super) fn of(text: &str) -> String {
    let mut page = HEAD.to_owned();
    let mut families: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    families.sort_unstable();
    for (family, kind) in families {
        let help = text.lines().find_map(|line| line.strip_prefix("# HELP ")?.strip_prefix(family)?.strip_prefix(' '));
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels: BTreeSet<&str> = text.lines().filter(|line| is_of(line, family)).flat_map(labels).collect();
        let labels = if labels.is_empty() {
            "none".to_owned()
        } else {
            labels.into_iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
        };
        writeln!(page, "| `{family}{suffix}` | {kind} | {labels} | {} |", help.unwrap_or_default()).unwrap();
    }
    page
}

/// Whether a line is a series of this family.
fn is_of(line: &str, family: &str) -> bool {
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    let suffix = name.strip_prefix(family);
    suffix.is_some_and(|suffix| ["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&suffix))
}

/// Names of the labels of a series, without a histogram's own.
fn labels(line: &str) -> Vec<&str> {
    let inside = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let pairs = inside.map(|(pairs, _)| pairs).unwrap_or_default().split(',');
    pairs.filter_map(|pair| pair.split_once('=')).map(|(label, _)| label).filter(|label| *label != "le").collect()
}
