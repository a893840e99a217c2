//! The eight acts, each a story of its own: what is done, what is seen, what must be so.

mod begin;
mod bounds;
mod change;
mod response;

use std::time::Instant;

use crate::{failure::Failure, world::World};

/// The object of the story.
const OBJECT: &str = "apistage/orders-prod";

/// One act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Stage,
    ComesToLife,
    NewRevision,
    GitRevert,
    Drift,
    BadInput,
    GatewayResponse,
    Delete,
}

impl Act {
    /// In the order in which they are played.
    pub(crate) const ALL: [Self; 8] = [
        Self::Stage,
        Self::ComesToLife,
        Self::NewRevision,
        Self::GitRevert,
        Self::Drift,
        Self::BadInput,
        Self::GatewayResponse,
        Self::Delete,
    ];

    /// How many there are.
    pub(crate) const COUNT: u8 = 8;

    /// 1 for the first.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Stage => 1,
            Self::ComesToLife => 2,
            Self::NewRevision => 3,
            Self::GitRevert => 4,
            Self::Drift => 5,
            Self::BadInput => 6,
            Self::GatewayResponse => 7,
            Self::Delete => 8,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Stage => "a cluster, a REST API, and the operator between them",
            Self::ComesToLife => "apply: a stage comes to life",
            Self::NewRevision => "the API got a new method: a new revision takes it live, a variable along with it",
            Self::GitRevert => "Git revert: the first revision comes back without a new snapshot",
            Self::Drift => "a hand in the console changes a variable: seen, put right, told",
            Self::BadInput => "bad input: what the API server refuses, and what only AWS knows",
            Self::GatewayResponse => "a gateway response: what API Gateway itself answers, and when callers get it",
            Self::Delete => "delete: the stage goes, and nothing of ours is left behind",
        }
    }

    /// Plays the act from its headline to its time.
    pub(crate) async fn play(self, world: &mut World) -> Result<(), Failure> {
        let started = Instant::now();
        world.screen.headline(self.number(), Self::COUNT, self.title())?;
        match self {
            Self::Stage => begin::stage(world).await,
            Self::ComesToLife => begin::comes_to_life(world).await,
            Self::NewRevision => change::new_revision(world).await,
            Self::GitRevert => change::git_revert(world).await,
            Self::Drift => change::drift(world).await,
            Self::BadInput => bounds::bad_input(world).await,
            Self::GatewayResponse => response::gateway_response(world).await,
            Self::Delete => bounds::delete(world).await,
        }?;
        world.all_alive()?;
        world.screen.took(started.elapsed())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_numbered_as_they_are_played() {
        let numbers: Vec<u8> = Act::ALL.iter().map(|act| act.number()).collect();
        assert_eq!(numbers, (1..=Act::COUNT).collect::<Vec<_>>());
    }
}
