//! All that the simulated AWS remembers, by account and Region.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::apigateway::account::AccountSettings;
use crate::apigateway::client_certificate::ClientCertificate;
use crate::apigateway::rest_api::RestApi;
use crate::cloudwatch;
use crate::logs::LogGroups;
use crate::traffic;
use crate::waf::WebAcls;

/// One account in one Region.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Region {
    pub(crate) rest_apis: BTreeMap<String, RestApi>,
    pub(crate) account: AccountSettings,
    /// Shared, so that a draft of a stage can look certificates up while the API is being changed.
    #[serde(serialize_with = "crate::world::shared")]
    pub(crate) client_certificates: Arc<BTreeMap<String, ClientCertificate>>,
    pub(crate) cloudwatch: cloudwatch::State,
    pub(crate) log_groups: LogGroups,
    pub(crate) web_acls: WebAcls,
    pub(crate) traffic: traffic::State,
}

/// Where a call goes: an account and a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// Access keys that STS gave out here, by access key id.
pub(crate) type IssuedKeys = BTreeMap<String, AssumedRole>;

/// Whom an issued key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AssumedRole {
    pub(crate) account: String,
    /// `AROA…:{session name}`
    pub(crate) id: String,
    pub(crate) arn: String,
}

/// Serializes what is shared as if it were not.
pub(crate) fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}
