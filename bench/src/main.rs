//! Measures the operator's own program from outside and fails where it misses a limit: `make bench`.
//!
//! A real kube-apiserver, the simulator's program and the operator's program, as it ships, run for some minutes. What is measured
//! is what anybody could see: readiness in a watch, memory and processor time in `/proc`, and calls in the simulator's log.
//! `docs/benchmarks.md` tells what each row means.

mod aws;
mod bench;
mod failure;
mod fleet;
mod operator;
mod pause;
mod quota;
mod releases;
mod rest;
mod share;
mod table;
mod usage;
mod world;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::bench::Bench;
use crate::failure::Failure;
use crate::world::Programs;

/// Measure the operator from outside. The exit code is 0 where every limit was kept, else 1.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// What to measure; everything where nothing is named
    #[arg(value_enum)]
    only: Vec<Bench>,
    /// Leave this out; may be given several times
    #[arg(long, value_enum, value_name = "BENCH")]
    without: Vec<Bench>,
    /// Seconds for which the operator is watched at rest
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=3600))]
    rest_seconds: u64,
    /// Another operator than the one that was built beside this program
    #[arg(long, value_name = "PROGRAM")]
    operator: Option<PathBuf>,
    /// One more flag for each operator that is started, to see what it costs, such as --operator-flag=--aws-rate=10
    #[arg(long, value_name = "FLAG")]
    operator_flag: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Arguments::parse()).await {
        Ok(code) => code,
        Err(failure) => {
            // Where even this cannot be written, the exit code still tells.
            writeln!(io::stderr(), "error: {}", testbed::chain(&failure)).ok();
            ExitCode::FAILURE
        }
    }
}

/// Measures until the end or until somebody has seen enough. Whichever it is, everything that was started ends with it.
async fn measure(arguments: Arguments) -> Result<ExitCode, Failure> {
    // Before the start, so that no signal finds us without a handler.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    tokio::select! {
        kept = all(arguments) => kept.map(|kept| if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        // 128 and the number of the signal, as shells have it.
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

/// Whether all limits are kept.
async fn all(arguments: Arguments) -> Result<bool, Failure> {
    if cfg!(debug_assertions) && arguments.operator.is_none() {
        return Err(Failure::ForDebugging);
    }
    let programs = Programs::find(arguments.operator, arguments.operator_flag)?;
    let mut rows = Vec::new();
    let mut failed = None;
    for bench in Bench::chosen(&arguments.only, &arguments.without) {
        table::say(&format!("{bench}: {}", bench.tells()))?;
        match bench.measure(&programs, arguments.rest_seconds).await {
            Ok(measured) => rows.extend(measured),
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        }
    }
    // What was measured before something failed took half an hour.
    table::print(&rows)?;
    failed.map_or_else(|| Ok(rows.iter().all(table::Row::is_kept)), Err)
}
