//! The acts, each a story in chapters: what is done, what is seen, what must be so.

mod begin;
mod bounds;
mod canary;
mod change;
mod response;
mod share;

use std::time::Instant;

use crate::{failure::Failure, world::World};

/// The object of the story.
const OBJECT: &str = "apistage/orders-prod";

/// A story from its beginning to its end. Each can be played alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A stage comes to life, changes, goes back, and goes.
    Stage,
    /// Releases go through a canary.
    Canary,
}

/// A part of an act, under a headline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chapter {
    World,
    ComesToLife,
    NewRevision,
    GitRevert,
    Drift,
    BadInput,
    GatewayResponse,
    Delete,
    Traffic,
    GoodRelease,
    BadRelease,
}

impl Act {
    /// In the order in which they are played.
    pub(crate) const ALL: [Self; 2] = [Self::Stage, Self::Canary];

    /// How many there are.
    pub(crate) const COUNT: u8 = 2;

    /// 1 for the first.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Stage => 1,
            Self::Canary => 2,
        }
    }

    fn chapters(self) -> &'static [Chapter] {
        match self {
            Self::Stage => &[
                Chapter::World,
                Chapter::ComesToLife,
                Chapter::NewRevision,
                Chapter::GitRevert,
                Chapter::Drift,
                Chapter::BadInput,
                Chapter::GatewayResponse,
                Chapter::Delete,
            ],
            Self::Canary => &[Chapter::Traffic, Chapter::GoodRelease, Chapter::BadRelease],
        }
    }

    /// Plays all chapters, each from its headline to its time.
    pub(crate) async fn play(self, world: &mut World) -> Result<(), Failure> {
        let chapters = self.chapters();
        for (chapter, number) in chapters.iter().zip(1..) {
            let started = Instant::now();
            let place = format!("act {}, {number} of {}", self.number(), chapters.len());
            world.screen.headline(&place, chapter.title())?;
            let played = async {
                chapter.play(world).await?;
                world.all_alive()
            };
            if let Err(source) = played.await {
                return Err(Failure::Chapter { act: self.number(), number, source: Box::new(source) });
            }
            world.screen.took(started.elapsed())?;
        }
        Ok(())
    }
}

impl Chapter {
    fn title(self) -> &'static str {
        match self {
            Self::World => "a cluster, a REST API, and the operator between them",
            Self::ComesToLife => "apply: a stage comes to life",
            Self::NewRevision => "the API got a new method: a new revision takes it live, a variable along with it",
            Self::GitRevert => "Git revert: the first revision comes back without a new snapshot",
            Self::Drift => "a hand in the console changes a variable: seen, put right, told",
            Self::BadInput => "bad input: what the API server refuses, and what only AWS knows",
            Self::GatewayResponse => "a gateway response: what API Gateway itself answers, and when callers get it",
            Self::Delete => "delete: the stage goes, and nothing of ours is left behind",
            Self::Traffic => "a stage with traffic, and an ApiCanary for what comes next",
            Self::GoodRelease => "a good revision: 5 %, 25 %, 50 %, promoted",
            Self::BadRelease => "a bad revision: caught at 5 %, undone in one call, held",
        }
    }

    async fn play(self, world: &mut World) -> Result<(), Failure> {
        match self {
            Self::World => begin::world(world).await,
            Self::ComesToLife => begin::comes_to_life(world).await,
            Self::NewRevision => change::new_revision(world).await,
            Self::GitRevert => change::git_revert(world).await,
            Self::Drift => change::drift(world).await,
            Self::BadInput => bounds::bad_input(world).await,
            Self::GatewayResponse => response::gateway_response(world).await,
            Self::Delete => bounds::delete(world).await,
            Self::Traffic => canary::traffic(world).await,
            Self::GoodRelease => canary::good_release(world).await,
            Self::BadRelease => canary::bad_release(world).await,
        }
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
