//! The live objects, and what the API server makes of the manifests.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, PostParams};
use kube::core::object::{HasSpec, HasStatus};
use kube::runtime::reflector::{Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Api, Client, Config, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::names::Region;
use stagecraft_core::api::stage::ApiStage;

use super::Settings;
use super::manifests::Manifests;
use crate::clock::Clock;
use crate::controller::{self, Context, Guarded, Objects};
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::run::{self, BoxError};
use crate::telemetry::Chain;

/// The cluster with the manifests put over it.
pub(super) struct Cluster {
    client: Client,
    namespace: String,
    pub(super) context: Context,
}

impl Cluster {
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

        let stages: Vec<ApiStage> = everything(&client, &namespace, "ApiStages").await?;
        let mut canaries: Vec<ApiCanary> = everything(&client, &namespace, "ApiCanaries").await?;
        let responses: Vec<ApiGatewayResponse> = everything(&client, &namespace, "ApiGatewayResponses").await?;
        for manifest in &manifests.canaries {
            let mut manifest = manifest.clone();
            manifest.metadata.namespace.get_or_insert_with(|| namespace.clone());
            let same = |other: &ApiCanary| {
                other.name_any() == manifest.name_any() && other.namespace() == manifest.namespace()
            };
            if let Some(live) = canaries.iter_mut().find(|other| same(other)) {
                live.spec = manifest.spec;
            } else {
                manifest.metadata.uid.get_or_insert_with(|| "(new)".to_owned());
                canaries.push(manifest);
            }
        }
        let metrics = Arc::new(Metrics::new());
        let objects = Objects::new(&core, Arc::clone(&metrics));
        let mut scope = objects.scope();
        for event in shown(stages)? {
            scope.apply(&event);
        }
        let context = Context::new(client.clone(), aws, leadership, clock, metrics, core, objects)
            .with_canaries(vec![store_of(canaries)?])
            .with_responses(vec![store_of(responses)?]);
        Ok(Self { client, namespace, context })
    }

    /// The object as the API server would store it, with its status; whether it would be new. What the schema refuses is refused
    /// here, in the API server's words.
    pub(super) async fn judged<K>(&self, manifest: &K) -> Result<(K, bool), BoxError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasSpec + HasStatus,
        K: Clone + Debug + Serialize + DeserializeOwned,
        K::Spec: Clone + PartialEq,
    {
        let namespace = manifest.namespace().unwrap_or_else(|| self.namespace.clone());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let (kind, name) = (K::kind(&()), manifest.name_any());
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let said = |error: kube::Error| {
            if let kube::Error::Api(status) = &error {
                return format!("the API server refuses {kind} {namespace}/{name}: {}", status.message);
            }
            format!("could not ask the API server about {kind} {namespace}/{name}: {}", Chain(&error))
        };
        let Some(mut live) = api.get_opt(&name).await.map_err(said)? else {
            return Ok((api.create(&dry, manifest).await.map_err(said)?, true));
        };
        let (former, status) = (live.clone(), live.status_mut().take());
        *live.spec_mut() = manifest.spec().clone();
        live.meta_mut().managed_fields = None;
        let mut judged = api.replace(&name, &dry, &live).await.map_err(said)?;
        *judged.status_mut() = status;
        // A dry run does not always count: a spec that differs is a new generation.
        let generation = former.meta().generation;
        if judged.meta().generation == generation && judged.spec() != former.spec() {
            judged.meta_mut().generation = generation.map(|generation| generation + 1);
        }
        Ok((judged, false))
    }
}

/// All objects of the cluster; for a person who may not list those, all of the namespace: what others declare for the same stage
/// is then not foreseen.
async fn everything<K>(client: &Client, namespace: &str, what: &str) -> Result<Vec<K>, BoxError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let mut list = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    if matches!(&list, Err(kube::Error::Api(status)) if status.code == 403) {
        list = Api::<K>::namespaced(client.clone(), namespace).list(&ListParams::default()).await;
    }
    Ok(list.map_err(|error| format!("could not list the {what}: {}", Chain(&error)))?.items)
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
