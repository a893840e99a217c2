//! Promises P3 and P4 with the real program: two `stagecraft run` against a real apiserver and the API Gateway simulator.
//! One is killed, stopped, cut off or told to end.
//!
//! The lease is short (4 s, renewed every 1 s, operation timeout 1 s), all rules are the real ones. Each operator signs
//! with a key of its own, so the simulator's log tells who wrote.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a step that fails ends the test")]

mod operator;
mod wire;
mod world;

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::operator::Operator;
use crate::world::{SETTLING_TIME, TAKEOVER_BOUND, World, step};

/// Time for what takes no time but that of a busy machine.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn one_of_two_leads_and_sigterm_hands_over_at_once() {
    let world = World::new().await;
    step("two operators start");
    let mut first = world.operator("AKIDFIRST").await;
    first.leads_within(SOON).await;
    let mut second = world.operator("AKIDSECOND").await;
    second.is_ready_as("on standby", SOON).await;
    first.is_ready_as("leading", SOON).await;
    assert_eq!((first.metric("stagecraft_leader").await, second.metric("stagecraft_leader").await), (1, 0));
    world.stage_appears("one", SOON).await;
    assert_eq!(world.writers(), ["AKIDFIRST"]);

    step("SIGTERM");
    let asked = Instant::now();
    first.signal(Signal::TERM);
    let status = first.exits_within(SOON).await;
    assert_eq!(status.code(), Some(0), "{}", first.tell());
    second.leads_within(SOON).await;
    let took = asked.elapsed();
    assert!(took < SETTLING_TIME, "a clean release asks for no waiting, and it took {took:?}: {}", second.tell());
    let lease = world.lease().await;
    assert_eq!(lease.lease_transitions, Some(1));
    assert_eq!(lease.holder_identity.as_deref(), Some(second.identity().as_str()));
    world.stage_appears("two", SOON).await;
    assert_eq!(world.writers(), ["AKIDFIRST", "AKIDSECOND"]);

    step("SIGTERM to the last one leaves a lease that anybody may take");
    second.signal(Signal::TERM);
    assert_eq!(second.exits_within(SOON).await.code(), Some(0), "{}", second.tell());
    let lease = world.lease().await;
    assert_eq!((lease.holder_identity.as_deref(), lease.renew_time), (Some(""), None));
}

#[tokio::test]
async fn after_sigkill_the_other_takes_over_within_the_bound_and_not_before_the_last_writes_are_over() {
    let world = World::new().await;
    let mut first = world.operator("AKIDFIRST").await;
    first.leads_within(SOON).await;
    let mut second = world.operator("AKIDSECOND").await;
    second.is_ready_as("on standby", SOON).await;
    world.stage_appears("one", SOON).await;

    step("SIGKILL");
    let killed = Instant::now();
    first.signal(Signal::KILL);
    second.leads_within(TAKEOVER_BOUND + SOON).await;
    let took = killed.elapsed();
    // The lease was renewed at most one interval and a little before the kill.
    let least = Duration::from_millis(2_500) + SETTLING_TIME;
    assert!((least..=TAKEOVER_BOUND).contains(&took), "{took:?}: {}", second.tell());
    world.stage_appears("two", SOON).await;
    assert!(first.exits_within(SOON).await.code().is_none());
}

#[tokio::test]
async fn a_leader_stopped_past_its_lease_ends_without_writing() {
    let world = World::new().await;
    let wire = world.wire().await;
    let mut first = world.operator_behind(&wire, "AKIDFIRST").await;
    first.leads_within(SOON).await;
    let mut second = world.operator("AKIDSECOND").await;
    second.is_ready_as("on standby", SOON).await;
    world.stage_appears("one", SOON).await;

    step("SIGSTOP, and there is work to do");
    first.signal(Signal::STOP);
    let writes = world.writes_of("AKIDFIRST");
    world.declare("two").await;
    second.leads_within(TAKEOVER_BOUND + SOON).await;
    world.stage_appears("two", SOON).await;
    // Work that the former leader will find when it wakes up.
    world.move_by_hand("one");

    step("SIGCONT, and nobody tells it that another one leads");
    wire.cut();
    first.signal(Signal::CONT);
    let status = first.exits_within(SOON).await;
    assert_eq!(status.code(), Some(1), "{}", first.tell());
    let last = first.last_line();
    assert_eq!(last["level"], "ERROR");
    let message = last["message"].as_str().unwrap();
    assert!(message.starts_with("lost leadership, so this process must end: the lease "), "{message}");
    assert!(message.ends_with(" ran out before it could be renewed"), "{message}");
    assert_eq!(world.writes_of("AKIDFIRST"), writes, "a former leader wrote");
    let lease = world.lease().await;
    assert_eq!(lease.holder_identity.as_deref(), Some(second.identity().as_str()));
    assert_eq!(lease.lease_transitions, Some(1));
    world.is_put_right("one", SOON).await;
    assert_eq!(world.writes_of("AKIDFIRST"), writes);
}

#[tokio::test]
async fn a_leader_cut_off_from_the_apiserver_stops_writing_although_aws_is_reachable() {
    let world = World::new().await;
    let wire = world.wire().await;
    let mut first = world.operator_behind(&wire, "AKIDFIRST").await;
    first.leads_within(SOON).await;
    let mut second = world.operator("AKIDSECOND").await;
    second.is_ready_as("on standby", SOON).await;
    world.stage_appears("one", SOON).await;

    step("the wire is cut");
    let cut = Instant::now();
    wire.cut();
    let status = first.exits_within(Duration::from_secs(4) + SOON).await;
    assert_eq!(status.code(), Some(1), "{}", first.tell());
    assert!(cut.elapsed() < Duration::from_secs(6), "its lease lasts 4 s: {:?}", cut.elapsed());
    assert!(first.last_line()["message"].as_str().unwrap().ends_with("ran out before it could be renewed"));
    second.leads_within(TAKEOVER_BOUND + SOON).await;
    assert!(cut.elapsed() <= TAKEOVER_BOUND, "{:?}", cut.elapsed());
    world.stage_appears("two", SOON).await;

    step("nobody wrote between the last write of the one and the first of the other");
    let (last, next) = (world.last_write_of("AKIDFIRST"), world.first_write_of("AKIDSECOND"));
    assert!(last < next, "{last} and {next}");
}

#[tokio::test]
async fn a_role_without_leases_is_told_and_heals() {
    let world = World::new().await;
    let account = world.account_without_rights().await;
    let mut operator = world.operator_as(&account, "AKIDFIRST").await;
    let refused = "On standby, but not able to take over: the operator may not get leases.coordination.k8s.io ";
    operator.is_not_ready_because(refused, SOON).await;

    step("the right is granted");
    world.grant_leases(&account).await;
    operator.leads_within(SOON).await;
    operator.signal(Signal::KILL);
    operator.exits_within(SOON).await;
}

/// Whatever is left running ends with the test: [`Operator`] kills its process when it is dropped.
#[tokio::test]
async fn a_second_signal_is_not_needed_to_stop_a_replica_on_standby() {
    let world = World::new().await;
    let mut first: Operator = world.operator("AKIDFIRST").await;
    first.leads_within(SOON).await;
    let mut second = world.operator("AKIDSECOND").await;
    second.is_ready_as("on standby", SOON).await;
    second.signal(Signal::INT);
    assert_eq!(second.exits_within(SOON).await.code(), Some(0), "{}", second.tell());
    assert_eq!(world.lease().await.holder_identity.as_deref(), Some(first.identity().as_str()));
}
