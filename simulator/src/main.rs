//! The server: `apigateway-simulator --listen 127.0.0.1:4570`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use apigateway_simulator::{Clock, Simulator, listen};
use clap::{Parser, ValueEnum};

/// Simulates Amazon API Gateway (REST APIs), with STS, CloudWatch, log groups and web ACLs, on loopback.
///
/// Point clients at it with `AWS_ENDPOINT_URL=http://127.0.0.1:4570`; any well-formed credentials will do. What the
/// simulator itself can be asked is below `/_simulator/` at the same address.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Loopback address and port to listen at; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4570")]
    listen: SocketAddr,
    /// The account of callers whose key was not issued by the simulated STS.
    #[arg(long, default_value = "123456789012", value_parser = account)]
    account: String,
    /// The Region of calls without a signature.
    #[arg(long, default_value = "eu-west-1")]
    region: String,
    /// Seed of everything random: ids, faults with a probability, traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// AWS's request quotas: 10 requests a second (burst 40), one `CreateDeployment` in 5 seconds, and the others.
    #[arg(long, value_enum, default_value_t = Quota::Off)]
    quota: Quota,
    /// How long a cache cluster takes to be created, deleted or flushed, in seconds of simulated time.
    #[arg(long, default_value_t = 240.0, value_parser = seconds)]
    cache_delay: f64,
    /// How many times faster than real time the simulated clock runs.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    time_factor: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Quota {
    Aws,
    Off,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account id has 12 digits".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(number)
        .map(|_| number)
        .map_err(|_out_of_bounds| "must be a number, 0 or more".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code still tells.
            writeln!(io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let simulator = Simulator::builder()
        .account(&arguments.account)
        .region(&arguments.region)
        .seed(arguments.seed)
        .clock(Clock::real(arguments.time_factor))
        .quota(arguments.quota == Quota::Aws)
        .cache_delay(Duration::from_secs_f64(arguments.cache_delay))
        .build();
    let listener = listen(arguments.listen).await?;
    writeln!(io::stdout(), "apigateway-simulator listens at http://{}", listener.local_addr()?)?;
    tokio::select! {
        () = simulator.serve(listener) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
