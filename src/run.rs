//! `stagecraft run`: starts the parts of the process, watches over them, and stops them in the right order.
//!
//! The server answers from the first moment. The controller starts once this replica leads. On SIGTERM or SIGINT the
//! controller finishes what is under way, then the lease is released, then the process ends; a second signal ends it at
//! once. A part that ends by itself ends the process: a replica that is half alive would keep the others from working.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, Config};
use rustix::system::uname;
use stagecraft_core::access::Policy;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use crate::access;
use crate::cli::Settings;
use crate::clock::Clock;
use crate::http_client;
use crate::lease::{Elector, Leadership, Lost, Terms};
use crate::metrics::Metrics;
use crate::prometheus::{self, Prometheus};
use crate::server::{self, Health};
use crate::telemetry::Chain;
use crate::webhook::Webhooks;

/// How long passes under way may go on after a signal. Kubernetes kills after 30 s by default; the rest is for the
/// release of the lease.
const LAST_PASSES: Duration = Duration::from_secs(25);

/// How long requests for health and metrics that are under way may go on at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Time between two attempts to learn what the process needs to know before it can work.
const RETRY: Duration = Duration::from_secs(5);

/// What goes wrong inside the controller; its own errors become this at the process' edge.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the controller gets from the process.
#[derive(Clone)]
pub struct Process {
    /// What the process was started with.
    pub settings: Arc<Settings>,
    /// First part of the owner tag.
    pub cluster_id: String,
    /// Who may govern what.
    pub access: Policy,
    /// Whom releases ask and tell.
    pub webhooks: Webhooks,
    /// Every Prometheus that metrics may ask.
    pub prometheus: Prometheus,
    /// The cluster. Its requests are tried again after 429, 503 and 504.
    pub client: Client,
    /// The one clock.
    pub clock: Clock,
    /// Whom to ask before each write to AWS.
    pub leadership: Leadership,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where to report that the stores are synced, and signs of life.
    pub health: Health,
    /// When to stop.
    pub stopping: Stopping,
}

/// Tells a part of the process to come to an end. Clones hear the same.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

/// Where the process hears that it shall stop.
#[derive(Debug)]
pub struct Signals(Ear);

