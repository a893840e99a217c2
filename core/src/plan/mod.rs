//! Decides what one pass does: (object, observed, remembered, now) -> the status to write first, the calls, the next look.
//!
//! Pure. A decision asks only for what it needs: where something has not been read yet, or too early, the plan is a [`Need`]
//! and is made again once that was read. So a stage at rest costs one read, and a first release exactly its five calls.
//!
//! | file | decides |
//! | --- | --- |
//! | `reads` | nothing: what a decision looks at, or the need to read it |
//! | `ownership` | whether the stage is ours, may become ours, or is left alone |
//! | `command` | what the annotation asks for |
//! | `target` | which deployment a revision means |
//! | `release` | how the stage gets from stable to target |
//! | `snapshot` | whether a snapshot is taken, looked for or waited for |
//! | `changes` | what a release changes about the API's methods |
//! | `settings` | what is declared beside the release, and variables that drifted |
//! | `flush` | the commands that empty caches |
//! | `history` | what the history keeps and what it leaves behind |
//! | `housekeeping` | whether there is peace to tidy up |
//! | `describe` | what the descriptions of deployments say |
//! | `clean_up` | which deployments nobody needs any more |
//! | `deletion` | what goes with the object |
//! | `failure` | the words for a call that failed |
//! | `priority` | who is served first where the quota does not suffice |

mod action;
mod changes;
mod clean_up;
mod command;
pub(crate) mod deletion;
mod describe;
pub(crate) mod draft;
pub(crate) mod failure;
mod flush;
mod history;
mod housekeeping;
mod ownership;
mod priority;
mod reads;
mod release;
mod settings;
mod snapshot;
mod target;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

pub use action::{Action, NewCache, NewStage, Place};
pub use priority::Priority;
pub use settings::{NotKept, cache_moves};

use crate::analysis::Query;
use crate::api::canary::Moment;
use crate::api::check::Check;
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::Event;
use crate::api::names::{DeploymentId, ReleaseId};
use crate::api::stage::AdoptionPolicy;
use crate::api::status::ApiStageStatus;
use crate::validate::canary::Webhook;
use crate::validate::{Invalid, is_suspended, validate};
use crate::world::World;
use draft::Draft;
use ownership::Ownership;

/// What a pass does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Read this and plan again.
    Read(Need),
    /// Do this.
    Act(Box<Plan>),
}

/// Something that must be known before a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What to read.
    pub what: What,
    /// The read must have been started at this time or later.
    pub not_before: Timestamp,
}

/// What can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The account of our credentials.
    Account,
    /// The REST API.
    RestApi,
    /// All stages of the REST API; where listing is denied, the object's own.
    Stages,
    /// All deployments of the REST API.
    Deployments,
    /// The same for housekeeping: where it fails, housekeeping rests and nothing else is disturbed.
    Leftovers,
    /// The methods of a deployment, which never change: a release goes on without where they cannot be read.
    Methods(DeploymentId),
    /// The governing `ApiCanary`, by a live list.
    Governor,
    /// The answers of the sources to these queries.
    Readings(Vec<Query>),
    /// What the webhooks of a moment say.
    Gate(Question),
}

/// What is asked of webhooks before a release goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Before what.
    pub moment: Moment,
    /// Who is asked, in this order; all must agree.
    pub webhooks: Vec<Webhook>,
    /// The release.
    pub release: ReleaseId,
}

/// News for webhooks that only listen: told once the status is written, and never waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub moment: Moment,
    /// Who is told.
    pub webhooks: Vec<Webhook>,
    /// The release.
    pub release: ReleaseId,
}

/// One round of a pass: status first, then the calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The whole status, to be written before the first call where it differs.
    pub status: ApiStageStatus,
    /// Whether our finalizer belongs on the object: put there before the status, taken away after everything else.
    pub finalizer: bool,
    /// The stage that the calls concern; absent where there are none.
    pub place: Option<Place>,
    /// The calls, in order. After them the plan is made again; without any the pass is over.
    pub actions: Vec<Action>,
    /// News, to be told once the status is written.
    pub events: Vec<Event>,
    /// News for webhooks.
    pub notices: Vec<Notice>,
    /// Checks that were made for this plan, for the status of the `ApiCanary`.
    pub checks: Vec<Check>,
    /// When to look again although nobody called; absent where only a change of the object can matter.
    pub wake_up_at: Option<Timestamp>,
    /// What housekeeping found.
    pub found: Found,
    /// Settings that AWS took and does not show, to be remembered; absent where the settings were not looked at.
    pub not_kept: Option<NotKept>,
}

/// What housekeeping found on its way, for memory and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The deployments were looked through, and nothing is left to do.
    pub swept: bool,
    /// Deployments of objects of this cluster that are gone, where they were counted.
    pub orphans: Option<u64>,
    /// Entries that left the history for the size of the status before its limit.
    pub cut: usize,
}

/// Plans one round.
#[must_use]
pub fn plan(world: &World<'_>) -> Next {
    match decide(world) {
        Ok(plan) => Next::Act(Box::new(plan)),
        Err(need) => Next::Read(need),
    }
}

/// The plan after a call or read failed (`world.recent.failure`): nothing but words and a time.
#[must_use]
pub fn after_failure(world: &World<'_>) -> Plan {
    let mut draft = Draft::new(*world);
    let Some(failure) = &world.recent.failure else { return draft.unchanged(None) };
    let terminating = world.object.metadata.deletion_timestamp.is_some();
    let finding = failure::finding(world, &draft.status, failure);
    let wake_up_at = world.now.checked_add(world.retry_in(failure)).ok();
    if terminating {
        return deletion::blocked(draft, failure, &finding, wake_up_at);
    }
    // A short failure is no news: only what lasts changes a condition, or each hiccup would be two writes.
    if failure.cause.class().is_passing() && failure.in_a_row < 3 {
        return draft.unchanged(wake_up_at);
    }
    draft.wake_up_at = wake_up_at;
    draft.finish(finding)
}

