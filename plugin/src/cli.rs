//! The command line: every command is one variant here and one module.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use stagecraft::run::BoxError;
use stagecraft::telemetry::Chain;

use crate::cluster::Place;
use crate::flush_cache::{self, Cache};
use crate::order::{Of, OfRelease};
use crate::{
    abort, approve, completion, diff, history, import, list, pause, plan, promote, rehearse, resume, retry, rollback,
    status,
};

/// What a person typed.
#[derive(Debug, Parser)]
#[command(name = "kubectl-stagecraft", version, about, max_term_width = 110)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// Stages of Amazon API Gateway and their releases.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show all stages, one line each
    List(list::Arguments),
    /// Show all that there is to know about one stage
    Status(status::Arguments),
    /// Show what a stage served, and what did not come to serve
    History(history::Arguments),
    /// Show how a stage in AWS differs from what its object declares
    ///
    /// Reads AWS with your own credentials. Exit code: 0 no difference, 2 differences, 1 an error.
    Diff(Box<diff::Arguments>),
    /// Show what the operator would do about manifests, field by field and call by call, and write nothing
    ///
    /// Reads AWS with your own credentials. Exit code: 0 no change, 2 changes, 1 an error.
    Plan(Box<plan::Arguments>),
    /// Write an existing stage of API Gateway as an ApiStage
    ///
    /// Reads AWS with your own credentials, and nothing of the cluster.
    Import(import::Arguments),
    /// Play a release in simulated time: what this policy does at this traffic
    ///
    /// Needs neither a cluster nor AWS.
    Rehearse(rehearse::Arguments),
    /// Skip what is left of a release's steps, and give its target all traffic
    Promote(OfRelease),
    /// Let a release go on that awaits a person
    Approve(OfRelease),
    /// Hold a release where it is
    Pause(Of),
    /// Let a paused release go on
    Resume(OfRelease),
    /// Take all traffic back from a release and hold its target, or remove a foreign canary
    Abort(abort::Arguments),
    /// Release a held target again
    Retry(retry::Arguments),
    /// Go back at once to what was stable
    Rollback(rollback::Arguments),
    /// Empty the stage's cache
    FlushCache(Of),
    /// Empty the cache of what the stage's authorizers said
    FlushAuthorizers(Of),
    /// Print a script that completes commands and flags in a shell
    Completion(completion::Arguments),
}

/// Does what was typed. Every error is one sentence on standard error, with the code 1, also that of a command line that
/// cannot be read.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // As people type it; the name of the program is what scripts for shells complete.
    let command = Cli::command().bin_name("kubectl stagecraft");
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(message) => return stagecraft::cli::told(&message),
    };
    cli.run().unwrap_or_else(|error| {
        if is_nobody_listening(&*error) {
            return ExitCode::SUCCESS;
        }
        tell(&*error);
        ExitCode::FAILURE
    })
}

impl Cli {
    fn run(self) -> Result<ExitCode, BoxError> {
        let place = self.place;
        match self.command {
            Command::List(arguments) => on_runtime(list::run(&place, &arguments)),
            Command::Status(arguments) => on_runtime(status::run(&place, &arguments)),
            Command::History(arguments) => on_runtime(history::run(&place, &arguments)),
            Command::Diff(arguments) => on_runtime(diff::run(&place, *arguments)),
            Command::Plan(arguments) => on_runtime(plan::run(&place, *arguments)),
            Command::Import(arguments) => on_runtime(import::run(&place, &arguments)),
            Command::Rehearse(arguments) => rehearse::run(&arguments),
            Command::Promote(arguments) => on_runtime(promote::run(&place, &arguments)),
            Command::Approve(arguments) => on_runtime(approve::run(&place, &arguments)),
            Command::Pause(arguments) => on_runtime(pause::run(&place, &arguments)),
            Command::Resume(arguments) => on_runtime(resume::run(&place, &arguments)),
            Command::Abort(arguments) => on_runtime(abort::run(&place, &arguments)),
            Command::Retry(arguments) => on_runtime(retry::run(&place, &arguments)),
            Command::Rollback(arguments) => on_runtime(rollback::run(&place, &arguments)),
            Command::FlushCache(arguments) => on_runtime(flush_cache::run(&place, &arguments, Cache::Answers)),
            Command::FlushAuthorizers(arguments) => {
                on_runtime(flush_cache::run(&place, &arguments, Cache::Authorizers))
            }
            Command::Completion(arguments) => completion::run(&arguments),
        }
    }
}

/// For commands that talk to the cluster or to AWS.
fn on_runtime(command: impl Future<Output = Result<ExitCode, BoxError>>) -> Result<ExitCode, BoxError> {
    // One TLS stack for both. An error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// Whether the reader of standard output has gone, as `head` does: it has seen enough.
fn is_nobody_listening(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn tell(error: &(dyn Error + 'static)) {
    // Where standard error is closed there is nobody to tell.
    drop(writeln!(io::stderr(), "error: {}", Chain(error)));
}

#[cfg(test)]
mod tests {
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
