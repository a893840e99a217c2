//! P3 and P4 with the real program: processes that are killed, stopped and cut off, a real apiserver, and the simulator as
//! the witness of who wrote what. Objects that no version of ours would have stored are here too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something unexpected happens"
)]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]
#![expect(clippy::print_stdout, reason = "a story tells its steps to whoever reads a failure")]

mod getting_started;
mod leadership;
mod malformed;
mod plan;
mod proxy;
mod references;
mod secrets;
mod world;
