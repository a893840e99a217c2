//! What can end the demo before its end.

use std::{io, path::PathBuf, time::Duration};

/// Why the demo ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something was expected of the world and is not so.
    #[error("expected that {what}, but found: {found}")]
    Expectation {
        /// What should be so.
        what: String,
        /// What is so.
        found: String,
    },

    /// Something did not happen in time.
    #[error("{what} did not happen within {} s", waited.as_secs())]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },

    /// A command ended otherwise than it should.
    #[error("`{command}` was expected to {expected}, and said: {said}")]
    Command {
        /// As it was typed.
        command: String,
        /// "succeed" or "be refused".
        expected: &'static str,
        /// Its output.
        said: String,
    },

    /// A command could not be run.
    #[error("could not run `{command}`")]
    Run {
        /// As it was typed.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// kubectl printed something else than the object that it was asked for.
    #[error("`{command}` did not print JSON")]
    Json {
        /// As it was typed.
        command: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },

    /// A program that the demo runs is not built.
    #[error("{} is not there: build it with `make build`, or start the demo with `make demo`", .0.display())]
    NotBuilt(PathBuf),

    /// A program of the world ended by itself.
    #[error("{0}")]
    Died(String),

    /// A program of the world could not be asked.
    #[error("could not send {request}: {reason}")]
    Request {
        /// Verb and address or path.
        request: String,
        /// What happened instead of an answer.
        reason: String,
    },

    /// The simulator answered otherwise than it should.
    #[error("the simulator answered {request} with {status}: {body}")]
    Answer {
        /// Verb and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },

    /// The control plane.
    #[error(transparent)]
    Testbed(#[from] testbed::Error),

    /// Nobody looks any more, or a file of the world is gone.
    #[error("could not read a log or write to the screen")]
    Io(#[from] io::Error),

    /// Signals cannot be caught.
    #[error("could not set up the signal handlers")]
    Signals(#[source] io::Error),

    /// A chapter ended early.
    #[error("the demo ended in chapter {number} of act {act}")]
    Chapter {
        /// Of which act.
        act: u8,
        /// Which one.
        number: u8,
        /// Why.
        #[source]
        source: Box<Self>,
    },
}
