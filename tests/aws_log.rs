//! What the log tells of calls to AWS: one line each, with paths and without values.
//!
//! In a process of its own and in one test: a subscriber of one thread cannot know whether another thread has already
//! switched a line off.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apigateway_simulator::{Server, Simulator};
use stagecraft::aws::{Aws, Error, NewStage, Operation, Options, StaticCredentials};
use stagecraft::clock::Clock;
use stagecraft::lease::{Leadership, Permit};
use stagecraft_core::api::names::{Region, RestApiId, StageName};
use stagecraft_core::patch::PatchOperation;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What a read, a new stage and a refused change of it leave in the log at this level; our own lines only.
async fn lines_at(level: Level) -> Vec<String> {
    let simulator = Simulator::builder().account("123456789012").region("eu-west-1").seed(1).build();
    let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let rest_api = RestApiId::new(simulator.create_rest_api("shop"));
    let clock = Clock::manual("2026-08-01T12:00:00Z".parse().unwrap());
    let options = Options {
        endpoint_url: Some(server.url()),
        region: Some(Region::from("eu-west-1")),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIDTESTS".to_owned(),
            secret_access_key: "correcthorse".to_owned(),
        }),
        ..Options::default()
    };
    let observer = Arc::new(|_: Operation, _: Result<(), &Error>, _: Duration| {});
    let gateway = Aws::connect(options, clock.clone(), observer).await.gateway(&Region::from("eu-west-1"));
    let leadership = Leadership::without_lease(clock, Duration::from_secs(10));
    let permit = || -> Permit { leadership.permit().unwrap() };

    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(log.clone()).with_ansi(false).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    gateway.stages(&rest_api).await.unwrap();
    let deployment = gateway.create_deployment(&rest_api, "first", permit()).await.unwrap();
    let stage = NewStage {
        name: StageName::from("prod"),
        deployment_id: deployment.id,
        description: None,
        variables: BTreeMap::from([("TOKEN".to_owned(), "batterystaple".to_owned())]),
        tags: BTreeMap::new(),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    };
    gateway.create_stage(&rest_api, stage, permit()).await.unwrap();
    let operations =
        [PatchOperation::replace("/variables/PASSWORD", "hunter!2"), PatchOperation::remove("/variables/TOKEN")];
    gateway.update_stage(&rest_api, &StageName::from("prod"), &operations, permit()).await.unwrap_err();
    drop(guard);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // The SDK's own lines are the telemetry's business.
    text.lines().filter(|line| line.contains("stagecraft::aws")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_call_is_one_line_with_paths_and_without_values() {
    let writes = lines_at(Level::INFO).await;
    let expected = [
        ["CreateDeployment", "rest_api", "latency_ms"],
        ["CreateStage", "stage=\"prod\"", "latency_ms"],
        ["UpdateStage", "replace /variables/PASSWORD, remove /variables/TOKEN", "UpdateStage was refused"],
    ];
    assert_eq!(writes.len(), expected.len(), "{writes:#?}");
    for (line, parts) in writes.iter().zip(expected) {
        for part in parts {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    let everything = lines_at(Level::TRACE).await;
    assert_eq!(everything.iter().filter(|line| line.contains("GetStages")).count(), 1, "{everything:#?}");
    assert_eq!(everything.len(), expected.len() + 1, "{everything:#?}");
    for value in ["hunter", "batterystaple", "correcthorse"] {
        assert!(!everything.iter().any(|line| line.contains(value)), "{value} in {everything:#?}");
    }
}
