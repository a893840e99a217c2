//! A namespace of the shared control plane, a simulator, an operator as a process of its own, and the plugin's program.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use apigateway_simulator::{Clock, Server, Simulator};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stagecraft::cli::Command as OperatorCommand;
use stagecraft_core::api::stage::ApiStage;
use testbed::{Cluster, Namespace};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval};

/// What anything takes at most; the rest is a busy machine.
const SOON: Duration = Duration::from_mins(1);

pub(crate) const REGION: &str = "eu-west-1";

/// Says what happens, for whoever reads a failure.
pub(crate) fn step(what: &str) {
    println!("  · {what}");
}

pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) api: String,
    pub(crate) cluster: &'static Cluster,
    namespace: Namespace,
    server: Server,
    operator: Option<Child>,
}

/// What the plugin said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// This very program again, as the operator's process: settings come from the twins of its flags.
#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn as_the_operator() {
    let Ok(OperatorCommand::Run(settings)) = stagecraft::cli::parse(["stagecraft", "run"]) else {
        panic!("bad settings")
    };
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        ended = stagecraft::run::run(*settings, stagecraft::controller::run) => ended.unwrap(),
        // The test is over, or was killed.
        _ = closed => {}
    }
}

impl World {
    /// Without an operator.
    pub(crate) async fn quiet() -> Self {
        let cluster = testbed::shared().await.unwrap();
        cluster.apply_crds(&stagecraft::crds::stream().unwrap()).await.unwrap();
        let namespace = cluster.namespace("plugin").await.unwrap();
        // REST APIs of their own: all operators see all objects of the cluster.
        let seed = u64::from_str_radix(namespace.name().rsplit('-').next().unwrap(), 16).unwrap();
        let simulator = Simulator::builder().clock(Clock::real(1.0)).seed(seed).build();
        let api = simulator.create_rest_api("Orders");
        let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        Self { simulator, api, cluster, namespace, server, operator: None }
    }

    pub(crate) async fn new() -> Self {
        let mut world = Self::quiet().await;
        let log =
            std::fs::File::create(world.cluster.folder().join(format!("operator-{}.log", world.namespace))).unwrap();
        let operator = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "world::as_the_operator", "--nocapture"])
            .env("KUBECONFIG", world.cluster.kubeconfig())
            .env("STAGECRAFT_REGION", REGION)
            .env("STAGECRAFT_CLUSTER_ID", "story")
            .env("STAGECRAFT_AWS_ENDPOINT_URL", world.server.url())
            .env("STAGECRAFT_WATCH_NAMESPACE", world.namespace.name())
            .env("STAGECRAFT_LEADER_ELECT", "false")
            .env("STAGECRAFT_ALLOW_ADOPTION", "true")
            .env("STAGECRAFT_LISTEN", "127.0.0.1:0")
            .env("STAGECRAFT_DRIFT_INTERVAL", "2s")
            .env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        world.operator = Some(operator.unwrap());
        world
    }

    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    pub(crate) fn objects(&self) -> Api<ApiStage> {
        Api::namespaced(self.cluster.client().unwrap(), self.namespace.name())
    }

    /// What `kubectl apply --server-side` does, for any kind of ours.
    pub(crate) async fn apply(&self, kind: &str, name: &str, spec: &Value) {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec,
        });
        let arguments = ["--namespace", self.namespace(), "apply", "--server-side", "--force-conflicts", "-f", "-"];
        let done = self.cluster.kubectl_with_input(arguments, &object.to_string()).await.unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// The plugin's program with these arguments, in the story's namespace.
    pub(crate) async fn plugin(&self, arguments: &[&str]) -> Said {
        self.plugin_as(self.cluster.kubeconfig().to_owned(), arguments, "").await
    }

    pub(crate) async fn plugin_with_input(&self, arguments: &[&str], input: &str) -> Said {
        self.plugin_as(self.cluster.kubeconfig().to_owned(), arguments, input).await
    }

    pub(crate) async fn plugin_as(&self, kubeconfig: PathBuf, arguments: &[&str], input: &str) -> Said {
        let mut child = self.command(kubeconfig, arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        Self::said(child).await
    }

    /// The same, still under way.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Child {
        self.command(self.cluster.kubeconfig().to_owned(), arguments).stdin(Stdio::null()).spawn().unwrap()
    }

    fn command(&self, kubeconfig: PathBuf, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-stagecraft"));
        command
            .args(arguments)
            .args(["-n", self.namespace()])
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_ACCESS_KEY_ID", "AKIAPERSON")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("STAGECRAFT_AWS_ENDPOINT_URL", self.server.url())
            .env("STAGECRAFT_REGION", REGION)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn said(child: Child) -> Said {
        let ended = tokio::time::timeout(SOON, child.wait_with_output()).await;
        let output = ended.unwrap_or_else(|_| panic!("the plugin does not end")).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Writes to API Gateway but those by hand, since the log was reset.
    pub(crate) fn writes(&self) -> Vec<String> {
        let calls = self.simulator.calls();
        let ours = calls.iter().filter(|call| call.info.write && call.info.caller.name.as_deref() != Some("console"));
        ours.map(|call| format!("{} {}", call.info.operation, call.info.patch().join("; ")).trim_end().to_owned())
            .collect()
    }

    /// What `status -o json` tells.
    pub(crate) async fn view(&self, name: &str) -> Value {
        let said = self.plugin(&["status", name, "-o", "json"]).await;
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    /// Waits until `status -o json` shows this phase of the release with this id.
    pub(crate) async fn until(&self, name: &str, release: &str, phase: &str) -> Value {
        let is_there = |view: &Value| view["release"]["id"] == release && view["release"]["phase"] == phase;
        self.await_view(name, &format!("{release} {phase}"), is_there).await
    }

    /// Waits until `status -o json` shows this.
    pub(crate) async fn await_view(&self, name: &str, what: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            let view = self.view(name).await;
            if is_there(&view) {
                return view;
            }
            assert!(Instant::now() < deadline, "{what} does not come: {view:#}");
            ticks.tick().await;
        }
    }

    /// A service account of the namespace with these verbs on our kinds, as a kubeconfig.
    pub(crate) async fn person(&self, name: &str, verbs: &[&str]) -> PathBuf {
        let client = self.cluster.client().unwrap();
        let make = async |kind: &str, version: &str, plural: &str, more: Value| {
            let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let gvk = kube::core::GroupVersionKind::gvk(group, version, kind);
            let resource = kube::core::ApiResource::from_gvk_with_plural(&gvk, plural);
            let api: Api<kube::core::DynamicObject> = Api::namespaced_with(client.clone(), self.namespace(), &resource);
            api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        };
        let rbac = "rbac.authorization.k8s.io/v1";
        make("ServiceAccount", "v1", "serviceaccounts", json!({})).await;
        if !verbs.is_empty() {
            let rules =
                json!([{ "apiGroups": ["stagecraft.dev"], "resources": ["apistages", "apicanaries"], "verbs": verbs }]);
            make("Role", rbac, "roles", json!({ "rules": rules })).await;
            let binding = json!({
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
                "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": self.namespace() }],
            });
            make("RoleBinding", rbac, "rolebindings", binding).await;
        }
        let token = self.cluster.token_for(self.namespace(), name).await.unwrap();
        self.cluster.kubeconfig_with(name, &token).unwrap()
    }

    /// As if the operator were not there: it is stopped.
    pub(crate) fn stop_the_operator(&mut self) {
        self.operator = None;
    }

    /// A field of spec, by merge.
    pub(crate) async fn change(&self, name: &str, spec: Value) {
        let patch = json!({ "spec": spec });
        self.objects().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }
}
