//! Stories of the plan against a small model of API Gateway.

mod bench;
mod fields;

use std::time::Duration;

use proptest::prelude::*;

use crate::access::Policy;
use crate::api::event::EventReason;
use crate::api::gateway_response::{DeletionPolicy, ResponseType};
use crate::api::settings::{ConfigMapKeyRef, RestApiIdSource};
use crate::api::stage::{AdoptionPolicy, DriftPolicy};
use crate::cause::Cause;
use crate::observed::ResponseContent;
use crate::reference::Referred;
use bench::{Bench, map, of};

const ORIGIN: &str = "gatewayresponse.header.Access-Control-Allow-Origin";

/// A customised THROTTLED at rest.
fn at_rest() -> Bench {
    let mut bench = of(ResponseType::Throttled);
    bench.edit(|spec| {
        spec.status_code = Some("420".to_owned());
        spec.response_parameters = Some(map(&[(ORIGIN, "'*'")]));
        spec.response_templates = Some(map(&[("application/json", "{}")]));
    });
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    bench
}

fn theirs() -> ResponseContent {
    ResponseContent {
        status_code: Some("429".to_owned()),
        response_parameters: map(&[("gatewayresponse.header.X-Team", "'shop'")]),
        response_templates: map(&[("application/json", "{\"theirs\":1}")]),
    }
}

#[test]
fn a_new_gateway_response_takes_one_read_and_one_put() {
    let bench = at_rest();
    assert_eq!(
        bench.calls,
        [
            "GetGatewayResponses",
            "Put statusCode 420, gatewayresponse.header.Access-Control-Allow-Origin, application/json"
        ]
    );
    assert_eq!(bench.events, [EventReason::ResponseApplied]);
    let owned = bench.status().owned.clone().unwrap();
    assert!(owned.hash.is_some() && owned.hash == owned.declared && owned.writing.is_empty(), "{owned:?}");
}

#[test]
fn identity_and_ownership_are_written_before_the_call() {
    let bench = at_rest();
    assert_eq!(bench.statuses.len(), 2, "ahead of the call, and the end");
    let ahead = &bench.statuses[0];
    assert_eq!(ahead.rest_api_id, Some("a1b2c3d4e5".into()));
    assert_eq!(ahead.response_type, Some(ResponseType::Throttled));
    let owned = ahead.owned.as_ref().unwrap();
    assert_eq!(owned.hash, None, "nothing of ours is there yet");
    assert_eq!(owned.writing.len(), 1);
    let declared = bench.status().owned.as_ref().unwrap().declared.clone();
    assert_eq!(Some(&owned.writing[0].hash), declared.as_ref());
}

#[test]
fn at_rest_it_is_one_read_and_nothing_else() {
    let mut bench = at_rest();
    bench.pass();
    assert_eq!(bench.calls, ["GetGatewayResponses"]);
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0));
    let wake_up_in = bench.wake_up_at.unwrap().duration_since(bench.now).as_secs();
    assert!((480..=720).contains(&wake_up_in), "the drift interval, 20 % to either side: {wake_up_in}");
}

#[test]
fn inheritance_never_causes_a_write() {
    for family in [ResponseType::Default4xx, ResponseType::Default5xx] {
        for kind in ResponseType::ALL.iter().filter(|kind| **kind != family) {
            let mut bench = of(*kind);
            bench.edit(|spec| spec.suspend = Some(true));
            bench.pass();
            bench.customised.insert(family, theirs());
            bench.pass();
            assert_eq!(bench.calls, ["GetGatewayResponses"], "{kind} under {family}");
            assert_eq!(bench.statuses.len(), 0, "{kind} under {family}: what is inherited is not even told");
            bench.edit(|spec| spec.suspend = None).pass();
            assert_eq!(bench.calls, ["GetGatewayResponses", "Put"], "{kind} is customised in any case");
            bench.customised.insert(family, ResponseContent::default());
            bench.pass();
            assert_eq!(bench.calls, ["GetGatewayResponses"], "{kind} takes nothing from {family} any more");
            bench.customised.remove(&family);
            bench.pass();
            assert_eq!((bench.calls.len(), bench.statuses.len()), (1, 0), "{kind} under {family}");
        }
    }
}

