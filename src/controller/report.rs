//! Writes to the cluster: finalizer, status, events.

use std::sync::Arc;

use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{Event as KubeEvent, EventType};
use kube::{Resource, ResourceExt as _};
use serde_json::json;
use stagecraft_core::api::FINALIZER;
use stagecraft_core::api::event::Event;
use tracing::{info, warn};

use super::context::{Context, FIELD_MANAGER};
use super::governed::Governed;
use crate::metrics::{Publication, StatusWrite};
use crate::telemetry::Chain;

/// Longest action and note that the apiserver takes (events.k8s.io/v1).
const LONGEST_ACTION: usize = 128;
const LONGEST_NOTE: usize = 1024;

/// Why the cluster did not take a write.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The object has changed since it was read: plan again.
    #[error("the object changed while it was being worked on")]
    Conflict,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// Anything else.
    #[error("the apiserver did not take the {what}")]
    Refused { what: &'static str, source: kube::Error },
}

/// Puts our finalizer on the object, where it is not.
pub(super) async fn add_finalizer<K: Governed>(ctx: &Context, object: &Arc<K>) -> Result<Option<Arc<K>>, Error> {
    if object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(None);
    }
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    set_finalizers(ctx, object, &finalizers).await.map(Some)
}

/// Takes our finalizer away, which lets an object go that is being deleted.
pub(super) async fn remove_finalizer<K: Governed>(ctx: &Context, object: &Arc<K>) -> Result<(), Error> {
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(());
    }
    let finalizers: Vec<_> = object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
    match set_finalizers(ctx, object, &finalizers).await {
        Ok(_) | Err(Error::Gone) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn set_finalizers<K: Governed>(ctx: &Context, object: &Arc<K>, finalizers: &[String]) -> Result<Arc<K>, Error> {
    let patch = json!({ "metadata": {
        "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": finalizers,
    }});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let written = api(ctx, object).patch(&object.name_any(), &params, &Patch::Merge(&patch)).await;
    written.map(lightened).map_err(|source| classify(source, "finalizer"))
}

/// Writes the whole status, where it differs, on the very resourceVersion that it was decided on.
pub(super) async fn write_status<K: Governed>(
    ctx: &Context,
    object: &Arc<K>,
    status: &K::Status,
) -> Result<Option<Arc<K>>, Error> {
    if object.status() == Some(status) {
        return Ok(None);
    }
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": object.name_any(), "uid": object.uid(), "resourceVersion": object.resource_version() },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written = api(ctx, object).patch_status(&object.name_any(), &params, &Patch::Apply(&patch)).await;
    let written = written.map(lightened).map_err(|source| classify(source, "status"));
    ctx.metrics.status_written(
        K::KIND,
        match &written {
            Ok(_) => StatusWrite::Stored,
            Err(Error::Conflict | Error::Gone) => StatusWrite::Conflict,
            Err(Error::Refused { .. }) => StatusWrite::Failed,
        },
    );
    written.map(Some)
}

/// Tells the news. An event that cannot be published is a line in the log and a count, never the pass's error.
pub(super) async fn publish<K: Governed>(ctx: &Context, object: &Arc<K>, events: &[Event]) {
    let reference = object.object_ref(&());
    for event in events {
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        info!(reason = event.reason.as_str(), "{}", event.note);
        let published = ctx
            .recorders
            .next()
            .publish(
                &KubeEvent {
                    type_: if event.warning { EventType::Warning } else { EventType::Normal },
                    reason: event.reason.as_str().to_owned(),
                    note: Some(cut(&event.note, LONGEST_NOTE)),
                    action: cut(&event.action, LONGEST_ACTION),
                    secondary: None,
                },
                &reference,
            )
            .await;
        if let Err(error) = &published {
            warn!(object = %name, "an event was not published: {}", Chain(error));
        }
        let outcome = if published.is_ok() { Publication::Published } else { Publication::Failed };
        ctx.metrics.event(event.reason.as_str(), outcome);
    }
}

/// The object as the apiserver has it now; `None` when it is gone or another of that name.
pub(super) async fn live<K: Governed>(ctx: &Context, object: &Arc<K>) -> Result<Option<Arc<K>>, Error> {
    let live = api(ctx, object).get_opt(&object.name_any()).await;
    let live = live.map_err(|source| classify(source, "request for the object"))?;
    Ok(live.filter(|live| live.uid() == object.uid()).map(lightened))
}

fn api<K: Governed>(ctx: &Context, object: &Arc<K>) -> Api<K> {
    Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default())
}

fn classify(error: kube::Error, what: &'static str) -> Error {
    let code = if let kube::Error::Api(status) = &error { Some(status.code) } else { None };
    match code {
        Some(409) => Error::Conflict,
        Some(404) => Error::Gone,
        Some(_) | None => Error::Refused { what, source: error },
    }
}

/// What `kubectl apply` keeps of an object on the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes away what nobody here reads and what is as large as all the rest of an object: each is remembered twice.
pub(super) fn lighten(object: &mut impl Resource) {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}

fn lightened<K: Resource>(mut object: K) -> Arc<K> {
    lighten(&mut object);
    Arc::new(object)
}

/// At most `longest` bytes, cut between characters.
fn cut(text: &str, longest: usize) -> String {
    let mut bytes = 0;
    text.chars()
        .take_while(|character| {
            bytes += character.len_utf8();
            bytes <= longest
        })
        .collect()
}
