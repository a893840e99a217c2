//! What is played: a stage and its policy, as far as a rehearsal can play them.

use std::path::PathBuf;

use kube::ResourceExt as _;
use stagecraft::preview::manifests;
use stagecraft_core::analysis::guidance;
use stagecraft_core::api::canary::{ApiCanary, CanarySeries};
use stagecraft_core::api::duration::Duration as Span;
use stagecraft_core::api::names::Revision;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::validate::canary::{InvalidCanary, Policy, StepEnd, policy};

use super::scenario::Setting;
use super::timeline::StepSight;

/// The objects of a rehearsal.
#[derive(Clone, Debug)]
pub struct Script {
    /// The stage, with the revision that is released.
    pub(super) stage: ApiStage,
    /// What governs it.
    pub(super) canary: ApiCanary,
    pub(super) policy: Policy,
    pub(super) revision: Revision,
    /// What was left out or changed: whole sentences.
    pub(super) notes: Vec<String>,
}

/// Why manifests cannot be played: one sentence that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They cannot be read.
    #[error(transparent)]
    Manifests(#[from] manifests::Error),
    /// Nothing is released.
    #[error("there is no ApiStage in the files: name the one that holds the stage with -f")]
    NoStage,
    /// One release at a time.
    #[error(
        "there are {count} ApiStages ({names}): a rehearsal plays the release of one, so name a file that holds just that"
    )]
    ManyStages {
        /// How many.
        count: usize,
        /// Their names.
        names: String,
    },
    /// Nothing governs it.
    #[error(
        "no ApiCanary in the files has stageRef.name {0} and its namespace: name the file that holds its policy with another -f"
    )]
    NoCanary(String),
    /// More than one policy.
    #[error("there are {count} ApiCanaries for ApiStage {stage} ({names}): only the oldest would govern, so keep one")]
    ManyCanaries {
        /// Of which stage.
        stage: String,
        /// How many.
        count: usize,
        /// Their names.
        names: String,
    },
    /// Nothing to release.
    #[error("ApiStage {0} has neither revision nor deploymentId, so there is no release to play: set spec.revision")]
    NoRevision(String),
    /// The policy cannot be used as it is.
    #[error("ApiCanary {name}: {invalid}")]
    Policy {
        /// Its name.
        name: String,
        /// What to change.
        invalid: InvalidCanary,
    },
}

impl Script {
    /// Reads the manifests.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn read(files: &[PathBuf]) -> Result<Self, Error> {
        let manifests::Manifests { stages, canaries, responses: _ } = manifests::read(files)?;
        let stage = match stages.as_slice() {
            [] => return Err(Error::NoStage),
            [stage] => stage.object.clone(),
            many => {
                return Err(Error::ManyStages { count: many.len(), names: names(many.iter().map(|one| &one.object)) });
            }
        };
        // Without a namespace they go where kubectl's context says, together.
        let together = |canary: &ApiCanary| match (canary.namespace(), stage.namespace()) {
            (Some(canary), Some(stage)) => canary == stage,
            _ => true,
        };
        let governs = |canary: &ApiCanary| canary.spec.stage_ref.name == stage.name_any() && together(canary);
        let mut own: Vec<ApiCanary> = canaries.into_iter().map(|one| one.object).filter(governs).collect();
        match (own.pop(), own.is_empty()) {
            (None, _) => Err(Error::NoCanary(stage.name_any())),
            (Some(canary), true) => Self::new(stage, canary),
            (Some(canary), false) => {
                own.push(canary);
                Err(Error::ManyCanaries { stage: stage.name_any(), count: own.len(), names: names(own.iter()) })
            }
        }
    }

    fn new(mut stage: ApiStage, mut canary: ApiCanary) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let namespace = stage.namespace().or_else(|| canary.namespace());
        stage.metadata.namespace.clone_from(&namespace);
        canary.metadata.namespace = namespace;
        let spec = &mut stage.spec;
        let deployment = spec.deployment_id.take().map(|id| Revision::new(id.as_str()));
        let revision = spec.revision.clone().or(deployment);
        let revision = revision.ok_or_else(|| Error::NoRevision(stage.metadata.name.clone().unwrap_or_default()))?;
        spec.revision = Some(revision.clone());
        leave_out_of_stage(&mut stage, &mut notes);
        leave_out_of_policy(&mut canary, &mut notes);
        let policy = policy(&canary.spec).map_err(|invalid| Error::Policy { name: canary.name_any(), invalid })?;
        Ok(Self { stage, canary, policy, revision, notes })
    }

    /// A revision that served before.
    pub(super) fn former(&self) -> Revision {
        let former = if self.revision.as_str() == "stable" { "former" } else { "stable" };
        Revision::new(former)
    }

    /// What each step can see, by metric.
    pub(super) fn sights(&self, setting: Setting) -> Vec<StepSight> {
        let mut sights = Vec::new();
        for (index, step) in self.policy.steps.iter().enumerate() {
            let hold = match step.end {
                StepEnd::Hold(hold) => Some(hold),
                StepEnd::Approval => None,
            };
            let analysis = &self.policy.analysis;
            for metric in &analysis.metrics {
                let Setting { requests_a_minute, stable_errors } = setting;
                let sight = guidance::sight(analysis, metric, step.percent, hold, requests_a_minute, stable_errors);
                let Some(sight) = sight else { continue };
                let number = index.saturating_add(1);
                sights.push(StepSight {
                    step: number,
                    percent: step.percent.as_f64(),
                    metric: metric.name.clone(),
                    minutes: sight.minutes,
                    requests: sight.requests,
                    sees_percent: sight.smallest.map(|smallest| smallest * 100.0),
                    warning: sight.warning(number, &metric.name),
                });
            }
        }
        sights
    }
}

