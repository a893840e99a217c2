//! An apiserver in the test's process that keeps one Lease, and a network to it that misbehaves as told.
//!
//! A request lives its own life once it was sent: dropping the caller, as a kill or a timeout does, does not stop it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use stagecraft::clock::Clock;
use stagecraft::lease::Terms;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The uid of namespace kube-system.
pub(crate) const KUBE_SYSTEM: &str = "5f9ac2f1-4d7b-4c6e-9f53-3a1f0f4b2d10";

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Time on the way to the apiserver.
    pub(crate) there: Duration,
    /// Time on the way back.
    pub(crate) back: Duration,
    /// What else happens.
    pub(crate) fault: Fault,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It never arrives, and the caller never hears.
    LostBeforeTheEffect,
    /// It takes effect, and the caller never hears.
    LostAfterTheEffect,
    /// It is answered with this status instead.
    Answered(u16),
    /// As `Answered(404)`, but by something that is not the apiserver.
    NotFoundByProxy,
}

impl Fate {
    /// A healthy network.
    pub(crate) const PROMPT: Self =
        Self { there: Duration::from_millis(5), back: Duration::from_millis(5), fault: Fault::None };

    /// A prompt network and `fault`.
    pub(crate) const fn fault(fault: Fault) -> Self {
        Self { fault, ..Self::PROMPT }
    }
}

/// A request as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// The replica that sent it.
    pub(crate) replica: usize,
    /// `get`, `create` or `patch`, or `namespace` for a look at kube-system.
    pub(crate) verb: &'a str,
}

/// Decides what becomes of a request.
pub(crate) type Network = Box<dyn FnMut(Sent<'_>) -> Fate + Send>;

/// The apiserver; clones share one.
#[derive(Clone)]
pub(crate) struct Apiserver {
    world: Arc<Mutex<World>>,
    clock: Clock,
}

struct World {
    lease: Option<Value>,
    version: u64,
    network: Network,
    /// Replica and verb of each request, in the order sent.
    requests: Vec<(usize, String)>,
    under_way: JoinSet<()>,
}

/// The terms of all tests: 30 s, 5 s, 10 s.
pub(crate) fn terms() -> Terms {
    Terms {
        namespace: "operators".to_owned(),
        name: "stagecraft".to_owned(),
        duration: Duration::from_secs(30),
        renew_interval: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(10),
    }
}

impl Apiserver {
    /// An apiserver without a Lease, behind `network`.
    pub(crate) fn new(clock: Clock, network: impl FnMut(Sent<'_>) -> Fate + Send + 'static) -> Self {
        let world = World {
            lease: None,
            version: 100,
            network: Box::new(network),
            requests: Vec::new(),
            under_way: JoinSet::new(),
        };
        Self { world: Arc::new(Mutex::new(world)), clock }
    }

    /// Replaces the network.
    pub(crate) fn set_network(&self, network: impl FnMut(Sent<'_>) -> Fate + Send + 'static) {
        self.world().network = Box::new(network);
    }

    /// A client of replica `replica`.
    pub(crate) fn client(&self, replica: usize) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.send(replica, request).await }
        });
        kube::Client::new(service, "default")
    }

    /// The Lease as it is stored.
    pub(crate) fn lease(&self) -> Option<Value> {
        self.world().lease.clone()
    }

    /// The holder in the record.
    pub(crate) fn holder(&self) -> Option<String> {
        self.lease()?.pointer("/spec/holderIdentity")?.as_str().map(str::to_owned)
    }

    /// What was sent so far.
    pub(crate) fn requests(&self) -> Vec<(usize, String)> {
        self.world().requests.clone()
    }

    /// A person with kubectl: a merge patch without a precondition, refused where there is no Lease.
    pub(crate) fn patch_by_hand(&self, patch: &Value) {
        let mut world = self.world();
        if world.lease.is_some() {
            world.store(patch);
        }
    }

    /// A person with kubectl.
    pub(crate) fn delete_by_hand(&self) {
        self.world().lease = None;
    }

    /// A Lease that was there before.
    pub(crate) fn put(&self, spec: &Value) {
        self.world().lease = None;
        self.world().store(&json!({ "metadata": { "name": "stagecraft", "namespace": "operators" }, "spec": spec }));
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    async fn send(&self, replica: usize, request: Request<Body>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let verb = match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/apis/coordination.k8s.io/v1/namespaces/operators/leases/stagecraft") => "get",
            (&Method::PATCH, "/apis/coordination.k8s.io/v1/namespaces/operators/leases/stagecraft") => "patch",
            (&Method::POST, "/apis/coordination.k8s.io/v1/namespaces/operators/leases") => "create",
            (&Method::GET, "/api/v1/namespaces/kube-system") => "namespace",
            (method, path) => panic!("a request that the chart's role does not allow: {method} {path}"),
        };
        let body = body.collect_bytes().await.unwrap();
        let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let (answer, answered) = oneshot::channel();
        {
            let mut world = self.world();
            world.requests.push((replica, verb.to_owned()));
            let fate = (world.network)(Sent { replica, verb });
            let server = self.clone();
            world.under_way.spawn(async move {
                server.clock.wait(fate.there).await;
                let Some(reply) = server.effect(verb, &body, fate.fault) else {
                    // Nobody ever hears, and nobody is told that nobody will.
                    return std::future::pending().await;
                };
                server.clock.wait(fate.back).await;
                // The caller may have given up.
                drop(answer.send(reply));
            });
            while world.under_way.try_join_next().is_some() {}
        }
        match answered.await {
            Ok(reply) => Ok(reply),
            Err(_) => std::future::pending().await,
        }
    }

    fn effect(&self, verb: &str, body: &Value, fault: Fault) -> Option<Response<Body>> {
        let mut world = self.world();
        match fault {
            Fault::None => Some(world.handle(verb, body)),
            Fault::LostBeforeTheEffect => None,
            Fault::LostAfterTheEffect => {
                world.handle(verb, body);
                None
            }
            Fault::Answered(code) => Some(status(code, "Injected", "leases", "stagecraft")),
            Fault::NotFoundByProxy => {
                let page = Body::from(b"<html>404 page not found</html>".to_vec());
                Some(Response::builder().status(404).body(page).unwrap())
            }
        }
    }
}

