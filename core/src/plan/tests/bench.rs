//! A small model of API Gateway for one object: every call has its effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::model::update_stage;
use crate::access::Policy;
use crate::analysis::{Ask, Query, Reading, Readings};
use crate::api::canary::{ApiCanary, ApiCanarySpec, Moment};
use crate::api::check::Check;
use crate::api::event::EventReason;
use crate::api::names::{AccountId, DeploymentId, Region};
use crate::api::owner::OWNER_TAG;
use crate::api::stage::{ApiStage, ApiStageSpec};
use crate::api::status::{ApiStageStatus, Release};
use crate::api::{COMMAND, FINALIZER};
use crate::cause::Cause;
use crate::observed::{ApiSummary, Availability, CacheCluster, Deployment, MethodSummary, RestApi, Stage, Stages};
use crate::patch::PatchOperation;
use crate::plan::{Action, Next, NotKept, Plan, What, plan};
use crate::reference::Referred;
use crate::settle::{Reply, settle, settle_failure};
use crate::world::{Answer, Failure, Governor, Group, Observed, Recent, Seen, Settings, Siblings, World};

/// An object, API Gateway as the object's stage needs it, and the time.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of a test of its own")]
pub(super) struct Bench {
    pub(super) object: ApiStage,
    pub(super) settings: Settings,
    /// What is found where spec.restApiIdFrom refers to.
    pub(super) referred: Option<Referred>,
    /// The account of the operator's credentials.
    pub(super) account: AccountId,
    pub(super) siblings: Siblings,
    pub(super) recent: Recent,
    pub(super) rest_api: RestApi,
    pub(super) stages: Vec<Stage>,
    pub(super) deployments: Vec<Deployment>,
    /// What snapshots hold; a missing one cannot be read.
    pub(super) methods: BTreeMap<DeploymentId, ApiSummary>,
    /// Summaries that the operator has read; they never change.
    pub(super) methods_known: BTreeSet<DeploymentId>,
    pub(super) now: Timestamp,
    pub(super) cause_at: Timestamp,
    /// Reads and writes, in order, as people would call them.
    pub(super) calls: Vec<String>,
    pub(super) events: Vec<EventReason>,
    /// Every status that was to be written before a call or at the end.
    pub(super) statuses: Vec<ApiStageStatus>,
    pub(super) wake_up_at: Option<Timestamp>,
    pub(super) freed: bool,
    /// The writes again, operation by operation and with values.
    pub(super) written: Vec<String>,
    /// The same of calls that API Gateway refused.
    pub(super) refused: Vec<String>,
    /// API Gateway takes documentation versions without keeping them.
    pub(super) forgetful: bool,
    /// API Gateway takes away spaces around the values of tags.
    pub(super) trims_tags: bool,
    /// Calls of this group are refused for this reason.
    pub(super) refusing: Option<(Group, Cause)>,
    /// Patches with one of these paths are refused.
    pub(super) invalid: Vec<&'static str>,
    pub(super) made: u32,
    /// What the next snapshot will hold.
    pub(super) definition: ApiSummary,
    pub(super) orphans: Option<u64>,
    /// The `ApiCanary` of the stage.
    pub(super) canary: Option<ApiCanary>,
    made_canaries: u32,
    /// Whether the watch has not shown the `ApiCanary` yet.
    pub(super) hide_canary: bool,
    /// What every source answers.
    pub(super) reading: Reading,
    /// What sources answer instead, where the answer depends on what is asked.
    pub(super) source: Option<fn(&Ask) -> Reading>,
    /// Whether webhooks let a release go on.
    pub(super) gate_open: bool,
    pub(super) notices: Vec<Moment>,
    pub(super) checks: Vec<Check>,
    /// What somebody else does to the stage just before the next `UpdateStage`.
    pub(super) meanwhile: Option<fn(&mut Stage)>,
    /// Every call with what was there before and after it.
    pub(super) sent: Vec<Sent>,
    /// Beginnings of patches that API Gateway refuses once.
    pub(super) refusals: Vec<String>,
    /// Whether listing the stages is denied, so that each is read by itself.
    pub(super) unlisted: bool,
}

