//! The demo as a program: what it says, how it fails, and what it leaves behind. Seen by Linux's list of processes.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "support for tests may panic")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{interval, timeout};

const DEMO: &str = env!("CARGO_BIN_EXE_stagecraft-demo");

/// A folder of a test's own, which the demo takes for the system's temporary one.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn demo(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in ["KEEP", "ACT", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.env("TMPDIR", folder).stdin(Stdio::null());
    command
}

/// Numbers of the processes that run in a folder or were given its path.
fn processes(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let uses = |process: &Path| {
        let runs_there = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.to_str().unwrap().starts_with(folder));
        runs_there
            || fs::read(process.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(folder))
    };
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    numbered.filter(|(_, process)| uses(process)).map(|(id, _)| id).collect()
}

async fn wait_until_nothing_is_left(folder: &Path) {
    let mut tick = interval(Duration::from_millis(20));
    let wait = async {
        while !processes(folder).is_empty() {
            tick.tick().await;
        }
    };
    assert!(timeout(Duration::from_mins(1), wait).await.is_ok(), "still running: {:?}", processes(folder));
    // Refused for a folder that holds anything.
    fs::remove_dir(folder).unwrap();
}

/// A demo whose second chapter has begun: everything runs.
fn under_way(folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = demo(Path::new(DEMO), folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("━━ act 1, 2 of 8") {
        assert!(output.read_line(&mut seen).unwrap() > 0, "it ended early:\n{seen}");
    }
    assert!(
        processes(folder).len() >= 6,
        "control plane, simulator, operator and their guard: {:?}",
        processes(folder)
    );
    (child, output)
}

/// The second act takes minutes of real time, as the operator's clock is the machine's: `make demo` plays it, and its own
/// checks are tested beside them.
#[tokio::test]
async fn the_first_act_holds_and_nothing_is_left_behind() {
    let folder = scratch("whole");
    let output = demo(Path::new(DEMO), &folder).env("ACT", "1").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for chapter in 1..=8 {
        assert!(said.contains(&format!("━━ act 1, {chapter} of 8 · ")), "{said}");
    }
    assert!(!said.contains("━━ act 2"), "{said}");
    assert!(said.contains("all held") && !said.contains('✗'), "{said}");
    assert!(!said.contains('\x1b'), "no colour where there is no terminal");
    wait_until_nothing_is_left(&folder).await;
}

#[tokio::test]
async fn an_expectation_that_does_not_hold_ends_it_with_the_world_and_exit_code_1() {
    let folder = scratch("liar");
    // An operator that signs its stages with another cluster's name.
    let programs = scratch("liar-programs");
    let beside = |name: &str| Path::new(DEMO).with_file_name(name);
    for name in ["stagecraft-demo", "apigateway-simulator"] {
        fs::hard_link(beside(name), programs.join(name)).unwrap();
    }
    let liar = programs.join("stagecraft");
    let real = beside("stagecraft");
    let script = format!(
        "#!/bin/sh\nfor word; do\n  shift\n  [ \"$word\" = demo ] && word=another\n  set -- \"$@\" \"$word\"\ndone\n\
         exec '{}' \"$@\"\n",
        real.display()
    );
    fs::write(&liar, script).unwrap();
    fs::set_permissions(&liar, fs::Permissions::from_mode(0o755)).unwrap();

    let output = demo(&programs.join("stagecraft-demo"), &folder).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}\n{complaint}");
    assert!(
        said.contains("✗ the demo ended in chapter 2 of act 1: expected that it has the declared variables and description, and the owner's tag"),
        "{said}"
    );
    assert!(complaint.starts_with("error: the demo ended in chapter 2 of act 1: "), "{complaint}");
    for part in ["kind: ApiStage", "another/default/orders-prod", "CreateStage", "stagecraft.log, its end:"] {
        assert!(said.contains(part), "the world lacks {part}:\n{said}");
    }
    assert!(!said.contains("━━ act 1, 3 of 8"), "it goes on after a failure");
    wait_until_nothing_is_left(&folder).await;
    fs::remove_dir_all(programs).unwrap();
}

#[tokio::test]
async fn an_interrupted_demo_cleans_up_before_it_ends() {
    let folder = scratch("interrupted");
    let (mut child, _output) = under_way(&folder);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until_nothing_is_left(&folder).await;
}

#[tokio::test]
async fn a_killed_demo_leaves_nothing_behind() {
    let folder = scratch("killed");
    let (mut child, mut output) = under_way(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_nothing_is_left(&folder).await;
    output.read_to_string(&mut String::new()).unwrap();
}

#[test]
fn an_act_that_there_is_not_is_refused_before_anything_starts() {
    let folder = scratch("act-3");
    let output = demo(Path::new(DEMO), &folder).env("ACT", "3").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 is not in 1..=2"), "{output:?}");
    fs::remove_dir(folder).expect("nothing was started");
}
