//! `ListMetrics`: which metrics have data.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::error::{invalid_next_token, invalid_value};
use super::metric::MetricId;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::traffic;
use crate::wire::input::Input;

/// Metrics a page.
const PAGE: usize = 500;

/// Metrics that were silent for so long are not listed, in seconds.
const TWO_WEEKS: i64 = 14 * 24 * 3600;
const THREE_HOURS: i64 = 3 * 3600;

pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let namespace = body.string("Namespace")?;
    let name = body.string("MetricName")?;
    let mut filters = Vec::new();
    for filter in body.objects("Dimensions")? {
        let dimension = filter.string("Name")?.filter(|name| !name.is_empty());
        let dimension = dimension.ok_or_else(|| invalid_value("A dimension filter needs a Name."))?;
        filters.push((dimension, filter.string("Value")?));
    }
    let silent_for = match body.string("RecentlyActive")?.as_deref() {
        None => TWO_WEEKS,
        Some("PT3H") => THREE_HOURS,
        Some(other) => {
            return Err(invalid_value(format!("The value {other} for parameter RecentlyActive must be PT3H.")));
        }
    };
    let token = body.string("NextToken")?;

    let now = session.now.as_second();
    let since = now.saturating_sub(silent_for);
    let region = &session.region;
    let put = region
        .cloudwatch
        .metrics
        .all()
        .filter(|(_, series)| series.last_key_value().is_some_and(|((minute, _), _)| *minute >= since));
    let mut metrics: BTreeSet<MetricId> = put.map(|(metric, _)| metric.clone()).collect();
    metrics.extend(traffic::emitted::listed(&region.traffic, since, session.now, session.switches));
    metrics.retain(|metric| {
        let has = |(name, value): &(String, Option<String>)| {
            metric.dimensions.get(name).is_some_and(|own| value.as_ref().is_none_or(|value| value == own))
        };
        namespace.as_ref().is_none_or(|wanted| *wanted == metric.namespace)
            && name.as_ref().is_none_or(|wanted| *wanted == metric.name)
            && filters.iter().all(has)
    });

    let first = match token {
        None => 0,
        Some(token) => token.parse().ok().filter(|first| *first < metrics.len()).ok_or_else(invalid_next_token)?,
    };
    let page: Vec<Value> = metrics.iter().skip(first).take(PAGE).map(MetricId::view).collect();
    let next = first.saturating_add(PAGE);
    let mut answer = json!({"Metrics": page});
    if let (true, Some(members)) = (next < metrics.len(), answer.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!(next.to_string()));
    }
    Ok(Answer::ok(answer))
}
