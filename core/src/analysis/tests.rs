//! Whole checks: what is asked, what is answered, what is said.

mod properties;
mod scope;

use rstest::rstest;

use super::fixtures::{CloudWatch, at, gateway, metric, policy, policy_of, subject};
use super::policy::{Bounds, CanarySeries, Latency, OnNoData, Policy, Preset, Sequential, Source};
use super::query::{AlarmState, Ask, Reading, Readings};
use super::subject::{Scene, Subject};
use super::window::{Due, Window, minute, next_check, window};
use super::{Judged, judge, queries};
use crate::api::check::Verdict;
use crate::api::counts::{Counts, Scope};
use crate::api::names::{RestApiId, StageName};

/// Ten minutes after traffic changed: the first whole window is over.
const NOW: &str = "10:10:00";

fn first_window(policy: &Policy, subject: &Subject) -> Window {
    let Due::Now(window) = window(policy, subject, at(NOW)) else { panic!("no window at {NOW}") };
    window
}

fn check_of(policy: &Policy, subject: &Subject, cloud_watch: &CloudWatch, counts: &Counts, now: &str) -> Judged {
    let Due::Now(window) = window(policy, subject, at(now)) else { panic!("no window at {now}") };
    let readings = cloud_watch.answer(&queries(policy, subject, window, counts));
    judge(policy, subject, window, &readings, counts, at(now))
}

fn first_check(policy: &Policy, cloud_watch: &CloudWatch) -> Judged {
    check_of(policy, &subject("10:00:00"), cloud_watch, &Counts::default(), NOW)
}

/// The verdict and the sentence of the only metric.
fn said(judged: &Judged) -> (Verdict, &str) {
    let [metric] = judged.check.metrics.as_slice() else { panic!("{judged:?}") };
    (metric.verdict, metric.sentence.as_str())
}

fn max(max: f64) -> Bounds {
    Bounds { max: Some(max), ..Bounds::default() }
}

fn increase(max_increase: f64) -> Bounds {
    Bounds { max_increase: Some(max_increase), ..Bounds::default() }
}

fn sequential(sequential: Sequential) -> Bounds {
    Bounds { sequential: Some(sequential), ..Bounds::default() }
}

const ERRORS: Preset = Preset::ErrorRate5xx;
const P99: Preset = Preset::Latency(Latency::P99);

