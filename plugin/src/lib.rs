//! `kubectl stagecraft`: what is so with stages and releases, why, and what can be done next.
//!
//! It uses the person's own kubeconfig and rights, and asks the operator through the objects alone.
//!
//! * [`cli`]: the commands, each of which is a module of its own
//! * [`completion`]: scripts for shells

pub mod cli;
pub mod completion;
