//! CloudWatch: metrics and alarms, as far as the analysis of a canary release needs them.
//!
//! In two protocols, because AWS's SDKs differ: the Rust SDK sends Smithy RPC v2 CBOR, boto3 sends AWS JSON 1.0. The
//! operations are the same functions for both. Alarms are plain state: nothing evaluates them.

mod alarms;
mod error;
mod expression;
mod get_metric_data;
mod list_metrics;
mod math;
pub(crate) mod metric;
mod put_metric_data;
mod readout;
mod statistic;

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{Method, Response};
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::service::{Access, Answer, Call, Found, Operation, Service, Session};
use crate::switches::MessageMember;
use crate::wire::reply::response;
use crate::wire::request::{Incoming, MAX_BODY_BYTES};
use crate::wire::{cbor, json_rpc};

/// The service's name in targets and paths.
const SERVICE: &str = "GraniteServiceVersion20100801";
const JSON: &str = "application/x-amz-json-1.0";
const CBOR: &str = "application/cbor";

/// What CloudWatch remembers of one account in one Region.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// Left out of dumps: days of data points are no state that two dumps are compared by.
    #[serde(skip)]
    pub(crate) metrics: metric::Store,
    alarms: alarms::Alarms,
}

type Run = fn(&mut Session<'_>, &Call) -> Result<Answer, ApiError>;

const fn read(name: &'static str, run: Run) -> Operation {
    Operation { name, access: Access::Read, signed: true, run }
}

const fn write(name: &'static str, run: Run) -> Operation {
    Operation { name, access: Access::Write, signed: true, run }
}

static OPERATIONS: &[Operation] = &[
    read("GetMetricData", get_metric_data::get),
    read("ListMetrics", list_metrics::list),
    write("PutMetricData", put_metric_data::put),
    write("PutMetricAlarm", alarms::put_metric_alarm),
    write("PutCompositeAlarm", alarms::put_composite_alarm),
    write("SetAlarmState", alarms::set_state),
    read("DescribeAlarms", alarms::describe),
    write("DeleteAlarms", alarms::delete),
];

/// The service in one of its protocols.
pub(crate) enum CloudWatch {
    /// Smithy RPC v2, as the Rust SDK speaks it.
    Cbor,
    /// AWS JSON 1.0, as boto3 speaks it.
    Json,
}

impl Service for CloudWatch {
    fn name(&self) -> &'static str {
        "cloudwatch"
    }

    fn claims(&self, incoming: &Incoming) -> bool {
        match self {
            Self::Cbor => incoming.segments.first().is_some_and(|segment| segment == "service"),
            Self::Json => json_rpc::claims(incoming, SERVICE),
        }
    }

    fn knows(&self, operation: &str) -> bool {
        OPERATIONS.iter().any(|known| known.name == operation)
    }

    fn find(&self, incoming: &Incoming) -> Option<Found> {
        if matches!(self, Self::Json) {
            return json_rpc::find(incoming, SERVICE, OPERATIONS);
        }
        let path: Vec<&str> = incoming.segments.iter().map(String::as_str).collect();
        let ["service", SERVICE, "operation", name] = path.as_slice() else { return None };
        let spoken = incoming.method == Method::POST && incoming.header("smithy-protocol") == Some("rpc-v2-cbor");
        let operation = OPERATIONS.iter().find(|operation| spoken && operation.name == *name)?;
        Some(Found { operation, parameters: Vec::new() })
    }

    fn unknown(&self, incoming: &Incoming) -> ApiError {
        match self {
            Self::Json => json_rpc::unknown(incoming),
            Self::Cbor => ApiError::new(
                404,
                "UnknownOperationException",
                format!(
                    "The simulator knows no operation {} {}. Operations are POST \
                     /service/{SERVICE}/operation/{{name}} with the header smithy-protocol: rpc-v2-cbor",
                    incoming.method, incoming.path
                ),
            ),
        }
    }

    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError> {
        let body = inflated(incoming)?;
        let value = match self {
            Self::Json => json_rpc::decode(&body)?,
            Self::Cbor => cbor::decode(&body).map_err(|error| ApiError::serialization(error.to_string()))?,
        };
        if value.is_object() {
            return Ok(value);
        }
        Err(ApiError::serialization("The request body must be an object"))
    }

    fn answer(&self, _: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
        match self {
            Self::Json => json_rpc::answer(&answer, request_id, JSON),
            Self::Cbor if answer.body.is_null() => {
                let headers = [("x-amzn-requestid", request_id), ("smithy-protocol", "rpc-v2-cbor")];
                response(answer.status, &headers, Bytes::new())
            }
            Self::Cbor => cbor_response(answer.status, request_id, &[], &answer.body),
        }
    }

    fn refusal(&self, error: &ApiError, request_id: &str, _: MessageMember) -> Response<Bytes> {
        let side = if error.status < 500 { "Sender" } else { "Receiver" };
        let query_error = format!("{};{side}", error::query_code(&error.code));
        let header = [("x-amzn-query-error", query_error.as_str())];
        match self {
            Self::Json => json_rpc::refusal(error, request_id, JSON, &header),
            Self::Cbor => {
                let body = serde_json::json!({"__type": error.code, "message": error.message});
                cbor_response(error.status, request_id, &header, &body)
            }
        }
    }
}

fn cbor_response(status: u16, request_id: &str, more: &[(&'static str, &str)], body: &Value) -> Response<Bytes> {
    let mut headers =
        vec![("x-amzn-requestid", request_id), ("smithy-protocol", "rpc-v2-cbor"), ("content-type", CBOR)];
    headers.extend(more);
    response(status, &headers, cbor::encode(body))
}

/// The body without its compression: SDKs send `PutMetricData` with gzip from 10240 bytes on.
fn inflated(incoming: &Incoming) -> Result<Bytes, ApiError> {
    match incoming.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => return Ok(incoming.body.clone()),
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => {}
        Some(other) => {
            let text = format!("The simulator cannot read a request body with Content-Encoding {other}; send gzip");
            return Err(ApiError::serialization(text));
        }
    }
    let most = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    // One byte more than is taken: a small body must not unfold without end.
    MultiGzDecoder::new(incoming.body.as_ref())
        .take(most.saturating_add(1))
        .read_to_end(&mut body)
        .map_err(|error| ApiError::serialization(format!("The request body is not valid gzip: {error}")))?;
    if body.len() > MAX_BODY_BYTES {
        let text = "The uncompressed request body has more than 10485760 bytes. Send a smaller one.";
        return Err(ApiError::serialization(text));
    }
    Ok(body.into())
}
