//! What this process has seen of AWS, shared by all stages of a REST API.
//!
//! One `GetStages` answers for all stages of an API, one list of deployments for all revisions, one `GetGatewayResponses` for
//! all types. Callers say how old an
//! answer may be; an observation is as old as the start of its request. Our own writes are added to what was seen, with
//! two exceptions that are known from reads only: tags, so ownership, and the status of a cache cluster.
//!
//! What was read with one role's credentials is shown to nobody who acts with another's; our own writes are known to all, and
//! so are the locks, since a REST API is the same whoever looks at it.
//!
//! # Guarantees
//!
//! * One read of a kind per REST API and role at a time. Callers that wait for it take its answer if it started late enough for
//!   them, else they read again.
//! * A read that began before a write's reply came never hides that reply.
//! * Who asks after [`forget`](Observations::forget) gets no answer of a read that began before it.
//! * Errors are not remembered, but for the methods of deployments.
//!
//! # Assumptions
//!
//! Whoever writes says so here, before anything else is decided.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stagecraft_core::access::RoleArn;
use stagecraft_core::api::gateway_response::ResponseType;
use stagecraft_core::api::names::{DeploymentId, Region, RestApiId, StageName};
use stagecraft_core::cause::Cause;
use stagecraft_core::observed::{
    ApiSummary, CacheCluster, Deployment, GatewayResponse, GatewayResponses, RestApi, Stage, Stages,
};
use stagecraft_core::plan::Priority;
use tokio::sync::OwnedMutexGuard;

use super::error::Error;
use super::gateway::Gateway;
use super::latest::{Latest, Observable, Seen};
use super::operation::Operation;
use super::summaries::Summaries;
use super::unlisted::Unlisted;
use crate::clock::Clock;

/// The shared memory of reads. Clones share it.
#[derive(Clone)]
pub struct Observations {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    keep: Duration,
    apis: Mutex<HashMap<Key, Entry>>,
}

/// A REST API. Its id is a host name within the Region, so it is unique across accounts.
type Key = (Region, RestApiId);

struct Entry {
    api: Arc<Api>,
    used: Duration,
}

/// What is known of one REST API, and who may change it now.
#[derive(Default)]
struct Api {
    /// By the role that the reads were made with; `None`: the operator's own credentials. Roles are as many as access rules.
    views: Mutex<HashMap<Option<RoleArn>, Arc<View>>>,
    snapshot: Arc<tokio::sync::Mutex<()>>,
    write: Arc<tokio::sync::Mutex<()>>,
}

/// What one role has seen of it.
#[derive(Default)]
struct View {
    definition: Latest<RestApi>,
    stages: Latest<Vec<Stage>>,
    unlisted: Unlisted,
    deployments: Latest<Vec<Deployment>>,
    methods: Summaries,
    responses: Latest<GatewayResponses>,
}

impl Api {
    fn view(&self, role: Option<&RoleArn>) -> Arc<View> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(views.entry(role.cloned()).or_default())
    }

    /// What everybody has seen: writes change it, whoever made them.
    fn views(&self) -> Vec<Arc<View>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// The right to do something to one REST API while nobody else does it. Ends when dropped.
#[must_use = "a lock that is not held keeps nobody out"]
pub struct ApiLock {
    /// `None`: the right of an abort, which goes beside whoever has it.
    _guard: Option<OwnedMutexGuard<()>>,
    /// Keeps the entry, and so the lock that others wait for, in memory.
    _api: Arc<Api>,
}

impl Observations {
    /// An empty memory. What nobody has asked for during `keep` may be dropped: three drift intervals are a good measure.
    #[must_use]
    pub fn new(clock: Clock, keep: Duration) -> Self {
        Self { inner: Arc::new(Inner { clock, keep, apis: Mutex::default() }) }
    }

