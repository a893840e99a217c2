//! `ConfigMap`s that objects refer to: read for a pass, watched so that a pass comes when one changes.
//!
//! Only metadata is watched, and nothing of it is kept: a cluster's `ConfigMap`s may be many and large, and those that matter
//! are few. The watch begins with the first object that refers to one, so who uses none of this needs no right to it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client, ResourceExt as _};
use stagecraft_core::reference::{Referred, config_map, look_up};
use tokio::sync::watch;
use tracing::warn;

use super::context::{Context, Guarded};
use super::governed::Refers;
use crate::telemetry::Chain;

/// Which objects a change of a `ConfigMap` has stirred, and whether any object refers to one at all.
pub(super) struct References {
    needed: watch::Sender<bool>,
    stirred: Mutex<HashSet<String>>,
}

impl Default for References {
    fn default() -> Self {
        Self { needed: watch::Sender::new(false), stirred: Mutex::default() }
    }
}

impl References {
    /// Notes that an object is due although neither it nor its time has changed.
    fn stir(&self, uid: String) {
        self.stirred.lock().unwrap_or_else(PoisonError::into_inner).insert(uid);
    }

    /// Whether the object was stirred since this was asked last.
    pub(super) fn take_stirred(&self, uid: &str) -> bool {
        self.stirred.lock().unwrap_or_else(PoisonError::into_inner).remove(uid)
    }
}

/// What is found where the object refers to; `None` where it names its REST API itself, or goes by its status.
///
/// # Errors
///
/// Where that cannot be told and must be: `Ok(Some(NoConfigMap))` is only what the apiserver said.
pub(super) async fn referred<K: Refers>(ctx: &Context, object: &K) -> Result<Option<Referred>, kube::Error> {
    let source = object.rest_api_id_from().filter(|_| object.meta().deletion_timestamp.is_none());
    let Some((source, name)) = source.zip(config_map(source)) else { return Ok(None) };
    ctx.references.needed.send_if_modified(|needed| !std::mem::replace(needed, true));
    let config_maps: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    match config_maps.get_opt(name).await {
        Ok(found) => {
            let data = found.map(|found| found.data.unwrap_or_default());
            Ok(Some(look_up(source, data.as_ref())))
        }
        // What is governed is known; that the ConfigMap says otherwise can be told another time.
        Err(error) if object.governs() => {
            warn!(config_map = name, "could not read what an object refers to: {}", Chain(&error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Objects of this store that refer to a `ConfigMap` which changed. `namespace`: the one that the store is about; `None`: all.
pub(super) fn changes<K: Refers>(
    ctx: &Arc<Context>,
    namespace: Option<&str>,
    store: Store<Guarded<K>>,
) -> impl Stream<Item = ObjectRef<Guarded<K>>> + Send + use<K> {
    let api = api(&ctx.client, namespace);
    let mut needed = ctx.references.needed.subscribe();
    let begin = async move {
        // An error means that the process ends.
        needed.wait_for(|needed| *needed).await.map(drop).ok()
    };
    let changed = futures::stream::once(begin)
        .filter_map(std::future::ready)
        .flat_map(move |()| watcher(api.clone(), Config::default()).default_backoff().touched_objects());
    let ctx = Arc::clone(ctx);
    changed.flat_map(move |changed| {
        let stirred = match changed {
            Ok(changed) => referring(&store, &changed),
            Err(error) => {
                warn!("the watch of ConfigMaps that objects refer to broke off: {}", Chain(&error));
                Vec::new()
            }
        };
        for object in &stirred {
            ctx.references.stir(object.uid().unwrap_or_default());
        }
        futures::stream::iter(stirred.into_iter().map(|object| ObjectRef::from_obj(&*object)))
    })
}

/// Asks for metadata only, by its type.
fn api(client: &Client, namespace: Option<&str>) -> Api<PartialObjectMeta<ConfigMap>> {
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn referring<K: Refers>(store: &Store<Guarded<K>>, changed: &PartialObjectMeta<ConfigMap>) -> Vec<Arc<Guarded<K>>> {
    let refers = |guarded: &Guarded<K>| {
        guarded.0.as_ref().is_ok_and(|object| {
            config_map(object.rest_api_id_from()) == Some(changed.name_any().as_str())
                && object.namespace() == changed.namespace()
        })
    };
    store.state().into_iter().filter(|guarded| refers(guarded)).collect()
}
