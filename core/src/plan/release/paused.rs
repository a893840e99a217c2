//! Paused: the release stays where it is until a person says otherwise. Checks go on, and hands are watched.

use super::checks::{self, Checked};
use super::words::word;
use super::{Scene, Turn, hands};
use crate::api::condition::{Finding, Reason, Situation};
use crate::api::status::Release;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::validate::canary::Policy;

/// What is so, for reasons that have no sentence of their own.
const SENTENCES: &[(Reason, &str)] = &[
    (Reason::PausedByCommand, "by command."),
    (Reason::ChangedByHand, "somebody lowered or removed its canary, and that is obeyed."),
    (
        Reason::ForeignCanary,
        "another deployment is in the canary. That one is not ours and stays; the command abort/<its deploymentId> removes it.",
    ),
    (Reason::PromotionRefused, "API Gateway refused to promote its canary, which is still there."),
];

/// One turn of a paused release.
pub(super) fn paused(
    draft: &mut Draft<'_>,
    scene: Scene<'_>,
    release: &Release,
    policy: Result<&Policy, &str>,
) -> Result<Turn, Need> {
    if release.is_open() {
        if let Some(turn) = hands::judge(draft, scene, release) {
            return Ok(turn);
        }
        if let (Ok(policy), Some(stage)) = (policy, scene.stage)
            && stage.canary.is_some()
            && let Checked::Ended = checks::check(draft, policy, release, stage)?
        {
            return Ok(Turn::Again);
        }
    }
    draft.wake_up_in(30);
    let reason = word(release).and_then(Reason::parse).unwrap_or(Reason::PausedByCommand);
    let (so, promote) = match (release.is_open(), release.ceiling) {
        (true, Some(ceiling)) => (format!(" at {ceiling} %"), format!(" promote/{},", release.id)),
        (true, None) | (false, _) => (" before it moved any traffic".to_owned(), String::new()),
    };
    let sentence = SENTENCES.iter().find(|(known, _)| *known == reason);
    let sentence = sentence.map_or_else(|| super::undo::why(release), |(_, sentence)| (*sentence).to_owned());
    let message = format!(
        "Release {} is paused{so}: {sentence} Give the command resume/{},{promote} or abort/{}.",
        release.id, release.id, release.id
    );
    Ok(Turn::Wait(Finding::new(Situation::PersonAwaited, reason, message)))
}
