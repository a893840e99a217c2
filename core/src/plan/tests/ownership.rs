//! Whose a stage is, and who may make it theirs.

use super::*;
use crate::access::{Allowed, Pattern, RoleArn, Rule};
use crate::api::names::{Region, RestApiId};
use crate::api::owner::Owner;
use crate::api::status::Origin;

const ORDERS: &str = "a1b2c3d4e5";

/// One rule for the namespace of the bench's object.
fn rules(rest_api: &str, region: &str, adoption: bool) -> Policy {
    Policy::Rules(vec![Rule {
        namespace: Pattern::parse("sh*").unwrap(),
        role: Some(RoleArn::parse("arn:aws:iam::123456789012:role/stagecraft").unwrap()),
        rest_apis: Allowed::These([RestApiId::from(rest_api)].into()),
        regions: Allowed::These([Region::from(region)].into()),
        adoption,
    }])
}

/// A stage that somebody made by hand, with everything that people set.
fn by_hand(bench: &mut Bench) {
    let deployment = bench.deployment(None);
    let mut stage = a_stage(&deployment);
    stage.tags = Some([("team".to_owned(), "orders".to_owned())].into());
    stage.description = Some("made by hand".to_owned());
    stage.variables = [("backend".to_owned(), "blue".to_owned()), ("limit".to_owned(), "10".to_owned())].into();
    stage.tracing_enabled = true;
    stage.client_certificate_id = Some("cert01".to_owned());
    stage.documentation_version = Some("7".to_owned());
    bench.stages.push(stage);
}

/// The tag that says whose the stage is.
fn tag(bench: &mut Bench) -> Option<String> {
    bench.stage().tags.as_ref()?.get(OWNER_TAG).cloned()
}

#[test]
fn what_no_rule_allows_is_denied_before_anything_is_asked() {
    let cases = [
        ("no rule", Policy::Rules(Vec::new()), "No access rule of the operator is for namespace \"shop\"."),
        ("another API", rules("zzzzzzzzzz", "eu-west-1", true), "does not allow REST API a1b2c3d4e5."),
        ("another Region", rules(ORDERS, "us-east-1", true), "does not allow region eu-west-1."),
    ];
    for (case, policy, sentence) in cases {
        let mut bench = orders();
        bench.settings.access = policy;
        bench.siblings.older = Some("secret/first".to_owned());
        bench.revision("r1").pass();
        assert_eq!(bench.ready(), "False NotAllowed (Released False)", "{case}");
        assert!(bench.message().contains(sentence), "{case}: {}", bench.message());
        assert_eq!(bench.events, [EventReason::Blocked], "{case}");
        assert_eq!(bench.pass().events, [], "{case}: once");
        assert_eq!(bench.calls, [""; 0], "{case}");
        assert_eq!(bench.object.metadata.finalizers, None, "{case}: it governs nothing and holds nothing up");
    }
}

#[test]
fn access_that_was_taken_away_and_given_back_leaves_the_stage_as_it_is() {
    let mut bench = at_rest();
    let before = bench.status().clone();
    bench.settings.access = rules("zzzzzzzzzz", "eu-west-1", true);
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False NotAllowed (Released False)");
    assert_eq!(bench.calls, [""; 0]);
    assert_eq!(bench.status().history, before.history, "nothing is forgotten");
    bench.settings.access = rules(ORDERS, "eu-west-1", false);
    bench.revision("r1").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.calls, ["GetStages"], "back to what it served");
}

#[test]
fn a_deletion_that_is_no_longer_allowed_says_so_and_can_be_escaped() {
    let mut bench = at_rest();
    bench.settings.access = Policy::Rules(Vec::new());
    bench.delete().pass();
    assert_eq!(bench.ready(), "False DeletionBlocked (Released False)");
    assert!(bench.message().starts_with("The deletion cannot go on. No access rule"), "{}", bench.message());
    assert!(bench.message().ends_with("set spec.deletionPolicy to Retain."), "{}", bench.message());
    assert_eq!(bench.events, [EventReason::DeletionBlocked]);
    assert_eq!(bench.pass().events, [], "once");
    assert_eq!((bench.calls.len(), bench.freed), (0, false));

    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).pass();
    assert_eq!((bench.calls.len(), bench.freed, bench.stages.len()), (0, true, 1));
}

