//! A release whose ground moves: another target, edited steps, a policy or an object that goes.

use serde_json::{Value, json};

use super::canary::*;
use super::*;

#[test]
fn an_object_that_goes_takes_its_canary_with_it() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).delete().pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings", "UntagResource"]);
    assert!(bench.freed);
    assert_eq!(bench.stage().deployment_id, "dep1".into());
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
fn an_unusable_spec_raises_nothing_and_can_be_aborted() {
    let mut bench = first_step(policy());
    bench.edit(|spec| spec.deployment_id = Some("dep1".into())).minutes(30);
    assert_eq!(bench.ready(), "False InvalidSpec (Released False)");
    assert_eq!(bench.stands(), "Progressing 1 at 5");
    bench.command("abort/r2.2/1").pass();
    assert_eq!(bench.writes(), ["UpdateStage remove /canarySettings"]);
    assert_eq!(bench.release().phase, Phase::Failed);
}