#[rstest]
#[case::an_error_rate(
    gateway(ERRORS, max(1.0)), (60, 3), (1200, 1), Verdict::Fail,
    "5xx 5.0 % of 300 requests, allowed 1.0 %, stable side 0.08 % of 6,000"
)]
#[case::a_good_one(
    gateway(ERRORS, max(5.0)), (60, 3), (1200, 1), Verdict::Pass,
    "5xx 5.0 % of 300 requests, allowed 5.0 %, stable side 0.08 % of 6,000"
)]
#[case::client_errors(
    gateway(Preset::ErrorRate4xx, increase(1.0)), (60, 3), (1200, 12), Verdict::Fail,
    "4xx 5.0 % of 300 requests, allowed 2.0 % (maxIncrease 1.0), stable side 1.0 % of 6,000"
)]
#[case::a_percentile(
    gateway(P99, increase(50.0)), (60, 0), (1200, 0), Verdict::Fail,
    "p99 latency 400 ms of 300 requests, allowed 350 ms (maxIncrease 50.0), stable side 300 ms of 6,000"
)]
#[case::a_mean(
    gateway(Preset::IntegrationLatency(Latency::Average), increase(50.0)), (60, 0), (1200, 0), Verdict::Pass,
    "mean integration latency 200 ms of 300 requests, allowed 200 ms (maxIncrease 50.0), stable side 150 ms of 6,000"
)]
#[case::slow_requests(
    gateway(Preset::SlowRequestRate { threshold_ms: 800.0 }, max(2.0)), (60, 3), (1200, 1), Verdict::Fail,
    "over 800 ms 5.0 % of 300 requests, allowed 2.0 %, stable side 0.08 % of 6,000"
)]
#[case::cache_hits(
    gateway(Preset::CacheHitRate, increase(10.0)), (60, 30), (1200, 960), Verdict::Fail,
    "cache hits 50.0 % of 300 requests, at least 70.0 % wanted (maxIncrease 10.0), stable side 80.0 % of 6,000"
)]
#[case::too_few_requests_of_the_canary(
    gateway(ERRORS, max(1.0)), (9, 9), (1200, 1), Verdict::NoData,
    "5xx: no data: the canary answered 45 requests in 5m, minRequests asks for 50"
)]
#[case::too_few_requests_to_compare_with(
    gateway(ERRORS, increase(1.0)), (60, 0), (8, 0), Verdict::NoData,
    "5xx: no data: the stable side answered 40 requests in 5m, minRequests asks for 50"
)]
#[case::an_absolute_bound_needs_no_stable_side(
    gateway(ERRORS, max(1.0)), (60, 0), (8, 0), Verdict::Pass,
    "5xx 0.0 % of 300 requests, allowed 1.0 %"
)]
#[case::evidence_by_default(
    gateway(ERRORS, Bounds::default()), (60, 3), (1200, 1), Verdict::Fail,
    "5xx 15 of 300 against 5 of 6,000: less than 1 in 1,000,000,000 by chance"
)]
#[case::no_evidence(
    gateway(ERRORS, Bounds::default()), (60, 0), (1200, 1), Verdict::Pass,
    "5xx 0 of 300 against 5 of 6,000: no evidence against it"
)]
#[case::evidence_against_a_fixed_rate(
    gateway(ERRORS, Bounds { max: Some(1.0), ..sequential(Sequential::default()) }), (60, 4), (0, 0), Verdict::Fail,
    "5xx 20 of 300, allowed 1.0 %: 1 in 140,000,000 by chance"
)]
#[case::evidence_needs_requests(
    gateway(ERRORS, Bounds::default()), (9, 0), (1200, 1), Verdict::NoData,
    "5xx: no data: the canary answered 45 requests in this step, minRequests asks for 50"
)]
#[case::evidence_needs_two_sides(
    gateway(ERRORS, Bounds::default()), (60, 0), (0, 0), Verdict::NoData,
    "5xx: no data: the stable side answered no requests in 5m"
)]
fn each_measure_says_what_it_saw(
    #[case] metric: super::Metric,
    #[case] canary: (u32, u32),
    #[case] stable: (u32, u32),
    #[case] verdict: Verdict,
    #[case] sentence: &str,
) {
    let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy_of(metric) };
    let judged = first_check(&policy, &CloudWatch::with(canary, stable));
    assert_eq!((said(&judged), judged.check.verdict), ((verdict, sentence), verdict));
}

#[rstest]
#[case::an_alarm_that_is_ok(Source::Alarm("a".to_owned()), Bounds::default(), Verdict::Pass, "it: the alarm is OK")]
#[case::a_query(
    Source::Prometheus { provider: "main".to_owned(), query: "up".to_owned() }, max(2.0), Verdict::Pass,
    "it 0.8, allowed 2.0"
)]
#[case::an_expression(
    Source::Expression("SELECT 1".to_owned()), Bounds { min: Some(0.9), ..Bounds::default() }, Verdict::Fail,
    "it 0.8, at least 0.9 wanted"
)]
#[case::a_metric(
    Source::CloudWatch {
        namespace: "Own".to_owned(), metric: "m".to_owned(), dimensions: [].into(), statistic: "p99".to_owned()
    },
    max(0.5), Verdict::Fail, "it 0.8, allowed 0.5"
)]
fn other_sources_are_judged_too(
    #[case] source: Source,
    #[case] bounds: Bounds,
    #[case] verdict: Verdict,
    #[case] sentence: &str,
) {
    let judged = first_check(&policy_of(metric(source, bounds)), &CloudWatch::with((60, 0), (60, 0)));
    assert_eq!(said(&judged), (verdict, sentence));
}

