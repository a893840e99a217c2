//! What is told of a stage: taken from its object and that of its `ApiCanary`, the same for people and for programs.
//!
//! No value of a stage variable is in it: names and hashes are all that is told.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Resource as _, ResourceExt as _};
use serde::Serialize;
use stagecraft_core::analysis::guidance;
use stagecraft_core::api::canary::{ApiCanary, ApiGatewayMetric, Promotion};
use stagecraft_core::api::check::{Check, MetricCheck};
use stagecraft_core::api::counts::Counts;
use stagecraft_core::api::duration::Duration;
use stagecraft_core::api::names::{AccountId, DeploymentId, Region, ReleaseId, RestApiId, Revision, StageName};
use stagecraft_core::api::progress::Changes;
use stagecraft_core::api::status::{
    ApiStageStatus, CacheClusterStatus, Drift, Held, HistoryEntry, How, LastCommand, Phase, Release,
};
use stagecraft_core::api::target::Target;
use stagecraft_core::validate::canary::{StepEnd, policy};

use crate::cluster::Governed;
use crate::screen::next::{Step as NextStep, next};

/// Everything that is told of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// When the object was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// The stage in AWS, as far as it is known.
    pub place: Place,
    /// The object's conditions.
    pub conditions: Vec<Condition>,
    /// Whether the status speaks of the spec as it is now.
    pub up_to_date: bool,
    /// Since when the object is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleting_since: Option<Time>,
    /// Whether `spec.suspend` is true.
    pub suspended: bool,
    /// What the stage serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Serves>,
    /// The canary on the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<OnStage>,
    /// Name of the `ApiCanary` that governs releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// The present or last release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseView>,
    /// The last check of that release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckView>,
    /// Which steps of the release that runs cannot see what they are there to see, by the traffic that its checks have counted:
    /// whole sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blind_steps: Vec<String>,
    /// The cache cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheClusterStatus>,
    /// Whether all settings of this generation were applied.
    pub settings_applied: bool,
    /// Changes behind our back, newest first.
    pub drift: Vec<Drift>,
    /// Method entries on the stage that nobody declared.
    pub unmanaged: Vec<String>,
    /// Targets that do not ship by themselves.
    pub held: Vec<Held>,
    /// What was served, and what did not come to serve, newest first.
    pub history: Vec<HistoryEntry>,
    /// The last command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_command: Option<LastCommand>,
    /// Fields that a newer operator wrote in a shape that is not known here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// What can be done next.
    pub next: Vec<NextStep>,
}

/// The field that decides what can be done.
const RELEASE: &str = "status.release";

/// Where a stage is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Its REST API: the one that is governed, else the one that spec names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_api_id: Option<RestApiId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage_name: Option<StageName>,
    /// Its Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Where it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke_url: Option<String>,
}

/// What a stage serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Serves {
    /// The deployment.
    pub deployment_id: DeploymentId,
    /// The revision, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Percent of requests that it answers.
    pub percent: f64,
    /// Since when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// A canary on a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnStage {
    /// The deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<DeploymentId>,
    /// The revision, where a release of ours brings it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Percent of requests that it answers, as observed.
    pub percent: f64,
    /// The release that opened it; absent where it is foreign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
    /// Names of the variables that only it sees.
    pub stage_variable_overrides: Vec<String>,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseView {
    /// Its id.
    pub id: ReleaseId,
    /// How the target comes to serve.
    pub how: How,
    /// What shall serve.
    pub target: Target,
    /// What served when it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<Target>,
    /// Where it stands.
    pub phase: Phase,
    /// Why it stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person must approve: a step, or `promotion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<String>,
    /// Since when it waits for somebody, or for what should not take long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Time>,
    /// When it began.
    pub started_at: Time,
    /// The step that it is at, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// When that step started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_started_at: Option<Time>,
    /// When it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_action_at: Option<Time>,
    /// The way of the canary, where an `ApiCanary` governs it.
    pub steps: Vec<StepView>,
    /// Whether a person promotes after the last step.
    pub manual_promotion: bool,
    /// How long it is judged after the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bake: Option<Duration>,
    /// What its checks found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How the target's deployment differs from the stable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The target that takes over when its snapshot exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Target>,
}

