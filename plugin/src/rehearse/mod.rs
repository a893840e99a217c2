//! `rehearse`: what a policy does to a release, before it is trusted with production.
//!
//! The operator itself plays the release, in this process and in simulated time, against the simulator of API Gateway and its
//! traffic. Nothing is asked of a cluster or of AWS. `docs/rehearse.md` tells how to read the answer.
//!
//! * [`scenario`]: what happens
//! * [`script`]: what is played: the manifests, as far as they can be
//! * [`play`]: the operator's passes and the world around them
//! * [`timeline`]: what happened; [`odds`]: what happens to many

mod cloud;
mod cluster;
pub mod odds;
pub mod play;
pub mod scenario;
pub mod script;
mod svg;
mod text;
pub mod timeline;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;
use stagecraft::run::BoxError;

use odds::Odds;
use scenario::{Scenario, Setting};
use script::Script;
use timeline::TimeLine;

/// Most requests a minute: those of a billion a second would not be a stage's.
const MOST_REQUESTS: f64 = 1e9;

/// Most runs: beyond this the odds do not get any clearer.
const MOST_RUNS: u32 = 100_000;

/// What to play.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A file with manifests, `-` for standard input; together they hold one ApiStage and its ApiCanary
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What happens: good, errors=3%, errors=3%@50 (once it has half of the traffic), 4xx=5%, slow=2x, silent, gap, late=5m, burst=20%
    #[arg(long, value_name = "SCENARIO", default_value = "good")]
    scenario: Scenario,
    /// Requests a minute to the stage
    #[arg(long, value_name = "N", default_value = "600", value_parser = requests)]
    rpm: f64,
    /// Share of 5xx among the answers of the revision that serves now, in percent
    #[arg(long, value_name = "PERCENT", default_value = "0.2", value_parser = percent)]
    stable_errors: f64,
    /// Seed of everything random: the same one plays the same release
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// How many releases to play, with the seeds from --seed on, for the odds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_RUNS)))]
    runs: Option<u32>,
    /// How to print it
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// For programs
    Json,
    /// A picture
    Svg,
}

/// For programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    #[serde(flatten)]
    line: TimeLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    odds: Option<Odds>,
}

fn requests(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number <= MOST_REQUESTS);
    number.ok_or_else(|| "write a number above 0, such as 600; for no traffic there is --scenario silent".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok().filter(|number| (0.0..100.0).contains(number));
    number.ok_or_else(|| "write a percentage from 0 to less than 100, such as 0.2".to_owned())
}

/// Plays and prints.
///
/// # Errors
///
/// One sentence about what cannot be played.
pub fn run(arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { files, scenario, rpm, stable_errors, seed, runs, output } = arguments;
    if runs.is_some() && *output == Output::Svg {
        return Err("a picture shows one release: leave --runs out, or print the odds with -o text or -o json".into());
    }
    let script = Script::read(files)?;
    let setting = Setting { requests_a_minute: *rpm, stable_errors: stable_errors / 100.0 };
    let line = play::play(&script, scenario, setting, *seed)?;
    let odds = runs.map(|runs| odds::odds(&script, scenario, setting, *seed, runs)).transpose()?;
    let printed = match output {
        Output::Text => text::time_line(&line) + &odds.as_ref().map(text::odds).unwrap_or_default(),
        Output::Json => serde_json::to_string_pretty(&Printed { line, odds })? + "\n",
        Output::Svg => svg::draw(&line),
    };
    io::stdout().lock().write_all(printed.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
