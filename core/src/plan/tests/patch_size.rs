//! Releases of more operations than one call takes (80: aws-facts, size of patches): how many calls they are, what serves after
//! each of them, and that a crash or a refusal between two of them leaves nothing half done.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::json;

use super::*;
use crate::observed::Stage;

/// How many variables a release leaves as they are, changes, adds and drops.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    kept: usize,
    changed: usize,
    added: usize,
    dropped: usize,
}

/// What moves the stage without a canary, in one direction or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// r2 where no `ApiCanary` is.
    Direct,
    /// Back to r1 where an `ApiCanary` lets it in at once.
    Fast,
    /// Back to r1 by command.
    Command,
    /// Back to r1 by an abort of the bake.
    Bake,
}

const WAYS: [Way; 4] = [Way::Direct, Way::Fast, Way::Command, Way::Bake];

/// Three calls: what changes takes most of one with the deployment, and there is room for both sides' names.
const LARGE: Size = Size { kept: 0, changed: 70, added: 15, dropped: 15 };

/// What changes does not fit into one call with the deployment.
const ALL_CHANGE: Size = Size { kept: 0, changed: 100, added: 0, dropped: 0 };

/// There is room for one side's names only.
const ALL_RENAMED: Size = Size { kept: 0, changed: 0, added: 100, dropped: 100 };

fn named(prefix: &str, count: usize, value: &str) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |n| (format!("{prefix}{n:03}"), value.to_owned()))
}

fn former(size: Size) -> BTreeMap<String, String> {
    let kept = named("kept", size.kept, "same");
    kept.chain(named("changed", size.changed, "blue")).chain(named("dropped", size.dropped, "old")).collect()
}

fn next(size: Size) -> BTreeMap<String, String> {
    let kept = named("kept", size.kept, "same");
    kept.chain(named("changed", size.changed, "green")).chain(named("added", size.added, "new")).collect()
}

fn declare(bench: &mut Bench, revision: &str, variables: BTreeMap<String, String>) {
    bench.edit(|spec| {
        spec.revision = Some(revision.into());
        spec.variables = Some(variables);
    });
}

/// r1 serves as dep1.
fn serving(size: Size) -> Bench {
    let mut bench = orders();
    declare(&mut bench, "r1", former(size));
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench
}

/// All that is left is the pass that moves the stage.
fn about_to_move(way: Way, size: Size) -> Bench {
    let mut bench = serving(size);
    let policy = json!({
        "stageRef": { "name": "orders-prod" }, "bake": "30m", "steps": [{ "setPercent": 50, "hold": "1m" }],
    });
    if way == Way::Bake {
        bench.govern(policy.clone()).pass();
    }
    declare(&mut bench, "r2", next(size));
    match way {
        Way::Direct => {}
        Way::Fast => {
            bench.pass();
            bench.govern(policy).pass();
            declare(&mut bench, "r1", former(size));
        }
        Way::Command => {
            bench.pass();
            bench.command("rollback/-/1");
        }
        Way::Bake => {
            bench.minutes(4);
            assert_eq!(bench.stands(), "Baking 0 no canary");
            bench.command("abort/r2.2/1");
        }
    }
    bench
}

/// The deployment and the variables that the stage goes to.
fn destination(way: Way, size: Size) -> (&'static str, BTreeMap<String, String>) {
    if way == Way::Direct { ("dep2", next(size)) } else { ("dep1", former(size)) }
}

/// How many operations each call had that moved the stage.
fn sizes(bench: &Bench) -> Vec<usize> {
    let updates = bench.calls.iter().filter_map(|call| call.strip_prefix("UpdateStage "));
    updates.map(|operations| operations.split(", ").count()).collect()
}

fn assert_moved(bench: &Bench, way: Way, size: Size, case: impl Debug) {
    let stage = &bench.stages[0];
    let (deployment, variables) = destination(way, size);
    assert_eq!(stage.deployment_id, deployment.into(), "{way:?}, {case:?}");
    assert_eq!(stage.variables, variables, "{way:?}, {case:?}");
    let phase = if way == Way::Bake { Phase::Failed } else { Phase::Succeeded };
    assert_eq!(bench.release().phase, phase, "{way:?}, {case:?}: {}", bench.message());
}

/// What is remembered when all is over, but for times.
fn memory(bench: &Bench) -> impl Debug + PartialEq + use<> {
    let status = bench.status();
    let history: Vec<_> = status
        .history
        .iter()
        .map(|entry| (entry.target.clone(), entry.how, entry.result, entry.ended.is_some()))
        .collect();
    let held: Vec<_> = status.held.iter().map(|held| (held.target.clone(), held.why)).collect();
    (bench.ready(), history, held, status.releases, status.managed.clone())
}

