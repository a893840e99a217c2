//! Faults as data: what goes wrong, in which calls, before or after the effect.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::service::is_operation;

pub use Moment::{After as AfterTheEffect, Before as BeforeTheEffect};

/// On which side of the call's effect a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// The call has no effect (a delayed one has it later).
    Before,
    /// The call has had its effect; only its reply suffers.
    After,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FaultKind {
    /// The connection ends without an answer.
    DropConnection,
    /// AWS's refusal with this status: 429, 500, 502, 503, 504, 409 (concurrent modification), 400 (the old form of
    /// the same), 403 (not authorized) or 401.
    Error(u16),
    /// A refusal in any words.
    Refusal {
        /// HTTP status.
        status: u16,
        /// Name of the exception.
        code: String,
        /// Text.
        message: String,
    },
    /// Before the effect: the request takes so long to arrive. After it: the reply is held back so long. Seconds of
    /// the simulated clock.
    Delay {
        /// 0 or more.
        seconds: f64,
    },
    /// The reply breaks off after half of its body.
    TruncateBody,
    /// A read shows the state before the last write of its account and Region. Writes are not touched.
    StaleRead,
    /// Somebody else patches a stage just before this call (or just after it).
    ForeignWrite {
        /// The REST API in this call's account and Region.
        rest_api_id: String,
        /// The stage.
        stage_name: String,
        /// As in `UpdateStage`.
        patch_operations: Vec<Value>,
    },
}

impl FaultKind {
    /// For the call log.
    pub(crate) fn label(&self, moment: Moment) -> String {
        let side = match moment {
            Moment::Before => "before the effect",
            Moment::After => "after the effect",
        };
        match self {
            Self::DropConnection => format!("connection dropped {side}"),
            Self::Error(status) | Self::Refusal { status, .. } => format!("{status} {side}"),
            Self::Delay { seconds } => format!("delayed {seconds} s {side}"),
            Self::TruncateBody => "body truncated".to_owned(),
            Self::StaleRead => "stale read".to_owned(),
            Self::ForeignWrite { stage_name, .. } => format!("{stage_name} written by somebody else {side}"),
        }
    }
}

/// AWS's refusal with this status, for a call by this ARN.
pub(crate) fn refusal(status: u16, caller_arn: &str, method: &str, resource: &str) -> ApiError {
    match status {
        400 => ApiError { status, code: "BadRequestException".into(), ..ApiError::concurrent_modification() },
        401 => ApiError::new(status, "UnauthorizedException", "Unauthorized"),
        403 => {
            let text = format!(
                "User: {caller_arn} is not authorized to perform: apigateway:{method} on resource: {resource} because \
                 no identity-based policy allows the apigateway:{method} action"
            );
            ApiError::new(status, "AccessDeniedException", text)
        }
        404 => ApiError::not_found("Not found"),
        409 => ApiError::concurrent_modification(),
        429 => ApiError::too_many_requests().retry_after(1),
        503 => ApiError::new(status, "ServiceUnavailableException", "Service Unavailable").retry_after(1),
        502 => ApiError::new(status, "BadGatewayException", "Bad Gateway"),
        504 => ApiError::new(status, "GatewayTimeoutException", "Endpoint request timed out"),
        _ => ApiError::new(status, "InternalFailure", "Internal server error"),
    }
}

/// One rule of the fault plan.
///
/// It counts the calls of its operation from the moment it is armed. Of these it strikes `times` calls from `call`
/// on, each with `probability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Name of the operation, or `*` for all.
    pub operation: String,
    /// The first call to strike, from 1.
    #[serde(default = "one")]
    pub call: u64,
    /// How many calls; `null` for all from `call` on.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// 0.0 to 1.0, drawn from the simulator's seed.
    #[serde(default = "always")]
    pub probability: f64,
    /// Before or after the effect.
    #[serde(default = "before")]
    pub moment: Moment,
    /// What goes wrong.
    pub fault: FaultKind,
}

fn one() -> u64 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
fn once() -> Option<u64> {
    Some(1)
}

fn always() -> f64 {
    1.0
}

fn before() -> Moment {
    Moment::Before
}

/// The rules that are armed.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    armed: Vec<Armed>,
    random: StdRng,
}

#[derive(Debug)]
struct Armed {
    rule: FaultRule,
    seen: u64,
}

