//! Stagecraft's contract and mind.
//!
//! [`api`] is what users' objects and AWS resources hold for years; the rest decides. Nothing here waits, asks the time
//! or calls anybody: the dependencies hold it to that. [`validate`](validate::validate) reads the spec,
//! [`plan`](plan::plan) compares it with what was [`observed`], [`settle`](settle::settle) notes what a call did, and
//! [`analysis`] judges a release by its metrics.

pub mod access;
pub mod analysis;
pub mod api;
pub mod cause;
pub mod forecast;
pub mod import;
pub mod method;
pub mod observed;
pub mod patch;
pub mod plan;
pub mod reference;
pub mod response;
pub mod settle;
pub mod validate;
pub mod view;
pub mod world;
