//! What the command annotation asks for: taken up once, remembered in the same status write as its effect.

use kube::ResourceExt as _;

use super::Need;
use super::draft::Draft;
use super::ownership::Ownership;
use super::target::{index, snapshots};
use crate::api::COMMAND;
use crate::api::command::{Command, Verb};
use crate::api::event::{Event, EventReason};
use crate::api::names::Revision;
use crate::api::status::{CommandState, How, LastCommand, Phase, Release, ReleaseResult};
use crate::api::target::{Target, release_id, variables_hash};
use crate::validate::{Desired, Wanted};

/// Longest value that is remembered whole; the grammar allows no longer one that makes sense.
const LONGEST: usize = 256;

/// Takes up the command, unless it was taken up before.
pub(super) fn take(draft: &mut Draft<'_>, desired: &Desired, ownership: &Ownership) -> Result<(), Need> {
    let Some(value) = draft.world.object.annotations().get(COMMAND) else { return Ok(()) };
    let value: String = value.chars().take(LONGEST).collect();
    if draft.status.last_command.as_ref().is_some_and(|last| last.value == value) {
        return Ok(());
    }
    let outcome = if draft.world.object.status.as_ref().is_none_or(|status| status.observed_generation.is_none()) {
        Err("the object had no status when it was found, so the command was meant for another life of it; give it again with another nonce".to_owned())
    } else {
        match Command::parse(&value) {
            Err(malformed) => Err(malformed.to_string()),
            Ok(command) => obey(draft, desired, ownership, &command.verb)?,
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

type Outcome = Result<(CommandState, String), String>;

fn obey(draft: &mut Draft<'_>, desired: &Desired, ownership: &Ownership, verb: &Verb) -> Result<Outcome, Need> {
    Ok(match verb {
        // The annotation itself is a cause: this pass stands on reads that were started after it.
        Verb::Reconcile => Ok((CommandState::Done, "everything was read anew".to_owned())),
        Verb::Resnapshot(_) if matches!(ownership, Ownership::Foreign(_) | Ownership::Adoptable) => {
            Err("the stage is not ours; its conditions say what to do".to_owned())
        }
        Verb::Resnapshot(revision) => return resnapshot(draft, desired, revision),
        Verb::Promote(_) | Verb::Approve { .. } | Verb::Pause(_) | Verb::Resume(_) | Verb::Abort(_) => {
            Err(format!("{verb} acts on a release through a canary, and this version of Stagecraft releases at once"))
        }
        Verb::Retry(_) | Verb::Rollback(_) => Err(format!(
            "{verb} is not supported by this version of Stagecraft: name the revision to serve in spec.revision instead"
        )),
        Verb::FlushCache | Verb::FlushAuthorizers => {
            Err(format!("{verb} is not supported by this version of Stagecraft"))
        }
    })
}

/// Attempt + 1 becomes the target, as a release of its own.
fn resnapshot(draft: &mut Draft<'_>, desired: &Desired, revision: &Revision) -> Result<Outcome, Need> {
    let Wanted::Revision(wanted) = &desired.wanted else {
        return Ok(Err("spec.revision is not set, so there is no revision to snapshot again".to_owned()));
    };
    if wanted != revision {
        return Ok(Err(format!("spec.revision is {wanted}: name that one")));
    }
    if desired.suspended {
        return Ok(Err("spec.suspend is true: remove it first".to_owned()));
    }
    if let Some(release) = draft.running()
        && matches!(release.phase, Phase::Promoting | Phase::RollingBack)
    {
        return Ok(Err(format!("release {} is moving the stage right now: give it again when it is done", release.id)));
    }
    let known = snapshots(index(draft)?, revision).map(|(attempt, _)| attempt);
    let remembered = draft
        .status
        .history
        .iter()
        .map(|entry| &entry.target)
        .chain(draft.status.release.as_ref().map(|release| &release.target))
        .filter(|target| target.revision.as_ref() == Some(revision))
        .filter_map(|target| target.attempt);
    let attempt = known.chain(remembered).max().unwrap_or(0) + 1;
    let target = Target {
        revision: Some(revision.clone()),
        attempt: Some(attempt),
        deployment_id: None,
        variables_hash: variables_hash(&desired.variables),
    };
    let now = draft.time();
    let running = draft.running().cloned();
    if let Some(former) = &running {
        draft.record_unserved(former, ReleaseResult::Superseded);
    }
    let n = draft.status.releases.unwrap_or(0) + 1;
    let id = release_id(&target, true, n);
    let message = format!("snapshot {attempt} of {revision} is taken and released as {id}");
    draft.status.releases = Some(n);
    draft.status.release = Some(Release {
        id,
        how: if draft.status.deployment_id.is_none() { How::First } else { How::Direct },
        target,
        stable: running.and_then(|former| former.stable).or_else(|| {
            let current = draft.current()?;
            Some(crate::api::status::Stable { target: current.target.clone(), ..Default::default() })
        }),
        phase: Phase::Preparing,
        reason: None,
        started_at: now,
        traffic_changed_at: None,
        next_action_at: None,
        superseded: None,
    });
    Ok(Ok((CommandState::Accepted, message)))
}
