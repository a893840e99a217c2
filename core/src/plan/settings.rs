//! Settings beside the release: the description, and declared variables that a hand changed while no release runs.

use super::action::Action;
use super::draft::{Draft, declared_paths, variable_path};
use super::release::pending_variables;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::stage::DriftPolicy;
use crate::api::status::Drift;
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::validate::Desired;
use crate::world::Group;

/// A declared path that is not as declared, and what would put it right.
struct Difference {
    path: String,
    operation: PatchOperation,
}

/// Plans the settings group. `None`: all is as declared, or no business of ours now.
pub(super) fn apply(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: Option<&Stage>,
    release_runs: bool,
) -> Option<Finding> {
    let stage = stage?;
    let differences = differences(draft, desired, stage, release_runs);
    let open: Vec<&str> = differences.iter().map(|difference| difference.path.as_str()).collect();
    draft.status.drift.retain(|drift| drift.corrected || open.contains(&drift.field.as_str()));
    narrow(draft, desired, stage);

    // A difference at a generation that was applied once is somebody else's doing.
    let drifted = draft.status.applied_generation == Some(draft.world.generation());
    if differences.is_empty() {
        draft.settled = true;
        return None;
    }
    let paths = open.join(", ");
    if drifted && desired.drift == DriftPolicy::Report {
        // The generation was applied; that somebody changed the stage since does not undo it.
        draft.settled = true;
        report(draft, &differences);
        if differences.iter().any(|difference| difference.path.starts_with("variables[")) {
            draft.serves = false;
        }
        return Some(Finding::new(
            Situation::PersonAwaited,
            Reason::DriftReported,
            format!(
                "Somebody changed {paths} of the stage, and spec.driftPolicy is Report. Change the stage back, change spec, or set driftPolicy to Correct."
            ),
        ));
    }
    let (operations, fields): (Vec<_>, Vec<_>) =
        differences.iter().map(|difference| (difference.operation.clone(), difference.path.clone())).unzip();
    let refusal = draft.refusal(Group::Settings);
    if drifted && refusal.is_none() {
        // Put right within the same breath: a condition that flips and flips back would only wake everybody (decision 0002).
        draft.settled = true;
        draft.call(Action::Settings { operations, drifted: fields });
        return None;
    }
    if fields.iter().any(|path| path.starts_with("variables[")) {
        draft.serves = false;
    }
    draft.call(Action::Settings { operations, drifted: if drifted { fields } else { Vec::new() } });
    let message = format!("To be applied: {paths}.");
    Some(refusal.unwrap_or_else(|| Finding::new(Situation::Outstanding, Reason::SettingsPending, message)))
}

fn differences(draft: &Draft<'_>, desired: &Desired, stage: &Stage, release_runs: bool) -> Vec<Difference> {
    let mut differences = Vec::new();
    let wanted = match &desired.description {
        Some(description) => Some(description.as_str()),
        None if draft.status.managed.contains("description") => Some(""),
        None => None,
    };
    if let Some(wanted) = wanted
        && wanted != stage.description.as_deref().unwrap_or("")
    {
        differences.push(Difference {
            path: "description".to_owned(),
            operation: PatchOperation::replace("/description", wanted),
        });
    }
    // Variables belong to the release; while one runs or its target is held they are only reported.
    if !release_runs {
        for operation in pending_variables(draft, desired, stage) {
            if let Some(key) = operation.path.strip_prefix("/variables/") {
                differences.push(Difference { path: variable_path(key), operation });
            }
        }
    }
    differences
}

/// Forgets dropped paths that are back to what a drop means.
fn narrow(draft: &mut Draft<'_>, desired: &Desired, stage: &Stage) {
    let declared = declared_paths(desired);
    draft.status.managed.retain(|path| {
        declared.contains(path)
            || (path == "description" && stage.description.is_some())
            || stage.variables.keys().any(|key| *path == variable_path(key))
    });
}

fn report(draft: &mut Draft<'_>, differences: &[Difference]) {
    for difference in differences {
        if draft.status.drift.iter().any(|drift| !drift.corrected && drift.field == difference.path) {
            continue;
        }
        let at = draft.time();
        draft.status.drift.insert(0, Drift { field: difference.path.clone(), at, corrected: false });
        draft.tell(Event::warning(
            EventReason::DriftReported,
            difference.path.as_str(),
            format!("Somebody changed {} of the stage; spec.driftPolicy is Report, so it is left.", difference.path),
        ));
    }
    draft.status.drift.truncate(20);
}