/// A call, and what it did.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) action: Action,
    pub(super) before: Option<Stage>,
    pub(super) after: Option<Stage>,
    /// The status that was written before it.
    pub(super) status: ApiStageStatus,
    /// The policy in force.
    pub(super) policy: Option<crate::validate::canary::Policy>,
    /// Whether nobody came between the read and the call.
    pub(super) as_read: bool,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn orders() -> Bench {
    let mut object = ApiStage::new(
        "orders-prod",
        ApiStageSpec {
            rest_api_id: Some("a1b2c3d4e5".into()),
            stage_name: Some("prod".into()),
            ..ApiStageSpec::default()
        },
    );
    object.metadata.namespace = Some("shop".to_owned());
    object.metadata.uid = Some("0c5ef84e-1111-4222-8333-444455556666".to_owned());
    object.metadata.generation = Some(1);
    Bench {
        object,
        settings: Settings {
            cluster_id: "prod-eu".to_owned(),
            region: Region::from("eu-west-1"),
            access: Policy::Open { adoption: false },
            drift_interval: Duration::from_mins(10),
            lost_reply_wait: Duration::from_secs(70),
        },
        referred: None,
        account: "123456789012".into(),
        siblings: Siblings::default(),
        recent: Recent::default(),
        rest_api: RestApi {
            id: "a1b2c3d4e5".into(),
            name: "orders".to_owned(),
            private: false,
            availability: Availability::Available,
        },
        stages: Vec::new(),
        deployments: Vec::new(),
        methods: BTreeMap::new(),
        methods_known: BTreeSet::new(),
        now: at(0),
        cause_at: at(0),
        calls: Vec::new(),
        events: Vec::new(),
        statuses: Vec::new(),
        wake_up_at: None,
        freed: false,
        written: Vec::new(),
        refused: Vec::new(),
        forgetful: false,
        trims_tags: false,
        refusing: None,
        invalid: Vec::new(),
        made: 0,
        definition: api(&["GET /orders"]),
        orphans: None,
        canary: None,
        made_canaries: 0,
        hide_canary: false,
        reading: Reading::Missing("nobody answers".to_owned()),
        source: None,
        gate_open: true,
        notices: Vec::new(),
        checks: Vec::new(),
        meanwhile: None,
        refusals: Vec::new(),
        unlisted: false,
        sent: Vec::new(),
    }
}

/// A definition with these methods, open to everybody: `GET /orders`.
pub(super) fn api(methods: &[&str]) -> ApiSummary {
    let mut summary = ApiSummary::new();
    for method in methods {
        let (verb, path) = method.split_once(' ').unwrap();
        let open = MethodSummary { authorization_type: "NONE".to_owned(), api_key_required: false };
        summary.entry(path.to_owned()).or_default().insert(verb.to_owned(), open);
    }
    summary
}

pub(super) fn a_stage(deployment: &str) -> Stage {
    Stage {
        name: "prod".into(),
        deployment_id: deployment.into(),
        description: None,
        variables: BTreeMap::new(),
        tags: Some(BTreeMap::new()),
        canary: None,
        created: Some(at(-5_000)),
        last_updated: Some(at(-5_000)),
        web_acl_arn: None,
        client_certificate_id: None,
        documentation_version: None,
        tracing_enabled: false,
        cache: CacheCluster { enabled: false, size: None, status: "NOT_AVAILABLE".to_owned() },
        method_settings: BTreeMap::new(),
        access_log: None,
    }
}

