//! The services behind the one front door, and the form of their operations.
//!
//! A new service is a module with a type that implements [`Service`] and a row in [`SERVICES`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::Value;

use crate::apigateway::ApiGateway;
use crate::cloudwatch::CloudWatch;
use crate::error::ApiError;
use crate::ids::Ids;
use crate::logs::Logs;
use crate::sts::Sts;
use crate::switches::{MessageMember, Switches};
use crate::waf::Waf;
use crate::wire::request::Incoming;
use crate::world::{IssuedKeys, Region};

/// All services; the first that claims a request answers it, so the one that takes the rest comes last.
pub(crate) static SERVICES: &[&dyn Service] = &[&Sts, &CloudWatch::Cbor, &CloudWatch::Json, &Logs, &Waf, &ApiGateway];

/// One AWS service: which requests are its own, and how it speaks.
pub(crate) trait Service: Sync {
    /// Its name in ARNs and in the call log.
    fn name(&self) -> &'static str;

    /// Whether this request is for this service.
    fn claims(&self, incoming: &Incoming) -> bool;

    /// Whether one of its operations has this name.
    fn knows(&self, operation: &str) -> bool;

    /// The operation that the request names, with its path parameters.
    fn find(&self, incoming: &Incoming) -> Option<Found>;

    /// The refusal of a request that names no operation.
    fn unknown(&self, incoming: &Incoming) -> ApiError;

    /// The request's body as JSON: an object, empty where there is no body.
    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError>;

    /// An answer in the service's protocol.
    fn answer(&self, operation: &str, answer: Answer, request_id: &str) -> Response<Bytes>;

    /// A refusal in the service's protocol.
    fn refusal(&self, error: &ApiError, request_id: &str, message_member: MessageMember) -> Response<Bytes>;
}

/// Whether any service has an operation of this name.
pub(crate) fn is_operation(name: &str) -> bool {
    SERVICES.iter().any(|service| service.knows(name))
}

/// An operation and what the path said.
pub(crate) struct Found {
    pub(crate) operation: &'static Operation,
    pub(crate) parameters: Parameters,
}

pub(crate) type Parameters = Vec<(&'static str, String)>;

/// One operation of a service.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) access: Access,
    /// Whether the request must carry a signature.
    pub(crate) signed: bool,
    pub(crate) run: fn(&mut Session<'_>, &Call) -> Result<Answer, ApiError>,
}

/// Whether an operation changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What an operation is asked for.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) parameters: Parameters,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Arc<Value>,
}

impl Call {
    /// A path parameter; the pattern that led here has it.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The first value of this query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of this query parameter.
    pub(crate) fn queries<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A success: its status and its body (`Null` for none).
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: 201, body }
    }

    /// 202 without a body: deletions and flushes.
    pub(crate) fn accepted() -> Self {
        Self { status: 202, body: Value::Null }
    }

    /// 200 without members, as most writes outside API Gateway have it.
    pub(crate) fn no_body() -> Self {
        Self { status: 200, body: Value::Null }
    }

    /// 204 without a body.
    pub(crate) fn no_content() -> Self {
        Self { status: 204, body: Value::Null }
    }
}

/// What an operation works with: the caller's account in the caller's Region, at one instant.
///
/// An operation that refuses must leave `region` and `issued_keys` untouched: it checks first and writes last, or
/// works on a draft.
pub(crate) struct Session<'w> {
    pub(crate) account: &'w str,
    pub(crate) region_name: &'w str,
    /// ARN of the caller.
    pub(crate) caller_arn: &'w str,
    pub(crate) caller_id: &'w str,
    pub(crate) now: Timestamp,
    pub(crate) cache_delay: Duration,
    pub(crate) switches: &'w Switches,
    pub(crate) ids: &'w mut Ids,
    pub(crate) region: &'w mut Region,
    pub(crate) issued_keys: &'w mut IssuedKeys,
}
