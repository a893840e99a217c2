//! Requests to programs on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::failure::Failure;

/// A log of ten thousand calls takes a moment on a busy machine.
const ANSWER: Duration = Duration::from_secs(30);

/// A client of plain HTTP. Clones share their connections.
#[derive(Clone, Debug)]
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
}
