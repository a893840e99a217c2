//! Every reason of the contract has a health: a new one does not compile before it stands in this table.

use serde_json::{Value, json};
use stagecraft_argocd::{Customizations, Status};
use stagecraft_core::api::condition::{
    ConditionType, Finding, Reason, Released, Situation, beside, conditions, conditions_with,
};

use crate::{object, objects};

/// Where a reason may stand.
enum Stands {
    /// It is what a whole object is like, in one of these situations.
    Decides(&'static [Situation]),
    /// It stands in one condition beside the others and decides nothing: the object is as it is.
    Beside(ConditionType),
}

use Situation::{Blocked, Held, Outstanding, PersonAwaited, Releasing, Synced};
use Stands::{Beside, Decides};

fn stands(reason: Reason) -> Stands {
    match reason {
        Reason::Synced => Decides(&[Synced]),
        Reason::Releasing
        | Reason::StepHolds
        | Reason::ChecksOutstanding
        | Reason::NoData
        | Reason::GateClosed
        | Reason::Superseding
        | Reason::Promoting
        | Reason::Baking
        | Reason::RollingBack
        | Reason::Cancelled
        | Reason::AwaitingApiCanary
        | Reason::SnapshotDelayed
        | Reason::SnapshotUnconfirmed => Decides(&[Releasing]),
        Reason::InvalidApiCanary => Decides(&[Releasing, Blocked]),
        Reason::AwaitingApproval | Reason::ApiCanarySuspended | Reason::PausedByCommand | Reason::Suspended => {
            Decides(&[PersonAwaited])
        }
        Reason::DriftReported => Decides(&[PersonAwaited]),
        Reason::ChangedByHand => Decides(&[PersonAwaited, Releasing]),
        Reason::ForeignCanary => Decides(&[PersonAwaited, Releasing, Outstanding]),
        Reason::PromotionRefused => Decides(&[PersonAwaited, Held]),
        Reason::AnalysisFailed | Reason::DeadlineExceeded => Decides(&[Held, PersonAwaited]),
        Reason::GuardFailed
        | Reason::PromotedWrongDeployment
        | Reason::ReleaseFailed
        | Reason::ReleaseAborted
        | Reason::ReleaseUnfinished
        | Reason::RolledBackByCommand
        | Reason::StageMovedByHand => Decides(&[Held]),
        Reason::SettingsPending
        | Reason::SettingNotKept
        | Reason::ReferenceUnresolved
        | Reason::RestApiNotFound
        | Reason::RestApiNotDeployable
        | Reason::LogsRoleMissing
        | Reason::Throttled
        | Reason::AwsUnavailable
        | Reason::Deleting => Decides(&[Outstanding]),
        Reason::RestApiChanging | Reason::DeploymentNotFound | Reason::WaitingForAws => {
            Decides(&[Outstanding, Releasing])
        }
        Reason::InvalidSpec => Decides(&[Blocked, Releasing]),
        Reason::DeletionBlocked => Decides(&[Blocked, PersonAwaited]),
        Reason::RevisionGone
        | Reason::StageExists
        | Reason::ResponseExists
        | Reason::OwnedByAnother
        | Reason::NotOldest
        | Reason::AdoptionDenied
        | Reason::NotAllowed
        | Reason::IdentityChanged
        | Reason::AccessDenied
        | Reason::Refused
        | Reason::QuotaExceeded
        | Reason::NotGoverning => Decides(&[Blocked]),
        Reason::CacheAvailable
        | Reason::CachePending
        | Reason::CacheCreating
        | Reason::CacheFlushing
        | Reason::CacheDeleting
        | Reason::CacheStuck => Beside(ConditionType::CacheReady),
        Reason::Idle | Reason::ChecksPass | Reason::NoMetrics => Beside(ConditionType::Analysis),
        // A status of an ApiCanary's own, too, and its sync wave must not wait for it: tests of health.
        Reason::Live | Reason::AwaitingDeployment | Reason::NoApiStage => Beside(ConditionType::Deployed),
    }
}

fn expected(kind: &str, reason: Reason, situation: Situation) -> Status {
    if kind == "ApiCanary" {
        let its_own = situation == Blocked && matches!(reason, Reason::InvalidApiCanary | Reason::NotGoverning);
        return if its_own { Status::Degraded } else { Status::Healthy };
    }
    let waits_for_somebody = matches!(reason, Reason::ForeignCanary | Reason::AwaitingApiCanary);
    match situation {
        Blocked | Held => Status::Degraded,
        PersonAwaited => Status::Suspended,
        // Of a stage's releases only; its Released is False then.
        Releasing | Outstanding if waits_for_somebody && kind == "ApiStage" => Status::Suspended,
        Releasing | Outstanding => Status::Progressing,
        Synced => Status::Healthy,
    }
}

fn an_object(kind: &str, conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition]) -> Value {
    json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind,
        "metadata": { "name": "orders", "namespace": "shop", "generation": 3, "resourceVersion": "1" },
        "spec": {}, "status": { "observedGeneration": 3, "conditions": conditions },
    })
}

