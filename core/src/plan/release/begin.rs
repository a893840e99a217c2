//! Mints a release: its id, what it goes from and to, in the status write before any call to AWS.

use super::variables;
use super::words::{deployment_of, name};
use crate::api::event::{Event, EventReason};
use crate::api::names::ReleaseId;
use crate::api::status::{How, Origin, Phase, Release, ReleaseResult, Stable};
use crate::api::target::{Target, release_id};
use crate::observed::Stage;
use crate::plan::draft::Draft;
use crate::plan::ownership::as_it_is;
use crate::plan::snapshot::tell_reuse;
use crate::validate::Desired;

/// Why a release begins.
pub(in crate::plan) enum Occasion {
    /// The spec names another target than the one that serves.
    Declared,
    /// `resnapshot`: the same revision, another snapshot.
    Resnapshot,
    /// `rollback`: the spec's target is held, and this goes back to what was stable here.
    RolledBack {
        /// The values that go back with it, from the release that changed them.
        former: Stable,
    },
}

/// Mints the release and returns its id.
pub(in crate::plan) fn begin(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: Option<&Stage>,
    target: Target,
    occasion: Occasion,
) -> ReleaseId {
    let n = draft.status.releases.unwrap_or(0) + 1;
    let how = match &occasion {
        Occasion::RolledBack { .. } => How::RolledBack,
        Occasion::Declared | Occasion::Resnapshot if stage.is_none() => How::First,
        // Whoever asks again for what was undone wants to see it take its steps.
        Occasion::Declared if draft.retried => How::Canary,
        Occasion::Declared if has_served(draft, &target) => How::FastRollback,
        Occasion::Declared | Occasion::Resnapshot => How::Direct,
    };
    let stable = stage.map(|stage| {
        let target = as_it_is(draft, stage, desired);
        match occasion {
            Occasion::RolledBack { former } => Stable { target, ..former },
            Occasion::Declared | Occasion::Resnapshot => {
                let (variables, added_variables) = variables::former_variables(draft, desired, stage);
                Stable { target, variables, added_variables }
            }
        }
    });
    let moves = stable
        .as_ref()
        .is_none_or(|stable| target.deployment_id.is_none() || stable.target.deployment_id != target.deployment_id);
    let id = release_id(&target, moves, n);
    let note = match &stable {
        None => format!("Release {id} creates stage {} with {}.", desired.stage_name, deployment_of(&target)),
        Some(stable) if how == How::RolledBack => {
            format!("Release {id} goes back from {} to {}.", deployment_of(&stable.target), deployment_of(&target))
        }
        Some(_) if !moves => format!("Release {id} changes variables; the deployment stays."),
        Some(stable) => {
            format!(
                "Release {id} moves the stage from {} to {}.",
                deployment_of(&stable.target),
                deployment_of(&target)
            )
        }
    };
    draft.tell(Event::normal(EventReason::ReleaseStarted, id.as_str(), note));
    let served_here = draft.status.history.iter().any(|entry| entry.target.deployment_id == target.deployment_id);
    if !served_here {
        tell_reuse(draft, &target);
    }
    if stage.is_none() {
        if draft.current().is_some() {
            let note =
                format!("Somebody deleted stage {}; it is created again with {}.", desired.stage_name, name(&target));
            draft.tell(Event::warning(EventReason::StageGone, id.as_str(), note));
        }
        draft.status.origin = Some(Origin::Created);
    }
    let superseded = in_a_row(draft);
    draft.status.releases = Some(n);
    draft.status.release = Some(Release {
        id: id.clone(),
        how,
        target,
        stable,
        phase: Phase::Preparing,
        reason: None,
        started_at: draft.time(),
        traffic_changed_at: None,
        next_action_at: None,
        superseded: (superseded > 0).then_some(superseded),
        governed_by: None,
        step: None,
        step_started_at: None,
        ceiling: None,
        approvals: Vec::new(),
        awaiting: None,
        waiting: None,
        counts: None,
        changes: None,
        next: None,
    });
    id
}

/// Whether the target was stable here. How it ships is decided on the way out of Preparing; this is what a policy may make use
/// of then.
fn has_served(draft: &Draft<'_>, target: &Target) -> bool {
    draft.status.history.iter().any(|entry| entry.how.is_some() && entry.target.is(target))
}

/// How many releases were superseded in a row up to now.
fn in_a_row(draft: &Draft<'_>) -> u32 {
    let was_superseded =
        |release: &&Release| {
            draft.status.history.iter().any(|entry| {
                entry.release.as_ref() == Some(&release.id) && entry.result == Some(ReleaseResult::Superseded)
            })
        };
    let last = draft.status.release.as_ref().filter(was_superseded);
    last.map_or(0, |release| release.superseded.unwrap_or(0) + 1)
}