#[test]
fn a_customisation_without_our_record_is_left_alone() {
    let mut bench = of(ResponseType::Throttled);
    bench.customise(theirs()).pass();
    assert_eq!(bench.condition("Ready"), "False ResponseExists");
    assert_eq!(bench.condition("Deployed"), "False ResponseExists");
    assert_eq!(bench.calls, ["GetGatewayResponses"]);
    assert_eq!(bench.status().rest_api_id, None, "it governs nothing and holds nothing up");
    bench.edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::IfExists)).pass();
    assert_eq!(bench.condition("Ready"), "False AdoptionDenied");
    bench.settings.access = Policy::Open { adoption: true };
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    assert_eq!(bench.calls, ["GetGatewayResponses", "Put"], "what was theirs and is not declared is dropped");
    assert_eq!(bench.events, [EventReason::ResponseAdopted, EventReason::ResponseApplied]);
    assert!(bench.statuses[0].owned.as_ref().unwrap().hash.is_some(), "ours before anything is changed");
    bench.delete().pass();
    assert!(bench.freed && bench.events == [EventReason::ResponseRetained], "an adopted one stays: {:?}", bench.events);
    assert_eq!(bench.calls, [""; 0], "and nobody is called");
}

#[test]
fn what_a_hand_changed_is_put_right_without_a_status_ahead() {
    let mut bench = at_rest();
    bench.held().response_parameters.insert(ORIGIN.to_owned(), "'evil'".to_owned());
    bench.held().status_code = Some("200".to_owned());
    bench.pass();
    assert_eq!(
        bench.calls,
        ["GetGatewayResponses", &format!("Update replace /statusCode 420; replace /responseParameters/{ORIGIN} '*'")]
    );
    assert_eq!(bench.events, [EventReason::DriftCorrected]);
    assert_eq!(bench.statuses.len(), 0, "nothing ahead of the call; what it did is settled");
    assert!(bench.status().drift.iter().all(|drift| drift.corrected) && bench.status().drift.len() == 2);
    assert_eq!(bench.condition("Ready"), "True Synced");
}

#[test]
fn a_hand_that_deletes_it_is_drift_too() {
    let mut bench = at_rest();
    bench.customised.clear();
    bench.pass();
    assert_eq!(bench.calls.len(), 2);
    assert!(bench.calls[1].starts_with("Put statusCode 420"), "{:?}", bench.calls);
    assert_eq!(bench.events, [EventReason::DriftCorrected]);
}

#[test]
fn drift_that_is_only_reported_is_left_and_told_once() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.drift_policy = Some(DriftPolicy::Report)).pass();
    bench.held().status_code = Some("200".to_owned());
    bench.pass();
    assert_eq!(bench.condition("Ready"), "False DriftReported");
    assert_eq!(bench.events, [EventReason::DriftReported]);
    bench.pass();
    assert_eq!((bench.calls.len(), bench.statuses.len(), bench.events.len()), (1, 0, 0));
    bench.held().status_code = Some("420".to_owned());
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    assert_eq!(bench.status().drift, []);
}

#[test]
fn what_was_deleted_and_made_anew_by_others_is_theirs() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.drift_policy = Some(DriftPolicy::Report)).pass();
    bench.customised.clear();
    bench.pass();
    assert_eq!(bench.condition("Ready"), "False DriftReported");
    bench.customise(theirs());
    bench.edit(|spec| spec.drift_policy = None).pass();
    assert_eq!(bench.condition("Ready"), "False ResponseExists");
    assert_eq!(bench.calls, ["GetGatewayResponses"], "nothing of ours is there, so nothing is corrected");
}

#[test]
fn a_suspended_object_observes_and_writes_nothing() {
    let mut bench = at_rest();
    bench.edit(|spec| {
        spec.suspend = Some(true);
        spec.status_code = Some("503".to_owned());
    });
    bench.pass();
    assert_eq!(bench.calls, ["GetGatewayResponses"]);
    assert_eq!(bench.condition("Ready"), "False Suspended");
    assert_eq!(bench.condition("Deployed"), "False Suspended");
    bench.delete().pass();
    assert!(bench.freed && !bench.customised.is_empty(), "deleting a suspended object retains");
}