const KINDS: [(&str, ConditionType); 3] = [
    ("ApiStage", ConditionType::Released),
    ("ApiCanary", ConditionType::Analysis),
    ("ApiGatewayResponse", ConditionType::Deployed),
];

#[test]
fn every_reason_of_every_kind_has_its_health() {
    let customizations = Customizations::installed().unwrap();
    let now = k8s_openapi::jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let mut cases = 0;
    for (kind, own) in KINDS {
        for &reason in Reason::ALL {
            let situations = match stands(reason) {
                Decides(situations) => situations,
                Beside(condition) => {
                    // Beside what is as declared, and said of every status that it can have.
                    let synced = Finding::new(Synced, Reason::Synced, "as declared");
                    for status in [Some(true), Some(false), None] {
                        let said = Released { status, reason, message: "beside".to_owned() };
                        let released = Released { status: Some(true), reason: Reason::Synced, message: String::new() };
                        let mut all = if kind == "ApiStage" {
                            conditions(&[], &synced, &released, 3, now)
                        } else {
                            conditions_with(&[], &synced, own, &said, 3, now)
                        };
                        all.push(beside(&[], condition, &said, 3, now));
                        let health = customizations.health(&an_object(kind, &all)).unwrap();
                        assert_eq!(health.status, Status::Healthy, "{kind} {}: {health:?}", reason.as_str());
                        cases += 1;
                    }
                    continue;
                }
            };
            for &situation in situations {
                let finding = match situation {
                    Releasing => Finding::releasing(reason, "what to do"),
                    Blocked | Held | PersonAwaited | Outstanding | Synced => {
                        Finding::new(situation, reason, "what to do")
                    }
                };
                let waits_for_somebody = matches!(reason, Reason::ForeignCanary | Reason::AwaitingApiCanary);
                let status = match situation {
                    Synced => Some(true),
                    Blocked | Held => Some(false),
                    PersonAwaited | Releasing | Outstanding => waits_for_somebody.then_some(false),
                };
                let said = Released { status, reason, message: "what to do".to_owned() };
                let all = conditions_with(&[], &finding, own, &said, 3, now);
                let health = customizations.health(&an_object(kind, &all)).unwrap();
                assert_eq!(
                    health.status,
                    expected(kind, reason, situation),
                    "{kind} {} {situation:?}",
                    reason.as_str()
                );
                assert_eq!(health.message, "what to do", "{kind} {}", reason.as_str());
                cases += 1;
            }
        }
    }
    assert!(cases > 200, "{cases}");
}

/// The situation that the conditions of a real object show (the table of `docs/contract.md`, read backwards).
fn situation(object: &Value) -> Option<(Reason, Vec<Situation>)> {
    let conditions = object["status"]["conditions"].as_array()?;
    let find = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let read = |condition: &Value| Reason::parse(condition["reason"].as_str().unwrap_or_default());
    let ready = find("Ready")?;
    Some(match (find("Stalled"), find("Reconciling")) {
        (Some(stalled), _) => (read(stalled)?, vec![Blocked, Held]),
        (None, Some(reconciling)) => (read(reconciling)?, vec![Releasing, Outstanding]),
        (None, None) if ready["status"] == "True" => (read(ready)?, vec![Synced]),
        (None, None) => (read(ready)?, vec![PersonAwaited]),
    })
}

/// The table is about what really happens: no object of the stories stands where it does not.
#[test]
fn the_table_knows_where_the_objects_of_the_stories_stand() {
    let mut seen = 0;
    for name in objects().iter().filter(|name| !name.starts_with("apicanary-")) {
        let Some((reason, seen_in)) = situation(&object(name)) else { continue };
        let Decides(situations) = stands(reason) else { panic!("{name}: {} decides", reason.as_str()) };
        assert!(situations.iter().any(|known| seen_in.contains(known)), "{name}: {} in {seen_in:?}", reason.as_str());
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}
