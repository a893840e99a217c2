//! AWS JSON 1.0 and 1.1: one path, the operation in a header, members as a JSON object.

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};

use super::reply::response;
use super::request::Incoming;
use crate::error::ApiError;
use crate::service::{Answer, Found, Operation};

/// Whether this request names an operation behind this prefix: `{prefix}.{Operation}` in `X-Amz-Target`.
pub(crate) fn claims(incoming: &Incoming, prefix: &str) -> bool {
    incoming.method == Method::POST && operation_name(incoming, prefix).is_some()
}

fn operation_name<'i>(incoming: &'i Incoming, prefix: &str) -> Option<&'i str> {
    incoming.header("x-amz-target")?.strip_prefix(prefix)?.strip_prefix('.')
}

/// The operation that the header names.
pub(crate) fn find(incoming: &Incoming, prefix: &str, operations: &'static [Operation]) -> Option<Found> {
    let name = operation_name(incoming, prefix)?;
    let operation = operations.iter().find(|operation| operation.name == name)?;
    Some(Found { operation, parameters: Vec::new() })
}

/// The refusal of an operation that is not known here.
pub(crate) fn unknown(incoming: &Incoming) -> ApiError {
    let target = incoming.header("x-amz-target").unwrap_or_default();
    ApiError::new(400, "UnknownOperationException", format!("The simulator knows no operation {target}"))
}

/// The members of a request; an empty body is an empty object.
pub(crate) fn decode(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::serialization(format!("The request body is not valid JSON: {error}")))
}

/// A success; `content_type` names the version.
pub(crate) fn answer(answer: &Answer, request_id: &str, content_type: &str) -> Response<Bytes> {
    let body = if answer.body.is_null() { "{}".to_owned() } else { answer.body.to_string() };
    response(answer.status, &[("x-amzn-requestid", request_id), ("content-type", content_type)], body)
}

/// A refusal, with headers of the service's own.
pub(crate) fn refusal(
    error: &ApiError,
    request_id: &str,
    content_type: &str,
    more: &[(&'static str, &str)],
) -> Response<Bytes> {
    let mut headers = vec![("x-amzn-requestid", request_id), ("content-type", content_type)];
    headers.extend(more);
    response(error.status, &headers, json!({"__type": error.code, "message": error.message}).to_string())
}
