//! Single requests to a stage, as a caller of the deployed API sends them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use super::draw::{Draw, Outcome, key};
use super::emitted::{data, dimension_sets, metric, stage_values};
use super::stream::{api_name, settings};
use crate::apigateway::cache::Status;
use crate::apigateway::deployment::Snapshot;
use crate::apigateway::gateway_response::to_callers;
use crate::apigateway::rest_api::RestApi;
use crate::apigateway::stage::Stage;
use crate::cloudwatch::metric::minute_of;
use crate::simulator::Simulator;
use crate::switches::Switches;
use crate::world::Region;

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// What the caller is told: 200, or 400 and 500 as often as the plan's error rates say, or a gateway response's.
    pub status: u16,
    /// The deployment that served; `None` where no stage answered.
    pub deployment_id: Option<String>,
    /// Whether the stage's canary served.
    pub is_canary_request: bool,
    /// What the deployment sees: the stage's variables, for a canary united with its overrides.
    pub stage_variables: BTreeMap<String, String>,
    /// The verb of the request.
    pub method: String,
    /// Path of the resource that serves, such as `/pets/{id}`; `None` where none does.
    pub resource: Option<String>,
    /// Whether the stage's cache answered.
    pub cache_hit: bool,
    /// Of the whole request; drawn from the plan.
    pub latency_milliseconds: f64,
    /// Body of a gateway response, where API Gateway itself answered.
    #[serde(skip)]
    pub gateway_response: Option<String>,
    /// Headers of a gateway response.
    #[serde(skip)]
    pub headers: BTreeMap<String, String>,
}

impl Simulator {
    /// Sends one request to a stage. It is counted in the stage's metrics; nobody has to be authorized.
    #[must_use]
    pub fn invoke(&self, rest_api_id: &str, stage_name: &str, method: &str, path: &str) -> Invocation {
        let now = self.clock().now();
        let seed = self.inner.seed;
        let mut state = self.state();
        let state = &mut *state;
        let serves =
            |region: &Region| region.rest_apis.get(rest_api_id).is_some_and(|api| api.stages.contains_key(stage_name));
        let Some(region) = state.regions.values_mut().find(|region| serves(region)) else {
            return Invocation::forbidden(method);
        };
        region.traffic.seed = seed;
        region.traffic.invocations = region.traffic.invocations.saturating_add(1);
        let number = i64::try_from(region.traffic.invocations).unwrap_or(i64::MAX);
        let luck = key(seed, &["invoke", rest_api_id, stage_name], &[number]);
        let call = Invoked { region, switches: &state.switches, rest_api_id, stage_name, luck, now };
        let Some((invocation, counted)) = call.answer(method, path) else { return Invocation::forbidden(method) };
        counted.emit(region, now);
        invocation
    }
}

impl Invocation {
    /// The answer of an address that no stage has.
    fn forbidden(method: &str) -> Self {
        Self {
            status: 403,
            deployment_id: None,
            is_canary_request: false,
            stage_variables: BTreeMap::new(),
            method: method.to_owned(),
            resource: None,
            cache_hit: false,
            latency_milliseconds: 0.0,
            gateway_response: Some("{\"message\":\"Forbidden\"}".to_owned()),
            headers: BTreeMap::from([("x-amzn-ErrorType".to_owned(), "ForbiddenException".to_owned())]),
        }
    }
}

/// A request that found its stage.
struct Invoked<'i> {
    region: &'i Region,
    switches: &'i Switches,
    rest_api_id: &'i str,
    stage_name: &'i str,
    /// Draws everything about this request.
    luck: u64,
    now: Timestamp,
}

/// What is to be counted, and where.
struct Counted {
    outcome: Outcome,
    api_name: String,
    stages: Vec<String>,
    /// Verb and resource where detailed metrics are on.
    detailed: Option<(String, String)>,
}

