//! The live objects, and what the API server makes of the manifests.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{ListParams, PostParams};
use kube::core::Request;
use kube::core::object::{HasSpec, HasStatus};
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Api, Client, Config, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::names::Region;
use stagecraft_core::api::stage::ApiStage;

use super::Settings;
use super::manifests::{Manifest, Manifests};
use crate::clock::Clock;
use crate::controller::{self, Context, Guarded, Objects};
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::run::{self, BoxError};
use crate::telemetry::Chain;

/// The cluster with the manifests put over it.
pub(super) struct Cluster {
    pub(super) context: Context,
    /// In the order of the files.
    pub(super) stages: Vec<Judged<ApiStage>>,
    /// In the order of the files.
    pub(super) responses: Vec<Judged<ApiGatewayResponse>>,
}

/// An object as the API server would store it, with its status.
pub(super) struct Judged<K> {
    pub(super) object: K,
    pub(super) is_new: bool,
}

/// Who judges the manifests.
struct Judge<'a> {
    client: &'a Client,
    /// Of manifests that name none.
    namespace: &'a str,
    /// How many were judged.
    count: Duration,
}

impl Cluster {
    /// Judges the manifests, all of them, and lists what else there is.
    pub(super) async fn connect(settings: &Settings, config: Config, manifests: &Manifests) -> Result<Self, BoxError> {
        let namespace = settings.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(run::Error::Client)?;
        let clock = Clock::system();
        let operator = &settings.operator;
        let (aws, _) = controller::connect(operator, clock.clone(), Arc::new(Metrics::new())).await;
        let region = operator.region.as_deref().map(Region::from).or_else(|| aws.region());
        let region = region.ok_or("no AWS Region is configured: name it with --region, as the operator does")?;
        let cluster_id = match &operator.cluster_id {
            Some(id) => id.clone(),
            None => run::cluster_id(&client).await?,
        };
        let access = run::access(operator)?;
        let core = controller::core_settings(operator, cluster_id, region, access);
        let leadership = Leadership::never(clock.clone(), operator.aws_timeout);

        let mut judge = Judge { client: &client, namespace: &namespace, count: Duration::ZERO };
        let stages = judge.all(&manifests.stages).await?;
        let canaries = judge.all(&manifests.canaries).await?;
        let responses = judge.all(&manifests.responses).await?;

        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&core, Arc::clone(&metrics));
        let mut scope = objects.scope();
        let live = Live { client: &client, namespace: &namespace, watched: &operator.watch_namespaces };
        for event in shown(live.with("ApiStages", &stages).await?)? {
            scope.apply(&event);
        }
        let live_canaries = live.with("ApiCanaries", &canaries).await?;
        let live_responses = live.with("ApiGatewayResponses", &responses).await?;
        let context = Context::new(client.clone(), aws, leadership, clock, metrics, core, objects)
            .with_canaries(vec![store_of(live_canaries)?])
            .with_responses(vec![store_of(live_responses)?]);
        Ok(Self { context, stages, responses })
    }
}

impl Judge<'_> {
    async fn all<K>(&mut self, manifests: &[Manifest<K>]) -> Result<Vec<Judged<K>>, BoxError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasSpec + HasStatus,
        K: Clone + Debug + Serialize + DeserializeOwned,
        K::Spec: PartialEq,
    {
        let mut judged = Vec::new();
        for manifest in manifests {
            judged.push(self.judge(manifest).await?);
        }
        Ok(judged)
    }

    /// What the schema refuses is refused here, in the API server's words, and so is a field that it does not know: the
    /// document is sent as it stands in the file, to be validated as strictly as kubectl asks for.
    async fn judge<K>(&mut self, manifest: &Manifest<K>) -> Result<Judged<K>, BoxError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasSpec + HasStatus,
        K: Clone + Debug + Serialize + DeserializeOwned,
        K::Spec: PartialEq,
    {
        self.count += Duration::from_secs(1);
        let Manifest { object, document } = manifest;
        let namespace = object.namespace().unwrap_or_else(|| self.namespace.to_owned());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let (kind, name) = (K::kind(&()), object.name_any());
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let said = |error: kube::Error| {
            if let kube::Error::Api(status) = &error {
                return format!("the API server refuses {kind} {namespace}/{name}: {}", status.message);
            }
            format!("could not ask the API server about {kind} {namespace}/{name}: {}", Chain(&error))
        };
        let request = Request::new(K::url_path(&(), Some(&namespace)));
        let Some(mut live) = api.get_opt(&name).await.map_err(said)? else {
            let request = strict(request.create(&dry, serde_json::to_vec(document)?)?)?;
            let mut object: K = self.client.request(request).await.map_err(said)?;
            // In the order of the files: of two that would come within one second, nobody knows which is the older one.
            if let Some(created) = object.meta_mut().creation_timestamp.as_mut() {
                *created = Time(created.0.checked_add(self.count)?);
            }
            return Ok(Judged { object, is_new: true });
        };
        let (former, status) = (live.clone(), live.status_mut().take());
        live.meta_mut().managed_fields = None;
        let body = over(serde_json::to_value(&live)?, document);
        let request = strict(request.replace(&name, &dry, serde_json::to_vec(&body)?)?)?;
        let mut judged: K = self.client.request(request).await.map_err(said)?;
        *judged.status_mut() = status;
        // A dry run does not always count: a spec that differs is a new generation.
        let generation = former.meta().generation;
        if judged.meta().generation == generation && judged.spec() != former.spec() {
            judged.meta_mut().generation = generation.map(|generation| generation + 1);
        }
        Ok(Judged { object: judged, is_new: false })
    }
}