#[rstest]
#[case(AlarmState::Alarm, Verdict::Fail, "it: the alarm is in ALARM")]
#[case(AlarmState::InsufficientData, Verdict::NoData, "it: no data: the alarm is in INSUFFICIENT_DATA")]
fn an_alarm_speaks_for_itself(#[case] state: AlarmState, #[case] verdict: Verdict, #[case] sentence: &str) {
    let policy = policy_of(metric(Source::Alarm("a".to_owned()), Bounds::default()));
    let cloud_watch = CloudWatch { alarm: state, ..CloudWatch::with((0, 0), (0, 0)) };
    assert_eq!(said(&first_check(&policy, &cloud_watch)), (verdict, sentence));
}

#[rstest]
#[case(f64::NAN, "it: no data: the source answered NaN, which is no number")]
#[case(f64::INFINITY, "it: no data: the source answered inf, which is no number")]
#[case(f64::NEG_INFINITY, "it: no data: the source answered -inf, which is no number")]
fn what_is_no_number_is_no_data(#[case] scalar: f64, #[case] sentence: &str) {
    let source = Source::Prometheus { provider: "main".to_owned(), query: "up".to_owned() };
    let judged =
        first_check(&policy_of(metric(source, max(2.0))), &CloudWatch { scalar, ..CloudWatch::with((0, 0), (0, 0)) });
    assert_eq!(said(&judged), (Verdict::NoData, sentence));
    assert_eq!(judged.check.metrics[0].value, None);
}

/// Gaps, partial answers, and what they mean for a threshold and for evidence.
#[rstest]
#[case::partial(true, &[], &[], "CloudWatch says that its data are partial")]
#[case::the_newest_minute_of_the_canary(false, &[6], &[], "1 of 5 minutes is not in CloudWatch yet")]
#[case::two_minutes_of_the_stage(false, &[], &[3, 4], "2 of 5 minutes are not in CloudWatch yet")]
fn incomplete_data_are_no_data(
    #[case] partial: bool,
    #[case] canary_gaps: &[i64],
    #[case] stage_gaps: &[i64],
    #[case] why: &str,
) {
    let ten = minute(at("10:00:00"));
    let gaps = |minutes: &[i64]| minutes.iter().map(|minute| ten + minute).collect();
    let cloud_watch = CloudWatch {
        partial,
        canary_gaps: gaps(canary_gaps),
        stage_gaps: gaps(stage_gaps),
        ..CloudWatch::with((60, 0), (60, 0))
    };
    for bounds in [increase(1.0), Bounds::default()] {
        let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, bounds)) };
        let judged = first_check(&policy, &cloud_watch);
        assert_eq!(said(&judged), (Verdict::NoData, format!("5xx: no data: {why}").as_str()), "{bounds:?}");
    }
}

#[test]
fn a_canary_with_little_traffic_may_have_empty_minutes() {
    let ten = minute(at("10:00:00"));
    let cloud_watch = CloudWatch { canary_gaps: vec![ten + 3], ..CloudWatch::with((4, 0), (60, 0)) };
    let mut policy = policy_of(gateway(ERRORS, max(1.0)));
    policy.canary_series = CanarySeries::StageDimension;
    policy.min_requests = 16;
    assert_eq!(said(&first_check(&policy, &cloud_watch)).0, Verdict::Pass);
}

#[test]
fn late_minutes_become_evidence_when_they_arrive() {
    let policy = policy_of(gateway(ERRORS, Bounds::default()));
    let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy };
    let release = subject("10:00:00");
    let ten = minute(at("10:00:00"));
    let late = CloudWatch { canary_gaps: vec![ten + 5, ten + 6], ..CloudWatch::with((60, 0), (540, 0)) };
    let first = check_of(&policy, &release, &late, &Counts::default(), NOW);
    let requests = |judged: &Judged| judged.counts.metrics[0].evidence.as_ref().map(|evidence| evidence.requests);
    assert_eq!((said(&first).0, requests(&first)), (Verdict::NoData, Some(180)));
    let arrived = CloudWatch { canary_gaps: vec![ten + 6], ..late };
    let second = check_of(&policy, &release, &arrived, &first.counts, "10:11:00");
    assert_eq!(requests(&second), Some(300), "minutes 2, 3, 4, then 5 and 7");
}

