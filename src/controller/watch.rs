//! Watches the objects and hands them to passes, a bounded number at a time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Resource, ResourceExt as _};
use stagecraft_core::access::Policy;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::names::Region;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::cause::{Cause, Class};
use stagecraft_core::plan::Priority;
use stagecraft_core::world::Settings;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::canaries;
use super::context::{Context, Guarded};
use super::governed::Governed;
use super::objects::Objects;
use super::reconcile::{Passed, reconcile};
use super::references;
use super::report::lighten;
use super::responses::reconcile as reconcile_response;
use super::sources::Everywhere;
use super::standings::Standings;
use crate::aws::{self, Aws, Limiters, Options, Share};
use crate::cli;
use crate::clock::Clock;
use crate::metrics::{Metrics, Miss, Outcome};
use crate::run::{BoxError, Process, Stopping};
use crate::telemetry::Chain;

/// A late effect of a lost `CreateDeployment` has shown after the operation timeout and this (design: snapshot).
const LATE_EFFECT: Duration = Duration::from_mins(1);

/// Time between two looks at a store that is not synced.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Time between two looks for `ApiCanary`s whose stage is gone.
const LOOK_FOR_LONELY: Duration = Duration::from_mins(1);

/// Objects in one page of a list: a page is in memory as text and as objects at once.
const PAGE: u32 = 100;

/// Runs the controller until the process is to stop.
///
/// # Errors
///
/// Where something is missing that no waiting brings: a Region.
pub async fn run(process: Process) -> Result<(), BoxError> {
    let (aws, limiters) = connect(&process.settings, process.clock.clone(), Arc::clone(&process.metrics)).await;
    process.metrics.watch_limiter(move || limiters.standing());
    let region = process.settings.region.as_deref().map(Region::from).or_else(|| aws.region());
    let region = region.ok_or("no AWS Region is configured: start the operator with --region")?;
    let cluster_id = process.cluster_id.clone();
    info!(%region, cluster_id, "the controller starts");
    let settings = core_settings(&process.settings, cluster_id, region, process.access.clone());

    let objects = Objects::new(&settings, Arc::clone(&process.metrics));
    let mut canaries = Vec::new();
    let lonely = Arc::new(Notify::new());
    let stages: Vec<Controller<Guarded>> = apis(&process)
        .into_iter()
        .zip(apis::<ApiCanary>(&process))
        .map(|(stages, of_canaries)| {
            let (store, writer) = reflector::store();
            canaries.push(store);
            let lonely = Arc::clone(&lonely);
            // The store first, then the stage's pass: it decides by what the store holds.
            let mut standings = Standings::new(Arc::clone(&process.metrics));
            let touched = watcher(of_canaries, watched()).modify(lighten).default_backoff();
            let touched = touched.inspect_ok(move |event| standings.apply(event)).reflect(writer);
            let touched = touched.touched_objects().inspect(move |_| lonely.notify_one());
            let mut scope = objects.scope();
            let controller = controller(stages, move |event| scope.apply(event));
            controller.watches_stream(touched, |canary| canaries::stage_of(&canary))
        })
        .collect();
    let stores: Vec<_> = stages.iter().map(Controller::store).collect();
    let responses: Vec<Controller<Guarded<ApiGatewayResponse>>> = apis(&process)
        .into_iter()
        .map(|api| {
            let mut standings = Standings::new(Arc::clone(&process.metrics));
            controller(api, move |event| standings.apply(event))
        })
        .collect();
    let ctx = Context::new(
        process.client.clone(),
        aws,
        process.leadership.clone(),
        process.clock.clone(),
        Arc::clone(&process.metrics),
        settings,
        objects,
    );
    let ctx = Arc::new(
        ctx.with_concurrency(process.settings.concurrency)
            .with_canaries(canaries)
            .with_responses(responses.iter().map(Controller::store).collect())
            .with_sources(Arc::new(Everywhere { prometheus: process.prometheus.clone() }))
            .with_outside(process.webhooks.clone(), process.prometheus.clone()),
    );

    let mut parts = JoinSet::new();
    let (synced, when_synced) = watch::channel(false);
    let underway = Underway::new(process.stopping.clone(), when_synced);
    for (controller, namespace) in stages.into_iter().zip(namespaces(&process)) {
        let changes = references::changes(&ctx, namespace.as_deref(), controller.store());
        parts.spawn(drive(controller.reconcile_on(changes), Arc::clone(&ctx), underway.clone()));
    }
    for (controller, namespace) in responses.into_iter().zip(namespaces(&process)) {
        let changes = references::changes(&ctx, namespace.as_deref(), controller.store());
        let controller = controller.reconcile_on(changes).reconcile_all_on(ctx.objects.changes());
        parts.spawn(drive(controller, Arc::clone(&ctx), underway.clone()));
    }
    parts.spawn(speak_for_the_lonely(Arc::clone(&ctx), underway.clone(), lonely));
    let (health, stopping) = (process.health.clone(), process.stopping.clone());
    parts.spawn(async move {
        let synced_all =
            async { all_synced(&stores).await && all_synced(&ctx.canaries).await && all_synced(&ctx.responses).await };
        tokio::select! {
            true = synced_all => {
                synced.send_replace(true);
                health.set_synced(true);
            }
            () = stopping.asked() => {}
        }
    });
    while let Some(ended) = parts.join_next().await {
        ended?;
    }
    Ok(())
}

