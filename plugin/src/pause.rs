//! `pause`: holds a release where it is.

use std::process::ExitCode;

use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;

use crate::clock::now;
use crate::cluster::Place;
use crate::failure::Failure;
use crate::order::{Effect, Of, Order, no_release};
use crate::screen::bar;
use crate::screen::view::View;

/// Pauses, and tells where the release stays.
///
/// # Errors
///
/// There is nothing to pause, or the operator refuses.
pub async fn run(place: &Place, of: &Of) -> Result<ExitCode, BoxError> {
    of.obey(place, None, order).await
}

fn order(view: &View, flags: &str) -> Result<Order, Failure> {
    let Some(release) = view.running() else { return Err(no_release(view, "pause", flags)) };
    let (id, flags) = (release.id.clone(), flags.to_owned());
    Ok(Order {
        verb: Verb::Pause(id.to_string()),
        beginning: format!("Pausing {id} of {}", view.name),
        release: None,
        effect: Box::new(move |view, _| {
            let release = view.running().filter(|release| release.id == id)?;
            let so = bar::words(release, now());
            let more = format!("To go on: kubectl stagecraft resume {}{flags}", view.name);
            Some(Effect { now: so, more: Some(more) })
        }),
    })
}
