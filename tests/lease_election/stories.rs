//! Stories of the Lease, told against an apiserver in the same process, on paused time.

use std::time::Duration;

use crate::apiserver::{Apiserver, Fate, Fault, Sent, terms};
use jiff::Timestamp;
use serde_json::json;
use stagecraft::clock::Clock;
use stagecraft::lease::{Leadership, Lost, Standing};
use stagecraft::run::Stopping;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// One replica whose elector runs in the background.
struct Replica {
    leadership: Leadership,
    clock: Clock,
    release: watch::Sender<bool>,
    elector: JoinSet<Result<(), Lost>>,
}

impl Replica {
    fn start(apiserver: &Apiserver, number: usize) -> Self {
        let clock = clock();
        let (leadership, elector) =
            Leadership::contend(apiserver.client(number), terms(), &format!("pod-{number}"), clock.clone());
        let (release, released) = Stopping::pair();
        let mut running = JoinSet::new();
        running.spawn(elector.run(released.asked()));
        Self { leadership, clock, release, elector: running }
    }

    fn leads(&self) -> bool {
        self.leadership.may_write()
    }

    /// How long it took until it led.
    async fn led_after(&self) -> Duration {
        let began = self.clock.boottime();
        tokio::time::timeout(Duration::from_mins(5), self.leadership.leading())
            .await
            .expect("it never led")
            .expect("it ended without leading");
        self.clock.boottime() - began
    }

    async fn released(mut self) -> Result<(), Lost> {
        self.release.send_replace(true);
        self.elector.join_next().await.expect("it was started").expect("it panicked")
    }

    async fn ended(&mut self) -> Result<(), Lost> {
        self.elector.join_next().await.expect("it was started").expect("it panicked")
    }

    /// kill -9.
    fn kill(self) {
        drop(self);
    }
}

fn clock() -> Clock {
    Clock::simulated(Timestamp::UNIX_EPOCH + Duration::from_hours(500_000))
}

fn healthy() -> Apiserver {
    Apiserver::new(clock(), |_| Fate::PROMPT)
}

async fn pass(seconds: u64) {
    clock().wait(Duration::from_secs(seconds)).await;
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn the_first_replica_leads_at_once_and_the_second_stands_by() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    assert!(first.led_after().await < seconds(1));
    let second = Replica::start(&apiserver, 1);
    for _ in 0..300 {
        pass(1).await;
        assert!(first.leads() && !second.leads());
    }
    assert_eq!(second.leadership.standing(), Standing::Standby { problem: None });
    let writes = apiserver.requests().iter().filter(|(replica, verb)| *replica == 1 && verb != "get").count();
    assert_eq!(writes, 0, "a candidate of a held lease only reads");
}

