//! What becomes of deployments: what they are compared by, what they say, and when they go.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::bench::{api, at};
use super::*;
use crate::api::marker::{Description, Outcome};
use crate::api::names::DeploymentId;
use crate::api::progress::Changes;
use crate::api::settings::AccessLogSettings;
use crate::observed::Deployment;
use crate::world::Group;

const HOUR: Duration = Duration::from_hours(1);

/// `count` revisions, one a minute, with this limit.
fn released(count: usize, limit: u8) -> Bench {
    let mut bench = orders();
    bench.edit(|spec| spec.deployment_history_limit = Some(limit));
    for n in 1..=count {
        bench.revision(&format!("r{n}")).pass();
        assert_eq!(bench.ready(), "True Synced (Released True)");
    }
    bench
}

fn later(bench: &mut Bench, span: Duration) -> &mut Bench {
    bench.now = bench.now.checked_add(span).unwrap();
    bench
}

/// Passes until nothing more is pruned.
fn sweep(bench: &mut Bench) -> Vec<String> {
    let mut pruned = Vec::new();
    loop {
        bench.pass();
        let now: Vec<_> = bench.calls.iter().filter(|call| call.starts_with("DeleteDeployment")).cloned().collect();
        assert!(now.len() <= 5, "a few a pass: {now:?}");
        if now.is_empty() {
            return pruned;
        }
        let soon = bench.wake_up_at.unwrap().duration_since(bench.now).as_secs();
        assert!(now.len() < 5 || soon <= 60, "the next few follow soon: {soon}");
        pruned.extend(now);
    }
}

fn left(bench: &Bench) -> Vec<&str> {
    bench.deployments.iter().map(|deployment| deployment.id.as_str()).collect()
}

fn described(bench: &Bench, id: &str) -> Description {
    let found = bench.deployments.iter().find(|deployment| deployment.id == id.into()).unwrap();
    Description::parse(found.description.as_deref().unwrap()).unwrap()
}

fn outcome(bench: &Bench, id: &str) -> Option<Outcome> {
    described(bench, id).outcome
}

#[test]
fn fifteen_revisions_with_a_limit_of_three_leave_four_deployments() {
    let mut bench = released(15, 3);
    assert_eq!(left(&bench).len(), 15, "nothing goes within the hour");
    assert_eq!(sweep(later(&mut bench, HOUR)).len(), 11);
    assert_eq!(left(&bench), ["dep12", "dep13", "dep14", "dep15"]);
    let pruned: BTreeSet<_> = bench.status().pruned.iter().map(|pruned| pruned.revision.as_str()).collect();
    assert_eq!(pruned.len(), 11);
    assert!(pruned.contains("r11") && !pruned.contains("r12"));
    let history: Vec<_> = bench.status().history.iter().map(|entry| entry.target.revision.clone().unwrap()).collect();
    assert_eq!(history, ["r15".into(), "r14".into(), "r13".into(), "r12".into()]);
    assert!(bench.message().contains("is as declared"), "{}", bench.message());
    bench.pass();
    assert_eq!((bench.calls.as_slice(), bench.statuses.len()), (["GetStages".to_owned()].as_slice(), 0), "once");
}

#[test]
fn a_revision_that_was_pruned_is_never_snapshotted_by_itself() {
    let mut bench = released(5, 1);
    sweep(later(&mut bench, HOUR));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False RevisionGone (Released False)");
    assert_eq!(bench.made, 5);
    bench.command("resnapshot/r2/1").pass();
    assert_eq!(bench.status().release.as_ref().unwrap().target.attempt, Some(2), "and it counts on");
    bench.revision("r5").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "what the history offers is there");
}

#[test]
fn nothing_goes_that_somebody_needs() {
    let mut bench = released(9, 1);
    bench.siblings.offered.insert("dep1".into());
    bench.siblings.wanted.insert("r2".into());
    let mut other = a_stage("dep3");
    other.name = "dev".into();
    other.canary = Some(Canary {
        deployment_id: "dep4".into(),
        percent_traffic: 5.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::new(),
    });
    bench.stages.push(other);
    let theirs = bench.deployment(Some("[stagecraft revision=r1 attempt=1 by=prod-eu/shop/gone]"));
    let by_hand = bench.deployment(Some("made by hand"));
    let bare = bench.deployment(None);
    sweep(later(&mut bench, HOUR));
    assert_eq!(left(&bench), ["dep1", "dep2", "dep3", "dep4", "dep8", "dep9", &theirs, &by_hand, &bare]);
    assert_eq!(bench.orphans, Some(1), "an owner that is gone is counted, and nobody's to clean up");
}

