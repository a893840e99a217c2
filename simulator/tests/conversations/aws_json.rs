//! Raw requests in AWS JSON, as boto3 sends them.

use apigateway_simulator::Simulator;
use bytes::Bytes;
use http::Response;
use serde_json::Value;

use crate::support::request;

pub(crate) const CLOUDWATCH: &str = "GraniteServiceVersion20100801";

/// Status and body of a call, its content type checked; `target` is `{prefix}.{Operation}`.
pub(crate) async fn call(simulator: &Simulator, target: &str, body: &Value) -> (u16, Value) {
    let answer = reply(simulator, target, body.to_string(), &[]).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

pub(crate) async fn reply(
    simulator: &Simulator,
    target: &str,
    body: impl Into<Bytes>,
    more: &[(&'static str, &str)],
) -> Response<Bytes> {
    let version = if target.starts_with(CLOUDWATCH) { "1.0" } else { "1.1" };
    let kind = format!("application/x-amz-json-{version}");
    let mut request = request("POST", "/", body);
    for (name, value) in [("x-amz-target", target), ("content-type", &kind)].iter().chain(more) {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let answer = simulator.handle(request).await.answer().unwrap();
    assert_eq!(answer.headers()["content-type"], kind);
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    answer
}

/// A call of CloudWatch that must succeed.
pub(crate) async fn cloudwatch(simulator: &Simulator, operation: &str, body: &Value) -> Value {
    let (status, answer) = call(simulator, &format!("{CLOUDWATCH}.{operation}"), body).await;
    assert_eq!(status, 200, "{operation} {body} {answer}");
    answer
}

/// A refusal by CloudWatch: status, name of the shape, text, and the header for the former protocol's code.
pub(crate) async fn refused(simulator: &Simulator, operation: &str, body: &Value) -> (u16, String, String, String) {
    let answer = reply(simulator, &format!("{CLOUDWATCH}.{operation}"), body.to_string(), &[]).await;
    let told: Value = serde_json::from_slice(answer.body()).unwrap();
    let text = |member: &str| told[member].as_str().unwrap().to_owned();
    let header = answer.headers()["x-amzn-query-error"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), text("__type"), text("message"), header)
}