#[test]
fn metric_filters_leave_out_minutes_without_bad_responses() {
    for bounds in [increase(1.0), Bounds::default()] {
        let policy = Policy { canary_series: CanarySeries::AccessLogs, ..policy_of(gateway(ERRORS, bounds)) };
        let judged = first_check(&policy, &CloudWatch::with((60, 0), (540, 1)));
        assert_eq!((judged.check.verdict, judged.check.metrics[0].samples), (Verdict::Pass, Some(300)), "{judged:?}");
        let bad = first_check(&policy, &CloudWatch::with((60, 3), (540, 0)));
        assert_eq!(bad.check.verdict, Verdict::Fail, "{bad:?}");
    }
}

#[test]
fn counts_that_cannot_be_are_no_data() {
    let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, max(1.0))) };
    let release = subject("10:00:00");
    let window = first_window(&policy, &release);
    let mut readings =
        CloudWatch::with((60, 0), (60, 0)).answer(&queries(&policy, &release, window, &Counts::default()));
    let mut judge_with = |value: f64| {
        let values = (window.from..window.until).map(|at| (at, value)).collect();
        readings.insert("canary.5XXError.Sum.1".to_owned(), Reading::Series { values, complete: true });
        let judged = judge(&policy, &release, window, &readings, &Counts::default(), at(NOW));
        (said(&judged).0, said(&judged).1.to_owned())
    };
    let no_data = |why: &str| (Verdict::NoData, format!("5xx: no data: {why}"));
    assert_eq!(judge_with(61.0), no_data("CloudWatch counts 61 bad responses in a minute of 60 requests"));
    assert_eq!(judge_with(f64::NAN), no_data("CloudWatch answered NaN"));
    assert_eq!(judge_with(-1.0), no_data("CloudWatch answered -1"));
}

#[test]
fn a_clock_that_went_back_brings_no_verdict_and_heals() {
    let policy =
        Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, Bounds::default())) };
    let release = subject("10:00:00");
    let cloud_watch = CloudWatch::with((60, 0), (540, 0));
    let first = check_of(&policy, &release, &cloud_watch, &Counts::default(), "10:20:00");
    let back = check_of(&policy, &release, &cloud_watch, &first.counts, NOW);
    assert_eq!(said(&back), (Verdict::NoData, "5xx: no data: the clock went back since the last check"));
    assert_eq!(back.counts.metrics, first.counts.metrics, "no minute counts twice");
    assert_eq!(next_check(&policy, &release, &back.counts, at("10:10:30")), Due::NotBefore(at("10:11:00")));
    assert_eq!(said(&check_of(&policy, &release, &cloud_watch, &back.counts, "10:11:00")).0, Verdict::Pass);
}

#[test]
fn a_twin_leaves_gateway_metrics_without_data_and_says_so_once() {
    let policy = policy_of(gateway(ERRORS, max(1.0)));
    let release = Subject { twin: Some(RestApiId::from("zzzzzzzzzz")), ..subject("10:00:00") };
    let cloud_watch = CloudWatch::with((60, 0), (540, 0));
    let first = check_of(&policy, &release, &cloud_watch, &Counts::default(), NOW);
    let sentence = "5xx: no data: REST API zzzzzzzzzz has the same name and a stage of the same name, and CloudWatch counts the two together";
    assert_eq!((said(&first), first.warnings.len()), ((Verdict::NoData, sentence), 1));
    let second = check_of(&policy, &release, &cloud_watch, &first.counts, "10:11:00");
    assert_eq!((said(&second), second.warnings.len()), ((Verdict::NoData, sentence), 0));
    let logs = Policy { canary_series: CanarySeries::AccessLogs, ..policy };
    assert_eq!(said(&check_of(&logs, &release, &cloud_watch, &Counts::default(), NOW)).0, Verdict::Pass);
}

