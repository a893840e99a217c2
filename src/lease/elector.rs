//! The conversation with the apiserver: stand by, acquire, renew, release.
//!
//! A write whose answer was lost may have happened or may still happen. Nothing is concluded from it: the next write
//! names the `resourceVersion` that was read before, so it is refused where the lost one took effect, and what is then
//! read tells who holds the Lease.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Status;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use super::record::{self, Move, Observer, Record};
use super::{Leadership, Standing, Terms};
use crate::clock::Clock;
use crate::telemetry::Chain;

/// A failed write is tried again after this part of the renew interval.
const RETRIES_PER_INTERVAL: u32 = 5;

const NOT_READ: &str = "the lease was not read yet";

/// Contends for the Lease and keeps it.
#[derive(Debug)]
pub struct Elector {
    leases: Api<DynamicObject>,
    kind: ApiResource,
    terms: Terms,
    identity: String,
    clock: Clock,
    random: StdRng,
    standing: Arc<watch::Sender<Standing>>,
}

/// Leadership is over although nobody asked for it; the process must end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The term ended before a renewal was answered.
    #[error("the lease {namespace}/{name} ran out before it could be renewed")]
    RanOut {
        /// Namespace of the Lease.
        namespace: String,
        /// Name of the Lease.
        name: String,
    },
    /// The record names somebody else.
    #[error("the lease {namespace}/{name} is held by {holder}")]
    Taken {
        /// Namespace of the Lease.
        namespace: String,
        /// Name of the Lease.
        name: String,
        /// Who holds it now, or that nobody does.
        holder: String,
    },
}

