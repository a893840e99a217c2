//! Many objects at once: applied as a pipeline does it, and watched as `kubectl wait` does it.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::failure::Failure;
use crate::table::say;

/// Objects that are applied at the same time.
const AT_ONCE: usize = 16;

/// Between two lines that say how far it is.
const NEWS: Duration = Duration::from_secs(5);

/// The kinds that the bench declares.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    ApiStage,
    ApiCanary,
}

/// All objects of the cluster's default namespace.
pub(crate) struct Fleet {
    client: Client,
}

impl Fleet {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Applies these objects, named, some at a time.
    pub(crate) async fn apply(&self, kind: Kind, objects: &[(String, Value)]) -> Result<(), Failure> {
        let api = self.api(kind);
        let applied = objects.iter().map(|(name, spec)| {
            let object = json!({
                "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind.name(),
                "metadata": { "name": name }, "spec": spec,
            });
            let api = api.clone();
            async move { api.patch(name, &PatchParams::apply("bench").force(), &Patch::Apply(&object)).await.map(drop) }
        });
        stream::iter(applied).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(())
    }

    /// Watches the `ApiStage`s until so many of them are as wanted, and says how far it is meanwhile.
    pub(crate) async fn until(
        &self,
        what: &str,
        count: usize,
        within: Duration,
        is_so: impl Fn(&DynamicObject) -> bool,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut events = pin!(watcher(self.api(Kind::ApiStage), watcher::Config::default()).default_backoff());
        let mut news = interval_at(started + NEWS, NEWS);
        news.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = pin!(sleep_until(started + within));
        let mut so = HashSet::new();
        while so.len() < count {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(Event::Apply(object) | Event::InitApply(object))) => {
                        let name = object.name_any();
                        if is_so(&object) { so.insert(name); } else { so.remove(&name); }
                    }
                    Some(Ok(Event::Delete(object))) => { so.remove(&object.name_any()); }
                    // A watch that broke off begins again with a new list, and that shows everything again.
                    Some(Ok(Event::Init | Event::InitDone) | Err(_)) => {}
                    None => return Err(Failure::Meaningless("the watch came to an end".to_owned())),
                },
                _ = news.tick() => say(&format!("  {:>4} s  {} of {count} {what}", started.elapsed().as_secs(), so.len()))?,
                () = &mut end => {
                    let found = format!("{} of {count} {what}", so.len());
                    return Err(Failure::TooLate { what: format!("that {count} {what}"), waited: within, found });
                }
            }
        }
        say(&format!("  {:>4} s  {count} {what}", started.elapsed().as_secs()))?;
        Ok(())
    }

    /// Watches until so many `ApiStage`s are Ready at their present generation.
    pub(crate) async fn until_ready(&self, count: usize, within: Duration) -> Result<(), Failure> {
        self.until("are Ready", count, within, is_ready).await
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("stagecraft.dev", "v1alpha1", kind.name());
        Api::namespaced_with(self.client.clone(), "default", &ApiResource::from_gvk(&kind))
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::ApiStage => "ApiStage",
            Self::ApiCanary => "ApiCanary",
        }
    }
}

/// Whether the object says of its present generation that it is Ready.
fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        let member = |name| condition.get(name).and_then(Value::as_str);
        member("type") == Some("Ready")
            && member("status") == Some("True")
            && condition.get("observedGeneration").and_then(Value::as_i64) == object.metadata.generation
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(generation: i64, status: &str, observed: i64) -> DynamicObject {
        let condition =
            json!({ "type": "Ready", "status": status, "reason": "Synced", "observedGeneration": observed });
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage",
            "metadata": { "name": "a", "generation": generation },
            "status": { "conditions": [{ "type": "Released", "status": "True" }, condition] },
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn an_object_is_ready_at_its_own_generation_only() {
        assert!(is_ready(&object(2, "True", 2)));
        assert!(!is_ready(&object(3, "True", 2)), "of an earlier spec");
        assert!(!is_ready(&object(2, "False", 2)));
    }
}
