use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// What the last query carried: its form, and its token.
type Asked = Arc<Mutex<Option<(Vec<(String, String)>, Option<String>)>>>;

type Reply = Arc<dyn Fn() -> Response + Send + Sync>;

async fn take(State((asked, reply)): State<(Asked, Reply)>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form_urlencoded::parse(&body).into_owned().collect();
    let token = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    *asked.lock().unwrap() = Some((form, token));
    reply()
}

/// A Prometheus on this machine that gives one answer to everything.
struct Server {
    url: String,
    asked: Asked,
    _serving: JoinSet<()>,
}

impl Server {
    async fn new(reply: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/prefix", listener.local_addr().unwrap());
        let asked = Asked::default();
        let reply: Reply = Arc::new(reply);
        let app = Router::new().route("/prefix/api/v1/query", post(take)).with_state((Arc::clone(&asked), reply));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, _serving: server }
    }

    async fn query(&self, token: Option<PathBuf>) -> Reading {
        prometheus(&self.url, token).query("main", "sum(rate(failed[5m])) > 1 & x", at()).await
    }
}

fn prometheus(url: &str, bearer_token_file: Option<PathBuf>) -> Prometheus {
    let provider = ProviderConfig { name: "main".to_owned(), url: url.to_owned(), bearer_token_file, ca_file: None };
    Prometheus::new(Config { prometheus: vec![provider] }).unwrap()
}

fn at() -> Timestamp {
    "2026-11-22T09:00:00.250Z".parse().unwrap()
}

fn missing(reading: Reading) -> String {
    match reading {
        Reading::Missing(why) => why,
        other @ (Reading::Scalar(_) | Reading::Series { .. } | Reading::Alarm(_) | Reading::Names(_)) => {
            panic!("{other:?}")
        }
    }
}

const FIVE: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1763802000.25,"5"]}}"#;

#[tokio::test]
async fn a_query_goes_out_whole_and_its_number_comes_back() {
    let server = Server::new(|| FIVE.into_response()).await;
    assert_eq!(server.query(None).await, Reading::Scalar(5.0));
    let (form, token) = server.asked.lock().unwrap().clone().unwrap();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let query = pair("query", "sum(rate(failed[5m])) > 1 & x");
    assert_eq!(form, [query, pair("time", "1795338000.250"), pair("timeout", "10s")]);
    assert_eq!(token, None);
}

#[tokio::test]
async fn a_token_is_read_for_each_query_and_never_told() {
    let folder = std::env::temp_dir().join(format!("stagecraft-token-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("token");
    let server = Server::new(|| FIVE.into_response()).await;
    let prometheus = prometheus(&server.url, Some(file.clone()));
    let said = missing(prometheus.query("main", "up", at()).await);
    let expected = format!(
        "Prometheus main could not be asked: its token in {} cannot be used (entity not found)",
        file.display()
    );
    assert_eq!(said, expected);
    for token in ["s3cret-1", "s3cret-2"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        assert_eq!(prometheus.query("main", "up", at()).await, Reading::Scalar(5.0));
        let (_, sent) = server.asked.lock().unwrap().clone().unwrap();
        assert_eq!(sent, Some(format!("Bearer {token}")));
    }
    std::fs::write(&file, "s3cret\r\nX-Evil: 1").unwrap();
    let said = missing(prometheus.query("main", "up", at()).await);
    assert!(said.ends_with("cannot be used (it holds more than one line)") && !said.contains("s3cret"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn ten_megabytes_are_not_read_and_no_value() {
    let body = Bytes::from(format!("{}{FIVE}", " ".repeat(10 * 1024 * 1024)));
    let server = Server::new(move || body.clone().into_response()).await;
    assert_eq!(missing(server.query(None).await), "Prometheus main answered more than 1 MiB: ask for one number");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_value() {
    let server = Server::new(|| {
        let parts = [Ok(Bytes::from_static(FIVE.as_bytes())), Err(std::io::Error::other("gone"))];
        axum::body::Body::from_stream(futures::stream::iter(parts)).into_response()
    })
    .await;
    let said = missing(server.query(None).await);
    assert!(said.starts_with("Prometheus main could not be asked: the answer broke off ("), "{said}");
}

#[tokio::test]
async fn nobody_there_is_no_value() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let said = missing(prometheus(&url, None).query("main", "up", at()).await);
    assert!(said.starts_with("Prometheus main could not be asked: no connection could be made ("), "{said}");
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answers_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let said = missing(prometheus(&url, None).query("main", "up", at()).await);
    assert_eq!(said, "Prometheus main could not be asked: it did not answer within 10s");
}

#[tokio::test]
async fn one_that_nobody_configured_is_no_value() {
    let said = missing(prometheus("http://127.0.0.1:1", None).query("other", "up", at()).await);
    assert_eq!(said, "the operator's configuration names no Prometheus other (it names main)");
    let said = missing(Prometheus::default().query("main", "up", at()).await);
    assert_eq!(said, "the operator's configuration names no Prometheus main (it names none)");
}
