//! Measures the real server program and fails where it misses a limit: `make bench`.
//!
//! A package of its own and no `cargo bench` target: those unify features with the simulator's development
//! dependencies, so they would measure another program (tokio with its test clock) after minutes of building SDKs.
//! It sends to loopback only, and every step of it has an end.

mod client;
mod limits;
mod pinning;
mod server;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use client::Stages;
use limits::{LIMITS, Measured, Row};
use pinning::Cores;
use server::Server;

/// The median of an odd number: one slow moment of a shared machine does not decide.
const RUNS: usize = 3;
const REST_APIS: usize = 1_000;
const STAGES_EACH: usize = 10;
/// Before the count begins.
const WARM_UP: Duration = Duration::from_secs(1);
const COUNTED: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    match bench() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where even this cannot be written, the exit code still tells.
            writeln!(io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Whether all limits are kept.
fn bench() -> io::Result<bool> {
    if cfg!(debug_assertions) {
        return Err(io::Error::other("this build is for debugging and its numbers mean nothing; run `make bench`"));
    }
    let program = program()?;
    let cores = Cores::find()?;
    let mut out = io::stdout().lock();
    writeln!(out, "Server on CPU {}, client on CPU {}; {RUNS} runs.", cores.server, cores.client)?;
    let mut runs = Vec::new();
    for number in 1..=RUNS {
        let measured = run(&program, &cores)?;
        writeln!(out, "run {number}: {measured}")?;
        out.flush()?;
        runs.push(measured);
    }
    let rows: Vec<Row> = LIMITS.iter().map(|limit| limit.judge(&runs)).collect();
    write!(out, "\n{}", limits::table(&rows))?;
    out.flush()?;
    Ok(rows.iter().all(|row| row.kept))
}

/// The server that was built beside this program.
fn program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("apigateway-simulator");
    if program.is_file() {
        return Ok(program);
    }
    let text = format!("there is no {}; run `make bench`, which builds it", program.display());
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}

/// One server from its start to its end. The load falls on the full server, so that its size counts too, and the
/// memory is the peak of it all.
fn run(program: &std::path::Path, cores: &Cores) -> io::Result<Measured> {
    let (server, startup) = Server::start(program, cores)?;
    let stages = Stages::create(server.address(), REST_APIS, STAGES_EACH)?;
    let answers_per_second = stages.load(server.address(), WARM_UP, COUNTED)?;
    let peak_memory_mib = server.peak_memory_mib()?;
    Ok(Measured { startup_seconds: startup.as_secs_f64(), answers_per_second, peak_memory_mib })
}
