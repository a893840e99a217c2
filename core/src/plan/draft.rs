//! A plan in the making: the next status, the calls and the news, filled in by one decision after the other.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt as _;

use super::action::{Action, Place};
use super::clean_up::unlisted;
use super::ownership::Ownership;
use super::settings::{NotKept, cache_condition, cache_moves, declared_paths, observe_cache, tell_stuck};
use super::{Found, Need, Notice, Plan};
use crate::api::FINALIZER;
use crate::api::arn;
use crate::api::check::Check;
use crate::api::condition::{ConditionType, Finding, Reason, Released, Situation, beside, conditions};
use crate::api::event::{Event, EventReason};
use crate::api::marker::Marker;
use crate::api::names::AccountId;
use crate::api::status::{ApiStageStatus, CanaryStatus, CommandState, HistoryEntry, Phase, Release, ReleaseResult};
use crate::observed::Stage;
use crate::reference;
use crate::validate::{Desired, Wanted};
use crate::world::{Group, World};

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) world: World<'a>,
    pub(super) status: ApiStageStatus,
    pub(super) place: Option<Place>,
    pub(super) actions: Vec<Action>,
    pub(super) events: Vec<Event>,
    pub(super) wake_up_at: Option<Timestamp>,
    /// Whether the target of this generation is known and serves.
    pub(super) serves: bool,
    /// Whether every declared setting beside the release is applied.
    pub(super) settled: bool,
    /// Whether a person asked in this very round for a held target to ship again.
    pub(super) retried: bool,
    pub(super) found: Found,
    /// What AWS takes and does not show, where the settings were looked at.
    pub(super) not_kept: Option<NotKept>,
    /// Checks that were made for this plan.
    pub(super) checks: Vec<Check>,
    /// News for webhooks.
    pub(super) notices: Vec<Notice>,
}

/// A stage that something is wrong with is looked at this often at least, whatever the drift interval.
const BLOCKED_RECHECK_SECONDS: u64 = 300;

/// What waits for AWS or for a release's next move is looked at this often at least (design: calls).
const MOVING_RECHECK_SECONDS: u64 = 30;

