//! The operator's program: parse, set up the log, run.

use std::process::ExitCode;
use std::time::Duration;

use stagecraft::cli::{self, Command};
use stagecraft::run::BoxError;
use stagecraft::{controller, crds, preview, telemetry};

fn main() -> ExitCode {
    let done = match cli::parse(std::env::args_os()) {
        Ok(Command::Run(settings)) => run(*settings),
        Ok(Command::Crds { folder }) => crds::write(folder.as_deref()).map_err(BoxError::from),
        Ok(Command::Plan(settings)) => return plan(*settings),
        Err(message) => return cli::told(&message),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::tell(&*error);
            ExitCode::FAILURE
        }
    }
}

/// 0: no change, 2: changes, 1: an error.
fn plan(settings: preview::Settings) -> ExitCode {
    preview::play(settings).unwrap_or_else(|error| {
        telemetry::tell(&*error);
        ExitCode::FAILURE
    })
}

fn run(settings: cli::Settings) -> Result<(), BoxError> {
    telemetry::install(&settings.log_level, settings.log_format)?;
    // One TLS stack for the cluster and AWS. An error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(stagecraft::run::run(settings, controller::run));
    // A name lookup that hangs must not keep a replica alive that lost the lease.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ended?)
}
