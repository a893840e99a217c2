//! Alarms as plain state: what was put, and the state that somebody set. Nothing evaluates them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::error::{invalid_next_token, resource_not_found, validation};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::{Input, Object};

/// AWS's enums.
const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];
const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

/// Alarms a page of `DescribeAlarms`, by default and at most.
const DEFAULT_RECORDS: i32 = 50;
const MOST_RECORDS: i32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Kind {
    Metric,
    Composite,
}

#[derive(Debug, Clone, Serialize)]
struct Alarm {
    kind: Kind,
    /// What was put, by AWS's member names.
    settings: Map<String, Value>,
    state: String,
    reason: String,
    reason_data: Option<String>,
    configured: Timestamp,
    state_set: Timestamp,
    state_changed: Timestamp,
}

/// Alarms of an account in a Region, by name.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Alarms {
    by_name: BTreeMap<String, Alarm>,
}

impl Alarm {
    fn view(&self, arn: String) -> Value {
        let mut view = Map::new();
        view.insert("AlarmArn".to_owned(), Value::String(arn));
        view.extend(self.settings.clone());
        view.insert("AlarmConfigurationUpdatedTimestamp".to_owned(), json!(self.configured.as_second()));
        view.insert("StateValue".to_owned(), json!(self.state));
        view.insert("StateReason".to_owned(), json!(self.reason));
        if let Some(data) = &self.reason_data {
            view.insert("StateReasonData".to_owned(), json!(data));
        }
        view.insert("StateUpdatedTimestamp".to_owned(), json!(self.state_set.as_second()));
        view.insert("StateTransitionedTimestamp".to_owned(), json!(self.state_changed.as_second()));
        Value::Object(view)
    }
}

fn arn(session: &Session<'_>, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", session.region_name, session.account)
}

/// A text that must be there and not be empty.
fn required(body: &Object<'_>, member: &str) -> Result<String, ApiError> {
    let text = body.string(member)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| validation(format!("The parameter {member} is required.")))
}

fn one_of(member: &str, value: &str, choices: &[&str]) -> Result<(), ApiError> {
    if choices.contains(&value) {
        return Ok(());
    }
    let text = format!("The value {value} for parameter {member} must be one of {}.", choices.join(", "));
    Err(validation(text))
}

/// What both kinds of alarms share.
fn common(body: &Object<'_>) -> Result<(String, Map<String, Value>), ApiError> {
    let name = required(body, "AlarmName")?;
    if name.chars().count() > 255 {
        return Err(validation("The parameter AlarmName has more than 255 characters."));
    }
    let mut settings = Map::new();
    settings.insert("AlarmName".to_owned(), json!(name));
    if let Some(text) = body.string("AlarmDescription")? {
        settings.insert("AlarmDescription".to_owned(), json!(text));
    }
    settings.insert("ActionsEnabled".to_owned(), json!(body.boolean("ActionsEnabled")?.unwrap_or(true)));
    for member in ["OKActions", "AlarmActions", "InsufficientDataActions"] {
        settings.insert(member.to_owned(), json!(body.strings(member)?.unwrap_or_default()));
    }
    Ok((name, settings))
}

pub(super) fn put_metric_alarm(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let (name, mut settings) = common(&body)?;
    for member in [
        "MetricName",
        "Namespace",
        "Statistic",
        "ExtendedStatistic",
        "Unit",
        "TreatMissingData",
        "EvaluateLowSampleCountPercentile",
        "ThresholdMetricId",
    ] {
        if let Some(text) = body.string(member)? {
            settings.insert(member.to_owned(), json!(text));
        }
    }
    for member in ["Period", "EvaluationPeriods", "DatapointsToAlarm"] {
        if let Some(number) = body.integer(member)? {
            if number < 1 {
                return Err(validation(format!("The value {number} for parameter {member} must be 1 or more.")));
            }
            settings.insert(member.to_owned(), json!(number));
        }
    }
    if let Some(threshold) = body.number("Threshold")? {
        settings.insert("Threshold".to_owned(), json!(threshold));
    }
    let comparison = required(&body, "ComparisonOperator")?;
    one_of("ComparisonOperator", &comparison, &COMPARISONS)?;
    settings.insert("ComparisonOperator".to_owned(), json!(comparison));
    if !settings.contains_key("EvaluationPeriods") {
        return Err(validation("The parameter EvaluationPeriods is required."));
    }
    // Read for their form; kept as they came.
    let queries = body.objects("Metrics")?;
    let dimensions = super::metric::dimensions(&body, validation)?;
    let kept = |member: &str| call.body.get(member).cloned().unwrap_or_else(|| json!([]));
    if queries.is_empty() {
        check_single_metric(&settings)?;
        let dimension = |(name, value): (&String, &String)| json!({"Name": name, "Value": value});
        settings.insert("Dimensions".to_owned(), dimensions.iter().map(dimension).collect());
    } else if settings.contains_key("MetricName") {
        return Err(validation("The parameters MetricName and Metrics exclude each other."));
    } else {
        settings.insert("Metrics".to_owned(), kept("Metrics"));
    }
    put(session, name, Kind::Metric, settings)
}

