//! CloudWatch in AWS JSON 1.0: what was put can be read by statistic, percentile and expression, page by page.

use std::io::Write as _;

use apigateway_simulator::Simulator;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::aws_json::{CLOUDWATCH, call, cloudwatch, refused, reply};
use crate::support::START;

fn stage_dimensions(stage: &str) -> Value {
    json!([{"Name": "ApiName", "Value": "petstore"}, {"Name": "Stage", "Value": stage}])
}

fn datum(name: &str, stage: &str, minute: i64, values: &[f64]) -> Value {
    json!({"MetricName": name, "Dimensions": stage_dimensions(stage), "Timestamp": START + 60 * minute, "Values": values})
}

async fn put(simulator: &Simulator, data: Value) {
    let body = json!({"Namespace": "AWS/ApiGateway", "MetricData": data});
    assert_eq!(cloudwatch(simulator, "PutMetricData", &body).await, json!({}));
}

fn metric_stat(id: &str, name: &str, stage: &str, stat: &str, period: i64) -> Value {
    let metric = json!({"Namespace": "AWS/ApiGateway", "MetricName": name, "Dimensions": stage_dimensions(stage)});
    json!({"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}})
}

/// A request for the first ten minutes, oldest first.
fn ten_minutes(queries: &Value) -> Value {
    json!({"MetricDataQueries": queries, "StartTime": START, "EndTime": START + 600, "ScanBy": "TimestampAscending"})
}

/// Minutes since the start, and values, of each result by id.
async fn read(simulator: &Simulator, request: &Value) -> Vec<(String, Vec<i64>, Vec<f64>)> {
    let answer = cloudwatch(simulator, "GetMetricData", request).await;
    results(&answer)
}

fn results(answer: &Value) -> Vec<(String, Vec<i64>, Vec<f64>)> {
    let result = |result: &Value| {
        let minutes = result["Timestamps"].as_array().unwrap().iter().map(|at| (at.as_i64().unwrap() - START) / 60);
        let values = result["Values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap());
        (result["Id"].as_str().unwrap().to_owned(), minutes.collect(), values.collect())
    };
    answer["MetricDataResults"].as_array().unwrap().iter().map(result).collect()
}

/// Requests and errors of three minutes; the minute 1 has none.
async fn seeded() -> Simulator {
    let simulator = Simulator::builder().build();
    let data = json!([
        datum("Count", "prod", 0, &[1.0, 1.0, 1.0, 1.0]),
        datum("Count", "prod", 2, &[1.0, 1.0]),
        datum("5XXError", "prod", 0, &[1.0, 0.0, 0.0, 0.0]),
        datum("5XXError", "prod", 2, &[0.0, 0.0]),
        datum("Count", "prod/Canary", 0, &[1.0]),
    ]);
    put(&simulator, data).await;
    simulator
}

#[tokio::test]
async fn a_result_has_the_members_of_aws_newest_first() {
    let simulator = seeded().await;
    let request = json!({
        "MetricDataQueries": [metric_stat("m1", "Count", "prod", "Sum", 60)], "StartTime": START, "EndTime": START + 600,
    });
    assert_eq!(
        cloudwatch(&simulator, "GetMetricData", &request).await,
        json!({"MetricDataResults": [{
            "Id": "m1", "Label": "Count", "Timestamps": [START + 120, START], "Values": [2.0, 4.0],
            "StatusCode": "Complete",
        }], "Messages": []})
    );
}

#[rstest]
#[case("Sum", &[4.0, 2.0])]
#[case("SampleCount", &[4.0, 2.0])]
#[case("Average", &[1.0, 1.0])]
#[tokio::test]
async fn minutes_without_data_are_missing(#[case] stat: &str, #[case] values: &[f64]) {
    let simulator = seeded().await;
    let read = read(&simulator, &ten_minutes(&json!([metric_stat("m1", "Count", "prod", stat, 60)]))).await;
    assert_eq!(read, [("m1".to_owned(), vec![0, 2], values.to_vec())]);
}

#[tokio::test]
async fn the_average_of_errors_is_their_rate_over_any_period() {
    let simulator = seeded().await;
    let queries = json!([
        metric_stat("minutes", "5XXError", "prod", "Average", 60),
        metric_stat("whole", "5XXError", "prod", "Average", 300),
    ]);
    assert_eq!(
        read(&simulator, &ten_minutes(&queries)).await,
        [("minutes".to_owned(), vec![0, 2], vec![0.25, 0.0]), ("whole".to_owned(), vec![0], vec![1.0 / 6.0])]
    );
}

#[tokio::test]
async fn the_start_is_part_of_the_time_and_the_end_is_not() {
    let simulator = seeded().await;
    for (start, end, minutes) in
        [(START, START + 120, vec![0]), (START + 59, START + 121, vec![0, 2]), (START + 60, START + 180, vec![2])]
    {
        let request = json!({"MetricDataQueries": [metric_stat("m", "Count", "prod", "Sum", 60)],
            "StartTime": start, "EndTime": end, "ScanBy": "TimestampAscending"});
        assert_eq!(read(&simulator, &request).await[0].1, minutes, "{start} to {end}");
    }
}

#[tokio::test]
async fn dimensions_match_exactly_and_completely() {
    let simulator = seeded().await;
    let values = async |dimensions: Value| {
        let metric = json!({"Namespace": "AWS/ApiGateway", "MetricName": "Count", "Dimensions": dimensions});
        let query = json!({"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}});
        let mut read = read(&simulator, &ten_minutes(&json!([query]))).await;
        assert_eq!(read.len(), 1);
        read.remove(0).2
    };
    assert_eq!(values(stage_dimensions("prod/Canary")).await, [1.0]);
    assert_eq!(values(stage_dimensions("pro")).await, [] as [f64; 0]);
    assert_eq!(values(json!([{"Name": "ApiName", "Value": "petstore"}])).await, [] as [f64; 0]);
    let reversed = json!([{"Name": "Stage", "Value": "prod"}, {"Name": "ApiName", "Value": "petstore"}]);
    assert_eq!(values(reversed).await, [4.0, 2.0]);
    let mut more = stage_dimensions("prod");
    more.as_array_mut().unwrap().push(json!({"Name": "Method", "Value": "GET"}));
    assert_eq!(values(more).await, [] as [f64; 0]);
}

#[tokio::test]
async fn percentiles_of_known_data_and_none_of_statistic_sets() {
    let simulator = Simulator::builder().build();
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    put(&simulator, json!([datum("Latency", "prod", 0, &hundred)])).await;
    let set = json!({"SampleCount": 10, "Sum": 100, "Minimum": 1, "Maximum": 50});
    put(
        &simulator,
        json!([{"MetricName": "Latency", "Dimensions": stage_dimensions("prod"), "StatisticValues": set,
        "Timestamp": START + 60}]),
    )
    .await;
    let stats = ["p50", "p90", "p99", "p99.9", "PR(:25)", "Maximum"];
    let queries: Vec<Value> = stats
        .iter()
        .enumerate()
        .map(|(index, stat)| metric_stat(&format!("m{index}"), "Latency", "prod", stat, 60))
        .collect();
    let read = read(&simulator, &ten_minutes(&json!(queries))).await;
    let values: Vec<&[f64]> = read.iter().map(|(_, _, values)| values.as_slice()).collect();
    assert_eq!(values, [&[50.0][..], &[90.0], &[99.0], &[100.0], &[25.0], &[100.0, 50.0]]);
}

#[tokio::test]
async fn expressions_refer_to_queries_that_need_not_be_shown() {
    let simulator = seeded().await;
    let hidden = |mut query: Value| {
        query["ReturnData"] = json!(false);
        query
    };
    let queries = json!([
        {"Id": "rate", "Expression": "100 * errors / requests", "Label": "percent"},
        {"Id": "filled", "Expression": "FILL(canary, 0) + requests"},
        {"Id": "guarded", "Expression": "IF(requests > 2, rate, -1)"},
        hidden(metric_stat("requests", "Count", "prod", "Sum", 60)),
        hidden(metric_stat("errors", "5XXError", "prod", "Sum", 60)),
        hidden(metric_stat("canary", "Count", "prod/Canary", "Sum", 60)),
    ]);
    assert_eq!(
        read(&simulator, &ten_minutes(&queries)).await,
        [
            ("rate".to_owned(), vec![0, 2], vec![25.0, 0.0]),
            ("filled".to_owned(), vec![0, 2], vec![5.0, 2.0]),
            ("guarded".to_owned(), vec![0, 2], vec![25.0, -1.0]),
        ]
    );
}

#[tokio::test]
async fn pages_join_to_the_whole() {
    let simulator = seeded().await;
    let queries = json!([
        metric_stat("a", "Count", "prod", "Sum", 60),
        metric_stat("none", "Count", "nowhere", "Sum", 60),
        metric_stat("b", "5XXError", "prod", "Sum", 60),
    ]);
    let mut request = ten_minutes(&queries);
    request["MaxDatapoints"] = json!(3);
    let first = cloudwatch(&simulator, "GetMetricData", &request).await;
    let status: Vec<&str> =
        first["MetricDataResults"].as_array().unwrap().iter().map(|one| one["StatusCode"].as_str().unwrap()).collect();
    assert_eq!(status, ["Complete", "Complete", "PartialData"]);
    assert_eq!(
        results(&first),
        [
            ("a".to_owned(), vec![0, 2], vec![4.0, 2.0]),
            ("none".to_owned(), vec![], vec![]),
            ("b".to_owned(), vec![0], vec![1.0])
        ]
    );
    request["NextToken"] = first["NextToken"].clone();
    let second = cloudwatch(&simulator, "GetMetricData", &request).await;
    assert_eq!(results(&second), [("b".to_owned(), vec![2], vec![0.0])]);
    assert_eq!((&second["MetricDataResults"][0]["StatusCode"], second.get("NextToken")), (&json!("Complete"), None));
    request["NextToken"] = json!("nonsense");
    assert_eq!(refused(&simulator, "GetMetricData", &request).await.3, "InvalidNextToken;Sender");
}

#[rstest]
#[case::no_query(json!({"MetricDataQueries": []}), "The parameter MetricDataQueries is required.")]
#[case::bad_id(json!({"MetricDataQueries": [metric_stat("M", "Count", "prod", "Sum", 60)]}),
    "The value 'M' for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.")]
#[case::twice(json!({"MetricDataQueries": [metric_stat("m", "Count", "a", "Sum", 60), metric_stat("m", "Count", "b", "Sum", 60)]}),
    "The values for parameter Id in MetricDataQueries are not unique.")]
#[case::period(json!({"MetricDataQueries": [metric_stat("m", "Count", "prod", "Sum", 90)]}),
    "The value 90 for parameter MetricStat.Period of the query 'm' must be a multiple of 60.")]