#[test]
fn a_held_target_and_what_is_younger_than_an_hour_stay() {
    let mut bench = released(4, 1);
    bench.command("rollback/-/1").pass();
    for n in 5..=7 {
        bench.revision(&format!("r{n}")).pass();
    }
    bench.now = bench.now.checked_add(HOUR).unwrap();
    let owner = bench.object.metadata.name.clone().unwrap();
    let young = bench.deployment(Some(&format!("[stagecraft revision=r0 attempt=1 by=prod-eu/shop/{owner}]")));
    sweep(&mut bench);
    assert_eq!(left(&bench), ["dep4", "dep6", "dep7", &young], "dep4 is held");
}

#[test]
fn at_rest_nobody_looks_before_there_is_something_to_find() {
    let mut bench = released(1, 1);
    for _ in 0..3 {
        later(&mut bench, HOUR).pass();
        assert_eq!(bench.calls, ["GetStages"], "nothing ever ceased to serve");
    }
    bench.revision("r2").pass();
    later(&mut bench, Duration::from_mins(30)).pass();
    assert_eq!(bench.calls, ["GetStages"], "too early");
    later(&mut bench, Duration::from_mins(30)).pass();
    assert_eq!(bench.calls, ["GetStages", "GetDeployments"], "once, an hour after r1 ceased to serve");
    later(&mut bench, HOUR).pass();
    assert_eq!(bench.calls, ["GetStages"]);
    bench.recent = Recent::default();
    bench.pass();
    assert_eq!(bench.calls, ["GetStages", "GetDeployments"], "and once in each life of the operator");
}

#[test]
fn what_a_sibling_lets_go_is_cleaned_up_by_its_owner() {
    let mut bench = released(4, 1);
    bench.siblings.offered.insert("dep1".into());
    sweep(later(&mut bench, HOUR));
    assert_eq!(left(&bench), ["dep1", "dep3", "dep4"]);
    bench.siblings.offered.clear();
    bench.siblings.ended.insert(bench.now);
    sweep(later(&mut bench, HOUR));
    assert_eq!(left(&bench), ["dep3", "dep4"]);
}

#[test]
fn a_smaller_limit_is_obeyed_at_once_where_things_are_old() {
    let mut bench = released(6, 5);
    later(&mut bench, HOUR).pass();
    assert_eq!(left(&bench).len(), 6);
    bench.edit(|spec| spec.deployment_history_limit = Some(1));
    sweep(&mut bench);
    assert_eq!(left(&bench), ["dep5", "dep6"]);
    assert_eq!(bench.status().history.len(), 2);
}

#[test]
fn a_lost_status_does_not_empty_the_shelf() {
    let mut bench = released(6, 2);
    sweep(later(&mut bench, HOUR));
    assert_eq!(left(&bench), ["dep4", "dep5", "dep6"]);
    bench.object.status = None;
    bench.recent = Recent::default();
    bench.pass();
    bench.revision("r7").pass();
    sweep(later(&mut bench, HOUR));
    assert_eq!(left(&bench), ["dep5", "dep6", "dep7"], "as many as the limit says, the newest");
    bench.revision("r4").pass();
    assert_eq!(bench.ready(), "False RevisionGone (Released False)", "and what went is remembered from then on");
}

#[test]
fn nothing_goes_while_an_object_cannot_be_read() {
    let mut bench = released(4, 1);
    bench.siblings.unreadable = true;
    assert_eq!(sweep(later(&mut bench, HOUR)), [""; 0], "its history may offer any of them");
    bench.siblings.unreadable = false;
    assert_eq!(sweep(&mut bench).len(), 2);

    bench.siblings.unreadable = true;
    bench.delete().pass();
    assert!(bench.freed && bench.stages.is_empty(), "the stage goes with its object");
    assert_eq!(left(&bench), ["dep3", "dep4"], "and its deployments stay: one may be what another stage goes back to");
    assert_eq!(bench.events.last(), Some(&EventReason::LeftAsItIs));
}

