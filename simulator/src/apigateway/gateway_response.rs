//! Gateway responses: what API Gateway itself answers, by type; defaults, customisations and inheritance.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::method::valid_status_code;
use super::rest_api::{RestApi, insert};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::{Input, not_in_set};
use crate::wire::patch::{self, Effect, Op, PatchOperation, Rule, unescape};

/// A type with its default status and the type that it inherits from while nobody customised it.
struct Kind {
    name: &'static str,
    status: Option<&'static str>,
    parent: Option<&'static str>,
}

const fn family(name: &'static str) -> Kind {
    Kind { name, status: None, parent: None }
}

const fn client(name: &'static str, status: &'static str) -> Kind {
    Kind { name, status: Some(status), parent: Some("DEFAULT_4XX") }
}

const fn server(name: &'static str, status: &'static str) -> Kind {
    Kind { name, status: Some(status), parent: Some("DEFAULT_5XX") }
}

/// All types, in the order of AWS's message about an unknown one.
static KINDS: [Kind; 21] = [
    client("REQUEST_TOO_LARGE", "413"),
    client("RESOURCE_NOT_FOUND", "404"),
    server("AUTHORIZER_CONFIGURATION_ERROR", "500"),
    client("MISSING_AUTHENTICATION_TOKEN", "403"),
    client("BAD_REQUEST_BODY", "400"),
    client("INVALID_SIGNATURE", "403"),
    client("INVALID_API_KEY", "403"),
    client("BAD_REQUEST_PARAMETERS", "400"),
    server("AUTHORIZER_FAILURE", "500"),
    client("UNAUTHORIZED", "401"),
    server("INTEGRATION_TIMEOUT", "504"),
    client("ACCESS_DENIED", "403"),
    family("DEFAULT_4XX"),
    family("DEFAULT_5XX"),
    client("WAF_FILTERED", "403"),
    client("QUOTA_EXCEEDED", "429"),
    client("THROTTLED", "429"),
    server("API_CONFIGURATION_ERROR", "500"),
    client("UNSUPPORTED_MEDIA_TYPE", "415"),
    server("INTEGRATION_FAILURE", "504"),
    client("EXPIRED_TOKEN", "403"),
];

/// What somebody made of a type: complete in itself, nothing is inherited any more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Customisation {
    status: Option<String>,
    parameters: BTreeMap<String, String>,
    templates: BTreeMap<String, String>,
}

impl Customisation {
    /// The built-in response of a type.
    fn default_of(kind: &Kind) -> Self {
        let template = "{\"message\":$context.error.messageString}";
        Self {
            status: kind.status.map(str::to_owned),
            parameters: BTreeMap::new(),
            templates: BTreeMap::from([("application/json".to_owned(), template.to_owned())]),
        }
    }

    fn view(&self, kind: &Kind, default_response: bool) -> Value {
        let mut view = json!({"responseType": kind.name});
        if let Some(status) = &self.status {
            insert(&mut view, "statusCode", json!(status));
        }
        insert(&mut view, "responseParameters", json!(self.parameters));
        insert(&mut view, "responseTemplates", json!(self.templates));
        insert(&mut view, "defaultResponse", json!(default_response));
        view
    }
}

/// What a type shows: its own customisation, else that of its family laid over its default, else its default.
fn shown(api: &RestApi, kind: &Kind) -> Value {
    if let Some(own) = api.gateway_responses.get(kind.name) {
        return own.view(kind, false);
    }
    let built_in = Customisation::default_of(kind);
    match kind.parent.and_then(|parent| api.gateway_responses.get(parent)) {
        // A family without a status leaves each type its own.
        Some(family) => {
            let status = family.status.clone().or(built_in.status);
            Customisation { status, ..family.clone() }.view(kind, true)
        }
        None => built_in.view(kind, true),
    }
}

/// What a caller of a deployed API is told: status, headers, and the body's template.
#[derive(Debug)]
pub(crate) struct ToCallers {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) template: String,
}

