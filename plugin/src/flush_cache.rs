//! `flush-cache` and `flush-authorizers`: empty the stage's caches.

use std::process::ExitCode;

use stagecraft::run::BoxError;
use stagecraft_core::api::command::Verb;
use stagecraft_core::api::status::CommandState;

use crate::cluster::Place;
use crate::order::{Of, Order};

/// Which of the two caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// That of answers.
    Answers,
    /// That of what authorizers said.
    Authorizers,
}

/// Empties a cache, and tells that AWS has taken it.
///
/// # Errors
///
/// There is no cache, or the operator refuses.
pub async fn run(place: &Place, of: &Of, cache: Cache) -> Result<ExitCode, BoxError> {
    let order = |view: &crate::screen::view::View, _: &str| {
        let (verb, what) = match cache {
            Cache::Answers => (Verb::FlushCache, "cache"),
            Cache::Authorizers => (Verb::FlushAuthorizers, "authorizer cache"),
        };
        Ok(Order {
            verb,
            beginning: format!("Emptying the {what} of {}", view.name),
            release: None,
            effect: Box::new(|_, last| (last.state == CommandState::Done).then(|| last.message.clone().into())),
        })
    };
    of.obey(place, None, order).await
}
