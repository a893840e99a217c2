//! How urgent a call is: who is served first where AWS's quota does not suffice for all.

use kube::ResourceExt as _;

use super::Action;
use super::command::remembered;
use crate::api::COMMAND;
use crate::api::command::{Command, Verb};
use crate::api::stage::ApiStage;
use crate::api::status::{ApiStageStatus, Phase};
use crate::api::target::Target;
use crate::patch::{Op, PatchOperation};

/// How urgent a call is, from the least to the most.
///
/// Source: design, calls: abort > promote, steps > user changes > cache progress > drift > clean-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Removing what is no longer needed.
    CleanUp,
    /// Looking whether somebody else changed a stage, and putting it right.
    Drift,
    /// Looking how far a cache cluster is.
    CacheProgress,
    /// What somebody who edited an object waits for.
    UserChange,
    /// What moves the traffic of a stage that serves: a canary's next step, a promotion, a way back, and the reads that they
    /// stand on.
    Release,
    /// Taking traffic away from a side that failed. Waits for no other call.
    Abort,
}

impl Priority {
    /// All of them, from the least to the most urgent.
    pub const ALL: [Self; 6] =
        [Self::CleanUp, Self::Drift, Self::CacheProgress, Self::UserChange, Self::Release, Self::Abort];

    /// The label of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanUp => "CleanUp",
            Self::Drift => "Drift",
            Self::CacheProgress => "CacheProgress",
            Self::UserChange => "UserChange",
            Self::Release => "Release",
            Self::Abort => "Abort",
        }
    }

    /// How urgent the reads of a pass over this object are, which must be made before it is known what it will write.
    #[must_use]
    pub fn of_reads(object: &ApiStage) -> Self {
        let Some(status) = &object.status else { return Self::UserChange };
        let command = object
            .annotations()
            .get(COMMAND)
            .filter(|value| status.last_command.as_ref().is_none_or(|last| last.value != remembered(value)))
            .and_then(|value| Command::parse(value).ok());
        let phase = status.release.as_ref().map(|release| release.phase);
        if phase == Some(Phase::RollingBack) || matches!(&command, Some(Command { verb: Verb::Abort(_), .. })) {
            return Self::Abort;
        }
        let differs = object.spec.revision.as_ref().is_some_and(|wanted| status.revision.as_ref() != Some(wanted))
            || object.spec.deployment_id.as_ref().is_some_and(|wanted| status.deployment_id.as_ref() != Some(wanted));
        // That spec names a target that is held is no news.
        let releases = phase.is_some_and(Phase::is_running) || (differs && !names_held(object, status));
        let is_told = command.as_ref().is_some_and(|command| moves_traffic(&command.verb));
        // A stage that does not serve yet has no traffic to move.
        if status.deployment_id.is_some() && (releases || is_told) {
            return Self::Release;
        }
        let is_news = object.metadata.deletion_timestamp.is_some()
            || command.is_some()
            || status.observed_generation != object.metadata.generation
            || phase.is_some_and(Phase::is_running);
        if is_news {
            return Self::UserChange;
        }
        let cache = status.cache_cluster.as_ref().map(|cache| cache.status.as_str());
        match cache {
            Some("CREATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "FLUSH_IN_PROGRESS") => Self::CacheProgress,
            Some(_) | None => Self::Drift,
        }
    }
}

impl Action {
    /// How urgent this call is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self {
            Self::Traffic(operations) => of_traffic(operations),
            Self::Promote { .. } => Priority::Release,
            Self::Abort(_) => Priority::Abort,
            Self::Settings { drifted: true, .. } | Self::SetTags { drifted: true, .. } => Priority::Drift,
            Self::Settings { .. }
            | Self::SetTags { .. }
            | Self::RemoveTags { .. }
            | Self::FlushCache
            | Self::FlushAuthorizers
            | Self::Snapshot { .. }
            | Self::CreateStage(_)
            | Self::Tag(_)
            | Self::Untag
            | Self::DeleteStage => Priority::UserChange,
            Self::DeleteDeployment(_) | Self::Prune { .. } | Self::Describe { .. } => Priority::CleanUp,
        }
    }
}

