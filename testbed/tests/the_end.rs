//! A control plane ends with the process that started it, however that ends. Seen by Linux's list of processes.
#![cfg(target_os = "linux")]

mod support;

use std::{
    io::{BufRead, BufReader, Lines, Read},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use support::{process_id, processes, scratch, wait_for, wait_until_gone};
use testbed::{ControlPlane, KUBECONFIG_VARIABLE, Options, shared};

const TESTBED: &str = env!("CARGO_BIN_EXE_testbed");

/// Every process of a complete control plane. The system cuts names after 15 bytes; `sh` is the guard.
const ALL: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller", "sh"];

/// This binary again, as a test process that started the shared control plane.
struct TestProcess {
    child: Child,
    /// Open until its end: it prints its test's result.
    output: Lines<BufReader<ChildStdout>>,
    /// Its control plane's.
    folder: PathBuf,
}

impl TestProcess {
    #[expect(clippy::unwrap_used, reason = "support for tests may panic")]
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "as_a_child", "--nocapture"])
            .env_remove(KUBECONFIG_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let folder = output.find_map(|line| line.unwrap().strip_prefix("folder: ").map(PathBuf::from));
        Self { child, output, folder: folder.unwrap() }
    }
}

#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn as_a_child() {
    let cluster = shared().await.unwrap();
    println!("\nfolder: {}", cluster.folder().display());
    // Until the parent closes the pipe.
    let mut nothing = String::new();
    std::io::stdin().read_to_string(&mut nothing).unwrap();
}

#[tokio::test]
async fn a_killed_test_process_leaves_nothing_behind() {
    let TestProcess { mut child, output: _output, folder } = TestProcess::start();
    assert_eq!(processes(&folder), ALL);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(&folder).await;
}

#[tokio::test]
async fn a_test_process_that_ends_by_itself_leaves_nothing_behind() {
    let TestProcess { mut child, output, folder } = TestProcess::start();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(output.map_while(Result::ok).any(|line| line.starts_with("test result: ok. 1 passed")));
    wait_until_gone(&folder).await;
}

#[tokio::test]
async fn a_killed_process_takes_a_paused_api_server_along() {
    let TestProcess { mut child, output: _output, folder } = TestProcess::start();
    let id = process_id(&folder, "kube-apiserver");
    kill_process(Pid::from_raw(id).unwrap(), Signal::STOP).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(&folder).await;
}

#[test]
fn a_panic_ends_it_before_the_panic_is_seen() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicking = thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let control_plane = ControlPlane::start(Options::default()).await.unwrap();
            send.send(control_plane.folder().to_owned()).unwrap();
            panic!("on purpose");
        });
    });
    let folder = receive.recv().expect("it started");
    panicking.join().expect_err("it panicked");
    assert_eq!(processes(&folder), [""; 0]);
    assert!(!folder.exists());
}

#[tokio::test]
async fn exec_gives_its_command_a_control_plane_and_takes_its_exit_code() {
    let script = r#"kubectl get namespace default --output=name && echo "$STAGECRAFT_TESTBED_KUBECONFIG"; exit 7"#;
    let output = Command::new(TESTBED).args(["exec", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (namespace, kubeconfig) = stdout.trim().split_once('\n').unwrap();
    assert_eq!(namespace, "namespace/default");
    assert!(!PathBuf::from(kubeconfig).parent().unwrap().exists(), "it ended before exec did");
}

#[tokio::test]
async fn run_tells_how_to_use_it_and_ends_at_ctrl_c() {
    let environment = scratch("run").join("env.sh");
    let arguments = ["run", "--without-controllers", "--write-env"];
    let mut child = Command::new(TESTBED).args(arguments).arg(&environment).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the environment's file", || environment.exists()).await;
    let script = r#". "$0" && kubectl get namespace default --output=name && dirname "$KUBECONFIG""#;
    let output = Command::new("sh").args(["-c", script]).arg(&environment).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (namespace, folder) = stdout.trim().split_once('\n').expect("two lines");
    assert_eq!(namespace, "namespace/default");
    let folder = PathBuf::from(folder);
    assert_eq!(processes(&folder), ["etcd", "kube-apiserver", "sh"]);

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(processes(&folder), [""; 0]);
    assert!(!folder.exists() && !environment.exists());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("kubectl get namespaces"), "{told}");
}
