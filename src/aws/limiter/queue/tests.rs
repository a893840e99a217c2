//! The queue on a clock that the test moves.

use proptest::prelude::*;

use super::*;

const SHARE: Share = Share { rate: 5.0, burst: 20 };
const ONE: Wanted = Wanted { calls: 1, deployments: 0 };
const DEPLOYMENT: Wanted = Wanted { calls: 1, deployments: 1 };

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A queue whose common bucket is empty at time zero.
fn dry() -> Queue {
    let mut queue = Queue::new(SHARE, Duration::ZERO);
    for _ in 0..SHARE.burst {
        queue.enter(ONE, Priority::Drift, 0, Duration::ZERO);
    }
    assert_eq!(queue.serve(Duration::ZERO).len(), 20);
    assert_eq!(queue.due(Duration::ZERO), None);
    queue
}

/// Serves at each moment that the queue itself names, up to `end`.
fn run(queue: &mut Queue, from: Duration, end: Duration) -> Vec<(Duration, Ticket)> {
    let (mut now, mut served) = (from, Vec::new());
    loop {
        served.extend(queue.serve(now).into_iter().map(|ticket| (now, ticket)));
        match queue.due(now) {
            Some(due) if due <= end => now = due.max(now + Duration::from_nanos(1)),
            Some(_) | None => return served,
        }
    }
}

#[test]
fn the_most_urgent_is_served_first_and_an_abort_overtakes_everybody() {
    let mut queue = dry();
    let tickets: Vec<_> =
        Priority::ALL.into_iter().map(|priority| (queue.enter(ONE, priority, 0, Duration::ZERO), priority)).collect();
    let served: Vec<_> = run(&mut queue, Duration::ZERO, at(10_000))
        .into_iter()
        .map(|(when, ticket)| (when.as_millis(), tickets.iter().find(|(its, _)| *its == ticket).unwrap().1))
        .collect();
    let expected = [
        (200, Priority::Abort),
        (400, Priority::Release),
        (600, Priority::UserChange),
        (800, Priority::CacheProgress),
        (1000, Priority::Drift),
        (1200, Priority::CleanUp),
    ];
    assert_eq!(served, expected);
}

#[test]
fn an_abort_among_a_thousand_waits_for_one_token_only() {
    let mut queue = dry();
    for _ in 0..1_000 {
        queue.enter(ONE, Priority::Release, 0, Duration::ZERO);
    }
    run(&mut queue, Duration::ZERO, at(10_000));
    let abort = queue.enter(ONE, Priority::Abort, 0, at(10_050));
    let served = run(&mut queue, at(10_050), at(10_300));
    assert_eq!(served.first(), Some(&(at(10_200), abort)));
}

#[test]
fn nobody_starves_drift_is_looked_for_while_users_keep_changing_things() {
    let mut queue = dry();
    let drift = queue.enter(ONE, Priority::Drift, 0, Duration::ZERO);
    let mut served_at = None;
    // Six users' changes a second, more than the share.
    for tenth in 0..3_000 {
        let now = at(tenth * 100);
        if tenth % 10 < 6 {
            queue.enter(ONE, Priority::UserChange, 0, now);
        }
        if queue.serve(now).contains(&drift) {
            served_at = Some(now);
            break;
        }
    }
    // Two steps of age, then by order of arrival: those who came before it are long served.
    assert!(served_at.is_some_and(|when| (at(120_000)..at(121_000)).contains(&when)), "{served_at:?}");
}

#[test]
fn age_never_delays_a_release() {
    let mut queue = dry();
    for priority in [Priority::CleanUp, Priority::Drift, Priority::UserChange] {
        queue.enter(ONE, priority, 0, Duration::ZERO);
    }
    queue.throttled(false, Duration::ZERO, Duration::ZERO, Some(Duration::from_hours(1)));
    let release = queue.enter(ONE, Priority::Release, 0, at(3_600_000));
    assert_eq!(queue.serve(at(3_600_000)).first(), Some(&release));
}

