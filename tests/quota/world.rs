//! One operator between an apiserver in memory and the simulator, over the real SDK, on tokio's paused time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apigateway_simulator::{CallRecord, Simulator};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use stagecraft::aws::{Aws, Limiters, Operation, Options, Share, SharedHttpClient, StaticCredentials};
use stagecraft::clock::Clock;
use stagecraft::controller::{Context, Objects, reconcile};
use stagecraft::lease::Leadership;
use stagecraft::metrics::Metrics;
use stagecraft_core::access::Policy;
use stagecraft_core::api::names::Region;
use stagecraft_core::world::Settings;
use tokio::task::JoinSet;

use crate::apiserver::Apiserver;

/// Operation timeout.
const AWS_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a stage at rest is read.
pub(crate) const DRIFT_INTERVAL: Duration = Duration::from_mins(10);

/// A text that our API Gateway takes, and keeps in another spelling.
pub(crate) const WRITTEN_OTHERWISE: &str = "as declared";

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) apiserver: Apiserver,
    pub(crate) clock: Clock,
    operator: Option<Arc<Context>>,
    passes: JoinSet<()>,
}

impl World {
    /// Nothing but an account without REST APIs. AWS has no quota yet, and nobody runs.
    pub(crate) fn new() -> Self {
        let simulator = Simulator::builder().seed(7).build();
        let clock = Clock::simulated(simulator.clock().now());
        Self { simulator, apiserver: Apiserver::default(), clock, operator: None, passes: JoinSet::new() }
    }

    /// As many REST APIs.
    pub(crate) fn rest_apis(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| self.simulator.create_rest_api(&format!("api-{number}"))).collect()
    }

    /// A new operator that has seen nothing but the objects; the one before is killed. `share: None`: it is not limited.
    pub(crate) async fn start_operator(&mut self, share: Option<Share>) {
        self.passes = JoinSet::new();
        let quiet = Arc::new(|_: Operation, _: Result<(), &stagecraft::aws::Error>, _: Duration| {});
        let options = Options {
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            region: Some(Region::from("eu-west-1")),
            timeout: AWS_TIMEOUT,
            credentials: Some(StaticCredentials {
                access_key_id: "AKIASTAGECRAFT".to_owned(),
                secret_access_key: "secret".to_owned(),
            }),
            http_client: Some(self.network()),
            limiters: share.map(|share| Limiters::new(share, self.clock.clone(), quiet.clone())),
            ..Options::default()
        };
        let aws = Aws::connect(options, self.clock.clone(), quiet).await;
        let settings = Settings {
            cluster_id: "quota".to_owned(),
            region: Region::from("eu-west-1"),
            access: Policy::Open { adoption: false },
            drift_interval: DRIFT_INTERVAL,
            lost_reply_wait: AWS_TIMEOUT + Duration::from_mins(1),
        };
        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&settings, Arc::clone(&metrics));
        self.apiserver.watched_by(objects.scope());
        let leadership = Leadership::without_lease(self.clock.clone(), AWS_TIMEOUT);
        let client = self.apiserver.client();
        let context = Context::new(client, aws, leadership, self.clock.clone(), metrics, settings, objects);
        self.operator = Some(Arc::new(context.with_concurrency(8)));
    }

    /// The operator reconciles this object from now on: at every change, and when it is due.
    pub(crate) fn reconcile(&mut self, name: &str) {
        let (apiserver, clock, name) = (self.apiserver.clone(), self.clock.clone(), name.to_owned());
        let operator = Arc::clone(self.operator.as_ref().unwrap());
        self.passes.spawn(async move {
            let mut changes = apiserver.changes(&name);
            loop {
                changes.mark_unchanged();
                let passed = reconcile(Arc::new(apiserver.get(&name)), &operator).await;
                let due = async {
                    match passed.wake_up_in {
                        Some(wait) => clock.wait(wait).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = due => {}
                    news = changes.changed() => news.unwrap(),
                }
            }
        });
    }

    /// Waits until these objects are ready, and tells how long that took.
    pub(crate) async fn until_ready(&self, names: &[String], at_most: Duration) -> Duration {
        let since = self.clock.boottime();
        for name in names {
            let mut changes = self.apiserver.changes(name);
            while self.apiserver.ready(name) != "True Synced" {
                let took = self.clock.boottime().abs_diff(since);
                let change = tokio::time::timeout(at_most.saturating_sub(took), changes.changed()).await;
                assert!(change.is_ok(), "{name} is {} after {at_most:?}", self.apiserver.ready(name));
            }
        }
        self.clock.boottime().abs_diff(since)
    }

    /// Somebody moves a stage to the deployment of a revision.
    pub(crate) fn move_by_hand(&self, rest_api: &str, stage: &str, revision: &str) {
        let marker = format!("[stagecraft revision={revision} ");
        let deployments = self.simulator.deployments(rest_api);
        let found = deployments.iter().find(|deployment| deployment["description"].as_str().unwrap().contains(&marker));
        let move_it = json!({ "op": "replace", "path": "/deploymentId", "value": found.unwrap()["id"] });
        self.simulator.patch_stage_by_hand(rest_api, stage, &[move_it]).unwrap();
    }

    /// Calls to API Gateway since the log was reset.
    pub(crate) fn calls(&self) -> Vec<CallRecord> {
        self.simulator.calls().into_iter().filter(|call| call.info.service == "apigateway").collect()
    }

    /// The SDK's way to the simulator: what is sent arrives 20 to 120 ms later, as does the answer.
    fn network(&self) -> SharedHttpClient {
        let network = Network { simulator: self.simulator.clone(), clock: self.clock.clone(), sent: Arc::default() };
        http_client_fn(move |_, _| SharedHttpConnector::new(network.clone()))
    }
}

