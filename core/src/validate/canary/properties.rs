//! No spec panics, whatever it holds, and what is accepted is fit for use.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::analysis::{Bounds, Source};
use crate::api::canary::{
    AlarmSource, ApiGatewayMetric, ApiGatewaySource, CloudWatchSource, Metric, Moment, PrometheusSource, Sequential,
    StageRef, Webhook as DeclaredWebhook,
};
use crate::api::duration::Duration as Span;

/// Often near what is right, sometimes anything: NaN and infinities too, which no JSON holds but a bug might.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_u16..=10_001).prop_map(|hundredths| f64::from(hundredths) / 100.0),
        1 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(0.0),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![3 => (0_u64..120).prop_map(|minutes| Span::from_secs(minutes * 60)), 1 => (0_u64..100_000).prop_map(Span::from_secs)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "\\PC{0,20}", Just("x${stageName}${".to_owned()), Just("${window}".to_owned())]
}

prop_compose! {
    fn step()(set_percent in number(), hold in option::weighted(0.9, span()), approval in option::weighted(0.1, Just(ApprovalPolicy::Required))) -> DeclaredStep {
        DeclaredStep { set_percent, hold, approval }
    }
}

fn steps() -> impl Strategy<Value = Vec<DeclaredStep>> {
    prop_oneof![
        prop::collection::vec(step(), 0..4),
        // Most that rise, so that the rest of the spec is looked at.
        prop::collection::btree_set(1_u16..=10_000, 1..60).prop_map(|shares| {
            let hold = Some(Span::from_secs(60));
            let step = |share: u16| DeclaredStep { set_percent: f64::from(share) / 100.0, hold, approval: None };
            shares.into_iter().map(step).collect()
        }),
    ]
}

fn preset() -> impl Strategy<Value = ApiGatewaySource> {
    let metric = prop_oneof![
        Just(ApiGatewayMetric::ErrorRate5xx),
        Just(ApiGatewayMetric::SlowRequestRate),
        Just(ApiGatewayMetric::LatencyP99),
        Just(ApiGatewayMetric::CacheHitRate),
    ];
    (metric, option::of(0_u32..3)).prop_map(|(metric, threshold_ms)| ApiGatewaySource { metric, threshold_ms })
}

fn source() -> impl Strategy<Value = Metric> {
    let cloud_watch = (option::of(text()), option::of(text()), option::of(text()));
    (
        option::of(preset()),
        option::weighted(0.2, cloud_watch),
        option::weighted(0.2, text()),
        option::weighted(0.2, text()),
    )
        .prop_map(|(api_gateway, cloud_watch, alarm, query)| Metric {
            api_gateway,
            cloud_watch: cloud_watch.map(|(namespace, expression, statistic)| CloudWatchSource {
                metric: namespace.clone(),
                namespace,
                dimensions: None,
                statistic,
                expression,
            }),
            alarm: alarm.map(|name| AlarmSource { name }),
            prometheus: query.map(|query| PrometheusSource { provider: "main".to_owned(), query }),
            ..Metric::default()
        })
}

prop_compose! {
    fn metric()(
        source in source(), name in "[a-e]", max in option::of(number()), min in option::weighted(0.2, number()),
        max_increase in option::weighted(0.2, number()), max_ratio in option::weighted(0.2, number()),
        ratio_floor in option::weighted(0.2, number()),
        sequential in option::weighted(0.2, (option::of(number()), option::of(number()))),
    ) -> Metric {
        let sequential = sequential.map(|(false_alarm, smallest_increase)| Sequential { false_alarm, smallest_increase });
        Metric { name, max, min, max_increase, max_ratio, ratio_floor, sequential, ..source }
    }
}

prop_compose! {
    fn analysis_of()(
        interval in option::of(span()), window in option::of(span()), delays in (option::of(span()), option::of(span())),
        counts in (option::of(0_u32..9), option::of(0_u32..9), option::of(any::<u32>())),
        metrics in option::of(prop::collection::vec(metric(), 0..4)),
    ) -> Analysis {
        Analysis {
            interval, window, initial_delay: delays.0, metric_delay: delays.1, min_checks: counts.0, min_requests: counts.1,
            failure_limit: counts.2, metrics, ..Analysis::default()
        }
    }
}

prop_compose! {
    fn webhook()(name in "[a-c]", url in prop_oneof![Just("https://a.example.com/x".to_owned()), text()],
        timeout in option::of(span()), retries in option::of(0_u32..8)) -> DeclaredWebhook {
        DeclaredWebhook { name, url, when: BTreeSet::from([Moment::BeforeStep]), timeout, retries }
    }
}

prop_compose! {
    fn any_spec()(
        stage in prop_oneof![9 => Just("orders".to_owned()), 1 => text()], steps in steps(),
        analysis in option::of(analysis_of()), overrides in option::weighted(0.3, prop::collection::btree_map(text(), text(), 0..3)),
        bake in option::of(span()), webhooks in option::weighted(0.3, prop::collection::vec(webhook(), 0..3)), suspend in option::of(any::<bool>()),
    ) -> ApiCanarySpec {
        ApiCanarySpec {
            stage_ref: StageRef { name: stage }, steps, analysis, guards: None, stage_variable_overrides: overrides,
            use_stage_cache: None, promotion: None, bake, fast_rollback: None, on_failure: None, progress_deadline: bake,
            webhooks, suspend,
        }
    }
}

fn numbers(bounds: Bounds) -> impl Iterator<Item = f64> {
    let Bounds { max, min, max_increase, max_ratio, ratio_floor, sequential } = bounds;
    let test = sequential.map(|test| [Some(test.false_alarm), test.smallest_increase]).unwrap_or_default();
    [max, min, max_increase, max_ratio, ratio_floor].into_iter().chain(test).flatten()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_spec_panics_and_what_is_accepted_is_fit_for_use(spec in any_spec()) {
        match policy(&spec) {
            Err(invalid) => {
                let sentence = invalid.to_string();
                prop_assert!(sentence.ends_with('.') && sentence.contains("spec."), "{sentence}");
            }
            Ok(policy) => {
                let shares: Vec<_> = policy.steps.iter().map(|step| step.percent).collect();
                prop_assert!((1..=50).contains(&shares.len()));
                prop_assert!(shares.first() > Some(&Percent::ZERO) && shares.is_sorted_by(|a, b| a < b), "{shares:?}");
                let analysis = &policy.analysis;
                prop_assert!(analysis.window >= analysis.interval && analysis.window.as_secs().is_multiple_of(60));
                prop_assert!(analysis.min_checks > 0 && analysis.min_requests > 0);
                for metric in &analysis.metrics {
                    prop_assert!(numbers(metric.bounds).all(f64::is_finite), "{metric:?}");
                    let judged = matches!(metric.source, Source::Alarm(_)) || metric.sequential().is_some() || !metric.bounds.is_empty();
                    prop_assert!(judged, "{metric:?}");
                }
                prop_assert!(policy.webhooks.iter().all(|webhook| !webhook.when.is_empty()));
            }
        }
    }
}

/// A property that never sees one side proves nothing about it.
#[test]
fn the_property_sees_both_sides() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let accepted = (0..400).filter(|_| policy(&any_spec().new_tree(&mut runner).unwrap().current()).is_ok()).count();
    assert!((20..380).contains(&accepted), "{accepted} of 400 were accepted");
}
