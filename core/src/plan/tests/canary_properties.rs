//! P6 over any order of events: what was judged, told, done by hand or lost, traffic never goes where nobody let it go.

use proptest::prelude::*;
use serde_json::json;

use super::bench::Sent;
use super::*;
use crate::analysis::{AlarmState, Reading};
use crate::api::percent::Percent;
use crate::api::status::Release;
use crate::observed::Stage;
use crate::validate::canary;

#[derive(Clone, Debug)]
enum Deed {
    Revision(u8),
    Variable(u8),
    Reading(u8),
    Minutes(u8),
    Command(u8),
    HandShare(u8),
    HandRemoves,
    HandSwaps,
    HandPromotes,
    HandMoves,
    /// Between the operator's read and its next patch.
    Meanwhile(bool),
    Refused,
    Gone,
    Another,
    Steps(u8),
    Suspend(bool),
    StageSuspended(bool),
    Unusable(bool),
    Hidden(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1..5_u8).prop_map(Deed::Revision),
        1 => (0..3_u8).prop_map(Deed::Variable),
        4 => (0..4_u8).prop_map(Deed::Reading),
        8 => (1..25_u8).prop_map(Deed::Minutes),
        6 => (0..10_u8).prop_map(Deed::Command),
        2 => (0..101_u8).prop_map(Deed::HandShare),
        1 => Just(Deed::HandRemoves),
        1 => Just(Deed::HandSwaps),
        1 => Just(Deed::HandPromotes),
        1 => Just(Deed::HandMoves),
        1 => any::<bool>().prop_map(Deed::Meanwhile),
        1 => Just(Deed::Refused),
        1 => Just(Deed::Gone),
        2 => Just(Deed::Another),
        1 => (0..3_u8).prop_map(Deed::Steps),
        1 => any::<bool>().prop_map(Deed::Suspend),
        1 => any::<bool>().prop_map(Deed::StageSuspended),
        1 => any::<bool>().prop_map(Deed::Unusable),
        1 => any::<bool>().prop_map(Deed::Hidden),
    ]
}

fn policy(steps: u8) -> serde_json::Value {
    let steps = match steps {
        0 => json!([{ "setPercent": 5, "hold": "4m" }, { "setPercent": 50, "hold": "4m" }]),
        1 => json!([{ "setPercent": 10, "hold": "1m" }, { "setPercent": 20, "approval": "Required" }]),
        _ => {
            json!([{ "setPercent": 1, "hold": "1m" }, { "setPercent": 5, "hold": "9m" }, { "setPercent": 100, "hold": "1m" }])
        }
    };
    json!({ "stageRef": { "name": "orders-prod" }, "steps": steps, "bake": "9m",
        "analysis": { "window": "1m", "interval": "1m", "initialDelay": "0s", "metricDelay": "0s",
            "metrics": [{ "name": "alarm", "alarm": { "name": "errors" } }] } })
}

fn reading(n: u8) -> Reading {
    match n {
        0 | 1 => Reading::Alarm(AlarmState::Ok),
        2 => Reading::Alarm(AlarmState::Alarm),
        _ => Reading::Alarm(AlarmState::InsufficientData),
    }
}

