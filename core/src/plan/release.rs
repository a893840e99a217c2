//! How a stage gets from what it serves to what it shall serve (design: release state machine).
//!
//! Here a release is the first one of a new stage, or Direct: Preparing (snapshot) -> Promoting (one call) -> Succeeded. What it
//! is doing is judged from the stage as it was read; status only remembers what AWS cannot tell.

use std::collections::{BTreeMap, BTreeSet};

use super::Need;
use super::action::{Action, NewStage};
use super::draft::{Draft, variable_path};
use super::ownership::{as_it_is, note_served};
use super::snapshot::{remove_duplicates, snapshot, tell_reuse};
use super::target::{Resolution, index, resolve};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::names::Revision;
use crate::api::owner::OWNER_TAG;
use crate::api::status::{Held, HistoryEntry, How, Origin, Phase, Release, ReleaseResult, Stable, Why};
use crate::api::target::{Target, release_id, variables_hash};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::validate::{Desired, Wanted};
use crate::world::Group;

/// Over this, former values are not kept, and going back moves the deployment only.
const MOST_FORMER_VALUES: usize = 8 * 1024;

/// Releases superseded in a row from which on somebody should look.
const MANY_SUPERSEDED: u32 = 3;

/// Takes the release as far as one round can. `None`: the target serves and nothing runs.
pub(super) fn drive(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>) -> Result<Option<Finding>, Need> {
    let mut superseded = 0;
    if let Some(release) = draft.running().cloned()
        && !is_wanted(&release, desired, stage)
    {
        superseded = give_up(draft, &release, desired, stage);
    }
    match draft.running().map(|release| release.phase) {
        Some(Phase::Promoting) => promote(draft, desired, stage),
        // The other phases belong to releases through a canary: one of them is left by a newer version, and starts anew.
        Some(_) => prepare(draft, desired, stage),
        None => rest(draft, desired, stage, superseded),
    }
}

/// Whether the running release still brings what is asked for.
fn is_wanted(release: &Release, desired: &Desired, stage: Option<&Stage>) -> bool {
    let target = &release.target;
    let deployment = match &desired.wanted {
        Wanted::Revision(revision) => target.revision.as_ref() == Some(revision),
        Wanted::Deployment(id) => target.revision.is_none() && target.deployment_id.as_ref() == Some(id),
        Wanted::Keep { initial } => {
            target.revision.as_ref() == Some(initial)
                || stage.is_some_and(|stage| target.deployment_id.as_ref() == Some(&stage.deployment_id))
        }
    };
    deployment && target.variables_hash == variables_hash(&desired.variables)
}

/// Ends a release whose target is no longer asked for. Returns how many were superseded in a row.
fn give_up(draft: &mut Draft<'_>, release: &Release, desired: &Desired, stage: Option<&Stage>) -> u32 {
    let moved = release.phase == Phase::Promoting
        && stage.is_some_and(|stage| release.target.deployment_id.as_ref() == Some(&stage.deployment_id))
        && release.stable.as_ref().is_none_or(|stable| stable.target.deployment_id != release.target.deployment_id);
    if moved {
        // The call had its effect before the target changed: what it brought is what the next release starts from.
        finish(draft, release.clone());
        return 0;
    }
    let back = release.stable.as_ref().is_some_and(|stable| {
        stable.target.variables_hash == variables_hash(&desired.variables)
            && match &desired.wanted {
                Wanted::Revision(revision) => stable.target.revision.as_ref() == Some(revision),
                Wanted::Deployment(id) => stable.target.deployment_id.as_ref() == Some(id),
                Wanted::Keep { .. } => true,
            }
    });
    let (result, reason, note) = if back {
        (ReleaseResult::Cancelled, EventReason::ReleaseCancelled, "the spec went back to what the stage serves")
    } else {
        (ReleaseResult::Superseded, EventReason::ReleaseSuperseded, "another target was declared")
    };
    draft.record_unserved(release, result);
    if let Some(release) = draft.status.release.as_mut() {
        release.phase = Phase::Idle;
        release.reason = Some(format!("{result:?}"));
        release.next_action_at = None;
    }
    let superseded = if back { 0 } else { release.superseded.unwrap_or(0) + 1 };
    let note = format!("Release {} ended before it moved traffic: {note}.", release.id);
    draft.tell(if superseded >= MANY_SUPERSEDED {
        Event::warning(
            reason,
            release.id.as_str(),
            format!("{note} None has come to serve for {MANY_SUPERSEDED} times or more."),
        )
    } else {
        Event::normal(reason, release.id.as_str(), note)
    });
    superseded
}

