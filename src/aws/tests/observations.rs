//! The shared memory above real calls of the SDK, whose answers come when the test gives them.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures::FutureExt;
use serde_json::{Value, json};
use stagecraft_core::api::names::{DeploymentId, StageName};
use stagecraft_core::observed::{Deployment, Stage};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::*;
use crate::aws::{Observations, Seen, SharedHttpClient};

/// A request under way: what it asks for, and the way to answer it.
struct Asked {
    path: String,
    answer: oneshot::Sender<Value>,
}

impl Asked {
    fn answer(self, body: Value) {
        self.answer.send(body).unwrap();
    }
}

/// Hands every request to the test. One that the test drops loses its connection.
#[derive(Clone, Debug)]
struct ToTheTest(mpsc::UnboundedSender<Asked>);

impl HttpConnector for ToTheTest {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let path = request.uri().split_once("/restapis/").unwrap().1.to_owned();
        let (answer, answered) = oneshot::channel();
        assert!(self.0.send(Asked { path, answer }).is_ok(), "the test is over");
        HttpConnectorFuture::new(async move {
            let body = answered.await.map_err(|error| ConnectorError::io(error.into()))?;
            Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body.to_string())))
        })
    }
}

/// One process's memory, and AWS in the hands of the test.
struct Bench {
    clock: Clock,
    observations: Observations,
    aws: Aws,
    asked: mpsc::UnboundedReceiver<Asked>,
    callers: JoinSet<Result<Seen<Vec<Stage>>, Error>>,
}

const KEEP: Duration = Duration::from_mins(30);

impl Bench {
    async fn new() -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let connector = ToTheTest(sender);
        let client = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
        let http_client = Some(SharedHttpClient::new(client));
        let clock = clock();
        let aws = aws(Options { http_client, ..options("http://api.invalid".to_owned()) }).await;
        Self { observations: Observations::new(clock.clone(), KEEP), clock, aws, asked, callers: JoinSet::new() }
    }

    fn gateway(&self) -> Gateway {
        self.aws.gateway(&Region::from(REGION))
    }

    /// A caller that wants the stages as they were at `newer_than` or later.
    fn ask(&mut self, newer_than: Duration) {
        let (observations, gateway) = (self.observations.clone(), self.gateway());
        self.callers.spawn(async move { observations.stages(&gateway, &api(), newer_than).await });
    }

    /// The next request that reaches AWS.
    async fn asked(&mut self) -> Asked {
        within(self.asked.recv()).await.unwrap()
    }

    /// What the only caller got.
    async fn got(&mut self) -> Vec<Stage> {
        within(self.callers.join_next()).await.unwrap().unwrap().unwrap().value.to_vec()
    }

    /// A read from start to end.
    async fn read(&mut self, stages: Value) -> Vec<Stage> {
        self.observations.forget(&self.gateway(), &api());
        self.ask(Duration::ZERO);
        self.asked().await.answer(json!({ "item": stages }));
        self.got().await
    }

    /// What is remembered; asking AWS would be a failure.
    fn remembered(&self) -> Vec<Stage> {
        let seen = self.observations.stages(&self.gateway(), &api(), Duration::ZERO).now_or_never();
        seen.expect("it is remembered").unwrap().value.to_vec()
    }

    fn is_remembered(&self) -> bool {
        self.observations.stages(&self.gateway(), &api(), Duration::ZERO).now_or_never().is_some()
    }

    fn note(&self, stage: Stage, sent_at: Duration) {
        self.observations.note_stage(&self.gateway(), &api(), stage, sent_at);
    }
}

/// A stage on the wire.
fn on_the_wire(name: &str, deployment: &str, owner: &str, cache: &str) -> Value {
    json!({
        "stageName": name, "deploymentId": deployment, "cacheClusterEnabled": false, "cacheClusterStatus": cache,
        "methodSettings": {}, "tracingEnabled": false, "createdDate": 100, "lastUpdatedDate": 100,
        "tags": {"stagecraft.dev/owner": owner}
    })
}

/// The stage as the reply of a write has it.
fn replied(name: &str, deployment: &str, cache: &str) -> Stage {
    let time = Some("1970-01-01T00:01:40Z".parse().unwrap());
    Stage {
        name: StageName::from(name),
        deployment_id: DeploymentId::from(deployment),
        description: None,
        variables: BTreeMap::new(),
        tags: None,
        canary: None,
        created: time,
        last_updated: time,
        web_acl_arn: None,
        client_certificate_id: None,
        documentation_version: None,
        tracing_enabled: false,
        cache: stagecraft_core::observed::CacheCluster { enabled: false, size: None, status: cache.to_owned() },
        method_settings: BTreeMap::new(),
        access_log: None,
    }
}