    /// The REST API, from a read that started at `newer_than` ([`Clock::boottime`]) or later.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::rest_api`].
    pub async fn rest_api(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        newer_than: Duration,
    ) -> Result<Seen<RestApi>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        let admit = |urgency| gateway.admitted(urgency, Operation::GetRestApi);
        let read = async |gateway: Gateway| gateway.rest_api(rest_api).await;
        view.definition.get(&self.inner.clock, newer_than, gateway.priority(), admit, read).await
    }

    /// All stages of the REST API, from a read that started at `newer_than` ([`Clock::boottime`]) or later.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::stages`].
    pub async fn stages(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        newer_than: Duration,
    ) -> Result<Seen<Vec<Stage>>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        let admit = |urgency| gateway.admitted(urgency, Operation::GetStages);
        let read = async |gateway: Gateway| gateway.stages(rest_api).await;
        view.stages.get(&self.inner.clock, newer_than, gateway.priority(), admit, read).await
    }

    /// All stages of the REST API, or where listing is denied, this one: from a read that started at `newer_than`
    /// ([`Clock::boottime`]) or later. Once it was denied, listing is tried again after half an hour; the log says once that it
    /// is.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::stages`] and [`Gateway::stage`]; where both are denied, that of the list, which is what to allow.
    pub async fn stages_or_one(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        stage: &StageName,
        newer_than: Duration,
    ) -> Result<Seen<Stages>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        let now = self.inner.clock.boottime();
        let mut denied = None;
        if !view.unlisted.is_denied(now) {
            match self.stages(gateway, rest_api, newer_than).await {
                Err(error) if error.cause == Cause::Denied => denied = Some(error),
                Err(error) => return Err(error),
                Ok(Seen { value, started }) => {
                    view.unlisted.note_listed(rest_api);
                    return Ok(Seen { value: Arc::new(Stages::All(value)), started });
                }
            }
        }
        let admit = |urgency| gateway.admitted(urgency, Operation::GetStage);
        let read = async |gateway: Gateway| match gateway.stage(rest_api, stage).await {
            Ok(stage) => Ok(Some(stage)),
            Err(error) if error.cause == Cause::StageNotFound => Ok(None),
            Err(error) => Err(error),
        };
        match view.unlisted.of(stage).get(&self.inner.clock, newer_than, gateway.priority(), admit, read).await {
            Ok(Seen { value, started }) => {
                if denied.is_some() {
                    view.unlisted.note_denied(rest_api, now);
                }
                Ok(Seen { value: Arc::new(Stages::One(value)), started })
            }
            Err(error) if error.cause == Cause::Denied => {
                view.unlisted.note_listed(rest_api);
                Err(denied.unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }

    /// All deployments of the REST API, oldest first, from a read that started at `newer_than` ([`Clock::boottime`]) or
    /// later.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::deployments`].
    pub async fn deployments(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        newer_than: Duration,
    ) -> Result<Seen<Vec<Deployment>>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        let admit = |urgency| gateway.admitted(urgency, Operation::GetDeployments);
        let read = async |gateway: Gateway| gateway.deployments(rest_api).await;
        view.deployments.get(&self.inner.clock, newer_than, gateway.priority(), admit, read).await
    }

    /// The methods of a deployment, read once: they never change. A failure is remembered for a while, too: nobody needs them
    /// so much that they are worth asking for at every pass.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::api_summary`].
    pub async fn methods(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        deployment: &DeploymentId,
    ) -> Result<Arc<ApiSummary>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        view.methods.get(&self.inner.clock, deployment, || gateway.api_summary(rest_api, deployment)).await
    }

    /// All gateway responses of the REST API, from a read that started at `newer_than` ([`Clock::boottime`]) or later.
    ///
    /// # Errors
    ///
    /// Those of [`Gateway::gateway_responses`].
    pub async fn gateway_responses(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        newer_than: Duration,
    ) -> Result<Seen<GatewayResponses>, Error> {
        let view = self.api(gateway, rest_api).view(gateway.role());
        let admit = |urgency| gateway.admitted(urgency, Operation::GetGatewayResponses);
        let read = async |gateway: Gateway| gateway.gateway_responses(rest_api).await;
        view.responses.get(&self.inner.clock, newer_than, gateway.priority(), admit, read).await
    }

    /// Adds the reply of `PutGatewayResponse` or `UpdateGatewayResponse`; `None` after `DeleteGatewayResponse`.
    pub fn note_response(
        &self,
        gateway: &Gateway,
        rest_api: &RestApiId,
        response_type: ResponseType,
        reply: Option<&GatewayResponse>,
    ) {
        for view in self.api(gateway, rest_api).views() {
            view.responses.note(response_type, reply.cloned(), self.inner.clock.boottime());
        }
    }

    /// Adds the reply of `CreateStage` or `UpdateStage`, a call that was sent at `sent_at` ([`Clock::boottime`]).
    ///
    /// Tags and the cache's status stay as the last read showed them; a stage that no read has shown gets no tags at all,
    /// which means "not known". If the call overlapped another write to this stage, nobody knows which of the two replies
    /// is the later state: then the stages are forgotten.
    pub fn note_stage(&self, gateway: &Gateway, rest_api: &RestApiId, stage: Stage, sent_at: Duration) {
        let name = stage.name.clone();
        let note = StageNote::Replied(Replied(Arc::new(stage)));
        for view in self.api(gateway, rest_api).views() {
            let now = self.inner.clock.boottime();
            note_or_forget(&view.stages, &name, &note, sent_at, now);
            if let Some(latest) = view.unlisted.known(&name) {
                note_or_forget(&latest, &name, &note, sent_at, now);
            }
        }
    }

    /// Takes away a stage that was deleted.
    pub fn note_gone(&self, gateway: &Gateway, rest_api: &RestApiId, stage: &StageName) {
        for view in self.api(gateway, rest_api).views() {
            view.stages.note(stage.clone(), StageNote::Gone, self.inner.clock.boottime());
            if let Some(latest) = view.unlisted.known(stage) {
                latest.note(stage.clone(), StageNote::Gone, self.inner.clock.boottime());
            }
        }
    }

    /// Adds the reply of `CreateDeployment` or `UpdateDeployment`.
    pub fn note_deployment(&self, gateway: &Gateway, rest_api: &RestApiId, deployment: Deployment) {
        let id = deployment.id.clone();
        let note = DeploymentNote::Replied(deployment);
        for view in self.api(gateway, rest_api).views() {
            view.deployments.note(id.clone(), note.clone(), self.inner.clock.boottime());
        }
    }

    /// Takes away a deployment that was deleted.
    pub fn note_deployment_gone(&self, gateway: &Gateway, rest_api: &RestApiId, deployment: &DeploymentId) {
        for view in self.api(gateway, rest_api).views() {
            view.deployments.note(deployment.clone(), DeploymentNote::Gone, self.inner.clock.boottime());
        }
    }

    /// Forgets all about a REST API, after a write to it that was refused or whose reply was lost: nobody knows what of it
    /// took effect, so who asks next asks AWS.
    pub fn forget(&self, gateway: &Gateway, rest_api: &RestApiId) {
        for view in self.api(gateway, rest_api).views() {
            view.definition.forget();
            view.stages.forget();
            view.unlisted.forget();
            view.deployments.forget();
            view.responses.forget();
        }
    }

    /// Forgets the stages of a REST API, after a write whose reply does not show what it changed: tags.
    pub fn forget_stages(&self, gateway: &Gateway, rest_api: &RestApiId) {
        for view in self.api(gateway, rest_api).views() {
            view.stages.forget();
            view.unlisted.forget();
        }
    }

    /// The right to look for a revision's snapshot and to take it: one at a time per REST API, so that two stages that name
    /// one new revision make one deployment.
    pub async fn snapshot_lock(&self, gateway: &Gateway, rest_api: &RestApiId) -> ApiLock {
        let api = self.api(gateway, rest_api);
        ApiLock { _guard: Some(Arc::clone(&api.snapshot).lock_owned().await), _api: api }
    }

    /// The right to write to a REST API. AWS answers 409 to two writers at once.
    ///
    /// Who waits for the quota waits before this, see [`Gateway::admit`]: with the lock in hand it would keep others waiting.
    /// An abort waits for nobody: where somebody writes it goes beside, and a 409 is tried again at once.
    pub async fn write_lock(&self, gateway: &Gateway, rest_api: &RestApiId) -> ApiLock {
        let api = self.api(gateway, rest_api);
        let lock = Arc::clone(&api.write);
        let guard = if gateway.priority() == Priority::Abort {
            lock.try_lock_owned().ok()
        } else {
            Some(lock.lock_owned().await)
        };
        ApiLock { _guard: guard, _api: api }
    }

    fn api(&self, gateway: &Gateway, rest_api: &RestApiId) -> Arc<Api> {
        let now = self.inner.clock.boottime();
        let mut apis = self.inner.apis.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (gateway.region().clone(), rest_api.clone());
        if !apis.contains_key(&key) {
            let keep = self.inner.keep;
            // An entry that somebody holds is in use, however long its call takes.
            apis.retain(|_, entry| entry.used.saturating_add(keep) > now || Arc::strong_count(&entry.api) > 1);
        }
        let entry = apis.entry(key).or_insert_with(|| Entry { api: Arc::default(), used: now });
        entry.used = now;
        Arc::clone(&entry.api)
    }
}

