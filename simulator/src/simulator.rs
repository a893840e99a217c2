//! The simulator: one front door, and the way of a call through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::admin;
use crate::call_log::{CallInfo, CallLog, CallRecord, Caller, Entry};
use crate::clock::{Clock, later};
use crate::error::ApiError;
use crate::faults::{self, FaultKind, FaultPlan, Faults, Moment};
use crate::ids::Ids;
use crate::overlaps::Overlaps;
use crate::quota::Quota;
use crate::service::{Access, Answer, Call, Found, SERVICES, Service, Session};
use crate::switches::Switches;
use crate::traffic;
use crate::wire::reply::Reply;
use crate::wire::request::{Incoming, MAX_BODY_BYTES};
use crate::wire::signature;
use crate::world::{AssumedRole, IssuedKeys, Place, Region};

/// A simulated AWS. Cheap to clone; clones are the same AWS.
#[derive(Clone)]
pub struct Simulator {
    pub(crate) inner: Arc<Inner>,
}

/// Decides about a call at one moment of it; see [`Simulator::set_hook`].
pub type Hook = dyn Fn(&CallInfo, Moment) -> Option<FaultKind> + Send + Sync;

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    /// Where unsigned calls and the library's own go.
    pub(crate) default_place: Place,
    pub(crate) faults: Mutex<FaultPlan>,
    pub(crate) cache_delay: Duration,
    pub(crate) seed: u64,
    pub(crate) hook: Mutex<Option<Arc<Hook>>>,
    pub(crate) state: Mutex<State>,
}

/// What changes, behind one lock.
pub(crate) struct State {
    pub(crate) regions: BTreeMap<Place, Region>,
    /// Each Region before its last write; kept only while a stale read may be asked for.
    pub(crate) before_last_write: BTreeMap<Place, Region>,
    pub(crate) issued_keys: IssuedKeys,
    pub(crate) switches: Switches,
    pub(crate) quota: Quota,
    pub(crate) overlaps: Overlaps,
    pub(crate) calls: CallLog,
    pub(crate) ids: Ids,
    /// Apart from `ids`, so that reads do not change which ids later creations get.
    pub(crate) request_ids: Ids,
}

/// A call on its way: what is known of it before it is carried out.
struct Admitted {
    service: &'static dyn Service,
    entry: Entry,
    info: CallInfo,
    place: Place,
    role: Option<AssumedRole>,
    request_id: String,
    task: Result<Task, ApiError>,
}

/// What to carry out.
struct Task {
    found: Found,
    call: Call,
}

/// How a call ended before faults had their say.
pub(crate) type Outcome = Result<Answer, ApiError>;

