//! What is left of a control plane, seen from outside: by the system's list of processes, not by what we say.
#![expect(clippy::unwrap_used, reason = "support for tests may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{interval, timeout};

/// Names of the control plane's processes, sorted: of those that run in `folder` and those that were given its path.
pub(crate) fn processes(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = listed(folder).into_iter().map(|(_, name)| name).collect();
    names.sort();
    names
}

/// The number of the process called `name`.
pub(crate) fn process_id(folder: &Path, name: &str) -> i32 {
    listed(folder).into_iter().find_map(|(id, found)| (found == name).then_some(id)).unwrap()
}

fn listed(folder: &Path) -> Vec<(i32, String)> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    numbered
        .filter(|(_, process)| uses(process, folder))
        .filter_map(|(id, process)| Some((id, fs::read_to_string(process.join("comm")).ok()?.trim().to_owned())))
        .collect()
}

/// A process that is gone between two looks uses nothing.
fn uses(process: &Path, folder: &str) -> bool {
    // The link of a folder that is gone ends in " (deleted)"; that of a zombie cannot be read.
    let runs_there = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.to_string_lossy().starts_with(folder));
    runs_there || fs::read(process.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(folder))
}

/// Waits until `done` says so.
///
/// # Panics
///
/// After a minute, with what it was.
pub(crate) async fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let mut tick = interval(Duration::from_millis(20));
    let wait = async {
        while !done() {
            tick.tick().await;
        }
    };
    assert!(timeout(Duration::from_mins(1), wait).await.is_ok(), "not within a minute: {what}");
}

/// Waits until nothing of the control plane is left: no process, no folder.
pub(crate) async fn wait_until_gone(folder: &Path) {
    wait_for("the end of all processes", || processes(folder).is_empty()).await;
    assert!(!folder.exists(), "the guard is gone and left {} behind", folder.display());
}

/// A place for a test's own files.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
