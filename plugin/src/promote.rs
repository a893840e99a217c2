//! `promote`: skips what is left of a release's steps.

use std::process::ExitCode;

use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;
use stagecraft_core::api::status::Phase;

use crate::clock::now;
use crate::cluster::Place;
use crate::failure::Failure;
use crate::follow::{Ended, ended};
use crate::order::{Awaited, OfRelease, Order, no_release};
use crate::screen::bar;
use crate::screen::view::View;

/// Promotes, and tells what serves then.
///
/// # Errors
///
/// There is nothing to promote, or the operator refuses.
pub async fn run(place: &Place, arguments: &OfRelease) -> Result<ExitCode, BoxError> {
    arguments.of.obey(place, Some(arguments.wait), order).await
}

fn order(view: &View, flags: &str) -> Result<Order, Failure> {
    let Some(release) = view.running() else { return Err(no_release(view, "promote", flags)) };
    let id = release.id.clone();
    Ok(Order {
        verb: Verb::Promote(id.to_string()),
        beginning: format!("Promoting {id} of {}", view.name),
        release: Some(Awaited::This(id.clone())),
        effect: Box::new(move |view, _| {
            match ended(view, &id) {
                Some(Ended::Served(sentence) | Ended::NotServed(sentence)) => return Some(sentence.into()),
                None => {}
            }
            let release = view.running().filter(|release| release.phase == Phase::Baking)?;
            Some(bar::words(release, now()).into())
        }),
    })
}
