//! What can end the bench before its table.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Numbers of a debug build mean nothing.
    #[error(
        "this build is for debugging and its numbers mean nothing; run `make bench`, or name a program with --operator"
    )]
    ForDebugging,

    /// A program that the bench runs is not built.
    #[error("{} is not there: run `make bench`, which builds it", .0.display())]
    NotBuilt(PathBuf),

    /// A program could not be started or asked for its definitions.
    #[error("could not run {}", program.display())]
    Program {
        /// Which one.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// The operator ended by itself, or did not come up.
    #[error("{what}; the operator's log ends with:\n{log}")]
    Operator {
        /// What happened.
        what: String,
        /// The end of its log.
        log: String,
    },

    /// A program of the world ended by itself.
    #[error("{0}")]
    Died(String),

    /// Something that everything else depends on did not happen in time.
    #[error("{what} did not happen within {} s: {found}", waited.as_secs())]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// What was seen instead.
        found: String,
    },

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

    /// The world is not as a measurement needs it, so its figure would mean nothing.
    #[error("this measurement means nothing: {0}")]
    Meaningless(String),

    /// The control plane.
    #[error(transparent)]
    Testbed(#[from] testbed::Error),

    /// The API server refused a request of ours.
    #[error("the API server did not take a request")]
    Kube(#[from] Box<kube::Error>),

    /// The kernel does not tell what a process uses.
    #[error("could not read {}, by which the operator is measured; this bench runs on Linux", .0.display())]
    Usage(PathBuf),

    /// Nobody looks any more, or a file of the world is gone.
    #[error("could not read a log or write to the screen")]
    Io(#[from] io::Error),

    /// Signals cannot be caught.
    #[error("could not set up the signal handlers")]
    Signals(#[source] io::Error),
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}
