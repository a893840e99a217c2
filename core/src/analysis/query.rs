//! What is asked of the sources, and what they answer.

use std::collections::BTreeMap;

use super::window::Window;

/// A question to one source. Its `id` is the same in every check of the same policy and unique among the queries of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Names the answer.
    pub id: String,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// A statistic of a metric of `CloudWatch`.
    Metric {
        /// Namespace of the metric.
        namespace: String,
        /// Its name.
        metric: String,
        /// All its dimensions.
        dimensions: BTreeMap<String, String>,
        /// The statistic, as `CloudWatch` writes it.
        statistic: String,
        /// Minutes that one value stands for: 1, or the whole of `window`.
        period_minutes: i64,
        /// The time asked for.
        window: Window,
    },
    /// Metric math.
    Expression {
        /// The expression.
        expression: String,
        /// Minutes that one value stands for.
        period_minutes: i64,
        /// The time asked for.
        window: Window,
    },
    /// The state of an alarm.
    Alarm {
        /// Its name.
        name: String,
    },
    /// One number from Prometheus, as of the end of the window.
    Prometheus {
        /// Name in the operator's configuration.
        provider: String,
        /// `PromQL`.
        query: String,
        /// The time that it speaks of.
        window: Window,
    },
    /// The values of the dimension `Stage` that `CloudWatch` lists for a REST API.
    StageDimensions {
        /// Value of the dimension `ApiName`.
        api_name: String,
    },
}

/// Answers by the id of their query. A query without an answer counts as [`Reading::Missing`].
pub type Readings = BTreeMap<String, Reading>;

/// What a source answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Values by the minute at which their period begins, in minutes since 1970.
    Series {
        /// The values.
        values: BTreeMap<i64, f64>,
        /// Whether the source says that nothing is left out.
        complete: bool,
    },
    /// One number.
    Scalar(f64),
    /// The state of an alarm.
    Alarm(AlarmState),
    /// Names.
    Names(Vec<String>),
    /// No answer, and why: a phrase that goes on after "because", without a full stop.
    Missing(String),
}

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
}