#[test]
fn eighty_operations_are_one_call_and_one_more_makes_a_second() {
    for way in WAYS {
        for (variables, calls) in [(78, 1), (79, 1), (80, 2)] {
            let third = variables / 3;
            let mixed = Size { kept: 0, changed: variables - 2 * third, added: third, dropped: third };
            let sizes_of_releases = [
                Size { changed: variables, ..Size::default() },
                Size { added: variables, ..Size::default() },
                Size { dropped: variables, ..Size::default() },
                mixed,
            ];
            for size in sizes_of_releases {
                let mut bench = about_to_move(way, size);
                bench.pass();
                let sizes = sizes(&bench);
                assert_eq!(sizes.len(), calls, "{way:?}, {size:?}: {sizes:?}");
                // The deployment is one more.
                assert_eq!(sizes.iter().sum::<usize>(), variables + 1, "{way:?}, {size:?}: nothing is sent twice");
                assert_moved(&bench, way, size, size);
            }
        }
    }
}

#[test]
fn variables_alone_need_one_call_for_eighty_too() {
    for (variables, calls) in [(80, 1), (81, 2)] {
        let size = Size { changed: variables, ..Size::default() };
        let mut bench = serving(size);
        bench.edit(|spec| spec.variables = Some(next(size))).pass();
        assert_eq!(sizes(&bench).len(), calls, "{:?}", bench.calls);
        assert_eq!((bench.stage().variables.clone(), bench.release().phase), (next(size), Phase::Succeeded));
        bench.edit(|spec| spec.variables = Some(former(size))).pass();
        assert_eq!(sizes(&bench).len(), calls, "{:?}", bench.calls);
        assert_eq!((bench.stage().variables.clone(), bench.release().phase), (former(size), Phase::Succeeded));
    }
}

#[test]
fn what_serves_has_its_variables_after_each_call() {
    let has = |stage: &Stage, wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| stage.variables.get(key) == Some(value))
    };
    for way in WAYS {
        let mut bench = about_to_move(way, LARGE);
        bench.sent.clear();
        bench.pass();
        let sizes = sizes(&bench);
        assert_eq!(
            sizes,
            [15, 80, 6],
            "{way:?}: what is new, what changes with the deployment, what is not needed any more"
        );
        let (first, second) = (former(LARGE), next(LARGE));
        for sent in bench.sent.iter().filter(|sent| matches!(sent.action, Action::Traffic(_) | Action::Abort(_))) {
            let stage = sent.after.as_ref().unwrap();
            let wanted = if stage.deployment_id == "dep1".into() { &first } else { &second };
            assert!(has(stage, wanted), "{way:?}: {} lacks some of {:?}", stage.deployment_id, stage.variables);
        }
        assert_moved(&bench, way, LARGE, "at once");
    }
}

#[test]
fn a_stage_never_has_more_variables_than_it_may() {
    // Where the names are exchanged one by one, the model counts them after each operation.
    let sizes_of_calls = [
        (Size { kept: 80, changed: 0, added: 20, dropped: 20 }, vec![41]),
        (Size { kept: 60, changed: 0, added: 39, dropped: 40 }, vec![80]),
        (Size { kept: 61, changed: 0, added: 39, dropped: 39 }, vec![79]),
        (Size { kept: 40, changed: 30, added: 30, dropped: 30 }, vec![80, 11]),
        (ALL_RENAMED, vec![80, 80, 41]),
    ];
    for (size, calls) in sizes_of_calls {
        for way in WAYS {
            let mut bench = about_to_move(way, size);
            bench.pass();
            assert_eq!(sizes(&bench), calls, "{way:?}, {size:?}");
            assert_moved(&bench, way, size, size);
        }
    }
}

#[test]
fn what_went_back_ships_again_without_what_it_had_dropped() {
    for size in [LARGE, Size { kept: 1, changed: 1, added: 1, dropped: 1 }] {
        for way in [Way::Command, Way::Bake] {
            let mut bench = about_to_move(way, size);
            bench.pass();
            assert_moved(&bench, way, size, size);
            bench.command("retry/r2.2/9").minutes(4);
            assert_eq!(bench.stage().deployment_id, "dep2".into());
            assert_eq!(bench.stage().variables, next(size), "{way:?}, {size:?}");
        }
    }
}

