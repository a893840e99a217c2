//! What the operator counts about itself, served as OpenMetrics text.
//!
//! Every label is a closed enum, or a word (`&'static str`) that comes from one elsewhere: the number of series is
//! bounded by the code, never by what users or AWS send.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use stagecraft_core::api::check::Check;
use stagecraft_core::api::condition::{ConditionType, Reason};
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::api::status::ApiStageStatus;

use releases::{Progress, Releases};

/// Upper bounds of the latency histograms, in seconds: from a status that is up to date to the 25 s of a last pass.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// Upper bounds of the limiter's histogram, in seconds: from no wait to a queue of snapshots, one in five seconds.
const WAITS: [f64; 10] = [0.01, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

/// A kind that the operator reconciles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelValue)]
pub enum Kind {
    /// `ApiStage`
    ApiStage,
    /// `ApiCanary`
    ApiCanary,
    /// `ApiGatewayResponse`
    ApiGatewayResponse,
}

/// How a pass or a call ended: well, or the class of its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// Well.
    Ok,
    /// AWS or our own budget asks for less.
    Throttled,
    /// Somebody else changed the same thing; tried again at once.
    Conflict,
    /// No answer, or one that says nothing (5xx).
    Transient,
    /// Something else must happen first.
    WaitingFor,
    /// Refused for what was asked.
    Invalid,
    /// Refused for who asked.
    Denied,
    /// A quota is used up.
    Quota,
    /// Not sent: this replica does not lead (any more).
    NotLeading,
}

/// Why an object or an event was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Miss {
    /// An object that does not have the shape of its kind.
    MalformedObject,
    /// A watch that broke off and is started again.
    LostWatch,
}

/// How the publication of an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Publication {
    /// The apiserver has it.
    Published,
    /// It is only in the log.
    Failed,
}

