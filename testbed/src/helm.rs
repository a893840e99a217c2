//! The real helm, against a control plane of ours.

use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Output, Stdio},
};

use tokio::process::Command;

use crate::{Cluster, Error, programs::Programs};

impl Cluster {
    /// Runs helm as the admin and waits for its end. That it failed is for the caller to see in the output. Its caches,
    /// plugins and settings are the control plane's own: what the user has configured does not count.
    ///
    /// # Errors
    ///
    /// [`Error::NoHelm`] where it is not built, [`Error::Helm`] where it could not be run.
    pub async fn helm(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output, Error> {
        let program: PathBuf = Programs::locate().await?.helm.ok_or(Error::NoHelm)?;
        let home = self.folder().join("helm");
        let mut command = Command::new(program);
        command.args(arguments).envs(self.environment()).env("HELM_CACHE_HOME", home.join("cache"));
        command.env("HELM_CONFIG_HOME", home.join("config")).env("HELM_DATA_HOME", home.join("data"));
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(Error::Helm)
    }
}
