//! Rows through boto3: a Python process that takes requests line by line.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::{ClientError, Python, PythonError};
use crate::exchange::{Body, Outcome, Reply, Request, Target};

/// The process's program: it finds the operation of a request in botocore's own model.
const PROGRAM: &str = include_str!("../../play.py");

/// A Python process; it ends with this value.
#[derive(Debug)]
pub struct Boto3 {
    endpoint: String,
    region: String,
    pipes: Mutex<Pipes>,
    _process: Child,
}

#[derive(Debug)]
struct Pipes {
    requests: ChildStdin,
    replies: Lines<BufReader<ChildStdout>>,
}

/// A line from the process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Line {
    Reply { status: u16, headers: BTreeMap<String, String>, body: Option<Value> },
    Refusal { status: u16, headers: BTreeMap<String, String>, code: String, text: String },
    Inexpressible(String),
    Failed(String),
    Unreadable(String),
}

impl Boto3 {
    /// Starts a process that plays against `endpoint`.
    ///
    /// # Errors
    ///
    /// [`PythonError::Start`] where the interpreter does not start.
    pub fn start(python: &Python, endpoint: &str, region: &str) -> Result<Self, PythonError> {
        let mut process = Command::new(python.interpreter())
            .args(["-I", "-c", PROGRAM])
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            // Nobody's own settings play along.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(PythonError::Start)?;
        let broken = || PythonError::Start(std::io::Error::other("the process has no pipes"));
        let requests = process.stdin.take().ok_or_else(broken)?;
        let replies = BufReader::new(process.stdout.take().ok_or_else(broken)?).lines();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            pipes: Mutex::new(Pipes { requests, replies }),
            _process: process,
        })
    }

    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, ClientError> {
        if !request.headers.is_empty() {
            return Err(ClientError::Inexpressible("headers of one request".to_owned()));
        }
        let body = match &request.body {
            Body::None => Value::Null,
            Body::Json(body) => body.clone(),
            Body::Text(_) => return Err(ClientError::Inexpressible("a body that is no JSON of its own".to_owned())),
        };
        let mut line = match &request.target {
            Target::Rest { method, path, query } => {
                json!({"service": "apigateway", "method": method, "path": path, "query": query, "body": body})
            }
            Target::Operation { service, name } => json!({"service": service.name(), "operation": name, "body": body}),
        };
        if let Some(members) = line.as_object_mut() {
            members.insert("endpoint".to_owned(), json!(self.endpoint));
            members.insert("region".to_owned(), json!(self.region));
        }
        match self.ask(&line).await? {
            Line::Reply { status, headers, body } => Ok(Reply { status, headers, outcome: Outcome::Success(body) }),
            Line::Refusal { status, headers, code, text } => {
                Ok(Reply { status, headers, outcome: Outcome::Refusal { code, text, members: None } })
            }
            Line::Inexpressible(why) => Err(ClientError::Inexpressible(why)),
            Line::Failed(why) => Err(ClientError::Failed(why)),
            Line::Unreadable(why) => Err(ClientError::Unreadable(why)),
        }
    }

    async fn ask(&self, line: &Value) -> Result<Line, ClientError> {
        let failed = |error: std::io::Error| ClientError::Failed(format!("the Python process: {error}"));
        let mut pipes = self.pipes.lock().await;
        pipes.requests.write_all(format!("{line}\n").as_bytes()).await.map_err(failed)?;
        pipes.requests.flush().await.map_err(failed)?;
        let answer = pipes.replies.next_line().await.map_err(failed)?;
        let answer = answer.ok_or_else(|| ClientError::Failed("the Python process ended; see above".to_owned()))?;
        serde_json::from_str(&answer).map_err(|error| ClientError::Unreadable(format!("{error}: {answer}")))
    }
}