#[test]
fn a_crash_before_or_after_any_of_the_calls_comes_to_the_same_end() {
    for size in [LARGE, ALL_CHANGE, ALL_RENAMED] {
        for way in WAYS {
            let mut undisturbed = about_to_move(way, size);
            undisturbed.pass().pass();
            let expected = memory(&undisturbed);
            for effect in [false, true] {
                for number in 0.. {
                    let mut bench = about_to_move(way, size);
                    let mut left = number;
                    if !bench.pass_until_crash(&mut left, effect) {
                        assert!(number >= 2, "{way:?}: a story of {number} calls proves nothing");
                        break;
                    }
                    bench.pass().pass();
                    let case = (size, number, effect);
                    assert_moved(&bench, way, size, case);
                    assert_eq!(memory(&bench), expected, "{way:?}, {case:?}");
                    bench.pass();
                    assert_eq!((bench.writes(), bench.statuses.len()), (vec![], 0), "{way:?}, {case:?}");
                }
            }
        }
    }
}

/// The beginning of the last call but one of a release that moves the stage: it is refused once.
const LATER_CALLS: [(Size, &str); 2] =
    [(LARGE, "remove /variables/dropped009"), (ALL_CHANGE, "replace /variables/changed079")];

#[test]
fn a_later_call_that_is_refused_is_sent_again_and_is_nobodys_hand() {
    for (size, call) in LATER_CALLS {
        let mut bench = about_to_move(Way::Direct, size);
        bench.refusals = vec![call.to_owned()];
        bench.pass();
        assert_eq!(bench.refusals, [""; 0], "{:?}", bench.calls);
        assert_eq!(bench.stage().deployment_id, "dep2".into());
        assert_eq!(bench.ready(), "False Refused (Released False)");
        // What it is doing does not change because somebody is there now who could govern another one.
        bench.govern(json!({ "stageRef": { "name": "orders-prod" }, "steps": [{ "setPercent": 5, "hold": "10m" }] }));
        bench.pass();
        assert_moved(&bench, Way::Direct, size, call);
        assert!(!bench.events.contains(&EventReason::PromotedByHand), "{:?}", bench.events);
        assert_eq!(bench.status().history[0].how, Some(How::Direct));
    }
}

#[test]
fn what_a_later_call_was_refused_of_can_be_aborted() {
    for (size, call) in LATER_CALLS {
        let mut bench = about_to_move(Way::Direct, size);
        bench.refusals = vec![call.to_owned()];
        bench.pass();
        bench.command("abort/r2.2/1").pass();
        assert_eq!(bench.stage().deployment_id, "dep1".into());
        assert_eq!(bench.stage().variables, former(size), "{call}");
        assert_eq!(bench.ready(), "False ReleaseAborted (Released False)");
    }

    // The first call only added variables, and the second was refused.
    let mut bench = about_to_move(Way::Direct, LARGE);
    bench.refusals = vec!["replace /deploymentId".to_owned()];
    bench.pass();
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.stage().variables.len(), 100);
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.stage().variables, former(LARGE));

    // What the command rollback has half done goes forward again.
    let mut bench = about_to_move(Way::Command, LARGE);
    bench.refusals = vec!["remove /variables/added009".to_owned()];
    bench.pass();
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    bench.command("abort/r1.3/2").pass();
    assert_eq!(bench.stages[0].deployment_id, "dep2".into(), "{}", bench.message());
    assert_eq!(bench.stage().variables, next(LARGE));
}

#[test]
fn what_a_crash_left_half_done_is_put_back_before_another_target_ships() {
    for (size, number) in [(LARGE, 1), (LARGE, 2), (ALL_CHANGE, 1)] {
        let mut bench = about_to_move(Way::Direct, size);
        // After the snapshot and this many of the calls.
        let mut left = number;
        assert!(bench.pass_until_crash(&mut left, true));
        assert_ne!(bench.stage().variables, former(size));
        declare(&mut bench, "r3", former(size));
        bench.pass();
        assert_eq!(bench.stages[0].deployment_id, "dep3".into(), "{}", bench.message());
        assert_eq!(bench.stage().variables, former(size));
        let stable = bench.release().stable.clone().unwrap();
        assert_eq!(
            stable.target.deployment_id,
            Some("dep1".into()),
            "{size:?}, {number}: r2 never served as it was declared"
        );
        assert_eq!((stable.variables, stable.added_variables), (BTreeMap::new(), [].into()), "{size:?}, {number}");
        let results: Vec<_> = bench.status().history.iter().map(|entry| (entry.how, entry.result)).collect();
        assert_eq!(
            results,
            [(Some(How::Direct), None), (None, Some(ReleaseResult::Cancelled)), (Some(How::First), None)],
            "{size:?}, {number}"
        );
    }
}