#[rstest]
#[case::latency(P99, increase(1.0), "latencies cannot be compared; compare IntegrationLatency")]
#[case::mean(
    Preset::Latency(Latency::Average),
    increase(1.0),
    "latencies cannot be compared; set max, or use IntegrationLatency"
)]
#[case::slow(Preset::SlowRequestRate { threshold_ms: 800.0 }, Bounds::default(), "latencies cannot be compared; set max, or use IntegrationLatency")]
#[case::hits(Preset::CacheHitRate, increase(1.0), "the canary does not use the stage's cache; set useStageCache")]
fn a_cache_that_only_one_side_has_makes_latencies_incomparable(
    #[case] preset: Preset,
    #[case] bounds: Bounds,
    #[case] advice: &str,
) {
    let policy = policy_of(gateway(preset, bounds));
    let cloud_watch = CloudWatch::with((60, 0), (540, 0));
    let cached = Subject { stage_has_cache: true, ..subject("10:00:00") };
    let judged = check_of(&policy, &cached, &cloud_watch, &Counts::default(), NOW);
    assert_eq!(said(&judged).0, Verdict::NoData);
    assert!(said(&judged).1.ends_with(advice), "{}", said(&judged).1);
    let both = Subject { canary_uses_cache: true, ..cached };
    let judged = check_of(&policy, &both, &cloud_watch, &Counts::default(), NOW);
    assert_ne!(said(&judged).0, Verdict::NoData, "{}", said(&judged).1);
}

#[test]
fn evidence_goes_on_over_steps_and_a_pass_needs_requests_of_the_new_one() {
    let policy =
        Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, Bounds::default())) };
    let cloud_watch = CloudWatch::with((20, 0), (180, 0));
    let first = first_check(&policy, &cloud_watch);
    assert_eq!((first.check.verdict, first.counts.step_pass), (Verdict::Pass, 1));
    let second_step = Subject { scene: Scene::Canary { step: 2, percent: 25.0 }, ..subject("10:12:00") };
    let second = check_of(&policy, &second_step, &cloud_watch, &first.counts, "10:18:00");
    let evidence = second.counts.metrics[0].evidence.clone().unwrap();
    // Minutes 2 to 6 before, 7 to 11 late, 14 in the new step.
    assert_eq!((evidence.requests, evidence.requests_before_step), (220, 200));
    assert_eq!((second.check.verdict, second.counts.step_pass, second.counts.pass), (Verdict::NoData, 0, 1));
    let sentence = "5xx: no data: the canary answered 20 requests in this step, minRequests asks for 50";
    assert_eq!(said(&second), (Verdict::NoData, sentence));
    let third = check_of(&policy, &second_step, &cloud_watch, &second.counts, "10:20:00");
    assert_eq!((third.check.verdict, third.counts.step_pass), (Verdict::Pass, 1));
}

#[test]
fn evidence_need_not_wait_for_a_whole_window_and_the_rest_must() {
    let mut policy = policy_of(gateway(ERRORS, Bounds::default()));
    policy.canary_series = CanarySeries::StageDimension;
    let release = subject("10:00:00");
    let bad = CloudWatch::with((60, 5), (540, 0));
    assert_eq!(window(&policy, &release, at("10:05:59")), Due::NotBefore(at("10:06:00")));
    let early = check_of(&policy, &release, &bad, &Counts::default(), "10:06:00");
    assert_eq!(early.check.verdict, Verdict::Fail);
    assert_eq!(early.beyond_limit.as_deref(), Some("5xx 5 of 60 against 0 of 540: 1 in 16,000 by chance"));

    policy.metrics.push(super::Metric { name: "other".to_owned(), ..gateway(P99, max(500.0)) });
    policy.on_no_data = OnNoData::Pass;
    let good = CloudWatch::with((60, 0), (540, 0));
    let early = check_of(&policy, &release, &good, &Counts::default(), "10:06:00");
    assert_eq!((early.check.verdict, early.check.metrics.len()), (Verdict::NoData, 1), "no Pass without the other one");
    assert_eq!(check_of(&policy, &release, &good, &early.counts, NOW).check.verdict, Verdict::Pass);
}

