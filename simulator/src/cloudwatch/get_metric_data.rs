//! `GetMetricData`: statistics of metrics by period, and metric math over them, in pages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::error::{invalid_next_token, missing, validation};
use super::expression::Expression;
use super::math::{Context, Points, Worth};
use super::metric::{MetricId, dimensions, merge, minute_of};
use super::readout::View;
use super::statistic::Statistic;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::{Input, Object};

/// Limits of AWS: queries a call, and data points a page.
const MOST_QUERIES: usize = 500;
const MOST_DATAPOINTS: i32 = 100_800;

/// Periods that one query may span here: a year of minutes. AWS's own limit is not documented.
const MOST_PERIODS: i64 = 366 * 24 * 60;

/// Chains of expressions that refer to each other.
const DEEPEST: usize = 64;

struct Query {
    id: String,
    label: Option<String>,
    return_data: bool,
    source: Source,
}

enum Source {
    Metric { metric: MetricId, unit: Option<String>, period: i64, statistic: Statistic },
    Math { expression: Expression, text: String },
}

/// Seconds since 1970: `from` is part of the time, `until` is not.
#[derive(Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let given = body.objects("MetricDataQueries")?;
    if given.is_empty() {
        return Err(validation("The parameter MetricDataQueries is required."));
    }
    if given.len() > MOST_QUERIES {
        return Err(validation(format!("MetricDataQueries has at most {MOST_QUERIES} members.")));
    }
    let queries: Vec<Query> = given.iter().map(query).collect::<Result<_, _>>()?;
    let span = span(&body)?;
    let ascending = match body.string("ScanBy")?.as_deref() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            let text =
                format!("The value {other} for parameter ScanBy must be TimestampDescending or TimestampAscending.");
            return Err(validation(text));
        }
    };
    let most = body.integer("MaxDatapoints")?.unwrap_or(MOST_DATAPOINTS);
    let most = usize::try_from(most.min(MOST_DATAPOINTS)).ok().filter(|most| *most > 0);
    let most = most.ok_or_else(|| validation("The parameter MaxDatapoints must be 1 or more."))?;
    let token = body.string("NextToken")?;

    check_ids(&queries)?;
    let view = View { region: session.region, switches: session.switches, now: session.now };
    let mut evaluation = Evaluation {
        queries: &queries,
        view,
        span,
        results: BTreeMap::new(),
        periods: BTreeMap::new(),
        partial: BTreeSet::new(),
    };
    let mut shown = Vec::new();
    for query in queries.iter().filter(|query| query.return_data) {
        evaluation.evaluate(query, 0)?;
        let points = evaluation.results.get(&query.id).cloned().unwrap_or_default();
        let mut points: Vec<(i64, f64)> = points.into_iter().collect();
        if !ascending {
            points.reverse();
        }
        shown.push(Shown { query, points, partial: evaluation.partial.contains(&query.id) });
    }
    page(&shown, most, token.as_deref()).map(Answer::ok)
}

