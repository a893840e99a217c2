use std::sync::atomic::{AtomicUsize, Ordering};

use stagecraft_core::cause::Cause;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use super::*;
use crate::aws::Operation;

/// A number per letter: reads bring all of them, a note sets one.
type Board = BTreeMap<char, u32>;

impl Observable for Board {
    type Key = char;
    type Note = u32;

    fn overlay(&mut self, key: &char, note: &u32) {
        self.insert(*key, *note);
    }
}

fn clock() -> Clock {
    Clock::manual("2026-08-01T12:00:00Z".parse().unwrap())
}

fn board(number: u32) -> Board {
    Board::from([('a', number), ('b', number)])
}

/// Nothing holds this read up.
fn at_once(_: Urgency) -> std::future::Ready<Result<(), Error>> {
    std::future::ready(Ok(()))
}

fn lost() -> Error {
    Error::unanswered(Operation::GetStages, Cause::LostReply, "no answer in time")
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A wait that fails instead of lasting for ever.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(seconds(20), future).await.expect("this takes milliseconds")
}

/// A world whose reads are counted and end when the test says so.
struct Bench {
    clock: Clock,
    latest: Arc<Latest<Board>>,
    reads: Arc<AtomicUsize>,
    callers: JoinSet<Result<Seen<Board>, Error>>,
    tasks: Vec<AbortHandle>,
}

impl Bench {
    fn new() -> Self {
        Self {
            clock: clock(),
            latest: Arc::default(),
            reads: Arc::default(),
            callers: JoinSet::new(),
            tasks: Vec::new(),
        }
    }

    /// A caller whose read, if it comes to one, ends when the sender is used.
    async fn ask(&mut self, newer_than: Duration) -> oneshot::Sender<Result<Board, Error>> {
        let (answer, read) = oneshot::channel();
        let (clock, latest, reads) = (self.clock.clone(), Arc::clone(&self.latest), Arc::clone(&self.reads));
        let task = self.callers.spawn(async move {
            latest
                .get(&clock, newer_than, Priority::Drift, at_once, |()| async {
                    reads.fetch_add(1, Ordering::Relaxed);
                    read.await.expect("the test answers every read that it lets begin")
                })
                .await
        });
        self.tasks.push(task);
        // On a runtime of one thread: until the caller waits for its turn or its answer.
        tokio::task::yield_now().await;
        answer
    }

    /// What a caller gets at once, `None` if it has to read.
    async fn remembered(&self, newer_than: Duration) -> Option<Seen<Board>> {
        self.latest.get(&self.clock, newer_than, Priority::Drift, at_once, |()| async { Err(lost()) }).await.ok()
    }

    /// A read from start to end.
    async fn read(&self, board: Board) -> Seen<Board> {
        self.latest
            .get(&self.clock, self.clock.boottime(), Priority::Drift, at_once, |()| async { Ok(board) })
            .await
            .unwrap()
    }

