//! The chart, with the real helm against a real kube-apiserver.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something unexpected happens"
)]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]
#![expect(clippy::print_stdout, reason = "a test tells its steps to whoever reads a failure")]

mod iam;
mod lifecycle;
mod pod;
mod readme;
mod rendered;
mod rights;
mod stand;
mod story;
mod upgrade;
mod world;
