//! The contract: what users write, what they read, and what is left in AWS.

pub mod arn;
pub mod names;
