//! Whatever is declared and answered, nonsense never passes.

use proptest::prelude::*;

use super::*;

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![(0_u32..2_000).prop_map(f64::from), 0.0..1e10_f64, any::<f64>()]
}

fn any_reading(window: Window) -> impl Strategy<Value = Reading> {
    let minutes = proptest::collection::btree_map(window.from..window.until, any_number(), 0..6);
    prop_oneof![
        4 => (minutes, any::<bool>()).prop_map(|(values, complete)| Reading::Series { values, complete }),
        1 => any_number().prop_map(Reading::Scalar),
        1 => Just(Reading::Alarm(AlarmState::InsufficientData)),
        1 => Just(Reading::Missing("it is down".to_owned())),
    ]
}

fn any_metric() -> impl Strategy<Value = crate::analysis::Metric> {
    let preset = prop_oneof![
        Just(ERRORS),
        Just(P99),
        Just(Preset::Latency(Latency::Average)),
        Just(Preset::CacheHitRate),
        any_number().prop_map(|threshold_ms| Preset::SlowRequestRate { threshold_ms }),
    ];
    let bounds = (
        proptest::option::of(any_number()),
        proptest::option::of(any_number()),
        proptest::option::of(any_number()),
        proptest::option::of(any_number()),
        proptest::option::of((any_number(), proptest::option::of(any_number()))),
    );
    (preset, bounds).prop_map(|(preset, (max, min, max_increase, max_ratio, sequential))| {
        let sequential =
            sequential.map(|(false_alarm, smallest_increase)| Sequential { false_alarm, smallest_increase });
        gateway(preset, Bounds { max, min, max_increase, max_ratio, ratio_floor: None, sequential })
    })
}

const ANY: Window = Window { from: 29_759_642, until: 29_759_647 };

proptest! {
    /// Whatever is declared and answered: no panic, no number that is none, no Pass without complete data.
    #[test]
    fn nonsense_never_passes(
        metric in any_metric(),
        answers in proptest::collection::vec(any_reading(ANY), 12),
        inclusive in any::<bool>(), bake in any::<bool>(), auto in any::<bool>(), fails in any::<bool>(),
    ) {
        let mut policy = policy_of(metric);
        policy.canary_series = if auto { CanarySeries::Auto } else { CanarySeries::StageDimension };
        policy.on_no_data = if fails { OnNoData::Fail } else { OnNoData::Hold };
        let mut release = subject("10:00:00");
        if bake {
            release.scene = Scene::Bake;
        }
        let window = first_window(&policy, &release);
        prop_assert_eq!(window, ANY);
        let mut counts = Counts::default();
        if inclusive {
            let series = crate::api::counts::Series {
                canary: "prod/Canary".to_owned(), stable: "prod".to_owned(), scope: Scope::Inclusive
            };
            counts.series = Some(series);
        }
        let asked = queries(&policy, &release, window, &counts);
        let readings: Readings = asked.iter().map(|query| query.id.clone()).zip(answers).collect();
        let judged = judge(&policy, &release, window, &readings, &counts, at(NOW));
        let json = serde_json::to_string(&judged.check).unwrap();
        for check in &judged.check.metrics {
            prop_assert!(check.value.is_none_or(f64::is_finite) && check.baseline.is_none_or(f64::is_finite));
            prop_assert!(!check.sentence.is_empty() && check.sentence.len() < 1024, "{}", json);
        }
        if judged.check.verdict == Verdict::Pass {
            let own = if bake { "stage." } else { "canary." };
            for query in asked.iter().filter(|query| query.id.starts_with(own)) {
                let complete = matches!(readings.get(&query.id), Some(Reading::Series { complete: true, .. }));
                prop_assert!(complete, "{} passed on {:?}", json, readings);
            }
        }
        let written = serde_json::to_value(&judged.counts).unwrap();
        prop_assert_eq!(serde_json::from_value::<Counts>(written).unwrap(), judged.counts);
    }

    /// Taking away any one answer never turns a verdict into a Pass.
    #[test]
    fn less_data_never_pass_more(
        canary in (0_u32..200, 0_u32..20), stable in (0_u32..2_000, 0_u32..20), taken in 0_usize..8, threshold in any::<bool>()
    ) {
        let cut = |(requests, bad): (u32, u32)| (requests, bad.min(requests));
        let bounds = if threshold { increase(1.0) } else { Bounds::default() };
        let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, bounds)) };
        let release = subject("10:00:00");
        let window = first_window(&policy, &release);
        let asked = queries(&policy, &release, window, &Counts::default());
        let mut readings = CloudWatch::with(cut(canary), cut(stable)).answer(&asked);
        let whole = judge(&policy, &release, window, &readings, &Counts::default(), at(NOW)).check.verdict;
        let id = readings.keys().nth(taken % readings.len()).cloned().unwrap();
        readings.remove(&id);
        let less = judge(&policy, &release, window, &readings, &Counts::default(), at(NOW)).check.verdict;
        prop_assert_ne!(less, Verdict::Pass, "{:?} with all, without {}", whole, id);
    }
}
