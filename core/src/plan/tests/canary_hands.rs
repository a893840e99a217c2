//! A canary beside people, losses and refusals: what a hand did, and every order in which a call has its effect.

use std::collections::BTreeMap;

use serde_json::json;

use super::canary::*;
use super::*;
use crate::observed::Stage;
use crate::patch::Op;

#[test]
fn a_hand_that_lowers_traffic_is_obeyed_until_resume() {
    for (case, hand) in [
        ("lower", (|stage: &mut Stage| stage.canary.as_mut().unwrap().percent_traffic = 1.5) as fn(&mut Stage)),
        ("removed", |stage: &mut Stage| stage.canary = None),
        ("at 0", |stage: &mut Stage| stage.canary.as_mut().unwrap().percent_traffic = 0.0),
    ] {
        let mut bench = first_step(policy());
        hand(bench.stage());
        bench.pass();
        assert_eq!(bench.ready(), "False ChangedByHand (Released Unknown)", "{case}");
        assert_eq!(bench.writes(), [""; 0], "{case}");
        rests(&mut bench);
        let before = bench.stage().clone();
        bench.minutes(30);
        assert_eq!(*bench.stage(), before, "{case}: nothing is raised above it");
        bench.command("resume/r2.2/1").pass();
        assert_eq!(bench.stands(), "Progressing 1 at 5", "{case}: the limit is lifted");
        bench.minutes(21);
        assert_eq!(bench.stands(), "Succeeded 0 no canary", "{case}");
    }
}

#[test]
fn a_hand_that_raises_traffic_is_not() {
    let mut bench = first_step(policy());
    bench.stage().canary.as_mut().unwrap().percent_traffic = 80.0;
    bench.pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /canarySettings/percentTraffic 5.0"]);
    assert!(bench.events.contains(&EventReason::RaisedByHand));
    bench.command("pause/r2.2/1").pass();
    bench.stage().canary.as_mut().unwrap().percent_traffic = 80.0;
    bench.pass();
    assert_eq!(bench.stands(), "Paused 1 at 5");
}

#[test]
fn a_hand_that_promotes_is_thanked_and_tidied_after() {
    let mut bench = first_step(with("stageVariableOverrides", json!({ "debug": "on" })));
    // What the console's button does.
    let stage = bench.stage();
    let canary = stage.canary.as_mut().unwrap();
    stage.deployment_id = canary.deployment_id.clone();
    stage.variables.extend(canary.stage_variable_overrides.clone());
    canary.percent_traffic = 0.0;
    bench.pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /variables/debug", "UpdateStage remove /canarySettings"]);
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.status().history[0].how, Some(How::PromotedByHand));
    assert_eq!(bench.stage().variables, BTreeMap::from([("backend".to_owned(), "green".to_owned())]));
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_hand_that_moves_the_stage_elsewhere_ends_the_release() {
    for paused in [false, true] {
        let mut bench = first_step(policy());
        if paused {
            bench.command("pause/r2.2/1").pass();
        }
        let theirs = bench.deployment(None);
        bench.stage().deployment_id = theirs.as_str().into();
        bench.pass();
        assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
        assert_eq!(bench.stands(), "Failed 1 no canary");
        assert_eq!(bench.ready(), "False StageMovedByHand (Released False)");
        assert_eq!(bench.stage().deployment_id.as_str(), theirs);
        rests(&mut bench);
    }
}

#[test]
fn another_deployment_in_the_canary_is_foreign() {
    let mut bench = first_step(policy());
    let theirs = bench.deployment(None);
    bench.stage().canary.as_mut().unwrap().deployment_id = theirs.as_str().into();
    bench.pass();
    assert_eq!(bench.ready(), "False ForeignCanary (Released False)");
    rests(&mut bench);
    bench.command("promote/r2.2/1").pass();
    assert!(refused(&bench).contains("not on the stage"));
    bench.command("abort/r2.2/2").pass();
    assert_eq!(bench.writes(), [""; 0], "what is not ours is never changed");
    assert_eq!(bench.release().phase, Phase::Failed);
    bench.command(&format!("abort/{theirs}/3")).pass();
    assert_eq!(bench.stage().canary, None);
}

#[test]
fn the_table_of_promotion_decides_by_deployment_and_variables() {
    let vanish = |stage: &mut Stage| stage.canary = None;
    let swap = |stage: &mut Stage| stage.canary.as_mut().unwrap().deployment_id = "dep3".into();
    // Seen before the call: nothing is changed.
    for (case, hand, ready) in [
        ("vanished", vanish as fn(&mut Stage), "False ChangedByHand (Released Unknown)"),
        ("swapped", swap, "False ForeignCanary (Released False)"),
    ] {
        let mut bench = first_step(policy());
        bench.deployment(None);
        bench.minutes(19);
        hand(bench.stage());
        bench.pass();
        assert_eq!(bench.writes(), [""; 0], "{case}");
        assert_eq!(bench.ready(), ready, "{case}");
        assert_eq!(bench.stage().deployment_id, "dep1".into(), "{case}");
    }
    // Between the read and the call.
    let mut bench = first_step(policy());
    bench.minutes(19);
    bench.meanwhile = Some(vanish);
    bench.pass();
    assert_eq!(bench.writes().len(), 1, "the copy is refused, and nothing follows: {:?}", bench.calls);
    assert_eq!(bench.stands(), "Paused 2 no canary", "no phantom");
    assert_eq!(bench.ready(), "False ChangedByHand (Released Unknown)");
    bench.command("resume/r2.2/1").minutes(11);
    assert_eq!(bench.stands(), "Succeeded 0 no canary");

    let mut bench = first_step(policy());
    bench.deployment(None);
    bench.minutes(19);
    bench.meanwhile = Some(swap);
    bench.pass();
    assert_eq!(bench.stage().deployment_id, "dep1".into(), "back on stable");
    assert_eq!(bench.stage().variables["backend"], "blue");
    assert_eq!(bench.stands(), "Failed 2 no canary");
    assert_eq!(bench.ready(), "False PromotedWrongDeployment (Released False)");
    rests(&mut bench);
}

