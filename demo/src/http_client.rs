//! Requests to programs on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use crate::failure::Failure;

/// Nothing on loopback takes this long.
const ANSWER: Duration = Duration::from_secs(10);

/// A client of plain HTTP. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient(Client<HttpConnector, Full<Bytes>>);

impl HttpClient {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request; gives the status and the whole body.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Failure> {
        let named = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let response = self.0.request(request).await.map_err(|error| testbed::chain(&error))?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| testbed::chain(&error))?;
            Ok((status, body.to_bytes()))
        };
        let answer = timeout(ANSWER, exchange).await.unwrap_or_else(|_elapsed| Err("no answer".to_owned()));
        answer.map_err(|reason| Failure::Request { request: named, reason })
    }

    /// The status and the text below a URL.
    pub(crate) async fn get(&self, url: &str) -> Result<(u16, String), Failure> {
        let request = Request::get(url).body(Full::default());
        let request =
            request.map_err(|error| Failure::Request { request: format!("GET {url}"), reason: error.to_string() })?;
        let (status, body) = self.send(request).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
