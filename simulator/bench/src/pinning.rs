//! Which core runs what.

use std::io;

/// Two cores: the server's and the client's.
#[derive(Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    use super::Cores;

    impl Cores {
        /// The first two cores that this process may run on.
        pub(crate) fn find() -> io::Result<Self> {
            let allowed = sched_getaffinity(None)?;
            let mut numbers = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
            match (numbers.next(), numbers.next()) {
                (Some(server), Some(client)) => Ok(Self { server, client }),
                _ => Err(io::Error::other("this machine offers one core; the server and its client need one each")),
            }
        }
    }

    /// Keeps this thread on one core, and with it all threads and processes that it starts from now on.
    pub(crate) fn stay_on(core: usize) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_a_pinned_thread_starts_is_pinned_too() {
            let core = (0..CpuSet::MAX_CPU).find(|core| sched_getaffinity(None).unwrap().is_set(*core)).unwrap();
            stay_on(core).unwrap();
            let status = std::process::Command::new("cat").arg("/proc/self/status").output().unwrap();
            let status = String::from_utf8(status.stdout).unwrap();
            let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            assert_eq!(allowed.map(str::trim), Some(core.to_string().as_str()));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    use super::Cores;

    impl Cores {
        /// Refuses.
        pub(crate) fn find() -> io::Result<Self> {
            Err(unsupported())
        }
    }

    /// Refuses.
    pub(crate) fn stay_on(_: usize) -> io::Result<()> {
        Err(unsupported())
    }

    fn unsupported() -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, "the limits are measured with Linux's means; run `make bench` there")
    }
}

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

/// Keeps this thread on one core, and with it all threads and processes that it starts from now on.
pub(crate) fn stay_on(core: usize) -> io::Result<()> {
    system::stay_on(core)
}
