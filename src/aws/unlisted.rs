//! Stages where listing them is denied: each is read by itself, and listing is tried again from time to time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stagecraft_core::api::names::{RestApiId, StageName};
use stagecraft_core::observed::Stage;
use tracing::{info, warn};

use super::latest::{Latest, Observable};
use super::observations::StageNote;

/// How long nobody asks for the list again. A right that somebody has just given is noticed within this time, and a right that
/// nobody gives costs one more call per REST API and half hour.
const TRIED_AGAIN_AFTER: Duration = Duration::from_mins(30);

/// What one role has seen of the stages of a REST API, one by one.
#[derive(Default)]
pub(super) struct Unlisted {
    /// Until when listing counts as denied.
    denied: Mutex<Option<Duration>>,
    /// Stages that somebody governs, so they are few.
    each: Mutex<HashMap<StageName, Arc<Latest<Option<Stage>>>>>,
}

impl Unlisted {
    /// Whether it is known that the list will not be given.
    pub(super) fn is_denied(&self, now: Duration) -> bool {
        self.denied().is_some_and(|until| until > now)
    }

    /// Listing was denied, and a stage could be read by itself.
    pub(super) fn note_denied(&self, rest_api: &RestApiId, now: Duration) {
        let former = self.denied().replace(now.saturating_add(TRIED_AGAIN_AFTER));
        if former.is_none() {
            warn!(
                %rest_api,
                "listing its stages is denied: each is read by itself, which costs a call per stage, and no deployment is \
                 cleaned up; allow apigateway:GET on /restapis/{rest_api}/stages"
            );
        }
    }

    /// Listing works, or is not worth less than reading one stage.
    pub(super) fn note_listed(&self, rest_api: &RestApiId) {
        if self.denied().take().is_some() {
            info!(%rest_api, "its stages are no longer read one by one");
        }
    }

    /// The last observation of this stage.
    pub(super) fn of(&self, stage: &StageName) -> Arc<Latest<Option<Stage>>> {
        Arc::clone(self.each().entry(stage.clone()).or_default())
    }

    /// The same, where the stage has been asked for.
    pub(super) fn known(&self, stage: &StageName) -> Option<Arc<Latest<Option<Stage>>>> {
        self.each().get(stage).cloned()
    }

    /// Callers from now on read again.
    pub(super) fn forget(&self) {
        for latest in self.each().values() {
            latest.forget();
        }
    }

    fn denied(&self) -> MutexGuard<'_, Option<Duration>> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self) -> MutexGuard<'_, HashMap<StageName, Arc<Latest<Option<Stage>>>>> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observable for Option<Stage> {
    type Key = StageName;
    type Note = StageNote;

    fn overlay(&mut self, _: &StageName, note: &StageNote) {
        *self = match note {
            StageNote::Gone => None,
            StageNote::Replied(reply) => Some(reply.over(self.take())),
        };
    }
}
