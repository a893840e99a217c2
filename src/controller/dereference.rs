//! Reads what a plan asks for: from AWS through the shared observations, and from the other objects.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use stagecraft_core::access::RoleArn;
use stagecraft_core::api::names::{AccountId, Region, RestApiId, StageName};
use stagecraft_core::api::owner::Owner;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::plan::{Need, Priority, What};
use stagecraft_core::world::{Observed, Seen, Siblings};

use tracing::warn;

use super::canaries;
use super::context::Context;
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
    /// AWS as the rule sees it that allows this object; `None` where none does, so that nothing can be asked.
    pub(super) async fn new(ctx: &Context, object: &ApiStage, region: &Region, rest_api: RestApiId) -> Option<Self> {
        let namespace = object.namespace().unwrap_or_default();
        let access = ctx.settings.access.decide(&namespace, &rest_api, region).ok()?;
        let aws = ctx.accounts.aws(&access, &namespace).await;
        let gateway = aws.gateway(region).at(Priority::of_reads(object));
        Some(Self { aws, gateway, rest_api })
    }
}

/// Reads one need into `observed`.
pub(super) async fn read(ctx: &Context, site: &Site, need: Need, observed: &mut Observed) -> Result<(), Error> {
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
            let read = || observations.stages(gateway, rest_api, newer_than);
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
pub(super) fn siblings(ctx: &Context, object: &ApiStage, site: &Site) -> Siblings {
    let region = site.gateway.region();
    // What it refers to instead of naming it has been looked up.
    let ours = stage_name(object);
    let account = site.aws.role().map(RoleArn::account);
    let mut older: Option<(Seniority, String)> = None;
    let mut siblings = Siblings::default();
    let others = ctx.stores.iter().flat_map(kube::runtime::reflector::Store::state);
    for guarded in others {
        let Ok(other) = &guarded.0 else {
            siblings.unreadable = true;
            continue;
        };
        if other.uid() == object.uid() {
            continue;
        }
        let Some((other_region, rest_api, stage)) = claim(other, &ctx.settings.region) else { continue };
        if other_region != *region || rest_api != site.rest_api {
            continue;
        }
        let is_rival = may_govern(ctx, other, &other_region, &rest_api, account.as_ref()) && ours == stage;
        if is_rival && seniority(other) < seniority(object) {
            let claimant =
                (seniority(other), format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()));
            older = Some(older.map_or_else(|| claimant.clone(), |former| former.min(claimant.clone())));
        }
        note_sibling(&mut siblings, ctx, other);
    }
    siblings.older = older.map(|(_, name)| name);
    siblings.governor = canaries::governor(ctx, object);
    siblings
}

/// What one other object on this REST API knows and needs.
fn note_sibling(siblings: &mut Siblings, ctx: &Context, other: &ApiStage) {
    let Siblings { older: _, unreadable: _, governor: _, twin: _, known, offered, wanted, owners, ended } = siblings;
    owners.insert(Owner::new(&ctx.settings.cluster_id, &other.namespace().unwrap_or_default(), &other.name_any()));
    wanted.extend(other.spec.revision.clone());
    offered.extend(other.spec.deployment_id.clone());
    let Some(status) = &other.status else { return };
    known.extend(status.pruned.iter().map(|pruned| pruned.revision.clone()));
    offered.extend(status.deployment_id.clone());
    ended.extend(status.history.iter().filter_map(|entry| Some(entry.ended.as_ref()?.0)));
    let release = status.release.as_ref();
    let targets = status
        .history
        .iter()
        .map(|entry| &entry.target)
        .chain(status.held.iter().map(|held| &held.target))
        .chain(release.map(|release| &release.target))
        .chain(release.and_then(|release| release.stable.as_ref()).map(|stable| &stable.target));
    for target in targets {
        let Some(deployment) = &target.deployment_id else { continue };
        offered.insert(deployment.clone());
        known.extend(target.revision.clone());
    }
}

/// Whether the other object can get at our stage at all. One that no rule allows, or that acts in another account, must not
/// keep others from their stages by being older.
fn may_govern(
    ctx: &Context,
    other: &ApiStage,
    region: &Region,
    rest_api: &RestApiId,
    account: Option<&AccountId>,
) -> bool {
    let access = ctx.settings.access.decide(&other.namespace().unwrap_or_default(), rest_api, region);
    access.is_ok_and(|access| {
        let theirs = access.role.as_ref().map(RoleArn::account);
        theirs.is_none() || account.is_none() || theirs.as_ref() == account
    })
}

/// Creation, then uid: the first of two claimants governs.
type Seniority = (Timestamp, String);

fn seniority(object: &ApiStage) -> Seniority {
    let created = object.metadata.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    (created, object.uid().unwrap_or_default())
}

/// The stage that an object claims: what it governs, else what its spec names.
fn claim(object: &ApiStage, default_region: &Region) -> Option<(Region, RestApiId, StageName)> {
    let status = object.status.as_ref();
    let region = status.and_then(|status| status.region.clone()).or_else(|| object.spec.region.clone());
    let rest_api = status.and_then(|status| status.rest_api_id.clone()).or_else(|| object.spec.rest_api_id.clone())?;
    Some((region.unwrap_or_else(|| default_region.clone()), rest_api, stage_name(object)))
}

fn stage_name(object: &ApiStage) -> StageName {
    let governed = object.status.as_ref().and_then(|status| status.stage_name.clone());
    governed.or_else(|| object.spec.stage_name.clone()).unwrap_or_else(|| StageName::new(object.name_any()))
}

/// A moment of the wall clock as time since boot, by way of "that long ago".
fn to_boottime(ctx: &Context, moment: Timestamp) -> Duration {
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
fn at<T>(ctx: &Context, not_before: Timestamp, seen: crate::aws::Seen<T>) -> Seen<T> {
    let age = ctx.clock.boottime().saturating_sub(seen.started);
    let read_at = ctx.clock.now().checked_sub(age).unwrap_or(not_before).max(not_before);
    Seen { value: seen.value, read_at }
}
