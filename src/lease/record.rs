//! What a Lease object says, and what a candidate may conclude from it. Pure: reads records and times it is given.
//!
//! Read leniently, as JSON: a record that somebody else wrote may hold nonsense, and a replica that cannot read it could
//! never take over.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};

/// The longest duration that a record of another holder is believed to ask for; also the longest that the command line
/// accepts.
pub const LONGEST_DURATION: Duration = Duration::from_mins(10);

/// A Lease as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// What the next write must find unchanged.
    pub(super) resource_version: String,
    spec: Value,
}

impl Record {
    /// `None` if the object has no `resourceVersion`: then nothing that the apiserver stored was read.
    pub(super) fn of(object: DynamicObject) -> Option<Self> {
        let resource_version = object.metadata.resource_version?;
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        Some(Self { resource_version, spec })
    }

    /// The holder's identity; `None` if nobody is named.
    pub(super) fn holder(&self) -> Option<&str> {
        self.spec.get("holderIdentity").and_then(Value::as_str).filter(|holder| !holder.is_empty())
    }

    /// Whether its holder gave it back: no holder and no `renewTime`. A hand that only clears the holder does not look
    /// like that, because then the holder may still be writing.
    fn is_released(&self) -> bool {
        self.holder().is_none() && self.spec.get("renewTime").is_none_or(Value::is_null)
    }

    /// How long the holder may lead after its last renewal: `ours` where the record says nothing usable.
    fn duration(&self, ours: Duration) -> Duration {
        let seconds = self.spec.get("leaseDurationSeconds").and_then(Value::as_i64);
        match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
            None | Some(0) => ours,
            Some(seconds) => Duration::from_secs(seconds).min(LONGEST_DURATION),
        }
    }

    /// How often the holder changed, after one more change; the apiserver stores 32 bits and no negative number.
    fn transitions_after_change(&self) -> i32 {
        let transitions = self.spec.get("leaseTransitions").and_then(Value::as_i64).unwrap_or_default();
        i32::try_from(transitions.max(0).saturating_add(1)).unwrap_or(i32::MAX)
    }
}

/// What a candidate does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Move {
    /// There is no Lease: create it.
    Create {
        /// Whether nobody can have led until a moment ago.
        clean: bool,
    },
    /// The Lease is free: take this record's place.
    Take {
        /// The record as it must still be.
        record: Record,
        /// Whether the last holder gave it back.
        clean: bool,
    },
    /// Somebody may still lead for that long.
    Wait(Duration),
}

/// A candidate's memory of the Lease: the last record, and since when it has not changed.
#[derive(Debug)]
pub(super) struct Observer {
    identity: String,
    ours: Duration,
    last: Option<Record>,
    /// Boottime at which the holder that was seen last cannot lead any more; `None`: none was seen, or it released.
    held_until: Option<Duration>,
}

impl Observer {
    /// The memory of a candidate that has seen nothing; `ours` is its own lease duration.
    pub(super) fn new(identity: String, ours: Duration) -> Self {
        Self { identity, ours, last: None, held_until: None }
    }

    /// Judges what was read: the Lease, or that there is none. `now` is boottime **after** the reply.
    pub(super) fn judge(&mut self, found: Option<Record>, now: Duration) -> Move {
        let Some(record) = found else {
            // Somebody deleted it. Whoever held it may not have noticed yet.
            self.last = None;
            return match self.held_until {
                Some(until) if now < until => Move::Wait(until.saturating_sub(now)),
                Some(_) => Move::Create { clean: false },
                None => Move::Create { clean: true },
            };
        };
        if record.holder() == Some(self.identity.as_str()) {
            // An attempt of ours whose answer was lost.
            return Move::Take { record, clean: false };
        }
        if record.is_released() {
            self.last = Some(record.clone());
            self.held_until = None;
            return Move::Take { record, clean: true };
        }
        // Any change counts as a renewal, even one by a stranger: whether the holder wrote it cannot be told.
        if self.last.as_ref() != Some(&record) {
            self.held_until = Some(now.saturating_add(record.duration(self.ours)));
            self.last = Some(record.clone());
        }
        match self.held_until {
            Some(until) if now < until => Move::Wait(until.saturating_sub(now)),
            Some(_) | None => Move::Take { record, clean: false },
        }
    }
}

/// The `spec` of the first record of a holder: `taking` is the record whose place it takes, if there was one.
pub(super) fn acquired(identity: &str, duration: Duration, now: Timestamp, taking: Option<&Record>) -> Value {
    json!({
        "holderIdentity": identity,
        "leaseDurationSeconds": whole_seconds(duration),
        "acquireTime": micro_time(now),
        "renewTime": micro_time(now),
        "leaseTransitions": taking.map_or(0, Record::transitions_after_change),
    })
}

/// The fields of `spec` that a renewal writes.
pub(super) fn renewed(identity: &str, duration: Duration, now: Timestamp) -> Value {
    json!({
        "holderIdentity": identity,
        "leaseDurationSeconds": whole_seconds(duration),
        "renewTime": micro_time(now),
    })
}

/// The fields of `spec` that a release writes: [`Record::is_released`] knows them again.
pub(super) fn released() -> Value {
    json!({ "holderIdentity": "", "renewTime": null, "acquireTime": null })
}

/// A merge patch of `spec` that the apiserver refuses (409) unless the Lease is still at `resource_version`.
pub(super) fn compare_and_swap(resource_version: &str, spec: &Value) -> Value {
    json!({ "metadata": { "resourceVersion": resource_version }, "spec": spec })
}

/// A new Lease with that `spec`.
pub(super) fn new_lease(name: &str, kind: &ApiResource, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, kind).data(json!({ "spec": spec }))
}

/// Rounded up: a candidate that waits too short would lead beside us.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The apiserver's `MicroTime`: RFC 3339 in UTC with six digits.
fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