#[test]
fn settings_that_are_refused_for_long_keep_nobody_from_tidying_up() {
    let mut bench = released(4, 1);
    bench.refusing = Some((Group::Logging, Cause::LogsRoleMissing));
    let log = AccessLogSettings {
        destination_arn: "arn:aws:logs:eu-west-1:123456789012:log-group:orders".to_owned(),
        format: "$context.requestId".to_owned(),
    };
    bench.edit(|spec| spec.access_log_settings = Some(log)).pass();
    assert_eq!(bench.ready(), "False LogsRoleMissing (Released True)");
    later(&mut bench, HOUR);
    let expected = ["DeleteDeployment dep2", "DeleteDeployment dep1"];
    assert_eq!(sweep(&mut bench), expected, "in a pass in which they were refused again");

    bench.revision("r5").pass();
    bench.pass_keeping_tried();
    assert_eq!(outcome(&bench, "dep5"), Some(Outcome::Promoted), "and in one in which their time had not come");
    later(&mut bench, HOUR);
    bench.recent.tried.insert(Group::Logging);
    bench.pass_keeping_tried();
    assert!(bench.calls.contains(&"DeleteDeployment dep3".to_owned()), "{:?}", bench.calls);

    // Anything else that was refused is not a state to tidy up in.
    bench.revision("r6").pass();
    later(&mut bench, HOUR);
    bench.recent.tried.insert(Group::Command);
    bench.pass_keeping_tried();
    assert_eq!(left(&bench), ["dep4", "dep5", "dep6"]);
}

#[test]
fn a_refused_deletion_waits_and_holds_nothing_up() {
    let mut bench = released(4, 1);
    later(&mut bench, HOUR);
    bench.recent.housekeeping.failed(Some(&DeploymentId::from("dep1")), &Cause::DeploymentInUse, bench.now);
    assert_eq!(sweep(&mut bench), ["DeleteDeployment dep2"]);
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(sweep(&mut bench), [""; 0], "not again and again");
    assert_eq!(sweep(later(&mut bench, HOUR)), ["DeleteDeployment dep1"], "but again");

    let mut bench = released(4, 1);
    later(&mut bench, HOUR);
    bench.recent.housekeeping.failed(Some(&DeploymentId::from("dep1")), &Cause::Denied, bench.now);
    assert_eq!(sweep(&mut bench), [""; 0], "who may not delete one may not delete the others");
    assert_eq!(bench.calls, ["GetStages"]);
    assert_eq!(sweep(later(&mut bench, HOUR)).len(), 2);
}

#[test]
fn a_deployment_deleted_behind_our_back_is_offered_no_more() {
    let mut bench = released(4, 3);
    bench.deployments.retain(|deployment| deployment.id != "dep2".into());
    later(&mut bench, HOUR).pass();
    assert_eq!(bench.events, [EventReason::DeploymentGone]);
    let history: Vec<_> = bench.status().history.iter().map(|entry| entry.target.revision.clone().unwrap()).collect();
    assert_eq!(history, ["r4".into(), "r3".into(), "r1".into()]);
    assert!(bench.status().pruned.iter().any(|pruned| pruned.revision == "r2".into()));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False RevisionGone (Released False)");
}

#[test]
fn nothing_goes_while_the_stages_cannot_be_listed() {
    let mut bench = released(4, 1);
    bench.unlisted = true;
    assert_eq!(sweep(later(&mut bench, HOUR)), [""; 0]);
    assert_eq!(bench.calls, ["GetStages"], "without all stages the deployments are not even looked at");
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.events, [EventReason::Warning]);
    let message = bench.message();
    assert!(message.ends_with("none is deleted. Allow apigateway:GET on /restapis/a1b2c3d4e5/stages."), "{message}");
    bench.pass();
    assert_eq!((bench.events.len(), bench.statuses.len()), (0, 0), "it is said once");

    for _ in 0..2 {
        bench.deployment(Some("[stagecraft revision=r5 attempt=1 by=prod-eu/shop/orders-prod]"));
    }
    bench.revision("r5").pass();
    assert_eq!(bench.status().deployment_id, Some("dep5".into()), "releases go on");
    assert_eq!(bench.deployments.len(), 6, "nor does a second snapshot go");

    bench.unlisted = false;
    let expected = ["dep6", "dep3", "dep2", "dep1"].map(|id| format!("DeleteDeployment {id}"));
    assert_eq!(sweep(later(&mut bench, HOUR)), expected, "what has piled up goes when they can be listed again");
    assert!(!bench.message().contains("denied"));

    bench.unlisted = true;
    bench.delete().pass();
    assert!(bench.freed && bench.stages.is_empty(), "the stage goes with its object");
    assert_eq!(left(&bench), ["dep4", "dep5"], "and its deployments stay");
    assert_eq!(bench.events.last(), Some(&EventReason::LeftAsItIs));
}

