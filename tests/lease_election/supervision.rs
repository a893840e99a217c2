//! The process around the lease: what starts when, what ends it, and in which order it stops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use stagecraft::cli::{self, Command};
use stagecraft::clock::Clock;
use stagecraft::lease::Leadership;
use stagecraft::metrics::Metrics;
use stagecraft::prometheus::Prometheus;
use stagecraft::run::{self, BoxError, Error, Process, Signals, Stopping};
use stagecraft::server::Health;
use stagecraft::webhook::Webhooks;
use stagecraft_core::access::Policy;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::apiserver::{Apiserver, Fate, Fault, KUBE_SYSTEM, terms};

/// A process under supervision, with a controller of the test's.
struct Run {
    clock: Clock,
    leadership: Leadership,
    signals: mpsc::Sender<&'static str>,
    log: Log,
    ended: JoinSet<Result<(), Error>>,
}

/// What the controller did, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A controller that notes its start, and ends when it is told to.
async fn obedient(process: Process, log: Log) -> Result<(), BoxError> {
    log.note(format!("started as {}", process.cluster_id));
    process.stopping.asked().await;
    log.note("stopping");
    process.clock.wait(Duration::from_secs(20)).await;
    log.note("stopped");
    Ok(())
}

impl Run {
    async fn start<C>(
        apiserver: &Apiserver,
        flags: &[&str],
        controller: impl FnOnce(Process, Log) -> C + Send + 'static,
    ) -> Self
    where
        C: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let arguments = ["stagecraft", "run"].iter().chain(flags);
        let Ok(Command::Run(settings)) = cli::parse(arguments) else { panic!("{flags:?}") };
        let client = apiserver.client(0);
        let (leadership, elector) = Leadership::contend(client.clone(), terms(), "pod-0", clock.clone());
        let (stop, stopping) = Stopping::pair();
        let process = Process {
            cluster_id: settings.cluster_id.clone().unwrap_or_default(),
            access: Policy::Open { adoption: settings.allow_adoption },
            webhooks: Webhooks::default(),
            prometheus: Prometheus::default(),
            settings: Arc::new(*settings),
            client,
            clock: clock.clone(),
            leadership: leadership.clone(),
            metrics: Arc::new(Metrics::new()),
            health: Health::new(clock.clone()),
            stopping,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (signals, received) = mpsc::channel(2);
        let log = Log::default();
        let noted = log.clone();
        let mut ended = JoinSet::new();
        ended.spawn(async move {
            let controller = move |process| controller(process, noted);
            run::supervise(process, listener, Some(elector), controller, stop, Signals::told(received)).await
        });
        Self { clock, leadership, signals, log, ended }
    }

    fn signal(&self) {
        self.signals.try_send("SIGTERM").unwrap();
    }

    async fn pass(&self, seconds: u64) {
        self.clock.wait(Duration::from_secs(seconds)).await;
    }

    async fn ended(&mut self) -> Result<(), Error> {
        let ended = tokio::time::timeout(Duration::from_mins(5), self.ended.join_next()).await;
        ended.expect("it runs on").unwrap().expect("the supervision panicked")
    }
}

fn healthy() -> Apiserver {
    Apiserver::new(Clock::simulated(Timestamp::UNIX_EPOCH), |_| Fate::PROMPT)
}

fn is_released(apiserver: &Apiserver) -> bool {
    apiserver.holder().as_deref() == Some("")
}

