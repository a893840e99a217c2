//! What the process says about itself over HTTP: `/livez`, `/readyz` and `/metrics`.
//!
//! Plain HTTP without authentication, for the kubelet and the metrics scraper of the cluster: it tells names of kinds
//! and counts, and changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::lease::{Leadership, Standing};
use crate::metrics::Metrics;

/// More connections than these wait until one ends. The kubelet and a scraper need three.
const MAX_CONNECTIONS: usize = 64;

/// A connection is closed after this time, so that idle ones cannot keep others out.
const CONNECTION_LIFETIME: Duration = Duration::from_mins(1);

/// A leader whose term ended this long ago and that still runs is stuck.
const OVERDUE: Duration = Duration::from_secs(10);

/// Content type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How the parts of the process are, as they report it. Clones share one state.
#[derive(Clone, Debug)]
pub struct Health {
    clock: Clock,
    state: Arc<Mutex<Reported>>,
}

#[derive(Debug, Default)]
struct Reported {
    synced: bool,
    blocked: Option<String>,
    /// By name of the part: boottime by which it must beat again; `None` while it rests.
    pulses: BTreeMap<&'static str, Option<Duration>>,
}

/// The sign of life of one part of the process.
#[derive(Debug)]
pub struct Pulse {
    health: Health,
    part: &'static str,
    at_most: Duration,
}

impl Health {
    /// Nothing is reported yet: alive, and not ready to lead because no store is synced.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// Whether all stores of the controller are synced. A leader is ready only then.
    pub fn set_synced(&self, synced: bool) {
        self.reported().synced = synced;
    }

    /// What keeps the process from working, as one sentence; `None` when nothing does.
    pub fn set_blocked(&self, reason: Option<String>) {
        self.reported().blocked = reason;
    }

    /// Watches over `part`: while it has work, it beats at least every `at_most`, or the process counts as stuck. It
    /// counts from the first beat.
    #[must_use]
    pub fn pulse(&self, part: &'static str, at_most: Duration) -> Pulse {
        Pulse { health: self.clone(), part, at_most }
    }

    fn reported(&self) -> std::sync::MutexGuard<'_, Reported> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process can go on by itself; otherwise why not.
    fn alive(&self, leadership: &Leadership) -> Result<(), String> {
        if leadership.is_overdue(OVERDUE) {
            return Err("The lease has ended and the process did not.".to_owned());
        }
        let now = self.clock.boottime();
        match self.reported().pulses.iter().find(|(_, due)| due.is_some_and(|due| due < now)) {
            Some((part, _)) => Err(format!("The {part} has work and does not get on with it.")),
            None => Ok(()),
        }
    }

    /// Whether the process does what it is there for, and as what; otherwise why not.
    fn ready(&self, leadership: &Leadership) -> Result<&'static str, String> {
        let reported = self.reported();
        if let Some(reason) = &reported.blocked {
            return Err(reason.clone());
        }
        match leadership.standing() {
            Standing::Standby { problem: Some(problem) } => {
                Err(format!("On standby, but not able to take over: {problem}."))
            }
            Standing::Standby { problem: None } => Ok("on standby"),
            Standing::Settling { .. } => Ok("about to lead"),
            Standing::Leading { .. } if reported.synced => Ok("leading"),
            Standing::Leading { .. } => Err("Leading, and the stores are not synced yet.".to_owned()),
            Standing::Ended => Err("Stopping.".to_owned()),
        }
    }
}

impl Pulse {
    /// The part gets on with its work.
    pub fn beat(&self) {
        let due = self.health.clock.boottime().saturating_add(self.at_most);
        self.health.reported().pulses.insert(self.part, Some(due));
    }

    /// The part has nothing to do until its next beat.
    pub fn rest(&self) {
        self.health.reported().pulses.insert(self.part, None);
    }
}

#[derive(Clone, Debug)]
struct Served {
    health: Health,
    leadership: Leadership,
    metrics: Arc<Metrics>,
}

/// Serves until `stop` resolves, then finishes the requests under way.
///
/// # Errors
///
/// Those of the listener; a broken connection is none.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let clock = health.clock.clone();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let router = router(Served { health, leadership, metrics });
    axum::serve(Bounded { listener, slots, clock }, router).with_graceful_shutdown(stop).await
}

fn router(served: Served) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(served)
}

async fn livez(State(served): State<Served>) -> Response {
    answer(served.health.alive(&served.leadership).map(|()| "ok"))
}

async fn readyz(State(served): State<Served>) -> Response {
    answer(served.health.ready(&served.leadership))
}

