//! `RollingBack`: the way back to what served, and what is held then.

use super::{Scene, Turn, end};
use crate::api::status::{Release, Why};
use crate::plan::draft::Draft;

/// One turn of going back. A release that moved no traffic is undone by being ended.
pub(super) fn undo(draft: &mut Draft<'_>, _scene: Scene<'_>, release: &Release) -> Turn {
    end::fail(draft, release.clone(), Why::Aborted);
    Turn::Again
}
