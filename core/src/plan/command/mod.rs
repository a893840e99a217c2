//! What the command annotation asks for: taken up once, remembered in the same status write as its effect.
//!
//! A verb that has a file of its own is described there. A verb never calls anything: it changes what the status says, and
//! the release, planned after it in the same round, sees to the rest.

mod abort;
mod pause;
mod promote;
mod resnapshot;
mod retry;
mod rollback;

pub(super) use abort::carry_on;

use kube::ResourceExt as _;

use super::Need;
use super::draft::Draft;
use super::flush;
use super::ownership::Ownership;
use super::release::{Scene, name};
use crate::api::COMMAND;
use crate::api::command::{Command, Verb};
use crate::api::event::{Event, EventReason};
use crate::api::status::{CommandState, LastCommand, Release};
use crate::validate::is_suspended;

/// Longest value that is remembered whole; the grammar allows no longer one that makes sense.
const LONGEST: usize = 256;

/// What is said where a command needs a spec that can be used.
const UNUSABLE: &str = "the spec cannot be used as it is; the condition Ready says what to change";

/// Taken up, and how far; or refused, and why.
type Outcome = Result<(CommandState, String), String>;

/// What the status remembers of a value.
pub(super) fn remembered(value: &str) -> String {
    value.chars().take(LONGEST).collect()
}

/// Takes up the command, unless it was taken up before.
pub(super) fn take(draft: &mut Draft<'_>, scene: Scene<'_>, ownership: &Ownership) -> Result<(), Need> {
    let Some(value) = draft.world.object.annotations().get(COMMAND) else { return Ok(()) };
    let value = remembered(value);
    if draft.status.last_command.as_ref().is_some_and(|last| last.value == value) {
        return Ok(());
    }
    let outcome = if draft.world.object.status.as_ref().is_none_or(|status| status.observed_generation.is_none()) {
        Err("the object had no status when it was found, so the command was meant for another life of it; give it again with another nonce".to_owned())
    } else {
        match Command::parse(&value) {
            Err(malformed) => Err(malformed.to_string()),
            Ok(command) => obey(draft, scene, ownership, &command.verb)?,
        }
    };
    let (state, message) = match outcome {
        Ok((state, message)) => {
            draft.tell(Event::normal(EventReason::CommandAccepted, &value, format!("{value}: {message}.")));
            (state, message)
        }
        Err(why) => {
            draft.tell(Event::warning(EventReason::CommandRefused, &value, format!("{value} is refused: {why}.")));
            (CommandState::Refused, why)
        }
    };
    let at = draft.time();
    draft.status.last_command = Some(LastCommand { value, state, message, at });
    Ok(())
}

fn obey(draft: &mut Draft<'_>, scene: Scene<'_>, ownership: &Ownership, verb: &Verb) -> Result<Outcome, Need> {
    match verb {
        // The annotation itself is a cause: this pass stands on reads that were started after it.
        Verb::Reconcile => return Ok(Ok((CommandState::Done, "everything was read anew".to_owned()))),
        Verb::FlushCache | Verb::FlushAuthorizers => {
            return Ok(flush::take(draft, ownership, verb));
        }
        Verb::Promote(_)
        | Verb::Approve { .. }
        | Verb::Pause(_)
        | Verb::Resume(_)
        | Verb::Abort(_)
        | Verb::Retry(_)
        | Verb::Rollback(_)
        | Verb::Resnapshot(_) => {}
    }
    if matches!(ownership, Ownership::Foreign(_) | Ownership::Adoptable) {
        return Ok(Err("the stage is not ours; its conditions say what to do".to_owned()));
    }
    if is_suspended(draft.world.object) {
        return Ok(Err("spec.suspend is true: remove it first".to_owned()));
    }
    Ok(match verb {
        Verb::Promote(release) => promote::promote(draft, scene, release),
        Verb::Approve { release, step } => promote::approve(draft, scene, release, step),
        Verb::Pause(release) => pause::pause(draft, release),
        Verb::Resume(release) => pause::resume(draft, release),
        Verb::Abort(what) => abort::abort(draft, scene, what),
        Verb::Retry(release) => retry::retry(draft, release),
        Verb::Rollback(to) => return rollback::rollback(draft, scene, to.as_deref()),
        Verb::Resnapshot(revision) => return resnapshot::resnapshot(draft, scene, revision),
        Verb::Reconcile | Verb::FlushCache | Verb::FlushAuthorizers => Err(format!("{verb} has nothing to act on")),
    })
}

/// The running release, if it is the one that the command names; else why not.
fn named<'a>(draft: &'a Draft<'_>, verb: &str, release: &str) -> Result<&'a Release, String> {
    let Some(running) = draft.running() else { return Err(no_release(draft, verb)) };
    if running.id.as_str() == release {
        return Ok(running);
    }
    Err(format!("release {} is the one that runs, not {release}: name that one", running.id))
}

/// What is so where a command needs a release and none runs, and what people mostly mean then.
fn no_release(draft: &Draft<'_>, verb: &str) -> String {
    let so = match draft.current() {
        Some(entry) => format!("{} is stable", name(&entry.target)),
        None => "nothing is being released".to_owned(),
    };
    let back = rollback::one_before(draft)
        .map(|target| {
            let to = target.revision.as_ref().map_or_else(|| name(target), ToString::to_string);
            format!("; to go back to {to}, give the command rollback/-")
        })
        .unwrap_or_default();
    format!("there is no release to {verb}: {so}{back}")
}
