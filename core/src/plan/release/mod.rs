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
//! | `supersede` | what becomes of an open canary when another target is declared |
//! | `governance` | which `ApiCanary` governs |
//! | `hands` | what somebody else did to the stage meanwhile |
//! | `prepare` | Preparing: the deployment |
//! | `leave` | the way out of Preparing: at once, or through a canary |
//! | `step` | Progressing, `AwaitingApproval`: the steps |
//! | `gates` | what holds a step |
//! | `checks` | when a check is due, and what a failed one means |
//! | `paused` | Paused |
//! | `promote` | Promoting at once: one call |
//! | `promotion` | Promoting a canary: two calls |
//! | `bake` | Baking |
//! | `undo` | `RollingBack`: the way back to what served |
//! | `end` | how a release ends, and what of it is remembered |
//! | `held` | targets that must not ship by themselves |
//! | `traffic` | the patches of canaries |
//! | `order` | the order in which variables change with the deployment |
//! | `variables` | what a release does to the stage's variables |
//! | `words` | how people call a target |

mod bake;
mod begin;
mod checks;
mod end;
mod gates;
mod governance;
mod hands;
mod held;
mod leave;
mod order;
mod paused;
mod prepare;
mod promote;
mod promotion;
mod rest;
mod step;
mod supersede;
mod traffic;
mod undo;
mod variables;
pub(super) mod waiting;
mod wanted;
mod words;

pub(super) use begin::{Occasion, begin};
pub(super) use end::succeed;
pub(super) use gates::{PROMOTION, awaited, by_command};
pub(super) use hands::is_ours;
pub(super) use held::{hold, is_held};
pub(super) use undo::begin as undo;
pub(super) use variables::pending_variables;
pub(super) use words::name;

use super::Need;
use super::draft::Draft;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::status::{How, Phase, Release};
use crate::observed::Stage;
use crate::validate::Desired;
use crate::world::Governor;
use governance::{Governance, governance};

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
    /// What the spec asks for; `None` where it cannot be used as it is.
    pub(super) desired: Option<&'a Desired>,
    /// The stage as it was read.
    pub(super) stage: Option<&'a Stage>,
    /// The governing `ApiCanary` as the watch shows it.
    pub(super) governor: Option<&'a Governor>,
}

/// Takes the release as far as one round can. `None`: the target serves and nothing runs.
pub(super) fn drive<'a>(draft: &mut Draft<'a>, scene: Scene<'a>) -> Result<Option<Finding>, Need> {
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

fn turn<'a>(draft: &mut Draft<'a>, scene: Scene<'a>) -> Result<Turn, Need> {
    let Some(release) = draft.running().cloned() else {
        return match scene.desired {
            Some(desired) => rest::rest(draft, scene, desired),
            None => Ok(Turn::Serves),
        };
    };
    if let Some(desired) = scene.desired
        && let Some(turn) = wanted::judge(draft, scene, desired, &release)?
    {
        return Ok(turn);
    }
    match release.phase {
        Phase::Promoting if matches!(release.how, How::Canary | How::PromotedByHand) => {
            promotion::promote(draft, scene, &release)
        }
        Phase::Promoting => Ok(match scene.desired {
            Some(desired) => promote::promote(draft, scene, desired),
            None => waits_for_spec(&release),
        }),
        Phase::Baking => bake::bake(draft, scene, &release),
        Phase::RollingBack => Ok(undo::undo(draft, scene, &release)),
        Phase::Preparing
        | Phase::Progressing
        | Phase::AwaitingApproval
        | Phase::Paused
        | Phase::Idle
        | Phase::Succeeded
        | Phase::Failed => governed(draft, scene, &release),
    }
}

/// The phases that end when the `ApiCanary` goes that governs them.
fn governed<'a>(draft: &mut Draft<'a>, scene: Scene<'a>, release: &Release) -> Result<Turn, Need> {
    let nobody: Result<crate::validate::canary::Policy, String> = Err("nobody governs it.".to_owned());
    let policy = match governance(draft, scene, release)? {
        Governance::Nobody => &nobody,
        Governance::Governed(governor) => &governor.policy,
        Governance::Gone => {
            undo::begin(draft, Reason::ReleaseUnfinished, "the ApiCanary that governed it was deleted or replaced");
            return Ok(Turn::Again);
        }
    };
    let policy = policy.as_ref().map_err(String::as_str);
    match release.phase {
        Phase::Paused => paused::paused(draft, scene, release, policy),
        Phase::Progressing | Phase::AwaitingApproval => step::progress(draft, scene, release, policy),
        Phase::Preparing
        | Phase::Promoting
        | Phase::Baking
        | Phase::RollingBack
        | Phase::Idle
        | Phase::Succeeded
        | Phase::Failed => match scene.desired {
            Some(desired) => prepare::prepare(draft, scene, desired),
            None => Ok(waits_for_spec(release)),
        },
    }
}

fn waits_for_spec(release: &Release) -> Turn {
    let message = format!("Release {} waits: the spec of the ApiStage cannot be used as it is.", release.id);
    Turn::Wait(Finding::releasing(Reason::InvalidSpec, message))
}
