//! How people call a target.

use crate::api::status::Release;
use crate::api::target::Target;

/// `r42`, `r42 (snapshot 2)`, `deployment 4fk2x1`.
pub(in crate::plan) fn name(target: &Target) -> String {
    match (&target.revision, &target.deployment_id) {
        (Some(revision), _) => match target.attempt {
            Some(attempt @ 2..) => format!("{revision} (snapshot {attempt})"),
            Some(_) | None => revision.to_string(),
        },
        (None, Some(deployment)) => format!("deployment {deployment}"),
        (None, None) => "the target".to_owned(),
    }
}

/// `r42 (deployment 4fk2x1)`, `r42 (to be snapshotted)`, `deployment 4fk2x1`.
pub(in crate::plan) fn deployment_of(target: &Target) -> String {
    match (&target.revision, &target.deployment_id) {
        (Some(_), Some(deployment)) => format!("{} (deployment {deployment})", name(target)),
        (Some(_), None) => format!("{} (to be snapshotted)", name(target)),
        (None, _) => name(target),
    }
}

/// The word of `release.reason`: a [`Reason`](crate::api::condition::Reason), before the sentence.
pub(in crate::plan) fn word(release: &Release) -> Option<&str> {
    let reason = release.reason.as_deref()?;
    Some(reason.split_once(':').map_or(reason, |(word, _)| word))
}
