//! A world with one REST API, and raw requests to it.

use apigateway_simulator::{Reply, Simulator};
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
/// The manual clock's start.
pub(crate) const START: i64 = 1_767_225_600;

/// A simulator with one deployable REST API.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) api: String,
}

/// A reply: status, `x-amzn-errortype` if any, and body (`null` for none).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
    pub(crate) body: Value,
}

impl Seen {
    /// What AWS says in so many words.
    pub(crate) fn refusal(status: u16, error: &str, message: &str) -> Self {
        Self { status, error: Some(error.to_owned()), body: json!({"message": message}) }
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::refusal(400, "BadRequestException", message)
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::refusal(404, "NotFoundException", message)
    }

    pub(crate) fn ok(status: u16, body: Value) -> Self {
        Self { status, error: None, body }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let simulator = Simulator::builder().build();
        let api = simulator.create_rest_api("petstore");
        simulator.reset_calls();
        Self { simulator, api }
    }

    /// Sends a raw request; `path` is below `/restapis/{api}` where it begins with `R`.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Seen {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_raw(method, path, body).await
    }

    pub(crate) async fn send_raw(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Seen {
        seen(self.reply(method, path, body).await)
    }

    pub(crate) async fn reply(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Reply {
        let path = match path.strip_prefix('R') {
            Some(rest) => format!("/restapis/{}{rest}", self.api),
            None => path.to_owned(),
        };
        self.simulator.handle(request(method, &path, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Seen {
        self.send("GET", path, &Value::Null).await
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Seen {
        self.send("PATCH", path, &json!({"patchOperations": operations})).await
    }

    /// A new deployment's id.
    pub(crate) async fn deploy(&self) -> String {
        let created = self.send("POST", "R/deployments", &json!({})).await;
        assert_eq!(created.status, 201, "{created:?}");
        created.body["id"].as_str().unwrap().to_owned()
    }

    /// A stage `prod` on a new deployment, whose id comes back.
    pub(crate) async fn stage(&self) -> String {
        let deployment = self.deploy().await;
        let body = json!({"stageName": "prod", "deploymentId": deployment});
        let created = self.send("POST", "R/stages", &body).await;
        assert_eq!(created.status, 201, "{created:?}");
        deployment
    }

    /// Gives the account the role that logging needs.
    pub(crate) async fn with_role(&self) {
        let operation = json!([{"op": "replace", "path": "/cloudwatchRoleArn",
            "value": "arn:aws:iam::123456789012:role/logs"}]);
        assert_eq!(self.patch("/account", operation).await.status, 200);
    }
}

/// A signed request of the default caller.
pub(crate) fn request(method: &str, path: &str, body: impl Into<Bytes>) -> http::Request<Bytes> {
    request_by("AKIDEXAMPLE", "eu-west-1", method, path, body)
}

pub(crate) fn request_by(
    key: &str,
    region: &str,
    method: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> http::Request<Bytes> {
    let scope = format!("{key}/20260101/{region}/apigateway/aws4_request");
    let signature = "0".repeat(64);
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("accept", "application/json")
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}"),
        )
        .body(body.into())
        .unwrap()
}

pub(crate) fn seen(reply: Reply) -> Seen {
    let response = reply.answer().unwrap();
    let error = response.headers().get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let body = if response.body().is_empty() {
        Value::Null
    } else {
        assert_eq!(response.headers()["content-type"], "application/json");
        serde_json::from_slice(response.body()).unwrap()
    };
    Seen { status: response.status().as_u16(), error, body }
}