#[test]
fn snapshots_go_one_in_five_seconds_and_hold_up_nobody() {
    let mut queue = Queue::new(SHARE, Duration::ZERO);
    let snapshots: Vec<_> = (0..4).map(|_| queue.enter(DEPLOYMENT, Priority::UserChange, 0, Duration::ZERO)).collect();
    let other = queue.enter(ONE, Priority::Drift, 0, Duration::ZERO);
    let served = run(&mut queue, Duration::ZERO, at(60_000));
    let when = |ticket| served.iter().find(|(_, served)| *served == ticket).unwrap().0.as_millis();
    assert_eq!(when(other), 0);
    assert_eq!(snapshots.into_iter().map(when).collect::<Vec<_>>(), [0, 5_100, 10_200, 15_300]);
}

#[test]
fn calls_that_belong_together_are_served_together_and_are_not_overtaken_by_single_ones() {
    let mut queue = dry();
    let pair = queue.enter(Wanted { calls: 2, deployments: 0 }, Priority::UserChange, 0, Duration::ZERO);
    let single = queue.enter(ONE, Priority::UserChange, 0, Duration::ZERO);
    let served = run(&mut queue, Duration::ZERO, at(10_000));
    assert_eq!(served, [(at(400), pair), (at(600), single)]);
}

#[test]
fn more_than_can_be_saved_is_served_with_all_that_can() {
    let mut queue = Queue::new(Share { rate: 1.0, burst: 1 }, Duration::ZERO);
    let pair = queue.enter(Wanted { calls: 2, deployments: 0 }, Priority::UserChange, 0, Duration::ZERO);
    assert_eq!(queue.serve(Duration::ZERO), [pair]);
}

#[test]
fn who_was_asked_to_wait_waits_but_an_abort_does_not() {
    let mut queue = Queue::new(SHARE, Duration::ZERO);
    queue.throttled(false, Duration::ZERO, Duration::ZERO, Some(Duration::from_secs(30)));
    let change = queue.enter(ONE, Priority::UserChange, 0, at(1_000));
    let snapshot = queue.enter(DEPLOYMENT, Priority::UserChange, 0, at(1_000));
    assert_eq!(queue.serve(at(1_000)), []);
    let abort = queue.enter(ONE, Priority::Abort, 0, at(2_000));
    assert_eq!(run(&mut queue, at(2_000), at(29_999)), [(at(2_000), abort)]);
    assert_eq!(queue.serve(at(30_000)), [change, snapshot]);
}

#[test]
fn a_refused_snapshot_slows_snapshots_and_nothing_else() {
    let mut queue = Queue::new(SHARE, Duration::ZERO);
    queue.throttled(true, Duration::ZERO, Duration::ZERO, Some(Duration::from_secs(5)));
    let snapshot = queue.enter(DEPLOYMENT, Priority::UserChange, 0, Duration::ZERO);
    let other = queue.enter(ONE, Priority::CleanUp, 0, Duration::ZERO);
    let served = run(&mut queue, Duration::ZERO, at(60_000));
    assert_eq!(served[0], (at(0), other));
    assert_eq!(served[1].1, snapshot);
    assert!((at(8_000)..at(10_300)).contains(&served[1].0), "half as fast at first: {served:?}");
}

#[test]
fn what_waits_is_as_urgent_as_whoever_waits_for_it() {
    let mut queue = dry();
    let change = queue.enter(ONE, Priority::UserChange, 0, Duration::ZERO);
    let read = queue.enter(ONE, Priority::Drift, 0, Duration::ZERO);
    queue.raise(read, Priority::Abort);
    queue.raise(read, Priority::CleanUp);
    let served = run(&mut queue, Duration::ZERO, at(10_000));
    assert_eq!(served, [(at(200), read), (at(400), change)]);
}

