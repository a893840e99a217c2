//! A release through a canary: steps, approvals, hands, commands, and the table of promotion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::api::canary::Moment;
use crate::api::status::Why;
use crate::observed::Stage;
use crate::patch::Op;

/// 5 % for 10 minutes, 50 % for 10 minutes, then all.
fn policy() -> Value {
    json!({ "stageRef": { "name": "orders-prod" }, "steps": [
        { "setPercent": 5, "hold": "10m" }, { "setPercent": 50, "hold": "10m" },
    ] })
}

fn with(member: &str, value: Value) -> Value {
    let mut policy = policy();
    policy[member] = value;
    policy
}

/// r1 serves, and an `ApiCanary` governs what comes next.
fn governed(policy: Value) -> Bench {
    let mut bench = at_rest();
    bench.govern(policy).pass();
    assert_eq!((bench.writes().len(), bench.statuses.len()), (0, 0), "a policy alone changes nothing");
    bench
}

/// r2 in its first step.
fn first_step(policy: Value) -> Bench {
    let mut bench = governed(policy);
    bench.revision("r2").variable("backend", "green").pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5", "{:?}", bench.message());
    bench
}

fn refused(bench: &Bench) -> String {
    let last = bench.status().last_command.clone().unwrap();
    assert_eq!(last.state, CommandState::Refused, "{last:?}");
    last.message
}

/// Nothing but reads, and no news.
fn rests(bench: &mut Bench) {
    bench.pass();
    assert_eq!(bench.writes(), [""; 0]);
    assert_eq!((bench.statuses.clone(), bench.events.clone()), (vec![], vec![]));
}

#[test]
fn a_release_takes_its_steps_and_promotes_in_two_calls() {
    let mut bench = governed(policy());
    bench.revision("r2").variable("backend", "green").pass();
    assert_eq!(
        bench.writes(),
        [
            "CreateDeployment r2",
            "UpdateStage replace /canarySettings/deploymentId, replace /canarySettings/stageVariableOverrides/backend, replace /canarySettings/percentTraffic 5.0",
        ],
        "one traffic patch opens the first step"
    );
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.stage().variables["backend"], "blue");
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    assert_eq!(bench.release().how, How::Canary);
    bench.minutes(9);
    assert_eq!(bench.writes(), [""; 0], "the step holds");
    bench.pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /canarySettings/percentTraffic 50.0"]);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
    bench.minutes(9);
    assert_eq!(bench.writes(), [""; 0]);
    bench.pass();
    assert_eq!(
        bench.writes(),
        [
            "UpdateStage copy /canarySettings/deploymentId -> /deploymentId, replace /variables/backend, replace /canarySettings/percentTraffic 0.0",
            "UpdateStage remove /canarySettings",
        ]
    );
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.stage().deployment_id, "dep2".into());
    assert_eq!(bench.stage().variables["backend"], "green");
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().history[0].how, Some(How::Canary));
    rests(&mut bench);
}

#[test]
fn what_is_written_before_the_calls_says_what_they_do() {
    let mut bench = governed(policy());
    bench.revision("r2").pass();
    let opening = bench.statuses.iter().rev().find(|status| status.canary.is_none()).unwrap().release.clone().unwrap();
    assert_eq!((opening.phase, opening.step, opening.ceiling), (Phase::Preparing, Some(1), None));
    assert_eq!(opening.governed_by.as_deref(), Some("canary-1"));
    bench.minutes(20);
    let promoting = bench.statuses.iter().find(|status| status.release.as_ref().unwrap().phase == Phase::Promoting);
    assert_eq!(promoting.unwrap().deployment_id, Some("dep1".into()), "Promoting is in status before the call");
}

#[test]
fn variables_alone_take_the_steps_too_and_never_share_a_cache() {
    let mut bench = governed(policy());
    bench.stage().cache.enabled = true;
    bench.variable("backend", "green").pass();
    assert_eq!(bench.release().id.as_str(), "vars.2");
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    let canary = bench.stage().canary.clone().unwrap();
    assert_eq!((canary.deployment_id.as_str(), canary.use_stage_cache), ("dep1", false));
    assert!(bench.events.contains(&EventReason::Limitation), "and it is said: {:?}", bench.events);
    bench.minutes(20);
    assert_eq!(bench.stage().variables["backend"], "green");
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    bench.revision("r2").pass();
    assert!(bench.stage().canary.as_ref().unwrap().use_stage_cache, "another deployment has cache keys of its own");
}

