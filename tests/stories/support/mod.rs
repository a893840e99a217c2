//! A world for stories: one namespace, one simulator, one clock, and operators that can be killed at any call.

pub(crate) mod numbers;
pub(crate) mod release;
pub(crate) mod tripwire;
pub(crate) mod world;

pub(crate) use tripwire::{Side, Tripwire};
pub(crate) use world::{World, step};
