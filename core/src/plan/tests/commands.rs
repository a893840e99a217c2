//! `rollback`, `retry`, `abort`, `pause` and `resume` where no canary is involved, and what they leave held.

use std::collections::BTreeMap;

use super::*;
use crate::api::status::Why;
use crate::api::target::Target;

/// r1 (dep1, backend blue), then r2 (dep2, backend green, limit 5), which serves.
fn after_r2() -> Bench {
    let mut bench = at_rest();
    bench.revision("r2").variable("backend", "green").variable("limit", "5").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench
}

fn refused(bench: &Bench) -> String {
    let last = bench.status().last_command.clone().unwrap();
    assert_eq!(last.state, CommandState::Refused, "{last:?}");
    last.message
}

fn state(bench: &Bench) -> CommandState {
    bench.status().last_command.as_ref().unwrap().state
}

/// A release that waits in Preparing, since its definition is being changed.
fn preparing() -> Bench {
    let mut bench = at_rest();
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    bench
}

#[test]
fn rollback_goes_back_in_one_patch_and_holds_what_the_spec_names() {
    let mut bench = after_r2();
    bench.command("rollback/-/1").pass();
    assert_eq!(
        bench.calls,
        [
            "GetStages",
            "GetDeployments",
            "UpdateStage replace /deploymentId, replace /variables/backend, remove /variables/limit",
            "UpdateDeployment dep1",
            "UpdateDeployment dep2",
        ]
    );
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.stage().variables, BTreeMap::from([("backend".to_owned(), "blue".to_owned())]));
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)");
    assert!(bench.message().contains("retry/r2.2"), "{}", bench.message());
    let release = bench.status().release.clone().unwrap();
    assert_eq!((release.id.as_str(), release.how, release.phase), ("r1.3", How::RolledBack, Phase::Succeeded));
    assert_eq!(bench.status().history[0].how, Some(How::RolledBack));
    assert_eq!(bench.status().held[0].why, Why::RolledBackByCommand);
    assert_eq!(state(&bench), CommandState::Done);
    bench.pass();
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0), "and there it stays");
    assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "variables are not drift now: {:?}", bench.calls);
}

#[test]
fn retry_ships_again_what_was_rolled_back() {
    let mut bench = after_r2();
    bench.command("rollback/r1/1").pass();
    bench.command("retry/r1.3/2").pass();
    assert_eq!(refused(&bench), "no target of release r1.3 is held; held are those of r2.2");
    bench.command("retry/r2.2/3").pass();
    assert_eq!(state(&bench), CommandState::Done);
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().release.as_ref().unwrap().id.as_str(), "r2.4", "a new id");
    assert_eq!(bench.stage().variables["backend"], "green");
    assert_eq!(bench.status().held, []);
    assert!(bench.events.contains(&EventReason::TargetFreed));
}

#[test]
fn another_revision_ships_past_a_held_one_and_does_not_free_it() {
    let mut bench = after_r2();
    bench.command("rollback/-/1").pass();
    bench.revision("r3").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)", "naming another in between frees nothing");
    assert_eq!(bench.status().revision, Some("r3".into()));
}

#[test]
fn a_rollback_over_two_releases_keeps_the_variables_and_says_so() {
    let mut bench = after_r2();
    bench.revision("r3").variable("backend", "red").pass();
    bench.command("rollback/r1/1").pass();
    let updates: Vec<_> = bench.calls.iter().filter(|call| call.starts_with("UpdateStage")).collect();
    assert_eq!(updates, ["UpdateStage replace /deploymentId"]);
    assert_eq!(bench.stage().variables["backend"], "red");
    assert!(bench.events.contains(&EventReason::Warning), "{:?}", bench.events);
    assert_eq!(bench.status().release.as_ref().unwrap().phase, Phase::Succeeded);
}

#[test]
fn a_rollback_of_variables_alone_writes_back_the_former_values() {
    let mut bench = at_rest();
    bench.variable("backend", "green").pass();
    bench.command("rollback/-/1").pass();
    assert_eq!(bench.calls.last().unwrap(), "UpdateStage replace /variables/backend");
    assert_eq!(bench.stage().variables["backend"], "blue");
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)");
    bench.variable("backend", "blue").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "the spec follows");
}

#[test]
fn a_rollback_that_cannot_be_is_refused_with_a_sentence() {
    let mut bench = at_rest();
    bench.command("rollback/-/1").pass();
    assert_eq!(refused(&bench), "nothing was stable here before r1");
    bench.command("rollback/r9/2").pass();
    assert_eq!(refused(&bench), "r9 was not stable here, as far as status.history tells; it knows r1");
    bench.command("rollback/r1/3").pass();
    assert_eq!(refused(&bench), "the stage serves r1 already");

    let mut bench = after_r2();
    bench.deployments.retain(|deployment| deployment.id != "dep1".into());
    bench.command("rollback/r1/4").pass();
    assert_eq!(refused(&bench), "the deployment of r1 was deleted: name another");
    assert_eq!(bench.ready(), "True Synced (Released True)");

    let mut bench = preparing();
    bench.command("rollback/-/5").pass();
    assert_eq!(refused(&bench), "release r2.2 runs: undo it with the command abort/r2.2, or wait until it is done");

    let mut bench = after_r2();
    bench.command("rollback/-/6").pass();
    bench.command("rollback/r2/7").pass();
    assert_eq!(refused(&bench), "r2 is what the spec names; to release it again, give the command retry/r2.2");
}