#[test]
fn overrides_are_for_the_canary_alone() {
    let mut bench = governed(with("stageVariableOverrides", json!({ "debug": "on", "backend": "canary" })));
    bench.revision("r2").variable("backend", "green").pass();
    let overrides = bench.stage().canary.clone().unwrap().stage_variable_overrides;
    assert_eq!(overrides["debug"], "on");
    assert_eq!(overrides["backend"], "canary", "they win over the target's");
    bench.minutes(21);
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.stage().variables, BTreeMap::from([("backend".to_owned(), "green".to_owned())]), "never promoted");
}

#[test]
fn a_policy_without_a_canary_waits_and_one_without_need_does_not() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.release_policy = Some(ReleasePolicy::Canary)).revision("r2").pass();
    assert_eq!(bench.ready(), "False Releasing (Released False)");
    assert!(bench.message().contains("spec.stageRef.name orders-prod"), "{}", bench.message());
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.made, 2, "its snapshot is taken at once");
    bench.govern(policy()).pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");

    let mut bench = governed(policy());
    bench.edit(|spec| spec.release_policy = Some(ReleasePolicy::Direct)).revision("r2").pass();
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.release().how, How::Direct);

    let mut bench = orders();
    bench.govern(policy()).edit(|spec| spec.release_policy = Some(ReleasePolicy::Canary)).revision("r1").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "a new stage has nothing to compare with");
}

#[test]
fn an_invalid_canary_governs_too() {
    let mut bench = governed(json!({ "stageRef": { "name": "orders-prod" }, "steps": [] }));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    assert!(bench.message().contains("spec.steps is empty"), "{}", bench.message());
    assert_eq!(bench.stage().canary, None);
    bench.edit_canary(|spec| spec.steps = serde_json::from_value(policy()["steps"].clone()).unwrap()).pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.edit_canary(|spec| spec.steps.clear()).minutes(30);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "nothing is raised while it is invalid");
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.stands(), "Failed 1 no canary");
}

#[test]
fn an_approval_is_what_a_step_waits_for() {
    let mut bench = governed(json!({ "stageRef": { "name": "orders-prod" }, "promotion": "Manual", "steps": [
        { "setPercent": 5, "approval": "Required" }, { "setPercent": 50, "hold": "10m" },
    ] }));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False AwaitingApproval (Released Unknown)");
    assert!(bench.message().contains("approve/r2.2/1"), "{}", bench.message());
    let awaiting = |bench: &Bench| bench.status().release.as_ref().and_then(|release| release.awaiting.clone());
    assert_eq!(awaiting(&bench).as_deref(), Some("1"));
    rests(&mut bench);
    for (command, why) in [
        ("approve/r2.2/2/1", "release r2.2 awaits the approval of 1: give approve/r2.2/1"),
        ("approve/r9.9/1/2", "release r2.2 is the one that runs, not r9.9: name that one"),
    ] {
        bench.command(command).pass();
        assert_eq!(refused(&bench), why);
    }
    bench.command("approve/r2.2/1/3").pass();
    assert_eq!(bench.stands(), "Progressing 2 at 50");
    assert!(bench.events.contains(&EventReason::Approved));
    assert_eq!(awaiting(&bench), None, "it is given, and nothing else is awaited yet");
    bench.minutes(10);
    assert_eq!(bench.ready(), "False AwaitingApproval (Released Unknown)");
    assert_eq!(bench.stands(), "AwaitingApproval 2 at 50");
    assert_eq!(awaiting(&bench).as_deref(), Some("promotion"));
    bench.command("pause/r2.2/4").pass();
    assert_eq!(awaiting(&bench), None, "a paused release cannot be approved");
    bench.command("resume/r2.2/5").minutes(12);
    bench.command("approve/r2.2/promotion/6").pass();
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
}

#[test]
fn promote_skips_what_is_left() {
    let mut bench = first_step(policy());
    bench.command("promote/r2.2/1").pass();
    assert_eq!(bench.writes().len(), 2, "{:?}", bench.calls);
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Done);
}

