//! Stagecraft's contract and mind.
//!
//! [`api`] is what users' objects and AWS resources hold for years; the rest decides. Nothing here waits, asks the time
//! or calls anybody: the dependencies hold it to that.

pub mod api;
pub mod cause;
pub mod observed;
pub mod patch;
