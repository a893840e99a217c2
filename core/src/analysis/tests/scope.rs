//! What the stage's own series holds: with the canary's requests, or without them.

use rstest::rstest;

use super::*;

/// The series of `{stage}`: what it holds, and how sure the counts are.
#[rstest]
#[case::apart(false, 0, true, Some(Scope::Disjoint))]
#[case::contained(true, 0, true, Some(Scope::Inclusive))]
#[case::another_rest_api_of_that_name_blurs_the_accounts(false, 500, true, Some(Scope::Unknown))]
#[case::without_a_list_of_stages_the_shares_must_tell(false, 0, false, Some(Scope::Unknown))]
fn the_counts_tell_what_the_stage_counts(
    #[case] inclusive: bool,
    #[case] foreign: u32,
    #[case] stages_known: bool,
    #[case] expected: Option<Scope>,
) {
    let policy = policy_of(gateway(ERRORS, increase(1.0)));
    let mut release = subject("10:00:00");
    release.stages = if stages_known { vec![StageName::from("dev"), StageName::from("prod")] } else { Vec::new() };
    let cloud_watch = CloudWatch { inclusive, foreign, ..CloudWatch::with((60, 3), (540, 0)) };
    // The stage `dev` has no traffic, so CloudWatch has nothing about it.
    let judged = check_of(&policy, &release, &cloud_watch, &Counts::default(), NOW);
    let scope = judged.counts.series.as_ref().map(|series| series.scope);
    assert_eq!(scope, expected);
    let compared = matches!(expected, Some(Scope::Disjoint | Scope::Inclusive));
    assert_eq!(said(&judged).0, if compared { Verdict::Fail } else { Verdict::NoData });
    assert_eq!(judged.warnings.is_empty(), compared, "{:?}", judged.warnings);
}

#[test]
fn shares_tell_where_there_is_enough_traffic() {
    for inclusive in [false, true] {
        let policy = policy_of(gateway(ERRORS, max(1.0)));
        let mut release = subject("10:00:00");
        release.stages = Vec::new();
        release.scene = Scene::Canary { step: 2, percent: 50.0 };
        let cloud_watch = CloudWatch { inclusive, ..CloudWatch::with((500, 0), (500, 0)) };
        let judged = check_of(&policy, &release, &cloud_watch, &Counts::default(), NOW);
        let expected = if inclusive { Scope::Inclusive } else { Scope::Disjoint };
        assert_eq!(judged.counts.series.map(|series| series.scope), Some(expected));
    }
}

#[test]
fn a_stage_that_contains_its_canary_is_compared_without_it() {
    let cloud_watch = CloudWatch { inclusive: true, ..CloudWatch::with((60, 3), (540, 27)) };
    let judged = first_check(&policy_of(gateway(ERRORS, increase(1.0))), &cloud_watch);
    let sentence = "5xx 5.0 % of 300 requests, allowed 6.0 % (maxIncrease 1.0), stable side 5.0 % of 2,700";
    assert_eq!(said(&judged), (Verdict::Pass, sentence));
    let evidence = first_check(&policy_of(gateway(ERRORS, Bounds::default())), &cloud_watch);
    assert_eq!(said(&evidence), (Verdict::Pass, "5xx 15 of 300 against 135 of 2,700: no evidence against it"));
    let percentile = first_check(&policy_of(gateway(P99, increase(1.0))), &cloud_watch);
    assert_eq!(percentile.check.verdict, Verdict::NoData);
    assert!(said(&percentile).1.contains("percentiles cannot be subtracted"), "{}", said(&percentile).1);
    let absolute = first_check(&policy_of(gateway(P99, max(500.0))), &cloud_watch);
    assert_eq!(said(&absolute), (Verdict::Pass, "p99 latency 400 ms of 300 requests, allowed 500 ms"));
}

#[test]
fn where_the_counts_do_not_tell_absolute_bounds_work() {
    let cloud_watch = CloudWatch { foreign: 500, ..CloudWatch::with((60, 0), (540, 0)) };
    let compared = first_check(&policy_of(gateway(ERRORS, Bounds::default())), &cloud_watch);
    let sentence =
        "5xx: no data: CloudWatch's counts do not tell yet whether the stage's series holds the canary's requests too";
    assert_eq!(said(&compared), (Verdict::NoData, sentence));
    let absolute = first_check(&policy_of(gateway(ERRORS, max(1.0))), &cloud_watch);
    assert_eq!(said(&absolute).0, Verdict::Pass);
}

#[test]
fn a_canary_without_a_series_is_told_with_what_there_is() {
    let judged = first_check(&policy_of(gateway(ERRORS, max(1.0))), &CloudWatch::with((0, 0), (600, 0)));
    let sentence = "5xx: no data: CloudWatch has no series with Stage = prod/Canary (it lists Stage = dev, prod), so the canary cannot be told apart; set canarySeries: AccessLogs";
    assert_eq!(said(&judged), (Verdict::NoData, sentence));
    let silent = first_check(&policy_of(gateway(ERRORS, max(1.0))), &CloudWatch::with((2, 0), (10, 0)));
    let sentence = "5xx: no data: 20 requests of the canary are needed to see where CloudWatch counts them";
    assert_eq!(said(&silent), (Verdict::NoData, sentence));
}

#[test]
fn little_traffic_tells_what_the_stage_counts_when_it_has_come_for_long() {
    let policy = policy_of(gateway(ERRORS, Bounds::default()));
    // One request of the canary a minute: never 20 within a window of five minutes.
    let cloud_watch = CloudWatch::with((1, 0), (9, 0));
    let checked = |now: &str, counts: &Counts| check_of(&policy, &subject("10:00:00"), &cloud_watch, counts, now);
    assert_eq!(checked("10:24:00", &Counts::default()).counts.series, None, "minutes 2 to 20 have 19");
    let first = checked("10:25:00", &Counts::default());
    assert_eq!(first.counts.series.as_ref().map(|series| series.scope), Some(Scope::Disjoint));
    let later = (26..=55).map(|minute| format!("10:{minute}:00"));
    let last = later.fold(first, |judged, now| checked(&now, &judged.counts));
    assert_eq!(said(&last), (Verdict::Pass, "5xx 0 of 50 against 0 of 450: no evidence against it"));
}

#[test]
fn what_was_verified_is_not_asked_again() {
    let policy = policy_of(gateway(ERRORS, max(1.0)));
    let release = subject("10:00:00");
    let first = first_check(&policy, &CloudWatch::with((60, 0), (540, 0)));
    let ids = |counts: &Counts| {
        let asked = queries(&policy, &release, first_window(&policy, &release), counts);
        asked.into_iter().map(|query| query.id).collect::<Vec<_>>()
    };
    let measured =
        ["canary.5XXError.Sum.1", "canary.Count.SampleCount.1", "stage.5XXError.Sum.1", "stage.Count.SampleCount.1"];
    assert_eq!(ids(&first.counts), measured);
    assert_eq!(ids(&Counts::default()).len(), measured.len() + 2);
}