#[test]
fn a_spec_that_follows_the_rollback_is_at_rest() {
    let mut bench = after_r2();
    bench.command("rollback/-/1").pass();
    bench.edit(|spec| {
        spec.revision = Some("r1".into());
        spec.variables = Some(BTreeMap::from([("backend".to_owned(), "blue".to_owned())]));
    });
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.calls, ["GetStages"], "nothing is left to do");
}

#[test]
fn a_crash_before_a_rollback_s_patch_loses_no_former_value() {
    let mut bench = after_r2();
    bench.command("rollback/-/1");
    // The status is written; the operator dies before the call.
    let plan = bench.until_actions();
    assert!(matches!(plan.actions[..], [Action::Traffic(_)]), "{:?}", plan.actions);
    bench.object.status = Some(plan.status);
    bench.pass();
    assert_eq!(bench.stage().variables, BTreeMap::from([("backend".to_owned(), "blue".to_owned())]));
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)");
    assert_eq!(bench.status().releases, Some(3), "one release, not two");
}

#[test]
fn abort_in_preparing_holds_the_target_and_calls_nothing() {
    let mut bench = preparing();
    bench.command("abort/r9.9/1").pass();
    assert_eq!(refused(&bench), "release r2.2 is the one that runs, not r9.9: name that one");
    bench.rest_api.availability = Availability::Available;
    bench.command("abort/r2.2/2").pass();
    assert_eq!(bench.ready(), "False ReleaseAborted (Released False)");
    assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "{:?}", bench.calls);
    assert_eq!(state(&bench), CommandState::Done);
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Aborted));
    bench.pass();
    assert_eq!(bench.statuses.len(), 0, "{:?}", bench.statuses);
    bench.command("retry/r2.2/3").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().revision, Some("r2".into()));
}

#[test]
fn pause_in_preparing_waits_until_resume() {
    let mut bench = preparing();
    bench.command("pause/r2.2/1").pass();
    bench.rest_api.availability = Availability::Available;
    bench.pass();
    assert_eq!(bench.ready(), "False PausedByCommand (Released Unknown)");
    assert_eq!(bench.made, 1, "no snapshot is taken meanwhile");
    bench.command("pause/r2.2/2").pass();
    assert_eq!(refused(&bench), "release r2.2 is paused already; to go on, give resume/r2.2");
    bench.command("resume/r2.2/3").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench.command("resume/r2.2/4").pass();
    assert_eq!(
        refused(&bench),
        "there is no release to resume: r2 is stable; to go back to r1, give the command rollback/-"
    );
}

#[test]
fn a_paused_release_ends_with_another_target() {
    let mut bench = preparing();
    bench.command("pause/r2.2/1").pass();
    bench.revision("r1").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Cancelled));
}

#[test]
fn a_release_that_is_left_for_a_held_target_is_cancelled() {
    let mut bench = after_r2();
    bench.command("rollback/-/1").pass();
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r3").pass();
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False RolledBackByCommand (Released False)");
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Cancelled), "nothing ships instead");
}

#[test]
fn a_foreign_canary_goes_when_a_person_says_so() {
    let mut bench = at_rest();
    let theirs = bench.deployment(None);
    bench.stage().canary = Some(Canary {
        deployment_id: theirs.as_str().into(),
        percent_traffic: 10.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::new(),
    });
    bench.command("abort/dep9/1").pass();
    assert_eq!(refused(&bench), "the canary on the stage is of deployment dep2: name that one");
    bench.command(&format!("abort/{theirs}/2")).pass();
    assert_eq!(bench.calls, ["GetStages", "UpdateStage remove /canarySettings"]);
    assert_eq!(bench.stage().canary, None);
    assert_eq!(state(&bench), CommandState::Done);
    bench.command(&format!("abort/{theirs}/3")).pass();
    assert_eq!(refused(&bench), "there is no release to abort: r1 is stable");
}

#[test]
fn a_suspended_object_refuses_what_would_write() {
    let mut bench = after_r2();
    bench.edit(|spec| spec.suspend = Some(true));
    for command in ["rollback/-/1", "retry/r2.2/2", "abort/r2.2/3", "pause/r2.2/4", "resume/r2.2/5"] {
        bench.command(command).pass();
        assert_eq!(refused(&bench), "spec.suspend is true: remove it first", "{command}");
    }
}

#[test]
fn a_target_is_held_by_deployment_or_by_revision_and_attempt() {
    let target = |revision: &str, deployment: Option<&str>, hash: &str| Target {
        revision: Some(revision.into()),
        attempt: Some(1),
        deployment_id: deployment.map(Into::into),
        variables_hash: hash.to_owned(),
    };
    let held = target("r2", None, "a");
    assert!(held.is(&target("r2", Some("dep2"), "a")), "an aborted one may have got its snapshot later");
    assert!(!held.is(&target("r2", Some("dep2"), "b")), "other variables are another target");
    assert!(!held.is(&target("r3", None, "a")));
}

#[test]
fn a_variable_that_a_release_dropped_comes_back_with_the_rollback() {
    let mut bench = at_rest();
    bench.variable("limit", "5").pass();
    bench.revision("r2").edit(|spec| drop(spec.variables.as_mut().unwrap().remove("limit"))).pass();
    assert!(!bench.stage().variables.contains_key("limit"));
    bench.command("rollback/-/1").pass();
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    assert_eq!(bench.stage().variables["limit"], "5");
    assert!(!bench.events.contains(&EventReason::Warning), "its value was known: {:?}", bench.events);
}
