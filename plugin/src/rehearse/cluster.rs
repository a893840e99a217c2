//! An API server in this process, with two objects: as much of one as a pass of the operator asks for.
//!
//! It has one writer, so that nothing conflicts; it keeps what it is sent and tells what was published.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::timeline::{Happening, Journal};

/// Where an object lives that does not say it.
const NAMESPACE: &str = "default";

/// The API server. Clones are the same.
#[derive(Clone)]
pub(super) struct ApiServer {
    journal: Journal,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By plural and name.
    objects: BTreeMap<(String, String), Value>,
    /// Counts writes: every object's version is unlike all others.
    version: u64,
    /// By name, for those that are told again.
    events: BTreeMap<String, Value>,
}

impl ApiServer {
    /// Without objects; what is published goes into the journal.
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, state: Arc::default() }
    }

    /// A client of it.
    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.serve(request).await) }
        });
        Client::new(service, NAMESPACE)
    }

    /// Puts an object's spec in place, as `kubectl apply` does. It keeps the namespace and the uid that the manifest has.
    pub(super) fn apply(&self, plural: &str, mut object: Value, now: Timestamp) {
        let name = text(&object, "/metadata/name");
        let uid = match text(&object, "/metadata/uid") {
            none if none.is_empty() => format!("{plural}-{name}"),
            uid => uid,
        };
        let namespace = match text(&object, "/metadata/namespace") {
            none if none.is_empty() => NAMESPACE.to_owned(),
            namespace => namespace,
        };
        let mut state = self.state();
        let version = state.next_version();
        let key = (plural.to_owned(), name.clone());
        let former = state.objects.get(&key);
        let generation = former.and_then(|former| former.pointer("/metadata/generation")?.as_i64()).unwrap_or(0);
        let metadata = json!({
            "name": name, "namespace": namespace, "uid": uid, "generation": generation + 1,
            "creationTimestamp": former.map_or_else(|| now.to_string(), |former| text(former, "/metadata/creationTimestamp")),
            "resourceVersion": version,
            "finalizers": former.and_then(|former| former.pointer("/metadata/finalizers").cloned()).unwrap_or(json!([])),
        });
        set(&mut object, "metadata", metadata);
        if let Some(status) = former.and_then(|former| former.get("status").cloned()) {
            set(&mut object, "status", status);
        }
        state.objects.insert(key, object);
    }

    /// Writes an annotation, as a person's command does.
    pub(super) fn annotate(&self, plural: &str, name: &str, key: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { key: value } } });
        self.state().merge(plural, name, &patch);
    }

    /// An object as it is now.
    pub(super) fn get<K: DeserializeOwned>(&self, plural: &str, name: &str) -> serde_json::Result<Option<K>> {
        let object = self.state().objects.get(&(plural.to_owned(), name.to_owned())).cloned();
        object.map(serde_json::from_value).transpose()
    }

    /// All objects of a kind.
    pub(super) fn list<K: DeserializeOwned>(&self, plural: &str) -> serde_json::Result<Vec<K>> {
        self.state().of_kind(plural).into_iter().map(serde_json::from_value).collect()
    }

    async fn serve(&self, request: Request<Body>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let segments: Vec<&str> = head.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let answer = self.state().answer(&head.method, &segments, body);
        if let (Some(event), true) = (&answer, segments.contains(&"events")) {
            self.journal.note(Happening::Event {
                reason: text(event, "/reason"),
                warning: text(event, "/type") == "Warning",
                note: text(event, "/note"),
            });
        }
        let (status, answer) = match answer {
            Some(answer) => (StatusCode::OK, answer),
            None => (
                StatusCode::NOT_FOUND,
                json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound",
                    "message": format!("{} {} is not there", head.method, head.uri.path()), "code": 404 }),
            ),
        };
        let mut response = Response::new(Full::from(answer.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        response
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, method: &Method, segments: &[&str], body: Value) -> Option<Value> {
        match (method, segments) {
            (&Method::POST, ["apis", "events.k8s.io", "v1", "namespaces", _, "events"]) => Some(self.publish(body)),
            (&Method::PATCH, ["apis", "events.k8s.io", "v1", "namespaces", _, "events", name]) => {
                let mut event = self.events.get(*name)?.clone();
                merge(&mut event, &body);
                Some(self.publish(event))
            }
            (&Method::GET, ["apis", _, _, "namespaces", _, plural]) => Some(json!({
                "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": self.version.to_string() },
                "items": self.of_kind(plural),
            })),
            (&Method::GET, ["apis", _, _, "namespaces", _, plural, name]) => {
                self.objects.get(&((*plural).to_owned(), (*name).to_owned())).cloned()
            }
            (&Method::PATCH, ["apis", _, _, "namespaces", _, plural, name, "status"]) => {
                // All of it is ours, so that what is not sent any more goes.
                self.merge(plural, name, &json!({ "status": null }))?;
                self.merge(plural, name, &json!({ "status": body.get("status")? }))
            }
            (&Method::PATCH, ["apis", _, _, "namespaces", _, plural, name]) => self.merge(
                plural,
                name,
                &json!({ "metadata": { "finalizers": body.pointer("/metadata/finalizers")? } }),
            ),
            _ => None,
        }
    }

    fn publish(&mut self, event: Value) -> Value {
        self.events.insert(text(&event, "/metadata/name"), event.clone());
        event
    }

    fn of_kind(&self, plural: &str) -> Vec<Value> {
        let of_kind = self.objects.iter().filter(|((kind, _), _)| kind == plural);
        of_kind.map(|(_, object)| object.clone()).collect()
    }

    fn merge(&mut self, plural: &str, name: &str, patch: &Value) -> Option<Value> {
        let version = self.next_version();
        let object = self.objects.get_mut(&(plural.to_owned(), name.to_owned()))?;
        merge(object, patch);
        merge(object, &json!({ "metadata": { "resourceVersion": version } }));
        Some(object.clone())
    }

    fn next_version(&mut self) -> String {
        self.version = self.version.saturating_add(1);
        self.version.to_string()
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn set(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

/// A JSON merge patch (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else { return };
    for (name, value) in members {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
