//! What the answers of the sources mean for a release.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::metric::{Look, Said};
use super::policy::{CanarySeries, Metric, OnNoData, Policy, Source};
use super::query::{Ask, Query, Readings};
use super::scope::{self, Told};
use super::subject::{Scene, Subject};
use super::window::{self, Window};
use crate::api::check::{Check, MetricCheck, Verdict};
use crate::api::counts::{Counts, Evidence, MetricCounts, Scope, Series};

/// What a check found, and what is remembered of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The check.
    pub check: Check,
    /// The counts with this check.
    pub counts: Counts,
    /// The sentence of the metric that failed more often than is borne: the release ends. `None`: it goes on.
    pub beyond_limit: Option<String>,
    /// Whole sentences about what a person should know once, such as what cannot be compared and why. At a release's first check
    /// only.
    pub warnings: Vec<String>,
}

/// What must be asked for a check over `window`.
#[must_use]
pub fn queries(policy: &Policy, subject: &Subject, window: Window, counts: &Counts) -> Vec<Query> {
    let mut queries: BTreeMap<String, Query> = BTreeMap::new();
    let mut add = |query: Query| match queries.get_mut(&query.id) {
        None => {
            queries.insert(query.id.clone(), query);
        }
        // Two metrics of one series: the longer time serves both.
        Some(known) => known.ask.widen(&query.ask),
    };
    for metric in judged(policy, window) {
        let remembered = counts.metrics.iter().find(|counts| counts.name == metric.name);
        metric.queries(policy, subject, window, remembered).into_iter().for_each(&mut add);
    }
    if must_verify(policy, subject, counts) && judged(policy, window).any(Metric::is_gateway) {
        scope::queries(subject, window::since_change(policy, subject, window)).into_iter().for_each(&mut add);
    }
    queries.into_values().collect()
}

/// Judges a release. `readings` answer [`queries`]; `counts` are those of the release so far.
#[must_use]
pub fn judge(
    policy: &Policy,
    subject: &Subject,
    window: Window,
    readings: &Readings,
    counts: &Counts,
    now: Timestamp,
) -> Judged {
    let mut counts = counts.clone();
    let first_check = counts.last_check_at.is_none();
    let clock_went_back = counts.last_check_at.as_ref().is_some_and(|last| last.0 > now);
    begin_step(&mut counts, subject);

    let scope = match verify(policy, subject, window, readings, &mut counts) {
        // Memory would be of a time that has not come.
        _ if clock_went_back => Err("the clock went back since the last check".to_owned()),
        scope => scope,
    };
    let look = Look { policy, subject, window, readings, scope };
    let mut metrics = Vec::new();
    let mut beyond_limit = None;
    for metric in judged(policy, window) {
        let remembered = counts.metrics.iter().find(|counts| counts.name == metric.name).cloned();
        let remembered =
            remembered.unwrap_or_else(|| MetricCounts { name: metric.name.clone(), ..MetricCounts::default() });
        let Said { check, counts: mut said } =
            if clock_went_back { look.nothing(metric, remembered) } else { look.judge(metric, &remembered) };
        if counts_as_fail(policy, window, &check) {
            said.fail = said.fail.saturating_add(1);
            let limit = metric.failure_limit.unwrap_or(policy.failure_limit);
            if !metric.dry_run && said.fail > limit {
                beyond_limit.get_or_insert_with(|| check.sentence.clone());
            }
        }
        remember(&mut counts, said);
        metrics.push(check);
    }
    counts.metrics.retain(|counts| policy.metrics.iter().any(|metric| metric.name == counts.name));

    let warnings = if first_check { warnings(subject, policy, &look.scope) } else { Vec::new() };
    let skipped = policy.metrics.iter().filter(|metric| !metric.dry_run).count()
        > metrics.iter().filter(|check| !check.dry_run).count();
    let raw = raw_verdict(policy, &metrics, skipped);
    let verdict = match (raw, policy.on_no_data) {
        (Verdict::NoData, OnNoData::Pass) if is_whole(policy, window) && !clock_went_back => Verdict::Pass,
        (Verdict::NoData, OnNoData::Fail) if is_whole(policy, window) && !clock_went_back => Verdict::Fail,
        (raw, _) => raw,
    };
    tally(&mut counts, raw, verdict, now);
    let step = match subject.scene {
        Scene::Canary { step, .. } => Some(step),
        Scene::Bake => None,
    };
    Judged { check: Check { at: Time(now), step, verdict, metrics }, counts, beyond_limit, warnings }
}

/// The metrics that a check over `window` looks at: over one that is not long enough yet, only those that gather evidence.
fn judged(policy: &Policy, window: Window) -> impl Iterator<Item = &Metric> {
    let whole = is_whole(policy, window);
    policy.metrics.iter().filter(move |metric| whole || metric.sequential().is_some())
}

fn is_whole(policy: &Policy, window: Window) -> bool {
    window.minutes() >= window::length(policy)
}

/// A new step counts its passes and its requests from 0. The evidence goes on.
fn begin_step(counts: &mut Counts, subject: &Subject) {
    let began = Time(subject.step_began_at);
    if counts.step_since.as_ref() == Some(&began) {
        return;
    }
    counts.step_since = Some(began);
    counts.step_pass = 0;
    for evidence in counts.metrics.iter_mut().filter_map(|counts| counts.evidence.as_mut()) {
        let Evidence { requests, stable_requests, requests_before_step, stable_requests_before_step, .. } = evidence;
        *requests_before_step = *requests;
        *stable_requests_before_step = *stable_requests;
    }
}

