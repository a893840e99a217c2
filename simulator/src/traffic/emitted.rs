//! What API Gateway emits to `CloudWatch`: the metrics of `AWS/ApiGateway`, minute by minute.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::State;
use super::draw::{Draw, Outcome, key, number};
use super::stream::{Epoch, Method, Piece, Side, Stream};
use crate::cloudwatch::metric::{API_GATEWAY, Datum, MetricId, merge};
use crate::switches::{CanaryDimension, GapKind, Switches};

/// A metric of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Count,
    Errors4xx,
    Errors5xx,
    Latency,
    IntegrationLatency,
    CacheHitCount,
    CacheMissCount,
}

impl Measure {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Count, "Count", "Count"),
        (Self::Errors4xx, "4XXError", "Count"),
        (Self::Errors5xx, "5XXError", "Count"),
        (Self::Latency, "Latency", "Milliseconds"),
        (Self::IntegrationLatency, "IntegrationLatency", "Milliseconds"),
        (Self::CacheHitCount, "CacheHitCount", "Count"),
        (Self::CacheMissCount, "CacheMissCount", "Count"),
    ];

    /// What an outcome adds. Errors and cache hits are 0 or 1 of each request, so that their average is a rate.
    fn of(self, outcome: &Outcome) -> Option<Datum> {
        let all = number(outcome.requests);
        let of_all = |some: u64| Datum::of(vec![(0.0, all - number(some)), (1.0, number(some))]);
        let hits = outcome.cache_hits;
        match self {
            Self::Count => Datum::of(vec![(1.0, all)]),
            Self::Errors4xx => of_all(outcome.errors_4xx),
            Self::Errors5xx => of_all(outcome.errors_5xx),
            Self::Latency => {
                let mut values = outcome.latencies.clone();
                values.push((outcome.overhead_milliseconds, number(hits.unwrap_or(0))));
                Datum::of(values)
            }
            Self::IntegrationLatency => {
                let integration =
                    |(value, times): &(f64, f64)| ((value - outcome.overhead_milliseconds).max(0.0), *times);
                Datum::of(outcome.latencies.iter().map(integration).collect())
            }
            Self::CacheHitCount => of_all(hits?),
            Self::CacheMissCount => of_all(outcome.requests.saturating_sub(hits?)),
        }
    }

    fn needs_latencies(self) -> bool {
        matches!(self, Self::Latency | Self::IntegrationLatency)
    }
}

/// All metrics of one outcome with their names and units.
pub(super) fn data(outcome: &Outcome) -> impl Iterator<Item = (&'static str, &'static str, Datum)> {
    Measure::ALL.into_iter().filter_map(|(measure, name, unit)| Some((name, unit, measure.of(outcome)?)))
}

/// One of the three sets of dimensions.
pub(super) fn metric(name: &str, dimensions: &[(&str, &str)]) -> MetricId {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    MetricId {
        namespace: API_GATEWAY.to_owned(),
        name: name.to_owned(),
        dimensions: dimensions.iter().map(text).collect(),
    }
}

/// Values of the dimension `Stage` under which a side's requests are counted.
pub(super) fn stage_values(stage_name: &str, canary: bool, dimension: CanaryDimension) -> Vec<String> {
    let own = stage_name.to_owned();
    let apart = format!("{stage_name}/Canary");
    match (canary, dimension) {
        (false, _) | (true, CanaryDimension::Absent) => vec![own],
        (true, CanaryDimension::Disjoint) => vec![apart],
        (true, CanaryDimension::Inclusive) => vec![own, apart],
    }
}

/// The sets of dimensions under which a request is counted.
pub(super) fn dimension_sets<'d>(
    api_name: &'d str,
    stages: &'d [String],
    method: Option<(&'d str, &'d str)>,
) -> Vec<Vec<(&'static str, &'d str)>> {
    let mut sets = vec![vec![("ApiName", api_name)]];
    for stage in stages {
        sets.push(vec![("ApiName", api_name), ("Stage", stage)]);
        if let Some((verb, path)) = method {
            sets.push(vec![("ApiName", api_name), ("Stage", stage), ("Method", verb), ("Resource", path)]);
        }
    }
    sets
}

