//! The operator's program as a process, looked at from outside.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testbed::HttpClient;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use crate::failure::Failure;
use crate::usage::Usage;
use crate::world::{REGION, World};

/// From the start to the first lead: a second on an idle machine; the end of a former one has given the lease back.
const START: Duration = Duration::from_mins(1);

/// What Kubernetes gives a pod by default.
const END: Duration = Duration::from_secs(30);

/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(50);

/// Lines of a log that a failure shows.
const LOG_LINES: usize = 30;

/// Whether an operator keeps to its share of AWS's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// As it comes: 5 calls a second, 20 at once.
    Default,
    /// As fast as it can: what is measured is the operator, or what is made is only the beginning of a measurement.
    Unlimited,
}

/// A running operator. Killed when dropped; one whose bench is killed ends when it cannot renew its lease.
#[derive(Debug)]
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
    http: HttpClient,
    pub(crate) usage: Usage,
}

impl Operator {
    /// Starts it and waits until it leads and has read all objects.
    pub(crate) async fn start(world: &World<'_>, share: Share, flags: &[&str]) -> Result<Self, Failure> {
        let log = world.plane.folder().join(format!("operator-{}.log", world.count_operators()));
        let file = File::create(&log)?;
        let program = &world.programs.operator;
        let child = Command::new(program)
            .args(["run", "--region", REGION, "--cluster-id", "bench", "--listen", "127.0.0.1:0"])
            .args(["--lease-namespace", "default", "--aws-endpoint-url", &world.aws.url()])
            .args((share == Share::Unlimited).then_some("--aws-unlimited"))
            .args(flags)
            .args(&world.programs.operator_flags)
            .env_clear()
            .env("KUBECONFIG", world.plane.kubeconfig())
            .env("AWS_ACCESS_KEY_ID", "OPERATOR")
            .env("AWS_SECRET_ACCESS_KEY", "of-a-simulated-account")
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Failure::Program { program: program.clone(), source })?;
        let usage = Usage::of(child.id().unwrap_or_default());
        let mut operator = Self { child, log, http: world.http.clone(), usage };
        operator.until_it_leads().await?;
        Ok(operator)
    }

    /// An error where it has ended.
    pub(crate) fn must_live(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.obituary(format!("the operator ended by itself ({status})"))),
        }
    }

    /// Asks it to end, as Kubernetes does: it finishes what is under way and gives the lease back.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.must_live()?;
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Err(self.obituary("the operator has no process id".to_owned())) };
        kill_process(pid, Signal::TERM).map_err(std::io::Error::from)?;
        match timeout(END, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => Err(self.obituary(format!("the operator did not end well ({status:?})"))),
            Err(_elapsed) => Err(self.obituary(format!("the operator did not end within {END:?}"))),
        }
    }

    async fn until_it_leads(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + START;
        let mut ticks = interval(TICK);
        loop {
            ticks.tick().await;
            self.must_live()?;
            if let Some(address) = self.address()
                && self.leads(address).await
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.obituary(format!("the operator did not lead within {START:?}")));
            }
        }
    }

    /// Where it listens: it says so in its log, since its port is the kernel's choice.
    fn address(&self) -> Option<SocketAddr> {
        let text = fs::read_to_string(&self.log).ok()?;
        // A line is read when it is whole.
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.find_map(|line| line.split_once("address=")?.1.split_whitespace().next()?.parse().ok())
    }

    async fn leads(&self, address: SocketAddr) -> bool {
        let answer = self.http.get(&format!("http://{address}/readyz")).await;
        answer.is_ok_and(|(status, said)| status == 200 && said.trim() == "leading")
    }

    fn obituary(&self, what: String) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let log = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n");
        Failure::Operator { what, log }
    }
}