#[test]
fn an_abort_is_one_call_and_holds_the_target() {
    let mut bench = first_step(policy());
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
    assert_eq!(bench.stands(), "Failed 1 no canary");
    assert_eq!(bench.ready(), "False ReleaseAborted (Released False)");
    assert_eq!(bench.stage().variables["backend"], "blue");
    assert_eq!(bench.status().held[0].why, Why::Aborted);
    rests(&mut bench);
    bench.command("retry/r2.2/2").pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.release().id.as_str(), "r2.3");
    assert_eq!(bench.made, 2, "its snapshot is used again");
}

#[test]
fn pause_stays_and_resume_starts_the_step_anew() {
    let mut bench = first_step(policy());
    bench.minutes(5);
    bench.command("pause/r2.2/1").minutes(20);
    assert_eq!(bench.stands(), "Paused 1 at 5");
    assert_eq!(bench.ready(), "False PausedByCommand (Released Unknown)");
    bench.command("resume/r2.2/2").minutes(9);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "the whole hold again");
    bench.minutes(2);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
}

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
fn an_object_that_goes_takes_its_canary_with_it() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).delete().pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings", "UntagResource"]);
    assert!(bench.freed);
    assert_eq!(bench.stage().deployment_id, "dep1".into());
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
fn a_bake_judges_the_whole_stage_and_goes_back() {
    let mut bench = first_step(with("bake", json!("30m")));
    bench.minutes(20);
    assert_eq!(bench.stands(), "Baking 0 no canary");
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /deploymentId, replace /variables/backend"], "one call");
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.stage().variables["backend"], "blue");
    assert_eq!(bench.ready(), "False ReleaseAborted (Released False)");
    rests(&mut bench);

    let mut bench = first_step(with("bake", json!("30m")));
    bench.minutes(20);
    bench.minutes(31);
    assert_eq!(bench.ready(), "True Synced (Released True)");

    // Variables alone go back too.
    let mut bench = governed(with("bake", json!("30m")));
    bench.variable("backend", "green").variable("limit", "5").minutes(21);
    assert_eq!(bench.stands(), "Baking 0 no canary");
    bench.command("abort/vars.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /variables/backend, remove /variables/limit"]);
}

#[test]
fn a_new_target_takes_over_in_one_patch_at_the_first_step() {
    let mut bench = first_step(policy());
    bench.minutes(11);
    assert_eq!(bench.stands(), "Progressing 2 at 50");
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r3").minutes(30);
    assert_eq!(bench.stands(), "Progressing 2 at 50", "it keeps its share and gets no more");
    assert_eq!(bench.release().next.as_ref().unwrap().target.revision, Some("r3".into()));
    bench.command("promote/r2.2/1").pass();
    assert!(refused(&bench).contains("takes over"));
    bench.rest_api.availability = Availability::Available;
    bench.pass();
    assert_eq!(
        bench.writes(),
        [
            "CreateDeployment r3",
            "UpdateStage replace /canarySettings/deploymentId, replace /canarySettings/percentTraffic 5.0"
        ]
    );
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.release().id.as_str(), "r3.3");
    assert_eq!(bench.release().superseded, Some(1));
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Superseded));
    assert_eq!(bench.status().held, []);
    bench.minutes(20);
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.stage().deployment_id, "dep3".into());
}

#[test]
fn a_canary_never_gets_the_variables_of_what_takes_over() {
    let mut bench = first_step(policy());
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r3").variable("backend", "red").minutes(3);
    let canary = bench.stage().canary.clone().unwrap();
    assert_eq!((canary.deployment_id, canary.stage_variable_overrides["backend"].as_str()), ("dep2".into(), "green"));
    bench.command("pause/r2.2/1").minutes(3);
    bench.command("resume/r2.2/2").minutes(3);
    assert_eq!(bench.stage().canary.as_ref().unwrap().stage_variable_overrides["backend"], "green");
    bench.rest_api.availability = Availability::Available;
    bench.pass();
    let canary = bench.stage().canary.clone().unwrap();
    assert_eq!((canary.deployment_id, canary.stage_variable_overrides["backend"].as_str()), ("dep3".into(), "red"));
}

