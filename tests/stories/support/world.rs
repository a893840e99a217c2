//! The world of one story.

mod responses;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apigateway_simulator::{FaultKind, Moment, Server, Simulator};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::client::ClientBuilder;
use kube::runtime::reflector;
use kube::runtime::watcher::Event as WatchEvent;
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use stagecraft::aws::{Aws, Options, StaticCredentials};
use stagecraft::clock::Clock;
use stagecraft::controller::{Context, Guarded, Objects, Passed, Scope, reconcile};
use stagecraft::lease::Leadership;
use stagecraft::metrics::Metrics;
use stagecraft_core::access::Policy;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::names::Region;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::api::status::ApiStageStatus;
use stagecraft_core::world::Settings;
use testbed::{Cluster, Namespace};
use tokio::sync::OnceCell;

use super::numbers::Numbers;
use super::{Side, Tripwire};

/// Operation timeout of the stories: nothing in them is slow.
const AWS_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes within which every story must come to rest.
const MOST_PASSES: usize = 60;

/// Says what happens, for whoever reads a failure.
pub(crate) fn step(what: &str) {
    println!("  · {what}");
}

/// One namespace of the shared apiserver, one simulator, one clock, one operator at a time.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) api: String,
    pub(crate) clock: Clock,
    /// What the sources of metrics answer.
    pub(crate) numbers: Numbers,
    cluster: &'static Cluster,
    namespace: Namespace,
    client: Client,
    server: Server,
    operator: Operator,
    /// Who may govern what, from the next start of the operator on.
    pub(crate) access: Policy,
    /// First part of the owner tags, from the next start of the operator on.
    pub(crate) cluster_id: String,
    /// The operator's own Region, from its next start on.
    pub(crate) region: Region,
    elsewhere: Option<Namespace>,
}

fn settings(cluster_id: &str, region: &Region, access: &Policy) -> Settings {
    Settings {
        cluster_id: cluster_id.to_owned(),
        region: region.clone(),
        access: access.clone(),
        drift_interval: Duration::from_mins(10),
        lost_reply_wait: AWS_TIMEOUT + Duration::from_mins(1),
    }
}

/// The definitions are the same for all worlds of a process.
static DEFINED: OnceCell<()> = OnceCell::const_new();

async fn define(cluster: &Cluster) {
    let crds = stagecraft_core::api::crds();
    let yaml: Vec<_> = crds.iter().map(|crd| serde_saphyr::to_string(crd).unwrap()).collect();
    cluster.apply_crds(&yaml.join("---\n")).await.unwrap();
}

/// One life of the operator.
struct Operator {
    ctx: Context,
    tripwire: Tripwire,
    scope: Arc<Mutex<Scope>>,
    canaries: Arc<Mutex<reflector::store::Writer<Guarded<ApiCanary>>>>,
    responses: Arc<Mutex<reflector::store::Writer<Guarded<ApiGatewayResponse>>>>,
}

impl World {
    /// A REST API with one method, and an operator that watches a namespace of its own.
    pub(crate) async fn new() -> Self {
        let cluster = testbed::shared().await.unwrap();
        DEFINED.get_or_init(async || define(cluster).await).await;
        let namespace = cluster.namespace("story").await.unwrap();
        let simulator = Simulator::builder().build();
        let api = simulator.create_rest_api("orders");
        let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let clock = Clock::manual(simulator.clock().now());
        let client = cluster.client().unwrap();
        let access = Policy::Open { adoption: false };
        let (cluster_id, region) = ("story".to_owned(), Region::from("eu-west-1"));
        let settings = settings(&cluster_id, &region, &access);
        let numbers = Numbers { simulator: simulator.clone(), told: Arc::default() };
        let tripwire = Tripwire::counting();
        let operator = Operator::start(cluster, &numbers, &server, &clock, tripwire, settings).await;
        let elsewhere = None;
        let world = Self {
            simulator,
            api,
            clock,
            numbers,
            cluster,
            namespace,
            client,
            server,
            operator,
            access,
            cluster_id,
            region,
            elsewhere,
        };
        world.wire();
        world
    }

    /// The hook that lets a tripwire count and strike calls to AWS. STS is no part of a story's calls.
    fn wire(&self) {
        let tripwire = self.operator.tripwire.clone();
        let struck: Mutex<Option<(u64, Side)>> = Mutex::default();
        self.simulator.set_hook(move |call, moment| {
            if call.service == "sts" || call.caller.name.as_deref() == Some("console") {
                return None;
            }
            let mut struck = struck.lock().unwrap();
            if moment == Moment::Before
                && let Some(side) = tripwire.note(call.operation)
            {
                *struck = Some((call.sequence, side));
            }
            let dies = match (*struck, moment) {
                (Some((sequence, Side::Before)), Moment::Before) | (Some((sequence, Side::After)), Moment::After) => {
                    sequence == call.sequence
                }
                _ => false,
            };
            dies.then(|| {
                tripwire.strike();
                FaultKind::DropConnection
            })
        });
    }

