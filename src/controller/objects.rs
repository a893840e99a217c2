//! What the watch shows of all objects, kept so that a pass finds its siblings without looking at everybody.
//!
//! An entry holds what others need of an object, not the object. It changes with the watch's event, before the object's own
//! pass begins; so do the counts of the metrics.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::Stream;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::watcher::Event;
use stagecraft_core::api::condition::Reason;
use stagecraft_core::api::names::{Region, RestApiId, StageName};
use stagecraft_core::api::owner::Owner;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_core::response::Serving;
use stagecraft_core::world::{Settings, Siblings};
use tokio::sync::watch;

use super::context::Guarded;
use crate::metrics::{Kind, Metrics, Standing};

/// All objects that the watches show. Clones share them.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

struct Inner {
    default_region: Region,
    cluster_id: String,
    metrics: Arc<Metrics>,
    index: Mutex<Index>,
    /// Counts changes of what stages serve.
    served: watch::Sender<u64>,
}

#[derive(Default)]
struct Index {
    objects: HashMap<String, Entry>,
    by_name: HashMap<(String, String), String>,
    /// Malformed objects: nobody knows what they would say.
    unreadable: HashSet<String>,
    by_rest_api: HashMap<(Region, RestApiId), BTreeSet<String>>,
    scopes: usize,
}

struct Entry {
    /// The watch that shows it.
    scope: usize,
    /// Its namespace and name.
    name: (String, String),
    standing: Standing,
    /// `None`: malformed, or it names no REST API.
    other: Option<Arc<Other>>,
}

/// One watch: all namespaces, or one of them.
pub struct Scope {
    objects: Objects,
    number: usize,
    /// What a list under way has shown.
    listed: Option<HashSet<String>>,
}

/// What an object means to the others on its REST API.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) seniority: Seniority,
    pub(super) region: Region,
    pub(super) rest_api: RestApiId,
    pub(super) stage: StageName,
    /// What its stage serves, where it governs one: what gateway responses need to know of it.
    pub(super) serving: Option<Serving>,
    /// What it knows and needs, as one of several siblings.
    pub(super) says: Siblings,
}

/// Creation, then uid: the first of two claimants governs.
pub(super) type Seniority = (Timestamp, String);

impl Objects {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let (default_region, cluster_id) = (settings.region.clone(), settings.cluster_id.clone());
        Self {
            inner: Arc::new(Inner {
                default_region,
                cluster_id,
                metrics,
                index: Mutex::default(),
                served: watch::Sender::new(0),
            }),
        }
    }

    /// A watch that tells its events here.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let mut index = self.index();
        index.scopes += 1;
        Scope { objects: self.clone(), number: index.scopes, listed: None }
    }

    /// The other objects on this REST API.
    pub(super) fn others(&self, region: &Region, rest_api: &RestApiId, uid: Option<&str>) -> Vec<Arc<Other>> {
        let index = self.index();
        let uids = index.by_rest_api.get(&(region.clone(), rest_api.clone()));
        uids.into_iter()
            .flatten()
            .filter(|other| Some(other.as_str()) != uid)
            .filter_map(|other| index.objects.get(other)?.other.clone())
            .collect()
    }

    /// An item for each time that what a stage serves has changed; changes that nobody has taken yet fold into one.
    pub(super) fn changes(&self) -> impl Stream<Item = ()> + Send + 'static + use<> {
        futures::stream::unfold(self.inner.served.subscribe(), |mut changes| async move {
            changes.changed().await.ok()?;
            Some(((), changes))
        })
    }

    fn serves_otherwise(&self) {
        self.inner.served.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether any object is malformed, so that what it would say is not known.
    pub(super) fn has_unreadable(&self) -> bool {
        !self.index().unreadable.is_empty()
    }

    /// Whether there is an object of this name.
    pub(super) fn has(&self, namespace: &str, name: &str) -> bool {
        self.index().by_name.contains_key(&(namespace.to_owned(), name.to_owned()))
    }

    pub(super) fn len(&self) -> usize {
        self.index().objects.len()
    }

    pub(super) fn contains(&self, uid: &str) -> bool {
        self.index().objects.contains_key(uid)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, scope: usize, guarded: &Guarded) -> Option<String> {
        let uid = guarded.uid()?;
        let object = guarded.0.as_ref().ok();
        let other = object
            .and_then(|object| Other::of(object, &self.inner.default_region, &self.inner.cluster_id))
            .map(Arc::new);
        let status = object.and_then(|object| object.status.as_ref());
        let name = (guarded.namespace().unwrap_or_default(), guarded.name_any());
        let entry =
            Entry { scope, name: name.clone(), standing: status.map(Standing::of_stage).unwrap_or_default(), other };
        let mut index = self.index();
        self.inner.metrics.object_seen(Kind::ApiStage, &entry.standing);
        index.by_name.insert(name, uid.clone());
        if object.is_none() {
            index.unreadable.insert(uid.clone());
        } else {
            index.unreadable.remove(&uid);
        }
        if let Some(other) = &entry.other {
            index.by_rest_api.entry(other.place()).or_default().insert(uid.clone());
        }
        let place = entry.other.as_ref().map(|other| other.place());
        let serving = entry.serving().cloned();
        let former = index.objects.insert(uid.clone(), entry);
        if former.as_ref().and_then(Entry::serving) != serving.as_ref() {
            self.serves_otherwise();
        }
        if let Some(former) = former {
            self.inner.metrics.object_gone(Kind::ApiStage, &former.standing);
            if let Some(former) = former.other.filter(|former| Some(former.place()) != place) {
                index.leave(&former);
            }
        }
        Some(uid)
    }

    fn forget(&self, uid: &str) {
        let mut index = self.index();
        let Some(former) = index.objects.remove(uid) else { return };
        index.unreadable.remove(uid);
        self.inner.metrics.object_gone(Kind::ApiStage, &former.standing);
        // Another of that name may have come before this one was seen to go.
        if index.by_name.get(&former.name).is_some_and(|named| named == uid) {
            index.by_name.remove(&former.name);
        }
        if let Some(other) = &former.other {
            index.leave(other);
        }
        if former.serving().is_some() {
            self.serves_otherwise();
        }
    }
}

