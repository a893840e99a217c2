//! Whether the series of a stage holds the requests of its canary. AWS does not document it, so the counts must tell.
//!
//! `{ApiName}` counts every request once. If it exceeds what its stages count by just what the canaries count, the canaries are
//! not in their stages' series; if it does not exceed it at all, they are.

use super::query::{Ask, Query, Reading, Readings};
use super::sides::{Side, requests_id, requests_of, series};
use super::subject::{Scene, Subject};
use super::window::Window;
use crate::api::counts::Scope;

/// So many requests of the canary tell enough.
const ENOUGH: f64 = 20.0;

/// Part of the canary's requests by which a count may be off.
const TOLERANCE: f64 = 0.1;

/// More stages than this are not asked for: the share of traffic alone must tell then.
const MOST_STAGES: usize = 20;

/// How much likelier one answer must be than the other where only shares tell: a natural logarithm, of 1,000,000.
const SURE: f64 = 13.8;

/// What the counts tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Known(Scope),
    /// Not yet, and why.
    NotYet(String),
    /// There is no series of the canary, though it must have had requests.
    NoSeries(String),
}

const WHOLE_API: &str = "api.Count";
const LISTED: &str = "api.Stage";

/// What must be asked to find out. The requests of both sides are asked for by their metrics anyway, so they are here, too.
pub(super) fn queries(subject: &Subject, window: Window) -> Vec<Query> {
    let stage = subject.stage_name.as_str();
    let canary = subject.canary_dimension();
    let mut queries = vec![
        requests_of(subject, Some(stage), requests_id(Side::Stage), window),
        requests_of(subject, Some(&canary), requests_id(Side::Canary), window),
        requests_of(subject, None, WHOLE_API.to_owned(), window),
        Query { id: LISTED.to_owned(), ask: Ask::StageDimensions { api_name: subject.api_dimension() } },
    ];
    for name in others(subject) {
        queries.push(requests_of(subject, Some(name), format!("other.{name}"), window));
        queries.push(requests_of(subject, Some(&format!("{name}/Canary")), format!("other.{name}/Canary"), window));
    }
    queries
}

/// What the counts of a window tell.
pub(super) fn find(subject: &Subject, window: Window, readings: &Readings) -> Told {
    let Scene::Canary { percent, .. } = subject.scene else { return Told::Known(Scope::Disjoint) };
    let requests = |id: &str| {
        let values = series(readings, id)?;
        let sum: f64 = values.range(window.from..window.until).map(|(_, value)| *value).sum();
        if sum.is_finite() && sum >= 0.0 { Ok(sum) } else { Err(format!("CloudWatch counted {sum} requests")) }
    };
    let both =
        requests(&requests_id(Side::Canary)).and_then(|canary| Ok((canary, requests(&requests_id(Side::Stage))?)));
    let (canary, stage) = match both {
        Ok(both) => both,
        Err(why) => return Told::NotYet(why),
    };
    let share = percent / 100.0;
    if canary <= 0.0 && stage * share >= ENOUGH {
        return Told::NoSeries(no_series(subject, readings));
    }
    if canary < ENOUGH {
        return Told::NotYet(format!("{ENOUGH} requests of the canary are needed to see where CloudWatch counts them"));
    }
    if let Some(scope) = by_accounts(subject, requests, stage, canary).or_else(|| by_shares(stage, canary, share)) {
        return Told::Known(scope);
    }
    Told::Known(Scope::Unknown)
}

/// Compares the whole REST API with all that its stages count.
fn by_accounts(
    subject: &Subject,
    requests: impl Fn(&str) -> Result<f64, String>,
    stage: f64,
    canary: f64,
) -> Option<Scope> {
    // Without a list of all stages the accounts do not close.
    if subject.stages.is_empty() || subject.stages.len() > MOST_STAGES {
        return None;
    }
    let whole = requests(WHOLE_API).ok()?;
    let (mut stages, mut canaries) = (stage, canary);
    for name in others(subject) {
        stages += requests(&format!("other.{name}")).ok()?;
        canaries += requests(&format!("other.{name}/Canary")).ok()?;
    }
    let apart = whole - stages;
    let slack = canary * TOLERANCE;
    if (apart - canaries).abs() <= slack {
        return Some(Scope::Disjoint);
    }
    (apart.abs() <= slack).then_some(Scope::Inclusive)
}