impl Simulator {
    /// The simulated time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The fault plan.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { plan: &self.inner.faults }
    }

    /// Asks `hook` about every call that comes through [`Self::handle`], before and after its effect; what it
    /// returns strikes the call. It may count, and may ask this simulator about its state.
    pub fn set_hook(&self, hook: impl Fn(&CallInfo, Moment) -> Option<FaultKind> + Send + Sync + 'static) {
        *self.inner.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Takes the hook away.
    pub fn clear_hook(&self) {
        *self.inner.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The calls since the log was last emptied, oldest first; the last 10,000 are kept, and fewer where their
    /// requests are more than 16 MiB together.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.state().calls.records()
    }

    /// How many calls of each operation there were since the log was last emptied.
    #[must_use]
    pub fn call_counts(&self) -> BTreeMap<&'static str, u64> {
        self.state().calls.counts()
    }

    /// Empties the log; the next call is number 1.
    pub fn reset_calls(&self) {
        self.state().calls.reset();
    }

    /// The positions of the switches.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.state().switches.clone()
    }

    /// Moves switches.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state().switches);
    }

    /// Answers one request: the one front door, in process and for the server.
    ///
    /// Paths below `/_simulator/` are the simulator's own; everything else is AWS.
    pub async fn handle(&self, request: Request<Bytes>) -> Reply {
        let incoming = Incoming::new(request);
        if incoming.segments.first().is_some_and(|segment| segment == "_simulator") {
            return Reply::Answer(admin::answer(self, &incoming));
        }
        let admitted = self.admit(&incoming);
        let mut faults = self.plan().strike(admitted.info.operation);
        faults.extend(self.ask_hook(&admitted.info, Moment::Before).map(|fault| (Moment::Before, fault)));
        if faults.iter().any(|(_, fault)| matches!(fault, FaultKind::Delay { .. })) {
            return self.conduct_apart(admitted, faults).await;
        }
        self.conduct(admitted, faults).await
    }

    /// Leads a delayed call through in a task of its own: a request that is on its way arrives although its sender
    /// has given up waiting, and so does its effect.
    #[expect(clippy::disallowed_methods, reason = "nobody may be left to wait for this call's end")]
    async fn conduct_apart(&self, admitted: Admitted, faults: Vec<(Moment, FaultKind)>) -> Reply {
        let simulator = self.clone();
        let call = tokio::spawn(async move { simulator.conduct(admitted, faults).await });
        call.await.unwrap_or(Reply::Dropped)
    }

    /// Takes a request in: names it, logs it, finds out who calls. Refusals are kept for later, so that faults strike
    /// refused calls too.
    fn admit(&self, incoming: &Incoming) -> Admitted {
        let service = serving(incoming);
        let found = service.find(incoming);
        let scope = signature::scope(incoming);
        let signed = scope.as_ref().ok().and_then(Option::as_ref);
        let mut caller = Caller {
            name: incoming.header("x-simulator-caller").map(str::to_owned),
            access_key_id: signed.map(|scope| scope.access_key_id.clone()),
            user_agent: incoming.header("user-agent").map(str::to_owned),
        };
        if caller.name.as_deref() == Some("") {
            caller.name = None;
        }
        let body = if incoming.body.len() > MAX_BODY_BYTES {
            let text = "The request body has more than 10485760 bytes. Send a smaller one.";
            Err(ApiError::bad_request(text))
        } else {
            service.decode(incoming)
        };
        let (readable, unreadable) = match body {
            Ok(body) => (Arc::new(body), None),
            Err(error) => (Arc::new(Value::Null), Some(error)),
        };
        let operation = found.as_ref().map(|found| found.operation);

        let mut state = self.state();
        let role = signed.and_then(|scope| state.issued_keys.get(&scope.access_key_id).cloned());
        let default = &self.inner.default_place;
        let place = Place {
            account: role.as_ref().map_or_else(|| default.account.clone(), |role| role.account.clone()),
            region: signed.map_or_else(|| default.region.clone(), |scope| scope.region.clone()),
        };
        let mut info = CallInfo {
            sequence: 0,
            time: self.inner.clock.now(),
            service: service.name(),
            operation: operation.map_or("Unknown", |operation| operation.name),
            write: operation.is_some_and(|operation| operation.access == Access::Write),
            method: incoming.method.to_string(),
            path: incoming.target(),
            account: place.account.clone(),
            region: place.region.clone(),
            caller,
            body: Arc::clone(&readable),
        };
        let entry = state.calls.begin(&mut info, incoming.size());
        let request_id = state.request_ids.uuid();
        drop(state);

        let unsigned = operation.is_some_and(|operation| !operation.signed);
        let task = (|| {
            if scope?.is_none() && !unsigned {
                return Err(signature::missing());
            }
            let found = found.ok_or_else(|| service.unknown(incoming))?;
            if let Some(error) = unreadable {
                return Err(error);
            }
            let call = Call {
                operation: found.operation.name,
                parameters: found.parameters.clone(),
                query: incoming.query.clone(),
                body: readable,
            };
            Ok(Task { found, call })
        })();
        Admitted { service, entry, info, place, role, request_id, task }
    }

    /// Leads a call through its faults and its effect to its reply.
    async fn conduct(&self, admitted: Admitted, faults: Vec<(Moment, FaultKind)>) -> Reply {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (moment, fault) in faults {
            match moment {
                Moment::Before => before.push(fault),
                Moment::After => after.push(fault),
            }
        }

        let mut from_history = false;
        let mut refused = None;
        for fault in before {
            self.note(&admitted, &fault, Moment::Before);
            match fault {
                FaultKind::DropConnection => return Reply::Dropped,
                FaultKind::Error(status) => refused = refused.or_else(|| Some(Self::fault_error(&admitted, status))),
                FaultKind::Refusal { status, code, message } => {
                    refused = refused.or_else(|| Some(ApiError::new(status, code, message)));
                }
                FaultKind::Delay { seconds } => self.wait(seconds).await,
                FaultKind::TruncateBody => after.push(FaultKind::TruncateBody),
                FaultKind::StaleRead => from_history = true,
                FaultKind::ForeignWrite { rest_api_id, stage_name, patch_operations } => {
                    self.foreign_write(&admitted.place, &rest_api_id, &stage_name, &patch_operations);
                }
            }
        }
        let outcome = match refused {
            Some(error) => Err(error),
            None => self.perform(&admitted, from_history),
        };

        after.extend(self.ask_hook(&admitted.info, Moment::After));
        let mut outcome = outcome;
        let (mut dropped, mut truncated) = (false, false);
        for fault in after {
            self.note(&admitted, &fault, Moment::After);
            match fault {
                FaultKind::DropConnection => dropped = true,
                FaultKind::Error(status) => outcome = Err(Self::fault_error(&admitted, status)),
                FaultKind::Refusal { status, code, message } => outcome = Err(ApiError::new(status, code, message)),
                FaultKind::Delay { seconds } => self.wait(seconds).await,
                FaultKind::TruncateBody => truncated = true,
                // A read cannot become stale after it was answered.
                FaultKind::StaleRead => {}
                FaultKind::ForeignWrite { rest_api_id, stage_name, patch_operations } => {
                    self.foreign_write(&admitted.place, &rest_api_id, &stage_name, &patch_operations);
                }
            }
        }
        if dropped {
            return Reply::Dropped;
        }
        let response = self.finish(&admitted, outcome);
        if truncated {
            let kept = response.body().len() / 2;
            return Reply::Truncated { response, kept };
        }
        Reply::Answer(response)
    }

    /// The effect: quota, then the operation itself.
    fn perform(&self, admitted: &Admitted, from_history: bool) -> Outcome {
        let Task { found, call } = admitted.task.as_ref().map_err(Clone::clone)?;
        let keep_history = self.plan().needs_history();
        let mut state = self.state();
        let now = self.inner.clock.now();
        state.quota.take(&admitted.place, admitted.service.name(), call, now)?;
        let write = found.operation.access == Access::Write;
        if write {
            let window = state.switches.conflict_window_seconds;
            let identity = admitted.info.caller.identity();
            if window.is_some_and(|window| state.overlaps.conflicts(&admitted.place, call, &identity, now, window)) {
                return Err(ApiError::concurrent_modification());
            }
        }
        let outcome = self.run(&mut state, admitted, from_history && !write, keep_history && write);
        if write && outcome.is_ok() {
            state.overlaps.written(&admitted.place, call, &admitted.info, now);
            if let Some(record) = state.calls.record(admitted.entry) {
                record.effect = true;
            }
        }
        outcome
    }

    fn run(&self, state: &mut State, admitted: &Admitted, from_history: bool, keep_history: bool) -> Outcome {
        let Task { found, call } = admitted.task.as_ref().map_err(Clone::clone)?;
        let place = &admitted.place;
        let region = state.regions.entry(place.clone()).or_default();
        let mut old = from_history.then(|| state.before_last_write.get(place).unwrap_or(region).clone());
        let before = keep_history.then(|| region.clone());
        let (arn, id) = admitted.role.as_ref().map_or_else(
            || (format!("arn:aws:iam::{}:user/simulator", place.account), "AIDASIMULATORUSER0001".to_owned()),
            |role| (role.arn.clone(), role.id.clone()),
        );
        let mut session = Session {
            account: &place.account,
            region_name: &place.region,
            caller_arn: &arn,
            caller_id: &id,
            now: self.inner.clock.now(),
            cache_delay: self.inner.cache_delay,
            switches: &state.switches,
            ids: &mut state.ids,
            region: old.as_mut().unwrap_or(region),
            issued_keys: &mut state.issued_keys,
        };
        let outcome = (found.operation.run)(&mut session, call);
        if found.operation.access == Access::Write {
            traffic::note(session.region, session.now);
        }
        if let (Some(before), true) = (before, outcome.is_ok()) {
            state.before_last_write.insert(place.clone(), before);
        }
        outcome
    }

    /// Carries an operation out for the library itself: logged, without faults and quota.
    pub(crate) fn perform_as(&self, caller: &str, place: &Place, request: Request<Bytes>) -> Outcome {
        let incoming = Incoming::signed_by_hand(request, &place.region);
        let mut admitted = self.admit(&incoming);
        admitted.place = place.clone();
        admitted.info.caller.name = Some(caller.to_owned());
        let outcome = {
            let keep_history = self.plan().needs_history();
            let mut state = self.state();
            if let Some(record) = state.calls.record(admitted.entry) {
                record.info.caller.name = Some(caller.to_owned());
                record.info.account.clone_from(&place.account);
                record.info.region.clone_from(&place.region);
            }
            let outcome = self.run(&mut state, &admitted, false, keep_history && admitted.info.write);
            if outcome.is_ok()
                && admitted.info.write
                && let Ok(task) = &admitted.task
            {
                let now = self.inner.clock.now();
                state.overlaps.written(place, &task.call, &admitted.info, now);
                if let Some(record) = state.calls.record(admitted.entry) {
                    record.effect = true;
                }
            }
            outcome
        };
        drop(self.finish(&admitted, outcome.clone()));
        outcome
    }

    /// Writes the reply and the end of the call's record.
    fn finish(&self, admitted: &Admitted, outcome: Outcome) -> Response<Bytes> {
        let mut state = self.state();
        if let Some(record) = state.calls.record(admitted.entry) {
            match &outcome {
                Ok(answer) => record.status = Some(answer.status),
                Err(error) => {
                    record.status = Some(error.status);
                    record.error = Some(error.code.to_string());
                    record.message = Some(error.message.clone());
                }
            }
        }
        let (retry_after, member) = (state.switches.retry_after, state.switches.front_end_message_member);
        drop(state);
        match outcome {
            Ok(answer) => admitted.service.answer(admitted.info.operation, answer, &admitted.request_id),
            Err(mut error) => {
                if !retry_after {
                    error.retry_after_seconds = None;
                }
                admitted.service.refusal(&error, &admitted.request_id, member)
            }
        }
    }

    fn fault_error(admitted: &Admitted, status: u16) -> ApiError {
        let place = &admitted.place;
        let arn = admitted
            .role
            .as_ref()
            .map_or_else(|| format!("arn:aws:iam::{}:user/simulator", place.account), |role| role.arn.clone());
        let path = admitted.info.path.split('?').next().unwrap_or_default();
        let resource = format!("arn:aws:apigateway:{}::{path}", place.region);
        faults::refusal(status, &arn, &admitted.info.method, &resource)
    }

    fn foreign_write(&self, place: &Place, rest_api_id: &str, stage_name: &str, operations: &[Value]) {
        // A refusal is in the log; the fault itself is only that somebody tried.
        drop(self.patch_stage_as("somebody else", place, rest_api_id, stage_name, operations));
    }

    fn note(&self, admitted: &Admitted, fault: &FaultKind, moment: Moment) {
        if let Some(record) = self.state().calls.record(admitted.entry) {
            record.faults.push(fault.label(moment));
        }
    }

    fn ask_hook(&self, info: &CallInfo, moment: Moment) -> Option<FaultKind> {
        let hook = self.inner.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        hook.and_then(|hook| hook(info, moment))
    }

    async fn wait(&self, seconds: f64) {
        let by = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        let clock = &self.inner.clock;
        clock.reached(later(clock.now(), by)).await;
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self) -> MutexGuard<'_, FaultPlan> {
        self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service that this request is for: the last one takes what no other claims.
fn serving(incoming: &Incoming) -> &'static dyn Service {
    SERVICES.iter().copied().find(|service| service.claims(incoming)).unwrap_or(&crate::apigateway::ApiGateway)
}