impl FaultPlan {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { armed: Vec::new(), random: StdRng::seed_from_u64(seed) }
    }

    pub(crate) fn arm(&mut self, rule: FaultRule) {
        self.armed.push(Armed { rule, seen: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        self.armed.iter().map(|armed| armed.rule.clone()).collect()
    }

    /// Whether any rule may ask for the state before the last write.
    pub(crate) fn needs_history(&self) -> bool {
        self.armed.iter().any(|armed| armed.rule.fault == FaultKind::StaleRead)
    }

    /// What strikes this call, in the order of arming. Rules that are used up are forgotten.
    pub(crate) fn strike(&mut self, operation: &str) -> Vec<(Moment, FaultKind)> {
        let mut struck = Vec::new();
        for armed in &mut self.armed {
            let rule = &armed.rule;
            if rule.operation != "*" && rule.operation != operation {
                continue;
            }
            armed.seen = armed.seen.saturating_add(1);
            let due = armed.seen >= rule.call && rule.last().is_none_or(|last| armed.seen <= last);
            // Not a number is above nothing, so it never strikes.
            let certain = rule.probability >= 1.0;
            if due && (certain || (rule.probability > 0.0 && self.random.random_bool(rule.probability))) {
                struck.push((rule.moment, rule.fault.clone()));
            }
        }
        self.armed.retain(|armed| armed.rule.last().is_none_or(|last| armed.seen < last));
        struck
    }
}

impl FaultRule {
    fn last(&self) -> Option<u64> {
        self.times.map(|times| self.call.saturating_add(times).saturating_sub(1))
    }

    /// A sentence about what is wrong with this rule, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.operation != "*" && !is_operation(&self.operation) {
            let given = &self.operation;
            return Err(format!(
                "operation '{given}' is not known; it must be a name such as UpdateStage, or * for all"
            ));
        }
        if self.call == 0 {
            return Err("call counts from 1".to_owned());
        }
        if self.times == Some(0) {
            return Err("times is 0 and must be 1 or more, or null for all calls".to_owned());
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("probability is {} and must be from 0 to 1", self.probability));
        }
        match &self.fault {
            FaultKind::Delay { seconds } if Duration::try_from_secs_f64(*seconds).is_err() => {
                Err(format!("delay is {seconds:?} seconds and must be 0 or more, and less than 1e19"))
            }
            FaultKind::Error(status) | FaultKind::Refusal { status, .. } if !(400..=599).contains(status) => {
                Err(format!("status is {status} and must be from 400 to 599"))
            }
            FaultKind::Refusal { code, .. } if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(format!("code is {code:?} and must be the name of an exception, such as ConflictException"))
            }
            FaultKind::StaleRead if self.moment == Moment::After => {
                Err("staleRead strikes before the effect only; leave moment out".to_owned())
            }
            FaultKind::ForeignWrite { rest_api_id, stage_name, .. } if !is_id(rest_api_id) || !is_id(stage_name) => {
                Err("restApiId and stageName of foreignWrite must consist of letters, digits, _ and -".to_owned())
            }
            FaultKind::DropConnection
            | FaultKind::Error(_)
            | FaultKind::Refusal { .. }
            | FaultKind::Delay { .. }
            | FaultKind::TruncateBody
            | FaultKind::StaleRead
            | FaultKind::ForeignWrite { .. } => Ok(()),
        }
    }
}

/// Whether this can be one segment of a path as it is.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Arms faults: `sim.faults().on("UpdateStage").call(2).drop_connection(AfterTheEffect)`.
#[derive(Debug)]
pub struct Faults<'s> {
    pub(crate) plan: &'s std::sync::Mutex<FaultPlan>,
}

impl<'s> Faults<'s> {
    /// Begins a rule for this operation; `*` means all. By default it strikes the next call.
    pub fn on(&self, operation: &str) -> FaultBuilder<'s> {
        let rule = FaultRule {
            operation: operation.to_owned(),
            call: 1,
            times: Some(1),
            probability: 1.0,
            moment: Moment::Before,
            fault: FaultKind::DropConnection,
        };
        FaultBuilder { plan: self.plan, rule }
    }

    /// Arms a rule that was made elsewhere.
    ///
    /// # Errors
    ///
    /// A sentence that says which member is out of bounds.
    pub fn arm(&self, rule: FaultRule) -> Result<(), String> {
        rule.check()?;
        self.locked().arm(rule);
        Ok(())
    }

    /// Disarms everything.
    pub fn clear(&self) {
        self.locked().clear();
    }

    /// The rules that are still armed.
    #[must_use]
    pub fn rules(&self) -> Vec<FaultRule> {
        self.locked().rules()
    }

    fn locked(&self) -> std::sync::MutexGuard<'s, FaultPlan> {
        self.plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A rule that is being made; the last word of the sentence arms it.
