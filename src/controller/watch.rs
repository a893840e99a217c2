//! Watches the objects and hands them to passes, a bounded number at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, ResourceExt as _};
use stagecraft_core::api::condition::Reason;
use stagecraft_core::api::names::Region;
use stagecraft_core::cause::{Cause, Class};
use stagecraft_core::world::Settings;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::context::{Context, Guarded};
use super::reconcile::reconcile;
use crate::aws::{self, Aws, Options};
use crate::metrics::{Kind, Miss, Outcome};
use crate::run::{BoxError, Process};
use crate::telemetry::Chain;

/// A late effect of a lost `CreateDeployment` has shown after the operation timeout and this (design: snapshot).
const LATE_EFFECT: Duration = Duration::from_mins(1);

/// Which stores are synced, by watch.
///
/// Not by `Store::wait_until_ready`: a store wakes only the last one of those who wait for it, and kube's own controller
/// is one of them.
#[derive(Clone, Debug, Default)]
struct Synced(Vec<watch::Receiver<bool>>);

/// Runs the controller until the process is to stop.
///
/// # Errors
///
/// Where something is missing that no waiting brings: no Region, no kube-system to take the cluster's id from.
pub async fn run(process: Process) -> Result<(), BoxError> {
    let aws = connect(&process).await;
    let region = process.settings.region.as_deref().map(Region::from).or_else(|| aws.region());
    let region = region.ok_or("no AWS Region is configured: start the operator with --region")?;
    let cluster_id = cluster_id(&process).await?;
    info!(%region, cluster_id, "the controller starts");
    let settings = Settings {
        cluster_id,
        region,
        allow_adoption: process.settings.allow_adoption,
        drift_interval: process.settings.drift_interval,
        lost_reply_wait: process.settings.aws_timeout.saturating_add(LATE_EFFECT),
    };

    let mut synced = Synced::default();
    let controllers: Vec<_> = apis(&process)
        .into_iter()
        .map(|api| synced.controller(api).with_config(Config::default().concurrency(process.settings.concurrency)))
        .collect();
    let stores: Vec<_> = controllers.iter().map(Controller::store).collect();
    let ctx = Arc::new(Context::new(
        process.client.clone(),
        aws,
        process.leadership.clone(),
        process.clock.clone(),
        Arc::clone(&process.metrics),
        settings,
        stores,
    ));

    let mut parts = JoinSet::new();
    for controller in controllers {
        let (ctx, stopping, synced) = (Arc::clone(&ctx), process.stopping.clone(), synced.clone());
        parts.spawn(async move {
            let pass = move |guarded, ctx| pass(guarded, ctx, synced.clone());
            let passes = controller.graceful_shutdown_on(stopping.asked()).run(pass, on_error, Arc::clone(&ctx));
            let noted = passes.for_each(|passed| {
                note(passed, &ctx);
                std::future::ready(())
            });
            noted.await;
        });
    }
    let health = process.health.clone();
    parts.spawn(async move {
        if synced.all().await {
            health.set_synced(true);
        }
    });
    while let Some(ended) = parts.join_next().await {
        ended?;
    }
    Ok(())
}

async fn connect(process: &Process) -> Aws {
    let settings = &process.settings;
    let metrics = Arc::clone(&process.metrics);
    let options = Options {
        endpoint_url: settings.aws_endpoint_url.as_ref().map(ToString::to_string),
        region: settings.region.as_deref().map(Region::from),
        timeout: settings.aws_timeout,
        ..Options::default()
    };
    let observer = move |operation: aws::Operation, outcome: Result<(), &aws::Error>, latency: Duration| {
        metrics.aws_called(operation.name(), outcome.map_or_else(outcome_of, |()| Outcome::Ok), latency);
    };
    Aws::connect(options, process.clock.clone(), Arc::new(observer)).await
}

fn outcome_of(error: &aws::Error) -> Outcome {
    if error.cause == Cause::NotLeader { Outcome::NotLeading } else { classified(error.class()) }
}

fn classified(class: Class) -> Outcome {
    match class {
        Class::Throttled { .. } => Outcome::Throttled,
        Class::Conflict => Outcome::Conflict,
        Class::Transient => Outcome::Transient,
        Class::WaitingFor => Outcome::WaitingFor,
        Class::Invalid => Outcome::Invalid,
        Class::Denied => Outcome::Denied,
        Class::Quota => Outcome::Quota,
    }
}

