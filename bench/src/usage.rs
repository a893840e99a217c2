//! What a process uses, as the kernel tells it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

use crate::failure::Failure;

/// A process that is looked at from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pid: u32,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Physical memory that it holds now (`VmRSS`), in MiB.
    pub(crate) fn resident_mib(self) -> Result<f64, Failure> {
        self.memory("VmRSS")
    }

    /// The most physical memory that it ever held (`VmHWM`), in MiB.
    pub(crate) fn peak_mib(self) -> Result<f64, Failure> {
        self.memory("VmHWM")
    }

    /// Processor time that it has used since its start, in user and kernel mode, with that of threads that have ended. The
    /// kernel counts ticks of usually 10 ms.
    pub(crate) fn processor_time(self) -> Result<Duration, Failure> {
        let (path, text) = self.read("stat")?;
        let ticks = ticks(&text).ok_or(Failure::Usage(path))?;
        let millis = ticks.saturating_mul(1_000).checked_div(clock_ticks_per_second()).unwrap_or_default();
        Ok(Duration::from_millis(millis))
    }

    fn memory(self, name: &str) -> Result<f64, Failure> {
        let (path, text) = self.read("status")?;
        let kibibytes = kibibytes(&text, name).ok_or(Failure::Usage(path))?;
        Ok(f64::from(kibibytes) / 1024.0)
    }

    fn read(self, file: &str) -> Result<(PathBuf, String), Failure> {
        let path = PathBuf::from(format!("/proc/{}/{file}", self.pid));
        match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(_gone) => Err(Failure::Usage(path)),
        }
    }
}

/// A line of `/proc/PID/status` such as `VmRSS:     1234 kB`.
fn kibibytes(status: &str, name: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// `utime` and `stime`, the 14th and 15th field of `/proc/PID/stat`. The second one is a name that may hold anything, blanks
/// and parentheses too.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    user.checked_add(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_name() {
        let status = "Name:\tstagecraft\nVmHWM:\t   61440 kB\nVmRSS:\t   40960 kB\nRssAnon:\t  1 kB\n";
        assert_eq!(kibibytes(status, "VmRSS"), Some(40_960));
        assert_eq!(kibibytes(status, "VmHWM"), Some(61_440));
        assert_eq!(kibibytes(status, "VmSwap"), None);
    }

    #[test]
    fn processor_time_is_that_of_user_and_kernel_mode() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 900 0 0 0 250 50 7 7 20 0 5 0 123 456 789";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42 (cut) S 1 42"), None);
    }

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let usage = Usage::of(std::process::id());
        let before = usage.processor_time().unwrap();
        let mut sum = 0_u64;
        while usage.processor_time().unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box((0..1_000_000_u64).fold(sum, u64::wrapping_add));
        }
        let (now, peak) = (usage.resident_mib().unwrap(), usage.peak_mib().unwrap());
        assert!(now > 0.5 && now <= peak, "{now} of {peak}");
    }
}
