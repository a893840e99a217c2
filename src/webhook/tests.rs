use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use stagecraft_core::api::canary::Moment;
use stagecraft_core::api::names::ReleaseId;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// A gate on this machine that answers as it is told and keeps what it was sent.
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Bytes>>>,
    _serving: JoinSet<()>,
}

type Reply = Arc<dyn Fn(usize) -> Response + Send + Sync>;

#[derive(Clone)]
struct Told {
    got: Arc<Mutex<Vec<Bytes>>>,
    reply: Reply,
}

async fn take(State(told): State<Told>, body: Bytes) -> Response {
    let nth = {
        let mut got = told.got.lock().unwrap();
        got.push(body);
        got.len()
    };
    (told.reply)(nth)
}

impl Receiver {
    /// Answers the nth request, from 1, with `reply(n)`.
    async fn new(reply: impl Fn(usize) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::default());
        let told = Told { got: Arc::clone(&got), reply: Arc::new(reply) };
        let app = Router::new().route("/release", post(take)).with_state(told);
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, got, _serving: server }
    }

    async fn saying(status: u16, body: &'static str) -> Self {
        Self::new(move |_| (StatusCode::from_u16(status).unwrap(), body).into_response()).await
    }

    fn asked(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    fn webhook(&self) -> Webhook {
        webhook(&format!("http://{}/release?token=s3cret", self.address))
    }

    fn webhooks(&self) -> Webhooks {
        webhooks(&self.address.to_string(), true)
    }
}

fn webhook(url: &str) -> Webhook {
    Webhook {
        name: "gate".to_owned(),
        url: url.to_owned(),
        when: BTreeSet::from([Moment::BeforeRelease]),
        timeout: Duration::from_secs(20),
        retries: 2,
    }
}

fn webhooks(allowed: &str, allow_http: bool) -> Webhooks {
    Webhooks::new(Rules { allowed_hosts: vec![allowed.parse().unwrap()], allow_http }).unwrap()
}

fn payload() -> Payload {
    let name = |name: &str| ObjectName { namespace: "shop".to_owned(), name: name.to_owned() };
    Payload {
        moment: Moment::BeforeRelease,
        delivery: "r2.7/BeforeRelease".to_owned(),
        webhook: "gate".to_owned(),
        api_canary: name("orders"),
        api_stage: name("orders-prod"),
        stage: StageFacts {
            account_id: None,
            region: "eu-west-1".into(),
            rest_api_id: "a1b2c3".into(),
            stage_name: "prod".into(),
        },
        release: ReleaseFacts {
            id: ReleaseId::from("r2.7"),
            revision: Some("r2".into()),
            deployment_id: Some("dep-2".into()),
            variables_hash: "e3b0c44298fc1c14".to_owned(),
            stable: None,
            started_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        },
        step: None,
        changes: None,
        reason: None,
    }
}

/// The sentence of a gate that is closed.
fn sentence(gate: Gate) -> String {
    match gate {
        Gate::Closed(sentence) => sentence,
        Gate::Open => panic!("it opened"),
    }
}

#[tokio::test]
async fn a_2xx_opens_and_the_payload_arrives() {
    let receiver = Receiver::saying(204, "").await;
    assert_eq!(receiver.webhooks().call(&receiver.webhook(), &payload()).await, Gate::Open);
    let got = receiver.got.lock().unwrap().clone();
    let [body] = got.as_slice() else { panic!("asked {} times", got.len()) };
    assert_eq!(serde_json::from_slice::<Payload>(body).unwrap(), payload());
}

