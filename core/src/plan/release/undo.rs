//! `RollingBack`: the way back to what served, judged by what the stage shows, and what is held then.

use super::hands::is_ours;
use super::words::{deployment_of, name, word};
use super::{Scene, Turn, end, gates, order, promote, traffic, variables};
use crate::api::canary::Moment;
use crate::api::condition::{Finding, Reason};
use crate::api::event::{Event, EventReason};
use crate::api::status::{Phase, Release, ReleaseResult, Why};
use crate::observed::Stage;
use crate::patch::PatchOperation;
use crate::plan::action::Action;
use crate::plan::draft::Draft;
use crate::world::Group;

/// Turns the running release back. `why` is a word of [`Reason`] and a sentence.
pub(in crate::plan) fn begin(draft: &mut Draft<'_>, reason: Reason, sentence: &str) {
    draft.change(|release| {
        release.phase = Phase::RollingBack;
        release.reason = Some(format!("{}: {sentence}", reason.as_str()));
        release.next_action_at = None;
        release.next = None;
    });
}

/// One turn of going back: our canary first, then the stage where it had moved; each is one call, or as many as the size of
/// patches asks for.
pub(super) fn undo(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Turn {
    let Some(stage) = scene.stage else { return over(draft, scene, release) };
    let wrong = word(release) == Some(Reason::PromotedWrongDeployment.as_str());
    if stage.canary.as_ref().is_some_and(|canary| wrong || is_ours(draft, release, canary)) {
        draft.call(Action::Abort(traffic::close()));
        return Turn::Wait(going_back(draft, release));
    }
    let calls = back(scene, release, stage, wrong);
    if calls.is_empty() {
        if let Some(stable) = &release.stable {
            variables::own_again(draft, stable, stage);
        }
        return over(draft, scene, release);
    }
    promote::note_calls(draft, calls.len());
    for operations in calls {
        draft.call(Action::Abort(operations));
    }
    Turn::Wait(going_back(draft, release))
}

/// The calls that move the stage back to what served, where this release has moved it.
fn back(scene: Scene<'_>, release: &Release, stage: &Stage, wrong: bool) -> Vec<Vec<PatchOperation>> {
    let Some(stable) = release.stable.as_ref() else { return Vec::new() };
    let Some(served) = stable.target.deployment_id.as_ref() else { return Vec::new() };
    // A hand that moved the stage is obeyed.
    if word(release) == Some(Reason::StageMovedByHand.as_str()) {
        return Vec::new();
    }
    let is_target = release.target.deployment_id.as_ref() == Some(&stage.deployment_id);
    let is_back = stage.deployment_id == *served;
    // After the promotion there is neither a step nor a ceiling, nor is there after the first of several calls.
    let was_moved = release.step.is_none() && release.ceiling.is_none() && release.traffic_changed_at.is_some();
    if wrong || (is_target && !is_back) || (was_moved && is_back) {
        return order::at_once(served, variables::undone(scene, release, stable, stage), stage);
    }
    Vec::new()
}

fn going_back(draft: &Draft<'_>, release: &Release) -> Finding {
    let to = release.stable.as_ref().map_or_else(|| "nothing".to_owned(), |stable| name(&stable.target));
    let message = format!("Release {} is being undone: {} The stage goes back to {to}.", release.id, why(release));
    draft.refusal(Group::Traffic).unwrap_or_else(|| Finding::releasing(Reason::RollingBack, message))
}

/// Nothing of the release is left in traffic.
fn over(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Turn {
    if release.traffic_changed_at.is_some() {
        gates::notify(draft, scene, release, Moment::AfterRollback);
    }
    let reason = word(release);
    if reason == Some(Reason::Cancelled.as_str()) {
        end::give_up(draft, release.clone(), ReleaseResult::Cancelled);
        return Turn::Again;
    }
    let held = [
        (Reason::ReleaseAborted, Why::Aborted),
        (Reason::ReleaseUnfinished, Why::Unfinished),
        (Reason::StageMovedByHand, Why::StageMovedByHand),
    ];
    let why_held = held.iter().find(|(word, _)| reason == Some(word.as_str())).map_or(Why::Failed, |(_, why)| *why);
    if release.traffic_changed_at.is_some() && why_held != Why::StageMovedByHand {
        let serves =
            release.stable.as_ref().map_or_else(|| "nothing".to_owned(), |stable| deployment_of(&stable.target));
        let at = release.ceiling.map_or_else(String::new, |ceiling| format!(" at {ceiling} %"));
        draft.tell(Event::warning(
            EventReason::RolledBack,
            release.id.as_str(),
            format!("Release {} was undone{at}: {} The stage serves {serves}.", release.id, why(release)),
        ));
    }
    end::fail(draft, release.clone(), why_held);
    Turn::Again
}

/// The sentence behind the word.
pub(super) fn why(release: &Release) -> String {
    let sentence = release.reason.as_deref().and_then(|reason| reason.split_once(": ")).map(|(_, sentence)| sentence);
    let sentence = sentence.unwrap_or("it was asked for").trim_end_matches('.');
    format!("{sentence}.")
}