    /// The operator is killed and another one starts, with nothing but status and AWS to go by, after the time that a
    /// successor waits.
    pub(crate) async fn restart(&mut self) {
        self.restart_with(Tripwire::counting()).await;
    }

    pub(crate) async fn restart_with(&mut self, tripwire: Tripwire) {
        self.pass_time(Duration::from_secs(15));
        let settings = settings(&self.cluster_id, &self.region, &self.access);
        self.operator =
            Operator::start(self.cluster, &self.numbers, &self.server, &self.clock, tripwire, settings).await;
        self.wire();
    }

    pub(crate) fn tripwire(&self) -> &Tripwire {
        &self.operator.tripwire
    }

    /// Time passes for the operator and for AWS alike.
    pub(crate) fn pass_time(&self, span: Duration) {
        self.clock.advance(span);
        self.simulator.clock().advance(span);
    }

    /// The story's namespace.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// Objects of another kind in the story's namespace.
    pub(crate) fn api_of<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// A pass when the object's time has come.
    pub(crate) async fn stir(&self, name: &str) {
        self.pass_time(Duration::from_mins(15));
        self.pass(name).await.expect("nobody was to die here");
    }

    /// `kubectl` in the story's namespace, with `input` on its stdin.
    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let arguments = [&["--namespace", self.namespace.name()], arguments].concat();
        self.cluster.kubectl_with_input(arguments, input).await.unwrap()
    }

    /// Objects of another namespace, which the operator watches from now on, too.
    pub(crate) async fn elsewhere(&mut self) -> Api<ApiStage> {
        let namespace = self.cluster.namespace("elsewhere").await.unwrap();
        let objects = Api::namespaced(self.client.clone(), namespace.name());
        self.elsewhere = Some(namespace);
        objects
    }

    pub(crate) fn objects(&self) -> Api<ApiStage> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    pub(crate) fn canaries(&self) -> Api<ApiCanary> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// An `ApiCanary`, as `kubectl apply --server-side` makes it.
    pub(crate) async fn govern(&self, name: &str, spec: Value) -> ApiCanary {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": name }, "spec": spec,
        });
        let params = PatchParams::apply("kubectl").force();
        self.canaries().patch(name, &params, &Patch::Apply(&object)).await.unwrap()
    }

    /// So much time passes, in as many passes as the operator would be woken for. `None`: it died in one.
    pub(crate) async fn minutes(&self, name: &str, minutes: u64) -> Option<()> {
        let over = self.clock.now().checked_add(Duration::from_mins(minutes)).unwrap();
        while self.clock.now() < over {
            let passed = self.pass(name).await?;
            let left = Duration::try_from(over.duration_since(self.clock.now())).unwrap_or_default();
            self.pass_time(passed.wake_up_in.unwrap_or(left).min(left).max(Duration::from_secs(1)));
        }
        Some(())
    }

    /// What `kubectl apply --server-side` does.
    pub(crate) async fn apply(&self, name: &str, spec: Value) -> Result<ApiStage, kube::Error> {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": name }, "spec": spec,
        });
        self.objects().patch(name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&object)).await
    }

    /// Applies an object that is certainly younger than another: creationTimestamp has whole seconds, and the uid breaks ties.
    pub(crate) async fn apply_later(&self, name: &str, spec: Value, than: &ApiStage) {
        loop {
            let object = self.apply(name, spec.clone()).await.unwrap();
            if object.metadata.creation_timestamp > than.metadata.creation_timestamp {
                return;
            }
            self.delete(name).await;
        }
    }

    pub(crate) async fn annotate(&self, name: &str, command: &str) {
        let patch = json!({ "metadata": { "annotations": { "stagecraft.dev/command": command } } });
        self.objects().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.objects().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// The object is gone without anybody's doing, as with a cluster that is lost.
    pub(crate) async fn lose(&self, name: &str) {
        let patch = json!({ "metadata": { "finalizers": null } });
        self.objects().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        self.delete(name).await;
    }

    /// The operator of another cluster takes an object of that cluster to rest, in the same AWS account.
    pub(crate) async fn in_another_cluster(&self, cluster_id: &str, spec: Value) -> ApiStage {
        let namespace = self.cluster.namespace("another").await.unwrap();
        let objects: Api<ApiStage> = Api::namespaced(self.client.clone(), namespace.name());
        let object = ApiStage::new("orders", serde_json::from_value(spec).unwrap());
        objects.create(&PostParams::default(), &object).await.unwrap();
        let settings = settings(cluster_id, &self.region, &self.access);
        let tripwire = Tripwire::counting();
        let operator =
            Operator::start(self.cluster, &self.numbers, &self.server, &self.clock, tripwire, settings).await;
        for _ in 0..MOST_PASSES {
            let object = objects.get("orders").await.unwrap();
            operator.show(vec![object.clone()], Vec::new());
            self.pass_time(Duration::from_secs(1));
            let passed = reconcile(Arc::new(object), &operator.ctx).await;
            match passed.wake_up_in {
                Some(wait) if wait < Duration::from_mins(4) => self.pass_time(wait),
                Some(_) | None => return objects.get("orders").await.unwrap(),
            }
        }
        panic!("the object of another cluster does not come to rest");
    }

    pub(crate) async fn get(&self, name: &str) -> Option<ApiStage> {
        self.objects().get_opt(name).await.unwrap()
    }

    pub(crate) async fn status(&self, name: &str) -> ApiStageStatus {
        self.get(name).await.unwrap_or_else(|| panic!("{name} is gone")).status.unwrap_or_default()
    }

    /// Status and reason of Ready, and its message.
    pub(crate) async fn ready(&self, name: &str) -> (String, String) {
        let status = self.status(name).await;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let ready = ready.unwrap_or_else(|| panic!("{name} has no Ready: {status:?}"));
        (format!("{} {}", ready.status, ready.reason), ready.message.clone())
    }

    /// One pass over what the apiserver holds now. `None`: the operator died in it.
    pub(crate) async fn pass(&self, name: &str) -> Option<Passed> {
        let Some(object) = self.get(name).await else { return Some(Passed { wake_up_in: None, failed: None }) };
        self.pass_over(object).await
    }

    /// One pass over an object as some watch has delivered it.
    pub(crate) async fn pass_over(&self, object: ApiStage) -> Option<Passed> {
        // As if the watch had shown all objects of the namespace.
        let mut all = self.objects().list(&ListParams::default()).await.unwrap().items;
        if let Some(namespace) = &self.elsewhere {
            let objects: Api<ApiStage> = Api::namespaced(self.client.clone(), namespace.name());
            all.extend(objects.list(&ListParams::default()).await.unwrap());
        }
        let canaries = self.canaries().list(&ListParams::default()).await.unwrap().items;
        self.pass_seeing(object, all, canaries).await
    }

    /// One pass over an object, with what watches have delivered of the others so far.
    pub(crate) async fn pass_seeing(
        &self,
        object: ApiStage,
        stages: Vec<ApiStage>,
        canaries: Vec<ApiCanary>,
    ) -> Option<Passed> {
        self.operator.show(stages, canaries);
        self.pass_time(Duration::from_secs(1));
        let object = Arc::new(object);
        tokio::select! {
            biased;
            () = self.operator.tripwire.death() => None,
            passed = reconcile(object, &self.operator.ctx) => Some(passed),
        }
    }

    /// Passes until the object has nothing left to wait for but its next poll. Waits become time.
    pub(crate) async fn to_rest(&self, name: &str) -> Option<()> {
        for _ in 0..MOST_PASSES {
            let passed = self.pass(name).await?;
            match passed.wake_up_in {
                Some(wait) if wait < Duration::from_mins(4) => self.pass_time(wait),
                Some(_) | None => return Some(()),
            }
        }
        panic!("{name} does not come to rest: {}", self.tell(name).await);
    }

    /// As [`to_rest`](Self::to_rest), where nobody dies.
    pub(crate) async fn rest(&self, name: &str) {
        self.to_rest(name).await.expect("nobody was to die here");
    }

    /// A poll: the time until the next look passes, and it finds nothing to do. Asserts P1 from outside: no write to AWS,
    /// no write to the object, no event.
    pub(crate) async fn assert_rest(&self, name: &str) {
        let before = self.get(name).await.map(|object| object.resource_version());
        let (calls, events) = (self.writes().len(), self.events(name).await.len());
        self.pass_time(Duration::from_mins(12));
        self.pass(name).await.expect("nobody was to die here");
        assert_eq!(self.get(name).await.map(|object| object.resource_version()), before, "a poll wrote to the object");
        assert_eq!(self.writes().len(), calls, "a poll wrote to AWS: {:#?}", self.writes());
        assert_eq!(self.events(name).await.len(), events, "a poll published an event");
    }

    /// Names of the calls to API Gateway since the log was reset, hands in the console apart.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = self.simulator.calls();
        let ours = calls
            .iter()
            .filter(|call| !matches!(call.info.service, "sts" | "cloudwatch"))
            .filter(|call| call.info.caller.name.as_deref() != Some("console"));
        ours.map(|call| call.info.operation.to_owned()).collect()
    }

    /// The same, writes only, each with its patch.
    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.simulator.calls();
        let ours = calls.iter().filter(|call| call.info.write && call.info.caller.name.as_deref() != Some("console"));
        ours.map(|call| format!("{} {}", call.info.operation, call.info.patch().join("; ")).trim_end().to_owned())
            .collect()
    }

    /// The stage as AWS shows it.
    pub(crate) fn stage(&self, name: &str) -> Option<Value> {
        self.simulator.stage(&self.api, name)
    }

    /// Descriptions of all deployments of the REST API, in the order of their creation.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        let deployments = self.simulator.deployments(&self.api);
        deployments.iter().map(|deployment| deployment["description"].as_str().unwrap_or("").to_owned()).collect()
    }

    pub(crate) async fn events(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), self.namespace.name());
        let all = events.list(&ListParams::default()).await.unwrap();
        all.items
            .into_iter()
            .filter(|event| event.regarding.as_ref().is_some_and(|regarding| regarding.name.as_deref() == Some(name)))
            .collect()
    }

    pub(crate) async fn event_reasons(&self, name: &str) -> Vec<String> {
        self.events(name).await.into_iter().filter_map(|event| event.reason).collect()
    }

    /// The world, for whoever reads a failure.
    pub(crate) async fn tell(&self, name: &str) -> String {
        let object = self.get(name).await.map(|object| serde_json::to_string_pretty(&object).unwrap());
        let calls: Vec<_> = self.simulator.calls().iter().map(apigateway_simulator::CallRecord::line).collect();
        format!(
            "object {}\nstage {:?}\ncalls\n{}\noperator's calls {:#?}",
            object.unwrap_or_else(|| "is gone".to_owned()),
            self.stage("prod"),
            calls.join("\n"),
            self.operator.tripwire.log()
        )
    }
}

