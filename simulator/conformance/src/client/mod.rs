//! The clients that rows are played with: they differ in what lies between a row and the wire.

mod boto3;
mod in_process;
mod python;
mod raw;
mod rust_sdk;
mod wire;

use crate::exchange::{Reply, Request};

pub use boto3::Boto3;
pub use in_process::InProcess;
pub use python::{Python, PythonError, cache_folder};
pub use raw::Raw;
pub use rust_sdk::RustSdk;

/// Why a request brought no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// This client has no words for it.
    #[error("cannot express: {0}")]
    Inexpressible(String),
    /// Nothing came back.
    #[error("no reply: {0}")]
    Failed(String),
    /// Something came back that this client cannot read.
    #[error("unreadable reply: {0}")]
    Unreadable(String),
}

/// Any of the clients.
#[derive(Debug)]
pub enum Client {
    /// Without HTTP: the simulator's front door.
    InProcess(InProcess),
    /// The request as the row states it, over HTTP.
    Raw(Raw),
    /// AWS's SDK for Rust.
    RustSdk(RustSdk),
    /// AWS's SDK for Python.
    Boto3(Box<Boto3>),
}

impl Client {
    /// Sends one request.
    ///
    /// # Errors
    ///
    /// [`ClientError`]; a refusal by the other side is a reply.
    pub async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        match self {
            Self::InProcess(client) => client.exchange(request).await,
            Self::Raw(client) => client.exchange(request).await,
            Self::RustSdk(client) => client.exchange(request).await,
            Self::Boto3(client) => client.exchange(request).await,
        }
    }

    /// For messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InProcess(_) => "in process",
            Self::Raw(_) => "raw HTTP",
            Self::RustSdk(_) => "Rust SDK",
            Self::Boto3(_) => "boto3",
        }
    }
}

/// An error with all its causes, in one line for people.
#[must_use]
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Some errors repeat their cause.
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
