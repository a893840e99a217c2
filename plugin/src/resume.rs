//! `resume`: lets a paused release go on.

use std::process::ExitCode;

use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;
use stagecraft_core::api::status::Phase;

use crate::clock::now;
use crate::cluster::Place;
use crate::failure::Failure;
use crate::order::{Awaited, OfRelease, Order, no_release};
use crate::screen::bar;
use crate::screen::view::View;

/// Resumes, and tells where the release goes on.
///
/// # Errors
///
/// Nothing is paused, or the operator refuses.
pub async fn run(place: &Place, arguments: &OfRelease) -> Result<ExitCode, BoxError> {
    arguments.of.obey(place, Some(arguments.wait), order).await
}

fn order(view: &View, flags: &str) -> Result<Order, Failure> {
    let Some(release) = view.running() else { return Err(no_release(view, "resume", flags)) };
    let id = release.id.clone();
    Ok(Order {
        verb: Verb::Resume(id.to_string()),
        beginning: format!("Resuming {id} of {}", view.name),
        release: Some(Awaited::This(id.clone())),
        effect: Box::new(move |view, _| {
            let release = view.running().filter(|release| release.id == id && release.phase != Phase::Paused)?;
            Some(bar::words(release, now()).into())
        }),
    })
}
