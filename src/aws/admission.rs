//! How a gateway comes to its limiter, and what it was let through for but has not sent yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stagecraft_core::api::names::Region;
use tokio::sync::OnceCell;

use super::account::Account;
use super::error::Error;
use super::limiter::{Leave, Limiter, Limiters};
use super::operation::Operation;
use super::urgency::Urgency;

/// The way to the limiter of one account and Region. The account is known once STS has told it.
pub(super) struct Admission {
    limiters: Option<Limiters>,
    account: Arc<Account>,
    limiter: OnceCell<Limiter>,
}

/// Calls that may be sent without another wait. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Admitted(Arc<Mutex<Vec<Leave>>>);

impl Admission {
    pub(super) fn new(limiters: Option<Limiters>, account: Arc<Account>) -> Self {
        Self { limiters, account, limiter: OnceCell::new() }
    }

    /// Waits until these calls may be sent. `None`: nothing limits them.
    pub(super) async fn leave(
        &self,
        region: &Region,
        calls: &[Operation],
        urgency: Urgency,
    ) -> Result<Option<Leave>, Error> {
        let Some(limiters) = &self.limiters else { return Ok(None) };
        let find = async || Ok(limiters.of(self.account.id().await?, region));
        let limiter = self.limiter.get_or_try_init(find).await?;
        Ok(Some(limiter.leave(calls, urgency).await))
    }

    /// Tells the limiter how a call ended.
    pub(super) fn answered(&self, operation: Operation, outcome: Result<(), &Error>, sent_at: Duration) {
        if let Some(limiter) = self.limiter.get() {
            limiter.answered(operation, outcome, sent_at);
        }
    }
}

impl Admitted {
    pub(super) fn add(&self, leave: Option<Leave>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(leave);
    }

    /// Those of these calls that would have to wait.
    pub(super) fn lacking(&self, calls: &[Operation]) -> Vec<Operation> {
        let leaves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held: Vec<Operation> = leaves.iter().flat_map(Leave::calls).collect();
        let mut lacking = calls.to_vec();
        lacking.retain(|call| match held.iter().position(|its| its == call) {
            Some(at) => {
                held.swap_remove(at);
                false
            }
            None => true,
        });
        lacking
    }

    /// Uses one up. False: this call has to wait.
    pub(super) fn take(&self, operation: Operation) -> bool {
        let mut leaves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = leaves.iter().any(|leave| leave.take(operation));
        leaves.retain(|leave| !leave.is_used_up());
        found
    }
}
