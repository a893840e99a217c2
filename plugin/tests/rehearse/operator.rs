//! The real operator: a real kube-apiserver, API Gateway's simulator over real connections, and a clock that the test moves.
//!
//! Nothing here is the rehearsal's: were the two wrong together, it would have to be by writing the same mistake twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use apigateway_simulator::{Server, Simulator, Switches, Traffic};
use jiff::Timestamp;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use stagecraft::aws::{Aws, Error, Operation, Options, StaticCredentials};
use stagecraft::clock::Clock;
use stagecraft::controller::{Context, Everywhere, Guarded, Objects, Scope, reconcile};
use stagecraft::lease::Leadership;
use stagecraft::metrics::Metrics;
use stagecraft::prometheus::Prometheus;
use stagecraft_core::access::Policy;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::names::Region;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::world::Settings;
use testbed::Namespace;

/// A write to AWS: its simulated time to the microsecond, and what was asked for.
pub(crate) type Write = (Timestamp, String);

/// The operator and its world.
pub(crate) struct RealOperator {
    pub(crate) simulator: Simulator,
    /// The REST API.
    pub(crate) api: String,
    pub(crate) namespace: Namespace,
    clock: Clock,
    stages: Api<ApiStage>,
    canaries: Api<ApiCanary>,
    ctx: Context,
    scope: Scope,
    canaries_shown: Writer<Guarded<ApiCanary>>,
    _server: Server,
}

impl RealOperator {
    pub(crate) async fn start(seed: u64) -> Self {
        let cluster = testbed::shared().await.unwrap();
        cluster.apply_crds(&stagecraft::crds::stream().unwrap()).await.unwrap();
        let namespace = cluster.namespace("rehearse").await.unwrap();
        let simulator = Simulator::builder().seed(seed).build();
        let api = simulator.create_rest_api("rehearsal");
        let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let clock = Clock::manual(simulator.clock().now());
        let settings = Settings {
            cluster_id: "rehearsal".to_owned(),
            region: Region::from("eu-west-1"),
            access: Policy::Open { adoption: false },
            drift_interval: Duration::from_mins(10),
            lost_reply_wait: Duration::from_secs(70),
        };
        let credentials =
            StaticCredentials { access_key_id: "AKIASTAGECRAFT".to_owned(), secret_access_key: "secret".to_owned() };
        let options = Options {
            endpoint_url: Some(server.url()),
            region: Some(settings.region.clone()),
            credentials: Some(credentials),
            ..Options::default()
        };
        let leadership = Leadership::without_lease(clock.clone(), options.timeout);
        let quiet = |_: Operation, _: Result<(), &Error>, _: Duration| {};
        let aws = Aws::connect(options, clock.clone(), Arc::new(quiet)).await;
        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&settings, Arc::clone(&metrics));
        let scope = objects.scope();
        let (store, canaries_shown) = reflector::store();
        let client = cluster.client().unwrap();
        let ctx = Context::new(client.clone(), aws, leadership, clock.clone(), metrics, settings, objects)
            .with_canaries(vec![store])
            .with_sources(Arc::new(Everywhere { prometheus: Prometheus::default() }));
        let stages = Api::namespaced(client.clone(), namespace.name());
        let canaries = Api::namespaced(client, namespace.name());
        Self { simulator, api, namespace, clock, stages, canaries, ctx, scope, canaries_shown, _server: server }
    }

    /// `kubectl apply --server-side`; the object as the apiserver has it.
    pub(crate) async fn apply(&self, object: &Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap();
        let (params, patch) = (PatchParams::apply("kubectl").force(), Patch::Apply(object));
        if object["kind"] == "ApiStage" {
            serde_json::to_value(self.stages.patch(name, &params, &patch).await.unwrap()).unwrap()
        } else {
            serde_json::to_value(self.canaries.patch(name, &params, &patch).await.unwrap()).unwrap()
        }
    }

    pub(crate) fn flow(&self, traffic: Traffic) {
        self.simulator.set_traffic(traffic).unwrap();
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.simulator.set_switches(change);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass_time(&self, span: Duration) {
        self.clock.advance(span);
        self.simulator.clock().advance(span);
    }

    /// One pass over what the apiserver has; the time until the operator wants the next.
    pub(crate) async fn pass(&mut self) -> Duration {
        let stages = self.stages.list(&ListParams::default()).await.unwrap().items;
        let canaries = self.canaries.list(&ListParams::default()).await.unwrap().items;
        let stage = stages.first().unwrap().clone();
        for event in listed(stages) {
            self.scope.apply(&event);
        }
        for event in listed(canaries) {
            self.canaries_shown.apply_watcher_event(&event);
        }
        let passed = reconcile(Arc::new(stage), &self.ctx).await;
        passed.wake_up_in.unwrap_or(Duration::from_mins(10)).max(Duration::from_secs(1))
    }

    /// Passes until the next one is minutes away.
    pub(crate) async fn rest(&mut self) {
        for _ in 0..60 {
            let wait = self.pass().await;
            if wait >= Duration::from_mins(4) {
                return;
            }
            self.pass_time(wait);
        }
        panic!("it does not come to rest: {:?}", self.writes());
    }

    /// The phase of its last release.
    pub(crate) async fn phase(&self) -> String {
        let stage = self.stages.list(&ListParams::default()).await.unwrap().items.remove(0);
        serde_json::to_value(stage.status).unwrap()["release"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// The stage as AWS shows it.
    pub(crate) fn stage(&self) -> Value {
        self.simulator.stage(&self.api, "prod").unwrap()
    }

    /// The simulator's log, as far as it is of writes.
    pub(crate) fn writes(&self) -> Vec<Write> {
        let calls = self.simulator.calls();
        let writes = calls.iter().filter(|call| call.info.write);
        writes.map(|call| (call.info.time, json!([call.info.operation, call.info.patch()]).to_string())).collect()
    }
}

fn listed<K>(objects: Vec<K>) -> Vec<Event<Guarded<K>>>
where
    K: kube::Resource<DynamicType = ()> + serde::Serialize + serde::de::DeserializeOwned,
{
    let guarded = |object| serde_json::from_value(serde_json::to_value(object).unwrap()).unwrap();
    let objects = objects.into_iter().map(|object| Event::InitApply(guarded(object)));
    [Event::Init].into_iter().chain(objects).chain([Event::InitDone]).collect()
}
