//! Whose a stage is: judged from the owner tag of a read, never from the reply of a write, never from a name.

use super::Plan;
use super::action::{Action, Place};
use super::draft::{Draft, variable_path};
use crate::access::Access;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::owner::OWNER_TAG;
use crate::api::stage::AdoptionPolicy;
use crate::api::status::{HistoryEntry, How, Origin};
use crate::api::target::{Target, variables_hash};
use crate::observed::Stage;
use crate::validate::Desired;
use crate::world::World;

/// Whose a stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// There is no such stage.
    Absent,
    /// It carries our tag.
    Ours,
    /// We created it and no read has shown its tags yet: fine to report, not enough to write.
    Presumed,
    /// It is not ours, and may become ours.
    Adoptable,
    /// It is not ours, and is left alone.
    Foreign(Finding),
}

impl Ownership {
    /// Whether the object may speak of the stage as its own.
    pub(super) fn is_ours(&self) -> bool {
        match self {
            Self::Ours | Self::Presumed => true,
            Self::Absent | Self::Adoptable | Self::Foreign(_) => false,
        }
    }
}

/// Judges the stage.
pub(super) fn judge(
    world: &World<'_>,
    access: &Access,
    adoption: AdoptionPolicy,
    place: &Place,
    stage: Option<&Stage>,
) -> Ownership {
    let Some(stage) = stage else { return Ownership::Absent };
    let Some(tags) = &stage.tags else { return Ownership::Presumed };
    let owner = tags.get(OWNER_TAG);
    if owner.is_some_and(|owner| owner == world.owner().as_str()) {
        return Ownership::Ours;
    }
    let wanted = match (adoption, owner) {
        (AdoptionPolicy::TakeOver, _) | (AdoptionPolicy::IfExists, None) => true,
        (AdoptionPolicy::IfExists, Some(_)) | (AdoptionPolicy::Never, _) => false,
    };
    let name = format!("Stage {} of REST API {}", place.stage, place.rest_api);
    if let Some(owner) = owner.filter(|_| governed_before(world)) {
        // Two who both want to take over would take it from each other for ever.
        return foreign(
            Reason::OwnedByAnother,
            format!(
                "{name} was governed by this ApiStage and is owned by {owner} now (tag {OWNER_TAG}). It is not taken back: delete one of the two objects. To take the stage back, delete this ApiStage and create it with spec.adoptionPolicy TakeOver."
            ),
        );
    }
    if wanted && !access.adoption {
        return foreign(
            Reason::AdoptionDenied,
            format!(
                "{name} exists and spec.adoptionPolicy asks to take it, but the operator does not allow adoption. {}, or give this ApiStage another stageName.",
                access.how_to_allow_adoption()
            ),
        );
    }
    if wanted {
        return Ownership::Adoptable;
    }
    match owner {
        Some(owner) => foreign(
            Reason::OwnedByAnother,
            format!(
                "{name} is owned by {owner} (tag {OWNER_TAG}). Delete this ApiStage, give it another stageName, or set spec.adoptionPolicy to TakeOver."
            ),
        ),
        None => foreign(
            Reason::StageExists,
            format!(
                "{name} exists and is not ours: it has no tag {OWNER_TAG}. Set spec.adoptionPolicy to IfExists to take it, delete it, or give this ApiStage another stageName."
            ),
        ),
    }
}

/// Whether the stage was ours before: then something of it was remembered after the tag had been read.
fn governed_before(world: &World<'_>) -> bool {
    world.object.status.as_ref().is_some_and(|status| status.release.is_some() || !status.history.is_empty())
}

fn foreign(reason: Reason, message: String) -> Ownership {
    Ownership::Foreign(Finding::new(Situation::Blocked, reason, message))
}

/// Tags the stage. The next round reads it again: only a stage that shows our tag is written to.
pub(super) fn adopt(mut draft: Draft<'_>, place: Place) -> Plan {
    draft.status.origin = Some(Origin::Adopted);
    let message = format!("Stage {} of REST API {} is being adopted.", place.stage, place.rest_api);
    draft.call(Action::Tag(draft.world.owner()));
    draft.place = Some(place);
    let finding = draft
        .refusal(crate::world::Group::Ownership)
        .unwrap_or_else(|| Finding::new(Situation::Outstanding, Reason::SettingsPending, message));
    draft.finish(finding)
}

/// Writes an adopted or found deployment into the history: what served when the stage became ours.
pub(super) fn note_served(draft: &mut Draft<'_>, target: Target, how: How) {
    let now = draft.time();
    draft.end_current();
    draft.record(HistoryEntry {
        release: None,
        target,
        how: Some(how),
        result: None,
        stable_since: Some(now),
        ended: None,
    });
}

/// The target that a stage of ours serves as it is.
pub(super) fn as_it_is(draft: &Draft<'_>, stage: &Stage, desired: &Desired) -> Target {
    let marker = draft.marker_of(stage);
    let known = draft.current().filter(|entry| entry.target.deployment_id.as_ref() == Some(&stage.deployment_id));
    // What the spec has just dropped was declared with what serves.
    let declared =
        |key: &str| desired.variables.contains_key(key) || draft.status.managed.contains(&variable_path(key));
    Target {
        revision: known.map_or_else(
            || marker.as_ref().map(|marker| marker.revision.clone()),
            |entry| entry.target.revision.clone(),
        ),
        attempt: known.map_or_else(|| marker.as_ref().map(|marker| marker.attempt), |entry| entry.target.attempt),
        deployment_id: Some(stage.deployment_id.clone()),
        variables_hash: variables_hash(
            &stage
                .variables
                .iter()
                .filter(|(key, _)| declared(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        ),
    }
}
