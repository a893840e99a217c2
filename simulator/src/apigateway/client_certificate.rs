//! Client certificates, which API Gateway shows to back ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::paging::page;
use super::rest_api::{insert, insert_some};
use super::tags;
use crate::clock::later;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;

/// One self-signed RSA certificate stands for all: its key was thrown away when it was made, so it opens nothing.
const PEM: &str = include_str!("client_certificate.pem");
/// About one year, as AWS does.
const VALIDITY: Duration = Duration::from_hours(365 * 24);

/// A certificate of the account.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClientCertificate {
    id: String,
    description: Option<String>,
    created: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
}

impl ClientCertificate {
    fn view(&self) -> Value {
        let mut view = json!({"clientCertificateId": self.id});
        insert_some(&mut view, "description", self.description.as_ref());
        insert(&mut view, "pemEncodedCertificate", json!(PEM));
        insert(&mut view, "createdDate", json!(self.created.as_second()));
        insert(&mut view, "expirationDate", json!(later(self.created, VALIDITY).as_second()));
        if !self.tags.is_empty() {
            insert(&mut view, "tags", json!(self.tags));
        }
        view
    }
}

/// The refusal of an unknown certificate. Not recorded (switch 23).
pub(super) fn unknown() -> ApiError {
    ApiError::not_found("Invalid Client Certificate identifier specified")
}

pub(super) fn generate(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let description = body.string("description")?.filter(|text| !text.is_empty());
    let given_tags = body.string_map("tags")?.unwrap_or_default();
    input.finish()?;
    tags::check(&given_tags)?;

    let known = Arc::clone(&session.region.client_certificates);
    let id = session.ids.short(|id| known.contains_key(id));
    drop(known);
    let certificate = ClientCertificate { id: id.clone(), description, created: session.now, tags: given_tags };
    let view = certificate.view();
    Arc::make_mut(&mut session.region.client_certificates).insert(id, certificate);
    Ok(Answer::created(view))
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let certificate = session.region.client_certificates.get(call.parameter("certificate_id"));
    Ok(Answer::ok(certificate.ok_or_else(unknown)?.view()))
}

pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let certificates = &session.region.client_certificates;
    let ids: Vec<&str> = certificates.keys().map(String::as_str).collect();
    Ok(Answer::ok(page(call, &ids, |id| Some(certificates.get(id)?.view()))?))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let id = call.parameter("certificate_id");
    if !session.region.client_certificates.contains_key(id) {
        return Err(unknown());
    }
    let uses = |stage: &super::stage::Stage| stage.client_certificate_id.as_deref() == Some(id);
    if session.region.rest_apis.values().any(|api| api.stages.values().any(uses)) {
        return Err(ApiError::bad_request("Client certificate is in use by a stage and cannot be deleted"));
    }
    Arc::make_mut(&mut session.region.client_certificates).remove(id);
    Ok(Answer::accepted())
}
