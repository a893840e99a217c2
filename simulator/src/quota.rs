//! AWS's request quotas of the control plane, as token buckets on the simulated clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::service::Call;
use crate::world::Place;

/// Requests a second of all operations together, and how many may come at once.
const ALL: Limit = Limit { per_second: 10.0, burst: 40.0 };

/// Quotas of single operations. Source: API Gateway quotas; a rate below one in a second has no burst.
static OPERATIONS: &[(&str, Limit)] = &[
    ("CreateDeployment", Limit { per_second: 1.0 / 5.0, burst: 1.0 }),
    ("GetResources", Limit { per_second: 5.0 / 2.0, burst: 5.0 }),
    ("CreateResource", Limit { per_second: 5.0, burst: 5.0 }),
    ("DeleteResource", Limit { per_second: 5.0, burst: 5.0 }),
    ("DeleteRestApi", Limit { per_second: 1.0 / 30.0, burst: 1.0 }),
    ("UpdateAccount", Limit { per_second: 1.0 / 20.0, burst: 1.0 }),
    ("CreateDocumentationVersion", Limit { per_second: 1.0 / 20.0, burst: 1.0 }),
];

/// `CreateRestApi` is slower for edge-optimized APIs.
const CREATE_REGIONAL_API: Limit = Limit { per_second: 1.0 / 3.0, burst: 1.0 };
const CREATE_EDGE_API: Limit = Limit { per_second: 1.0 / 30.0, burst: 1.0 };

#[derive(Debug, Clone, Copy)]
struct Limit {
    per_second: f64,
    burst: f64,
}

/// What somebody else of the same account and Region uses up all the time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForeignClient {
    /// Requests a second, of the 10 that all operations share.
    pub requests_per_second: f64,
    /// `CreateDeployment` calls a second, of the 0.2 that there are. They count among the requests too.
    pub create_deployments_per_second: f64,
}

/// The buckets of all accounts.
#[derive(Debug)]
pub(crate) struct Quota {
    on: bool,
    foreign: ForeignClient,
    buckets: BTreeMap<(Place, &'static str), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Quota {
    pub(crate) fn new(on: bool) -> Self {
        Self { on, foreign: ForeignClient::default(), buckets: BTreeMap::new() }
    }

    pub(crate) fn on(&self) -> bool {
        self.on
    }

    pub(crate) fn foreign(&self) -> ForeignClient {
        self.foreign
    }

    /// Switches the quota; buckets start full again.
    pub(crate) fn set(&mut self, on: bool, foreign: ForeignClient) {
        *self = Self { on, foreign, buckets: BTreeMap::new() };
    }

    /// Takes a token from every bucket of this call, or none and refuses.
    pub(crate) fn take(&mut self, place: &Place, service: &str, call: &Call, now: Timestamp) -> Result<(), ApiError> {
        if !self.on || service != "apigateway" {
            return Ok(());
        }
        let foreign = self.foreign.requests_per_second + self.foreign.create_deployments_per_second;
        let mut wanted = vec![("*", ALL, foreign)];
        wanted.extend(own_limit(call).map(|(name, limit)| {
            let foreign = if name == "CreateDeployment" { self.foreign.create_deployments_per_second } else { 0.0 };
            (name, limit, foreign)
        }));
        let mut filled = Vec::new();
        let mut wait: f64 = 0.0;
        for (name, limit, foreign) in wanted {
            let key = (place.clone(), name);
            let bucket = self.buckets.get(&key).copied().unwrap_or(Bucket { tokens: limit.burst, at: now });
            let rate = (limit.per_second - foreign).max(0.0);
            let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
            // What a foreign client takes beyond the refill comes out of what was saved.
            let drain = (foreign - limit.per_second).max(0.0);
            let tokens = (bucket.tokens + passed * (rate - drain)).clamp(0.0, limit.burst);
            // A rounding error of a nanotoken must not cost a whole second.
            if tokens + 1e-9 < 1.0 {
                wait = wait.max(if rate > 0.0 { (1.0 - tokens) / rate } else { 60.0 });
            }
            filled.push((key, tokens));
        }
        let taken = if wait > 0.0 { 0.0 } else { 1.0 };
        for (key, tokens) in filled {
            self.buckets.insert(key, Bucket { tokens: (tokens - taken).max(0.0), at: now });
        }
        if wait <= 0.0 {
            return Ok(());
        }
        Err(ApiError::too_many_requests().retry_after(whole_seconds(wait)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
fn whole_seconds(wait: f64) -> u64 {
    wait.ceil().clamp(1.0, 3600.0) as u64
}

fn own_limit(call: &Call) -> Option<(&'static str, Limit)> {
    if call.operation == "CreateRestApi" {
        let types = call.body.pointer("/endpointConfiguration/types/0").and_then(serde_json::Value::as_str);
        let edge = types.is_none_or(|kind| kind == "EDGE");
        return Some(if edge {
            ("CreateRestApi edge", CREATE_EDGE_API)
        } else {
            ("CreateRestApi regional", CREATE_REGIONAL_API)
        });
    }
    OPERATIONS.iter().find(|(name, _)| *name == call.operation).copied()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[expect(clippy::unwrap_in_result, reason = "a test may panic")]
    fn ask(quota: &mut Quota, operation: &'static str, milliseconds: i64) -> Result<(), Option<u64>> {
        let place = Place { account: "123456789012".into(), region: "eu-west-1".into() };
        let call = Call { operation, parameters: Vec::new(), query: Vec::new(), body: Arc::new(json!({})) };
        let now = Timestamp::from_millisecond(milliseconds).unwrap();
        quota.take(&place, "apigateway", &call, now).map_err(|error| error.retry_after_seconds)
    }

    fn on(foreign: ForeignClient) -> Quota {
        let mut quota = Quota::new(true);
        quota.set(true, foreign);
        quota
    }

    #[test]
    fn forty_at_once_then_ten_a_second() {
        let mut quota = on(ForeignClient::default());
        assert_eq!((0..41).filter(|_| ask(&mut quota, "GetStage", 0).is_ok()).count(), 40);
        assert_eq!(ask(&mut quota, "GetStage", 0), Err(Some(1)));
        assert_eq!((0..20).filter(|_| ask(&mut quota, "GetStage", 1000).is_ok()).count(), 10);
        assert_eq!((0..100).filter(|_| ask(&mut quota, "GetStage", 100_000).is_ok()).count(), 40);
    }

    #[test]
    fn one_deployment_in_five_seconds_and_a_refusal_costs_no_token() {
        let mut quota = on(ForeignClient::default());
        assert_eq!(ask(&mut quota, "CreateDeployment", 0), Ok(()));
        for _ in 0..50 {
            assert_eq!(ask(&mut quota, "CreateDeployment", 1000), Err(Some(4)));
        }
        assert_eq!((0..60).filter(|_| ask(&mut quota, "GetStage", 1000).is_ok()).count(), 40);
        assert_eq!(ask(&mut quota, "CreateDeployment", 5000), Ok(()));
    }

    #[test]
    fn a_foreign_client_takes_its_part() {
        let foreign = ForeignClient { requests_per_second: 8.0, create_deployments_per_second: 0.0 };
        let mut quota = on(foreign);
        assert_eq!((0..41).filter(|_| ask(&mut quota, "GetStage", 0).is_ok()).count(), 40);
        assert_eq!((0..41).filter(|_| ask(&mut quota, "GetStage", 1000).is_ok()).count(), 2);
    }
}
