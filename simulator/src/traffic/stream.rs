//! Streams: what a stage was, moment by moment, while traffic came to it.

use std::sync::Arc;

use jiff::Timestamp;

use super::plan::Traffic;
use crate::apigateway::cache::{CacheCluster, Status};
use crate::apigateway::rest_api::RestApi;
use crate::apigateway::stage::Stage;
use crate::clock::later;
use crate::cloudwatch::metric::KEPT_SECONDS;
use crate::switches::Switches;
use crate::world::Region;

/// The traffic of one stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// What is sent now, and since when; `None` where it was stopped.
    pub(super) plan: Option<(Arc<Traffic>, Timestamp)>,
    /// Oldest first, without overlaps. A time in which there was no stage or no plan is in none.
    pub(super) epochs: Vec<Epoch>,
}

/// A time in which nothing changed.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    pub(super) from: Timestamp,
    /// `None` while it lasts.
    pub(super) until: Option<Timestamp>,
    pub(super) plan: Arc<Traffic>,
    pub(super) plan_set: Timestamp,
    pub(super) served: Served,
}

/// What a stage is to its callers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Served {
    /// The dimension `ApiName`.
    pub(super) api_name: String,
    /// Production first, then the canary if there is one.
    pub(super) sides: Vec<Side>,
    cache: CacheCluster,
}

/// Production or canary.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    pub(super) canary: bool,
    pub(super) deployment_id: String,
    /// Of the stage's requests: 0.0 to 1.0.
    pub(super) share: f64,
    pub(super) methods: Vec<Method>,
    uses_cache: bool,
}

/// A method of a side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Method {
    pub(super) verb: String,
    pub(super) path: String,
    /// Of the side's requests: 0.0 to 1.0.
    pub(super) share: f64,
    /// Whether detailed metrics are on.
    pub(super) detailed: bool,
    cached: bool,
}

impl Served {
    /// Whether a method's answers come from the stage's cache at a moment.
    pub(super) fn is_cached(&self, side: &Side, method: &Method, at: Timestamp, switches: &Switches) -> bool {
        side.uses_cache && method.cached && self.cache.status(at, switches) == Status::Available
    }
}

/// Remembers what has changed for callers; to be called after every write.
pub(crate) fn note(region: &mut Region, now: Timestamp) {
    let Region { rest_apis, traffic, .. } = region;
    let oldest = now.as_second().saturating_sub(KEPT_SECONDS);
    for ((api_id, stage_name), stream) in &mut traffic.streams {
        let stage = rest_apis.get(api_id).and_then(|api| Some((api, api.stages.get(stage_name)?)));
        let present = stream.plan.as_ref().zip(stage).map(|((plan, set), (api, stage))| Epoch {
            from: now,
            until: None,
            plan: Arc::clone(plan),
            plan_set: *set,
            served: served(api, stage, plan),
        });
        if let Some(last) = stream.epochs.last_mut().filter(|last| last.until.is_none()) {
            let same = |present: &Epoch| {
                present.plan_set == last.plan_set
                    && Arc::ptr_eq(&present.plan, &last.plan)
                    && present.served == last.served
            };
            if present.as_ref().is_some_and(same) {
                continue;
            }
            last.until = Some(now);
        }
        stream.epochs.extend(present);
        stream.epochs.retain(|epoch| epoch.until.is_none_or(|until| until.as_second() > oldest));
        // What began and ended in one instant was nothing.
        stream.epochs.retain(|epoch| epoch.until != Some(epoch.from));
    }
}

fn served(api: &RestApi, stage: &Stage, plan: &Traffic) -> Served {
    let canary_share = stage.canary.as_ref().map_or(0.0, |canary| canary.percent_traffic / 100.0);
    let side = |canary: bool, deployment_id: &str, share: f64, uses_cache: bool| Side {
        canary,
        deployment_id: deployment_id.to_owned(),
        share,
        methods: methods(api, stage, deployment_id, plan),
        uses_cache,
    };
    let mut sides = vec![side(false, &stage.deployment_id, 1.0 - canary_share, true)];
    if let Some(canary) = &stage.canary {
        sides.push(side(true, &canary.deployment_id, canary_share, canary.use_stage_cache));
    }
    Served { api_name: api_name(api), sides, cache: stage.cache.clone() }
}