#[case::order(json!({"StartTime": START + 600}), "The parameter StartTime must be less than the parameter EndTime.")]
#[case::scan(json!({"ScanBy": "Up"}), "The value Up for parameter ScanBy must be TimestampDescending or TimestampAscending.")]
#[case::unknown_id(json!({"MetricDataQueries": [{"Id": "e", "Expression": "x + 1"}]}),
    "Error in expression 'e' [x + 1]: there is no query with the Id x.")]
#[case::circle(json!({"MetricDataQueries": [{"Id": "a", "Expression": "b + b"}, {"Id": "b", "Expression": "a + a"}]}),
    "Error in expression 'b' [a + a]: expressions refer to each other in a circle.")]
#[case::number(json!({"MetricDataQueries": [{"Id": "e", "Expression": "1 + 1"}]}),
    "Error in expression 'e' [1 + 1]: it needs at least one metric.")]
#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused(#[case] change: Value, #[case] message: &str) {
    let simulator = Simulator::builder().build();
    let mut request = ten_minutes(&json!([metric_stat("m", "Count", "prod", "Sum", 60)]));
    request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let (status, shape, text, header) = refused(&simulator, "GetMetricData", &request).await;
    assert_eq!((status, shape.as_str(), header.as_str()), (400, "ValidationException", "ValidationError;Sender"));
    assert_eq!(text, message);
}

