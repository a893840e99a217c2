//! What passes would do to an object, without doing it: the same plans, from the same reads, with effects that are foreseen
//! instead of sent.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use stagecraft_core::api::names::DeploymentId;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::api::status::ApiStageStatus;
use stagecraft_core::forecast::carry_out;
use stagecraft_core::observed::Stage;
use stagecraft_core::plan::{Action, Need, Next, Place, Priority, What, after_failure, plan};
use stagecraft_core::settle::settle;
use stagecraft_core::world::{Answer, Observed, Recent, Seen, Siblings, World};

use super::context::Context;
use super::dereference::{self, Site, siblings};
use super::reconcile::site_of;
use super::references::referred;
use crate::run::BoxError;

/// Rounds that are looked ahead. A first release through a canary takes five; what comes after a wait is not foreseen.
const MOST_ROUNDS: usize = 12;

/// What would be done to one object.
pub(crate) struct Foreseen {
    /// Where the stage is; absent where nothing can be done.
    pub(crate) place: Option<Place>,
    /// What was asked, in order.
    pub(crate) reads: Vec<What>,
    /// What would be sent, in order.
    pub(crate) calls: Vec<Action>,
    /// The stage as it is; absent where there is none.
    pub(crate) before: Option<Stage>,
    /// The stage after the calls.
    pub(crate) after: Option<Stage>,
    /// The status after the calls: its conditions say what is waited for then, or what is wrong.
    pub(crate) status: ApiStageStatus,
}

/// Looks ahead until nothing more would be sent without waiting.
///
/// # Errors
///
/// That of a read; no write is sent, whatever happens.
pub(crate) async fn foresee(ctx: &Context, object: ApiStage) -> Result<Foreseen, BoxError> {
    let mut foreseer = Foreseer {
        ctx,
        begun: ctx.clock.now(),
        recent: Recent::default(),
        observed: Observed::default(),
        foreseen: Foreseen {
            place: None,
            reads: Vec::new(),
            calls: Vec::new(),
            before: None,
            after: None,
            status: ApiStageStatus::default(),
        },
    };
    // On the heap: it is large.
    Box::pin(foreseer.run(object)).await?;
    Ok(foreseer.foreseen)
}

struct Foreseer<'a> {
    ctx: &'a Context,
    begun: Timestamp,
    recent: Recent,
    observed: Observed,
    foreseen: Foreseen,
}

impl Foreseer<'_> {
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
        for round in 0..MOST_ROUNDS {
            let plan = loop {
                let need = match plan(&self.world(&object, &siblings)) {
                    Next::Act(plan) => break *plan,
                    Next::Read(need) => need,
                };
                if !self.answer(&site, &object, &siblings, need).await? {
                    break after_failure(&self.world(&object, &siblings));
                }
            };
            if round == 0 {
                self.foreseen.before = self.stage(plan.place.as_ref());
            }
            if plan.place.is_some() {
                self.foreseen.place.clone_from(&plan.place);
            }
            let mut status = plan.status;
            let Some(place) = plan.place.filter(|_| !plan.actions.is_empty()) else {
                self.foreseen.status = status;
                break;
            };
            for action in plan.actions {
                let reply = carry_out(&mut self.observed, &place, &action, self.begun);
                settle(&mut status, &action, &reply, self.begun);
                self.foreseen.calls.push(action);
            }
            self.foreseen.status = status.clone();
            object.status = Some(status);
        }
        let place = self.foreseen.place.clone();
        self.foreseen.after = self.stage(place.as_ref());
        Ok(())
    }

    /// Reads what a plan asks for, once. What was read, and what calls made of it, stays true for the forecast. False: it cannot
    /// be answered without doing something.
    async fn answer(
        &mut self,
        site: &Site,
        object: &ApiStage,
        siblings: &Siblings,
        need: Need,
    ) -> Result<bool, BoxError> {
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
            // Housekeeping, and the verdicts of a release that is under way, are not what a manifest changes.
            What::Leftovers | What::Readings(_) => return Ok(false),
            What::Account | What::RestApi | What::Stages | What::Deployments | What::Methods(_) => {
                if !self.foreseen.reads.contains(&need.what) {
                    self.foreseen.reads.push(need.what.clone());
                    dereference::read(self.ctx, site, object, need, &mut self.observed).await?;
                }
                let observed = &mut self.observed;
                observed.rest_api.iter_mut().for_each(|seen| seen.read_at = later);
                observed.stages.iter_mut().for_each(|seen| seen.read_at = later);
                observed.deployments.iter_mut().for_each(|seen| seen.read_at = later);
            }
        }
        Ok(true)
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
