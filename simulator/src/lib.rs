//! A simulator of Amazon API Gateway's control plane (REST APIs), as a library and as a server.
//!
//! It answers on AWS's wire format, refuses in AWS's words, and never answers 200 to what it does not know.
//! [`Simulator::handle`] is the one front door; [`Server`] speaks HTTP over it. Time is a [`Clock`] that tests move,
//! everything random comes from a seed, faults are data, and where AWS's behaviour is unknown there is a switch.
//!
//! ```
//! use apigateway_simulator::{AfterTheEffect, Simulator};
//!
//! let simulator = Simulator::builder().account("123456789012").region("eu-west-1").seed(1).build();
//! let api = simulator.create_rest_api("petstore");
//! simulator.faults().on("CreateDeployment").call(2).drop_connection(AfterTheEffect);
//! assert_eq!(simulator.deployments(&api).len(), 0);
//! ```

mod admin;
mod apigateway;
mod builder;
mod call_log;
mod clock;
mod cloudwatch;
mod error;
mod faults;
mod ids;
mod logs;
mod outside;
mod overlaps;
mod quota;
mod server;
mod service;
mod simulator;
mod sts;
mod switches;
mod traffic;
mod waf;
mod wire;
mod world;

pub use builder::Builder;
pub use call_log::{CallInfo, CallRecord, Caller};
pub use clock::Clock;
pub use error::ApiError;
pub use faults::{AfterTheEffect, BeforeTheEffect, FaultBuilder, FaultKind, FaultRule, Faults, Moment};
pub use outside::Scope;
pub use overlaps::{Overlap, Write};
pub use quota::ForeignClient;
pub use server::{Server, listen};
pub use simulator::{Hook, Simulator};
pub use switches::{
    AbsentVariable, CacheChange, CacheSize, CanaryDimension, DeploymentGuard, DeploymentOrder, FailedCreateStage,
    FailedPatch, GapKind, MessageMember, MetricDelay, MetricGap, StageMembers, StatusAfterDeletion, Switches,
    UnknownStage, UnparsableBoolean, Verdict,
};
pub use traffic::{Behaviour, Invocation, Latency, MethodShare, Phase, Rate, Requests, Traffic, TrafficReport};
pub use wire::reply::Reply;

/// Compiles and runs the README's example in Rust.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
