//! The plugin's own program against a real kube-apiserver, a real operator and a simulated API Gateway.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]
#![expect(clippy::panic, reason = "a test ends where something unexpected happens")]
#![expect(clippy::indexing_slicing, reason = "a member that is not there is null, and the comparison shows it")]
#![expect(clippy::print_stdout, reason = "a test tells its steps to whoever reads a failure")]

mod commands;
mod import;
mod rights;
mod world;
