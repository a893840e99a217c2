//! Asks webhooks whether a release may go on, and tells them what became of it.

use kube::ResourceExt as _;
use stagecraft_core::api::canary::Moment;
use stagecraft_core::api::percent::Percent;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::api::status::Release;
use stagecraft_core::plan::{Notice, Question};
use stagecraft_core::validate::canary::{Policy, Webhook};
use stagecraft_core::world::{Answer, Governor};
use tracing::warn;

use super::context::Context;
use crate::webhook::{Gate, ObjectName, Payload, ReleaseFacts, StableFacts, StageFacts, StepFacts};

/// Asks one after the other; the first that does not let the release go on is the answer.
pub(super) async fn ask(ctx: &Context, object: &ApiStage, governor: Option<&Governor>, question: &Question) -> Answer {
    for webhook in &question.webhooks {
        if let Gate::Closed(said) = call(ctx, object, governor, webhook, question.moment).await {
            return Answer { open: false, said };
        }
    }
    Answer { open: true, said: String::new() }
}

/// Tells those who only listen. Who cannot be told is a line in the log: nothing waits for them.
pub(super) async fn tell(ctx: &Context, object: &ApiStage, governor: Option<&Governor>, notices: &[Notice]) {
    for notice in notices {
        for webhook in &notice.webhooks {
            if let Gate::Closed(said) = call(ctx, object, governor, webhook, notice.moment).await {
                warn!(object = %object.name_any(), moment = %notice.moment, "{said}");
            }
        }
    }
}

async fn call(
    ctx: &Context,
    object: &ApiStage,
    governor: Option<&Governor>,
    webhook: &Webhook,
    moment: Moment,
) -> Gate {
    match payload(object, governor, webhook, moment) {
        Some(payload) => ctx.webhooks.call(webhook, &payload).await,
        None => Gate::Closed(format!("Webhook {} cannot be told of a release that is not known.", webhook.name)),
    }
}

fn payload(object: &ApiStage, governor: Option<&Governor>, webhook: &Webhook, moment: Moment) -> Option<Payload> {
    let status = object.status.as_ref()?;
    let release = status.release.as_ref()?;
    let namespace = object.namespace().unwrap_or_default();
    let policy = governor.and_then(|governor| governor.policy.as_ref().ok());
    let percent = status.canary.as_ref().and_then(|canary| Percent::nearest(canary.percent_traffic));
    let step = policy.filter(|_| moment == Moment::BeforeStep).and_then(|policy| next_step(policy, release, percent));
    let reason = release.reason.as_deref().map(|reason| reason.split_once(": ").map_or(reason, |(_, why)| why));
    Some(Payload {
        moment,
        delivery: Payload::delivery_of(&release.id, moment, step.as_ref().map(|step| step.number)),
        webhook: webhook.name.clone(),
        api_canary: ObjectName {
            namespace: namespace.clone(),
            name: governor.map(|governor| governor.name.clone()).unwrap_or_default(),
        },
        api_stage: ObjectName { namespace, name: object.name_any() },
        stage: StageFacts {
            account_id: status.account_id.clone(),
            region: status.region.clone()?,
            rest_api_id: status.rest_api_id.clone()?,
            stage_name: status.stage_name.clone()?,
        },
        release: ReleaseFacts {
            id: release.id.clone(),
            revision: release.target.revision.clone(),
            deployment_id: release.target.deployment_id.clone(),
            variables_hash: release.target.variables_hash.clone(),
            stable: release.stable.as_ref().map(|stable| StableFacts {
                revision: stable.target.revision.clone(),
                deployment_id: stable.target.deployment_id.clone(),
                variables_hash: stable.target.variables_hash.clone(),
            }),
            started_at: release.started_at.0,
        },
        step,
        changes: release.changes.clone().filter(|_| moment == Moment::BeforeRelease),
        reason: reason.filter(|_| moment == Moment::AfterRollback).map(ToOwned::to_owned),
    })
}

/// The step that the release would take now.
fn next_step(policy: &Policy, release: &Release, percent: Option<Percent>) -> Option<StepFacts> {
    let number = release.step.unwrap_or(0) + 1;
    let step = policy.steps.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    Some(StepFacts {
        number,
        of: u32::try_from(policy.steps.len()).ok()?,
        percent: percent.unwrap_or(Percent::ZERO),
        set_percent: step.percent,
    })
}
