//! One pass over one object: rounds of plan, report and apply, until nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use stagecraft_core::api::FINALIZER;
use stagecraft_core::api::check::Check;
use stagecraft_core::api::event::Event;
use stagecraft_core::api::names::{Region, RestApiId};
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::cause::{Cause, Class};
use stagecraft_core::plan::{Action, Found, Need, Next, Plan, Priority, What, after_failure, cache_moves, plan};
use stagecraft_core::reference::Referred;
use stagecraft_core::settle::{settle, settle_failure};
use stagecraft_core::validate::validate;
use stagecraft_core::world::{Failure, Group, Observed, Seen, Siblings, World};
use tracing::{debug, warn};

use super::apply::{Applied, apply};
use super::canaries;
use super::context::Context;
use super::dereference::{self, Site, siblings};
use super::gates;
use super::memory::Memory;
use super::references::referred;
use super::report::{self, add_finalizer, live, publish, remove_finalizer, write_status};
use super::workers::Worker;
use crate::aws;
use crate::telemetry::Chain;

/// Rounds of one pass. A first release takes three; more than this is a plan that does not come to rest.
const MOST_ROUNDS: usize = 12;

/// Tries of one pass after the object changed under it.
pub(super) const MOST_CONFLICTS: usize = 5;

/// After the apiserver refused a write, or too many rounds: look again soon, from what the watch shows.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When to look again although nobody touched the object; `None`: not before.
    pub wake_up_in: Option<Duration>,
    /// The class of the failure that ended it, if one did.
    pub failed: Option<Class>,
}

/// Takes the object as far as it gets now.
pub async fn reconcile(watched: Arc<ApiStage>, ctx: &Context) -> Passed {
    let Some(uid) = watched.uid() else { return Passed { wake_up_in: None, failed: None } };
    let mut memory = ctx.memories.get(&uid);
    let object = memory.newest(&watched);
    let now = ctx.clock.now();
    let stirred = ctx.references.take_stirred(&uid);
    let has_news = stirred || memory.has_news(&canaries::surroundings(ctx, &object));
    if !has_news && memory.is_own_echo(&object, now) {
        // Without this the echo of a status that tells a failure would be the next try.
        let wait = memory.wake_up_at.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or(SOON));
        ctx.memories.put(uid, memory);
        return Passed { wake_up_in: wait, failed: None };
    }
    let worker = ctx.workers.begin().await;
    let mut pass = Pass { ctx, worker, site: None, referred: None, memory, object, checks: Vec::new() };
    // On the heap: it is large, and there is one for each object that waits.
    let passed = Box::pin(pass.run()).await;
    let Pass { mut memory, object, .. } = pass;
    memory.rest(passed.wake_up_in, ctx.clock.now());
    let gone = object.metadata.deletion_timestamp.is_some()
        && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if gone {
        ctx.memories.forget(&uid);
    } else {
        ctx.memories.put(uid, memory);
    }
    passed
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
    memory: Memory<ApiStage>,
    /// The object as the apiserver has it, with what calls of this pass have settled in its status.
    object: Arc<ApiStage>,
    /// The checks of this pass, for the status of the `ApiCanary`.
    checks: Vec<Check>,
}

