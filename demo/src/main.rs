//! `make demo`: Stagecraft's main job, played with real processes and real commands before somebody who has never seen it.
//!
//! A real kube-apiserver, the operator's own program and the simulator's own program run for some minutes. What a person
//! would type is typed, its output is shown as it came, and every expectation is checked from outside: with kubectl and
//! with what API Gateway holds, never with the operator's word alone. An expectation that does not hold ends the demo
//! with the world as it is, and exit code 1.

mod acts;
mod call;
mod failure;
mod gateway;
mod screen;
mod world;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{Parser, builder::FalseyValueParser};
use tokio::signal::unix::{SignalKind, signal};

use crate::{acts::Act, failure::Failure, screen::Screen, world::World};

/// Play Stagecraft's main job against a real API server and a simulated API Gateway.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Leave everything up at the end, and say how to play with it, until Ctrl-C
    #[arg(long, env = "KEEP", value_parser = FalseyValueParser::new())]
    keep: bool,
    /// Play this act alone: 1, a stage and its revisions; 2, releases through a canary
    #[arg(long, env = "ACT", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(Act::COUNT)))]
    act: Option<u8>,
    /// No colours, also at a terminal
    #[arg(long, env = "NO_COLOR", num_args = 0, default_missing_value = "1", hide_env = true)]
    no_color: Option<OsString>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(&Arguments::parse()).await {
        Ok(code) => code,
        Err(failure) => {
            // Where stderr is closed there is nobody to tell.
            drop(writeln!(io::stderr(), "error: {}", testbed::chain(&failure)));
            ExitCode::FAILURE
        }
    }
}

/// Plays until the end or until somebody wants to see no more. Whichever it is, the world ends with this function.
async fn play(arguments: &Arguments) -> Result<ExitCode, Failure> {
    // Before the start, so that no signal finds us without a handler.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Signals)?;
    let plain = arguments.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let screen = Screen::new(!plain && io::stdout().is_terminal());
    tokio::select! {
        played = story(arguments, screen) => played.map(|()| ExitCode::SUCCESS),
        // 128 and the number of the signal, as shells have it.
        _ = interrupt.recv() => Ok(ExitCode::from(if arguments.keep { 0 } else { 130 })),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

async fn story(arguments: &Arguments, screen: Screen) -> Result<(), Failure> {
    let mut world = World::new(screen)?;
    for act in Act::ALL.iter().filter(|act| arguments.act.is_none_or(|chosen| chosen == act.number())) {
        if let Err(failure) = act.play(&mut world).await {
            world.tell(&failure).await?;
            return Err(failure);
        }
    }
    world.screen.summary()?;
    if arguments.keep {
        world.invite()?;
        // Until a signal, which drops this future and the world with it.
        std::future::pending::<()>().await;
    }
    Ok(())
}