/// Which emitted data are asked for: minutes that begin in `from..until`, in seconds since 1970.
pub(crate) struct Question<'q> {
    pub(crate) metric: &'q MetricId,
    pub(crate) unit: Option<&'q str>,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) now: Timestamp,
    pub(crate) switches: &'q Switches,
}

impl Question<'_> {
    /// Adds what is visible to `minutes`; true where something of this time is known to be still to come.
    pub(crate) fn ask(&self, state: &State, minutes: &mut BTreeMap<i64, Datum>) -> bool {
        if self.metric.namespace != API_GATEWAY {
            return false;
        }
        let mut found = BTreeMap::new();
        if let Some(series) = state.invoked.series(self.metric) {
            for ((minute, unit), datum) in series.range((self.from, String::new())..(self.until, String::new())) {
                if self.unit.is_none_or(|wanted| wanted == unit) {
                    merge(&mut found, *minute, datum);
                }
            }
        }
        let measure = Measure::ALL.iter().find(|(_, name, _)| *name == self.metric.name);
        if let Some((measure, _, unit)) = measure
            && self.unit.is_none_or(|wanted| wanted == *unit)
        {
            for ((api_id, stage_name), stream) in &state.streams {
                self.draw(state.seed, (api_id, stage_name), stream, *measure, &mut found);
            }
        }
        let mut partial = false;
        for (minute, datum) in &found {
            let gap = gap(*minute, self.switches);
            if visible(*minute, state.seed, self.now, self.switches) && gap != Some(GapKind::Missing) {
                partial |= gap == Some(GapKind::Partial);
                merge(minutes, *minute, datum);
            }
        }
        partial
    }

    fn draw(
        &self,
        seed: u64,
        (api_id, stage_name): (&str, &str),
        stream: &Stream,
        measure: Measure,
        found: &mut BTreeMap<i64, Datum>,
    ) {
        for epoch in &stream.epochs {
            let wanted = self.wanted(epoch, stage_name);
            if wanted.is_empty() {
                continue;
            }
            for mut piece in epoch.pieces(self.from, self.until, self.now) {
                let Some(kept) = self.counted(&piece) else { continue };
                piece.until = kept;
                for (side, method, times) in &wanted {
                    let cell = Cell { seed, api_id, stage_name, epoch, side, method };
                    let outcome = cell.draw(&piece, measure.needs_latencies(), self.switches);
                    if let Some(datum) = outcome.and_then(|outcome| measure.of(&outcome)) {
                        (0..*times).for_each(|_| merge(found, piece.minute, &datum));
                    }
                }
            }
        }
    }

    /// How far into a piece requests are counted: of a partial minute only its first half is.
    fn counted(&self, piece: &Piece) -> Option<Timestamp> {
        if gap(piece.minute, self.switches) != Some(GapKind::Partial) {
            return Some(piece.until);
        }
        let half = Timestamp::from_second(piece.minute.saturating_add(30)).ok()?;
        (piece.from < half).then(|| piece.until.min(half))
    }

    /// The sides and methods whose requests are counted in this metric, and how often each is.
    fn wanted<'e>(&self, epoch: &'e Epoch, stage_name: &str) -> Vec<(&'e Side, &'e Method, usize)> {
        let mut wanted = Vec::new();
        for side in &epoch.served.sides {
            let stages = stage_values(stage_name, side.canary, self.switches.canary_dimension);
            for method in &side.methods {
                let detailed = method.detailed.then_some((method.verb.as_str(), method.path.as_str()));
                let sets = dimension_sets(&epoch.served.api_name, &stages, detailed);
                let times = sets.iter().filter(|set| self.is_asked_for(set)).count();
                if times > 0 {
                    wanted.push((side, method, times));
                }
            }
        }
        wanted
    }

    fn is_asked_for(&self, set: &[(&str, &str)]) -> bool {
        let asked = &self.metric.dimensions;
        set.len() == asked.len() && set.iter().all(|(name, value)| asked.get(*name).is_some_and(|own| own == value))
    }
}

