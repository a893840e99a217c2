//! How a stage gets from what it serves to what it shall serve (design: release state machine).
//!
//! What a release is doing is judged from the stage as it was read; status only remembers what AWS cannot tell. Each phase
//! has a file of its own and ends a turn in one of three ways ([`Turn`]).
//!
//! | file | decides |
//! | --- | --- |
//! | `rest` | no release runs: the target serves, is held, or a release begins |
//! | `begin` | mints a release, before any call |
//! | `wanted` | whether a running release still brings what is asked for |
//! | `prepare` | Preparing: snapshot and everything that is waited for before the first traffic |
//! | `promote` | Promoting, where one call moves the stage |
//! | `undo` | `RollingBack`: the way back to what served |
//! | `end` | how a release ends, and what of it is remembered |
//! | `held` | targets that must not ship by themselves |
//! | `variables` | what a release does to the stage's variables |
//! | `words` | how people call a target |

mod begin;
mod end;
mod held;
mod prepare;
mod promote;
mod rest;
mod undo;
mod variables;
mod wanted;
mod words;

pub(super) use begin::{Occasion, begin};
pub(super) use held::{hold, is_held};
pub(super) use variables::pending_variables;
pub(super) use words::name;

use super::Need;
use super::draft::Draft;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::status::Phase;
use crate::observed::Stage;
use crate::validate::Desired;

/// Changes of phase within one round; more than this is a machine that does not come to rest.
const MOST_TURNS: usize = 16;

/// How a turn of the machine ended.
enum Turn {
    /// The phase changed: the next one has its turn.
    Again,
    /// The round ends here; the release waits, or a call was planned.
    Wait(Finding),
    /// The target serves and nothing runs.
    Serves,
}

/// What a turn looks at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) desired: &'a Desired,
    pub(super) stage: Option<&'a Stage>,
}

/// Takes the release as far as one round can. `None`: the target serves and nothing runs.
pub(super) fn drive(draft: &mut Draft<'_>, scene: Scene<'_>) -> Result<Option<Finding>, Need> {
    for _ in 0..MOST_TURNS {
        match turn(draft, scene)? {
            Turn::Again => {}
            Turn::Wait(finding) => return Ok(Some(finding)),
            Turn::Serves => return Ok(None),
        }
    }
    let message = "The release does not come to a decision; it is looked at again.";
    Ok(Some(Finding::new(Situation::Outstanding, Reason::WaitingForAws, message)))
}

fn turn(draft: &mut Draft<'_>, scene: Scene<'_>) -> Result<Turn, Need> {
    let Some(release) = draft.running().cloned() else { return rest::rest(draft, scene) };
    if let Some(turn) = wanted::judge(draft, scene, &release)? {
        return Ok(turn);
    }
    match release.phase {
        Phase::Promoting => Ok(promote::promote(draft, scene)),
        Phase::Paused => Ok(Turn::Wait(prepare::paused(draft, &release))),
        Phase::RollingBack => Ok(undo::undo(draft, scene, &release)),
        // The other phases belong to releases through a canary: one of them is left by a newer version, and starts anew.
        Phase::Idle
        | Phase::Preparing
        | Phase::Progressing
        | Phase::AwaitingApproval
        | Phase::Baking
        | Phase::Succeeded
        | Phase::Failed => prepare::prepare(draft, scene),
    }
}
