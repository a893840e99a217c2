//! STS as far as a client of API Gateway needs it: who am I, and credentials for a role.
//!
//! Protocol awsQuery: a form in, XML out.

mod xml;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::service::{Access, Answer, Call, Found, Operation, Service, Session};
use crate::switches::MessageMember;
use crate::wire::reply::response;
use crate::wire::request::Incoming;
use crate::world::AssumedRole;

/// Lifetime of the credentials of an assumed role where the request does not say, in seconds.
const DEFAULT_DURATION_SECONDS: i64 = 3600;

/// Reads all: credentials are given out, but nothing that anybody could see changes.
static OPERATIONS: &[Operation] = &[
    Operation { name: "GetCallerIdentity", access: Access::Read, signed: true, run: get_caller_identity },
    Operation { name: "AssumeRole", access: Access::Read, signed: true, run: assume_role },
    // SDKs send this one without a signature: the web identity token is the credential.
    Operation { name: "AssumeRoleWithWebIdentity", access: Access::Read, signed: false, run: assume_role },
];

/// The Security Token Service.
pub(crate) struct Sts;

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn claims(&self, incoming: &Incoming) -> bool {
        incoming.method == Method::POST
            && incoming.segments.is_empty()
            && !incoming.headers.contains_key("x-amz-target")
            && incoming.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    fn knows(&self, operation: &str) -> bool {
        OPERATIONS.iter().any(|known| known.name == operation)
    }

    fn find(&self, incoming: &Incoming) -> Option<Found> {
        let action = form(&incoming.body).remove("Action")?;
        let operation = OPERATIONS.iter().find(|operation| action.as_str() == Some(operation.name))?;
        Some(Found { operation, parameters: Vec::new() })
    }

    fn unknown(&self, incoming: &Incoming) -> ApiError {
        let form = form(&incoming.body);
        let action = form.get("Action").and_then(Value::as_str).unwrap_or_default();
        ApiError::new(400, "InvalidAction", format!("Could not find operation {action} for version 2011-06-15"))
    }

    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError> {
        Ok(Value::Object(form(&incoming.body)))
    }

    fn answer(&self, operation: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
        let body = xml::answer(operation, &answer.body, request_id);
        response(answer.status, &[("content-type", "text/xml"), ("x-amzn-requestid", request_id)], body)
    }

    fn refusal(&self, error: &ApiError, request_id: &str, _: MessageMember) -> Response<Bytes> {
        let body = xml::refusal(error, request_id);
        response(error.status, &[("content-type", "text/xml"), ("x-amzn-requestid", request_id)], body)
    }
}

fn form(body: &[u8]) -> Map<String, Value> {
    form_urlencoded::parse(body).map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "the form of an operation")]
fn get_caller_identity(session: &mut Session<'_>, _: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(json!({"Arn": session.caller_arn, "UserId": session.caller_id, "Account": session.account})))
}

/// Both ways to assume a role. The account is the one in the role's ARN; whether the role trusts the caller is not
/// simulated.
fn assume_role(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let text = |name: &str| call.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required = |name: &str| {
        let member = name.chars().next().map(|first| first.to_ascii_lowercase());
        let member: String = member.into_iter().chain(name.chars().skip(1)).collect();
        text(name).ok_or_else(|| {
            let text = format!("Value null at '{member}' failed to satisfy constraint: Member must not be null");
            ApiError::new(400, "ValidationError", format!("1 validation error detected: {text}"))
        })
    };
    let role_arn = required("RoleArn")?;
    let session_name = required("RoleSessionName")?;
    let web_identity = call.operation == "AssumeRoleWithWebIdentity";
    if web_identity {
        required("WebIdentityToken")?;
    }
    let invalid = || ApiError::new(400, "ValidationError", format!("{role_arn} is invalid"));
    let (partition, account, role) = parse_role(role_arn).ok_or_else(invalid)?;
    let duration = match text("DurationSeconds") {
        None => DEFAULT_DURATION_SECONDS,
        Some(seconds) => seconds.parse().ok().filter(|seconds| (900..=43200).contains(seconds)).ok_or_else(|| {
            ApiError::new(400, "ValidationError", "DurationSeconds must be a whole number from 900 to 43200")
        })?,
    };

    let id = format!("AROA{}:{session_name}", session.ids.upper(17));
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}");
    let key = format!("ASIA{}", session.ids.upper(16));
    let (secret, token) = (session.ids.upper(40), session.ids.upper(64));
    let expiration = session.now.as_second().saturating_add(duration);
    let expiration = jiff::Timestamp::from_second(expiration).unwrap_or(jiff::Timestamp::MAX);
    let mut body = json!({
        "Credentials": {
            "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token, "Expiration": expiration.to_string(),
        },
        "AssumedRoleUser": {"AssumedRoleId": id, "Arn": arn},
    });
    if let (true, Some(members)) = (web_identity, body.as_object_mut()) {
        members.insert("SubjectFromWebIdentityToken".to_owned(), json!(session_name));
    }
    session.issued_keys.insert(key, AssumedRole { account: account.to_owned(), id, arn });
    Ok(Answer::ok(body))
}

/// Partition, account and name of a role's ARN.
fn parse_role(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    let twelve_digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = scheme == "arn" && service == "iam" && region.is_empty() && twelve_digits && !name.is_empty();
    well_formed.then_some((partition, account, name))
}