/// A chain in which each expression needs the one before twice must not take 2^n steps.
#[tokio::test]
async fn expressions_are_evaluated_once() {
    let simulator = seeded().await;
    let mut queries = vec![metric_stat("e0", "Count", "prod", "Sum", 60)];
    queries.extend((1..60).map(|n| json!({"Id": format!("e{n}"), "Expression": format!("e{0} + e{0}", n - 1)})));
    let read = read(&simulator, &ten_minutes(&json!(queries))).await;
    assert_eq!(read[59].2, [4.0 * 2_f64.powi(59), 2.0 * 2_f64.powi(59)]);
}

#[rstest]
#[case::no_namespace(json!({"MetricData": [{"MetricName": "m", "Value": 1}]}), "MissingRequiredParameterException", "MissingParameter")]
#[case::foreign_namespace(json!({"Namespace": "AWS/EC2", "MetricData": [{"MetricName": "m", "Value": 1}]}),
    "InvalidParameterValueException", "InvalidParameterValue")]
#[case::no_value(json!({"Namespace": "x", "MetricData": [{"MetricName": "m"}]}), "MissingRequiredParameterException", "MissingParameter")]
#[case::two_values(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": 1, "Values": [1]}]}),
    "InvalidParameterCombinationException", "InvalidParameterCombination")]
