//! The calls about gateway responses.
//!
//! Values of headers and templates stay out of logs and errors: what is told of a call are names.

use std::collections::HashMap;

use aws_sdk_apigateway::types::GatewayResponseType;
use jiff::Timestamp;
use stagecraft_core::api::gateway_response::ResponseType;
use stagecraft_core::api::names::RestApiId;
use stagecraft_core::observed::{GatewayResponse, GatewayResponses};
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::response::Declared;

use super::{Gateway, paths};
use crate::aws::call::{Answered, Call};
use crate::aws::error::Error;
use crate::aws::operation::Operation;
use crate::aws::shapes;
use crate::lease::Permit;

impl Gateway {
    /// Reads all gateway responses of a REST API: one of each type, customised or not. AWS never pages them.
    ///
    /// # Errors
    ///
    /// As [`rest_api`](Self::rest_api).
    pub async fn gateway_responses(&self, rest_api: &RestApiId) -> Result<GatewayResponses, Error> {
        let answered = Answered::default();
        let call = Call::new(Operation::GetGatewayResponses).on(rest_api).answered(&answered);
        let request = self.inner.client.get_gateway_responses().rest_api_id(rest_api.as_str());
        let request = |gate| request.customize().interceptor(gate).send();
        let list = self.read(call, request, |reply| Some(reply.items.unwrap_or_default())).await?;
        let items = list.into_iter().filter_map(shapes::listed_response).collect();
        Ok(GatewayResponses { items, answered: answered.at() })
    }

    /// Makes a gateway response what is declared, and all the rest of it AWS's default. The time is AWS's own of its reply.
    ///
    /// # Errors
    ///
    /// What every write can meet; a repetition does no harm.
    pub async fn put_gateway_response(
        &self,
        rest_api: &RestApiId,
        response_type: ResponseType,
        declared: &Declared,
        permit: Permit,
    ) -> Result<(GatewayResponse, Option<Timestamp>), Error> {
        // No `..`: a new part of the declaration that nobody sends must not compile.
        let Declared { status_code, response_parameters, response_templates } = declared;
        let entries = response_parameters.iter().chain(response_templates.iter().flatten());
        let names: Vec<_> = entries.clone().map(|(name, _)| name.as_str()).collect();
        let answered = Answered::default();
        let call = Call::new(Operation::PutGatewayResponse)
            .on(rest_api)
            .detail(format_args!("{response_type}: {}", names.join(", ")))
            .variables(entries.map(|(name, value)| (name.as_str(), value.as_str())))
            .answered(&answered);
        let map = |map: &std::collections::BTreeMap<String, String>| -> Option<HashMap<String, String>> {
            (!map.is_empty()).then(|| map.clone().into_iter().collect())
        };
        let request = self
            .inner
            .client
            .put_gateway_response()
            .rest_api_id(rest_api.as_str())
            .response_type(GatewayResponseType::from(response_type.as_str()))
            .set_status_code(status_code.clone())
            .set_response_parameters(map(response_parameters))
            .set_response_templates(response_templates.as_ref().and_then(map));
        let request = |gate| request.customize().interceptor(gate).send();
        let response = self.write(call, permit, request, shapes::put_response).await?;
        Ok((response, answered.at()))
    }

    /// Patches a gateway response, the operations in their order. The time is AWS's own of its reply.
    ///
    /// # Errors
    ///
    /// [`Cause::AlreadyAbsent`](stagecraft_core::cause::Cause::AlreadyAbsent) for the replace of a key that is not there.
    pub async fn update_gateway_response(
        &self,
        rest_api: &RestApiId,
        response_type: ResponseType,
        operations: &[PatchOperation],
        permit: Permit,
    ) -> Result<(GatewayResponse, Option<Timestamp>), Error> {
        let answered = Answered::default();
        let values =
            operations.iter().filter_map(|operation| Some((operation.path.as_str(), operation.value.as_deref()?)));
        let call = Call::new(Operation::UpdateGatewayResponse)
            .on(rest_api)
            .detail(format_args!("{response_type}: {}", paths(operations)))
            .variables(values)
            .answered(&answered);
        let request = self
            .inner
            .client
            .update_gateway_response()
            .rest_api_id(rest_api.as_str())
            .response_type(GatewayResponseType::from(response_type.as_str()))
            .set_patch_operations(Some(operations.iter().map(shapes::patch).collect()));
        let request = |gate| request.customize().interceptor(gate).send();
        let response = self.write(call, permit, request, shapes::updated_response).await?;
        Ok((response, answered.at()))
    }

    /// Deletes the customisation of a gateway response: AWS's own, or what it inherits, is back.
    ///
    /// # Errors
    ///
    /// [`Cause::AlreadyAbsent`](stagecraft_core::cause::Cause::AlreadyAbsent) where nobody has customised it.
    pub async fn delete_gateway_response(
        &self,
        rest_api: &RestApiId,
        response_type: ResponseType,
        permit: Permit,
    ) -> Result<(), Error> {
        let call = Call::new(Operation::DeleteGatewayResponse).on(rest_api).detail(response_type);
        let request = self
            .inner
            .client
            .delete_gateway_response()
            .rest_api_id(rest_api.as_str())
            .response_type(GatewayResponseType::from(response_type.as_str()));
        self.write(call, permit, |gate| request.customize().interceptor(gate).send(), |_| Some(())).await
    }
}