#[test]
fn another_test_begins_anew() {
    let policy = |bounds| Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, bounds)) };
    let release = subject("10:00:00");
    let cloud_watch = CloudWatch::with((60, 0), (540, 0));
    let first = check_of(&policy(Bounds::default()), &release, &cloud_watch, &Counts::default(), "10:11:00");
    let requests = |bounds| {
        let judged = check_of(&policy(bounds), &release, &cloud_watch, &first.counts, "10:12:00");
        judged.counts.metrics[0].evidence.as_ref().map(|evidence| evidence.requests)
    };
    assert_eq!(requests(Bounds::default()), Some(420), "minutes 2 to 8");
    let strict = Sequential { false_alarm: 0.001, smallest_increase: None };
    // What was asked for is the window alone, since the former test has had the earlier minutes.
    assert_eq!(requests(sequential(strict)), Some(300), "minutes 4 to 8");
}

#[test]
fn the_bake_compares_with_what_the_stable_side_was() {
    let cloud_watch = CloudWatch::with((60, 0), (540, 1));
    let bake = Subject { scene: Scene::Bake, ..subject("10:30:00") };
    for (bounds, good, bad) in [
        (
            increase(1.0),
            "5xx 0.19 % of 2,700 requests, allowed 1.2 % (maxIncrease 1.0), stable side 0.19 % of 2,700 before the promotion",
            "5xx 3.7 % of 2,700 requests, allowed 1.2 % (maxIncrease 1.0), stable side 0.19 % of 2,700 before the promotion",
        ),
        (
            Bounds::default(),
            "5xx 5 of 2,700, allowed 1.2 %: no evidence against it",
            "5xx 100 of 2,700, allowed 1.2 %: less than 1 in 1,000,000,000 by chance",
        ),
    ] {
        let policy = Policy { canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, bounds)) };
        let before = first_check(&policy, &cloud_watch);
        let kept = check_of(&policy, &bake, &cloud_watch, &before.counts, "10:40:00");
        assert_eq!(said(&kept), (Verdict::Pass, good));
        assert_eq!(kept.check.step, None);
        let worse = CloudWatch::with((0, 0), (540, 20));
        assert_eq!(said(&check_of(&policy, &bake, &worse, &before.counts, "10:40:00")), (Verdict::Fail, bad));
        let never = check_of(&policy, &bake, &cloud_watch, &Counts::default(), "10:40:00");
        assert_eq!(said(&never).0, Verdict::NoData, "{}", said(&never).1);
    }
}

#[test]
fn fails_are_counted_by_metric_until_there_are_too_many() {
    let mut policy = policy_of(super::Metric { failure_limit: Some(1), ..gateway(ERRORS, max(1.0)) });
    policy.canary_series = CanarySeries::StageDimension;
    let release = subject("10:00:00");
    let bad = CloudWatch::with((60, 3), (540, 0));
    let first = check_of(&policy, &release, &bad, &Counts::default(), NOW);
    assert_eq!((first.check.verdict, first.beyond_limit, first.counts.fail), (Verdict::Fail, None, 1));
    let second = check_of(&policy, &release, &bad, &first.counts, "10:11:00");
    assert_eq!((second.counts.fail, second.counts.metrics[0].fail), (2, 2));
    assert_eq!(
        second.beyond_limit.as_deref(),
        Some("5xx 5.0 % of 300 requests, allowed 1.0 %, stable side 0.0 % of 2,700")
    );
}

#[test]
fn a_dry_run_tells_and_does_not_decide() {
    let mut policy = policy_of(super::Metric { dry_run: true, ..gateway(ERRORS, max(1.0)) });
    policy.canary_series = CanarySeries::StageDimension;
    let judged = first_check(&policy, &CloudWatch::with((60, 3), (540, 0)));
    assert_eq!((said(&judged).0, judged.check.verdict, judged.beyond_limit), (Verdict::Fail, Verdict::Pass, None));
}