/// A step of the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// Percent of requests.
    pub percent: f64,
    /// How long it is kept at least; absent where a person lets it go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// When it was made.
    pub at: Time,
    /// Its metrics.
    pub metrics: Vec<MetricView>,
}

/// What one metric said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricView {
    /// What it said.
    #[serde(flatten)]
    pub check: MetricCheck,
    /// Unit of its values, `%` or `ms`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

impl View {
    /// What is told of this stage.
    #[must_use]
    pub fn of(governed: &Governed) -> Self {
        let Governed { stage, canary, unreadable } = governed;
        let none = ApiStageStatus::default();
        let status = stage.status.as_ref().unwrap_or(&none);
        let release = status.release.as_ref().map(|release| release_of(release, canary.as_ref()));
        let canary_share = status.canary.as_ref().map_or(0.0, |canary| canary.percent_traffic);
        let current = status.history.iter().find(|entry| entry.how.is_some() && entry.ended.is_none());
        let mut view = Self {
            namespace: stage.namespace().unwrap_or_default(),
            name: stage.name_any(),
            created: stage.creation_timestamp(),
            place: Place {
                rest_api_id: status.rest_api_id.clone().or_else(|| stage.spec.rest_api_id.clone()),
                stage_name: status.stage_name.clone().or_else(|| stage.spec.stage_name.clone()),
                region: status.region.clone().or_else(|| stage.spec.region.clone()),
                account_id: status.account_id.clone(),
                invoke_url: status.invoke_url.clone(),
            },
            conditions: status.conditions.clone(),
            up_to_date: status.observed_generation == stage.meta().generation,
            deleting_since: stage.metadata.deletion_timestamp.clone(),
            suspended: stage.spec.suspend == Some(true),
            serves: status.deployment_id.clone().map(|deployment_id| Serves {
                since: current
                    .filter(|entry| entry.target.deployment_id.as_ref() == Some(&deployment_id))
                    .and_then(|entry| entry.stable_since.clone()),
                deployment_id,
                revision: status.revision.clone(),
                percent: 100.0 - canary_share,
            }),
            canary: status.canary.as_ref().map(|canary| {
                let ours = status.release.as_ref().filter(|release| {
                    release.phase.is_running()
                        && release.is_open()
                        && release.target.deployment_id == canary.deployment_id
                });
                OnStage {
                    deployment_id: canary.deployment_id.clone(),
                    revision: ours.and_then(|release| release.target.revision.clone()),
                    percent: canary.percent_traffic,
                    release: ours.map(|release| release.id.clone()),
                    stage_variable_overrides: canary.stage_variable_overrides.clone(),
                }
            }),
            governor: canary.as_ref().map(kube::ResourceExt::name_any),
            check: canary.as_ref().and_then(last_check),
            blind_steps: status.release.as_ref().zip(canary.as_ref()).map(blind_steps).unwrap_or_default(),
            release,
            cache: status.cache_cluster.clone(),
            settings_applied: status.applied_generation.is_some()
                && status.applied_generation == stage.meta().generation,
            drift: status.drift.clone(),
            unmanaged: status.unmanaged.clone(),
            held: status.held.clone(),
            history: status.history.clone(),
            last_command: status.last_command.clone(),
            unreadable: unreadable.clone(),
            next: Vec::new(),
        };
        view.next = next(&view);
        view
    }

    /// A condition by its type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// The release, if it runs.
    #[must_use]
    pub fn running(&self) -> Option<&ReleaseView> {
        self.release.as_ref().filter(|release| release.phase.is_running())
    }

    /// Whether there is a release that a newer operator wrote in a shape that is not known here: nothing can be said of what goes
    /// on then.
    #[must_use]
    pub fn hides_its_release(&self) -> bool {
        self.unreadable.iter().any(|field| field == RELEASE)
    }