#[test]
fn a_second_snapshot_that_came_late_goes_with_the_clean_up() {
    let mut bench = released(1, 5);
    let owner = bench.deployments[0].description.clone();
    bench.deployment(owner.as_deref());
    bench.revision("r2").pass();
    let second = bench.deployments[2].description.clone();
    bench.deployment(second.as_deref());
    let unheard_of = Deployment { id: "older".into(), created: at(0), description: second };
    bench.deployments.push(unheard_of);
    let expected = ["dep4", "dep2", "older"].map(|id| format!("DeleteDeployment {id}"));
    assert_eq!(sweep(later(&mut bench, HOUR)), expected, "also that of the revision in spec");
    bench.revision("r1").pass();
    assert_eq!(bench.status().deployment_id, Some("dep1".into()), "the oldest of equals");
}

#[test]
fn a_release_says_what_it_changes_about_the_api() {
    let mut bench = at_rest();
    bench.definition = api(&["GET /orders", "GET /tiles/{z}", "GET /styles"]);
    bench.revision("r2").pass();
    let changes = bench.status().release.as_ref().unwrap().changes.clone().unwrap();
    assert_eq!(changes.methods_added, ["GET /styles", "GET /tiles/{z}"]);
    assert!(bench.events.contains(&EventReason::ApiChanged));
    let summaries: Vec<_> = bench.calls.iter().filter(|call| call.starts_with("GetDeployment ")).collect();
    assert_eq!(summaries, ["GetDeployment dep2", "GetDeployment dep1"]);
    bench.variable("backend", "green").pass();
    assert_eq!(bench.status().release.as_ref().unwrap().changes, None, "variables change no method");
    bench.revision("r3").pass();
    assert!(!bench.events.contains(&EventReason::ApiChanged), "nothing changed, nothing to tell");
    assert_eq!(bench.status().release.as_ref().unwrap().changes, Some(Changes::default()), "and that is known");
}

#[test]
fn methods_that_cannot_be_read_hold_nothing_up() {
    let mut bench = at_rest();
    bench.methods.clear();
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().release.as_ref().unwrap().changes, None, "what is not known is not claimed");
    assert!(!bench.events.contains(&EventReason::ApiChanged));
}

#[test]
fn what_became_of_a_deployment_stands_in_its_description() {
    let mut bench = at_rest();
    assert_eq!(outcome(&bench, "dep1"), None, "a first release decides nothing");
    bench.revision("r2").pass();
    assert_eq!(outcome(&bench, "dep2"), Some(Outcome::Promoted));
    bench.command("rollback/-/1").pass();
    assert_eq!((outcome(&bench, "dep1"), outcome(&bench, "dep2")), (Some(Outcome::Promoted), Some(Outcome::Rejected)));
    bench.pass();
    assert!(bench.calls.iter().all(|call| call.starts_with("Get")) && bench.statuses.is_empty(), "{:?}", bench.calls);
    bench.recent = Recent::default();
    bench.pass();
    assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "nor writes again after a restart");
    bench.command("retry/r2.2/2").pass();
    assert_eq!(outcome(&bench, "dep2"), Some(Outcome::Promoted), "in the end it served");
}

#[test]
fn a_rejected_target_stays_held_when_the_status_is_lost() {
    let mut bench = at_rest();
    bench.revision("r2").pass();
    bench.command("rollback/-/1").pass();
    bench.object.status = None;
    bench.object.metadata.annotations = None;
    bench.pass();
    assert_eq!(bench.ready(), "False ReleaseFailed (Released False)");
    assert_eq!(bench.status().deployment_id, Some("dep1".into()), "it does not ship by itself");
    bench.pass();
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0));
    bench.revision("r3").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn what_another_object_rejected_is_not_held_here() {
    let mut bench = at_rest();
    bench.object.status = None;
    bench.deployment(Some("result=Rejected [stagecraft revision=r2 attempt=1 by=prod-eu/shop/orders-dev]"));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    let theirs = bench.deployments.iter().find(|deployment| deployment.id == "dep2".into()).unwrap();
    assert!(theirs.description.as_ref().unwrap().starts_with("result=Rejected"), "and theirs to change: {theirs:?}");
}

