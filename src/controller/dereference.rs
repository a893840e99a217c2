//! Reads what a plan asks for: from AWS through the shared observations, and from the other objects.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use stagecraft_core::access::RoleArn;
use stagecraft_core::api::names::{AccountId, Region, RestApiId};
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::plan::{Need, Priority, What};
use stagecraft_core::world::{Observed, Seen, Siblings};

use tracing::warn;

use super::canaries;
use super::context::Context;
use super::objects::{Seniority, seniority, stage_name};
use super::sources::Asked;
use crate::aws::{Aws, Error, Gateway};
use crate::telemetry::Chain;

/// Where the objects of AWS are read that one pass is about, and as whom.
pub(super) struct Site {
    pub(super) aws: Aws,
    pub(super) gateway: Gateway,
    pub(super) rest_api: RestApiId,
}

impl Site {
    /// AWS for reads of this urgency, as the rule sees it that allows this object; `None` where none does, so that nothing can
    /// be asked.
    pub(super) async fn new(
        ctx: &Context,
        object: &impl ResourceExt,
        region: &Region,
        rest_api: RestApiId,
        priority: Priority,
    ) -> Option<Self> {
        let namespace = object.namespace().unwrap_or_default();
        let access = ctx.settings.access.decide(&namespace, &rest_api, region).ok()?;
        let aws = ctx.accounts.aws(&access, &namespace).await;
        let gateway = aws.gateway(region).at(priority);
        Some(Self { aws, gateway, rest_api })
    }
}

/// Reads one need of this object into `observed`.
pub(super) async fn read(
    ctx: &Context,
    site: &Site,
    object: &ApiStage,
    need: Need,
    observed: &mut Observed,
) -> Result<(), Error> {
    let Need { what, not_before } = need;
    let newer_than = to_boottime(ctx, not_before);
    let Site { aws, gateway, rest_api } = site;
    let observations = &ctx.observations;
    match what {
        What::Account => observed.account = Some(aws.with_valid_credentials(|| aws.account_id()).await?),
        What::RestApi => {
            let read = || observations.rest_api(gateway, rest_api, newer_than);
            observed.rest_api = Some(at(ctx, not_before, aws.with_valid_credentials(read).await?));
        }
        What::Stages => {
            let stage = stage_name(object);
            let read = || observations.stages_or_one(gateway, rest_api, &stage, newer_than);
            observed.stages = Some(at(ctx, not_before, aws.with_valid_credentials(read).await?));
        }
        What::Deployments | What::Leftovers => {
            let priority = if what == What::Leftovers { Priority::CleanUp } else { gateway.priority() };
            let gateway = &gateway.at(priority);
            let read = || observations.deployments(gateway, rest_api, newer_than);
            observed.deployments = Some(at(ctx, not_before, aws.with_valid_credentials(read).await?));
        }
        What::Methods(deployment) => {
            let read = || observations.methods(gateway, rest_api, &deployment);
            let methods = aws.with_valid_credentials(read).await;
            let methods =
                methods.inspect_err(|error| warn!(%deployment, "its methods are not known: {}", Chain(error)));
            observed.methods.insert(deployment, methods.ok());
        }
        What::Readings(queries) => {
            let asked = Asked { aws, gateway, queries: &queries };
            observed.readings = Some(ctx.sources.read(asked).await);
        }
        // Read by the pass itself: they are not AWS's to answer.
        What::Governor | What::Gate(_) => {}
    }
    Ok(())
}

/// What the other objects on this REST API say.
pub(super) async fn siblings(ctx: &Context, object: &ApiStage, site: &Site) -> Siblings {
    let region = site.gateway.region();
    // What it refers to instead of naming it has been looked up.
    let ours = stage_name(object);
    let mut older: Option<(Seniority, String)> = None;
    let mut siblings = Siblings { unreadable: ctx.objects.has_unreadable(), ..Siblings::default() };
    for other in ctx.objects.others(region, &site.rest_api, object.uid().as_deref()) {
        let is_older = ours == other.stage && other.seniority < seniority(object);
        let place = (&other.region, &other.rest_api);
        if is_older && may_govern(ctx, &other.namespace, place, site.aws.role()).await {
            let claimant = (other.seniority.clone(), format!("{}/{}", other.namespace, other.name));
            older = Some(older.map_or_else(|| claimant.clone(), |former| former.min(claimant.clone())));
        }
        // No `..`: what an object says and nobody hears must not compile.
        let Siblings { older: _, unreadable: _, governor: _, twin: _, known, offered, wanted, owners, ended } =
            other.says.clone();
        siblings.known.extend(known);
        siblings.offered.extend(offered);
        siblings.wanted.extend(wanted);
        siblings.owners.extend(owners);
        siblings.ended.extend(ended);
    }
    siblings.older = older.map(|(_, name)| name);
    siblings.governor = canaries::governor(ctx, object);
    siblings
}

/// Whether the other object can get at our stage at all. One that no rule allows, or that acts in another account, must not
/// keep others from their stages by being older. While nobody knows whose the operator's own credentials are, it counts as one
/// that can: two must never write one stage.
pub(super) async fn may_govern(
    ctx: &Context,
    namespace: &str,
    (region, rest_api): (&Region, &RestApiId),
    role: Option<&RoleArn>,
) -> bool {
    let Ok(access) = ctx.settings.access.decide(namespace, rest_api, region) else { return false };
    let theirs = access.role.as_ref();
    if theirs == role {
        return true;
    }
    let accounts = (account_of(ctx, theirs).await, account_of(ctx, role).await);
    !matches!(accounts, (Some(theirs), Some(ours)) if theirs != ours)
}

/// The account of a role, or without one of the operator's own credentials, which STS is asked for once.
async fn account_of(ctx: &Context, role: Option<&RoleArn>) -> Option<AccountId> {
    match role {
        Some(role) => Some(role.account()),
        None => ctx.accounts.own_account().await.inspect_err(|error| warn!("{}", Chain(error))).ok(),
    }
}

/// A moment of the wall clock as time since boot, by way of "that long ago".
pub(super) fn to_boottime(ctx: &Context, moment: Timestamp) -> Duration {
    let ago = ctx.clock.now().duration_since(moment);
    let boottime = ctx.clock.boottime();
    match Duration::try_from(ago) {
        Ok(ago) => boottime.saturating_sub(ago),
        // Not before a moment to come: as good as now.
        Err(_) => boottime,
    }
}

/// The observation with the start of its request on the wall clock. It satisfies the need by the promise of
/// [`Observations`](crate::aws::Observations); two readings of two clocks must not make that look otherwise.
pub(super) fn at<T>(ctx: &Context, not_before: Timestamp, seen: crate::aws::Seen<T>) -> Seen<T> {
    let age = ctx.clock.boottime().saturating_sub(seen.started);
    let read_at = ctx.clock.now().checked_sub(age).unwrap_or(not_before).max(not_before);
    Seen { value: seen.value, read_at }
}
