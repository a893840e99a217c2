//! Stories of the plan against a small model of API Gateway: every call has its effect, nothing is ever lost.
//!
//! Faults, the wire and the apiserver are the business of the stories over the simulator; here is what is decided.

mod bench;
mod cache;
mod canary;
mod canary_changes;
mod canary_checks;
mod canary_hands;
mod canary_properties;
mod commands;
mod deployments;
mod failures;
mod fields;
mod import;
mod model;
mod ownership;
mod patch_size;
mod properties;
mod references;
mod screens;
mod settings;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::access::Policy;
use crate::api::command::VERBS;
use crate::api::event::EventReason;
use crate::api::owner::OWNER_TAG;
use crate::api::stage::{AdoptionPolicy, DeletionPolicy, DriftPolicy, ReleasePolicy};
use crate::api::status::{CommandState, How, Phase, ReleaseResult};
use crate::cause::Cause;
use crate::observed::{Availability, Canary};
use crate::world::{Observed, Recent, Siblings};
use bench::{Bench, a_stage, orders};

const CREATE: [&str; 5] = ["GetStages", "GetRestApi", "GetDeployments", "CreateDeployment r1", "CreateStage"];

/// An `ApiStage` at rest that serves r1 as dep1.
fn at_rest() -> Bench {
    let mut bench = orders();
    bench.revision("r1").variable("backend", "blue").edit(|spec| spec.description = Some("Orders".to_owned()));
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench
}

#[test]
fn a_new_stage_takes_five_calls() {
    let bench = at_rest();
    assert_eq!(bench.calls, CREATE);
    assert_eq!(bench.stages[0].variables, BTreeMap::from([("backend".to_owned(), "blue".to_owned())]));
    assert_eq!(bench.stages[0].description.as_deref(), Some("Orders"));
    let release = bench.status().release.clone().unwrap();
    assert_eq!((release.id.as_str(), release.how, release.phase), ("r1.1", How::First, Phase::Succeeded));
    assert_eq!(bench.statuses.len(), 3, "intent, identity of the deployment, the end");
    assert_eq!(bench.status().intents, [], "a snapshot that was taken is no intent");
}

#[test]
fn identity_and_intent_are_written_before_the_calls_they_describe() {
    let bench = at_rest();
    let before_snapshot = &bench.statuses[0];
    assert_eq!(before_snapshot.intents.first().map(|intent| intent.revision.as_str()), Some("r1"));
    assert_eq!(before_snapshot.stage_name, Some("prod".into()));
    assert!(before_snapshot.managed.contains("variables[backend]"), "widened before the write");
    let before_create = &bench.statuses[1];
    assert_eq!(before_create.release.as_ref().map(|release| release.phase), Some(Phase::Promoting));
    assert_eq!(before_create.release.as_ref().unwrap().target.deployment_id, Some("dep1".into()));
}

#[test]
fn a_stage_at_rest_is_one_read_and_nothing_else() {
    let mut bench = at_rest();
    bench.pass();
    assert_eq!(bench.calls, ["GetStages"]);
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0));
    let wake_up_in = bench.wake_up_at.unwrap().duration_since(bench.now).as_secs();
    assert!((480..=720).contains(&wake_up_in), "the drift interval, 20 % to either side: {wake_up_in}");
}

#[test]
fn a_new_revision_is_one_snapshot_and_one_patch() {
    let mut bench = at_rest();
    bench.revision("r2").variable("backend", "green").variable("limit", "5");
    bench.edit(|spec| spec.description = Some("Orders 2".to_owned())).pass();
    assert_eq!(
        bench.calls,
        [
            "GetStages",
            "GetDeployments",
            "GetRestApi",
            // The description does not wait for the snapshot.
            "CreateDeployment r2",
            "UpdateStage replace /description",
            // What changed is looked at before anything moves, and told afterwards.
            "GetDeployment dep2",
            "GetDeployment dep1",
            "UpdateStage replace /deploymentId, replace /variables/backend, replace /variables/limit",
            "UpdateDeployment dep2",
        ]
    );
    assert_eq!(bench.ready(), "True Synced (Released True)");
    let stable = bench.status().release.clone().unwrap().stable.unwrap();
    assert_eq!(stable.variables, BTreeMap::from([("backend".to_owned(), "blue".to_owned())]));
    assert!(stable.added_variables.contains("limit"));
    assert_eq!(bench.status().history.len(), 2);
    assert!(bench.status().history[1].ended.is_some(), "what served before has ended");
}

