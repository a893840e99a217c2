//! What is measured and which values are good: an `ApiCanary`'s analysis with all defaults filled in.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a release is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Time from one check to the next.
    pub interval: Duration,
    /// Time after a change of traffic that is not judged.
    pub initial_delay: Duration,
    /// Length of what a check looks at; whole minutes.
    pub window: Duration,
    /// How old data must be to be taken for complete.
    pub metric_delay: Duration,
    /// Passes that a step needs.
    pub min_checks: u32,
    /// Requests that each side must have answered.
    pub min_requests: u64,
    /// How many Fails are borne, per release.
    pub failure_limit: u32,
    /// What a check without data means.
    pub on_no_data: OnNoData,
    /// Where the canary's requests are counted.
    pub canary_series: CanarySeries,
    /// What is measured.
    pub metrics: Vec<Metric>,
}

/// What a check without data means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNoData {
    /// The release waits.
    Hold,
    /// It goes on.
    Pass,
    /// It counts as a Fail.
    Fail,
}

/// Where the canary's requests are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanarySeries {
    /// In `{stage}/Canary`, and the counts must tell whether `{stage}` contains them.
    Auto,
    /// As `Auto`, without a look at other series: `{stage}/Canary`, and `{stage}` does not contain it.
    StageDimension,
    /// In series that metric filters on the access logs make.
    AccessLogs,
    /// In the series of the user's own dimensions.
    Custom {
        /// Namespace of both sides' series.
        namespace: String,
        /// Dimensions of the canary's series; templates.
        canary: BTreeMap<String, String>,
        /// Dimensions of the stable side's series; templates.
        stable: BTreeMap<String, String>,
    },
}

/// One thing that is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique in its list.
    pub name: String,
    /// Where its values come from.
    pub source: Source,
    /// Which values are good.
    pub bounds: Bounds,
    /// How many Fails of this metric are borne, instead of the policy's.
    pub failure_limit: Option<u32>,
    /// It only tells and never decides.
    pub dry_run: bool,
}

/// Where values come from. Texts are templates.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A metric of API Gateway, for both sides.
    ApiGateway(Preset),
    /// A metric of `CloudWatch`.
    CloudWatch {
        /// Its namespace.
        namespace: String,
        /// Its name.
        metric: String,
        /// All its dimensions: `CloudWatch` matches them exactly and completely.
        dimensions: BTreeMap<String, String>,
        /// `Average`, `Sum`, `p99`, `PR(:500)`.
        statistic: String,
    },
    /// Metric math, or a query of Metrics Insights, that gives one time series.
    Expression(String),
    /// An alarm of `CloudWatch`: `ALARM` fails.
    Alarm(String),
    /// A query of Prometheus.
    Prometheus {
        /// Name in the operator's configuration.
        provider: String,
        /// `PromQL` that gives one number.
        query: String,
    },
}

/// Metrics of API Gateway. Rates in percent, latencies in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Preset {
    /// Responses with a 5xx status.
    ErrorRate5xx,
    /// Responses with a 4xx status.
    ErrorRate4xx,
    /// Requests slower than this many milliseconds.
    SlowRequestRate {
        /// Milliseconds; more than 0.
        threshold_ms: f64,
    },
    /// Time from the request's arrival to the response.
    Latency(Latency),
    /// Time that the integration took of it.
    IntegrationLatency(Latency),
    /// Requests that the stage's cache answered.
    CacheHitRate,
}

/// Which latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// Mean.
    Average,
}

/// Which values are good. Those of rates are percent. All that are given must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// At most this.
    pub max: Option<f64>,
    /// At least this.
    pub min: Option<f64>,
    /// At most the stable side's value plus this.
    pub max_increase: Option<f64>,
    /// At most the stable side's value times this.
    pub max_ratio: Option<f64>,
    /// Values up to this one are good whatever `max_ratio` says.
    pub ratio_floor: Option<f64>,
    /// The test that gathers evidence. Without any bound a rate gets the default one.
    pub sequential: Option<Sequential>,
}

/// The sequential test of a rate: against `max` where there is one, else against the stable side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequential {
    /// Probability, over the whole release, that a canary that is no worse fails: between 0 and 1.
    pub false_alarm: f64,
    /// Increases up to this many percentage points are borne.
    pub smallest_increase: Option<f64>,
}

