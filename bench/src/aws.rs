//! The simulator's server: what a pipeline or somebody else of the account does, and the log of calls.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use testbed::HttpClient;

use crate::failure::Failure;
use crate::world::REGION;

/// What the log calls the bench, so that its own calls are told from the operator's.
const CALLER: &str = "bench";

/// What somebody else of the account takes of AWS's ten requests a second.
const FOREIGN_REQUESTS_PER_SECOND: f64 = 2.0;

/// API Gateway, CloudWatch and the simulator's own pages.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    address: SocketAddr,
    http: HttpClient,
}

/// A call in the simulator's log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    /// When it arrived, by the simulator's clock.
    pub(crate) time: Timestamp,
    service: String,
    pub(crate) operation: String,
    pub(crate) path: String,
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) body: Value,
    caller: Caller,
}

#[derive(Clone, Debug, Deserialize)]
struct Caller {
    name: Option<String>,
}

impl Call {
    /// Whether the operator sent it. Whoever else calls carries a name.
    fn is_the_operators(&self) -> bool {
        self.caller.name.is_none()
    }

    /// Whether it counts among the requests that API Gateway's quota is about.
    pub(crate) fn is_to_api_gateway(&self) -> bool {
        self.service == "apigateway"
    }

    /// Whether it changes this stage.
    pub(crate) fn updates(&self, stage: &str) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.operation == "UpdateStage" && path.rsplit('/').next() == Some(stage)
    }

    /// Whether its patch holds this operation on this path.
    pub(crate) fn patches(&self, op: &str, path: &str) -> bool {
        let operations = self.body.get("patchOperations").and_then(Value::as_array);
        let has = |operation: &Value, member: &str, expected: &str| {
            operation.get(member).and_then(Value::as_str) == Some(expected)
        };
        operations.into_iter().flatten().any(|operation| has(operation, "op", op) && has(operation, "path", path))
    }

    /// The queries of a `GetMetricData`.
    pub(crate) fn queries(&self) -> &[Value] {
        self.body.get("MetricDataQueries").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether a `GetMetricData` asks for a series of this value of the dimension Stage.
    pub(crate) fn asks_about(&self, stage: &str) -> bool {
        let names_it = |dimension: &Value| {
            let is = |member, expected| dimension.get(member).and_then(Value::as_str) == Some(expected);
            is("Name", "Stage") && is("Value", stage)
        };
        self.queries().iter().any(|query| {
            let dimensions = query.pointer("/MetricStat/Metric/Dimensions").and_then(Value::as_array);
            dimensions.into_iter().flatten().any(names_it)
        })
    }

    /// The end of the time that a `GetMetricData` asks about, in seconds since 1970.
    pub(crate) fn end_of_window(&self) -> Option<f64> {
        self.body.get("EndTime").and_then(Value::as_f64)
    }
}

impl Aws {
    pub(crate) fn at(address: SocketAddr, http: HttpClient) -> Self {
        Self { address, http }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a REST API that can be deployed; gives its id.
    pub(crate) async fn rest_api(&self, name: &str) -> Result<String, Failure> {
        let body = json!({ "name": name, "endpointConfiguration": { "types": ["REGIONAL"] } });
        let api = self.ask(&Method::POST, "/restapis", &body).await?;
        let (id, root) = (text(&api, "id")?, text(&api, "rootResourceId")?);
        let method = format!("/restapis/{id}/resources/{root}/methods/GET");
        self.ask(&Method::PUT, &method, &json!({ "authorizationType": "NONE" })).await?;
        self.ask(&Method::PUT, &format!("{method}/integration"), &json!({ "type": "MOCK" })).await?;
        Ok(id)
    }

    /// The deployment that a stage serves to all who do not meet its canary.
    pub(crate) async fn deployment_of(&self, rest_api: &str, stage: &str) -> Result<String, Failure> {
        let stage = self.ask(&Method::GET, &format!("/restapis/{rest_api}/stages/{stage}"), &Value::Null).await?;
        text(&stage, "deploymentId")
    }

    /// From now on AWS's quotas hold, and somebody else takes a part of them.
    pub(crate) async fn limit(&self) -> Result<(), Failure> {
        let quota = json!({ "mode": "aws", "foreignClient": { "requestsPerSecond": FOREIGN_REQUESTS_PER_SECOND } });
        self.ask(&Method::PUT, "/_simulator/quota", &quota).await.map(drop)
    }

    /// CloudWatch tells at once what it counted in a minute, instead of one to three minutes later.
    pub(crate) async fn count_at_once(&self) -> Result<(), Failure> {
        let delay = json!({ "metricDelay": { "minSeconds": 0, "maxSeconds": 0 } });
        self.ask(&Method::PUT, "/_simulator/switches", &delay).await.map(drop)
    }

    /// From now on this traffic flows.
    pub(crate) async fn send_traffic(&self, plans: &[Value]) -> Result<(), Failure> {
        self.ask(&Method::PUT, "/_simulator/traffic", &json!(plans)).await.map(drop)
    }

    /// The simulator's time, by which calls are dated.
    pub(crate) async fn now(&self) -> Result<Timestamp, Failure> {
        #[derive(Deserialize)]
        struct Clock {
            now: Timestamp,
        }
        let Clock { now } = self.page("/_simulator/clock").await?;
        Ok(now)
    }

    pub(crate) async fn forget_calls(&self) -> Result<(), Failure> {
        self.ask(&Method::DELETE, "/_simulator/calls", &Value::Null).await.map(drop)
    }

    /// The operator's calls since the log was emptied, in order of arrival.
    pub(crate) async fn calls(&self) -> Result<Vec<Call>, Failure> {
        let mut calls: Vec<Call> = self.page("/_simulator/calls").await?;
        calls.retain(Call::is_the_operators);
        Ok(calls)
    }

    /// How many calls of each operation came since the log was emptied, from whomever.
    pub(crate) async fn counts(&self) -> Result<BTreeMap<String, u64>, Failure> {
        self.page("/_simulator/calls/counts").await
    }

    async fn page<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.ask(&Method::GET, path, &Value::Null).await?;
        serde_json::from_value(body)
            .map_err(|error| Failure::Request { request: format!("GET {path}"), reason: error.to_string() })
    }

