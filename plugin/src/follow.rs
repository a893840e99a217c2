//! Follows a stage: every state that its object passes through, until it is gone or the time is over.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::api::DynamicObject;
use stagecraft_core::api::names::ReleaseId;
use stagecraft_core::api::status::{Phase, ReleaseResult};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::screen::view::{View, name_of};

/// A stage that is being followed.
pub struct Follow<'a> {
    cluster: &'a Cluster,
    seen: Pin<Box<dyn Stream<Item = Option<DynamicObject>> + Send + 'a>>,
    deadline: Option<Instant>,
}

/// What was seen next.
pub enum Seen {
    /// The stage as it is now.
    Now(Box<View>),
    /// The object is gone.
    Gone,
    /// The time is over.
    TimedOut,
}

impl<'a> Follow<'a> {
    /// Begins with the stage as it is.
    #[must_use]
    pub fn new(cluster: &'a Cluster, name: &str) -> Self {
        Self { cluster, seen: Box::pin(cluster.watch(name)), deadline: None }
    }

    /// From now on so much time is left; `None`: as long as it takes.
    pub fn give(&mut self, time: Option<Duration>) {
        self.deadline = time.and_then(|time| Instant::now().checked_add(time));
    }

    /// What is so next.
    ///
    /// # Errors
    ///
    /// The object has no shape that is known here.
    pub async fn next(&mut self) -> Result<Seen, Failure> {
        let seen = match self.deadline {
            Some(deadline) => match tokio::time::timeout_at(deadline, self.seen.next()).await {
                Ok(seen) => seen,
                Err(_elapsed) => return Ok(Seen::TimedOut),
            },
            None => self.seen.next().await,
        };
        match seen.flatten() {
            Some(object) => Ok(Seen::Now(Box::new(View::of(&self.cluster.governed(&object).await?)))),
            None => Ok(Seen::Gone),
        }
    }
}

/// How a release ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its target came to serve.
    Served(String),
    /// It did not, and why.
    NotServed(String),
}

/// How the release ended, as far as the status tells; `None` while it runs.
#[must_use]
pub fn ended(view: &View, id: &ReleaseId) -> Option<Ended> {
    let name = view.full_name();
    if let Some(release) = view.release.as_ref().filter(|release| release.id == *id) {
        let why = release.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        match release.phase {
            Phase::Succeeded => {
                return Some(Ended::Served(format!("{id} is done: {name} serves {}", name_of(&release.target))));
            }
            Phase::Failed => {
                return Some(Ended::NotServed(format!(
                    "{id} did not come to serve on {name}: its target is held{why}"
                )));
            }
            Phase::Idle => {}
            Phase::Preparing
            | Phase::Progressing
            | Phase::AwaitingApproval
            | Phase::Paused
            | Phase::Promoting
            | Phase::Baking
            | Phase::RollingBack => return None,
        }
    }
    let Some(entry) = view.history.iter().find(|entry| entry.release.as_ref() == Some(id)) else {
        return Some(Ended::NotServed(format!("{id} is over, and {name} does not tell any more how it ended")));
    };
    Some(match (entry.how, entry.result) {
        (Some(_), _) => Ended::Served(format!("{id} is done: {} came to serve on {name}", name_of(&entry.target))),
        (None, Some(ReleaseResult::Superseded)) => {
            let by = view.release.as_ref().map(|release| format!(" by {}", release.id)).unwrap_or_default();
            Ended::NotServed(format!("{id} of {name} was superseded{by}: another target was declared"))
        }
        (None, Some(ReleaseResult::Cancelled)) => {
            Ended::NotServed(format!("{id} of {name} was cancelled: what it was to bring is no longer asked for"))
        }
        (None, Some(ReleaseResult::Aborted)) => Ended::NotServed(format!("{id} of {name} was aborted")),
        (None, Some(ReleaseResult::Failed) | None) => Ended::NotServed(format!("{id} of {name} failed and was undone")),
    })
}