#[derive(Debug)]
#[must_use = "a fault is armed by its last word, such as `drop_connection`"]
pub struct FaultBuilder<'s> {
    plan: &'s std::sync::Mutex<FaultPlan>,
    rule: FaultRule,
}

impl FaultBuilder<'_> {
    /// Strikes the n-th call from now, counted from 1.
    pub fn call(mut self, call: u64) -> Self {
        self.rule.call = call.max(1);
        self
    }

    /// Strikes so many calls in a row.
    pub fn times(mut self, times: u64) -> Self {
        self.rule.times = Some(times);
        self
    }

    /// Strikes every call from the first to strike on.
    pub fn always(mut self) -> Self {
        self.rule.times = None;
        self
    }

    /// Strikes each call that it may strike with this probability (0.0 to 1.0), drawn from the simulator's seed.
    pub fn probability(mut self, probability: f64) -> Self {
        self.rule.probability = probability;
        self
    }

    /// The connection ends without an answer.
    pub fn drop_connection(self, moment: Moment) {
        self.arm(moment, FaultKind::DropConnection);
    }

    /// AWS's refusal with this status; see [`FaultKind::Error`].
    pub fn error(self, status: u16, moment: Moment) {
        self.arm(moment, FaultKind::Error(status));
    }

    /// The request takes so long to arrive, by the simulated clock.
    pub fn latency(self, by: Duration) {
        self.arm(Moment::Before, FaultKind::Delay { seconds: by.as_secs_f64() });
    }

    /// The reply is held back so long, by the simulated clock; the effect happens at once.
    pub fn hold_back(self, by: Duration) {
        self.arm(Moment::After, FaultKind::Delay { seconds: by.as_secs_f64() });
    }

    /// The reply breaks off after half of its body.
    pub fn truncate_body(self) {
        self.arm(Moment::After, FaultKind::TruncateBody);
    }

    /// A read shows the state before the last write.
    pub fn stale_read(self) {
        self.arm(Moment::Before, FaultKind::StaleRead);
    }

    /// Somebody else patches a stage at this moment of the call.
    pub fn foreign_write(self, moment: Moment, rest_api_id: &str, stage_name: &str, patch_operations: Vec<Value>) {
        let (rest_api_id, stage_name) = (rest_api_id.to_owned(), stage_name.to_owned());
        self.arm(moment, FaultKind::ForeignWrite { rest_api_id, stage_name, patch_operations });
    }

    /// Any fault.
    pub fn fault(self, moment: Moment, fault: FaultKind) {
        self.arm(moment, fault);
    }

    fn arm(mut self, moment: Moment, fault: FaultKind) {
        self.rule.moment = moment;
        self.rule.fault = fault;
        self.plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner).arm(self.rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(call: u64, times: Option<u64>, probability: f64) -> FaultRule {
        let operation = "UpdateStage".to_owned();
        FaultRule { operation, call, times, probability, moment: Moment::After, fault: FaultKind::DropConnection }
    }

    #[test]
    fn a_rule_strikes_the_calls_it_names_and_is_then_forgotten() {
        let mut plan = FaultPlan::seeded(1);
        plan.arm(rule(2, Some(2), 1.0));
        let mut struck = |operation: &str| plan.strike(operation).len();
        assert_eq!(
            [struck("UpdateStage"), struck("GetStage"), struck("UpdateStage"), struck("UpdateStage")],
            [0, 0, 1, 1]
        );
        assert_eq!(struck("UpdateStage"), 0);
        assert_eq!(plan.rules(), []);
    }

    #[test]
    fn a_probability_out_of_bounds_is_never_or_always() {
        for (probability, strikes) in [(f64::NAN, 0), (-1.0, 0), (0.0, 0), (f64::INFINITY, 1), (2.0, 1)] {
            let mut plan = FaultPlan::seeded(1);
            plan.arm(rule(1, None, probability));
            assert_eq!(plan.strike("UpdateStage").len(), strikes, "{probability}");
        }
    }

    #[test]
    fn a_probability_is_drawn_from_the_seed() {
        let draw = |seed| {
            let mut plan = FaultPlan::seeded(seed);
            plan.arm(rule(1, None, 0.5));
            (0..64).map(|_| plan.strike("UpdateStage").len()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        assert!((16..48).contains(&draw(3).iter().sum::<usize>()));
    }
}
