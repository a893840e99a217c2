//! The two sides of a stage as `CloudWatch` counts them: which series hold them, and what those say.

use std::collections::BTreeMap;

use super::policy::{CanarySeries, Latency, Policy, Preset};
use super::query::{Ask, Query, Reading, Readings};
use super::subject::Subject;
use super::window::Window;
use crate::api::counts::Scope;

/// Namespace of API Gateway's own metrics.
const API_GATEWAY: &str = "AWS/ApiGateway";

/// Namespace of the metrics that `docs/analysis.md` tells how to make from access logs.
const ACCESS_LOGS: &str = "Stagecraft/AccessLogs";

/// A side with so many requests a minute has none without: one minute in 148 is empty by chance.
const DENSE: f64 = 5.0;

/// A series, by whose requests it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The canary's.
    Canary,
    /// What is counted for the stage: the stable side, or everything.
    Stage,
}

/// A metric and its statistic.
type Statistic = (&'static str, &'static str);

/// How a preset is made from series.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measure {
    /// `scale * part / whole`, both sums that can be added up and subtracted.
    Quotient {
        part: (&'static str, String),
        whole: Vec<Statistic>,
        scale: f64,
        /// `part` is a percentage of the whole, minute by minute, and not a sum.
        part_in_percent: bool,
        /// Each request counts once at most.
        is_share: bool,
    },
    /// A percentile of the whole window.
    Percentile(Statistic),
}

/// Sums of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) part: f64,
    pub(super) whole: f64,
}

/// Sums by minute.
pub(super) type Minutes = BTreeMap<i64, Sums>;

const COUNT: Statistic = ("Count", "SampleCount");

impl Measure {
    pub(super) fn of(preset: Preset) -> Self {
        let quotient = |part: Statistic, whole: &[Statistic], scale: f64| Self::Quotient {
            part: (part.0, part.1.to_owned()),
            whole: whole.to_vec(),
            scale,
            part_in_percent: false,
            is_share: scale > 1.0,
        };
        let latency = |metric: &'static str, latency: Latency| match latency {
            Latency::P50 => Self::Percentile((metric, "p50")),
            Latency::P90 => Self::Percentile((metric, "p90")),
            Latency::P99 => Self::Percentile((metric, "p99")),
            Latency::Average => quotient((metric, "Sum"), &[(metric, "SampleCount")], 1.0),
        };
        match preset {
            Preset::ErrorRate5xx => quotient(("5XXError", "Sum"), &[COUNT], 100.0),
            Preset::ErrorRate4xx => quotient(("4XXError", "Sum"), &[COUNT], 100.0),
            Preset::CacheHitRate => {
                let hits = ("CacheHitCount", "Sum");
                quotient(hits, &[hits, ("CacheMissCount", "Sum")], 100.0)
            }
            Preset::SlowRequestRate { threshold_ms } => Self::Quotient {
                // Percentile rank of what lies above the threshold; source: CloudWatch user guide, "Statistics definitions".
                part: ("Latency", format!("PR({threshold_ms}:)")),
                whole: vec![("Latency", "SampleCount")],
                scale: 100.0,
                part_in_percent: true,
                is_share: true,
            },
            Preset::Latency(which) => latency("Latency", which),
            Preset::IntegrationLatency(which) => latency("IntegrationLatency", which),
        }
    }

    /// The queries that it needs of one side. Sums are asked for over `minutes`, percentiles over the window.
    pub(super) fn queries(
        &self,
        policy: &Policy,
        subject: &Subject,
        side: Side,
        window: Window,
        minutes: Window,
    ) -> Vec<Query> {
        let sum = |metric: &str, statistic: &str| query(policy, subject, side, (metric, statistic), 1, minutes);
        match self {
            Self::Quotient { part, whole, .. } => std::iter::once(sum(part.0, &part.1))
                .chain(whole.iter().map(|(metric, statistic)| sum(metric, statistic)))
                .collect(),
            Self::Percentile(statistic) => {
                let percentile = query(policy, subject, side, *statistic, window.minutes(), window);
                vec![percentile, sum(COUNT.0, COUNT.1)]
            }
        }
    }

    /// The sums of one side by minute; of a percentile the requests alone. A minute that lacks one of its sums is left out.
    pub(super) fn minutes(&self, policy: &Policy, side: Side, readings: &Readings) -> Result<Minutes, String> {
        let sparse = policy.canary_series.counts_bad_responses_alone();
        let Self::Quotient { part, whole, part_in_percent, is_share, .. } = self else {
            let requests = series(readings, &id(side, COUNT.0, COUNT.1, 1))?;
            return requests.iter().map(|(at, whole)| Ok((*at, Sums { part: 0.0, whole: sum(*whole)? }))).collect();
        };
        let parts = series(readings, &id(side, part.0, &part.1, 1))?;
        let mut wholes: BTreeMap<i64, (usize, f64)> = BTreeMap::new();
        for (metric, statistic) in whole {
            for (at, number) in series(readings, &id(side, metric, statistic, 1))? {
                let (terms, so_far) = wholes.entry(*at).or_default();
                *terms = terms.saturating_add(1);
                *so_far += sum(*number)?;
            }
        }
        let mut minutes = Minutes::new();
        for (at, (terms, all)) in wholes {
            let part = match parts.get(&at) {
                _ if terms < whole.len() => continue,
                Some(part) => sum(*part)?,
                // Where only bad responses are counted, none is nothing.
                None if sparse => 0.0,
                None => continue,
            };
            let whole = all;
            let part = if *part_in_percent { (part / 100.0 * whole).round() } else { part };
            if *is_share && part > whole + 0.5 {
                return Err(format!("CloudWatch counts {part} bad responses in a minute of {whole} requests"));
            }
            minutes.insert(at, Sums { part, whole });
        }
        Ok(minutes)
    }

    /// The value of a whole window that its sources give directly, for a percentile.
    pub(super) fn percentile(&self, side: Side, window: Window, readings: &Readings) -> Result<f64, String> {
        let Self::Percentile((metric, statistic)) = self else { return Err("it is no percentile".to_owned()) };
        let values = series(readings, &id(side, metric, statistic, window.minutes()))?;
        let value =
            values.get(&window.from).ok_or_else(|| format!("CloudWatch has no {statistic} of these minutes"))?;
        sum(*value)
    }
}

