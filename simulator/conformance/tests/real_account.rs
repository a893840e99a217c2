//! The way a real account is treated, held against the simulator with AWS's quotas. Paused time drives pace and quota.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use apigateway_conformance::client::{Client, InProcess};
use apigateway_conformance::exchange::Request;
use apigateway_conformance::facts::Facts;
use apigateway_conformance::player::{Observation, Player, Side, Verdict};
use apigateway_conformance::unknowns;
use apigateway_simulator::{Simulator, Switches};
use serde_json::{Value, json};

/// What a run in an account brought.
#[derive(Default)]
struct Run {
    passed: usize,
    failed: Vec<String>,
    observed: Vec<Observation>,
}

impl Run {
    fn count(&mut self, id: &str, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(why) => self.failed.push(format!("{id}: {why}")),
            Verdict::Observed(observation) => self.observed.push(observation.clone()),
            Verdict::Skipped(_) => {}
        }
    }

    fn answers(&self, row: &str) -> Vec<&[String]> {
        self.observed.iter().filter(|seen| seen.row == row).map(|seen| seen.answers.as_slice()).collect()
    }
}

fn account(switches: Switches) -> Simulator {
    Simulator::builder().quota(true).switches(switches).build()
}

async fn run(simulator: &Simulator, rows: &str) -> Run {
    let facts = Facts::load().unwrap();
    let client = Client::InProcess(InProcess::in_step(simulator.clone()));
    let mut player = Player::new(&facts, client, Side::RealAccount);
    let mut run = Run::default();
    player.play_all(rows, |play, verdict| run.count(&play.id, verdict)).await;
    player.finish().await.unwrap();
    assert_eq!(player.throttled(), 0, "a request was sent too early");
    run
}

/// Everything that is still there: REST APIs and client certificates.
fn left(simulator: &Simulator) -> Vec<String> {
    let state = simulator.dump();
    let mut found = Vec::new();
    names(&state, &mut found);
    found
}

fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| names(member, found)),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        Value::String(text) if text.starts_with("stagecraft-conformance-") => found.push(text.clone()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_stays_inside_the_quotas_and_leaves_nothing() {
    let simulator = account(Switches::default());
    let run = run(&simulator, "").await;
    assert!(run.failed.is_empty(), "{}", run.failed.join("\n"));
    assert!(run.passed > 200, "only {} rows are for a real account", run.passed);
    assert_eq!(left(&simulator), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn without_the_pace_the_quotas_refuse() {
    let simulator = account(Switches::default());
    let facts = Facts::load().unwrap();
    let mut player = Player::new(&facts, Client::InProcess(InProcess::in_step(simulator)), Side::Endpoint);
    let mut run = Run::default();
    player.play_all("4.", |play, verdict| run.count(&play.id, verdict)).await;
    assert!(run.failed.iter().any(|why| why.contains("429 TooManyRequestsException")), "{:?}", run.failed);
}

#[tokio::test(start_paused = true)]
async fn rows_share_one_api_and_two_deployments() {
    let simulator = account(Switches::default());
    run(&simulator, "3.2-").await;
    let counts = simulator.call_counts();
    let own: BTreeSet<&str> = ["3.2-documentation-version-replace"].into();
    assert_eq!(counts["CreateRestApi"], 1 + own.len() as u64);
    assert_eq!(counts["CreateDeployment"], 2 + 2 * own.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn the_account_tells_its_own_answers() {
    let default = run(&account(Switches::default()), "10-").await;
    let other = Switches {
        remove_absent_canary: apigateway_simulator::Verdict::Accept,
        tagging_moves_last_updated_date: true,
        api_status: Some("UPDATING".to_owned()),
        ..Switches::default()
    };
    let other = run(&account(other), "10-").await;
    assert_eq!(default.answers("10-4"), [["400, in the family's words"]]);
    assert_eq!(other.answers("10-4"), [["nothing: 200"]]);
    assert_eq!(default.answers("10-24-date"), [["no"]]);
    assert_eq!(other.answers("10-24-date"), [["yes"]]);
    assert_eq!(other.answers("10-32"), [[] as [&str; 0]], "an answer that nobody foresaw");
    let table = unknowns::table(&Facts::load().unwrap(), &other.observed, "the test");
    assert!(table.contains("| 4 | What does `remove /canarySettings` do where there is no canary? | nothing: 200 |"));
    assert!(table.contains("| 32 | Is apiStatus there? | **something new** |"), "{table}");
}

#[tokio::test(start_paused = true)]
async fn clean_deletes_ours_by_name_and_nothing_else() {
    let simulator = account(Switches::default());
    let client = || Client::InProcess(InProcess::in_step(simulator.clone()));
    let regional = |name: &str| {
        Request::rest("POST", "/restapis").with(json!({"name": name, "endpointConfiguration": {"types": ["REGIONAL"]}}))
    };
    let certificate = |text: &str| Request::rest("POST", "/clientcertificates").with(json!({"description": text}));
    for name in ["stagecraft-conformance-7-petstore", "petstore", "stagecraft-conformance-8-x"] {
        assert_eq!(client().exchange(&certificate(name)).await.unwrap().status, 201);
        tokio::time::advance(std::time::Duration::from_secs(4)).await;
        simulator.clock().advance(std::time::Duration::from_secs(4));
        assert_eq!(client().exchange(&regional(name)).await.unwrap().status, 201);
    }
    let facts = Facts::load().unwrap();
    let mut player = Player::new(&facts, client(), Side::RealAccount);
    assert_eq!(player.clean().await.unwrap().len(), 4);
    assert_eq!((left(&simulator), player.throttled()), (Vec::new(), 0));
    let rest = client().exchange(&Request::rest("GET", "/restapis")).await.unwrap();
    assert!(format!("{:?}", rest.outcome).contains("\"petstore\""), "{rest:?}");
}
