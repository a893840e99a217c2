//! The same releases through whole checks: windows, queries, answers, verdicts, and counts that are written and read back.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use stagecraft_core::analysis::{
    Ask, Bounds, CanarySeries, Due, Metric, OnNoData, Policy, Preset, Query, Reading, Scene, Source, Subject, judge,
    next_check, queries,
};
use stagecraft_core::api::counts::Counts;
use stagecraft_core::api::names::{DeploymentId, RestApiId, StageName};

use crate::play::Served;
use crate::rows::Row;

/// 2026-01-01T00:00:00Z, in minutes since 1970.
const START: i64 = 29_453_760;

/// The minute at whose end a check ends the release, from 1; `None` where none does.
pub(crate) fn aborted_at(row: &Row, minutes: &[Served]) -> Option<u32> {
    let (policy, subject) = (policy(row), subject());
    let mut counts = Counts::default();
    for number in 1..=u32::try_from(minutes.len()).unwrap_or(u32::MAX) {
        let now = at(START.saturating_add(i64::from(number)));
        let Due::Now(window) = next_check(&policy, &subject, &counts, now) else { continue };
        let readings = queries(&policy, &subject, window, &counts)
            .into_iter()
            .map(|query| (query.id.clone(), answer(&query, minutes)))
            .collect();
        let judged = judge(&policy, &subject, window, &readings, &counts, now);
        if judged.beyond_limit.is_some() {
            return Some(number);
        }
        counts = judged.counts;
    }
    None
}

/// What `CloudWatch` has of these minutes: none of a minute without requests.
fn answer(query: &Query, minutes: &[Served]) -> Reading {
    let Ask::Metric { metric, dimensions, window, .. } = &query.ask else {
        return Reading::Missing("only series are played here".to_owned());
    };
    let canary = dimensions.get("Stage").is_some_and(|stage| stage.ends_with("/Canary"));
    let mut values = BTreeMap::new();
    for (at, Served { minute, .. }) in (START..).zip(minutes) {
        let (bad, requests) =
            if canary { (minute.bad, minute.requests) } else { (minute.stable_bad, minute.stable_requests) };
        if requests > 0 && window.contains(at) {
            values.insert(at, number(if metric == "Count" { requests } else { bad }));
        }
    }
    Reading::Series { values, complete: true }
}

/// The defaults, without delays but the row's.
fn policy(row: &Row) -> Policy {
    let metric = Metric {
        name: "errors".to_owned(),
        source: Source::ApiGateway(Preset::ErrorRate5xx),
        bounds: Bounds::default(),
        failure_limit: None,
        dry_run: false,
    };
    Policy {
        interval: Duration::from_mins(1),
        initial_delay: Duration::ZERO,
        window: Duration::from_mins(5),
        metric_delay: Duration::from_mins(u64::from(row.scene.lag())),
        min_checks: 1,
        min_requests: 50,
        failure_limit: 0,
        on_no_data: OnNoData::Hold,
        canary_series: CanarySeries::StageDimension,
        metrics: vec![metric],
    }
}

fn subject() -> Subject {
    let began = at(START);
    Subject {
        rest_api_id: RestApiId::from("a1b2c3d4e5"),
        api_name: Some("orders".to_owned()),
        stage_name: StageName::from("prod"),
        stages: Vec::new(),
        canary_deployment_id: DeploymentId::from("dep-2"),
        stable_deployment_id: Some(DeploymentId::from("dep-1")),
        scene: Scene::Canary { step: 1, percent: 10.0 },
        began_at: began,
        traffic_changed_at: began,
        step_began_at: began,
        stage_has_cache: false,
        canary_uses_cache: false,
        twin: None,
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(minute.saturating_mul(60)).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "requests of a minute")]
fn number(count: u64) -> f64 {
    count as f64
}
