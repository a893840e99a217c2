//! Processes that cannot outlive the one that started them, and their folder.
//!
//! Two shells watch over the programs. The *guard* blocks on a pipe whose other end only we hold; when we are gone,
//! killed included, it reads the end of file, kills the programs' process group and removes the folder. The *anchor*
//! does nothing but lead that group, and it lives until the guard ends: so the group's number cannot belong to anybody
//! else when the guard uses it.
//!
//! There is no moment in which a program could slip through. A program joins the group before it becomes itself, and
//! until then the half-born process holds our end of the guard's pipe open too (close-on-exec), so the guard sees the
//! end of file only when every program is in the group.
//!
//! The guard and the programs are in process groups other than ours: Ctrl-C in a terminal reaches us alone, and we end
//! them in order.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, credentials::random_hex};

const GUARD: &str = include_str!("supervise.sh");

/// The last lines of a log that an error shows.
const LOG_LINES: usize = 20;

/// Starts programs in a fresh folder. Dropping it ends them all and removes the folder.
#[derive(Debug)]
pub(crate) struct Supervisor {
    folder: PathBuf,
    guard: Child,
    guard_input: Option<ChildStdin>,
    anchor: Child,
    programs: Vec<Program>,
}

/// A running program. Its log is `NAME.log` in the folder.
#[derive(Debug)]
struct Program {
    name: &'static str,
    child: Child,
}

impl Supervisor {
    /// Makes the folder, readable by its owner only because it will hold credentials, and starts the guard.
    pub(crate) fn new() -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(format!("stagecraft-testbed-{}", random_hex::<6>()?));
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(Error::file(&folder))?;
        Self::watch(folder.clone()).map_err(|source| {
            // Nobody else will: the guard is what could not be started. The first error is the one to tell.
            drop(fs::remove_dir_all(&folder));
            Error::Spawn { name: "sh", source }
        })
    }

    fn watch(folder: PathBuf) -> io::Result<Self> {
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let guard_input = guard.stdin.take();
        let guard_output = guard.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let anchor = Command::new("sh")
            .args(["-c", "read -r _"])
            .stdin(guard_output)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        // From here on Drop cleans up, also when the next line fails.
        let mut supervisor = Self { folder, guard, guard_input, anchor, programs: Vec::new() };
        let group = supervisor.anchor.id();
        supervisor.tell_guard(&group.to_string())?;
        Ok(supervisor)
    }

    fn tell_guard(&mut self, line: &str) -> io::Result<()> {
        match &mut self.guard_input {
            Some(input) => writeln!(input, "{line}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        fs::write(&path, content).map_err(Error::file(&path))?;
        Ok(path)
    }

    /// Starts `program` as `name`; a log that is there already goes on.
    pub(crate) fn start(&mut self, name: &'static str, program: &Path, arguments: &[String]) -> Result<(), Error> {
        self.spawn(name, Command::new(program).args(arguments))
    }

    /// As [`Self::start`], with this environment instead of ours.
    pub(crate) fn start_alone(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, OsString)],
    ) -> Result<(), Error> {
        let environment = environment.iter().map(|(variable, value)| (variable, value));
        self.spawn(name, Command::new(program).args(arguments).env_clear().envs(environment))
    }

    fn spawn(&mut self, name: &'static str, command: &mut Command) -> Result<(), Error> {
        let path = self.log_of(name);
        let log = File::options().create(true).append(true).open(&path).map_err(Error::file(&path))?;
        let failed = |source| Error::Spawn { name, source };
        let group = Pid::from_child(&self.anchor).as_raw_nonzero().get();
        let child = command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .process_group(group)
            .spawn()
            .map_err(failed)?;
        self.programs.push(Program { name, child });
        Ok(())
    }

    /// Kills `name` as a power cut would, and waits until it is gone. Nothing happens where it does not run.
    pub(crate) fn kill(&mut self, name: &'static str) {
        if let Some(at) = self.programs.iter().position(|program| program.name == name) {
            end(&mut self.programs.swap_remove(at).child);
        }
    }

    /// Sends `signal` to `name`.
    pub(crate) fn signal(&self, name: &'static str, signal: Signal) -> Result<(), Error> {
        let program = self.programs.iter().find(|program| program.name == name);
        let program = program.ok_or(Error::WrongState { state: "stopped" })?;
        // The number is still this child's: nobody but we can reap it.
        kill_process(Pid::from_child(&program.child), signal)
            .map_err(|errno| Error::Signal { name, source: errno.into() })
    }

    pub(crate) fn runs(&self, name: &str) -> bool {
        self.programs.iter().any(|program| program.name == name)
    }

    /// The first program that ended by itself.
    pub(crate) fn ended(&mut self) -> Option<(&'static str, ExitStatus)> {
        self.programs.iter_mut().find_map(|program| match program.child.try_wait() {
            Ok(Some(status)) => Some((program.name, status)),
            // A child that cannot be asked is reported by what fails without it.
            Ok(None) | Err(_) => None,
        })
    }

    pub(crate) fn log_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// The last lines of a program's log; says so where there is none.
    pub(crate) fn log_tail(&self, name: &str) -> String {
        let Ok(bytes) = fs::read(self.log_of(name)) else { return "(no log)".to_owned() };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
    }

    /// The last lines of all logs, each under its program's name.
    pub(crate) fn log_tails(&self) -> String {
        let tails = self.programs.iter().map(|program| format!("{}:\n{}", program.name, self.log_tail(program.name)));
        tails.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // The API server before its etcd, so that it does not spend its last moments on complaints.
        while let Some(mut program) = self.programs.pop() {
            end(&mut program.child);
        }
        end(&mut self.anchor);
        // The group's number is free from here on: the guard must not use it. If it cannot be told, it finds no group.
        drop(self.tell_guard("ended"));
        self.guard_input = None;
        // The guard removes the folder; when it is gone, so is everything.
        drop(self.guard.wait());
    }
}

/// Kills and reaps. An error means that it was reaped already.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}
