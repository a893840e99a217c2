//! What can be read of a metric now: what was put, and what API Gateway emitted and CloudWatch shows already.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::metric::{Datum, MetricId, merge};
use crate::switches::Switches;
use crate::traffic;
use crate::world::Region;

/// From whom and when a metric is read.
pub(super) struct View<'r> {
    pub(super) region: &'r Region,
    pub(super) switches: &'r Switches,
    pub(super) now: Timestamp,
}

/// Data of a metric by minute.
#[derive(Debug, Default)]
pub(super) struct Readout {
    /// By the minute's start, in seconds since 1970; minutes without data are missing.
    pub(super) minutes: BTreeMap<i64, Datum>,
    /// Whether CloudWatch knows that something of this time is still to come.
    pub(super) partial: bool,
}

impl View<'_> {
    /// The minutes that begin in `from..until` (seconds since 1970), of this unit alone if one is given.
    pub(super) fn read(&self, metric: &MetricId, unit: Option<&str>, from: i64, until: i64) -> Readout {
        let mut readout = Readout::default();
        if from >= until {
            return readout;
        }
        if let Some(series) = self.region.cloudwatch.metrics.series(metric) {
            for ((minute, kept_unit), datum) in series.range((from, String::new())..(until, String::new())) {
                if unit.is_none_or(|unit| unit == kept_unit) {
                    merge(&mut readout.minutes, *minute, datum);
                }
            }
        }
        let emitted = traffic::emitted::Question { metric, unit, from, until, now: self.now, switches: self.switches };
        readout.partial = emitted.ask(&self.region.traffic, &mut readout.minutes);
        readout
    }
}