/// What a type says to callers of a deployment with these customisations. Of parameters only literals are headers
/// here; mapped ones would need the request.
pub(crate) fn to_callers(customised: &BTreeMap<String, Customisation>, type_name: &str) -> Option<ToCallers> {
    let kind = KINDS.iter().find(|kind| kind.name == type_name)?;
    let built_in = Customisation::default_of(kind);
    let family = kind.parent.and_then(|parent| customised.get(parent));
    let shown = customised.get(kind.name).or(family).unwrap_or(&built_in);
    let status = shown.status.as_ref().or(built_in.status.as_ref())?.parse().ok()?;
    let header = |(name, value): (&String, &String)| {
        let name = name.strip_prefix("gatewayresponse.header.")?;
        Some((name.to_owned(), value.strip_prefix('\'')?.strip_suffix('\'')?.to_owned()))
    };
    let headers = shown.parameters.iter().filter_map(header).collect();
    let template = shown.templates.get("application/json").cloned().unwrap_or_default();
    Some(ToCallers { status, headers, template })
}

/// The type that the path names; an unknown one is a violation that comes after those of the body.
fn kind(input: &Input, call: &Call) -> Option<&'static Kind> {
    let name = call.parameter("response_type");
    let known = KINDS.iter().find(|kind| kind.name == name);
    if known.is_none() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        input.violate(not_in_set(name, "responseType", &names));
    }
    known
}

/// Ends the reading of the input; a known type comes out.
fn finish(input: &Input, kind: Option<&'static Kind>) -> Result<&'static Kind, ApiError> {
    input.finish()?;
    kind.ok_or_else(|| ApiError::bad_request("Invalid gateway response type"))
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let kind = finish(&input, kind(&input, call))?;
    Ok(Answer::ok(shown(session.rest_api(call)?, kind)))
}

/// Always all types, in alphabetical order, unpaged.
pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let api = session.rest_api(call)?;
    let mut kinds: Vec<&Kind> = KINDS.iter().collect();
    kinds.sort_by_key(|kind| kind.name);
    let item: Vec<Value> = kinds.into_iter().map(|kind| shown(api, kind)).collect();
    Ok(Answer::ok(json!({"item": item})))
}

/// Replaces the whole: what the request leaves out takes the type's default.
pub(super) fn put(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let status = body.string("statusCode")?;
    if let Some(status) = status.as_deref().filter(|status| !valid_status_code(status)) {
        input.violate(format!(
            "Value '{status}' at 'putGatewayResponseInput.statusCode' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [1-5]\\d\\d"
        ));
    }
    let parameters = body.string_map("responseParameters")?;
    let templates = body.string_map("responseTemplates")?;
    let kind = finish(&input, kind(&input, call))?;

    let api = session.rest_api_mut(call)?;
    for (name, value) in parameters.iter().flatten() {
        check_parameter(name, value)?;
    }
    let built_in = Customisation::default_of(kind);
    let custom = Customisation {
        status: status.or(built_in.status),
        parameters: parameters.unwrap_or_default(),
        templates: templates.unwrap_or(built_in.templates),
    };
    let view = custom.view(kind, false);
    api.gateway_responses.insert(kind.name.to_owned(), custom);
    Ok(Answer::created(view))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let kind = finish(&input, kind(&input, call))?;
    let removed = session.rest_api_mut(call)?.gateway_responses.remove(kind.name);
    removed.map(|_| Answer::accepted()).ok_or_else(|| ApiError::not_found("Gateway response type not defined on api"))
}

/// Keys are headers, paths or query strings of the response; values are quoted literals or references.
fn check_parameter(name: &str, value: &str) -> Result<(), ApiError> {
    let places = ["gatewayresponse.header.", "gatewayresponse.path.", "gatewayresponse.querystring."];
    if !places.iter().any(|place| name.strip_prefix(place).is_some_and(|rest| !rest.is_empty())) {
        return Err(ApiError::bad_request(format!("Invalid mapping expression parameter specified: {name}")));
    }
    let literal = value.len() >= 2 && value.starts_with('\'') && value.ends_with('\'');
    let references = [
        "method.request.header.",
        "method.request.path.",
        "method.request.querystring.",
        "context.",
        "stageVariables.",
    ];
    if literal || references.iter().any(|prefix| value.starts_with(prefix)) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("Invalid mapping expression specified: {value}")))
}

