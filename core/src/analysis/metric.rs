//! What one metric says.

use super::bounds::{Finding, Told, Value, no_data};
use super::evidence;
use super::numbers::Unit;
use super::policy::{CanarySeries, Latency, Metric, Policy, Preset, Source};
use super::query::{AlarmState, Ask, Query, Reading, Readings};
use super::sides::{self, Measure, Minutes, Side};
use super::subject::{Scene, Subject};
use super::window::Window;
use crate::api::check::{MetricCheck, Verdict};
use crate::api::counts::{Baseline, MetricCounts, Scope};

/// Units of a [`Baseline`] in one of the metric's.
const MILLIONTHS: f64 = 1e6;

/// What a check looks at.
pub(super) struct Look<'l> {
    pub(super) policy: &'l Policy,
    pub(super) subject: &'l Subject,
    pub(super) window: Window,
    pub(super) readings: &'l Readings,
    /// What the stage's series holds, or why no verdict can be given on the canary's series.
    pub(super) scope: Result<Scope, String>,
}

/// What a metric says, and what is remembered of it.
pub(super) struct Said {
    pub(super) check: MetricCheck,
    pub(super) counts: MetricCounts,
}

/// A finding with its numbers.
pub(super) struct Outcome {
    pub(super) finding: Finding,
    pub(super) canary: Option<Value>,
    pub(super) stable: Option<Value>,
}

impl Metric {
    /// What it is called in sentences.
    pub(super) fn label(&self) -> String {
        let latency = |which: Latency, what: &str| match which {
            Latency::P50 => format!("p50 {what}"),
            Latency::P90 => format!("p90 {what}"),
            Latency::P99 => format!("p99 {what}"),
            Latency::Average => format!("mean {what}"),
        };
        match &self.source {
            Source::ApiGateway(Preset::ErrorRate5xx) => "5xx".to_owned(),
            Source::ApiGateway(Preset::ErrorRate4xx) => "4xx".to_owned(),
            Source::ApiGateway(Preset::SlowRequestRate { threshold_ms }) => {
                format!("over {}", Unit::Milliseconds.show(*threshold_ms))
            }
            Source::ApiGateway(Preset::Latency(which)) => latency(*which, "latency"),
            Source::ApiGateway(Preset::IntegrationLatency(which)) => latency(*which, "integration latency"),
            Source::ApiGateway(Preset::CacheHitRate) => "cache hits".to_owned(),
            Source::CloudWatch { .. } | Source::Expression(_) | Source::Alarm(_) | Source::Prometheus { .. } => {
                self.name.clone()
            }
        }
    }

    fn unit(&self) -> Unit {
        match self.source {
            Source::ApiGateway(Preset::Latency(_) | Preset::IntegrationLatency(_)) => Unit::Milliseconds,
            Source::ApiGateway(_) => Unit::Percent,
            Source::CloudWatch { .. } | Source::Expression(_) | Source::Alarm(_) | Source::Prometheus { .. } => {
                Unit::Own
            }
        }
    }

    /// What it needs to know.
    pub(super) fn queries(
        &self,
        policy: &Policy,
        subject: &Subject,
        window: Window,
        counts: Option<&MetricCounts>,
    ) -> Vec<Query> {
        let one = |ask: Ask| vec![Query { id: format!("metric.{}", self.name), ask }];
        let period_minutes = window.minutes();
        match &self.source {
            Source::ApiGateway(preset) => {
                let minutes = match self.sequential() {
                    Some(_) => evidence::wanted(policy, subject, window, counts),
                    None => window,
                };
                let measure = Measure::of(*preset);
                let sides: &[Side] = match subject.scene {
                    Scene::Canary { .. } => &[Side::Canary, Side::Stage],
                    Scene::Bake => &[Side::Stage],
                };
                sides.iter().flat_map(|side| measure.queries(policy, subject, *side, window, minutes)).collect()
            }
            Source::CloudWatch { namespace, metric, dimensions, statistic } => one(Ask::Metric {
                namespace: namespace.clone(),
                metric: metric.clone(),
                dimensions: dimensions
                    .iter()
                    .map(|(name, value)| (name.clone(), subject.fill(value, period_minutes)))
                    .collect(),
                statistic: statistic.clone(),
                period_minutes,
                window,
            }),
            Source::Expression(text) => {
                one(Ask::Expression { expression: subject.fill(text, period_minutes), period_minutes, window })
            }
            Source::Alarm(name) => one(Ask::Alarm { name: subject.fill(name, period_minutes) }),
            Source::Prometheus { provider, query } => {
                one(Ask::Prometheus { provider: provider.clone(), query: subject.fill(query, period_minutes), window })
            }
        }
    }
}