fn do_it(bench: &mut Bench, deed: &Deed, number: usize) {
    let release = bench.status().release.clone();
    let id = release.as_ref().map(|release| release.id.to_string()).unwrap_or_default();
    let has_canary = bench.stage().canary.is_some();
    match *deed {
        Deed::Revision(n) => {
            bench.revision(&format!("r{n}")).pass();
        }
        Deed::Variable(n) => {
            bench.variable("backend", &format!("v{n}")).pass();
        }
        Deed::Reading(n) => bench.reading = reading(n),
        Deed::Minutes(n) => {
            for _ in 0..n {
                bench.pass();
            }
        }
        Deed::Command(n) => {
            let step = release.and_then(|release| release.step).unwrap_or(1);
            let command = match n {
                0 => format!("promote/{id}"),
                1 => format!("approve/{id}/{step}"),
                2 => format!("approve/{id}/promotion"),
                3 => format!("pause/{id}"),
                4 | 5 => format!("resume/{id}"),
                6 => format!("abort/{id}"),
                7 => format!("retry/{id}"),
                8 => "rollback/-".to_owned(),
                _ => "abort/dep9".to_owned(),
            };
            bench.command(&format!("{command}/{number}")).pass();
        }
        Deed::HandShare(percent) => {
            if let Some(canary) = bench.stage().canary.as_mut() {
                canary.percent_traffic = percent.into();
            }
        }
        Deed::HandRemoves => bench.stage().canary = None,
        Deed::HandSwaps if has_canary => {
            let theirs = bench.deployment(None);
            bench.stage().canary.as_mut().unwrap().deployment_id = theirs.as_str().into();
        }
        Deed::HandPromotes if has_canary => {
            let stage = bench.stage();
            let canary = stage.canary.as_mut().unwrap();
            stage.deployment_id = canary.deployment_id.clone();
            canary.percent_traffic = 0.0;
            stage.variables.extend(canary.stage_variable_overrides.clone());
        }
        Deed::HandSwaps | Deed::HandPromotes => {}
        Deed::HandMoves => {
            let theirs = bench.deployment(None);
            bench.stage().deployment_id = theirs.as_str().into();
        }
        Deed::Meanwhile(vanish) => {
            bench.deployment(None);
            bench.meanwhile = Some(if vanish {
                |stage: &mut Stage| stage.canary = None
            } else {
                |stage: &mut Stage| {
                    if let Some(canary) = stage.canary.as_mut() {
                        canary.deployment_id = "dep1".into();
                    }
                }
            });
        }
        Deed::Refused => bench.refusals = vec!["copy".to_owned()],
        Deed::Gone => bench.canary = None,
        Deed::Another => {
            bench.govern(policy(0));
        }
        Deed::Steps(n) => {
            if bench.canary.is_some() {
                let steps = serde_json::from_value(policy(n)["steps"].clone()).unwrap();
                bench.edit_canary(|spec| spec.steps = steps);
            }
        }
        Deed::Suspend(suspend) => {
            if bench.canary.is_some() {
                bench.edit_canary(|spec| spec.suspend = Some(suspend));
            }
        }
        Deed::StageSuspended(suspend) => {
            bench.edit(|spec| spec.suspend = Some(suspend));
        }
        Deed::Unusable(unusable) => {
            bench.edit(|spec| spec.deployment_id = unusable.then(|| "dep1".into()));
        }
        Deed::Hidden(hidden) => bench.hide_canary = hidden,
    }
}

/// What one call did, beside what was known and written before it.
fn check(sent: &Sent) -> Result<(), TestCaseError> {
    let Sent { action, before, after, status, policy, as_read } = sent;
    let Some(release) = &status.release else { return Ok(()) };
    // Somebody else was at it in the very moment of the call.
    if !as_read {
        return Ok(());
    }
    let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
    let share = |stage: &Stage| stage.canary.as_ref().map_or(0.0, |canary| canary.percent_traffic);
    if share(after) > share(before) + 0.001 {
        prop_assert!(status.release.is_some(), "raised without a release");
        let policy = policy.as_ref().expect("raised without a policy");
        is_allowed(release, policy, share(before), share(after))?;
    }
    if before.deployment_id != after.deployment_id {
        match action {
            Action::Promote { .. } => {
                prop_assert_eq!(release.phase, Phase::Promoting);
                prop_assert_eq!(Some(&after.deployment_id), release.target.deployment_id.as_ref());
            }
            Action::Abort(_) => {
                let stable = release.stable.as_ref().and_then(|stable| stable.target.deployment_id.as_ref());
                prop_assert_eq!(Some(&after.deployment_id), stable);
            }
            Action::Traffic(_) => {
                let at_once = matches!(release.how, How::Direct | How::FastRollback | How::RolledBack);
                prop_assert!(at_once, "{:?} moved the stage", release.how);
                prop_assert!(release.how != How::Direct || policy.is_none(), "a policy was passed by");
            }
            Action::Snapshot { .. }
            | Action::CreateStage(_)
            | Action::Settings { .. }
            | Action::SetTags { .. }
            | Action::RemoveTags { .. }
            | Action::FlushCache
            | Action::FlushAuthorizers
            | Action::Tag(_)
            | Action::Untag
            | Action::DeleteStage
            | Action::DeleteDeployment(_)
            | Action::Prune { .. }
            | Action::Describe { .. } => prop_assert!(false, "{action:?} moved the stage"),
        }
    }
    Ok(())
}

