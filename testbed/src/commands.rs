//! What the command line offers.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
};

use clap::{Args, Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use testbed::{ControlPlane, Options};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};

type Failure = Box<dyn Error>;

/// A real etcd and kube-apiserver on 127.0.0.1, gone without a trace when this program ends.
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start a control plane, say how to use it, and keep it until Ctrl-C.
    Run {
        #[command(flatten)]
        extras: Extras,
        /// Write the environment for kubectl and the tests into FILE as shell `export` lines, once all is ready. The
        /// file is removed at the end.
        #[arg(long, value_name = "FILE")]
        write_env: Option<PathBuf>,
    },
    /// Start a control plane, run a command that uses it, and end with the command's exit code.
    ///
    /// The command finds kubectl on its PATH, KUBECONFIG and `STAGECRAFT_TESTBED_KUBECONFIG` set.
    Exec {
        #[command(flatten)]
        extras: Extras,
        /// The command and its arguments, after `--`.
        #[arg(required = true, last = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct Extras {
    /// Do without kube-controller-manager: 90 MB less, but a deleted namespace stays and nothing is garbage-collected.
    #[arg(long)]
    without_controllers: bool,
    /// Write an audit log of who asked for what.
    #[arg(long)]
    audit_log: bool,
}

impl Arguments {
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Run { extras, write_env } => run(&extras, write_env.as_deref()).await,
            Action::Exec { extras, command } => exec(&extras, &command).await,
        }
    }
}

async fn start(extras: &Extras) -> Result<ControlPlane, Failure> {
    let options =
        Options { controllers: !extras.without_controllers, audit_log: extras.audit_log, ..Options::default() };
    let control_plane = ControlPlane::start(options).await?;
    if !extras.without_controllers && !control_plane.has_controllers() {
        tell(
            "warning: no kube-controller-manager in KUBEBUILDER_ASSETS, and none is built (`make control-plane`): a \
             deleted namespace stays, owner references are not collected, roles are not aggregated",
        );
    }
    Ok(control_plane)
}

async fn run(extras: &Extras, write_env: Option<&Path>) -> Result<ExitCode, Failure> {
    // Before the start, so that no signal finds us without a handler.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let control_plane = tokio::select! {
        started = start(extras) => started?,
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
    };
    let exports = exports(&control_plane);
    if let Some(path) = write_env {
        // By a rename: who waits for the file must not read half of it.
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, &exports)?;
        fs::rename(&unfinished, path)?;
    }
    tell(&format!(
        "A control plane answers at {}. Use it from another terminal:\n\n{exports}\nkubectl get namespaces\n\nIts logs \
         are in {}. Ctrl-C ends it and removes everything.",
        control_plane.server(),
        control_plane.folder().display(),
    ));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    if let Some(path) = write_env {
        fs::remove_file(path)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn exec(extras: &Extras, command: &[OsString]) -> Result<ExitCode, Failure> {
    let (program, arguments) = command.split_first().ok_or("no command was given")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let control_plane = tokio::select! {
        started = start(extras) => started?,
        _ = interrupt.recv() => return Ok(code(ExitStatus::from_raw(Signal::INT.as_raw()))),
        _ = terminate.recv() => return Ok(code(ExitStatus::from_raw(Signal::TERM.as_raw()))),
    };
    let mut child = Command::new(program).args(arguments).envs(control_plane.environment()).spawn();
    let child = child.as_mut().map_err(|error| format!("could not run {}: {error}", program.display()))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // A terminal sends Ctrl-C to the command too; it ends first, then we.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => terminate_child(child.id())?,
        }
    };
    if let Some(obituary) = control_plane.obituary() {
        tell(&format!("warning: the control plane did not last: {obituary}"));
    }
    Ok(code(status))
}

fn terminate_child(id: Option<u32>) -> Result<(), Failure> {
    let pid = id.and_then(|id| Pid::from_raw(id.cast_signed()));
    // None once it was reaped: then its end is on its way to us.
    pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM)).map_err(Into::into)
}

/// A command's exit code, or 128 and the number of the signal that ended it, as shells have it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// `export NAME='VALUE'` lines.
fn exports(control_plane: &ControlPlane) -> String {
    let line = |(name, value): (&str, OsString)| format!("export {name}={}\n", quoted(&value));
    control_plane.environment().into_iter().map(line).collect::<Vec<_>>().concat()
}

fn quoted(value: &OsStr) -> String {
    format!("'{}'", value.to_string_lossy().replace('\'', r"'\''"))
}

/// To stderr: stdout belongs to the command that `exec` runs.
fn tell(message: &str) {
    // Where stderr is closed there is nobody to tell.
    drop(writeln!(io::stderr(), "{message}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_a_quote_survives_the_shell() {
        assert_eq!(quoted(OsStr::new("/it's here")), r"'/it'\''s here'");
    }

    #[test]
    fn a_commands_end_becomes_the_exit_code_of_a_shell() {
        let cases = [("exit 3", 3 << 8, 3), ("killed", 9, 137), ("success", 0, 0)];
        for (reason, raw, expected) in cases {
            assert_eq!(code(ExitStatus::from_raw(raw)), ExitCode::from(expected), "{reason}");
        }
    }
}