impl Entry {
    fn serving(&self) -> Option<&Serving> {
        self.other.as_ref()?.serving.as_ref()
    }
}

impl Index {
    fn leave(&mut self, other: &Other) {
        let place = other.place();
        if let Some(uids) = self.by_rest_api.get_mut(&place) {
            uids.remove(&other.uid);
            if uids.is_empty() {
                self.by_rest_api.remove(&place);
            }
        }
    }
}

impl Scope {
    /// Takes in an event of this watch.
    pub fn apply(&mut self, event: &Event<Guarded>) {
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::Apply(object) => {
                self.objects.see(self.number, object);
            }
            Event::InitApply(object) => {
                let uid = self.objects.see(self.number, object);
                self.listed.get_or_insert_default().extend(uid);
            }
            Event::InitDone => {
                // What a new list does not show went while nobody watched.
                let listed = self.listed.take().unwrap_or_default();
                let gone: Vec<String> = self
                    .objects
                    .index()
                    .objects
                    .iter()
                    .filter(|(uid, entry)| entry.scope == self.number && !listed.contains(*uid))
                    .map(|(uid, _)| uid.clone())
                    .collect();
                for uid in gone {
                    self.objects.forget(&uid);
                }
            }
            Event::Delete(object) => {
                if let Some(uid) = object.uid() {
                    self.objects.forget(&uid);
                }
            }
        }
    }
}

