//! What goes wrong in a story: which calls are struck, by what, and on which side of their effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use apigateway_simulator::{AfterTheEffect, BeforeTheEffect, CallInfo, FaultKind, Moment, Simulator};

/// A fault on one side of a call's effect.
pub(crate) type Strike = (FaultKind, Moment);

/// Everything that passes by itself. AWS promises that a 429 or a 409 comes before the effect; here it need not.
pub(crate) fn all_strikes() -> Vec<Strike> {
    let faults = [409, 429, 500, 503].map(FaultKind::Error).into_iter().chain([FaultKind::DropConnection]);
    faults.flat_map(|fault| [BeforeTheEffect, AfterTheEffect].map(|moment| (fault.clone(), moment))).collect()
}

/// A strike in words.
pub(crate) fn told(strike: &Strike) -> String {
    format!("{:?} {:?} the effect", strike.0, strike.1)
}

/// What a patch of a stage is for, by what its operations begin with or hold; the first that fits.
const PURPOSES: &[(&str, &str)] = &[
    ("copy /deploymentId", "promotes"),
    (" /canarySettings/deploymentId", "opens a canary"),
    (" /canarySettings/percentTraffic", "takes a step"),
    ("remove /canarySettings", "removes a canary"),
    (" /deploymentId", "moves the deployment"),
    (" /cacheCluster", "changes the cache"),
    (" /accessLogSettings", "changes logging"),
    ("/logging/", "changes logging"),
];

/// The operation, and for a patch of a stage what it is for.
fn purpose(call: &CallInfo) -> String {
    if call.operation != "UpdateStage" {
        return call.operation.to_owned();
    }
    let patch = call.patch();
    let fits = |words: &str| patch.iter().any(|operation| operation.contains(words));
    let purpose = PURPOSES.iter().find(|(words, _)| fits(words)).map_or("changes settings", |(_, purpose)| purpose);
    format!("{}, which {purpose}", call.operation)
}

/// Strikes the first call of each kind: of reads the first of the story, of writes the first of each chapter, because what a write
/// means differs from chapter to chapter.
#[derive(Clone)]
pub(crate) struct Striker {
    state: Arc<Mutex<State>>,
}

struct State {
    planned: BTreeMap<String, Strike>,
    chapter: &'static str,
    seen: BTreeSet<String>,
    struck: BTreeMap<String, (u64, Strike)>,
}

impl Striker {
    /// Strikes these kinds of calls.
    pub(crate) fn new(planned: BTreeMap<String, Strike>) -> Self {
        let state = State { planned, chapter: "", seen: BTreeSet::new(), struck: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// From now on every call of the operator to this AWS comes by here.
    pub(crate) fn lie_in_wait(&self, simulator: &Simulator) {
        let state = Arc::clone(&self.state);
        simulator.set_hook(move |call, moment| {
            if call.caller.name.as_deref() == Some("console") {
                return None;
            }
            state.lock().unwrap().meet(call, moment)
        });
    }

    /// Another chapter begins.
    pub(crate) fn chapter(&self, name: &'static str) {
        self.state.lock().unwrap().chapter = name;
    }

    /// Kinds of calls that came by.
    pub(crate) fn seen(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().seen.clone()
    }

    /// What was struck, and by what.
    pub(crate) fn struck(&self) -> BTreeMap<String, Strike> {
        let state = self.state.lock().unwrap();
        state.struck.iter().map(|(kind, (_, strike))| (kind.clone(), strike.clone())).collect()
    }
}

impl State {
    fn meet(&mut self, call: &CallInfo, moment: Moment) -> Option<FaultKind> {
        let kind = if call.write { format!("{} ({})", purpose(call), self.chapter) } else { purpose(call) };
        if moment == BeforeTheEffect
            && self.seen.insert(kind.clone())
            && let Some(strike) = self.planned.get(&kind)
        {
            self.struck.insert(kind.clone(), (call.sequence, strike.clone()));
        }
        let (sequence, (fault, when)) = self.struck.get(&kind)?;
        (*sequence == call.sequence && *when == moment).then(|| fault.clone())
    }
}

/// The operation of a kind of call.
pub(crate) fn operation(kind: &str) -> &str {
    kind.split([',', ' ']).next().unwrap_or(kind)
}