/// The canary has `share` of all requests: of its own and the stage's, or of the stage's.
fn by_shares(stage: f64, canary: f64, share: f64) -> Option<Scope> {
    let fits = |all: f64| {
        // Logarithm of the binomial probability, without the part that both have about alike, as a normal density.
        let variance = (all * share * (1.0 - share)).max(1.0);
        -(canary - all * share).powi(2) / (2.0 * variance) - variance.ln() / 2.0
    };
    let (disjoint, inclusive) = (fits(stage + canary), fits(stage));
    // The likelier one must also be likely: within four standard deviations.
    let well = |all: f64| (canary - all * share).powi(2) <= 16.0 * (all * share * (1.0 - share)).max(1.0);
    if disjoint - inclusive >= SURE && well(stage + canary) {
        return Some(Scope::Disjoint);
    }
    (inclusive - disjoint >= SURE && well(stage)).then_some(Scope::Inclusive)
}

fn others(subject: &Subject) -> impl Iterator<Item = &str> {
    let asked = subject.stages.len() <= MOST_STAGES;
    let stages = subject.stages.iter().filter(move |name| asked && **name != subject.stage_name);
    stages.map(crate::api::names::StageName::as_str)
}

fn no_series(subject: &Subject, readings: &Readings) -> String {
    let dimension = subject.canary_dimension();
    let listed = match readings.get(LISTED) {
        Some(Reading::Names(names)) if !names.is_empty() => {
            let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            format!(" (it lists Stage = {})", shown.join(", "))
        }
        _ => String::new(),
    };
    format!(
        "CloudWatch has no series with Stage = {dimension}{listed}, so the canary cannot be told apart; set canarySeries: AccessLogs"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::analysis::fixtures;
    use crate::api::names::StageName;

    /// Half of the traffic: the likelihoods differ by 13.65 at 28 requests a side and by 14.15 at 29.
    #[rstest]
    #[case::a_million_to_one_is_not_there_yet(28.0, 28.0, None)]
    #[case::and_now_it_is(29.0, 29.0, Some(Scope::Disjoint))]
    // Deviations squared: 15.87 and 16.20 of the variance.
    #[case::four_deviations_are_borne(200.0, 288.0, Some(Scope::Disjoint))]
    #[case::more_are_not_of_this_share(200.0, 289.0, None)]
    fn shares_tell_from_a_million_to_one_on(#[case] stage: f64, #[case] canary: f64, #[case] expected: Option<Scope>) {
        assert_eq!(by_shares(stage, canary, 0.5), expected);
    }

    /// 900 requests of the stage's series, 100 of the canary's, and what the whole REST API counts.
    #[rstest]
    #[case::apart(1_000.0, 1, Some(Scope::Disjoint))]
    #[case::contained(900.0, 1, Some(Scope::Inclusive))]
    #[case::off_by_a_tenth(1_010.0, 1, Some(Scope::Disjoint))]
    #[case::off_by_more(1_010.5, 1, None)]
    #[case::contained_and_off_by_a_tenth(910.0, 1, Some(Scope::Inclusive))]
    #[case::contained_and_off_by_more(910.5, 1, None)]
    #[case::twenty_stages_are_asked_for(1_000.0, 20, Some(Scope::Disjoint))]
    #[case::more_are_not(1_000.0, 21, None)]
    fn accounts_close_within_a_tenth_of_the_canary(
        #[case] whole: f64,
        #[case] stages: usize,
        #[case] expected: Option<Scope>,
    ) {
        let names = (1..stages).map(|number| StageName::from(format!("stage{number}").as_str()));
        let mut subject = fixtures::subject("10:00:00");
        subject.stages.extend(names);
        let requests = |id: &str| Ok(if id == WHOLE_API { whole } else { 0.0 });
        assert_eq!(by_accounts(&subject, requests, 900.0, 100.0), expected);
    }
}