#[tokio::test]
async fn any_other_answer_keeps_it_closed_and_says_why() {
    let long = "x".repeat(300);
    let cases = [
        (403, "", 1, "Webhook gate answered 403 Forbidden."),
        (
            403,
            r#"{"message": "deploy freeze\nuntil Monday."}"#,
            1,
            "Webhook gate answered 403 Forbidden: deploy freeze until Monday.",
        ),
        (403, "<html>token=s3cret</html>", 1, "Webhook gate answered 403 Forbidden."),
        (403, r#"{"message": 7}"#, 1, "Webhook gate answered 403 Forbidden."),
        (409, r#"{"message": " "}"#, 1, "Webhook gate answered 409 Conflict."),
        (302, "", 1, "Webhook gate answered 302 Found, and redirects are not followed: set its url to where it leads."),
        (500, "", 3, "Webhook gate answered 500 Internal Server Error."),
        (429, "", 3, "Webhook gate answered 429 Too Many Requests."),
    ];
    for (status, body, asked, expected) in cases {
        let receiver = Receiver::saying(status, body).await;
        assert_eq!(sentence(receiver.webhooks().call(&receiver.webhook(), &payload()).await), expected);
        assert_eq!(receiver.asked(), asked, "{status}: what will not change is not asked again");
    }
    let receiver =
        Receiver::new(move |_| (StatusCode::FORBIDDEN, format!(r#"{{"message": "{long}"}}"#)).into_response()).await;
    let said = sentence(receiver.webhooks().call(&receiver.webhook(), &payload()).await);
    assert_eq!(said, format!("Webhook gate answered 403 Forbidden: {}….", "x".repeat(200)));
}

#[tokio::test]
async fn a_retry_may_open_it() {
    let receiver =
        Receiver::new(|nth| if nth < 3 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }.into_response())
            .await;
    assert_eq!(receiver.webhooks().call(&receiver.webhook(), &payload()).await, Gate::Open);
    assert_eq!(receiver.asked(), 3);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = Receiver::saying(200, "").await;
    let location = format!("http://{}/release", elsewhere.address);
    let receiver = Receiver::new(move |_| {
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location.clone())], "").into_response()
    })
    .await;
    assert!(matches!(receiver.webhooks().call(&receiver.webhook(), &payload()).await, Gate::Closed(_)));
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn whoever_is_not_allowed_is_not_called() {
    let receiver = Receiver::saying(200, "").await;
    let (url, port) = (receiver.webhook().url, receiver.address.port());
    let not_allowed = format!(
        "Webhook gate may not be called: add 127.0.0.1:{port} to the operator's --webhook-allowed-hosts, or change its url."
    );
    let cases = [
        (webhooks("127.0.0.1", true), url.clone(), not_allowed.as_str()),
        (webhooks("gate.example.com", true), url.clone(), not_allowed.as_str()),
        (
            receiver_without_http(&receiver),
            url,
            "Webhook gate has an http address, and the operator allows https only: use https, or start the operator with --webhook-allow-http.",
        ),
        (
            webhooks("gate.example.com", false),
            "https://gate.example.com@127.0.0.1/x".to_owned(),
            "Webhook gate has a url that cannot be called: write an https address with a host.",
        ),
        (
            webhooks("gate.example.com", false),
            "ftp://gate.example.com".to_owned(),
            "Webhook gate has a url that cannot be called: write an https address with a host.",
        ),
        (
            webhooks("gate.example.com", false),
            "https://other.example.com/x?token=s3cret".to_owned(),
            "Webhook gate may not be called: add other.example.com to the operator's --webhook-allowed-hosts, or change its url.",
        ),
    ];
    for (webhooks, url, expected) in cases {
        assert_eq!(sentence(webhooks.call(&webhook(&url), &payload()).await), expected, "{url}");
    }
    let nobody = Webhooks::new(Rules::default()).unwrap();
    assert!(
        matches!(nobody.call(&receiver.webhook(), &payload()).await, Gate::Closed(_)),
        "none is allowed by default"
    );
    assert_eq!(receiver.asked(), 0, "nobody was called");
}

fn receiver_without_http(receiver: &Receiver) -> Webhooks {
    webhooks(&receiver.address.to_string(), false)
}

#[tokio::test]
async fn whoever_does_not_answer_holds() {
    // It takes connections and never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut webhook = webhook(&format!("http://{address}/release?token=s3cret"));
    webhook.timeout = Duration::from_millis(50);
    let said = sentence(webhooks(&address.to_string(), true).call(&webhook, &payload()).await);
    assert_eq!(said, "Webhook gate could not be asked: it did not answer within 50ms.");
    drop(silent);
    webhook.timeout = Duration::from_secs(20);
    let said = sentence(webhooks(&address.to_string(), true).call(&webhook, &payload()).await);
    assert!(said.starts_with("Webhook gate could not be asked: no connection could be made ("), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("/release"), "{said}");
}

#[tokio::test]
async fn an_endless_answer_is_read_no_further_than_the_limit() {
    let endless = || {
        let chunk = Bytes::from(vec![b' '; 16 * 1024]);
        let stream = futures::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
        axum::body::Body::from_stream(stream)
    };
    let open = Receiver::new(move |_| Response::new(endless())).await;
    assert_eq!(open.webhooks().call(&open.webhook(), &payload()).await, Gate::Open, "the status says it all");
    let closed = Receiver::new(move |_| (StatusCode::FORBIDDEN, endless()).into_response()).await;
    assert_eq!(
        sentence(closed.webhooks().call(&closed.webhook(), &payload()).await),
        "Webhook gate answered 403 Forbidden."
    );
}
