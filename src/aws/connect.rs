//! The clients of one set of credentials: one configuration, one gateway per Region.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use stagecraft_core::access::RoleArn;
use stagecraft_core::api::names::{AccountId, Region};
use stagecraft_core::cause::Cause;

use super::account::Account;
use super::admission::Admission;
use super::call::{Caller, Observer};
use super::cloudwatch::CloudWatch;
use super::error::Error;
use super::gateway::Gateway;
use super::limiter::Limiters;
use super::renewal::{self, Renewable};
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
    /// Who calls and who waits: the same for all clients of a process. `None`: nobody waits, for tests about something else.
    pub limiters: Option<Limiters>,
}

/// A key that does not change, for tests and simulators.
#[derive(Clone)]
pub struct StaticCredentials {
    /// Names the key.
    pub access_key_id: String,
    /// Signs with it.
    pub secret_access_key: String,
}

/// AWS as one set of credentials sees it. Clones share everything.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    config: SdkConfig,
    /// The role that was assumed; `None`: the operator's own credentials.
    role: Option<RoleArn>,
    credentials: Arc<Renewable>,
    account: Arc<Account>,
    limiters: Option<Limiters>,
    caller: Caller,
    gateways: Mutex<HashMap<Region, Gateway>>,
    cloud_watches: Mutex<HashMap<Region, CloudWatch>>,
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
            limiters: None,
        }
    }
}

impl Aws {
    /// Reads AWS's configuration. Nothing is sent, unless no Region is given and none is configured: then the SDK asks the
    /// instance's metadata service.
    pub async fn connect(options: Options, clock: Clock, observer: Arc<dyn Observer>) -> Self {
        let Options { endpoint_url, region, timeout, connect_timeout, credentials, http_client, limiters } = options;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .app_name(app_name())
            .time_source(Time(clock.clone()))
            // Our queue retries. An attempt of the SDK's own would escape permits, budgets and the call log.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder().operation_timeout(timeout).connect_timeout(connect_timeout).build(),
            );
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
        Self::from_config(loader.load().await, Caller::new(clock, observer), limiters)
    }

    /// AWS as somebody sees it who has assumed this role with these credentials. Nothing is sent: the role is assumed when
    /// the first call needs credentials, and again before they end.
    pub(super) async fn assume(&self, role: &RoleArn, session: String) -> Self {
        let provider = AssumeRoleProvider::builder(role.as_str())
            .session_name(session)
            .configure(&self.inner.config)
            .build()
            .await;
        let config =
            self.inner.config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        Self::with_role(config, Some(role.clone()), self.inner.caller.clone(), self.inner.limiters.clone())
    }

    /// Throws away credentials that were in use at `used_at` ([`Clock::boottime`]).
    pub(super) fn renew_credentials(&self, used_at: Duration) {
        self.inner.credentials.renew(used_at);
    }

    pub(super) fn from_config(config: SdkConfig, caller: Caller, limiters: Option<Limiters>) -> Self {
        Self::with_role(config, None, caller, limiters)
    }

    fn with_role(config: SdkConfig, role: Option<RoleArn>, caller: Caller, limiters: Option<Limiters>) -> Self {
        let credentials = Arc::new(Renewable::new(caller.clock().clone()));
        let config = config.into_builder().identity_cache(renewal::shared(&credentials)).build();
        let account = Arc::new(Account::new(&config, role.as_ref().map(RoleArn::account), caller.clone()));
        let (gateways, cloud_watches) = (Mutex::default(), Mutex::default());
        Self {
            inner: Arc::new(Inner { config, role, credentials, account, limiters, caller, gateways, cloud_watches }),
        }
    }

    /// Makes a call, and makes it once more with new credentials if AWS said that the ones that we kept have expired: then
    /// it certainly had no effect. Every other failure is the caller's.
    ///
    /// # Errors
    ///
    /// Those of the call.
    pub async fn with_valid_credentials<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let began = self.inner.caller.clock().boottime();
        // On the heap: a pass would hold both calls in its own future, and has one at a time.
        match Box::pin(call()).await {
            Err(error) if error.cause == Cause::CredentialsExpired => {
                self.renew_credentials(began);
                Box::pin(call()).await
            }
            outcome => outcome,
        }
    }

    /// The Region that was given, or that AWS's default chain found.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.inner.config.region().map(|region| Region::new(region.as_ref()))
    }

    /// The role whose credentials these are; `None`: the operator's own.
    #[must_use]
    pub fn role(&self) -> Option<&RoleArn> {
        self.inner.role.as_ref()
    }

    /// API Gateway in a Region. The first call for a Region makes the client, all others share it; what is
    /// [admitted](Gateway::admit) through one of them is its own and its clones'.
    #[must_use]
    pub fn gateway(&self, region: &Region) -> Gateway {
        let mut gateways = self.inner.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.entry(region.clone()).or_insert_with(|| self.new_gateway(region)).anew()
    }

    /// `CloudWatch` in a Region. All who ask share its client, and what they ask at one time goes out together.
    #[must_use]
    pub fn cloud_watch(&self, region: &Region) -> CloudWatch {
        let mut known = self.inner.cloud_watches.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(region.clone()).or_insert_with(|| self.new_cloud_watch(region)).clone()
    }

    fn new_cloud_watch(&self, region: &Region) -> CloudWatch {
        let config = aws_sdk_cloudwatch::config::Builder::from(&self.inner.config)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .build();
        let client = aws_sdk_cloudwatch::Client::from_conf(config);
        CloudWatch::new(region.clone(), client, self.inner.caller.clone(), Arc::clone(&self.inner.credentials))
    }

    fn new_gateway(&self, region: &Region) -> Gateway {
        let config = aws_sdk_apigateway::config::Builder::from(&self.inner.config)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .build();
        let client = aws_sdk_apigateway::Client::from_conf(config);
        let admission = Admission::new(self.inner.limiters.clone(), Arc::clone(&self.inner.account));
        Gateway::new(region.clone(), self.inner.role.clone(), client, self.inner.caller.clone(), admission)
    }

    /// The account that is reached: that of the role, else from STS, asked until it answered once, by one caller at a time.
    ///
    /// # Errors
    ///
    /// What every read can meet; also [`Cause::Refused`] if no Region is known.
    pub async fn account_id(&self) -> Result<AccountId, Error> {
        self.inner.account.id().await
    }
}

/// The time by which the SDK signs, and by which credentials end: the process's own.
#[derive(Debug)]
struct Time(Clock);

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

/// Part of the user agent, so that `CloudTrail` tells our calls from others.
#[expect(clippy::expect_used, reason = "a constant that a test builds")]
fn app_name() -> AppName {
    AppName::new("stagecraft").expect("letters only")
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).field("role", &self.inner.role).finish_non_exhaustive()
    }
}

impl fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
