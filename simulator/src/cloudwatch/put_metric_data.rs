//! `PutMetricData`: the way to seed data points of any metric.

use super::error::{invalid_combination, invalid_value, missing};
use super::metric::{API_GATEWAY, Datum, MetricId, dimensions, minute_of};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::{Input, Object};

/// Limits of AWS: data a call, values a datum, and how far a timestamp may lie from now, in seconds.
const MOST_DATA: usize = 1000;
const MOST_VALUES: usize = 150;
const OLDEST_SECONDS: f64 = 14.0 * 24.0 * 3600.0;
const NEWEST_SECONDS: f64 = 2.0 * 3600.0;

/// AWS's enum of units.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// One datum, read and checked.
struct Reading {
    metric: MetricId,
    minute: i64,
    unit: String,
    datum: Datum,
}

/// What is put is readable at once. Several data for one minute add up. AWS keeps namespaces that begin with `AWS/` to
/// itself; here `AWS/ApiGateway` is taken, because tests need it.
pub(super) fn put(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let namespace = body.string("Namespace")?.filter(|name| !name.is_empty()).ok_or_else(|| missing("Namespace"))?;
    let data = body.objects("MetricData")?;
    if !body.objects("EntityMetricData")?.is_empty() {
        return Err(invalid_value("The parameter EntityMetricData is not simulated. Send MetricData."));
    }
    if data.is_empty() {
        return Err(missing("MetricData"));
    }
    if namespace.chars().count() > 255 || !namespace.chars().all(in_namespace) {
        return Err(invalid_value(
            "The parameter Namespace must have at most 255 characters a-z A-Z 0-9 . - _ / # : and blanks.",
        ));
    }
    if namespace.starts_with("AWS/") && namespace != API_GATEWAY {
        return Err(invalid_value(format!("The value AWS/ for parameter Namespace is invalid: {namespace}.")));
    }
    if data.len() > MOST_DATA {
        return Err(invalid_value(format!(
            "MetricData has at most {MOST_DATA} members and this one has {}.",
            data.len()
        )));
    }
    let readings: Result<Vec<Reading>, ApiError> = data
        .iter()
        .enumerate()
        .map(|(index, datum)| {
            read(session, &namespace, datum, &format!("MetricData.member.{}", index.saturating_add(1)))
        })
        .collect();
    let now = session.now.as_second();
    for Reading { metric, minute, unit, datum } in readings? {
        session.region.cloudwatch.metrics.put(metric, minute, &unit, &datum, now);
    }
    Ok(Answer::no_body())
}

fn in_namespace(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || ".-_/#: ".contains(letter)
}

fn read(session: &Session<'_>, namespace: &str, datum: &Object<'_>, at: &str) -> Result<Reading, ApiError> {
    let name = datum.string("MetricName")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| missing(&format!("{at}.MetricName")))?;
    if name.chars().count() > 255 {
        return Err(invalid_value(format!("The parameter {at}.MetricName has more than 255 characters.")));
    }
    let unit = datum.string("Unit")?.unwrap_or_else(|| "None".to_owned());
    if !UNITS.contains(&unit.as_str()) {
        return Err(invalid_value(format!("The value {unit} for parameter {at}.Unit is invalid.")));
    }
    let now = session.now.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64();
    let timestamp = datum.number("Timestamp")?.unwrap_or(now);
    if !(now - OLDEST_SECONDS..=now + NEWEST_SECONDS).contains(&timestamp) {
        return Err(invalid_value(format!(
            "The parameter {at}.Timestamp must be no more than two weeks in the past and two hours in the future."
        )));
    }
    let metric = MetricId { namespace: namespace.to_owned(), name, dimensions: dimensions(datum, invalid_value)? };
    Ok(Reading { metric, minute: minute_of(whole_seconds(timestamp)), unit, datum: values(datum, at)? })
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked that it lies near now")]
fn whole_seconds(timestamp: f64) -> i64 {
    timestamp.floor() as i64
}

/// One of the three forms: a value, values with counts, a set of statistics.
fn values(datum: &Object<'_>, at: &str) -> Result<Datum, ApiError> {
    let value = datum.number("Value")?;
    let values = datum.numbers("Values")?.filter(|values| !values.is_empty());
    let counts = datum.numbers("Counts")?.filter(|counts| !counts.is_empty());
    let statistics = datum.object("StatisticValues")?;
    let forms = [value.is_some(), values.is_some(), statistics.is_some()];
    match forms.iter().filter(|given| **given).count() {
        1 => {}
        0 => return Err(missing(&format!("{at}.Value"))),
        _ => {
            let text = format!("The parameters Value, Values and StatisticValues of {at} exclude each other.");
            return Err(invalid_combination(text));
        }
    }
    if let Some(statistics) = statistics {
        return statistic_set(&statistics, at);
    }
    let values = values.or_else(|| value.map(|value| vec![value])).unwrap_or_default();
    if values.len() > MOST_VALUES {
        return Err(invalid_value(format!("{at}.Values has at most {MOST_VALUES} members.")));
    }
    values.iter().try_for_each(|value| in_range(*value, at))?;
    let counts = counts.unwrap_or_else(|| vec![1.0; values.len()]);
    if counts.len() != values.len() {
        return Err(invalid_value(format!("{at}.Values and {at}.Counts must have the same number of members.")));
    }
    if counts.iter().any(|count| *count <= 0.0) {
        return Err(invalid_value(format!("{at}.Counts must be more than 0.")));
    }
    counts.iter().try_for_each(|count| in_range(*count, at))?;
    Datum::of(values.into_iter().zip(counts).collect()).ok_or_else(|| missing(&format!("{at}.Value")))
}

fn statistic_set(statistics: &Object<'_>, at: &str) -> Result<Datum, ApiError> {
    let required = |name: &str| {
        let number = statistics.number(name)?.ok_or_else(|| missing(&format!("{at}.StatisticValues.{name}")))?;
        in_range(number, at).map(|()| number)
    };
    let (count, sum) = (required("SampleCount")?, required("Sum")?);
    let (minimum, maximum) = (required("Minimum")?, required("Maximum")?);
    if count <= 0.0 || minimum > maximum {
        return Err(invalid_value(format!(
            "{at}.StatisticValues needs a SampleCount of more than 0 and a Minimum that is not above its Maximum."
        )));
    }
    // Equal bounds tell every single value.
    let known = minimum.total_cmp(&maximum).is_eq();
    Ok(Datum { count, sum, minimum, maximum, values: known.then(|| vec![(minimum, count)]) })
}

/// AWS takes -2^360 to 2^360.
fn in_range(value: f64, at: &str) -> Result<(), ApiError> {
    if value.abs() <= 2_f64.powi(360) {
        return Ok(());
    }
    Err(invalid_value(format!("The value {value} of {at} must be from -2^360 to 2^360.")))
}