/// Writes the status of `ApiCanary`s whose stage does not exist: when one of them is touched, and every now and then, since a
/// stage may go.
async fn speak_for_the_lonely(ctx: Arc<Context>, underway: Underway, touched: Arc<Notify>) {
    let mut synced = underway.synced.clone();
    let stopping = underway.stopping.clone();
    let speak = async {
        if synced.wait_for(|synced| *synced).await.is_err() {
            return;
        }
        loop {
            canaries::speak_for_the_lonely(&ctx).await;
            tokio::select! {
                () = touched.notified() => {}
                () = ctx.clock.wait(LOOK_FOR_LONELY) => {}
            }
        }
    };
    tokio::select! {
        () = speak => {}
        () = stopping.asked() => {}
    }
}

/// As many passes as there are objects: `Workers` says how many of them work.
fn controller<K: Governed>(
    api: Api<Guarded<K>>,
    seen: impl FnMut(&Event<Guarded<K>>) + Send + 'static,
) -> Controller<Guarded<K>> {
    let (reader, writer) = reflector::store();
    let events = watcher(api, watched()).modify(lighten).inspect_ok(seen);
    Controller::for_stream(reflector::reflector(writer, events).applied_objects(), reader)
        .with_config(Config::default().concurrency(0))
}

/// How objects are watched.
fn watched() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// A kind whose objects are watched and taken through passes.
trait Watched: Governed {
    /// Takes one of them as far as it gets now.
    fn reconcile(object: Arc<Self>, ctx: &Context) -> impl Future<Output = Passed> + Send;

    /// Whether nobody waits for what comes of its pass.
    fn is_at_rest(&self) -> bool;

    /// An end to memories of objects that went without a pass of ours.
    fn tidy(ctx: &Context);
}

impl Watched for ApiStage {
    fn reconcile(object: Arc<Self>, ctx: &Context) -> impl Future<Output = Passed> + Send {
        reconcile(object, ctx)
    }

    fn is_at_rest(&self) -> bool {
        Priority::of_reads(self) == Priority::Drift
    }

    fn tidy(ctx: &Context) {
        if ctx.memories.len() > ctx.objects.len() + 100 {
            ctx.memories.keep_only(|uid| ctx.objects.contains(uid));
        }
    }
}

impl Watched for ApiGatewayResponse {
    fn reconcile(object: Arc<Self>, ctx: &Context) -> impl Future<Output = Passed> + Send {
        reconcile_response(object, ctx)
    }

    fn is_at_rest(&self) -> bool {
        // There are few of them.
        false
    }

    fn tidy(ctx: &Context) {
        let count: usize = ctx.responses.iter().map(Store::len).sum();
        if ctx.response_memories.len() > count + 100 {
            let objects: Vec<_> = ctx.responses.iter().flat_map(Store::state).collect();
            let living: std::collections::HashSet<_> = objects.iter().filter_map(|object| object.uid()).collect();
            ctx.response_memories.keep_only(|uid| living.contains(uid));
        }
    }
}

