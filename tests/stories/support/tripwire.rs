//! A crash at any call: counts the calls of one operator to AWS and to the apiserver, and strikes it dead at one of them.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tower::{Layer, Service};

/// Before the call had its effect, or after it and before its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// Counts calls; at the one that it is set to, the operator dies.
#[derive(Clone)]
pub(crate) struct Tripwire {
    inner: Arc<Inner>,
}

struct Inner {
    calls: AtomicUsize,
    at: Option<(usize, Side)>,
    log: Mutex<Vec<String>>,
    died: tokio::sync::watch::Sender<bool>,
}

impl Tripwire {
    /// Counts, and strikes nobody.
    pub(crate) fn counting() -> Self {
        Self::new(None)
    }

    /// Strikes at call number `call` (the first is 1).
    pub(crate) fn at(call: usize, side: Side) -> Self {
        Self::new(Some((call, side)))
    }

    fn new(at: Option<(usize, Side)>) -> Self {
        let died = tokio::sync::watch::Sender::new(false);
        Self { inner: Arc::new(Inner { calls: AtomicUsize::new(0), at, log: Mutex::default(), died }) }
    }

    /// What was called so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.inner.log.lock().unwrap().clone()
    }

    /// Whether it has struck.
    pub(crate) fn has_struck(&self) -> bool {
        *self.inner.died.borrow()
    }

    /// Notes a call. True: the operator dies at this side of it.
    pub(crate) fn note(&self, what: &str) -> Option<Side> {
        let number = self.inner.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.inner.log.lock().unwrap().push(what.to_owned());
        self.inner.at.filter(|(call, _)| *call == number).map(|(_, side)| side)
    }

    pub(crate) fn strike(&self) {
        self.inner.died.send_replace(true);
    }

    /// Resolves when the operator is dead.
    pub(crate) async fn death(&self) {
        let mut died = self.inner.died.subscribe();
        died.wait_for(|died| *died).await.unwrap();
    }
}

/// Puts the tripwire between an operator and the apiserver.
impl<S> Layer<S> for Tripwire {
    type Service = Wired<S>;

    fn layer(&self, service: S) -> Wired<S> {
        Wired { service, tripwire: self.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Wired<S> {
    service: S,
    tripwire: Tripwire,
}

impl<S, B, R> Service<http::Request<B>> for Wired<S>
where
    S: Service<http::Request<B>, Response = R>,
    S::Future: Send + 'static,
    R: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = R;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<R, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let struck = self.tripwire.note(&format!("{} {}", request.method(), request.uri().path()));
        let tripwire = self.tripwire.clone();
        match struck {
            Some(Side::Before) => Box::pin(async move {
                tripwire.strike();
                std::future::pending().await
            }),
            Some(Side::After) => {
                let reply = self.service.call(request);
                Box::pin(async move {
                    drop(reply.await);
                    tripwire.strike();
                    std::future::pending().await
                })
            }
            None => Box::pin(self.service.call(request)),
        }
    }
}
