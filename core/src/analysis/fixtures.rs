//! A release and a policy for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::policy::{Bounds, CanarySeries, Metric, OnNoData, Policy, Preset, Source};
use super::query::{AlarmState, Ask, Query, Reading, Readings};
use super::subject::{Scene, Subject};
use crate::api::names::{DeploymentId, RestApiId, StageName};

/// A time of one day.
pub(super) fn at(time: &str) -> Timestamp {
    format!("2026-08-01T{time}Z").parse().unwrap()
}

/// The defaults, without metrics.
pub(super) fn policy() -> Policy {
    Policy {
        interval: Duration::from_mins(1),
        initial_delay: Duration::from_mins(2),
        window: Duration::from_mins(5),
        metric_delay: Duration::from_mins(3),
        min_checks: 1,
        min_requests: 50,
        failure_limit: 0,
        on_no_data: OnNoData::Hold,
        canary_series: CanarySeries::Auto,
        metrics: Vec::new(),
    }
}

/// A canary at 10 percent in its first step, which began when traffic changed.
pub(super) fn subject(changed: &str) -> Subject {
    Subject {
        rest_api_id: RestApiId::from("a1b2c3d4e5"),
        api_name: Some("orders".to_owned()),
        stage_name: StageName::from("prod"),
        stages: vec![StageName::from("prod")],
        canary_deployment_id: DeploymentId::from("dep-2"),
        stable_deployment_id: Some(DeploymentId::from("dep-1")),
        scene: Scene::Canary { step: 1, percent: 10.0 },
        began_at: at(changed),
        traffic_changed_at: at(changed),
        step_began_at: at(changed),
        stage_has_cache: false,
        canary_uses_cache: false,
        twin: None,
    }
}

/// What one side answered in each minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered {
    pub(super) requests: u32,
    pub(super) bad: u32,
    pub(super) p99: f64,
}

/// `CloudWatch` as a test sets it up: the same in every minute, but for what is taken away.
#[derive(Clone, Debug)]
pub(super) struct CloudWatch {
    pub(super) canary: Answered,
    pub(super) stable: Answered,
    /// Whether the stage's series holds the canary's requests.
    pub(super) inclusive: bool,
    /// Minutes of `{stage}` and of `{stage}/Canary` that are not there.
    pub(super) stage_gaps: Vec<i64>,
    pub(super) canary_gaps: Vec<i64>,
    /// Ids of queries whose answer is partial.
    pub(super) partial: bool,
    /// Requests of the REST API that no stage counts: another of the same name.
    pub(super) foreign: u32,
    pub(super) alarm: AlarmState,
    pub(super) scalar: f64,
}

impl CloudWatch {
    pub(super) fn with(canary: (u32, u32), stable: (u32, u32)) -> Self {
        let side = |(requests, bad), p99| Answered { requests, bad, p99 };
        Self {
            canary: side(canary, 400.0),
            stable: side(stable, 300.0),
            inclusive: false,
            stage_gaps: Vec::new(),
            canary_gaps: Vec::new(),
            partial: false,
            foreign: 0,
            alarm: AlarmState::Ok,
            scalar: 0.8,
        }
    }

    /// Answers like `CloudWatch`: minutes without requests are left out.
    pub(super) fn answer(&self, queries: &[Query]) -> Readings {
        queries.iter().map(|query| (query.id.clone(), self.reading(&query.ask))).collect()
    }

    fn reading(&self, ask: &Ask) -> Reading {
        match ask {
            Ask::Metric { metric, dimensions, statistic, period_minutes, window, namespace } => {
                let step = usize::try_from(*period_minutes).unwrap();
                let of = |at: i64| self.value(namespace, dimensions, metric, statistic, *period_minutes, at);
                let values = (window.from..window.until).step_by(step).filter_map(|at| Some((at, of(at)?))).collect();
                Reading::Series { values, complete: !self.partial }
            }
            Ask::Expression { window, .. } => {
                Reading::Series { values: [(window.from, self.scalar)].into(), complete: !self.partial }
            }
            Ask::Alarm { .. } => Reading::Alarm(self.alarm),
            Ask::Prometheus { .. } => Reading::Scalar(self.scalar),
            Ask::StageDimensions { .. } => Reading::Names(vec!["dev".to_owned(), "prod".to_owned()]),
        }
    }

    fn value(
        &self,
        namespace: &str,
        dimensions: &BTreeMap<String, String>,
        metric: &str,
        statistic: &str,
        period: i64,
        at: i64,
    ) -> Option<f64> {
        if namespace == "Own" {
            return Some(self.scalar);
        }
        let add = |one: Answered, other: Answered| Answered {
            requests: one.requests + other.requests,
            bad: one.bad + other.bad,
            p99: one.p99.max(other.p99),
        };
        let stage = dimensions.get("Stage").map(String::as_str);
        let is_canary =
            dimensions.get("Canary").map_or_else(|| stage == Some("prod/Canary"), |canary| canary == "true");
        let side = match stage {
            _ if is_canary => self.canary,
            Some("prod") if self.inclusive => add(self.canary, self.stable),
            Some("prod") => self.stable,
            None => {
                let foreign = Answered { requests: self.foreign, ..Answered::default() };
                add(add(self.canary, self.stable), foreign)
            }
            Some(_) => return None,
        };
        let gaps = if is_canary { &self.canary_gaps } else { &self.stage_gaps };
        if side.requests == 0 || (stage.is_some() && period == 1 && gaps.contains(&at)) {
            return None;
        }
        // Metric filters count what matches.
        if namespace == "Stagecraft/AccessLogs" && metric == "5XXError" && side.bad == 0 {
            return None;
        }
        Some(match (metric, statistic) {
            ("5XXError" | "4XXError" | "CacheHitCount", "Sum") => f64::from(side.bad),
            ("CacheMissCount", "Sum") => f64::from(side.requests - side.bad),
            ("Count" | "Latency" | "IntegrationLatency", "SampleCount") => f64::from(side.requests),
            ("Latency" | "IntegrationLatency", "Sum") => f64::from(side.requests) * side.p99 / 2.0,
            ("Latency", slow) if slow.starts_with("PR(") => f64::from(side.bad) / f64::from(side.requests) * 100.0,
            ("Latency" | "IntegrationLatency", _) => side.p99,
            other => panic!("{other:?}"),
        })
    }
}

/// A metric of API Gateway with bounds.
pub(super) fn gateway(preset: Preset, bounds: Bounds) -> Metric {
    metric(Source::ApiGateway(preset), bounds)
}

/// Some metric with bounds.
pub(super) fn metric(source: Source, bounds: Bounds) -> Metric {
    Metric { name: "it".to_owned(), source, bounds, failure_limit: None, dry_run: false }
}

/// The defaults with one metric.
pub(super) fn policy_of(metric: Metric) -> Policy {
    Policy { metrics: vec![metric], ..policy() }
}
