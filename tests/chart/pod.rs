//! A pod of the installed Deployment, as a process: there is no node here that would start one.
//!
//! Its arguments, environment and files are those that the API server has of the Deployment, and its rights are those of the
//! chart's `ServiceAccount`, by a token of it. Replaced is only what cannot be true outside a pod:
//!
//! | in a pod | here |
//! | --- | --- |
//! | `--listen=[::]:8080` | a free port of 127.0.0.1: pods have addresses of their own, processes share one |
//! | files of mounted `ConfigMap`s | the same files in a folder of the test, and arguments that name them there |
//! | the mounted token, CA and namespace of the `ServiceAccount` | a kubeconfig with all three |
//! | what EKS's webhook adds to pods of a `ServiceAccount` with a role (IRSA) | the same two variables, and a token of the same account for the same audience |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testbed::ControlPlane;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use crate::world::{SOON, kubectl};

/// The annotation by which IRSA knows the role.
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// One replica. Killed when dropped.
pub(crate) struct Pod {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Paths of the probes.
    readiness: String,
    liveness: String,
    /// How long the kubelet waits before it kills.
    grace: Duration,
}

impl Pod {
    /// Starts a pod of this Deployment and waits until its own readiness probe finds it ready.
    pub(crate) async fn start(plane: &ControlPlane, namespace: &str, deployment: &str, name: &'static str) -> Self {
        let template = get(plane, namespace, "deployment", deployment).await["spec"]["template"]["spec"].clone();
        let [container] = template["containers"].as_array().unwrap().as_slice() else {
            panic!("the pod has not one container: {template}");
        };
        assert_eq!(container.get("command"), None, "the image's entry point runs");
        let folder = plane.folder().join(format!("pod-{name}"));
        let files = files(plane, namespace, &template, container, &folder).await;
        let account = template["serviceAccountName"].as_str().unwrap();
        let identity = identity(plane, namespace, account, &folder).await;

        let log = folder.join("log");
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_stagecraft"))
            .args(arguments(container, &files))
            .env_clear()
            .envs(environment(container))
            .envs(identity)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let path = |probe: &str| {
            let request = &container[probe]["httpGet"];
            assert_eq!(request["port"], container["ports"][0]["name"]);
            request["path"].as_str().unwrap().to_owned()
        };
        let (readiness, liveness) = (path("readinessProbe"), path("livenessProbe"));
        let grace = Duration::from_secs(template["terminationGracePeriodSeconds"].as_u64().unwrap());
        let mut pod = Self { name, child, log, readiness, liveness, grace };
        pod.await_ready().await;
        assert!(pod.answer(&pod.liveness).await.is_some(), "{name} is ready and not alive:\n{}", pod.log());
        pod
    }

    /// What the readiness probe is told.
    pub(crate) async fn says(&self) -> Option<String> {
        self.answer(&self.readiness).await
    }

    /// The text of a 200.
    async fn answer(&self, path: &str) -> Option<String> {
        let log = self.log();
        let (_, rest) = log.split_once(r#""address":""#)?;
        let (address, _) = rest.split_once('"')?;
        let mut connection = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.trim().to_owned())
    }

    async fn await_ready(&mut self) {
        let deadline = Instant::now() + SOON;
        let mut ticks = interval(Duration::from_millis(100));
        while self.says().await.is_none() {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "{} ended:\n{}", self.name, self.log());
            assert!(Instant::now() < deadline, "{} is not ready:\n{}", self.name, self.log());
            ticks.tick().await;
        }
    }

    /// As the kubelet ends a pod, within the time that the chart gives it.
    pub(crate) async fn terminate(mut self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = timeout(self.grace, self.child.wait()).await;
        let status: ExitStatus =
            ended.unwrap_or_else(|_| panic!("{} did not end:\n{}", self.name, self.log())).unwrap();
        assert!(status.success(), "{status}:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

async fn get(plane: &ControlPlane, namespace: &str, kind: &str, name: &str) -> Value {
    serde_json::from_str(&kubectl(plane, &["get", kind, name, "--namespace", namespace, "-o", "json"]).await).unwrap()
}

/// Writes what the container mounts; returns where each mount is instead.
async fn files(
    plane: &ControlPlane,
    namespace: &str,
    template: &Value,
    container: &Value,
    folder: &Path,
) -> BTreeMap<String, PathBuf> {
    std::fs::create_dir_all(folder).unwrap();
    let mut moved = BTreeMap::new();
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let volumes = template["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        let name = volume["configMap"]["name"].as_str().unwrap_or_else(|| panic!("no ConfigMap: {volume}"));
        let mounted = folder.join(mount["name"].as_str().unwrap());
        std::fs::create_dir_all(&mounted).unwrap();
        for (file, content) in get(plane, namespace, "configmap", name).await["data"].as_object().unwrap() {
            std::fs::write(mounted.join(file), content.as_str().unwrap()).unwrap();
        }
        moved.insert(mount["mountPath"].as_str().unwrap().to_owned(), mounted);
    }
    moved
}

fn arguments(container: &Value, files: &BTreeMap<String, PathBuf>) -> Vec<String> {
    let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    let mut replaced = 0;
    let arguments = arguments.map(|argument| {
        if argument == "--listen=[::]:8080" {
            replaced += 1;
            return "--listen=127.0.0.1:0".to_owned();
        }
        let mut argument = argument.to_owned();
        for (from, to) in files {
            argument = argument.replace(&format!("={from}/"), &format!("={}/", to.display()));
        }
        argument
    });
    let arguments = arguments.collect();
    assert_eq!(replaced, 1, "{arguments:?}");
    arguments
}

fn environment(container: &Value) -> Vec<(String, String)> {
    let variables = container["env"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no plain value: {value}")).to_owned();
    variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

/// Who the pod is to the API server, and to AWS where its account has a role there.
async fn identity(
    plane: &ControlPlane,
    namespace: &str,
    account: &str,
    folder: &Path,
) -> Vec<(&'static str, std::ffi::OsString)> {
    let token = plane.token_for(namespace, account).await.unwrap();
    let written = plane.kubeconfig_with(account, &token).unwrap();
    let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(written).unwrap()).unwrap();
    kubeconfig["contexts"][0]["context"]["namespace"] = json!(namespace);
    let path = folder.join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let mut variables = vec![("KUBECONFIG", path.into_os_string())];

    let object = get(plane, namespace, "serviceaccount", account).await;
    if let Some(role) = object["metadata"]["annotations"][ROLE].as_str() {
        let audience = ["create", "token", account, "--namespace", namespace, "--audience", "sts.amazonaws.com"];
        let token = folder.join("aws-token");
        std::fs::write(&token, kubectl(plane, &audience).await.trim()).unwrap();
        variables.push(("AWS_ROLE_ARN", role.into()));
        variables.push(("AWS_WEB_IDENTITY_TOKEN_FILE", token.into_os_string()));
    }
    variables
}
