//! The client: a few connections, each with one request under way, as raw HTTP/1.1.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Requests under way at any time: enough that the server never waits for its client.
const CONNECTIONS: usize = 8;
/// How long one answer may take before the bench fails.
const PATIENCE: Duration = Duration::from_secs(10);
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDBENCH/20260101/eu-west-1/apigateway/aws4_request, \
    SignedHeaders=host, Signature=0000000000000000000000000000000000000000000000000000000000000000";

/// An answer to one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Vec<u8>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// A connection that is kept alive.
#[derive(Debug)]
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends one signed request and reads its answer.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\nauthorization: {AUTHORIZATION}\
             \r\nx-simulator-caller: bench\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        self.receive()
    }

    /// Reads one answer to its end and not a byte further: only one request is ever under way.
    fn receive(&mut self) -> io::Result<Answer> {
        let mut received = Vec::with_capacity(1024);
        let mut chunk = [0; 4096];
        loop {
            if let Some((head, body)) = split(&received) {
                let (status, length) =
                    head_of(head).ok_or_else(|| io::Error::other("an answer's head cannot be read"))?;
                if body.len() >= length {
                    return Ok(Answer { status, body: body.to_vec() });
                }
            }
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            received.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
    }

    /// Sends a request that must succeed with this status; gives its answer's body.
    fn expect(&mut self, status: u16, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, path, &body)?;
        if answer.status != status {
            return Err(io::Error::other(format!("{method} {path} was answered {answer}")));
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// Head and body so far, once the head is whole.
fn split(received: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((received.get(..end)?, received.get(end.saturating_add(4)..)?))
}

/// Status and body length.
fn head_of(head: &[u8]) -> Option<(u16, usize)> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let lengths = lines.filter_map(|line| line.split_once(':'));
    let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Some((status, lengths.next()?.1.trim().parse().ok()?))
}

/// The stages that a server was given.
#[derive(Debug)]
pub(crate) struct Stages {
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    path: String,
    /// What the right answer contains.
    proof: String,
}

impl Stages {
    /// Creates so many deployable REST APIs with so many stages each. A stage is no empty shell: it has a
    /// description, variables, tags and a canary.
    pub(crate) fn create(address: SocketAddr, rest_apis: usize, stages_each: usize) -> io::Result<Self> {
        let made = in_parallel(|worker| {
            let mut connection = Connection::open(address)?;
            let mut stages = Vec::new();
            for number in (worker..rest_apis).step_by(CONNECTIONS) {
                stages.extend(rest_api(&mut connection, number, stages_each)?);
            }
            Ok(stages)
        })?;
        Ok(Self { stages: made.into_iter().flatten().collect() })
    }

    /// Asks for all stages in turn, over and over; gives the right answers a second after the warm-up. A wrong answer
    /// ends it.
    pub(crate) fn load(&self, address: SocketAddr, warm_up: Duration, counted: Duration) -> io::Result<f64> {
        let begin = Instant::now() + warm_up;
        let end = begin + counted;
        let answers = in_parallel(|worker| {
            let mut connection = Connection::open(address)?;
            let mut answers: u32 = 0;
            for stage in self.stages.iter().skip(worker).step_by(CONNECTIONS).cycle() {
                stage.get(&mut connection)?;
                let now = Instant::now();
                if now >= end {
                    break;
                }
                if now >= begin {
                    answers = answers.saturating_add(1);
                }
            }
            Ok(answers)
        })?;
        Ok(answers.into_iter().map(f64::from).sum::<f64>() / counted.as_secs_f64())
    }
}

impl Stage {
    fn get(&self, connection: &mut Connection) -> io::Result<()> {
        let answer = connection.send("GET", &self.path, "")?;
        let proven = answer.body.windows(self.proof.len()).any(|part| part == self.proof.as_bytes());
        if answer.status == 200 && proven {
            return Ok(());
        }
        Err(io::Error::other(format!("GET {} was answered {answer}", self.path)))
    }
}

/// Creates one REST API with so many stages.
fn rest_api(connection: &mut Connection, number: usize, stages: usize) -> io::Result<Vec<Stage>> {
    let id_of = |body: &Value, member: &str| {
        let id = body.get(member).and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| io::Error::other(format!("an answer has no {member}: {body}")))
    };
    let api = json!({"name": format!("bench-{number}"), "endpointConfiguration": {"types": ["REGIONAL"]}});
    let api = connection.expect(201, "POST", "/restapis", &api)?;
    let (id, root) = (id_of(&api, "id")?, id_of(&api, "rootResourceId")?);
    let method = format!("/restapis/{id}/resources/{root}/methods/GET");
    connection.expect(201, "PUT", &method, &json!({"authorizationType": "NONE"}))?;
    connection.expect(201, "PUT", &format!("{method}/integration"), &json!({"type": "MOCK"}))?;
    let deployments = format!("/restapis/{id}/deployments");
    let mut deploy =
        |revision: &str| id_of(&connection.expect(201, "POST", &deployments, &json!({"description": revision}))?, "id");
    let (stable, canary) = (deploy("r1")?, deploy("r2")?);
    let path = format!("/restapis/{id}/stages");
    let stage = |number: usize| {
        let name = format!("stage-{number}");
        let stage = json!({
            "stageName": name,
            "deploymentId": stable,
            "description": "One of many, each with what a stage usually has",
            "variables": {"backend": format!("https://backend-{number}.example.com/v1"), "table": "orders"},
            "tags": {"team": "shop", "environment": format!("bench-{number}")},
            "canarySettings": {
                "deploymentId": canary, "percentTraffic": 10.0, "stageVariableOverrides": {"table": "orders-next"},
            },
        });
        connection.expect(201, "POST", &path, &stage)?;
        Ok(Stage { path: format!("{path}/{name}"), proof: format!("\"stageName\":\"{name}\"") })
    };
    (0..stages).map(stage).collect()
}

/// What each connection's thread made, or the first error of any.
fn in_parallel<T: Send>(work: impl Fn(usize) -> io::Result<T> + Sync) -> io::Result<Vec<T>> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|worker| scope.spawn(move || work(worker))).collect();
        let joined = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_panic| Err(io::Error::other("a thread of the client panicked")))
        });
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its answer in pieces of a few bytes.
    struct Slow {
        rest: &'static [u8],
        piece: usize,
    }

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.piece.min(self.rest.len());
            let (now, later) = self.rest.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.rest = later;
            Ok(count)
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_is_whole_however_it_arrives() {
        let rest = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\ndate: x\r\n\r\nhello";
        for piece in 1..=rest.len() {
            let answer = Connection { stream: Slow { rest, piece } }.send("GET", "/", "").unwrap();
            assert_eq!(answer, Answer { status: 404, body: b"hello".to_vec() }, "in pieces of {piece} bytes");
        }
    }

    #[test]
    fn half_an_answer_is_an_error() {
        for rest in [&b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"[..], b"HTTP/1.1 200 OK\r\n", b""] {
            let error = Connection { stream: Slow { rest, piece: 64 } }.send("GET", "/", "").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
