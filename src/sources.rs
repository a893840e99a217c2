//! Where the answers to a check's queries come from: `CloudWatch` of the stage's account and Region, and Prometheus.

use futures::future::{join, join_all};
use jiff::Timestamp;
use stagecraft_core::analysis::{Ask, Query, Readings};

use crate::aws::CloudWatch;
use crate::prometheus::Prometheus;

/// The sources of one stage.
#[derive(Clone, Debug)]
pub struct Live {
    /// Of the stage's account and Region.
    pub cloud_watch: CloudWatch,
    /// Those that the operator's configuration names.
    pub prometheus: Prometheus,
}

impl Live {
    /// One reading for each query. It never fails: a source that is down is a reading that is missing, with its reason.
    pub async fn read(&self, queries: &[Query]) -> Readings {
        let (mut readings, numbers) = join(self.cloud_watch.read(queries), self.numbers(queries)).await;
        readings.extend(numbers);
        readings
    }

    async fn numbers(&self, queries: &[Query]) -> Readings {
        let asked = queries.iter().filter_map(|query| match &query.ask {
            Ask::Prometheus { provider, query: text, window } => {
                let at = Timestamp::from_second(window.end()).unwrap_or(Timestamp::MAX);
                Some(async move { (query.id.clone(), self.prometheus.query(provider, text, at).await) })
            }
            Ask::Metric { .. } | Ask::Expression { .. } | Ask::Alarm { .. } | Ask::StageDimensions { .. } => None,
        });
        join_all(asked).await.into_iter().collect()
    }
}