impl Operator {
    async fn start(
        cluster: &'static Cluster,
        numbers: &Numbers,
        server: &Server,
        clock: &Clock,
        tripwire: Tripwire,
        settings: Settings,
    ) -> Self {
        let client = ClientBuilder::try_from(cluster.config()).unwrap().with_layer(&tripwire).build();
        let credentials =
            StaticCredentials { access_key_id: "AKIASTAGECRAFT".to_owned(), secret_access_key: "secret".to_owned() };
        let options = Options {
            endpoint_url: Some(server.url()),
            region: Some(settings.region.clone()),
            timeout: AWS_TIMEOUT,
            credentials: Some(credentials),
            ..Options::default()
        };
        let quiet = |_: stagecraft::aws::Operation, _: Result<(), &stagecraft::aws::Error>, _: Duration| {};
        let aws = Aws::connect(options, clock.clone(), Arc::new(quiet)).await;
        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&settings, Arc::clone(&metrics));
        let scope = objects.scope();
        let leadership = Leadership::without_lease(clock.clone(), AWS_TIMEOUT);
        let ctx = Context::new(client, aws, leadership, clock.clone(), metrics, settings, objects);
        let (canaries, writer) = reflector::store();
        let (responses, response_writer) = reflector::store();
        let ctx = ctx.with_canaries(vec![canaries]).with_responses(vec![responses]);
        let ctx = ctx.with_sources(Arc::new(numbers.clone()));
        Self {
            ctx,
            tripwire,
            scope: Arc::new(Mutex::new(scope)),
            canaries: Arc::new(Mutex::new(writer)),
            responses: Arc::new(Mutex::new(response_writer)),
        }
    }

    /// Shows all objects, as watches would.
    fn show(&self, objects: Vec<ApiStage>, canaries: Vec<ApiCanary>) {
        self.show_stages(objects);
        let mut writer = self.canaries.lock().unwrap();
        for event in listed(canaries) {
            writer.apply_watcher_event(&event);
        }
    }
}

impl Operator {
    fn show_stages(&self, objects: Vec<ApiStage>) {
        let mut scope = self.scope.lock().unwrap();
        for event in listed(objects) {
            scope.apply(&event);
        }
    }

    fn show_responses(&self, objects: Vec<ApiGatewayResponse>) {
        let mut writer = self.responses.lock().unwrap();
        for event in listed(objects) {
            writer.apply_watcher_event(&event);
        }
    }
}

/// What a watch tells that lists these objects.
fn listed<K>(objects: Vec<K>) -> Vec<WatchEvent<Guarded<K>>>
where
    K: kube::Resource<DynamicType = ()> + serde::Serialize + serde::de::DeserializeOwned,
{
    // A guard around an object that can be read.
    let guarded = |object| serde_json::from_value(serde_json::to_value(object).unwrap()).unwrap();
    let objects = objects.into_iter().map(|object| WatchEvent::InitApply(guarded(object)));
    [WatchEvent::Init].into_iter().chain(objects).chain([WatchEvent::InitDone]).collect()
}
