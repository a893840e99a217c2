//! The cache cluster: minutes to build, replace or remove, billed by the hour, and seen to hang in `DELETE_IN_PROGRESS` for ever.
//!
//! Nothing waits for it: its patches are held back while it is in transition, it is looked at every half minute meanwhile, and
//! `CacheReady` alone says where it is. Its status comes from reads only (aws-facts: cache cluster).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::difference::{Difference, Part};
use crate::api::condition::{ConditionType, Reason, Released};
use crate::api::event::{Event, EventReason};
use crate::api::status::{ApiStageStatus, CacheClusterStatus};
use crate::observed::{CacheCluster, Stage};
use crate::patch::PatchOperation;
use crate::plan::draft::Draft;
use crate::validate::Desired;
use crate::world::{Group, World};

const AVAILABLE: &str = "AVAILABLE";
const CREATING: &str = "CREATE_IN_PROGRESS";
const DELETING: &str = "DELETE_IN_PROGRESS";
const FLUSHING: &str = "FLUSH_IN_PROGRESS";
const OFF: &str = "NOT_AVAILABLE";

/// A transition that lasts longer is worth somebody's eyes: other tools wait for 90 minutes at most.
const STUCK_AFTER: Duration = Duration::from_mins(90);

/// While a cache moves, a read is good for this long: one `GetStages` every half minute, shared by the stages of a REST API.
const POLL: Duration = Duration::from_secs(30);

/// The status, with the word for "no cache" that AWS also leaves empty or out.
fn status_of(status: &str) -> &str {
    if status.is_empty() { OFF } else { status }
}

/// Whether AWS is at work on the cluster, by its status. What it has accepted shows in the flag first.
fn is_moving(cluster: &CacheClusterStatus) -> bool {
    match cluster.status.as_str() {
        AVAILABLE => !cluster.enabled,
        OFF => cluster.enabled,
        status => status.ends_with("_IN_PROGRESS"),
    }
}

/// What the status says of the cluster; `None` while the stage never had one. `since` is when we first saw this status.
pub(in crate::plan) fn observe(
    cache: &CacheCluster,
    former: Option<&CacheClusterStatus>,
    now: Timestamp,
) -> Option<CacheClusterStatus> {
    let status = status_of(&cache.status);
    let never = !cache.enabled && cache.size.is_none() && status == OFF;
    let since = former.filter(|former| former.status == status).and_then(|former| former.since.clone());
    (!never).then(|| CacheClusterStatus {
        enabled: cache.enabled,
        size: cache.size.clone(),
        status: status.to_owned(),
        since: Some(since.unwrap_or(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now))),
    })
}

fn is_stuck(cluster: &CacheClusterStatus, now: Timestamp) -> bool {
    let since = cluster.since.as_ref().map_or(now, |since| since.0);
    is_moving(cluster) && since.checked_add(STUCK_AFTER).is_ok_and(|limit| now >= limit)
}

/// Whether the cluster is in a transition that will end, so that it is worth looking often.
#[must_use]
pub fn moves(status: &ApiStageStatus, now: Timestamp) -> bool {
    status.cache_cluster.as_ref().is_some_and(|cluster| is_moving(cluster) && !is_stuck(cluster, now))
}

/// While the cluster moves, reads must have started at or after this.
pub(in crate::plan) fn poll(world: &World<'_>) -> Timestamp {
    let moving = world.object.status.as_ref().is_some_and(|status| moves(status, world.now));
    // A little less than the poll, so that the stages of one REST API share one read.
    let limit = world.now.checked_sub(POLL.mul_f64(0.6)).unwrap_or(Timestamp::MIN);
    if moving { limit } else { Timestamp::MIN }
}

/// Whether the cluster is on, or will be without another word of ours. What the flag reads during a deletion is not known.
fn is_on(cache: &CacheCluster) -> bool {
    cache.enabled && cache.status != DELETING
}