#[derive(Debug)]
enum Ear {
    /// SIGTERM (Kubernetes) and SIGINT (a person).
    System {
        terminate: Signal,
        interrupt: Signal,
    },
    Told(mpsc::Receiver<&'static str>),
}

/// Why `run` ended otherwise than by finishing what a signal asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of access rules cannot be used.
    #[error("cannot tell who may govern what")]
    Access(#[source] access::Error),
    /// The file of providers cannot be used.
    #[error("cannot tell which Prometheus there is: correct the file of --providers-config")]
    Providers(#[source] prometheus::Error),
    /// The client of webhooks cannot be made.
    #[error("could not set up the client of webhooks")]
    Webhooks(#[source] http_client::Error),
    /// No kubeconfig and no service account.
    #[error("found no cluster to talk to: set KUBECONFIG, or run as a pod with a service account")]
    NoCluster(#[source] kube::config::InferConfigError),
    /// The client cannot be made.
    #[error("could not set up the client of the cluster")]
    Client(#[source] kube::Error),
    /// The address is taken or not ours.
    #[error("could not listen on {address}: choose another --listen")]
    Listen {
        /// What `--listen` said.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Signals cannot be caught.
    #[error("could not set up the signal handlers")]
    Signals(#[source] io::Error),
    /// Another replica leads, or soon will.
    #[error("lost leadership, so this process must end")]
    Lost(#[from] Lost),
    /// The server of health and metrics broke down.
    #[error("the server of health and metrics broke down")]
    Server(#[source] io::Error),
    /// The controller broke down.
    #[error("the controller broke down")]
    Controller(#[source] BoxError),
    /// A part ended that nobody asked to end.
    #[error("the {0} ended although nobody asked it to")]
    Ended(&'static str),
    /// A part panicked.
    #[error("a part of the process panicked")]
    Panicked(#[source] JoinError),
    /// The last passes took too long. The lease is not released: their writes may be under way.
    #[error("passes under way did not end within {LAST_PASSES:?}; the lease is left to run out")]
    Unfinished,
    /// A second signal.
    #[error("ended at once by a second signal; the lease is left to run out")]
    Interrupted,
}

/// A part of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Server,
    Lease,
    Controller,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server of health and metrics",
            Self::Lease => "lease",
            Self::Controller => "controller",
        }
    }
}

impl Stopping {
    /// A pair of the one who tells and those who hear; dropping the sender tells too.
    #[must_use]
    pub fn pair() -> (watch::Sender<bool>, Self) {
        let (stop, stopping) = watch::channel(false);
        (stop, Self(stopping))
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Resolves when it is time to stop.
    pub async fn asked(mut self) {
        // An error means that the sender is gone, and with it the one who would need us.
        drop(self.0.wait_for(|asked| *asked).await);
    }
}

impl Signals {
    /// SIGTERM and SIGINT of this process.
    ///
    /// # Errors
    ///
    /// What the system says when they cannot be caught.
    pub fn of_the_system() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self(Ear::System { terminate, interrupt }))
    }

    /// Signals by name, for tests.
    #[must_use]
    pub fn told(names: mpsc::Receiver<&'static str>) -> Self {
        Self(Ear::Told(names))
    }

    /// The name of the next signal.
    async fn next(&mut self) -> &'static str {
        match &mut self.0 {
            Ear::System { terminate, interrupt } => tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            },
            Ear::Told(names) => match names.recv().await {
                Some(name) => name,
                None => std::future::pending().await,
            },
        }
    }
}

/// Runs the operator until a signal, or until a part of it ends. `controller` is called once this replica leads.
///
/// # Errors
///
/// See [`Error`]; after a signal that everything followed in time there is none.
pub async fn run<F, C>(settings: Settings, controller: F) -> Result<(), Error>
where
    F: FnOnce(Process) -> C + Send + 'static,
    C: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let access = access(&settings)?;
    let webhooks = Webhooks::new(settings.webhooks.clone()).map_err(Error::Webhooks)?;
    let providers = settings.providers_config.as_deref();
    let prometheus = providers.map(Prometheus::load).transpose().map_err(Error::Providers)?.unwrap_or_default();
    let signals = Signals::of_the_system().map_err(Error::Signals)?;
    let config = Config::infer().await.map_err(Error::NoCluster)?;
    let client = Client::try_from(config.clone()).map_err(Error::Client)?;
    let clock = Clock::system();
    let (leadership, elector) = leadership(&settings, config, &clock)?;
    let address = settings.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    if let Ok(address) = listener.local_addr() {
        info!(%address, "serving health and metrics");
    }

    let (stop, stopping) = Stopping::pair();
    let process = Process {
        cluster_id: settings.cluster_id.clone().unwrap_or_default(),
        access,
        webhooks,
        prometheus,
        settings: Arc::new(settings),
        client,
        health: Health::new(clock.clone()),
        clock,
        leadership,
        metrics: Arc::new(Metrics::new()),
        stopping,
    };
    supervise(process, listener, elector, controller, stop, signals).await
}

/// Who may govern what, as the settings say: the rules of the file, else everybody.
///
/// # Errors
///
/// [`Error::Access`].
pub(crate) fn access(settings: &Settings) -> Result<Policy, Error> {
    policy(settings).map_err(Error::Access)
}

fn policy(settings: &Settings) -> Result<Policy, access::Error> {
    match &settings.access_config {
        Some(path) => access::load(path),
        None => Ok(Policy::Open { adoption: settings.allow_adoption }),
    }
}

/// Runs the parts of the process until a signal, or until one of them ends by itself. [`run`] makes them; a test makes
/// its own.
///
/// `stop` is the other side of [`Process::stopping`].
///
/// # Errors
///
/// See [`Error`].
pub async fn supervise<F, C>(
    process: Process,
    listener: TcpListener,
    elector: Option<Elector>,
    controller: F,
    stop: watch::Sender<bool>,
    signals: Signals,
) -> Result<(), Error>
where
    F: FnOnce(Process) -> C + Send + 'static,
    C: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Supervisor::start(process, listener, elector, controller, stop).run(signals).await
}

/// A part that has ended, and how.
type Ended = (Part, Result<(), Error>);

/// The parts under way, and how to tell each to stop.
struct Supervisor {
    parts: JoinSet<Ended>,
    clock: Clock,
    stop_controller: watch::Sender<bool>,
    stop_lease: watch::Sender<bool>,
    stop_server: watch::Sender<bool>,
}

impl Supervisor {
    fn start<F, C>(
        process: Process,
        listener: TcpListener,
        elector: Option<Elector>,
        controller: F,
        stop_controller: watch::Sender<bool>,
    ) -> Self
    where
        F: FnOnce(Process) -> C + Send + 'static,
        C: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let (stop_lease, release) = Stopping::pair();
        let (stop_server, stop) = Stopping::pair();
        let clock = process.clock.clone();
        let mut parts = JoinSet::new();
        let serving = server::serve(
            listener,
            process.health.clone(),
            process.leadership.clone(),
            Arc::clone(&process.metrics),
            stop.asked(),
        );
        parts.spawn(async move { (Part::Server, serving.await.map_err(Error::Server)) });
        if let Some(elector) = elector {
            parts.spawn(async move { (Part::Lease, elector.run(release.asked()).await.map_err(Error::Lost)) });
        }
        parts.spawn(async move { (Part::Controller, control(process, controller).await) });
        Self { parts, clock, stop_controller, stop_lease, stop_server }
    }

    async fn run(mut self, mut signals: Signals) -> Result<(), Error> {
        tokio::select! {
            name = signals.next() => info!(signal = name, "stopping: passes under way are finished first"),
            ended = self.parts.join_next() => {
                let part = result_of(ended)?;
                return Err(Error::Ended(part.name()));
            }
        }
        tokio::select! {
            biased;
            _ = signals.next() => Err(Error::Interrupted),
            stopped = self.stop() => stopped,
        }
    }

    /// Stops the parts in order: nobody may write when the lease is given back, and the server tells of both.
    async fn stop(&mut self) -> Result<(), Error> {
        self.stop_controller.send_replace(true);
        tokio::select! {
            ended = until_ended(&mut self.parts, Part::Controller) => ended?,
            () = self.clock.wait(LAST_PASSES) => return Err(Error::Unfinished),
        }
        if self.stop_lease.send(true).is_ok() {
            until_ended(&mut self.parts, Part::Lease).await?;
        }
        self.stop_server.send_replace(true);
        tokio::select! {
            ended = until_ended(&mut self.parts, Part::Server) => ended?,
            () = self.clock.wait(LAST_ANSWERS) => warn!("requests for health or metrics did not end in time"),
        }
        info!("stopped");
        Ok(())
    }
}

/// Waits until `part` has ended well; whatever ends before it was not asked to.
async fn until_ended(parts: &mut JoinSet<Ended>, part: Part) -> Result<(), Error> {
    let ended = result_of(parts.join_next().await)?;
    if ended == part { Ok(()) } else { Err(Error::Ended(ended.name())) }
}

/// The part that ended well.
fn result_of(ended: Option<Result<Ended, JoinError>>) -> Result<Part, Error> {
    match ended {
        Some(Ok((part, result))) => result.map(|()| part),
        Some(Err(error)) => Err(Error::Panicked(error)),
        None => Err(Error::Ended("process")),
    }
}

/// The controller's life: learn what it needs, wait for leadership, run.
async fn control<F, C>(mut process: Process, controller: F) -> Result<(), Error>
where
    F: FnOnce(Process) -> C,
    C: Future<Output = Result<(), BoxError>>,
{
    let stopping = process.stopping.clone();
    let leadership = process.leadership.clone();
    let start = async {
        if process.settings.cluster_id.is_none() {
            process.cluster_id = uid_of_kube_system(&process).await;
        }
        leadership.leading().await
    };
    let led = tokio::select! {
        biased;
        () = stopping.asked() => return Ok(()),
        led = start => led,
    };
    if led.is_err() {
        // The lease is lost; that part of the process says how.
        return std::future::pending().await;
    }
    let stopping = process.stopping.clone();
    let ended = controller(process).await.map_err(Error::Controller);
    if ended.is_ok() && !stopping.is_asked() { Err(Error::Ended(Part::Controller.name())) } else { ended }
}

/// The uid of namespace kube-system, which lives as long as its cluster.
///
/// # Errors
///
/// A sentence that says what to do.
pub(crate) async fn cluster_id(client: &Client) -> Result<String, String> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let problem = match namespaces.get("kube-system").await {
        Ok(Namespace { metadata, .. }) => match metadata.uid {
            Some(uid) => return Ok(uid),
            None => "it has none".to_owned(),
        },
        Err(kube::Error::Api(status)) => status.message,
        Err(error) => Chain(&error).to_string(),
    };
    Err(format!(
        "Cannot read the uid of namespace kube-system, which names this cluster: {problem}. Allow get on it, or set --cluster-id."
    ))
}

/// The uid of namespace kube-system, asked for until it is known.
async fn uid_of_kube_system(process: &Process) -> String {
    loop {
        let sentence = match cluster_id(&process.client).await {
            Ok(uid) => {
                process.health.set_blocked(None);
                return uid;
            }
            Err(sentence) => sentence,
        };
        warn!("{sentence}");
        process.health.set_blocked(Some(sentence));
        process.clock.wait(RETRY).await;
    }
}

fn leadership(settings: &Settings, mut config: Config, clock: &Clock) -> Result<(Leadership, Option<Elector>), Error> {
    let Some(election) = &settings.leader_election else {
        return Ok((Leadership::without_lease(clock.clone(), settings.aws_timeout), None));
    };
    let terms = Terms {
        namespace: election.namespace.clone().unwrap_or_else(|| config.default_namespace.clone()),
        name: election.name.clone(),
        duration: election.duration,
        renew_interval: election.renew_interval,
        operation_timeout: settings.aws_timeout,
    };
    // A client of its own: the controller's requests cannot keep a renewal waiting, and a request that the client
    // repeats by itself would be older than the lease believes.
    config.default_retry = false;
    let client = Client::try_from(config).map_err(Error::Client)?;
    let host = uname().nodename().to_string_lossy().into_owned();
    let (leadership, elector) = Leadership::contend(client, terms, &host, clock.clone());
    info!(identity = elector.identity(), "contending for the lease");
    Ok((leadership, Some(elector)))
}