impl Look<'_> {
    /// What a metric says.
    pub(super) fn judge(&self, metric: &Metric, counts: &MetricCounts) -> Said {
        let mut counts = counts.clone();
        let result = match (metric.problem(), &metric.source) {
            (Some(problem), _) => nothing(&metric.label(), &problem),
            (None, Source::ApiGateway(preset)) => self.gateway(metric, *preset, &mut counts),
            (None, Source::Alarm(_)) => self.alarm(metric),
            (None, Source::CloudWatch { .. } | Source::Expression(_) | Source::Prometheus { .. }) => self.other(metric),
        };
        let Outcome { finding, canary, stable } = result;
        let finite = |value: &Value| Some(value.value).filter(|value| value.is_finite());
        let check = MetricCheck {
            name: metric.name.clone(),
            verdict: finding.verdict,
            value: canary.as_ref().and_then(finite),
            baseline: stable.as_ref().and_then(finite),
            samples: canary.and_then(|value| value.samples),
            baseline_samples: stable.and_then(|value| value.samples),
            bound: finding.bound,
            dry_run: metric.dry_run,
            sentence: finding.sentence,
        };
        Said { check, counts }
    }

    /// Nothing, where no metric can be judged; memory stays as it is.
    pub(super) fn nothing(&self, metric: &Metric, counts: MetricCounts) -> Said {
        let why = self.scope.as_ref().err().map_or("there is nothing to judge by", String::as_str);
        let Finding { verdict, bound, sentence } = no_data(&metric.label(), why);
        let check = MetricCheck {
            name: metric.name.clone(),
            verdict,
            value: None,
            baseline: None,
            samples: None,
            baseline_samples: None,
            bound,
            dry_run: metric.dry_run,
            sentence,
        };
        Said { check, counts }
    }

    fn gateway(&self, metric: &Metric, preset: Preset, counts: &mut MetricCounts) -> Outcome {
        let label = metric.label();
        if let (Some(twin), CanarySeries::Auto | CanarySeries::StageDimension) =
            (&self.subject.twin, &self.policy.canary_series)
        {
            let why = format!(
                "REST API {twin} has the same name and a stage of the same name, and CloudWatch counts the two together"
            );
            return nothing(&label, &why);
        }
        if let (Err(why), Scene::Canary { .. }) = (&self.scope, self.subject.scene) {
            return nothing(&label, why);
        }
        let measure = Measure::of(preset);
        if let Some(sequential) = metric.sequential() {
            return evidence::judge(self, &label, metric, sequential, &measure, counts);
        }
        let told = Told {
            label: &label,
            unit: metric.unit(),
            lower_is_worse: preset == Preset::CacheHitRate,
            before_promotion: self.subject.scene == Scene::Bake,
        };
        let own_side = match self.subject.scene {
            Scene::Canary { .. } => Side::Canary,
            Scene::Bake => Side::Stage,
        };
        let canary = match self.value(&measure, own_side) {
            Ok(canary) => canary,
            Err(why) => return nothing(&label, &why),
        };
        let stable = match self.subject.scene {
            Scene::Bake => before_the_promotion(counts),
            Scene::Canary { .. } => self.comparable(preset, &measure).and_then(|scope| self.stable(&measure, scope)),
        };
        if let (Scene::Canary { .. }, Ok(Value { value, samples: Some(samples) })) = (self.subject.scene, &stable) {
            counts.baseline = Some(Baseline { millionths: millionths(*value), samples: *samples });
        }
        let finding = told.judge(&metric.bounds, canary, &stable);
        Outcome { finding, canary: Some(canary), stable: stable.ok() }
    }

    /// What the canary, or in the bake the stage, had in the window.
    fn value(&self, measure: &Measure, side: Side) -> Result<Value, String> {
        let minutes = measure.minutes(self.policy, side, self.readings)?;
        let who = match self.subject.scene {
            Scene::Canary { .. } => "the canary",
            Scene::Bake => "the stage",
        };
        self.value_of(measure, &minutes, who, || measure.percentile(side, self.window, self.readings))
    }

    /// What the stable side had in the window.
    fn stable(&self, measure: &Measure, scope: Scope) -> Result<Value, String> {
        let stage = measure.minutes(self.policy, Side::Stage, self.readings)?;
        let canary = measure.minutes(self.policy, Side::Canary, self.readings)?;
        let minutes = sides::stable(scope, &stage, &canary)?;
        self.value_of(measure, &minutes, "the stable side", || {
            if scope == Scope::Inclusive {
                return Err(
                    "the stage's series holds the canary's requests too, and percentiles cannot be subtracted; \
                            compare LatencyAverage or SlowRequestRate"
                        .to_owned(),
                );
            }
            measure.percentile(Side::Stage, self.window, self.readings)
        })
    }

    fn value_of(
        &self,
        measure: &Measure,
        minutes: &Minutes,
        who: &str,
        percentile: impl FnOnce() -> Result<f64, String>,
    ) -> Result<Value, String> {
        let total = sides::total(minutes, self.window)?;
        let samples = whole(total.whole);
        let least = self.policy.min_requests.max(1);
        if samples < least {
            let minutes = self.window.minutes();
            return Err(format!("{who} answered {samples} requests in {minutes}m, minRequests asks for {least}"));
        }
        let value = match measure {
            Measure::Quotient { scale, .. } => total.part / total.whole * scale,
            Measure::Percentile(_) => percentile()?,
        };
        if value.is_finite() {
            Ok(Value { value, samples: Some(samples) })
        } else {
            Err(format!("CloudWatch answered {value}"))
        }
    }

    /// Whether the two sides can be compared in this respect, and what the stage's series holds.
    pub(super) fn comparable(&self, preset: Preset, measure: &Measure) -> Result<Scope, String> {
        let uncached = self.subject.stage_has_cache && !self.subject.canary_uses_cache;
        let of_latency = matches!(preset, Preset::Latency(_) | Preset::SlowRequestRate { .. });
        if uncached && of_latency {
            let advice = if matches!(measure, Measure::Percentile(_)) {
                "compare IntegrationLatency"
            } else {
                "set max, or use IntegrationLatency"
            };
            return Err(format!(
                "the stage answers from its cache and the canary does not use it, so their latencies cannot be compared; {advice}"
            ));
        }
        if uncached && preset == Preset::CacheHitRate {
            return Err("the canary does not use the stage's cache; set useStageCache".to_owned());
        }
        self.scope.clone()
    }

    fn alarm(&self, metric: &Metric) -> Outcome {
        let label = metric.label();
        let (verdict, state) = match self.reading(metric) {
            Ok(Reading::Alarm(AlarmState::Ok)) => (Verdict::Pass, "OK"),
            Ok(Reading::Alarm(AlarmState::Alarm)) => (Verdict::Fail, "in ALARM"),
            Ok(Reading::Alarm(AlarmState::InsufficientData)) => {
                return nothing(&label, "the alarm is in INSUFFICIENT_DATA");
            }
            Ok(Reading::Series { .. } | Reading::Scalar(_) | Reading::Names(_) | Reading::Missing(_)) => {
                return nothing(&label, "the source answered another question");
            }
            Err(why) => return nothing(&label, &why),
        };
        let sentence = format!("{label}: the alarm is {state}");
        Outcome { finding: Finding { verdict, bound: None, sentence }, canary: None, stable: None }
    }

    fn other(&self, metric: &Metric) -> Outcome {
        let label = metric.label();
        let value = match self.reading(metric) {
            Ok(Reading::Scalar(value)) => *value,
            Ok(Reading::Series { values, complete: true }) => match values.get(&self.window.from) {
                Some(value) => *value,
                None => return nothing(&label, "CloudWatch has no value of these minutes"),
            },
            Ok(Reading::Series { complete: false, .. }) => {
                return nothing(&label, "CloudWatch says that its data are partial");
            }
            Ok(Reading::Alarm(_) | Reading::Names(_) | Reading::Missing(_)) => {
                return nothing(&label, "the source answered another question");
            }
            Err(why) => return nothing(&label, &why),
        };
        let told = Told { label: &label, unit: metric.unit(), lower_is_worse: false, before_promotion: false };
        let canary = Value { value, samples: None };
        let finding = told.judge(&metric.bounds, canary, &Err("only apiGateway metrics know a stable side".to_owned()));
        Outcome { finding, canary: Some(canary), stable: None }
    }

    fn reading(&self, metric: &Metric) -> Result<&Reading, String> {
        match self.readings.get(&format!("metric.{}", metric.name)) {
            Some(Reading::Missing(why)) => Err(why.clone()),
            Some(reading) => Ok(reading),
            None => Err("the source did not answer".to_owned()),
        }
    }
}

/// Nothing can be said, and why.
pub(super) fn nothing(label: &str, why: &str) -> Outcome {
    Outcome { finding: no_data(label, why), canary: None, stable: None }
}

fn before_the_promotion(counts: &MetricCounts) -> Result<Value, String> {
    let baseline = counts.baseline.ok_or("the stable side was not measured before the promotion")?;
    Ok(Value { value: from_millionths(baseline.millionths), samples: Some(baseline.samples) })
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates; percentages and milliseconds are far from it")]
fn millionths(value: f64) -> i64 {
    (value * MILLIONTHS).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "percentages and milliseconds have no 16 digits")]
fn from_millionths(millionths: i64) -> f64 {
    millionths as f64 / MILLIONTHS
}

/// A count that came as a double.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and sums are not negative"
)]
pub(super) fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_kept_in_millionths() {
        assert_eq!((millionths(1.5), millionths(0.000_001)), (1_500_000, 1));
        assert!((from_millionths(1_500_000) - 1.5).abs() < 1e-12);
    }
}