fn check_single_metric(settings: &Map<String, Value>) -> Result<(), ApiError> {
    for member in ["MetricName", "Namespace", "Period", "Threshold"] {
        if !settings.contains_key(member) {
            return Err(validation(format!("The parameter {member} is required where Metrics is not given.")));
        }
    }
    match (settings.get("Statistic").and_then(Value::as_str), settings.get("ExtendedStatistic").and_then(Value::as_str))
    {
        (Some(statistic), None) => one_of("Statistic", statistic, &STATISTICS),
        (None, Some(_)) => Ok(()),
        _ => Err(validation("The alarm needs exactly one of Statistic and ExtendedStatistic.")),
    }
}

pub(super) fn put_composite_alarm(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let (name, mut settings) = common(&body)?;
    settings.insert("AlarmRule".to_owned(), json!(required(&body, "AlarmRule")?));
    put(session, name, Kind::Composite, settings)
}

/// A new alarm knows nothing yet; one that is put again keeps its state.
fn put(session: &mut Session<'_>, name: String, kind: Kind, settings: Map<String, Value>) -> Result<Answer, ApiError> {
    let now = session.now;
    let alarms = &mut session.region.cloudwatch.alarms.by_name;
    match alarms.get_mut(&name) {
        Some(alarm) if alarm.kind != kind => {
            return Err(validation(format!("There is an alarm {name} of the other kind.")));
        }
        Some(alarm) => {
            alarm.settings = settings;
            alarm.configured = now;
        }
        None => {
            let alarm = Alarm {
                kind,
                settings,
                state: "INSUFFICIENT_DATA".to_owned(),
                reason: "Unchecked: Initial alarm creation".to_owned(),
                reason_data: None,
                configured: now,
                state_set: now,
                state_changed: now,
            };
            alarms.insert(name, alarm);
        }
    }
    Ok(Answer::no_body())
}

pub(super) fn set_state(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let name = required(&body, "AlarmName")?;
    let state = required(&body, "StateValue")?;
    one_of("StateValue", &state, &STATES)?;
    let reason = body.string("StateReason")?.ok_or_else(|| validation("The parameter StateReason is required."))?;
    let reason_data = body.string("StateReasonData")?;
    if reason_data.as_ref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
        return Err(ApiError::new(400, "InvalidFormatFault", "StateReasonData is not valid JSON."));
    }
    let now = session.now;
    let alarm = session.region.cloudwatch.alarms.by_name.get_mut(&name);
    let alarm = alarm.ok_or_else(|| resource_not_found(format!("There is no alarm {name}.")))?;
    if alarm.state != state {
        alarm.state_changed = now;
    }
    alarm.state = state;
    alarm.reason = reason;
    alarm.reason_data = reason_data;
    alarm.state_set = now;
    Ok(Answer::no_body())
}

/// Composite alarms are shown only where `AlarmTypes` asks for them; source: `CloudWatch`'s API reference.
pub(super) fn describe(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let names = body.strings("AlarmNames")?;
    let prefix = body.string("AlarmNamePrefix")?;
    if names.is_some() && prefix.is_some() {
        return Err(validation("The parameters AlarmNames and AlarmNamePrefix exclude each other."));
    }
    let types = body.strings("AlarmTypes")?.filter(|types| !types.is_empty());
    let types = types.unwrap_or_else(|| vec!["MetricAlarm".to_owned()]);
    types.iter().try_for_each(|kind| one_of("AlarmTypes", kind, &["MetricAlarm", "CompositeAlarm"]))?;
    let state = body.string("StateValue")?;
    if let Some(state) = &state {
        one_of("StateValue", state, &STATES)?;
    }
    let most = body.integer("MaxRecords")?.unwrap_or(DEFAULT_RECORDS);
    let in_bounds = (1..=MOST_RECORDS).contains(&most);
    let most = usize::try_from(most).ok().filter(|_| in_bounds);
    let most = most.ok_or_else(|| validation(format!("The parameter MaxRecords must be from 1 to {MOST_RECORDS}.")))?;
    let token = body.string("NextToken")?;

    let wanted = |(name, alarm): &(&String, &Alarm)| {
        let kind = match alarm.kind {
            Kind::Metric => "MetricAlarm",
            Kind::Composite => "CompositeAlarm",
        };
        types.iter().any(|shown| shown == kind)
            && names.as_ref().is_none_or(|names| names.contains(name))
            && prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
            && state.as_ref().is_none_or(|state| *state == alarm.state)
    };
    let found: Vec<_> = session.region.cloudwatch.alarms.by_name.iter().filter(wanted).collect();
    let first = match token {
        None => 0,
        Some(token) => token.parse().ok().filter(|first| *first < found.len()).ok_or_else(invalid_next_token)?,
    };
    let page = || found.iter().skip(first).take(most);
    let views = |kind: Kind| -> Vec<Value> {
        page().filter(|(_, alarm)| alarm.kind == kind).map(|(name, alarm)| alarm.view(arn(session, name))).collect()
    };
    let mut answer = json!({"MetricAlarms": views(Kind::Metric), "CompositeAlarms": views(Kind::Composite)});
    let next = first.saturating_add(most);
    if let (true, Some(members)) = (next < found.len(), answer.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!(next.to_string()));
    }
    Ok(Answer::ok(answer))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let names = input.object(&call.body)?.strings("AlarmNames")?;
    let names = names.ok_or_else(|| validation("The parameter AlarmNames is required."))?;
    let alarms = &mut session.region.cloudwatch.alarms.by_name;
    if let Some(unknown) = names.iter().find(|name| !alarms.contains_key(*name)) {
        return Err(resource_not_found(format!("There is no alarm {unknown}.")));
    }
    alarms.retain(|name, _| !names.contains(name));
    Ok(Answer::no_body())
}
