//! What passes would do to objects, without doing it: the same plans, from the same reads, with effects that are foreseen
//! instead of sent. What one object would do is there for the next.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use stagecraft_core::api::names::DeploymentId;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::api::status::ApiStageStatus;
use stagecraft_core::forecast::carry_out;
use stagecraft_core::observed::{Stage, Stages};
use stagecraft_core::plan::{Action, Need, Next, Place, Plan, Priority, What, after_failure, plan};
use stagecraft_core::settle::settle;
use stagecraft_core::world::{Answer, Group, Observed, Recent, Seen, Siblings, World};

use super::context::Context;
use super::dereference::{self, Site, siblings};
use super::objects::stage_name;
use super::reconcile::site_of;
use super::references::referred;
use crate::run::BoxError;
use crate::telemetry::Chain;

/// Rounds of a pass that are looked ahead. A first release through a canary takes five; what comes after a wait is not
/// foreseen, but for housekeeping that is left.
const MOST_ROUNDS: usize = 12;

/// Passes that are looked ahead: housekeeping sends a few calls in each, and a history has a hundred entries at most.
const MOST_PASSES: usize = 32;

/// What would be done to one object.
pub(crate) struct Foreseen {
    /// Where the stage is; absent where nothing can be done.
    pub(crate) place: Option<Place>,
    /// What was asked, in order.
    pub(crate) reads: Vec<What>,
    /// Whether listing the stages is denied, so that each is read by itself.
    pub(crate) unlisted: bool,
    /// What would be sent, in order.
    pub(crate) calls: Vec<Action>,
    /// The stage as it is; absent where there is none.
    pub(crate) before: Option<Stage>,
    /// The stage after the calls.
    pub(crate) after: Option<Stage>,
    /// The status after the calls: its conditions say what is waited for then, or what is wrong.
    pub(crate) status: ApiStageStatus,
}

/// Looks ahead for one object after the other, until nothing more would be sent without waiting. Later ones meet what the
/// earlier ones would have done, to API Gateway and in their status.
///
/// # Errors
///
/// That of a read, with the name of its object; no write is sent, whatever happens.
pub(crate) async fn foresee(
    ctx: &Context,
    objects: impl IntoIterator<Item = ApiStage>,
) -> Result<Vec<Foreseen>, BoxError> {
    // One moment for all: what was read for one object is fresh enough for the next.
    let (begun, mut scope) = (ctx.clock.now(), ctx.objects.scope());
    let (mut earlier, mut all) = (Vec::new(), Vec::new());
    for object in objects {
        let mut foreseer = Foreseer::new(ctx, begun, &earlier);
        // On the heap: it is large.
        let ran = Box::pin(foreseer.run(object.clone())).await;
        let Foreseer { mut foreseen, sent, .. } = foreseer;
        if let Err(error) = ran {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            return Err(format!("ApiStage {namespace}/{name}: {}", Chain(&*error)).into());
        }
        foreseen.calls = sent.iter().map(|(_, action): &(Place, Action)| action.clone()).collect();
        earlier.extend(sent);
        let object = ApiStage { status: Some(foreseen.status.clone()), ..object };
        scope.apply(&Event::Apply(DeserializeGuard(Ok(object))));
        all.push(foreseen);
    }
    Ok(all)
}

struct Foreseer<'a> {
    ctx: &'a Context,
    begun: Timestamp,
    /// What the objects before this one would have sent.
    earlier: &'a [(Place, Action)],
    recent: Recent,
    observed: Observed,
    /// What this one would send.
    sent: Vec<(Place, Action)>,
    foreseen: Foreseen,
}

impl<'a> Foreseer<'a> {
    fn new(ctx: &'a Context, begun: Timestamp, earlier: &'a [(Place, Action)]) -> Self {
        Self {
            ctx,
            begun,
            earlier,
            recent: Recent::default(),
            observed: Observed::default(),
            sent: Vec::new(),
            foreseen: Foreseen {
                place: None,
                reads: Vec::new(),
                unlisted: false,
                calls: Vec::new(),
                before: None,
                after: None,
                status: ApiStageStatus::default(),
            },
        }
    }

    async fn run(&mut self, mut object: ApiStage) -> Result<(), BoxError> {
        self.observed.referred = referred(self.ctx, &object).await?;
        let site = match site_of(&object, self.ctx, self.observed.referred.as_ref()) {
            Some((region, rest_api)) => {
                Site::new(self.ctx, &object, &region, rest_api, Priority::of_reads(&object)).await
            }
            None => None,
        };
        let Some(site) = site else {
            let siblings = Siblings::default();
            let plan = match plan(&self.world(&object, &siblings)) {
                Next::Act(plan) => *plan,
                Next::Read(_) => after_failure(&self.world(&object, &siblings)),
            };
            self.foreseen.status = plan.status;
            return Ok(());
        };
        let siblings = siblings(self.ctx, &object, &site).await;
        for _ in 0..MOST_PASSES {
            Box::pin(self.pass(&site, &mut object, &siblings)).await?;
            // What is left of it follows half a minute later, with nothing in between.
            if std::mem::take(&mut self.recent.housekeeping.sent) == 0 {
                break;
            }
            self.recent.done.clear();
        }
        let place = self.foreseen.place.clone();
        self.foreseen.after = self.stage(place.as_ref());
        self.foreseen.unlisted = self.observed.stages.as_ref().is_some_and(|seen| seen.value.all().is_none());
        Ok(())
    }

