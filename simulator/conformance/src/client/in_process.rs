//! Rows through the simulator's front door, without HTTP.

use apigateway_simulator::{Reply as Answer, Simulator};
use bytes::Bytes;

use super::{ClientError, wire};
use crate::exchange::{Reply, Request};

/// A simulator of its own.
#[derive(Clone)]
pub struct InProcess {
    simulator: Simulator,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InProcess")
    }
}

impl InProcess {
    /// Plays against this simulator.
    #[must_use]
    pub fn new(simulator: Simulator) -> Self {
        Self { simulator }
    }

    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        let wire = wire::write(request);
        let scope = "AKIDEXAMPLE/20260101/eu-west-1/apigateway/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={}", "0".repeat(64));
        let mut built = http::Request::builder().method(wire.method.as_str()).uri(&wire.target);
        if !wire.headers.contains_key("authorization") {
            built = built.header("authorization", authorization);
        }
        for (name, value) in wire.headers.iter().filter(|(_, value)| !value.is_empty()) {
            built = built.header(name, value);
        }
        let built =
            built.body(Bytes::from(wire.body)).map_err(|error| ClientError::Inexpressible(error.to_string()))?;
        match self.simulator.handle(built).await {
            Answer::Answer(response) => {
                let headers = response
                    .headers()
                    .iter()
                    .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
                wire::read(&request.target, response.status().as_u16(), headers.collect(), response.body())
            }
            Answer::Truncated { .. } => Err(ClientError::Failed("the body broke off".to_owned())),
            Answer::Dropped => Err(ClientError::Failed("the connection was dropped".to_owned())),
        }
    }
}