/// Whether what spec names is known not to ship by itself: the target of a release that failed, or held otherwise.
fn names_held(object: &ApiStage, status: &ApiStageStatus) -> bool {
    let spec = &object.spec;
    let named = |target: &Target| {
        (spec.revision.is_some() && spec.revision == target.revision)
            || (spec.deployment_id.is_some() && spec.deployment_id == target.deployment_id)
    };
    let failed = status.release.as_ref().is_some_and(|release| release.phase == Phase::Failed);
    let is_seen = status.observed_generation == object.metadata.generation;
    failed || (is_seen && status.held.iter().any(|held| named(&held.target)))
}

fn moves_traffic(verb: &Verb) -> bool {
    match verb {
        Verb::Promote(_)
        | Verb::Approve { .. }
        | Verb::Resume(_)
        | Verb::Abort(_)
        | Verb::Retry(_)
        | Verb::Rollback(_) => true,
        Verb::Pause(_) | Verb::Resnapshot(_) | Verb::FlushCache | Verb::FlushAuthorizers | Verb::Reconcile => false,
    }
}

/// A patch of `canarySettings` that ends the canary or takes all traffic from it aborts; a promotion copies first.
fn of_traffic(operations: &[PatchOperation]) -> Priority {
    let promotes = operations.iter().any(|operation| operation.op == Op::Copy);
    let takes_away = operations.iter().any(|operation| match operation.op {
        Op::Remove => operation.path == "/canarySettings",
        Op::Replace => {
            operation.path == "/canarySettings/percentTraffic"
                && operation.value.as_deref().and_then(|value| value.parse::<f64>().ok()) == Some(0.0)
        }
        Op::Add | Op::Copy => false,
    });
    if takes_away && !promotes { Priority::Abort } else { Priority::Release }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn object(annotation: Option<&str>, generation: i64, status: Value) -> ApiStage {
        let mut object = ApiStage::new("orders", serde_json::from_value(json!({ "restApiId": "a1b2c3" })).unwrap());
        object.metadata.generation = Some(generation);
        object.metadata.annotations =
            annotation.map(|command| BTreeMap::from([(COMMAND.to_owned(), command.to_owned())]));
        object.status = serde_json::from_value(status).unwrap();
        object
    }

    fn wanting(revision: &str, mut object: ApiStage) -> ApiStage {
        object.spec.revision = Some(revision.into());
        object
    }

    fn release(phase: &str) -> Value {
        json!({
            "id": "r2.2", "target": { "revision": "r2", "variablesHash": "0" }, "stable": { "variablesHash": "1" },
            "how": "Canary", "phase": phase, "startedAt": "2026-08-01T12:00:00Z",
        })
    }

    /// An object that was given one command after another.
    fn after(last: &str, now: &str, status: &Value) -> ApiStage {
        let mut status = status.clone();
        status["lastCommand"] = json!({ "value": last, "state": "Done", "message": "", "at": "2026-08-01T12:00:00Z" });
        object(Some(now), 3, status)
    }

    #[test]
    fn reads_are_as_urgent_as_what_the_object_waits_for() {
        let running = json!({ "observedGeneration": 3, "deploymentId": "dep1", "release": release("Progressing") });
        let serving = json!({ "observedGeneration": 3, "deploymentId": "dep1", "revision": "r1" });
        let held = json!({ "observedGeneration": 3, "deploymentId": "dep1", "revision": "r1", "held": [{
            "revision": "r2", "variablesHash": "0", "why": "StageMovedByHand", "since": "2026-08-01T12:00:00Z" }] });
        let cases = vec![
            ("never seen", object(None, 1, Value::Null), Priority::UserChange),
            ("at rest", object(None, 3, json!({ "observedGeneration": 3 })), Priority::Drift),
            ("edited", object(None, 4, json!({ "observedGeneration": 3 })), Priority::UserChange),
            ("a command", object(Some("reconcile/-/1"), 3, json!({ "observedGeneration": 3 })), Priority::UserChange),
            (
                "a command that was taken up",
                object(
                    Some("reconcile/-/1"),
                    3,
                    json!({ "observedGeneration": 3, "lastCommand": {
                        "value": "reconcile/-/1", "state": "Done", "message": "", "at": "2026-08-01T12:00:00Z" } }),
                ),
                Priority::Drift,
            ),
            (
                "a cache that comes",
                object(
                    None,
                    3,
                    json!({ "observedGeneration": 3, "cacheCluster": { "enabled": true, "status": "CREATE_IN_PROGRESS" } }),
                ),
                Priority::CacheProgress,
            ),
            (
                "a new stage",
                object(None, 3, json!({ "observedGeneration": 3, "release": release("Preparing") })),
                Priority::UserChange,
            ),
            ("another revision", wanting("r2", object(None, 4, serving.clone())), Priority::Release),
            ("the same revision", wanting("r1", object(None, 3, serving.clone())), Priority::Drift),
            ("back by command", wanting("r1", object(Some("rollback/-/1"), 3, serving.clone())), Priority::Release),
            ("again, by one that begins alike", after("rollback/-/1", "rollback/-/10", &serving), Priority::Release),
            ("the same one", after("rollback/-/10", "rollback/-/10", &serving), Priority::Drift),
            (
                "a target that failed and is held",
                wanting(
                    "r2",
                    object(
                        None,
                        3,
                        json!({ "observedGeneration": 3, "deploymentId": "dep1", "revision": "r1", "release": release("Failed") }),
                    ),
                ),
                Priority::Drift,
            ),
            (
                "a target that a hand moved the stage away from",
                wanting("r2", object(None, 3, held.clone())),
                Priority::Drift,
            ),
            ("another one than is held", wanting("r3", object(None, 3, held.clone())), Priority::Release),
            ("what is held, with other variables", wanting("r2", object(None, 4, held)), Priority::Release),
            ("a canary", object(None, 3, running.clone()), Priority::Release),
            ("an abort", object(Some("abort/r2.2/1"), 3, running), Priority::Abort),
            (
                "on its way back",
                object(None, 3, json!({ "observedGeneration": 3, "release": release("RollingBack") })),
                Priority::Abort,
            ),
        ];
        for (reason, object, expected) in cases {
            assert_eq!(Priority::of_reads(&object), expected, "{reason}");
        }
    }

    #[test]
    fn a_patch_that_takes_the_canary_away_is_an_abort_and_a_promotion_is_not() {
        let replace = PatchOperation::replace;
        let cases = [
            ("the canary goes", vec![PatchOperation::remove("/canarySettings")], Priority::Abort),
            ("to nothing", vec![replace("/canarySettings/percentTraffic", "0.0")], Priority::Abort),
            ("a step", vec![replace("/canarySettings/percentTraffic", "25.0")], Priority::Release),
            (
                "a promotion",
                vec![
                    PatchOperation::copy("/canarySettings/deploymentId", "/deploymentId"),
                    replace("/canarySettings/percentTraffic", "0.0"),
                ],
                Priority::Release,
            ),
            ("all at once", vec![replace("/deploymentId", "dep2")], Priority::Release),
            (
                "variables that look like it",
                vec![replace("/variables/percentTraffic", "0.0"), PatchOperation::remove("/variables/canarySettings")],
                Priority::Release,
            ),
        ];
        for (reason, operations, expected) in cases {
            assert_eq!(Action::Traffic(operations).priority(), expected, "{reason}");
        }
    }

    #[test]
    fn putting_right_what_a_hand_changed_waits_for_what_users_changed() {
        let settings = |drifted| Action::Settings {
            group: crate::world::Group::Settings,
            operations: vec![PatchOperation::replace("/description", "x")],
            fields: vec!["description".to_owned()],
            drifted,
        };
        let tags = |drifted| Action::SetTags { tags: BTreeMap::new(), drifted };
        assert_eq!([settings(true).priority(), tags(true).priority()], [Priority::Drift; 2]);
        assert_eq!([settings(false).priority(), tags(false).priority()], [Priority::UserChange; 2]);
        assert_eq!(Action::FlushCache.priority(), Priority::UserChange);
        assert_eq!(Action::DeleteDeployment("dep1".into()).priority(), Priority::CleanUp);
    }

    #[test]
    fn the_order_is_the_documented_one() {
        assert!(Priority::ALL.is_sorted());
    }
}