/// A raise is to the step that the status names, and not past it; and from an entered step it stands on a Pass.
fn is_allowed(release: &Release, policy: &canary::Policy, from: f64, to: f64) -> Result<(), TestCaseError> {
    let step = release.step.and_then(|number| policy.steps.get(usize::try_from(number).unwrap() - 1));
    let step = step.or_else(|| policy.steps.last()).map(|step| step.percent.as_f64()).unwrap_or_default();
    prop_assert!(to <= step + 0.001, "from {from} to {to}, beyond the {step} of step {:?}", release.step);
    prop_assert!(release.step_started_at.is_none(), "a step that was entered is raised no more");
    // The first step, and one that a person resumed, need none.
    if release.ceiling.is_some_and(|ceiling| ceiling > Percent::ZERO) && release.step > Some(1) {
        let counts = release.counts.clone().unwrap_or_default();
        prop_assert!(counts.step_pass > 0, "raised from {from} to {to} without a Pass: {counts:?}");
        prop_assert_eq!(counts.no_data_since, None, "raised on missing data");
    }
    Ok(())
}

fn checked(bench: &mut Bench) -> Result<(), TestCaseError> {
    // Plugins and Argo CD build the command `approve` from it.
    let release = bench.status().release.as_ref();
    let awaits = release.is_some_and(|release| release.phase == Phase::AwaitingApproval);
    prop_assert_eq!(release.is_some_and(|release| release.awaiting.is_some()), awaits, "{:?}", release);
    for sent in std::mem::take(&mut bench.sent) {
        check(&sent)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn traffic_goes_where_somebody_let_it_go(steps in 0..3_u8, deeds in proptest::collection::vec(deed(), 1..40)) {
        let mut bench = at_rest();
        bench.reading = reading(0);
        bench.edit(|spec| spec.release_policy = Some(ReleasePolicy::Canary)).govern(policy(steps)).pass();
        for (number, deed) in deeds.iter().enumerate() {
            do_it(&mut bench, deed, number);
            checked(&mut bench)?;
        }
        // An abort of what has a canary open is one accepted call, whatever else is wrong.
        bench.edit(|spec| spec.suspend = None);
        bench.meanwhile = None;
        bench.pass();
        checked(&mut bench)?;
        let release = bench.status().release.clone().unwrap();
        let target = release.target.deployment_id.clone();
        let open = bench.stage().canary.as_ref().is_some_and(|canary| Some(&canary.deployment_id) == target.as_ref());
        let abortable = matches!(release.phase, Phase::Progressing | Phase::AwaitingApproval | Phase::Paused) && release.is_open();
        bench.command(&format!("abort/{}/last", release.id)).pass();
        if abortable && open {
            let aborts = bench.sent.iter().filter(|sent| matches!(sent.action, Action::Abort(_))).count();
            prop_assert_eq!(aborts, 1, "{:?}", bench.calls);
            prop_assert_eq!(bench.status().history.iter().find(|entry| entry.release.as_ref() == Some(&release.id)).and_then(|entry| entry.result), Some(ReleaseResult::Aborted));
        }
        checked(&mut bench)?;
        let size = serde_json::to_string(bench.status()).unwrap().len();
        prop_assert!(size < 16 * 1024, "the status is {} bytes", size);
    }
}

/// A property that never sees a raise, a promotion or a failure proves nothing about them.
#[test]
fn the_property_sees_all_ends() {
    let mut ends = std::collections::BTreeSet::new();
    for (readings, commands) in [(0, None), (2, None), (0, Some("abort")), (3, None)] {
        let mut bench = at_rest();
        bench.reading = reading(readings);
        bench.edit(|spec| spec.release_policy = Some(ReleasePolicy::Canary)).govern(policy(0)).pass();
        bench.revision("r2").minutes(8);
        if let Some(verb) = commands {
            bench.command(&format!("{verb}/r2.2/1")).pass();
        }
        bench.minutes(30);
        ends.insert(bench.ready());
    }
    let ends: Vec<_> = ends.iter().map(String::as_str).collect();
    assert_eq!(
        ends,
        [
            "False AnalysisFailed (Released False)",
            "False ReleaseAborted (Released False)",
            "False Releasing (Released Unknown)",
            "True Synced (Released True)",
        ]
    );
}
