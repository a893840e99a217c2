//! Notes in the status what a call did. The next round is planned from it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::draft::whole_second;
use super::{Action, Change, hash_of};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::ApiGatewayResponseStatus;
use crate::api::status::Drift;
use crate::observed::GatewayResponse;

/// What a successful call returned, as far as the status must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The gateway response after a write.
    Response {
        /// As AWS tells it.
        response: GatewayResponse,
        /// When the write had had its effect at the latest: AWS's own time of the reply, else ours.
        at: Timestamp,
    },
    /// Done.
    Done,
}

/// Notes a call that succeeded; returns what there is to tell.
pub fn settle(status: &mut ApiGatewayResponseStatus, action: &Action, reply: &Reply, now: Timestamp) -> Vec<Event> {
    let now = whole_second(now);
    match (action, reply) {
        (Action::Put(change) | Action::Update(change, _), Reply::Response { response, at }) => {
            landed(status, &change.hash, &hash_of(response), *at);
            vec![tell(status, change, response, &now)]
        }
        (Action::Delete, _) => {
            status.owned = None;
            let note =
                "The customisation is deleted: API Gateway's own answer is back, for callers with the next deployment.";
            vec![Event::normal(EventReason::ResponseDeleted, "Delete", note)]
        }
        (Action::Put(_) | Action::Update(..), Reply::Done) => Vec::new(),
    }
}

/// A write of ours had its effect: `declared` is what was asked for, `held` what is there now.
///
/// Where something else was declared before, every stage waits. A correction of drift lets those be live that were.
pub(super) fn landed(status: &mut ApiGatewayResponseStatus, declared: &str, held: &str, at: Timestamp) {
    let owned = status.owned.get_or_insert_default();
    if owned.declared.as_deref() != Some(declared) {
        status.stages.clear();
    }
    owned.declared = Some(declared.to_owned());
    owned.hash = Some(held.to_owned());
    owned.written = Some(whole_second(at));
    owned.writing.clear();
}

fn tell(status: &mut ApiGatewayResponseStatus, change: &Change, response: &GatewayResponse, now: &Time) -> Event {
    let response_type = response.response_type;
    let paths = change.paths.join(", ");
    let is_whole = change.paths.iter().any(|path| path == "responseType");
    if !change.drifted {
        let what = if is_whole { "customised as declared".to_owned() } else { format!("changed: {paths}") };
        let note = format!("{response_type} is {what}. Callers get it with the next deployment.");
        return Event::normal(EventReason::ResponseApplied, paths, note);
    }
    for path in &change.paths {
        status.drift.retain(|drift| drift.corrected || drift.field != *path);
        status.drift.insert(0, Drift { field: path.clone(), at: now.clone(), corrected: true });
    }
    status.drift.truncate(20);
    let what = if is_whole { "deleted the customisation".to_owned() } else { format!("changed {paths}") };
    let note = format!("Somebody {what} of {response_type}; it is as declared again.");
    Event::warning(EventReason::DriftCorrected, paths, note)
}
