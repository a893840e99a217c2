//! Conversations with the simulator, as its clients have them: raw requests in process, over HTTP, and by AWS's SDK.

mod canaries;
mod front_door;
mod over_http;
mod stage_patches;
mod support;
