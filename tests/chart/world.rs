//! A control plane of its own, and helm.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::{Cluster, ControlPlane, Options};

/// Where the chart is.
pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/stagecraft");

/// Everything happens within this time on a busy machine, or not at all.
pub(crate) const SOON: Duration = Duration::from_secs(40);

/// Says what happens, for whoever reads a failure.
pub(crate) fn step(what: &str) {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    println!("  · {:>5.1} s  {what}", STARTED.elapsed().as_secs_f64());
}

pub(crate) async fn control_plane() -> ControlPlane {
    ControlPlane::start(Options { controllers: true, audit_log: true, ..Options::default() }).await.unwrap()
}

/// Runs helm. It must succeed and have nothing to warn of.
pub(crate) async fn helm(plane: &Cluster, arguments: &[&str]) -> String {
    let output = plane.helm(arguments).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "helm {} failed:\n{told}", arguments.join(" "));
    assert_eq!(told, "", "helm {} has something to warn of", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs helm, which must refuse. Returns what it says.
pub(crate) async fn refused(plane: &Cluster, arguments: &[&str]) -> String {
    let output = plane.helm(arguments).await.unwrap();
    assert!(!output.status.success(), "helm {} was not refused", arguments.join(" "));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs kubectl, which must succeed without a warning.
pub(crate) async fn kubectl(plane: &Cluster, arguments: &[&str]) -> String {
    printed(&plane.kubectl(arguments).await.unwrap(), &arguments.join(" "))
}

pub(crate) async fn kubectl_with(plane: &Cluster, arguments: &[&str], input: &str) -> String {
    printed(&plane.kubectl_with_input(arguments, input).await.unwrap(), &arguments.join(" "))
}

fn printed(output: &Output, what: &str) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {what} failed:\n{told}");
    assert!(!told.contains("Warning"), "kubectl {what}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// All value sets that the chart brings.
pub(crate) fn value_sets() -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(Path::new(CHART).join("ci")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    files
}

/// The objects of a rendered chart.
pub(crate) fn objects(yaml: &str) -> Vec<Value> {
    let objects: Vec<Option<Value>> = serde_saphyr::from_multiple(yaml).unwrap();
    objects.into_iter().flatten().collect()
}

/// The one object of a kind.
pub(crate) fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}