impl CanarySeries {
    /// Whether a minute without bad responses has no data about them: API Gateway counts a 0 for each good one, metric filters
    /// count what matches.
    fn counts_bad_responses_alone(&self) -> bool {
        match self {
            Self::Auto | Self::StageDimension => false,
            Self::AccessLogs | Self::Custom { .. } => true,
        }
    }
}

/// The stable side's sums: the stage's, less the canary's where the stage's series holds these too.
pub(super) fn stable(scope: Scope, stage: &Minutes, canary: &Minutes) -> Result<Minutes, String> {
    match scope {
        Scope::Disjoint => Ok(stage.clone()),
        Scope::Unknown => {
            Err("CloudWatch's counts do not tell yet whether the stage's series holds the canary's requests too"
                .to_owned())
        }
        Scope::Inclusive => {
            let mut stable = Minutes::new();
            for (at, all) in stage {
                let own = canary.get(at).copied().unwrap_or_default();
                let rest = Sums { part: all.part - own.part, whole: all.whole - own.whole };
                if rest.part < -0.5 || rest.whole < -0.5 {
                    return Err("CloudWatch counts more for the canary than for the whole stage".to_owned());
                }
                stable.insert(*at, Sums { part: rest.part.max(0.0), whole: rest.whole.max(0.0) });
            }
            Ok(stable)
        }
    }
}

/// The sum over a window; an error where minutes are missing that cannot be empty by chance.
pub(super) fn total(minutes: &Minutes, window: Window) -> Result<Sums, String> {
    let mut total = Sums::default();
    let mut present: i64 = 0;
    for (_, sums) in minutes.range(window.from..window.until) {
        total.part += sums.part;
        total.whole += sums.whole;
        present = present.saturating_add(1);
    }
    let missing = window.minutes().saturating_sub(present);
    let dense = present > 0 && total.whole / minutes_as_number(present) >= DENSE;
    if missing > 0 && dense {
        let (of, verb) = (window.minutes(), if missing == 1 { "is" } else { "are" });
        return Err(format!("{missing} of {of} minutes {verb} not in CloudWatch yet"));
    }
    Ok(total)
}

