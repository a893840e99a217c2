//! The commands that empty caches: accepted in status before the call, sent once, done when AWS has taken it.

use super::action::Action;
use super::draft::Draft;
use super::ownership::Ownership;
use crate::api::command::{Command, Verb};
use crate::api::event::{Event, EventReason};
use crate::api::status::{CommandState, LastCommand};
use crate::observed::Stage;
use crate::validate::is_suspended;
use crate::world::Group;

/// Takes up `flush-cache` or `flush-authorizers`; else why not.
pub(super) fn take(draft: &Draft<'_>, ownership: &Ownership, verb: &Verb) -> Result<(CommandState, String), String> {
    if !ownership.is_ours() {
        return Err("there is no stage of ours; the conditions say what to do".to_owned());
    }
    if is_suspended(draft.world.object) {
        return Err("spec.suspend is true: remove it first".to_owned());
    }
    if *verb == Verb::FlushAuthorizers {
        return Ok((CommandState::Accepted, "the authorizer cache is emptied".to_owned()));
    }
    match &draft.status.cache_cluster {
        Some(cluster) if cluster.status == "AVAILABLE" && cluster.enabled => Ok((
            CommandState::Accepted,
            "the cache is emptied; until it is filled again requests reach the back end".to_owned(),
        )),
        Some(cluster) if cluster.status != "NOT_AVAILABLE" => {
            Err(format!("the cache cluster is {}: give it again when CacheReady is True", cluster.status))
        }
        Some(_) | None => Err("the stage has no cache cluster: set spec.cacheClusterEnabled to have one".to_owned()),
    }
}

/// Whether a command is a flush that is not done yet.
pub(super) fn is_pending(command: &LastCommand) -> bool {
    command.state == CommandState::Accepted && call_of(command).is_some()
}

/// Sends an accepted flush, also after a restart, unless it can be seen that AWS has taken it; AWS's refusal ends it.
pub(super) fn carry_on(draft: &mut Draft<'_>, stage: Option<&Stage>) {
    let pending = draft.status.last_command.as_ref().filter(|command| is_pending(command));
    let Some(action) = pending.and_then(call_of) else { return };
    // It was available when the command was accepted, so this is the flush whose reply was lost; AWS may refuse a second one.
    let flushes = |stage: &Stage| action == Action::FlushCache && stage.cache.status == "FLUSH_IN_PROGRESS";
    if stage.is_some_and(flushes) {
        if let Some(command) = draft.status.last_command.as_mut() {
            command.state = CommandState::Done;
        }
        return;
    }
    let refusal = draft.refusal(Group::Command).map(|finding| finding.message);
    let refusal = refusal.or_else(|| stage.is_none().then(|| "the stage is gone".to_owned()));
    let Some(why) = refusal else { return draft.call(action) };
    let Some(command) = draft.status.last_command.as_mut() else { return };
    command.state = CommandState::Refused;
    command.message.clone_from(&why);
    let value = command.value.clone();
    draft.tell(Event::warning(EventReason::CommandRefused, &value, format!("{value} is refused: {why}")));
}

fn call_of(command: &LastCommand) -> Option<Action> {
    match Command::parse(&command.value).ok()?.verb {
        Verb::FlushCache => Some(Action::FlushCache),
        Verb::FlushAuthorizers => Some(Action::FlushAuthorizers),
        Verb::Promote(_)
        | Verb::Approve { .. }
        | Verb::Pause(_)
        | Verb::Resume(_)
        | Verb::Abort(_)
        | Verb::Retry(_)
        | Verb::Rollback(_)
        | Verb::Resnapshot(_)
        | Verb::Reconcile => None,
    }
}
