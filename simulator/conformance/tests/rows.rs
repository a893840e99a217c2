//! Every row through every client.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells its tally")]

use apigateway_conformance::client::{Boto3, Client, InProcess, Python, Raw, RustSdk, cache_folder};
use apigateway_conformance::facts::Facts;
use apigateway_conformance::player::{Player, Side, Verdict};
use apigateway_simulator::{Server, Simulator};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

/// How many plays passed, and what failed.
#[derive(Default)]
struct Tally {
    passed: usize,
    skipped: Vec<String>,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, id: &str, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Skipped(why) => self.skipped.push(format!("{id}: {why}")),
            Verdict::Failed(why) => self.failed.push(format!("{id}\n  {why}")),
            Verdict::Observed(observation) => self.failed.push(format!("{id}\n  only observed: {observation:?}")),
        }
    }

    /// Prints the tally; fails where a play failed, or where next to none was played.
    fn judge(self, client: &str) {
        println!("{client}: {} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len());
        for skipped in &self.skipped {
            println!("skipped {skipped}");
        }
        assert!(self.failed.is_empty(), "{client}:\n{}", self.failed.join("\n"));
        assert!(self.passed > 300, "{client}: only {} plays", self.passed);
    }
}

async fn play_all(mut player: Player<'_>, facts: &Facts) -> Tally {
    let mut tally = Tally::default();
    for row in &facts.rows {
        for play in player.plays(row) {
            tally.count(&play.id, player.play(&play).await);
        }
    }
    tally
}

async fn configuration(server: &Server) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(server.url())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

async fn served() -> Server {
    Server::start(Simulator::builder().build(), "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// Each play has a simulator of its own.
#[tokio::test]
async fn every_row_holds_in_process() {
    let facts = Facts::load().unwrap();
    let mut tally = Tally::default();
    for row in &facts.rows {
        let client = || Client::InProcess(InProcess::new(Simulator::builder().build()));
        for play in Player::new(&facts, client(), Side::Simulator).plays(row) {
            let verdict = Player::new(&facts, client(), Side::Simulator).play(&play).await;
            tally.count(&play.id, verdict);
        }
    }
    tally.judge("in process");
}

/// All plays share one simulator, as against a server that is running.
#[tokio::test]
async fn every_row_holds_over_http() {
    let facts = Facts::load().unwrap();
    let server = served().await;
    let client = Client::Raw(Raw::new(&configuration(&server).await));
    play_all(Player::new(&facts, client, Side::Simulator), &facts).await.judge("raw HTTP");
}

#[tokio::test]
async fn every_row_holds_through_the_rust_sdk() {
    let facts = Facts::load().unwrap();
    let server = served().await;
    let configuration = configuration(&server).await;
    let player = Player::new(&facts, Client::RustSdk(RustSdk::new(&configuration)), Side::Simulator)
        .controlled_by(Client::Raw(Raw::new(&configuration)));
    play_all(player, &facts).await.judge("Rust SDK");
}

#[tokio::test]
async fn every_row_holds_through_boto3() {
    let facts = Facts::load().unwrap();
    let server = served().await;
    let configuration = configuration(&server).await;
    let python = match Python::prepare(&cache_folder().unwrap()).await {
        Ok(python) => python,
        Err(error) => panic!("{error}"),
    };
    let boto3 = Boto3::start(&python, &server.url(), "eu-west-1").unwrap();
    let player = Player::new(&facts, Client::Boto3(Box::new(boto3)), Side::Simulator)
        .controlled_by(Client::Raw(Raw::new(&configuration)));
    play_all(player, &facts).await.judge("boto3");
}
