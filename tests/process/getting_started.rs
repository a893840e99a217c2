//! `docs/getting-started.md`, typed into a shell as it stands there: from its section "Without an AWS account" to its end.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use apigateway_simulator::{Clock, Server, Simulator};
use kube::Api;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use stagecraft_core::api::stage::ApiStage;
use testbed::{ControlPlane, Options};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, interval, timeout};

use crate::world::{SOON, step};

const SECTION: &str = "## Without an AWS account";

/// Where the page starts the simulator, and what it asks of a port that may be taken here.
const SIMULATOR: &str = "target/debug/apigateway-simulator --listen 127.0.0.1:4570 &\n";

/// A person's shell. What runs in it ends with it, also when a test fails; and where the test is killed, `timeout` ends both.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Shell {
    fn open(plane: &ControlPlane, folder: &Path) -> Self {
        let mut child = Command::new("timeout")
            .args(["--signal=KILL", "150", "bash", "-euo", "pipefail"])
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .envs(plane.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, output }
    }

    /// Types a script and returns what it printed. It must succeed.
    async fn type_in(&mut self, script: &str) -> String {
        let typed = format!("{{ :\n{script}\n}} 2>&1\necho; echo it-is-done\n");
        self.input.write_all(typed.as_bytes()).await.unwrap();
        let mut printed = String::new();
        loop {
            let line = timeout(SOON * 2, self.output.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("this does not end:\n{script}\n{printed}")).unwrap();
            match line.as_deref() {
                Some("it-is-done") => return printed,
                Some(line) => {
                    printed.push_str(line);
                    printed.push('\n');
                }
                None => panic!("this failed:\n{script}\n{printed}"),
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        group.map_or(Ok(()), |group| kill_process_group(group, Signal::KILL)).ok();
    }
}

/// The folder that the page's paths begin in.
fn clone(plane: &ControlPlane) -> PathBuf {
    let folder = plane.folder().join("clone");
    let built = folder.join("target/debug");
    std::fs::create_dir_all(&built).unwrap();
    symlink(env!("CARGO_BIN_EXE_stagecraft"), built.join("stagecraft")).unwrap();
    symlink(stagecraft_docs::root().join("crds"), folder.join("crds")).unwrap();
    folder
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    let mut ticks = interval(Duration::from_millis(100));
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not so");
        ticks.tick().await;
    }
}

#[tokio::test]
async fn the_page_leads_from_a_kubeconfig_and_credentials_to_a_stage_with_a_canary() {
    let path = PathBuf::from("docs/getting-started.md");
    let text = std::fs::read_to_string(stagecraft_docs::root().join(&path)).unwrap();
    let from = text.lines().position(|line| line == SECTION).expect("the page has its section");
    let page = stagecraft_docs::read(path, &text);
    let blocks: Vec<_> = page.blocks.into_iter().filter(|block| block.line > from).collect();

    let plane = ControlPlane::start(Options { controllers: false, ..Options::default() }).await.unwrap();
    let simulator = Simulator::builder().clock(Clock::real(1.0)).build();
    let server = Server::start(simulator.clone(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = server.url().trim_start_matches("http://").to_owned();
    let folder = clone(&plane);
    let mut shell = Shell::open(&plane, &folder);
    let objects: Api<ApiStage> = Api::namespaced(plane.client().unwrap(), "default");

    let mut manifest = None;
    let mut typed = String::new();
    let (mut api, mut first) = (String::new(), Value::Null);
    let stage = |api: &str| simulator.stage(api, "prod");
    for block in blocks {
        if block.info.as_deref() == Some("yaml") {
            manifest = Some(block.text);
            continue;
        }
        assert_eq!(block.info.as_deref(), Some("sh"), "line {}", block.line);
        step(block.text.lines().last().unwrap_or_default());
        // A reader saves what the page shows under the name that the next command has.
        if let Some(manifest) = manifest.take() {
            let name = block.text.split("kubectl apply -f ").nth(1).and_then(|rest| rest.split_whitespace().next());
            std::fs::write(folder.join(name.expect("what is shown is applied")), manifest).unwrap();
        }
        let script = block.text.replace("make build\n", "").replace(SIMULATOR, "");
        let script =
            script.replace("127.0.0.1:4570", &address).replace("--listen 127.0.0.1:8080", "--listen 127.0.0.1:0");
        let printed = shell.type_in(&script).await;
        typed.push_str(&block.text);

        if script.contains("call PUT") {
            shell.type_in("echo \"$API\" > id").await;
            std::fs::read_to_string(folder.join("id")).unwrap().trim().clone_into(&mut api);
            assert!(printed.contains("\"type\":\"MOCK\""), "{printed}");
        }
        if script.contains("kubectl wait") {
            let stage = stage(&api).expect("API Gateway has a stage");
            assert_eq!(stage["variables"]["backend"], "blue.orders.internal");
            assert_eq!(stage["tags"]["stagecraft.dev/owner"], "prod-eu/default/orders-prod");
            first = stage["deploymentId"].clone();
            assert!(printed.contains("condition met") && printed.contains(&api), "{printed}");
        }
        if script.contains(r#""revision":"r2""#) {
            let share = |api: &str| stage(api).unwrap()["canarySettings"]["percentTraffic"].clone();
            until("5 % of requests meet r2", || share(&api) == 5.0).await;
            assert_eq!(stage(&api).unwrap()["deploymentId"], first, "all others still meet r1");
        }
        if script.contains("approve/") {
            assert!(printed.contains("AGE") && printed.contains("ReleaseStarted"), "{printed}");
        }
    }
    assert!(typed.contains(SIMULATOR) && typed.contains("make build"), "the page tells how it is started");
    assert!(typed.contains("approve/") && typed.contains("abort/"), "the page was played to its end");
    until("the canary is gone", || stage(&api).unwrap()["canarySettings"].is_null()).await;
    assert_eq!(stage(&api).unwrap()["deploymentId"], first);
    let status = objects.get("orders-prod").await.unwrap().status.unwrap();
    assert_eq!(status.held.len(), 1, "{status:#?}");
}