/// Why a request about the Lease had no useful answer.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(
        "the operator may not {verb} leases.coordination.k8s.io {namespace}/{name}; its Role must allow get, create and \
         patch (the apiserver says: {message})"
    )]
    Forbidden { verb: &'static str, namespace: String, name: String, message: String },
    #[error("the apiserver refused to {verb} the lease ({code}): {message}")]
    Refused { verb: &'static str, code: u16, message: String },
    #[error("the apiserver did not answer within {0:?}")]
    Silent(Duration),
    #[error("the apiserver sent a lease without a resourceVersion")]
    Unversioned,
    #[error("the apiserver could not be asked to {verb} the lease")]
    Failed {
        verb: &'static str,
        #[source]
        cause: kube::Error,
    },
}

/// What came of a write.
enum Written {
    /// It took effect; the record as it is now.
    Stored(Record),
    /// The Lease is not as it was read (any more).
    Conflict,
    /// There is no such Lease (any more).
    Absent,
}

/// A term: the Lease is ours.
struct Term {
    record: Record,
    /// Boottime at which it ends: the duration after the moment **before** the renewal was sent.
    deadline: Duration,
    /// Boottime from which we may write.
    leads_from: Duration,
    renew_at: Duration,
}

impl Leadership {
    /// A replica that contends for the Lease of `terms`. The [`Elector`] does the work once it is run.
    ///
    /// `host` (the pod's name) and a random part that no other process has make its identity.
    #[must_use]
    pub fn contend(client: kube::Client, terms: Terms, host: &str, clock: Clock) -> (Self, Elector) {
        let leadership =
            Self::new(clock.clone(), terms.operation_timeout, Standing::Standby { problem: Some(NOT_READ.to_owned()) });
        let kind = ApiResource::erase::<Lease>(&());
        let unique = Uuid::new_v4();
        let elector = Elector {
            leases: Api::namespaced_with(client, &terms.namespace, &kind),
            kind,
            terms,
            identity: format!("{host}_{unique}"),
            clock,
            random: StdRng::from_seed(seed(unique)),
            standing: Arc::clone(&leadership.standing),
        };
        (leadership, elector)
    }
}

/// The identity's 122 random bits, twice.
fn seed(unique: Uuid) -> [u8; 32] {
    let mut seed = [0; 32];
    for (to, from) in seed.iter_mut().zip(unique.as_bytes().iter().cycle()) {
        *to = *from;
    }
    seed
}

/// Whatever ends the elector, also being dropped, ends the leadership: nobody would renew it.
impl Drop for Elector {
    fn drop(&mut self) {
        self.standing.send_replace(Standing::Ended);
    }
}

impl Elector {
    /// What this replica calls itself in the record.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Contends for the Lease, renews it while it is ours, and gives it back when `release` resolves.
    ///
    /// Whoever lets `release` resolve promises that no write to AWS is under way: a successor starts at once.
    ///
    /// # Errors
    ///
    /// [`Lost`], and from then on no permit is given or valid.
    pub async fn run(mut self, release: impl Future<Output = ()>) -> Result<(), Lost> {
        let mut release = pin!(release);
        let Some(mut term) = self.stand_by(release.as_mut()).await else { return Ok(()) };
        self.hold(&mut term, release).await?;
        let led = matches!(*self.standing.borrow(), Standing::Leading { .. });
        self.standing.send_replace(Standing::Ended);
        if led {
            let limit = self.terms.request_timeout();
            if tokio::time::timeout(limit, self.give_back(&term)).await.is_err() {
                warn!("could not release the lease within {limit:?}; it will run out");
            }
        } else {
            // A release would say that nobody's write is on its way, and the former leader's may be.
            warn!("the lease is left to run out: writes of the former leader may still be on their way");
        }
        Ok(())
    }

    /// Looks at the Lease until it is ours; `None` once asked to release.
    async fn stand_by(&mut self, mut release: Pin<&mut impl Future<Output = ()>>) -> Option<Term> {
        let mut observer = Observer::new(self.identity.clone(), self.terms.duration);
        loop {
            let found = tokio::select! {
                biased;
                () = &mut release => return None,
                found = self.read() => found,
            };
            let next = match found {
                Ok(found) => observer.judge(found, self.clock.boottime()),
                Err(trouble) => {
                    self.on_standby(Some(&trouble));
                    self.pause(release.as_mut(), self.terms.renew_interval).await?;
                    continue;
                }
            };
            // Not raced against `release`: an acquisition whose answer nobody reads would block the next replica.
            let next_look = match next {
                Move::Wait(free_in) => {
                    self.on_standby(None);
                    let look = self.next_look();
                    // The end of a foreign term is looked at when it comes; the other looks keep the memory fresh.
                    look.min(free_in.max(self.retry_interval()))
                }
                Move::Create { clean } => match self.acquire(None, clean).await {
                    Ok(Some(term)) => return Some(term),
                    Ok(None) => self.faster_one(),
                    Err(trouble) => self.later(&trouble),
                },
                Move::Take { record, clean } => match self.acquire(Some(&record), clean).await {
                    Ok(Some(term)) => return Some(term),
                    Ok(None) => self.faster_one(),
                    Err(trouble) => self.later(&trouble),
                },
            };
            self.pause(release.as_mut(), next_look).await?;
        }
    }

    /// Waits for `span`; `None` once asked to release.
    async fn pause(&self, release: Pin<&mut impl Future<Output = ()>>, span: Duration) -> Option<()> {
        tokio::select! {
            biased;
            () = release => None,
            () = self.clock.wait(span) => Some(()),
        }
    }

    /// Renews the term until asked to release.
    async fn hold(&self, term: &mut Term, mut release: Pin<&mut impl Future<Output = ()>>) -> Result<(), Lost> {
        loop {
            let now = self.clock.boottime();
            if now >= term.deadline {
                return Err(self.ran_out());
            }
            self.in_office(term, now);
            let mut wake_at = term.renew_at.min(term.deadline);
            if now < term.leads_from {
                wake_at = wake_at.min(term.leads_from);
            }
            if self.pause(release.as_mut(), wake_at.saturating_sub(now)).await.is_none() {
                return Ok(());
            }
            // The timer may be early (it rounds) or much too late (the machine was suspended).
            let now = self.clock.boottime();
            if now < term.renew_at || now >= term.deadline {
                continue;
            }
            // Cut off at the deadline, so that a lost lease is not noticed late.
            let renewal = tokio::time::timeout(term.deadline.saturating_sub(now), self.renew(term));
            let renewed = tokio::select! {
                biased;
                () = &mut release => return Ok(()),
                renewed = renewal => renewed,
            };
            match renewed {
                Ok(renewed) => renewed?,
                Err(_) => return Err(self.ran_out()),
            }
        }
    }

    /// One attempt to renew. What failed is tried again until the deadline; only the record of somebody else is final.
    async fn renew(&self, term: &mut Term) -> Result<(), Lost> {
        let sent = self.clock.boottime();
        let limit = self.terms.request_timeout();
        let spec = record::renewed(&self.identity, self.terms.duration, self.clock.now());
        let outcome = match self.swap(&term.record, &spec, limit).await {
            Ok(Written::Conflict) => self.look_again(term).await?,
            // Deleted by hand. Nobody else can have led since: whoever saw our record waits for our term to end.
            Ok(Written::Absent) => self.create(&self.first_spec(None), limit).await,
            outcome => outcome,
        };
        match outcome {
            Ok(Written::Stored(record)) => {
                term.record = record;
                term.deadline = sent.saturating_add(self.terms.duration);
                term.renew_at = sent.saturating_add(self.terms.renew_interval);
            }
            Ok(Written::Conflict | Written::Absent) => term.renew_at = self.clock.boottime() + self.retry_interval(),
            Err(trouble) => {
                warn!(error = %Chain(&trouble), "could not renew the lease, trying again");
                term.renew_at = self.clock.boottime() + self.retry_interval();
            }
        }
        Ok(())
    }

    /// After a refused renewal: whose is the Lease? Ours means that an earlier write of ours took effect after all, or
    /// that somebody edited the object; then the next renewal starts from what is there now.
    async fn look_again(&self, term: &mut Term) -> Result<Result<Written, Trouble>, Lost> {
        match self.read().await {
            Ok(Some(record)) if record.holder() == Some(self.identity.as_str()) => {
                term.record = record;
                Ok(Ok(Written::Conflict))
            }
            Ok(Some(record)) => Err(Lost::Taken {
                namespace: self.terms.namespace.clone(),
                name: self.terms.name.clone(),
                holder: record.holder().unwrap_or("nobody").to_owned(),
            }),
            Ok(None) => Ok(Ok(Written::Absent)),
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    /// Gives the Lease back, so that a successor starts at once. If that fails, it runs out by itself.
    async fn give_back(&self, term: &Term) {
        let limit = self.terms.request_timeout();
        let mut record = term.record.clone();
        let mut refused = false;
        loop {
            match self.swap(&record, &record::released(), limit).await {
                Ok(Written::Stored(_)) => {
                    info!("released the lease");
                    return;
                }
                Ok(Written::Absent) => return,
                // A renewal that was under way has arrived. Once more, and no more: somebody else is writing.
                Ok(Written::Conflict) if !refused => refused = true,
                Ok(Written::Conflict) => {
                    warn!("could not release the lease, it changes all the time; it will run out");
                    return;
                }
                Err(trouble) => {
                    warn!(error = %Chain(&trouble), "could not release the lease; it will run out");
                    return;
                }
            }
            match self.read().await {
                Ok(Some(found)) if found.holder() == Some(self.identity.as_str()) => record = found,
                Ok(_) => return,
                Err(trouble) => {
                    warn!(error = %Chain(&trouble), "could not release the lease; it will run out");
                    return;
                }
            }
        }
    }

    /// Takes the place of `record`, or of nothing; `None` if somebody was faster.
    async fn acquire(&mut self, record: Option<&Record>, clean: bool) -> Result<Option<Term>, Trouble> {
        let sent = self.clock.boottime();
        let spec = self.first_spec(record);
        let limit = self.terms.request_timeout();
        let written = match record {
            Some(record) => self.swap(record, &spec, limit).await?,
            None => self.create(&spec, limit).await?,
        };
        let Written::Stored(record) = written else { return Ok(None) };
        let settles = if clean { Duration::ZERO } else { self.terms.settling_time() };
        info!(identity = self.identity, clean, settles_ms = settles.as_millis(), "acquired the lease");
        Ok(Some(Term {
            record,
            deadline: sent.saturating_add(self.terms.duration),
            leads_from: self.clock.boottime().saturating_add(settles),
            renew_at: sent.saturating_add(self.terms.renew_interval),
        }))
    }

    fn first_spec(&self, taking: Option<&Record>) -> serde_json::Value {
        record::acquired(&self.identity, self.terms.duration, self.clock.now(), taking)
    }

    /// Reads the Lease; `None` only for the apiserver's own word that there is none of this name.
    async fn read(&self) -> Result<Option<Record>, Trouble> {
        let limit = self.terms.request_timeout();
        match tokio::time::timeout(limit, self.leases.get(&self.terms.name)).await {
            Err(_) => Err(Trouble::Silent(limit)),
            Ok(Ok(object)) => Record::of(object).map(Some).ok_or(Trouble::Unversioned),
            Ok(Err(kube::Error::Api(status))) if self.says_absent(&status) => Ok(None),
            Ok(Err(error)) => Err(self.trouble("get", error)),
        }
    }

    async fn swap(&self, record: &Record, spec: &serde_json::Value, limit: Duration) -> Result<Written, Trouble> {
        let patch = Patch::Merge(record::compare_and_swap(&record.resource_version, spec));
        let parameters = PatchParams::default();
        let request = self.leases.patch(&self.terms.name, &parameters, &patch);
        self.written("patch", tokio::time::timeout(limit, request).await, limit)
    }

    async fn create(&self, spec: &serde_json::Value, limit: Duration) -> Result<Written, Trouble> {
        let lease = record::new_lease(&self.terms.name, &self.kind, spec);
        let parameters = PostParams::default();
        let request = self.leases.create(&parameters, &lease);
        self.written("create", tokio::time::timeout(limit, request).await, limit)
    }

    fn written(
        &self,
        verb: &'static str,
        answer: Result<Result<DynamicObject, kube::Error>, tokio::time::error::Elapsed>,
        limit: Duration,
    ) -> Result<Written, Trouble> {
        match answer {
            Err(_) => Err(Trouble::Silent(limit)),
            Ok(Ok(object)) => Record::of(object).map(Written::Stored).ok_or(Trouble::Unversioned),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(Written::Conflict),
            Ok(Err(kube::Error::Api(status))) if self.says_absent(&status) => Ok(Written::Absent),
            Ok(Err(error)) => Err(self.trouble(verb, error)),
        }
    }

    /// A 404 for this very Lease. One for its namespace, or from something between us and the apiserver, is trouble.
    fn says_absent(&self, status: &Status) -> bool {
        status.code == 404
            && status
                .details
                .as_ref()
                .is_some_and(|details| details.kind == "leases" && details.name == self.terms.name)
    }

    fn trouble(&self, verb: &'static str, error: kube::Error) -> Trouble {
        let kube::Error::Api(status) = error else { return Trouble::Failed { verb, cause: error } };
        let Status { code, message, .. } = *status;
        if code == 403 {
            let Terms { namespace, name, .. } = self.terms.clone();
            return Trouble::Forbidden { verb, namespace, name, message };
        }
        Trouble::Refused { verb, code, message }
    }

    fn ran_out(&self) -> Lost {
        Lost::RanOut { namespace: self.terms.namespace.clone(), name: self.terms.name.clone() }
    }

    /// Shows a candidate's standing, and logs a problem when it appears, changes or goes away.
    fn on_standby(&self, trouble: Option<&Trouble>) {
        let problem = trouble.map(|trouble| Chain(trouble).to_string());
        let changed = self.standing.send_if_modified(|standing| {
            let next = Standing::Standby { problem: problem.clone() };
            let changed = *standing != next;
            *standing = next;
            changed
        });
        match problem {
            Some(problem) if changed => warn!(error = problem, "cannot contend for the lease"),
            None if changed => info!(identity = self.identity, "on standby: another replica holds the lease"),
            Some(_) | None => {}
        }
    }

    fn in_office(&self, term: &Term, now: Duration) {
        let settled = now >= term.leads_from;
        let next = if settled {
            Standing::Leading { deadline: Some(term.deadline) }
        } else {
            Standing::Settling { until: term.leads_from, deadline: term.deadline }
        };
        let former = self.standing.send_replace(next);
        if settled && !matches!(former, Standing::Leading { .. }) {
            info!(identity = self.identity, "leading");
        }
    }

    fn later(&self, trouble: &Trouble) -> Duration {
        self.on_standby(Some(trouble));
        self.terms.renew_interval
    }

    fn faster_one(&self) -> Duration {
        self.on_standby(None);
        self.retry_interval()
    }

    fn retry_interval(&self) -> Duration {
        self.terms.renew_interval / RETRIES_PER_INTERVAL
    }

    /// The renew interval, give or take 20 %: candidates that were started together spread out.
    fn next_look(&mut self) -> Duration {
        self.terms.renew_interval.mul_f64(self.random.random_range(0.8..=1.2))
    }
}
