//! Finds out what is at the other end, and makes clients for it.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

use crate::client::{Client, ClientError, Raw, told};
use crate::exchange::{Outcome, Request};
use crate::player::Side;

/// An endpoint, or a real account, with what is known of it.
#[derive(Debug, Clone)]
pub struct Place {
    /// For the SDK's clients.
    pub configuration: SdkConfig,
    /// What it is.
    pub side: Side,
    /// Twelve digits.
    pub account: String,
    /// E.g. `eu-west-1`.
    pub region: String,
}

/// Why a place cannot be played against.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers.
    #[error("nothing answers at {endpoint}: start it, or correct ENDPOINT")]
    NoEndpoint {
        /// Its URL.
        endpoint: String,
        /// What came instead of an answer.
        #[source]
        cause: ClientError,
    },
    /// The environment names no Region.
    #[error("no Region: set AWS_REGION to the one to play in")]
    NoRegion,
    /// STS did not say who we are.
    #[error("STS does not tell the account: {0}")]
    NoAccount(String),
}

impl Place {
    /// An endpoint that is not AWS; any credentials will do there.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoEndpoint`] where nothing answers.
    pub async fn endpoint(endpoint: &str, region: &str) -> Result<Self, ConnectError> {
        let configuration = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "conformance"))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let raw = Client::Raw(Raw::new(&configuration));
        let side = match raw.exchange(&Request::rest("GET", "/_simulator/clock")).await {
            Ok(reply) if matches!(reply.outcome, Outcome::Success(_)) => Side::Simulator,
            // Whatever this is, it speaks HTTP.
            Ok(_) | Err(ClientError::Unreadable(_)) => Side::Endpoint,
            Err(cause) => return Err(ConnectError::NoEndpoint { endpoint: endpoint.to_owned(), cause }),
        };
        // An emulator without STS has most likely this account.
        let account = account(&configuration).await.unwrap_or_else(|_| "123456789012".to_owned());
        Ok(Self { configuration, side, account, region: region.to_owned() })
    }

    /// The account that the environment's credentials belong to, in the environment's Region.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] where the environment names no Region, or STS does not take the credentials.
    pub async fn real_account() -> Result<Self, ConnectError> {
        let configuration =
            aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::disabled()).load().await;
        let region = configuration.region().ok_or(ConnectError::NoRegion)?.to_string();
        let account = account(&configuration).await.map_err(ConnectError::NoAccount)?;
        Ok(Self { configuration, side: Side::RealAccount, account, region })
    }
}

async fn account(configuration: &SdkConfig) -> Result<String, String> {
    let identity = aws_sdk_sts::Client::new(configuration).get_caller_identity().send().await;
    let identity = identity.map_err(|error| told(&error))?;
    identity.account().map(str::to_owned).ok_or_else(|| "the reply has no account".to_owned())
}
