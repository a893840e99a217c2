//! The real kubectl, of the control plane's own version, whatever is or is not on `PATH`.

use std::{
    ffi::OsStr,
    process::{Output, Stdio},
};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{Cluster, Error};

impl Cluster {
    /// Runs kubectl as the admin and waits for its end. That it failed is for the caller to see in the output.
    ///
    /// # Errors
    ///
    /// [`Error::Kubectl`] where it could not be run.
    pub async fn kubectl(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output, Error> {
        self.kubectl_command(arguments).stdin(Stdio::null()).output().await.map_err(Error::Kubectl)
    }

    /// As [`Self::kubectl`], with `input` on its stdin: `["apply", "-f", "-"]` and a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Kubectl`] where it could not be run.
    pub async fn kubectl_with_input(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        input: &str,
    ) -> Result<Output, Error> {
        let mut command = self.kubectl_command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Error::Kubectl)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends without reading says why on its stderr, which is worth more than our broken pipe.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        child.wait_with_output().await.map_err(Error::Kubectl)
    }

    fn kubectl_command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(self.kubectl_program());
        command.args(arguments).envs(self.environment()).kill_on_drop(true);
        command
    }
}
