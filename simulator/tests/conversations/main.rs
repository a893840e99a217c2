//! Conversations with the simulator, as its clients have them: raw requests in process, over HTTP, and by AWS's SDK.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "builders and checks of tests may panic")]

mod canaries;
mod definitions;
mod faults;
mod front_door;
mod gateway_responses;
mod over_http;
mod properties;
mod stage_patches;
mod support;
mod switches;
mod time_and_cache;