/// The age of a read that a running release still stands on: the length of a pass, well below the time between two looks.
const OF_NOW: std::time::Duration = std::time::Duration::from_secs(20);

fn decide(world: &World<'_>) -> Result<Plan, Need> {
    if world.object.metadata.deletion_timestamp.is_some() {
        return deletion::plan(world);
    }
    let mut draft = Draft::new(*world);
    let validated = validate(world.object, world.settings, world.observed.referred.as_ref());
    let desired = match &validated {
        Ok(desired) => Some(desired),
        // What runs still needs somebody: it is judged and can be undone, and nothing of it is raised.
        Err(_) if draft.running().is_some() => None,
        Err(invalid) => return Ok(draft.finish(unusable(invalid))),
    };
    let Some(site) = draft.site(desired) else {
        let finding = validated.as_ref().err().map_or_else(|| draft.synced(), unusable);
        return Ok(draft.finish(finding));
    };
    let access = match world.access(&site.rest_api, &site.region) {
        Ok(access) => access,
        Err(denied) => {
            return Ok(draft.finish(Finding::new(Situation::Blocked, Reason::NotAllowed, denied.to_string())));
        }
    };
    if let (Some(older), Some(desired)) = (&world.siblings.older, desired) {
        let message = format!(
            "Stage {} of REST API {} is governed by the older ApiStage {older}. Delete one of the two, or create this one with another stageName.",
            desired.stage_name, desired.rest_api_id
        );
        // Nothing is asked of AWS, so looking often costs nothing: the older one may go any time.
        draft.wake_up_in(30);
        return Ok(draft.finish(Finding::new(Situation::Blocked, Reason::NotOldest, message)));
    }

    let place = Place { account: world.account()?.clone(), ..site };
    if let Some(blocked) = draft.moved_account(&place) {
        return Ok(draft.finish(blocked));
    }
    // What moves traffic stands on a read of now, whatever brought the pass.
    let recent = world.now.checked_sub(OF_NOW).unwrap_or(world.now);
    let not_before = world.fresh().max(settings::cache_poll(world));
    let stages = world.stages(if draft.running().is_some() { not_before.max(recent) } else { not_before })?;
    let stage = stages.value.find(&place.stage);
    draft.look_again_at_poll(stages.read_at);

    let adoption = desired.map_or(AdoptionPolicy::Never, |desired| desired.adoption);
    let ownership = ownership::judge(world, &access, adoption, &place, stage);
    draft.observe(stage.filter(|_| ownership.is_ours()));
    let scene = release::Scene { desired, stage, governor: world.siblings.governor.as_ref() };
    command::take(&mut draft, scene, &ownership)?;
    match ownership {
        Ownership::Foreign(finding) => return Ok(draft.finish(finding)),
        Ownership::Absent | Ownership::Ours | Ownership::Presumed | Ownership::Adoptable => {}
    }
    if is_suspended(world.object) {
        let message = "spec.suspend is true: nothing is written to AWS. Remove it to go on.";
        return Ok(draft.finish(Finding::new(Situation::PersonAwaited, Reason::Suspended, message)));
    }
    if let Some(desired) = desired {
        draft.govern(desired, &place, stage, &ownership)?;
        if ownership == Ownership::Adoptable {
            return Ok(ownership::adopt(draft, place));
        }
    }
    if command::carry_on(&mut draft, stage) {
        draft.place = Some(place);
        let message = "The canary that the command abort names is being removed.";
        let finding = draft.refusal(crate::world::Group::Traffic);
        let waiting = Finding::new(Situation::Outstanding, Reason::ForeignCanary, message);
        return Ok(draft.finish(finding.unwrap_or(waiting)));
    }

    let release = release::drive(&mut draft, scene)?;
    let settings = desired.and_then(|desired| settings::apply(&mut draft, desired, stage, release.is_some()));
    flush::carry_on(&mut draft, stage);
    // What this very pass has created with our tag is ours; AWS said so. Its settings do not wait for another read.
    let just_created = world.recent.done.iter().any(|action| matches!(action, Action::CreateStage(_)));
    if !draft.actions.is_empty() && ownership == Ownership::Presumed && !just_created {
        // A write's reply does not tell tags, so it does not tell whose the stage is.
        return Err(Need { what: What::Stages, not_before: world.now });
    }
    draft.place = Some(place);
    let finding = match &validated {
        Err(invalid) => {
            draft.wake_up_in(30);
            unusable(invalid)
        }
        Ok(_) => release.or(settings).unwrap_or_else(|| draft.synced()),
    };
    if validated.is_ok() {
        housekeeping::attend(&mut draft, stages.value.all(), &ownership)?;
    }
    Ok(draft.finish(finding))
}

/// A spec that cannot be used.
fn unusable(invalid: &Invalid) -> Finding {
    let (situation, reason) = match invalid {
        Invalid::IdentityChanged { .. } => (Situation::Blocked, Reason::IdentityChanged),
        Invalid::Unresolved(_) => (Situation::Outstanding, Reason::ReferenceUnresolved),
        Invalid::NoRestApi | Invalid::BothRestApis | Invalid::Both | Invalid::StageName(_) | Invalid::Setting(_) => {
            (Situation::Blocked, Reason::InvalidSpec)
        }
    };
    Finding::new(situation, reason, invalid.to_string())
}
