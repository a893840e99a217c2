//! The cache cluster and the commands that empty caches.

use super::at_rest;
use super::bench::Bench;
use super::model::settle_cache;
use crate::api::event::EventReason;
use crate::api::settings::CacheClusterSize;
use crate::api::status::CommandState;
use crate::cause::Cause;
use crate::world::Group;

fn cached() -> Bench {
    let mut bench = at_rest();
    bench.edit(|spec| spec.cache_cluster_enabled = Some(true)).pass();
    settle_cache(bench.stage());
    bench.pass();
    assert_eq!(cache_ready(&bench), "True CacheAvailable");
    bench
}

fn cache_ready(bench: &Bench) -> String {
    let found = bench.status().conditions.iter().find(|condition| condition.type_ == "CacheReady");
    found.map_or_else(|| "absent".to_owned(), |condition| format!("{} {}", condition.status, condition.reason))
}

fn wake_up_in(bench: &Bench) -> i64 {
    bench.wake_up_at.unwrap().duration_since(bench.now).as_secs()
}

#[test]
fn a_cache_in_transition_shows_in_its_own_condition_only() {
    let mut bench = at_rest();
    assert_eq!(cache_ready(&bench), "absent");
    bench.edit(|spec| {
        spec.cache_cluster_enabled = Some(true);
        spec.cache_cluster_size = Some(CacheClusterSize::Gb1_6);
    });
    bench.pass();
    assert_eq!(
        bench.written,
        ["UpdateStage", "  replace /cacheClusterSize = 1.6", "  replace /cacheClusterEnabled = true"]
    );
    assert_eq!(bench.ready(), "True Synced (Released True)");
    assert_eq!(cache_ready(&bench), "False CacheCreating");
    assert_eq!(wake_up_in(&bench), 30, "it is looked at every half minute");
    let cluster = bench.status().cache_cluster.clone().unwrap();
    assert_eq!(
        (cluster.enabled, cluster.size.as_deref(), cluster.status.as_str()),
        (true, Some("1.6"), "CREATE_IN_PROGRESS")
    );
    bench.pass();
    assert_eq!(bench.status().cache_cluster.as_ref().unwrap().since, cluster.since, "since it began");
    assert_eq!(bench.statuses, [], "looking is no news");

    settle_cache(bench.stage());
    bench.pass();
    assert_eq!(cache_ready(&bench), "True CacheAvailable");
    assert!(wake_up_in(&bench) > 400, "and then no more");

    bench.edit(|spec| {
        spec.cache_cluster_enabled = None;
        spec.cache_cluster_size = None;
    });
    bench.pass();
    assert_eq!(bench.written, ["UpdateStage", "  replace /cacheClusterEnabled = false"]);
    assert!(bench.events.contains(&EventReason::LeftAsItIs), "the size stays, and that is said");
    assert_eq!(cache_ready(&bench), "False CacheDeleting");
    assert_eq!(bench.ready(), "True Synced (Released True)");
    settle_cache(bench.stage());
    bench.pass();
    assert_eq!(cache_ready(&bench), "absent");
}

#[test]
fn a_patch_of_the_cache_waits_for_its_transition_and_everything_else_goes_through() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.cache_cluster_enabled = Some(true)).pass();
    bench.edit(|spec| {
        spec.cache_cluster_size = Some(CacheClusterSize::Gb6_1);
        spec.description = Some("Orders 2".to_owned());
    });
    bench.revision("r2").pass();
    assert_eq!(bench.stage().description.as_deref(), Some("Orders 2"));
    assert_eq!(bench.stage().deployment_id, "dep2".into());
    assert_eq!(bench.stage().cache.size.as_deref(), Some("0.5"));
    assert_eq!(bench.ready(), "False SettingsPending (Released True)");
    assert_eq!(
        bench.message(),
        "cacheClusterSize waits until the cache cluster is no longer CREATE_IN_PROGRESS; all else is applied."
    );
    settle_cache(bench.stage());
    bench.pass();
    assert_eq!(bench.written, ["UpdateStage", "  replace /cacheClusterSize = 6.1"]);
    assert_eq!(bench.events.first(), Some(&EventReason::CacheReplaced), "said before it is done: {:?}", bench.events);
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_cache_that_is_being_removed_counts_as_off_whatever_its_flag_reads() {
    for (flag, after) in [(false, "NOT_AVAILABLE"), (true, "NOT_AVAILABLE"), (false, ""), (true, "")] {
        let mut bench = cached();
        bench.edit(|spec| spec.cache_cluster_enabled = Some(false)).pass();
        bench.stage().cache.enabled = flag;
        bench.pass();
        assert_eq!(bench.written, [""; 0], "{flag}: it is on its way");
        bench.stage().cache.enabled = false;
        bench.stage().cache.status = after.to_owned();
        bench.pass();
        assert_eq!(bench.written, [""; 0]);
        assert_eq!((bench.ready().as_str(), cache_ready(&bench).as_str()), ("True Synced (Released True)", "absent"));
    }
}

