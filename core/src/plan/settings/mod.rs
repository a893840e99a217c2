//! Settings beside the release: what is not as declared, in which calls it is put right, and what is said meanwhile.
//!
//! | file | decides |
//! | --- | --- |
//! | `declared` | which paths a spec declares |
//! | `difference` | what one path needs, and how that becomes calls |
//! | `references` | what names something else in AWS, and when it is sent apart |
//! | `not_kept` | what AWS takes and does not show |
//! | `general` | description, drifted variables, tracing, certificate, documentation version, access logs |
//! | `method` | method settings: what an entry follows, what a new one is made from |
//! | `cache` | the cache cluster: what is sent when, and `CacheReady` |
//! | `tags` | tags beside the owner's |
//! | `create` | what a new stage is created with |
//!
//! Calls stand apart by purpose, so that what AWS refuses holds back nothing but itself: settings, logging (which needs a role of
//! the account), tags, and the cache cluster last (which is refused while it is in transition).

mod cache;
mod create;
mod declared;
mod difference;
mod general;
mod method;
mod not_kept;
mod references;
mod tags;

pub use cache::moves as cache_moves;
pub(super) use cache::{condition as cache_condition, observe as observe_cache, poll as cache_poll, tell_stuck};
pub(super) use create::new_stage;
pub(super) use declared::declared_paths;
pub use not_kept::NotKept;

use std::collections::BTreeSet;

use super::draft::{Draft, variable_path};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::stage::DriftPolicy;
use crate::api::status::Drift;
use crate::observed::Stage;
use crate::validate::Desired;
use crate::world::Group;
use difference::{Part, list};

/// Plans what is outstanding. `None`: all is as declared, or is put right within the same breath.
pub(super) fn apply(
    draft: &mut Draft<'_>,
    desired: &Desired,
    stage: Option<&Stage>,
    release_runs: bool,
) -> Option<Finding> {
    let stage = stage?;
    draft.status.unmanaged = method::unmanaged(draft, desired, stage);
    cache::keep_dropped_size(draft, desired);
    let mut parts: Vec<Part> = [
        Part::new(
            Group::Settings,
            general::settings(draft, desired, stage, release_runs).chain(method::settings(draft, desired, stage)),
        ),
        Part::new(
            Group::Logging,
            general::access_log(draft, desired, stage).chain(method::logging(draft, desired, stage)),
        ),
        Part::new(Group::Tags, tags::differences(draft, desired, stage)),
        cache::part(draft, desired, stage),
    ]
    .into();
    let not_kept = NotKept::take(draft, &mut parts, stage);
    let parts = references::apart(draft, parts);
    let open: BTreeSet<&str> = parts.iter().flat_map(Part::paths).chain(not_kept.paths()).collect();
    draft.status.drift.retain(|drift| drift.corrected || open.contains(drift.field.as_str()));
    narrow(draft, desired, stage, &open);
    draft.not_kept = Some(not_kept.clone());
    if open.is_empty() {
        draft.settled = true;
        return None;
    }
    let variables_differ = open.iter().any(|path| path.starts_with("variables["));
    // A difference at a generation that was applied once is somebody else's doing.
    let drifted = draft.status.applied_generation == Some(draft.world.generation());
    if drifted && desired.drift == DriftPolicy::Report {
        draft.serves &= !variables_differ;
        return Some(report(draft, &open));
    }
    let finding = outstanding(draft, &parts, &not_kept, drifted);
    if finding.is_none() {
        // Put right within the same breath: a condition that flips and flips back would only wake everybody (decision 0002).
        draft.settled = true;
    } else {
        draft.serves &= !variables_differ;
    }
    cache::tell_resize(draft, &parts, stage);
    for action in
        parts.iter().filter(|part| part.waits.is_none()).flat_map(|part| part.actions(drifted)).collect::<Vec<_>>()
    {
        draft.call(action);
    }
    finding
}

/// What is said of what is not as declared. `None`: of drift that this very round puts right.
fn outstanding(draft: &Draft<'_>, parts: &[Part], not_kept: &NotKept, drifted: bool) -> Option<Finding> {
    let obstacles = parts.iter().filter_map(|part| obstacle(draft, part));
    let mut findings: Vec<Finding> = obstacles.chain(said_of(not_kept)).collect();
    // Refused for good comes before what is merely waited for, as in the table of conditions.
    findings.sort_by_key(|finding| finding.situation != Situation::Blocked);
    findings.into_iter().next().or_else(|| {
        let message = format!("To be applied: {}.", list(parts.iter().flat_map(Part::paths)));
        (!drifted).then(|| Finding::new(Situation::Outstanding, Reason::SettingsPending, message))
    })
}

/// What stands in the way of a part.
fn obstacle(draft: &Draft<'_>, part: &Part) -> Option<Finding> {
    if let Some(waits) = &part.waits {
        return Some(Finding::new(Situation::Outstanding, Reason::SettingsPending, waits.clone()));
    }
    draft.refusal(part.group)
}

fn said_of(not_kept: &NotKept) -> Option<Finding> {
    (!not_kept.is_empty()).then(|| {
        Finding::new(
            Situation::Blocked,
            Reason::SettingNotKept,
            format!(
                "API Gateway accepted {} but does not show it as declared. Declare it as API Gateway shows it, or remove it from spec.",
                list(not_kept.paths())
            ),
        )
    })
}

/// Forgets dropped paths that are back to what a drop means.
fn narrow(draft: &mut Draft<'_>, desired: &Desired, stage: &Stage, open: &BTreeSet<&str>) {
    let declared = declared_paths(desired);
    let tags_are_known = stage.tags.is_some();
    draft.status.managed.retain(|path| {
        declared.contains(path)
            || open.contains(path.as_str())
            || (!tags_are_known && path.starts_with("tags["))
            // While a release runs its variables are its own business.
            || stage.variables.keys().any(|key| *path == variable_path(key))
    });
}

/// Drift that is left as it is, told once.
fn report(draft: &mut Draft<'_>, open: &BTreeSet<&str>) -> Finding {
    // The generation was applied; that somebody changed the stage since does not undo it.
    draft.settled = true;
    for path in open {
        if draft.status.drift.iter().any(|drift| !drift.corrected && drift.field == *path) {
            continue;
        }
        let at = draft.time();
        draft.status.drift.insert(0, Drift { field: (*path).to_owned(), at, corrected: false });
        draft.tell(Event::warning(
            EventReason::DriftReported,
            *path,
            format!("Somebody changed {path} of the stage; spec.driftPolicy is Report, so it is left."),
        ));
    }
    draft.status.drift.truncate(20);
    Finding::new(
        Situation::PersonAwaited,
        Reason::DriftReported,
        format!(
            "Somebody changed {} of the stage, and spec.driftPolicy is Report. Change the stage back, change spec, or set driftPolicy to Correct.",
            list(open.iter().copied())
        ),
    )
}