impl Bench {
    /// A change of spec by the user.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut ApiStageSpec)) -> &mut Self {
        change(&mut self.object.spec);
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        // A new spec asks for everything anew.
        self.recent.not_kept = NotKept::default();
        self
    }

    pub(super) fn revision(&mut self, revision: &str) -> &mut Self {
        self.edit(|spec| spec.revision = Some(revision.into()))
    }

    pub(super) fn variable(&mut self, key: &str, value: &str) -> &mut Self {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.edit(|spec| {
            spec.variables.get_or_insert_default().insert(key, value);
        })
    }

    pub(super) fn command(&mut self, value: &str) -> &mut Self {
        self.object.metadata.annotations.get_or_insert_default().insert(COMMAND.to_owned(), value.to_owned());
        self
    }

    pub(super) fn stage(&mut self) -> &mut Stage {
        self.stages.iter_mut().find(|stage| stage.name == "prod".into()).unwrap()
    }

    pub(super) fn status(&self) -> &ApiStageStatus {
        self.object.status.as_ref().unwrap()
    }

    pub(super) fn ready(&self) -> String {
        let condition = |kind: &str| {
            let found = self.status().conditions.iter().find(|condition| condition.type_ == kind);
            found.map_or_else(|| "absent".to_owned(), |condition| condition.status.clone())
        };
        let ready = self.status().conditions.first().unwrap();
        format!("{} {} (Released {})", ready.status, ready.reason, condition("Released"))
    }

    pub(super) fn message(&self) -> &str {
        &self.status().conditions.first().unwrap().message
    }

    /// The user applies an `ApiCanary`: another object each time, unless `edit_canary` is used.
    pub(super) fn govern(&mut self, spec: serde_json::Value) -> &mut Self {
        let mut canary = ApiCanary::new("orders", serde_json::from_value(spec).unwrap());
        self.made_canaries += 1;
        canary.metadata.uid = Some(format!("canary-{}", self.made_canaries));
        self.canary = Some(canary);
        self
    }

    /// The user edits the `ApiCanary`.
    pub(super) fn edit_canary(&mut self, change: impl FnOnce(&mut ApiCanarySpec)) -> &mut Self {
        change(&mut self.canary.as_mut().unwrap().spec);
        self
    }

    /// Time passes in passes of a minute, as the operator would be woken.
    pub(super) fn minutes(&mut self, minutes: u32) -> &mut Self {
        let (mut calls, mut events) = (Vec::new(), Vec::new());
        for _ in 0..minutes {
            self.pass();
            calls.append(&mut self.calls);
            events.append(&mut self.events);
        }
        (self.calls, self.events) = (calls, events);
        self
    }

    /// The writes among the calls, but for what is written to descriptions when all is over.
    pub(super) fn writes(&self) -> Vec<&str> {
        let is_read = |call: &str| ["Get", "ask ", "UpdateDeployment"].iter().any(|kind| call.starts_with(kind));
        self.calls.iter().map(String::as_str).filter(|call| !is_read(call)).collect()
    }

    pub(super) fn release(&self) -> &Release {
        self.status().release.as_ref().unwrap()
    }

    /// Phase, step and share of the release, as the stage shows it: `Progressing 1 at 5`.
    pub(super) fn stands(&self) -> String {
        let release = self.release();
        let percent = self.stages.first().and_then(|stage| stage.canary.as_ref()).map(|canary| canary.percent_traffic);
        let percent = percent.map_or_else(|| "no canary".to_owned(), |percent| format!("at {percent}"));
        format!("{:?} {} {percent}", release.phase, release.step.unwrap_or(0))
    }

    /// One pass: a minute later, with fresh eyes, until nothing is left to do.
    pub(super) fn pass(&mut self) -> &mut Self {
        self.recent.tried.clear();
        self.pass_keeping_tried()
    }

    /// The same, while groups that were refused lately wait for their time.
    pub(super) fn pass_keeping_tried(&mut self) -> &mut Self {
        self.now = self.now.checked_add(Duration::from_mins(1)).unwrap();
        self.cause_at = self.now;
        self.recent.housekeeping.sent = 0;
        self.calls.clear();
        self.written.clear();
        self.refused.clear();
        self.events.clear();
        self.statuses.clear();
        self.recent.done.clear();
        self.notices.clear();
        self.checks.clear();
        let mut observed = Observed { referred: self.referred.clone(), ..Observed::default() };
        for _ in 0..12 {
            let plan = self.plan(&mut observed);
            if self.object.status.as_ref() != Some(&plan.status) {
                self.statuses.push(plan.status.clone());
            }
            self.events.extend(plan.events.iter().map(|event| event.reason));
            self.notices.extend(plan.notices.iter().map(|notice| notice.moment));
            self.checks.extend(plan.checks);
            self.recent.not_kept = plan.not_kept.unwrap_or_else(|| std::mem::take(&mut self.recent.not_kept));
            self.object.status = Some(plan.status);
            self.object.metadata.finalizers = plan.finalizer.then(|| vec![FINALIZER.to_owned()]);
            self.freed = self.object.metadata.deletion_timestamp.is_some() && !plan.finalizer;
            self.wake_up_at = plan.wake_up_at;
            self.orphans = plan.found.orphans.or(self.orphans);
            if plan.actions.is_empty() {
                if plan.found.swept {
                    self.recent.housekeeping.swept = Some(self.now);
                }
                return self;
            }
            let mut closed = BTreeSet::new();
            for action in &plan.actions {
                if action.group() == Group::Housekeeping {
                    self.recent.housekeeping.sent += 1;
                }
                if closed.contains(&action.group()) {
                    continue;
                }
                if let Some(cause) = self.objection(action) {
                    closed.insert(action.group());
                    self.refuse(action, action.group(), &cause);
                    continue;
                }
                let before = self.stages.first().cloned();
                let as_read = self.meanwhile.is_none();
                let stored = self.object.status.clone().unwrap();
                self.written.extend(written(action));
                let outcome = self.perform(action);
                self.sent.push(Sent {
                    action: action.clone(),
                    before,
                    after: self.stages.first().cloned(),
                    status: stored,
                    policy: self.live_governor().and_then(|governor| governor.policy.ok()),
                    as_read,
                });
                let mut status = self.object.status.take().unwrap();
                match outcome {
                    Ok(reply) => {
                        let news = settle(&mut status, action, &reply, self.now);
                        self.events.extend(news.iter().map(|event| event.reason));
                        self.recent.refused.remove(&action.group());
                        self.recent.tried.remove(&action.group());
                        self.recent.done.push(action.clone());
                    }
                    Err(cause) => {
                        settle_failure(&mut status, action, &cause);
                        let text = String::new();
                        let failure = Failure { operation: "UpdateStage".to_owned(), cause, text, in_a_row: 1 };
                        closed.insert(action.group());
                        self.recent.tried.insert(action.group());
                        self.recent.refused.insert(action.group(), failure);
                    }
                }
                self.object.status = Some(status);
            }
            // What is asked next is answered from what the calls have made of it, without a new read.
            observed = Observed { account: observed.account, referred: observed.referred, ..Observed::default() };
            observed.stages = Some(self.seen(self.listed()));
            observed.deployments = Some(self.seen(self.deployments.clone()));
        }
        panic!("no rest after 12 rounds: {:?}", self.calls);
    }

    /// Why API Gateway refuses a call, if it does.
    fn objection(&self, action: &Action) -> Option<Cause> {
        let refused = self.refusing.as_ref().filter(|(group, _)| *group == action.group());
        let is_invalid = |operation: &PatchOperation| self.invalid.contains(&operation.path.as_str());
        let invalid = matches!(action, Action::Settings { operations, .. } if operations.iter().any(is_invalid));
        refused.map(|(_, cause)| cause.clone()).or_else(|| invalid.then_some(Cause::Refused))
    }

    /// API Gateway refuses a call: what the controller notes then.
    fn refuse(&mut self, action: &Action, group: Group, cause: &Cause) {
        self.refused.extend(written(action));
        let mut status = self.object.status.take().unwrap();
        settle_failure(&mut status, action, cause);
        self.object.status = Some(status);
        if let Action::Snapshot { revision, attempt, .. } = action
            && !cause.may_have_had_effect()
        {
            self.recent.unsent.insert((revision.clone(), *attempt));
        }
        let in_a_row = self.recent.refused.get(&group).map_or(0, |failure| failure.in_a_row) + 1;
        let (operation, text) = (written(action).remove(0), "no".to_owned());
        let operation = operation.split(' ').next().unwrap_or_default().to_owned();
        self.recent.refused.insert(group, Failure { operation, cause: cause.clone(), text, in_a_row });
        self.recent.tried.insert(group);
    }

    /// A pass in which the operator dies at the call of this number, counted on from pass to pass. True: it died.
    pub(super) fn pass_until_crash(&mut self, left: &mut u32, effect: bool) -> bool {
        self.now = self.now.checked_add(Duration::from_mins(1)).unwrap();
        self.cause_at = self.now;
        let mut observed = Observed::default();
        for _ in 0..12 {
            let plan = self.plan(&mut observed);
            self.events.extend(plan.events.iter().map(|event| event.reason));
            self.object.status = Some(plan.status);
            for action in &plan.actions {
                let dies = *left == 0;
                *left = left.saturating_sub(1);
                if dies && !effect {
                    return true;
                }
                let reply = self.perform(action).unwrap();
                if dies {
                    return true;
                }
                drop(settle(self.object.status.as_mut().unwrap(), action, &reply, self.now));
            }
            if plan.actions.is_empty() {
                return false;
            }
            observed = Observed { account: observed.account, ..Observed::default() };
        }
        panic!("no rest after 12 rounds: {:?}", self.calls);
    }

    /// The first plan with calls, not yet carried out.
    pub(super) fn until_actions(&mut self) -> Plan {
        self.now = self.now.checked_add(Duration::from_mins(1)).unwrap();
        self.cause_at = self.now;
        self.plan(&mut Observed::default())
    }

    pub(super) fn plan(&mut self, observed: &mut Observed) -> Plan {
        self.siblings.governor = self.live_governor().filter(|_| !self.hide_canary);
        loop {
            let world = World {
                object: &self.object,
                settings: &self.settings,
                observed,
                siblings: &self.siblings,
                recent: &self.recent,
                cause_at: self.cause_at,
                now: self.now,
            };
            let need = match plan(&world) {
                Next::Act(plan) => return *plan,
                Next::Read(need) => need,
            };
            match need.what {
                What::Account => observed.account = Some(self.account.clone()),
                What::RestApi => {
                    self.calls.push("GetRestApi".to_owned());
                    observed.rest_api = Some(self.seen(self.rest_api.clone()));
                }
                What::Stages => {
                    self.calls.push("GetStages".to_owned());
                    for stage in &mut self.stages {
                        stage.tags.get_or_insert_default();
                    }
                    observed.stages = Some(self.seen(self.listed()));
                }
                What::Deployments | What::Leftovers => {
                    self.calls.push("GetDeployments".to_owned());
                    observed.deployments = Some(self.seen(self.deployments.clone()));
                }
                What::Methods(id) => {
                    if !self.methods_known.contains(&id) {
                        self.calls.push(format!("GetDeployment {id}"));
                        self.methods_known.insert(id.clone());
                    }
                    let methods = self.methods.get(&id).cloned().map(Arc::new);
                    observed.methods.insert(id, methods);
                }
                What::Governor => observed.governor = Some(self.seen(self.live_governor())),
                What::Readings(queries) => observed.readings = Some(self.answers(&queries)),
                What::Gate(question) => {
                    self.calls.push(format!("ask {}", question.moment));
                    let said = "gate answered 503.".to_owned();
                    observed.gate = Some((question.moment, Answer { open: self.gate_open, said }));
                }
            }
        }
    }

    /// The stages, as far as they may be read.
    fn listed(&self) -> Stages {
        if self.unlisted {
            return Stages::One(Arc::new(self.stages.iter().find(|stage| stage.name == "prod".into()).cloned()));
        }
        self.stages.clone().into()
    }

    pub(super) fn seen<T>(&self, value: T) -> Seen<T> {
        Seen { value: Arc::new(value), read_at: self.now }
    }

    pub(super) fn perform(&mut self, action: &Action) -> Result<Reply, Cause> {
        match action {
            Action::Snapshot { description, revision, .. } => {
                self.calls.push(format!("CreateDeployment {revision}"));
                let id = self.deployment(Some(description));
                return Ok(Reply::Deployment { id: id.as_str().into(), found: false });
            }
            Action::CreateStage(new) => {
                self.calls.push("CreateStage".to_owned());
                self.stages.push(Stage {
                    name: new.name.clone(),
                    description: new.description.clone(),
                    variables: new.variables.clone(),
                    tags: Some(new.tags.clone()),
                    tracing_enabled: new.tracing_enabled,
                    documentation_version: new.documentation_version.clone(),
                    ..a_stage(new.deployment_id.as_str())
                });
                if let Some(cache) = new.cache {
                    let size = cache.size.map_or("0.5", |size| size.as_str()).to_owned();
                    let status = "CREATE_IN_PROGRESS".to_owned();
                    self.stage().cache = CacheCluster { enabled: true, size: Some(size), status };
                }
            }
            Action::Traffic(operations)
            | Action::Promote { operations, .. }
            | Action::Abort(operations)
            | Action::Settings { operations, .. } => self.update_stage(operations)?,
            Action::SetTags { tags, .. } => {
                self.calls.push("TagResource".to_owned());
                let trims = self.trims_tags;
                let kept = |value: &str| if trims { value.trim().to_owned() } else { value.to_owned() };
                let tags = tags.iter().map(|(key, value)| (key.clone(), kept(value)));
                self.stage().tags.get_or_insert_default().extend(tags);
            }
            Action::RemoveTags { keys } => {
                self.calls.push("UntagResource".to_owned());
                self.stage().tags.get_or_insert_default().retain(|key, _| !keys.contains(key));
            }
            Action::FlushCache => {
                self.calls.push("FlushStageCache".to_owned());
                self.stage().cache.status = "FLUSH_IN_PROGRESS".to_owned();
            }
            Action::FlushAuthorizers => self.calls.push("FlushStageAuthorizersCache".to_owned()),
            Action::Tag(owner) => {
                self.calls.push("TagResource".to_owned());
                let owner = owner.to_string();
                self.stage().tags.get_or_insert_default().insert(OWNER_TAG.to_owned(), owner);
            }
            Action::Untag => {
                self.calls.push("UntagResource".to_owned());
                self.stage().tags.get_or_insert_default().remove(OWNER_TAG);
            }
            Action::DeleteStage => {
                self.calls.push("DeleteStage".to_owned());
                self.stages.retain(|stage| stage.name != "prod".into());
            }
            Action::Describe { deployment, description } => {
                self.calls.push(format!("UpdateDeployment {deployment}"));
                let found = self.deployments.iter_mut().find(|found| found.id == *deployment).unwrap();
                found.description = Some(description.clone());
            }
            Action::DeleteDeployment(id) | Action::Prune { deployment: id, .. } => {
                self.calls.push(format!("DeleteDeployment {id}"));
                self.deployments.retain(|deployment| deployment.id != *id);
            }
        }
        Ok(Reply::Done)
    }

    /// `UpdateStage`: in order, each operation sees what the ones before it did, and the first that is refused undoes all.
    fn update_stage(&mut self, operations: &[PatchOperation]) -> Result<(), Cause> {
        let told: Vec<_> = operations.iter().map(tell).collect();
        self.calls.push(format!("UpdateStage {}", told.join(", ")));
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile(self.stage());
        }
        if let Some(position) = self.refusals.iter().position(|prefix| told.join(", ").starts_with(prefix.as_str())) {
            self.refusals.remove(position);
            return Err(Cause::Refused);
        }
        let known: Vec<_> = self.deployments.iter().map(|deployment| deployment.id.clone()).collect();
        let mut stage = self.stage().clone();
        let mut foreseen = stage.clone();
        update_stage(&mut stage, operations, &known)?;
        // Whatever a plan sends, a forecast knows what becomes of it; only a cache whose size nobody named is AWS's choice.
        crate::forecast::patch::update_stage(&mut foreseen, operations);
        if self.stages.iter().all(|stage| stage.cache.size.is_none()) {
            foreseen.cache.clone_from(&stage.cache);
        }
        assert_eq!(foreseen, stage, "the forecast of {operations:?} is another");
        if self.forgetful {
            stage.documentation_version.clone_from(&self.stage().documentation_version);
        }
        *self.stage() = stage;
        Ok(())
    }

    /// The governing `ApiCanary`, where there is one.
    fn live_governor(&self) -> Option<Governor> {
        let canary = self.canary.as_ref()?;
        let policy = crate::validate::canary::policy(&canary.spec).map_err(|invalid| invalid.to_string());
        Some(Governor { uid: canary.metadata.uid.clone().unwrap_or_default(), name: "orders".to_owned(), policy })
    }

    fn answers(&self, queries: &[Query]) -> Readings {
        let answer = |ask: &Ask| self.source.map_or_else(|| self.reading.clone(), |source| source(ask));
        queries.iter().map(|query| (query.id.clone(), answer(&query.ask))).collect()
    }

    /// A deployment that appears in API Gateway.
    pub(super) fn deployment(&mut self, description: Option<&str>) -> String {
        self.made += 1;
        let id = format!("dep{}", self.made);
        let description = description.map(ToOwned::to_owned);
        self.methods.insert(id.as_str().into(), self.definition.clone());
        self.deployments.push(Deployment { id: id.as_str().into(), created: self.now, description });
        id
    }

    /// The user deletes the object.
    pub(super) fn delete(&mut self) -> &mut Self {
        self.object.metadata.deletion_timestamp = Some(Time(self.now));
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        self
    }
}

