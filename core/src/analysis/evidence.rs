//! The sequential test of a rate, with the counts of both sides.

use super::bounds::{Finding, Value};
use super::gather::{self, Span};
use super::metric::{Look, Outcome, nothing, whole};
use super::numbers::{Unit, count, odds};
use super::policy::{Metric, Policy, Sequential, Source};
use super::sequential::{Against, Minute, Test, log_evidence, upper_bound};
use super::sides::{self, Measure, Minutes, Side, Sums};
use super::subject::{Scene, Subject};
use super::window::{self, Window};
use crate::api::check::Verdict;
use crate::api::counts::{Evidence, MetricCounts};

/// In the bake there is no stable side: the stage may be so many times as bad as the stable side can have been before. A rate that
/// doubles within a day is not the release's doing.
const BORNE_IN_BAKE: f64 = 2.0;

/// The minutes that a sequential metric must ask for.
pub(super) fn wanted(policy: &Policy, subject: &Subject, window: Window, counts: Option<&MetricCounts>) -> Window {
    gather::wanted(counts.and_then(|counts| counts.evidence.as_ref()), span(policy, subject, window), window)
}

fn span(policy: &Policy, subject: &Subject, window: Window) -> Span {
    Span {
        first: window::first_minute(policy, subject.traffic_changed_at),
        changed: window::minute(subject.traffic_changed_at),
        until: window.until,
    }
}

/// Gathers what has arrived, and judges it.
pub(super) fn judge(
    look: &Look<'_>,
    label: &str,
    metric: &Metric,
    sequential: Sequential,
    measure: &Measure,
    counts: &mut MetricCounts,
) -> Outcome {
    let former = counts.evidence.take().unwrap_or_default();
    let (test, of) = match test(look, metric, sequential, measure, &former) {
        Ok(test) => test,
        Err(why) => {
            counts.evidence = Some(former);
            return nothing(label, &why);
        }
    };
    let mut evidence = if former.of == of { former } else { anew(&former, of) };
    let gathered = gather_minutes(look, measure, &test, &mut evidence);
    let outcome = match gathered {
        Ok(()) => verdict(look, label, sequential, &test, &evidence),
        // What was gathered before may have crossed already; then the missing data change nothing.
        Err(_) if test.has_crossed(&evidence) => verdict(look, label, sequential, &test, &evidence),
        Err(why) => nothing(label, &why),
    };
    counts.evidence = Some(evidence);
    outcome
}

/// The test that applies, and how memory tells it from others.
fn test(
    look: &Look<'_>,
    metric: &Metric,
    sequential: Sequential,
    measure: &Measure,
    former: &Evidence,
) -> Result<(Test, String), String> {
    let Sequential { false_alarm, smallest_increase } = sequential;
    let increase = smallest_increase.unwrap_or(0.0) / 100.0;
    let Source::ApiGateway(preset) = metric.source else { return Err("it is no rate of API Gateway".to_owned()) };
    let scene = match look.subject.scene {
        Scene::Canary { .. } => "canary",
        Scene::Bake => "bake",
    };
    let of = |against: &str| format!("{preset:?} {against}, falseAlarm {false_alarm}, {scene}");
    if let Some(max) = metric.bounds.max {
        let test = Test { against: Against::Rate(max / 100.0 + increase), false_alarm };
        return Ok((test, of(&format!("max {max} + {}", increase * 100.0))));
    }
    match look.subject.scene {
        Scene::Canary { .. } => {
            look.comparable(preset, measure)?;
            let against = Against::Stable { smallest_increase: increase };
            Ok((Test { against, false_alarm }, of(&format!("stable side + {}", increase * 100.0))))
        }
        Scene::Bake => {
            if former.stable_requests == 0 {
                return Err("the stable side was not measured before the promotion; set max".to_owned());
            }
            // Half of the false alarms for the bound, half for the test against it.
            let half = false_alarm / 2.0;
            let bound = upper_bound(former.stable_bad, former.stable_requests, half);
            let rate = (bound * BORNE_IN_BAKE + increase).min(1.0);
            let test = Test { against: Against::Rate(rate), false_alarm: half };
            Ok((test, of(&format!("stable side before + {}", increase * 100.0))))
        }
    }
}

/// A test that begins. What the stable side had stays: the bake is judged by it.
fn anew(former: &Evidence, of: String) -> Evidence {
    let bake = of.ends_with("bake");
    let kept = |count: u64| if bake { count } else { 0 };
    Evidence {
        of,
        stable_bad: kept(former.stable_bad),
        stable_requests: kept(former.stable_requests),
        ..Evidence::default()
    }
}

fn gather_minutes(look: &Look<'_>, measure: &Measure, test: &Test, evidence: &mut Evidence) -> Result<(), String> {
    let span = span(look.policy, look.subject, look.window);
    let own_side = match look.subject.scene {
        Scene::Canary { .. } => Side::Canary,
        Scene::Bake => Side::Stage,
    };
    let canary = measure.minutes(look.policy, own_side, look.readings)?;
    let stable = match test.against {
        Against::Rate(_) => Minutes::new(),
        Against::Stable { .. } => {
            sides::stable(look.scope.clone()?, &measure.minutes(look.policy, Side::Stage, look.readings)?, &canary)?
        }
    };
    gather::take(evidence, test, span, |at| {
        let own = canary.get(&at)?;
        let other = match test.against {
            Against::Stable { .. } => *stable.get(&at)?,
            Against::Rate(_) => Sums::default(),
        };
        Some(minute(*own, other))
    });
    // A gap holds the verdict, not the evidence.
    let answered = sides::total(&canary, look.window)?.whole;
    if matches!(test.against, Against::Stable { .. }) {
        let beside = sides::total(&stable, look.window)?.whole;
        if answered > 0.0 && beside <= 0.0 {
            return Err(format!("the stable side answered no requests in {}m", look.window.minutes()));
        }
    }
    Ok(())
}