#[test]
fn what_takes_over_waits_for_its_own_snapshot_delay() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.snapshot_delay = Some(crate::api::duration::Duration::from_secs(240)));
    bench.minutes(6).revision("r3").pass();
    assert_eq!(bench.writes(), [""; 0], "the running release began long ago, and r3 has just been declared");
    let since = bench.release().next.as_ref().unwrap().since.clone();
    bench.minutes(3);
    assert_eq!((bench.writes().len(), &bench.release().next.as_ref().unwrap().since), (0, &since));
    bench.pass();
    assert_eq!(bench.writes()[0], "CreateDeployment r3");
    assert_eq!(bench.release().id.as_str(), "r3.3");
}

#[test]
fn what_is_superseded_can_still_be_aborted() {
    let mut bench = first_step(policy());
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r3").pass();
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
    assert_eq!(bench.status().held[0].target.revision, Some("r2".into()));
    bench.rest_api.availability = Availability::Available;
    bench.pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.release().target.revision, Some("r3".into()));
}

#[test]
fn back_to_stable_cancels_and_holds_nothing() {
    for paused in [false, true] {
        let mut bench = first_step(policy());
        if paused {
            bench.command("pause/r2.2/1").pass();
        }
        bench.revision("r1").variable("backend", "blue").pass();
        assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
        assert_eq!(bench.ready(), "True Synced (Released True)");
        assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Cancelled));
        assert_eq!(bench.status().held, []);
    }
}

#[test]
fn resnapshot_of_what_is_open_takes_over() {
    let mut bench = first_step(policy());
    bench.command("resnapshot/r2/1").pass();
    assert_eq!(bench.release().id.as_str(), "r2.3");
    assert_eq!(bench.release().target.attempt, Some(2));
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.stage().canary.as_ref().unwrap().deployment_id, "dep3".into());
}

#[test]
fn an_apicanary_that_goes_ends_the_release_and_another_one_starts_it_again() {
    for paused in [false, true] {
        let mut bench = first_step(policy());
        if paused {
            bench.command("pause/r2.2/1").pass();
        }
        bench.canary = None;
        bench.pass();
        assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
        assert_eq!(bench.ready(), "False ReleaseUnfinished (Released False)");
        assert_eq!(bench.stage().deployment_id, "dep1".into(), "it never ships without");
        rests(&mut bench);
        bench.govern(policy()).pass();
        assert_eq!(bench.stands(), "Progressing 1 at 5");
        assert_eq!(bench.release().id.as_str(), "r2.3");
    }
    let mut bench = first_step(policy());
    bench.govern(policy()).pass();
    assert_eq!(bench.release().id.as_str(), "r2.3", "another one of the same name is another one");
    assert_eq!(bench.stands(), "Progressing 1 at 5");

    let mut bench = first_step(with("bake", json!("1h")));
    bench.minutes(20);
    bench.canary = None;
    bench.pass();
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert!(bench.events.contains(&EventReason::Warning));
}

#[test]
fn a_stale_watch_does_not_end_a_release() {
    let mut bench = first_step(policy());
    bench.hide_canary = true;
    bench.minutes(20);
    assert_eq!(bench.stands(), "Succeeded 0 no canary", "a list says that it is there");
}

#[test]
fn edited_steps_never_move_traffic_by_themselves() {
    let steps = |steps: Value| serde_json::from_value::<Vec<_>>(steps).unwrap();
    let mut bench = first_step(policy());
    bench.minutes(9);
    let edited = steps(
        json!([{ "setPercent": 2, "hold": "10m" }, { "setPercent": 5, "hold": "10m" }, { "setPercent": 80, "hold": "10m" }]),
    );
    bench.edit_canary(|spec| spec.steps = edited).pass();
    assert_eq!(bench.writes(), [""; 0]);
    assert_eq!(bench.stands(), "Progressing 2 at 5", "the same share has another number, and starts anew");
    bench.minutes(9);
    assert_eq!(bench.stands(), "Progressing 2 at 5");
    bench.minutes(2);
    assert_eq!(bench.stands(), "Progressing 3 at 80");
    let edited = steps(json!([{ "setPercent": 90, "hold": "10m" }]));
    bench.edit_canary(|spec| spec.steps = edited).pass();
    assert_eq!(bench.stands(), "Progressing 1 at 90", "no step fits: the first is entered, at once without metrics");
}