/// A call with the values that it carries: one text for the call, then one for each operation of it.
pub(super) fn written(action: &Action) -> Vec<String> {
    let mut texts = Vec::new();
    let pairs = |map: &BTreeMap<String, String>| {
        let pairs: Vec<_> =
            map.iter().filter(|(key, _)| *key != OWNER_TAG).map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    };
    match action {
        Action::Snapshot { description, .. } => texts.push(format!("CreateDeployment {description}")),
        Action::CreateStage(new) => {
            texts.push(format!("CreateStage deploymentId={}", new.deployment_id));
            texts.extend(new.description.iter().map(|text| format!("  description={text}")));
            texts.extend(new.tracing_enabled.then(|| "  tracingEnabled=true".to_owned()));
            texts.extend(new.documentation_version.iter().map(|text| format!("  documentationVersion={text}")));
            texts.extend(new.cache.map(|_| "  cacheClusterEnabled=true".to_owned()));
            let size = new.cache.and_then(|cache| cache.size);
            texts.extend(size.map(|size| format!("  cacheClusterSize={}", size.as_str())));
            texts.extend((!new.variables.is_empty()).then(|| format!("  variables {}", pairs(&new.variables))));
            texts.extend((new.tags.len() > 1).then(|| format!("  tags {}", pairs(&new.tags))));
        }
        Action::Traffic(operations)
        | Action::Promote { operations, .. }
        | Action::Abort(operations)
        | Action::Settings { operations, .. } => {
            texts.push("UpdateStage".to_owned());
            texts.extend(operations.iter().map(|operation| match &operation.value {
                Some(value) => format!("  {operation} = {value}"),
                None => format!("  {operation}"),
            }));
        }
        Action::SetTags { tags, .. } => texts.push(format!("TagResource {}", pairs(tags))),
        Action::RemoveTags { keys } => texts.push(format!("UntagResource {}", keys.join(","))),
        Action::FlushCache => texts.push("FlushStageCache".to_owned()),
        Action::FlushAuthorizers => texts.push("FlushStageAuthorizersCache".to_owned()),
        Action::Tag(_) => texts.push("TagResource owner".to_owned()),
        Action::Untag => texts.push("UntagResource owner".to_owned()),
        Action::DeleteStage => texts.push("DeleteStage".to_owned()),
        Action::DeleteDeployment(id) => texts.push(format!("DeleteDeployment {id}")),
        Action::Prune { deployment, .. } => texts.push(format!("DeleteDeployment {deployment}")),
        Action::Describe { deployment, description, .. } => {
            texts.push(format!("UpdateDeployment {deployment} {description}"));
        }
    }
    texts
}

/// An operation as people read it, with its value where it tells something.
fn tell(operation: &PatchOperation) -> String {
    let shows = operation.path.starts_with("/canarySettings/percentTraffic");
    match &operation.value {
        Some(value) if shows => format!("{operation} {value}"),
        Some(_) | None => operation.to_string(),
    }
}