impl World {
    fn handle(&mut self, verb: &str, body: &Value) -> Response<Body> {
        match (verb, &self.lease) {
            ("namespace", _) => ok(&json!({ "metadata": { "name": "kube-system", "uid": KUBE_SYSTEM } })),
            ("get", Some(lease)) => ok(lease),
            ("get" | "patch", None) => status(404, "NotFound", "leases", "stagecraft"),
            ("create", Some(_)) => status(409, "AlreadyExists", "leases", "stagecraft"),
            ("create", None) => {
                self.store(body);
                ok(self.lease.as_ref().unwrap())
            }
            ("patch", Some(lease)) => {
                let expected = body.pointer("/metadata/resourceVersion").and_then(Value::as_str);
                let Some(expected) = expected else { panic!("a write without compare-and-swap: {body}") };
                if lease.pointer("/metadata/resourceVersion").and_then(Value::as_str) != Some(expected) {
                    return status(409, "Conflict", "leases", "stagecraft");
                }
                self.store(body);
                ok(self.lease.as_ref().unwrap())
            }
            (verb, _) => panic!("{verb}"),
        }
    }

    fn store(&mut self, patch: &Value) {
        let mut lease = self.lease.take().unwrap_or_default();
        merge(&mut lease, patch);
        self.version += 1;
        merge(&mut lease, &json!({ "metadata": { "resourceVersion": self.version.to_string() } }));
        self.lease = Some(lease);
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in fields {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn ok(object: &Value) -> Response<Body> {
    Response::new(Body::from(serde_json::to_vec(object).unwrap()))
}

/// A `Status` as the apiserver sends it.
pub(crate) fn status(code: u16, reason: &str, kind: &str, name: &str) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("{kind} \"{name}\": {reason}"),
        "details": { "name": name, "group": "coordination.k8s.io", "kind": kind },
    });
    Response::builder().status(code).body(Body::from(serde_json::to_vec(&status).unwrap())).unwrap()
}
