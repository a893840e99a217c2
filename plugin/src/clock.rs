//! The one source of time: the operator's own clock.

use jiff::Timestamp;
use stagecraft::clock::Clock;

/// Now, by the machine.
#[must_use]
pub fn now() -> Timestamp {
    Clock::system().now()
}
