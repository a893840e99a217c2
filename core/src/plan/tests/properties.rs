//! P1 over any order of events: the stage comes to rest as declared, or the object says why not.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Deed {
    Revision(u8),
    Variable(u8, u8),
    DropVariables,
    Description(Option<u8>),
    HandDescription(u8),
    HandVariable(u8, u8),
    HandMoves,
    Resnapshot(u8),
    StageDeleted,
    StatusLost,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..3_u8).prop_map(Deed::Revision),
        (0..3_u8, 0..3_u8).prop_map(|(key, value)| Deed::Variable(key, value)),
        Just(Deed::DropVariables),
        proptest::option::of(0..2_u8).prop_map(Deed::Description),
        (0..2_u8).prop_map(Deed::HandDescription),
        (0..3_u8, 0..3_u8).prop_map(|(key, value)| Deed::HandVariable(key, value)),
        Just(Deed::HandMoves),
        (0..3_u8).prop_map(Deed::Resnapshot),
        Just(Deed::StageDeleted),
        Just(Deed::StatusLost),
    ]
}

proptest! {
    /// P1: whatever happened, the stage is as declared (or the object says why not), and then nothing is written any more.
    #[test]
    fn after_any_story_comes_rest(deeds in proptest::collection::vec(deed(), 1..12)) {
        let mut bench = at_rest();
        for (number, deed) in deeds.into_iter().enumerate() {
            match deed {
                Deed::Revision(n) => { bench.revision(&format!("r{n}")); }
                Deed::Variable(key, value) => { bench.variable(&format!("k{key}"), &format!("v{value}")); }
                Deed::DropVariables => { bench.edit(|spec| spec.variables = None); }
                Deed::Description(text) => { bench.edit(|spec| spec.description = text.map(|n| format!("d{n}"))); }
                Deed::HandDescription(n) => if let Some(stage) = bench.stages.first_mut() { stage.description = Some(format!("h{n}")); },
                Deed::HandVariable(key, value) => if let Some(stage) = bench.stages.first_mut() {
                    stage.variables.insert(format!("k{key}"), format!("v{value}"));
                },
                Deed::HandMoves => {
                    let theirs = bench.deployment(None);
                    if let Some(stage) = bench.stages.first_mut() { stage.deployment_id = theirs.as_str().into(); }
                }
                Deed::Resnapshot(n) => { bench.command(&format!("resnapshot/r{n}/{number}")); }
                Deed::StageDeleted => bench.stages.clear(),
                Deed::StatusLost => bench.object.status = None,
            }
            bench.pass();
        }
        bench.pass();
        let ready = bench.ready();
        if ready.starts_with("True") {
            let stage = bench.stages[0].clone();
            for (key, value) in bench.object.spec.variables.iter().flatten() {
                prop_assert_eq!(stage.variables.get(key), Some(value));
            }
            if let Some(description) = &bench.object.spec.description {
                prop_assert_eq!(stage.description.as_ref(), Some(description));
            }
        } else {
            prop_assert!(ready.contains("StageMovedByHand") || ready.contains("RevisionGone"), "{}", ready);
        }
        bench.pass();
        prop_assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "{:?}", bench.calls);
        prop_assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0));
        let size = serde_json::to_string(bench.status()).unwrap().len();
        prop_assert!(size < 16 * 1024, "the status is {} bytes", size);
    }
}
