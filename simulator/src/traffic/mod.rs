//! The data plane's traffic: what somebody sends to a stage, and what becomes of it.
//!
//! A plan ([`Traffic`]) says how many requests come and how each deployment behaves. What the stage was at each moment
//! is kept as a list of epochs (`stream`); the minutes themselves are drawn only when somebody asks (`draw`), from a
//! key that the seed, the stage and the minute make, so that a simulated day costs nothing until it is looked at and
//! looks the same each time. `emitted` turns minutes into `CloudWatch`'s metrics, `invoke` sends single requests.

pub(crate) mod draw;
pub(crate) mod emitted;
mod invoke;
mod plan;
mod report;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

pub use invoke::Invocation;
pub use plan::{Behaviour, Latency, MethodShare, Phase, Rate, Traffic};
pub use report::{Requests, TrafficReport};
pub(crate) use stream::note;

use crate::cloudwatch::metric::Store;

/// What is known of the traffic of one account in one Region.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// Of everything drawn here.
    #[serde(skip)]
    pub(crate) seed: u64,
    /// By REST API and stage; a stream outlives its stage.
    #[serde(skip)]
    pub(crate) streams: BTreeMap<(String, String), stream::Stream>,
    /// What single invocations emitted, visible after `CloudWatch`'s delay.
    #[serde(skip)]
    pub(crate) invoked: Store,
    /// Single invocations so far: each draws its own luck.
    #[serde(skip)]
    pub(crate) invocations: u64,
}

impl State {
    /// Lets this traffic flow from now on, in place of what flowed to that stage.
    pub(crate) fn set(&mut self, plan: Traffic, seed: u64, now: Timestamp) {
        self.seed = seed;
        let key = (plan.rest_api_id.clone(), plan.stage_name.clone());
        let stream = self.streams.entry(key).or_default();
        stream.plan = Some((Arc::new(plan), now));
    }
}
