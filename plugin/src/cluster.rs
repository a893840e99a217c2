//! The cluster as the person's kubeconfig and rights show it.

use std::time::Duration;

use clap::Args;
use futures::{Stream, StreamExt as _};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::KubeConfigOptions;
use kube::runtime::watcher;
use kube::{Api, Client, Config, Resource as _, ResourceExt as _};
use serde_json::json;
use stagecraft::clock::Clock;
use stagecraft::telemetry::Chain;
use stagecraft_core::api::COMMAND;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::validate::canary::governing;

use crate::failure::Failure;
use crate::near;
use crate::object::{self, Readable};

/// Who writes the annotation, in managedFields.
const MANAGER: &str = "kubectl-stagecraft";

/// Where to look, as kubectl takes it.
#[derive(Clone, Debug, Default, Args)]
pub struct Place {
    /// Namespace of the objects [default: that of the kubeconfig's context]
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true)]
    pub context: Option<String>,
}

/// A connection, and the namespace that commands are about.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    config: Config,
    /// The namespace that commands are about.
    pub namespace: String,
    /// What has to stand behind a command for it to reach the same objects: ` -n shop`, or nothing.
    pub flags: String,
}

/// An `ApiStage` with the `ApiCanary` that governs it.
#[derive(Clone, Debug)]
pub struct Governed {
    /// The stage.
    pub stage: ApiStage,
    /// What governs it, where the person may read it.
    pub canary: Option<ApiCanary>,
    /// Fields that a newer operator wrote in a shape that is not known here.
    pub unreadable: Vec<String>,
}

