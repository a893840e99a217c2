//! A world for stories: one namespace, one simulator, one clock, and operators that can be killed at any call.

#![expect(clippy::unwrap_used, reason = "support of tests may panic")]
#![expect(clippy::expect_used, reason = "support of tests may panic")]
#![expect(clippy::panic, reason = "support of tests may panic")]
#![expect(clippy::indexing_slicing, reason = "support of tests may panic")]

pub(crate) mod tripwire;
pub(crate) mod world;

pub(crate) use tripwire::{Side, Tripwire};
pub(crate) use world::{World, step};
