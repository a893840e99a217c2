//! A server that says exactly what it is told.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A whole answer.
    Json(u16, Value),
    /// These bytes, and the connection ends.
    Raw(String),
    /// The connection ends.
    HangUp,
    /// The connection stays open and nothing comes.
    Silence,
    /// Nothing is read and nothing comes: not even a TLS handshake.
    Deaf,
}

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// `GET /path?query`, as it was on the wire.
    pub(super) line: String,
    /// Its body; `Null` when it had none.
    pub(super) body: Value,
}

/// The server. It takes one connection after the other, and ends with its owner.
pub(super) struct Wire {
    port: u16,
    requests: Arc<Mutex<Vec<(Request, String)>>>,
    _task: JoinSet<()>,
}

impl Wire {
    /// Answers the first request with the first answer and so on; a request too many is cut off.
    pub(super) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        task.spawn(serve(listener, answers.into_iter().collect(), Arc::clone(&requests)));
        Self { port, requests, _task: task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn https_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// All that arrived so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().iter().map(|(request, _)| request.clone()).collect()
    }

    /// The heads of all requests that arrived so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(_, head)| head.clone()).collect()
    }
}

async fn serve(listener: TcpListener, answers: Vec<Answer>, requests: Arc<Mutex<Vec<(Request, String)>>>) {
    let mut open = Vec::new();
    let mut answers = answers.into_iter();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = answers.next().unwrap_or(Answer::HangUp);
        if matches!(answer, Answer::Deaf) {
            open.push(stream);
            continue;
        }
        let received = receive(&mut stream).await;
        requests.lock().unwrap().push(received);
        let bytes = match answer {
            Answer::Json(status, body) => {
                let body = body.to_string();
                let length = body.len();
                format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                     connection: close\r\n\r\n{body}"
                )
            }
            Answer::Raw(bytes) => bytes,
            Answer::HangUp => String::new(),
            Answer::Silence | Answer::Deaf => {
                open.push(stream);
                continue;
            }
        };
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

async fn receive(stream: &mut TcpStream) -> (Request, String) {
    let mut bytes = Vec::new();
    let head = loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "a request that ends before its head does");
        bytes.extend_from_slice(&chunk[..read]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
    };
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    while bytes.len() < length {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "a request that ends before its body does");
        bytes.extend_from_slice(&chunk[..read]);
    }
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| match String::from_utf8(bytes).unwrap() {
        none if none.is_empty() => Value::Null,
        text => Value::String(text),
    });
    (Request { line, body }, head)
}
