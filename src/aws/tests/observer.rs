//! What is told about calls, so that they can be counted.

use std::sync::Mutex;

use serde_json::json;
use stagecraft_core::api::names::StageName;

use super::wire::{Answer, Wire};
use super::*;

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
