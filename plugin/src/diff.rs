//! `diff`: how the stage in AWS differs from what its object declares, as the operator sees it.

use std::process::ExitCode;

use clap::Args;
use stagecraft::cli::Run;
use stagecraft::preview::{self, Settings};
use stagecraft::run::BoxError;

use crate::cluster::{Cluster, Place};
use crate::output::{Output, print};

/// Which stage.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the ApiStage
    name: String,
    #[command(flatten)]
    output: Output,
    /// Show the values of variables, too
    #[arg(long)]
    show_values: bool,
    #[command(flatten, next_help_heading = "The operator's own flags, which its plans depend on")]
    operator: Run,
}

/// Prints it. Exit code: 0 no difference, 2 differences.
///
/// # Errors
///
/// The object or AWS cannot be read.
pub async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { name, output, show_values, operator } = arguments;
    let cluster = Cluster::connect(place).await?;
    let stage = cluster.stage(&name).await?.stage;
    let settings = Settings {
        files: Vec::new(),
        namespace: Some(cluster.namespace.clone()),
        json: output.is_json(),
        show_values,
        operator: operator.settings()?,
    };
    let told = Box::pin(preview::of_stage(&settings, cluster.config(), stage)).await?;
    print(&told.text)?;
    Ok(told.exit_code())
}