fn span(body: &Object<'_>) -> Result<Span, ApiError> {
    let instant = |name: &str| {
        let seconds = body.number(name)?.ok_or_else(|| missing(name))?;
        let known = (0.0..=253_402_300_799.0).contains(&seconds);
        known
            .then_some(seconds)
            .ok_or_else(|| validation(format!("The parameter {name} must be an instant from 1970 to 9999.")))
    };
    let (start, end) = (instant("StartTime")?, instant("EndTime")?);
    if start >= end {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    // The start is rounded down to the minute; a period that begins before the end belongs to the time.
    Ok(Span { from: minute_of(whole(start.floor())), until: whole(end.ceil()) })
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked that it lies before the year 10000")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn query(object: &Object<'_>) -> Result<Query, ApiError> {
    let id = object.string("Id")?.unwrap_or_default();
    let well_formed = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && id.len() <= 255;
    if !well_formed {
        let text = format!(
            "The value '{id}' for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        );
        return Err(validation(text));
    }
    let stat = object.object("MetricStat")?;
    let text = object.string("Expression")?;
    let source = match (stat, text) {
        (Some(stat), None) => metric_stat(&stat, &id)?,
        (None, Some(text)) => {
            // The period of an expression is that of its metrics; AWS takes the member and so do we.
            object.integer("Period")?;
            let expression = Expression::parse(&text)
                .map_err(|why| validation(format!("Error in expression '{id}' [{text}]: {why}.")))?;
            Source::Math { expression, text }
        }
        _ => return Err(validation(format!("The query '{id}' needs exactly one of MetricStat and Expression."))),
    };
    Ok(Query {
        label: object.string("Label")?.filter(|label| !label.is_empty()),
        return_data: object.boolean("ReturnData")?.unwrap_or(true),
        id,
        source,
    })
}

fn metric_stat(stat: &Object<'_>, id: &str) -> Result<Source, ApiError> {
    let required = |text: Option<String>, member: &str| {
        let text = text.filter(|text| !text.is_empty());
        text.ok_or_else(|| validation(format!("The query '{id}' needs MetricStat.{member}.")))
    };
    let metric = stat.object("Metric")?;
    let metric = metric.ok_or_else(|| validation(format!("The query '{id}' needs MetricStat.Metric.")))?;
    let named = required(stat.string("Stat")?, "Stat")?;
    let statistic = Statistic::parse(&named).ok_or_else(|| {
        validation(format!(
            "The value {named} for parameter MetricStat.Stat of the query '{id}' is not simulated. There are Sum, Average, \
             SampleCount, Minimum, Maximum, percentiles such as p99.9 and percentile ranks such as PR(:100)."
        ))
    })?;
    let period = i64::from(stat.integer("Period")?.unwrap_or_default());
    if period <= 0 || period % 60 != 0 || period > 86_400 * 365 {
        let text =
            format!("The value {period} for parameter MetricStat.Period of the query '{id}' must be a multiple of 60.");
        return Err(validation(text));
    }
    let metric = MetricId {
        namespace: required(metric.string("Namespace")?, "Metric.Namespace")?,
        name: required(metric.string("MetricName")?, "Metric.MetricName")?,
        dimensions: dimensions(&metric, validation)?,
    };
    Ok(Source::Metric { metric, unit: stat.string("Unit")?, period, statistic })
}

fn check_ids(queries: &[Query]) -> Result<(), ApiError> {
    let mut ids = BTreeSet::new();
    for query in queries {
        if !ids.insert(query.id.as_str()) {
            return Err(validation("The values for parameter Id in MetricDataQueries are not unique."));
        }
    }
    for query in queries {
        if let Source::Math { expression, text } = &query.source
            && let Some(unknown) = expression.queries().into_iter().find(|id| !ids.contains(id))
        {
            let at = &query.id;
            return Err(validation(format!(
                "Error in expression '{at}' [{text}]: there is no query with the Id {unknown}."
            )));
        }
    }
    Ok(())
}

struct Evaluation<'e> {
    queries: &'e [Query],
    view: View<'e>,
    span: Span,
    /// What is evaluated so far.
    results: BTreeMap<String, Points>,
    /// The period of each result.
    periods: BTreeMap<String, i64>,
    /// Ids whose data CloudWatch knows to be incomplete.
    partial: BTreeSet<String>,
}

impl Evaluation<'_> {
    /// Makes sure that the result of a query is there; gives the period of its data.
    fn evaluate(&mut self, query: &Query, depth: usize) -> Result<i64, ApiError> {
        if let Some(period) = self.periods.get(&query.id) {
            return Ok(*period);
        }
        let (points, period) = match &query.source {
            Source::Metric { metric, unit, period, statistic } => {
                (self.read(query, metric, unit.as_deref(), *period, *statistic)?, *period)
            }
            Source::Math { expression, text } => self.calculate(query, expression, text, depth)?,
        };
        self.results.insert(query.id.clone(), points);
        self.periods.insert(query.id.clone(), period);
        Ok(period)
    }

    fn read(
        &mut self,
        query: &Query,
        metric: &MetricId,
        unit: Option<&str>,
        period: i64,
        statistic: Statistic,
    ) -> Result<Points, ApiError> {
        let Span { from, until } = self.span;
        if until.saturating_sub(from) / period > MOST_PERIODS {
            return Err(validation(format!("The query '{}' asks for more than {MOST_PERIODS} periods.", query.id)));
        }
        // The last period is whole, even if the end lies in it.
        let end = grid_end(self.span, period);
        let readout = self.view.read(metric, unit, from, end);
        if readout.partial {
            self.partial.insert(query.id.clone());
        }
        let mut periods = BTreeMap::new();
        for (minute, datum) in &readout.minutes {
            let into = minute.saturating_sub(from).rem_euclid(period);
            merge(&mut periods, minute.saturating_sub(into), datum);
        }
        Ok(periods.into_iter().filter_map(|(at, datum)| Some((at, statistic.of(&datum)?))).collect())
    }

    fn calculate(
        &mut self,
        query: &Query,
        expression: &Expression,
        text: &str,
        depth: usize,
    ) -> Result<(Points, i64), ApiError> {
        let refuse = |why: &str| validation(format!("Error in expression '{}' [{text}]: {why}.", query.id));
        if depth > DEEPEST {
            return Err(refuse("expressions refer to each other in a circle"));
        }
        let mut period = None;
        let mut partial = false;
        let queries = self.queries;
        for id in expression.queries() {
            let Some(needed) = queries.iter().find(|other| other.id == id) else { continue };
            let its_period = self.evaluate(needed, depth.saturating_add(1))?;
            if period.is_some_and(|period| period != its_period) {
                return Err(refuse("its metrics have different periods, which is not simulated"));
            }
            period = Some(its_period);
            partial |= self.partial.contains(id);
        }
        let Some(period) = period else { return Err(refuse("it needs at least one metric")) };
        let step = usize::try_from(period).unwrap_or(60);
        let grid: Vec<i64> = (self.span.from..self.span.until).step_by(step).collect();
        let context = Context { results: &self.results, grid: &grid };
        let points = match context.worth(expression).map_err(|why| refuse(&why))? {
            Worth::Series(points) => points,
            Worth::Number(_) => return Err(refuse("it is a single number and must be a time series")),
        };
        if partial {
            self.partial.insert(query.id.clone());
        }
        Ok((points, period))
    }
}

