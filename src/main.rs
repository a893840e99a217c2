//! The operator's program: parse, set up the log, run.

use std::process::ExitCode;
use std::time::Duration;

use stagecraft::cli::{self, Command};
use stagecraft::run::BoxError;
use stagecraft::telemetry::{self, Chain};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Run(settings)) => match run(*settings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{}", Chain(&*error));
                ExitCode::FAILURE
            }
        },
        // Help and version are "errors" too; without anybody to print to, the exit code has to do.
        Err(message) => message.print().map_or(ExitCode::FAILURE, |()| {
            u8::try_from(message.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }),
    }
}

fn run(settings: cli::Settings) -> Result<(), BoxError> {
    telemetry::install(&settings.log_level, settings.log_format)?;
    // One TLS stack for the cluster and AWS. An error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(stagecraft::run::run(settings, stagecraft::controller::run));
    // A name lookup that hangs must not keep a replica alive that lost the lease.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ended?)
}
