//! Conversations with the simulator, as its clients have them: raw requests in process, over HTTP, and by AWS's SDK.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "builders and checks of tests may panic")]

mod aws_json;
mod canaries;
mod cloudwatch;
mod cloudwatch_sdk;
mod definitions;
mod faults;
mod front_door;
mod gateway_responses;
mod invoke;
mod logs_and_waf;
mod over_http;
mod properties;
mod stage_patches;
mod support;
mod switches;
mod time_and_cache;
mod traffic;