#[test]
fn edited_overrides_are_one_patch_at_the_same_share() {
    let mut bench = first_step(policy());
    let before = bench.release().traffic_changed_at.clone();
    bench
        .edit_canary(|spec| spec.stage_variable_overrides = Some([("debug".to_owned(), "on".to_owned())].into()))
        .pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /canarySettings/stageVariableOverrides/debug"]);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert!(bench.release().traffic_changed_at > before, "the window starts anew");
}

#[test]
fn suspend_raises_nothing_and_commands_work() {
    let mut bench = first_step(policy());
    bench.edit_canary(|spec| spec.suspend = Some(true)).minutes(30);
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    assert_eq!(bench.ready(), "False ApiCanarySuspended (Released Unknown)");
    bench.edit_canary(|spec| spec.suspend = None).minutes(9);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "the step starts anew");
    bench.edit_canary(|spec| spec.suspend = Some(true)).pass();
    bench.command("promote/r2.2/1").pass();
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
}

#[test]
fn a_suspended_stage_is_left_and_goes_on_later() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.suspend = Some(true)).minutes(30);
    assert_eq!(bench.writes(), [""; 0]);
    assert_eq!(bench.ready(), "False Suspended (Released False)");
    bench.edit(|spec| spec.suspend = None).pass();
    assert_eq!(bench.stands(), "Progressing 2 at 50");
}

#[test]
fn fast_rollback_goes_at_once_to_what_was_stable_just_before() {
    let mut bench = first_step(policy());
    bench.minutes(21);
    bench.revision("r1").variable("backend", "blue").pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /deploymentId, replace /variables/backend"]);
    assert_eq!(bench.release().how, How::FastRollback);
    bench.revision("r2").variable("backend", "green").pass();
    assert_eq!(bench.release().how, How::FastRollback, "one before the present one again");

    let mut bench = first_step(with("fastRollback", json!(0)));
    bench.minutes(21);
    bench.revision("r1").variable("backend", "blue").pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
}

#[test]
fn rollback_by_command_is_one_patch_and_retry_takes_the_steps() {
    let mut bench = first_step(policy());
    bench.minutes(21);
    bench.command("rollback/-/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage replace /deploymentId, replace /variables/backend"]);
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)");
    bench.command("retry/r2.2/2").pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5", "never fast");
}

#[test]
fn a_gate_holds_until_it_opens() {
    let webhooks = json!([{ "name": "gate", "url": "https://gate.example.com", "when": ["BeforeRelease", "BeforePromotion", "AfterPromotion"] }]);
    let mut bench = governed(with("webhooks", webhooks));
    bench.gate_open = false;
    bench.revision("r2").minutes(3);
    assert_eq!(bench.stands(), "Preparing 0 no canary");
    assert!(bench.message().contains("gate answered 503"), "{}", bench.message());
    bench.gate_open = true;
    bench.pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.gate_open = false;
    bench.command("promote/r2.2/1").minutes(3);
    assert_eq!(bench.stands(), "Progressing 1 at 5", "promote skips no gate");
    bench.gate_open = true;
    bench.pass();
    assert_eq!(bench.stands(), "Succeeded 0 no canary");
    assert_eq!(bench.notices, [Moment::AfterPromotion]);
}

#[test]
fn a_guard_ends_a_release_before_its_first_request() {
    let mut bench = governed(with("guards", json!(["NoMethodRemoved"])));
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r2").pass();
    let changes = crate::api::progress::Changes { methods_removed: vec!["GET /pets".to_owned()], ..Default::default() };
    bench.object.status.as_mut().unwrap().release.as_mut().unwrap().changes = Some(changes);
    bench.rest_api.availability = Availability::Available;
    bench.pass();
    assert_eq!(bench.stands(), "Failed 0 no canary");
    assert_eq!(bench.ready(), "False GuardFailed (Released False)");
    assert!(bench.message().contains("GET /pets would be gone"), "{}", bench.message());
}

#[test]
fn an_unusable_spec_raises_nothing_and_can_be_aborted() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.deployment_id = Some("dep1".into())).minutes(30);
    assert_eq!(bench.ready(), "False InvalidSpec (Released False)");
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
    assert_eq!(bench.release().phase, Phase::Failed);
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