#[case::counts(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Values": [1, 2], "Counts": [1]}]}),
    "InvalidParameterValueException", "InvalidParameterValue")]
#[case::old(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": START - 15 * 86400}]}),
    "InvalidParameterValueException", "InvalidParameterValue")]
#[case::unit(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": 1, "Unit": "Parsec"}]}),
    "InvalidParameterValueException", "InvalidParameterValue")]
#[case::huge(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": 1e300}]}),
    "InvalidParameterValueException", "InvalidParameterValue")]
#[case::text(json!({"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": "NaN"}]}),
    "SerializationException", "SerializationException")]
#[tokio::test]
async fn data_that_cannot_be_are_refused_as_a_whole(#[case] mut body: Value, #[case] shape: &str, #[case] code: &str) {
    let simulator = Simulator::builder().build();
    let good = json!({"MetricName": "good", "Value": 1});
    body["MetricData"].as_array_mut().unwrap().insert(0, good);
    let (status, named, _, header) = refused(&simulator, "PutMetricData", &body).await;
    assert_eq!((status, named.as_str(), header), (400, shape, format!("{code};Sender")));
    assert_eq!(cloudwatch(&simulator, "ListMetrics", &json!({})).await, json!({"Metrics": []}));
}

#[tokio::test]
async fn a_compressed_body_is_read_and_a_broken_or_endless_one_refused() {
    let simulator = Simulator::builder().build();
    let zip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let target = format!("{CLOUDWATCH}.PutMetricData");
    let body = json!({"Namespace": "AWS/ApiGateway", "MetricData": [datum("Count", "prod", 0, &[7.0])]}).to_string();
    let send = async |bytes: Vec<u8>| reply(&simulator, &target, bytes, &[("content-encoding", "gzip")]).await;
    assert_eq!(send(zip(body.as_bytes())).await.status(), 200);
    let request = ten_minutes(&json!([metric_stat("m", "Count", "prod", "Sum", 60)]));
    assert_eq!(read(&simulator, &request).await[0].2, [7.0]);
    for bad in [body.into_bytes(), zip(&vec![b' '; 20 * 1024 * 1024])] {
        let refused = send(bad).await;
        assert_eq!(refused.status(), 400);
        let told: Value = serde_json::from_slice(refused.body()).unwrap();
        assert_eq!(told["__type"], "SerializationException");
    }
}

