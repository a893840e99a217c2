//! Leadership: of all replicas at most one writes to AWS.
//!
//! Replicas contend for one Lease object of the apiserver. Its holder renews it; every write to it is a compare-and-swap
//! on `resourceVersion`, so of two replicas that saw the same record one is refused. What a record means is decided in
//! `record`, the conversation with the apiserver is `elector`; here is what the rest of the process sees.
//!
//! # Guarantees
//!
//! * **No two [`Permit`]s are valid at once**, whatever the network does and however long a process is stopped. A leader
//!   counts its term from *before* the renewal was sent; a candidate counts from *after* it first saw that renewal, so the
//!   candidate's count always ends later. Both count on their own [`Clock::boottime`]; wall clocks are never compared.
//! * A permit is valid only while the term lasts longer than the operation timeout, so a write that starts in time has
//!   its answer, or has given up waiting for it, before anybody else may take over.
//! * A successor that saw no clean release waits [`Terms::settling_time`] before its first write: what the former leader
//!   sent last may still be on its way.
//! * After the last fault somebody leads within [`Terms::takeover_bound`].
//!
//! # Assumptions
//!
//! Clocks of different machines run at the same rate, within the operation timeout in one lease duration. Nobody deletes
//! the Lease by hand while replicas run: one that starts just then finds none and leads at once, while the former leader
//! learns of it with its next renewal.

mod elector;
mod record;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;

pub use elector::{Elector, Lost};
pub use record::LONGEST_DURATION;

/// Time on top of the operation timeout that a successor waits for the last writes of a leader that did not release.
const SETTLING_MARGIN: Duration = Duration::from_secs(5);

/// Which Lease the replicas contend for, and the times that they agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// How long one renewal lasts. Written into the record in whole seconds, rounded up.
    pub duration: Duration,
    /// Time between two renewals of the leader; candidates look as often, give or take 20 %.
    pub renew_interval: Duration,
    /// The longest that one write to AWS may take.
    pub operation_timeout: Duration,
}

impl Terms {
    /// The longest that one request about the Lease may take: half of what a renewal leaves beside the operation timeout.
    ///
    /// So a request that hangs from the start of a term leaves time for a second one before writes stop.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.duration.saturating_sub(self.operation_timeout) / 2
    }

    /// How long a successor that saw no clean release waits after it acquired the Lease: one operation timeout + 5 s.
    #[must_use]
    pub fn settling_time(&self) -> Duration {
        self.operation_timeout.saturating_add(SETTLING_MARGIN)
    }

    /// The longest time from the last fault until a replica leads and may write, while one is up that can reach the
    /// apiserver: one request that hangs, two looks (1.2 renew intervals each), the duration, the settling time.
    ///
    /// 67 s with the defaults (10 + 2 * 6 + 30 + 15); after a clean release one look. Replicas that run with different
    /// durations wait for the one that the former leader wrote.
    #[must_use]
    pub fn takeover_bound(&self) -> Duration {
        let looks = (self.renew_interval * 12 / 10) * 2;
        self.request_timeout() + looks + self.duration + self.settling_time()
    }
}

/// Where this replica stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another replica leads, or it is not known yet who does.
    Standby {
        /// Why the Lease cannot be read or taken, if so: one sentence.
        problem: Option<String>,
    },
    /// The Lease is ours, and writes of a former leader may still be on their way until `until`.
    Settling {
        /// [`Clock::boottime`] from which this replica leads.
        until: Duration,
        /// [`Clock::boottime`] at which the term ends unless it is renewed.
        deadline: Duration,
    },
    /// This replica leads.
    Leading {
        /// [`Clock::boottime`] at which the term ends unless it is renewed; `None`: it leads without a Lease.
        deadline: Option<Duration>,
    },
    /// It will not lead any more: the Lease was lost or released, or the process stops.
    Ended,
}

/// What the rest of the process sees of the Lease. Clones share one standing.
#[derive(Clone, Debug)]
pub struct Leadership {
    clock: Clock,
    operation_timeout: Duration,
    standing: Arc<watch::Sender<Standing>>,
}

/// Leave to start one write to AWS.
///
/// Methods that change something in AWS take it by value. It is not `Clone` and only [`Leadership::permit`] makes one: a
/// write that did not ask the Lease does not compile, and neither does a second write on one answer.
#[derive(Debug)]
#[must_use = "a permit that nobody uses allows nothing"]
pub struct Permit {
    leadership: Leadership,
}

/// The permit is not valid any more: the term has ended, or ends within the operation timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this replica may not write to AWS: it does not hold the lease for long enough")]
pub struct NotLeading;

impl Leadership {
    fn new(clock: Clock, operation_timeout: Duration, standing: Standing) -> Self {
        Self { clock, operation_timeout, standing: Arc::new(watch::Sender::new(standing)) }
    }

    /// Leadership without a Lease, for `--leader-elect=false`: always permits. Somebody else sees to it that there is one
    /// replica.
    #[must_use]
    pub fn without_lease(clock: Clock, operation_timeout: Duration) -> Self {
        Self::new(clock, operation_timeout, Standing::Leading { deadline: None })
    }

    /// Leadership of a process that only looks: never permits.
    #[must_use]
    pub fn never(clock: Clock, operation_timeout: Duration) -> Self {
        Self::new(clock, operation_timeout, Standing::Ended)
    }

