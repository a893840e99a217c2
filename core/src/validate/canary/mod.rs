//! Turns an `ApiCanary` into the policy of a release: defaults applied, exclusive fields made one.
//!
//! The apiserver has refused what schema and CEL can refuse; this refuses it again, for objects that got past the schema (an
//! older definition, a restore), since an `ApiCanary` that is wrong still governs its stage and must say why nothing moves.
//! What the metrics mean is `analysis`.

mod governing;
mod invalid;
mod metric;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use governing::{governing, governs};
pub use invalid::InvalidCanary;
pub use webhook::Webhook;

use crate::analysis;
use crate::api::canary::{
    Analysis, ApiCanarySpec, ApprovalPolicy, CanarySeries, Guard, OnFailure, OnNoData, Promotion, Step as DeclaredStep,
};
use crate::api::duration::Duration as Span;
use crate::api::percent::Percent;

/// Steps that a policy has at most.
const MOST_STEPS: usize = 50;

/// Metrics that an analysis has at most.
const MOST_METRICS: usize = 20;

/// The shortest time between two checks.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);

/// How a release gets to all traffic: an `ApiCanary` with the defaults of the API version filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Name of the `ApiStage`, in the namespace of the `ApiCanary`.
    pub stage: String,
    /// The way up: 1 to 50, strictly rising.
    pub steps: Vec<Step>,
    /// How the release is judged; without metrics time and approvals alone move it.
    pub analysis: analysis::Policy,
    /// What must hold of the snapshot before the first step.
    pub guards: BTreeSet<Guard>,
    /// Variables that only the canary sees.
    pub stage_variable_overrides: BTreeMap<String, String>,
    /// Whether the canary uses the stage's cache; `None` depends on the stage and the release: yes, where there is a cache and
    /// the deployments differ.
    pub use_stage_cache: Option<bool>,
    /// Who promotes after the last step.
    pub promotion: Promotion,
    /// How long the whole stage is judged after promotion; `None`: not at all.
    pub bake: Option<Duration>,
    /// Among how many former targets one goes in at once; 0: none.
    pub fast_rollback: u32,
    /// What happens when too many checks fail.
    pub on_failure: OnFailure,
    /// How long a release may take.
    pub progress_deadline: Option<Duration>,
    /// Whom to ask or to tell, in the order of spec.
    pub webhooks: Vec<Webhook>,
    /// Whether nothing may be raised.
    pub suspended: bool,
}

/// One step on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The canary's share; above 0.
    pub percent: Percent,
    /// What ends the step, once its checks have passed.
    pub end: StepEnd,
}

/// What ends a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// This much time since it started.
    Hold(Duration),
    /// A person's word.
    Approval,
}

/// Reads the spec.
///
/// # Errors
///
/// [`InvalidCanary`], whose text becomes the condition's message.
pub fn policy(spec: &ApiCanarySpec) -> Result<Policy, InvalidCanary> {
    // No `..`: a new field that nobody reads must not compile.
    let ApiCanarySpec {
        stage_ref,
        steps,
        analysis,
        guards,
        stage_variable_overrides,
        use_stage_cache,
        promotion,
        bake,
        fast_rollback,
        on_failure,
        progress_deadline,
        webhooks,
        suspend,
    } = spec;
    if stage_ref.name.is_empty() {
        return Err(InvalidCanary::NoStage);
    }
    Ok(Policy {
        stage: stage_ref.name.clone(),
        steps: way_up(steps)?,
        analysis: judged_by(&analysis.clone().unwrap_or_default())?,
        guards: guards.clone().unwrap_or_default(),
        stage_variable_overrides: overrides(stage_variable_overrides.clone().unwrap_or_default())?,
        use_stage_cache: *use_stage_cache,
        promotion: promotion.unwrap_or(Promotion::Automatic),
        bake: bake.map(Span::get).filter(|bake| !bake.is_zero()),
        fast_rollback: fast_rollback.unwrap_or(1),
        on_failure: on_failure.unwrap_or(OnFailure::Rollback),
        progress_deadline: progress_deadline.map(Span::get),
        webhooks: webhook::webhooks(webhooks.as_deref().unwrap_or_default())?,
        suspended: suspend.unwrap_or(false),
    })
}

