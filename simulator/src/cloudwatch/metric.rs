//! Metrics: a namespace, a name, dimensions, and what is known of each minute.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::wire::input::Object;

/// AWS's own namespace of API Gateway.
pub(crate) const API_GATEWAY: &str = "AWS/ApiGateway";

/// One-minute data are kept for 15 days; source: CloudWatch's retention of metrics.
pub(crate) const KEPT_SECONDS: i64 = 15 * 24 * 3600;

/// What tells one metric from another. Two sets of dimensions are two metrics, however much they share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricId {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl MetricId {
    /// As `ListMetrics` shows it.
    pub(crate) fn view(&self) -> Value {
        let dimension = |(name, value): (&String, &String)| json!({"Name": name, "Value": value});
        let dimensions: Vec<Value> = self.dimensions.iter().map(dimension).collect();
        json!({"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions})
    }
}

/// The member `Dimensions`, each with name and value, at most 30.
pub(super) fn dimensions(
    object: &Object<'_>,
    refuse: fn(String) -> ApiError,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut dimensions = BTreeMap::new();
    let given = object.objects("Dimensions")?;
    if given.len() > 30 {
        return Err(refuse(format!("A metric has at most 30 dimensions and this one has {}.", given.len())));
    }
    for dimension in given {
        let text = |name: &str| dimension.string(name).map(|text| text.filter(|text| !text.is_empty()));
        let (Some(name), Some(value)) = (text("Name")?, text("Value")?) else {
            return Err(refuse("A dimension needs a Name and a Value, both not empty.".to_owned()));
        };
        if dimensions.insert(name.clone(), value).is_some() {
            return Err(refuse(format!("The dimension {name} is given twice.")));
        }
    }
    Ok(dimensions)
}

/// What is known of a metric in some time: enough for every statistic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datum {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    /// Values with how often each came, in any order; `None` where only sums are known, so that there is no
    /// percentile.
    pub(crate) values: Option<Vec<(f64, f64)>>,
}

impl Datum {
    /// Values with how often each came; `None` where there is nothing.
    pub(crate) fn of(values: Vec<(f64, f64)>) -> Option<Self> {
        let values: Vec<_> = values.into_iter().filter(|(_, times)| *times > 0.0).collect();
        let minimum = values.iter().map(|(value, _)| *value).reduce(f64::min)?;
        let maximum = values.iter().map(|(value, _)| *value).reduce(f64::max)?;
        let count = values.iter().map(|(_, times)| times).sum();
        let sum = values.iter().map(|(value, times)| value * times).sum();
        Some(Self { count, sum, minimum, maximum, values: Some(values) })
    }

    /// Adds what is known of another part of the same time.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        match (&mut self.values, &other.values) {
            (Some(values), Some(others)) => values.extend_from_slice(others),
            (values, _) => *values = None,
        }
    }
}

/// Adds to what is known of one key.
pub(crate) fn merge<K: Ord>(data: &mut BTreeMap<K, Datum>, key: K, datum: &Datum) {
    match data.get_mut(&key) {
        Some(known) => known.add(datum),
        None => {
            data.insert(key, datum.clone());
        }
    }
}

/// By minute (seconds since 1970, a multiple of 60) and unit.
pub(crate) type Series = BTreeMap<(i64, String), Datum>;

/// Data points that were put, by metric. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    series: Arc<BTreeMap<MetricId, Series>>,
}

impl Store {
    /// Adds to one minute of a metric and forgets what is older than AWS keeps it.
    pub(crate) fn put(&mut self, metric: MetricId, minute: i64, unit: &str, datum: &Datum, now: i64) {
        let series = Arc::make_mut(&mut self.series).entry(metric).or_default();
        merge(series, (minute, unit.to_owned()), datum);
        let kept = series.split_off(&(now.saturating_sub(KEPT_SECONDS), String::new()));
        *series = kept;
    }

    pub(crate) fn series(&self, metric: &MetricId) -> Option<&Series> {
        self.series.get(metric)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&MetricId, &Series)> {
        self.series.iter()
    }
}

/// The minute that an instant lies in, both in seconds since 1970.
pub(crate) fn minute_of(epoch_seconds: i64) -> i64 {
    epoch_seconds.saturating_sub(epoch_seconds.rem_euclid(60))
}
