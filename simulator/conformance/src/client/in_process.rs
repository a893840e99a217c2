//! Rows through the simulator's front door, without HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use apigateway_simulator::{Reply as Answer, Simulator};
use bytes::Bytes;
use tokio::time::Instant;

use super::{ClientError, wire};
use crate::exchange::{Reply, Request};

/// A simulator of its own.
#[derive(Clone)]
pub struct InProcess {
    simulator: Simulator,
    /// Until when the simulator's clock was moved, where it keeps step with tokio's.
    in_step_until: Option<Arc<Mutex<Instant>>>,
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
        Self { simulator, in_step_until: None }
    }

    /// The same with the simulator's clock moved as far as tokio's between two requests: paused time drives both.
    #[must_use]
    pub fn in_step(simulator: Simulator) -> Self {
        Self { simulator, in_step_until: Some(Arc::new(Mutex::new(Instant::now()))) }
    }

    fn keep_step(&self) {
        if let Some(until) = &self.in_step_until {
            let now = Instant::now();
            let before = std::mem::replace(&mut *until.lock().unwrap_or_else(PoisonError::into_inner), now);
            self.simulator.clock().advance(now.duration_since(before));
        }
    }

    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        self.keep_step();
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
