//! One call: its permit, its way out, its answer, its line in the log.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_apigateway::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_apigateway::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_apigateway::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_apigateway::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use stagecraft_core::api::names::{RestApiId, StageName};
use stagecraft_core::cause::Cause;
use stagecraft_core::plan::Priority;

use super::error::Error;
use super::operation::Operation;
use super::transport;
use crate::clock::Clock;
use crate::lease::Permit;

/// Is told of every call, so that it can be counted. A closure will do for the calls alone.
pub trait Observer: Send + Sync {
    /// A call has ended after `latency`; that of a call that was stopped before it was sent is next to nothing.
    fn called(&self, operation: Operation, outcome: Result<(), &Error>, latency: Duration);

    /// A call of this urgency has waited for the quota, or would have: also no wait is told.
    fn waited(&self, _priority: Priority, _waited: Duration) {}
}

impl<F: Fn(Operation, Result<(), &Error>, Duration) + Send + Sync> Observer for F {
    fn called(&self, operation: Operation, outcome: Result<(), &Error>, latency: Duration) {
        self(operation, outcome, latency);
    }
}

/// What is called, for the log and for errors.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) rest_api: Option<&'a RestApiId>,
    pub(super) stage: Option<&'a StageName>,
    /// What else tells this call from others: paths, keys, ids, never a value.
    pub(super) detail: String,
    /// The variables that it carries, so that AWS's echo of a value can be recognised.
    pub(super) variables: Vec<(&'a str, &'a str)>,
    answered: Answered,
}

/// AWS's own time when it answered, once it has: by it, deployments are dated. AWS tells whole seconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Answered(Arc<OnceLock<Timestamp>>);

impl Answered {
    /// The time; `None` while there is no answer, or where it does not tell.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.0.get().copied()
    }

    fn read(&self, reply: &HttpResponse) {
        let told = reply.headers().get("date").and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(at) = told.and_then(|told| Timestamp::from_second(told.secs()).ok()) {
            self.0.get_or_init(|| at);
        }
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation) -> Self {
        Self {
            operation,
            rest_api: None,
            stage: None,
            detail: String::new(),
            variables: Vec::new(),
            answered: Answered::default(),
        }
    }

    #[must_use]
    pub(super) fn on(mut self, rest_api: &'a RestApiId) -> Self {
        self.rest_api = Some(rest_api);
        self
    }

    #[must_use]
    pub(super) fn stage(mut self, stage: &'a StageName) -> Self {
        self.stage = Some(stage);
        self
    }

    #[must_use]
    pub(super) fn detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }

    /// Tells there when AWS answered.
    #[must_use]
    pub(super) fn answered(mut self, answered: &Answered) -> Self {
        self.answered = answered.clone();
        self
    }

    #[must_use]
    pub(super) fn variables(mut self, variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        self.variables = variables.collect();
        self
    }
}

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// It was handed to the connection; whether a byte left is the connection's to tell.
    Left,
    /// Its permit had ended: it was stopped right before.
    Forbidden,
}

/// The last hook before the bytes leave: asks the lease once more and notes that the request goes out.
///
/// Between the start of a call and this point credentials are loaded, and a process can be stopped anywhere.
#[derive(Debug)]
pub(super) struct Gate {
    /// `None` for reads.
    permit: Option<Permit>,
    departure: Arc<OnceLock<Departure>>,
    answered: Answered,
}

#[dyn_dispatch_hint]
impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "Gate"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let allowed = self.permit.as_ref().map_or(Ok(()), Permit::check);
        let departure = if allowed.is_ok() { Departure::Left } else { Departure::Forbidden };
        // Called once: the SDK does not retry.
        self.departure.get_or_init(|| departure);
        Ok(allowed?)
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.answered.read(context.response());
        Ok(())
    }
}

/// Sends calls, and tells the log and the observer what became of them.
#[derive(Clone)]
pub(super) struct Caller {
    clock: Clock,
    observer: Arc<dyn Observer>,
}

impl Caller {
    pub(super) fn new(clock: Clock, observer: Arc<dyn Observer>) -> Self {
        Self { clock, observer }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends a read. `understand` makes our type of the reply, `None` if members are missing that AWS always sends.
    pub(super) async fn read<T, R, E, F>(
        &self,
        call: Call<'_>,
        request: impl FnOnce(Gate) -> F,
        understand: impl FnOnce(T) -> Option<R>,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        self.send(call, None, request, understand).await
    }

    /// Sends a write while its permit is valid, which is asked now and once more right before the bytes leave.
    pub(super) async fn write<T, R, E, F>(
        &self,
        call: Call<'_>,
        permit: Permit,
        request: impl FnOnce(Gate) -> F,
        understand: impl FnOnce(T) -> Option<R>,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        if permit.still_valid() {
            return self.send(call, Some(permit), request, understand).await;
        }
        let error = Error::not_leader(call.operation);
        self.report(&call, Err(&error), Duration::ZERO);
        Err(error)
    }

    async fn send<T, R, E, F>(
        &self,
        call: Call<'_>,
        permit: Option<Permit>,
        request: impl FnOnce(Gate) -> F,
        understand: impl FnOnce(T) -> Option<R>,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: StdError + ProvideErrorMetadata + 'static,
    {
        let started = self.clock.boottime();
        let departure = Arc::new(OnceLock::new());
        // On the heap: the SDK's futures are large, and a pass holds many of them.
        let reply =
            Box::pin(request(Gate { permit, departure: Arc::clone(&departure), answered: call.answered.clone() }))
                .await;
        let outcome = match reply {
            Ok(reply) => understand(reply).ok_or_else(|| {
                Error::unanswered(call.operation, Cause::LostReply, "the reply lacks what AWS always sends")
            }),
            Err(error) => Err(transport::read(call.operation, departure.get().copied(), &call.variables, &error)),
        };
        let latency = self.clock.boottime().saturating_sub(started);
        self.report(&call, outcome.as_ref().map(|_| ()), latency);
        outcome
    }

    fn report(&self, call: &Call<'_>, outcome: Result<(), &Error>, latency: Duration) {
        self.observer.called(call.operation, outcome, latency);
        let Call { operation, rest_api, stage, detail, variables: _, answered: _ } = call;
        let (operation, latency_ms) = (operation.name(), latency.as_millis());
        let (rest_api, stage) = (rest_api.map(RestApiId::as_str), stage.map(StageName::as_str));
        let error = outcome.err().map(tracing::field::display);
        if call.operation.is_write() {
            tracing::info!(operation, rest_api, stage, detail, latency_ms, error, "write to AWS");
        } else {
            tracing::debug!(operation, rest_api, stage, detail, latency_ms, error, "read from AWS");
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("clock", &self.clock).finish_non_exhaustive()
    }
}
