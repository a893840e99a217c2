//! AWS as each namespace may see it: with the operator's own credentials, or with those of a role that is assumed for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stagecraft_core::access::{Access, RoleArn, session_name};
use stagecraft_core::api::names::AccountId;

use super::connect::Aws;
use super::error::Error;
use crate::clock::Clock;

/// All credentials that this process acts with. Clones share them.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    own: Aws,
    cluster_id: String,
    clock: Clock,
    keep: Duration,
    assumed: Mutex<HashMap<Key, Assumed>>,
}

/// A role, and the namespace for which it is assumed: the session is named after it, so namespaces share none.
type Key = (RoleArn, String);

struct Assumed {
    aws: Aws,
    used: Duration,
}

impl Accounts {
    /// Nobody's role is assumed yet. Credentials that nobody has asked for during `keep` may be dropped: three drift intervals
    /// are a good measure.
    #[must_use]
    pub fn new(own: Aws, cluster_id: impl Into<String>, clock: Clock, keep: Duration) -> Self {
        let (cluster_id, assumed) = (cluster_id.into(), Mutex::default());
        Self { inner: Arc::new(Inner { own, cluster_id, clock, keep, assumed }) }
    }

    /// AWS as an object of this namespace may see it. Sends nothing.
    pub async fn aws(&self, access: &Access, namespace: &str) -> Aws {
        let Some(role) = &access.role else { return self.inner.own.clone() };
        let key = (role.clone(), namespace.to_owned());
        if let Some(aws) = self.known(&key) {
            return aws;
        }
        let aws = self.inner.own.assume(role, session_name(&self.inner.cluster_id, namespace)).await;
        let now = self.inner.clock.boottime();
        let mut assumed = self.inner.assumed.lock().unwrap_or_else(PoisonError::into_inner);
        assumed.retain(|_, assumed| assumed.used.saturating_add(self.inner.keep) > now);
        // Two who came at once: the first one's credentials serve both.
        assumed.entry(key).or_insert(Assumed { aws, used: now }).aws.clone()
    }

    /// The account of the operator's own credentials, which STS is asked for until it has answered once.
    ///
    /// # Errors
    ///
    /// Those of [`Aws::account_id`].
    pub async fn own_account(&self) -> Result<AccountId, Error> {
        let own = &self.inner.own;
        own.with_valid_credentials(|| own.account_id()).await
    }

    /// Roles that are assumed, once per namespace.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.inner.assumed.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn known(&self, key: &Key) -> Option<Aws> {
        let mut assumed = self.inner.assumed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = assumed.get_mut(key)?;
        known.used = self.inner.clock.boottime();
        Some(known.aws.clone())
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("own", &self.inner.own).finish_non_exhaustive()
    }
}
