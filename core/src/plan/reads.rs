//! What decisions look at: as it was read for this pass, or the need to read it.

use jiff::Timestamp;

use super::{Need, Question, What};
use crate::analysis::{Query, Readings};
use crate::api::names::{AccountId, DeploymentId};
use crate::observed::{ApiSummary, Deployment, RestApi, Stages};
use crate::world::{Answer, Governor, Seen, World};

impl<'a> World<'a> {
    pub(super) fn account(&self) -> Result<&'a AccountId, Need> {
        self.observed.account.as_ref().ok_or(Need { what: What::Account, not_before: self.cause_at })
    }

    pub(super) fn rest_api(&self, not_before: Timestamp) -> Result<&'a Seen<RestApi>, Need> {
        fresh(self.observed.rest_api.as_ref(), What::RestApi, not_before)
    }

    pub(super) fn stages(&self, not_before: Timestamp) -> Result<&'a Seen<Stages>, Need> {
        fresh(self.observed.stages.as_ref(), What::Stages, not_before)
    }

    /// The methods of a deployment; `None` where they cannot be read now.
    pub(super) fn methods(&self, deployment: &DeploymentId) -> Result<Option<&'a ApiSummary>, Need> {
        let seen = self.observed.methods.get(deployment);
        let need = || Need { what: What::Methods(deployment.clone()), not_before: Timestamp::MIN };
        seen.map(Option::as_deref).ok_or_else(need)
    }

    pub(super) fn deployments(&self, not_before: Timestamp) -> Result<&'a Seen<Vec<Deployment>>, Need> {
        fresh(self.observed.deployments.as_ref(), What::Deployments, not_before)
    }

    /// The governing `ApiCanary` as a list shows it that was made for this decision.
    pub(super) fn governor(&self, not_before: Timestamp) -> Result<&'a Seen<Option<Governor>>, Need> {
        fresh(self.observed.governor.as_ref(), What::Governor, not_before)
    }

    /// The answers to these queries.
    pub(super) fn readings(&self, queries: &[Query]) -> Result<&'a Readings, Need> {
        let need = || Need { what: What::Readings(queries.to_vec()), not_before: self.cause_at };
        self.observed.readings.as_ref().ok_or_else(need)
    }

    /// What the webhooks of a moment say.
    pub(super) fn gate(&self, question: Question) -> Result<&'a Answer, Need> {
        match &self.observed.gate {
            Some((moment, answer)) if *moment == question.moment => Ok(answer),
            Some(_) | None => Err(Need { what: What::Gate(question), not_before: self.cause_at }),
        }
    }
}

fn fresh<T>(seen: Option<&Seen<T>>, what: What, not_before: Timestamp) -> Result<&Seen<T>, Need> {
    seen.filter(|seen| seen.read_at >= not_before).ok_or(Need { what, not_before })
}
