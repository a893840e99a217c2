//! Baking: the target serves all, and the same metrics judge the whole stage for a while.

use jiff::Timestamp;

use super::checks::{self, Checked};
use super::governance::{Governance, governance};
use super::words::name;
use super::{Scene, Turn, end, undo};
use crate::api::condition::{Finding, Reason};
use crate::api::counts::{Counts, MetricCounts};
use crate::api::event::{Event, EventReason};
use crate::api::status::{Phase, Release};
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::validate::canary::Policy;

/// Begins the bake where the policy asks for one. False: there is none.
pub(super) fn begin(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<bool, Need> {
    let Governance::Governed(governor) = governance(draft, scene, release)? else { return Ok(false) };
    if governor.policy.as_ref().is_ok_and(|policy| policy.bake.is_none()) {
        return Ok(false);
    }
    let now = draft.time();
    draft.change(|release| {
        release.phase = Phase::Baking;
        release.traffic_changed_at = Some(now);
        // Checks are counted anew. What the stable side was is all that the bake can compare with.
        release.counts = release.counts.take().map(|Counts { series, metrics, .. }| {
            let metrics = metrics.into_iter().map(|metric| MetricCounts { fail: 0, ..metric }).collect();
            Counts { series, metrics, ..Counts::default() }
        });
    });
    draft.tell(Event::normal(
        EventReason::Baking,
        release.id.as_str(),
        format!("Release {} serves all requests of the stage and is judged for a while longer.", release.id),
    ));
    Ok(true)
}

/// One turn of the bake.
pub(super) fn bake(draft: &mut Draft<'_>, scene: Scene<'_>, release: &Release) -> Result<Turn, Need> {
    let Some(stage) = scene.stage else {
        undo::begin(draft, Reason::ReleaseUnfinished, "the stage was deleted");
        return Ok(Turn::Again);
    };
    if release.target.deployment_id.as_ref() != Some(&stage.deployment_id) {
        undo::begin(draft, Reason::StageMovedByHand, &format!("somebody moved the stage to {}", stage.deployment_id));
        return Ok(Turn::Again);
    }
    let governor = match governance(draft, scene, release)? {
        Governance::Governed(governor) => governor,
        Governance::Nobody | Governance::Gone => {
            draft.tell(Event::warning(
                EventReason::Warning,
                "BakeEnded",
                format!("The bake of release {} ended early: the ApiCanary that asked for it is gone.", release.id),
            ));
            end::succeed(draft, release.clone());
            return Ok(Turn::Again);
        }
    };
    // A policy that cannot be read any more judges nothing, and keeps nobody from finishing.
    let Ok(policy) = &governor.policy else {
        end::succeed(draft, release.clone());
        return Ok(Turn::Again);
    };
    let (over, last_word) = ends(policy, release);
    let Some(over) = over else {
        end::succeed(draft, release.clone());
        return Ok(Turn::Again);
    };
    if let Checked::Ended = checks::check(draft, policy, release, stage)? {
        return Ok(Turn::Again);
    }
    let at = if policy.analysis.metrics.is_empty() { over } else { last_word.unwrap_or(over) };
    if draft.world.now >= at {
        end::succeed(draft, release.clone());
        return Ok(Turn::Again);
    }
    draft.wake_up(at);
    draft.change(|release| release.next_action_at = Some(super::step::whole(at)));
    let message = format!(
        "Release {} serves {} to all and is judged until status.release.nextActionAt. To go back, give the command abort/{}.",
        release.id,
        name(&release.target),
        release.id
    );
    Ok(Turn::Wait(Finding::releasing(Reason::Baking, message)))
}

/// When the bake is over, and when the metrics of its last minute can be judged.
fn ends(policy: &Policy, release: &Release) -> (Option<Timestamp>, Option<Timestamp>) {
    let begun = release.traffic_changed_at.as_ref().map(|at| at.0);
    let over = begun.zip(policy.bake).and_then(|(begun, bake)| begun.checked_add(bake).ok());
    let analysis = &policy.analysis;
    // A bake shorter than one window is judged once at least.
    let first = begun.and_then(|begun| begun.checked_add(analysis.initial_delay + analysis.window).ok());
    let judged = over.max(first).and_then(|over| {
        over.checked_add(analysis.metric_delay + analysis.interval + std::time::Duration::from_mins(1)).ok()
    });
    (over, judged)
}