#[test]
fn delete_gives_the_default_back_and_tolerates_that_it_is_gone() {
    let mut bench = at_rest();
    bench.delete().pass();
    assert_eq!(bench.calls, ["GetGatewayResponses", "Delete"]);
    assert!(bench.freed && bench.customised.is_empty());
    assert_eq!(bench.events, [EventReason::ResponseDeleted]);
    let mut bench = at_rest();
    bench.customised.clear();
    bench.delete().pass();
    assert_eq!(bench.calls, ["GetGatewayResponses"]);
    assert!(bench.freed);
}

#[test]
fn retain_set_on_a_terminating_object_frees_it_without_a_call() {
    let mut bench = at_rest();
    bench.delete().pass_refused(Cause::Denied);
    assert_eq!(bench.condition("Ready"), "False DeletionBlocked");
    assert!(bench.message("Ready").ends_with("set spec.deletionPolicy to Retain."), "{}", bench.message("Ready"));
    assert!(!bench.freed);
    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).pass();
    assert!(bench.freed && bench.calls.is_empty(), "{:?}", bench.calls);
    assert!(!bench.customised.is_empty());
}

#[test]
fn a_deletion_out_of_reach_says_so_and_can_be_escaped() {
    let elsewhere: fn(&mut Bench) = |bench| bench.account = "999999999999".into();
    let forbidden: fn(&mut Bench) = |bench| bench.settings.access = Policy::Rules(Vec::new());
    for (case, sentence) in [(elsewhere, "in account 123456789012"), (forbidden, "No access rule of the operator")] {
        let mut bench = at_rest();
        case(&mut bench);
        bench.delete().pass();
        assert_eq!(bench.condition("Ready"), "False DeletionBlocked");
        assert!(bench.message("Ready").contains(sentence), "{}", bench.message("Ready"));
        assert_eq!((bench.calls.len(), bench.freed), (0, false), "nobody is asked");
        assert_eq!(bench.events, [EventReason::DeletionBlocked]);
        bench.pass();
        assert_eq!(bench.events, [], "said once");
        bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).pass();
        assert!(bench.freed && bench.calls.is_empty());
    }
}

#[test]
fn what_no_rule_allows_is_denied_before_anything_is_asked() {
    let mut bench = of(ResponseType::Throttled);
    bench.settings.access = Policy::Rules(Vec::new());
    bench.neighbours.older = Some("secret/first".to_owned());
    bench.pass();
    assert_eq!(bench.condition("Ready"), "False NotAllowed");
    assert_eq!((bench.calls.len(), bench.object.metadata.finalizers.clone()), (0, None));
}

#[test]
fn a_deletion_waits_for_a_write_whose_reply_was_lost() {
    let mut bench = of(ResponseType::Throttled);
    // The operator was killed right before its call, or the call is still under way.
    let plan = bench.plan(&mut super::Observed::default());
    bench.object.status = Some(plan.status);
    bench.object.metadata.finalizers = Some(vec![crate::api::FINALIZER.to_owned()]);
    bench.delete().pass_now();
    assert_eq!(bench.condition("Ready"), "False Deleting");
    assert!(!bench.freed);
    bench.now = bench.now.checked_add(Duration::from_secs(69)).unwrap();
    bench.pass_now();
    assert!(!bench.freed, "its effect may still come");
    bench.customised.insert(ResponseType::Throttled, super::Declared::default().content(ResponseType::Throttled));
    bench.now = bench.now.checked_add(Duration::from_secs(1)).unwrap();
    bench.pass_now();
    assert!(bench.freed && bench.customised.is_empty(), "it landed late, and was undone: {:?}", bench.calls);
}

