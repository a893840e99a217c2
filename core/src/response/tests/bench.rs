//! A small model of API Gateway for one object: every call has its effect, and what AWS refuses ends the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::access::Policy;
use crate::api::FINALIZER;
use crate::api::event::EventReason;
use crate::api::gateway_response::{
    ApiGatewayResponse, ApiGatewayResponseSpec, ApiGatewayResponseStatus, ResponseType,
};
use crate::api::names::{AccountId, Region};
use crate::cause::Cause;
use crate::observed::{Deployment, GatewayResponse, GatewayResponses, ResponseContent};
use crate::patch::{Op, PatchOperation};
use crate::reference::Referred;
use crate::response::{
    Action, Declared, Neighbours, Next, Observed, Plan, Reply, Serving, What, World, after_failure, plan, settle,
};
use crate::world::{Failure, Recent, Seen, Settings};

/// An object, API Gateway as its gateway response needs it, and the time.
pub(super) struct Bench {
    pub(super) object: ApiGatewayResponse,
    pub(super) settings: Settings,
    /// The account of the operator's credentials.
    pub(super) account: AccountId,
    pub(super) neighbours: Neighbours,
    /// What was found where spec refers to.
    pub(super) referred: Option<Referred>,
    pub(super) recent: Recent,
    /// Customisations by type.
    pub(super) customised: BTreeMap<ResponseType, ResponseContent>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) now: Timestamp,
    /// By how much AWS's clock is ahead of ours, in seconds.
    pub(super) ahead: i64,
    pub(super) cause_at: Timestamp,
    /// Reads and writes, in order.
    pub(super) calls: Vec<String>,
    pub(super) events: Vec<EventReason>,
    pub(super) notes: Vec<String>,
    /// Every status that was to be written before a call or at the end.
    pub(super) statuses: Vec<ApiGatewayResponseStatus>,
    pub(super) wake_up_at: Option<Timestamp>,
    pub(super) freed: bool,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// An object for this type that declares nothing else.
pub(super) fn of(response_type: ResponseType) -> Bench {
    let spec = ApiGatewayResponseSpec {
        rest_api_id: Some("a1b2c3d4e5".into()),
        rest_api_id_from: None,
        region: None,
        response_type,
        status_code: None,
        response_parameters: None,
        response_templates: None,
        adoption_policy: None,
        deletion_policy: None,
        drift_policy: None,
        suspend: None,
    };
    let mut object = ApiGatewayResponse::new("throttled", spec);
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
        account: "123456789012".into(),
        neighbours: Neighbours::default(),
        referred: None,
        recent: Recent::default(),
        customised: BTreeMap::new(),
        deployments: Vec::new(),
        now: at(0),
        ahead: 0,
        cause_at: at(0),
        calls: Vec::new(),
        events: Vec::new(),
        notes: Vec::new(),
        statuses: Vec::new(),
        wake_up_at: None,
        freed: false,
    }
}