/// One side and method of a stage, in one epoch.
pub(super) struct Cell<'c> {
    pub(super) seed: u64,
    pub(super) api_id: &'c str,
    pub(super) stage_name: &'c str,
    pub(super) epoch: &'c Epoch,
    pub(super) side: &'c Side,
    pub(super) method: &'c Method,
}

impl Cell<'_> {
    /// What became of its requests in a piece. Random arrivals that are split at random are independent of each
    /// other, so each cell has its own luck.
    pub(super) fn draw(&self, piece: &Piece, with_latencies: bool, switches: &Switches) -> Option<Outcome> {
        let Self { seed, api_id, stage_name, epoch, side, method } = self;
        let after = piece.from.duration_since(epoch.plan_set).as_secs_f64();
        let rate = epoch.plan.rate(after) * side.share * method.share;
        let side_name = if side.canary { "canary" } else { "production" };
        let texts = [*api_id, *stage_name, side_name, &method.verb, &method.path];
        Draw {
            key: key(*seed, &texts, &[piece.from.as_microsecond()]),
            expected: rate * piece.seconds(),
            behaviour: epoch.plan.behaviour(&side.deployment_id, after),
            cached: epoch.served.is_cached(side, method, piece.from, switches),
            with_latencies,
        }
        .draw()
    }
}

fn gap(minute: i64, switches: &Switches) -> Option<GapKind> {
    let hit =
        switches.metric_gaps.iter().find(|gap| (gap.from_epoch_seconds..gap.until_epoch_seconds).contains(&minute));
    hit.map(|gap| gap.kind)
}

/// Whether `CloudWatch` shows the data of a minute by now.
pub(super) fn visible(minute: i64, seed: u64, now: Timestamp, switches: &Switches) -> bool {
    let (least, most) = (switches.metric_delay.min_seconds, switches.metric_delay.max_seconds);
    let span = u64::from(most.saturating_sub(least)).saturating_add(1);
    let drawn = key(seed, &["delay"], &[minute]).checked_rem(span).unwrap_or(0);
    let delay = i64::from(least).saturating_add(i64::try_from(drawn).unwrap_or(0));
    minute.saturating_add(60).saturating_add(delay) <= now.as_second()
}

/// The metrics that have visible data in minutes from `since` on.
pub(crate) fn listed(state: &State, since: i64, now: Timestamp, switches: &Switches) -> BTreeSet<MetricId> {
    let shown =
        |minute: i64| visible(minute, state.seed, now, switches) && gap(minute, switches) != Some(GapKind::Missing);
    let mut found = BTreeSet::new();
    for (metric, series) in state.invoked.all() {
        if series.keys().rev().take_while(|(minute, _)| *minute >= since).any(|(minute, _)| shown(*minute)) {
            found.insert(metric.clone());
        }
    }
    for ((api_id, stage_name), stream) in &state.streams {
        for epoch in &stream.epochs {
            let pieces = epoch.pieces(since, i64::MAX, now);
            for side in &epoch.served.sides {
                let stages = stage_values(stage_name, side.canary, switches.canary_dimension);
                for method in &side.methods {
                    let cell = Cell { seed: state.seed, api_id, stage_name, epoch, side, method };
                    let shown = pieces.iter().filter(|piece| shown(piece.minute));
                    let Some(outcome) = shown.rev().find_map(|piece| cell.draw(piece, true, switches)) else {
                        continue;
                    };
                    let detailed = method.detailed.then_some((method.verb.as_str(), method.path.as_str()));
                    for set in dimension_sets(&epoch.served.api_name, &stages, detailed) {
                        found.extend(data(&outcome).map(|(name, ..)| metric(name, &set)));
                    }
                }
            }
        }
    }
    found
}
