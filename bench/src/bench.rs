//! What there is to measure.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use crate::failure::Failure;
use crate::rest::Population;
use crate::table::Row;
use crate::world::Programs;
use crate::{quota, releases, rest};

/// One measurement, with a world of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bench {
    /// 200 new stages without a quota: how soon they are Ready
    Ready,
    /// 1,000 stages: memory, and processor time at rest
    Rest,
    /// 30 new stages beside a foreign client under AWS's quota: time, 429s, an urgent change
    Quota,
    /// 200 releases at once under AWS's quota: batches, share, and how soon a failed one is undone
    Releases,
    /// 5,000 stages: as `ready` and `rest`, without limits
    Large,
}

impl Bench {
    /// Those that were named, else all, less those that were left out; in the order of their definition.
    pub(crate) fn chosen(only: &[Self], without: &[Self]) -> Vec<Self> {
        let named = |bench: &Self| only.is_empty() || only.contains(bench);
        Self::value_variants().iter().copied().filter(|bench| named(bench) && !without.contains(bench)).collect()
    }

    /// One line for people.
    pub(crate) fn tells(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }

    pub(crate) async fn measure(self, programs: &Programs, rest_seconds: u64) -> Result<Vec<Row>, Failure> {
        let watched = Duration::from_secs(rest_seconds);
        match self {
            Self::Ready => rest::ready(programs).await,
            Self::Rest => rest::rest(programs, Population { stages: 1_000, is_limited: true }, watched).await,
            Self::Quota => quota::measure(programs).await,
            Self::Releases => releases::measure(programs).await,
            Self::Large => rest::rest(programs, Population { stages: 5_000, is_limited: false }, watched).await,
        }
    }
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_measured_and_without_names_everything() {
        assert_eq!(Bench::chosen(&[], &[]), Bench::value_variants());
        assert_eq!(Bench::chosen(&[Bench::Quota, Bench::Ready], &[]), [Bench::Ready, Bench::Quota]);
        assert_eq!(Bench::chosen(&[], &[Bench::Large]), [Bench::Ready, Bench::Rest, Bench::Quota, Bench::Releases]);
    }
}
