//! One pass over one object: rounds of plan, report and apply, until nothing is left to do.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use stagecraft_core::api::FINALIZER;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::cause::{Cause, Class};
use stagecraft_core::reference::Referred;
use stagecraft_core::response::{
    Action, Need, Neighbours, Next, Observed, Plan, Reply, What, World, after_failure, plan, priority_of_reads, settle,
    validate,
};
use stagecraft_core::world::Failure;
use tracing::{debug, warn};

use super::apply::apply;
use super::neighbours::neighbours;
use crate::aws;
use crate::controller::context::Context;
use crate::controller::dereference::{Site, at, to_boottime};
use crate::controller::memory::Memory;
use crate::controller::reconcile::{MOST_CONFLICTS, OVER, Passed, SOON, failure};
use crate::controller::references::referred;
use crate::controller::report::{self, add_finalizer, live, publish, remove_finalizer, write_status};
use crate::controller::workers::Worker;
use crate::telemetry::Chain;

/// Rounds of one pass: a write, what came of it, and one to spare for each way to plan anew.
const MOST_ROUNDS: usize = 6;

/// Takes the object as far as it gets now.
pub async fn reconcile(watched: Arc<ApiGatewayResponse>, ctx: &Context) -> Passed {
    let Some(uid) = watched.uid() else { return OVER };
    let mut memory = ctx.response_memories.get(&uid);
    let object = memory.newest(&watched);
    let now = ctx.clock.now();
    // Once a pass: what stages serve must have been seen before the reads that are held against it.
    let neighbours = neighbours(ctx, &object).await;
    let surroundings = fingerprint(&neighbours);
    let stirred = ctx.references.take_stirred(&uid);
    if !stirred && !memory.has_news(&surroundings) && memory.is_own_echo(&object, now) {
        // Without this the echo of a status that tells a failure would be the next try.
        let wait = memory.wake_up_at.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or(SOON));
        ctx.response_memories.put(uid, memory);
        return Passed { wake_up_in: wait, failed: None };
    }
    let worker = ctx.workers.begin().await;
    let mut pass = Pass { ctx, worker, site: None, referred: None, memory, object, neighbours, surroundings, stirred };
    // On the heap: it is large, and the controller holds one in each of its places.
    let passed = Box::pin(pass.run()).await;
    let Pass { mut memory, object, .. } = pass;
    memory.rest(passed.wake_up_in, ctx.clock.now());
    let gone = object.metadata.deletion_timestamp.is_some()
        && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if gone {
        ctx.response_memories.forget(&uid);
    } else {
        ctx.response_memories.put(uid, memory);
    }
    passed
}

/// What of the others makes this pass look at AWS anew.
fn fingerprint(neighbours: &Neighbours) -> String {
    let mut text = neighbours.older.clone().unwrap_or_default();
    for serving in &neighbours.stages {
        let canary = serving.canary.as_ref().map_or("", |canary| canary.as_str());
        // Writing into a String does not fail.
        write!(text, ";{}={}+{canary}", serving.stage, serving.deployment).ok();
    }
    text
}

/// How a round ended.
enum Round {
    /// There is more to plan.
    Again,
    /// The pass is over.
    Over(Passed),
}

struct Pass<'a> {
    ctx: &'a Context,
    worker: Worker,
    /// Kept from round to round, with what was admitted and not used yet.
    site: Option<Arc<Site>>,
    /// What was found where the object refers to, at the beginning of the pass.
    referred: Option<Referred>,
    memory: Memory<ApiGatewayResponse>,
    /// The object as the apiserver has it, with what calls of this pass have settled in its status.
    object: Arc<ApiGatewayResponse>,
    neighbours: Neighbours,
    surroundings: String,
    /// Whether what the object refers to has changed.
    stirred: bool,
}

