//! What a network, a proxy and a service in trouble do to a call, and what is made of it.

use serde_json::json;
use stagecraft_core::api::names::StageName;
use stagecraft_core::cause::Cause;
use stagecraft_core::patch::PatchOperation;

use super::wire::{Answer, Wire};
use super::*;

/// A write to a server that gives this one answer.
async fn write_to(answer: Answer) -> (Error, Wire) {
    let wire = Wire::answering([answer]).await;
    let gateway = gateway(wire.url()).await;
    let operations = [PatchOperation::replace("/variables/PASSWORD", "hunter2")];
    let error = gateway.update_stage(&api(), &StageName::from("prod"), &operations, permit()).await.unwrap_err();
    (error, wire)
}

fn error(cause: Cause, code: Option<&str>, message: Option<&str>, status: Option<u16>) -> Error {
    Error {
        operation: Operation::UpdateStage,
        cause,
        code: code.map(str::to_owned),
        message: message.map(str::to_owned),
        status,
    }
}

/// An answer with this head, `\n` for line ends, and this body.
fn raw(head: &str, body: &str) -> Answer {
    Answer::Raw(format!("{}\r\nconnection: close\r\n\r\n{body}", head.replace('\n', "\r\n")))
}

#[tokio::test]
async fn a_refusal_keeps_its_code_its_text_and_its_status() {
    let head = "HTTP/1.1 400 x\nx-amzn-errortype: BadRequestException:http://internal.amazon.com/";
    let body = json!({"message": "Deployment id does not exist"}).to_string();
    let (seen, wire) = write_to(raw(&format!("{head}\ncontent-length: {}", body.len()), &body)).await;
    let expected =
        error(Cause::DeploymentNotFound, Some("BadRequestException"), Some("Deployment id does not exist"), Some(400));
    assert_eq!(seen, expected);
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn a_throttle_says_how_long_and_is_not_tried_again_by_the_sdk() {
    let head = "HTTP/1.1 429 x\nx-amzn-errortype: TooManyRequestsException\nretry-after: 7\ncontent-length: 31";
    let (seen, wire) = write_to(raw(head, r#"{"message":"Too Many Requests"}"#)).await;
    let retry_after = Some(Duration::from_secs(7));
    let expected =
        error(Cause::Throttled { retry_after }, Some("TooManyRequestsException"), Some("Too Many Requests"), Some(429));
    assert_eq!(seen, expected);
    assert_eq!(wire.requests().len(), 1, "our queue retries, nothing else does");
}

#[tokio::test]
async fn a_service_in_trouble_is_not_tried_again_by_the_sdk() {
    let (seen, wire) = write_to(raw("HTTP/1.1 503 x\ncontent-length: 15", "<html>no</html>")).await;
    assert_eq!(seen, error(Cause::ServiceFailed, None, None, Some(503)));
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_absence() {
    let (seen, _wire) = write_to(raw("HTTP/1.1 404 x\ncontent-length: 15", "<html>no</html>")).await;
    assert_eq!(seen.cause, Cause::ServiceFailed);
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_is_a_lost_reply() {
    let cut_off = r#"{"stageName":"prod","deploymentId":"d"#;
    let cases = [
        ("the connection ends without an answer", Answer::HangUp, None),
        ("it ends in the head", Answer::Raw("HTTP/1.1 200 OK\r\ncontent-le".to_owned()), None),
        ("it ends in the body", raw("HTTP/1.1 200 OK\ncontent-length: 4000", cut_off), Some(200)),
        ("a body without a length ends early", raw("HTTP/1.1 200 OK", cut_off), Some(200)),
        ("a refusal ends in the body", raw("HTTP/1.1 400 x\ncontent-length: 4000", cut_off), Some(400)),
        ("it is not JSON", raw("HTTP/1.1 200 OK\ncontent-length: 13", "<html></html>"), Some(200)),
        (
            "a member has another type",
            Answer::Json(200, json!({"stageName": "prod", "tracingEnabled": "yes"})),
            Some(200),
        ),
        ("it lacks what AWS always sends", Answer::Json(200, json!({})), None),
    ];
    for (reason, answer, status) in cases {
        let (seen, wire) = write_to(answer).await;
        assert_eq!((seen.cause, seen.status), (Cause::LostReply, status), "{reason}");
        assert_eq!(wire.requests().len(), 1, "{reason}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_a_lost_reply() {
    let wire = Wire::answering([Answer::Silence]).await;
    let options = Options { timeout: Duration::from_millis(200), ..options(wire.url()) };
    let gateway = aws(options).await.gateway(&Region::from(REGION));
    let seen = within(gateway.create_deployment(&api(), "x", permit())).await.unwrap_err();
    let expected = Error::unanswered(Operation::CreateDeployment, Cause::LostReply, "no answer in time");
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_connection_that_is_refused_sent_nothing() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let seen = gateway(nobody).await.create_deployment(&api(), "x", permit()).await.unwrap_err();
    assert_eq!((seen.cause.clone(), seen.status), (Cause::NotSent, None));
    assert!(seen.to_string().starts_with("CreateDeployment was not sent: no connection: Connection refused"), "{seen}");
}

#[tokio::test]
async fn a_connection_that_does_not_come_to_stand_sent_nothing() {
    // The handshake of TLS is part of the connection: no request leaves before it.
    let wire = Wire::answering([Answer::Deaf]).await;
    let options = Options {
        connect_timeout: Duration::from_millis(200),
        timeout: Duration::from_secs(2),
        ..options(wire.https_url())
    };
    let gateway = aws(options).await.gateway(&Region::from(REGION));
    let seen = gateway.create_deployment(&api(), "x", permit()).await.unwrap_err();
    assert_eq!(seen.cause, Cause::NotSent, "{seen}");
}

#[tokio::test]
async fn what_aws_echoes_of_a_variable_does_not_get_out() {
    let text = "Invalid stage variable value: hunter2.  Please use values with alphanumeric characters.";
    let body = json!({ "message": text }).to_string();
    let head = format!("HTTP/1.1 400 x\nx-amzn-errortype: BadRequestException\ncontent-length: {}", body.len());
    let (seen, _wire) = write_to(raw(&head, &body)).await;
    assert_eq!(
        seen.to_string(),
        "UpdateStage was refused: Invalid stage variable value of PASSWORD. Please use values with alphanumeric characters."
    );
    assert!(!format!("{seen:?}").contains("hunter2"));
}