fn owned(stage: Stage, owner: &str) -> Stage {
    Stage { tags: Some(BTreeMap::from([("stagecraft.dev/owner".to_owned(), owner.to_owned())])), ..stage }
}

#[tokio::test]
async fn twenty_callers_cost_one_call() {
    let mut bench = Bench::new().await;
    for _ in 0..20 {
        bench.ask(Duration::ZERO);
    }
    let asked = bench.asked().await;
    assert_eq!(asked.path, "a1b2c3d4e5/stages");
    asked.answer(json!({"item": [on_the_wire("prod", "dep001", "us", "NOT_AVAILABLE")]}));
    for _ in 0..20 {
        assert_eq!(bench.got().await, [owned(replied("prod", "dep001", "NOT_AVAILABLE"), "us")]);
    }
    assert!(bench.asked.is_empty());
}

#[tokio::test]
async fn the_reply_of_a_write_shows_at_once_and_says_nothing_of_tags_and_cache_status() {
    let mut bench = Bench::new().await;
    let other = on_the_wire("dev", "dep009", "them", "AVAILABLE");
    bench.read(json!([on_the_wire("prod", "dep001", "us", "CREATE_IN_PROGRESS"), other])).await;
    bench.clock.advance(Duration::from_secs(1));
    bench.note(replied("prod", "dep002", "AVAILABLE"), bench.clock.boottime());
    bench.note(replied("new", "dep003", "NOT_AVAILABLE"), bench.clock.boottime());
    assert_eq!(
        bench.remembered(),
        [
            owned(replied("prod", "dep002", "CREATE_IN_PROGRESS"), "us"),
            owned(replied("dev", "dep009", "AVAILABLE"), "them"),
            replied("new", "dep003", "NOT_AVAILABLE"),
        ]
    );
}

#[tokio::test]
async fn a_read_that_was_under_way_hides_neither_a_change_nor_a_deletion() {
    let mut bench = Bench::new().await;
    bench.ask(Duration::ZERO);
    let asked = bench.asked().await;
    bench.note(replied("prod", "dep002", "AVAILABLE"), bench.clock.boottime());
    bench.observations.note_gone(&bench.gateway(), &api(), &StageName::from("old"));
    let before =
        [on_the_wire("prod", "dep001", "us", "AVAILABLE"), on_the_wire("old", "dep001", "us", "NOT_AVAILABLE")];
    asked.answer(json!({ "item": before }));
    let expected = [owned(replied("prod", "dep002", "AVAILABLE"), "us")];
    assert_eq!(bench.got().await, expected);
    assert_eq!(bench.remembered(), expected);
}

#[tokio::test]
async fn a_stage_that_came_back_is_there_again() {
    let mut bench = Bench::new().await;
    bench.read(json!([on_the_wire("prod", "dep001", "us", "NOT_AVAILABLE")])).await;
    bench.observations.note_gone(&bench.gateway(), &api(), &StageName::from("prod"));
    assert_eq!(bench.remembered(), []);
    bench.note(replied("prod", "dep002", "NOT_AVAILABLE"), bench.clock.boottime());
    assert_eq!(bench.remembered(), [replied("prod", "dep002", "NOT_AVAILABLE")]);
}

#[tokio::test]
async fn of_two_writes_that_overlapped_neither_is_believed() {
    let mut bench = Bench::new().await;
    bench.read(json!([on_the_wire("prod", "dep001", "us", "NOT_AVAILABLE")])).await;
    let first_sent = bench.clock.boottime();
    bench.clock.advance(Duration::from_secs(1));
    bench.note(replied("prod", "dep002", "NOT_AVAILABLE"), bench.clock.boottime());
    assert!(bench.is_remembered());
    bench.note(replied("prod", "dep003", "NOT_AVAILABLE"), first_sent);
    assert!(!bench.is_remembered(), "AWS is asked which of the two came last");
}

#[tokio::test]
async fn writes_one_after_the_other_are_believed_also_within_one_tick_of_the_clock() {
    let mut bench = Bench::new().await;
    bench.read(json!([on_the_wire("prod", "dep001", "us", "NOT_AVAILABLE")])).await;
    bench.note(replied("prod", "dep002", "NOT_AVAILABLE"), bench.clock.boottime());
    bench.note(replied("prod", "dep003", "NOT_AVAILABLE"), bench.clock.boottime());
    assert_eq!(bench.remembered(), [owned(replied("prod", "dep003", "NOT_AVAILABLE"), "us")]);
}

