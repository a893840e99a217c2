//! Plays rows: sets up what they need, sends their requests, compares the replies, clears away what they made.

mod check;
mod clear;
mod send;

use serde_json::{Map, Value, json};

use crate::bindings::Bindings;
use crate::client::Client;
use crate::exchange::Request;
use crate::facts::{Facts, Fixture, Position, Row, Step};
use crate::pace::Pace;
use check::{Watch, observation};
use clear::Made;

/// The name of everything that rows make begins with this.
pub const NAME_PREFIX: &str = "stagecraft-conformance-";

/// The longest time that a real account is waited for where a row moves the clock, in seconds.
const LONGEST_REAL_WAIT: f64 = 3.0;

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Our simulator: it has switches and a clock.
    Simulator,
    /// Somebody's endpoint that is not AWS.
    Endpoint,
    /// AWS. Rows share one API, and unknowns are observed rather than asserted.
    RealAccount,
}

/// One way to play a row.
#[derive(Debug, Clone)]
pub struct Play<'f> {
    /// The row's id, with the placeholders and the answer that make this play.
    pub id: String,
    /// The row.
    pub row: &'f Row,
    placeholders: Vec<(String, Value)>,
    position: Option<&'f Position>,
}

/// How a play ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every reply was as expected.
    Passed,
    /// A reply was not.
    Failed(String),
    /// It was not played, for this reason.
    Skipped(String),
    /// AWS answered an unknown.
    Observed(Observation),
}

/// What AWS answered to an unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its number.
    pub unknown: u32,
    /// It as a question.
    pub question: String,
    /// Id of the row that asks it.
    pub row: String,
    /// The known answers that fit every reply; empty for something new.
    pub answers: Vec<String>,
    /// The replies in short.
    pub seen: Vec<String>,
}

/// Plays against one endpoint with one client.
#[derive(Debug)]
pub struct Player<'f> {
    facts: &'f Facts,
    client: Client,
    /// Speaks to the simulator's own paths, where the client is an SDK that cannot.
    control: Option<Client>,
    side: Side,
    pace: Pace,
    /// What every row knows from the start.
    known: Bindings,
    /// What the shared fixtures made; a real account's rows go on from here.
    shared: Option<Bindings>,
    /// What the present play made so far.
    made: Vec<Made>,
    /// 429s of a real account, which other users' calls can bring.
    throttled: u32,
}

/// Why a play did not come to its end.
#[derive(Debug)]
enum Stop {
    Inexpressible(String),
    Failed(String),
}

impl<'f> Player<'f> {
    /// A player for `client`; `control` is asked for what only the simulator has.
    #[must_use]
    pub fn new(facts: &'f Facts, client: Client, side: Side) -> Self {
        let pace = if side == Side::RealAccount { Pace::real_account() } else { Pace::unlimited() };
        let mut known = Bindings::default();
        for (name, text) in &facts.texts {
            known.bind(name, json!(text));
        }
        known.bind("account", json!("123456789012"));
        known.bind("region", json!("eu-west-1"));
        known.bind("prefix", json!(format!("{NAME_PREFIX}1")));
        Self { facts, client, control: None, side, pace, known, shared: None, made: Vec::new(), throttled: 0 }
    }

    /// With another client for the simulator's own paths.
    #[must_use]
    pub fn controlled_by(mut self, control: Client) -> Self {
        self.control = Some(control);
        self
    }

    /// In this account and Region; `run` tells the names of this run from those of others.
    #[must_use]
    pub fn at(mut self, account: &str, region: &str, run: &str) -> Self {
        self.known.bind("account", json!(account));
        self.known.bind("region", json!(region));
        self.known.bind("prefix", json!(format!("{NAME_PREFIX}{run}")));
        self
    }

    /// 429s so far.
    #[must_use]
    pub fn throttled(&self) -> u32 {
        self.throttled
    }

