//! STS and CloudWatch, by operation.

use aws_sdk_cloudwatch::types as metric;
use aws_sdk_sts::operation::RequestId;
use serde_json::{Value, json};

use super::Tap;
use super::members::Members;
use super::shapes::{Show, object, open_enum, shown, structure};
use crate::client::ClientError;
use crate::exchange::Reply;

structure!(aws_sdk_sts::types::AssumedRoleUser, { "AssumedRoleId": assumed_role_id, "Arn": arn });

open_enum!(metric::StatusCode);
structure!(metric::MetricDataResult, {
    "Id": id, "Label": label, "Timestamps": timestamps, "Values": values, "StatusCode": status_code,
});
structure!(metric::MessageData, { "Code": code, "Value": value });
structure!(metric::Dimension, { "Name": name, "Value": value });
structure!(metric::Metric, { "Namespace": namespace, "MetricName": metric_name, "Dimensions": dimensions });

open_enum!(metric::StateValue, metric::Statistic, metric::StandardUnit, metric::ComparisonOperator);
structure!(metric::MetricAlarm, {
    "AlarmName": alarm_name, "AlarmArn": alarm_arn, "AlarmDescription": alarm_description,
    "AlarmConfigurationUpdatedTimestamp": alarm_configuration_updated_timestamp, "ActionsEnabled": actions_enabled,
    "OKActions": ok_actions, "AlarmActions": alarm_actions, "InsufficientDataActions": insufficient_data_actions,
    "StateValue": state_value, "StateReason": state_reason, "StateReasonData": state_reason_data,
    "StateUpdatedTimestamp": state_updated_timestamp, "StateTransitionedTimestamp": state_transitioned_timestamp,
    "MetricName": metric_name, "Namespace": namespace, "Statistic": statistic, "Dimensions": dimensions,
    "Period": period, "Unit": unit, "EvaluationPeriods": evaluation_periods, "Threshold": threshold,
    "ComparisonOperator": comparison_operator,
});

/// Sends a builder and reads its result.
macro_rules! send {
    ($members:ident, $request:expr, $show:expr) => {{
        let request = $request;
        $members.finish()?;
        let tap = Tap::default();
        let sent = request.customize().interceptor(tap.clone()).send().await;
        tap.reply(sent, $show)
    }};
}

/// STS's two outer elements, whose names the SDK checks, and the request's id beside them.
fn wrapped(operation: &str, output: &impl RequestId, result: Option<Value>) -> Option<Value> {
    let metadata = json!({"RequestId": output.request_id()?});
    Some(json!({format!("{operation}Response"): {
        format!("{operation}Result"): result?, "ResponseMetadata": metadata,
    }}))
}

fn credentials(credentials: Option<&aws_sdk_sts::types::Credentials>) -> Option<Value> {
    let credentials = credentials?;
    let expiration = credentials.expiration().fmt(aws_smithy_types::date_time::Format::DateTime).ok()?;
    Some(json!({
        "AccessKeyId": credentials.access_key_id(), "SecretAccessKey": credentials.secret_access_key(),
        "SessionToken": credentials.session_token(), "Expiration": expiration,
    }))
}

pub(super) async fn sts(client: &aws_sdk_sts::Client, name: &str, body: Option<&Value>) -> Result<Reply, ClientError> {
    let mut members = Members::of(body)?;
    match name {
        "GetCallerIdentity" => send!(members, client.get_caller_identity(), |output| {
            wrapped(name, output, shown!(output, { "Arn": arn, "UserId": user_id, "Account": account }))
        }),
        "AssumeRole" => {
            let request = client
                .assume_role()
                .set_role_arn(members.text("RoleArn")?)
                .set_role_session_name(members.text("RoleSessionName")?)
                .set_duration_seconds(members.integer("DurationSeconds")?);
            send!(members, request, |output| {
                let user = output.assumed_role_user.show();
                wrapped(
                    name,
                    output,
                    object([("Credentials", credentials(output.credentials())), ("AssumedRoleUser", user)]),
                )
            })
        }
        "AssumeRoleWithWebIdentity" => {
            let request = client
                .assume_role_with_web_identity()
                .set_role_arn(members.text("RoleArn")?)
                .set_role_session_name(members.text("RoleSessionName")?)
                .set_web_identity_token(members.text("WebIdentityToken")?);
            send!(members, request, |output| {
                let user = output.assumed_role_user.show();
                let subject = output.subject_from_web_identity_token.show();
                wrapped(
                    name,
                    output,
                    object([
                        ("Credentials", credentials(output.credentials())),
                        ("AssumedRoleUser", user),
                        ("SubjectFromWebIdentityToken", subject),
                    ]),
                )
            })
        }
        _ => Err(ClientError::Inexpressible(format!("sts:{name} has no builder here"))),
    }
}

fn dimension(members: &mut Members) -> Result<metric::Dimension, ClientError> {
    Ok(metric::Dimension::builder().set_name(members.text("Name")?).set_value(members.text("Value")?).build())
}

