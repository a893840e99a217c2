//! The way out of Preparing: through a canary, or at once. Decided here and once, by a live list of `ApiCanary`s.

use super::gates;
use super::hands::{is_inherited, is_ours};
use super::step;
use super::traffic::close;
use super::words::name;
use super::{Scene, Turn, end, undo};
use crate::api::canary::{Guard, Moment};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::event::{Event, EventReason};
use crate::api::progress::Changes;
use crate::api::stage::ReleasePolicy;
use crate::api::status::{How, Phase, Release, Why};
use crate::api::target::Target;
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::action::Action;
use crate::plan::changes::{self, Compared};
use crate::plan::draft::Draft;
use crate::validate::Desired;
use crate::validate::canary::Policy;
use crate::world::Governor;

/// How a prepared release goes on.
enum Way<'a> {
    /// At once, in this way.
    AtOnce(How),
    /// Through a canary.
    Through(&'a Governor),
    /// Not yet.
    Awaiting,
}

/// One turn of a release whose deployment exists.
pub(super) fn leave(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    desired: &Desired,
    release: &Release,
) -> Result<Turn, Need> {
    let governor = match way(draft, scene, release)? {
        Way::AtOnce(how) => {
            if how == How::Direct {
                // Also what was stable here before: without an `ApiCanary` it is a release like any other.
                draft.change(|release| release.how = how);
                changes::note(draft, &release.target)?;
            }
            return Ok(at_once(draft, scene.stage, release, how));
        }
        Way::Awaiting => {
            let message = format!(
                "{} waits for an ApiCanary with spec.stageRef.name {}: spec.releasePolicy is Canary. Create one, or set releasePolicy to Direct.",
                name(&release.target),
                kube::ResourceExt::name_any(draft.world.object)
            );
            return Ok(wait(draft, scene.stage, release, Finding::releasing(Reason::AwaitingApiCanary, message)));
        }
        Way::Through(governor) => governor,
    };
    draft.change(|release| release.governed_by = Some(governor.uid.clone()));
    let policy = match &governor.policy {
        Ok(policy) => policy,
        Err(invalid) => {
            let message = format!(
                "{} waits: ApiCanary {} cannot be used as it is: {invalid}",
                name(&release.target),
                governor.name
            );
            return Ok(wait(draft, scene.stage, release, Finding::releasing(Reason::InvalidApiCanary, message)));
        }
    };
    // A command works on what is there; while the policy is suspended nothing new comes to be there.
    if policy.suspended {
        let message = format!(
            "{} waits: spec.suspend of ApiCanary {} is true. Remove it to go on.",
            name(&release.target),
            governor.name
        );
        let finding = Finding::new(Situation::PersonAwaited, Reason::ApiCanarySuspended, message);
        return Ok(wait(draft, scene.stage, release, finding));
    }
    if let Some(position) = is_fast(draft, release).filter(|position| *position <= policy.fast_rollback) {
        let note = format!(
            "{} was stable here {position} before the present one and goes in at once (fastRollback).",
            name(&release.target)
        );
        draft.tell(Event::normal(EventReason::FastRollback, release.id.as_str(), note));
        return Ok(at_once(draft, scene.stage, release, How::FastRollback));
    }
    open(draft, scene, desired, release, policy)
}

fn way<'a>(draft: &Draft<'a>, scene: Scene<'a>, release: &Release) -> Result<Way<'a>, Need> {
    if scene.stage.is_none() {
        return Ok(Way::AtOnce(How::First));
    }
    if release.how == How::RolledBack {
        return Ok(Way::AtOnce(How::RolledBack));
    }
    if draft.world.object.spec.release_policy == Some(ReleasePolicy::Direct) {
        return Ok(Way::AtOnce(How::Direct));
    }
    let live = draft.world.governor(draft.world.cause_at)?;
    Ok(match (live.value.as_ref(), draft.world.object.spec.release_policy) {
        (Some(governor), _) => Way::Through(governor),
        (None, Some(ReleasePolicy::Canary)) => Way::Awaiting,
        (None, Some(ReleasePolicy::Direct) | None) => Way::AtOnce(How::Direct),
    })
}

/// How many stable targets back this one was, from 1; `None` where it was not, or a person asked for the steps.
fn is_fast(draft: &Draft<'_>, release: &Release) -> Option<u32> {
    if release.how != How::FastRollback {
        return None;
    }
    let mut before = Vec::<&Target>::new();
    for entry in draft.status.history.iter().filter(|entry| entry.how.is_some()) {
        if before.iter().all(|known| !known.is(&entry.target)) {
            before.push(&entry.target);
        }
    }
    let position = before.iter().position(|target| target.is(&release.target))?;
    u32::try_from(position).ok().filter(|position| *position > 0)
}