#[tokio::test]
async fn metrics_are_listed_by_a_subset_of_dimensions_in_pages_of_500_while_they_are_active() {
    let simulator = seeded().await;
    let stages: Vec<String> = (0..601).map(|index| format!("s{index:03}")).collect();
    for chunk in stages.chunks(300) {
        let data: Vec<Value> = chunk.iter().map(|stage| datum("Latency", stage, 0, &[1.0])).collect();
        put(&simulator, json!(data)).await;
    }
    let list = async |body: Value| cloudwatch(&simulator, "ListMetrics", &body).await;
    let count = |answer: &Value| answer["Metrics"].as_array().unwrap().len();
    let latency = list(json!({"MetricName": "Latency"})).await;
    assert_eq!((count(&latency), latency["NextToken"].is_string()), (500, true));
    let rest = list(json!({"MetricName": "Latency", "NextToken": latency["NextToken"]})).await;
    assert_eq!((count(&rest), rest.get("NextToken")), (101, None));
    let canary = list(json!({"Dimensions": [{"Name": "Stage", "Value": "prod/Canary"}, {"Name": "ApiName"}]})).await;
    assert_eq!(
        canary["Metrics"],
        json!([{"Namespace": "AWS/ApiGateway", "MetricName": "Count", "Dimensions": stage_dimensions("prod/Canary")}])
    );
    assert_eq!(count(&list(json!({"Dimensions": [{"Name": "Stage", "Value": "prod"}]})).await), 2);
    assert_eq!(count(&list(json!({"Namespace": "Other"})).await), 0);
    simulator.clock().advance(std::time::Duration::from_hours(4));
    assert_eq!(count(&list(json!({"RecentlyActive": "PT3H"})).await), 0);
    assert_eq!(count(&list(json!({})).await), 500);
    simulator.clock().advance(std::time::Duration::from_hours(24 * 14));
    assert_eq!(count(&list(json!({})).await), 0);
    assert_eq!(refused(&simulator, "ListMetrics", &json!({"RecentlyActive": "PT1H"})).await.0, 400);
}

fn alarm(name: &str) -> Value {
    json!({
        "AlarmName": name, "MetricName": "5XXError", "Namespace": "AWS/ApiGateway", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 3, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": stage_dimensions("prod"),
    })
}

#[tokio::test]
async fn an_alarm_begins_without_data_and_keeps_the_state_that_was_set() {
    let simulator = Simulator::builder().build();
    assert_eq!(cloudwatch(&simulator, "PutMetricAlarm", &alarm("errors")).await, json!({}));
    let describe = async || cloudwatch(&simulator, "DescribeAlarms", &json!({"AlarmNames": ["errors"]})).await;
    let mut expected = json!({
        "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors", "AlarmName": "errors",
        "ActionsEnabled": true, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": [],
        "MetricName": "5XXError", "Namespace": "AWS/ApiGateway", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 3, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": stage_dimensions("prod"), "AlarmConfigurationUpdatedTimestamp": START,
        "StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": START, "StateTransitionedTimestamp": START,
    });
    assert_eq!(describe().await, json!({"MetricAlarms": [expected], "CompositeAlarms": []}));
    simulator.clock().advance(std::time::Duration::from_secs(5));
    let state = json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "test"});
    cloudwatch(&simulator, "SetAlarmState", &state).await;
    cloudwatch(&simulator, "PutMetricAlarm", &alarm("errors")).await;
    for (member, value) in [("StateValue", json!("ALARM")), ("StateReason", json!("test"))] {
        expected[member] = value;
    }
    for member in ["StateUpdatedTimestamp", "StateTransitionedTimestamp", "AlarmConfigurationUpdatedTimestamp"] {
        expected[member] = json!(START + 5);
    }
    assert_eq!(describe().await, json!({"MetricAlarms": [expected], "CompositeAlarms": []}));
    cloudwatch(&simulator, "DeleteAlarms", &json!({"AlarmNames": ["errors"]})).await;
    assert_eq!(describe().await, json!({"MetricAlarms": [], "CompositeAlarms": []}));
}

