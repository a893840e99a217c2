//! Plans: how many requests come to a stage, and how each deployment answers them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is sent to one stage from the moment the plan is set. Everything may change over time, in phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[must_use = "a plan does nothing until it is set"]
pub struct Traffic {
    /// The REST API.
    pub rest_api_id: String,
    /// The stage.
    pub stage_name: String,
    /// How many requests come; none before the first phase. They come at random (Poisson).
    pub requests: Vec<Rate>,
    /// Where they go; without it, to each method of the deployment alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodShare>,
    /// How deployments behave, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deployments: BTreeMap<String, Vec<Phase>>,
    /// How all other deployments behave; without it, without errors, at 20 ms (p50) and 80 ms (p99).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_deployments: Vec<Phase>,
}

/// A request rate from a moment on. Exactly one of the two rates is given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Simulated seconds since the plan was set.
    #[serde(default)]
    pub from_seconds: f64,
    /// Requests a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// Requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<f64>,
}

/// A method's share of the stage's requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodShare {
    /// A verb.
    pub method: String,
    /// A resource's path, such as `/pets/{id}`.
    pub resource: String,
    /// Its weight among all methods of the plan.
    pub share: f64,
}

/// How a deployment behaves from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phase {
    /// Simulated seconds since the plan was set. Before the first phase a deployment behaves as in that phase.
    #[serde(default)]
    pub from_seconds: f64,
    /// How.
    #[serde(flatten)]
    pub behaviour: Behaviour,
}

/// How a deployment answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Behaviour {
    /// Share of requests answered with a 4xx status: 0.0 to 1.0.
    pub error_rate_4xx: f64,
    /// Share of requests answered with a 5xx status: 0.0 to 1.0.
    pub error_rate_5xx: f64,
    /// Of requests that reach the integration.
    pub latency: Latency,
    /// What API Gateway itself takes of that, in milliseconds: `IntegrationLatency` is less by so much, and an answer
    /// from the cache takes so long.
    pub overhead_milliseconds: f64,
    /// Share of requests that the stage's cache answers, where it is available and used: 0.0 to 1.0.
    pub cache_hit_rate: f64,
}

/// A log-normal distribution by two of its percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// At least the median.
    pub p99: f64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            error_rate_4xx: 0.0,
            error_rate_5xx: 0.0,
            latency: Latency { p50: 20.0, p99: 80.0 },
            overhead_milliseconds: 2.0,
            cache_hit_rate: 0.0,
        }
    }
}

impl Rate {
    /// Requests a second.
    pub(super) fn each_second(self) -> f64 {
        self.per_second.or_else(|| self.per_minute.map(|rate| rate / 60.0)).unwrap_or_default()
    }
}

impl Traffic {
    /// A plan without requests so far.
    pub fn to(rest_api_id: &str, stage_name: &str) -> Self {
        Self {
            rest_api_id: rest_api_id.to_owned(),
            stage_name: stage_name.to_owned(),
            requests: Vec::new(),
            methods: Vec::new(),
            deployments: BTreeMap::new(),
            other_deployments: Vec::new(),
        }
    }

    /// So many requests a second from the start.
    pub fn per_second(self, rate: f64) -> Self {
        self.per_second_from(0.0, rate)
    }

    /// So many requests a second from a moment on.
    pub fn per_second_from(mut self, from_seconds: f64, rate: f64) -> Self {
        self.requests.push(Rate { from_seconds, per_second: Some(rate), per_minute: None });
        self
    }

    /// How a deployment behaves from the start.
    pub fn deployment(self, id: &str, behaviour: Behaviour) -> Self {
        self.deployment_from(id, 0.0, behaviour)
    }

    /// How a deployment behaves from a moment on.
    pub fn deployment_from(mut self, id: &str, from_seconds: f64, behaviour: Behaviour) -> Self {
        self.deployments.entry(id.to_owned()).or_default().push(Phase { from_seconds, behaviour });
        self
    }

    /// A method's share of the requests.
    pub fn method(mut self, method: &str, resource: &str, share: f64) -> Self {
        self.methods.push(MethodShare { method: method.to_owned(), resource: resource.to_owned(), share });
        self
    }

