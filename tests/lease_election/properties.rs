//! Any order of faults: two or three replicas are killed, stopped, cut off and told to end, requests are late or lost,
//! people edit the Lease. Never may two write at once, and once the last fault is over somebody soon leads.
//!
//! A replica does here what the process does: it writes while it has permits, finishes its write when told to end, and
//! only then releases. Its clocks show another time of day and another time since boot than those of its rivals.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use stagecraft::clock::Clock;
use stagecraft::lease::Leadership;
use stagecraft::run::Stopping;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::apiserver::{Apiserver, Fate, Fault, terms};

/// A supervisor starts a process that ended again after this time.
const RESTART: Duration = Duration::from_secs(1);

/// How often the replicas are looked at.
const TICK: Duration = Duration::from_millis(25);

#[derive(Clone, Debug)]
enum Event {
    /// SIGSTOP, and SIGCONT after that many seconds.
    Freeze(usize, u64),
    /// SIGKILL, and a new process after that many seconds.
    Kill(usize, u64),
    /// SIGTERM, and a new process after that many seconds.
    Terminate(usize, u64),
    /// No request of one replica arrives for that many seconds.
    CutOff(usize, u64),
    /// No request of anybody arrives for that many seconds.
    Outage(u64),
    /// Somebody labels the Lease.
    Touch,
    /// Somebody clears the holder, to hurry things up.
    ClearHolder,
}

impl Event {
    fn lasts(&self) -> Duration {
        match self {
            Self::Freeze(_, seconds)
            | Self::Kill(_, seconds)
            | Self::Terminate(_, seconds)
            | Self::CutOff(_, seconds)
            | Self::Outage(seconds) => Duration::from_secs(*seconds),
            Self::Touch | Self::ClearHolder => Duration::ZERO,
        }
    }
}

#[derive(Clone, Debug)]
struct Script {
    seed: u64,
    replicas: usize,
    /// Of 100 requests, so many are late, and as many lost, half of them after they took effect.
    bad_requests: u32,
    /// Milliseconds after the event before, and what happens then.
    events: Vec<(u64, Event)>,
}

fn scripts() -> impl Strategy<Value = Script> {
    let event = prop_oneof![
        3 => (0..3_usize, 1..90_u64).prop_map(|(replica, seconds)| Event::Freeze(replica, seconds)),
        3 => (0..3_usize, 0..20_u64).prop_map(|(replica, seconds)| Event::Kill(replica, seconds)),
        3 => (0..3_usize, 0..20_u64).prop_map(|(replica, seconds)| Event::Terminate(replica, seconds)),
        3 => (0..3_usize, 1..90_u64).prop_map(|(replica, seconds)| Event::CutOff(replica, seconds)),
        1 => (1..60_u64).prop_map(Event::Outage),
        1 => Just(Event::Touch),
        1 => Just(Event::ClearHolder),
    ];
    let events = prop::collection::vec((0..45_000_u64, event), 1..8);
    (any::<u64>(), 2..=3_usize, prop_oneof![Just(0), 1..30_u32], events)
        .prop_map(|(seed, replicas, bad_requests, events)| Script { seed, replicas, bad_requests, events })
}

/// A write to AWS, which may take effect until `until`.
#[derive(Clone, Copy, Debug)]
struct Write {
    replica: usize,
    life: u64,
    began: Duration,
    until: Duration,
}

impl Write {
    fn tell_overlap(&self, next: &Self) -> String {
        let Self { replica, began, until, .. } = self;
        format!("replica {replica} from {began:?}, until {until:?}; replica {} from {:?}", next.replica, next.began)
    }
}

/// What is seen from outside, on one clock.
struct Ledger {
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    leaders: Vec<Option<Leadership>>,
    writes: Vec<Write>,
    lives: u64,
    /// Writes that began while another process' write could still take effect, told for people.
    overlaps: Vec<String>,
}

impl Ledger {
    /// Nobody may begin a write while one of another process may still take effect.
    fn began(&self, replica: usize, life: u64) -> usize {
        let mut seen = self.seen.lock().unwrap();
        let began = self.clock.boottime();
        // Until it is known to be over: the operation timeout, and then what a successor leaves it.
        let until = began + terms().operation_timeout + terms().settling_time();
        let write = Write { replica, life, began, until };
        let others = seen.writes.iter().filter(|other| other.life != life && began < other.until);
        let overlaps: Vec<String> = others.map(|other| other.tell_overlap(&write)).collect();
        seen.overlaps.extend(overlaps);
        seen.writes.push(write);
        seen.writes.len() - 1
    }