/// No release runs: the target serves, is held, or a release begins.
fn rest(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: Option<&Stage>,
    superseded: u32,
) -> Result<Option<Finding>, Need> {
    let target = match resolve(draft, desired, stage)? {
        Resolution::Known(target) | Resolution::Snapshot(target) => target,
        Resolution::Gone(revision) => return Ok(Some(gone(&revision, desired))),
        Resolution::Missing(id) => {
            draft.wake_up_in(30);
            return Ok(Some(Finding::new(
                Situation::Outstanding,
                Reason::DeploymentNotFound,
                format!(
                    "REST API {} has no deployment {id}: create it, or name another in spec.deploymentId.",
                    desired.rest_api_id
                ),
            )));
        }
    };
    let established = draft.current().is_some_and(|entry| entry.target.is(&target));
    if let Some(stage) = stage {
        let same_deployment = target.deployment_id.as_ref() == Some(&stage.deployment_id);
        if same_deployment && pending_variables(draft, desired, stage).is_empty() {
            free_held(draft, &target);
            if !established {
                let how = if draft.status.history.is_empty() { How::Adopted } else { How::PromotedByHand };
                // The marker tells which revision an adopted stage serves, and it is worth one look.
                if how == How::Adopted && target.revision.is_none() {
                    index(draft)?;
                }
                let as_is = as_it_is(draft, stage, desired);
                let target = Target {
                    revision: target.revision.or(as_is.revision),
                    attempt: target.attempt.or(as_is.attempt),
                    ..target
                };
                if how == How::PromotedByHand {
                    let note = format!("Somebody moved the stage to {}, which is what the spec names.", name(&target));
                    draft.tell(Event::normal(EventReason::PromotedByHand, name(&target), note));
                }
                note_served(draft, target, how);
                draft.name_revision(Some(stage));
            }
            draft.serves = true;
            return Ok(None);
        }
        if established && !same_deployment {
            hold(draft, &target, stage);
        } else if established {
            // A hand changed declared variables: drift, which `settings` sees to. The release itself stands.
            draft.serves = true;
            return Ok(None);
        }
    }
    if let Some(held) = draft.status.held.iter().find(|held| held.target.is(&target)) {
        return Ok(Some(is_held(held, &target, stage)));
    }
    begin(draft, desired, stage, target, superseded);
    prepare(draft, desired, stage)
}

fn gone(revision: &Revision, desired: &Desired) -> Finding {
    Finding::new(
        Situation::Blocked,
        Reason::RevisionGone,
        format!(
            "The deployment of revision {revision} on REST API {} was deleted, and a revision is never snapshotted again by itself. Name another revision, or annotate this ApiStage with stagecraft.dev/command: resnapshot/{revision}/1.",
            desired.rest_api_id
        ),
    )
}

fn is_held(held: &Held, target: &Target, stage: Option<&Stage>) -> Finding {
    let so = stage.map_or_else(
        || "The stage is gone. Name another revision, or take a new snapshot with the command resnapshot.".to_owned(),
        |stage| {
            format!(
                "The stage serves deployment {}. Name another revision, move the stage back, or take a new snapshot with the command resnapshot.",
                stage.deployment_id
            )
        },
    );
    let (reason, why) = match held.why {
        Why::StageMovedByHand => (Reason::StageMovedByHand, "somebody moved the stage to another deployment"),
        // Whys of releases through a canary, left by a newer version.
        Why::Failed | Why::Aborted | Why::Unfinished | Why::RolledBackByCommand => {
            (Reason::StageMovedByHand, "it did not come to serve")
        }
    };
    Finding::new(Situation::Held, reason, format!("{} is held: {why}. {so}", name(target)))
}

/// A hand moved the stage: it is obeyed, and what it undid does not ship again by itself.
fn hold(draft: &mut Draft<'_>, target: &Target, stage: &Stage) {
    if draft.status.held.iter().any(|held| held.target.is(target)) {
        return;
    }
    let since = draft.time();
    let release = draft.current().and_then(|entry| entry.release.clone());
    draft.end_current();
    draft.status.held.insert(0, Held { release, target: target.clone(), why: Why::StageMovedByHand, since });
    draft.status.held.truncate(10);
    draft.tell(Event::warning(
        EventReason::StageMovedByHand,
        stage.deployment_id.as_str(),
        format!(
            "Somebody moved the stage to deployment {}; that is obeyed, and {} is held until another revision is named.",
            stage.deployment_id,
            name(target)
        ),
    ));
}