    /// One pass, as the operator makes it.
    async fn pass(&mut self, site: &Site, object: &mut ApiStage, siblings: &Siblings) -> Result<(), BoxError> {
        for _ in 0..MOST_ROUNDS {
            let plan = self.plan(site, object, siblings).await?;
            if self.foreseen.before.is_none() && self.sent.is_empty() {
                self.foreseen.before = self.stage(plan.place.as_ref());
            }
            if plan.place.is_some() {
                self.foreseen.place.clone_from(&plan.place);
            }
            if let Some(not_kept) = plan.not_kept {
                self.recent.not_kept = not_kept;
            }
            let mut status = plan.status;
            let Some(place) = plan.place.filter(|_| !plan.actions.is_empty()) else {
                self.foreseen.status = status;
                return Ok(());
            };
            for action in plan.actions {
                let reply = carry_out(&mut self.observed, &place, &action, self.begun);
                settle(&mut status, &action, &reply, self.begun);
                self.recent.housekeeping.sent += usize::from(action.group() == Group::Housekeeping);
                self.recent.done.push(action.clone());
                self.sent.push((place.clone(), action));
            }
            self.foreseen.status = status.clone();
            object.status = Some(status);
        }
        Ok(())
    }

    /// The plan of a round, with all that it asks for.
    async fn plan(&mut self, site: &Site, object: &mut ApiStage, siblings: &Siblings) -> Result<Plan, BoxError> {
        let mut leaves_checks_out = false;
        loop {
            let need = match plan(&self.world(object, siblings)) {
                Next::Act(plan) => return Ok(*plan),
                Next::Read(need) => need,
            };
            if !matches!(need.what, What::Readings(_)) {
                self.answer(site, object, siblings, need).await?;
                continue;
            }
            // The verdicts of a release that is under way are not what a manifest changes: the check that is due is left out.
            if std::mem::replace(&mut leaves_checks_out, true) {
                return Ok(after_failure(&self.world(object, siblings)));
            }
            if let Some(release) = object.status.as_mut().and_then(|status| status.release.as_mut()) {
                release.counts.get_or_insert_default().last_check_at = Some(Time(self.begun));
            }
        }
    }

    /// Reads what a plan asks for, once. What was read, and what calls made of it, stays true for the forecast.
    async fn answer(
        &mut self,
        site: &Site,
        object: &ApiStage,
        siblings: &Siblings,
        need: Need,
    ) -> Result<(), BoxError> {
        let later = self.begun.checked_add(24.hours()).unwrap_or(self.begun).max(need.not_before);
        match &need.what {
            What::Governor => {
                let governor = Arc::new(siblings.governor.clone());
                self.observed.governor = Some(Seen { value: governor, read_at: later });
            }
            // Asking a webhook may make somebody act. The forecast is that it agrees.
            What::Gate(question) => {
                self.foreseen.reads.push(need.what.clone());
                self.observed.gate = Some((question.moment, Answer { open: true, said: String::new() }));
            }
            What::Methods(deployment) if !is_known(deployment) => {
                self.observed.methods.insert(deployment.clone(), None);
            }
            // A role's ARN tells its account.
            What::Account => {
                if site.aws.role().is_none() {
                    self.foreseen.reads.push(need.what.clone());
                }
                dereference::read(self.ctx, site, object, need, &mut self.observed).await?;
            }
            What::RestApi | What::Stages | What::Deployments | What::Leftovers | What::Methods(_) => {
                if !self.foreseen.reads.contains(&need.what) {
                    self.foreseen.reads.push(need.what.clone());
                    self.read(site, object, need).await?;
                }
                let observed = &mut self.observed;
                observed.rest_api.iter_mut().for_each(|seen| seen.read_at = later);
                observed.stages.iter_mut().for_each(|seen| seen.read_at = later);
                observed.deployments.iter_mut().for_each(|seen| seen.read_at = later);
            }
            What::Readings(_) => {}
        }
        Ok(())
    }

    /// Reads it from AWS, and puts over it what the objects before this one would have made of it.
    async fn read(&mut self, site: &Site, object: &ApiStage, need: Need) -> Result<(), BoxError> {
        let is_housekeeping = need.what == What::Leftovers;
        let mut read = Observed::default();
        match dereference::read(self.ctx, site, object, need, &mut read).await {
            Ok(()) => {}
            // It rests, as it would for the operator.
            Err(error) if is_housekeeping && !error.class().is_passing() => {
                self.recent.housekeeping.failed(None, &error.cause, self.begun);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        // The id of a REST API is unique in its Region, whoever looks at it.
        let here = |place: &Place| place.region == *site.gateway.region() && place.rest_api == site.rest_api;
        let ours = stage_name(object);
        let one = matches!(&read.stages, Some(Seen { value, .. }) if matches!(**value, Stages::One(_)));
        for (place, action) in self.earlier.iter().chain(&self.sent) {
            // Where a stage was read by itself, nothing is known of the others.
            if here(place) && (!one || place.stage == ours) {
                carry_out(&mut read, place, action, self.begun);
            }
        }
        let Observed { rest_api, stages, deployments, methods, .. } = read;
        let observed = &mut self.observed;
        observed.rest_api = rest_api.or_else(|| observed.rest_api.take());
        observed.stages = stages.or_else(|| observed.stages.take());
        observed.deployments = deployments.or_else(|| observed.deployments.take());
        observed.methods.extend(methods);
        Ok(())
    }

    fn stage(&self, place: Option<&Place>) -> Option<Stage> {
        let stages = self.observed.stages.as_ref()?;
        stages.value.find(&place?.stage).cloned()
    }

    fn world<'w>(&'w self, object: &'w ApiStage, siblings: &'w Siblings) -> World<'w> {
        World {
            object,
            settings: &self.ctx.settings,
            observed: &self.observed,
            siblings,
            recent: &self.recent,
            cause_at: self.begun,
            now: self.begun,
        }
    }
}

/// A snapshot that would be taken has no methods to ask for.
fn is_known(deployment: &DeploymentId) -> bool {
    deployment.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric())
}
