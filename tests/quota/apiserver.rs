//! An apiserver in the test's process that keeps `ApiStage`s and shows every change to a watch at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use http::{Method, Request, Response};
use kube::client::Body;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use stagecraft::controller::{Guarded, Scope};
use stagecraft_core::api::stage::ApiStage;
use tokio::sync::watch;

const STAGES: &str = "/apis/stagecraft.dev/v1alpha1/namespaces/shop/apistages/";

/// Nobody has made one.
const CANARIES: &str = "/apis/stagecraft.dev/v1alpha1/namespaces/shop/apicanaries";

/// Objects by name; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Apiserver {
    inner: Arc<Mutex<Stored>>,
}

#[derive(Default)]
struct Stored {
    objects: BTreeMap<String, (Value, watch::Sender<()>)>,
    version: u64,
    watch: Option<Scope>,
}

impl Apiserver {
    /// A client of it.
    pub(crate) fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { server.send(request).await }
        });
        kube::Client::new(service, "shop")
    }

    /// Shows all that is and all that will be to this watch alone.
    pub(crate) fn watched_by(&self, mut scope: Scope) {
        let mut stored = self.stored();
        for (object, _) in stored.objects.values() {
            scope.apply(&Event::Apply(guarded(object)));
        }
        stored.watch = Some(scope);
    }

    /// What `kubectl apply` does: a new object, or a new spec and generation.
    pub(crate) fn apply(&self, name: &str, spec: &Value) {
        let mut stored = self.stored();
        let former = stored.objects.get(name).map(|(object, _)| object.clone());
        let mut object = former.unwrap_or_else(|| {
            json!({
                "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "spec": {},
                "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "generation": 0,
                    "creationTimestamp": "2026-01-01T00:00:00Z" },
            })
        });
        object["spec"] = spec.clone();
        object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
        stored.store(name, object);
    }

    /// The object as it is.
    pub(crate) fn get(&self, name: &str) -> ApiStage {
        serde_json::from_value(self.stored().objects[name].0.clone()).unwrap()
    }

    /// Status and reason of Ready.
    pub(crate) fn ready(&self, name: &str) -> String {
        let object = self.get(name);
        let conditions = object.status.map(|status| status.conditions).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        ready.map_or_else(|| "none".to_owned(), |ready| format!("{} {}", ready.status, ready.reason))
    }

    /// Hears of every change of this object from now on.
    pub(crate) fn changes(&self, name: &str) -> watch::Receiver<()> {
        self.stored().objects[name].1.subscribe()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.inner.lock().unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        let path = parts.uri.path();
        if path.starts_with("/apis/events.k8s.io/v1/") {
            return Ok(answer(200, &body));
        }
        if path == CANARIES {
            let list = json!({ "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanaryList", "metadata": {}, "items": [] });
            return Ok(answer(200, &list));
        }
        let rest = path.strip_prefix(STAGES).unwrap_or_else(|| panic!("{} {path}", parts.method));
        let (name, is_status) = rest.strip_suffix("/status").map_or((rest, false), |name| (name, true));
        let mut stored = self.stored();
        let mut object = stored.objects[name].0.clone();
        match parts.method {
            Method::GET => return Ok(answer(200, &object)),
            Method::PATCH => {}
            method => panic!("{method} {path}"),
        }
        if body["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 409,
                "reason": "Conflict", "message": "the object has been modified" });
            return Ok(answer(409, &status));
        }
        if is_status {
            object["status"] = body["status"].clone();
        } else {
            object["metadata"]["finalizers"] = body["metadata"]["finalizers"].clone();
        }
        Ok(answer(200, stored.store(name, object)))
    }
}

impl Stored {
    fn store(&mut self, name: &str, mut object: Value) -> &Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if let Some(watch) = &mut self.watch {
            watch.apply(&Event::Apply(guarded(&object)));
        }
        let entry = self.objects.entry(name.to_owned()).or_insert_with(|| (Value::Null, watch::Sender::new(())));
        entry.0 = object;
        entry.1.send_replace(());
        &entry.0
    }
}

fn guarded(object: &Value) -> Guarded {
    serde_json::from_value(object.clone()).unwrap()
}

fn answer(code: u16, body: &Value) -> Response<Body> {
    Response::builder().status(code).body(Body::from(serde_json::to_vec(body).unwrap())).unwrap()
}
