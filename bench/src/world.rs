//! What a measurement runs in: a control plane and the simulator, both its own, so that nothing is left of the one before.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kube::Client;
use testbed::{ControlPlane, HttpClient, Options};
use tokio::time::{Instant, interval};

use crate::aws::Aws;
use crate::failure::Failure;

const SIMULATOR: &str = "apigateway-simulator";
const OPERATOR: &str = "stagecraft";

/// Region of the simulated account.
pub(crate) const REGION: &str = "eu-west-1";

/// A second at most on an idle machine.
const START: Duration = Duration::from_mins(1);

/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(50);

/// The programs that are run.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) operator: PathBuf,
    pub(crate) operator_flags: Vec<String>,
    simulator: PathBuf,
}

/// Everything that runs but the operator. Dropping it ends the processes and removes their data.
pub(crate) struct World<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) plane: ControlPlane,
    pub(crate) aws: Aws,
    pub(crate) http: HttpClient,
    operators: AtomicU32,
}

impl Programs {
    /// The programs that were built beside this one, unless another operator is named.
    pub(crate) fn find(operator: Option<PathBuf>, operator_flags: Vec<String>) -> Result<Self, Failure> {
        let here = std::env::current_exe()?;
        let beside_us = |name: &str| {
            let path = here.with_file_name(name);
            if path.is_file() { Ok(path) } else { Err(Failure::NotBuilt(path)) }
        };
        let operator = operator.map_or_else(|| beside_us(OPERATOR), Ok)?;
        Ok(Self { operator, operator_flags, simulator: beside_us(SIMULATOR)? })
    }

    /// The custom resource definitions, as the operator itself prints them.
    fn definitions(&self) -> Result<String, Failure> {
        let failed = |source| Failure::Program { program: self.operator.clone(), source };
        let printed = Command::new(&self.operator).arg("crds").env_clear().stdin(Stdio::null()).output();
        let printed = printed.map_err(failed)?;
        let said = String::from_utf8_lossy(&printed.stderr).into_owned();
        if printed.status.success() {
            return Ok(String::from_utf8_lossy(&printed.stdout).into_owned());
        }
        Err(failed(std::io::Error::other(said)))
    }
}

impl<'a> World<'a> {
    pub(crate) async fn start(programs: &'a Programs) -> Result<Self, Failure> {
        let plane = ControlPlane::start(Options { controllers: false, ..Options::default() }).await?;
        plane.apply_crds(&programs.definitions()?).await?;
        let arguments = ["--listen", "127.0.0.1:0", "--region", REGION].map(str::to_owned);
        let nothing: [(&str, OsString); 0] = [];
        plane.start_program(SIMULATOR, &programs.simulator, &arguments, &nothing)?;
        let http = HttpClient::new();
        let aws = Aws::at(address(&plane).await?, http.clone());
        Ok(Self { programs, plane, aws, http, operators: AtomicU32::new(0) })
    }

    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(self.plane.client()?)
    }

    /// An error where a program of the control plane, or the simulator, has ended.
    pub(crate) fn must_live(&self) -> Result<(), Failure> {
        self.plane.obituary().map_or(Ok(()), |obituary| Err(Failure::Died(obituary)))
    }

    /// A number for the next operator's log.
    pub(crate) fn count_operators(&self) -> u32 {
        self.operators.fetch_add(1, Ordering::Relaxed)
    }
}

/// Where the simulator listens: it says so in its log, since its port is the kernel's choice.
async fn address(plane: &ControlPlane) -> Result<SocketAddr, Failure> {
    let log = plane.folder().join(format!("{SIMULATOR}.log"));
    let deadline = Instant::now() + START;
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
        let text = fs::read_to_string(&log).unwrap_or_default();
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        if let Some(address) = lines.find_map(|line| line.split_once("listens at http://")?.1.trim().parse().ok()) {
            return Ok(address);
        }
        if let Some(obituary) = plane.obituary() {
            return Err(Failure::Died(obituary));
        }
        if Instant::now() > deadline {
            let what = "the start of the simulator".to_owned();
            return Err(Failure::TooLate { what, waited: START, found: text });
        }
    }
}
