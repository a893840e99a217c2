//! The command line: every command is one variant here and one module.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stagecraft::run::BoxError;
use stagecraft::telemetry::Chain;

use crate::completion;

/// What a person typed.
#[derive(Debug, Parser)]
#[command(name = "kubectl-stagecraft", bin_name = "kubectl stagecraft", version, about, max_term_width = 110)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Stages of Amazon API Gateway and their releases.
#[derive(Debug, Subcommand)]
enum Command {
    /// Print a script that completes commands and flags in a shell
    Completion(completion::Arguments),
}

/// Does what was typed. Every error is one sentence on standard error, with the code 1; a command line that cannot be read
/// has clap's code 2.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(message) => return stagecraft::cli::told(&message),
    };
    cli.run().unwrap_or_else(|error| {
        tell(&*error);
        ExitCode::FAILURE
    })
}

impl Cli {
    fn run(self) -> Result<ExitCode, BoxError> {
        match self.command {
            Command::Completion(arguments) => completion::run(&arguments),
        }
    }
}

fn tell(error: &(dyn Error + 'static)) {
    // Where standard error is closed there is nobody to tell.
    drop(writeln!(io::stderr(), "error: {}", Chain(error)));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_tree_is_sound_and_every_flag_is_explained() {
        fn explained(command: &clap::Command) {
            for flag in command.get_arguments() {
                assert!(flag.get_help().is_some(), "{} of {} is not explained", flag.get_id(), command.get_name());
            }
            command.get_subcommands().for_each(explained);
        }
        let command = Cli::command();
        command.clone().debug_assert();
        explained(&command);
    }
}