/// Adds a reply, unless its call overlapped another write to this stage.
fn note_or_forget<T>(latest: &Latest<T>, name: &StageName, note: &StageNote, sent_at: Duration, now: Duration)
where
    T: Observable<Key = StageName, Note = StageNote>,
{
    if latest.noted_since(name, sent_at) {
        latest.forget();
    } else {
        latest.note(name.clone(), note.clone(), now);
    }
}

impl Observable for RestApi {
    type Key = ();
    type Note = std::convert::Infallible;

    fn overlay(&mut self, (): &(), note: &Self::Note) {
        match *note {}
    }
}

/// What a write has changed in a stage.
#[derive(Clone)]
pub(super) enum StageNote {
    /// It is as the reply says.
    Replied(Replied),
    /// It was deleted.
    Gone,
}

/// A stage as a write's reply tells it.
#[derive(Clone)]
pub(super) struct Replied(Arc<Stage>);

impl Replied {
    /// The stage, with what reads alone tell as the last one told it.
    pub(super) fn over(&self, read: Option<Stage>) -> Stage {
        let mut stage = Stage::clone(&self.0);
        stage.tags = None;
        if let Some(read) = read {
            stage.tags = read.tags;
            stage.cache = CacheCluster { status: read.cache.status, ..stage.cache };
        }
        stage
    }
}

