//! What people see: status objects in, text out, nothing else.
//!
//! * [`view`]: what is told of a stage, for people and for programs alike
//! * [`status`]: all of it, as a tree
//! * [`bar`]: the steps of a release as a bar
//! * [`checks`]: what the last check found
//! * [`history`]: what was served
//! * [`next`]: what can be done next
//! * [`table`]: columns that fit the screen
//! * [`paint`]: colours, where somebody sees them
//! * [`time`]: times as people tell them

pub mod bar;
pub mod checks;
pub mod history;
pub mod next;
pub mod paint;
pub mod status;
pub mod table;
pub mod time;
pub mod view;

/// Characters that a line has at most (screens: columns fit).
pub const WIDTH: usize = 120;