#[tokio::test(start_paused = true)]
async fn a_signal_lets_the_controller_finish_and_then_releases() {
    let apiserver = healthy();
    let mut run = Run::start(&apiserver, &[], obedient).await;
    run.pass(10).await;
    assert_eq!(run.log.lines(), [format!("started as {KUBE_SYSTEM}")]);
    run.signal();
    run.pass(19).await;
    assert_eq!(run.log.lines()[1..], ["stopping"]);
    assert!(run.leadership.may_write() && !is_released(&apiserver), "the last passes still write");
    assert!(run.ended().await.is_ok());
    assert_eq!(run.log.lines()[1..], ["stopping", "stopped"]);
    assert!(is_released(&apiserver));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_does_not_finish_keeps_the_lease_from_being_released() {
    let apiserver = healthy();
    let stubborn = async |process: Process, _: Log| {
        let _process = process;
        std::future::pending().await
    };
    let mut run = Run::start(&apiserver, &[], stubborn).await;
    run.pass(10).await;
    run.signal();
    let began = run.clock.boottime();
    let error = run.ended().await.unwrap_err();
    assert_eq!(error.to_string(), "passes under way did not end within 25s; the lease is left to run out");
    assert!(run.clock.boottime().saturating_sub(began) < Duration::from_secs(26));
    assert!(!is_released(&apiserver), "its last writes may be under way");
    assert!(run.leadership.permit().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_it_at_once() {
    let apiserver = healthy();
    let mut run = Run::start(&apiserver, &[], obedient).await;
    run.pass(10).await;
    run.signal();
    run.pass(1).await;
    run.signal();
    let began = run.clock.boottime();
    assert!(matches!(run.ended().await, Err(Error::Interrupted)));
    assert!(run.clock.boottime().saturating_sub(began) < Duration::from_millis(100));
    assert!(!is_released(&apiserver));
}

#[tokio::test(start_paused = true)]
async fn a_replica_on_standby_starts_no_controller_and_stops_at_once() {
    let apiserver = healthy();
    let mut leader = Run::start(&apiserver, &[], obedient).await;
    leader.pass(1).await;
    let mut standby = Run::start(&apiserver, &[], obedient).await;
    standby.pass(100).await;
    assert!(standby.log.lines().is_empty());
    standby.signal();
    let began = standby.clock.boottime();
    assert!(standby.ended().await.is_ok());
    assert!(standby.clock.boottime().saturating_sub(began) < Duration::from_secs(1));
    assert!(leader.leadership.may_write(), "the leader is not disturbed");
    leader.signal();
    assert!(leader.ended().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_process_whatever_the_controller_does() {
    let apiserver = healthy();
    let busy = async |process: Process, log: Log| {
        loop {
            process.clock.wait(Duration::from_millis(100)).await;
            log.note(if process.leadership.permit().is_some() { "write" } else { "no permit" });
        }
    };
    let mut run = Run::start(&apiserver, &[], busy).await;
    run.pass(10).await;
    apiserver.set_network(|_| Fate::fault(Fault::LostBeforeTheEffect));
    let error = run.ended().await.unwrap_err();
    assert!(matches!(error, Error::Lost(_)), "{error}");
    let lines = run.log.lines();
    assert_eq!(lines.last().map(String::as_str), Some("no permit"));
    run.pass(10).await;
    assert_eq!(run.log.lines().len(), lines.len(), "the controller is gone");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_ends_by_itself_ends_the_process() {
    let broken = async |_: Process, _: Log| Err(BoxError::from("the cache is full"));
    let mut run = Run::start(&healthy(), &[], broken).await;
    let error = run.ended().await.unwrap_err();
    assert_eq!(stagecraft::telemetry::Chain(&error).to_string(), "the controller broke down: the cache is full");

    let lazy = async |_: Process, _: Log| Ok(());
    let error = Run::start(&healthy(), &[], lazy).await.ended().await.unwrap_err();
    assert_eq!(error.to_string(), "the controller ended although nobody asked it to");

    let panics = async |_: Process, _: Log| panic!("on purpose");
    let error = Run::start(&healthy(), &[], panics).await.ended().await.unwrap_err();
    assert!(matches!(error, Error::Panicked(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_readable_name_is_waited_for() {
    let apiserver = healthy();
    apiserver
        .set_network(|sent| Fate::fault(if sent.verb == "namespace" { Fault::Answered(403) } else { Fault::None }));
    let run = Run::start(&apiserver, &[], obedient).await;
    run.pass(60).await;
    assert!(run.log.lines().is_empty());
    apiserver.set_network(|_| Fate::PROMPT);
    run.pass(6).await;
    assert_eq!(run.log.lines(), [format!("started as {KUBE_SYSTEM}")]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_given_a_name_is_not_asked() {
    let apiserver = healthy();
    let run = Run::start(&apiserver, &["--cluster-id", "prod-eu"], obedient).await;
    run.pass(6).await;
    assert_eq!(run.log.lines(), ["started as prod-eu"]);
    assert!(apiserver.requests().iter().all(|(_, verb)| verb != "namespace"));
}
