//! CloudWatch Logs as far as a test bench touches it: log groups. AWS JSON 1.1.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::service::{Access, Answer, Call, Found, Operation, Service, Session};
use crate::switches::MessageMember;
use crate::wire::input::Input;
use crate::wire::json_rpc;
use crate::wire::request::Incoming;

const PREFIX: &str = "Logs_20140328";
pub(crate) const JSON: &str = "application/x-amz-json-1.1";

/// Log groups a page, by default and at most; source: the API reference of `DescribeLogGroups`.
const PAGE: i32 = 50;

/// Log groups of an account in a Region, by name.
pub(crate) type LogGroups = BTreeMap<String, LogGroup>;

/// A log group without streams.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LogGroup {
    created: Timestamp,
    tags: BTreeMap<String, String>,
}

/// The service.
pub(crate) struct Logs;

static OPERATIONS: &[Operation] = &[
    Operation { name: "CreateLogGroup", access: Access::Write, signed: true, run: create },
    Operation { name: "DescribeLogGroups", access: Access::Read, signed: true, run: describe },
    Operation { name: "DeleteLogGroup", access: Access::Write, signed: true, run: delete },
];

impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn claims(&self, incoming: &Incoming) -> bool {
        json_rpc::claims(incoming, PREFIX)
    }

    fn knows(&self, operation: &str) -> bool {
        OPERATIONS.iter().any(|known| known.name == operation)
    }

    fn find(&self, incoming: &Incoming) -> Option<Found> {
        json_rpc::find(incoming, PREFIX, OPERATIONS)
    }

    fn unknown(&self, incoming: &Incoming) -> ApiError {
        json_rpc::unknown(incoming)
    }

    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError> {
        json_rpc::decode(&incoming.body)
    }

    fn answer(&self, _: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
        json_rpc::answer(&answer, request_id, JSON)
    }

    fn refusal(&self, error: &ApiError, request_id: &str, _: MessageMember) -> Response<Bytes> {
        json_rpc::refusal(error, request_id, JSON, &[])
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

/// The member `logGroupName`, well formed.
fn name(call: &Call) -> Result<String, ApiError> {
    let input = Input::of(call.operation);
    let name = input.object(&call.body)?.string("logGroupName")?.unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-/#".contains(letter);
    if !(1..=512).contains(&name.len()) || !name.chars().all(allowed) {
        let text = format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        );
        return Err(invalid(text));
    }
    Ok(name)
}

fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let name = name(call)?;
    let input = Input::of(call.operation);
    let tags = input.object(&call.body)?.string_map("tags")?.unwrap_or_default();
    if session.region.log_groups.contains_key(&name) {
        return Err(ApiError::new(400, "ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    session.region.log_groups.insert(name, LogGroup { created: session.now, tags });
    Ok(Answer::no_body())
}

fn describe(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let prefix = body.string("logGroupNamePrefix")?.unwrap_or_default();
    let limit = body.integer("limit")?.unwrap_or(PAGE);
    let in_bounds = (1..=PAGE).contains(&limit);
    let limit = usize::try_from(limit).ok().filter(|_| in_bounds);
    let limit = limit.ok_or_else(|| invalid(format!("The parameter limit must be from 1 to {PAGE}")))?;
    let token = body.string("nextToken")?;

    let groups = session.region.log_groups.iter().filter(|(name, _)| name.starts_with(prefix.as_str()));
    // The token is the last name of the page before.
    let rest: Vec<_> = groups.filter(|(name, _)| token.as_ref().is_none_or(|last| *name > last)).collect();
    let shown = rest.get(..limit.min(rest.len())).unwrap_or_default();
    let view = |(name, group): &(&String, &LogGroup)| {
        let arn = format!("arn:aws:logs:{}:{}:log-group:{name}:*", session.region_name, session.account);
        json!({
            "logGroupName": name, "arn": arn, "creationTime": group.created.as_millisecond(), "metricFilterCount": 0,
            "storedBytes": 0,
        })
    };
    let mut answer = json!({"logGroups": shown.iter().map(view).collect::<Vec<_>>()});
    if let (true, Some((last, _)), Some(members)) = (rest.len() > limit, shown.last(), answer.as_object_mut()) {
        members.insert("nextToken".to_owned(), json!(last));
    }
    Ok(Answer::ok(answer))
}

fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    match session.region.log_groups.remove(&name(call)?) {
        Some(_) => Ok(Answer::no_body()),
        None => Err(ApiError::new(400, "ResourceNotFoundException", "The specified log group does not exist.")),
    }
}