    /// Sends a request that must succeed; gives the answer's body, `null` for none.
    async fn ask(&self, method: &Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let named = format!("{method} {path}");
        let unreadable = |reason: String| Failure::Request { request: named.clone(), reason };
        // The simulator knows no secret, so it reads the form of a signature only.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=BENCH/20260101/{REGION}/apigateway/aws4_request, SignedHeaders=host, \
             Signature={:064}",
            0
        );
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header("authorization", authorization)
            .header("accept", "application/json")
            .header("x-simulator-caller", CALLER)
            .body(Full::new(bytes))
            .map_err(|error| unreadable(error.to_string()))?;
        let (status, bytes) = self.http.send(request).await?;
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(&bytes).into_owned();
            return Err(Failure::Answer { request: named, status, body });
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))
    }
}

fn text(body: &Value, member: &str) -> Result<String, Failure> {
    let text = body.get(member).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::Meaningless(format!("the simulator's answer has no {member}: {body}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, path: &str, body: &Value) -> Call {
        let call = json!({
            "sequence": 1, "time": "2026-08-01T12:00:00.25Z", "service": "apigateway", "operation": operation,
            "path": path, "status": 200, "caller": { "name": null, "accessKeyId": "AKID" }, "body": body,
        });
        serde_json::from_value(call).unwrap()
    }

    #[test]
    fn a_patch_is_of_one_stage_and_of_its_paths() {
        let body = json!({ "patchOperations": [{ "op": "remove", "path": "/canarySettings" }] });
        let patch = call("UpdateStage", "/restapis/a1/stages/s1", &body);
        assert!(patch.updates("s1") && !patch.updates("s11") && !patch.updates("a1"));
        assert!(patch.patches("remove", "/canarySettings"));
        assert!(
            !patch.patches("replace", "/canarySettings") && !patch.patches("remove", "/canarySettings/deploymentId")
        );
        assert!(!call("GetStage", "/restapis/a1/stages/s1", &body).updates("s1"));
    }

    #[test]
    fn a_query_is_about_the_series_that_its_dimensions_name() {
        let query = |stage: &str| {
            json!({ "Id": "q0", "MetricStat": { "Stat": "Sum", "Period": 60, "Metric": { "Namespace": "AWS/ApiGateway",
                "MetricName": "Count", "Dimensions": [
                    { "Name": "ApiName", "Value": "s1/Canary" }, { "Name": "Stage", "Value": stage },
                ] } } })
        };
        let body = json!({ "MetricDataQueries": [query("s1/Canary"), query("s1")], "EndTime": 1_785_585_600.0 });
        let asked = call("GetMetricData", "/service/x/operation/GetMetricData", &body);
        assert_eq!((asked.queries().len(), asked.end_of_window()), (2, Some(1_785_585_600.0)));
        assert!(asked.asks_about("s1") && asked.asks_about("s1/Canary") && !asked.asks_about("s11"));
    }
}