/// Takes the objects of one controller through passes until the process is to stop.
async fn drive<K: Watched>(controller: Controller<Guarded<K>>, ctx: Arc<Context>, underway: Underway) {
    let finished = underway.clone();
    let passes = controller.run(
        move |object, ctx| {
            let underway = underway.clone();
            async move { underway.pass(object, ctx).await }
        },
        on_error::<K>,
        Arc::clone(&ctx),
    );
    let noted = passes.for_each(|passed| {
        note(passed, &ctx);
        std::future::ready(())
    });
    // kube's own graceful shutdown waits for everything that is due some day; here only for what has begun.
    tokio::select! {
        () = noted => {}
        () = finished.all() => {}
    }
}

/// Passes that have begun: the end waits for them, and no other begins.
#[derive(Clone)]
struct Underway {
    stopping: Stopping,
    synced: watch::Receiver<bool>,
    count: Arc<watch::Sender<usize>>,
}

impl Underway {
    fn new(stopping: Stopping, synced: watch::Receiver<bool>) -> Self {
        Self { stopping, synced, count: Arc::new(watch::Sender::new(0)) }
    }

    /// One pass, unless the process is to stop.
    async fn pass<K: Watched>(self, object: Arc<Guarded<K>>, ctx: Arc<Context>) -> Result<Action, Infallible> {
        // Before anything is made for the pass: after a start a thousand can wait here.
        let is_at_rest = object.0.as_ref().is_ok_and(K::is_at_rest);
        let _look = ctx.looks.begin(is_at_rest).await;
        // Counted before the signal is looked at: whoever saw the signal first sees this pass.
        self.count.send_modify(|count| *count += 1);
        // Two objects for one stage, tombstones of others: a pass that does not see all objects decides wrongly.
        let mut synced = self.synced.clone();
        let may_begin = tokio::select! {
            biased;
            () = self.stopping.clone().asked() => false,
            seen = synced.wait_for(|synced| *synced) => seen.is_ok(),
        };
        let action = if may_begin { pass(object, Arc::clone(&ctx)).await } else { Ok(Action::await_change()) };
        self.count.send_modify(|count| *count -= 1);
        action
    }

    /// Resolves when the process is to stop and no pass is under way.
    async fn all(self) {
        self.stopping.asked().await;
        // An error means that the sender is gone, and with it all passes.
        drop(self.count.subscribe().wait_for(|count| *count == 0).await);
    }
}

/// Counts calls and waits.
struct Counting(Arc<Metrics>);

impl aws::Observer for Counting {
    fn called(&self, operation: aws::Operation, outcome: Result<(), &aws::Error>, latency: Duration) {
        self.0.aws_called(operation.name(), outcome.map_or_else(outcome_of, |()| Outcome::Ok), latency);
    }

    fn waited(&self, priority: Priority, waited: Duration) {
        self.0.limiter_waited(priority.name(), waited);
    }
}

/// AWS as the settings say, with the budget that all its calls share.
pub(crate) async fn connect(settings: &cli::Settings, clock: Clock, metrics: Arc<Metrics>) -> (Aws, Limiters) {
    let observer = Arc::new(Counting(metrics));
    let share = Share { rate: f64::from(settings.aws_rate), burst: u32::from(settings.aws_burst) };
    let limiters = Limiters::new(share, clock.clone(), observer.clone());
    let options = Options {
        endpoint_url: settings.aws_endpoint_url.as_ref().map(ToString::to_string),
        region: settings.region.as_deref().map(Region::from),
        timeout: settings.aws_timeout,
        limiters: (!settings.aws_unlimited).then(|| limiters.clone()),
        ..Options::default()
    };
    (Aws::connect(options, clock, observer).await, limiters)
}

