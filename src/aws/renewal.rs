//! Credentials that are kept until they end, and can be thrown away before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::clock::Clock;

/// The SDK's own cache, which asks for new credentials a little before the old ones end, with a way to make it ask at once:
/// AWS may say that they have expired although their own date says otherwise (a role's sessions were revoked, a clock is wrong).
#[derive(Debug)]
pub(super) struct Renewable {
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    cache: SharedIdentityCache,
    /// [`Clock::boottime`] of the last renewal.
    since: Duration,
}

/// What a client holds of it.
#[derive(Debug)]
struct Handle(Arc<Renewable>);

impl Renewable {
    pub(super) fn new(clock: Clock) -> Self {
        let since = clock.boottime();
        Self { clock, kept: Mutex::new(Kept { cache: IdentityCache::lazy().build(), since }) }
    }

    /// Throws away credentials that were in use at `used_at` ([`Clock::boottime`]). Many calls learn of their end at once, and
    /// one renewal is enough for all of them.
    pub(super) fn renew(&self, used_at: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if used_at >= kept.since {
            *kept = Kept { cache: IdentityCache::lazy().build(), since: self.clock.boottime() };
        }
    }
}

/// The cache as the SDK takes it.
pub(super) fn shared(renewable: &Arc<Renewable>) -> SharedIdentityCache {
    SharedIdentityCache::new(Handle(Arc::clone(renewable)))
}

impl ResolveCachedIdentity for Handle {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        runtime_components: &'a RuntimeComponents,
        config_bag: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).cache.clone();
        IdentityFuture::new(
            async move { cache.resolve_cached_identity(resolver, runtime_components, config_bag).await },
        )
    }
}
