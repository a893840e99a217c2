//! A control plane of one's own: started, stopped, paused.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    net::{Ipv4Addr, TcpListener},
    ops::Deref,
    path::{Path, PathBuf},
    sync::Mutex,
};

use rustix::process::Signal;

use crate::{
    Cluster, Error,
    credentials::{kubeconfig, random_hex, service_account_keys, token_line},
    programs::Programs,
    ready::{self, lock},
    supervisor::Supervisor,
};

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLERS: &str = "kube-controller-manager";

/// The user of [`Cluster::client`], in the group `system:masters`.
const ADMIN: &str = "admin";

/// A free port is only free until somebody takes it: between our look and a program's `bind` others may be faster.
/// Nothing else is ever tried twice.
const PORT_ATTEMPTS: usize = 5;

/// Every request once, when it is answered, with who asked for what and without bodies.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
";

/// What a control plane has besides etcd and kube-apiserver.
#[derive(Debug, Clone)]
pub struct Options {
    /// Start kube-controller-manager, with the controllers of namespaces, service accounts, aggregated cluster roles
    /// and garbage collection, where the program is there; [`Cluster::has_controllers`] tells. On by default.
    pub controllers: bool,
    /// Write an audit log at level `Metadata`; [`Cluster::audit_log`] has its path. Off by default.
    pub audit_log: bool,
    /// Users besides the admin, known by a token: [`ControlPlane::token_of`]. They may do nothing until RBAC says so.
    pub users: Vec<User>,
}

/// A user that is known by a token. No comma, quote or line break in the names: they go into a CSV file.
#[derive(Debug, Clone)]
pub struct User {
    /// The name, as RBAC subjects of kind `User` have it.
    pub name: String,
    /// The groups, as RBAC subjects of kind `Group` have them.
    pub groups: Vec<String>,
}

/// A running control plane that belongs to its holder. Everything of [`Cluster`] can be asked of it too.
///
/// Dropping it kills the programs and removes their data, before the drop returns.
pub struct ControlPlane {
    cluster: Cluster,
    users: BTreeMap<String, String>,
    api_server: Invocation,
    supervisor: Mutex<Supervisor>,
}

/// How a program is started, to start it again.
#[derive(Debug)]
struct Invocation {
    program: PathBuf,
    arguments: Vec<String>,
}

/// The ports of one try.
struct Ports {
    etcd_clients: u16,
    etcd_peers: u16,
    api_server: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { controllers: true, audit_log: false, users: Vec::new() }
    }
}