/// The settings as far as decisions depend on them.
pub(crate) fn core_settings(settings: &cli::Settings, cluster_id: String, region: Region, access: Policy) -> Settings {
    Settings {
        cluster_id,
        region,
        access,
        drift_interval: settings.drift_interval,
        lost_reply_wait: settings.aws_timeout.saturating_add(LATE_EFFECT),
    }
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

fn apis<K>(process: &Process) -> Vec<Api<Guarded<K>>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let client = &process.client;
    let api = |namespace: Option<String>| match namespace {
        Some(namespace) => Api::namespaced(client.clone(), &namespace),
        None => Api::all(client.clone()),
    };
    namespaces(process).into_iter().map(api).collect()
}

/// The namespaces that are watched, each on its own; `None` alone: all of them at once.
fn namespaces(process: &Process) -> Vec<Option<String>> {
    let chosen = &process.settings.watch_namespaces;
    if chosen.is_empty() { vec![None] } else { chosen.iter().cloned().map(Some).collect() }
}

/// Waits until every store holds what the apiserver held when the watch began. False: a watch ended before.
async fn all_synced<K>(stores: &[Store<K>]) -> bool
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    for store in stores {
        // kube-runtime keeps the waker of whoever asked last, and we are not the only ones to ask: its own controller waits
        // for the same store. So who is not woken looks again.
        loop {
            match timeout(LOOK_AGAIN, store.wait_until_ready()).await {
                Ok(Ok(())) => break,
                Ok(Err(_)) => return false,
                Err(_elapsed) => {}
            }
        }
    }
    true
}

/// One pass, as kube's controller calls it.
async fn pass<K: Watched>(guarded: Arc<Guarded<K>>, ctx: Arc<Context>) -> Result<Action, Infallible> {
    let name = format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
    let object = match &guarded.0 {
        Ok(object) => Arc::new(object.clone()),
        Err(malformed) => {
            ctx.metrics.missed(K::KIND, Miss::MalformedObject);
            let kind = K::kind(&());
            error!(object = %name, "this {kind} does not have the shape of its kind and is left alone: {}", malformed.error);
            return Ok(Action::await_change());
        }
    };
    let begun = ctx.clock.boottime();
    let passed = K::reconcile(object, &ctx).await;
    let outcome = passed.failed.map_or(Outcome::Ok, classified);
    ctx.metrics.reconciled(K::KIND, outcome, ctx.clock.boottime().saturating_sub(begun));
    K::tidy(&ctx);
    Ok(passed.wake_up_in.map_or_else(Action::await_change, Action::requeue))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that kube's controller asks for")]
fn on_error<K: Watched>(_: Arc<Guarded<K>>, never: &Infallible, _: Arc<Context>) -> Action {
    match *never {}
}

/// A pass, as the stream of passes tells of it.
type Noted<K> = Result<(ObjectRef<Guarded<K>>, Action), controller::Error<Infallible, watcher::Error>>;

/// What the stream of passes tells beside their results: watches that broke off.
fn note<K: Watched>(passed: Noted<K>, ctx: &Context) {
    let Err(error) = passed else { return };
    match &error {
        controller::Error::QueueError(_) => ctx.metrics.missed(K::KIND, Miss::LostWatch),
        // The object went while it was queued: nothing is left to do about it.
        controller::Error::ObjectNotFound(_) => {
            K::tidy(ctx);
            return;
        }
        controller::Error::ReconcilerFailed(..) | controller::Error::RunnerError(_) => {}
    }
    warn!("{}", Chain(&error));
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector::store::Writer;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everybody_who_waits_learns_that_the_stores_are_synced() {
        let mut writer = Writer::<ConfigMap>::default();
        let store = writer.as_reader();
        // Tasks, so that each has a waker of its own.
        let mut waiters = JoinSet::new();
        for _ in 0..3 {
            let stores = [store.clone()];
            waiters.spawn(async move { all_synced(&stores).await });
        }
        tokio::task::yield_now().await;
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
        let synced = timeout(Duration::from_mins(1), waiters.join_all()).await;
        assert_eq!(synced, Ok(vec![true; 3]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ended_early_is_told() {
        let writer = Writer::<ConfigMap>::default();
        let stores = [writer.as_reader()];
        drop(writer);
        assert!(!all_synced(&stores).await);
    }
}