#[test]
fn what_is_not_what_we_wrote_is_not_deleted() {
    let mut bench = of(ResponseType::Throttled);
    let plan = bench.plan(&mut super::Observed::default());
    bench.object.status = Some(plan.status);
    bench.object.metadata.finalizers = Some(vec![crate::api::FINALIZER.to_owned()]);
    bench.customise(theirs());
    bench.delete().pass();
    assert!(bench.freed && !bench.customised.is_empty());
    assert_eq!(bench.calls, ["GetGatewayResponses"]);
    assert_eq!(bench.events, [EventReason::ResponseRetained]);
}

#[test]
fn a_write_whose_reply_was_lost_is_recognised() {
    let mut bench = of(ResponseType::Throttled);
    bench.edit(|spec| spec.status_code = Some("420".to_owned()));
    let plan = bench.plan(&mut super::Observed::default());
    let super::Action::Put(change) = &plan.actions[0] else { panic!("{:?}", plan.actions) };
    let content = change.declared.content(ResponseType::Throttled);
    bench.object.status = Some(plan.status.clone());
    bench.customise(content).pass();
    assert_eq!(bench.calls, ["GetGatewayResponses"], "it is not written again");
    assert_eq!(bench.events, [EventReason::ResponseApplied]);
    assert_eq!(bench.condition("Ready"), "True Synced");
    assert_eq!(bench.status().owned.as_ref().unwrap().writing, []);
}

#[test]
fn the_second_object_for_a_type_is_told_and_asks_nothing_of_aws() {
    let mut bench = of(ResponseType::Throttled);
    bench.neighbours.older = Some("shop/first".to_owned());
    bench.pass();
    assert_eq!(bench.condition("Ready"), "False NotOldest");
    assert_eq!(bench.calls, [""; 0]);
}

#[test]
fn a_refused_write_says_so_and_does_not_flap() {
    let mut bench = of(ResponseType::Throttled);
    bench.pass_refused(Cause::Refused);
    assert_eq!(bench.condition("Ready"), "False Refused");
    let before = bench.status().clone();
    bench.pass_refused(Cause::Refused);
    assert_eq!(bench.status(), &before, "a retry writes nothing");
    assert_eq!(bench.statuses.len(), 0);
    bench.recent.refused.clear();
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
}

#[test]
fn a_lasting_throttle_is_told() {
    let mut bench = of(ResponseType::Throttled);
    bench.pass_refused(Cause::Throttled { retry_after: None });
    assert_eq!(bench.condition("Ready"), "False Throttled");
    assert_eq!(bench.condition("Reconciling"), "True Throttled");
}

#[test]
fn the_rest_api_that_spec_refers_to_is_resolved_once() {
    let source =
        RestApiIdSource { config_map_key_ref: ConfigMapKeyRef { name: "api".to_owned(), key: "id".to_owned() } };
    let mut bench = of(ResponseType::Throttled);
    bench.object.spec.rest_api_id = None;
    bench.object.spec.rest_api_id_from = Some(source);
    bench.referred = Some(Referred::NoKey);
    bench.pass();
    assert_eq!(bench.condition("Ready"), "False ReferenceUnresolved");
    assert_eq!(bench.calls, [""; 0]);
    bench.referred = Some(Referred::Id("a1b2c3d4e5".into()));
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    bench.referred = Some(Referred::Id("f6g7h8i9j0".into()));
    bench.pass();
    assert_eq!(bench.status().rest_api_id, Some("a1b2c3d4e5".into()), "it stays where it is");
    assert!(bench.message("Ready").contains("ConfigMap api names REST API f6g7h8i9j0 now"));
    assert_eq!(bench.events, [EventReason::LeftAsItIs]);
    bench.pass();
    assert_eq!((bench.statuses.len(), bench.events.len()), (0, 0), "said once");
}

#[test]
fn request_too_large_is_a_warning_and_no_refusal() {
    let mut bench = of(ResponseType::RequestTooLarge);
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    assert!(bench.message("Ready").contains("does not honour every customisation of REQUEST_TOO_LARGE"));
    assert_eq!(bench.events, [EventReason::Warning, EventReason::ResponseApplied]);
    bench.pass();
    assert_eq!(bench.events, [], "said once");
}

