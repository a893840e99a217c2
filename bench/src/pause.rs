//! Periods that are waited out by plan.

use std::time::Duration;

/// Lets time pass: a period that is measured, or that a plan names, is itself the thing that is waited for.
#[expect(clippy::disallowed_methods, reason = "the passing of time is what is wanted here")]
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