impl ControlPlane {
    /// Starts a control plane and waits until it can be used, the controllers included.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuilt`] where programs are missing, [`Error::User`] where a name cannot be used. An error of a
    /// program carries the end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        options.users.iter().try_for_each(User::check)?;
        let programs = Programs::locate().await?;
        let mut attempt = 1;
        loop {
            match Self::try_start(&programs, &options, &Ports::free()?).await {
                Err(Error::PortTaken { .. }) if attempt < PORT_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_start(programs: &Programs, options: &Options, ports: &Ports) -> Result<Self, Error> {
        let mut supervisor = Supervisor::new()?;
        let admin_token = random_hex::<32>()?;
        let mut tokens = token_line(&admin_token, ADMIN, &["system:masters".to_owned()]);
        let mut users = BTreeMap::new();
        for User { name, groups } in &options.users {
            let token = random_hex::<32>()?;
            tokens.push_str(&token_line(&token, name, groups));
            users.insert(name.clone(), token);
        }
        supervisor.write("tokens.csv", &tokens)?;
        let keys = service_account_keys()?;
        supervisor.write("sa.key", &keys.private)?;
        supervisor.write("sa.pub", &keys.public)?;
        if options.audit_log {
            supervisor.write("audit-policy.yaml", AUDIT_POLICY)?;
        }
        // kube-apiserver signs its own certificate and puts the authority behind it into the same file.
        let certificate = supervisor.folder().join("certs/apiserver.crt");
        let server = format!("https://127.0.0.1:{}", ports.api_server);
        let kubeconfig = kubeconfig(&server, &certificate.to_string_lossy(), ADMIN, &admin_token);
        let kubeconfig = supervisor.write("kubeconfig", &format!("{kubeconfig:#}\n"))?;

        let api_server = Invocation {
            program: programs.kube_apiserver.clone(),
            arguments: api_server_arguments(ports, options.audit_log),
        };
        supervisor.start(ETCD, &programs.etcd, &etcd_arguments(ports))?;
        supervisor.start(API_SERVER, &api_server.program, &api_server.arguments)?;

        let supervisor = Mutex::new(supervisor);
        let cluster = ready::api_server(&supervisor, &kubeconfig, &programs.kubectl).await?;
        if let Some(program) = programs.kube_controller_manager.as_ref().filter(|_| options.controllers) {
            lock(&supervisor).start(CONTROLLERS, program, &controllers_arguments())?;
            ready::controllers(&supervisor, &cluster).await?;
        }
        Ok(Self { cluster, users, api_server, supervisor })
    }

    /// The token of a user of [`Options::users`].
    #[must_use]
    pub fn token_of(&self, user: &str) -> Option<&str> {
        self.users.get(user).map(String::as_str)
    }

    /// Stops the API server in its tracks (SIGSTOP): it answers nobody, connections stay open, and the kernel still
    /// accepts new ones. Give requests a time limit of their own.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] where it does not run.
    pub fn pause_apiserver(&self) -> Result<(), Error> {
        lock(&self.supervisor).signal(API_SERVER, Signal::STOP)
    }

    /// Lets a paused API server go on (SIGCONT). What was asked meanwhile is answered now.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] where it does not run.
    pub fn resume_apiserver(&self) -> Result<(), Error> {
        lock(&self.supervisor).signal(API_SERVER, Signal::CONT)
    }

    /// Kills the API server as a power cut would (SIGKILL): all connections and watches break. etcd goes on. Nothing
    /// happens where it does not run.
    pub fn stop_apiserver(&self) {
        lock(&self.supervisor).kill(API_SERVER);
    }

    /// Starts the API server again, with the same data, port and certificate, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] where it runs already; else as [`Self::start`].
    pub async fn start_apiserver(&self) -> Result<(), Error> {
        {
            let mut supervisor = lock(&self.supervisor);
            if supervisor.runs(API_SERVER) {
                return Err(Error::WrongState { state: "running" });
            }
            supervisor.start(API_SERVER, &self.api_server.program, &self.api_server.arguments)?;
        }
        let kubectl = self.cluster.kubectl_program();
        ready::api_server(&self.supervisor, self.cluster.kubeconfig(), kubectl).await.map(drop)
    }

    /// Starts a program of the caller's beside the control plane, and it ends with it, however that ends. Its log is
    /// `NAME.log` in [`Cluster::folder`]; where it ends by itself, [`Self::obituary`] tells. `environment` is all that it
    /// gets: nothing is inherited, so that nobody's credentials reach it.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::File`]; [`Error::NameTaken`] where a program of that name runs already.
    pub fn start_program(
        &self,
        name: &'static str,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, OsString)],
    ) -> Result<(), Error> {
        let mut supervisor = lock(&self.supervisor);
        if supervisor.runs(name) {
            return Err(Error::NameTaken { name });
        }
        supervisor.start_alone(name, program, arguments, environment)
    }

    /// The cluster, for what takes one.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What there is to say about a program that ended by itself: nothing, if all is well.
    #[must_use]
    pub fn obituary(&self) -> Option<String> {
        let mut supervisor = lock(&self.supervisor);
        let (name, status) = supervisor.ended()?;
        Some(Error::Ended { name, status, log: supervisor.log_tail(name) }.to_string())
    }
}

impl User {
    fn check(&self) -> Result<(), Error> {
        let breaks_the_file = |name: &&String| name.contains([',', '"', '\n', '\r']);
        match std::iter::once(&self.name).chain(&self.groups).find(breaks_the_file) {
            Some(name) => Err(Error::User { user: self.name.clone(), name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// Without the users' tokens.
impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlPlane").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Deref for ControlPlane {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Ports {
    /// Three different ports that nobody listens on now.
    fn free() -> Result<Self, Error> {
        // All three are held until the last is found, so that they differ.
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Port);
        let listeners = (listen()?, listen()?, listen()?);
        let port_of = |listener: &TcpListener| listener.local_addr().map(|address| address.port()).map_err(Error::Port);
        Ok(Self {
            etcd_clients: port_of(&listeners.0)?,
            etcd_peers: port_of(&listeners.1)?,
            api_server: port_of(&listeners.2)?,
        })
    }
}

/// Paths are relative to the folder, where the programs run.
fn etcd_arguments(ports: &Ports) -> Vec<String> {
    let clients = format!("http://127.0.0.1:{}", ports.etcd_clients);
    let peers = format!("http://127.0.0.1:{}", ports.etcd_peers);
    vec![
        "--data-dir=etcd".to_owned(),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=default={peers}"),
        // The data lives for minutes; a write per request to a slow disk would cost more than all tests.
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn api_server_arguments(ports: &Ports, audit_log: bool) -> Vec<String> {
    let mut arguments = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd_clients),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        format!("--secure-port={}", ports.api_server),
        "--cert-dir=certs".to_owned(),
        format!("--service-account-issuer=https://127.0.0.1:{}", ports.api_server),
        "--service-account-key-file=sa.pub".to_owned(),
        "--service-account-signing-key-file=sa.key".to_owned(),
        "--token-auth-file=tokens.csv".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--allow-privileged=true".to_owned(),
        // It would try for ever to register a loopback address as the endpoint of service `kubernetes`; nobody uses it.
        "--endpoint-reconciler-type=none".to_owned(),
    ];
    if audit_log {
        arguments.push("--audit-policy-file=audit-policy.yaml".to_owned());
        // Not batched: a request's line is there before its answer is.
        arguments.push("--audit-log-mode=blocking".to_owned());
        arguments.push("--audit-log-path=audit.log".to_owned());
    }
    arguments
}

fn controllers_arguments() -> Vec<String> {
    [
        "--kubeconfig=kubeconfig",
        "--controllers=namespace-controller,serviceaccount-controller,clusterrole-aggregation-controller,\
         garbage-collector-controller",
        "--leader-elect=false",
        // 0 is "do not listen".
        "--secure-port=0",
        "--use-service-account-credentials=false",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only cause for a second try, so it must be known by what the programs really write.
    #[tokio::test]
    async fn a_port_that_another_process_took_is_told_from_other_ends() {
        let programs = Programs::locate().await.unwrap();
        let options = Options { controllers: false, ..Options::default() };
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let cases = [
            (ETCD, Ports { etcd_clients: port, ..Ports::free().unwrap() }),
            (API_SERVER, Ports { api_server: port, ..Ports::free().unwrap() }),
        ];
        for (expected, ports) in cases {
            match ControlPlane::try_start(&programs, &options, &ports).await {
                Err(Error::PortTaken { name, .. }) => assert_eq!(name, expected),
                other => panic!("the port of {expected} was taken: {other:?}"),
            }
        }
        let stranger = Programs { kube_apiserver: programs.etcd.clone(), ..programs };
        match ControlPlane::try_start(&stranger, &options, &Ports::free().unwrap()).await {
            Err(Error::Ended { name, .. }) => assert_eq!(name, API_SERVER),
            other => panic!("a program that does not know its flags is no matter of ports: {other:?}"),
        }
    }

    #[tokio::test]
    async fn a_name_that_would_become_a_second_field_is_refused() {
        let groups = vec!["office,system:masters".to_owned()];
        let options = Options { users: vec![User { name: "clerk".to_owned(), groups }], ..Options::default() };
        let error = ControlPlane::start(options).await.unwrap_err();
        assert_eq!(error.to_string(), r#"user clerk: "office,system:masters" holds a comma, a quote or a line break"#);
    }
}
