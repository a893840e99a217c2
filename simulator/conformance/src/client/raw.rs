//! Rows over HTTP as they stand, also where no SDK would send such a request.
//!
//! The transport, the credentials and the signature are those of AWS's SDK: an interceptor puts the row's verb, path,
//! headers and body in the place of another operation's before it is signed, and takes the response as it came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigateway::error::SdkError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

use super::wire::{self, Wire};
use super::{ClientError, told};
use crate::exchange::{Reply, Request};

/// Any endpoint over HTTP or HTTPS.
#[derive(Debug, Clone)]
pub struct Raw {
    client: aws_sdk_apigateway::Client,
}

impl Raw {
    /// Plays against the endpoint of this configuration.
    #[must_use]
    pub fn new(configuration: &aws_config::SdkConfig) -> Self {
        Self { client: aws_sdk_apigateway::Client::new(configuration) }
    }

    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        let exchange = Exchange { wire: Arc::new(wire::write(request)), response: Arc::default() };
        let sent = self.client.get_account().customize().interceptor(exchange.clone()).send().await;
        let seen = exchange.response.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (seen, sent) {
            (Some(Seen { status, headers, body }), _) => wire::read(&request.target, status, headers, &body),
            (None, Err(SdkError::ConstructionFailure(failure))) => {
                Err(ClientError::Inexpressible(format!("{failure:?}")))
            }
            (None, Err(error)) => Err(ClientError::Failed(told(&error))),
            (None, Ok(_)) => Err(ClientError::Failed("the response was not seen".to_owned())),
        }
    }
}

#[derive(Debug, Clone)]
struct Exchange {
    wire: Arc<Wire>,
    response: Arc<Mutex<Option<Seen>>>,
}

#[derive(Debug)]
struct Seen {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "RawExchange"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        // Only the endpoint stays of the request that stood here.
        let endpoint: http::Uri = request.uri().parse()?;
        let authority = endpoint.authority().ok_or("the endpoint has no authority")?;
        let scheme = endpoint.scheme_str().ok_or("the endpoint has no scheme")?;
        request.set_uri(format!("{scheme}://{authority}{}", self.wire.target))?;
        request.set_method(self.wire.method.as_str())?;
        let headers = request.headers_mut();
        headers.remove("accept");
        for (name, value) in self.wire.headers.iter().filter(|(name, _)| *name != "authorization") {
            if value.is_empty() {
                headers.remove(name.clone());
            } else {
                headers.insert(name.clone(), value.clone());
            }
        }
        headers.insert("content-length", self.wire.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.wire.body.clone());
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Behind the signature, which would overwrite it.
        if let Some(authorization) = self.wire.headers.get("authorization") {
            let headers = context.request_mut().headers_mut();
            headers.remove("authorization");
            if !authorization.is_empty() {
                headers.insert("authorization", authorization.clone());
            }
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let seen = Seen {
            status: response.status().as_u16(),
            headers: headers_of(response.headers()),
            body: response.body().bytes().ok_or("the body was not read into memory")?.to_vec(),
        };
        *self.response.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(())
    }
}

/// All headers by lower-case name.
pub(super) fn headers_of(headers: &aws_smithy_runtime_api::http::Headers) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}