/// With fields refused that the schema does not know; the parameters of a post have no member for it.
fn strict(dry: http::Request<Vec<u8>>) -> Result<http::Request<Vec<u8>>, BoxError> {
    let (mut parts, body) = dry.into_parts();
    parts.uri = format!("{}&fieldValidation=Strict", parts.uri).parse()?;
    Ok(http::Request::from_parts(parts, body))
}

/// A live object with what a manifest says put over it: all of it but the status and what only the API server sets.
fn over(mut live: Value, document: &Value) -> Value {
    let (Some(whole), Some(document)) = (live.as_object_mut(), document.as_object()) else { return live };
    for (member, said) in document.iter().filter(|(member, _)| *member != "status" && *member != "metadata") {
        whole.insert(member.clone(), said.clone());
    }
    let said = document.get("metadata").and_then(Value::as_object).into_iter().flatten();
    if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
        for (member, said) in said.filter(|(_, said)| !said.is_null()) {
            merge(metadata, member, said);
        }
    }
    live
}

/// Labels and annotations beside those that are there; what is there otherwise stays.
fn merge(metadata: &mut Map<String, Value>, member: &str, said: &Value) {
    match (metadata.get_mut(member), said) {
        (Some(Value::Object(there)), Value::Object(said)) => {
            there.extend(said.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        (Some(_), _) => {}
        (None, said) => {
            metadata.insert(member.to_owned(), said.clone());
        }
    }
}

/// The objects of the cluster that the operator looks at.
#[derive(Clone, Copy)]
struct Live<'a> {
    client: &'a Client,
    /// What is listed where a person may not list all.
    namespace: &'a str,
    /// What the operator watches; empty: everything.
    watched: &'a [String],
}

impl Live<'_> {
    /// All of a kind, with what was judged in the place of what is there.
    async fn with<K>(&self, what: &str, judged: &[Judged<K>]) -> Result<Vec<K>, BoxError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let mut all: Vec<K> = self.list(what).await?;
        for Judged { object, .. } in judged.iter().filter(|judged| is_watched(self.watched, &judged.object)) {
            match all.iter_mut().find(|other| other.uid() == object.uid()) {
                Some(live) => *live = object.clone(),
                None => all.push(object.clone()),
            }
        }
        Ok(all)
    }

    /// All objects; for a person who may not list those, all of the namespace: what others declare for the same stage is then
    /// not foreseen.
    async fn list<K>(&self, what: &str) -> Result<Vec<K>, BoxError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let said = |error: kube::Error| format!("could not list the {what}: {}", Chain(&error));
        let of = |namespace: &str| Api::<K>::namespaced(self.client.clone(), namespace);
        let params = ListParams::default();
        if !self.watched.is_empty() {
            let mut all = Vec::new();
            for namespace in self.watched {
                all.extend(of(namespace).list(&params).await.map_err(said)?.items);
            }
            return Ok(all);
        }
        let mut list = Api::<K>::all(self.client.clone()).list(&params).await;
        if matches!(&list, Err(kube::Error::Api(status)) if status.code == 403) {
            list = of(self.namespace).list(&params).await;
        }
        Ok(list.map_err(said)?.items)
    }
}

/// Whether the operator looks at this object at all.
pub(super) fn is_watched(watched: &[String], object: &impl kube::ResourceExt) -> bool {
    watched.is_empty() || object.namespace().is_some_and(|namespace| watched.contains(&namespace))
}

/// A store that holds what a watch would have shown.
fn store_of<K>(objects: Vec<K>) -> Result<Store<Guarded<K>>, BoxError>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + 'static,
{
    let mut writer = Writer::<Guarded<K>>::default();
    let store = writer.as_reader();
    for event in shown(objects)? {
        writer.apply_watcher_event(&event);
    }
    Ok(store)
}

/// What a watch would have told of these objects.
fn shown<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(
    objects: Vec<K>,
) -> Result<Vec<Event<Guarded<K>>>, BoxError> {
    let mut events = vec![Event::Init];
    for object in objects {
        events.push(Event::InitApply(serde_json::from_value(serde_json::to_value(object)?)?));
    }
    events.push(Event::InitDone);
    Ok(events)
}
