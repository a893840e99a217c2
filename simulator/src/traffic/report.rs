//! What was sent so far, as the sender counts it: independent of what `CloudWatch` shows.

use serde::Serialize;

use super::emitted::Cell;
use super::plan::Traffic;
use crate::simulator::Simulator;
use crate::world::Region;

/// The traffic of one stage: the plan and what was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficReport {
    /// The account of the stage.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// The REST API.
    pub rest_api_id: String,
    /// The stage.
    pub stage_name: String,
    /// What is being sent; absent after a stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Traffic>,
    /// What was sent in the last 15 days in whole minutes that are over, by deployment and side. Single invocations
    /// are not part of it.
    pub requests: Vec<Requests>,
}

/// Requests that one deployment answered on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// Which deployment.
    pub deployment_id: String,
    /// As the stage's canary or as production.
    pub canary: bool,
    /// All of them.
    pub requests: u64,
    /// Answered with a 4xx status.
    pub errors_4xx: u64,
    /// Answered with a 5xx status.
    pub errors_5xx: u64,
    /// Answered by the stage's cache.
    pub cache_hits: u64,
}

impl Simulator {
    /// Lets this traffic flow to a stage from now on, in place of what flowed there.
    ///
    /// # Errors
    ///
    /// A sentence about a stage that is not there or a value that cannot be.
    pub fn set_traffic(&self, plan: Traffic) -> Result<(), String> {
        let plan = plan.checked()?;
        let now = self.clock().now();
        let mut state = self.state();
        let has = |region: &Region| {
            region.rest_apis.get(&plan.rest_api_id).is_some_and(|api| api.stages.contains_key(&plan.stage_name))
        };
        let Some(region) = state.regions.values_mut().find(|region| has(region)) else {
            return Err(format!("There is no stage {} of a REST API {}.", plan.stage_name, plan.rest_api_id));
        };
        region.traffic.set(plan, self.inner.seed, now);
        super::note(region, now);
        Ok(())
    }

    /// Stops the traffic to all stages. What was emitted stays.
    pub fn stop_traffic(&self) {
        let now = self.clock().now();
        for region in self.state().regions.values_mut() {
            region.traffic.streams.values_mut().for_each(|stream| stream.plan = None);
            super::note(region, now);
        }
    }

    /// The traffic of all stages so far.
    #[must_use]
    pub fn traffic(&self) -> Vec<TrafficReport> {
        let now = self.clock().now();
        let state = self.state();
        let mut reports = Vec::new();
        for (place, region) in &state.regions {
            for ((api_id, stage_name), stream) in &region.traffic.streams {
                let mut report = TrafficReport {
                    account: place.account.clone(),
                    region: place.region.clone(),
                    rest_api_id: api_id.clone(),
                    stage_name: stage_name.clone(),
                    plan: stream.plan.as_ref().map(|(plan, _)| plan.as_ref().clone()),
                    requests: Vec::new(),
                };
                for epoch in &stream.epochs {
                    let pieces = epoch.pieces(i64::MIN, i64::MAX, now);
                    for side in &epoch.served.sides {
                        for method in &side.methods {
                            let seed = region.traffic.seed;
                            let cell = Cell { seed, api_id, stage_name, epoch, side, method };
                            for piece in &pieces {
                                if let Some(outcome) = cell.draw(piece, false, &state.switches) {
                                    report.add(&side.deployment_id, side.canary, &outcome);
                                }
                            }
                        }
                    }
                }
                reports.push(report);
            }
        }
        reports
    }
}

impl TrafficReport {
    fn add(&mut self, deployment_id: &str, canary: bool, outcome: &super::draw::Outcome) {
        let same = |line: &&mut Requests| line.deployment_id == deployment_id && line.canary == canary;
        let empty = || Requests {
            deployment_id: deployment_id.to_owned(),
            canary,
            requests: 0,
            errors_4xx: 0,
            errors_5xx: 0,
            cache_hits: 0,
        };
        if !self.requests.iter_mut().any(|line| same(&line)) {
            self.requests.push(empty());
        }
        if let Some(line) = self.requests.iter_mut().find(same) {
            line.requests = line.requests.saturating_add(outcome.requests);
            line.errors_4xx = line.errors_4xx.saturating_add(outcome.errors_4xx);
            line.errors_5xx = line.errors_5xx.saturating_add(outcome.errors_5xx);
            line.cache_hits = line.cache_hits.saturating_add(outcome.cache_hits.unwrap_or(0));
        }
    }
}