/// A target that serves is not held, however it got there.
fn free_held(draft: &mut Draft<'_>, target: &Target) {
    draft.status.held.retain(|held| !held.target.is(target));
}

/// Mints the release, before any call to AWS.
fn begin(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>, target: Target, superseded: u32) {
    let n = draft.status.releases.unwrap_or(0) + 1;
    let stable = stage.map(|stage| {
        let (variables, added_variables) = former_variables(draft, desired, stage);
        Stable { target: as_it_is(draft, stage, desired), variables, added_variables }
    });
    let moves = stable.as_ref().is_none_or(|stable| stable.target.deployment_id != target.deployment_id);
    let id = release_id(&target, moves, n);
    let to = match &target.deployment_id {
        Some(deployment) => format!("{} (deployment {deployment})", name(&target)),
        None => format!("{} (to be snapshotted)", name(&target)),
    };
    let note = match &stable {
        None => format!("Release {id} creates stage {} with {to}.", desired.stage_name),
        Some(_) if !moves => format!("Release {id} changes variables; the deployment stays."),
        Some(stable) => format!(
            "Release {id} moves the stage from {} (deployment {}) to {to}.",
            name(&stable.target),
            stable.target.deployment_id.as_ref().map_or("?", |id| id.as_str())
        ),
    };
    draft.tell(Event::normal(EventReason::ReleaseStarted, id.as_str(), note));
    let served_here = draft.status.history.iter().any(|entry| entry.target.deployment_id == target.deployment_id);
    if !served_here {
        tell_reuse(draft, &target);
    }
    if stage.is_none() {
        if draft.current().is_some() {
            let note = format!("Somebody deleted stage {}; it is created again.", desired.stage_name);
            draft.tell(Event::warning(EventReason::StageGone, id.as_str(), note));
        }
        draft.status.origin = Some(Origin::Created);
    }
    draft.status.releases = Some(n);
    draft.status.release = Some(Release {
        id,
        how: if stage.is_none() { How::First } else { How::Direct },
        target,
        stable,
        phase: Phase::Preparing,
        reason: None,
        started_at: draft.time(),
        traffic_changed_at: None,
        next_action_at: None,
        superseded: (superseded > 0).then_some(superseded),
    });
}

/// The values that this release overwrites or removes, and the names that it adds.
fn former_variables(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: &Stage,
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let changed = stage.variables.iter().filter(|(key, value)| match desired.variables.get(*key) {
        Some(wanted) => wanted != *value,
        None => draft.status.managed.contains(&variable_path(key)),
    });
    let former: BTreeMap<_, _> = changed.map(|(key, value)| (key.clone(), value.clone())).collect();
    let added = desired.variables.keys().filter(|key| !stage.variables.contains_key(*key)).cloned().collect();
    if former.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MOST_FORMER_VALUES {
        draft.tell(Event::warning(
            EventReason::Warning,
            "FormerVariables",
            "The former values of the changed variables take more than 8 KiB and are not kept: going back will move the deployment only.",
        ));
        return (BTreeMap::new(), BTreeSet::new());
    }
    (former, added)
}

/// Preparing: find the deployment or take its snapshot, then go on to the one call that moves the stage.
fn prepare(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>) -> Result<Option<Finding>, Need> {
    let target = match resolve(draft, desired, stage)? {
        Resolution::Known(target) => target,
        Resolution::Snapshot(target) => return snapshot(draft, desired, &target).map(Some),
        Resolution::Gone(revision) => return Ok(Some(gone(&revision, desired))),
        Resolution::Missing(id) => {
            let message = format!("Release waits: REST API {} has no deployment {id}.", desired.rest_api_id);
            return Ok(Some(Finding::releasing(Reason::DeploymentNotFound, message)));
        }
    };
    remove_duplicates(draft, &target);
    let found = draft.status.release.as_ref().is_some_and(|release| release.target.deployment_id.is_none());
    if found {
        draft.status.intents.retain(|intent| Some(&intent.revision) != target.revision.as_ref());
        tell_reuse(draft, &target);
    }
    if let Some(canary) = stage.and_then(|stage| stage.canary.as_ref()) {
        return Ok(Some(Finding::releasing(
            Reason::ForeignCanary,
            format!(
                "{} waits: a canary that Stagecraft did not open is on the stage (deployment {}, {} % of requests). It is never changed; remove it, and the release goes on.",
                name(&target),
                canary.deployment_id,
                canary.percent_traffic
            ),
        )));
    }
    if let Some(finding) = draft.refusal(Group::Traffic)
        && draft.world.recent.tried.contains(&Group::Traffic)
    {
        return Ok(Some(finding));
    }
    if let Some(release) = draft.status.release.as_mut() {
        release.target = target;
        release.phase = Phase::Promoting;
        release.next_action_at = None;
    }
    promote(draft, desired, stage)
}