#[test]
fn an_object_that_retains_goes_without_access_and_says_that_its_tag_stays() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain)).pass();
    bench.settings.access = Policy::Rules(Vec::new());
    bench.delete().pass();
    assert_eq!((bench.calls.len(), bench.freed), (0, true));
    assert_eq!(bench.events, [EventReason::StageRetained]);
    assert_eq!(tag(&mut bench), Some("prod-eu/shop/orders-prod".to_owned()));
}

#[test]
fn a_deletion_with_credentials_of_another_account_does_not_take_absent_for_gone() {
    let mut bench = at_rest();
    bench.account = "999999999999".into();
    bench.delete().pass();
    assert_eq!(bench.ready(), "False DeletionBlocked (Released False)");
    assert!(bench.message().contains("governs a stage in account 123456789012"), "{}", bench.message());
    assert_eq!((bench.calls.len(), bench.freed), (0, false), "that account is not asked");
    bench.account = "123456789012".into();
    bench.pass();
    assert_eq!((bench.stages.len(), bench.freed), (0, true));
}

#[test]
fn a_rule_alone_may_allow_adoption() {
    for allowed in [false, true] {
        let mut bench = orders();
        by_hand(&mut bench);
        bench.settings.access = rules(ORDERS, "eu-west-1", allowed);
        bench.edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::IfExists)).pass();
        if allowed {
            assert_eq!(bench.ready(), "True Synced (Released True)");
            continue;
        }
        assert_eq!(bench.ready(), "False AdoptionDenied (Released False)");
        assert_eq!(
            bench.message(),
            "Stage prod of REST API a1b2c3d4e5 exists and spec.adoptionPolicy asks to take it, but the operator does not allow adoption. Set adoption to true in its access rule for namespaces \"sh*\" (file of --access-config), or give this ApiStage another stageName."
        );
    }
}

#[test]
fn an_adopted_stage_keeps_what_is_not_declared() {
    let mut bench = orders();
    by_hand(&mut bench);
    bench.settings.access = Policy::Open { adoption: true };
    let before = bench.stages[0].clone();
    bench.variable("backend", "green").edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::IfExists)).pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    let mut expected = before;
    expected.tags.as_mut().unwrap().insert(OWNER_TAG.to_owned(), "prod-eu/shop/orders-prod".to_owned());
    expected.variables.insert("backend".to_owned(), "green".to_owned());
    assert_eq!(bench.stages, [expected], "the tag and the declared variable, nothing else");
    assert_eq!(bench.status().origin, Some(Origin::Adopted));
    bench.delete().pass();
    assert!(bench.freed, "an adopted stage stays by default");
    assert_eq!(tag(&mut bench), None);
    assert_eq!(bench.stage().variables["backend"], "green");
}

#[test]
fn an_adopted_stage_goes_with_its_object_where_that_is_asked_for() {
    let mut bench = orders();
    by_hand(&mut bench);
    bench.settings.access = Policy::Open { adoption: true };
    bench.edit(|spec| {
        spec.adoption_policy = Some(AdoptionPolicy::IfExists);
        spec.deletion_policy = Some(DeletionPolicy::Delete);
    });
    bench.pass().delete().pass();
    assert!(bench.freed && bench.stages.is_empty());
    assert_eq!(bench.deployments.len(), 1, "a deployment of others stays");
}

/// The object of another cluster that declares the same stage.
fn in_another_cluster(bench: &Bench, policy: AdoptionPolicy) -> Bench {
    let mut other = orders();
    other.settings.cluster_id = "prod-us".to_owned();
    other.settings.access = Policy::Open { adoption: true };
    (other.stages, other.deployments, other.made) = (bench.stages.clone(), bench.deployments.clone(), bench.made);
    other.now = bench.now;
    other.revision("r1").edit(|spec| spec.adoption_policy = Some(policy));
    other
}

#[test]
fn two_clusters_never_share_a_stage() {
    let bench = at_rest();
    for policy in [AdoptionPolicy::Never, AdoptionPolicy::IfExists] {
        let mut other = in_another_cluster(&bench, policy);
        other.pass();
        assert_eq!(other.ready(), "False OwnedByAnother (Released False)", "{policy:?}");
        assert!(other.message().contains("is owned by prod-eu/shop/orders-prod (tag"), "{}", other.message());
        assert_eq!(other.calls, ["GetStages"], "{policy:?}");
        assert_eq!(other.stages, bench.stages, "{policy:?}");
    }
}