fn names<'k, K: kube::Resource + 'k>(objects: impl Iterator<Item = &'k K>) -> String {
    objects.map(kube::ResourceExt::name_any).collect::<Vec<_>>().join(", ")
}

/// What stands beside the release and names things that only the real account has.
fn leave_out_of_stage(stage: &mut ApiStage, notes: &mut Vec<String>) {
    stage.status = None;
    let spec = &mut stage.spec;
    spec.rest_api_id_from = None;
    let mut left_out = Vec::new();
    let mut note = |was_there: bool, field: &'static str| {
        if was_there {
            left_out.push(field);
        }
    };
    note(spec.client_certificate_id.take().is_some(), "clientCertificateId");
    note(spec.documentation_version.take().is_some(), "documentationVersion");
    note(spec.access_log_settings.take().is_some(), "accessLogSettings");
    note(spec.method_settings.take().is_some(), "methodSettings");
    if !left_out.is_empty() {
        notes.push(format!("Left out of ApiStage, since no release depends on it: {}.", left_out.join(", ")));
    }
}

fn leave_out_of_policy(canary: &mut ApiCanary, notes: &mut Vec<String>) {
    canary.status = None;
    let spec = &mut canary.spec;
    if spec.webhooks.take().is_some_and(|webhooks| !webhooks.is_empty()) {
        notes.push("Webhooks are not called: the rehearsal goes on as if they had agreed.".to_owned());
    }
    let asks = spec.steps.iter().any(|step| step.approval.is_some())
        || spec.promotion == Some(stagecraft_core::api::canary::Promotion::Manual);
    if asks {
        notes.push("Approvals are given as soon as they are asked for.".to_owned());
    }
    let Some(analysis) = &mut spec.analysis else { return };
    if matches!(analysis.canary_series, Some(CanarySeries::AccessLogs | CanarySeries::Custom)) {
        analysis.canary_series = None;
        analysis.custom_series = None;
        notes.push("canarySeries is played as Auto: the simulator counts where API Gateway does.".to_owned());
    }
    let Some(metrics) = &mut analysis.metrics else { return };
    let (played, others): (Vec<_>, Vec<_>) =
        std::mem::take(metrics).into_iter().partition(|metric| metric.api_gateway.is_some());
    *metrics = played;
    if !others.is_empty() {
        let names: Vec<String> = others.into_iter().map(|metric| metric.name).collect();
        notes.push(format!("Left out, since only apiGateway metrics can be played: {}.", names.join(", ")));
    }
}

/// A span of minutes as people write it.
pub(super) fn minutes(minutes: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and the cast saturates")]
    let seconds = (minutes * 60.0).round() as u64;
    Span::from_secs(seconds).to_string()
}
