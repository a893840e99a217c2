//! The rehearsal from outside: against the real operator, and against what its documentation shows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a story ends where something unexpected happens")]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]

mod bad_input;
mod document;
mod operator;
mod program;
mod same_calls;