#[test]
fn among_equals_what_was_begun_is_finished_first() {
    let mut queue = dry();
    let second = queue.enter(ONE, Priority::UserChange, 2, Duration::ZERO);
    let first = queue.enter(ONE, Priority::UserChange, 1, Duration::ZERO);
    let urgent = queue.enter(ONE, Priority::Release, 3, Duration::ZERO);
    let served: Vec<_> = run(&mut queue, Duration::ZERO, at(10_000)).into_iter().map(|(_, ticket)| ticket).collect();
    assert_eq!(served, [urgent, first, second]);
}

#[test]
fn who_leaves_costs_nothing_and_what_is_given_back_is_there() {
    let mut queue = dry();
    let gone = queue.enter(ONE, Priority::Abort, 0, Duration::ZERO);
    let next = queue.enter(ONE, Priority::Drift, 0, Duration::ZERO);
    assert!(queue.leave(gone));
    assert!(!queue.leave(gone));
    assert_eq!(queue.serve(at(200)), [next]);
    queue.give_back(ONE, at(200));
    let third = queue.enter(ONE, Priority::Drift, 0, at(200));
    assert_eq!(queue.serve(at(200)), [third]);
}

/// Something that happens to a queue.
#[derive(Clone, Debug)]
enum Event {
    Enter { calls: u32, deployments: u32, priority: usize },
    Pass { milliseconds: u64 },
    Throttled { is_deployment: bool, retry_after: Option<u64> },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..=2_u32, 0..=1_u32, 0..6_usize)
            .prop_map(|(calls, deployments, priority)| Event::Enter { calls, deployments, priority }),
        4 => (0..3_000_u64).prop_map(|milliseconds| Event::Pass { milliseconds }),
        1 => (any::<bool>(), proptest::option::of(0..20_u64))
            .prop_map(|(is_deployment, retry_after)| Event::Throttled { is_deployment, retry_after }),
    ]
}

proptest! {
    /// P9: in no window of time more calls than the burst and what the rate brings in it, in no 5 s two snapshots; and
    /// everybody is served in the end.
    #[test]
    fn p9_the_share_is_never_exceeded_and_everybody_is_served(
        events in proptest::collection::vec(event(), 1..120),
        rate in 1..=9_u32,
        burst in 1..=38_u32,
    ) {
        let share = Share { rate: f64::from(rate), burst };
        let mut queue = Queue::new(share, Duration::ZERO);
        let (mut now, mut served) = (Duration::ZERO, Vec::new());
        let mut wanted = BTreeMap::new();
        for event in events {
            match event {
                Event::Enter { calls, deployments, priority } => {
                    let asked = Wanted { calls, deployments };
                    wanted.insert(queue.enter(asked, Priority::ALL[priority], 0, now), asked);
                }
                Event::Pass { milliseconds } => {
                    let end = now + at(milliseconds);
                    served.extend(run(&mut queue, now, end));
                    now = end;
                }
                Event::Throttled { is_deployment, retry_after } => {
                    queue.throttled(is_deployment, now, now, retry_after.map(Duration::from_secs));
                }
            }
        }
        served.extend(run(&mut queue, now, now + Duration::from_hours(10)));
        prop_assert_eq!(served.len(), wanted.len(), "everybody is served once");
        let calls: Vec<_> = served.iter().map(|(when, ticket)| (*when, f64::from(wanted[ticket].calls.min(burst)))).collect();
        for (from, (start, _)) in calls.iter().enumerate() {
            let mut sum = 0.0;
            for (when, count) in &calls[from..] {
                sum += count;
                let allowed = f64::from(burst) + share.rate * when.abs_diff(*start).as_secs_f64();
                prop_assert!(sum <= allowed + 1e-6, "{} calls in {:?}", sum, when.abs_diff(*start));
            }
        }
        let snapshots: Vec<_> =
            served.iter().filter(|(_, ticket)| wanted[ticket].deployments > 0).map(|(when, _)| *when).collect();
        for pair in snapshots.windows(2) {
            prop_assert!(pair[1].abs_diff(pair[0]) >= at(5_099), "{:?}", pair);
        }
    }
}