/// How a write of an object's status ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum StatusWrite {
    /// Stored.
    Stored,
    /// Planned again: the object had changed (409).
    Conflict,
    /// Not stored for another reason.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pass {
    kind: Kind,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    operation: &'static str,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Written {
    kind: Kind,
    outcome: StatusWrite,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    reason: &'static str,
    outcome: Publication,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Missed {
    kind: Kind,
    cause: Miss,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Situation {
    kind: Kind,
    r#type: &'static str,
    status: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheCluster {
    status: &'static str,
}

/// How an object stands, in the words of labels: each from a closed list, so that neither users nor AWS can make a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Type, status and reason of each condition.
    conditions: Vec<(&'static str, &'static str, &'static str)>,
    cache: Option<&'static str>,
    progress: Progress,
}

impl Standing {
    /// That of an object with these conditions, and with a cache cluster whose status AWS calls so.
    #[must_use]
    pub fn of(conditions: &[Condition], cache: Option<&str>) -> Self {
        let label = |condition: &Condition| {
            let kinds = ConditionType::ALL.iter().map(|kind| kind.as_str());
            (
                known(kinds, &condition.type_),
                known(["True", "False", "Unknown"].into_iter(), &condition.status),
                known(Reason::ALL.iter().map(|reason| reason.as_str()), &condition.reason),
            )
        };
        Self {
            conditions: conditions.iter().map(label).collect(),
            cache: cache.map(|status| known(CACHE_STATUSES.into_iter(), status)),
            progress: Progress::default(),
        }
    }

    /// That of a stage with this status.
    #[must_use]
    pub fn of_stage(status: &ApiStageStatus) -> Self {
        let cache = status.cache_cluster.as_ref().map(|cache| cache.status.as_str());
        Self { progress: Progress::of(status), ..Self::of(&status.conditions, cache) }
    }
}

/// Every status of a cache cluster. Source: API reference, `Stage.cacheClusterStatus`.
const CACHE_STATUSES: [&str; 5] =
    ["CREATE_IN_PROGRESS", "AVAILABLE", "DELETE_IN_PROGRESS", "NOT_AVAILABLE", "FLUSH_IN_PROGRESS"];

fn known(mut words: impl Iterator<Item = &'static str>, word: &str) -> &'static str {
    words.find(|known| *known == word).unwrap_or("Other")
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waited {
    priority: &'static str,
}

/// Tokens and calls a second of the limiter that has the fewest.
struct Tokens(Box<dyn Fn() -> (f64, f64) + Send + Sync>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of the process; made once and shared.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Pass, Counter>,
    reconcile_duration: Seconds<OfKind>,
    aws_calls: Family<Call, Counter>,
    aws_call_duration: Seconds<Operation>,
    limiter_wait: Seconds<Waited>,
    limiter_tokens: Gauge<f64, AtomicU64>,
    limiter_rate: Gauge<f64, AtomicU64>,
    limiter: OnceLock<Tokens>,
    status_writes: Family<Written, Counter>,
    events: Family<Event, Counter>,
    missed: Family<Missed, Counter>,
    objects: Family<Situation, Gauge>,
    cache_clusters: Family<CacheCluster, Gauge>,
    deployments: Deployments,
    releases: Releases,
    leader: Gauge,
}

/// What housekeeping counts.
#[derive(Debug, Default)]
struct Deployments {
    orphans: Gauge,
    /// By REST API.
    orphans_of: Mutex<BTreeMap<(Region, RestApiId), u64>>,
    history_cut: Counter,
}

impl Deployments {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "orphaned_deployments",
            "Deployments that carry the marker of an ApiStage of this cluster that is gone; nobody deletes them",
            self.orphans.clone(),
        );
        registry.register(
            "history_cut",
            "Entries that left a history for the size of the status before deploymentHistoryLimit was reached",
            self.history_cut.clone(),
        );
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every family, under the prefix `stagecraft_`.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("stagecraft"),
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(seconds),
            aws_calls: Family::default(),
            aws_call_duration: Family::new_with_constructor(seconds),
            limiter_wait: Family::new_with_constructor(waits),
            limiter_tokens: Gauge::default(),
            limiter_rate: Gauge::default(),
            limiter: OnceLock::new(),
            status_writes: Family::default(),
            events: Family::default(),
            missed: Family::default(),
            objects: Family::default(),
            cache_clusters: Family::default(),
            deployments: Deployments::default(),
            releases: Releases::new(),
            leader: Gauge::default(),
        };
        metrics.register_process();
        metrics.register_aws();
        metrics.register_objects();
        metrics
    }

    // OpenMetrics wants no full stop in a help text: the encoder adds one, `_total` and the unit.
    fn register_process(&mut self) {
        let Self { registry, leader, .. } = self;
        registry.register(
            "build",
            "The running version",
            Info::new(vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        );
        registry.register(
            "leader",
            "1 while this replica may write to AWS, 0 otherwise; the sum over all replicas is never more than 1",
            leader.clone(),
        );
    }

    fn register_aws(&mut self) {
        let Self { registry, aws_calls, aws_call_duration, limiter_wait, limiter_tokens, limiter_rate, .. } = self;
        registry.register(
            "aws_calls",
            "Calls to AWS, by operation and by how they ended: ok, or the class of the error",
            aws_calls.clone(),
        );
        registry.register_with_unit(
            "aws_call_duration",
            "Time from sending a call to AWS to its answer, or to giving up",
            Unit::Seconds,
            aws_call_duration.clone(),
        );
        registry.register_with_unit(
            "aws_limiter_wait",
            "Time that calls to API Gateway waited for this process's share of the quota, by urgency",
            Unit::Seconds,
            limiter_wait.clone(),
        );
        registry.register(
            "aws_limiter_tokens",
            "Calls to API Gateway that may be sent at once, in the account and Region that has the fewest",
            limiter_tokens.clone(),
        );
        registry.register(
            "aws_limiter_rate",
            "Calls to API Gateway a second that are allowed now, in the account and Region where AWS refused the most; \
             --aws-rate while AWS does not complain",
            limiter_rate.clone(),
        );
    }

    fn register_objects(&mut self) {
        let Self {
            registry,
            reconciles,
            reconcile_duration,
            status_writes,
            events,
            missed,
            objects,
            cache_clusters,
            deployments,
            releases,
            ..
        } = self;
        registry.register(
            "reconciles",
            "Passes over one object, by kind and by how they ended: ok, or the class of the error",
            reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time that one pass over one object took",
            Unit::Seconds,
            reconcile_duration.clone(),
        );
        registry.register(
            "status_writes",
            "Writes of an object's status; a conflict means that the pass was planned again on a newer object",
            status_writes.clone(),
        );
        registry.register(
            "events",
            "Kubernetes events by reason (drift among them), published or only logged because publishing failed",
            events.clone(),
        );
        registry.register(
            "missed",
            "Objects left out because they are malformed, and watches that broke off and were started again",
            missed.clone(),
        );
        registry.register(
            "objects",
            "Objects by kind and by type, status and reason of each of their conditions",
            objects.clone(),
        );
        registry.register(
            "cache_clusters",
            "Stages with a cache cluster, by its status in AWS's words",
            cache_clusters.clone(),
        );
        deployments.register(registry);
        releases.register(registry);
    }

    /// One pass over an object of `kind` took `duration` and ended so.
    pub fn reconciled(&self, kind: Kind, outcome: Outcome, duration: Duration) {
        self.reconciles.get_or_create(&Pass { kind, outcome }).inc();
        self.reconcile_duration.get_or_create(&OfKind { kind }).observe(duration.as_secs_f64());
    }

    /// One call to AWS took `duration` and ended so. `operation` is AWS's name for it (`UpdateStage`).
    pub fn aws_called(&self, operation: &'static str, outcome: Outcome, duration: Duration) {
        self.aws_calls.get_or_create(&Call { operation, outcome }).inc();
        self.aws_call_duration.get_or_create(&Operation { operation }).observe(duration.as_secs_f64());
    }

    /// A call of this urgency has waited so long for the share of the quota. `priority` is a name of the closed enum.
    pub fn limiter_waited(&self, priority: &'static str, waited: Duration) {
        self.limiter_wait.get_or_create(&Waited { priority }).observe(waited.as_secs_f64());
    }

    /// Where to ask for tokens and rate of the limiter, whenever somebody looks: the first who says it is heard.
    pub fn watch_limiter(&self, standing: impl Fn() -> (f64, f64) + Send + Sync + 'static) {
        self.limiter.get_or_init(|| Tokens(Box::new(standing)));
    }

    /// One write of a status ended so.
    pub fn status_written(&self, kind: Kind, outcome: StatusWrite) {
        self.status_writes.get_or_create(&Written { kind, outcome }).inc();
    }

    /// One event was published, or not. `reason` is a name of the closed enum.
    pub fn event(&self, reason: &'static str, outcome: Publication) {
        self.events.get_or_create(&Event { reason, outcome }).inc();
    }

    /// An object of `kind` was left out, or its watch broke off.
    pub fn missed(&self, kind: Kind, cause: Miss) {
        self.missed.get_or_create(&Missed { kind, cause }).inc();
    }

    /// An object of `kind` stands so from now on.
    pub fn object_seen(&self, kind: Kind, standing: &Standing) {
        self.count(kind, standing, 1);
    }

    /// An object of `kind` stands so no more: it is gone, or was seen in another way.
    pub fn object_gone(&self, kind: Kind, standing: &Standing) {
        self.count(kind, standing, -1);
    }

    fn count(&self, kind: Kind, standing: &Standing, by: i64) {
        for (r#type, status, reason) in standing.conditions.iter().copied() {
            self.objects.get_or_create(&Situation { kind, r#type, status, reason }).inc_by(by);
        }
        if let Some(status) = standing.cache {
            self.cache_clusters.get_or_create(&CacheCluster { status }).inc_by(by);
        }
        self.releases.count(standing.progress, by);
    }

    /// A stage's status was stored after another one: releases that ended in between are counted.
    pub fn status_stored(&self, before: Option<&ApiStageStatus>, after: &ApiStageStatus) {
        self.releases.stored(before, after);
    }

    /// A release was checked.
    pub fn checked(&self, check: &Check) {
        self.releases.checked(check);
    }

    /// How many deployments of objects that are gone a REST API holds.
    pub fn set_orphans(&self, region: &Region, rest_api: &RestApiId, count: u64) {
        let mut all = self.deployments.orphans_of.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (region.clone(), rest_api.clone());
        if count == 0 {
            all.remove(&key);
        } else {
            all.insert(key, count);
        }
        self.deployments.orphans.set(all.values().sum::<u64>().try_into().unwrap_or(i64::MAX));
    }

    /// Entries left a history before its limit was reached.
    pub fn history_cut(&self, entries: usize) {
        self.deployments.history_cut.inc_by(entries.try_into().unwrap_or(u64::MAX));
    }

    /// Whether this replica may write to AWS.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    ///
    /// That of the encoder, which a string as target never returns.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        if let Some(Tokens(standing)) = self.limiter.get() {
            let (tokens, rate) = standing();
            self.limiter_tokens.set(tokens);
            self.limiter_rate.set(rate);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn waits() -> Histogram {
    Histogram::new(WAITS)
}

mod releases;

#[cfg(test)]
mod document;
#[cfg(test)]
mod tests;