#[test]
fn the_text_of_the_user_goes_before_the_marker_and_follows_the_spec() {
    let mut bench = orders();
    bench.edit(|spec| spec.deployment_description = Some("Orders, build 1".to_owned())).revision("r1").pass();
    assert_eq!(bench.calls, CREATE, "it comes with the snapshot");
    let text = |bench: &Bench, id: &str| described(bench, id).to_string().split(" [").next().unwrap().to_owned();
    assert_eq!(text(&bench, "dep1"), "Orders, build 1");
    bench.edit(|spec| spec.deployment_description = Some("Orders".to_owned())).pass();
    assert_eq!(bench.calls.last().unwrap(), "UpdateDeployment dep1");
    assert_eq!(text(&bench, "dep1"), "Orders");
    bench.revision("r2").pass();
    assert_eq!(text(&bench, "dep2"), "Orders result=Promoted");
    bench.edit(|spec| spec.deployment_description = None).pass();
    assert_eq!(text(&bench, "dep2"), "Orders result=Promoted", "dropped, it stays");
    bench.pass();
    assert_eq!((bench.calls.len(), bench.statuses.len()), (1, 0));
}

#[test]
fn a_new_revision_waits_for_its_snapshot_delay() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.snapshot_delay = Some(crate::api::duration::Duration::from_secs(300)));
    bench.revision("r2").pass();
    assert_eq!(bench.calls, ["GetStages", "GetDeployments"]);
    assert_eq!(bench.ready(), "False Releasing (Released Unknown)");
    assert!(bench.message().contains("waits for spec.snapshotDelay"), "{}", bench.message());
    let release = bench.status().release.clone().unwrap();
    let over = release.started_at.0.checked_add(Duration::from_mins(5)).unwrap();
    assert_eq!(release.next_action_at.unwrap().0, over);
    bench.pass();
    assert_eq!((bench.made, bench.statuses.len()), (1, 0), "it says so once");
    bench.now = over.checked_sub(Duration::from_mins(1)).unwrap();
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.made, 2);
    bench.command("resnapshot/r2/1").pass();
    assert_eq!(bench.made, 3, "who asks by command waits for nothing");
    bench.revision("r1").pass();
    assert_eq!(bench.status().deployment_id, Some("dep1".into()), "nor does a revision that is known");
}

proptest! {
    /// Whatever was released and rolled back: clean-up takes nothing that serves or is offered, and everything else of ours.
    #[test]
    fn clean_up_takes_what_nobody_needs_and_nothing_else(
        deeds in proptest::collection::vec((0..12_u8, 0..4_u8), 1..24),
        limit in 1..5_u8,
    ) {
        let mut bench = released(1, limit);
        for (number, (revision, deed)) in deeds.into_iter().enumerate() {
            match deed {
                0 => { bench.command(&format!("rollback/-/{number}")); }
                1 => { bench.variable("backend", &format!("v{number}")); }
                _ => { bench.revision(&format!("r{revision}")); }
            }
            bench.pass();
        }
        sweep(later(&mut bench, HOUR));
        let status = bench.status();
        let offered: BTreeSet<_> = status
            .history
            .iter()
            .map(|entry| &entry.target)
            .chain(status.held.iter().map(|held| &held.target))
            .filter_map(|target| target.deployment_id.clone())
            .collect();
        let there: BTreeSet<_> = bench.deployments.iter().map(|deployment| deployment.id.clone()).collect();
        prop_assert!(offered.is_subset(&there), "{:?} is offered, {:?} is there", offered, there);
        prop_assert!(there.contains(&bench.stages[0].deployment_id));
        let named = bench.object.spec.revision.clone();
        let surplus: Vec<_> = bench
            .deployments
            .iter()
            .filter(|deployment| !offered.contains(&deployment.id))
            .filter(|deployment| Description::parse(deployment.description.as_deref().unwrap()).map(|found| found.marker.revision) != named)
            .collect();
        let served: BTreeSet<_> = status.history.iter().filter(|entry| entry.how.is_some()).filter_map(|entry| entry.target.deployment_id.clone()).collect();
        let room = usize::from(limit) + 1 - served.len().min(usize::from(limit) + 1);
        prop_assert!(surplus.len() <= room, "{:?} is left", surplus);
        bench.pass();
        prop_assert!(bench.calls.iter().all(|call| call.starts_with("Get")), "{:?}", bench.calls);
        prop_assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0));
    }
}