#[tokio::test]
async fn alarms_are_filtered_and_paged_and_composite_ones_shown_when_asked_for() {
    let simulator = Simulator::builder().build();
    for name in ["a1", "a2", "b1"] {
        cloudwatch(&simulator, "PutMetricAlarm", &alarm(name)).await;
    }
    cloudwatch(&simulator, "PutCompositeAlarm", &json!({"AlarmName": "both", "AlarmRule": "ALARM(a1) OR ALARM(b1)"}))
        .await;
    cloudwatch(&simulator, "SetAlarmState", &json!({"AlarmName": "both", "StateValue": "OK", "StateReason": ""})).await;
    let names = async |body: Value| {
        let answer = cloudwatch(&simulator, "DescribeAlarms", &body).await;
        let list = |member: &str| -> Vec<String> {
            answer[member].as_array().unwrap().iter().map(|one| one["AlarmName"].as_str().unwrap().to_owned()).collect()
        };
        (list("MetricAlarms"), list("CompositeAlarms"), answer["NextToken"].as_str().map(str::to_owned))
    };
    let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(names(json!({"AlarmNamePrefix": "a"})).await, (owned(&["a1", "a2"]), vec![], None));
    let both = names(json!({"AlarmTypes": ["CompositeAlarm"]})).await;
    assert_eq!(both, (vec![], owned(&["both"]), None));
    assert_eq!(names(json!({"StateValue": "ALARM"})).await, (vec![], vec![], None));
    let (first, _, token) = names(json!({"MaxRecords": 2})).await;
    assert_eq!(first, owned(&["a1", "a2"]));
    assert_eq!(names(json!({"MaxRecords": 2, "NextToken": token})).await, (owned(&["b1"]), vec![], None));
}

#[rstest]
#[case("SetAlarmState", json!({"AlarmName": "none", "StateValue": "OK", "StateReason": ""}), (404, "ResourceNotFound"))]
#[case("SetAlarmState", json!({"AlarmName": "none", "StateValue": "FINE", "StateReason": ""}), (400, "ValidationException"))]
#[case("PutMetricAlarm", json!({"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}), (400, "ValidationException"))]
#[case("DescribeAlarms", json!({"MaxRecords": 101}), (400, "ValidationException"))]
#[case("DescribeAlarms", json!({"NextToken": "x"}), (400, "InvalidNextToken"))]
#[case("DescribeAlarms", json!({"AlarmNames": "x"}), (400, "SerializationException"))]
#[case("GetMetricStatistics", json!({}), (400, "UnknownOperationException"))]
#[tokio::test]
async fn what_is_wrong_with_an_alarm_is_told(#[case] operation: &str, #[case] body: Value, #[case] told: (u16, &str)) {
    let simulator = Simulator::builder().build();
    let before = simulator.dump();
    let (status, shape, ..) = refused(&simulator, operation, &body).await;
    assert_eq!((status, shape.as_str()), told);
    assert_eq!(simulator.dump(), before);
}

#[tokio::test]
async fn another_region_has_other_metrics_and_unsigned_calls_are_refused() {
    let simulator = seeded().await;
    let body = json!({}).to_string();
    let target = format!("{CLOUDWATCH}.ListMetrics");
    let there =
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature="
            .to_owned()
            + &"0".repeat(64);
    let answer = reply(&simulator, &target, body.clone(), &[("authorization", &there)]).await;
    assert_eq!(answer.body(), "{\"Metrics\":[]}");
    let unsigned = http::Request::post("/").header("x-amz-target", &target).body(body.into()).unwrap();
    assert_eq!(simulator.handle(unsigned).await.answer().unwrap().status(), 403);
}

proptest! {
    #[test]
    fn no_query_makes_it_fail(expression in "[a-c0-9 +*/()<>=,-]{0,30}", period in 0..200_i64, stat in "(p[0-9]{1,3}|Sum|PR\\([0-9]{0,2}:[0-9]{0,2}\\))", end in -100..1000_i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let simulator = seeded().await;
            let request = json!({"MetricDataQueries": [
                metric_stat("a", "Count", "prod", &stat, period), {"Id": "e", "Expression": expression},
            ], "StartTime": START, "EndTime": START + end});
            let (status, _) = call(&simulator, &format!("{CLOUDWATCH}.GetMetricData"), &request).await;
            assert!(status == 200 || status == 400);
        });
    }
}