fn series(members: &mut Members) -> Result<metric::Metric, ClientError> {
    Ok(metric::Metric::builder()
        .set_namespace(members.text("Namespace")?)
        .set_metric_name(members.text("MetricName")?)
        .set_dimensions(members.list("Dimensions", dimension)?)
        .build())
}

fn query(members: &mut Members) -> Result<metric::MetricDataQuery, ClientError> {
    Ok(metric::MetricDataQuery::builder()
        .set_id(members.text("Id")?)
        .set_metric_stat(members.nested("MetricStat", |members| {
            Ok(metric::MetricStat::builder()
                .set_metric(members.nested("Metric", series)?)
                .set_period(members.integer("Period")?)
                .set_stat(members.text("Stat")?)
                .set_unit(members.choice("Unit")?)
                .build())
        })?)
        .set_expression(members.text("Expression")?)
        .set_label(members.text("Label")?)
        .set_return_data(members.boolean("ReturnData")?)
        .set_period(members.integer("Period")?)
        .build())
}

fn datum(members: &mut Members) -> Result<metric::MetricDatum, ClientError> {
    Ok(metric::MetricDatum::builder()
        .set_metric_name(members.text("MetricName")?)
        .set_dimensions(members.list("Dimensions", dimension)?)
        .set_timestamp(members.time("Timestamp")?)
        .set_value(members.number("Value")?)
        .set_values(members.numbers("Values")?)
        .set_counts(members.numbers("Counts")?)
        .set_unit(members.choice("Unit")?)
        .build())
}

pub(super) async fn cloudwatch(
    client: &aws_sdk_cloudwatch::Client,
    name: &str,
    body: Option<&Value>,
) -> Result<Reply, ClientError> {
    let mut members = Members::of(body)?;
    match name {
        "GetMetricData" => {
            let request = client
                .get_metric_data()
                .set_metric_data_queries(members.list("MetricDataQueries", query)?)
                .set_start_time(members.time("StartTime")?)
                .set_end_time(members.time("EndTime")?)
                .set_scan_by(members.choice("ScanBy")?);
            send!(members, request, |output| shown!(output, {
                "MetricDataResults": metric_data_results, "Messages": messages, "NextToken": next_token,
            }))
        }
        "PutMetricData" => {
            let request = client
                .put_metric_data()
                .set_namespace(members.text("Namespace")?)
                .set_metric_data(members.list("MetricData", datum)?);
            send!(members, request, |_| None)
        }
        "ListMetrics" => {
            let request = client
                .list_metrics()
                .set_namespace(members.text("Namespace")?)
                .set_metric_name(members.text("MetricName")?)
                .set_recently_active(members.choice("RecentlyActive")?)
                .set_dimensions(members.list("Dimensions", |members| {
                    Ok(metric::DimensionFilter::builder()
                        .set_name(members.text("Name")?)
                        .set_value(members.text("Value")?)
                        .build())
                })?);
            send!(members, request, |output| shown!(output, { "Metrics": metrics, "NextToken": next_token }))
        }
        _ => alarms(client, name, members).await,
    }
}

async fn alarms(client: &aws_sdk_cloudwatch::Client, name: &str, mut members: Members) -> Result<Reply, ClientError> {
    match name {
        "PutMetricAlarm" => {
            let request = client
                .put_metric_alarm()
                .set_alarm_name(members.text("AlarmName")?)
                .set_namespace(members.text("Namespace")?)
                .set_metric_name(members.text("MetricName")?)
                .set_dimensions(members.list("Dimensions", dimension)?)
                .set_statistic(members.choice("Statistic")?)
                .set_period(members.integer("Period")?)
                .set_evaluation_periods(members.integer("EvaluationPeriods")?)
                .set_threshold(members.number("Threshold")?)
                .set_comparison_operator(members.choice("ComparisonOperator")?);
            send!(members, request, |_| None)
        }
        "SetAlarmState" => {
            let request = client
                .set_alarm_state()
                .set_alarm_name(members.text("AlarmName")?)
                .set_state_value(members.choice("StateValue")?)
                .set_state_reason(members.text("StateReason")?);
            send!(members, request, |_| None)
        }
        "DescribeAlarms" => {
            let request = client
                .describe_alarms()
                .set_alarm_names(members.texts("AlarmNames")?)
                .set_alarm_name_prefix(members.text("AlarmNamePrefix")?);
            send!(members, request, |output| {
                // Composite alarms are not among what rows put.
                let composite = output.composite_alarms.as_ref().map(|alarms| json!(vec![(); alarms.len()]));
                object([("MetricAlarms", output.metric_alarms.show()), ("CompositeAlarms", composite)])
            })
        }
        "DeleteAlarms" => {
            let request = client.delete_alarms().set_alarm_names(members.texts("AlarmNames")?);
            send!(members, request, |_| None)
        }
        _ => Err(ClientError::Inexpressible(format!("cloudwatch:{name} has no builder here"))),
    }
}
