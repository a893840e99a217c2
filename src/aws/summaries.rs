//! The methods of the deployments that were compared last.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use stagecraft_core::api::names::DeploymentId;
use stagecraft_core::observed::ApiSummary;

use super::error::Error;
use crate::clock::Clock;

/// Summaries that are kept per REST API: what serves and what comes, of two stages. They can be large, and comparing is rare.
const KEPT: usize = 4;

/// How long a failure answers in place of AWS, where it is expected to pass and where it is not.
const SOON: Duration = Duration::from_secs(30);
const LATER: Duration = Duration::from_mins(10);

/// Summaries by deployment, the one that was used last at the back. Whoever reads holds the lock: nobody reads twice.
#[derive(Default)]
pub(super) struct Summaries(tokio::sync::Mutex<VecDeque<Entry>>);

struct Entry {
    deployment: DeploymentId,
    outcome: Result<Arc<ApiSummary>, Error>,
    /// When the answer came.
    at: Duration,
}

impl Entry {
    fn is_good(&self, now: Duration) -> bool {
        let kept = |error: &Error| if error.class().is_passing() { SOON } else { LATER };
        self.outcome.as_ref().err().is_none_or(|error| self.at.saturating_add(kept(error)) > now)
    }
}

impl Summaries {
    /// The summary of a deployment, from memory or by `read`.
    pub(super) async fn get<F>(
        &self,
        clock: &Clock,
        deployment: &DeploymentId,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<ApiSummary>, Error>
    where
        F: Future<Output = Result<ApiSummary, Error>>,
    {
        let mut entries = self.0.lock().await;
        let known = entries.iter().position(|entry| entry.deployment == *deployment);
        let known = known.and_then(|at| entries.remove(at)).filter(|entry| entry.is_good(clock.boottime()));
        let entry = if let Some(entry) = known {
            entry
        } else {
            let outcome = read().await.map(Arc::new);
            Entry { deployment: deployment.clone(), outcome, at: clock.boottime() }
        };
        let outcome = entry.outcome.clone();
        entries.push_back(entry);
        while entries.len() > KEPT {
            entries.pop_front();
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jiff::Timestamp;
    use stagecraft_core::cause::Cause;

    use super::*;
    use crate::aws::Operation;

    #[tokio::test]
    async fn a_summary_is_read_once_and_a_failure_is_asked_again_later() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let (summaries, reads) = (Summaries::default(), Cell::new(0));
        let failing = Cell::new(None);
        let get = async |id: &str| {
            let read = async || {
                reads.set(reads.get() + 1);
                match failing.take() {
                    Some(cause) => Err(Error::unanswered(Operation::GetDeployment, cause, "no")),
                    None => Ok(ApiSummary::new()),
                }
            };
            summaries.get(&clock, &id.into(), read).await.is_ok()
        };
        assert!(get("dep1").await && get("dep1").await);
        assert_eq!(reads.get(), 1, "a snapshot never changes");
        for (cause, wait) in [(Cause::ServiceFailed, SOON), (Cause::Denied, LATER)] {
            failing.set(Some(cause));
            assert!(!get("dep2").await && !get("dep2").await);
            clock.advance(wait);
            assert!(get("dep2").await, "asked again");
            for other in ["dep3", "dep4", "dep5", "dep6"] {
                assert!(get(other).await);
            }
            failing.set(None);
        }
        let before = reads.get();
        assert!(get("dep6").await);
        assert_eq!(reads.get(), before);
        assert!(get("dep1").await);
        assert_eq!(reads.get(), before + 1, "at most four are kept");
    }
}