/// Promoting: the one call that moves the stage, judged by what the stage then shows.
fn promote(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>) -> Result<Option<Finding>, Need> {
    let Some(release) = draft.status.release.clone() else { return Ok(None) };
    let Some(deployment) = release.target.deployment_id.clone() else {
        return prepare_again(draft, desired, stage);
    };
    let Some(stage) = stage else {
        draft.call(Action::CreateStage(NewStage {
            name: desired.stage_name.clone(),
            deployment_id: deployment,
            description: desired.description.clone().filter(|text| !text.is_empty()),
            variables: desired.variables.clone(),
            tags: BTreeMap::from([(OWNER_TAG.to_owned(), draft.world.owner().to_string())]),
        }));
        let message = format!("Stage {} is being created.", desired.stage_name);
        return Ok(Some(
            draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Releasing, message)),
        ));
    };
    let mut operations = Vec::new();
    if stage.deployment_id != deployment {
        operations.push(PatchOperation::replace("/deploymentId", deployment.as_str()));
    }
    operations.extend(pending_variables(draft, desired, stage));
    if operations.is_empty() {
        finish(draft, release);
        draft.name_revision(Some(stage));
        draft.serves = true;
        return Ok(None);
    }
    if stage.canary.is_some() {
        return prepare_again(draft, desired, Some(stage));
    }
    draft.call(Action::Traffic(operations));
    let message = format!("Release {} moves the stage to {}.", release.id, name(&release.target));
    Ok(Some(draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::Releasing, message))))
}

fn prepare_again(draft: &mut Draft<'_>, desired: &Desired, stage: Option<&Stage>) -> Result<Option<Finding>, Need> {
    if let Some(release) = draft.status.release.as_mut() {
        release.phase = Phase::Preparing;
    }
    prepare(draft, desired, stage)
}

/// The target serves: the release is over.
fn finish(draft: &mut Draft<'_>, mut release: Release) {
    let now = draft.time();
    draft.end_current();
    draft.record(HistoryEntry {
        release: Some(release.id.clone()),
        target: release.target.clone(),
        how: Some(release.how),
        result: None,
        stable_since: Some(now),
        ended: None,
    });
    draft.tell(Event::normal(
        EventReason::ReleaseSucceeded,
        release.id.as_str(),
        format!(
            "Release {} is done: the stage serves {} (deployment {}).",
            release.id,
            name(&release.target),
            release.target.deployment_id.as_ref().map_or("?", |id| id.as_str())
        ),
    ));
    if let Some(revision) = &release.target.revision {
        draft.status.intents.retain(|intent| intent.revision != *revision);
    }
    release.phase = Phase::Succeeded;
    release.reason = None;
    release.next_action_at = None;
    draft.status.release = Some(release);
}

/// What must be done for the declared variables to be as declared: changed and new ones set, dropped ones of ours removed.
pub(super) fn pending_variables(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> Vec<PatchOperation> {
    let set = desired
        .variables
        .iter()
        .filter(|(key, value)| stage.variables.get(*key) != Some(value))
        .map(|(key, value)| PatchOperation::replace(format!("/variables/{key}"), value));
    // Removal only of what the read showed: what AWS does about an absent key is not known.
    let removed = stage
        .variables
        .keys()
        .filter(|key| !desired.variables.contains_key(*key) && draft.status.managed.contains(&variable_path(key)))
        .map(|key| PatchOperation::remove(format!("/variables/{key}")));
    set.chain(removed).collect()
}

/// How people call a target.
fn name(target: &Target) -> String {
    match (&target.revision, &target.deployment_id) {
        (Some(revision), _) => match target.attempt {
            Some(attempt @ 2..) => format!("{revision} (snapshot {attempt})"),
            Some(_) | None => revision.to_string(),
        },
        (None, Some(deployment)) => format!("deployment {deployment}"),
        (None, None) => "the target".to_owned(),
    }
}