static RULES: &[Rule<Customisation>] = &[
    Rule { op: Op::Replace, path: "/statusCode", effect: Effect::Text(set_status) },
    Rule { op: Op::Add, path: "/responseParameters/{name}", effect: Effect::Text(add_parameter) },
    Rule { op: Op::Replace, path: "/responseParameters/{name}", effect: Effect::Text(replace_parameter) },
    Rule {
        op: Op::Remove,
        path: "/responseParameters/{name}",
        effect: Effect::Removal(|custom, name| {
            custom.parameters.remove(&unescape(name)).map(drop).ok_or_else(not_there)
        }),
    },
    Rule { op: Op::Add, path: "/responseTemplates/{type}", effect: Effect::Text(add_template) },
    Rule { op: Op::Replace, path: "/responseTemplates/{type}", effect: Effect::Text(replace_template) },
    Rule {
        op: Op::Remove,
        path: "/responseTemplates/{type}",
        effect: Effect::Removal(|custom, kind| {
            custom.templates.remove(&unescape(kind)).map(drop).ok_or_else(not_there)
        }),
    },
];

fn not_there() -> ApiError {
    ApiError::not_found("Invalid parameter name specified")
}

/// An empty status clears it: a family's siblings show their own again.
fn set_status(custom: &mut Customisation, _: &str, status: Option<&str>) -> Result<(), ApiError> {
    let status = status.filter(|status| !status.is_empty());
    if let Some(status) = status.filter(|status| !valid_status_code(status)) {
        return Err(ApiError::bad_request(format!("Invalid status code specified: {status}")));
    }
    custom.status = status.map(str::to_owned);
    Ok(())
}

fn value_of<'v>(value: Option<&'v str>, map: &str) -> Result<&'v str, ApiError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| ApiError::bad_request(format!("Invalid null or empty value in {map}")))
}

fn add_parameter(custom: &mut Customisation, name: &str, value: Option<&str>) -> Result<(), ApiError> {
    let (name, value) = (unescape(name), value_of(value, "responseParameters")?);
    check_parameter(&name, value)?;
    custom.parameters.insert(name, value.to_owned());
    Ok(())
}

fn replace_parameter(custom: &mut Customisation, name: &str, value: Option<&str>) -> Result<(), ApiError> {
    value_of(value, "responseParameters")?;
    if !custom.parameters.contains_key(&unescape(name)) {
        return Err(not_there());
    }
    add_parameter(custom, name, value)
}

fn add_template(custom: &mut Customisation, kind: &str, value: Option<&str>) -> Result<(), ApiError> {
    let value = value_of(value, "responseTemplates")?;
    custom.templates.insert(unescape(kind), value.to_owned());
    Ok(())
}

fn replace_template(custom: &mut Customisation, kind: &str, value: Option<&str>) -> Result<(), ApiError> {
    value_of(value, "responseTemplates")?;
    if !custom.templates.contains_key(&unescape(kind)) {
        return Err(not_there());
    }
    add_template(custom, kind, value)
}

/// A first patch of an uncustomised type makes a customisation from the default.
pub(super) fn update(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let list: Vec<PatchOperation> = patch::operations(&input, &call.body)?;
    let kind = finish(&input, kind(&input, call))?;

    let api = session.rest_api_mut(call)?;
    let own = api.gateway_responses.get(kind.name);
    let mut draft = own.cloned().unwrap_or_else(|| Customisation::default_of(kind));
    if own.is_none() && list.is_empty() {
        return Ok(Answer::ok(shown(api, kind)));
    }
    patch::apply_all(RULES, &mut draft, &list)?;
    let view = draft.view(kind, false);
    api.gateway_responses.insert(kind.name.to_owned(), draft);
    Ok(Answer::ok(view))
}
