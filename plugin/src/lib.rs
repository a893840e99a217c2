//! `kubectl stagecraft`: what is so with stages and releases, why, and what can be done next.
//!
//! It uses the person's own kubeconfig and rights, and asks the operator through the objects alone.
//!
//! * [`cli`]: the commands, each of which is a module of its own
//! * [`list`], [`status`], [`history`], [`diff`]: what is so
//! * [`plan`], [`import`]: what would be, and how an existing stage comes over
//! * [`promote`], [`approve`], [`pause`], [`resume`], [`abort`], [`retry`], [`rollback`], [`flush_cache`]: what the operator
//!   shall do
//! * [`completion`]: scripts for shells
//! * [`screen`]: what people see; pure
//! * [`order`]: gives a command and tells what became of it; [`follow`]: every state that a stage passes through
//! * [`cluster`], [`object`]: the objects as the person may see them, and as this version can read them
//! * [`failure`], `near`: what is told when something cannot be done
//! * [`output`]: where things are printed; [`clock`]: what time it is
//! * [`rehearse`]: a release in simulated time

pub mod abort;
pub mod approve;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod completion;
pub mod diff;
pub mod failure;
pub mod flush_cache;
pub mod follow;
pub mod history;
pub mod import;
pub mod list;
mod near;
pub mod object;
pub mod order;
pub mod output;
pub mod pause;
pub mod plan;
pub mod promote;
pub mod rehearse;
pub mod resume;
pub mod retry;
pub mod rollback;
pub mod screen;
pub mod status;
