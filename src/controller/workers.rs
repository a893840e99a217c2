//! How many passes work at the same time.
//!
//! A pass that waits (for the quota, for AWS's answer, for a sibling's write) holds no worker: else a handful of new stages
//! that wait five seconds each for their snapshot would keep an abort from even being looked at. What waits is bounded by
//! the number of objects, one pass each, and costs a few kilobytes.
//!
//! After a start, though, all objects are due at once, and of a thousand nearly all are at rest: nobody waits for what comes
//! of them. So of passes that only look, a few dozen are begun at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Passes over stages at rest that are begun at a time: more than the quota lets read meanwhile, so that it is never idle.
const MOST_LOOKS: usize = 64;

/// The workers that passes share.
#[derive(Debug)]
pub(super) struct Workers(Arc<Semaphore>);

/// The passes over objects at rest.
#[derive(Debug)]
pub(super) struct Looks(Semaphore);

/// One pass's hold on a worker.
#[derive(Debug)]
pub(super) struct Worker {
    workers: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Workers {
    /// This many passes at a time.
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }

    /// Waits for a worker, in the order of arrival.
    pub(super) async fn begin(&self) -> Worker {
        let worker = Worker { workers: Arc::clone(&self.0), held: Mutex::default() };
        worker.resume().await;
        worker
    }
}

impl Looks {
    /// Waits, in the order of arrival, until one more pass may look. Whoever has news waits for nobody.
    pub(super) async fn begin(&self, is_at_rest: bool) -> Option<SemaphorePermit<'_>> {
        // Never closed, so never an error.
        if is_at_rest { self.0.acquire().await.ok() } else { None }
    }
}

impl Default for Looks {
    fn default() -> Self {
        Self(Semaphore::new(MOST_LOOKS))
    }
}

impl Worker {
    /// Waits for something while others work.
    pub(super) async fn aside<F: Future>(&self, wait: F) -> F::Output {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let output = wait.await;
        self.resume().await;
        output
    }

    async fn resume(&self) {
        // Never closed, so never an error.
        let held = Arc::clone(&self.workers).acquire_owned().await.ok();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn of_those_that_only_look_a_few_begin_and_whoever_has_news_waits_for_none_of_them() {
        let looks = Looks::default();
        let mut begun: Vec<_> = (0..MOST_LOOKS).map(|_| looks.begin(true).now_or_never().unwrap()).collect();
        let mut next = Box::pin(looks.begin(true));
        assert!(next.as_mut().now_or_never().is_none(), "as many as may look do");
        assert!(looks.begin(false).now_or_never().is_some(), "a change is not kept waiting");
        drop(begun.pop());
        assert!(next.now_or_never().is_some(), "one has seen enough");
    }

    #[tokio::test]
    async fn who_waits_lets_others_work() {
        let workers = Workers::new(1);
        let first = workers.begin().await;
        assert!(workers.begin().now_or_never().is_none(), "all are at work");
        let (answer, waits) = tokio::sync::oneshot::channel();
        let mut waiting = Box::pin(first.aside(waits));
        assert!(waiting.as_mut().now_or_never().is_none());
        let second = workers.begin().now_or_never();
        assert!(second.is_some(), "its worker is free");
        answer.send(7).unwrap();
        assert!(waiting.as_mut().now_or_never().is_none(), "it goes on when there is a worker again");
        drop(second);
        assert_eq!(waiting.await, Ok(7));
    }
}
