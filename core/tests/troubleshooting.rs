//! Every reason of a condition has an entry in the troubleshooting guide, and every entry is a reason.

use std::collections::BTreeSet;

use stagecraft_core::api::condition::Reason;

#[test]
fn the_guide_has_an_entry_per_reason() {
    let guide = include_str!("../../docs/troubleshooting.md");
    let entries: Vec<_> = guide.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let reasons: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(entries, reasons, "one entry per reason, in the order of the code");
    assert_eq!(entries.iter().collect::<BTreeSet<_>>().len(), entries.len());
    for entry in guide.split("\n### ").skip(1) {
        let (reason, text) = entry.split_once('\n').unwrap_or((entry, ""));
        let text = text.split("\n## ").next().unwrap_or_default();
        assert!(text.split_whitespace().count() >= 10, "{reason}: what it means and what to do is more than {text:?}");
    }
}
