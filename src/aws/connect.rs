//! The clients: one configuration, one set of credentials, one gateway per Region.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use stagecraft_core::api::names::{AccountId, Region};

use super::account::Account;
use super::call::{Caller, Observer};
use super::error::Error;
use super::gateway::Gateway;
use crate::clock::Clock;

/// How AWS is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where all services are, instead of AWS's own addresses: a simulator. `None`: AWS, or what AWS's own environment
    /// variables and profile say.
    pub endpoint_url: Option<String>,
    /// The operator's own Region, where STS is asked. `None`: what AWS's default chain finds.
    pub region: Option<Region>,
    /// The longest that one call may take, from its first step to the end of its reply. The permit of a write counts on it.
    pub timeout: Duration,
    /// The longest that a connection may take to stand.
    pub connect_timeout: Duration,
    /// `None`: AWS's default chain (environment, web identity, container, instance).
    pub credentials: Option<StaticCredentials>,
    /// What carries the requests. `None`: AWS's default client.
    pub http_client: Option<SharedHttpClient>,
}

/// A key that does not change, for tests and simulators.
#[derive(Clone)]
pub struct StaticCredentials {
    /// Names the key.
    pub access_key_id: String,
    /// Signs with it.
    pub secret_access_key: String,
}

/// AWS as this process sees it. Clones share everything.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    config: SdkConfig,
    account: Account,
    caller: Caller,
    gateways: Mutex<HashMap<Region, Gateway>>,
}

impl Default for Options {
    /// AWS itself, credentials from the default chain, 10 s per call (design: process), 3.1 s per connection (the SDK's
    /// own default).
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_millis(3_100),
            credentials: None,
            http_client: None,
        }
    }
}

impl Aws {
    /// Reads AWS's configuration. Nothing is sent, unless no Region is given and none is configured: then the SDK asks the
    /// instance's metadata service.
    pub async fn connect(options: Options, clock: Clock, observer: Arc<dyn Observer>) -> Self {
        let Options { endpoint_url, region, timeout, connect_timeout, credentials, http_client } = options;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .app_name(app_name())
            // Our queue retries. An attempt of the SDK's own would escape permits, budgets and the call log.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder().operation_timeout(timeout).connect_timeout(connect_timeout).build(),
            )
            .identity_cache(IdentityCache::lazy().build());
        if let Some(region) = region {
            loader = loader.region(aws_config::Region::new(region.as_str().to_owned()));
        }
        if let Some(endpoint_url) = endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        if let Some(StaticCredentials { access_key_id, secret_access_key }) = credentials {
            let provider = "stagecraft";
            loader =
                loader.credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, provider));
        }
        if let Some(http_client) = http_client {
            loader = loader.http_client(http_client);
        }
        Self::from_config(loader.load().await, Caller::new(clock, observer))
    }

    pub(super) fn from_config(config: SdkConfig, caller: Caller) -> Self {
        let account = Account::new(&config, caller.clone());
        Self { inner: Arc::new(Inner { config, account, caller, gateways: Mutex::default() }) }
    }

    /// The Region that was given, or that AWS's default chain found.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.inner.config.region().map(|region| Region::new(region.as_ref()))
    }

    /// API Gateway in a Region. The first call for a Region makes the client, all others share it.
    #[must_use]
    pub fn gateway(&self, region: &Region) -> Gateway {
        let mut gateways = self.inner.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.entry(region.clone()).or_insert_with(|| self.new_gateway(region)).clone()
    }

    fn new_gateway(&self, region: &Region) -> Gateway {
        let config = aws_sdk_apigateway::config::Builder::from(&self.inner.config)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .build();
        let client = aws_sdk_apigateway::Client::from_conf(config);
        Gateway::new(region.clone(), client, self.inner.caller.clone())
    }

    /// The account of this process's credentials, from STS: asked until it answered once, by one caller at a time.
    ///
    /// # Errors
    ///
    /// What every read can meet; also [`Cause::Refused`](stagecraft_core::cause::Cause::Refused) if no Region is known.
    pub async fn account_id(&self) -> Result<AccountId, Error> {
        self.inner.account.id().await
    }
}

/// Part of the user agent, so that `CloudTrail` tells our calls from others.
#[expect(clippy::expect_used, reason = "a constant that a test builds")]
fn app_name() -> AppName {
    AppName::new("stagecraft").expect("letters only")
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