#[tokio::test(start_paused = true)]
async fn the_record_is_what_kubectl_and_other_clients_expect() {
    let apiserver = healthy();
    let replica = Replica::start(&apiserver, 0);
    replica.led_after().await;
    let lease = apiserver.lease().unwrap();
    let spec = &lease["spec"];
    assert!(spec["holderIdentity"].as_str().unwrap().starts_with("pod-0_"), "{lease}");
    assert_eq!(spec["leaseDurationSeconds"], json!(30));
    assert_eq!(spec["leaseTransitions"], json!(0));
    assert_eq!(spec["acquireTime"], json!("2027-01-15T08:00:00.010000Z"));
    pass(7).await;
    let renewed = apiserver.lease().unwrap();
    assert_eq!(renewed["spec"]["acquireTime"], json!("2027-01-15T08:00:00.010000Z"));
    assert_ne!(renewed["spec"]["renewTime"], spec["renewTime"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_clean_release_a_successor_leads_with_its_next_look() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(42).await;
    let former = first.leadership.clone();
    let permit = former.permit().unwrap();
    assert_eq!(first.released().await, Ok(()));
    assert!(!permit.still_valid() && former.permit().is_none(), "who released does not write any more");
    let took = second.led_after().await;
    assert!(took <= seconds(6), "one look, 5 s give or take 20 %, and not {took:?}");
    assert_eq!(apiserver.lease().unwrap()["spec"]["leaseTransitions"], json!(1));
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_a_successor_waits_for_the_lease_and_for_the_last_writes() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(41).await;
    first.kill();
    let took = second.led_after().await;
    let (least, most) = (seconds(25 + 15), seconds(30 + 6 + 15) + Duration::from_millis(1_500));
    assert!((least..=most).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_the_apiserver_stops_writing_in_time_and_then_ends() {
    let apiserver = healthy();
    let mut leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    let renewals = |apiserver: &Apiserver| apiserver.requests().len();
    let before = renewals(&apiserver);
    while renewals(&apiserver) == before {
        leader.clock.wait(Duration::from_millis(10)).await;
    }
    let renewed_at = leader.clock.boottime();
    leader.clock.wait(Duration::from_millis(100)).await;
    apiserver.set_network(|_| Fate::fault(Fault::LostBeforeTheEffect));
    while leader.leads() {
        leader.clock.wait(Duration::from_millis(10)).await;
    }
    let wrote_for = leader.clock.boottime() - renewed_at;
    assert!(wrote_for <= seconds(20) && wrote_for > seconds(19), "{wrote_for:?}");
    let lost = leader.ended().await.unwrap_err();
    let led_for = leader.clock.boottime() - renewed_at;
    assert!(led_for <= seconds(30) + Duration::from_millis(10), "the end is not noticed late: {led_for:?}");
    assert_eq!(lost.to_string(), "the lease operators/stagecraft ran out before it could be renewed");
    assert_eq!(leader.leadership.standing(), Standing::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reply_shortens_the_term() {
    let slow = Fate { there: seconds(0), back: seconds(9), fault: Fault::None };
    let apiserver =
        Apiserver::new(clock(), move |sent: Sent<'_>| if sent.verb == "create" { slow } else { Fate::PROMPT });
    let replica = Replica::start(&apiserver, 0);
    replica.led_after().await;
    apiserver.set_network(|_| Fate::fault(Fault::LostBeforeTheEffect));
    let Standing::Leading { deadline: Some(deadline) } = replica.leadership.standing() else { panic!("it leads") };
    let left = deadline - replica.clock.boottime();
    assert!(left <= seconds(21), "counted from before the request was sent, not from the reply: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn an_apiserver_that_is_back_in_time_costs_nothing() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    apiserver.set_network(|_| Fate::fault(Fault::Answered(503)));
    pass(18).await;
    apiserver.set_network(|_| Fate::PROMPT);
    pass(120).await;
    assert!(leader.leads());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_reply_was_lost_is_found_and_followed_by_another() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    let mut patches = 0;
    apiserver.set_network(move |sent| {
        patches += usize::from(sent.verb == "patch");
        if sent.verb == "patch" && patches == 1 { Fate::fault(Fault::LostAfterTheEffect) } else { Fate::PROMPT }
    });
    for _ in 0..600 {
        leader.clock.wait(Duration::from_millis(100)).await;
        assert!(leader.leads(), "one lost reply interrupts nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_suspended_past_its_lease_writes_nothing_more() {
    let apiserver = healthy();
    let mut leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    let permit = leader.leadership.permit().unwrap();
    // No timer has run yet, and already nothing may be sent.
    leader.clock.advance(seconds(60));
    assert!(!permit.still_valid() && leader.leadership.permit().is_none());
    let patches = |apiserver: &Apiserver| apiserver.requests().iter().filter(|(_, verb)| verb == "patch").count();
    let before = patches(&apiserver);
    assert!(matches!(leader.ended().await, Err(Lost::RanOut { .. })));
    assert_eq!(patches(&apiserver), before, "it does not touch the lease either");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_finds_somebody_else_in_the_record_ends() {
    let apiserver = healthy();
    let mut leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    apiserver.patch_by_hand(&json!({ "spec": { "holderIdentity": "somebody" } }));
    let lost = leader.ended().await.unwrap_err();
    assert_eq!(lost.to_string(), "the lease operators/stagecraft is held by somebody");
    assert!(leader.leadership.permit().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hand_that_touches_the_lease_does_not_end_a_leader() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    for touched in 0..30 {
        pass(3).await;
        apiserver.patch_by_hand(&json!({ "metadata": { "labels": { "touched": touched.to_string() } } }));
        assert!(leader.leads());
    }
    assert_eq!(apiserver.lease().unwrap()["metadata"]["labels"]["touched"], json!("29"), "foreign labels are kept");
}

#[tokio::test(start_paused = true)]
async fn a_holder_cleared_by_hand_is_no_clean_release() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(20).await;
    let cut_off =
        |sent: Sent<'_>| Fate::fault(if sent.replica == 0 { Fault::LostBeforeTheEffect } else { Fault::None });
    apiserver.set_network(cut_off);
    apiserver.patch_by_hand(&json!({ "spec": { "holderIdentity": "" } }));
    while !second.leads() {
        assert!(!(first.leads() && second.leads()));
        second.clock.wait(Duration::from_millis(50)).await;
    }
    assert!(!first.leads());
}

#[tokio::test(start_paused = true)]
async fn a_lease_deleted_by_hand_is_made_again_by_its_leader() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(20).await;
    apiserver.delete_by_hand();
    for _ in 0..1_200 {
        first.clock.wait(Duration::from_millis(100)).await;
        assert!(first.leads() && !second.leads());
    }
    assert!(apiserver.holder().unwrap().starts_with("pod-0_"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_deleted_while_its_leader_is_cut_off_is_not_free_before_the_term_ends() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(20).await;
    apiserver.set_network(|sent| Fate::fault(if sent.replica == 0 { Fault::LostBeforeTheEffect } else { Fault::None }));
    apiserver.delete_by_hand();
    while first.leads() {
        assert!(!second.leads());
        first.clock.wait(Duration::from_millis(50)).await;
    }
    let took = second.led_after().await;
    assert!(took > seconds(15), "no clean release was seen: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_is_stopped_while_it_settles_passes_the_wait_on() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(10).await;
    first.kill();
    while !matches!(second.leadership.standing(), Standing::Settling { .. }) {
        second.clock.wait(Duration::from_millis(50)).await;
    }
    assert!(second.leadership.permit().is_none(), "the former leader's last writes may be on their way");
    assert_eq!(second.released().await, Ok(()));
    let third = Replica::start(&apiserver, 2);
    let took = third.led_after().await;
    assert!(took >= seconds(30 + 15), "a clean release would have hidden the kill: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_record_full_of_nonsense_wedges_nobody() {
    let cases = [
        ("a negative duration", json!({ "holderIdentity": "x", "leaseDurationSeconds": -5, "renewTime": "now" })),
        ("no duration", json!({ "holderIdentity": "x", "renewTime": "2026-01-01T00:00:00.000000Z" })),
        ("a term of 68 years", json!({ "holderIdentity": "x", "leaseDurationSeconds": i32::MAX, "renewTime": "1" })),
        ("no more changes to count", json!({ "holderIdentity": "x", "leaseTransitions": i32::MAX, "renewTime": "1" })),
        (
            "other types",
            json!({ "holderIdentity": 7, "leaseDurationSeconds": "30", "leaseTransitions": {}, "renewTime": [] }),
        ),
        ("nothing at all", json!(null)),
    ];
    for (reason, spec) in cases {
        let apiserver = healthy();
        apiserver.put(&spec);
        let replica = Replica::start(&apiserver, 0);
        let most = seconds(600 + 6 + 15 + 1);
        let took = tokio::time::timeout(most, replica.leadership.leading()).await;
        assert_eq!(took, Ok(Ok(())), "{reason}");
        let transitions = apiserver.lease().unwrap()["spec"]["leaseTransitions"].as_i64().unwrap();
        assert!((0..=i64::from(i32::MAX)).contains(&transitions), "{reason}: the apiserver would refuse {transitions}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_is_never_taken_for_absent() {
    let cases = [
        ("a 404 from something in between", Fault::NotFoundByProxy),
        ("forbidden", Fault::Answered(403)),
        ("an apiserver that fails", Fault::Answered(500)),
        ("silence", Fault::LostBeforeTheEffect),
    ];
    for (reason, fault) in cases {
        let apiserver = Apiserver::new(clock(), move |_| Fate::fault(fault));
        let replica = Replica::start(&apiserver, 0);
        pass(300).await;
        assert!(!replica.leads(), "{reason}");
        let Standing::Standby { problem: Some(_) } = replica.leadership.standing() else {
            panic!("{reason} is hidden")
        };
        assert!(apiserver.requests().iter().all(|(_, verb)| verb == "get"), "{reason}: it only reads");
        // It heals by itself.
        apiserver.set_network(|_| Fate::PROMPT);
        assert!(replica.led_after().await <= seconds(5 + 10 + 1), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_named() {
    for (verb, other) in [("get", "create"), ("create", "get"), ("patch", "get")] {
        let apiserver = Apiserver::new(clock(), move |sent: Sent<'_>| {
            Fate::fault(if sent.verb == verb { Fault::Answered(403) } else { Fault::None })
        });
        if verb == "patch" {
            apiserver.put(&json!({}));
        }
        let replica = Replica::start(&apiserver, 0);
        pass(20).await;
        let Standing::Standby { problem: Some(problem) } = replica.leadership.standing() else { panic!("no {verb}") };
        let said = format!(
            "the operator may not {verb} leases.coordination.k8s.io operators/stagecraft; its Role must allow get, create and patch"
        );
        assert!(problem.starts_with(&said), "{problem} (allowed: {other})");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_crosses_a_renewal_still_releases() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    // A renewal that arrives before the release, and whose answer is still on its way then.
    apiserver.set_network(|sent| match sent.verb {
        "patch" => Fate { there: Duration::from_millis(5), back: seconds(2), fault: Fault::None },
        _ => Fate::PROMPT,
    });
    let before = apiserver.requests().len();
    while apiserver.requests().len() == before {
        leader.clock.wait(Duration::from_millis(10)).await;
    }
    leader.clock.wait(Duration::from_millis(10)).await;
    assert_eq!(leader.released().await, Ok(()));
    assert_eq!(apiserver.holder().as_deref(), Some(""));
    assert!(apiserver.lease().unwrap()["spec"].get("renewTime").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_nobody_answers_ends_all_the_same() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    apiserver.set_network(|_| Fate::fault(Fault::LostBeforeTheEffect));
    let began = leader.clock.boottime();
    let clock = leader.clock.clone();
    assert_eq!(leader.released().await, Ok(()));
    assert!(clock.boottime() - began <= seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_to_a_renewal_shortens_the_term_too() {
    let apiserver = healthy();
    let leader = Replica::start(&apiserver, 0);
    leader.led_after().await;
    apiserver.set_network(|sent| match sent.verb {
        "patch" => Fate { there: seconds(0), back: seconds(9), fault: Fault::None },
        _ => Fate::PROMPT,
    });
    let term = |leader: &Replica| {
        let Standing::Leading { deadline: Some(deadline) } = leader.leadership.standing() else { panic!("it leads") };
        deadline
    };
    let first = term(&leader);
    while term(&leader) == first {
        leader.clock.wait(Duration::from_millis(10)).await;
    }
    let left = term(&leader) - leader.clock.boottime();
    assert!(left <= seconds(21), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_takeover_whose_reply_was_lost_still_waits_for_the_last_writes() {
    let apiserver = healthy();
    let first = Replica::start(&apiserver, 0);
    first.led_after().await;
    let second = Replica::start(&apiserver, 1);
    pass(20).await;
    first.kill();
    let mut lost = false;
    apiserver.set_network(move |sent| {
        let first = sent.verb == "patch" && !std::mem::replace(&mut lost, sent.verb == "patch");
        if first { Fate::fault(Fault::LostAfterTheEffect) } else { Fate::PROMPT }
    });
    while !apiserver.holder().unwrap().starts_with("pod-1_") {
        second.clock.wait(Duration::from_millis(10)).await;
    }
    let took = second.led_after().await;
    // The request's timeout, one look, and the settling time in full.
    let (least, most) = (seconds(10 + 5 + 15), seconds(10 + 6 + 15 + 1));
    assert!((least..=most).contains(&took), "{took:?}");
}
