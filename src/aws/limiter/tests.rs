//! Callers on tokio's paused time.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::*;
use crate::aws::urgency::Turn;

const SHARE: Share = Share { rate: 5.0, burst: 20 };

/// What was told of waits.
#[derive(Default)]
struct Waits(Mutex<Vec<(Priority, Duration)>>);

impl Observer for Waits {
    fn called(&self, _: Operation, _: Result<(), &Error>, _: Duration) {}

    fn waited(&self, priority: Priority, waited: Duration) {
        self.0.lock().unwrap().push((priority, waited));
    }
}

struct Bench {
    clock: Clock,
    waits: Arc<Waits>,
    limiter: Limiter,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::simulated("2026-08-01T12:00:00Z".parse().unwrap());
        let waits = Arc::new(Waits::default());
        let limiters = Limiters::new(SHARE, clock.clone(), Arc::clone(&waits) as Arc<dyn Observer>);
        let limiter = limiters.of("123456789012".into(), &Region::from("eu-west-1"));
        Self { clock, waits, limiter }
    }

    /// Without a token left.
    async fn dry() -> Self {
        let bench = Self::new();
        for _ in 0..SHARE.burst {
            bench.call(Priority::Drift).await;
        }
        bench.waits.0.lock().unwrap().clear();
        bench
    }

    async fn call(&self, priority: Priority) {
        let leave = self.limiter.leave(&[Operation::GetStages], Urgency::of(priority)).await;
        assert!(leave.take(Operation::GetStages));
    }

    fn seconds(&self) -> f64 {
        self.clock.boottime().as_secs_f64()
    }
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.02
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_take_what_the_share_allows_and_not_less() {
    let bench = Arc::new(Bench::new());
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.call(Priority::Drift).await });
    }
    callers.join_all().await;
    assert!(near(bench.seconds(), 16.0), "{} s", bench.seconds());
    let waits = bench.waits.0.lock().unwrap();
    assert_eq!(waits.iter().filter(|(_, waited)| waited.is_zero()).count(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_abort_overtakes_those_who_wait() {
    let bench = Arc::new(Bench::dry().await);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.call(Priority::Release).await });
    }
    bench.clock.wait(Duration::from_secs(2)).await;
    bench.call(Priority::Abort).await;
    assert!(bench.seconds() < 2.25, "{} s", bench.seconds());
    callers.join_all().await;
    assert!(near(bench.seconds(), 10.2), "{} s", bench.seconds());
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_watches_the_time_goes_away_another_takes_over() {
    let bench = Arc::new(Bench::dry().await);
    let mut callers = JoinSet::new();
    let first = {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.call(Priority::Drift).await })
    };
    tokio::task::yield_now().await;
    let second = {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.call(Priority::Drift).await })
    };
    tokio::task::yield_now().await;
    first.abort();
    assert!(callers.join_next().await.unwrap().unwrap_err().is_cancelled());
    callers.join_next().await.unwrap().unwrap();
    assert!(second.is_finished());
    assert!(near(bench.seconds(), 0.2), "who went away took no token: {} s", bench.seconds());
}

#[tokio::test(start_paused = true)]
async fn leave_that_is_not_used_is_given_back() {
    let bench = Bench::dry().await;
    let leave =
        bench.limiter.leave(&[Operation::CreateStage, Operation::UpdateStage], Urgency::of(Priority::UserChange)).await;
    assert!(near(bench.seconds(), 0.4));
    assert!(leave.take(Operation::CreateStage));
    assert!(!leave.take(Operation::CreateStage), "once");
    drop(leave);
    bench.call(Priority::Drift).await;
    assert!(near(bench.seconds(), 0.4), "{} s", bench.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_read_becomes_as_urgent_as_who_waits_for_it() {
    let bench = Arc::new(Bench::dry().await);
    let turn = Turn::default();
    let held = turn.wait(Priority::Drift).await;
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let bench = Arc::clone(&bench);
        callers.spawn(async move { bench.call(Priority::UserChange).await });
    }
    let read = bench.limiter.leave(&[Operation::GetStages], held.urgency());
    let abort = async {
        bench.clock.wait(Duration::from_secs(1)).await;
        drop(turn.wait(Priority::Abort).await);
    };
    let done = AtomicBool::new(false);
    let read = async {
        let leave = read.await;
        assert!(leave.take(Operation::GetStages));
        assert!(bench.seconds() < 1.25, "{} s", bench.seconds());
        done.store(true, Ordering::Relaxed);
        drop(held);
    };
    tokio::join!(read, abort);
    assert!(done.load(Ordering::Relaxed));
    assert_eq!(bench.waits.0.lock().unwrap().last().map(|(priority, _)| *priority), Some(Priority::Drift));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_makes_the_next_ones_wait() {
    let bench = Bench::new();
    let throttled = Error {
        operation: Operation::GetStages,
        cause: Cause::Throttled { retry_after: Some(Duration::from_secs(3)) },
        code: None,
        message: None,
        status: Some(429),
    };
    let lost = Error { cause: Cause::LostReply, ..throttled.clone() };
    bench.limiter.answered(Operation::GetStages, Err(&lost), bench.clock.boottime());
    bench.call(Priority::Drift).await;
    assert!(near(bench.seconds(), 0.0), "only 429 tells of the quota");
    bench.limiter.answered(Operation::GetStages, Err(&throttled), bench.clock.boottime());
    bench.call(Priority::Abort).await;
    assert!(bench.seconds() < 0.5, "at half the rate, but before Retry-After: {} s", bench.seconds());
    bench.call(Priority::Release).await;
    assert!(near(bench.seconds(), 3.0), "{} s", bench.seconds());
}

#[tokio::test(start_paused = true)]
async fn each_account_and_region_has_its_own_share_however_many_clients_lead_there() {
    let clock = Clock::simulated("2026-08-01T12:00:00Z".parse().unwrap());
    let limiters = Limiters::new(SHARE, clock.clone(), Arc::new(Waits::default()));
    assert_eq!(limiters.standing(), (20.0, 5.0));
    let of = |account: &str, region: &str| limiters.of(account.into(), &Region::from(region));
    let call = async |limiter: Limiter| {
        assert!(limiter.leave(&[Operation::GetStages], Urgency::of(Priority::Drift)).await.take(Operation::GetStages));
    };
    for _ in 0..20 {
        call(of("123456789012", "eu-west-1")).await;
        call(of("210987654321", "eu-west-1")).await;
        call(of("123456789012", "eu-central-1")).await;
    }
    assert_eq!(clock.boottime(), Duration::ZERO);
    assert_eq!(limiters.standing(), (0.0, 5.0));
    call(of("123456789012", "eu-west-1")).await;
    assert!(clock.boottime() >= Duration::from_millis(200), "the same bucket");
}
