//! `kubectl-stagecraft rehearse` as a program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Runs it in the repository's root.
pub(crate) fn rehearse(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-stagecraft"));
    command.current_dir(root()).arg("rehearse").args(arguments).output().unwrap()
}

/// What it prints where it succeeds.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = rehearse(arguments);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The time line of these objects.
pub(crate) fn time_line(name: &str, objects: &[Value], arguments: &[&str]) -> Value {
    let file = written(name, objects);
    let arguments = [&["-f", file.to_str().unwrap(), "-o", "json"], arguments].concat();
    serde_json::from_str(&printed(&arguments)).unwrap()
}

/// A file of these objects, of the test with this name alone.
pub(crate) fn written(name: &str, objects: &[Value]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rehearse-{name}.yaml"));
    let documents: Vec<String> = objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
    std::fs::write(&path, documents.join("\n---\n")).unwrap();
    path
}
