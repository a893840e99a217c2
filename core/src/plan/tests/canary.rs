//! A release through a canary: steps, approvals, commands, promotion and the bake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::api::canary::Moment;
use crate::api::status::Why;

/// 5 % for 10 minutes, 50 % for 10 minutes, then all.
pub(super) fn policy() -> Value {
    json!({ "stageRef": { "name": "orders-prod" }, "steps": [
        { "setPercent": 5, "hold": "10m" }, { "setPercent": 50, "hold": "10m" },
    ] })
}

pub(super) fn with(member: &str, value: Value) -> Value {
    let mut policy = policy();
    policy[member] = value;
    policy
}

/// r1 serves, and an `ApiCanary` governs what comes next.
pub(super) fn governed(policy: Value) -> Bench {
    let mut bench = at_rest();
    bench.govern(policy).pass();
    assert_eq!((bench.writes().len(), bench.statuses.len()), (0, 0), "a policy alone changes nothing");
    bench
}

/// r2 in its first step.
pub(super) fn first_step(policy: Value) -> Bench {
    let mut bench = governed(policy);
    bench.revision("r2").variable("backend", "green").pass();
    assert_eq!(bench.stands(), "Progressing 1 at 5", "{:?}", bench.message());
    bench
}

pub(super) fn refused(bench: &Bench) -> String {
    let last = bench.status().last_command.clone().unwrap();
    assert_eq!(last.state, CommandState::Refused, "{last:?}");
    last.message
}

/// Nothing but reads, and no news.
pub(super) fn rests(bench: &mut Bench) {
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
