//! The patches that open, change and promote a canary: always alone, each a pure function of what was read.
//!
//! Operations are applied in their order, and whether earlier ones are undone when a later one fails is not known. So each
//! list is ordered such that every beginning of it is harmless: a canary is opened at 0 and gets its share last, and a
//! promotion begins with the copy, which API Gateway refuses where there is no canary (aws-facts, traps of promotion).

use std::collections::BTreeMap;

use crate::api::names::DeploymentId;
use crate::api::percent::Percent;
use crate::observed::{Canary, Stage};
use crate::patch::PatchOperation;

/// The most operations in one call (aws-facts: size of patches).
pub(super) const MOST_OPERATIONS: usize = 80;

/// A canary as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WantedCanary {
    pub(super) deployment: DeploymentId,
    pub(super) percent: Percent,
    pub(super) overrides: BTreeMap<String, String>,
    pub(super) use_stage_cache: bool,
}

/// What changes the stage's canary into this one; opens it where there is none.
pub(super) fn canary(wanted: &WantedCanary, stage: &Stage) -> Vec<PatchOperation> {
    let present = stage.canary.as_ref();
    let mut operations = Vec::new();
    if present.is_none_or(|canary| canary.deployment_id != wanted.deployment) {
        operations.push(PatchOperation::replace("/canarySettings/deploymentId", wanted.deployment.as_str()));
    }
    operations.extend(beside_the_share(wanted, present));
    if present.is_none_or(|canary| !is_at(canary, wanted.percent)) {
        operations.push(share(wanted.percent));
    }
    operations
}

/// What changes the overrides and the use of the cache, and neither deployment nor share.
pub(super) fn beside_the_share(wanted: &WantedCanary, present: Option<&Canary>) -> Vec<PatchOperation> {
    let none = BTreeMap::new();
    let overrides = present.map_or(&none, |canary| &canary.stage_variable_overrides);
    let set =
        wanted.overrides.iter().filter(|(key, value)| overrides.get(*key) != Some(value)).map(|(key, value)| {
            PatchOperation::replace(format!("/canarySettings/stageVariableOverrides/{key}"), value)
        });
    let removed = overrides
        .keys()
        .filter(|key| !wanted.overrides.contains_key(*key))
        .map(|key| PatchOperation::remove(format!("/canarySettings/stageVariableOverrides/{key}")));
    let mut operations: Vec<_> = removed.chain(set).collect();
    if present.is_some_and(|canary| canary.use_stage_cache) != wanted.use_stage_cache {
        let value = if wanted.use_stage_cache { "true" } else { "false" };
        operations.push(PatchOperation::replace("/canarySettings/useStageCache", value));
    }
    operations
}

/// `replace /canarySettings/percentTraffic`.
pub(super) fn share(percent: Percent) -> PatchOperation {
    PatchOperation::replace("/canarySettings/percentTraffic", text(percent))
}

/// The first of the two calls that promote a canary: copy, variables, share. Overrides are never copied: they hold those too
/// that only the canary may see.
pub(super) fn promote(variables: Vec<PatchOperation>) -> Vec<PatchOperation> {
    let copy = PatchOperation::copy("/canarySettings/deploymentId", "/deploymentId");
    [copy].into_iter().chain(variables).chain([share(Percent::ZERO)]).collect()
}

/// The same in the order that was recorded from AWS, for where copy-first is refused although the canary is there. Where the
/// canary has vanished, this makes an idle one of the stage's own deployment; who uses it looks for that.
pub(super) fn promote_as_recorded(variables: Vec<PatchOperation>) -> Vec<PatchOperation> {
    let copy = PatchOperation::copy("/canarySettings/deploymentId", "/deploymentId");
    [share(Percent::ZERO), copy].into_iter().chain(variables).collect()
}

/// `remove /canarySettings`: the only way to end a canary.
pub(super) fn close() -> Vec<PatchOperation> {
    vec![PatchOperation::remove("/canarySettings")]
}

/// As many calls as the size of patches asks for, in their order.
pub(super) fn in_calls(operations: &[PatchOperation]) -> Vec<Vec<PatchOperation>> {
    operations.chunks(MOST_OPERATIONS).map(<[_]>::to_vec).collect()
}

/// Whether a canary answers this share of the requests. Compared with the tolerance that AWS's decimals need (aws-facts: model).
pub(super) fn is_at(canary: &Canary, percent: Percent) -> bool {
    (canary.percent_traffic - percent.as_f64()).abs() < 0.01
}

/// The share that a canary answers, to two decimals.
pub(super) fn percent_of(canary: &Canary) -> Percent {
    Percent::nearest(canary.percent_traffic.clamp(0.0, 100.0)).unwrap_or(Percent::ZERO)
}

/// With a decimal, as AWS shows it: `5.0`, `12.5`, `33.33`.
fn text(percent: Percent) -> String {
    if percent.hundredths().is_multiple_of(100) { format!("{percent}.0") } else { percent.to_string() }
}
