//! P9: we never exceed our share of AWS's quota, and what is urgent overtakes. In process: the operator's passes, the real
//! SDK, and the simulator with AWS's quotas and a client beside us, on paused time, so that minutes take seconds and every
//! run is the same.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something unexpected happens")]
#![expect(clippy::indexing_slicing, reason = "an object that is not there ends the test")]
#![expect(clippy::print_stdout, reason = "the numbers, for whoever reads a failure")]

mod apiserver;
mod rest;
mod storm;
mod world;
