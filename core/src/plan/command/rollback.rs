//! `rollback`: back to what was stable here, at once, as a release of its own. The spec's target is held meanwhile.

use super::Outcome;
use crate::api::event::{Event, EventReason};
use crate::api::status::{CommandState, HistoryEntry, Stable, Why};
use crate::api::target::Target;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::plan::ownership::as_it_is;
use crate::plan::release::{Occasion, Scene, begin, hold, is_held, name};
use crate::plan::target::{Resolution, index, resolve};

/// Goes back to this revision or deployment, or to the one before.
pub(super) fn rollback(draft: &mut Draft<'_>, scene: Scene<'_>, to: Option<&str>) -> Result<Outcome, Need> {
    let (Some(desired), stage) = (scene.desired, scene.stage) else { return Ok(Err(super::UNUSABLE.to_owned())) };
    if let Some(running) = draft.running() {
        return Ok(Err(format!(
            "release {} runs: undo it with the command abort/{}, or wait until it is done",
            running.id, running.id
        )));
    }
    let Some(stage) = stage else { return Ok(Err("there is no stage to roll back".to_owned())) };
    let present = as_it_is(draft, stage, desired);
    let chosen = match choose(draft, &present, to) {
        Ok(chosen) => chosen.clone(),
        Err(why) => return Ok(Err(why)),
    };
    if index(draft)?.iter().all(|deployment| Some(&deployment.id) != chosen.deployment_id.as_ref()) {
        return Ok(Err(format!("the deployment of {} was deleted: name another", name(&chosen))));
    }
    let wanted = match resolve(draft, desired, Some(stage))? {
        Resolution::Known(target) | Resolution::Snapshot(target) => Some(target),
        Resolution::Gone(_) | Resolution::Missing(_) => None,
    };
    if wanted.as_ref().is_some_and(|wanted| wanted.is(&chosen)) {
        let retry = wanted
            .as_ref()
            .and_then(|wanted| is_held(draft, wanted))
            .and_then(|held| held.release.as_ref())
            .map_or_else(String::new, |release| format!("; to release it again, give the command retry/{release}"));
        return Ok(Err(format!("{} is what the spec names{retry}", name(&chosen))));
    }
    let (target, former) = with_variables(draft, &present, chosen);
    if let Some(wanted) = wanted {
        let release = draft.current().filter(|entry| entry.target.is(&wanted)).and_then(|entry| entry.release.clone());
        // Without an id of its own nobody could name it in a retry.
        let release = release.or_else(|| draft.status.release.as_ref().map(|release| release.id.clone()));
        hold(draft, &wanted, release, Why::RolledBackByCommand);
    }
    let message = format!("the stage goes back to {}", name(&target));
    let id = begin(draft, desired, Some(stage), target, Occasion::RolledBack { former });
    Ok(Ok((CommandState::Accepted, format!("{message} as release {id}"))))
}

/// What a rollback without a name would go back to: the newest that was stable here before what is stable now.
pub(super) fn one_before<'a>(draft: &'a Draft<'_>) -> Option<&'a Target> {
    let current = draft.current().map(|entry| &entry.target);
    served(draft).map(|entry| &entry.target).find(|target| current.is_none_or(|current| !current.is(target)))
}

fn choose<'a>(draft: &'a Draft<'_>, present: &Target, to: Option<&str>) -> Result<&'a Target, String> {
    let Some(to) = to else {
        return served(draft)
            .map(|entry| &entry.target)
            .find(|target| !target.is(present))
            .ok_or_else(|| format!("nothing was stable here before {}", name(present)));
    };
    let named = |target: &&Target| {
        target.revision.as_ref().is_some_and(|revision| revision.as_str() == to)
            || target.deployment_id.as_ref().is_some_and(|deployment| deployment.as_str() == to)
    };
    let mut targets = served(draft).map(|entry| &entry.target).filter(named).peekable();
    if targets.peek().is_none() {
        let known: Vec<_> = served(draft).map(|entry| name(&entry.target)).collect();
        return Err(format!("{to} was not stable here, as far as status.history tells; it knows {}", known.join(", ")));
    }
    targets.find(|target| !target.is(present)).ok_or_else(|| format!("the stage serves {to} already"))
}

/// What was stable here, newest first.
fn served<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = &'a HistoryEntry> {
    draft.status.history.iter().filter(|entry| entry.how.is_some() && entry.target.deployment_id.is_some())
}

/// The target with the variables that it can have: its own where their former values are known, else those that are there.
fn with_variables(draft: &mut Draft<'_>, present: &Target, chosen: Target) -> (Target, Stable) {
    if chosen.variables_hash == present.variables_hash {
        return (chosen, Stable::default());
    }
    let last = draft.status.release.as_ref().and_then(|release| release.stable.as_ref());
    let former = last.filter(|stable| stable.target.is(&chosen)).cloned();
    if let Some(former) = former.filter(|stable| !stable.variables.is_empty() || !stable.added_variables.is_empty()) {
        return (chosen, former);
    }
    let note = format!(
        "The variables stay as they are: the values that {} had are not known any more. Only the deployment goes back.",
        name(&chosen)
    );
    draft.tell(Event::warning(EventReason::Warning, "FormerVariables", note));
    (Target { variables_hash: present.variables_hash.clone(), ..chosen }, Stable::default())
}