/// Moves requests between two programs in the test's own time.
#[derive(Clone)]
struct Network {
    simulator: Simulator,
    clock: Clock,
    sent: Arc<AtomicU64>,
}

impl Network {
    async fn travel(&self) {
        // Unequal, so that what left in order can arrive out of order; and the same in every run.
        let turn = self.sent.fetch_add(1, Ordering::Relaxed);
        self.clock.wait(Duration::from_millis(20 + turn * 37 % 101)).await;
    }

    /// AWS's clock shows what ours shows.
    fn keep_time(&self) {
        let behind = self.clock.now().duration_since(self.simulator.clock().now());
        if let Ok(behind) = Duration::try_from(behind) {
            self.simulator.clock().advance(behind);
        }
    }

    async fn carry(&self, request: http::Request<Bytes>) -> Result<HttpResponse, ConnectorError> {
        self.travel().await;
        self.keep_time();
        let reply = self.simulator.handle(request).await.answer();
        self.travel().await;
        let response = reply.ok_or_else(|| ConnectorError::io("the connection was dropped".into()))?;
        let (parts, body) = response.into_parts();
        let mut answer = HttpResponse::new(parts.status.as_u16().try_into().unwrap(), SdkBody::from(body));
        for (name, value) in &parts.headers {
            answer.headers_mut().append(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
        }
        Ok(answer)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut sent = http::Request::builder().method(request.method()).uri(request.uri());
        for (name, value) in request.headers() {
            sent = sent.header(name, value);
        }
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let body = Bytes::from(body.replace(WRITTEN_OTHERWISE, &WRITTEN_OTHERWISE.to_uppercase()));
        let (network, sent) = (self.clone(), sent.body(body).unwrap());
        HttpConnectorFuture::new(async move { network.carry(sent).await })
    }
}

/// A stage of this REST API with this revision.
pub(crate) fn spec(rest_api: &str, stage: &str, revision: &str) -> serde_json::Value {
    json!({ "restApiId": rest_api, "stageName": stage, "revision": revision })
}

/// Seconds between two moments.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
