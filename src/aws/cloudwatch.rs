//! `CloudWatch` in one Region: what metrics and alarms say.
//!
//! All releases of an account and Region that ask within a short time go out together: `CloudWatch` answers 500 queries a call,
//! and charges and throttles by the call. Nothing here fails: what could not be read is [`Reading::Missing`] with its reason,
//! because a check without data is a verdict of its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use stagecraft_core::analysis::{Ask, Query, Reading, Readings};
use stagecraft_core::api::names::Region;
use stagecraft_core::cause::Cause;

use super::call::Caller;
use super::error::Error;
use super::renewal::Renewable;

mod alarms;
mod listing;
mod metric_data;

/// How long a question waits for others that go out with it. A check is made once a minute, so nobody notices.
const GATHERING: Duration = Duration::from_millis(200);

/// `CloudWatch` in one Region, with one set of credentials. Clones share one client and gather together.
#[derive(Clone)]
pub struct CloudWatch {
    inner: Arc<Inner>,
}

struct Inner {
    region: Region,
    client: Client,
    caller: Caller,
    credentials: Arc<Renewable>,
    /// Questions that have not gone out yet.
    open: Mutex<Option<Gathering>>,
}

/// Questions that go out together.
#[derive(Clone)]
struct Gathering {
    asks: Arc<Mutex<Vec<Ask>>>,
    /// Whoever waits for it drives it, so that it goes on when the first who asked has gone.
    answers: Shared<BoxFuture<'static, Answers>>,
}

type Answers = Arc<HashMap<Ask, Reading>>;

impl CloudWatch {
    pub(super) fn new(region: Region, client: Client, caller: Caller, credentials: Arc<Renewable>) -> Self {
        Self { inner: Arc::new(Inner { region, client, caller, credentials, open: Mutex::default() }) }
    }

    /// Answers all queries that are `CloudWatch`'s; the others are not in the answer.
    pub async fn read(&self, queries: &[Query]) -> Readings {
        let own: Vec<&Query> = queries.iter().filter(|query| is_ours(&query.ask)).collect();
        if own.is_empty() {
            return Readings::new();
        }
        let answers = self.join(own.iter().map(|query| query.ask.clone())).await;
        let answer =
            |ask: &Ask| answers.get(ask).cloned().unwrap_or_else(|| missing("CloudWatch left it out of its answer"));
        own.into_iter().map(|query| (query.id.clone(), answer(&query.ask))).collect()
    }

    /// Joins those who are gathering, or begins to.
    fn join(&self, asks: impl Iterator<Item = Ask>) -> Shared<BoxFuture<'static, Answers>> {
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        let gathering = open.get_or_insert_with(|| self.gather());
        gathering.asks.lock().unwrap_or_else(PoisonError::into_inner).extend(asks);
        gathering.answers.clone()
    }

    fn gather(&self) -> Gathering {
        let asks: Arc<Mutex<Vec<Ask>>> = Arc::default();
        let (inner, gathered) = (Arc::clone(&self.inner), Arc::clone(&asks));
        let answers = async move {
            inner.caller.clock().wait(GATHERING).await;
            // From here on others gather anew.
            inner.open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let asks = std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner));
            Arc::new(inner.answer(asks).await)
        };
        Gathering { asks, answers: answers.boxed().shared() }
    }
}

impl Inner {
    async fn answer(&self, mut asks: Vec<Ask>) -> HashMap<Ask, Reading> {
        asks.sort();
        asks.dedup();
        let (mut data, mut alarms, mut listings) = (Vec::new(), Vec::new(), Vec::new());
        for ask in asks {
            match &ask {
                Ask::Metric { .. } | Ask::Expression { .. } => data.push(ask),
                Ask::Alarm { .. } => alarms.push(ask),
                Ask::StageDimensions { .. } => listings.push(ask),
                Ask::Prometheus { .. } => {}
            }
        }
        let (data, alarms, listings) =
            futures::join!(self.metric_data(data), self.alarm_states(alarms), self.stage_dimensions(listings));
        data.into_iter().chain(alarms).chain(listings).collect()
    }

    /// Makes a call, and once more with new credentials where those that were kept have expired.
    async fn call<T, F>(&self, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let began = self.caller.clock().boottime();
        match call().await {
            Err(error) if error.cause == Cause::CredentialsExpired => {
                self.credentials.renew(began);
                call().await
            }
            outcome => outcome,
        }
    }
}

fn is_ours(ask: &Ask) -> bool {
    match ask {
        Ask::Metric { .. } | Ask::Expression { .. } | Ask::Alarm { .. } | Ask::StageDimensions { .. } => true,
        Ask::Prometheus { .. } => false,
    }
}

fn missing(why: impl fmt::Display) -> Reading {
    Reading::Missing(why.to_string())
}

impl fmt::Debug for CloudWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudWatch").field("region", &self.inner.region).finish_non_exhaustive()
    }
}