impl Default for Sequential {
    /// One false alarm in a hundred releases.
    fn default() -> Self {
        Self { false_alarm: 0.01, smallest_increase: None }
    }
}

impl Preset {
    /// Whether it is a share of requests, so that responses can be counted.
    #[must_use]
    pub fn is_rate(self) -> bool {
        match self {
            Self::ErrorRate5xx | Self::ErrorRate4xx | Self::SlowRequestRate { .. } => true,
            Self::Latency(_) | Self::IntegrationLatency(_) | Self::CacheHitRate => false,
        }
    }
}

impl Bounds {
    /// Whether nothing at all is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Metric {
    /// The sequential test that judges it, if one does.
    #[must_use]
    pub fn sequential(&self) -> Option<Sequential> {
        let by_default = || (self.is_rate() && self.bounds.is_empty()).then(Sequential::default);
        self.bounds.sequential.or_else(by_default)
    }

    /// Whether it is a share of requests.
    #[must_use]
    pub fn is_rate(&self) -> bool {
        matches!(self.source, Source::ApiGateway(preset) if preset.is_rate())
    }

    /// What is wrong with it: one sentence that says what to change. Such a metric has the verdict `NoData`.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let Self { name, source, bounds, failure_limit: _, dry_run: _ } = self;
        let Bounds { max, min, max_increase, max_ratio, ratio_floor, sequential } = bounds;
        let numbers = [
            ("max", *max),
            ("min", *min),
            ("maxIncrease", *max_increase),
            ("maxRatio", *max_ratio),
            ("ratioFloor", *ratio_floor),
        ];
        if let Some((field, value)) =
            numbers.iter().find_map(|(field, value)| value.filter(|value| !value.is_finite()).map(|v| (field, v)))
        {
            return Some(format!("{name}: {field} is {value} and must be a number."));
        }
        if let Source::ApiGateway(Preset::SlowRequestRate { threshold_ms }) = source
            && !(threshold_ms.is_finite() && *threshold_ms > 0.0)
        {
            return Some(format!("{name}: thresholdMs is {threshold_ms} and must be more than 0."));
        }
        if self.is_rate()
            && let Some((field, value)) = numbers
                .iter()
                .take(3)
                .find_map(|(field, v)| v.filter(|v| !(0.0..=100.0).contains(v)).map(|v| (field, v)))
        {
            return Some(format!("{name}: {field} is {value} and must be within 0 to 100 percent."));
        }
        if let Some(value) = max_ratio.filter(|ratio| *ratio <= 0.0) {
            return Some(format!("{name}: maxRatio is {value} and must be more than 0."));
        }
        if let Some(Sequential { false_alarm, smallest_increase }) = sequential {
            if !self.is_rate() {
                return Some(format!(
                    "{name}: sequential needs a rate: ErrorRate5xx, ErrorRate4xx or SlowRequestRate."
                ));
            }
            if !(*false_alarm > 0.0 && *false_alarm < 1.0) {
                return Some(format!(
                    "{name}: sequential.falseAlarm is {false_alarm} and must be between 0 and 1, such as 0.01."
                ));
            }
            if let Some(value) = smallest_increase.filter(|value| !(0.0..100.0).contains(value)) {
                return Some(format!(
                    "{name}: sequential.smallestIncrease is {value} and must be at least 0 and less than 100 percentage points."
                ));
            }
        }
        let compares = max_increase.is_some() || max_ratio.is_some();
        match source {
            Source::Alarm(_) => None,
            Source::ApiGateway(preset) if preset.is_rate() && bounds.is_empty() => None,
            Source::ApiGateway(_) | Source::CloudWatch { .. } | Source::Expression(_) | Source::Prometheus { .. }
                if max.is_none() && min.is_none() && !compares && sequential.is_none() =>
            {
                Some(format!("{name}: it has no bound; give it max, min, maxIncrease or maxRatio."))
            }
            Source::CloudWatch { .. } | Source::Expression(_) | Source::Prometheus { .. } if compares => Some(format!(
                "{name}: maxIncrease and maxRatio need the stable side, which only apiGateway metrics know; give it max or min."
            )),
            Source::ApiGateway(_) | Source::CloudWatch { .. } | Source::Expression(_) | Source::Prometheus { .. } => {
                None
            }
        }
    }
}
