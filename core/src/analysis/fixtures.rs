//! A release and a policy for tests.

use std::time::Duration;

use jiff::Timestamp;

use super::policy::{CanarySeries, OnNoData, Policy};
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
