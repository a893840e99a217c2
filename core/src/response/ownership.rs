//! Whose a customisation is. API Gateway has no tags on gateway responses, so a record in status says it: one that is there
//! without our record is somebody else's.

use jiff::Timestamp;

use super::draft::Draft;
use super::{Desired, hash_of};
use crate::access::Access;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::gateway_response::Owned;
use crate::api::stage::AdoptionPolicy;
use crate::api::status::Origin;
use crate::observed::GatewayResponse;

/// Whose a customisation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// There is none.
    Absent,
    /// Our record says that it is ours.
    Ours,
    /// It is not ours, and may become ours.
    Adoptable,
    /// It is not ours, and is left alone.
    Foreign(Finding),
}

/// Whether our record covers this customisation: something of ours is there, or it is what one of our writes makes, whose
/// reply may have been lost.
pub(super) fn is_ours(owned: Option<&Owned>, response: &GatewayResponse) -> bool {
    let Some(owned) = owned else { return false };
    let hash = hash_of(response);
    owned.hash.is_some()
        || owned.declared.as_ref() == Some(&hash)
        || owned.writing.iter().any(|writing| writing.hash == hash)
}

pub(super) fn judge(
    draft: &Draft<'_>,
    access: &Access,
    desired: &Desired,
    response: Option<&GatewayResponse>,
) -> Ownership {
    let Some(response) = response else { return Ownership::Absent };
    if is_ours(draft.status.owned.as_ref(), response) {
        return Ownership::Ours;
    }
    let name = format!("{} of REST API {}", desired.response_type, desired.rest_api_id);
    let foreign = |reason, message| Ownership::Foreign(Finding::new(Situation::Blocked, reason, message));
    match desired.adoption {
        AdoptionPolicy::Never => foreign(
            Reason::ResponseExists,
            format!(
                "{name} is customised already, and nothing says that it is ours. Set spec.adoptionPolicy to IfExists to take it, or delete that customisation."
            ),
        ),
        AdoptionPolicy::IfExists | AdoptionPolicy::TakeOver if !access.adoption => foreign(
            Reason::AdoptionDenied,
            format!(
                "{name} is customised already and spec.adoptionPolicy asks to take it, but the operator does not allow adoption. {}, or delete that customisation.",
                access.how_to_allow_adoption()
            ),
        ),
        AdoptionPolicy::IfExists | AdoptionPolicy::TakeOver => Ownership::Adoptable,
    }
}

/// Takes a customisation: the record is all there is to it, and it is written before anything is changed.
pub(super) fn adopt(draft: &mut Draft<'_>, response: Option<&GatewayResponse>, seen_at: Timestamp) {
    let Some(response) = response else { return };
    draft.status.origin = Some(Origin::Adopted);
    draft.status.owned = Some(Owned {
        since: Some(draft.time()),
        hash: Some(hash_of(response)),
        declared: None,
        // Since when it is so, nobody knows; from now on it is.
        written: Some(super::draft::whole_second(seen_at)),
        writing: Vec::new(),
    });
    let note = format!("The customisation of {} that was there is adopted.", response.response_type);
    draft.tell(Event::normal(EventReason::ResponseAdopted, "Adopt", note));
}

/// Notes a write of ours whose reply was lost, or after which we were killed: what is there is what it makes.
pub(super) fn recognise(draft: &mut Draft<'_>, response: Option<&GatewayResponse>, seen_at: Timestamp) {
    let Some(response) = response else { return };
    let hash = hash_of(response);
    let Some(owned) = draft.status.owned.as_mut() else { return };
    if owned.hash.as_ref() == Some(&hash) || !owned.writing.iter().any(|writing| writing.hash == hash) {
        return;
    }
    super::settle::landed(&mut draft.status, &hash, &hash, seen_at);
    let note = format!("{} is written: a call whose answer was lost had its effect.", response.response_type);
    draft.tell(Event::normal(EventReason::ResponseApplied, "Recognise", note));
}