fn way_up(declared: &[DeclaredStep]) -> Result<Vec<Step>, InvalidCanary> {
    if declared.is_empty() {
        return Err(InvalidCanary::NoSteps);
    }
    if declared.len() > MOST_STEPS {
        return Err(InvalidCanary::TooMany { list: "spec.steps", found: declared.len(), most: MOST_STEPS });
    }
    let mut steps: Vec<Step> = Vec::with_capacity(declared.len());
    for (index, DeclaredStep { set_percent, hold, approval }) in declared.iter().enumerate() {
        let percent = Percent::exactly(*set_percent)
            .filter(|percent| *percent > Percent::ZERO)
            .ok_or(InvalidCanary::Percent { index, percent: *set_percent })?;
        if let Some(before) = steps.last().filter(|before| before.percent >= percent) {
            return Err(InvalidCanary::NotRising { index, percent, before: before.percent });
        }
        let end = match (hold, approval) {
            (Some(hold), None) => StepEnd::Hold(hold.get()),
            (None, Some(ApprovalPolicy::Required)) => StepEnd::Approval,
            (Some(_), Some(_)) | (None, None) => return Err(InvalidCanary::HoldOrApproval { index }),
        };
        steps.push(Step { percent, end });
    }
    Ok(steps)
}

fn judged_by(declared: &Analysis) -> Result<analysis::Policy, InvalidCanary> {
    let Analysis {
        interval,
        initial_delay,
        window,
        metric_delay,
        min_checks,
        min_requests,
        failure_limit,
        on_no_data,
        canary_series,
        custom_series,
        metrics,
    } = declared;
    let interval = interval.map_or(Duration::from_mins(1), Span::get);
    if interval < SHORTEST_INTERVAL {
        return Err(InvalidCanary::Interval { interval: interval.into() });
    }
    let window = match window.map(Span::get) {
        Some(window) if window.is_zero() || !window.as_secs().is_multiple_of(60) => {
            return Err(InvalidCanary::WindowMinutes { window: window.into() });
        }
        Some(window) if window < interval => {
            return Err(InvalidCanary::WindowShort { window: window.into(), interval: interval.into() });
        }
        Some(window) => window,
        None => Duration::from_mins(interval.as_secs().div_ceil(60).max(5)),
    };
    let at_least_one = |field, value: Option<u32>, default| match value {
        Some(0) => Err(InvalidCanary::Zero { field }),
        value => Ok(value.unwrap_or(default)),
    };
    let canary_series = match (canary_series.unwrap_or(CanarySeries::Auto), custom_series) {
        (CanarySeries::Auto, None) => analysis::CanarySeries::Auto,
        (CanarySeries::StageDimension, None) => analysis::CanarySeries::StageDimension,
        (CanarySeries::AccessLogs, None) => analysis::CanarySeries::AccessLogs,
        (CanarySeries::Custom, Some(series)) => {
            for text in series.canary.values().chain(series.stable.values()) {
                metric::known_placeholders("spec.analysis.customSeries", text)?;
            }
            analysis::CanarySeries::Custom {
                namespace: series.namespace.clone(),
                canary: series.canary.clone(),
                stable: series.stable.clone(),
            }
        }
        (CanarySeries::Custom, None)
        | (CanarySeries::Auto | CanarySeries::StageDimension | CanarySeries::AccessLogs, Some(_)) => {
            return Err(InvalidCanary::CustomSeries);
        }
    };
    let metrics = metrics.as_deref().unwrap_or_default();
    if metrics.len() > MOST_METRICS {
        let (list, found) = ("spec.analysis.metrics", metrics.len());
        return Err(InvalidCanary::TooMany { list, found, most: MOST_METRICS });
    }
    unique("spec.analysis.metrics", metrics.iter().map(|metric| metric.name.as_str()))?;
    Ok(analysis::Policy {
        interval,
        initial_delay: initial_delay.map_or(Duration::from_mins(2), Span::get),
        window,
        metric_delay: metric_delay.map_or(Duration::from_mins(3), Span::get),
        min_checks: at_least_one("spec.analysis.minChecks", *min_checks, 1)?,
        min_requests: at_least_one("spec.analysis.minRequests", *min_requests, 50)?.into(),
        failure_limit: failure_limit.unwrap_or(0),
        on_no_data: match on_no_data.unwrap_or(OnNoData::Hold) {
            OnNoData::Hold => analysis::OnNoData::Hold,
            OnNoData::Pass => analysis::OnNoData::Pass,
            OnNoData::Fail => analysis::OnNoData::Fail,
        },
        canary_series,
        metrics: metrics.iter().map(metric::metric).collect::<Result<_, _>>()?,
    })
}

/// What API Gateway takes for variables, overrides too.
fn overrides(declared: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, InvalidCanary> {
    for (name, value) in &declared {
        let is_name =
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_value = (1..=512).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&byte));
        if !is_name || !is_value {
            return Err(InvalidCanary::Override { name: name.chars().take(64).collect() });
        }
    }
    Ok(declared)
}

fn unique<'a>(list: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), InvalidCanary> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(InvalidCanary::Duplicate { list, name: name.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