async fn metrics(State(served): State<Served>) -> Response {
    // Whether we lead is a question of time, so it is asked when somebody wants to know.
    served.metrics.set_leader(served.leadership.may_write());
    match served.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn answer(state: Result<&'static str, String>) -> Response {
    match state {
        Ok(word) => (StatusCode::OK, format!("{word}\n")).into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// A listener that holds a bounded number of connections, each for a bounded time.
struct Bounded {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    clock: Clock,
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // The semaphore is never closed; without a slot the connection would only be uncounted.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let clock = self.clock.clone();
        let lifetime: Lifetime = Box::pin(async move { clock.wait(CONNECTION_LIFETIME).await });
        (Connection { stream, lifetime: Some(lifetime), _slot: slot }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

type Lifetime = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Connection {
    stream: TcpStream,
    /// `None` once it is over.
    lifetime: Option<Lifetime>,
    _slot: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            return Poll::Ready(read);
        }
        if let Some(lifetime) = &mut self.lifetime {
            ready!(lifetime.as_mut().poll(cx));
            self.lifetime = None;
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::*;

    const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

    fn clock() -> Clock {
        Clock::manual("2026-08-01T12:00:00Z".parse().unwrap())
    }

    fn leading(clock: &Clock) -> Leadership {
        Leadership::for_tests(clock.clone(), OPERATION_TIMEOUT, Duration::from_secs(30))
    }

    #[test]
    fn a_leader_is_ready_once_its_stores_are_synced_and_nothing_blocks_it() {
        let clock = clock();
        let (health, leadership) = (Health::new(clock.clone()), leading(&clock));
        assert_eq!(health.ready(&leadership), Err("Leading, and the stores are not synced yet.".to_owned()));
        health.set_synced(true);
        assert_eq!(health.ready(&leadership), Ok("leading"));
        health.set_blocked(Some("Cannot read kube-system.".to_owned()));
        assert_eq!(health.ready(&leadership), Err("Cannot read kube-system.".to_owned()));
        health.set_blocked(None);
        assert_eq!(health.ready(&leadership), Ok("leading"));
    }

    #[test]
    fn a_part_that_stops_beating_while_it_has_work_fails_liveness() {
        let clock = clock();
        let (health, leadership) =
            (Health::new(clock.clone()), Leadership::without_lease(clock.clone(), OPERATION_TIMEOUT));
        let pulse = health.pulse("controller", Duration::from_mins(1));
        clock.advance(Duration::from_hours(1));
        assert_eq!(health.alive(&leadership), Ok(()), "it counts from the first beat");
        pulse.beat();
        clock.advance(Duration::from_mins(1));
        assert_eq!(health.alive(&leadership), Ok(()));
        clock.advance(Duration::from_millis(1));
        assert_eq!(health.alive(&leadership), Err("The controller has work and does not get on with it.".to_owned()));
        pulse.rest();
        assert_eq!(health.alive(&leadership), Ok(()), "without work there is nothing to get on with");
    }

    #[test]
    fn a_process_that_outlives_its_lease_fails_liveness() {
        let clock = clock();
        let (health, leadership) = (Health::new(clock.clone()), leading(&clock));
        clock.advance(Duration::from_secs(40));
        assert_eq!(health.alive(&leadership), Ok(()), "it has a moment to notice");
        clock.advance(Duration::from_millis(1));
        assert_eq!(health.alive(&leadership), Err("The lease has ended and the process did not.".to_owned()));
    }

    struct Server {
        address: std::net::SocketAddr,
        health: Health,
        stop: tokio::sync::oneshot::Sender<()>,
        serving: JoinSet<io::Result<()>>,
    }

    async fn server() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = clock();
        let (health, leadership) = (Health::new(clock.clone()), leading(&clock));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut serving = JoinSet::new();
        let stopped = async { drop(stopped.await) };
        serving.spawn(serve(listener, health.clone(), leadership, Arc::new(Metrics::new()), stopped));
        Server { address, health, stop, serving }
    }

    async fn get(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn what_is_asked_is_answered() {
        let server = server().await;
        let livez = get(&server, "/livez").await;
        assert!(livez.starts_with("HTTP/1.1 200 OK") && livez.ends_with("\r\nok\n"), "{livez}");
        let readyz = get(&server, "/readyz").await;
        assert!(readyz.starts_with("HTTP/1.1 503 ") && readyz.ends_with("stores are not synced yet.\n"), "{readyz}");
        server.health.set_synced(true);
        let readyz = get(&server, "/readyz").await;
        assert!(readyz.starts_with("HTTP/1.1 200 OK") && readyz.ends_with("\r\nleading\n"), "{readyz}");
        let metrics = get(&server, "/metrics").await;
        assert!(metrics.contains("content-type: application/openmetrics-text; version=1.0.0"), "{metrics}");
        assert!(metrics.contains("\nstagecraft_leader 1\n") && metrics.ends_with("# EOF\n"), "{metrics}");
        assert!(get(&server, "/").await.starts_with("HTTP/1.1 404 "));
    }

    #[tokio::test]
    async fn a_full_house_waits_for_a_place_and_an_idle_guest_is_shown_out() {
        let server = server().await;
        // Time stands still until all are in; then it runs whenever nobody has anything to do.
        tokio::time::pause();
        let mut idle = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            idle.push(TcpStream::connect(server.address).await.unwrap());
        }
        let began = tokio::time::Instant::now();
        let answer = tokio::time::timeout(CONNECTION_LIFETIME * 2, get(&server, "/livez")).await;
        assert!(answer.expect("nobody left").starts_with("HTTP/1.1 200 OK"));
        let waited = began.elapsed();
        assert!(waited + Duration::from_secs(1) >= CONNECTION_LIFETIME, "somebody had to leave first: {waited:?}");
        for mut stream in idle {
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or_default(), 0, "it was closed");
        }
    }

    #[tokio::test]
    async fn it_stops_when_told_although_a_connection_is_open() {
        let mut server = server().await;
        let open = TcpStream::connect(server.address).await.unwrap();
        assert!(get(&server, "/livez").await.starts_with("HTTP/1.1 200 OK"));
        server.stop.send(()).unwrap();
        assert!(server.serving.join_next().await.unwrap().unwrap().is_ok());
        drop(open);
    }
}