#[test]
fn a_stage_that_was_taken_over_is_not_fought_over() {
    let mut bench = at_rest();
    bench.settings.access = Policy::Open { adoption: true };
    bench.edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::TakeOver)).pass();
    let mut other = in_another_cluster(&bench, AdoptionPolicy::TakeOver);
    other.pass();
    assert_eq!(tag(&mut other), Some("prod-us/shop/orders-prod".to_owned()));
    assert_eq!(other.ready(), "True Synced (Released True)");

    bench.stages = other.stages.clone();
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "False OwnedByAnother (Released False)");
    assert!(bench.message().contains("is owned by prod-us/shop/orders-prod now"), "{}", bench.message());
    assert_eq!(bench.calls, ["GetStages"], "although it may take over: the other one may as well");
    assert_eq!(bench.status().deployment_id, None, "it does not speak of a stage that is not its own");
    bench.delete().pass();
    assert!(bench.freed && bench.stages == other.stages, "and leaves it when it goes");

    let mut again = in_another_cluster(&other, AdoptionPolicy::TakeOver);
    again.settings.cluster_id = "prod-eu".to_owned();
    again.pass();
    assert_eq!(tag(&mut again), Some("prod-eu/shop/orders-prod".to_owned()), "created anew, it may take it back");
}

#[test]
fn a_take_over_goes_on_after_a_crash_between_status_and_tag() {
    let mut bench = orders();
    by_hand(&mut bench);
    bench.stage().tags.as_mut().unwrap().insert(OWNER_TAG.to_owned(), "prod-us/shop/orders-prod".to_owned());
    bench.settings.access = Policy::Open { adoption: true };
    bench.edit(|spec| spec.adoption_policy = Some(AdoptionPolicy::TakeOver));
    let mut observed = Observed::default();
    let plan = bench.plan(&mut observed);
    assert!(matches!(plan.actions.as_slice(), [Action::Tag(_)]), "{:?}", plan.actions);
    bench.object.status = Some(plan.status);
    bench.pass();
    assert_eq!(tag(&mut bench), Some("prod-eu/shop/orders-prod".to_owned()));
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_restored_object_finds_its_stage_again_and_resets_nothing() {
    let mut bench = at_rest();
    bench.revision("r2").pass();
    // What nobody declares (any more) in the restored object, and what another hand set.
    bench.stage().variables.insert("limit".to_owned(), "10".to_owned());
    let before = bench.stages.clone();
    bench.object.status = None;
    bench.object.metadata.finalizers = None;
    bench.edit(|spec| {
        spec.description = None;
        spec.variables = None;
    });
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.events, [EventReason::StatusRebuilt], "said once");
    assert_eq!(bench.stages, before, "description and variables that were declared once stay: nobody remembers");
    assert_eq!(bench.status().revision, Some("r2".into()), "the marker tells");
    assert_eq!(bench.made, 2, "and no snapshot is taken again");
    assert_eq!(bench.status().origin, None, "deleted without more said, the stage stays");
    assert_eq!(bench.pass().events, []);
    bench.revision("r1").pass();
    assert_eq!(bench.status().release.as_ref().unwrap().id.as_str(), "r1.1", "the counter begins anew");
    assert_eq!(bench.made, 2, "r1 is known by its marker");
}

#[test]
fn an_object_stays_in_its_region_when_the_operators_own_changes() {
    let mut bench = at_rest();
    bench.settings.region = Region::from("us-east-1");
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(bench.status().region, Some("eu-west-1".into()));
    bench.revision("r2").pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench.delete().pass();
    assert!(bench.freed && bench.stages.is_empty(), "and is deleted there");
}

