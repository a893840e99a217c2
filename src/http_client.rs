//! The one HTTP client for what is neither Kubernetes nor AWS: webhooks and Prometheus.
//!
//! Bounded in everything: time, what is read of an answer, connections kept. It follows no redirect, sends no cookie and uses
//! no proxy. Whom it may call is for its callers to say.

use std::error::Error as StdError;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tracing::warn;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Connections that nobody uses, for each host.
const IDLE_CONNECTIONS: usize = 2;

/// Characters of somebody else's text that one of our sentences takes in.
const LONGEST_QUOTE: usize = 200;

/// Whose certificates are trusted.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// The authorities of the system.
    System,
    /// Only those in this file, in PEM.
    File(&'a Path),
}

/// A client. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Http(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its body, as far as it was read.
    pub body: Bytes,
    /// Whether that is the whole body.
    pub whole: bool,
}

/// Nothing came back that can be used. No text here holds a path, a query, a header or a body of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing within the time.
    #[error("it did not answer within {0:?}")]
    TimedOut(Duration),
    /// Nobody there, or nobody whom we trust.
    #[error("no connection could be made ({0})")]
    NoConnection(String),
    /// The connection ended before the answer did.
    #[error("the answer broke off ({0})")]
    BrokeOff(String),
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the authorities.
    #[error("could not read the certificates in {}", path.display())]
    Authorities {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The TLS library.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
}

impl Http {
    /// A client with no connection yet.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A system without any authority is none: plain HTTP still works, and TLS says what is missing.
    pub fn new(trust: Trust<'_>) -> Result<Self, Error> {
        let roots = match trust {
            Trust::System => of_the_system(),
            Trust::File(path) => of_the_file(path)?,
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a request and reads at most `limit` bytes of the answer's body, all within `longest`.
    ///
    /// # Errors
    ///
    /// See [`Failure`]. Any status is an answer.
    pub async fn call(
        &self,
        mut request: Request<Full<Bytes>>,
        longest: Duration,
        limit: usize,
    ) -> Result<Answer, Failure> {
        const AGENT: HeaderValue = HeaderValue::from_static(concat!("stagecraft/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, AGENT);
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| {
                let said = innermost(&error);
                if error.is_connect() { Failure::NoConnection(said) } else { Failure::BrokeOff(said) }
            })?;
            let status = response.status();
            let mut rest = response.into_body();
            let (mut body, mut whole) = (BytesMut::new(), true);
            while let Some(frame) = rest.frame().await {
                let frame = frame.map_err(|error| Failure::BrokeOff(innermost(&error)))?;
                let Some(data) = frame.data_ref() else { continue };
                let room = limit - body.len();
                body.extend(data.iter().take(room));
                if data.len() > room {
                    whole = false;
                    break;
                }
            }
            Ok(Answer { status, body: body.freeze(), whole })
        };
        timeout(longest, exchange).await.unwrap_or(Err(Failure::TimedOut(longest)))
    }
}

fn of_the_system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        warn!("this system has no certificate authorities: https to webhooks and Prometheus will fail");
    }
    roots
}

fn of_the_file(path: &Path) -> Result<RootCertStore, Error> {
    let unreadable = |source| Error::Authorities { path: path.to_owned(), source };
    let pem = fs::read(path).map_err(unreadable)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unreadable(io::Error::other(error)))?;
        roots.add(certificate).map_err(|error| unreadable(io::Error::other(error)))?;
    }
    if roots.is_empty() {
        return Err(unreadable(io::Error::other("it holds no certificate in PEM")));
    }
    Ok(roots)
}

/// The cause of all causes: the ones around it only say that something failed.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    quote(&cause.to_string())
}

/// Somebody else's text as part of a sentence: one line of bounded length, without a full stop.
#[must_use]
pub fn quote(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    if line.chars().count() <= LONGEST_QUOTE {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(LONGEST_QUOTE).collect();
    cut.push('…');
    cut
}

/// Whether a host, as an address names it, is this machine: what goes there cannot be read on the way.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_short_line() {
        assert_eq!(quote("  closed\tuntil\r\nMonday.\u{7} "), "closed until Monday");
        let cut = quote(&"ä".repeat(10_000));
        assert_eq!(cut.chars().count(), LONGEST_QUOTE + 1);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let error = Http::new(Trust::File(Path::new("Cargo.toml"))).unwrap_err();
        assert_eq!(error.to_string(), "could not read the certificates in Cargo.toml");
        assert!(Http::new(Trust::File(Path::new("/dev/null/ca.pem"))).is_err());
    }
}