impl<'a> Draft<'a> {
    pub(super) fn new(world: World<'a>) -> Self {
        Self {
            world,
            status: world.object.status.clone().unwrap_or_default(),
            place: None,
            actions: Vec::new(),
            events: Vec::new(),
            wake_up_at: None,
            serves: false,
            settled: false,
            retried: false,
            found: Found::default(),
            not_kept: None,
            checks: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// The time as status holds it: whole seconds.
    pub(super) fn time(&self) -> Time {
        Time(Timestamp::from_second(self.world.now.as_second()).unwrap_or(self.world.now))
    }

    /// Adds a call, unless its group is not to be tried.
    pub(super) fn call(&mut self, action: Action) {
        if !self.world.recent.tried.contains(&action.group()) {
            self.actions.push(action);
        }
    }

    /// Adds a call although its group was refused in this very pass: only where another call answers that refusal.
    pub(super) fn call_anyway(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn wake_up(&mut self, at: Timestamp) {
        self.wake_up_at = Some(self.wake_up_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn wake_up_in(&mut self, seconds: u64) {
        if let Ok(at) = self.world.now.checked_add(std::time::Duration::from_secs(seconds)) {
            self.wake_up(at);
        }
    }

    /// The next poll: one drift interval after the read that this plan stands on.
    pub(super) fn look_again_at_poll(&mut self, read_at: Timestamp) {
        let rest_api = self.status.rest_api_id.as_ref().or(self.world.object.spec.rest_api_id.as_ref());
        let interval = self.world.drift_interval(rest_api, read_at);
        if let Ok(at) = read_at.checked_add(interval) {
            self.wake_up(at.max(self.world.now));
        }
    }

    /// Where the stage of this object is, without the account. Without a usable spec it is where status says; `None` where that
    /// says nothing.
    pub(super) fn site(&self, desired: Option<&Desired>) -> Option<Place> {
        let status = &self.status;
        let (region, rest_api, stage) = match desired {
            Some(desired) => (desired.region.clone(), desired.rest_api_id.clone(), desired.stage_name.clone()),
            None => (status.region.clone()?, status.rest_api_id.clone()?, status.stage_name.clone()?),
        };
        Some(Place { account: AccountId::new(""), region, rest_api, stage })
    }

    /// Credentials of another account would make a second stage there and forget the first.
    pub(super) fn moved_account(&self, place: &Place) -> Option<Finding> {
        let governed = self.status.account_id.as_ref().filter(|account| **account != place.account)?;
        Some(Finding::new(
            Situation::Blocked,
            Reason::IdentityChanged,
            format!(
                "This ApiStage governs a stage in account {governed}, but the operator's credentials belong to account {}. Give the operator credentials of {governed}, or delete this ApiStage and create it anew.",
                place.account
            ),
        ))
    }

    /// Copies what was observed; `None` where there is no stage of ours.
    pub(super) fn observe(&mut self, stage: Option<&Stage>) {
        let now = self.time();
        let status = &mut self.status;
        status.deployment_id = stage.map(|stage| stage.deployment_id.clone());
        status.created_date = stage.and_then(|stage| stage.created).map(Time);
        status.last_updated_date = stage.and_then(|stage| stage.last_updated).map(Time);
        status.web_acl_arn = stage.and_then(|stage| stage.web_acl_arn.clone());
        status.client_certificate_id = stage.and_then(|stage| stage.client_certificate_id.clone());
        status.documentation_version = stage.and_then(|stage| stage.documentation_version.clone());
        status.tracing_enabled = stage.map(|stage| stage.tracing_enabled);
        status.canary = stage.and_then(|stage| stage.canary.as_ref()).map(|canary| CanaryStatus {
            deployment_id: Some(canary.deployment_id.clone()),
            percent_traffic: canary.percent_traffic,
            use_stage_cache: canary.use_stage_cache,
            stage_variable_overrides: canary.stage_variable_overrides.keys().cloned().collect(),
        });
        status.cache_cluster =
            stage.and_then(|stage| observe_cache(&stage.cache, status.cache_cluster.as_ref(), now.0));
        if cache_moves(status, now.0) {
            self.wake_up_in(MOVING_RECHECK_SECONDS);
        }
        self.name_revision(stage);
    }

    /// Names the revision that the stage serves, from memory first, then from the marker where the index was read.
    pub(super) fn name_revision(&mut self, stage: Option<&Stage>) {
        let Some(stage) = stage else {
            self.status.revision = None;
            return;
        };
        let remembered = self
            .status
            .release
            .iter()
            .map(|release| &release.target)
            .chain(self.status.history.iter().map(|entry| &entry.target))
            .find(|target| target.deployment_id.as_ref() == Some(&stage.deployment_id))
            .map(|target| target.revision.clone());
        self.status.revision = remembered.unwrap_or_else(|| self.marker_of(stage).map(|marker| marker.revision));
    }

    /// The marker of the deployment that a stage serves, where the index has been read.
    pub(super) fn marker_of(&self, stage: &Stage) -> Option<Marker> {
        let deployments = self.world.observed.deployments.as_ref()?;
        let deployment = deployments.value.iter().find(|deployment| deployment.id == stage.deployment_id)?;
        Marker::parse(deployment.description.as_deref()?)
    }

    /// Writes down what this object governs, before anything is done about it.
    pub(super) fn govern(
        &mut self,
        desired: &Desired,
        place: &Place,
        stage: Option<&Stage>,
        ownership: &Ownership,
    ) -> Result<(), Need> {
        let declared = declared_paths(desired);
        if self.status.rest_api_id.is_none() {
            let rest_api = self.world.rest_api(self.world.fresh())?;
            let status = &mut self.status;
            status.rest_api_id = Some(place.rest_api.clone());
            status.region = Some(place.region.clone());
            status.account_id = Some(place.account.clone());
            status.stage_name = Some(place.stage.clone());
            status.stage_arn = Some(place.stage_arn());
            status.execution_arn =
                Some(arn::execution_arn(&place.region, &place.account, &place.rest_api, &place.stage));
            status.invoke_url =
                (!rest_api.value.private).then(|| arn::invoke_url(&place.region, &place.rest_api, &place.stage));
            if stage.is_some() && *ownership == Ownership::Ours {
                self.tell(Event::warning(
                    EventReason::StatusRebuilt,
                    "Rebuild",
                    format!(
                        "Stage {} carries our owner tag, but this object had no status: it is governed again as it is. Held targets, the history and the counter of releases are lost; nothing is reset.",
                        place.stage
                    ),
                ));
            }
        }
        for field in ["revision", "deploymentId"] {
            if self.status.managed.contains(field) && !declared.contains(field) {
                self.status.managed.remove(field);
                if matches!(desired.wanted, Wanted::Keep { .. }) {
                    let note = format!("spec.{field} was dropped: the stage keeps the deployment that it serves.");
                    self.tell(Event::normal(EventReason::LeftAsItIs, "Keep", note));
                }
            }
        }
        self.status.managed.extend(declared);
        Ok(())
    }

    /// What served last as far as we know, and has not ceased to.
    pub(super) fn current(&self) -> Option<&HistoryEntry> {
        self.status.history.iter().find(|entry| entry.how.is_some() && entry.ended.is_none())
    }

    /// Notes that what served last has ceased to.
    pub(super) fn end_current(&mut self) {
        let now = self.time();
        let served = |entry: &&mut HistoryEntry| entry.how.is_some() && entry.ended.is_none();
        if let Some(entry) = self.status.history.iter_mut().find(served) {
            entry.ended = Some(now);
        }
    }

    /// Writes into the history that a release ended without its target coming to serve.
    pub(super) fn record_unserved(&mut self, release: &Release, result: ReleaseResult) {
        let ended = Some(self.time());
        self.record(HistoryEntry {
            release: Some(release.id.clone()),
            target: release.target.clone(),
            how: None,
            result: Some(result),
            stable_since: None,
            ended,
        });
    }

    /// The release that is under way.
    pub(super) fn running(&self) -> Option<&Release> {
        self.status.release.as_ref().filter(|release| release.phase.is_running())
    }

    /// Changes the release that is under way.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Release)) {
        if let Some(release) = self.status.release.as_mut().filter(|release| release.phase.is_running()) {
            change(release);
        }
    }

    /// A failure of this group that has not been overcome, in words.
    pub(super) fn refusal(&self, group: Group) -> Option<Finding> {
        let failure = self.world.recent.refused.get(&group)?;
        Some(super::failure::finding(&self.world, &self.status, failure))
    }

    /// All is as declared.
    pub(super) fn synced(&self) -> Finding {
        let serves = match (&self.status.revision, &self.status.deployment_id) {
            (Some(revision), Some(deployment)) => format!("serves {revision} (deployment {deployment})"),
            (None, Some(deployment)) => format!("serves deployment {deployment}"),
            (Some(_) | None, None) => "is there".to_owned(),
        };
        let mut message = format!("The stage {serves} and is as declared.");
        for fact in self.reference_differs().into_iter().chain(self.stages_unlisted()) {
            message = format!("{message} {fact}");
        }
        Finding::new(Situation::Synced, Reason::Synced, message)
    }

    /// That the `ConfigMap` names another REST API now than the one whose stage is governed.
    fn reference_differs(&self) -> Option<String> {
        let source = self.world.object.spec.rest_api_id_from.as_ref()?;
        reference::difference(source, self.world.observed.referred.as_ref()?, self.status.rest_api_id.as_ref()?)
    }

    /// That its stage is read by itself, because listing is denied.
    fn stages_unlisted(&self) -> Option<String> {
        let stages = &self.world.observed.stages.as_ref()?.value;
        let rest_api = self.status.rest_api_id.as_ref().filter(|_| stages.all().is_none())?;
        Some(format!("It is read by itself: {}", unlisted(rest_api)))
    }

    /// One event for each of these when the conditions begin to say it.
    fn tell_beside(&mut self, finding: &Finding) {
        if finding.situation != Situation::Synced {
            return;
        }
        let facts = [
            (EventReason::LeftAsItIs, "RestApi", self.reference_differs()),
            (EventReason::Warning, "StagesNotListed", self.stages_unlisted()),
        ];
        for (reason, action, fact) in facts {
            let is_told =
                |fact: &String| self.status.conditions.iter().any(|condition| condition.message.contains(fact));
            if let Some(fact) = fact.filter(|fact| !is_told(fact)) {
                self.tell(Event::warning(reason, action, fact));
            }
        }
    }

    /// A plan that changes nothing and looks again later.
    pub(super) fn unchanged(self, wake_up_at: Option<Timestamp>) -> Plan {
        let finalizer = self.world.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        Plan {
            status: self.status,
            finalizer,
            place: None,
            actions: Vec::new(),
            events: Vec::new(),
            notices: Vec::new(),
            checks: Vec::new(),
            wake_up_at,
            found: self.found,
            not_kept: self.not_kept,
        }
    }

    /// Puts conditions on the status and closes the plan.
    pub(super) fn finish(mut self, finding: Finding) -> Plan {
        // What failed and lasts stays in the conditions while it is tried again: no flapping.
        let finding = match &self.world.recent.failure {
            Some(failure)
                if !self.actions.is_empty() && (!failure.cause.class().is_passing() || failure.in_a_row >= 3) =>
            {
                super::failure::finding(&self.world, &self.status, failure)
            }
            Some(_) | None => finding,
        };
        let generation = self.world.generation();
        let now = self.time();
        if self.running().is_none()
            && self.actions.is_empty()
            && let Some(command) = self.status.last_command.as_mut()
            && command.state == CommandState::Accepted
            && !super::flush::is_pending(command)
        {
            command.state = CommandState::Done;
        }
        if self.settled {
            self.status.applied_generation = Some(generation);
        }
        // Here and not at each of the ways out of that phase: whoever builds a command from it must never find a stale one.
        if let Some(release) = self.status.release.as_mut().filter(|release| release.phase != Phase::AwaitingApproval) {
            release.awaiting = None;
        }
        super::release::waiting::attend(&mut self, &finding);
        self.forget_old_intents();
        if let Some(seconds) = recheck(finding.situation, self.wake_up_at.is_some())
            && !super::failure::has_its_own_time(&self.world, &self.status, &finding)
        {
            self.wake_up_in(seconds);
        }
        self.events.extend(blocked_news(&self.status.conditions, &finding));
        self.tell_beside(&finding);
        let released = self.released(&finding);
        let former = std::mem::take(&mut self.status.conditions);
        self.status.conditions = conditions(&former, &finding, &released, generation, now.0);
        if let Some(cache) = cache_condition(&self) {
            tell_stuck(&mut self, &cache, &former);
            self.status.conditions.push(beside(&former, ConditionType::CacheReady, &cache, generation, now.0));
        }
        self.status.observed_generation = Some(generation);
        // Nothing to wait for: a pass with calls is followed by another plan at once.
        let wake_up_at = if self.actions.is_empty() { self.wake_up_at } else { None };
        Plan {
            finalizer: self.status.rest_api_id.is_some(),
            status: self.status,
            place: self.place,
            actions: self.actions,
            events: self.events,
            notices: self.notices,
            checks: self.checks,
            wake_up_at,
            found: self.found,
            not_kept: self.not_kept,
        }
    }

    /// An intent only matters until a late effect would have shown; after that every snapshot looks at the index first anyway.
    fn forget_old_intents(&mut self) {
        let (now, wait) = (self.world.now, self.world.settings.lost_reply_wait);
        let running = self.running().and_then(|release| release.target.revision.clone());
        self.status.intents.retain(|intent| {
            running.as_ref() == Some(&intent.revision) || intent.since.0.checked_add(wait).is_ok_and(|late| late > now)
        });
    }

    /// The rule for `Released` (design: conditions).
    fn released(&self, finding: &Finding) -> Released {
        let (status, reason, message) = if self.serves && self.running().is_none() {
            let message = match (&self.status.revision, &self.status.deployment_id) {
                (Some(revision), Some(deployment)) => {
                    format!("{revision} (deployment {deployment}) serves with the declared variables.")
                }
                (None, Some(deployment)) => format!("Deployment {deployment} serves with the declared variables."),
                (Some(_) | None, None) => "The target serves with the declared variables.".to_owned(),
            };
            (Some(true), Reason::Synced, message)
        } else {
            let status = match finding.situation {
                // A release that waits for a person goes on once that person has decided.
                Situation::PersonAwaited if self.running().is_some() && finding.reason != Reason::Suspended => None,
                Situation::Blocked | Situation::Held | Situation::PersonAwaited => Some(false),
                Situation::Releasing | Situation::Outstanding | Situation::Synced => None,
            };
            let waits_for_somebody = [Reason::ForeignCanary, Reason::AwaitingApiCanary].contains(&finding.detail);
            let status = if waits_for_somebody { Some(false) } else { status };
            (status, finding.detail, finding.message.clone())
        };
        Released { status, reason, message }
    }
}

/// How soon an object in this situation is looked at again at the latest; `polls`: whether it is polled anyway.
pub(crate) fn recheck(situation: Situation, polls: bool) -> Option<u64> {
    match situation {
        // Without a poll nothing but a change of an object can matter.
        Situation::Blocked => polls.then_some(BLOCKED_RECHECK_SECONDS),
        Situation::Releasing | Situation::Outstanding => Some(MOVING_RECHECK_SECONDS),
        Situation::Held | Situation::PersonAwaited | Situation::Synced => None,
    }
}

/// One event when something begins to stand in the way; a deletion tells its own.
pub(crate) fn blocked_news(conditions: &[Condition], finding: &Finding) -> Option<Event> {
    let reason = finding.reason.as_str();
    let is_news = conditions.iter().all(|condition| condition.reason != reason);
    let blocks = finding.situation == Situation::Blocked && finding.reason != Reason::DeletionBlocked;
    (blocks && is_news).then(|| Event::warning(EventReason::Blocked, reason, &finding.message))
}

/// The declared path of a variable.
pub(super) fn variable_path(key: &str) -> String {
    format!("variables[{key}]")
}
