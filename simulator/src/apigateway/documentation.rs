//! Documentation parts, and versions of them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::paging::page;
use super::rest_api::insert_some;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;

/// AWS's enum of what a part may document.
const TYPES: [&str; 12] = [
    "API",
    "AUTHORIZER",
    "MODEL",
    "RESOURCE",
    "METHOD",
    "PATH_PARAMETER",
    "QUERY_PARAMETER",
    "REQUEST_HEADER",
    "REQUEST_BODY",
    "RESPONSE",
    "RESPONSE_HEADER",
    "RESPONSE_BODY",
];

/// A part: where it belongs, and a string that holds JSON.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DocumentationPart {
    id: String,
    location: Value,
    properties: String,
}

/// A snapshot of all parts, by name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DocumentationVersion {
    version: String,
    created: Timestamp,
    description: Option<String>,
}

impl DocumentationPart {
    fn view(&self) -> Value {
        json!({"id": self.id, "location": self.location, "properties": self.properties})
    }
}

impl DocumentationVersion {
    fn view(&self) -> Value {
        let mut view = json!({"version": self.version, "createdDate": self.created.as_second()});
        insert_some(&mut view, "description", self.description.as_ref());
        view
    }
}

/// The refusal of a stage's pointer to a version that is not there. Not recorded (switch 23).
pub(super) fn unknown_version() -> ApiError {
    ApiError::bad_request("Invalid Documentation version specified")
}

fn unknown_part() -> ApiError {
    ApiError::not_found("Invalid Documentation part identifier specified")
}

pub(super) fn create_part(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    body.require("location");
    let mut location = json!({});
    if let Some(given) = body.object("location")? {
        given.require("type");
        insert_some(&mut location, "type", given.choice("type", &TYPES)?.as_ref());
        for member in ["path", "method", "statusCode", "name"] {
            insert_some(&mut location, member, given.string(member)?.as_ref());
        }
    }
    let properties = body.required_string("properties")?;
    input.finish()?;

    let api = session.rest_api(call)?;
    if serde_json::from_str::<Value>(&properties).is_err() {
        return Err(ApiError::bad_request("Invalid JSON format in the properties of the documentation part"));
    }
    if api.documentation_parts.values().any(|part| part.location == location) {
        return Err(ApiError::conflict("Documentation part already exists for the specified location"));
    }
    let id = session.ids.short(|id| {
        let api = session.region.rest_apis.get(call.parameter("restapi_id"));
        api.is_some_and(|api| api.documentation_parts.contains_key(id))
    });
    let part = DocumentationPart { id: id.clone(), location, properties };
    let view = part.view();
    session.rest_api_mut(call)?.documentation_parts.insert(id, part);
    Ok(Answer::created(view))
}

pub(super) fn part(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let part = session.rest_api(call)?.documentation_parts.get(call.parameter("part_id"));
    Ok(Answer::ok(part.ok_or_else(unknown_part)?.view()))
}

pub(super) fn parts(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let parts = &session.rest_api(call)?.documentation_parts;
    let ids: Vec<&str> = parts.keys().map(String::as_str).collect();
    Ok(Answer::ok(page(call, &ids, |id| Some(parts.get(id)?.view()))?))
}

pub(super) fn delete_part(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let removed = session.rest_api_mut(call)?.documentation_parts.remove(call.parameter("part_id"));
    removed.map(|_| Answer::accepted()).ok_or_else(unknown_part)
}

pub(super) fn create_version(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let version = body.required_string("documentationVersion")?;
    let stage_name = body.string("stageName")?.filter(|name| !name.is_empty());
    let description = body.string("description")?.filter(|text| !text.is_empty());
    input.finish()?;

    let now = session.now;
    let api = session.rest_api_mut(call)?;
    if version.is_empty() {
        return Err(ApiError::bad_request("Documentation version cannot be empty"));
    }
    if api.documentation_versions.contains_key(&version) {
        return Err(ApiError::conflict("Documentation version already exists"));
    }
    if let Some(name) = stage_name {
        let stage = api.stages.get_mut(&name);
        let stage = stage.ok_or_else(|| ApiError::not_found("Invalid stage identifier specified"))?;
        stage.documentation_version = Some(version.clone());
        stage.updated = now;
    }
    let kept = DocumentationVersion { version: version.clone(), created: now, description };
    let view = kept.view();
    Arc::make_mut(&mut api.documentation_versions).insert(version, kept);
    Ok(Answer::created(view))
}

pub(super) fn versions(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let versions = &session.rest_api(call)?.documentation_versions;
    let names: Vec<&str> = versions.keys().map(String::as_str).collect();
    Ok(Answer::ok(page(call, &names, |name| Some(versions.get(name)?.view()))?))
}