/// What the fourth group does. Held back while AWS is at work on the cluster, unless that seems never to end.
pub(super) fn part(draft: &Draft<'_>, desired: &Desired, stage: &Stage) -> Part {
    let (settings, cache) = (&desired.settings, &stage.cache);
    let dropped = draft.status.managed.contains("cacheClusterEnabled").then_some(false);
    let enabled = settings.cache_cluster_enabled.or(dropped).filter(|wanted| *wanted != is_on(cache));
    let size = settings.cache_cluster_size.filter(|size| cache.size.as_deref() != Some(size.as_str()));
    // The size first: a cluster that is being enabled then has it from the beginning, whichever way AWS carries out a list.
    let size = size
        .map(|size| Difference::patch("cacheClusterSize", PatchOperation::replace("/cacheClusterSize", size.as_str())));
    let enabled = enabled.map(|wanted| {
        Difference::patch("cacheClusterEnabled", PatchOperation::replace("/cacheClusterEnabled", wanted.to_string()))
    });
    let part = Part::new(Group::Cache, size.into_iter().chain(enabled));
    let status = status_of(&cache.status);
    let waits = status.ends_with("_IN_PROGRESS") && moves(&draft.status, draft.world.now);
    let waits = waits.then(|| {
        format!(
            "{} waits until the cache cluster is no longer {status}; all else is applied.",
            super::list(part.paths())
        )
    });
    Part { waits, ..part }
}

/// Says before the patch what a resize does.
pub(super) fn tell_resize(draft: &mut Draft<'_>, parts: &[Part], stage: &Stage) {
    let Some(part) = parts.iter().find(|part| part.group == Group::Cache && part.waits.is_none()) else { return };
    if is_on(&stage.cache)
        && part.paths().any(|path| path == "cacheClusterSize")
        && draft.refusal(Group::Cache).is_none()
    {
        draft.tell(Event::warning(
            EventReason::CacheReplaced,
            "Resize",
            "The cache cluster is replaced by one of the declared size: all cached data are lost, and until the new one is AVAILABLE requests reach the back end.",
        ));
    }
}

/// A dropped size stays as it is: AWS cannot unset it.
pub(super) fn keep_dropped_size(draft: &mut Draft<'_>, desired: &Desired) {
    if desired.settings.cache_cluster_size.is_none() && draft.status.managed.remove("cacheClusterSize") {
        let note = "spec.cacheClusterSize was dropped: the cache cluster keeps the size that it has.";
        draft.tell(Event::normal(EventReason::LeftAsItIs, "KeepSize", note));
    }
}

/// What `CacheReady` says; `None` where there is no cluster and none is declared.
pub(in crate::plan) fn condition(draft: &Draft<'_>) -> Option<Released> {
    let declared = draft.world.object.spec.cache_cluster_enabled == Some(true);
    let cluster = draft.status.cache_cluster.as_ref();
    let Some(cluster) = cluster.filter(|cluster| declared || is_moving(cluster) || cluster.status != OFF) else {
        return declared.then(|| said(false, Reason::CachePending, PENDING.to_owned()));
    };
    let size = cluster.size.as_deref().map_or_else(String::new, |size| format!(" of {size} GB"));
    if is_stuck(cluster, draft.world.now) {
        let message = format!(
            "AWS has left the cache cluster{size} in {} for more than 90 minutes. Nothing else waits for it. Ask AWS Support, and look whether it is billed.",
            cluster.status
        );
        return Some(said(false, Reason::CacheStuck, message));
    }
    Some(match cluster.status.as_str() {
        AVAILABLE if cluster.enabled => {
            said(true, Reason::CacheAvailable, format!("The cache cluster{size} is AVAILABLE."))
        }
        CREATING => said(
            false,
            Reason::CacheCreating,
            format!(
                "AWS is building the cache cluster{size} (CREATE_IN_PROGRESS). Until it is AVAILABLE requests reach the back end."
            ),
        ),
        FLUSHING => {
            said(false, Reason::CacheFlushing, format!("AWS is emptying the cache cluster{size} (FLUSH_IN_PROGRESS)."))
        }
        DELETING | AVAILABLE => {
            said(false, Reason::CacheDeleting, format!("AWS is removing the cache cluster{size} ({}).", cluster.status))
        }
        OFF if !cluster.enabled => said(false, Reason::CachePending, PENDING.to_owned()),
        other => said(false, Reason::CacheCreating, format!("The cache cluster{size} is {other}.")),
    })
}

const PENDING: &str = "A cache cluster is declared, and AWS has not been asked for it yet; Ready says why.";

fn said(ready: bool, reason: Reason, message: String) -> Released {
    Released { status: Some(ready), reason, message }
}

/// Says once that a transition does not end.
pub(in crate::plan) fn tell_stuck(draft: &mut Draft<'_>, said: &Released, former: &[Condition]) {
    let kind = ConditionType::CacheReady.to_string();
    let known = former.iter().any(|condition| condition.type_ == kind && condition.reason == said.reason.as_str());
    if said.reason == Reason::CacheStuck && !known {
        draft.tell(Event::warning(EventReason::CacheStuck, "Cache", &said.message));
    }
}
