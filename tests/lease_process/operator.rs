//! One running `stagecraft run`, seen from outside: its log, its HTTP answers, its end.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

/// How often HTTP is asked while an answer is waited for.
const TICK: Duration = Duration::from_millis(50);

/// A process, killed when dropped.
pub(crate) struct Operator {
    child: Child,
    pid: Pid,
    log: watch::Receiver<Vec<Value>>,
    address: String,
    reader: JoinSet<()>,
}

impl Operator {
    /// Starts the program and waits until it serves.
    pub(crate) async fn start(kubeconfig: &Path, access_key_id: &str, flags: &[String]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stagecraft"))
            .arg("run")
            .args(flags)
            .args(["--listen", "127.0.0.1:0", "--log-format", "json"])
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_ACCESS_KEY_ID", access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", "correcthorse")
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (seen, log) = watch::channel(Vec::new());
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                seen.send_modify(|log: &mut Vec<Value>| log.push(line));
            }
        });
        let mut operator = Self { child, pid, log, address: String::new(), reader };
        let serving = operator.logs("serving health and metrics", Duration::from_secs(20)).await;
        serving["address"].as_str().unwrap().clone_into(&mut operator.address);
        operator
    }

    /// What it calls itself in the lease.
    pub(crate) fn identity(&self) -> String {
        let log = self.log.borrow();
        let line = log.iter().find(|line| line["message"] == "contending for the lease");
        line.unwrap()["identity"].as_str().unwrap().to_owned()
    }

    /// Its whole log, for whoever reads a failure.
    pub(crate) fn tell(&self) -> String {
        self.log.borrow().iter().map(|line| format!("\n    {line}")).collect::<Vec<_>>().concat()
    }

    pub(crate) fn last_line(&self) -> Value {
        self.log.borrow().last().cloned().unwrap_or_default()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub(crate) async fn leads_within(&mut self, limit: Duration) {
        self.logs("leading", limit).await;
    }

    /// Waits for the process and for the end of its log.
    pub(crate) async fn exits_within(&mut self, limit: Duration) -> ExitStatus {
        let Ok(status) = timeout(limit, self.child.wait()).await else { panic!("it runs on: {}", self.tell()) };
        self.reader.join_next().await;
        status.unwrap()
    }

    async fn logs(&mut self, message: &str, limit: Duration) -> Value {
        let said = |log: &[Value]| log.iter().find(|line| line["message"] == message).cloned();
        let Ok(reached) = timeout(limit, self.log.wait_for(|log| said(log).is_some())).await else {
            panic!("it never said {message:?}: {}", self.tell());
        };
        let line = reached.ok().and_then(|log| said(&log));
        line.unwrap_or_else(|| panic!("it ended without saying {message:?}: {}", self.tell()))
    }

    pub(crate) async fn is_ready_as(&self, word: &str, limit: Duration) {
        self.answers("/readyz", limit, |answer| answer == format!("200 {word}")).await;
    }

    pub(crate) async fn is_not_ready_because(&self, reason: &str, limit: Duration) {
        self.answers("/readyz", limit, |answer| answer.starts_with(&format!("503 {reason}"))).await;
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> i64 {
        let text = self.get("/metrics").await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    async fn answers(&self, path: &str, limit: Duration, wanted: impl Fn(&str) -> bool) {
        let until = Instant::now() + limit;
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            let answer = self.get(path).await.unwrap_or_else(|error| error.to_string());
            if wanted(&answer) {
                return;
            }
            assert!(Instant::now() < until, "{path} says {answer:?}: {}", self.tell());
        }
    }

    /// Status and body.
    async fn get(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").unwrap_or_default().1;
        Ok(format!("{status} {}", body.trim_end()))
    }
}
