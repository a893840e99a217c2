//! `retry`: releases again what is held.

use std::process::ExitCode;

use clap::Args;
use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;

use crate::cluster::Place;
use crate::failure::Failure;
use crate::near::nearest;
use crate::order::{Awaited, Of, Order, Wait};
use crate::screen::view::{View, name_of};

/// Which stage, and which release.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Of,
    /// The release whose target is held [default: the last one]
    #[arg(long)]
    release: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

/// Frees the held target, and tells the release that begins.
///
/// # Errors
///
/// Nothing is held, or the operator refuses.
pub async fn run(place: &Place, arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let asked = arguments.release.as_deref();
    arguments.of.obey(place, Some(arguments.wait), |view, flags| order(view, flags, asked)).await
}

fn order(view: &View, flags: &str, asked: Option<&str>) -> Result<Order, Failure> {
    let name = view.full_name();
    let known: Vec<_> =
        view.held.iter().filter_map(|held| held.release.as_ref().map(|release| (release, held))).collect();
    let found = match asked {
        None => known.first(),
        Some(asked) => known.iter().find(|(release, _)| release.as_str() == asked),
    };
    let Some((release, held)) = found else {
        let names = known.iter().map(|(release, _)| release.as_str());
        return Err(Failure::Said(match (asked, known.is_empty()) {
            (Some(asked), false) => {
                let near = nearest(asked, names.clone());
                let near = if near.is_empty() { names.collect() } else { near };
                format!("no target of release {asked} is held on ApiStage {name}; held is that of {}", near.join(", "))
            }
            (Some(_) | None, _) => format!(
                "ApiStage {name} holds no target, so there is nothing to release again. To release something, name a revision in spec; \
                 to see what was: kubectl stagecraft history {}{flags}",
                view.name
            ),
        }));
    };
    let (id, target) = ((*release).clone(), name_of(&held.target));
    let former = view.release.as_ref().map(|release| release.id.clone());
    Ok(Order {
        verb: Verb::Retry(id.to_string()),
        beginning: format!("Releasing {target} of {id} again on {}", view.name),
        // The release that begins has an id of its own, which nobody knows yet.
        release: Some(Awaited::After(former.clone())),
        effect: Box::new(move |view, last| {
            let begun = view.release.as_ref().filter(|release| Some(&release.id) != former.as_ref());
            match begun {
                Some(release) => Some(format!("release {} begins", release.id).into()),
                // Where the spec names something else nothing begins.
                None if view.condition("Ready").is_some_and(|ready| ready.status == "True") => {
                    Some(last.message.clone().into())
                }
                None => None,
            }
        }),
    })
}