#[test]
fn a_git_revert_serves_the_first_snapshot_again() {
    let mut bench = at_rest();
    bench.revision("r2").pass();
    bench.revision("r1").pass();
    let calls = ["GetStages", "GetDeployments", "UpdateStage replace /deploymentId", "UpdateDeployment dep1"];
    assert_eq!(bench.calls, calls);
    assert_eq!(bench.status().release.as_ref().unwrap().id.as_str(), "r1.3", "a release of its own");
    assert_eq!(bench.status().deployment_id, Some("dep1".into()));
}

#[test]
fn variables_alone_are_a_release_that_keeps_the_deployment() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.variables = None).variable("limit", "9").pass();
    assert_eq!(bench.calls, ["GetStages", "UpdateStage replace /variables/limit, remove /variables/backend"]);
    assert_eq!(bench.status().release.as_ref().unwrap().id.as_str(), "vars.2");
    assert!(!bench.status().managed.contains("variables[backend]"), "narrowed after the write");
}

#[test]
fn variables_of_others_are_never_touched() {
    let mut bench = at_rest();
    bench.stage().variables.insert("theirs".to_owned(), "1".to_owned());
    bench.edit(|spec| spec.variables = None).pass();
    assert_eq!(bench.stage().variables, BTreeMap::from([("theirs".to_owned(), "1".to_owned())]));
}

#[test]
fn a_dropped_description_is_emptied_and_forgotten() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.description = None).pass();
    assert_eq!(bench.calls, ["GetStages", "UpdateStage replace /description"]);
    assert!(!bench.status().managed.contains("description"));
    bench.stage().description = Some("a hand's".to_owned());
    bench.pass();
    assert_eq!(bench.calls, ["GetStages"], "what is not declared any more is not ours");
}

#[test]
fn what_a_hand_changed_is_put_right() {
    let mut bench = at_rest();
    bench.stage().description = Some("by hand".to_owned());
    bench.stage().variables.insert("backend".to_owned(), "red".to_owned());
    bench.pass();
    assert_eq!(bench.calls, ["GetStages", "UpdateStage replace /description, replace /variables/backend"]);
    assert_eq!(bench.events, [EventReason::DriftCorrected]);
    let fields: Vec<_> = bench.status().drift.iter().map(|drift| drift.field.as_str()).collect();
    assert_eq!(fields, ["variables[backend]", "description"]);
    assert_eq!(bench.status().releases, Some(1), "drift is no release");
    assert_eq!(bench.statuses, [], "no condition flips and flips back");
}

#[test]
fn a_reported_drift_is_left_and_told_once() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.drift_policy = Some(DriftPolicy::Report)).pass();
    bench.stage().variables.insert("backend".to_owned(), "red".to_owned());
    bench.pass();
    assert_eq!(bench.calls, ["GetStages"]);
    assert_eq!(bench.ready(), "False DriftReported (Released False)");
    assert_eq!(bench.events, [EventReason::DriftReported]);
    bench.pass();
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0), "told once");
    bench.stage().variables.insert("backend".to_owned(), "blue".to_owned());
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_hand_that_moves_the_deployment_is_obeyed() {
    let mut bench = at_rest();
    let theirs = bench.deployment(None);
    bench.stage().deployment_id = theirs.as_str().into();
    bench.pass();
    assert_eq!(bench.ready(), "False StageMovedByHand (Released False)");
    assert_eq!(bench.calls, ["GetStages", "GetDeployments"], "nothing is written");
    bench.pass();
    assert_eq!(bench.ready(), "False StageMovedByHand (Released False)");
    assert_eq!(bench.events, [], "told once");

    bench.stage().deployment_id = "dep1".into();
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "moved back, it is no longer held");
    assert_eq!(bench.status().held, []);

    bench.stage().deployment_id = theirs.as_str().into();
    bench.pass();
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "another revision ships");
}

#[test]
fn a_lost_snapshot_is_looked_for_before_it_is_taken_again() {
    let mut bench = orders();
    bench.revision("r1");
    // What a crash between the status write and the reply leaves: intent and release, and nobody knows.
    let mut observed = Observed::default();
    let first = bench.plan(&mut observed);
    assert!(matches!(first.actions[..], [Action::Snapshot { .. }]));
    bench.object.status = Some(first.status);

    bench.pass();
    assert_eq!(bench.calls.last().map(String::as_str), Some("GetRestApi"), "nothing is sent: {:?}", bench.calls);
    assert!(bench.message().contains("reply was lost"), "{}", bench.message());
    bench.pass();
    assert_eq!(
        bench.calls[3..],
        ["CreateDeployment r1", "CreateStage"],
        "after 70 s without a trace it is taken again"
    );
}

