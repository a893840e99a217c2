//! Integrations of a method, and their responses.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::method::{check_status_code, unknown_response};
use super::rest_api::{insert, insert_some};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;
use crate::wire::patch::{self, Effect, Op, Rule, unescape};

/// In the order of AWS's message.
const TYPES: [&str; 5] = ["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"];
const CONNECTION_TYPES: [&str; 2] = ["INTERNET", "VPC_LINK"];
const CONTENT_HANDLING: [&str; 2] = ["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"];
const PASSTHROUGH: [&str; 3] = ["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];
/// Milliseconds.
const DEFAULT_TIMEOUT: i32 = 29_000;

/// What stands behind a method.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Integration {
    kind: String,
    http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<String>,
    credentials: Option<String>,
    request_parameters: Option<BTreeMap<String, String>>,
    request_templates: Option<BTreeMap<String, String>>,
    passthrough_behavior: String,
    cache_namespace: String,
    cache_key_parameters: Vec<String>,
    content_handling: Option<String>,
    timeout_in_millis: i32,
    /// By status code.
    responses: BTreeMap<String, IntegrationResponse>,
}

#[derive(Debug, Clone, Serialize)]
struct IntegrationResponse {
    selection_pattern: Option<String>,
    parameters: Option<BTreeMap<String, String>>,
    templates: Option<BTreeMap<String, String>>,
    content_handling: Option<String>,
}

impl Integration {
    pub(super) fn view(&self) -> Value {
        let mut view = json!({"type": self.kind});
        insert_some(&mut view, "httpMethod", self.http_method.as_ref());
        insert_some(&mut view, "uri", self.uri.as_ref());
        insert_some(&mut view, "connectionType", self.connection_type.as_ref());
        insert_some(&mut view, "connectionId", self.connection_id.as_ref());
        insert_some(&mut view, "credentials", self.credentials.as_ref());
        insert_some(&mut view, "requestParameters", self.request_parameters.as_ref());
        insert_some(&mut view, "requestTemplates", self.request_templates.as_ref());
        insert(&mut view, "passthroughBehavior", json!(self.passthrough_behavior));
        insert_some(&mut view, "contentHandling", self.content_handling.as_ref());
        insert(&mut view, "timeoutInMillis", json!(self.timeout_in_millis));
        insert(&mut view, "cacheNamespace", json!(self.cache_namespace));
        insert(&mut view, "cacheKeyParameters", json!(self.cache_key_parameters));
        if !self.responses.is_empty() {
            let responses = self.responses.iter().map(|(status, kept)| (status.clone(), kept.view(status)));
            insert(&mut view, "integrationResponses", Value::Object(responses.collect::<Map<_, _>>()));
        }
        view
    }
}

impl IntegrationResponse {
    fn view(&self, status: &str) -> Value {
        let mut view = json!({"statusCode": status});
        insert_some(&mut view, "selectionPattern", self.selection_pattern.as_ref());
        insert_some(&mut view, "responseParameters", self.parameters.as_ref());
        insert_some(&mut view, "responseTemplates", self.templates.as_ref());
        insert_some(&mut view, "contentHandling", self.content_handling.as_ref());
        view
    }
}

impl Session<'_> {
    fn integration(&self, call: &Call) -> Result<&Integration, ApiError> {
        self.method(call)?.integration.as_ref().ok_or_else(unknown)
    }

    fn integration_mut(&mut self, call: &Call) -> Result<&mut Integration, ApiError> {
        self.method_mut(call)?.integration.as_mut().ok_or_else(unknown)
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Invalid Integration identifier specified")
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.integration(call)?.view()))
}

pub(super) fn put(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    body.require("type");
    let kind = body.choice("type", &TYPES)?.unwrap_or_default();
    let integration = Integration {
        kind,
        http_method: body.string("httpMethod")?,
        uri: body.string("uri")?,
        connection_type: body.choice("connectionType", &CONNECTION_TYPES)?,
        connection_id: body.string("connectionId")?,
        credentials: body.string("credentials")?,
        request_parameters: body.string_map("requestParameters")?,
        request_templates: body.string_map("requestTemplates")?,
        passthrough_behavior: body.string("passthroughBehavior")?.unwrap_or_else(|| "WHEN_NO_MATCH".to_owned()),
        cache_namespace: body.string("cacheNamespace")?.unwrap_or_else(|| call.parameter("resource_id").to_owned()),
        cache_key_parameters: body.strings("cacheKeyParameters")?.unwrap_or_default(),
        content_handling: body.choice("contentHandling", &CONTENT_HANDLING)?,
        timeout_in_millis: body.integer("timeoutInMillis")?.unwrap_or(DEFAULT_TIMEOUT),
        responses: BTreeMap::new(),
    };
    input.finish()?;

    let method = session.method_mut(call)?;
    if !PASSTHROUGH.contains(&integration.passthrough_behavior.as_str()) {
        let text = format!("Invalid passthroughBehavior. Valid options are {}", PASSTHROUGH.join(","));
        return Err(ApiError::bad_request(text));
    }
    if integration.kind != "MOCK" {
        if integration.http_method.as_deref().is_none_or(str::is_empty) {
            return Err(ApiError::bad_request("Enumeration value for HttpMethod must be non-empty"));
        }
        if integration.uri.as_deref().is_none_or(str::is_empty) {
            return Err(ApiError::bad_request("Invalid HTTP endpoint specified for URI"));
        }
    }
    if !(50..=DEFAULT_TIMEOUT).contains(&integration.timeout_in_millis) {
        return Err(ApiError::bad_request("Timeout should be between 50 ms and 29000 ms"));
    }
    let view = integration.view();
    method.integration = Some(integration);
    Ok(Answer::created(view))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    session.method_mut(call)?.integration.take().map(|_| Answer::no_content()).ok_or_else(unknown)
}

