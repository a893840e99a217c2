//! Rows through AWS's SDK for Rust: each operation's own builder, each result's own fields.
//!
//! What a builder does not take cannot be expressed, and a member that the types do not have is not seen: so this
//! client shows what a user of the SDK gets.

mod apigateway;
mod members;
mod others;
mod shapes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use super::raw::headers_of;
use super::{ClientError, told};
use crate::exchange::{Body, Outcome, Reply, Request, Service, Target};

/// The SDK's clients for one endpoint.
#[derive(Debug, Clone)]
pub struct RustSdk {
    apigateway: aws_sdk_apigateway::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    sts: aws_sdk_sts::Client,
}

impl RustSdk {
    /// Plays against the endpoint of this configuration.
    #[must_use]
    pub fn new(configuration: &aws_config::SdkConfig) -> Self {
        Self {
            apigateway: aws_sdk_apigateway::Client::new(configuration),
            cloudwatch: aws_sdk_cloudwatch::Client::new(configuration),
            sts: aws_sdk_sts::Client::new(configuration),
        }
    }

    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        if !request.headers.is_empty() {
            return Err(ClientError::Inexpressible("headers of one request".to_owned()));
        }
        let body = match &request.body {
            Body::None => None,
            Body::Json(body) => Some(body),
            Body::Text(_) => return Err(ClientError::Inexpressible("a body that is no JSON of its own".to_owned())),
        };
        match &request.target {
            Target::Rest { method, path, query } => {
                apigateway::exchange(&self.apigateway, method, path, query, body).await
            }
            Target::Operation { service: Service::Sts, name } => others::sts(&self.sts, name, body).await,
            Target::Operation { service: Service::CloudWatch, name } => {
                others::cloudwatch(&self.cloudwatch, name, body).await
            }
            Target::Operation { service, .. } => {
                Err(ClientError::Inexpressible(format!("{} is no service of this client", service.name())))
            }
        }
    }
}

/// Takes status and headers of a response on their way, which the SDK's results do not show.
#[derive(Debug, Clone, Default)]
struct Tap {
    seen: Arc<Mutex<Option<Head>>>,
}

/// Status and headers of a response.
type Head = (u16, BTreeMap<String, String>);

impl Intercept for Tap {
    fn name(&self) -> &'static str {
        "Tap"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let seen = (response.status().as_u16(), headers_of(response.headers()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(())
    }
}

impl Tap {
    /// The reply that the SDK shows.
    fn reply<O, E>(
        &self,
        sent: Result<O, SdkError<E, HttpResponse>>,
        show: impl FnOnce(&O) -> Option<Value>,
    ) -> Result<Reply, ClientError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outcome = match &sent {
            Ok(output) => Outcome::Success(show(output)),
            Err(SdkError::ConstructionFailure(_)) => {
                let why = sent.err().map(|error| told(&error));
                return Err(ClientError::Inexpressible(why.unwrap_or_default()));
            }
            Err(SdkError::ServiceError(refused)) => Outcome::Refusal {
                code: refused.err().code().unwrap_or_default().to_owned(),
                text: refused.err().message().unwrap_or_default().to_owned(),
                members: None,
            },
            Err(error) => {
                let why = told(error);
                return Err(if seen.is_some() { ClientError::Unreadable(why) } else { ClientError::Failed(why) });
            }
        };
        let (status, headers) = seen.ok_or_else(|| ClientError::Failed("the response was not seen".to_owned()))?;
        Ok(Reply { status, headers, outcome })
    }
}