    /// Checks the plan and puts its phases in order.
    ///
    /// # Errors
    ///
    /// A sentence about a value that cannot be.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        for rate in &self.requests {
            at_least_zero(rate.from_seconds, "requests.fromSeconds")?;
            if rate.per_second.is_some() == rate.per_minute.is_some() {
                return Err("Each phase of requests needs exactly one of perSecond and perMinute.".to_owned());
            }
            at_least_zero(rate.each_second(), "requests.perSecond")?;
            if rate.each_second() > 1e9 {
                return Err("requests are limited to 1000000000 a second.".to_owned());
            }
        }
        for method in &self.methods {
            at_least_zero(method.share, "methods.share")?;
        }
        let total: f64 = self.methods.iter().map(|method| method.share).sum();
        if !self.methods.is_empty() && total <= 0.0 {
            return Err("The shares of methods are all 0; give at least one a share.".to_owned());
        }
        for phase in self.deployments.values().flatten().chain(&self.other_deployments) {
            at_least_zero(phase.from_seconds, "fromSeconds")?;
            phase.behaviour.check()?;
        }
        self.requests.sort_by(|one, other| one.from_seconds.total_cmp(&other.from_seconds));
        for phases in self.deployments.values_mut().chain([&mut self.other_deployments]) {
            phases.sort_by(|one, other| one.from_seconds.total_cmp(&other.from_seconds));
        }
        Ok(self)
    }

    /// Requests a second at a moment, in simulated seconds since the plan was set.
    pub(super) fn rate(&self, at: f64) -> f64 {
        let phase = self.requests.iter().rev().find(|phase| phase.from_seconds <= at);
        phase.map_or(0.0, |phase| phase.each_second())
    }

    /// How a deployment behaves at a moment.
    pub(super) fn behaviour(&self, deployment_id: &str, at: f64) -> Behaviour {
        let phases = self.deployments.get(deployment_id).unwrap_or(&self.other_deployments);
        let phase = phases.iter().rev().find(|phase| phase.from_seconds <= at).or_else(|| phases.first());
        phase.map(|phase| phase.behaviour).unwrap_or_default()
    }

    /// The moments at which something changes, in any order.
    pub(super) fn changes(&self) -> impl Iterator<Item = f64> {
        let behaviours = self.deployments.values().flatten().chain(&self.other_deployments);
        self.requests.iter().map(|phase| phase.from_seconds).chain(behaviours.map(|phase| phase.from_seconds))
    }
}

impl Behaviour {
    fn check(&self) -> Result<(), String> {
        let shares = [
            (self.error_rate_4xx, "errorRate4xx"),
            (self.error_rate_5xx, "errorRate5xx"),
            (self.error_rate_4xx + self.error_rate_5xx, "errorRate4xx plus errorRate5xx"),
            (self.cache_hit_rate, "cacheHitRate"),
        ];
        for (share, name) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name} is {share} and must be a share from 0.0 to 1.0."));
            }
        }
        let Latency { p50, p99 } = self.latency;
        if !(p50 > 0.0 && p99 >= p50 && p99.is_finite()) {
            return Err(format!("latency is p50 {p50} and p99 {p99}; p50 must be more than 0 and p99 at least p50."));
        }
        at_least_zero(self.overhead_milliseconds, "overheadMilliseconds")
    }
}

fn at_least_zero(value: f64, name: &str) -> Result<(), String> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(format!("{name} is {value} and must be 0 or more."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_take_turns() {
        let slow = Behaviour { error_rate_5xx: 0.5, ..Behaviour::default() };
        let plan = Traffic::to("a", "prod")
            .per_second_from(60.0, 5.0)
            .per_second(1.0)
            .deployment("d", Behaviour::default())
            .deployment_from("d", 30.0, slow)
            .checked()
            .unwrap();
        assert_eq!([0.0, 59.9, 60.0].map(|at| plan.rate(at).to_string()), ["1", "1", "5"]);
        assert_eq!((plan.behaviour("d", 29.0), plan.behaviour("d", 30.0)), (Behaviour::default(), slow));
        assert_eq!(plan.behaviour("other", 30.0), Behaviour::default());
    }

    #[test]
    fn a_value_that_cannot_be_is_told() {
        let bad = |behaviour| Traffic::to("a", "prod").deployment("d", behaviour).checked().unwrap_err();
        assert_eq!(
            bad(Behaviour { error_rate_5xx: 5.0, ..Behaviour::default() }),
            "errorRate5xx is 5 and must be a share from 0.0 to 1.0."
        );
        assert_eq!(
            bad(Behaviour { latency: Latency { p50: 20.0, p99: 10.0 }, ..Behaviour::default() }),
            "latency is p50 20 and p99 10; p50 must be more than 0 and p99 at least p50."
        );
        let rate = Traffic::to("a", "prod").per_second(f64::NAN).checked().unwrap_err();
        assert_eq!(rate, "requests.perSecond is NaN and must be 0 or more.");
    }
}
