//! API Gateway from outside: the simulator's HTTP interface, both AWS's own paths and those below `/_simulator/`.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use testbed::HttpClient;

use crate::{call::Call, failure::Failure};

/// What the log calls the demo, so that its own calls are told from the operator's.
const CALLER: &str = "demo";

/// The simulator's server.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    address: SocketAddr,
    http: HttpClient,
    authorization: String,
}

/// An answer's status and body; `null` for none.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Gateway {
    pub(crate) fn at(address: SocketAddr, region: &str, http: HttpClient) -> Self {
        // The simulator knows no secret, so it reads the form of a signature only.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=DEMO/20260101/{region}/apigateway/aws4_request, SignedHeaders=host, \
             Signature={:064}",
            0
        );
        Self { address, http, authorization }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operator's calls to API Gateway since the log was emptied, in order.
    pub(crate) async fn calls(&self) -> Result<Vec<Call>, Failure> {
        let request = "GET /_simulator/calls";
        let Answer { body, .. } = self.succeed(&Method::GET, "/_simulator/calls", &Value::Null).await?;
        let calls: Vec<Call> = serde_json::from_value(body)
            .map_err(|error| Failure::Request { request: request.to_owned(), reason: error.to_string() })?;
        Ok(calls.into_iter().filter(Call::is_the_operators).collect())
    }

    /// Empties the log.
    pub(crate) async fn forget_calls(&self) -> Result<(), Failure> {
        self.succeed(&Method::DELETE, "/_simulator/calls", &Value::Null).await.map(drop)
    }

    /// Sends a request that must succeed.
    pub(crate) async fn succeed(&self, method: &Method, path: &str, body: &Value) -> Result<Answer, Failure> {
        let answer = self.send(method, path, body).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let Answer { status, body } = answer;
        Err(Failure::Answer { request: format!("{method} {path}"), status, body: body.to_string() })
    }

    /// Sends a request and gives whatever is answered.
    pub(crate) async fn send(&self, method: &Method, path: &str, body: &Value) -> Result<Answer, Failure> {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let named = format!("{method} {path}");
        let unreadable = |reason: String| Failure::Request { request: named.clone(), reason };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header("authorization", &self.authorization)
            .header("accept", "application/json")
            .header("x-simulator-caller", CALLER)
            .body(Full::new(bytes))
            .map_err(|error| unreadable(error.to_string()))?;
        let (status, bytes) = self.http.send(request).await?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        Ok(Answer { status, body: body.map_err(|error| unreadable(error.to_string()))? })
    }
}