impl Other {
    fn of(object: &ApiStage, default_region: &Region, cluster_id: &str) -> Option<Self> {
        let (region, rest_api, stage) = claim(object, default_region)?;
        Some(Self {
            uid: object.uid().unwrap_or_default(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            seniority: seniority(object),
            region,
            rest_api,
            stage,
            serving: serving(object),
            says: says(object, cluster_id),
        })
    }

    fn place(&self) -> (Region, RestApiId) {
        (self.region.clone(), self.rest_api.clone())
    }
}

/// What an object knows and needs of its REST API.
fn says(other: &ApiStage, cluster_id: &str) -> Siblings {
    let mut siblings = Siblings::default();
    let Siblings { older: _, unreadable: _, governor: _, twin: _, known, offered, wanted, owners, ended } =
        &mut siblings;
    owners.insert(Owner::new(cluster_id, &other.namespace().unwrap_or_default(), &other.name_any()));
    wanted.extend(other.spec.revision.clone());
    offered.extend(other.spec.deployment_id.clone());
    let Some(status) = &other.status else { return siblings };
    known.extend(status.pruned.iter().map(|pruned| pruned.revision.clone()));
    offered.extend(status.deployment_id.clone());
    ended.extend(status.history.iter().filter_map(|entry| Some(entry.ended.as_ref()?.0)));
    let release = status.release.as_ref();
    let targets = status
        .history
        .iter()
        .map(|entry| &entry.target)
        .chain(status.held.iter().map(|held| &held.target))
        .chain(release.map(|release| &release.target))
        .chain(release.and_then(|release| release.stable.as_ref()).map(|stable| &stable.target));
    for target in targets {
        let Some(deployment) = &target.deployment_id else { continue };
        offered.insert(deployment.clone());
        known.extend(target.revision.clone());
    }
    siblings
}

/// What a governed stage serves. One that another object governs shows no deployment.
fn serving(object: &ApiStage) -> Option<Serving> {
    let status = object.status.as_ref()?;
    status.rest_api_id.as_ref()?;
    if status.conditions.iter().any(|condition| condition.reason == Reason::NotOldest.as_str()) {
        return None;
    }
    Some(Serving {
        stage: status.stage_name.clone()?,
        api_stage: format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
        deployment: status.deployment_id.clone()?,
        canary: status.canary.as_ref().and_then(|canary| canary.deployment_id.clone()),
    })
}

pub(super) fn seniority(object: &impl ResourceExt) -> Seniority {
    let created = object.meta().creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
    (created, object.uid().unwrap_or_default())
}

/// The stage that an object claims: what it governs, else what its spec names.
fn claim(object: &ApiStage, default_region: &Region) -> Option<(Region, RestApiId, StageName)> {
    let status = object.status.as_ref();
    let region = status.and_then(|status| status.region.clone()).or_else(|| object.spec.region.clone());
    let rest_api = status.and_then(|status| status.rest_api_id.clone()).or_else(|| object.spec.rest_api_id.clone())?;
    Some((region.unwrap_or_else(|| default_region.clone()), rest_api, stage_name(object)))
}

/// The name of the stage that an object governs, or asks for.
pub(super) fn stage_name(object: &ApiStage) -> StageName {
    let governed = object.status.as_ref().and_then(|status| status.stage_name.clone());
    governed.or_else(|| object.spec.stage_name.clone()).unwrap_or_else(|| StageName::new(object.name_any()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use stagecraft_core::access::Policy;

    use super::*;

    struct Bench {
        objects: Objects,
        metrics: Arc<Metrics>,
    }

    impl Bench {
        fn new() -> Self {
            let metrics = Arc::new(Metrics::new());
            let settings = Settings {
                cluster_id: "test".to_owned(),
                region: Region::from("eu-west-1"),
                access: Policy::Open { adoption: false },
                drift_interval: Duration::from_mins(10),
                lost_reply_wait: Duration::from_secs(70),
            };
            Self { objects: Objects::new(&settings, Arc::clone(&metrics)), metrics }
        }

        fn on(&self, rest_api: &str) -> Vec<String> {
            let others = self.objects.others(&Region::from("eu-west-1"), &RestApiId::from(rest_api), None);
            others.iter().map(|other| other.name.clone()).collect()
        }

        fn shows(&self, line: &str) -> bool {
            self.metrics.encode().unwrap().lines().any(|found| found == line)
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "made for this call, each time")]
    fn object(name: &str, spec: Value, status: Value) -> Guarded {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage",
            "metadata": { "name": name, "namespace": "shop", "uid": name }, "spec": spec, "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn on(rest_api: &str, name: &str) -> Guarded {
        object(name, json!({ "restApiId": rest_api }), json!({}))
    }

    fn ready(reason: &str) -> Value {
        json!({ "conditions": [{ "type": "Ready", "status": "False", "reason": reason, "message": "",
            "lastTransitionTime": "2026-08-01T12:00:00Z" }] })
    }

    #[test]
    fn siblings_are_those_on_the_same_rest_api_and_move_with_it() {
        let bench = Bench::new();
        let mut scope = bench.objects.scope();
        for event in [Event::Init, Event::InitApply(on("a", "one")), Event::InitApply(on("a", "two")), Event::InitDone]
        {
            scope.apply(&event);
        }
        scope.apply(&Event::Apply(on("b", "three")));
        assert_eq!(
            (bench.on("a"), bench.on("b")),
            (vec!["one".to_owned(), "two".to_owned()], vec!["three".to_owned()])
        );
        scope.apply(&Event::Apply(on("b", "two")));
        assert_eq!((bench.on("a").len(), bench.on("b").len()), (1, 2));
        scope.apply(&Event::Apply(object("two", json!({}), json!({}))));
        assert_eq!((bench.on("a").len(), bench.on("b").len()), (1, 1), "one that names no REST API has no siblings");
        scope.apply(&Event::Delete(on("a", "one")));
        assert_eq!(bench.on("a"), Vec::<String>::new());
        assert_eq!(bench.objects.len(), 2);
        assert_eq!(["one", "two"].map(|name| bench.objects.has("shop", name)), [false, true]);
        assert!(bench.objects.index().by_rest_api.len() == 1, "nothing is kept of what is empty");
    }

    #[test]
    fn gateway_responses_hear_of_what_a_stage_serves_and_of_nothing_else() {
        use futures::{FutureExt as _, StreamExt as _};
        let bench = Bench::new();
        let changes = bench.objects.changes();
        futures::pin_mut!(changes);
        let mut heard = move || changes.next().now_or_never().is_some();
        let mut scope = bench.objects.scope();
        let serving = |deployment: &str, canary: Value, releases: u64| {
            let mut status = json!({ "restApiId": "a", "region": "eu-west-1", "stageName": "prod",
                "deploymentId": deployment, "releases": releases });
            if canary != Value::Null {
                status["canary"] = json!({ "deploymentId": canary });
            }
            object("one", json!({ "restApiId": "a" }), status)
        };
        scope.apply(&Event::Apply(on("a", "one")));
        assert!(!heard(), "a stage that is not there yet is no news");
        scope.apply(&Event::Apply(serving("dep1", Value::Null, 1)));
        assert!(heard(), "it serves");
        scope.apply(&Event::Apply(serving("dep1", Value::Null, 7)));
        assert!(!heard(), "a status write is no news");
        scope.apply(&Event::Apply(serving("dep2", Value::Null, 7)));
        scope.apply(&Event::Apply(serving("dep3", Value::Null, 7)));
        assert!(heard(), "another deployment");
        assert!(!heard(), "two changes fold into one");
        scope.apply(&Event::Apply(serving("dep3", json!("dep4"), 7)));
        assert!(heard(), "a canary");
        scope.apply(&Event::Delete(serving("dep3", json!("dep4"), 7)));
        assert!(heard(), "a stage that is gone");
    }

    #[test]
    fn what_went_while_nobody_watched_is_gone_after_the_next_list_of_that_watch() {
        let bench = Bench::new();
        let (mut first, mut second) = (bench.objects.scope(), bench.objects.scope());
        first.apply(&Event::Apply(on("a", "one")));
        first.apply(&Event::Apply(on("a", "two")));
        second.apply(&Event::Apply(on("a", "three")));
        for event in [Event::Init, Event::InitApply(on("a", "two"))] {
            first.apply(&event);
        }
        assert_eq!(bench.on("a").len(), 3, "a list that is not over shows nobody's end");
        first.apply(&Event::InitDone);
        assert_eq!(bench.on("a"), ["three", "two"]);
    }

    #[test]
    fn objects_are_counted_by_their_conditions_as_they_are_now() {
        let bench = Bench::new();
        let mut scope = bench.objects.scope();
        let denied = r#"stagecraft_objects{kind="ApiStage",type="Ready",status="False",reason="AccessDenied"}"#;
        for name in ["one", "two"] {
            scope.apply(&Event::Apply(object(name, json!({}), ready("AccessDenied"))));
        }
        assert!(bench.shows(&format!("{denied} 2")));
        scope.apply(&Event::Apply(object("one", json!({}), ready("Refused"))));
        assert!(bench.shows(&format!("{denied} 1")));
        scope.apply(&Event::Delete(object("two", json!({}), ready("AccessDenied"))));
        assert!(bench.shows(&format!("{denied} 0")), "it falls instead of breaking off");
        let made_up = r#"stagecraft_objects{kind="ApiStage",type="Ready",status="False",reason="Other"} 1"#;
        scope.apply(&Event::Apply(object("two", json!({}), ready("a word of somebody else"))));
        assert!(bench.shows(made_up), "labels come from closed lists");
    }

    #[test]
    fn cache_clusters_are_counted_by_state() {
        let bench = Bench::new();
        let mut scope = bench.objects.scope();
        let cache = |status: &str| json!({ "cacheCluster": { "enabled": true, "status": status } });
        scope.apply(&Event::Apply(object("one", json!({}), cache("CREATE_IN_PROGRESS"))));
        assert!(bench.shows(r#"stagecraft_cache_clusters{status="CREATE_IN_PROGRESS"} 1"#));
        scope.apply(&Event::Apply(object("one", json!({}), cache("RESTING_UNTIL_MONDAY"))));
        assert!(bench.shows(r#"stagecraft_cache_clusters{status="CREATE_IN_PROGRESS"} 0"#));
        assert!(bench.shows(r#"stagecraft_cache_clusters{status="Other"} 1"#));
    }

    #[test]
    fn a_malformed_object_is_counted_nowhere_and_breaks_nothing() {
        let bench = Bench::new();
        let mut scope = bench.objects.scope();
        scope.apply(&Event::Apply(on("a", "one")));
        scope.apply(&Event::Apply(object("one", json!({ "restApiId": 7 }), json!({}))));
        assert_eq!((bench.on("a").len(), bench.objects.len()), (0, 1));
        assert!(bench.objects.has_unreadable(), "what it would say is not known");
        scope.apply(&Event::Apply(on("a", "one")));
        assert!(!bench.objects.has_unreadable(), "it was put right");
    }
}