    /// Leadership for tests whose term ends when `clock` has reached `deadline`.
    #[must_use]
    pub fn for_tests(clock: Clock, operation_timeout: Duration, deadline: Duration) -> Self {
        Self::new(clock, operation_timeout, Standing::Leading { deadline: Some(deadline) })
    }

    /// Leave for one write, if this replica leads for longer than the operation timeout.
    #[must_use]
    pub fn permit(&self) -> Option<Permit> {
        self.may_write().then(|| Permit { leadership: self.clone() })
    }

    /// Whether [`permit`](Self::permit) would give one now.
    #[must_use]
    pub fn may_write(&self) -> bool {
        match *self.standing.borrow() {
            Standing::Leading { deadline: None } => true,
            Standing::Leading { deadline: Some(deadline) } => {
                self.clock.boottime().saturating_add(self.operation_timeout) < deadline
            }
            Standing::Standby { .. } | Standing::Settling { .. } | Standing::Ended => false,
        }
    }

    /// Where this replica stands now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// Whether the term is over and nobody has noticed for `patience`: the process is stuck.
    #[must_use]
    pub fn is_overdue(&self, patience: Duration) -> bool {
        match *self.standing.borrow() {
            Standing::Leading { deadline: Some(deadline) } | Standing::Settling { deadline, .. } => {
                deadline.saturating_add(patience) < self.clock.boottime()
            }
            Standing::Leading { deadline: None } | Standing::Standby { .. } | Standing::Ended => false,
        }
    }

    /// Waits until this replica leads and may write.
    ///
    /// # Errors
    ///
    /// [`NotLeading`] once it is certain that it never will.
    pub async fn leading(&self) -> Result<(), NotLeading> {
        let mut standing = self.standing.subscribe();
        let reached =
            standing.wait_for(|standing| matches!(standing, Standing::Leading { .. } | Standing::Ended)).await;
        match reached.as_deref() {
            Ok(Standing::Leading { .. }) => Ok(()),
            Ok(Standing::Standby { .. } | Standing::Settling { .. } | Standing::Ended) | Err(_) => Err(NotLeading),
        }
    }
}

impl Permit {
    /// Whether the write may start now: asked right before its bytes leave, because a process can be stopped between
    /// asking and sending.
    #[must_use]
    pub fn still_valid(&self) -> bool {
        self.leadership.may_write()
    }

    /// [`still_valid`](Self::still_valid) as a result.
    ///
    /// # Errors
    ///
    /// [`NotLeading`] if the term has ended, or ends within the operation timeout.
    pub fn check(&self) -> Result<(), NotLeading> {
        if self.still_valid() { Ok(()) } else { Err(NotLeading) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

    fn clock() -> Clock {
        Clock::manual("2026-08-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_leader_stops_writing_one_operation_timeout_before_its_term_ends() {
        let clock = clock();
        let leadership = Leadership::for_tests(clock.clone(), OPERATION_TIMEOUT, Duration::from_secs(30));
        clock.advance(Duration::from_millis(19_999));
        let permit = leadership.permit().expect("one millisecond before the margin it still leads");
        assert_eq!(permit.check(), Ok(()));
        clock.advance(Duration::from_millis(1));
        assert!(leadership.permit().is_none(), "inside the margin another replica may be about to take over");
        assert_eq!(permit.check(), Err(NotLeading), "a permit from before is no better");
    }

    #[test]
    fn a_replica_that_does_not_lead_gets_no_permit() {
        let deadline = Duration::from_hours(1);
        let cases = [
            ("on standby", Standing::Standby { problem: None }),
            ("settling, although the lease is ours", Standing::Settling { until: Duration::ZERO, deadline }),
            ("after the end", Standing::Ended),
        ];
        for (reason, standing) in cases {
            assert!(Leadership::new(clock(), OPERATION_TIMEOUT, standing).permit().is_none(), "{reason}");
        }
    }

    #[test]
    fn a_permit_ends_with_the_leadership_that_gave_it() {
        let leadership = Leadership::without_lease(clock(), OPERATION_TIMEOUT);
        let permit = leadership.permit().unwrap();
        leadership.standing.send_replace(Standing::Ended);
        assert!(!permit.still_valid());
    }

    #[tokio::test]
    async fn leading_resolves_when_writes_are_allowed_or_never_will_be() {
        let standby = Leadership::new(clock(), OPERATION_TIMEOUT, Standing::Standby { problem: None });
        let waiting = standby.leading();
        standby.standing.send_replace(Standing::Leading { deadline: Some(Duration::from_mins(1)) });
        assert_eq!(waiting.await, Ok(()));
        standby.standing.send_replace(Standing::Ended);
        assert_eq!(standby.leading().await, Err(NotLeading));
    }

    #[test]
    fn the_documented_bound_is_67_seconds_with_the_defaults() {
        let terms = Terms {
            namespace: "stagecraft".to_owned(),
            name: "stagecraft".to_owned(),
            duration: Duration::from_secs(30),
            renew_interval: Duration::from_secs(5),
            operation_timeout: OPERATION_TIMEOUT,
        };
        assert_eq!(terms.takeover_bound(), Duration::from_secs(67));
    }
}
