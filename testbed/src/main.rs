//! `testbed`: a control plane for a person (`run`) or for a command (`exec`).

mod commands;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::Arguments::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is closed there is nobody to tell.
            drop(writeln!(io::stderr(), "error: {}", testbed::chain(&*error)));
            ExitCode::FAILURE
        }
    }
}
