//! Judges a release by its metrics.
//!
//! [`window`] says which minutes a check looks at, [`queries`] what must be asked, [`judge`] what the answers mean. Nothing
//! here waits, asks the time or calls anybody: how an answer is fetched is the operator's business. The mathematics of the
//! default test is told in `docs/analysis.md`.

mod bounds;
mod evidence;
mod gather;
pub mod guidance;
mod judge;
mod metric;
mod numbers;
mod policy;
mod query;
mod scope;
pub mod sequential;
mod sides;
mod subject;
mod window;

pub use judge::{Judged, judge, queries};
pub use policy::{Bounds, CanarySeries, Latency, Metric, OnNoData, Policy, Preset, Sequential, Source};
pub use query::{AlarmState, Ask, Query, Reading, Readings};
pub use subject::{Scene, Subject};
pub use window::{Due, Window, next_check, window};

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
