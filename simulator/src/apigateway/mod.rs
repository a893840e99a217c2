//! API Gateway's REST API (v1) control plane, API version 2015-07-09. One file a resource; [`ROUTES`] is the table.

pub(crate) mod account;
pub(crate) mod cache;
pub(crate) mod canary;
pub(crate) mod client_certificate;
pub(crate) mod deployment;
pub(crate) mod documentation;
pub(crate) mod gateway_response;
pub(crate) mod integration;
pub(crate) mod method;
pub(crate) mod method_settings;
mod paging;
pub(crate) mod resource;
pub(crate) mod rest_api;
mod routes;
pub(crate) mod stage;
mod stage_patch;
mod stage_rules;
pub(crate) mod tags;
mod variables;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::service::{Answer, Found, Service};
use crate::switches::MessageMember;
use crate::wire::reply::response;
use crate::wire::request::{Incoming, match_path};

/// The service that takes whatever no other claims, as AWS's REST-JSON endpoints differ by path only.
pub(crate) struct ApiGateway;

impl Service for ApiGateway {
    fn name(&self) -> &'static str {
        "apigateway"
    }

    fn claims(&self, _: &Incoming) -> bool {
        true
    }

    fn knows(&self, operation: &str) -> bool {
        routes::ROUTES.iter().any(|route| route.operation.name == operation)
    }

    fn find(&self, incoming: &Incoming) -> Option<Found> {
        let verb = incoming.method.as_str();
        routes::ROUTES.iter().filter(|route| route.verb == verb).find_map(|route| {
            let parameters = match_path(route.path, &incoming.segments)?;
            Some(Found { operation: &route.operation, parameters })
        })
    }

    fn unknown(&self, incoming: &Incoming) -> ApiError {
        let text = format!("Unknown operation: no operation answers {} {}", incoming.method, incoming.path);
        ApiError::bad_request(text)
    }

    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError> {
        if incoming.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(json!({}));
        }
        serde_json::from_slice(&incoming.body)
            .map_err(|error| ApiError::bad_request(format!("The request body is not valid JSON: {error}")))
    }

    fn answer(&self, _: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
        let headers = [("x-amzn-requestid", request_id), ("content-type", "application/json")];
        if answer.body.is_null() {
            let without_type: Vec<_> = headers.into_iter().take(1).collect();
            return response(answer.status, &without_type, Bytes::new());
        }
        response(answer.status, &headers, answer.body.to_string())
    }

    fn refusal(&self, error: &ApiError, request_id: &str, message_member: MessageMember) -> Response<Bytes> {
        let front_end = error.code == "ValidationException" || error.code == "AccessDeniedException";
        let member = match message_member {
            MessageMember::UpperCase if front_end => "Message",
            MessageMember::UpperCase | MessageMember::LowerCase => "message",
        };
        let retry_after = error.retry_after_seconds.map(|seconds| seconds.to_string());
        let mut headers = vec![
            ("x-amzn-requestid", request_id),
            ("x-amzn-errortype", error.code.as_ref()),
            ("content-type", "application/json"),
        ];
        headers.extend(retry_after.as_deref().map(|seconds| ("retry-after", seconds)));
        response(error.status, &headers, json!({member: error.message}).to_string())
    }
}
