//! The checks of a release: when one is due, what it is about, and what becomes of a failed one.

use jiff::Timestamp;

use super::{traffic, undo};
use crate::analysis::{self, Due, Subject};
use crate::api::canary::OnFailure;
use crate::api::check::Verdict;
use crate::api::condition::Reason;
use crate::api::event::{Event, EventReason};
use crate::api::names::DeploymentId;
use crate::api::status::{Phase, Release};
use crate::observed::Stage;
use crate::plan::Need;
use crate::plan::draft::Draft;
use crate::validate::canary::Policy;

/// Longer without data is worth a warning (design: analysis).
const LONG_WITHOUT_DATA_SECONDS: i64 = 3600;

/// What the checks of this moment say.
pub(super) enum Checked {
    /// The release goes on.
    GoesOn,
    /// More failed than is borne, and what follows is in the status already.
    Ended,
}

/// Makes the check that is due, if one is, and draws its consequences.
pub(super) fn check(draft: &mut Draft<'_>, policy: &Policy, release: &Release, stage: &Stage) -> Result<Checked, Need> {
    if policy.analysis.metrics.is_empty() {
        return Ok(Checked::GoesOn);
    }
    let Some(changed) = release.traffic_changed_at.as_ref().map(|time| time.0) else { return Ok(Checked::GoesOn) };
    let counts = release.counts.clone().unwrap_or_default();
    let now = draft.world.now;
    let next = counts.last_check_at.as_ref().and_then(|last| last.0.checked_add(policy.analysis.interval).ok());
    if let Some(next) = next.filter(|next| *next > now) {
        draft.wake_up(next);
        return Ok(Checked::GoesOn);
    }
    let subject = subject(draft, release, stage, changed)?;
    let window = match analysis::window(&policy.analysis, &subject, now) {
        Due::Now(window) => window,
        Due::NotBefore(at) => {
            draft.wake_up(at);
            return Ok(Checked::GoesOn);
        }
    };
    let queries = analysis::queries(&policy.analysis, &subject, window, &counts);
    let readings = draft.world.readings(&queries)?;
    let judged = analysis::judge(&policy.analysis, &subject, window, readings, &counts, now);
    if let Ok(next) = now.checked_add(policy.analysis.interval) {
        draft.wake_up(next);
    }
    tell(draft, release, &counts, &judged);
    let failed = judged.beyond_limit.clone();
    draft.change(|release| release.counts = Some(judged.counts));
    draft.checks.push(judged.check);
    let Some(sentence) = failed else { return Ok(Checked::GoesOn) };
    Ok(fail(draft, policy, release, Reason::AnalysisFailed, &sentence))
}

/// What follows where more failed than is borne.
pub(super) fn fail(
    draft: &mut Draft<'_>,
    policy: &Policy,
    release: &Release,
    reason: Reason,
    sentence: &str,
) -> Checked {
    let pauses = policy.on_failure == OnFailure::Pause && release.phase != Phase::Baking;
    if !pauses {
        undo::begin(draft, reason, sentence);
        return Checked::Ended;
    }
    if release.phase == Phase::Paused && super::words::word(release) == Some(reason.as_str()) {
        return Checked::GoesOn;
    }
    draft.tell(Event::warning(
        EventReason::ReleasePaused,
        release.id.as_str(),
        format!(
            "Release {} is paused, as onFailure asks: {sentence} Give resume/{}, promote/{} or abort/{}.",
            release.id, release.id, release.id, release.id
        ),
    ));
    draft.change(|release| {
        release.phase = Phase::Paused;
        release.reason = Some(format!("{}: {sentence}", reason.as_str()));
        release.next_action_at = None;
    });
    Checked::Ended
}

/// The facts that windows and verdicts depend on.
fn subject(draft: &Draft<'_>, release: &Release, stage: &Stage, changed: Timestamp) -> Result<Subject, Need> {
    let world = draft.world;
    // A name changes rarely: this read need not be younger than a poll.
    let not_before = world.now.checked_sub(world.settings.drift_interval).unwrap_or(world.now);
    let rest_api = world.rest_api(not_before)?;
    let stages = world.observed.stages.as_ref().and_then(|stages| stages.value.all()).unwrap_or_default();
    let bakes = release.phase == Phase::Baking;
    let none = || DeploymentId::new("");
    Ok(Subject {
        rest_api_id: rest_api.value.id.clone(),
        api_name: Some(rest_api.value.name.clone()),
        stage_name: stage.name.clone(),
        stages: stages.iter().map(|stage| stage.name.clone()).collect(),
        canary_deployment_id: release.target.deployment_id.clone().unwrap_or_else(none),
        stable_deployment_id: release.stable.as_ref().and_then(|stable| stable.target.deployment_id.clone()),
        scene: match &stage.canary {
            Some(canary) if !bakes => analysis::Scene::Canary {
                step: release.step.unwrap_or(0),
                percent: traffic::percent_of(canary).as_f64(),
            },
            Some(_) | None => analysis::Scene::Bake,
        },
        began_at: release.started_at.0,
        traffic_changed_at: changed,
        step_began_at: release.step_started_at.as_ref().map_or(changed, |time| time.0),
        stage_has_cache: stage.cache.enabled,
        canary_uses_cache: stage.canary.as_ref().is_some_and(|canary| canary.use_stage_cache),
        twin: world.siblings.twin.clone(),
    })
}

fn tell(draft: &mut Draft<'_>, release: &Release, before: &crate::api::counts::Counts, judged: &analysis::Judged) {
    for warning in &judged.warnings {
        draft.tell(Event::warning(EventReason::Warning, warning.chars().take(100).collect::<String>(), warning));
    }
    let failed = judged.check.metrics.iter().filter(|metric| metric.verdict == Verdict::Fail && !metric.dry_run);
    for metric in failed {
        draft.tell(Event::warning(EventReason::CheckFailed, &metric.name, &metric.sentence));
    }
    // Told by the one check that crosses the hour.
    let since = judged.counts.no_data_since.as_ref().map(|since| since.0.as_second());
    let long = |at: Option<i64>| at.zip(since).is_some_and(|(at, since)| at - since >= LONG_WITHOUT_DATA_SECONDS);
    let last = before.last_check_at.as_ref().map(|at| at.0.as_second());
    if long(Some(draft.world.now.as_second())) && !long(last) {
        let metric = judged.check.metrics.iter().find(|metric| metric.verdict == Verdict::NoData);
        let why = metric.map_or_else(String::new, |metric| format!(" {}", metric.sentence));
        draft.tell(Event::warning(
            EventReason::NoData,
            release.id.as_str(),
            format!("Release {} has had no data to judge for an hour and waits.{why}", release.id),
        ));
    }
}