/// Whether the counts must still tell what the stage's series holds.
fn must_verify(policy: &Policy, subject: &Subject, counts: &Counts) -> bool {
    let known = counts.series.as_ref().is_some_and(|series| series.scope != Scope::Unknown);
    policy.canary_series == CanarySeries::Auto && matches!(subject.scene, Scene::Canary { .. }) && !known
}

/// What the stage's series holds, or why there is no verdict on the canary's.
fn verify(
    policy: &Policy,
    subject: &Subject,
    window: Window,
    readings: &Readings,
    counts: &mut Counts,
) -> Result<Scope, String> {
    if !must_verify(policy, subject, counts) {
        let known = counts.series.as_ref().map(|series| series.scope);
        return Ok(if policy.canary_series == CanarySeries::Auto {
            known.unwrap_or(Scope::Disjoint)
        } else {
            Scope::Disjoint
        });
    }
    match scope::find(subject, window::since_change(policy, subject, window), readings) {
        Told::Known(scope) => {
            let (canary, stable) = (subject.canary_dimension(), subject.stage_name.as_str().to_owned());
            counts.series = Some(Series { canary, stable, scope });
            Ok(scope)
        }
        Told::NotYet(why) | Told::NoSeries(why) => Err(why),
    }
}

/// Whether a metric's verdict is one more of the Fails that are borne.
fn counts_as_fail(policy: &Policy, window: Window, check: &MetricCheck) -> bool {
    match check.verdict {
        Verdict::Fail => true,
        Verdict::NoData => policy.on_no_data == OnNoData::Fail && is_whole(policy, window),
        Verdict::Pass => false,
    }
}

fn raw_verdict(policy: &Policy, metrics: &[MetricCheck], skipped: bool) -> Verdict {
    let mut deciding = metrics.iter().filter(|check| !check.dry_run).map(|check| check.verdict).peekable();
    if policy.metrics.is_empty() || deciding.peek().is_none() && skipped {
        return Verdict::NoData;
    }
    let verdicts: Vec<Verdict> = deciding.collect();
    if verdicts.contains(&Verdict::Fail) {
        Verdict::Fail
    } else if skipped || verdicts.contains(&Verdict::NoData) {
        Verdict::NoData
    } else {
        Verdict::Pass
    }
}

fn tally(counts: &mut Counts, raw: Verdict, verdict: Verdict, now: Timestamp) {
    let count = match verdict {
        Verdict::Pass => {
            counts.step_pass = counts.step_pass.saturating_add(1);
            &mut counts.pass
        }
        Verdict::Fail => &mut counts.fail,
        Verdict::NoData => &mut counts.no_data,
    };
    *count = count.saturating_add(1);
    counts.last_check_at = Some(Time(now));
    match raw {
        Verdict::NoData => {
            counts.no_data_since.get_or_insert(Time(now));
        }
        Verdict::Pass | Verdict::Fail => counts.no_data_since = None,
    }
}

fn remember(counts: &mut Counts, said: MetricCounts) {
    let MetricCounts { name: _, fail, evidence, baseline } = &said;
    let says_something = *fail > 0 || evidence.is_some() || baseline.is_some();
    match counts.metrics.iter_mut().find(|known| known.name == said.name) {
        Some(known) => *known = said,
        None if says_something => counts.metrics.push(said),
        None => {}
    }
}

fn warnings(subject: &Subject, policy: &Policy, scope: &Result<Scope, String>) -> Vec<String> {
    let mut warnings = BTreeSet::new();
    let measured = policy.metrics.iter().any(Metric::is_gateway);
    let of_stage_dimension = matches!(policy.canary_series, CanarySeries::Auto | CanarySeries::StageDimension);
    if let (Some(twin), true, true) = (&subject.twin, measured, of_stage_dimension) {
        warnings.insert(format!(
            "REST API {twin} has the same name as {} and a stage {} too, and CloudWatch counts the two together: apiGateway metrics have no data. Rename one of the two, or set canarySeries: AccessLogs.",
            subject.rest_api_id, subject.stage_name
        ));
    }
    if let (Ok(Scope::Unknown), true) = (scope, measured) {
        warnings.insert(format!(
            "CloudWatch's counts do not tell whether the series of stage {} holds the canary's requests: nothing is compared with the stable side yet. To say it yourself, set canarySeries.",
            subject.stage_name
        ));
    }
    for problem in policy.metrics.iter().filter_map(Metric::problem) {
        warnings.insert(problem);
    }
    warnings.into_iter().collect()
}

impl Metric {
    fn is_gateway(&self) -> bool {
        matches!(self.source, Source::ApiGateway(_))
    }
}

impl Ask {
    /// Takes in the time of another question that is the same else.
    fn widen(&mut self, other: &Self) {
        if let (Self::Metric { window, .. }, Self::Metric { window: other, .. }) = (self, other) {
            *window = Window { from: window.from.min(other.from), until: window.until.max(other.until) };
        }
    }
}