/// The queries for the number of requests in some series.
pub(super) fn query(
    policy: &Policy,
    subject: &Subject,
    side: Side,
    (metric, statistic): (&str, &str),
    period_minutes: i64,
    window: Window,
) -> Query {
    let (namespace, dimensions) = place(policy, subject, side, window);
    let ask = Ask::Metric {
        namespace,
        metric: metric.to_owned(),
        dimensions,
        statistic: statistic.to_owned(),
        period_minutes,
        window,
    };
    Query { id: id(side, metric, statistic, period_minutes), ask }
}

/// The id of a query.
pub(super) fn id(side: Side, metric: &str, statistic: &str, period_minutes: i64) -> String {
    let side = match side {
        Side::Canary => "canary",
        Side::Stage => "stage",
    };
    format!("{side}.{metric}.{statistic}.{period_minutes}")
}

/// Where the series of a side are.
fn place(policy: &Policy, subject: &Subject, side: Side, window: Window) -> (String, BTreeMap<String, String>) {
    match &policy.canary_series {
        CanarySeries::Auto | CanarySeries::StageDimension => {
            let stage = match side {
                Side::Canary => subject.canary_dimension(),
                Side::Stage => subject.stage_name.as_str().to_owned(),
            };
            (API_GATEWAY.to_owned(), dimensions(&[("ApiName", &subject.api_dimension()), ("Stage", &stage)]))
        }
        CanarySeries::AccessLogs => {
            let is_canary = if side == Side::Canary { "true" } else { "false" };
            let of = [
                ("ApiId", subject.rest_api_id.as_str()),
                ("Stage", subject.stage_name.as_str()),
                ("Canary", is_canary),
            ];
            (ACCESS_LOGS.to_owned(), dimensions(&of))
        }
        CanarySeries::Custom { namespace, canary, stable } => {
            let templates = if side == Side::Canary { canary } else { stable };
            let filled =
                templates.iter().map(|(name, value)| (name.clone(), subject.fill(value, window.minutes()))).collect();
            (namespace.clone(), filled)
        }
    }
}

/// A query for the requests of any value of `Stage`, or of the whole REST API.
pub(super) fn requests_of(subject: &Subject, stage: Option<&str>, id: String, window: Window) -> Query {
    let api_name = subject.api_dimension();
    let mut of = vec![("ApiName", api_name.as_str())];
    of.extend(stage.map(|stage| ("Stage", stage)));
    let ask = Ask::Metric {
        namespace: API_GATEWAY.to_owned(),
        metric: COUNT.0.to_owned(),
        dimensions: dimensions(&of),
        statistic: COUNT.1.to_owned(),
        period_minutes: 1,
        window,
    };
    Query { id, ask }
}

/// The id of the requests of a side.
pub(super) fn requests_id(side: Side) -> String {
    id(side, COUNT.0, COUNT.1, 1)
}

fn dimensions(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A complete series, or why there is none.
pub(super) fn series<'r>(readings: &'r Readings, id: &str) -> Result<&'r BTreeMap<i64, f64>, String> {
    match readings.get(id) {
        Some(Reading::Series { values, complete: true }) => Ok(values),
        Some(Reading::Series { complete: false, .. }) => Err("CloudWatch says that its data are partial".to_owned()),
        Some(Reading::Missing(why)) => Err(why.clone()),
        Some(Reading::Scalar(_) | Reading::Alarm(_) | Reading::Names(_)) => {
            Err("the source answered another question".to_owned())
        }
        None => Err("the source did not answer".to_owned()),
    }
}

/// A sum of counts or times, which is a number from 0 on.
fn sum(number: f64) -> Result<f64, String> {
    if number.is_finite() && number >= 0.0 { Ok(number) } else { Err(format!("CloudWatch answered {number}")) }
}

#[expect(clippy::cast_precision_loss, reason = "minutes of a window")]
fn minutes_as_number(minutes: i64) -> f64 {
    minutes as f64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Four of five minutes are there.
    #[rstest]
    #[case::five_a_minute_leave_no_minute_empty(5.0, Err("1 of 5 minutes is not in CloudWatch yet"))]
    #[case::fewer_may(4.975, Ok(19.9))]
    fn a_minute_that_is_missing_may_be_empty_where_there_are_few_requests(
        #[case] a_minute: f64,
        #[case] expected: Result<f64, &str>,
    ) {
        let minutes: Minutes = (0..4).map(|at| (at, Sums { part: 0.0, whole: a_minute })).collect();
        let found = total(&minutes, Window { from: 0, until: 5 }).map(|sums| sums.whole);
        assert_eq!(found, expected.map_err(str::to_owned));
    }
}