pub(super) fn get_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let status = call.parameter("status_code");
    let response = session.integration(call)?.responses.get(status).ok_or_else(unknown_response)?;
    Ok(Answer::ok(response.view(status)))
}

pub(super) fn put_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let response = IntegrationResponse {
        selection_pattern: body.string("selectionPattern")?,
        parameters: body.string_map("responseParameters")?,
        templates: body.string_map("responseTemplates")?,
        content_handling: body.choice("contentHandling", &CONTENT_HANDLING)?,
    };
    let status = check_status_code(&input, call);
    input.finish()?;

    let integration = session.integration_mut(call)?;
    let view = response.view(&status);
    integration.responses.insert(status, response);
    Ok(Answer::created(view))
}

pub(super) fn delete_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let removed = session.integration_mut(call)?.responses.remove(call.parameter("status_code"));
    removed.map(|_| Answer::no_content()).ok_or_else(unknown_response)
}

static RESPONSE_RULES: &[Rule<IntegrationResponse>] = &[
    Rule {
        op: Op::Replace,
        path: "/selectionPattern",
        effect: Effect::Text(|response, _, text| {
            response.selection_pattern = text.map(str::to_owned);
            Ok(())
        }),
    },
    Rule {
        op: Op::Replace,
        path: "/contentHandling",
        effect: Effect::Choice(&CONTENT_HANDLING, |response, _, text| {
            response.content_handling = Some(text.to_owned());
            Ok(())
        }),
    },
    Rule { op: Op::Add, path: "/responseTemplates/{type}", effect: Effect::Text(set_template) },
    Rule { op: Op::Replace, path: "/responseTemplates/{type}", effect: Effect::Text(set_template) },
    Rule {
        op: Op::Remove,
        path: "/responseTemplates/{type}",
        effect: Effect::Removal(|response, kind| remove(&mut response.templates, kind)),
    },
    Rule { op: Op::Add, path: "/responseParameters/{name}", effect: Effect::Text(set_parameter) },
    Rule { op: Op::Replace, path: "/responseParameters/{name}", effect: Effect::Text(set_parameter) },
    Rule {
        op: Op::Remove,
        path: "/responseParameters/{name}",
        effect: Effect::Removal(|response, name| remove(&mut response.parameters, name)),
    },
];

fn set_template(response: &mut IntegrationResponse, kind: &str, text: Option<&str>) -> Result<(), ApiError> {
    set(&mut response.templates, kind, text)
}

fn set_parameter(response: &mut IntegrationResponse, name: &str, text: Option<&str>) -> Result<(), ApiError> {
    set(&mut response.parameters, name, text)
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set(map: &mut Option<BTreeMap<String, String>>, key: &str, text: Option<&str>) -> Result<(), ApiError> {
    map.get_or_insert_default().insert(unescape(key), text.unwrap_or_default().to_owned());
    Ok(())
}

fn remove(map: &mut Option<BTreeMap<String, String>>, key: &str) -> Result<(), ApiError> {
    let removed = map.as_mut().and_then(|map| map.remove(&unescape(key)));
    if map.as_ref().is_some_and(BTreeMap::is_empty) {
        *map = None;
    }
    removed.map(drop).ok_or_else(|| ApiError::not_found("Invalid parameter name specified"))
}

pub(super) fn update_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let list = patch::read(call.operation, &call.body)?;
    let status = call.parameter("status_code");
    let kept = session.integration_mut(call)?.responses.get_mut(status).ok_or_else(unknown_response)?;
    let mut draft = kept.clone();
    patch::apply_all(RESPONSE_RULES, &mut draft, &list)?;
    *kept = draft;
    Ok(Answer::ok(kept.view(status)))
}
