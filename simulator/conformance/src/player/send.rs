//! Sends a step's requests: to the side that is played against, or to the simulator itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Player, Side, Stop};
use crate::bindings::Bindings;
use crate::client::ClientError;
use crate::exchange::{Outcome, Reply, Request};
use crate::facts::Step;

impl Player<'_> {
    pub(super) async fn ask_simulator(&self, request: &Request) -> Result<Option<Value>, String> {
        let reply = self.control.as_ref().unwrap_or(&self.client).exchange(request).await;
        match reply.map_err(|error| format!("{}: {error}", request.line()))? {
            Reply { outcome: Outcome::Success(body), .. } => Ok(body),
            Reply { status, outcome: Outcome::Refusal { text, .. }, .. } => {
                Err(format!("{}: {status} {text}", request.line()))
            }
        }
    }

    /// Sends a step's request; `None` for a step without one, no reply for one of the simulator's own.
    pub(super) async fn send_step(
        &mut self,
        step: &Step,
        bindings: &Bindings,
    ) -> Result<Option<(Request, Option<Reply>)>, Stop> {
        if let Some(seconds) = step.advance {
            self.advance(seconds).await?;
        }
        let Some(call) = &step.call else { return Ok(None) };
        let request = Request::of(call, step, bindings).map_err(|error| Stop::Failed(format!("{call}: {error}")))?;
        if step.is_control() {
            self.ask_simulator(&request).await.map_err(Stop::Failed)?;
            return Ok(Some((request, None)));
        }
        let reply = self.send(&request).await.map_err(|error| match error {
            ClientError::Inexpressible(why) => Stop::Inexpressible(why),
            ClientError::Failed(_) | ClientError::Unreadable(_) => {
                Stop::Failed(format!("{}\n  {error}", request.line()))
            }
        })?;
        self.remember(&request, &reply);
        Ok(Some((request, Some(reply))))
    }

    /// Sends within the pace. On a real account somebody else may use the quota up: such a 429 is waited out.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Reply, ClientError> {
        loop {
            self.pace.wait_for(request).await;
            let reply = self.client.exchange(request).await?;
            if self.side != Side::RealAccount || reply.status != 429 || self.throttled >= 20 {
                return Ok(reply);
            }
            self.throttled = self.throttled.saturating_add(1);
            self.pace.pause(Duration::from_secs(10)).await;
        }
    }

    pub(super) async fn advance(&self, seconds: f64) -> Result<(), Stop> {
        if self.side == Side::Simulator {
            let request = Request::rest("PUT", "/_simulator/clock").with(json!({"advanceSeconds": seconds}));
            return self.ask_simulator(&request).await.map(drop).map_err(Stop::Failed);
        }
        self.pace.pause(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
        Ok(())
    }
}
