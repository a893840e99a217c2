//! Promise P4: at most one replica starts writes. The lease under every fault, on paused time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "tests and what they stand on may panic"
)]

mod apiserver;
mod properties;
mod stories;
mod supervision;
