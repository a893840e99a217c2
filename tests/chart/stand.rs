//! A cluster with the chart in it, a simulated AWS, and the hands of people on both.

use std::net::SocketAddr;
use std::time::Duration;

use apigateway_simulator::{Clock, Server, Simulator};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use testbed::ControlPlane;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use crate::pod::Pod;
use crate::world::{CHART, SOON, control_plane, helm, kubectl};

/// The release, and with it everything that the chart makes; and its namespace.
pub(crate) const RELEASE: &str = "stagecraft";
pub(crate) const OPERATOR_NAMESPACE: &str = "ops";
pub(crate) const REGION: &str = "eu-west-1";

/// An object, by kind, namespace and name.
pub(crate) type Named = (&'static str, &'static str, &'static str);

pub(crate) struct Stand {
    pub(crate) plane: ControlPlane,
    pub(crate) simulator: Simulator,
    /// Where a Prometheus and a webhook answer, as `host:port`.
    pub(crate) neighbour: SocketAddr,
    client: Client,
    server: Server,
    _neighbours: JoinSet<()>,
}

impl Stand {
    pub(crate) async fn new(namespaces: &[&str]) -> Self {
        let plane = control_plane().await;
        for namespace in namespaces {
            kubectl(&plane, &["create", "namespace", namespace]).await;
        }
        let simulator =
            Simulator::builder().region(REGION).clock(Clock::real(1.0)).cache_delay(Duration::from_secs(1)).build();
        let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let client = plane.client().unwrap();
        // A query's answer that any Prometheus could give, and a gate that is open.
        let answer = json!({ "status": "success", "data": { "resultType": "scalar", "result": [0, "0"] } }).to_string();
        let routes = Router::new()
            .route("/api/v1/query", post(move || std::future::ready(answer.clone())))
            .route("/gate", post(|| std::future::ready("")));
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let neighbour = listener.local_addr().unwrap();
        let mut neighbours = JoinSet::new();
        neighbours.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { plane, simulator, neighbour, client, server, _neighbours: neighbours }
    }

    /// Installs the chart with these values and with the simulator for AWS.
    pub(crate) async fn install(&self, mut values: Value) {
        values["aws"] = json!({ "region": REGION, "endpointUrl": self.server.url() });
        let file = self.plane.folder().join("values.yaml");
        std::fs::write(&file, values.to_string()).unwrap();
        let file = file.to_string_lossy().into_owned();
        let install = ["install", RELEASE, CHART, "--namespace", OPERATOR_NAMESPACE, "--create-namespace"];
        helm(&self.plane, &[&install[..], &["--values", &file]].concat()).await;
    }

    pub(crate) async fn pod(&self, name: &'static str) -> Pod {
        Pod::start(&self.plane, OPERATOR_NAMESPACE, RELEASE, name).await
    }

    pub(crate) async fn apply(&self, object: Named, spec: Value) {
        let (kind, namespace, name) = object;
        let whole = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind,
            "metadata": { "name": name, "namespace": namespace }, "spec": spec,
        });
        let parameters = PatchParams::apply("kubectl").force();
        self.api(object).patch(name, &parameters, &Patch::Apply(&whole)).await.unwrap();
    }

    pub(crate) async fn annotate(&self, object: Named, key: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { key: value } } });
        self.api(object).patch(object.2, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn command(&self, object: Named, value: &str) {
        self.annotate(object, "stagecraft.dev/command", value).await;
    }

    pub(crate) async fn patch_status(&self, object: Named, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.api(object).patch_status(object.2, &PatchParams::default(), &patch).await.unwrap();
    }

    pub(crate) async fn get(&self, object: Named) -> Value {
        serde_json::to_value(self.api(object).get(object.2).await.unwrap()).unwrap()
    }

    pub(crate) async fn delete(&self, object: Named) {
        self.api(object).delete(object.2, &DeleteParams::default()).await.unwrap();
    }

    pub(crate) async fn until_gone(&self, object: Named) {
        let api = self.api(object);
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        while let Some(left) = api.get_opt(object.2).await.unwrap() {
            assert!(Instant::now() < deadline, "{object:?} is still there: {:#}", json!(left));
            ticks.tick().await;
        }
    }

    /// Looks until the object is as expected.
    pub(crate) async fn until(&self, object: Named, what: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            let found = self.get(object).await;
            if expected(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{object:?} is not {what}: {:#}", found["status"]);
            ticks.tick().await;
        }
    }

    /// Ready at the present generation.
    pub(crate) async fn until_ready(&self, object: Named) -> Value {
        self.until(object, "ready", |found| {
            let conditions = found["status"]["conditions"].as_array().into_iter().flatten();
            conditions
                .filter(|condition| condition["type"] == "Ready" && condition["status"] == "True")
                .any(|ready| ready["observedGeneration"] == found["metadata"]["generation"])
        })
        .await
    }

    pub(crate) async fn until_done(&self, object: Named, command: &str) {
        self.until(object, "obedient", |found| {
            found["status"]["lastCommand"]["value"] == command && found["status"]["lastCommand"]["state"] == "Done"
        })
        .await;
    }

    pub(crate) async fn until_phase(&self, object: Named, release: &str, phase: &str) -> Value {
        self.until(object, phase, |found| {
            found["status"]["release"]["id"] == release && found["status"]["release"]["phase"] == phase
        })
        .await
    }

    /// Somebody with rights of their own tells CloudWatch something.
    pub(crate) async fn tell_cloud_watch(&self, operation: &str, body: &Value) {
        let scope = format!("AKIASOMEBODY/20260101/{REGION}/monitoring/aws4_request");
        let signature = "0".repeat(64);
        let authorization = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}");
        let request = http::Request::post("/")
            .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", authorization)
            .header("x-simulator-caller", "console")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let reply = self.simulator.handle(request).await.answer().unwrap();
        assert_eq!(reply.status(), 200, "{operation} {body}: {:?}", reply.body());
    }

    fn api(&self, (kind, namespace, _): Named) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("stagecraft.dev", "v1alpha1", kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural(&kind.kind));
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }
}

/// The resource of one of our kinds.
pub(crate) fn plural(kind: &str) -> &'static str {
    match kind {
        "ApiStage" => "apistages",
        "ApiCanary" => "apicanaries",
        "ApiGatewayResponse" => "apigatewayresponses",
        other => panic!("{other} is none of our kinds"),
    }
}