#[test]
fn a_family_without_a_status_is_left_without_one() {
    let mut bench = of(ResponseType::Default4xx);
    bench.pass();
    assert_eq!(bench.held().status_code, None);
    bench.edit(|spec| spec.status_code = Some("418".to_owned())).pass();
    assert_eq!(bench.calls, ["GetGatewayResponses", "Update replace /statusCode 418"]);
    bench.edit(|spec| spec.status_code = None).pass();
    assert_eq!(bench.calls, ["GetGatewayResponses", "Put"]);
    assert_eq!(bench.held().status_code, None);
}

#[test]
fn what_aws_spells_otherwise_is_not_written_for_ever() {
    let mut bench = at_rest();
    // As if AWS had made this of what was sent: its reply was taken into the record.
    bench.held().response_templates.insert("application/json".to_owned(), "{ }".to_owned());
    let hash = super::hash(bench.held());
    bench.object.status.as_mut().unwrap().owned.as_mut().unwrap().hash = Some(hash);
    bench.pass();
    assert_eq!((bench.calls.len(), bench.statuses.len()), (1, 0));
}

#[test]
fn a_stage_waits_until_it_serves_a_later_deployment() {
    let mut bench = at_rest();
    assert_eq!(bench.condition("Deployed"), "Unknown NoApiStage");
    bench.now = bench.now.checked_sub(Duration::from_hours(1)).unwrap();
    bench.deploy("prod", "dep1");
    bench.now = bench.now.checked_add(Duration::from_hours(1)).unwrap();
    bench.pass();
    assert_eq!(bench.condition("Ready"), "True Synced");
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment");
    assert_eq!(
        bench.message("Deployed"),
        "Callers get it only with a new deployment: name a new revision in ApiStage shop/orders-prod."
    );
    assert_eq!(bench.calls, ["GetGatewayResponses", "GetDeployments"]);
    bench.pass();
    assert_eq!((&*bench.calls, bench.statuses.len()), (&["GetGatewayResponses".to_owned()][..], 0), "judged once");
    bench.deploy("prod", "dep2").pass();
    assert_eq!(bench.condition("Deployed"), "True Live");
    assert_eq!(bench.events, [EventReason::ResponseLive]);
    assert!(bench.status().stages[0].live_since.is_some() && bench.status().stages[0].waiting_since.is_none());
    bench.edit(|spec| spec.status_code = Some("503".to_owned())).pass();
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment", "another change, and all wait again");
    bench.deploy("prod", "dep1").pass();
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment", "a rollback brings the former answer back");
}

#[test]
fn a_snapshot_of_the_same_second_proves_nothing() {
    for (ahead_by, expected) in [(-1, "False AwaitingDeployment"), (0, "False AwaitingDeployment"), (1, "True Live")] {
        let mut bench = at_rest();
        let written = bench.status().owned.as_ref().unwrap().written.clone().unwrap().0;
        bench.deploy("prod", "dep1");
        bench.deployments[0].created = written.checked_add(jiff::SignedDuration::from_secs(ahead_by)).unwrap();
        bench.pass();
        assert_eq!(bench.condition("Deployed"), expected, "{ahead_by} s after the write");
    }
}

#[test]
fn deployments_are_held_against_awss_clock_and_not_against_ours() {
    let mut bench = of(ResponseType::Throttled);
    // Ours is an hour behind: a deployment from before the write looks later than it.
    bench.ahead = 3_600;
    bench.deploy("prod", "dep1");
    bench.pass();
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment");
    bench.now = bench.now.checked_add(Duration::from_secs(2)).unwrap();
    bench.deploy("prod", "dep2").pass();
    assert_eq!(bench.condition("Deployed"), "True Live");
}

#[test]
fn callers_of_a_canary_get_it_first() {
    let mut bench = of(ResponseType::Throttled);
    bench.deploy("prod", "dep1").pass();
    bench.now = bench.now.checked_add(Duration::from_secs(2)).unwrap();
    bench.snapshot("dep2");
    bench.neighbours.stages[0].canary = Some("dep2".into());
    bench.pass();
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment");
    assert_eq!(
        bench.message("Deployed"),
        "Callers that meet the canary of ApiStage shop/orders-prod get it already, the others when that release is promoted."
    );
    assert_eq!(bench.events, [EventReason::ResponseLive]);
    bench.neighbours.stages[0].deployment = "dep2".into();
    bench.neighbours.stages[0].canary = None;
    bench.pass();
    assert_eq!(bench.condition("Deployed"), "True Live");
    assert_eq!(bench.calls, ["GetGatewayResponses"], "its deployment was judged as the canary's");
    assert_eq!(bench.events, [EventReason::ResponseLive]);
}

