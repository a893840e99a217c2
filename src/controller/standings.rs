//! How the objects of one kind stand, for the metrics: `ApiCanary`s and `ApiGatewayResponse`s. Stages are counted where their
//! siblings find them, in `objects`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::watcher::Event;

use super::context::Guarded;
use super::governed::Governed;
use crate::metrics::{Metrics, Standing};

/// What one watch shows: all namespaces, or one of them.
pub(super) struct Standings {
    metrics: Arc<Metrics>,
    /// As each was counted last, by uid.
    counted: HashMap<String, Standing>,
    /// What a list under way has shown.
    listed: HashSet<String>,
}

impl Standings {
    /// Nothing seen yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, counted: HashMap::new(), listed: HashSet::new() }
    }

    /// Counts each object as the watch shows it, and no more as it stood before.
    pub(super) fn apply<K: Governed>(&mut self, event: &Event<Guarded<K>>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::Apply(object) => {
                self.see(object);
            }
            Event::InitApply(object) => {
                let uid = self.see(object);
                self.listed.extend(uid);
            }
            Event::InitDone => {
                let Self { metrics, counted, listed } = self;
                // What a new list does not show went while nobody watched.
                for (_, standing) in counted.extract_if(|uid, _| !listed.contains(uid)) {
                    metrics.object_gone(K::KIND, &standing);
                }
                listed.clear();
            }
            Event::Delete(object) => {
                let former = object.uid().and_then(|uid| self.counted.remove(&uid));
                self.no_more::<K>(former);
            }
        }
    }

    fn see<K: Governed>(&mut self, object: &Guarded<K>) -> Option<String> {
        let uid = object.uid()?;
        // A malformed object stands nowhere; `stagecraft_missed_total` counts it.
        let standing = object.0.as_ref().map(|object| Standing::of(object.conditions(), None)).unwrap_or_default();
        self.metrics.object_seen(K::KIND, &standing);
        let former = self.counted.insert(uid.clone(), standing);
        self.no_more::<K>(former);
        Some(uid)
    }

    fn no_more<K: Governed>(&self, former: Option<Standing>) {
        if let Some(former) = former {
            self.metrics.object_gone(K::KIND, &former);
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;
    use stagecraft_core::api::canary::ApiCanary;

    use super::*;

    fn canary(uid: &str, reason: &str) -> Guarded<ApiCanary> {
        let condition = json!({
            "type": "Ready", "status": "False", "reason": reason, "message": "",
            "lastTransitionTime": "2026-08-01T10:00:00Z",
        });
        let object = serde_json::from_value(json!({
            "metadata": { "name": "orders", "uid": uid },
            "spec": { "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5 }] },
            "status": { "conditions": [condition] },
        }));
        DeserializeGuard(Ok(object.unwrap()))
    }

    #[test]
    fn each_object_is_counted_as_it_stands_now() {
        let metrics = Arc::new(Metrics::new());
        let mut standings = Standings::new(Arc::clone(&metrics));
        let count = |reason: &str| {
            let series =
                format!(r#"stagecraft_objects{{kind="ApiCanary",type="Ready",status="False",reason="{reason}"}} "#);
            let text = metrics.encode().unwrap();
            text.lines().find_map(|line| line.strip_prefix(&*series)?.parse::<i64>().ok()).unwrap_or(0)
        };
        standings.apply(&Event::Apply(canary("u1", "Refused")));
        standings.apply(&Event::Apply(canary("u1", "Refused")));
        assert_eq!(count("Refused"), 1);
        standings.apply(&Event::Apply(canary("u1", "Throttled")));
        assert_eq!((count("Refused"), count("Throttled")), (0, 1));
        standings.apply(&Event::<Guarded<ApiCanary>>::Init);
        standings.apply(&Event::InitApply(canary("u2", "Refused")));
        assert_eq!(count("Throttled"), 1, "the list is not over");
        standings.apply(&Event::<Guarded<ApiCanary>>::InitDone);
        assert_eq!((count("Refused"), count("Throttled")), (1, 0));
        standings.apply(&Event::Delete(canary("u2", "Refused")));
        assert_eq!(count("Refused"), 0);
    }
}
