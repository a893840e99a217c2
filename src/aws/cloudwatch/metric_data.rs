//! `GetMetricData`: as few calls as AWS's limits allow.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use stagecraft_core::analysis::{Ask, Reading, Window};
use stagecraft_core::cause::Cause;

use super::{Inner, missing};
use crate::aws::call::Call;
use crate::aws::error::Error;
use crate::aws::operation::Operation;

/// Queries a call; source: API reference, `GetMetricData`.
const MOST_QUERIES: usize = 500;

/// Pages of one call. 500 queries for 30 minutes fit into one; more than this would be an answer without an end.
const MOST_PAGES: usize = 20;

/// What a call answered so far, by the id of the query.
type Found = HashMap<String, (BTreeMap<i64, f64>, Option<StatusCode>)>;

impl Inner {
    pub(super) async fn metric_data(&self, asks: Vec<Ask>) -> Vec<(Ask, Reading)> {
        let calls = by_time(asks).into_iter().flat_map(|(window, asks)| {
            asks.chunks(MOST_QUERIES).map(|chunk| self.answered(window, chunk.to_vec())).collect::<Vec<_>>()
        });
        join_all(calls).await.into_iter().flatten().collect()
    }

    /// Answers some questions in one call. One that AWS refuses as a whole, because of one user's expression, is halved until
    /// that one is alone.
    fn answered(&self, window: Window, asks: Vec<Ask>) -> BoxFuture<'_, Vec<(Ask, Reading)>> {
        async move {
            match self.call(|| self.get_metric_data(window, &asks)).await {
                Ok(found) => asks.into_iter().enumerate().map(|(index, ask)| reading(index, ask, &found)).collect(),
                Err(error) if error.cause == Cause::Refused && asks.len() > 1 => {
                    let (left, right) = asks.split_at(asks.len() / 2);
                    let mut both = self.answered(window, left.to_vec()).await;
                    both.extend(self.answered(window, right.to_vec()).await);
                    both
                }
                Err(error) => asks.into_iter().map(|ask| (ask, missing(&error))).collect(),
            }
        }
        .boxed()
    }

    async fn get_metric_data(&self, window: Window, asks: &[Ask]) -> Result<Found, Error> {
        let queries: Vec<MetricDataQuery> =
            asks.iter().enumerate().filter_map(|(index, ask)| query(&id(index), ask)).collect();
        let mut found = Found::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = Call::new(Operation::GetMetricData).detail(format_args!("{} queries", queries.len()));
            let request = self
                .client
                .get_metric_data()
                .set_metric_data_queries(Some(queries.clone()))
                .start_time(DateTime::from_secs(window.start()))
                .end_time(DateTime::from_secs(window.end()))
                .scan_by(ScanBy::TimestampAscending)
                .set_next_token(token.take());
            let reply = self.caller.read(call, |gate| request.customize().interceptor(gate).send(), Some).await?;
            token = reply.next_token.filter(|token| !token.is_empty());
            for result in reply.metric_data_results.unwrap_or_default() {
                add(&mut found, result);
            }
            if token.is_none() {
                return Ok(found);
            }
        }
        Err(Error::unanswered(Operation::GetMetricData, Cause::ServiceFailed, "its pages do not come to an end"))
    }
}

/// The calls that are needed: a value for a whole window must be asked for over just this window, since its period counts from
/// the start of the call. Values of single minutes ride along where their time is covered.
fn by_time(asks: Vec<Ask>) -> BTreeMap<Window, Vec<Ask>> {
    let mut calls: BTreeMap<Window, Vec<Ask>> = BTreeMap::new();
    let mut minutes = Vec::new();
    for ask in asks {
        match &ask {
            Ask::Metric { period_minutes: 1, window, .. } => minutes.push((*window, ask)),
            Ask::Metric { window, .. } | Ask::Expression { window, .. } => calls.entry(*window).or_default().push(ask),
            Ask::Alarm { .. } | Ask::Prometheus { .. } | Ask::StageDimensions { .. } => {}
        }
    }
    let covers = |outer: &Window, inner: &Window| outer.from <= inner.from && inner.until <= outer.until;
    let mut rest = Vec::new();
    for (window, ask) in minutes {
        match calls.iter_mut().find(|(outer, asks)| covers(outer, &window) && asks.len() < MOST_QUERIES) {
            Some((_, asks)) => asks.push(ask),
            None => rest.push((window, ask)),
        }
    }
    let union = rest
        .iter()
        .map(|(window, _)| *window)
        .reduce(|one, other| Window { from: one.from.min(other.from), until: one.until.max(other.until) });
    if let Some(union) = union {
        calls.entry(union).or_default().extend(rest.into_iter().map(|(_, ask)| ask));
    }
    calls
}