fn grid_end(span: Span, period: i64) -> i64 {
    let length = span.until.saturating_sub(span.from);
    let periods = length.saturating_add(period.saturating_sub(1)) / period;
    span.from.saturating_add(periods.saturating_mul(period))
}

/// A result that is to be shown, its points in the order asked for.
struct Shown<'s> {
    query: &'s Query,
    points: Vec<(i64, f64)>,
    partial: bool,
}

/// A page of at most so many data points of all results together. The token is the number of points before it.
fn page(shown: &[Shown<'_>], most: usize, token: Option<&str>) -> Result<Value, ApiError> {
    let total: usize = shown.iter().map(|result| result.points.len()).sum();
    let first: usize = match token {
        None => 0,
        Some(token) => token.parse().ok().filter(|first| (1..total).contains(first)).ok_or_else(invalid_next_token)?,
    };
    let last = first.saturating_add(most).min(total);
    let mut results = Vec::new();
    // Index of the result's first point among all points.
    let mut before: usize = 0;
    for result in shown {
        let count = result.points.len();
        let begin = first.saturating_sub(before).min(count);
        let end = last.saturating_sub(before).min(count);
        let unfinished = before.saturating_add(count) > last;
        let ended_earlier = token.is_some() && begin == count;
        before = before.saturating_add(count);
        if ended_earlier {
            continue;
        }
        let points = result.points.get(begin..end).unwrap_or_default();
        let timestamps: Vec<i64> = points.iter().map(|(at, _)| *at).collect();
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        let label = result.query.label.clone().unwrap_or_else(|| match &result.query.source {
            Source::Metric { metric, .. } => metric.name.clone(),
            Source::Math { .. } => result.query.id.clone(),
        });
        let status = if unfinished || result.partial { "PartialData" } else { "Complete" };
        results.push(json!({
            "Id": result.query.id, "Label": label, "Timestamps": timestamps, "Values": values, "StatusCode": status,
        }));
    }
    let mut answer = json!({"MetricDataResults": results, "Messages": []});
    if let (true, Some(members)) = (last < total, answer.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!(last.to_string()));
    }
    Ok(answer)
}
