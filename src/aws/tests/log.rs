//! What is told about calls: one line and one count each, and no value.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use stagecraft_core::api::names::StageName;
use stagecraft_core::patch::PatchOperation;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use super::wire::{Answer, Wire};
use super::*;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

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

/// The log of two reads and a refused write that carries a secret.
async fn log_at(level: Level) -> String {
    let refusal =
        json!({"message": "Invalid stage variable value: hunter2.  Please use values with care."}).to_string();
    let refused = Answer::Raw(format!(
        "HTTP/1.1 400 x\r\nx-amzn-errortype: BadRequestException\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{refusal}",
        refusal.len()
    ));
    let wire = Wire::answering([Answer::Json(200, json!({"item": []})), refused]).await;
    let gateway = gateway(wire.url()).await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    gateway.stages(&api()).await.unwrap();
    let operations =
        [PatchOperation::replace("/variables/PASSWORD", "hunter2"), PatchOperation::remove("/variables/OLD")];
    gateway.update_stage(&api(), &StageName::from("prod"), &operations, permit()).await.unwrap_err();
    // The SDK's own lines are the telemetry's business.
    log.text().lines().filter(|line| line.contains("stagecraft::aws")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn writes_are_told_at_info_with_paths_and_without_values() {
    let log = log_at(Level::INFO).await;
    assert_eq!(log.lines().count(), 1, "{log}");
    for expected in
        ["UpdateStage", "a1b2c3d4e5", "prod", "replace /variables/PASSWORD, remove /variables/OLD", "was refused"]
    {
        assert!(log.contains(expected), "{expected} in {log}");
    }
}

#[tokio::test]
async fn reads_are_told_at_debug_and_no_level_tells_a_value() {
    let log = log_at(Level::TRACE).await;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("GetStages"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn every_call_is_counted_once_also_one_that_was_not_sent() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let calls = Arc::clone(&calls);
        move |operation: Operation, outcome: Result<(), &Error>, _: Duration| {
            calls.lock().unwrap().push((operation, outcome.map_err(|error| error.class().label())));
        }
    };
    let wire = Wire::answering([Answer::Json(200, json!({"item": []})), Answer::HangUp]).await;
    let aws = Aws::connect(options(wire.url()), clock(), Arc::new(observer)).await;
    let gateway = aws.gateway(&Region::from(REGION));
    gateway.stages(&api()).await.unwrap();
    gateway.delete_stage(&api(), &StageName::from("prod"), permit()).await.unwrap_err();
    let late = {
        let clock = clock();
        let permit = Leadership::for_tests(clock.clone(), TIMEOUT, Duration::from_secs(11)).permit().unwrap();
        clock.advance(Duration::from_secs(1));
        permit
    };
    gateway.delete_stage(&api(), &StageName::from("prod"), late).await.unwrap_err();
    let expected = [
        (Operation::GetStages, Ok(())),
        (Operation::DeleteStage, Err("transient")),
        (Operation::DeleteStage, Err("transient")),
    ];
    assert_eq!(*calls.lock().unwrap(), expected);
}
