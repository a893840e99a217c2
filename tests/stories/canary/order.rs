//! With `releasePolicy: Canary` the order in which objects, watches, passes and restarts come does not matter: the stable
//! deployment never moves before the first step, although nobody knows which object is seen first.

use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::RngExt as _;
use serde_json::{Value, json};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::stage::ApiStage;

use crate::support::{World, step};

/// Rounds of each story. Each is a release of its own, on one world.
const ROUNDS: u32 = 50;

fn policy() -> Value {
    json!({ "stageRef": { "name": "orders" }, "steps": [{ "setPercent": 5, "approval": "Required" }] })
}

/// What happens in a round, each once, in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    DeclareRevision,
    CreateCanary,
    DeleteCanary,
    /// The watches catch up with the one kind, or the other.
    ShowStage,
    ShowCanaries,
    Pass,
    Restart,
}

use Move::{CreateCanary, DeclareRevision, DeleteCanary, Pass, Restart, ShowCanaries, ShowStage};

/// What watches have delivered so far.
struct Watched {
    stage: ApiStage,
    canaries: Vec<ApiCanary>,
}

impl Watched {
    async fn everything(world: &World) -> Self {
        let stage = world.get("orders").await.unwrap();
        let canaries = world.canaries().list(&kube::api::ListParams::default()).await.unwrap().items;
        Self { stage, canaries }
    }
}

/// Makes the moves in this order; after each one the stable deployment must be where it was.
async fn play(world: &mut World, moves: &[Move], revision: &str) {
    let stable = world.serves();
    let mut watched = Watched::everything(world).await;
    for done in 0..moves.len() {
        match moves[done] {
            DeclareRevision => world.declare(revision, revision).await,
            CreateCanary => drop(world.govern("orders", policy()).await),
            DeleteCanary => {
                drop(world.canaries().delete("orders", &kube::api::DeleteParams::default()).await.unwrap());
            }
            ShowStage => watched.stage = world.get("orders").await.unwrap(),
            ShowCanaries => watched.canaries = Watched::everything(world).await.canaries,
            Pass => {
                let Watched { stage, canaries } = &watched;
                world.pass_seeing(stage.clone(), vec![stage.clone()], canaries.clone()).await.unwrap();
            }
            // A new process begins with a list of everything.
            Restart => {
                world.restart().await;
                watched = Watched::everything(world).await;
            }
        }
        let share = world.canary().map_or(0.0, |(_, percent)| percent);
        let so_far = &moves[..=done];
        assert_eq!(world.serves(), stable, "{so_far:?}\n{}", world.tell("orders").await);
        assert!(share <= 5.0, "{share} % after {so_far:?}");
    }
}

/// A restart in every other round.
fn shuffled(random: &mut TestRng, mut moves: Vec<Move>) -> Vec<Move> {
    if random.random() {
        moves.push(Restart);
    }
    for last in (1..moves.len()).rev() {
        moves.swap(last, random.random_range(0..=last));
    }
    moves
}

async fn serving() -> World {
    let world = World::new().await;
    world.declare("r0", "r0").await;
    world.rest("orders").await;
    world
}

#[tokio::test]
async fn the_first_step_is_first_whichever_object_comes_first() {
    let mut world = serving().await;
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let stable = world.serves();
    for round in 1..=ROUNDS {
        let moves = vec![DeclareRevision, CreateCanary, ShowStage, ShowCanaries, ShowStage, ShowCanaries];
        let moves = shuffled(&mut random, [moves, vec![Pass; 4]].concat());
        play(&mut world, &moves, &format!("r{round}")).await;
        world.until(&format!("AwaitingApproval 1/1 5 r{round}.")).await;
        assert_eq!(world.serves(), stable);
        // The way back, so that the next round begins as this one did.
        world.declare("r0", "r0").await;
        world.rest("orders").await;
        assert_eq!(world.canary(), None, "{moves:?}");
        world.canaries().delete("orders", &kube::api::DeleteParams::default()).await.unwrap();
        world.rest("orders").await;
    }
    step(&format!("{ROUNDS} rounds"));
}

#[tokio::test]
async fn nothing_moves_where_the_canary_is_deleted_in_the_same_apply() {
    let mut world = serving().await;
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let stable = world.serves();
    for round in 1..=ROUNDS {
        world.govern("orders", policy()).await;
        world.rest("orders").await;
        let moves = vec![DeclareRevision, DeleteCanary, ShowStage, ShowCanaries, ShowStage, ShowCanaries];
        let moves = shuffled(&mut random, [moves, vec![Pass; 4]].concat());
        play(&mut world, &moves, &format!("r{round}")).await;
        world.minutes("orders", 2).await.unwrap();
        assert_eq!((world.serves(), world.canary()), (stable.clone(), None), "{moves:?}");
        // Whether a canary had been open decides about the word.
        let ready = world.stands("Ready").await;
        assert!(ready == "False ReleaseUnfinished" || ready == "False Releasing", "{ready} after {moves:?}");
        world.declare("r0", "r0").await;
        world.rest("orders").await;
        assert_eq!(world.stands("Ready").await, "True Synced", "{moves:?}");
    }
}