/// Moves the stage in one patch; a canary that was taken over goes first.
fn at_once(draft: &mut Draft<'_>, stage: Option<&Stage>, release: &Release, how: How) -> Turn {
    let inherited =
        stage.and_then(|stage| stage.canary.as_ref()).is_some_and(|canary| is_inherited(draft, release, canary));
    if inherited {
        draft.call(Action::Traffic(close()));
        let message = format!("Release {} removes the canary of the one that it supersedes.", release.id);
        return Turn::Wait(Finding::releasing(Reason::Releasing, message));
    }
    draft.change(|release| {
        release.how = how;
        release.phase = Phase::Promoting;
        release.next_action_at = None;
    });
    Turn::Again
}

/// Guards and the gate before the release, then the first step.
fn open(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    desired: &Desired,
    release: &Release,
    policy: &Policy,
) -> Result<Turn, Need> {
    let Some(stage) = scene.stage else { return Ok(Turn::Again) };
    if release.step.is_none() {
        draft.change(|release| release.how = How::Canary);
        match changes::note(draft, &release.target)? {
            Compared::Known(changes) => {
                if let Some(sentence) = guarded(policy, &changes) {
                    return Ok(stop(draft, stage, release, &sentence));
                }
            }
            Compared::Unreadable if !policy.guards.is_empty() => {
                let message = format!(
                    "{} waits: the methods of its deployment, or of the one that serves, cannot be read now, and a guard of its ApiCanary asks for them.",
                    name(&release.target)
                );
                return Ok(wait(draft, scene.stage, release, Finding::releasing(Reason::WaitingForAws, message)));
            }
            Compared::Unreadable | Compared::Nothing => {}
        }
        if let Some(held) = gates::webhook(draft, policy, release, Moment::BeforeRelease)? {
            return Ok(wait(draft, scene.stage, release, Finding::releasing(held.reason, held.message)));
        }
        if let Some(held) = gates::webhook(draft, policy, release, Moment::BeforeStep)? {
            return Ok(wait(draft, scene.stage, release, Finding::releasing(held.reason, held.message)));
        }
        tell_limits(draft, desired, release, policy, stage);
    }
    draft.change(|release| {
        release.how = How::Canary;
        release.step = Some(1);
        release.step_started_at = None;
        release.next_action_at = None;
    });
    let Some(release) = draft.running().cloned() else { return Ok(Turn::Again) };
    Ok(step::enter(draft, desired, policy, &release, stage))
}

/// A snapshot that lacks what the guards ask for: the sentence.
fn guarded(policy: &Policy, changes: &Changes) -> Option<String> {
    let Changes { methods_removed, authorization_weakened, .. } = changes;
    let removed =
        Some(methods_removed).filter(|list| !list.is_empty() && policy.guards.contains(&Guard::NoMethodRemoved));
    let weakened = Some(authorization_weakened)
        .filter(|list| !list.is_empty() && policy.guards.contains(&Guard::NoAuthorizationWeakened));
    let removed = removed.map(|list| format!("guard NoMethodRemoved: {} would be gone", list.join(", ")));
    let weakened =
        weakened.map(|list| format!("guard NoAuthorizationWeakened: {} would be easier to call", list.join(", ")));
    let sentences: Vec<_> = removed.into_iter().chain(weakened).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

/// A guard refuses the snapshot: nothing of it ever serves.
fn stop(draft: &mut Draft<'_>, stage: &Stage, release: &Release, sentence: &str) -> Turn {
    let inherited = stage.canary.as_ref().is_some_and(|canary| is_ours(draft, release, canary));
    if inherited {
        undo::begin(draft, Reason::GuardFailed, sentence);
        return Turn::Again;
    }
    let reason = format!("{}: {sentence}", Reason::GuardFailed.as_str());
    end::fail(draft, Release { reason: Some(reason), ..release.clone() }, Why::Failed);
    Turn::Again
}

/// What cannot be had, said before the first traffic.
fn tell_limits(draft: &mut Draft<'_>, desired: &Desired, release: &Release, policy: &Policy, stage: &Stage) {
    let dropped: Vec<_> = release
        .stable
        .iter()
        .flat_map(|stable| stable.variables.keys())
        .filter(|key| !desired.variables.contains_key(*key))
        .map(String::as_str)
        .collect();
    if !dropped.is_empty() {
        let note = format!(
            "The canary still sees {} until it is promoted: API Gateway cannot unset a variable for a canary alone.",
            dropped.join(", ")
        );
        draft.tell(Event::normal(EventReason::Limitation, "DroppedVariables", note));
    }
    let same = release.target.deployment_id.as_ref() == Some(&stage.deployment_id);
    if same && (stage.cache.enabled || policy.use_stage_cache == Some(true)) {
        let note =
            "Only variables change, so the canary does not use the stage's cache: both sides would share its entries.";
        draft.tell(Event::normal(EventReason::Limitation, "StageCache", note));
    }
}

/// Waits with no canary: one that was taken over from a superseded release would serve without anybody judging it.
fn wait(draft: &mut Draft<'_>, stage: Option<&Stage>, release: &Release, finding: Finding) -> Turn {
    let inherited =
        stage.and_then(|stage| stage.canary.as_ref()).is_some_and(|canary| is_inherited(draft, release, canary));
    if inherited {
        draft.call(Action::Traffic(close()));
    }
    draft.wake_up_in(30);
    Turn::Wait(finding)
}