fn id(index: usize) -> String {
    format!("q{index}")
}

/// A question as AWS takes it.
fn query(id: &str, ask: &Ask) -> Option<MetricDataQuery> {
    let seconds = |minutes: i64| i32::try_from(minutes.saturating_mul(60)).unwrap_or(i32::MAX);
    let query = MetricDataQuery::builder().id(id);
    match ask {
        Ask::Metric { namespace, metric, dimensions, statistic, period_minutes, window: _ } => {
            let dimensions =
                dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect();
            let metric =
                Metric::builder().namespace(namespace).metric_name(metric).set_dimensions(Some(dimensions)).build();
            let stat = MetricStat::builder().metric(metric).period(seconds(*period_minutes)).stat(statistic).build();
            Some(query.metric_stat(stat).build())
        }
        Ask::Expression { expression, period_minutes, window: _ } => {
            Some(query.expression(expression).period(seconds(*period_minutes)).build())
        }
        Ask::Alarm { .. } | Ask::Prometheus { .. } | Ask::StageDimensions { .. } => None,
    }
}

fn add(found: &mut Found, result: MetricDataResult) {
    let MetricDataResult { id, timestamps, values, status_code, .. } = result;
    let (values_so_far, status) = found.entry(id.unwrap_or_default()).or_default();
    for (at, value) in timestamps.unwrap_or_default().iter().zip(values.unwrap_or_default()) {
        values_so_far.insert(at.secs().div_euclid(60), value);
    }
    // The last page of a query tells whether it is complete.
    *status = status_code;
}

fn reading(index: usize, ask: Ask, found: &Found) -> (Ask, Reading) {
    let window = match &ask {
        Ask::Metric { window, .. } | Ask::Expression { window, .. } => *window,
        Ask::Alarm { .. } | Ask::Prometheus { .. } | Ask::StageDimensions { .. } => {
            return (ask, missing("it is no metric"));
        }
    };
    let answer = match found.get(&id(index)) {
        None => missing("CloudWatch left it out of its answer"),
        Some((values, status)) => match status {
            Some(StatusCode::Forbidden) => missing("CloudWatch may not be asked for this metric (Forbidden)"),
            Some(StatusCode::InternalError) => missing("CloudWatch failed (InternalError)"),
            status => Reading::Series {
                values: values.range(window.from..window.until).map(|(at, value)| (*at, *value)).collect(),
                complete: *status == Some(StatusCode::Complete),
            },
        },
    };
    (ask, answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(metric: &str, period_minutes: i64, from: i64, until: i64) -> Ask {
        Ask::Metric {
            namespace: "AWS/ApiGateway".to_owned(),
            metric: metric.to_owned(),
            dimensions: BTreeMap::new(),
            statistic: "Sum".to_owned(),
            period_minutes,
            window: Window { from, until },
        }
    }

    #[test]
    fn minutes_ride_along_where_their_time_is_covered() {
        let (percentile, inside, late) = (ask("p", 5, 10, 15), ask("a", 1, 10, 15), ask("b", 1, 3, 15));
        let calls = by_time(vec![percentile.clone(), inside.clone(), late.clone()]);
        let expected = BTreeMap::from([
            (Window { from: 3, until: 15 }, vec![late]),
            (Window { from: 10, until: 15 }, vec![percentile, inside]),
        ]);
        assert_eq!(calls, expected);
    }

    #[test]
    fn minutes_alone_are_one_call_over_all_their_time() {
        let calls = by_time(vec![ask("a", 1, 10, 15), ask("b", 1, 3, 8)]);
        assert_eq!(calls.keys().copied().collect::<Vec<_>>(), [Window { from: 3, until: 15 }]);
    }
}