    /// Waits until a second read has begun.
    async fn second_read(&self) {
        within(async {
            while self.reads.load(Ordering::Relaxed) == 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn outcomes(mut self) -> Vec<Result<(Board, Duration), Error>> {
        let mut outcomes = Vec::new();
        while let Some(outcome) = within(self.callers.join_next()).await {
            outcomes.push(outcome.unwrap().map(|seen| (Board::clone(&seen.value), seen.started)));
        }
        outcomes
    }
}

#[tokio::test]
async fn twenty_callers_at_once_make_one_read() {
    let mut bench = Bench::new();
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(bench.ask(Duration::ZERO).await);
    }
    assert_eq!(bench.reads.load(Ordering::Relaxed), 1);
    answers.swap_remove(0).send(Ok(board(1))).unwrap();
    let reads = Arc::clone(&bench.reads);
    assert_eq!(bench.outcomes().await, vec![Ok((board(1), Duration::ZERO)); 20]);
    assert_eq!(reads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_observation_is_as_old_as_the_start_of_its_read() {
    let mut bench = Bench::new();
    bench.clock.advance(seconds(10));
    let answer = bench.ask(seconds(10)).await;
    bench.clock.advance(seconds(5));
    answer.send(Ok(board(1))).unwrap();
    while within(bench.callers.join_next()).await.is_some() {}
    assert_eq!(bench.remembered(seconds(10)).await.map(|seen| seen.started), Some(seconds(10)));
    assert!(bench.remembered(seconds(11)).await.is_none(), "its end does not make it younger");
}

#[tokio::test]
async fn a_caller_that_needs_something_newer_than_the_read_under_way_reads_again() {
    let mut bench = Bench::new();
    let first = bench.ask(Duration::ZERO).await;
    bench.clock.advance(seconds(3));
    let second = bench.ask(seconds(3)).await;
    let _third = bench.ask(seconds(2)).await;
    assert_eq!(bench.reads.load(Ordering::Relaxed), 1, "one at a time");
    first.send(Ok(board(1))).unwrap();
    bench.second_read().await;
    second.send(Ok(board(2))).unwrap();
    let reads = Arc::clone(&bench.reads);
    assert_eq!(
        bench.outcomes().await,
        [Ok((board(1), Duration::ZERO)), Ok((board(2), seconds(3))), Ok((board(2), seconds(3)))]
    );
    assert_eq!(reads.load(Ordering::Relaxed), 2, "the third takes the answer of the second");
}

#[tokio::test]
async fn those_who_wait_share_a_failure_and_those_who_come_later_do_not() {
    let mut bench = Bench::new();
    let first = bench.ask(Duration::ZERO).await;
    let _second = bench.ask(Duration::ZERO).await;
    first.send(Err(lost())).unwrap();
    let latest = Arc::clone(&bench.latest);
    let (clock, reads) = (bench.clock.clone(), Arc::clone(&bench.reads));
    assert_eq!(bench.outcomes().await, [Err(lost()), Err(lost())]);
    assert_eq!(reads.load(Ordering::Relaxed), 1, "twenty timeouts in a row would hold everybody up");
    let later = latest.get(&clock, Duration::ZERO, Priority::Drift, at_once, |()| async { Ok(board(1)) }).await;
    assert_eq!(later.map(|seen| Board::clone(&seen.value)), Ok(board(1)), "errors are not remembered");
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_turn_to_the_next() {
    let mut bench = Bench::new();
    let _never = bench.ask(Duration::ZERO).await;
    let second = bench.ask(Duration::ZERO).await;
    bench.tasks[0].abort();
    assert!(bench.callers.join_next().await.unwrap().unwrap_err().is_cancelled());
    second.send(Ok(board(2))).unwrap();
    assert_eq!(bench.outcomes().await, [Ok((board(2), Duration::ZERO))]);
}

#[tokio::test]
async fn a_note_changes_what_was_seen_and_not_its_age() {
    let bench = Bench::new();
    let held = bench.read(board(1)).await;
    bench.clock.advance(seconds(5));
    bench.latest.note('a', 7, bench.clock.boottime());
    let seen = bench.remembered(Duration::ZERO).await.unwrap();
    assert_eq!((&*seen.value, seen.started), (&Board::from([('a', 7), ('b', 1)]), Duration::ZERO));
    assert_eq!(*held.value, board(1), "what somebody holds does not change under their hands");
}

#[tokio::test]
async fn a_read_that_began_before_a_note_does_not_hide_it() {
    // The clock stands still: nothing here may hang on it.
    let mut bench = Bench::new();
    let answer = bench.ask(Duration::ZERO).await;
    bench.latest.note('a', 7, bench.clock.boottime());
    answer.send(Ok(board(1))).unwrap();
    let latest = Arc::clone(&bench.latest);
    let clock = bench.clock.clone();
    let noted = Board::from([('a', 7), ('b', 1)]);
    assert_eq!(bench.outcomes().await, [Ok((noted.clone(), Duration::ZERO))]);
    let later = latest.get(&clock, Duration::ZERO, Priority::Drift, at_once, |()| async { Err(lost()) }).await.unwrap();
    assert_eq!(*later.value, noted);
}

#[tokio::test]
async fn a_read_that_began_after_a_note_shows_the_world_as_it_is() {
    let bench = Bench::new();
    bench.latest.note('a', 7, bench.clock.boottime());
    assert_eq!(*bench.read(board(1)).await.value, board(1), "somebody may have changed it since");
    bench.latest.note('b', 8, bench.clock.boottime());
    let seen = bench.remembered(Duration::ZERO).await.unwrap();
    assert_eq!(*seen.value, Board::from([('a', 1), ('b', 8)]));
}

#[tokio::test]
async fn who_asks_after_forget_gets_nothing_from_before() {
    let mut bench = Bench::new();
    bench.read(board(1)).await;
    bench.latest.forget();
    assert!(bench.remembered(Duration::ZERO).await.is_none());
    let answer = bench.ask(Duration::ZERO).await;
    bench.latest.forget();
    let after = bench.ask(Duration::ZERO).await;
    answer.send(Ok(board(2))).unwrap();
    bench.second_read().await;
    after.send(Ok(board(3))).unwrap();
    assert_eq!(bench.outcomes().await, [Ok((board(2), Duration::ZERO)), Ok((board(3), Duration::ZERO))]);
}

#[tokio::test]
async fn notes_are_dropped_once_no_call_can_still_be_under_way_that_overlapped_them() {
    let bench = Bench::new();
    bench.latest.note('a', 7, bench.clock.boottime());
    bench.clock.advance(seconds(1));
    bench.read(board(1)).await;
    assert!(!bench.latest.noted_since(&'a', Duration::ZERO), "noted at that moment, not after it");
    bench.latest.note('a', 8, bench.clock.boottime());
    bench.read(board(1)).await;
    assert!(bench.latest.noted_since(&'a', Duration::ZERO));
    bench.clock.advance(NOTES_KEPT);
    bench.read(board(1)).await;
    assert!(!bench.latest.noted_since(&'a', Duration::ZERO));
}
