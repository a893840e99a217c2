//! Notes in the status what a call did. The next round is planned from it, so that a plan never speaks of a wish.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::condition::Reason;
use crate::api::event::{Event, EventReason};
use crate::api::names::DeploymentId;
use crate::api::status::{ApiStageStatus, CommandState, Drift, How, Phase, Release};
use crate::cause::Cause;
use crate::plan::Action;

/// What a successful call returned, as far as the status must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The snapshot exists under this id.
    Deployment {
        /// Its id.
        id: DeploymentId,
        /// Whether somebody had taken it in the meantime, so that no call was needed.
        found: bool,
    },
    /// Done.
    Done,
}

/// Notes a call that succeeded; returns what there is to tell.
pub fn settle(status: &mut ApiStageStatus, action: &Action, reply: &Reply, now: Timestamp) -> Vec<Event> {
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    match (action, reply) {
        (Action::Snapshot { revision, attempt, .. }, Reply::Deployment { id, found }) => {
            status.intents.retain(|intent| intent.revision != *revision || intent.attempt != *attempt);
            if let Some(release) = status.release.as_mut()
                && release.target.revision.as_ref() == Some(revision)
                && release.target.attempt == Some(*attempt)
            {
                release.target.deployment_id = Some(id.clone());
            }
            if let Some(next) = status.release.as_mut().and_then(|release| release.next.as_mut())
                && next.target.revision.as_ref() == Some(revision)
                && next.target.attempt == Some(*attempt)
            {
                next.target.deployment_id = Some(id.clone());
            }
            let (reason, note) = if *found {
                (
                    EventReason::RevisionReused,
                    format!("Revision {revision} has a snapshot already: deployment {id} is used."),
                )
            } else {
                (EventReason::SnapshotTaken, format!("Revision {revision} is snapshotted: deployment {id}."))
            };
            vec![Event::normal(reason, id.as_str(), note)]
        }
        (Action::CreateStage(stage), _) => {
            moved(status, &now);
            let note = format!("Stage {} is created and serves deployment {}.", stage.name, stage.deployment_id);
            vec![Event::normal(EventReason::StageCreated, stage.deployment_id.as_str(), note)]
        }
        (Action::Traffic(_) | Action::Promote { .. } | Action::Abort(_), _) => {
            moved(status, &now);
            Vec::new()
        }
        (Action::Settings { fields, drifted, .. }, _) => vec![applied(status, fields, *drifted, &now)],
        (Action::SetTags { tags, drifted }, _) => {
            let fields: Vec<_> = tags.keys().map(|key| format!("tags[{key}]")).collect();
            vec![applied(status, &fields, *drifted, &now)]
        }
        (Action::RemoveTags { keys }, _) => {
            let fields: Vec<_> = keys.iter().map(|key| format!("tags[{key}]")).collect();
            vec![applied(status, &fields, false, &now)]
        }
        (Action::FlushCache | Action::FlushAuthorizers, _) => {
            if let Some(command) = status.last_command.as_mut() {
                command.state = CommandState::Done;
            }
            Vec::new()
        }
        (Action::Tag(owner), _) => {
            let note = format!("The stage is adopted: it carries the owner tag {owner} now.");
            vec![Event::normal(EventReason::StageAdopted, "Adopt", note)]
        }
        (Action::DeleteStage, _) => {
            vec![Event::normal(EventReason::StageDeleted, "Delete", "The stage is deleted.")]
        }
        (Action::Prune { deployment, revision }, _) => {
            let note = format!(
                "Deployment {deployment} ({revision}) was deleted: no stage or canary uses it and no history offers it any more."
            );
            vec![Event::normal(EventReason::DeploymentPruned, deployment.as_str(), note)]
        }
        (Action::Untag | Action::DeleteDeployment(_) | Action::Describe { .. }, _)
        | (Action::Snapshot { .. }, Reply::Done) => Vec::new(),
    }
}

/// Notes a call that failed: a release whose one call was refused is prepared anew, from what the stage then shows.
pub fn settle_failure(status: &mut ApiStageStatus, action: &Action, cause: &Cause) {
    let refused = !cause.may_have_had_effect() && !cause.class().is_passing();
    let Some(release) = status.release.as_mut().filter(|_| refused) else { return };
    match action {
        // A deployment that is gone ends its release: what the revision means now is looked up anew.
        Action::CreateStage(_) | Action::Traffic(_)
            if *cause == Cause::DeploymentNotFound
                && release.ceiling.is_none()
                && matches!(release.phase, Phase::Promoting | Phase::Preparing) =>
        {
            release.phase = Phase::Idle;
        }
        Action::CreateStage(_) | Action::Traffic(_)
            if release.phase == Phase::Promoting && release.how != How::Canary =>
        {
            release.phase = Phase::Preparing;
        }
        // The stage is read again; where the canary is there, the other order is tried once.
        Action::Promote { as_recorded: false, .. } => {
            release.reason = Some(Reason::PromotionRefused.as_str().to_owned());
        }
        Action::Promote { as_recorded: true, .. } => {
            release.phase = Phase::Paused;
            release.reason = Some(Reason::PromotionRefused.as_str().to_owned());
            release.approvals.clear();
        }
        Action::CreateStage(_)
        | Action::Traffic(_)
        | Action::Abort(_)
        | Action::Snapshot { .. }
        | Action::Settings { .. }
        | Action::SetTags { .. }
        | Action::RemoveTags { .. }
        | Action::FlushCache
        | Action::FlushAuthorizers
        | Action::Tag(_)
        | Action::Untag
        | Action::DeleteStage
        | Action::DeleteDeployment(_)
        | Action::Prune { .. }
        | Action::Describe { .. } => {}
    }
}

/// Settings that are as declared now, for the first time or again.
fn applied(status: &mut ApiStageStatus, fields: &[String], drifted: bool, now: &Time) -> Event {
    let listed = fields.join(", ");
    if !drifted {
        let note = format!("Applied: {listed}.");
        return Event::normal(EventReason::SettingsApplied, listed, note);
    }
    for field in fields {
        status.drift.insert(0, Drift { field: field.clone(), at: now.clone(), corrected: true });
    }
    status.drift.truncate(20);
    let note = format!("Somebody changed {listed} of the stage; it is as declared again.");
    Event::warning(EventReason::DriftCorrected, listed, note)
}

/// Before its way out of Preparing is decided a release moves nothing: the canary that is removed then is another's.
fn moved(status: &mut ApiStageStatus, now: &Time) {
    let moves = |release: &&mut Release| release.phase != Phase::Preparing || release.is_open();
    if let Some(release) = status.release.as_mut().filter(moves) {
        release.traffic_changed_at = Some(now.clone());
    }
}