#[rstest]
#[case(OnNoData::Hold, Verdict::NoData, false)]
#[case(OnNoData::Pass, Verdict::Pass, false)]
#[case(OnNoData::Fail, Verdict::Fail, true)]
fn missing_data_mean_what_the_policy_says(#[case] on_no_data: OnNoData, #[case] verdict: Verdict, #[case] ends: bool) {
    let policy =
        Policy { on_no_data, canary_series: CanarySeries::StageDimension, ..policy_of(gateway(ERRORS, max(1.0))) };
    let judged = first_check(&policy, &CloudWatch::with((0, 0), (540, 0)));
    assert_eq!((said(&judged).0, judged.check.verdict), (Verdict::NoData, verdict));
    assert_eq!((judged.beyond_limit.is_some(), judged.counts.no_data_since.is_some()), (ends, true));
}

#[test]
fn without_metrics_there_is_no_verdict() {
    assert_eq!(first_check(&policy(), &CloudWatch::with((60, 0), (60, 0))).check.verdict, Verdict::NoData);
}

#[rstest]
#[case(gateway(ERRORS, max(101.0)), "it: max is 101 and must be within 0 to 100 percent.")]
#[case(gateway(ERRORS, max(f64::NAN)), "it: max is NaN and must be a number.")]
#[case(gateway(P99, Bounds::default()), "it: it has no bound; give it max, min, maxIncrease or maxRatio.")]
#[case(
    gateway(ERRORS, sequential(Sequential { false_alarm: 0.0, smallest_increase: None })),
    "it: sequential.falseAlarm is 0 and must be between 0 and 1, such as 0.01."
)]
#[case(
    gateway(ERRORS, sequential(Sequential { false_alarm: 1.0, smallest_increase: None })),
    "it: sequential.falseAlarm is 1 and must be between 0 and 1, such as 0.01."
)]
#[case(
    gateway(Preset::SlowRequestRate { threshold_ms: 0.0 }, max(1.0)),
    "it: thresholdMs is 0 and must be more than 0."
)]
#[case(
    gateway(P99, sequential(Sequential::default())),
    "it: sequential needs a rate: ErrorRate5xx, ErrorRate4xx or SlowRequestRate."
)]
fn a_metric_that_cannot_be_has_no_data_and_says_what_to_change(#[case] metric: super::Metric, #[case] problem: &str) {
    assert_eq!(metric.problem().as_deref(), Some(problem));
    let judged = first_check(&policy_of(metric), &CloudWatch::with((60, 0), (540, 0)));
    assert_eq!((judged.check.verdict, judged.warnings), (Verdict::NoData, vec![problem.to_owned()]));
}

#[test]
fn queries_fill_in_templates_and_ids_are_unique() {
    let mut policy = policy_of(metric(
        Source::Prometheus {
            provider: "main".to_owned(),
            query: "x{d=\"${canaryDeploymentId}\"}[${window}] ${unknown}".to_owned(),
        },
        max(1.0),
    ));
    policy.metrics.push(super::Metric { name: "errors".to_owned(), ..gateway(ERRORS, max(1.0)) });
    policy.metrics.push(super::Metric { name: "again".to_owned(), ..gateway(ERRORS, Bounds::default()) });
    let release = subject("10:00:00");
    let asked = queries(&policy, &release, first_window(&policy, &release), &Counts::default());
    let mut ids: Vec<&str> = asked.iter().map(|query| query.id.as_str()).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), asked.len());
    let filled = asked.iter().find_map(|query| match &query.ask {
        Ask::Prometheus { query, .. } => Some(query.as_str()),
        Ask::Metric { .. } | Ask::Expression { .. } | Ask::Alarm { .. } | Ask::StageDimensions { .. } => None,
    });
    assert_eq!(filled, Some("x{d=\"dep-2\"}[5m] ${unknown}"));
}
