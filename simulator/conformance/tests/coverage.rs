//! The checklist of facts and the rows agree, and every switch of the simulator is moved by some row.

use std::collections::BTreeSet;

use apigateway_conformance::coverage::Coverage;
use apigateway_conformance::facts::{Evidence, Facts};
use apigateway_simulator::Switches;

/// Of the data plane: rows are about replies of the control plane.
const RUN_TIME_SWITCHES: [&str; 3] = ["canaryDimension", "metricDelay", "metricGaps"];

#[test]
fn every_fact_has_rows_or_a_reason_and_every_row_is_a_fact() {
    let gaps = Coverage::load().unwrap().gaps(&Facts::load().unwrap());
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

#[test]
fn every_switch_is_moved_by_a_row() {
    let facts = Facts::load().unwrap();
    let mut moved = BTreeSet::new();
    for row in &facts.rows {
        moved.extend(row.switches.keys().cloned());
        moved.extend(row.positions.iter().flat_map(|position| position.switches.keys().cloned()));
        let by_hand = row.steps.iter().filter(|step| step.call.as_deref() == Some("PUT /_simulator/switches"));
        moved.extend(by_hand.filter_map(|step| step.body.as_ref()?.as_object()).flat_map(|body| body.keys().cloned()));
    }
    let known = serde_json::to_value(Switches::default()).unwrap();
    let known: BTreeSet<String> = known.as_object().unwrap().keys().cloned().collect();
    let still: Vec<&String> =
        known.difference(&moved).filter(|name| !RUN_TIME_SWITCHES.contains(&name.as_str())).collect();
    assert!(still.is_empty(), "no row moves {still:?}");
    assert!(moved.is_subset(&known), "{moved:?}");
}

#[test]
fn an_open_question_is_never_called_recorded() {
    for row in Facts::load().unwrap().rows {
        assert!(row.unknown.is_none() || row.evidence == Evidence::U, "{}", row.id);
        assert_eq!(row.unknown.is_some(), row.id.starts_with("10-"), "{}", row.id);
    }
}
