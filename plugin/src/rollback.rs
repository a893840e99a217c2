//! `rollback`: goes back at once to what was stable here.

use std::process::ExitCode;

use clap::Args;
use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;
use stagecraft_core::api::names::{DeploymentId, ReleaseId, Revision};

use crate::cluster::Place;
use crate::failure::Failure;
use crate::follow::{Ended, ended};
use crate::near::nearest;
use crate::order::{Effect, Of, Order, held_by, traffic};
use crate::screen::view::View;

/// Which stage, and back to what.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Of,
    /// A revision or deployment that was stable here [default: the one before]
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
}

/// Rolls back, and tells what serves then and what is held.
///
/// # Errors
///
/// There is nothing to go back to, or the operator refuses.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let to = arguments.to.as_deref();
    arguments.of.obey(place, None, |view, flags| order(view, flags, to)).await
}

fn order(view: &View, flags: &str, to: Option<&str>) -> Result<Order, Failure> {
    if let Some(running) = view.running() {
        return Err(Failure::Said(format!(
            "release {} of ApiStage {} runs. To undo it: kubectl stagecraft abort {}{flags}",
            running.id,
            view.full_name(),
            view.name
        )));
    }
    let was_stable = view.history.iter().filter(|entry| entry.how.is_some()).map(|entry| &entry.target);
    let mut known: Vec<&str> = Vec::new();
    let revisions = was_stable.clone().filter_map(|target| target.revision.as_ref().map(Revision::as_str));
    let deployments = was_stable.filter_map(|target| target.deployment_id.as_ref().map(DeploymentId::as_str));
    for name in revisions.chain(deployments) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    if let Some(to) = to.filter(|to| !known.contains(to)) {
        let near = nearest(to, known.iter().copied());
        let advice = if near.is_empty() {
            format!("kubectl stagecraft history {}{flags} shows what was", view.name)
        } else {
            format!("did you mean {}?", near.join(" or "))
        };
        return Err(Failure::Said(format!(
            "{to} was not stable on ApiStage {}, as far as its history tells; {advice}",
            view.full_name()
        )));
    }
    let former: Option<ReleaseId> = view.release.as_ref().map(|release| release.id.clone());
    let flags = flags.to_owned();
    let target = to.map_or_else(|| "what served before".to_owned(), ToOwned::to_owned);
    Ok(Order {
        verb: Verb::Rollback(to.map(ToOwned::to_owned)),
        beginning: format!("Rolling {} back to {target}", view.name),
        release: None,
        effect: Box::new(move |view, _| {
            let release = view.release.as_ref().filter(|release| Some(&release.id) != former.as_ref())?;
            let now = match ended(view, &release.id)? {
                Ended::Served(_) => traffic(view),
                Ended::NotServed(sentence) => sentence,
            };
            let held = view.held.first().and_then(|held| held.release.clone());
            Some(Effect { now, more: held.and_then(|release| held_by(view, &release, &flags)) })
        }),
    })
}