#[test]
fn a_lost_snapshot_that_turns_up_is_used_and_its_double_removed() {
    let mut bench = orders();
    bench.revision("r1");
    let first = bench.plan(&mut Observed::default());
    let Some(Action::Snapshot { description, .. }) = first.actions.first().cloned() else { panic!("{first:?}") };
    bench.object.status = Some(first.status);
    bench.deployment(Some(&description));
    bench.now = bench.now.checked_add(Duration::from_secs(1)).unwrap();
    bench.deployment(Some(&description));
    bench.pass();
    assert_eq!(bench.calls[1..], ["GetDeployments", "DeleteDeployment dep2", "CreateStage"]);
    assert_eq!(bench.status().deployment_id, Some("dep1".into()), "the oldest of equals");
}

#[test]
fn a_revision_of_another_stage_is_reused() {
    let mut bench = orders();
    bench.deployment(Some("[stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-dev]"));
    bench.deployment(Some("[stagecraft revision=r1 attempt=2 by=prod-eu/shop/orders-dev]"));
    bench.revision("r1").pass();
    assert_eq!(bench.calls, ["GetStages", "GetRestApi", "GetDeployments", "CreateStage"]);
    assert_eq!(bench.status().deployment_id, Some("dep2".into()), "the highest attempt");
    assert!(bench.events.contains(&EventReason::RevisionReused));
}

#[test]
fn a_deleted_revision_is_never_snapshotted_by_itself() {
    let mut bench = at_rest();
    bench.revision("r2").pass();
    bench.deployments.retain(|deployment| deployment.id != "dep1".into());
    bench.revision("r1").pass();
    assert_eq!(bench.ready(), "False RevisionGone (Released False)");
    assert_eq!(bench.calls, ["GetStages", "GetDeployments"]);
    assert_eq!(bench.status().deployment_id, Some("dep2".into()), "the stage stays as it is");

    bench.command("resnapshot/r1/1").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().release.as_ref().unwrap().target.attempt, Some(2));
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Done);
}

#[test]
fn a_revision_that_another_object_saw_deleted_is_gone_too() {
    let mut bench = orders();
    bench.siblings.known.insert("r1".into());
    bench.revision("r1").pass();
    assert_eq!(bench.ready(), "False RevisionGone (Released False)");
}

#[test]
fn resnapshot_moves_only_what_it_names() {
    let mut bench = at_rest();
    bench.command("resnapshot/r2/1").pass();
    assert_eq!(bench.status().last_command.as_ref().unwrap().message, "spec.revision is r1: name that one");
    bench.command("resnapshot/r1/2").pass();
    assert_eq!(bench.status().deployment_id, Some("dep2".into()));
    assert!(bench.deployments[1].description.as_ref().unwrap().contains("attempt=2"));
    bench.pass();
    assert_eq!((bench.calls.len(), bench.statuses.len()), (1, 0), "a value is taken up once");
}

#[test]
fn every_verb_is_answered_and_none_panics() {
    for verb in VERBS {
        let argument = match *verb {
            "approve" => "r1.1/2",
            "resnapshot" => "r1",
            "flush-cache" | "flush-authorizers" | "reconcile" => "-",
            _ => "r1.1",
        };
        let mut bench = at_rest();
        bench.command(&format!("{verb}/{argument}/1")).pass();
        let answer = bench.status().last_command.clone().unwrap();
        assert_ne!(answer.state, CommandState::Accepted, "{verb} is done or refused when all is at rest");
        assert_eq!(bench.ready(), "True Synced (Released True)", "{verb}");
        assert!(
            bench
                .events
                .iter()
                .any(|event| matches!(event, EventReason::CommandAccepted | EventReason::CommandRefused))
        );
    }
}

#[test]
fn a_command_of_another_life_is_refused() {
    let mut bench = orders();
    bench.revision("r1").command("resnapshot/r1/1").pass();
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Refused);
    assert_eq!(bench.made, 1, "one snapshot, not two");
}

#[test]
fn a_second_revision_before_the_first_is_live_supersedes_it() {
    let mut bench = at_rest();
    bench.rest_api.availability = Availability::Changing;
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    bench.revision("r3").pass();
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Superseded));
    bench.revision("r1").pass();
    assert_eq!(bench.status().history[0].result, Some(ReleaseResult::Cancelled));
    assert_eq!(bench.ready(), "True Synced (Released True)", "back to what is served");
    assert_eq!(bench.made, 1, "neither was ever snapshotted");
}

#[test]
fn a_suspended_object_looks_and_does_not_touch() {
    let mut bench = at_rest();
    bench.revision("r2").edit(|spec| spec.suspend = Some(true)).command("resnapshot/r2/1").pass();
    assert_eq!(bench.calls, ["GetStages"]);
    assert_eq!(bench.ready(), "False Suspended (Released False)");
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Refused);
    bench.delete().pass();
    assert!(bench.freed && bench.stages.len() == 1, "deleting a suspended object retains the stage");
}

