//! `history`: what a stage served, and what did not come to serve.

use std::process::ExitCode;

use clap::Args;
use stagecraft::run::BoxError;

use crate::clock::now;
use crate::cluster::{Cluster, Place};
use crate::output::{Output, print, print_json};
use crate::screen::history::table;
use crate::screen::paint::Paint;
use crate::screen::view::View;

/// Which stage.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Name of the ApiStage
    name: String,
    #[command(flatten)]
    output: Output,
}

/// Prints it, newest first.
///
/// # Errors
///
/// There is no such object, or it cannot be read.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let cluster = Cluster::connect(place).await?;
    let view = View::of(&cluster.stage(&arguments.name).await?);
    if arguments.output.is_json() {
        print_json(&view.history)?;
    } else if view.history.is_empty() {
        print(&format!("ApiStage {} has served nothing yet.\n", view.full_name()))?;
    } else {
        print(&table(&view, now(), Paint::of_standard_output()))?;
    }
    Ok(ExitCode::SUCCESS)
}
