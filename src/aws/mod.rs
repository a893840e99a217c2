//! The hands: the only place that names AWS's SDK.
//!
//! Reads and writes API Gateway as the plan asks, tells why a call did not do what it was sent for, and remembers what
//! was read. What to do about any of it is decided in `stagecraft_core`. No call leaves before the limiter lets it; the SDK's
//! own retries are off.

mod account;
mod accounts;
mod admission;
mod call;
mod cloudwatch;
mod connect;
mod error;
mod gateway;
mod latest;
mod limiter;
mod message;
mod observations;
mod operation;
mod renewal;
mod shapes;
mod summaries;
mod transport;
mod unlisted;
mod urgency;

pub use accounts::Accounts;
pub use aws_smithy_runtime_api::client::http::SharedHttpClient;
pub use call::Observer;
pub use cloudwatch::CloudWatch;
pub use connect::{Aws, Options, StaticCredentials};
pub use error::Error;
pub use gateway::{Gateway, NewCacheCluster, NewStage};
pub use latest::Seen;
pub use limiter::{Limiters, Share};
pub use observations::{ApiLock, Observations};
pub use operation::Operation;

#[cfg(test)]
mod tests;