impl Invoked<'_> {
    fn answer(&self, method: &str, path: &str) -> Option<(Invocation, Counted)> {
        let api = self.region.rest_apis.get(self.rest_api_id)?;
        let stage = api.stages.get(self.stage_name)?;
        let canary = stage
            .canary
            .as_ref()
            .filter(|canary| StdRng::seed_from_u64(self.luck).random::<f64>() * 100.0 < canary.percent_traffic);
        let deployment_id = canary.map_or(&stage.deployment_id, |canary| &canary.deployment_id);
        let snapshot = &api.deployments.get(deployment_id)?.snapshot;
        let mut stage_variables = stage.variables.clone();
        stage_variables.extend(canary.map(|canary| canary.stage_variable_overrides.clone()).unwrap_or_default());
        let uses_cache = canary.is_none_or(|canary| canary.use_stage_cache);

        let resource = resource(snapshot, method, path);
        let mut outcome = self.outcome(stage, deployment_id, method, resource, uses_cache);
        let mut invocation = Invocation {
            status: 200,
            deployment_id: Some(deployment_id.clone()),
            is_canary_request: canary.is_some(),
            stage_variables,
            gateway_response: None,
            headers: BTreeMap::new(),
            resource: resource.map(str::to_owned),
            ..Invocation::forbidden(method)
        };
        if resource.is_none() {
            refuse(&mut invocation, snapshot);
            outcome.errors_4xx = u64::from((400..500).contains(&invocation.status));
            outcome.errors_5xx = u64::from(invocation.status >= 500);
        } else if outcome.errors_5xx > 0 {
            invocation.status = 500;
        } else if outcome.errors_4xx > 0 {
            invocation.status = 400;
        }
        invocation.cache_hit = outcome.cache_hits.is_some_and(|hits| hits > 0);
        let integration = outcome.latencies.first().map(|(value, _)| *value);
        invocation.latency_milliseconds = integration.unwrap_or(outcome.overhead_milliseconds);
        let counted = self.counted(api, stage, canary.is_some(), outcome, method, resource);
        Some((invocation, counted))
    }

    fn outcome(
        &self,
        stage: &Stage,
        deployment_id: &str,
        method: &str,
        resource: Option<&str>,
        uses_cache: bool,
    ) -> Outcome {
        let streams = &self.region.traffic.streams;
        let plan = streams.get(&(self.rest_api_id.to_owned(), self.stage_name.to_owned()));
        let behaviour = plan
            .and_then(|stream| stream.plan.as_ref())
            .map(|(plan, set)| plan.behaviour(deployment_id, self.now.duration_since(*set).as_secs_f64()));
        let cached = resource.is_some_and(|path| settings(stage, method, path).1);
        let available = stage.cache.status(self.now, self.switches) == Status::Available;
        let drawn = Draw {
            key: self.luck.rotate_left(1),
            expected: 1.0,
            behaviour: behaviour.unwrap_or_default(),
            cached: uses_cache && cached && available,
            with_latencies: true,
        };
        let mut outcome = drawn.single();
        if resource.is_none() {
            // API Gateway itself answers: no integration, no cache, no luck.
            let overhead = (outcome.overhead_milliseconds, 1.0);
            outcome = Outcome { errors_4xx: 0, errors_5xx: 0, cache_hits: None, latencies: vec![overhead], ..outcome };
        }
        outcome
    }

    fn counted(
        &self,
        api: &RestApi,
        stage: &Stage,
        canary: bool,
        outcome: Outcome,
        method: &str,
        resource: Option<&str>,
    ) -> Counted {
        let detailed = resource.filter(|path| settings(stage, method, path).0);
        Counted {
            outcome,
            api_name: api_name(api),
            stages: stage_values(self.stage_name, canary, self.switches.canary_dimension),
            detailed: detailed.map(|path| (method.to_owned(), path.to_owned())),
        }
    }
}

impl Counted {
    fn emit(&self, region: &mut Region, now: Timestamp) {
        let method = self.detailed.as_ref().map(|(verb, path)| (verb.as_str(), path.as_str()));
        let (now, minute) = (now.as_second(), minute_of(now.as_second()));
        for set in dimension_sets(&self.api_name, &self.stages, method) {
            for (name, unit, datum) in data(&self.outcome) {
                region.traffic.invoked.put(metric(name, &set), minute, unit, &datum, now);
            }
        }
    }
}

/// The gateway response to a request that no method of the deployment answers.
fn refuse(invocation: &mut Invocation, snapshot: &Snapshot) {
    let Some(told) = to_callers(&snapshot.gateway_responses, "MISSING_AUTHENTICATION_TOKEN") else { return };
    let message = "Missing Authentication Token";
    let body = told.template.replace("$context.error.messageString", &format!("\"{message}\""));
    invocation.status = told.status;
    invocation.gateway_response = Some(body.replace("$context.error.message", message));
    invocation.headers = told.headers;
    invocation.headers.insert("x-amzn-ErrorType".to_owned(), "MissingAuthenticationTokenException".to_owned());
}

/// The resource that serves a request: exact segments win over `{one}`, which wins over `{rest+}`.
fn resource<'s>(snapshot: &'s Snapshot, method: &str, path: &str) -> Option<&'s str> {
    let asked: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let fits = snapshot.methods.iter().filter(|(_, verbs)| verbs.contains_key(method) || verbs.contains_key("ANY"));
    let ranked = fits.filter_map(|(resource, _)| Some((rank(resource, &asked)?, resource)));
    ranked.min().map(|(_, resource)| resource.as_str())
}

/// How a resource's path fits, by segment: 0 exactly, 1 by a parameter, 2 by a greedy one; `None` if it does not.
fn rank(resource: &str, asked: &[&str]) -> Option<Vec<u8>> {
    let mut asked = asked.iter();
    let mut ranks = Vec::new();
    for part in resource.split('/').filter(|part| !part.is_empty()) {
        let segment = asked.next()?;
        if part.ends_with("+}") {
            ranks.push(2);
            return Some(ranks);
        }
        match part.starts_with('{') {
            true => ranks.push(1),
            false if part == *segment => ranks.push(0),
            false => return None,
        }
    }
    asked.next().is_none().then_some(ranks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_segments_win_over_parameters_and_those_over_greedy_ones() {
        let asked = ["pets", "7"];
        let ranks = ["/pets/7", "/pets/{id}", "/{proxy+}", "/pets", "/pets/{id}/toys"].map(|path| rank(path, &asked));
        assert_eq!(ranks, [Some(vec![0, 0]), Some(vec![0, 1]), Some(vec![2]), None, None]);
        assert_eq!((rank("/", &[]), rank("/{proxy+}", &[])), (Some(vec![]), None));
    }
}
