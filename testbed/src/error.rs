//! What can go wrong with a control plane, in words that say what to do.

use std::{error, io, path::PathBuf, process::ExitStatus, time::Duration};

/// Why a control plane could not be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `build.sh --locate`, which knows where the programs are, did not run.
    #[error("could not run testbed/control-plane/build.sh, which says where the programs are; it needs bash")]
    Locate(#[source] io::Error),

    /// `build.sh --locate` failed.
    #[error("testbed/control-plane/build.sh --locate failed: {0}")]
    LocateFailed(String),

    /// Programs are missing.
    #[error(
        "{missing} not built yet: run `make control-plane` in the repository's root (some minutes, once), or set \
         KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver and kubectl"
    )]
    NotBuilt {
        /// The names of the programs.
        missing: String,
    },

    /// helm is missing.
    #[error("helm is not built yet: run `make helm` in the repository's root (3 minutes, once)")]
    NoHelm,

    /// helm could not be run.
    #[error("could not run helm")]
    Helm(#[source] io::Error),

    /// What was asked needs a controller, and kube-controller-manager is not running.
    #[error(
        "{what} needs kube-controller-manager, which is not running: KUBEBUILDER_ASSETS holds none, and `make \
         control-plane` can only build it where Go is installed"
    )]
    NoControllers {
        /// What was asked.
        what: &'static str,
    },

    /// A file or folder of the control plane could not be read or written.
    #[error("could not use {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// No random bytes or no key: the cryptography library refused.
    #[error("could not make a key or a token")]
    Key,

    /// A user's or a group's name does not fit into a token file.
    #[error("user {user}: {name:?} holds a comma, a quote or a line break")]
    User {
        /// The user.
        user: String,
        /// The name that does not fit: the user's or a group's.
        name: String,
    },

    /// No free port on 127.0.0.1.
    #[error("could not find a free port on 127.0.0.1")]
    Port(#[source] io::Error),

    /// A program could not be started.
    #[error("could not start {name}")]
    Spawn {
        /// Which one.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// A program ended by itself.
    #[error("{name} ended by itself ({status}); its log ends with:\n{log}")]
    Ended {
        /// Which one.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },

    /// Another process took a port between our look and the program's start, several times in a row.
    #[error("another process took the port of {name} first; its log ends with:\n{log}")]
    PortTaken {
        /// Whose port.
        name: &'static str,
        /// The end of its log.
        log: String,
    },

    /// The API server did not become ready.
    #[error("kube-apiserver was not ready after {} s: {last}\n{logs}", waited.as_secs())]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// What the last try met.
        last: String,
        /// The ends of the processes' logs.
        logs: String,
    },

    /// A program could not be sent a signal.
    #[error("could not send a signal to {name}")]
    Signal {
        /// Which one.
        name: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },

    /// The API server is stopped, or is running, and what was asked needs the opposite.
    #[error("kube-apiserver is {state}")]
    WrongState {
        /// What it is.
        state: &'static str,
    },

    /// Two programs would write one log.
    #[error("{name} is running already; give the second one another name")]
    NameTaken {
        /// The name.
        name: &'static str,
    },

    /// The kubeconfig of a shared control plane cannot be used.
    #[error("{} is no kubeconfig of a testbed: {reason}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The environment names a control plane that is not there.
    #[error(
        "{variable} names a control plane that does not answer ({reason}); unset it, or start one with `testbed run`"
    )]
    NotThere {
        /// The variable.
        variable: &'static str,
        /// What happened instead of an answer.
        reason: String,
    },

    /// kubectl could not be run. That it ran and failed is no error here.
    #[error("could not run kubectl")]
    Kubectl(#[source] io::Error),

    /// A request to the API server failed.
    #[error("could not {what}")]
    Request {
        /// What was asked.
        what: String,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },

    /// A program on this machine could not be asked over HTTP.
    #[error("could not send {request}: {reason}")]
    NoAnswer {
        /// Verb and URL.
        request: String,
        /// What happened instead of an answer.
        reason: String,
    },

    /// Something that was waited for did not happen.
    #[error("{what} took more than {} s", waited.as_secs())]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },

    /// A manifest is not what it should be.
    #[error("{0}")]
    Manifest(String),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn request(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Request { what, source: Box::new(source) }
    }
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &(dyn error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
