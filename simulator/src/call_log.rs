//! The log of calls: who asked for what, and what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Calls kept; older ones are forgotten, so that a server can run for weeks.
const KEPT: usize = 10_000;
/// Bytes of requests kept, as they came in: 10,000 bodies of the largest size would be 100 GB.
const KEPT_BYTES: usize = 16 * 1024 * 1024;

/// Who sent a request, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caller {
    /// The value of the header `x-simulator-caller`, or `console` for changes by hand through the library.
    pub name: Option<String>,
    /// From the signature; absent for unsigned requests.
    pub access_key_id: Option<String>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
}

impl Caller {
    /// What tells one caller from another: its name if it gave one, else key and program.
    #[must_use]
    pub fn identity(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let key = self.access_key_id.as_deref().unwrap_or("unsigned");
        match &self.user_agent {
            Some(agent) => format!("{key} {agent}"),
            None => key.to_owned(),
        }
    }
}

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallInfo {
    /// 1 for the first call after the start or after the log was last emptied.
    pub sequence: u64,
    /// Simulated time of its arrival.
    pub time: Timestamp,
    /// `apigateway`, `sts`, …
    pub service: &'static str,
    /// AWS's name of the operation, `Unknown` where the request names none.
    pub operation: &'static str,
    /// Whether the operation changes anything where it succeeds.
    pub write: bool,
    /// HTTP method.
    pub method: String,
    /// As sent, with the query.
    pub path: String,
    /// The account that the call works in.
    pub account: String,
    /// The Region that the call works in.
    pub region: String,
    /// Who sent it.
    pub caller: Caller,
    /// The decoded body; `null` where there is none or where it cannot be read.
    #[serde(serialize_with = "crate::world::shared")]
    pub body: Arc<Value>,
}

impl CallInfo {
    /// The path parameter after this segment: `after("stages")` is the stage's name.
    #[must_use]
    pub fn after(&self, segment: &str) -> Option<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        let mut segments = path.split('/');
        segments.find(|part| *part == segment)?;
        segments.next().filter(|part| !part.is_empty())
    }

    /// The patch operations of the body, each as `op path value`; empty for other bodies.
    #[must_use]
    pub fn patch(&self) -> Vec<String> {
        let list = self.body.get("patchOperations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |operation: &Value, member: &str| {
            operation.get(member).and_then(Value::as_str).map_or_else(String::new, |text| format!(" {text}"))
        };
        let line = |operation: &Value| {
            let from = text(operation, "from");
            let from = if from.is_empty() { from } else { format!(" from{from}") };
            let op = text(operation, "op");
            format!("{}{}{}{from}", op.trim_start(), text(operation, "path"), text(operation, "value"))
        };
        list.iter().map(line).collect()
    }
}

/// A call with its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// What came in.
    #[serde(flatten)]
    pub info: CallInfo,
    /// HTTP status that the caller was sent; absent while the call runs and where it got no answer.
    pub status: Option<u16>,
    /// Name of the exception of a refusal.
    pub error: Option<String>,
    /// Text of a refusal.
    pub message: Option<String>,
    /// Whether the call had its effect, which a lost reply does not tell its caller.
    pub effect: bool,
    /// What was done to this call on demand, in order.
    pub faults: Vec<String>,
}

impl CallRecord {
    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let info = &self.info;
        let mut line = format!("{:>5} {} {}", info.sequence, info.time, info.operation);
        // Writing to a String does not fail.
        write!(line, "  {} {}", info.method, info.path).ok();
        match self.status {
            Some(status) => write!(line, "  {status}").ok(),
            None => write!(line, "  no reply").ok(),
        };
        if let Some(error) = &self.error {
            write!(line, " {error}").ok();
        }
        let patch = info.patch();
        if !patch.is_empty() {
            write!(line, "  [{}]", patch.join("; ")).ok();
        } else if info.body.as_object().is_some_and(|members| !members.is_empty()) {
            write!(line, "  {}", info.body).ok();
        }
        if !self.faults.is_empty() {
            write!(line, "  fault: {}", self.faults.join(", ")).ok();
        }
        write!(line, "  by {}", info.caller.identity()).ok();
        line
    }
}

/// The calls since the log was last emptied.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    /// All calls, by operation; unlike the records none are forgotten.
    counts: BTreeMap<&'static str, u64>,
    records: VecDeque<CallRecord>,
    /// What each record's request weighed, in bytes; as long as `records`.
    weights: VecDeque<usize>,
    /// The sum of `weights`.
    weight: usize,
    /// Sequence number of the last call.
    last: u64,
    /// Counts how often the log was emptied: a call that began before does not end after.
    epoch: u64,
}

/// A place in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    sequence: u64,
    epoch: u64,
}

impl CallLog {
    /// Puts a call in, with `info.sequence` set; its request was so many bytes. The oldest calls make room for it.
    pub(crate) fn begin(&mut self, info: &mut CallInfo, bytes: usize) -> Entry {
        self.last = self.last.saturating_add(1);
        info.sequence = self.last;
        let count = self.counts.entry(info.operation).or_default();
        *count = count.saturating_add(1);
        while self.records.len() >= KEPT || self.weight.saturating_add(bytes) > KEPT_BYTES {
            let Some(oldest) = self.weights.pop_front() else { break };
            self.records.pop_front();
            self.weight = self.weight.saturating_sub(oldest);
        }
        self.weights.push_back(bytes);
        self.weight = self.weight.saturating_add(bytes);
        let info = info.clone();
        self.records.push_back(CallRecord {
            info,
            status: None,
            error: None,
            message: None,
            effect: false,
            faults: Vec::new(),
        });
        Entry { sequence: self.last, epoch: self.epoch }
    }

    /// The record of a call, if it is still kept.
    pub(crate) fn record(&mut self, entry: Entry) -> Option<&mut CallRecord> {
        let first = self.records.front()?.info.sequence;
        if entry.epoch != self.epoch {
            return None;
        }
        let index = usize::try_from(entry.sequence.checked_sub(first)?).ok()?;
        self.records.get_mut(index)
    }

    pub(crate) fn records(&self) -> Vec<CallRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.clone()
    }

    pub(crate) fn reset(&mut self) {
        self.counts.clear();
        self.records.clear();
        self.weights.clear();
        self.weight = 0;
        self.last = 0;
        self.epoch = self.epoch.wrapping_add(1);
    }
}
