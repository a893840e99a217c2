//! The program: `conformance play --endpoint http://127.0.0.1:4570`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use apigateway_conformance::client::{Boto3, Client, Python, Raw, RustSdk, cache_folder, told};
use apigateway_conformance::connect::Place;
use apigateway_conformance::facts::Facts;
use apigateway_conformance::player::{Observation, Player, Side, Verdict};
use apigateway_conformance::unknowns;
use clap::{Args, Parser, Subcommand, ValueEnum};

type Failure = Box<dyn std::error::Error>;

/// Plays facts about Amazon API Gateway against a simulator, any other endpoint, or a real account.
///
/// Against our simulator it moves clock, switches, faults and quota, and puts them back. Against anything else it plays
/// what needs none of these. In a real account it makes REST APIs whose names begin with `stagecraft-conformance-`, at
/// two requests a second, deletes them, and writes down what AWS answered to the open questions. It was never run
/// against AWS by its authors: they had no account. Its pace and its clean-up are held by tests against the simulator
/// with AWS's quotas.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play the rows.
    Play {
        #[command(flatten)]
        place: PlaceArguments,
        /// Client to play with; all of them by default. A real account is played with raw only.
        #[arg(long, value_enum)]
        client: Option<ClientName>,
        /// Play only rows whose id begins with this, e.g. `3.2-`.
        #[arg(long, default_value = "")]
        rows: String,
        /// Where to write what was answered to the open questions, as a Markdown table.
        #[arg(long)]
        report: Option<PathBuf>,
    },
    /// Delete what runs left behind that were killed: REST APIs and client certificates by the beginning of their names.
    Clean {
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[derive(Debug, Args)]
struct PlaceArguments {
    /// URL of a simulator or another endpoint that is not AWS.
    #[arg(long, required_unless_present = "aws", conflicts_with = "aws")]
    endpoint: Option<String>,
    /// The Region to name to an endpoint.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// Play in the real account of the environment's credentials, in the environment's Region.
    #[arg(long, requires = "yes_real_account")]
    aws: bool,
    /// Yes, I mean a real account: it makes and deletes REST APIs there, for about an hour.
    #[arg(long)]
    yes_real_account: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClientName {
    /// HTTP, the request as the row states it.
    Raw,
    /// AWS's SDK for Rust.
    Sdk,
    /// AWS's SDK for Python, from `PyPI`.
    Boto3,
}

/// How many plays ended how.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    observations: Vec<Observation>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where even this cannot be written, the exit code still tells.
            writeln!(io::stderr(), "error: {}", told(error.as_ref())).ok();
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<bool, Failure> {
    let facts = Facts::load()?;
    match command {
        Command::Play { place, client, rows, report } => {
            let place = connect(&place).await?;
            let mut tally = Tally::default();
            for name in clients(&place, client) {
                let player = player(&facts, &place, name).await?;
                play(player, &rows, &mut tally).await?;
            }
            // Our simulator answers as its switches are; there is nothing to learn.
            if let (Some(path), false) = (report, tally.observations.is_empty()) {
                let table = unknowns::table(&facts, &tally.observations, &in_words(&place));
                std::fs::write(&path, table)?;
                writeln!(io::stdout(), "What was answered to the open questions is in {}.", path.display())?;
            }
            let Tally { passed, failed, skipped, observations } = tally;
            if !observations.is_empty() {
                writeln!(io::stdout(), "{} open questions asked", observations.len())?;
            }
            writeln!(io::stdout(), "{passed} passed, {failed} failed, {skipped} skipped")?;
            Ok(failed == 0)
        }
        Command::Clean { place } => {
            let place = connect(&place).await?;
            let mut player = player(&facts, &place, ClientName::Raw).await?;
            let removed = player.clean().await?;
            for name in &removed {
                writeln!(io::stdout(), "deleted {name}")?;
            }
            writeln!(io::stdout(), "{} deleted", removed.len())?;
            Ok(true)
        }
    }
}

async fn connect(arguments: &PlaceArguments) -> Result<Place, Failure> {
    match &arguments.endpoint {
        Some(endpoint) => Ok(Place::endpoint(endpoint, &arguments.region).await?),
        None => Ok(Place::real_account().await?),
    }
}

fn in_words(place: &Place) -> String {
    match place.side {
        Side::Simulator => "the simulator".to_owned(),
        Side::Endpoint => "this endpoint".to_owned(),
        Side::RealAccount => format!("AWS in {}", place.region),
    }
}

fn clients(place: &Place, wanted: Option<ClientName>) -> Vec<ClientName> {
    match (place.side, wanted) {
        // Each client more is an hour more of somebody's quota.
        (Side::RealAccount, _) => vec![ClientName::Raw],
        (Side::Simulator | Side::Endpoint, Some(name)) => vec![name],
        (Side::Simulator | Side::Endpoint, None) => vec![ClientName::Raw, ClientName::Sdk, ClientName::Boto3],
    }
}

async fn player<'f>(facts: &'f Facts, place: &Place, name: ClientName) -> Result<Player<'f>, Failure> {
    let raw = || Client::Raw(Raw::new(&place.configuration));
    let player = match name {
        ClientName::Raw => Player::new(facts, raw(), place.side),
        ClientName::Sdk => {
            Player::new(facts, Client::RustSdk(RustSdk::new(&place.configuration)), place.side).controlled_by(raw())
        }
        ClientName::Boto3 => {
            let endpoint = place.configuration.endpoint_url().unwrap_or_default();
            let python = Python::prepare(&cache_folder()?).await?;
            let boto3 = Boto3::start(&python, endpoint, &place.region)?;
            Player::new(facts, Client::Boto3(Box::new(boto3)), place.side).controlled_by(raw())
        }
    };
    Ok(player.at(&place.account, &place.region, &format!("{:x}", std::process::id())))
}

/// Plays; an interruption ends it and clears away.
async fn play(mut player: Player<'_>, rows: &str, tally: &mut Tally) -> Result<(), Failure> {
    let name = player.client_name();
    writeln!(io::stdout(), "{name}:")?;
    let interrupted = tokio::select! {
        () = player.play_all(rows, |play, verdict| tally.count(&play.id, &play.row.claim, verdict)) => false,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            true
        }
    };
    if interrupted {
        writeln!(io::stdout(), "interrupted: deleting what was made")?;
        player.clean().await?;
        return Err("interrupted".into());
    }
    player.finish().await?;
    if player.throttled() > 0 {
        writeln!(
            io::stdout(),
            "{} requests were throttled and sent again: others use the quota too",
            player.throttled()
        )?;
    }
    Ok(())
}

impl Tally {
    fn count(&mut self, id: &str, claim: &str, verdict: &Verdict) {
        let line = match verdict {
            Verdict::Passed => {
                self.passed = self.passed.saturating_add(1);
                return;
            }
            Verdict::Failed(why) => {
                self.failed = self.failed.saturating_add(1);
                format!("FAILED {id}: {claim}\n  {why}")
            }
            Verdict::Skipped(why) => {
                self.skipped = self.skipped.saturating_add(1);
                format!("skipped {id}: {why}")
            }
            Verdict::Observed(observation) => {
                self.observations.push(observation.clone());
                format!("asked {id}: {} {}", observation.question, observation.answers.join(" or "))
            }
        };
        // Where nobody reads, the exit code still tells.
        writeln!(io::stdout(), "{line}").ok();
    }
}
