//! CloudWatch as the Rust SDK speaks it: CBOR over loopback.

use apigateway_simulator::{Server, Simulator};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, DimensionFilter, Metric, MetricDataQuery, MetricDatum, MetricStat, ScanBy,
    StandardUnit, StateValue, Statistic, StatusCode,
};

use crate::support::START;

async fn served() -> (Simulator, Server, Client) {
    let simulator = Simulator::builder().build();
    let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let configuration = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(server.url())
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    (simulator, server, Client::new(&configuration))
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn datum(minute: i64, value: f64) -> MetricDatum {
    MetricDatum::builder()
        .metric_name("Latency")
        .dimensions(dimension("ApiName", "petstore"))
        .dimensions(dimension("Stage", "prod"))
        .timestamp(DateTime::from_secs(START + 60 * minute))
        .unit(StandardUnit::Milliseconds)
        .value(value)
        .build()
}

fn latency(id: &str, stat: &str) -> MetricDataQuery {
    let metric = Metric::builder()
        .namespace("AWS/ApiGateway")
        .metric_name("Latency")
        .dimensions(dimension("ApiName", "petstore"))
        .dimensions(dimension("Stage", "prod"))
        .build();
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(MetricStat::builder().metric(metric).period(60).stat(stat).build())
        .build()
}

#[tokio::test]
async fn the_sdk_puts_and_reads_metrics() {
    let (_simulator, _server, client) = served().await;
    // Whole numbers too: the decoder refuses a CBOR integer among Values.
    let mut put = client.put_metric_data().namespace("AWS/ApiGateway");
    for (minute, value) in [(0, 10.0), (0, 20.5), (2, 30.0)] {
        put = put.metric_data(datum(minute, value));
    }
    put.send().await.unwrap();
    let read = client
        .get_metric_data()
        .metric_data_queries(latency("m", "Maximum"))
        .metric_data_queries(MetricDataQuery::builder().id("e").expression("m * 2").label("twice").build())
        .start_time(DateTime::from_secs(START))
        .end_time(DateTime::from_secs(START + 600))
        .scan_by(ScanBy::TimestampAscending)
        .send()
        .await
        .unwrap();
    let [m, e] = read.metric_data_results() else { panic!("{read:?}") };
    assert_eq!((m.values(), e.values()), (&[20.5, 30.0][..], &[41.0, 60.0][..]));
    assert_eq!(m.timestamps().iter().map(DateTime::secs).collect::<Vec<_>>(), [START, START + 120]);
    assert_eq!((m.label(), e.label(), m.status_code()), (Some("Latency"), Some("twice"), Some(&StatusCode::Complete)));
    let listed = client
        .list_metrics()
        .namespace("AWS/ApiGateway")
        .dimensions(DimensionFilter::builder().name("Stage").build())
        .send()
        .await
        .unwrap();
    let [metric] = listed.metrics() else { panic!("{listed:?}") };
    assert_eq!((metric.metric_name(), metric.dimensions().len()), (Some("Latency"), 2));
}

#[tokio::test]
async fn a_body_that_the_sdk_compresses_is_read() {
    let (simulator, _server, client) = served().await;
    let mut put = client.put_metric_data().namespace("AWS/ApiGateway");
    for index in 0..500 {
        put = put.metric_data(datum(index % 5, 1.0));
    }
    put.send().await.unwrap();
    let read = client
        .get_metric_data()
        .metric_data_queries(latency("m", "SampleCount"))
        .start_time(DateTime::from_secs(START))
        .end_time(DateTime::from_secs(START + 600))
        .send()
        .await
        .unwrap();
    assert_eq!(read.metric_data_results()[0].values(), [100.0; 5]);
    assert_eq!(simulator.call_counts()["PutMetricData"], 1);
}

#[tokio::test]
async fn the_sdk_knows_the_refusals() {
    let (_simulator, _server, client) = served().await;
    let foreign = client.put_metric_data().namespace("AWS/EC2").metric_data(datum(0, 1.0)).send().await.unwrap_err();
    assert_eq!(foreign.code(), Some("InvalidParameterValue"));
    assert!(foreign.as_service_error().unwrap().is_invalid_parameter_value_exception(), "{foreign:?}");
    assert_eq!(foreign.message(), Some("The value AWS/ for parameter Namespace is invalid: AWS/EC2."));
    let token = client
        .get_metric_data()
        .metric_data_queries(latency("m", "Sum"))
        .start_time(DateTime::from_secs(START))
        .end_time(DateTime::from_secs(START + 600))
        .next_token("nonsense")
        .send()
        .await
        .unwrap_err();
    assert!(token.as_service_error().unwrap().is_invalid_next_token(), "{token:?}");
    let state = client.set_alarm_state().alarm_name("none").state_value(StateValue::Ok).state_reason("");
    assert!(state.send().await.unwrap_err().as_service_error().unwrap().is_resource_not_found());
}

#[tokio::test]
async fn the_sdk_sets_and_reads_an_alarm() {
    let (_simulator, _server, client) = served().await;
    client
        .put_metric_alarm()
        .alarm_name("errors")
        .namespace("AWS/ApiGateway")
        .metric_name("5XXError")
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(1)
        .threshold(1.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
        .send()
        .await
        .unwrap();
    client
        .set_alarm_state()
        .alarm_name("errors")
        .state_value(StateValue::Alarm)
        .state_reason("test")
        .send()
        .await
        .unwrap();
    let read = client.describe_alarms().alarm_names("errors").send().await.unwrap();
    let [alarm] = read.metric_alarms() else { panic!("{read:?}") };
    assert_eq!((alarm.state_value(), alarm.threshold()), (Some(&StateValue::Alarm), Some(1.0)));
    assert_eq!(alarm.state_updated_timestamp().map(DateTime::secs), Some(START));
}
