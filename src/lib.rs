//! Stagecraft: a Kubernetes operator for Amazon API Gateway (REST) stages and canary releases.
//!
//! The contract and every decision are in `stagecraft-core`; this crate is the process around them.
//!
//! * [`controller`]: the loop, from an object to its stage and back into its status
//! * [`aws`]: the hands, the one place that names AWS's SDK
//! * [`access`]: the file of access rules
//! * [`cli`]: flags and their environment twins, as checked settings
//! * [`webhook`], [`prometheus`]: whom a release asks beside AWS; [`http_client`]: the one client of both
//! * [`preview`]: `stagecraft plan`, what the operator would do about manifests
//! * [`sources`]: where the numbers of a check come from
//! * [`run`]: start, supervision and orderly end of the process
//! * [`lease`]: which replica may write, and until when
//! * [`server`]: health and metrics over HTTP
//! * [`metrics`]: what the operator counts
//! * [`telemetry`]: the log
//! * [`crds`]: the custom resource definitions as YAML
//! * [`clock`]: the one source of time

pub mod access;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod crds;
pub mod http_client;
pub mod lease;
pub mod metrics;
pub mod preview;
pub mod prometheus;
pub mod run;
pub mod server;
pub mod sources;
pub mod telemetry;
pub mod webhook;