impl Pass<'_> {
    async fn run(&mut self) -> Passed {
        let mut conflicts = 0;
        if let Err(error) = self.begin().await {
            return self.not_read(&error);
        }
        let mut stored = Arc::clone(&self.object);
        for _ in 0..MOST_ROUNDS {
            match self.round(&mut stored).await {
                Ok(Round::Over(passed)) => return passed,
                Ok(Round::Again) => {}
                Err(report::Error::Conflict) if conflicts < MOST_CONFLICTS => {
                    conflicts += 1;
                    match live(self.ctx, &self.object).await {
                        Ok(Some(object)) => {
                            self.object = Arc::clone(&object);
                            stored = object;
                            if let Err(error) = self.begin().await {
                                return self.not_read(&error);
                            }
                        }
                        Ok(None) | Err(report::Error::Gone) => return OVER,
                        Err(error) => return self.not_reported(&error),
                    }
                }
                Err(report::Error::Gone) => return OVER,
                Err(error) => return self.not_reported(&error),
            }
        }
        warn!(object = %self.name(), "a pass did not come to rest within {MOST_ROUNDS} rounds");
        Passed { wake_up_in: Some(SOON), failed: None }
    }

    /// Looks up what the object refers to; that it changed is as good a reason for fresh reads as another spec.
    async fn begin(&mut self) -> Result<(), kube::Error> {
        self.referred = self.worker.aside(referred(self.ctx, &*self.object)).await?;
        let now = self.ctx.clock.now();
        self.memory.note_cause_among(&self.object, self.surroundings.clone(), priority_of_reads(&self.object), now);
        if self.stirred {
            self.memory.cause_at = now;
        }
        Ok(())
    }

    fn not_read(&self, error: &kube::Error) -> Passed {
        warn!(object = %self.name(), "could not read what it refers to: {}", Chain(error));
        Passed { wake_up_in: Some(SOON), failed: Some(Class::Transient) }
    }

    /// Plans, writes the status, and sends what the plan says.
    async fn round(&mut self, stored: &mut Arc<ApiGatewayResponse>) -> Result<Round, report::Error> {
        let site = self.site().await;
        let mut observed = Observed { referred: self.referred.clone(), ..Observed::default() };
        let plan = loop {
            let need = match plan(&self.world(&observed)) {
                Next::Act(plan) => break *plan,
                Next::Read(need) => need,
            };
            // Without a site the spec is no use or no rule allows it, and the plan says so without a read.
            let Some(site) = &site else { break after_failure(&self.world(&observed)) };
            if let Err(error) = self.worker.aside(read(self.ctx, site, need, &mut observed)).await {
                return self.failed(&error, &observed, stored).await;
            }
        };
        let (Some(site), Some(place), Some(action)) = (&site, plan.place.clone(), plan.actions.first().cloned()) else {
            return self.conclude(plan, stored, site.is_some()).await;
        };
        self.write(&plan, stored).await?;
        publish(self.ctx, &self.object, &plan.events).await;
        let applied = self.worker.aside(apply(self.ctx, site, &place, &action)).await;
        self.settle(&action, &applied).await;
        match applied {
            Err(error) if error.class().is_passing() => self.failed(&error, &observed, stored).await,
            Ok(_) | Err(_) => Ok(Round::Again),
        }
    }

    /// AWS as this object may see it; `None` where its spec is no use, or no rule allows it.
    async fn site(&mut self) -> Option<Arc<Site>> {
        let (region, rest_api) = site_of(&self.object, self.ctx, self.referred.as_ref())?;
        let same = self.site.take().filter(|site| *site.gateway.region() == region && site.rest_api == rest_api);
        let site = if let Some(site) = same {
            site
        } else {
            let priority = priority_of_reads(&self.object);
            Arc::new(Site::new(self.ctx, &*self.object, &region, rest_api, priority).await?)
        };
        self.site = Some(Arc::clone(&site));
        Some(site)
    }

    /// Writes what a plan without calls says, and ends the pass.
    async fn conclude(
        &mut self,
        plan: Plan,
        stored: &mut Arc<ApiGatewayResponse>,
        all_went_well: bool,
    ) -> Result<Round, report::Error> {
        if !plan.finalizer && self.object.metadata.deletion_timestamp.is_some() {
            publish(self.ctx, &self.object, &plan.events).await;
            remove_finalizer(self.ctx, stored).await?;
            let mut gone = ApiGatewayResponse::clone(&self.object);
            gone.metadata.finalizers = None;
            self.object = Arc::new(gone);
            return Ok(Round::Over(OVER));
        }
        self.write(&plan, stored).await?;
        publish(self.ctx, &self.object, &plan.events).await;
        if all_went_well {
            self.memory.recent.failure = None;
        }
        let recent = &self.memory.recent;
        let refused = recent.tried.iter().find_map(|group| recent.refused.get(group));
        let observed = Observed::default();
        let world = self.world(&observed);
        // A refused call is tried again when its class says: the plan's own recheck would only repeat it too early.
        let retry = refused.and_then(|failure| world.now.checked_add(world.retry_in(failure)).ok());
        let failed = refused.map(|failure| failure.cause.class());
        Ok(Round::Over(Passed { wake_up_in: self.until(retry.or(plan.wake_up_at)), failed }))
    }

    /// A read or a call failed: say so where it lasts, and come back when its class says.
    async fn failed(
        &mut self,
        error: &aws::Error,
        observed: &Observed,
        stored: &mut Arc<ApiGatewayResponse>,
    ) -> Result<Round, report::Error> {
        if error.cause == Cause::NotLeader {
            debug!(object = %self.name(), "{error}");
            return Ok(Round::Over(Passed { wake_up_in: Some(SOON), failed: Some(error.class()) }));
        }
        let in_a_row = self.memory.recent.failure.as_ref().map_or(0, |failure| failure.in_a_row).saturating_add(1);
        warn!(object = %self.name(), class = error.class().label(), in_a_row, "{}", Chain(error));
        self.memory.recent.failure = Some(failure(error, in_a_row));
        let plan = after_failure(&self.world(observed));
        let Round::Over(passed) = self.conclude(plan, stored, false).await? else { return Ok(Round::Again) };
        Ok(Round::Over(Passed { failed: Some(error.class()), ..passed }))
    }

    /// Finalizer first, then status: nothing is written to AWS that nobody would clean up or remember.
    async fn write(&mut self, plan: &Plan, stored: &mut Arc<ApiGatewayResponse>) -> Result<(), report::Error> {
        if plan.finalizer
            && self.object.metadata.deletion_timestamp.is_none()
            && let Some(written) = add_finalizer(self.ctx, stored).await?
        {
            self.memory.wrote(&written);
            *stored = written;
        }
        if let Some(written) = write_status(self.ctx, stored, &plan.status).await? {
            self.memory.wrote(&written);
            *stored = written;
        }
        self.object = Arc::clone(stored);
        Ok(())
    }

    /// Notes in memory and in the status to come what the call did.
    async fn settle(&mut self, action: &Action, applied: &Result<Reply, aws::Error>) {
        let recent = &mut self.memory.recent;
        let group = action.group();
        match applied {
            Ok(reply) => {
                recent.refused.remove(&group);
                let mut object = ApiGatewayResponse::clone(&self.object);
                let status = object.status.get_or_insert_default();
                let news = settle(status, action, reply, self.ctx.clock.now());
                publish(self.ctx, &self.object, &news).await;
                self.object = Arc::new(object);
            }
            // It ends the pass, which tells it.
            Err(error) if error.class().is_passing() => {}
            Err(error) => {
                let in_a_row = recent.refused.get(&group).map_or(0, |failure: &Failure| failure.in_a_row) + 1;
                recent.tried.insert(group);
                recent.refused.insert(group, failure(error, in_a_row));
                warn!(object = %self.name(), class = error.class().label(), in_a_row, "{}", Chain(error));
            }
        }
    }

    fn world<'w>(&'w self, observed: &'w Observed) -> World<'w> {
        World {
            object: &self.object,
            settings: &self.ctx.settings,
            observed,
            siblings: &self.neighbours,
            recent: &self.memory.recent,
            cause_at: self.memory.cause_at,
            now: self.ctx.clock.now(),
        }
    }

    fn not_reported(&self, error: &report::Error) -> Passed {
        warn!(object = %self.name(), "{}", Chain(error));
        Passed { wake_up_in: Some(SOON), failed: Some(Class::Transient) }
    }

    fn until(&self, at: Option<Timestamp>) -> Option<Duration> {
        let wait = at?.duration_since(self.ctx.clock.now());
        Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
    }

    fn name(&self) -> String {
        format!("{}/{}", self.object.namespace().unwrap_or_default(), self.object.name_any())
    }
}

