//! The AWS SDK's own source, for what none of its types tells.

use std::path::PathBuf;
use std::process::Command;

/// The folder `src` of a package that we are built with.
pub(in crate::aws) fn source_of(package: &str) -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let found = packages.find(|found| found["name"] == package).unwrap_or_else(|| panic!("{package} is no dependency"));
    PathBuf::from(found["manifest_path"].as_str().unwrap()).with_file_name("src")
}
