//! `approve`: lets a release go on that awaits a person.

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

/// Approves what is awaited, and tells how the release goes on.
///
/// # Errors
///
/// Nothing awaits an approval, or the operator refuses.
pub async fn run(place: &Place, arguments: &OfRelease) -> Result<ExitCode, BoxError> {
    arguments.of.obey(place, Some(arguments.wait), order).await
}

fn order(view: &View, flags: &str) -> Result<Order, Failure> {
    let Some(release) = view.running() else { return Err(no_release(view, "approve", flags)) };
    let id = release.id.clone();
    let awaited = release.awaiting.clone().filter(|_| release.phase == Phase::AwaitingApproval);
    let Some(step) = awaited else {
        let so = bar::words(release, now());
        return Err(Failure::Said(format!(
            "{id} of ApiStage {} awaits no approval: {so}. To skip what is left of it: kubectl stagecraft promote {}{flags}",
            view.full_name(),
            view.name
        )));
    };
    let what = if step == "promotion" { "the promotion".to_owned() } else { format!("step {step}") };
    Ok(Order {
        verb: Verb::Approve { release: id.to_string(), step },
        beginning: format!("Approving {what} of {id} of {}", view.name),
        release: Some(Awaited::This(id.clone())),
        effect: Box::new(move |view, _| {
            let running = view.running().filter(|release| release.id == id);
            let so = running.map_or_else(|| format!("{id} is over"), |release| bar::words(release, now()));
            Some(format!("approved: {so}").into())
        }),
    })
}