/// The first part of every owner tag: as configured, else the uid of kube-system, which is the cluster's own.
async fn cluster_id(process: &Process) -> Result<String, BoxError> {
    if !process.cluster_id.is_empty() {
        return Ok(process.cluster_id.clone());
    }
    let namespaces: Api<Namespace> = Api::all(process.client.clone());
    let kube_system = namespaces.get("kube-system").await.map_err(|error| {
        format!("the uid of namespace kube-system cannot be read ({error}): start the operator with --cluster-id, or allow it to get that namespace")
    })?;
    kube_system.uid().ok_or_else(|| "namespace kube-system has no uid".into())
}

fn apis(process: &Process) -> Vec<Api<Guarded>> {
    let client = &process.client;
    if process.settings.watch_namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    process.settings.watch_namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect()
}

/// Waits until every store holds what the apiserver held when the watch began. False: a watch ended before.
impl Synced {
    /// A controller that tells when its store holds everything that was there when its watch began.
    fn controller(&mut self, api: Api<Guarded>) -> Controller<Guarded> {
        let (store, writer) = reflector::store();
        let (seen, is_seen) = watch::channel(false);
        self.0.push(is_seen);
        let events = reflector(writer, watcher(api, watcher::Config::default())).inspect(move |event| {
            if matches!(event, Ok(watcher::Event::InitDone)) {
                seen.send_replace(true);
            }
        });
        Controller::for_stream(events.applied_objects(), store)
    }

    /// Waits for all stores; false if one will never be synced.
    async fn all(self) -> bool {
        for mut is_seen in self.0 {
            if is_seen.wait_for(|seen| *seen).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// One pass, as kube's controller calls it.
async fn pass(guarded: Arc<Guarded>, ctx: Arc<Context>, synced: Synced) -> Result<Action, Infallible> {
    // Two objects for one stage, and tombstones of others: a pass that does not see all objects decides wrongly.
    if !synced.all().await {
        return Ok(Action::await_change());
    }
    let name = format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
    let object = match &guarded.0 {
        Ok(object) => Arc::new(object.clone()),
        Err(malformed) => {
            ctx.metrics.missed(Kind::ApiStage, Miss::MalformedObject);
            error!(object = %name, "this ApiStage does not have the shape of its kind and is left alone: {}", malformed.error);
            return Ok(Action::await_change());
        }
    };
    let begun = ctx.clock.boottime();
    let passed = reconcile(object, &ctx).instrument(info_span!("reconcile", object = %name)).await;
    let outcome = passed.failed.map_or(Outcome::Ok, classified);
    ctx.metrics.reconciled(Kind::ApiStage, outcome, ctx.clock.boottime().saturating_sub(begun));
    count_objects(&ctx);
    Ok(passed.wake_up_in.map_or_else(Action::await_change, Action::requeue))
}

/// Objects by reason of Ready, and an end to memories of objects that are gone.
fn count_objects(ctx: &Context) {
    let objects: Vec<_> = ctx.stores.iter().flat_map(Store::state).collect();
    if ctx.memories.len() > objects.len() + 100 {
        let living: std::collections::HashSet<_> = objects.iter().filter_map(|object| object.uid()).collect();
        ctx.memories.keep_only(|uid| living.contains(uid));
    }
    let mut by_reason = std::collections::BTreeMap::new();
    for object in objects.iter().filter_map(|guarded| guarded.0.as_ref().ok()) {
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let ready = conditions.filter(|condition| condition.type_ == "Ready").map(|ready| ready.reason.as_str()).next();
        let reason = Reason::ALL
            .iter()
            .find(|reason| Some(reason.as_str()) == ready)
            .map_or("Unknown", |reason| reason.as_str());
        *by_reason.entry(reason).or_insert(0) += 1;
    }
    ctx.metrics.set_objects(Kind::ApiStage, &by_reason);
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that kube's controller asks for")]
fn on_error(_: Arc<Guarded>, never: &Infallible, _: Arc<Context>) -> Action {
    match *never {}
}

/// What the stream of passes tells beside their results: watches that broke off.
fn note(passed: Result<(ObjectRef<Guarded>, Action), controller::Error<Infallible, watcher::Error>>, ctx: &Context) {
    let Err(error) = passed else { return };
    match &error {
        controller::Error::QueueError(_) => ctx.metrics.missed(Kind::ApiStage, Miss::LostWatch),
        // The object went while it was queued: nothing is left to do.
        controller::Error::ObjectNotFound(_) => return,
        controller::Error::ReconcilerFailed(..) | controller::Error::RunnerError(_) => {}
    }
    warn!("{}", Chain(&error));
}