    fn answered(&self, write: usize) {
        let now = self.clock.boottime();
        let write = &mut self.seen.lock().unwrap().writes[write];
        write.until = write.until.min(now);
    }

    fn set(&self, replica: usize, leadership: Option<Leadership>) -> u64 {
        let mut seen = self.seen.lock().unwrap();
        seen.leaders[replica] = leadership;
        seen.lives += 1;
        seen.lives
    }

    /// The replicas that could write now.
    fn writers(&self) -> Vec<usize> {
        let seen = self.seen.lock().unwrap();
        let leads = |leader: &Option<Leadership>| leader.as_ref().is_some_and(Leadership::may_write);
        (0..seen.leaders.len()).filter(|replica| leads(&seen.leaders[*replica])).collect()
    }
}

/// What the test does to one replica.
struct Controls {
    frozen: watch::Sender<bool>,
    orders: mpsc::UnboundedSender<Order>,
}

struct Order {
    kill: bool,
    down: Duration,
}

struct Replica {
    number: usize,
    clock: Clock,
    apiserver: Apiserver,
    ledger: Arc<Ledger>,
    random: StdRng,
    frozen: watch::Sender<bool>,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl Replica {
    /// One process after the other, for ever.
    async fn live(mut self) {
        loop {
            let down = Box::pin(self.one_life()).await;
            self.ledger.set(self.number, None);
            self.clock.wait(down).await;
        }
    }

    /// From the start of a process to its end; how long until the next one.
    async fn one_life(&mut self) -> Duration {
        let client = self.apiserver.client(self.number);
        let host = format!("pod-{}", self.number);
        let (leadership, elector) = Leadership::contend(client, terms(), &host, self.clock.clone());
        let life = self.ledger.set(self.number, Some(leadership.clone()));
        let (stop, stopping) = Stopping::pair();
        let (release, released) = Stopping::pair();
        let random = StdRng::seed_from_u64(self.random.random());
        let writes =
            write(self.number, life, leadership, Arc::clone(&self.ledger), self.clock.clone(), random, stopping);
        let process = async {
            let orderly = async {
                writes.await;
                release.send_replace(true);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = elector.run(released.asked()) => drop(ended),
                () = orderly => {}
            }
        };
        let mut process = std::pin::pin!(freezable(process, self.frozen.subscribe()));
        let mut next = RESTART;
        loop {
            tokio::select! {
                () = &mut process => return next,
                order = self.orders.recv() => match order {
                    Some(Order { kill: true, down }) => {
                        self.frozen.send_replace(false);
                        return down;
                    }
                    Some(Order { kill: false, down }) => {
                        next = down;
                        stop.send_replace(true);
                    }
                    None => return next,
                }
            }
        }
    }
}

/// Runs `process` while it is not stopped by a signal.
async fn freezable(process: impl Future<Output = ()>, mut frozen: watch::Receiver<bool>) {
    let mut process = std::pin::pin!(process);
    loop {
        tokio::select! {
            biased;
            _ = frozen.wait_for(|frozen| *frozen) => {}
            () = &mut process => return,
        }
        if frozen.wait_for(|frozen| !*frozen).await.is_err() {
            return;
        }
    }
}

/// Writes whenever it may, one after the other, until told to stop.
async fn write(
    replica: usize,
    life: u64,
    leadership: Leadership,
    ledger: Arc<Ledger>,
    clock: Clock,
    mut random: StdRng,
    stopping: Stopping,
) {
    while !stopping.is_asked() {
        if let Some(permit) = leadership.permit().filter(stagecraft::lease::Permit::still_valid) {
            let write = ledger.began(replica, life);
            drop(permit);
            clock.wait(Duration::from_millis(random.random_range(0..9_900))).await;
            ledger.answered(write);
        }
        clock.wait(Duration::from_millis(random.random_range(20..800))).await;
    }
}

/// The network of a script: bad until `over`, from then on prompt.
fn network(
    script: &Script,
    over: Duration,
    clock: Clock,
    cut: Arc<Mutex<Vec<Duration>>>,
) -> impl FnMut(usize) -> Fate + use<> {
    let mut random = StdRng::seed_from_u64(script.seed);
    let bad = f64::from(script.bad_requests) / 100.0;
    move |replica| {
        let left = over.saturating_sub(clock.boottime());
        if left.is_zero() {
            return Fate::PROMPT;
        }
        if clock.boottime() < cut.lock().unwrap()[replica] {
            return Fate::fault(Fault::LostBeforeTheEffect);
        }
        let mut way = || {
            let usual = Duration::from_millis(random.random_range(1..200));
            let late = Duration::from_millis(random.random_range(1_000..40_000));
            if random.random_bool(bad) { late } else { usual }
        };
        // Nothing that was sent before the last fault is over arrives after it.
        let there = way().min(left);
        let back = way().min(left - there);
        let fault = match random.random_range(0.0..1.0) {
            roll if roll < bad / 2.0 => Fault::LostBeforeTheEffect,
            roll if roll < bad => Fault::LostAfterTheEffect,
            roll if roll < bad * 1.2 => Fault::Answered(503),
            _ => Fault::None,
        };
        Fate { there, back, fault }
    }
}

async fn play(script: Script) -> TestCaseResult {
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
    let mut random = StdRng::seed_from_u64(script.seed ^ 1);
    // When the last fault is over: also a new process takes a moment.
    let mut at = Duration::ZERO;
    let mut over = Duration::ZERO;
    let mut schedule = Vec::new();
    for (gap, event) in &script.events {
        at += Duration::from_millis(*gap);
        over = over.max(at + event.lasts() + RESTART);
        schedule.push((at, event.clone()));
    }

    let cut = Arc::new(Mutex::new(vec![Duration::ZERO; script.replicas]));
    let mut fate = network(&script, over, clock.clone(), Arc::clone(&cut));
    let apiserver = Apiserver::new(clock.clone(), move |sent| fate(sent.replica));
    let seen = Seen { leaders: vec![None; script.replicas], ..Seen::default() };
    let ledger = Arc::new(Ledger { clock: clock.clone(), seen: Mutex::new(seen) });
    let mut controls = Vec::new();
    let mut lives = JoinSet::new();
    for number in 0..script.replicas {
        let skewed = Clock::simulated(Timestamp::UNIX_EPOCH + Duration::from_secs(random.random_range(0..9_000_000)));
        skewed.advance(Duration::from_secs(random.random_range(0..9_000_000)));
        let frozen = watch::Sender::new(false);
        let (orders, received) = mpsc::unbounded_channel();
        controls.push(Controls { frozen: frozen.clone(), orders });
        let (apiserver, ledger) = (apiserver.clone(), Arc::clone(&ledger));
        let random = StdRng::seed_from_u64(random.random());
        lives.spawn(Replica { number, clock: skewed, apiserver, ledger, random, frozen, orders: received }.live());
    }

    let led_by = over + terms().takeover_bound();
    let mut thaw = vec![Duration::ZERO; script.replicas];
    let mut schedule = schedule.into_iter().peekable();
    while clock.boottime() < led_by + Duration::from_mins(1) {
        let now = clock.boottime();
        while let Some((_, event)) = schedule.next_if(|(at, _)| *at <= now) {
            let until = now + event.lasts();
            match event {
                Event::Freeze(replica, _) => {
                    let replica = replica % script.replicas;
                    thaw[replica] = thaw[replica].max(until);
                    controls[replica].frozen.send_replace(true);
                }
                Event::Kill(replica, down) | Event::Terminate(replica, down) => {
                    let kill = matches!(event, Event::Kill(..));
                    let order = Order { kill, down: Duration::from_secs(down) };
                    controls[replica % script.replicas].orders.send(order).unwrap();
                }
                Event::CutOff(replica, _) => {
                    let mut cut = cut.lock().unwrap();
                    let cut = &mut cut[replica % script.replicas];
                    *cut = until.max(*cut);
                }
                Event::Outage(_) => cut.lock().unwrap().iter_mut().for_each(|cut| *cut = until.max(*cut)),
                Event::Touch => {
                    apiserver.patch_by_hand(&json!({ "metadata": { "labels": { "at": format!("{now:?}") } } }));
                }
                Event::ClearHolder => apiserver.patch_by_hand(&json!({ "spec": { "holderIdentity": "" } })),
            }
        }
        for (control, until) in controls.iter().zip(&thaw) {
            if now >= *until {
                control.frozen.send_if_modified(|frozen| std::mem::replace(frozen, false));
            }
        }
        let writers = ledger.writers();
        prop_assert!(writers.len() <= 1, "replicas {writers:?} could write at {now:?}");
        if now >= led_by {
            prop_assert_eq!(writers.len(), 1, "nobody leads at {:?}; the last fault was over at {:?}", now, over);
        }
        clock.wait(TICK).await;
    }
    let seen = ledger.seen.lock().unwrap();
    prop_assert!(seen.overlaps.is_empty(), "writes that overlap: {:#?}", seen.overlaps);
    prop_assert!(!seen.writes.is_empty(), "a story without writes proves nothing");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p4_never_two_permits_at_once_and_soon_a_leader_again(script in scripts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(script))?;
    }
}