impl Bench {
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut ApiGatewayResponseSpec)) -> &mut Self {
        change(&mut self.object.spec);
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        self
    }

    pub(super) fn response_type(&self) -> ResponseType {
        self.object.spec.response_type
    }

    pub(super) fn held(&mut self) -> &mut ResponseContent {
        let response_type = self.response_type();
        self.customised.get_mut(&response_type).unwrap()
    }

    /// Somebody else customises the type.
    pub(super) fn customise(&mut self, content: ResponseContent) -> &mut Self {
        self.customised.insert(self.response_type(), content);
        self
    }

    pub(super) fn status(&self) -> &ApiGatewayResponseStatus {
        self.object.status.as_ref().unwrap()
    }

    /// A deployment that AWS dates now, served by stage `name`.
    pub(super) fn deploy(&mut self, name: &str, id: &str) -> &mut Self {
        self.snapshot(id);
        self.neighbours.stages.retain(|serving| serving.stage.as_str() != name);
        self.neighbours.stages.push(Serving {
            stage: name.into(),
            api_stage: format!("shop/orders-{name}"),
            deployment: id.into(),
            canary: None,
        });
        self
    }

    /// A deployment that nothing serves yet.
    pub(super) fn snapshot(&mut self, id: &str) -> &mut Self {
        let created = Timestamp::from_second(self.now.as_second() + self.ahead).unwrap();
        self.deployments.push(Deployment { id: id.into(), created, description: None });
        self
    }

    pub(super) fn condition(&self, kind: &str) -> String {
        let found = self.status().conditions.iter().find(|condition| condition.type_ == kind);
        found.map_or_else(|| "absent".to_owned(), |condition| format!("{} {}", condition.status, condition.reason))
    }

    pub(super) fn message(&self, kind: &str) -> &str {
        &self.status().conditions.iter().find(|condition| condition.type_ == kind).unwrap().message
    }

    /// One pass, a minute later.
    pub(super) fn pass(&mut self) -> &mut Self {
        self.now = self.now.checked_add(Duration::from_mins(1)).unwrap();
        self.pass_now()
    }

    /// One pass with fresh eyes, until nothing is left to do.
    pub(super) fn pass_now(&mut self) -> &mut Self {
        self.cause_at = self.now;
        self.calls.clear();
        self.events.clear();
        self.notes.clear();
        self.statuses.clear();
        self.recent.tried.clear();
        let mut observed = Observed::default();
        for _ in 0..6 {
            let plan = self.plan(&mut observed);
            let actions = self.take(plan);
            let Some(action) = actions.first() else { return self };
            assert_eq!(actions.len(), 1, "one call, then the plan is made again");
            let reply = self.perform(action);
            let mut status = self.object.status.take().unwrap();
            let news = settle(&mut status, action, &reply, self.now);
            self.tell(&news);
            self.object.status = Some(status);
            observed = Observed { account: observed.account, ..Observed::default() };
            observed.responses = Some(self.seen(self.responses()));
        }
        panic!("no rest after 6 rounds: {:?}", self.calls);
    }

    /// The pass ends where a call is refused.
    pub(super) fn pass_refused(&mut self, cause: Cause) -> &mut Self {
        self.now = self.now.checked_add(Duration::from_mins(1)).unwrap();
        self.cause_at = self.now;
        self.calls.clear();
        self.events.clear();
        self.statuses.clear();
        self.recent.tried.clear();
        let mut observed = Observed::default();
        let plan = self.plan(&mut observed);
        let actions = self.take(plan);
        let action = actions.first().expect("there is something to refuse");
        let failure = Failure { operation: "PutGatewayResponse".to_owned(), cause, text: "no".to_owned(), in_a_row: 1 };
        if failure.cause.class().is_passing() {
            self.recent.failure = Some(Failure { in_a_row: 3, ..failure });
            let (object, settings) = (self.object.clone(), self.settings.clone());
            let neighbours = self.neighbours.clone();
            let recent = self.recent.clone();
            let plan = after_failure(&World {
                object: &object,
                settings: &settings,
                observed: &observed,
                siblings: &neighbours,
                recent: &recent,
                cause_at: self.cause_at,
                now: self.now,
            });
            self.take(plan);
            return self;
        }
        self.recent.tried.insert(action.group());
        self.recent.refused.insert(action.group(), failure);
        let plan = self.plan(&mut observed);
        assert_eq!(self.take(plan), [], "what was refused is not sent twice in one pass");
        self
    }

    fn take(&mut self, plan: Plan) -> Vec<Action> {
        if self.object.status.as_ref() != Some(&plan.status) {
            self.statuses.push(plan.status.clone());
        }
        self.tell(&plan.events);
        self.object.status = Some(plan.status);
        self.object.metadata.finalizers = plan.finalizer.then(|| vec![FINALIZER.to_owned()]);
        self.freed = self.object.metadata.deletion_timestamp.is_some() && !plan.finalizer;
        self.wake_up_at = plan.wake_up_at;
        plan.actions
    }

    fn tell(&mut self, events: &[crate::api::event::Event]) {
        self.events.extend(events.iter().map(|event| event.reason));
        self.notes.extend(events.iter().map(|event| event.note.clone()));
    }

    pub(super) fn plan(&mut self, observed: &mut Observed) -> Plan {
        observed.referred.clone_from(&self.referred);
        loop {
            let world = World {
                object: &self.object,
                settings: &self.settings,
                observed,
                siblings: &self.neighbours,
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
                What::Responses => {
                    self.calls.push("GetGatewayResponses".to_owned());
                    observed.responses = Some(self.seen(self.responses()));
                }
                What::Deployments => {
                    self.calls.push("GetDeployments".to_owned());
                    observed.deployments = Some(self.seen(self.deployments.clone()));
                }
            }
        }
    }

    fn seen<T>(&self, value: T) -> Seen<T> {
        Seen { value: Arc::new(value), read_at: self.now }
    }

    /// AWS's time.
    fn aws_time(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second() + self.ahead).unwrap()
    }

    /// All types, customised, inherited or built in.
    fn responses(&self) -> GatewayResponses {
        let shown = |kind: &ResponseType| {
            let own = self.customised.get(kind);
            let is_4xx = kind.default_status().is_some_and(|status| status.starts_with('4'));
            let parent = if is_4xx { ResponseType::Default4xx } else { ResponseType::Default5xx };
            let inherited = self.customised.get(&parent);
            GatewayResponse {
                response_type: *kind,
                default_response: own.is_none(),
                content: own.or(inherited).cloned().unwrap_or_else(|| Declared::default().content(*kind)),
            }
        };
        GatewayResponses { items: ResponseType::ALL.iter().map(shown).collect(), answered: Some(self.aws_time()) }
    }

    fn perform(&mut self, action: &Action) -> Reply {
        let response_type = self.response_type();
        match action {
            Action::Put(change) => {
                let Declared { status_code, response_parameters, response_templates } = &change.declared;
                let mut sent: Vec<String> = status_code.iter().map(|status| format!("statusCode {status}")).collect();
                sent.extend(response_parameters.keys().cloned());
                sent.extend(response_templates.iter().flat_map(BTreeMap::keys).cloned());
                self.calls.push(format!("Put {}", sent.join(", ")).trim_end().to_owned());
                self.customised.insert(response_type, change.declared.content(response_type));
            }
            Action::Update(_, operations) => {
                let texts: Vec<_> = operations
                    .iter()
                    .map(|operation| format!("{operation} {}", operation.value.as_deref().unwrap_or_default()))
                    .collect();
                self.calls.push(format!("Update {}", texts.join("; ")));
                for operation in operations {
                    patch(self.held(), operation);
                }
            }
            Action::Delete => {
                self.calls.push("Delete".to_owned());
                assert!(self.customised.remove(&response_type).is_some(), "a delete that AWS answers with a 404");
                return Reply::Done;
            }
        }
        let content = self.held().clone();
        let response = GatewayResponse { response_type, default_response: false, content };
        Reply::Response { response, at: self.aws_time() }
    }

    /// The user deletes the object.
    pub(super) fn delete(&mut self) -> &mut Self {
        self.object.metadata.deletion_timestamp = Some(Time(self.now));
        *self.object.metadata.generation.as_mut().unwrap() += 1;
        self
    }
}

/// As API Gateway takes a patch: replace of what is there, add of what is not.
fn patch(content: &mut ResponseContent, operation: &PatchOperation) {
    let value = operation.value.clone().unwrap();
    if (operation.op, operation.path.as_str()) == (Op::Replace, "/statusCode") {
        content.status_code = Some(value);
        return;
    }
    let (member, key) = operation.path.trim_start_matches('/').split_once('/').unwrap();
    let key = key.replace("~1", "/").replace("~0", "~");
    let members = match member {
        "responseParameters" => &mut content.response_parameters,
        "responseTemplates" => &mut content.response_templates,
        other => panic!("API Gateway would refuse {other}"),
    };
    let is_there = members.contains_key(&key);
    assert_eq!(operation.op, if is_there { Op::Replace } else { Op::Add }, "{} would be refused", operation.path);
    members.insert(key, value);
}