#[test]
fn a_canary_that_vanishes_before_it_is_raised_leaves_no_phantom() {
    for variables_alone in [false, true] {
        let mut bench = governed(policy());
        if !variables_alone {
            bench.revision("r2");
        }
        bench.variable("backend", "green").pass();
        assert_eq!(bench.stands(), "Progressing 1 at 5");
        bench.minutes(9);
        bench.meanwhile = Some(|stage| stage.canary = None);
        bench.pass();
        assert_eq!(
            bench.writes(),
            ["UpdateStage replace /canarySettings/percentTraffic 50.0", "UpdateStage remove /canarySettings"]
        );
        assert_eq!(bench.stage().canary, None);
        assert_eq!(bench.ready(), "False ChangedByHand (Released Unknown)");
        rests(&mut bench);
        let id = bench.release().id.clone();
        bench.command(&format!("resume/{id}/1")).minutes(12);
        assert_eq!(bench.ready(), "True Synced (Released True)");
    }
}

#[test]
fn copy_first_refused_is_tried_once_in_the_recorded_order() {
    let mut bench = first_step(policy());
    bench.minutes(19);
    bench.refusals = vec!["copy".to_owned()];
    bench.pass();
    assert_eq!(bench.writes().len(), 3, "{:?}", bench.calls);
    assert!(bench.writes()[1].starts_with("UpdateStage replace /canarySettings/percentTraffic 0.0, copy"));
    assert_eq!(bench.stands(), "Succeeded 0 no canary");

    let mut bench = first_step(policy());
    bench.minutes(19);
    bench.refusals = vec!["copy".to_owned(), "replace /canarySettings/percentTraffic 0.0".to_owned()];
    bench.pass();
    assert_eq!(bench.stands(), "Paused 2 at 50");
    assert_eq!(bench.ready(), "False PromotionRefused (Released Unknown)");
    rests(&mut bench);

    // The canary vanishes before the second try, which then makes one of the stage's own deployment.
    let mut bench = first_step(policy());
    bench.minutes(19);
    bench.refusals = vec!["copy".to_owned()];
    bench.pass();
    let mut bench = first_step(policy());
    bench.minutes(19);
    let plan = bench.until_actions();
    let mut status = plan.status;
    crate::settle::settle_failure(&mut status, &plan.actions[0], &Cause::Refused);
    bench.object.status = Some(status);
    bench.meanwhile = Some(|stage| stage.canary = None);
    bench.pass();
    assert_eq!(bench.stage().canary, None, "no phantom is left");
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.release().phase, Phase::Paused);
}

#[test]
fn a_lost_promote_ends_right_whether_it_had_its_effect_or_not() {
    for effect in [false, true] {
        for closed in [false, true] {
            let mut bench = first_step(policy());
            bench.minutes(19);
            let plan = bench.until_actions();
            let [Action::Promote { .. }] = plan.actions.as_slice() else { panic!("{:?}", plan.actions) };
            bench.object.status = Some(plan.status);
            if effect {
                bench.perform(&plan.actions[0]).unwrap();
                if closed {
                    bench.stage().canary = None;
                }
            }
            bench.pass();
            assert_eq!(bench.stands(), "Succeeded 0 no canary", "effect {effect}, closed {closed}");
            assert_eq!(bench.stage().deployment_id, "dep2".into());
            assert_eq!(bench.stage().variables["backend"], "green");
        }
    }
}

#[test]
fn a_crash_before_or_after_any_call_comes_to_the_same_end() {
    for number in 0..7 {
        for effect in [false, true] {
            let mut bench = governed(policy());
            bench.revision("r2").variable("backend", "green");
            let mut left = number;
            let mut crashed = false;
            for _ in 0..40 {
                if crashed {
                    bench.pass();
                } else {
                    crashed = bench.pass_until_crash(&mut left, effect);
                }
            }
            assert_eq!(crashed, number < 6, "snapshot, open, raise, promote, close, describe");
            assert_eq!(bench.stands(), "Succeeded 0 no canary", "call {number}, effect {effect}");
            assert_eq!(bench.stage().deployment_id, "dep2".into(), "call {number}, effect {effect}");
            assert_eq!(bench.made, 2, "call {number}, effect {effect}: one snapshot");
            assert_eq!(bench.status().releases, Some(2));
            let raised = bench.events.contains(&EventReason::RaisedByHand);
            assert!(!raised, "our own call is nobody's hand");
        }
    }
}

#[test]
fn operations_come_in_an_order_whose_every_beginning_is_harmless() {
    let mut bench = governed(with("stageVariableOverrides", json!({ "debug": "on" })));
    bench.revision("r2").variable("backend", "green");
    let mut opened = None;
    for _ in 0..4 {
        let plan = bench.until_actions();
        if let Some(Action::Traffic(operations)) = plan.actions.first() {
            opened = Some(operations.clone());
            break;
        }
        bench.pass();
        bench.stage().canary = None;
        bench.object.status.as_mut().unwrap().release.as_mut().unwrap().ceiling = None;
        bench.object.status.as_mut().unwrap().release.as_mut().unwrap().step_started_at = None;
    }
    let operations = opened.unwrap();
    assert_eq!(operations.last().unwrap().path, "/canarySettings/percentTraffic", "the share comes last");
    assert!(operations.iter().all(|operation| operation.op == Op::Replace));
}