#[test]
fn a_correction_of_drift_makes_nobody_wait_who_was_live() {
    let mut bench = at_rest();
    bench.now = bench.now.checked_add(Duration::from_secs(2)).unwrap();
    bench.deploy("prod", "dep1").pass();
    assert_eq!(bench.condition("Deployed"), "True Live");
    bench.held().status_code = Some("200".to_owned());
    // A snapshot of what the hand made of it.
    bench.deploy("dev", "dep2").pass();
    assert_eq!(bench.events, [EventReason::DriftCorrected]);
    let waits: Vec<_> =
        bench.status().stages.iter().map(|stage| (stage.name.as_str(), stage.waiting_since.is_some())).collect();
    assert_eq!(waits, [("prod", false), ("dev", true)]);
}

#[test]
fn a_stage_that_goes_is_forgotten() {
    let mut bench = of(ResponseType::Throttled);
    bench.deploy("prod", "dep1").deploy("dev", "dep2").pass();
    assert_eq!(bench.status().stages.len(), 2);
    bench.neighbours.stages.remove(0);
    bench.pass();
    assert_eq!(bench.status().stages.len(), 1);
}

#[test]
fn a_deployment_that_is_not_listed_is_not_live() {
    let mut bench = at_rest();
    bench.deploy("prod", "dep1");
    bench.deployments.clear();
    bench.pass();
    assert_eq!(bench.condition("Deployed"), "False AwaitingDeployment");
}

proptest! {
    /// P1 and P8 in small: whatever is declared and whatever is there, it comes to rest as declared, or nothing is touched.
    #[test]
    fn it_comes_to_rest_as_declared_or_touches_nothing(
        status in proptest::option::of("[1-5][0-9][0-9]"),
        parameters in proptest::collection::btree_map("gatewayresponse.header.[a-d]", "'[a-c]'", 0..4),
        templates in proptest::option::of(proptest::collection::btree_map("text/[a-d]", "[a-c]{1,3}", 1..4)),
        held in proptest::option::of((
            proptest::option::of("[1-5][0-9][0-9]"),
            proptest::collection::btree_map("gatewayresponse.header.[a-d]", "'[a-c]'", 0..4),
            proptest::collection::btree_map("text/[a-d]", "[a-c]{1,3}", 0..4),
        )),
        kind in proptest::sample::select(ResponseType::ALL.to_vec()),
        ours: bool,
        adopts: bool,
    ) {
        let mut bench = of(kind);
        bench.settings.access = Policy::Open { adoption: true };
        if ours {
            bench.pass();
        }
        bench.customised.clear();
        if let Some((status_code, response_parameters, response_templates)) = held {
            bench.customise(ResponseContent { status_code, response_parameters, response_templates });
        }
        let before = bench.customised.clone();
        bench.edit(|spec| {
            spec.status_code = status;
            spec.response_parameters = Some(parameters);
            spec.response_templates = templates;
            spec.adoption_policy = adopts.then_some(AdoptionPolicy::IfExists);
        });
        let wanted = super::validate(&bench.object, &bench.settings, None).unwrap().declared.content(kind);
        bench.pass();
        if before.is_empty() || ours || adopts {
            prop_assert_eq!(bench.customised.get(&kind), Some(&wanted));
            prop_assert_eq!(bench.condition("Ready"), "True Synced");
        } else {
            prop_assert_eq!(&bench.customised, &before);
            prop_assert_eq!(bench.condition("Ready"), "False ResponseExists");
        }
        bench.pass();
        prop_assert_eq!((bench.calls.len(), bench.statuses.len(), bench.events.len()), (1, 0, 0), "{:?}", bench.calls);
    }
}