    /// `namespace/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// How people call a target: its revision, else its deployment.
#[must_use]
pub fn name_of(target: &Target) -> String {
    match (&target.revision, &target.attempt, &target.deployment_id) {
        (Some(revision), Some(attempt), _) if *attempt > 1 => format!("{revision} (snapshot {attempt})"),
        (Some(revision), ..) => revision.to_string(),
        (None, _, Some(deployment)) => format!("deployment {deployment}"),
        (None, _, None) => "a first snapshot".to_owned(),
    }
}

/// What the steps from the present one on cannot see; nothing once the canary has taken them all.
fn blind_steps((release, canary): (&Release, &ApiCanary)) -> Vec<String> {
    let takes_steps = matches!(release.phase, Phase::Progressing | Phase::AwaitingApproval | Phase::Paused);
    let (Ok(policy), Some(counts), true) = (policy(&canary.spec), &release.counts, takes_steps) else {
        return Vec::new();
    };
    let steps: Vec<_> = policy
        .steps
        .iter()
        .map(|step| match step.end {
            StepEnd::Hold(hold) => (step.percent, Some(hold)),
            StepEnd::Approval => (step.percent, None),
        })
        .collect();
    let present = release.step.and_then(|step| usize::try_from(step).ok()).unwrap_or(1);
    guidance::blind_steps(&policy.analysis, &steps, present, counts)
}

pub(crate) fn release_of(release: &Release, canary: Option<&ApiCanary>) -> ReleaseView {
    // No `..`: what a release tells is shown, or left out on purpose. Former values of variables are nobody's business here.
    let Release {
        id,
        how,
        target,
        stable,
        phase,
        reason,
        awaiting,
        waiting,
        started_at,
        traffic_changed_at: _,
        next_action_at,
        superseded: _,
        governed_by,
        step,
        step_started_at,
        ceiling: _,
        approvals: _,
        counts,
        changes,
        next,
    } = release.clone();
    let governor = canary.filter(|canary| canary.uid() == governed_by);
    let steps = governor.map(|canary| canary.spec.steps.as_slice()).unwrap_or_default();
    ReleaseView {
        id,
        how,
        target,
        stable: stable.map(|stable| stable.target),
        phase,
        reason,
        awaiting,
        waiting_since: waiting.map(|waiting| waiting.since),
        started_at,
        step,
        step_started_at,
        next_action_at,
        steps: steps.iter().map(|step| StepView { percent: step.set_percent, hold: step.hold }).collect(),
        manual_promotion: governor.is_some_and(|canary| canary.spec.promotion == Some(Promotion::Manual)),
        bake: governor.and_then(|canary| canary.spec.bake),
        counts,
        changes,
        next: next.map(|next| next.target),
    }
}

fn last_check(canary: &ApiCanary) -> Option<CheckView> {
    let Check { at, step: _, verdict: _, metrics } = canary.status.as_ref()?.checks.first()?.clone();
    let metrics = metrics.into_iter().map(|check| MetricView { unit: unit(canary, &check.name), check });
    Some(CheckView { at, metrics: metrics.collect() })
}

/// The unit of a metric, as the rustdoc of its source tells.
fn unit(canary: &ApiCanary, name: &str) -> Option<&'static str> {
    let metrics = canary.spec.analysis.as_ref()?.metrics.as_ref()?;
    let source = metrics.iter().find(|metric| metric.name == name)?.api_gateway.as_ref()?;
    Some(match source.metric {
        ApiGatewayMetric::ErrorRate5xx
        | ApiGatewayMetric::ErrorRate4xx
        | ApiGatewayMetric::SlowRequestRate
        | ApiGatewayMetric::CacheHitRate => "%",
        ApiGatewayMetric::LatencyP50
        | ApiGatewayMetric::LatencyP90
        | ApiGatewayMetric::LatencyP99
        | ApiGatewayMetric::LatencyAverage
        | ApiGatewayMetric::IntegrationLatencyP50
        | ApiGatewayMetric::IntegrationLatencyP90
        | ApiGatewayMetric::IntegrationLatencyP99
        | ApiGatewayMetric::IntegrationLatencyAverage => "ms",
    })
}