#[test]
fn a_foreign_canary_holds_a_new_target_up() {
    let mut bench = at_rest();
    bench.stage().canary = Some(Canary {
        deployment_id: "dep1".into(),
        percent_traffic: 10.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::new(),
    });
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False Releasing (Released False)");
    assert!(bench.message().contains("canary that Stagecraft did not open"), "{}", bench.message());
    assert_eq!(bench.stage().deployment_id, "dep1".into());
    bench.stage().canary = None;
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_deployment_of_others_is_served_once_it_exists() {
    let mut bench = orders();
    bench.edit(|spec| spec.deployment_id = Some("dep1".into())).pass();
    assert_eq!(bench.ready(), "False DeploymentNotFound (Released Unknown)");
    assert!(bench.wake_up_at.unwrap().duration_since(bench.now).as_secs() <= 30, "it heals by itself");
    bench.deployment(None);
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().release.as_ref().unwrap().id.as_str(), "dep1.1");
}

#[test]
fn without_revision_a_new_stage_gets_a_first_snapshot_and_keeps_it() {
    let mut bench = orders();
    bench.pass();
    assert_eq!(bench.status().revision, Some("initial-0c5ef84e".into()));
    let theirs = bench.deployment(None);
    bench.stage().deployment_id = theirs.as_str().into();
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "with neither field the stage keeps what it has");
}

#[test]
fn a_stage_deleted_behind_our_back_comes_back() {
    let mut bench = at_rest();
    bench.stages.clear();
    bench.pass();
    assert_eq!(bench.calls, ["GetStages", "GetDeployments", "CreateStage"]);
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert!(bench.events.contains(&EventReason::StageGone), "and it is said");
}

#[test]
fn a_lost_status_is_rebuilt_and_nothing_is_reset() {
    let mut bench = at_rest();
    bench.object.status = None;
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "{:?}", bench.calls);
    assert!(bench.events.contains(&EventReason::StatusRebuilt));
    bench.delete().pass();
    assert_eq!(bench.stages.len(), 1, "whose it was is not known any more, so it stays");
}

#[test]
fn deletion_takes_the_stage_and_our_deployments_and_nothing_else() {
    let mut bench = at_rest();
    bench.revision("r2").pass();
    let theirs = bench.deployment(None);
    bench.deployment(Some("[stagecraft revision=r1 attempt=1 by=prod-eu/shop/orders-dev]"));
    bench.siblings.offered.insert("dep1".into());
    bench.delete().pass();
    assert_eq!(bench.calls, ["GetStages", "DeleteStage", "DeleteDeployment dep2"]);
    assert!(bench.freed);
    let left: Vec<_> = bench.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
    assert_eq!(left, ["dep1", &theirs, "dep4"], "offered by another, made by hand, another object's");
}

#[test]
fn retain_set_on_a_blocked_deletion_frees_the_object_without_a_call() {
    let mut bench = at_rest();
    bench.delete();
    bench.recent.failure = Some(crate::world::Failure {
        operation: "DeleteStage".to_owned(),
        cause: Cause::Denied,
        text: "no".to_owned(),
        in_a_row: 1,
    });
    let blocked = {
        let (observed, siblings) = (Observed::default(), Siblings::default());
        let world = World {
            object: &bench.object,
            settings: &bench.settings,
            observed: &observed,
            siblings: &siblings,
            recent: &bench.recent,
            cause_at: bench.cause_at,
            now: bench.now,
        };
        after_failure(&world)
    };
    assert!(blocked.finalizer, "it is blocked, not let go");
    let message = &blocked.status.conditions[0].message;
    assert!(message.contains("set spec.deletionPolicy to Retain"), "{message}");
    bench.object.status = Some(blocked.status);
    bench.recent = Recent::default();
    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).pass();
    assert_eq!(bench.calls, [""; 0]);
    assert!(bench.freed);
}

#[test]
fn a_short_failure_changes_no_condition_and_a_lasting_one_does() {
    let bench = at_rest();
    let after = |in_a_row| {
        let recent = Recent {
            failure: Some(crate::world::Failure {
                operation: "GetStages".to_owned(),
                cause: Cause::ServiceFailed,
                text: "Service Unavailable".to_owned(),
                in_a_row,
            }),
            ..Recent::default()
        };
        let (observed, siblings) = (Observed::default(), Siblings::default());
        let world = World {
            object: &bench.object,
            settings: &bench.settings,
            observed: &observed,
            siblings: &siblings,
            recent: &recent,
            cause_at: bench.cause_at,
            now: bench.now,
        };
        after_failure(&world).status.conditions[0].reason.clone()
    };
    assert_eq!((after(1).as_str(), after(2).as_str(), after(3).as_str()), ("Synced", "Synced", "AwsUnavailable"));
}
