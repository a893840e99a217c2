//! The hands on real connections: to a server whose every byte the test writes, and to the simulator.
//!
//! The first shows what goes over the wire and what a network can do to a call, the second what API Gateway makes of it.

mod accounts;
mod answers;
mod cloudwatch;
mod coverage;
mod credentials;
mod limits;
mod observations;
mod observer;
mod permits;
mod requests;
pub(super) mod sdk;
mod simulator;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use stagecraft_core::api::names::{Region, RestApiId};

use super::{Aws, Error, Gateway, Operation, Options, StaticCredentials};
use crate::clock::Clock;
use crate::lease::{Leadership, Permit};

const REGION: &str = "eu-west-1";
const TIMEOUT: Duration = Duration::from_secs(10);

fn api() -> RestApiId {
    RestApiId::from("a1b2c3d4e5")
}

fn clock() -> Clock {
    Clock::manual("2026-08-01T12:00:00Z".parse().unwrap())
}

fn options(endpoint_url: String) -> Options {
    Options {
        endpoint_url: Some(endpoint_url),
        region: Some(Region::from(REGION)),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIDTESTS".to_owned(),
            secret_access_key: "not-a-secret".to_owned(),
        }),
        ..Options::default()
    }
}

async fn aws(options: Options) -> Aws {
    Aws::connect(options, clock(), Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {})).await
}

async fn gateway(endpoint_url: String) -> Gateway {
    aws(options(endpoint_url)).await.gateway(&Region::from(REGION))
}

fn permit() -> Permit {
    Leadership::without_lease(clock(), TIMEOUT).permit().unwrap()
}

/// A wait that fails instead of lasting for ever.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this takes milliseconds")
}
