//! The `ApiCanary`s beside the stages: which one governs, what is new about them, and their status.
//!
//! They are reconciled by the passes of their stage, so that one writer sees both. Only one that names no `ApiStage` has
//! nobody to speak for it, and [`speak_for_the_lonely`] does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::{Api, ListParams};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource as _, ResourceExt as _};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::check::Check;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::validate::canary::{governing, policy};
use stagecraft_core::view::{Standing, canary_status};
use stagecraft_core::world::Governor;
use tracing::{debug, warn};

use super::context::{Context, Guarded};
use super::report::{self, live, write_status};
use crate::telemetry::Chain;

/// The objects as our last writes returned them: the watch may still be behind.
#[derive(Default)]
pub(super) struct Written(Mutex<HashMap<String, Arc<ApiCanary>>>);

impl Written {
    fn newest(&self, watched: Arc<ApiCanary>) -> Arc<ApiCanary> {
        let version = |canary: &ApiCanary| canary.resource_version().and_then(|version| version.parse::<u128>().ok());
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = watched.uid().and_then(|uid| written.get(&uid).cloned());
        match ours.filter(|ours| version(ours) > version(&watched)) {
            // What was edited since is in the watch alone.
            Some(ours) if ours.metadata.generation == watched.metadata.generation => ours,
            Some(_) | None => watched,
        }
    }

    fn note(&self, canary: &Arc<ApiCanary>) {
        if let Some(uid) = canary.uid() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, Arc::clone(canary));
        }
    }

    fn keep_only(&self, lives: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| lives(uid));
    }
}

/// The stage that an `ApiCanary` concerns, for the watch.
pub(super) fn stage_of(canary: &Guarded<ApiCanary>) -> Option<ObjectRef<Guarded>> {
    let namespace = canary.namespace()?;
    let name = canary.0.as_ref().ok()?.spec.stage_ref.name.clone();
    Some(ObjectRef::new(&name).within(&namespace))
}

/// All that name this stage, as the watch shows them.
fn of_stage(ctx: &Context, object: &ApiStage) -> Vec<Arc<ApiCanary>> {
    let (namespace, name) = (object.namespace(), object.name_any());
    readable(&ctx.canaries)
        .filter(|canary| canary.namespace() == namespace && canary.spec.stage_ref.name == name)
        .collect()
}

fn readable(stores: &[Store<Guarded<ApiCanary>>]) -> impl Iterator<Item = Arc<ApiCanary>> {
    stores.iter().flat_map(Store::state).filter_map(|guarded| guarded.0.as_ref().ok().cloned().map(Arc::new))
}

/// The one that governs, as the watch shows it.
pub(crate) fn governor(ctx: &Context, object: &ApiStage) -> Option<Governor> {
    let all = of_stage(ctx, object);
    governor_among(object, all.iter().map(AsRef::as_ref))
}

fn governor_among<'a>(object: &ApiStage, all: impl IntoIterator<Item = &'a ApiCanary>) -> Option<Governor> {
    let governing = governing(&object.namespace().unwrap_or_default(), &object.name_any(), all)?;
    Some(Governor {
        uid: governing.uid().unwrap_or_default(),
        name: governing.name_any(),
        policy: policy(&governing.spec).map_err(|invalid| invalid.to_string()),
    })
}

/// The one that governs, by a list of this very moment.
pub(super) async fn live_governor(ctx: &Context, object: &ApiStage) -> Result<Option<Governor>, report::Error> {
    let api: Api<Guarded<ApiCanary>> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let list = api.list(&ListParams::default()).await;
    let list = list.map_err(|source| report::Error::Refused { what: "request for the ApiCanaries", source })?;
    let all: Vec<_> = list.items.into_iter().filter_map(|guarded| guarded.0.ok()).collect();
    Ok(governor_among(object, &all))
}

/// What is new about them makes a pass look at the world anew.
pub(super) fn surroundings(ctx: &Context, object: &ApiStage) -> String {
    let mut all: Vec<_> = of_stage(ctx, object)
        .iter()
        .map(|canary| {
            let going = if canary.metadata.deletion_timestamp.is_some() { "-" } else { "" };
            format!("{going}{}:{}", canary.uid().unwrap_or_default(), canary.metadata.generation.unwrap_or_default())
        })
        .collect();
    all.sort();
    all.join(" ")
}

/// Writes the status of all that name this stage, where it differs. A status that is not written is written by the next pass.
pub(super) async fn report(ctx: &Context, object: &ApiStage, checks: &[Check]) {
    let all = of_stage(ctx, object);
    let governing =
        governing(&object.namespace().unwrap_or_default(), &object.name_any(), all.iter().map(AsRef::as_ref))
            .map(|canary| (canary.uid(), canary.name_any()));
    for canary in &all {
        match &governing {
            Some((uid, _)) if *uid == canary.uid() => write(ctx, canary, Standing::Governs(object), checks).await,
            Some((_, name)) => write(ctx, canary, Standing::Beside(name), &[]).await,
            // It is being deleted.
            None => {}
        }
    }
}

async fn write(ctx: &Context, watched: &Arc<ApiCanary>, standing: Standing<'_>, checks: &[Check]) {
    let mut canary = ctx.canaries_written.newest(Arc::clone(watched));
    for _ in 0..2 {
        let status = canary_status(&canary, standing, checks, ctx.clock.now());
        match write_status(ctx, &canary, &status).await {
            Ok(written) => {
                if let Some(written) = written {
                    ctx.canaries_written.note(&written);
                }
                return;
            }
            Err(report::Error::Gone) => return,
            Err(report::Error::Conflict) => match live(ctx, &canary).await {
                Ok(Some(live)) => canary = live,
                Ok(None) | Err(_) => return,
            },
            Err(error) => {
                warn!(object = %canary.name_any(), "{}", Chain(&error));
                return;
            }
        }
    }
    debug!(object = %canary.name_any(), "the status was not written: the object keeps changing");
}

/// Writes the status of those that name no `ApiStage`.
pub(super) async fn speak_for_the_lonely(ctx: &Context) {
    let all: Vec<_> = readable(&ctx.canaries).collect();
    ctx.canaries_written.keep_only(|uid| all.iter().any(|canary| canary.uid().as_deref() == Some(uid)));
    for canary in all.iter().filter(|canary| canary.meta().deletion_timestamp.is_none()) {
        let Some(namespace) = canary.namespace() else { continue };
        if !ctx.objects.has(&namespace, &canary.spec.stage_ref.name) {
            write(ctx, canary, Standing::Alone, &[]).await;
        }
    }
}
