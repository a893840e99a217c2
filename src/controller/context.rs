//! What every pass shares.

use std::sync::Arc;

use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::events::Reporter;
use kube::runtime::reflector::Store;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::world::Settings;

use super::canaries::Written;
use super::memory::Memories;
use super::objects::Objects;
use super::recorders::Recorders;
use super::references::References;
use super::sources::{NoSources, Sources};
use super::workers::{Looks, Workers};
use crate::aws::{Accounts, Aws, Observations};
use crate::clock::Clock;
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::prometheus::Prometheus;
use crate::webhook::Webhooks;

/// An object as the watch delivers it: one that cannot be read stands beside the others instead of stopping them.
pub type Guarded<K = ApiStage> = DeserializeGuard<K>;

/// The field manager of everything that the operator writes.
pub(super) const FIELD_MANAGER: &str = "stagecraft";

/// What every pass shares. One per process.
pub struct Context {
    /// The cluster.
    pub client: Client,
    /// AWS, by whose credentials.
    pub accounts: Accounts,
    /// What was read from AWS.
    pub observations: Observations,
    /// Whom to ask before a write to AWS.
    pub leadership: Leadership,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The operator's settings, as far as decisions depend on them.
    pub settings: Settings,
    /// Whom releases ask and tell; nobody unless set.
    pub webhooks: Webhooks,
    /// Every Prometheus that metrics may ask; none unless set.
    pub prometheus: Prometheus,
    /// The objects, as the watch shows them.
    pub objects: Objects,
    /// The `ApiCanary`s, one store per watched namespace.
    pub canaries: Vec<Store<Guarded<ApiCanary>>>,
    /// Where the numbers come from that releases are judged by.
    pub sources: Arc<dyn Sources>,
    pub(super) canaries_written: Written,
    /// The `ApiGatewayResponse`s, one store per watched namespace.
    pub responses: Vec<Store<Guarded<ApiGatewayResponse>>>,
    pub(super) recorders: Recorders,
    pub(super) memories: Memories<ApiStage>,
    pub(super) response_memories: Memories<ApiGatewayResponse>,
    pub(super) workers: Workers,
    pub(super) looks: Looks,
    pub(super) references: References,
}

impl Context {
    /// Puts together what passes share; nothing is remembered yet.
    #[must_use]
    pub fn new(
        client: Client,
        aws: Aws,
        leadership: Leadership,
        clock: Clock,
        metrics: Arc<Metrics>,
        settings: Settings,
        objects: Objects,
    ) -> Self {
        let reporter = Reporter { controller: "stagecraft.dev/stagecraft".to_owned(), instance: None };
        let keep = settings.drift_interval.saturating_mul(3);
        Self {
            recorders: Recorders::new(client.clone(), reporter),
            observations: Observations::new(clock.clone(), keep),
            accounts: Accounts::new(aws, settings.cluster_id.clone(), clock.clone(), keep),
            client,
            leadership,
            clock,
            metrics,
            settings,
            webhooks: Webhooks::default(),
            prometheus: Prometheus::default(),
            objects,
            canaries: Vec::new(),
            responses: Vec::new(),
            sources: Arc::new(NoSources),
            canaries_written: Written::default(),
            memories: Memories::default(),
            response_memories: Memories::default(),
            workers: Workers::new(usize::MAX),
            looks: Looks::default(),
            references: References::default(),
        }
    }

    /// With others than AWS whom releases may ask.
    #[must_use]
    pub fn with_outside(self, webhooks: Webhooks, prometheus: Prometheus) -> Self {
        Self { webhooks, prometheus, ..self }
    }

    /// With the `ApiCanary`s beside the stages.
    #[must_use]
    pub fn with_canaries(self, canaries: Vec<Store<Guarded<ApiCanary>>>) -> Self {
        Self { canaries, ..self }
    }

    /// With the `ApiGatewayResponse`s.
    #[must_use]
    pub fn with_responses(self, responses: Vec<Store<Guarded<ApiGatewayResponse>>>) -> Self {
        Self { responses, ..self }
    }

    /// With somebody who knows how a release does.
    #[must_use]
    pub fn with_sources(self, sources: Arc<dyn Sources>) -> Self {
        Self { sources, ..self }
    }

    /// At most this many passes work at the same time; those that wait for AWS are not counted.
    #[must_use]
    pub fn with_concurrency(self, count: u16) -> Self {
        Self { workers: Workers::new(usize::from(count)), ..self }
    }
}