    /// What it plays with, for messages.
    #[must_use]
    pub fn client_name(&self) -> &'static str {
        self.client.name()
    }

    /// Every way to play a row on this side.
    #[must_use]
    pub fn plays(&self, row: &'f Row) -> Vec<Play<'f>> {
        let none = [std::collections::BTreeMap::new()];
        let each = if row.each.is_empty() { &none[..] } else { &row.each[..] };
        // Only the simulator can be told how to answer.
        let positions: &[Position] = if self.side == Side::Simulator { &row.positions } else { &[] };
        let mut plays = Vec::new();
        for placeholders in each {
            let shown: Vec<String> = placeholders.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let id = if shown.is_empty() { row.id.clone() } else { format!("{}({})", row.id, shown.join(", ")) };
            let placeholders: Vec<_> = placeholders.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            plays.push(Play { id: id.clone(), row, placeholders: placeholders.clone(), position: None });
            plays.extend(positions.iter().map(|position| Play {
                id: format!("{id}, {}", position.answer),
                row,
                placeholders: placeholders.clone(),
                position: Some(position),
            }));
        }
        plays
    }

    /// Plays every way to play every row whose id begins with `rows`; tells `heard` of each as it ends.
    pub async fn play_all(&mut self, rows: &str, mut heard: impl FnMut(&Play<'f>, &Verdict)) {
        let facts = self.facts;
        for row in facts.rows.iter().filter(|row| row.id.starts_with(rows)) {
            for play in self.plays(row) {
                let verdict = self.play(&play).await;
                heard(&play, &verdict);
            }
        }
    }

    /// Plays and clears away.
    pub async fn play(&mut self, play: &Play<'f>) -> Verdict {
        match self.spared(play.row).await {
            Ok(None) => {}
            Ok(Some(why)) => return Verdict::Skipped(why),
            Err(why) => return Verdict::Failed(why),
        }
        let mut watch = Watch::default();
        let outcome = self.perform(play, &mut watch).await;
        let cleared = self.clear(play.row).await;
        let annotation = match self.client {
            Client::RustSdk(_) => play.row.sdk.as_deref(),
            Client::Boto3(_) => play.row.boto3.as_deref(),
            Client::InProcess(_) | Client::Raw(_) => None,
        };
        match (outcome, cleared, annotation) {
            (Err(Stop::Inexpressible(_)), Ok(()), Some(why)) => Verdict::Skipped(format!("cannot express: {why}")),
            (Err(Stop::Inexpressible(why)), _, _) => {
                Verdict::Failed(format!("{} cannot express it, and the row does not say so: {why}", self.client.name()))
            }
            (Err(Stop::Failed(why)), _, _) => Verdict::Failed(why),
            (Ok(()), Err(why), _) => Verdict::Failed(format!("could not be cleared away: {why}")),
            (Ok(()), Ok(()), Some(why)) => Verdict::Failed(format!(
                "the row says that {} cannot express it, but it did: {why}",
                self.client.name()
            )),
            (Ok(()), Ok(()), None) => match play.row.unknown {
                Some(unknown) if self.side != Side::Simulator => Verdict::Observed(observation(play, unknown, &watch)),
                Some(_) | None => Verdict::Passed,
            },
        }
    }

    /// Why this side is spared the row.
    async fn spared(&self, row: &Row) -> Result<Option<String>, String> {
        if self.side != Side::Simulator {
            return Ok(self.spared_without_simulator(row));
        }
        if row.still_clock {
            let clock = Request::rest("GET", "/_simulator/clock");
            if self.ask_simulator(&clock).await? != self.ask_simulator(&clock).await? {
                return Ok(Some("the simulator's clock runs by itself".to_owned()));
            }
        }
        Ok(None)
    }

    fn spared_without_simulator(&self, row: &Row) -> Option<String> {
        let fixtures = self.facts.fixtures_of(row);
        let control = fixtures.iter().flat_map(|fixture| &fixture.steps).chain(&row.steps).any(Step::is_control);
        if control || !row.switches.is_empty() {
            return Some("only the simulator has switches, faults and quotas to set".to_owned());
        }
        let elsewhere = |step: &Step| step.call.as_deref().is_some_and(|call| !call.contains(' '));
        if row.steps.iter().any(elsewhere) {
            return Some("other services have endpoints of their own".to_owned());
        }
        if row.steps.iter().any(|step| step.advance.is_some_and(|seconds| seconds > LONGEST_REAL_WAIT)) {
            return Some("only the simulator's clock can be moved".to_owned());
        }
        if self.side == Side::RealAccount {
            let of_fixture = || fixtures.iter().find_map(|fixture| fixture.skip_on_real.clone());
            return row.skip_on_real.clone().or_else(of_fixture);
        }
        None
    }

    async fn perform(&mut self, play: &Play<'f>, watch: &mut Watch) -> Result<(), Stop> {
        let row = play.row;
        let fixtures = self.facts.fixtures_of(row);
        let mut bindings = self.known.clone();
        for (name, value) in &play.placeholders {
            let filled = bindings.fill_value(value).map_err(|unbound| Stop::Failed(unbound.to_string()))?;
            bindings.bind(name, filled);
        }
        self.tell_the_time(&mut bindings).await?;
        let shares = self.side == Side::RealAccount && !row.own_api;
        if shares {
            bindings = self.share(bindings).await?;
        }
        for fixture in fixtures.iter().filter(|fixture| !(shares && fixture.shared)) {
            self.set_up(fixture, &mut bindings).await?;
        }
        self.switch(play).await?;
        for step in &row.steps {
            for _ in 0..step.times.unwrap_or(1) {
                self.step(play, step, &mut bindings, watch).await?;
            }
        }
        Ok(())
    }

    /// `<minute-0>` to `<minute-5>`: the simulated minute and those before it, in seconds since 1970.
    async fn tell_the_time(&self, bindings: &mut Bindings) -> Result<(), Stop> {
        if self.side != Side::Simulator {
            return Ok(());
        }
        let clock = self.ask_simulator(&Request::rest("GET", "/_simulator/clock")).await.map_err(Stop::Failed)?;
        let now = clock.as_ref().and_then(|clock| clock.get("epochSeconds")?.as_i64()).unwrap_or_default();
        for minutes in 0..=5_i64 {
            let minute = now.div_euclid(60).saturating_sub(minutes).saturating_mul(60);
            bindings.bind(&format!("minute-{minutes}"), json!(minute));
        }
        Ok(())
    }

    /// What the shared fixtures made, made once.
    async fn share(&mut self, mut bindings: Bindings) -> Result<Bindings, Stop> {
        if self.shared.is_none() {
            let mut made = self.known.clone();
            for fixture in self.facts.shared_fixtures() {
                self.set_up(fixture, &mut made).await?;
            }
            self.shared = Some(made);
            // They stay until the end.
            self.made.clear();
        }
        if let Some(shared) = &self.shared {
            bindings.adopt(shared);
        }
        Ok(bindings)
    }

    async fn set_up(&mut self, fixture: &Fixture, bindings: &mut Bindings) -> Result<(), Stop> {
        for step in &fixture.steps {
            let reply = self.send_step(step, bindings).await?;
            if let Some((request, Some(reply))) = reply {
                self.check(&step.expectation(), &request, &reply, bindings)
                    .map_err(|why| Stop::Failed(format!("fixture {}: {why}", fixture.name)))?;
            }
        }
        Ok(())
    }

    /// Moves the switches of a row and of its answer.
    async fn switch(&mut self, play: &Play<'f>) -> Result<(), Stop> {
        let mut switches: Map<String, Value> = play.row.switches.clone();
        switches.extend(play.position.map(|position| position.switches.clone()).unwrap_or_default());
        if switches.is_empty() {
            return Ok(());
        }
        let request = Request::rest("PUT", "/_simulator/switches").with(Value::Object(switches));
        self.ask_simulator(&request).await.map(drop).map_err(Stop::Failed)
    }

    async fn step(
        &mut self,
        play: &Play<'f>,
        step: &Step,
        bindings: &mut Bindings,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let Some((request, Some(reply))) = self.send_step(step, bindings).await? else { return Ok(()) };
        let own = step.expectation();
        let name = step.name.as_deref();
        if self.side != Side::Simulator
            && let (Some(_), Some(name)) = (play.row.unknown, name)
        {
            self.watch(play.row, name, (&request, &reply), bindings, watch);
            return Ok(());
        }
        let instead = play.position.and_then(|position| position.replies.get(name?));
        let expected = instead.unwrap_or(&own);
        self.check(expected, &request, &reply, bindings).map_err(Stop::Failed)
    }
}
