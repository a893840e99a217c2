//! `abort`: takes all traffic back from a release, or removes a canary that no release opened.

use std::process::ExitCode;

use clap::Args;
use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;

use crate::cluster::Place;
use crate::failure::Failure;
use crate::order::{Effect, Of, Order, held_by, no_release, traffic};
use crate::screen::view::View;

/// Which stage.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Of,
    /// Leave the release, and remove a canary that no release of this object opened
    #[arg(long)]
    canary: bool,
}

/// Aborts, and tells where the traffic is then.
///
/// # Errors
///
/// There is nothing to abort, or the operator refuses.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    arguments.of.obey(place, None, |view, flags| order(view, flags, arguments.canary)).await
}

fn order(view: &View, flags: &str, canary_only: bool) -> Result<Order, Failure> {
    let name = view.name.clone();
    if let Some(release) = view.running().filter(|_| !canary_only) {
        let (id, flags) = (release.id.clone(), flags.to_owned());
        let had_canary = view.canary.is_some();
        return Ok(Order {
            verb: Verb::Abort(id.to_string()),
            beginning: format!("Aborting {id} of {name}"),
            effect: Box::new(move |view, _| {
                if view.running().is_some_and(|release| release.id == id) || view.canary.is_some() {
                    return None;
                }
                let removed = if had_canary { "the canary is removed, " } else { "" };
                Some(Effect { now: format!("{removed}{}", traffic(view)), more: held_by(view, &id, &flags) })
            }),
            release: None,
        });
    }
    let foreign = view.canary.as_ref().filter(|canary| canary.release.is_none());
    let Some(deployment) = foreign.and_then(|canary| canary.deployment_id.as_ref()) else {
        if canary_only {
            return Err(Failure::Said(format!(
                "there is no foreign canary on the stage of ApiStage {}",
                view.full_name()
            )));
        }
        return Err(no_release(view, "abort", flags));
    };
    Ok(Order {
        verb: Verb::Abort(deployment.to_string()),
        beginning: format!("Removing the canary of deployment {deployment} from {name}, which no release of it opened"),
        effect: Box::new(|view, _| {
            view.canary.is_none().then(|| format!("the canary is removed, {}", traffic(view)).into())
        }),
        release: None,
    })
}
