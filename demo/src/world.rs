//! The world of the demo: a control plane, the simulator and the operator as processes, and a terminal to work with them.

mod api_gateway;
mod ending;
mod terminal;

use std::{
    ffi::OsString,
    fmt::{Debug, Display},
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use testbed::{ControlPlane, HttpClient, Options};
use tokio::time::{Instant, interval};

use crate::{failure::Failure, gateway::Gateway, screen::Screen};

const SIMULATOR: &str = "apigateway-simulator";
const OPERATOR: &str = "stagecraft";

/// Region of the simulated account.
pub(crate) const REGION: &str = "eu-west-1";

/// The first REST API of this seed has the id that the files in `examples/` name.
const SEED: &str = "42";

/// So that a change behind the operator's back is seen while somebody watches; ten minutes where it is not said.
pub(crate) const DRIFT_INTERVAL: &str = "2s";

/// Between two looks at what is waited for.
const TICK: Duration = Duration::from_millis(50);

/// Seconds at most on an idle machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// Everything that runs, and the screen that tells of it. Dropping it ends the processes and removes their data.
pub(crate) struct World {
    pub(crate) screen: Screen,
    http: HttpClient,
    control_plane: Option<ControlPlane>,
    gateway: Option<Gateway>,
    /// Ids of AWS that later acts come back to.
    pub(crate) ids: Ids,
}

/// What the acts have learnt.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) rest_api: String,
    pub(crate) orders_resource: String,
    pub(crate) first_deployment: String,
    pub(crate) second_deployment: String,
    /// What serves in the second act, before a release and after its promotion.
    pub(crate) stable_deployment: String,
}

impl World {
    /// Checks that what is to run is there; starts nothing.
    pub(crate) fn new(screen: Screen) -> Result<Self, Failure> {
        for program in [SIMULATOR, OPERATOR] {
            program_beside_us(program)?;
        }
        Ok(Self { screen, http: HttpClient::new(), control_plane: None, gateway: None, ids: Ids::default() })
    }

    pub(crate) fn control_plane(&self) -> Result<&ControlPlane, Failure> {
        self.control_plane.as_ref().ok_or_else(|| Failure::Died("the control plane was not started".to_owned()))
    }

    /// API Gateway, as anybody may ask it.
    pub(crate) fn gateway(&self) -> Result<&Gateway, Failure> {
        self.gateway.as_ref().ok_or_else(|| Failure::Died("the simulator was not started".to_owned()))
    }

    pub(crate) async fn start_control_plane(&mut self) -> Result<(), Failure> {
        self.control_plane = Some(ControlPlane::start(Options::default()).await?);
        Ok(())
    }

    pub(crate) async fn start_simulator(&mut self) -> Result<(), Failure> {
        let arguments = ["--listen", "127.0.0.1:0", "--region", REGION, "--seed", SEED];
        self.start_program(SIMULATOR, &arguments, &[])?;
        let address = self.address_in_log(SIMULATOR, "listens at http://").await?;
        self.gateway = Some(Gateway::at(address, REGION, self.http.clone()));
        Ok(())
    }

    /// Starts the operator and waits until it leads. Nobody but it gets the credentials, and they open nothing.
    pub(crate) async fn start_operator(&mut self) -> Result<(), Failure> {
        let endpoint = self.gateway()?.url();
        let arguments = [
            ["run", "--listen", "127.0.0.1:0"].as_slice(),
            &["--region", REGION, "--aws-endpoint-url", &endpoint],
            &["--cluster-id", "demo", "--drift-interval", DRIFT_INTERVAL],
        ]
        .concat();
        let environment = [
            ("KUBECONFIG", self.control_plane()?.kubeconfig().as_os_str().to_owned()),
            ("AWS_ACCESS_KEY_ID", "OPERATOR".into()),
            ("AWS_SECRET_ACCESS_KEY", "of-a-simulated-account".into()),
        ];
        self.start_program(OPERATOR, &arguments, &environment)?;
        let address = self.address_in_log(OPERATOR, "address=").await?;
        let ready = format!("http://{address}/readyz");
        let leads = || async {
            let (status, said) = self.http.get(&ready).await?;
            Ok((status == 200 && said.trim() == "leading").then_some(()))
        };
        self.until("the operator's first lead", leads).await
    }

    fn start_program(
        &mut self,
        name: &'static str,
        arguments: &[&str],
        environment: &[(&str, OsString)],
    ) -> Result<(), Failure> {
        self.screen.command(&format!("{name} {} &", arguments.join(" ")))?;
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.control_plane()?.start_program(name, &program_beside_us(name)?, &arguments, environment)?;
        Ok(())
    }

    /// The address that a program says in its log after `words`: its port is the kernel's choice.
    async fn address_in_log(&self, name: &str, words: &str) -> Result<SocketAddr, Failure> {
        let log = self.log_of(name)?;
        let look = || async {
            let text = fs::read_to_string(&log)?;
            // A line is read when it is whole.
            let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            Ok(lines.find_map(|line| line.split_once(words)?.1.split_whitespace().next()?.parse().ok()))
        };
        self.until(&format!("the address of {name}"), look).await
    }

    fn log_of(&self, name: &str) -> Result<PathBuf, Failure> {
        Ok(self.control_plane()?.folder().join(format!("{name}.log")))
    }

    /// Looks again and again until there is something to see. A program of the world that died ends the wait.
    pub(crate) async fn until<T, F, L>(&self, what: &str, look: F) -> Result<T, Failure>
    where
        F: Fn() -> L,
        L: Future<Output = Result<Option<T>, Failure>>,
    {
        let started = Instant::now();
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            self.all_alive()?;
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            if started.elapsed() > DEADLINE {
                return Err(Failure::TooLate { what: what.to_owned(), waited: DEADLINE });
            }
        }
    }

    /// Whether every program of the world still runs.
    pub(crate) fn all_alive(&self) -> Result<(), Failure> {
        self.control_plane()?.obituary().map_or(Ok(()), |obituary| Err(Failure::Died(obituary)))
    }

    /// Checks an expectation: shows it with a tick, or ends the demo.
    pub(crate) fn check(&mut self, what: &str, held: bool, found: impl Display) -> Result<(), Failure> {
        if held {
            self.screen.tick(what)?;
            return Ok(());
        }
        Err(Failure::Expectation { what: what.to_owned(), found: found.to_string() })
    }

    /// As [`Self::check`], of two values that must be equal.
    pub(crate) fn check_equal<T, U>(&mut self, what: &str, found: &T, expected: &U) -> Result<(), Failure>
    where
        T: Debug + PartialEq<U>,
        U: Debug,
    {
        self.check(what, found == expected, format_args!("{found:?}, not {expected:?}"))
    }
}

/// One of our programs: Cargo puts them beside this one.
fn program_beside_us(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(Failure::NotBuilt(path)) }
}
