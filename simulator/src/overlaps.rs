//! Finds two callers that write to one stage at about the same time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::call_log::CallInfo;
use crate::service::Call;
use crate::world::Place;

/// Seconds between the end of one caller's write and another's, up to which they overlap.
const DEFAULT_WINDOW_SECONDS: f64 = 1.0;
/// Overlaps kept; all are counted.
const KEPT: usize = 1000;

/// One write of two that came too close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// Number in the call log.
    pub sequence: u64,
    /// Who wrote, as [`crate::Caller::identity`].
    pub caller: String,
    /// Name of the operation.
    pub operation: &'static str,
    /// Simulated time of its effect.
    pub time: Timestamp,
}

/// Two writes to one stage by two callers within the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    /// Account of the stage.
    pub account: String,
    /// Region of the stage.
    pub region: String,
    /// Its REST API.
    pub rest_api_id: String,
    /// Its name.
    pub stage_name: String,
    /// The earlier write.
    pub first: Write,
    /// The later one.
    pub second: Write,
}

/// What the detector knows.
#[derive(Debug)]
pub(crate) struct Overlaps {
    window_seconds: f64,
    count: u64,
    found: Vec<Overlap>,
    /// The last write to each stage, by each caller that was the last of its kind.
    stages: BTreeMap<(Place, String, String), Write>,
    /// The last write to each REST API.
    rest_apis: BTreeMap<(Place, String), (String, Timestamp)>,
}

impl Default for Overlaps {
    fn default() -> Self {
        Self {
            window_seconds: DEFAULT_WINDOW_SECONDS,
            count: 0,
            found: Vec::new(),
            stages: BTreeMap::new(),
            rest_apis: BTreeMap::new(),
        }
    }
}

impl Overlaps {
    /// Whether somebody else wrote to this call's REST API within so many seconds.
    pub(crate) fn conflicts(&self, place: &Place, call: &Call, caller: &str, now: Timestamp, window: f64) -> bool {
        let key = (place.clone(), call.parameter("restapi_id").to_owned());
        self.rest_apis.get(&key).is_some_and(|(other, at)| other != caller && within(*at, now, window))
    }

    /// Remembers a write that had its effect.
    pub(crate) fn written(&mut self, place: &Place, call: &Call, info: &CallInfo, now: Timestamp) {
        let Some((rest_api_id, stage_name)) = target(call) else { return };
        let caller = info.caller.identity();
        self.rest_apis.insert((place.clone(), rest_api_id.clone()), (caller.clone(), now));
        let Some(stage_name) = stage_name else { return };
        let write = Write { sequence: info.sequence, caller, operation: info.operation, time: now };
        let key = (place.clone(), rest_api_id, stage_name);
        let before = self.stages.insert(key.clone(), write.clone());
        if let Some(first) = before
            && first.caller != write.caller
            && within(first.time, now, self.window_seconds)
        {
            self.count = self.count.saturating_add(1);
            if self.found.len() < KEPT {
                let (place, rest_api_id, stage_name) = key;
                let Place { account, region } = place;
                self.found.push(Overlap { account, region, rest_api_id, stage_name, first, second: write });
            }
        }
    }

    pub(crate) fn found(&self) -> &[Overlap] {
        &self.found
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn window_seconds(&self) -> f64 {
        self.window_seconds
    }

    pub(crate) fn set_window_seconds(&mut self, seconds: f64) {
        self.window_seconds = seconds;
    }

    /// Forgets what was found, and the last writes.
    pub(crate) fn reset(&mut self) {
        *self = Self { window_seconds: self.window_seconds, ..Self::default() };
    }
}

fn within(earlier: Timestamp, later: Timestamp, seconds: f64) -> bool {
    later.duration_since(earlier).as_secs_f64() <= seconds
}

/// The REST API and the stage that a call writes to: by its path, by its body's `stageName`, or by the ARN of a tag
/// operation.
fn target(call: &Call) -> Option<(String, Option<String>)> {
    let named = |name: &str| Some(call.parameter(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    if let Some(arn) = named("arn") {
        let mut segments =
            arn.split('/').skip_while(|segment| !segment.ends_with("restapis") && *segment != "restapis");
        segments.next()?;
        let rest_api_id = segments.next()?.to_owned();
        let stage_name = segments.next().filter(|kind| *kind == "stages").and_then(|_| segments.next());
        return Some((rest_api_id, stage_name.map(str::to_owned)));
    }
    let in_body = call.body.get("stageName").and_then(serde_json::Value::as_str).filter(|name| !name.is_empty());
    let stage_name = named("stage_name").or_else(|| in_body.map(str::to_owned));
    Some((named("restapi_id")?, stage_name))
}
