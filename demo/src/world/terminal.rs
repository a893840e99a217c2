//! What a person types: real commands in a real shell, shown with what they print.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{process::Command, time::timeout};

use super::World;
use crate::failure::Failure;

/// Where commands are typed: the examples and definitions are named from here.
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// No command of ours waits longer than this by itself.
const DEADLINE: Duration = Duration::from_mins(2);

impl World {
    /// Types a command that must succeed, and shows it with what it prints.
    pub(crate) async fn types(&mut self, command: &str) -> Result<String, Failure> {
        match self.typed(command).await? {
            (true, said) => Ok(said),
            (false, said) => Err(Failure::Command { command: command.to_owned(), expected: "succeed", said }),
        }
    }

    /// Types a command that must be refused, and shows it with what it prints.
    pub(crate) async fn types_in_vain(&mut self, command: &str) -> Result<String, Failure> {
        match self.typed(command).await? {
            (false, said) => Ok(said),
            (true, said) => Err(Failure::Command { command: command.to_owned(), expected: "be refused", said }),
        }
    }

    /// Types a command, and shows it with what it prints. Gives whether it succeeded, and what it said.
    pub(crate) async fn typed(&mut self, command: &str) -> Result<(bool, String), Failure> {
        self.screen.command(command)?;
        let output = self.run(command).await?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        self.screen.output(&said)?;
        Ok((output.status.success(), said.trim().to_owned()))
    }

    /// Runs a command in a shell, with the repository as its folder and kubectl first on its path.
    async fn run(&self, command: &str) -> Result<Output, Failure> {
        let failed = |source| Failure::Run { command: command.to_owned(), source };
        let child = Command::new("sh")
            .args(["-c", command])
            .envs(self.control_plane()?.environment())
            // A person's own kubectl preferences would change what is shown.
            .env("KUBERC", "off")
            .current_dir(REPOSITORY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        match timeout(DEADLINE, child.wait_with_output()).await {
            Ok(output) => output.map_err(failed),
            Err(_elapsed) => Err(Failure::TooLate { what: format!("the end of `{command}`"), waited: DEADLINE }),
        }
    }

    /// Asks kubectl for JSON, for a check. What it cannot give is `null`.
    pub(crate) async fn asks(&self, arguments: &str) -> Result<Value, Failure> {
        let command = format!("kubectl {arguments} -o json");
        let output = self.run(&command).await?;
        if !output.status.success() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout).map_err(|source| Failure::Json { command, source })
    }
}
