//! Turns a spec into what is desired. The apiserver has refused what schema and CEL can refuse.

use super::content::Declared;
use crate::api::gateway_response::{ApiGatewayResponse, DeletionPolicy, ResponseType};
use crate::api::names::{Region, RestApiId};
use crate::api::stage::{AdoptionPolicy, DriftPolicy};
use crate::api::status::Origin;
use crate::reference::{self, Referred, Unresolved};
use crate::world::Settings;

/// What an `ApiGatewayResponse` asks for, with the defaults of the API version filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// REST API of the gateway response.
    pub rest_api_id: RestApiId,
    /// Region of the REST API.
    pub region: Region,
    /// Its type.
    pub response_type: ResponseType,
    /// What callers shall get.
    pub declared: Declared,
    /// Whether an existing customisation may become ours.
    pub adoption: AdoptionPolicy,
    /// What is done about drift.
    pub drift: DriftPolicy,
    /// Whether AWS must be left alone.
    pub suspended: bool,
}

/// Why a spec cannot be used as it is: one sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No REST API.
    #[error(
        "spec.restApiId is missing: set it to the id of the REST API, such as a1b2c3d4e5, or set spec.restApiIdFrom."
    )]
    NoRestApi,
    /// Two ways to name the REST API.
    #[error("spec.restApiId and spec.restApiIdFrom exclude each other: keep the one that names the REST API.")]
    BothRestApis,
    /// Where spec refers to, there is no REST API.
    #[error("{0}")]
    Unresolved(String),
    /// Another gateway response than the one that is governed.
    #[error(
        "{field} is {wanted}, but this ApiGatewayResponse governs {governed}: set it back, or delete this ApiGatewayResponse (deletionPolicy decides about the customisation) and create another."
    )]
    IdentityChanged {
        /// The field that differs.
        field: &'static str,
        /// What it says now.
        wanted: String,
        /// What is governed.
        governed: String,
    },
}

/// Reads the spec.
///
/// # Errors
///
/// [`Invalid`], whose text becomes the condition's message.
pub fn validate(
    object: &ApiGatewayResponse,
    settings: &Settings,
    referred: Option<&Referred>,
) -> Result<Desired, Invalid> {
    // No `..`: a new field of spec that nobody reads must not compile.
    let crate::api::gateway_response::ApiGatewayResponseSpec {
        rest_api_id,
        rest_api_id_from,
        region,
        response_type,
        status_code,
        response_parameters,
        response_templates,
        adoption_policy,
        deletion_policy: _,
        drift_policy,
        suspend: _,
    } = &object.spec;
    let governed = object.status.as_ref();
    let governed_api = governed.and_then(|status| status.rest_api_id.as_ref());
    let resolved = reference::resolve(rest_api_id.as_ref(), rest_api_id_from.as_ref(), governed_api, referred);
    let rest_api_id = resolved.map_err(|unresolved| match unresolved {
        Unresolved::Nothing => Invalid::NoRestApi,
        Unresolved::Both => Invalid::BothRestApis,
        Unresolved::Reference(sentence) => Invalid::Unresolved(sentence),
    })?;
    let region = region
        .clone()
        // A gateway response stays where it is when the operator's own Region changes.
        .or_else(|| governed.and_then(|status| status.region.clone()))
        .unwrap_or_else(|| settings.region.clone());
    if let Some((status, api)) = governed.and_then(|status| Some((status, status.rest_api_id.as_ref()?))) {
        let governed_type = status.response_type.unwrap_or(*response_type);
        let governed_region = status.region.as_ref().unwrap_or(&region);
        let changed = |field, wanted: &str| Invalid::IdentityChanged {
            field,
            wanted: wanted.to_owned(),
            governed: format!("{governed_type} of REST API {api} in {governed_region}"),
        };
        if *api != rest_api_id {
            return Err(changed("spec.restApiId", rest_api_id.as_str()));
        }
        if *governed_region != region {
            return Err(changed("spec.region", region.as_str()));
        }
        if governed_type != *response_type {
            return Err(changed("spec.responseType", response_type.as_str()));
        }
    }
    Ok(Desired {
        rest_api_id,
        region,
        response_type: *response_type,
        declared: Declared {
            status_code: status_code.clone(),
            response_parameters: response_parameters.clone().unwrap_or_default(),
            response_templates: response_templates.clone().filter(|templates| !templates.is_empty()),
        },
        adoption: adoption_policy.unwrap_or(AdoptionPolicy::Never),
        drift: drift_policy.unwrap_or(DriftPolicy::Correct),
        suspended: is_suspended(object),
    })
}

/// Whether AWS must be left alone; also asked where a spec is too broken to be validated.
#[must_use]
pub fn is_suspended(object: &ApiGatewayResponse) -> bool {
    object.spec.suspend.unwrap_or(false)
}

/// What an absent `deletionPolicy` means: a customisation that we created goes with its object, any other stays.
#[must_use]
pub fn deletion_policy(object: &ApiGatewayResponse) -> DeletionPolicy {
    object.spec.deletion_policy.unwrap_or_else(|| match object.status.as_ref().and_then(|status| status.origin) {
        Some(Origin::Created) => DeletionPolicy::Delete,
        Some(Origin::Adopted) | None => DeletionPolicy::Retain,
    })
}