fn minute(own: Sums, other: Sums) -> Minute {
    let (requests, stable_requests) = (whole(own.whole), whole(other.whole));
    Minute {
        bad: whole(own.part).min(requests),
        requests,
        stable_bad: whole(other.part).min(stable_requests),
        stable_requests,
    }
}

fn verdict(look: &Look<'_>, label: &str, sequential: Sequential, test: &Test, evidence: &Evidence) -> Outcome {
    let verdict = test.verdict(evidence, look.policy.min_requests);
    let of_canary = value(evidence.bad, evidence.requests);
    let of_stable = value(evidence.stable_bad, evidence.stable_requests);
    let finding = match verdict {
        Verdict::NoData => {
            let finding = super::bounds::no_data(label, &too_few(look, test, evidence));
            return Outcome { finding, canary: of_canary, stable: of_stable };
        }
        Verdict::Pass | Verdict::Fail => {
            let found = match odds(log_evidence(evidence)) {
                Some(odds) => format!("{odds} by chance"),
                None => "no evidence against it".to_owned(),
            };
            let against = match test.against {
                Against::Stable { .. } => {
                    format!(" against {} of {}", count(evidence.stable_bad), count(evidence.stable_requests))
                }
                Against::Rate(rate) => format!(", allowed {}", Unit::Percent.show(rate * 100.0)),
            };
            let sentence = format!("{label} {} of {}{against}: {found}", count(evidence.bad), count(evidence.requests));
            let bound = Some(format!("sequential, falseAlarm {}", sequential.false_alarm));
            Finding { verdict, bound, sentence }
        }
    };
    Outcome { finding, canary: of_canary, stable: of_stable }
}

fn too_few(look: &Look<'_>, test: &Test, evidence: &Evidence) -> String {
    let least = look.policy.min_requests.max(1);
    let canary = evidence.requests.saturating_sub(evidence.requests_before_step);
    let stable = evidence.stable_requests.saturating_sub(evidence.stable_requests_before_step);
    let (who, answered) = match (look.subject.scene, test.against) {
        (Scene::Canary { .. }, Against::Stable { .. }) if canary >= least => ("the stable side", stable),
        (Scene::Canary { .. }, _) => ("the canary", canary),
        (Scene::Bake, _) => ("the stage", canary),
    };
    format!("{who} answered {} requests in this step, minRequests asks for {}", count(answered), count(least))
}

/// Percent of requests.
#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn value(bad: u64, requests: u64) -> Option<Value> {
    (requests > 0).then(|| Value { value: bad as f64 / requests as f64 * 100.0, samples: Some(requests) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixtures;
    use crate::analysis::policy::{Bounds, Preset};
    use crate::analysis::query::Readings;
    use crate::api::counts::Scope;

    /// Looks at this scene, with a policy that asks for no requests.
    fn looking<T>(scene: Scene, at: impl FnOnce(&Look<'_>) -> T) -> T {
        let subject = Subject { scene, ..fixtures::subject("10:00:00") };
        let (policy, readings) = (Policy { min_requests: 0, ..fixtures::policy() }, Readings::new());
        let window = Window { from: 0, until: 5 };
        at(&Look { policy: &policy, subject: &subject, window, readings: &readings, scope: Ok(Scope::Disjoint) })
    }

    /// The test that applies to 5xx, in this scene, after 2 bad of 1,000 on the stable side.
    fn applied(scene: Scene, max: Option<f64>, smallest_increase: Option<f64>) -> Test {
        let metric = fixtures::gateway(Preset::ErrorRate5xx, Bounds { max, ..Bounds::default() });
        let measure = Measure::of(Preset::ErrorRate5xx);
        let former = Evidence { stable_bad: 2, stable_requests: 1_000, ..Evidence::default() };
        let sequential = Sequential { smallest_increase, ..Sequential::default() };
        looking(scene, |look| test(look, &metric, sequential, &measure, &former).unwrap().0)
    }

    const CANARY: Scene = Scene::Canary { step: 1, percent: 10.0 };

    #[test]
    fn percentages_become_rates_and_one_in_a_hundred_is_the_default() {
        let against = Against::Stable { smallest_increase: 0.005 };
        assert_eq!(applied(CANARY, None, Some(0.5)), Test { against, false_alarm: 0.01 });
        let against = Against::Rate(0.025);
        assert_eq!(applied(CANARY, Some(2.0), Some(0.5)), Test { against, false_alarm: 0.01 });
    }

    #[test]
    fn in_the_bake_half_of_the_false_alarms_are_for_the_bound() {
        let bound = upper_bound(2, 1_000, 0.005);
        assert_eq!(applied(Scene::Bake, None, None), Test { against: Against::Rate(bound * 2.0), false_alarm: 0.005 });
    }

    #[test]
    fn silence_is_too_few_also_where_none_are_asked_for() {
        let test = applied(CANARY, None, None);
        let sentence = looking(CANARY, |look| too_few(look, &test, &Evidence::default()));
        assert_eq!(sentence, "the canary answered 0 requests in this step, minRequests asks for 1");
    }
}
