//! Methods of a resource, and their responses.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::integration::Integration;
use super::rest_api::{insert, insert_some};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;

const VERBS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];
const AUTHORIZATION_TYPES: [&str; 4] = ["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"];

/// A verb of a resource.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Method {
    verb: String,
    pub(crate) authorization_type: String,
    authorizer_id: Option<String>,
    pub(crate) api_key_required: bool,
    operation_name: Option<String>,
    request_parameters: Option<BTreeMap<String, bool>>,
    request_models: Option<BTreeMap<String, String>>,
    request_validator_id: Option<String>,
    authorization_scopes: Vec<String>,
    pub(crate) integration: Option<Integration>,
    /// By status code.
    responses: BTreeMap<String, MethodResponse>,
}

#[derive(Debug, Clone, Serialize)]
struct MethodResponse {
    parameters: Option<BTreeMap<String, bool>>,
    models: Option<BTreeMap<String, String>>,
}

impl Method {
    pub(super) fn view(&self) -> Value {
        let mut view = json!({"httpMethod": self.verb, "authorizationType": self.authorization_type});
        insert_some(&mut view, "authorizerId", self.authorizer_id.as_ref());
        insert(&mut view, "apiKeyRequired", json!(self.api_key_required));
        insert_some(&mut view, "requestValidatorId", self.request_validator_id.as_ref());
        insert_some(&mut view, "operationName", self.operation_name.as_ref());
        insert_some(&mut view, "requestParameters", self.request_parameters.as_ref());
        insert_some(&mut view, "requestModels", self.request_models.as_ref());
        if !self.responses.is_empty() {
            let responses = self.responses.iter().map(|(status, kept)| (status.clone(), kept.view(status)));
            insert(&mut view, "methodResponses", Value::Object(responses.collect::<Map<_, _>>()));
        }
        insert_some(&mut view, "methodIntegration", self.integration.as_ref().map(Integration::view).as_ref());
        if !self.authorization_scopes.is_empty() {
            insert(&mut view, "authorizationScopes", json!(self.authorization_scopes));
        }
        view
    }
}

impl MethodResponse {
    fn view(&self, status: &str) -> Value {
        let mut view = json!({"statusCode": status});
        insert_some(&mut view, "responseParameters", self.parameters.as_ref());
        insert_some(&mut view, "responseModels", self.models.as_ref());
        view
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Invalid Method identifier specified")
}

impl Session<'_> {
    /// The method that the path names.
    pub(super) fn method(&self, call: &Call) -> Result<&Method, ApiError> {
        self.resource(call)?.methods.get(call.parameter("http_method")).map(Box::as_ref).ok_or_else(unknown)
    }

    /// The method that the path names, to be changed.
    pub(super) fn method_mut(&mut self, call: &Call) -> Result<&mut Method, ApiError> {
        self.resource_mut(call)?.methods.get_mut(call.parameter("http_method")).map(Box::as_mut).ok_or_else(unknown)
    }
}

/// Path parameter of a response: three digits.
pub(super) fn check_status_code(input: &Input, call: &Call) -> String {
    let status = call.parameter("status_code");
    if !valid_status_code(status) {
        input.violate(format!(
            "Value '{status}' at 'statusCode' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: [1-5]\\d\\d"
        ));
    }
    status.to_owned()
}

/// `[1-5]\d\d`
pub(super) fn valid_status_code(status: &str) -> bool {
    let bytes = status.as_bytes();
    bytes.len() == 3 && bytes.iter().all(u8::is_ascii_digit) && matches!(bytes.first(), Some(b'1'..=b'5'))
}

/// The refusal of an unknown response of a method or an integration.
pub(super) fn unknown_response() -> ApiError {
    ApiError::not_found("Invalid Response status code specified")
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.method(call)?.view()))
}

pub(super) fn put(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let verb = call.parameter("http_method").to_owned();
    let method = Method {
        verb: verb.clone(),
        authorization_type: body.required_string("authorizationType")?,
        authorizer_id: body.string("authorizerId")?,
        api_key_required: body.boolean("apiKeyRequired")?.unwrap_or(false),
        operation_name: body.string("operationName")?,
        request_parameters: body.boolean_map("requestParameters")?,
        request_models: body.string_map("requestModels")?,
        request_validator_id: body.string("requestValidatorId")?,
        authorization_scopes: body.strings("authorizationScopes")?.unwrap_or_default(),
        integration: None,
        responses: BTreeMap::new(),
    };
    input.finish()?;

    let resource = session.resource_mut(call)?;
    if !VERBS.contains(&verb.as_str()) {
        let text = format!("Invalid HttpMethod specified. Valid options are {}", VERBS.join(","));
        return Err(ApiError::bad_request(text));
    }
    if !AUTHORIZATION_TYPES.contains(&method.authorization_type.as_str()) {
        let text =
            format!("Invalid authorization type specified. Valid options are {}", AUTHORIZATION_TYPES.join(", "));
        return Err(ApiError::bad_request(text));
    }
    if resource.methods.contains_key(&verb) {
        return Err(ApiError::conflict("Method already exists for this resource"));
    }
    let view = method.view();
    resource.methods.insert(verb, Box::new(method));
    Ok(Answer::created(view))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    session.method(call)?;
    session.resource_mut(call)?.methods.remove(call.parameter("http_method"));
    Ok(Answer::no_content())
}

pub(super) fn get_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let status = call.parameter("status_code");
    let response = session.method(call)?.responses.get(status).ok_or_else(unknown_response)?;
    Ok(Answer::ok(response.view(status)))
}

pub(super) fn put_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let response = MethodResponse {
        parameters: body.boolean_map("responseParameters")?,
        models: body.string_map("responseModels")?,
    };
    let status = check_status_code(&input, call);
    input.finish()?;

    let method = session.method_mut(call)?;
    if method.responses.contains_key(&status) {
        return Err(ApiError::conflict("Response already exists for this resource"));
    }
    let view = response.view(&status);
    method.responses.insert(status, response);
    Ok(Answer::created(view))
}

pub(super) fn delete_response(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let removed = session.method_mut(call)?.responses.remove(call.parameter("status_code"));
    removed.map(|_| Answer::no_content()).ok_or_else(unknown_response)
}
