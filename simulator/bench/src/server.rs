//! The server process, from its start to its end.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::pinning::{self, Cores};

/// How long a start may take before it counts as failed; the limit itself is far below.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the server may print.
    _stdout: BufReader<ChildStdout>,
}

/// Ends the process where the start fails half-way.
struct Ending(Option<Child>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

/// A process that has ended by itself needs no more than to be waited for.
fn end(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

impl Server {
    /// Starts the program on its core, and leaves this thread on the client's. Also gives the time from the start to
    /// the first answer.
    pub(crate) fn start(program: &Path, cores: &Cores) -> io::Result<(Self, Duration)> {
        pinning::stay_on(cores.server)?;
        let started = Instant::now();
        let child = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut child = Ending(Some(child));
        pinning::stay_on(cores.client)?;

        let stdout = child.0.as_mut().and_then(|child| child.stdout.take());
        let mut stdout = BufReader::new(stdout.ok_or_else(|| io::Error::other("the server has no output"))?);
        let (send, receive) = mpsc::channel();
        // Apart, because reading has no deadline. It ends with the server at the latest.
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| (line, stdout));
            // Nobody listens any more where the patience was over.
            send.send(read).ok();
        });
        let (line, stdout) = receive.recv_timeout(PATIENCE).map_err(|_timeout_or_end| {
            io::Error::new(io::ErrorKind::TimedOut, format!("the server said nothing within {PATIENCE:?}"))
        })??;
        let address = address(&line)?;
        let answer = Connection::open(address)?.send("GET", "/_simulator/clock", "")?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("the server's first answer is {answer}")));
        }
        let startup = started.elapsed();
        let child = child.0.take().ok_or_else(|| io::Error::other("the server is gone"))?;
        Ok((Self { child, address, _stdout: stdout }, startup))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most physical memory that the process ever held.
    pub(crate) fn peak_memory_mib(&self) -> io::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        peak_mib(&status).ok_or_else(|| io::Error::other("the process status tells no VmHWM; the server is gone"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The address in the server's first line.
fn address(line: &str) -> io::Result<SocketAddr> {
    let address = line.trim_end().rsplit_once("http://").and_then(|(_, address)| address.parse().ok());
    address.ok_or_else(|| io::Error::other(format!("the server's first line tells no address: '{}'", line.trim_end())))
}

/// `VmHWM` of a process status, which counts in kB of 1024 bytes.
fn peak_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_address() {
        let told = address("apigateway-simulator listens at http://127.0.0.1:4570\n").unwrap();
        assert_eq!(told, SocketAddr::from(([127, 0, 0, 1], 4570)));
        assert_eq!(address("").unwrap_err().to_string(), "the server's first line tells no address: ''");
    }

    #[test]
    fn the_peak_is_read_and_not_the_present() {
        let status = "Name:\tserver\nVmPeak:\t  999999 kB\nVmHWM:\t   51200 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(peak_mib(status), Some(50.0));
        assert_eq!(peak_mib("Name:\tzombie\n"), None);
    }
}
