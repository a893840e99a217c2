//! The plugin's program: `kubectl stagecraft`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_stagecraft::cli::main(std::env::args_os())
}
