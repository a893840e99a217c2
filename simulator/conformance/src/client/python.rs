//! A Python of our own with boto3 in it: a virtual environment in the user's cache folder, made once for each pin.

use std::path::{Path, PathBuf};
use std::process::Output;

use sha2::{Digest, Sha256};
use tokio::process::Command;

/// The pins, with hashes.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// Why there is no such Python.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// Nobody to ask for a folder.
    #[error("neither XDG_CACHE_HOME nor HOME says where the user's cache folder is: set one")]
    NoCache,
    /// No interpreter.
    #[error("python3 does not start: install Python 3.10 or later with its venv module")]
    NoPython(#[source] std::io::Error),
    /// The environment was not made.
    #[error("python3 -m venv failed: install Python's venv module (on Debian: python3-venv)\n{0}")]
    NoVenv(String),
    /// The packages were not installed.
    #[error("pip could not install boto3: it needs PyPI, or a mirror that pip is configured for\n{0}")]
    NoBoto3(String),
    /// The folder could not be written.
    #[error("the cache folder cannot be used")]
    Cache(#[source] std::io::Error),
    /// The player did not start.
    #[error("the Python process did not start")]
    Start(#[source] std::io::Error),
}

/// An interpreter that has boto3.
#[derive(Debug, Clone)]
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The environment in `cache` (the user's cache folder), made if it is not there.
    ///
    /// # Errors
    ///
    /// [`PythonError`], whose text says what is missing.
    pub async fn prepare(cache: &Path) -> Result<Self, PythonError> {
        let digest = Sha256::digest(REQUIREMENTS.as_bytes());
        let hash: String = digest
            .iter()
            .take(6)
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        let folder = cache.join("stagecraft").join(format!("python-{hash}"));
        let interpreter = folder.join("bin/python3");
        if !interpreter.exists() {
            make(&folder).await?;
        }
        Ok(Self { interpreter })
    }

    /// The interpreter's path.
    #[must_use]
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }
}

/// The user's cache folder by the XDG rules.
///
/// # Errors
///
/// [`PythonError::NoCache`] where neither variable is set.
pub fn cache_folder() -> Result<PathBuf, PythonError> {
    let given = std::env::var_os("XDG_CACHE_HOME").filter(|folder| Path::new(folder).is_absolute()).map(PathBuf::from);
    let own = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    given.or_else(own).ok_or(PythonError::NoCache)
}

/// Makes the environment beside its place and moves it there whole, so that a half-made one is never used.
async fn make(folder: &Path) -> Result<(), PythonError> {
    let parent = folder.parent().unwrap_or(folder);
    tokio::fs::create_dir_all(parent).await.map_err(PythonError::Cache)?;
    let partial = folder.with_extension(format!("partial-{}", std::process::id()));
    let made = fill(&partial).await;
    if made.is_ok() && tokio::fs::rename(&partial, folder).await.is_ok() {
        return Ok(());
    }
    // Somebody else was faster, or it failed: either way this one goes.
    tokio::fs::remove_dir_all(&partial).await.ok();
    made
}

async fn fill(folder: &Path) -> Result<(), PythonError> {
    let venv = Command::new("python3").args(["-m", "venv"]).arg(folder).output().await;
    said(venv.map_err(PythonError::NoPython)?).map_err(PythonError::NoVenv)?;
    let requirements = folder.join("requirements.txt");
    tokio::fs::write(&requirements, REQUIREMENTS).await.map_err(PythonError::Cache)?;
    let pip = Command::new(folder.join("bin/python3"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
        .args(["--require-hashes", "--requirement"])
        .arg(&requirements)
        .output()
        .await;
    said(pip.map_err(PythonError::NoPython)?).map_err(PythonError::NoBoto3)
}

/// What a program said, if it failed.
fn said(output: Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned())
}
