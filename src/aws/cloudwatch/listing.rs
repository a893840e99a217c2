//! `ListMetrics`: under which stages `CloudWatch` counts a REST API's requests.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::DimensionFilter;
use futures::future::join_all;
use stagecraft_core::analysis::{Ask, Reading};

use super::{Inner, missing};
use crate::aws::call::Call;
use crate::aws::error::Error;
use crate::aws::operation::Operation;

/// Pages of 500 metrics; the list is advice for people, not a basis of verdicts.
const MOST_PAGES: usize = 4;

impl Inner {
    pub(super) async fn stage_dimensions(&self, asks: Vec<Ask>) -> Vec<(Ask, Reading)> {
        join_all(asks.into_iter().map(|ask| async move {
            let Ask::StageDimensions { api_name } = &ask else { return (ask, missing("it is no listing")) };
            let reading = match self.call(|| self.list_metrics(api_name)).await {
                Ok(names) => Reading::Names(names.into_iter().collect()),
                Err(error) => missing(error),
            };
            (ask, reading)
        }))
        .await
    }

    async fn list_metrics(&self, api_name: &str) -> Result<BTreeSet<String>, Error> {
        let mut names = BTreeSet::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = Call::new(Operation::ListMetrics).detail(api_name);
            let request = self
                .client
                .list_metrics()
                .namespace("AWS/ApiGateway")
                .metric_name("Count")
                .dimensions(DimensionFilter::builder().name("ApiName").value(api_name).build())
                .dimensions(DimensionFilter::builder().name("Stage").build())
                .set_next_token(token.take());
            let reply = self.caller.read(call, |gate| request.customize().interceptor(gate).send(), Some).await?;
            token = reply.next_token.filter(|token| !token.is_empty());
            for dimension in
                reply.metrics.unwrap_or_default().into_iter().flat_map(|metric| metric.dimensions.unwrap_or_default())
            {
                if dimension.name.as_deref() == Some("Stage") {
                    names.extend(dimension.value);
                }
            }
            if token.is_none() {
                break;
            }
        }
        Ok(names)
    }
}