#[test]
fn a_long_name_is_owned_by_its_hash() {
    let name = "n".repeat(200);
    let mut bench = orders();
    bench.object.metadata.name = Some(name.clone());
    bench.revision("r1").pass();
    let owner = tag(&mut bench).unwrap();
    assert!(owner.starts_with("prod-eu/sha256:") && owner.len() == "prod-eu/sha256:".len() + 32, "{owner}");
    assert_eq!(owner, Owner::new("prod-eu", "shop", &name).to_string());
    assert_eq!(bench.pass().ready(), "True Synced (Released True)", "recognised as its own");
    assert!(bench.deployments[0].description.as_ref().unwrap().ends_with(&format!("by={owner}]")));
    let mut neighbour = orders();
    neighbour.object.metadata.name = Some(format!("{name}n"));
    neighbour.stages = bench.stages.clone();
    neighbour.revision("r1").pass();
    assert_eq!(neighbour.ready(), "False OwnedByAnother (Released False)", "but not as its neighbour's");
    bench.delete().pass();
    assert!(bench.freed && bench.stages.is_empty() && bench.deployments.is_empty());
}

#[test]
fn a_stage_that_is_not_ours_is_left_alone() {
    let cases = [
        ("no tag, Never", None, AdoptionPolicy::Never, true, "StageExists"),
        ("a tag, Never", Some("other/a/b"), AdoptionPolicy::Never, true, "OwnedByAnother"),
        ("a tag, IfExists", Some("other/a/b"), AdoptionPolicy::IfExists, true, "OwnedByAnother"),
        ("no tag, IfExists, not allowed", None, AdoptionPolicy::IfExists, false, "AdoptionDenied"),
        ("a tag, TakeOver, not allowed", Some("other/a/b"), AdoptionPolicy::TakeOver, false, "AdoptionDenied"),
    ];
    for (case, tag, policy, allowed, reason) in cases {
        let mut bench = orders();
        let theirs = bench.deployment(None);
        let mut stage = a_stage(&theirs);
        stage.tags = Some(tag.map(|tag| (OWNER_TAG.to_owned(), tag.to_owned())).into_iter().collect());
        bench.stages.push(stage);
        bench.settings.access = Policy::Open { adoption: allowed };
        bench.revision("r1").edit(|spec| spec.adoption_policy = Some(policy)).pass();
        assert_eq!(bench.ready(), format!("False {reason} (Released False)"), "{case}");
        assert_eq!(bench.calls, ["GetStages"], "{case}");
        assert_eq!(bench.events, [EventReason::Blocked], "{case}");
        assert_eq!(bench.status().rest_api_id, None, "{case}: it governs nothing");
        assert_eq!(bench.object.metadata.finalizers, None, "{case}: and holds nothing up");
    }
}

#[test]
fn an_adopted_stage_is_tagged_read_and_then_changed() {
    for (policy, tag) in [(AdoptionPolicy::IfExists, None), (AdoptionPolicy::TakeOver, Some("other/a/b"))] {
        let mut bench = orders();
        let theirs = bench.deployment(Some("[stagecraft revision=r0 attempt=1 by=other/a/b]"));
        let mut stage = a_stage(&theirs);
        stage.tags = Some(tag.map(|tag: &str| (OWNER_TAG.to_owned(), tag.to_owned())).into_iter().collect());
        bench.stages.push(stage);
        bench.settings.access = Policy::Open { adoption: true };
        bench.edit(|spec| spec.adoption_policy = Some(policy)).pass();
        assert_eq!(bench.calls, ["GetStages", "GetRestApi", "TagResource"]);
        assert_eq!(bench.ready(), "True Synced (Released True)");
        assert_eq!(bench.status().history[0].how, Some(How::Adopted));
        assert_eq!(bench.status().revision, Some("r0".into()), "the marker tells what an adopted stage serves");
        bench.delete().pass();
        assert_eq!(bench.calls, ["GetStages", "UntagResource"], "an adopted stage stays by default");
        assert!(bench.freed);
    }
}

#[test]
fn the_older_of_two_objects_governs() {
    let mut bench = orders();
    bench.siblings.older = Some("shop/first".to_owned());
    bench.revision("r1").pass();
    assert_eq!(bench.ready(), "False NotOldest (Released False)");
    assert_eq!(bench.calls, [""; 0], "the younger asks AWS nothing");
}

#[test]
fn a_stage_that_lost_our_tag_is_not_deleted() {
    let mut bench = at_rest();
    bench.stage().tags = Some(BTreeMap::new());
    bench.delete().pass();
    assert!(bench.freed && bench.stages.len() == 1);
}
