//! `plan`: what the operator would do about manifests, without doing it. The operator's own plan, with the person's rights.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stagecraft::cli::Run;
use stagecraft::preview::{self, Settings};
use stagecraft::run::BoxError;

use crate::cluster::{Cluster, Place};
use crate::output::{Output, print};

/// Which manifests.
#[derive(Debug, Args)]
pub struct Arguments {
    /// File with manifests, as kubectl takes it; `-`: standard input. May be given several times
    #[arg(short = 'f', long = "filename", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
    /// Show the values of variables, too
    #[arg(long)]
    show_values: bool,
    #[command(flatten, next_help_heading = "The operator's own flags, which its plans depend on")]
    operator: Run,
}

/// Prints it. Exit code: 0 no change, 2 changes.
///
/// # Errors
///
/// A manifest, the cluster or AWS cannot be read.
pub async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode, BoxError> {
    let Arguments { files, output, show_values, operator } = arguments;
    let cluster = Cluster::connect(place).await?;
    let settings = Settings {
        files,
        namespace: Some(cluster.namespace.clone()),
        json: output.is_json(),
        show_values,
        operator: operator.settings()?,
    };
    let told = Box::pin(preview::of_files(&settings, cluster.config())).await?;
    print(&told.text)?;
    Ok(told.exit_code())
}
