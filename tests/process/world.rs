//! A control plane of its own, the simulator in real time, and operators as processes.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use apigateway_simulator::{Clock, Server, Simulator};
use jiff::SignedDuration;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stagecraft_core::api::stage::ApiStage;
use testbed::{ControlPlane, Options};
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

/// Times of the lease: short, so that tests are quick, and in the proportions of the real ones.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
const RENEW: Duration = Duration::from_secs(1);
const AWS_TIMEOUT: Duration = Duration::from_secs(2);

/// A candidate has taken over within this time of the leader's last renewal: the lease, two looks of the candidate, and
/// the time that a late write of the former leader gets (operation timeout + 5 s). The rest is a busy machine.
pub(crate) const TAKEOVER: Duration = Duration::from_secs(6 + 2 + 2 + 5 + 10);

/// Everything else happens within this time, or not at all.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) fn step(what: &str) {
    println!("  · {what}");
}

pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    pub(crate) simulator: Simulator,
    pub(crate) api: String,
    server: Server,
    client: Client,
}

/// One operator. Killed when dropped.
pub(crate) struct Operator {
    pub(crate) key: &'static str,
    child: Child,
    log: PathBuf,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Simulator::builder().clock(Clock::real(1.0)).build()).await
    }

    /// With an API Gateway in which all that is made is this old.
    pub(crate) async fn of_age(age: SignedDuration) -> Self {
        let then = stagecraft::clock::Clock::system().now().checked_sub(age).unwrap();
        // Its clock stands still, and with it the quota.
        Self::of(Simulator::builder().clock(Clock::manual_at(then)).quota(false).build()).await
    }

    async fn of(simulator: Simulator) -> Self {
        let plane = ControlPlane::start(Options { controllers: false, ..Options::default() }).await.unwrap();
        plane.apply_crds(&stagecraft::crds::stream().unwrap()).await.unwrap();
        let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let client = plane.client().unwrap();
        let api = simulator.create_rest_api("orders");
        Self { plane, simulator, api, server, client }
    }

    /// Starts the real program. Its AWS key tells its calls from the others' in the simulator's log.
    pub(crate) fn operator(&self, key: &'static str, kubeconfig: &Path) -> Operator {
        let log = self.plane.folder().join(format!("{key}.log"));
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_stagecraft"))
            .args(["run", "--region", "eu-west-1", "--cluster-id", "process", "--drift-interval", "2s"])
            .args(["--listen", "127.0.0.1:0", "--lease-namespace", "default"])
            .args(["--lease-duration", &seconds(LEASE), "--lease-renew-interval", &seconds(RENEW)])
            .args(["--aws-timeout", &seconds(AWS_TIMEOUT), "--aws-endpoint-url", &self.server.url()])
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Operator { key, child, log }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.url()
    }

    pub(crate) fn objects(&self) -> Api<ApiStage> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) fn raw(&self) -> Client {
        self.client.clone()
    }

    pub(crate) async fn apply(&self, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": name }, "spec": spec,
        });
        self.objects().patch(name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&object)).await.unwrap();
    }

    pub(crate) fn spec(&self, stage: &str, revision: &str) -> Value {
        json!({ "restApiId": self.api, "stageName": stage, "revision": revision })
    }

    /// Whether the object is Ready at its present generation.
    pub(crate) async fn is_ready(&self, name: &str) -> bool {
        let object = self.objects().get(name).await.unwrap();
        let conditions = object.status.into_iter().flat_map(|status| status.conditions);
        let mut ready = conditions.filter(|condition| condition.type_ == "Ready" && condition.status == "True");
        ready.any(|ready| ready.observed_generation == object.metadata.generation)
    }

    pub(crate) async fn await_ready(&self, name: &str, within: Duration) {
        let deadline = Instant::now() + within;
        let mut ticks = interval(Duration::from_millis(100));
        while !self.is_ready(name).await {
            assert!(
                Instant::now() < deadline,
                "{name} is not ready: {:#?}",
                self.objects().get(name).await.unwrap().status
            );
            ticks.tick().await;
        }
    }

    /// Waits until this is the reason of Ready.
    pub(crate) async fn await_reason(&self, name: &str, reason: &str, within: Duration) {
        let deadline = Instant::now() + within;
        let mut ticks = interval(Duration::from_millis(50));
        loop {
            let status = self.objects().get(name).await.unwrap().status.unwrap_or_default();
            if status.conditions.iter().any(|ready| ready.type_ == "Ready" && ready.reason == reason) {
                return;
            }
            assert!(Instant::now() < deadline, "{name} is not {reason}: {status:#?}");
            ticks.tick().await;
        }
    }

    /// Sequence numbers of the writes of one key to API Gateway that arrived.
    pub(crate) fn writes_of(&self, key: &str) -> Vec<u64> {
        let calls = self.simulator.calls();
        let writes =
            calls.iter().filter(|call| call.info.write && call.info.caller.access_key_id.as_deref() == Some(key));
        writes.map(|call| call.info.sequence).collect()
    }

    /// Waits until the simulator has seen a write of this key.
    pub(crate) async fn await_write_of(&self, key: &str, within: Duration) {
        let deadline = Instant::now() + within;
        let mut ticks = interval(Duration::from_millis(50));
        while self.writes_of(key).is_empty() {
            assert!(Instant::now() < deadline, "{key} wrote nothing");
            ticks.tick().await;
        }
    }

    /// A hand in the console changes something that will be put right.
    pub(crate) fn drift(&self, stage: &str, text: &str) {
        let operation = json!({ "op": "replace", "path": "/description", "value": text });
        self.simulator.patch_stage_by_hand(&self.api, stage, &[operation]).unwrap();
    }

    pub(crate) fn assert_one_snapshot_per_revision(&self) {
        let deployments = self.simulator.deployments(&self.api);
        let mut markers: Vec<_> =
            deployments.iter().filter_map(|deployment| deployment["description"].as_str()).collect();
        let all = markers.len();
        markers.sort_unstable();
        markers.dedup();
        assert_eq!(markers.len(), all, "a revision was snapshotted twice: {deployments:#?}");
    }
}

impl Operator {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self, within: Duration) -> ExitStatus {
        let ended = timeout(within, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} did not end:\n{}", self.key, self.log())).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}

/// Killed by a signal, or ended by itself without success.
pub(crate) fn failed(status: ExitStatus) -> bool {
    status.signal().is_none() && !status.success()
}