#[test]
fn an_endless_removal_is_said_once_and_blocks_nothing() {
    let mut bench = cached();
    bench.edit(|spec| spec.cache_cluster_enabled = None).pass();
    for _ in 0..88 {
        bench.pass();
        assert_eq!(cache_ready(&bench), "False CacheDeleting");
    }
    let mut told = 0;
    for _ in 0..10 {
        bench.pass();
        told += bench.events.iter().filter(|event| **event == EventReason::CacheStuck).count();
    }
    assert_eq!((told, cache_ready(&bench).as_str()), (1, "False CacheStuck"));
    assert!(wake_up_in(&bench) > 400, "nobody looks every half minute for ever");
    assert_eq!(bench.ready(), "True Synced (Released True)");
    bench.edit(|spec| spec.description = Some("goes on".to_owned())).pass();
    assert_eq!(bench.stage().description.as_deref(), Some("goes on"));
    bench.edit(|spec| spec.cache_cluster_enabled = Some(true)).pass();
    assert_eq!(
        bench.written,
        ["UpdateStage", "  replace /cacheClusterEnabled = true"],
        "asked for again, AWS is asked"
    );
}

#[test]
fn a_refused_cache_patch_is_tried_again_and_says_so() {
    let mut bench = at_rest();
    bench.refusing = Some((Group::Cache, Cause::CacheChanging));
    bench.edit(|spec| spec.cache_cluster_enabled = Some(true)).pass();
    assert_eq!(bench.ready(), "False WaitingForAws (Released True)");
    assert_eq!(cache_ready(&bench), "False CachePending");
    bench.refusing = None;
    bench.pass();
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_flush_is_accepted_before_it_is_sent_and_sent_once() {
    let mut bench = cached();
    bench.command("flush-cache/-/1").pass();
    assert_eq!(bench.written, ["FlushStageCache"]);
    let first = bench.statuses.first().and_then(|status| status.last_command.clone()).unwrap();
    assert_eq!(first.state, CommandState::Accepted, "before the call");
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Done);
    assert_eq!(cache_ready(&bench), "False CacheFlushing");
    bench.pass();
    assert_eq!(bench.written, [""; 0]);
    bench.command("flush-cache/-/2").pass();
    let refused = bench.status().last_command.clone().unwrap();
    assert_eq!(refused.state, CommandState::Refused);
    assert_eq!(refused.message, "the cache cluster is FLUSH_IN_PROGRESS: give it again when CacheReady is True");
    settle_cache(bench.stage());
    bench.command("flush-authorizers/-/3").pass();
    assert_eq!(bench.written, ["FlushStageAuthorizersCache"]);
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Done);
}

#[test]
fn a_flush_that_was_accepted_before_a_crash_is_carried_on() {
    let mut bench = cached();
    bench.command("flush-cache/-/1");
    let plan = bench.until_actions();
    assert_eq!(plan.actions, [crate::plan::Action::FlushCache]);
    // The status was written, the call never sent.
    bench.object.status = Some(plan.status);
    bench.edit(|spec| spec.suspend = Some(true)).pass();
    assert_eq!((bench.written.len(), bench.status().last_command.as_ref().unwrap().state), (0, CommandState::Accepted));
    bench.edit(|spec| spec.suspend = None).pass();
    assert_eq!(bench.written, ["FlushStageCache"]);
    assert_eq!(bench.status().last_command.as_ref().unwrap().state, CommandState::Done);
}

#[test]
fn a_flush_whose_reply_was_lost_is_done_when_it_can_be_seen() {
    let mut bench = cached();
    bench.command("flush-cache/-/1");
    let plan = bench.until_actions();
    bench.object.status = Some(plan.status);
    bench.stage().cache.status = "FLUSH_IN_PROGRESS".to_owned();
    bench.pass();
    assert_eq!((bench.written.len(), bench.status().last_command.as_ref().unwrap().state), (0, CommandState::Done));
}

#[test]
fn a_flush_that_cannot_be_is_refused_with_a_sentence() {
    let said = |bench: &Bench| {
        let last = bench.status().last_command.clone().unwrap();
        assert_eq!((last.state, bench.written.len()), (CommandState::Refused, 0), "{last:?}");
        last.message
    };
    let mut bench = at_rest();
    bench.command("flush-cache/-/1").pass();
    assert_eq!(said(&bench), "the stage has no cache cluster: set spec.cacheClusterEnabled to have one");
    bench.edit(|spec| spec.suspend = Some(true)).command("flush-authorizers/-/2").pass();
    assert_eq!(said(&bench), "spec.suspend is true: remove it first");
    let mut bench = cached();
    bench.refusing = Some((Group::Command, Cause::Denied));
    bench.command("flush-cache/-/3").pass();
    assert!(said(&bench).starts_with("AWS denies FlushStageCache to the operator"), "{}", said(&bench));
    assert_eq!(bench.ready(), "True Synced (Released True)", "a refused flush is no state of the stage");
}
