//! `completion`: a script that a shell reads, so that the tab key completes commands and flags.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use stagecraft::run::BoxError;

use crate::cli::Cli;

/// What to print.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell that shall read it
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode, BoxError> {
    io::stdout().lock().write_all(&script(arguments.shell))?;
    Ok(ExitCode::SUCCESS)
}

/// It completes the program's own name: kubectl completes what follows `kubectl stagecraft` in another way.
fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kubectl-stagecraft", &mut script);
    // In bash's, clap_complete 4.6 spells the hyphen of the program's name in two ways, so that no case would be met.
    String::from_utf8_lossy(&script).replace("kubectl__subcmd__stagecraft", "kubectl__stagecraft").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_a_script_that_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).expect("scripts are text");
            assert!(script.contains("completion") && script.contains("kubectl"), "{shell}");
        }
    }
}