#[tokio::test]
async fn deployments_follow_our_writes_in_order_of_age() {
    let mut bench = Bench::new().await;
    let deployment = |id: &str, second: i64, description: Option<&str>| Deployment {
        id: DeploymentId::from(id),
        created: jiff::Timestamp::from_second(second).unwrap(),
        description: description.map(str::to_owned),
    };
    let gateway = bench.gateway();
    let observations = bench.observations.clone();
    let api = api();
    let read = observations.deployments(&gateway, &api, Duration::ZERO);
    let answer = async {
        let asked = bench.asked().await;
        assert_eq!(asked.path, "a1b2c3d4e5/deployments?limit=500");
        observations.note_deployment(&gateway, &api, deployment("mmm", 200, Some("made meanwhile")));
        asked.answer(json!({"item": [{"id": "zzz", "createdDate": 300}, {"id": "aaa", "createdDate": 100}]}));
    };
    let (seen, ()) = tokio::join!(read, answer);
    let expected =
        [deployment("aaa", 100, None), deployment("mmm", 200, Some("made meanwhile")), deployment("zzz", 300, None)];
    assert_eq!(*seen.unwrap().value, expected);

    observations.note_deployment(&gateway, &api, deployment("zzz", 300, Some("result=Promoted")));
    observations.note_deployment_gone(&gateway, &api, &DeploymentId::from("aaa"));
    let seen = observations.deployments(&gateway, &api, Duration::ZERO).now_or_never().unwrap().unwrap();
    let expected = [deployment("mmm", 200, Some("made meanwhile")), deployment("zzz", 300, Some("result=Promoted"))];
    assert_eq!(*seen.value, expected);
}

#[tokio::test]
async fn forget_forgets_all_about_one_rest_api() {
    let mut bench = Bench::new().await;
    let (observations, gateway, api) = (bench.observations.clone(), bench.gateway(), api());
    let read = async || {
        let (definition, stages, deployments) = tokio::join!(
            observations.rest_api(&gateway, &api, Duration::ZERO),
            observations.stages(&gateway, &api, Duration::ZERO),
            observations.deployments(&gateway, &api, Duration::ZERO),
        );
        assert_eq!((definition.is_ok(), stages.is_ok(), deployments.is_ok()), (true, true, true));
    };
    for reason in ["the first time", "after it was forgotten"] {
        let answers = async {
            let mut paths = Vec::new();
            for _ in 0..3 {
                let asked = within(bench.asked.recv()).await.unwrap();
                paths.push(asked.path.clone());
                asked.answer(json!({"id": "a1b2c3d4e5", "name": "shop", "item": []}));
            }
            paths
        };
        let ((), paths) = tokio::join!(read(), answers);
        assert_eq!(paths, ["a1b2c3d4e5", "a1b2c3d4e5/stages", "a1b2c3d4e5/deployments?limit=500"], "{reason}");
        read().now_or_never().expect("all three are remembered");
        observations.forget(&gateway, &api);
    }
}

#[tokio::test]
async fn regions_and_rest_apis_do_not_share() {
    let mut bench = Bench::new().await;
    bench.read(json!([])).await;
    let observations = bench.observations.clone();
    let elsewhere = bench.aws.gateway(&Region::from("us-east-1"));
    assert!(observations.stages(&elsewhere, &api(), Duration::ZERO).now_or_never().is_none());
    let (gateway, other) = (bench.gateway(), RestApiId::from("other"));
    assert!(observations.stages(&gateway, &other, Duration::ZERO).now_or_never().is_none());
}

#[tokio::test]
async fn a_lock_is_one_rest_apis_own_and_survives_that_nobody_asks_for_it() {
    let bench = Bench::new().await;
    let (observations, gateway, api, other) = (&bench.observations, bench.gateway(), api(), RestApiId::from("other"));
    let snapshot = observations.snapshot_lock(&gateway, &api).await;
    let write = observations.write_lock(&gateway, &api).now_or_never().expect("the two do not exclude each other");
    // Whatever has not been used for so long is dropped when another one comes.
    bench.clock.advance(KEEP + Duration::from_secs(1));
    let others = observations.write_lock(&gateway, &other).now_or_never().expect("another REST API is free");
    assert!(observations.snapshot_lock(&gateway, &api).now_or_never().is_none());
    assert!(observations.write_lock(&gateway, &api).now_or_never().is_none());
    drop((snapshot, write, others));
    assert!(observations.snapshot_lock(&gateway, &api).now_or_never().is_some());
    assert!(observations.write_lock(&gateway, &api).now_or_never().is_some());
}

#[tokio::test]
async fn what_nobody_asks_for_is_dropped() {
    let mut bench = Bench::new().await;
    bench.read(json!([])).await;
    let another = |name: &str| {
        let lock = bench.observations.write_lock(&bench.gateway(), &RestApiId::from(name)).now_or_never();
        assert!(lock.is_some());
    };
    bench.clock.advance(Duration::from_mins(29));
    another("one");
    assert!(bench.is_remembered(), "and asking keeps it");
    bench.clock.advance(Duration::from_mins(29));
    another("two");
    assert!(bench.is_remembered(), "and asking kept it");
    bench.clock.advance(KEEP);
    another("three");
    assert!(!bench.is_remembered());
}
