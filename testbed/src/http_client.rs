//! Requests to programs on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::error::{Error, chain};

/// A log of ten thousand calls takes a moment on a busy machine; nothing on loopback takes longer.
const ANSWER: Duration = Duration::from_secs(30);

/// A client of plain HTTP. Clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient(Client<HttpConnector, Full<Bytes>>);

impl HttpClient {
    /// A client without connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request; gives the status and the whole body.
    ///
    /// # Errors
    ///
    /// [`Error::NoAnswer`], also where a whole answer takes too long.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Error> {
        let named = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| chain(&error))?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| chain(&error))?;
            Ok((status, body.to_bytes()))
        };
        let answer = timeout(ANSWER, exchange).await.unwrap_or_else(|_elapsed| Err("no answer".to_owned()));
        answer.map_err(|reason| Error::NoAnswer { request: named, reason })
    }

    /// The status and the text below a URL.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send), and where the URL is none.
    pub async fn get(&self, url: &str) -> Result<(u16, String), Error> {
        let request = Request::get(url).body(Full::default());
        let request =
            request.map_err(|error| Error::NoAnswer { request: format!("GET {url}"), reason: error.to_string() })?;
        let (status, body) = self.send(request).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}
