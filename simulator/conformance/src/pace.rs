//! Keeps a real account's request quotas, with room for its other users.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::exchange::{Body, Request, Target};

/// Between any two requests: a fifth of API Gateway's 10 a second.
const ANY: Duration = Duration::from_millis(500);

/// Operations with a quota of their own that is below that, each with a second more than AWS asks for.
const OWN: &[(&str, &str, Duration)] = &[
    ("POST", "restapis/*/deployments", Duration::from_secs(6)),
    ("DELETE", "restapis/*", Duration::from_secs(31)),
    ("PATCH", "account", Duration::from_secs(21)),
    ("POST", "restapis/*/documentation/versions", Duration::from_secs(21)),
];

/// `CreateRestApi`, which is slower for edge-optimized APIs.
const REGIONAL: Duration = Duration::from_secs(4);
const EDGE: Duration = Duration::from_secs(31);

/// When the next request may go.
#[derive(Debug)]
pub struct Pace {
    /// `None` for no hurry to brake.
    next: Option<Mutex<BTreeMap<String, Instant>>>,
}

impl Pace {
    /// As fast as it goes: simulators.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { next: None }
    }

    /// At most 2 requests a second, one `CreateDeployment` in 6 seconds, one `DeleteRestApi` in 31.
    #[must_use]
    pub fn real_account() -> Self {
        Self { next: Some(Mutex::default()) }
    }

    /// Returns when this request may be sent. Requests go one after the other.
    pub async fn wait_for(&self, request: &Request) {
        let Some(next) = &self.next else { return };
        let mut next = next.lock().await;
        let now = Instant::now();
        let mut spacings = vec![("*".to_owned(), ANY)];
        spacings.extend(own_spacing(request));
        let due = spacings.iter().filter_map(|(name, _)| next.get(name).copied()).max();
        let start = due.map_or(now, |due| due.max(now));
        for (name, spacing) in spacings {
            next.insert(name, start.checked_add(spacing).unwrap_or(start));
        }
        sleep_until(start).await;
    }

    /// Waits for so long on a real account.
    pub async fn pause(&self, duration: Duration) {
        let now = Instant::now();
        sleep_until(now.checked_add(duration).unwrap_or(now)).await;
    }
}

fn own_spacing(request: &Request) -> Option<(String, Duration)> {
    let Target::Rest { method, path, .. } = &request.target else { return None };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if method == "POST" && segments == ["restapis"] {
        return Some(if is_regional(&request.body) {
            ("CreateRestApi regional".to_owned(), REGIONAL)
        } else {
            ("CreateRestApi edge".to_owned(), EDGE)
        });
    }
    let fits = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('/').collect();
        parts.len() == segments.len() && parts.iter().zip(&segments).all(|(part, seen)| *part == "*" || part == seen)
    };
    let (verb, pattern, spacing) = OWN.iter().find(|(verb, pattern, _)| verb == method && fits(pattern))?;
    Some((format!("{verb} {pattern}"), *spacing))
}

fn is_regional(body: &Body) -> bool {
    match body {
        Body::Json(body) => {
            body.pointer("/endpointConfiguration/types/0").is_some_and(|kind| kind == "REGIONAL" || kind == "PRIVATE")
        }
        Body::None | Body::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn seconds_of(requests: &[Request]) -> f64 {
        let pace = Pace::real_account();
        let start = Instant::now();
        for request in requests {
            pace.wait_for(request).await;
        }
        start.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn each_operation_waits_for_its_own_quota() {
        let stage = Request::rest("GET", "/restapis/a1/stages/prod");
        let deploy = Request::rest("POST", "/restapis/a1/deployments");
        let delete = Request::rest("DELETE", "/restapis/a1");
        let delete_stage = Request::rest("DELETE", "/restapis/a1/stages/prod");
        let regional = Request::rest("POST", "/restapis")
            .with(json!({"name": "x", "endpointConfiguration": {"types": ["REGIONAL"]}}));
        let edge = Request::rest("POST", "/restapis").with(json!({"name": "x"}));
        let cases = [
            (vec![stage.clone(), stage.clone(), stage.clone()], 1.0),
            (vec![deploy.clone(), deploy.clone()], 6.0),
            (vec![deploy.clone(), stage.clone(), deploy], 6.0),
            (vec![delete.clone(), delete], 31.0),
            (vec![delete_stage.clone(), delete_stage], 0.5),
            (vec![regional.clone(), regional], 4.0),
            (vec![edge.clone(), edge], 31.0),
        ];
        for (requests, expected) in cases {
            let lines: Vec<String> = requests.iter().map(Request::line).collect();
            let waited = seconds_of(&requests).await;
            assert!((waited - expected).abs() < 0.01, "{waited} s for {lines:?}");
        }
    }
}
