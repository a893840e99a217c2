//! Publishes events, and remembers only so many of them.

use std::sync::{Mutex, PoisonError};

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};

/// Events that one recorder publishes. It keeps each for six minutes, to fold repeats into a series, and goes through all that it
/// keeps for each new one: a thousand new stages would leave tens of megabytes.
const MOST: usize = 500;

/// Recorders, one after the other. A repeat that meets a new one is an event of its own, which is all that is lost.
pub(super) struct Recorders {
    client: Client,
    reporter: Reporter,
    /// The present one, and how many events it was asked for.
    present: Mutex<(Recorder, usize)>,
}

impl Recorders {
    pub(super) fn new(client: Client, reporter: Reporter) -> Self {
        let present = Mutex::new((Recorder::new(client.clone(), reporter.clone()), 0));
        Self { client, reporter, present }
    }

    /// The one to publish the next event with.
    pub(super) fn next(&self) -> Recorder {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let (recorder, count) = &mut *present;
        if *count == MOST {
            *recorder = Recorder::new(self.client.clone(), self.reporter.clone());
            *count = 0;
        }
        *count += 1;
        recorder.clone()
    }
}