/// Reads one need into `observed`.
pub(super) async fn read(ctx: &Context, site: &Site, need: Need, observed: &mut Observed) -> Result<(), aws::Error> {
    let Site { aws, gateway, rest_api } = site;
    let newer_than = to_boottime(ctx, need.not_before);
    let observations = &ctx.observations;
    match need.what {
        What::Account => observed.account = Some(aws.with_valid_credentials(|| aws.account_id()).await?),
        What::Responses => {
            let read = || observations.gateway_responses(gateway, rest_api, newer_than);
            observed.responses = Some(at(ctx, need.not_before, aws.with_valid_credentials(read).await?));
        }
        What::Deployments => {
            let read = || observations.deployments(gateway, rest_api, newer_than);
            observed.deployments = Some(at(ctx, need.not_before, aws.with_valid_credentials(read).await?));
        }
    }
    Ok(())
}

/// Where a pass reads: a deletion goes by status alone, everything else by what is desired.
pub(super) fn site_of(
    object: &ApiGatewayResponse,
    ctx: &Context,
    referred: Option<&Referred>,
) -> Option<(Region, RestApiId)> {
    if object.metadata.deletion_timestamp.is_some() {
        let status = object.status.as_ref()?;
        return Some((status.region.clone()?, status.rest_api_id.clone()?));
    }
    let desired = validate(object, &ctx.settings, referred).ok()?;
    Some((desired.region, desired.rest_api_id))
}