impl Pass<'_> {
    async fn run(&mut self) -> Passed {
        let mut conflicts = 0;
        if let Err(error) = Box::pin(self.begin()).await {
            return self.not_read(&error);
        }
        let mut stored = Arc::clone(&self.object);
        for _ in 0..MOST_ROUNDS {
            match Box::pin(self.round(&mut stored)).await {
                Ok(Round::Over(passed)) => return passed,
                Ok(Round::Again) => {}
                Err(report::Error::Conflict) if conflicts < MOST_CONFLICTS => {
                    conflicts += 1;
                    match Box::pin(live(self.ctx, &self.object)).await {
                        Ok(Some(object)) => {
                            self.object = Arc::clone(&object);
                            stored = object;
                            if let Err(error) = Box::pin(self.begin()).await {
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

    /// Looks up what the object refers to; other content is as good a reason for fresh reads as another spec.
    async fn begin(&mut self) -> Result<(), kube::Error> {
        self.referred = self.worker.aside(referred(self.ctx, &*self.object)).await?;
        let canaries = canaries::surroundings(self.ctx, &self.object);
        let referred = self.referred.as_ref().map(|referred| format!("{referred:?}")).unwrap_or_default();
        let (surroundings, urgency) = (format!("{canaries}|{referred}"), Priority::of_reads(&self.object));
        self.memory.note_cause_among(&self.object, surroundings, urgency, self.ctx.clock.now());
        Ok(())
    }

    /// Plans, writes the status, and sends what the plan says.
    ///
    /// There is one of these for each object that waits for the quota or for AWS, a thousand after a start. So it holds what it
    /// waits for, and everything else is on the heap while it runs.
    async fn round(&mut self, stored: &mut Arc<ApiStage>) -> Result<Round, report::Error> {
        let mut observed = Observed { referred: self.referred.clone(), ..Observed::default() };
        let site = match site_of(&self.object, self.ctx, self.referred.as_ref()) {
            Some((region, rest_api)) => Box::pin(self.site(&region, rest_api)).await,
            None => None,
        };
        let Some(site) = site else {
            // A spec without a usable REST API, or one that no rule allows: the plan needs no read to say so.
            let plan = self.plan_without_reads(&observed);
            return Box::pin(self.conclude(plan, stored, None)).await;
        };
        let siblings = self.worker.aside(Box::pin(siblings(self.ctx, &self.object, &site))).await;
        let mut plan = loop {
            let need = match plan(&self.world(&observed, &siblings)) {
                Next::Act(plan) => break plan,
                Next::Read(need) => need,
            };
            let is_housekeeping = need.what == What::Leftovers;
            if Box::pin(self.read_beside_aws(&need, &siblings, &mut observed)).await? {
                continue;
            }
            match self.worker.aside(dereference::read(self.ctx, &site, &self.object, need, &mut observed)).await {
                Ok(()) => {}
                Err(error) if is_housekeeping => {
                    debug!(object = %self.name(), "housekeeping rests: {}", Chain(&error));
                    self.memory.recent.housekeeping.failed(None, &error.cause, self.ctx.clock.now());
                }
                Err(error) => return Box::pin(self.failed(&error, &observed, stored)).await,
            }
        };
        self.checks.append(&mut plan.checks);
        if plan.actions.is_empty() {
            let plan = self.with_retries(*plan);
            return Box::pin(self.conclude(plan, stored, Some(&observed))).await;
        }
        Box::pin(self.write(&plan, stored)).await?;
        Box::pin(publish(self.ctx, &self.object, &plan.events)).await;
        Box::pin(gates::tell(self.ctx, &self.object, siblings.governor.as_ref(), &plan.notices)).await;
        let Some(place) = plan.place.clone() else { return Ok(Round::Over(OVER)) };
        let applied = self.worker.aside(apply(self.ctx, &site, &place, plan.actions)).await;
        Box::pin(self.settle(&applied)).await;
        match applied.stopped() {
            // Nobody's news: the next round goes on without.
            Some((action, error)) if is_housekeeping(action) && error.cause != Cause::NotLeader => Ok(Round::Again),
            Some((_, error)) => Box::pin(self.failed(error, &observed, stored)).await,
            None => Ok(Round::Again),
        }
    }

    /// Reads what others than AWS answer. False: AWS is asked.
    async fn read_beside_aws(
        &mut self,
        need: &Need,
        siblings: &Siblings,
        observed: &mut Observed,
    ) -> Result<bool, report::Error> {
        let (ctx, object) = (self.ctx, Arc::clone(&self.object));
        match &need.what {
            What::Governor => {
                let read_at = ctx.clock.now().max(need.not_before);
                let governor = self.worker.aside(canaries::live_governor(ctx, &object)).await?;
                observed.governor = Some(Seen { value: Arc::new(governor), read_at });
                Ok(true)
            }
            What::Gate(question) => {
                let governor = siblings.governor.as_ref();
                let answer = self.worker.aside(gates::ask(ctx, &object, governor, question)).await;
                observed.gate = Some((question.moment, answer));
                Ok(true)
            }
            What::Account
            | What::RestApi
            | What::Stages
            | What::Deployments
            | What::Leftovers
            | What::Methods(_)
            | What::Readings(_) => Ok(false),
        }
    }

    async fn site(&mut self, region: &Region, rest_api: RestApiId) -> Option<Arc<Site>> {
        let kept = self.site.take().filter(|site| site.gateway.region() == region && site.rest_api == rest_api);
        self.site = match kept {
            Some(site) => Some(site),
            None => Site::new(self.ctx, &*self.object, region, rest_api, Priority::of_reads(&self.object))
                .await
                .map(Arc::new),
        };
        self.site.clone()
    }

    /// Writes what a plan without calls says, and ends the pass.
    async fn conclude(
        &mut self,
        plan: Plan,
        stored: &mut Arc<ApiStage>,
        observed: Option<&Observed>,
    ) -> Result<Round, report::Error> {
        if plan.finalizer || self.object.metadata.deletion_timestamp.is_none() {
            self.write(&plan, stored).await?;
            publish(self.ctx, &self.object, &plan.events).await;
            let governor = canaries::governor(self.ctx, &self.object);
            gates::tell(self.ctx, &self.object, governor.as_ref(), &plan.notices).await;
            let checks = std::mem::take(&mut self.checks);
            for check in &checks {
                self.ctx.metrics.checked(check);
            }
            self.worker.aside(canaries::report(self.ctx, &self.object, &checks)).await;
        } else {
            publish(self.ctx, &self.object, &plan.events).await;
            remove_finalizer(self.ctx, stored).await?;
            let mut gone = ApiStage::clone(&self.object);
            gone.metadata.finalizers = None;
            self.object = Arc::new(gone);
            return Ok(Round::Over(OVER));
        }
        if observed.is_some() {
            self.memory.recent.failure = None;
        }
        let refused = self.memory.recent.tried.iter().filter_map(|group| self.memory.recent.refused.get(group));
        let failed = refused.map(|failure| failure.cause.class()).next();
        Ok(Round::Over(Passed { wake_up_in: self.until(plan.wake_up_at), failed }))
    }

    /// Notes what AWS does not keep and what housekeeping found; the metrics count what is not in any status.
    fn note_found(&mut self, plan: &Plan) {
        if let Some(not_kept) = &plan.not_kept {
            self.memory.recent.not_kept.clone_from(not_kept);
        }
        let Found { swept, orphans, cut } = plan.found;
        let housekeeping = &mut self.memory.recent.housekeeping;
        let now = self.ctx.clock.now();
        if swept {
            housekeeping.swept = Some(now);
            // An hour is over, or they would not have been looked at.
            housekeeping
                .spared
                .retain(|_, refused| refused.checked_add(Duration::from_hours(1)).is_ok_and(|due| due > now));
        }
        if let (Some(orphans), Some((region, rest_api))) =
            (orphans, site_of(&self.object, self.ctx, self.referred.as_ref()))
        {
            self.ctx.metrics.set_orphans(&region, &rest_api, orphans);
        }
        self.ctx.metrics.history_cut(cut);
    }

    /// A read or a call failed: say so where it lasts, and come back when its class says.
    async fn failed(
        &mut self,
        error: &aws::Error,
        observed: &Observed,
        stored: &mut Arc<ApiStage>,
    ) -> Result<Round, report::Error> {
        if error.cause == Cause::NotLeader {
            debug!(object = %self.name(), "{error}");
            return Ok(Round::Over(Passed { wake_up_in: Some(SOON), failed: Some(error.class()) }));
        }
        let in_a_row = self.memory.recent.failure.as_ref().map_or(0, |failure| failure.in_a_row).saturating_add(1);
        warn!(object = %self.name(), class = error.class().label(), in_a_row, "{}", Chain(error));
        self.memory.recent.failure = Some(failure(error, in_a_row));
        let plan = after_failure(&self.world(observed, &Siblings::default()));
        let Round::Over(passed) = self.conclude(plan, stored, None).await? else { return Ok(Round::Again) };
        Ok(Round::Over(Passed { failed: Some(error.class()), ..passed }))
    }

    /// Finalizer first, then status: nothing is written to AWS that nobody would clean up or remember.
    async fn write(&mut self, plan: &Plan, stored: &mut Arc<ApiStage>) -> Result<(), report::Error> {
        if plan.finalizer
            && self.object.metadata.deletion_timestamp.is_none()
            && let Some(written) = add_finalizer(self.ctx, stored).await?
        {
            self.memory.wrote(&written);
            *stored = written;
        }
        if let Some(written) = write_status(self.ctx, stored, &plan.status).await? {
            self.ctx.metrics.status_stored(stored.status.as_ref(), &plan.status);
            self.memory.wrote(&written);
            *stored = written;
        }
        self.object = Arc::clone(stored);
        self.note_found(plan);
        Ok(())
    }

    /// Notes in memory and in the status to come what the calls did.
    async fn settle(&mut self, applied: &Applied) {
        let now = self.ctx.clock.now();
        let mut object = ApiStage::clone(&self.object);
        let status = object.status.get_or_insert_default();
        let recent = &mut self.memory.recent;
        let mut news: Vec<Event> = Vec::new();
        for (action, reply) in applied.done() {
            recent.refused.remove(&action.group());
            recent.retry_at.remove(&action.group());
            recent.tried.remove(&action.group());
            recent.done.push(action.clone());
            if let Action::Snapshot { revision, attempt, .. } = action {
                recent.unsent.remove(&(revision.clone(), *attempt));
            }
            news.extend(settle(status, action, reply, now));
        }
        recent.housekeeping.sent += applied.done().iter().filter(|(action, _)| is_housekeeping(action)).count();
        for (action, error) in applied.refused().iter().chain(applied.stopped()) {
            settle_failure(status, action, &error.cause);
            if is_housekeeping(action) {
                let pruned = if let Action::Prune { deployment, .. } = action { Some(deployment) } else { None };
                recent.housekeeping.sent += 1;
                recent.housekeeping.failed(pruned, &error.cause, now);
                debug!("housekeeping waits: {}", Chain(error));
            }
            if let Action::Snapshot { revision, attempt, .. } = action {
                let snapshot = (revision.clone(), *attempt);
                if error.cause.may_have_had_effect() {
                    recent.unsent.remove(&snapshot);
                } else {
                    recent.unsent.insert(snapshot);
                }
            }
        }
        for (action, error) in applied.refused().iter().filter(|(action, _)| !is_housekeeping(action)) {
            let group = action.group();
            let in_a_row = recent.refused.get(&group).map_or(0, |failure| failure.in_a_row).saturating_add(1);
            recent.tried.insert(group);
            recent.refused.insert(group, failure(error, in_a_row));
            warn!(group = ?group, class = error.class().label(), in_a_row, "{}", Chain(error));
        }
        for group in applied.refused().iter().map(|(action, _)| action.group()).filter(|group| group.is_of_settings()) {
            let (observed, siblings) = (Observed::default(), Siblings::default());
            let world = self.world(&observed, &siblings);
            let wait = world.recent.refused.get(&group).map(|failure| world.retry_in(failure));
            if let Some(at) = wait.and_then(|wait| now.checked_add(wait).ok()) {
                self.memory.recent.retry_at.insert(group, at);
            }
        }
        publish(self.ctx, &self.object, &news).await;
        self.object = Arc::new(object);
    }

    /// A refused group is tried again when its class says, however long the poll is.
    fn with_retries(&self, mut plan: Plan) -> Plan {
        let recent = &self.memory.recent;
        let (observed, siblings) = (Observed::default(), Siblings::default());
        let world = self.world(&observed, &siblings);
        let retry = recent
            .tried
            .iter()
            .filter_map(|group| {
                let after = |failure: &Failure| world.now.checked_add(world.retry_in(failure)).ok();
                recent.retry_at.get(group).copied().or_else(|| after(recent.refused.get(group)?))
            })
            .min();
        // Settings wait for their own time, so that looking at a release or at the cache meanwhile repeats nothing.
        let looks_often =
            recent.tried.iter().all(|group| group.is_of_settings()) || cache_moves(&plan.status, world.now);
        plan.wake_up_at = match (plan.wake_up_at, retry) {
            (Some(at), Some(retry)) if looks_often => Some(at.min(retry)),
            // The plan's own short recheck would only repeat the refused call too early.
            (_, Some(retry)) => Some(retry),
            (at, None) => at,
        };
        plan
    }

    fn plan_without_reads(&self, observed: &Observed) -> Plan {
        let siblings = Siblings::default();
        match plan(&self.world(observed, &siblings)) {
            Next::Act(plan) => *plan,
            Next::Read(_) => after_failure(&self.world(observed, &siblings)),
        }
    }

    fn world<'w>(&'w self, observed: &'w Observed, siblings: &'w Siblings) -> World<'w> {
        World {
            object: &self.object,
            settings: &self.ctx.settings,
            observed,
            siblings,
            recent: &self.memory.recent,
            cause_at: self.memory.cause_at,
            now: self.ctx.clock.now(),
        }
    }

    fn not_read(&self, error: &kube::Error) -> Passed {
        warn!(object = %self.name(), "could not read what it refers to: {}", Chain(error));
        Passed { wake_up_in: Some(SOON), failed: Some(Class::Transient) }
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

/// Whether a call belongs to what disturbs nobody.
fn is_housekeeping(action: &Action) -> bool {
    action.group() == Group::Housekeeping
}

pub(super) const OVER: Passed = Passed { wake_up_in: None, failed: None };

pub(super) fn failure(error: &aws::Error, in_a_row: u32) -> Failure {
    Failure {
        operation: error.operation.name().to_owned(),
        cause: error.cause.clone(),
        text: error.message.clone().unwrap_or_default(),
        in_a_row,
    }
}

/// Where a pass reads: a deletion goes by status alone, everything else by what is desired.
pub(super) fn site_of(object: &ApiStage, ctx: &Context, referred: Option<&Referred>) -> Option<(Region, RestApiId)> {
    if object.metadata.deletion_timestamp.is_some() {
        let status = object.status.as_ref()?;
        return Some((status.region.clone()?, status.rest_api_id.clone()?));
    }
    if let Ok(desired) = validate(object, &ctx.settings, referred) {
        return Some((desired.region, desired.rest_api_id));
    }
    // What runs under a spec that cannot be used any more is looked after where it is.
    let status = object.status.as_ref()?;
    status.release.as_ref().filter(|release| release.phase.is_running())?;
    Some((status.region.clone()?, status.rest_api_id.clone()?))
}

#[cfg(test)]
mod tests {
    use stagecraft_core::plan::Place;

    use super::*;

    fn size_of_future<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_object_that_waits_for_aws_takes_a_few_kilobytes() {
        type ToWait = (&'static mut Pass<'static>, &'static mut Arc<ApiStage>);
        type ToRead = (&'static Context, &'static Site, &'static ApiStage, Need, &'static mut Observed);
        type ToSend = (&'static Context, &'static Site, &'static Place, Vec<Action>);
        let sizes = [
            ("pass", size_of_future(|pass: &'static mut Pass<'static>| pass.run())),
            ("round", size_of_future(|(pass, stored): ToWait| pass.round(stored))),
            (
                "read",
                size_of_future(|(ctx, site, object, need, seen): ToRead| {
                    dereference::read(ctx, site, object, need, seen)
                }),
            ),
            ("apply", size_of_future(|(ctx, site, place, actions): ToSend| apply(ctx, site, place, actions))),
        ];
        assert!(sizes.iter().map(|(_, size)| size).sum::<usize>() <= 6 * 1024, "{sizes:?}");
    }
}