impl Cluster {
    /// Reads the kubeconfig. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Failure::NoCluster`].
    pub async fn connect(place: &Place) -> Result<Self, Failure> {
        let options = KubeConfigOptions { context: place.context.clone(), ..KubeConfigOptions::default() };
        let config = match Config::from_kubeconfig(&options).await {
            Ok(config) => config,
            // In a pod there is none, and a service account instead.
            Err(error) if place.context.is_none() => {
                Config::incluster().map_err(|_outside| Failure::NoCluster(error))?
            }
            Err(error) => return Err(Failure::NoCluster(error)),
        };
        let flag = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!(" {name} {value}"));
        let flags = [flag("-n", &place.namespace), flag("--context", &place.context)];
        let namespace = place.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config.clone()).map_err(|error| Failure::Unreachable {
            what: "set up the client".to_owned(),
            why: Chain(&error).to_string(),
        })?;
        Ok(Self { client, config, namespace, flags: flags.into_iter().flatten().collect() })
    }

    /// How the cluster is reached, for a client of another kind.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The stage of this name with what governs it.
    ///
    /// # Errors
    ///
    /// There is none, with names that are near; or it cannot be read.
    pub async fn stage(&self, name: &str) -> Result<Governed, Failure> {
        let name = bare(name);
        let what = || format!("read ApiStage {}/{name}", self.namespace);
        let found = self.stages_api().get_opt(name).await.map_err(|error| Failure::of(what(), "view", &error))?;
        let Some(found) = found else { return Err(self.no_stage(name).await) };
        self.governed(&found).await
    }

    /// The same for an object that was read already.
    ///
    /// # Errors
    ///
    /// It has no shape that is known here.
    pub async fn governed(&self, found: &DynamicObject) -> Result<Governed, Failure> {
        let stage = self.read(found)?;
        let (name, namespace) = (stage.object.name_any(), stage.object.namespace().unwrap_or_default());
        // Who may not read them sees the stage all the same.
        let canaries = self.canaries(Some(&namespace)).await.unwrap_or_default();
        let canary = governing(&namespace, &name, canaries.iter().map(|canary| &canary.object)).cloned();
        let of_canary = canaries
            .iter()
            .filter(|one| Some(one.object.name_any()) == canary.as_ref().map(kube::ResourceExt::name_any));
        let of_canary = of_canary.flat_map(|one| one.unreadable.iter().map(|field| format!("ApiCanary {field}")));
        let unreadable = stage.unreadable.into_iter().chain(of_canary).collect();
        Ok(Governed { stage: stage.object, canary, unreadable })
    }

    /// All stages of the namespace, or of all namespaces, by namespace and name, with what governs them.
    ///
    /// # Errors
    ///
    /// They cannot be listed.
    pub async fn stages(&self, everywhere: bool) -> Result<Vec<Governed>, Failure> {
        let resource = ApiResource::erase::<ApiStage>(&());
        let (api, place) = if everywhere {
            (Api::all_with(self.client.clone(), &resource), "all namespaces".to_owned())
        } else {
            (self.stages_api(), format!("namespace {}", self.namespace))
        };
        let list: Vec<DynamicObject> = api
            .list(&ListParams::default())
            .await
            .map_err(|error| Failure::of(format!("list the ApiStages of {place}"), "view", &error))?
            .items;
        let namespace = (!everywhere).then_some(self.namespace.as_str());
        let canaries = self.canaries(namespace).await.unwrap_or_default();
        let mut all = Vec::new();
        for object in &list {
            let Readable { object: stage, unreadable } = self.read(object)?;
            let (namespace, name) = (stage.namespace().unwrap_or_default(), stage.name_any());
            let canary = governing(&namespace, &name, canaries.iter().map(|canary| &canary.object)).cloned();
            all.push(Governed { stage, canary, unreadable });
        }
        all.sort_by_key(|one| (one.stage.namespace(), one.stage.name_any()));
        Ok(all)
    }

    /// What becomes of the stage from now on, first as it is; `None` where it is gone. Failures in between are tried again.
    pub fn watch(&self, name: &str) -> impl Stream<Item = Option<DynamicObject>> + Send + Unpin + use<> {
        let seen = watcher::watch_object(self.stages_api(), bare(name));
        // The stream tries again by itself after each failure, at once: not more than a few times a second.
        Box::pin(seen.filter_map(async |seen| {
            if let Ok(object) = seen {
                return Some(object);
            }
            Clock::system().wait(Duration::from_millis(300)).await;
            None
        }))
    }

    /// Changes of any `ApiCanary` of the namespace: news for whoever shows checks.
    pub fn watch_canaries(&self) -> impl Stream<Item = ()> + Send + Unpin + use<> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<ApiCanary>(&()));
        let seen = watcher(api, watcher::Config::default());
        Box::pin(seen.filter_map(async |seen| {
            if seen.is_ok() {
                return Some(());
            }
            Clock::system().wait(Duration::from_secs(2)).await;
            None
        }))
    }

    /// Gives a command.
    ///
    /// # Errors
    ///
    /// The API server does not take it.
    pub async fn annotate(&self, name: &str, value: &str, what: &str) -> Result<(), Failure> {
        let patch = json!({ "metadata": { "annotations": { COMMAND: value } } });
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let done = self.stages_api().patch(bare(name), &params, &Patch::Merge(&patch)).await;
        done.map(drop).map_err(|error| Failure::of(what, "edit", &error))
    }

    fn stages_api(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<ApiStage>(&()))
    }

    async fn canaries(&self, namespace: Option<&str>) -> Result<Vec<Readable<ApiCanary>>, Failure> {
        let resource = ApiResource::erase::<ApiCanary>(&());
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let list = api.list(&ListParams::default()).await;
        let list = list.map_err(|error| Failure::of("list the ApiCanaries", "view", &error))?;
        Ok(list.items.iter().filter_map(|canary| object::read(canary).ok()).collect())
    }

    fn read(&self, found: &DynamicObject) -> Result<Readable<ApiStage>, Failure> {
        object::read(found).map_err(|source| Failure::Shape {
            namespace: found.meta().namespace.clone().unwrap_or_else(|| self.namespace.clone()),
            name: found.name_any(),
            source,
        })
    }

    /// That there is none, and what there is.
    async fn no_stage(&self, name: &str) -> Failure {
        let known = self.stages_api().list_metadata(&ListParams::default()).await;
        let known: Vec<String> =
            known.map(|list| list.items.iter().map(kube::ResourceExt::name_any).collect()).unwrap_or_default();
        let elsewhere = "kubectl stagecraft list -A shows all that there are";
        let advice = match near::nearest(name, known.iter().map(String::as_str)).as_slice() {
            [] if known.is_empty() => format!("the namespace has none; {elsewhere}"),
            [] => elsewhere.to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        Failure::NoStage { namespace: self.namespace.clone(), name: name.to_owned(), advice }
    }
}

/// The name without its kind, for those who paste `apistage.stagecraft.dev/orders`.
fn bare(name: &str) -> &str {
    match name.split_once('/') {
        Some((kind, name))
            if ["apistage", "apistages", "apistage.stagecraft.dev", "apistages.stagecraft.dev"].contains(&kind) =>
        {
            name
        }
        Some(_) | None => name,
    }
}
