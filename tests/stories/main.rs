//! Stories through the front door: the operator's passes, in process, between a real kube-apiserver and the API Gateway
//! simulator over the real AWS SDK. Time is the test's: nothing waits.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story ends where something unexpected happens"
)]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]
#![expect(clippy::print_stdout, reason = "a story tells its steps to whoever reads a failure")]
#![expect(clippy::large_futures, reason = "a handful of futures of a few kilobytes, made once per test")]

mod access;
mod argocd;
mod bad_input;
mod calls;
mod canary;
mod canary_input;
mod commands;
mod crash;
mod delays;
mod deployments;
mod faults;
mod heal;
mod outside;
mod ownership;
mod patch_size;
mod references;
mod responses;
mod settings;
mod support;