/// The dimension `ApiName`: the name without what is not ASCII, the id if nothing is left.
pub(super) fn api_name(api: &RestApi) -> String {
    let name: String = api.name.chars().filter(char::is_ascii).collect();
    if name.is_empty() { api.id.clone() } else { name }
}

/// The methods that requests go to: the plan's, or all of the deployment alike.
fn methods(api: &RestApi, stage: &Stage, deployment_id: &str, plan: &Traffic) -> Vec<Method> {
    let mut weights: Vec<(String, String, f64)> = Vec::new();
    if plan.methods.is_empty() {
        let deployed = api.deployments.get(deployment_id).map(|deployment| &deployment.snapshot.methods);
        for (path, verbs) in deployed.into_iter().flatten() {
            // A method ANY is called with some verb.
            let verb = |verb: &String| if verb == "ANY" { "GET".to_owned() } else { verb.clone() };
            weights.extend(verbs.keys().map(|kept| (verb(kept), path.clone(), 1.0)));
        }
    } else {
        weights.extend(plan.methods.iter().map(|one| (one.method.clone(), one.resource.clone(), one.share)));
    }
    let total: f64 = weights.iter().map(|(_, _, weight)| weight).sum();
    let method = |(verb, path, weight): (String, String, f64)| {
        let (detailed, cached) = settings(stage, &verb, &path);
        Method { share: weight / total, detailed, cached, verb, path }
    };
    weights.into_iter().map(method).collect()
}

/// Whether detailed metrics and caching are on for a method: by its own entry, else by that of all methods, which
/// caches GET only.
pub(super) fn settings(stage: &Stage, verb: &str, path: &str) -> (bool, bool) {
    let key = format!("{}/{verb}", path.replace('~', "~0").replace('/', "~1"));
    if let Some(own) = stage.method_settings.get(&key) {
        return (own.metrics_enabled, own.caching_enabled);
    }
    let all = stage.method_settings.get("*/*");
    all.map_or((false, false), |all| (all.metrics_enabled, all.caching_enabled && verb == "GET"))
}

/// Some seconds within one minute, in which neither the stage nor the plan changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Start of its minute, in seconds since 1970.
    pub(super) minute: i64,
}

impl Piece {
    pub(super) fn seconds(&self) -> f64 {
        self.until.duration_since(self.from).as_secs_f64()
    }
}

impl Epoch {
    /// The pieces of the minutes that begin in `from..until`, in seconds since 1970. Only minutes that are over by
    /// `now`: what comes later in a minute may still change it.
    pub(super) fn pieces(&self, from: i64, until: i64, now: Timestamp) -> Vec<Piece> {
        let end_of_time = |second: i64| if second < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let at = |second: i64| Timestamp::from_second(second).unwrap_or_else(|_too_far| end_of_time(second));
        let over = now.as_second().saturating_sub(now.as_second().rem_euclid(60));
        let begin = self.from.max(at(from));
        let end = self.until.unwrap_or(Timestamp::MAX).min(at(until.min(over)));
        if begin >= end {
            return Vec::new();
        }
        let first_minute = begin.as_second().saturating_sub(begin.as_second().rem_euclid(60));
        let mut cuts: Vec<Timestamp> = self
            .plan
            .changes()
            .filter_map(|after| Some(later(self.plan_set, std::time::Duration::try_from_secs_f64(after).ok()?)))
            .filter(|cut| *cut > begin && *cut < end)
            .collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut minute = first_minute;
        let mut start = begin;
        let mut cuts = cuts.into_iter().peekable();
        while start < end {
            let minute_end = at(minute.saturating_add(60));
            let cut = cuts.next_if(|cut| *cut < minute_end && *cut < end);
            let stop = cut.unwrap_or(minute_end).min(end);
            if stop > start {
                pieces.push(Piece { from: start, until: stop, minute });
            }
            start = stop;
            if start >= minute_end {
                minute = minute.saturating_add(60);
            }
        }
        pieces
    }
}
