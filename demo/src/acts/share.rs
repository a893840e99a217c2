//! Who answers the callers: requests sent to the data plane one by one, and how many of them a share may get by chance.

use std::ops::RangeInclusive;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::{failure::Failure, world::World};

/// Requests that are sent at a time.
const REQUESTS: u32 = 200;

/// A right share is outside the bounds so often, on each side.
const TAIL: f64 = 1e-4;

/// What a caller is told, and the simulator says of who told it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: u16,
    deployment_id: Option<String>,
    is_canary_request: bool,
    stage_variables: Value,
}

/// One side of a stage: a deployment and the variables that it shall see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'s> {
    pub(super) deployment: &'s str,
    /// The name that people know it by.
    pub(super) revision: &'s str,
    pub(super) variables: &'s Value,
}

/// Sends requests as callers would. Those of the canary must be as many as its share allows, each side's must be answered by
/// its deployment with its variables, and there must be nobody else. Gives how many of the canary's got a 5xx status.
pub(super) async fn is_shared(
    world: &mut World,
    stable: Side<'_>,
    canary: Option<(Side<'_>, f64)>,
) -> Result<usize, Failure> {
    let path = format!("/_simulator/invoke/{}/prod/orders", world.ids.rest_api);
    let mut responses = Vec::new();
    for _ in 0..REQUESTS {
        let answer = world.gateway()?.send(&Method::GET, &path, &Value::Null).await?;
        let response: Response = serde_json::from_value(answer.body)
            .map_err(|error| Failure::Request { request: format!("GET {path}"), reason: error.to_string() })?;
        responses.push(response);
    }
    let count = responses.iter().filter(|response| response.is_canary_request).count();
    let what = match canary {
        Some((side, percent)) => {
            let bounds = bounds(REQUESTS, percent / 100.0);
            let (least, most, revision) = (bounds.start(), bounds.end(), side.revision);
            format!(
                "{REQUESTS} requests: {revision} answered {count}, {} the others; by chance {percent} % are {least} to {most}",
                stable.revision
            )
        }
        None => format!("{REQUESTS} requests: {} answered all of them", stable.revision),
    };
    let wrong = objection(&responses, stable, canary);
    world.check(&what, wrong.is_none(), wrong.unwrap_or_default())?;
    Ok(responses.iter().filter(|response| response.is_canary_request && response.status >= 500).count())
}

/// What is wrong with who answered; `None` where nothing is.
fn objection(responses: &[Response], stable: Side<'_>, canary: Option<(Side<'_>, f64)>) -> Option<String> {
    for response in responses {
        let side = match canary {
            Some((side, _)) if response.is_canary_request => side,
            None if response.is_canary_request => return Some(format!("a canary where none should be: {response:?}")),
            Some(_) | None => stable,
        };
        let right =
            response.deployment_id.as_deref() == Some(side.deployment) && response.stage_variables == *side.variables;
        if !right {
            return Some(format!("{response:?}, where it should be {side:?}"));
        }
    }
    let requests = u32::try_from(responses.len()).unwrap_or(u32::MAX);
    let count = responses.iter().filter(|response| response.is_canary_request).count();
    let bounds = bounds(requests, canary.map_or(0.0, |(_, percent)| percent / 100.0));
    let within = u32::try_from(count).is_ok_and(|count| bounds.contains(&count));
    (!within).then(|| format!("{count} of {requests} requests at the canary"))
}

/// How many of `requests` a side gets whose share is `share` (0.0 to 1.0): fewer than the first or more than the last with a
/// probability of at most [`TAIL`] each, by the binomial distribution.
fn bounds(requests: u32, share: f64) -> RangeInclusive<u32> {
    if share <= 0.0 {
        return 0..=0;
    }
    if share >= 1.0 {
        return requests..=requests;
    }
    let odds = share / (1.0 - share);
    let mut exactly = (1.0 - share).powf(f64::from(requests));
    let (mut up_to, mut least, mut most) = (0.0, None, requests);
    for count in 0..=requests {
        up_to += exactly;
        if least.is_none() && up_to > TAIL {
            least = Some(count);
        }
        if 1.0 - up_to <= TAIL {
            most = count;
            break;
        }
        exactly *= odds * f64::from(requests - count) / f64::from(count + 1);
    }
    least.unwrap_or(0)..=most
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// By exact sums of binomial coefficients.
    #[test]
    fn bounds_are_those_of_the_binomial_distribution() {
        let found = [0.0, 0.05, 0.25, 0.5, 1.0].map(|share| bounds(200, share));
        assert_eq!(found, [0..=0, 1..=23, 28..=74, 74..=126, 200..=200]);
    }

    /// `canary` of 200 answers by r3, the others by r2.
    fn responses(canary: usize) -> Vec<Response> {
        let response = |number: usize| {
            let is_canary_request = number < canary;
            let (deployment, days) = if is_canary_request { ("dep3", "365") } else { ("dep2", "90") };
            Response {
                status: 200,
                deployment_id: Some(deployment.to_owned()),
                is_canary_request,
                stage_variables: json!({ "days": days }),
            }
        };
        (0..200).map(response).collect()
    }

    fn found(responses: &[Response], percent: Option<f64>) -> Option<String> {
        let (of_r2, of_r3) = (json!({ "days": "90" }), json!({ "days": "365" }));
        let stable = Side { deployment: "dep2", revision: "r2", variables: &of_r2 };
        let canary = Side { deployment: "dep3", revision: "r3", variables: &of_r3 };
        objection(responses, stable, percent.map(|percent| (canary, percent)))
    }

    #[test]
    fn a_share_that_cannot_be_chance_is_told() {
        assert_eq!(found(&responses(10), Some(5.0)), None);
        assert_eq!(found(&responses(0), None), None);
        let wrong = [(0, 5.0), (24, 5.0), (27, 25.0), (75, 25.0), (73, 50.0), (127, 50.0)];
        for (count, percent) in wrong {
            let told = format!("{count} of 200 requests at the canary");
            assert_eq!(found(&responses(count), Some(percent)), Some(told), "{percent} %");
        }
    }

    #[test]
    fn an_answer_by_nobody_we_know_is_told() {
        assert!(found(&responses(1), None).unwrap().starts_with("a canary where none should be"));
        let mut strange = responses(10);
        strange[150].deployment_id = Some("dep3".to_owned());
        assert!(found(&strange, Some(5.0)).is_some(), "the canary's deployment on the stable side");
        let mut leaked = responses(10);
        leaked[150].stage_variables = json!({ "days": "365" });
        assert!(found(&leaked, Some(5.0)).is_some(), "the canary's variable on the stable side");
        let mut refused = responses(10);
        refused[0].deployment_id = None;
        assert!(found(&refused, Some(5.0)).is_some(), "nobody answered");
    }
}