impl Observable for Vec<Stage> {
    type Key = StageName;
    type Note = StageNote;

    fn overlay(&mut self, name: &StageName, note: &StageNote) {
        match note {
            StageNote::Gone => self.retain(|stage| stage.name != *name),
            StageNote::Replied(reply) => match self.iter_mut().find(|stage| stage.name == *name) {
                Some(stage) => *stage = reply.over(Some(stage.clone())),
                None => self.push(reply.over(None)),
            },
        }
    }
}

impl Observable for GatewayResponses {
    type Key = ResponseType;
    /// The reply of a write; `None`: the customisation was deleted.
    type Note = Option<GatewayResponse>;

    fn overlay(&mut self, response_type: &ResponseType, note: &Option<GatewayResponse>) {
        for response in self.items.iter_mut().filter(|response| response.response_type == *response_type) {
            match note {
                Some(reply) => *response = reply.clone(),
                // What a default shows is not looked at: it may be inherited.
                None => response.default_response = true,
            }
        }
    }
}

/// What a write has changed in a deployment.
#[derive(Clone)]
pub(super) enum DeploymentNote {
    /// It is as the reply says.
    Replied(Deployment),
    /// It was deleted.
    Gone,
}

impl Observable for Vec<Deployment> {
    type Key = DeploymentId;
    type Note = DeploymentNote;

    fn overlay(&mut self, id: &DeploymentId, note: &DeploymentNote) {
        self.retain(|deployment| deployment.id != *id);
        if let DeploymentNote::Replied(reply) = note {
            // In the order of `Gateway::deployments`.
            let at = self.partition_point(|other| (&other.created, &other.id) < (&reply.created, &reply.id));
            self.insert(at, reply.clone());
        }
    }
}

impl fmt::Debug for Observations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observations").field("keep", &self.inner.keep).finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiLock").finish_non_exhaustive()
    }
}
