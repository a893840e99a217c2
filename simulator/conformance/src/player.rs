//! Plays rows: sets up what they need, sends their requests, compares the replies, clears away what they made.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::bindings::Bindings;
use crate::client::{Client, ClientError};
use crate::exchange::{Body, Outcome, Reply, Request, Target};
use crate::facts::{Expectation, Facts, Fixture, Position, Row, Step};
use crate::matching::compare;
use crate::pace::Pace;

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
    row: &'f Row,
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

/// Something to clear away.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Made {
    RestApi(String),
    Deployment(String, String),
    Stage(String, String),
    Certificate(String),
    LogGroup(String),
}

/// Why a play did not come to its end.
#[derive(Debug)]
enum Stop {
    Inexpressible(String),
    Failed(String),
}

/// What is left of the known answers while an unknown is observed.
#[derive(Debug, Default)]
struct Watch {
    excluded: BTreeSet<String>,
    seen: Vec<String>,
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

    /// Plays and clears away.
    pub async fn play(&mut self, play: &Play<'f>) -> Verdict {
        if let Some(why) = self.spared(play.row) {
            return Verdict::Skipped(why);
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
    fn spared(&self, row: &Row) -> Option<String> {
        if self.side == Side::Simulator {
            return None;
        }
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

    async fn ask_simulator(&self, request: &Request) -> Result<Option<Value>, String> {
        let reply = self.control.as_ref().unwrap_or(&self.client).exchange(request).await;
        match reply.map_err(|error| format!("{}: {error}", request.line()))? {
            Reply { outcome: Outcome::Success(body), .. } => Ok(body),
            Reply { status, outcome: Outcome::Refusal { text, .. }, .. } => {
                Err(format!("{}: {status} {text}", request.line()))
            }
        }
    }

    /// Sends a step's request; `None` for a step without one, no reply for one of the simulator's own.
    async fn send_step(&mut self, step: &Step, bindings: &Bindings) -> Result<Option<(Request, Option<Reply>)>, Stop> {
        if let Some(seconds) = step.advance {
            self.advance(seconds).await?;
        }
        let Some(call) = &step.call else { return Ok(None) };
        let request = Request::of(call, step, bindings).map_err(|error| Stop::Failed(format!("{call}: {error}")))?;
        if step.is_control() {
            self.ask_simulator(&request).await.map_err(Stop::Failed)?;
            return Ok(Some((request, None)));
        }
        let reply = self.send(&request).await.map_err(|error| match error {
            ClientError::Inexpressible(why) => Stop::Inexpressible(why),
            ClientError::Failed(_) | ClientError::Unreadable(_) => {
                Stop::Failed(format!("{}\n  {error}", request.line()))
            }
        })?;
        self.remember(&request, &reply);
        Ok(Some((request, Some(reply))))
    }

    /// Sends within the pace. On a real account somebody else may use the quota up: such a 429 is waited out.
    async fn send(&mut self, request: &Request) -> Result<Reply, ClientError> {
        loop {
            self.pace.wait_for(request).await;
            let reply = self.client.exchange(request).await?;
            if self.side != Side::RealAccount || reply.status != 429 || self.throttled >= 20 {
                return Ok(reply);
            }
            self.throttled = self.throttled.saturating_add(1);
            self.pace.pause(Duration::from_secs(10)).await;
        }
    }

    async fn advance(&self, seconds: f64) -> Result<(), Stop> {
        if self.side == Side::Simulator {
            let request = Request::rest("PUT", "/_simulator/clock").with(json!({"advanceSeconds": seconds}));
            return self.ask_simulator(&request).await.map(drop).map_err(Stop::Failed);
        }
        self.pace.pause(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
        Ok(())
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
            return self.watch(play.row, name, (&request, &reply), bindings, watch);
        }
        let instead = play.position.and_then(|position| position.replies.get(name?));
        let expected = instead.unwrap_or(&own);
        self.check(expected, &request, &reply, bindings).map_err(Stop::Failed)
    }

    /// Notes which of the known answers this reply excludes.
    fn watch(
        &self,
        row: &Row,
        name: &str,
        (request, reply): (&Request, &Reply),
        bindings: &mut Bindings,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        watch.seen.push(in_short(reply));
        let step = row.steps.iter().find(|step| step.name.as_deref() == Some(name));
        let own = step.map(Step::expectation).unwrap_or_default();
        let answers = std::iter::once((row.answer.clone().unwrap_or_default(), &own));
        let others =
            row.positions.iter().map(|position| (position.answer.clone(), position.replies.get(name).unwrap_or(&own)));
        let mut fitting = None;
        for (answer, expected) in answers.chain(others) {
            let mut tried = bindings.clone();
            if self.check(expected, request, reply, &mut tried).is_ok() {
                fitting.get_or_insert(tried);
            } else {
                watch.excluded.insert(answer);
            }
        }
        if let Some(tried) = fitting {
            *bindings = tried;
        }
        Ok(())
    }

    fn check(
        &self,
        expected: &Expectation,
        request: &Request,
        reply: &Reply,
        bindings: &mut Bindings,
    ) -> Result<(), String> {
        let mut differences = on_the_wire(request, reply);
        match (&expected.refused, &reply.outcome) {
            (Some(refused), outcome) => {
                if let Err(difference) =
                    check_refusal(refused, expected.text_in.as_deref(), reply.status, outcome, bindings)
                {
                    differences.push(difference);
                }
            }
            (None, Outcome::Refusal { code, text, .. }) => {
                differences.push(format!("refused: {} {code}: {text}", reply.status));
            }
            (None, Outcome::Success(body)) => {
                let status = expected.status.unwrap_or(200);
                if reply.status != status {
                    differences.push(format!("status: expected {status}, got {}", reply.status));
                }
                match (&expected.reply, body) {
                    (None, None) => {}
                    (None, Some(body)) => differences.push(format!("expected no body, got {body}")),
                    (Some(wanted), body) => {
                        let body = body.clone().unwrap_or_default();
                        differences
                            .extend(compare(wanted, &body, &self.facts.shapes, bindings).err().unwrap_or_default());
                    }
                }
            }
        }
        differences.extend(check_headers(expected, reply, bindings));
        if differences.is_empty() {
            return Ok(());
        }
        Err(format!("{}\n  {}\n  reply: {}", request.line(), differences.join("\n  "), in_short(reply)))
    }

    /// Notes what a request made.
    fn remember(&mut self, request: &Request, reply: &Reply) {
        let Outcome::Success(body) = &reply.outcome else { return };
        let member = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str().map(str::to_owned));
        let sent = |name: &str| match &request.body {
            Body::Json(body) => body.get(name).and_then(Value::as_str).map(str::to_owned),
            Body::None | Body::Text(_) => None,
        };
        let made = match &request.target {
            Target::Rest { method, path, .. } if method == "POST" => {
                let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
                match segments.as_slice() {
                    ["restapis"] => member("id").map(Made::RestApi),
                    ["clientcertificates"] => member("clientCertificateId").map(Made::Certificate),
                    ["restapis", api, "stages"] => sent("stageName").map(|stage| Made::Stage((*api).to_owned(), stage)),
                    ["restapis", api, "deployments"] => {
                        let stage = sent("stageName").filter(|stage| !stage.is_empty());
                        self.made.extend(stage.map(|stage| Made::Stage((*api).to_owned(), stage)));
                        member("id").map(|id| Made::Deployment((*api).to_owned(), id))
                    }
                    _ => None,
                }
            }
            Target::Operation { name, .. } if name == "CreateLogGroup" => sent("logGroupName").map(Made::LogGroup),
            Target::Rest { .. } | Target::Operation { .. } => None,
        };
        self.made.extend(made);
    }

    /// Clears away what a row made; on a simulator also its switches, faults and quotas.
    async fn clear(&mut self, row: &Row) -> Result<(), String> {
        let made = std::mem::take(&mut self.made);
        let of_own_api = |api: &String| made.iter().any(|thing| matches!(thing, Made::RestApi(id) if id == api));
        let mut problems = Vec::new();
        // Stages first: they guard their deployments. What is below an API that goes as a whole is not asked for.
        let mut requests: Vec<Request> = Vec::new();
        for thing in &made {
            if let Made::Stage(api, stage) = thing
                && !of_own_api(api)
            {
                requests.push(Request::rest("DELETE", &format!("/restapis/{api}/stages/{stage}")));
            }
        }
        for thing in &made {
            match thing {
                Made::Deployment(api, id) if !of_own_api(api) => {
                    requests.push(Request::rest("DELETE", &format!("/restapis/{api}/deployments/{id}")));
                }
                Made::RestApi(id) => requests.push(Request::rest("DELETE", &format!("/restapis/{id}"))),
                Made::Certificate(id) => requests.push(Request::rest("DELETE", &format!("/clientcertificates/{id}"))),
                Made::LogGroup(name) => {
                    let target = Target::Operation {
                        service: crate::exchange::Service::Logs,
                        name: "DeleteLogGroup".to_owned(),
                    };
                    let body = Body::Json(json!({"logGroupName": name}));
                    requests.push(Request { target, body, headers: std::collections::BTreeMap::default() });
                }
                Made::Stage(..) | Made::Deployment(..) => {}
            }
        }
        if self.side == Side::Simulator {
            problems.extend(self.reset().await.err());
        }
        for request in requests {
            problems.extend(self.remove(&request).await.err());
        }
        if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}", row.id, problems.join("; "))) }
    }

    /// Deletes; what is gone already is fine.
    async fn remove(&mut self, request: &Request) -> Result<(), String> {
        // An SDK without the service leaves it to the other client.
        let reply = match self.send(request).await {
            Err(ClientError::Inexpressible(_)) => match &self.control {
                Some(control) => control.exchange(request).await,
                None => return Ok(()),
            },
            reply => reply,
        };
        match reply.map_err(|error| format!("{}: {error}", request.line()))? {
            Reply { outcome: Outcome::Success(_), .. } => Ok(()),
            Reply { status: 404, .. } => Ok(()),
            Reply { outcome: Outcome::Refusal { code, .. }, .. } if code == "ResourceNotFoundException" => Ok(()),
            reply => Err(format!("{}: {}", request.line(), in_short(&reply))),
        }
    }

    async fn reset(&self) -> Result<(), String> {
        self.ask_simulator(&Request::rest("DELETE", "/_simulator/faults")).await?;
        self.ask_simulator(&Request::rest("PUT", "/_simulator/quota").with(json!({"mode": "off"}))).await?;
        let switches = serde_json::to_value(apigateway_simulator::Switches::default());
        let switches = switches.map_err(|error| error.to_string())?;
        self.ask_simulator(&Request::rest("PUT", "/_simulator/switches").with(switches)).await.map(drop)
    }

    /// Deletes what rows share.
    ///
    /// # Errors
    ///
    /// What could not be deleted.
    pub async fn finish(&mut self) -> Result<(), String> {
        let Some(shared) = self.shared.take() else { return Ok(()) };
        let Ok(api) = shared.text("api") else { return Ok(()) };
        self.remove(&Request::rest("DELETE", &format!("/restapis/{api}"))).await
    }

    /// Deletes all APIs whose name begins as those of our runs do, also of runs that were killed.
    ///
    /// # Errors
    ///
    /// What could not be listed or deleted.
    pub async fn clean(&mut self) -> Result<Vec<String>, String> {
        let mut removed = Vec::new();
        let mut position: Option<String> = None;
        let mut ours = Vec::new();
        loop {
            let mut query = vec![("limit".to_owned(), "500".to_owned())];
            query.extend(position.take().map(|position| ("position".to_owned(), position)));
            let target = Target::Rest { method: "GET".to_owned(), path: "/restapis".to_owned(), query };
            let request = Request { target, body: Body::None, headers: std::collections::BTreeMap::default() };
            let reply = self.send(&request).await.map_err(|error| format!("{}: {error}", request.line()))?;
            let Outcome::Success(Some(body)) = reply.outcome else { return Err(in_short(&reply)) };
            for api in body.get("item").and_then(Value::as_array).into_iter().flatten() {
                let text = |name: &str| api.get(name).and_then(Value::as_str);
                if let (Some(id), Some(name)) = (text("id"), text("name"))
                    && name.starts_with(NAME_PREFIX)
                {
                    ours.push((id.to_owned(), name.to_owned()));
                }
            }
            position = body.get("position").and_then(Value::as_str).map(str::to_owned);
            if position.is_none() {
                break;
            }
        }
        for (id, name) in ours {
            self.remove(&Request::rest("DELETE", &format!("/restapis/{id}"))).await?;
            removed.push(format!("{id} {name}"));
        }
        Ok(removed)
    }
}

/// What holds for every reply of API Gateway.
fn on_the_wire(request: &Request, reply: &Reply) -> Vec<String> {
    let mut differences = Vec::new();
    if !matches!(request.target, Target::Rest { .. }) {
        return differences;
    }
    let header = |name: &str| reply.headers.get(name).map(String::as_str).unwrap_or_default();
    if header("x-amzn-requestid").split('-').map(str::len).collect::<Vec<_>>() != [8, 4, 4, 4, 12] {
        differences.push(format!("x-amzn-requestid: expected a UUID, got '{}'", header("x-amzn-requestid")));
    }
    let without_body = matches!(reply.status, 202 | 204);
    if !without_body && !header("content-type").starts_with("application/json") {
        differences.push(format!("content-type: expected application/json, got '{}'", header("content-type")));
    }
    differences
}

fn check_headers(expected: &Expectation, reply: &Reply, bindings: &mut Bindings) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, wanted) in &expected.reply_headers {
        match reply.headers.get(name) {
            None if wanted.is_empty() => {}
            None => differences.push(format!("{name}: absent, expected {wanted}")),
            Some(value) if wanted.is_empty() => differences.push(format!("{name}: must be absent, got {value}")),
            Some(value) => {
                let none = crate::matching::Shapes::new();
                differences.extend(compare(&json!(wanted), &json!(value), &none, bindings).err().unwrap_or_default());
            }
        }
    }
    differences
}

/// `STATUS Code: text`, `STATUS Code` for any text, or `STATUS` for any code too.
fn check_refusal(
    refused: &str,
    text_in: Option<&str>,
    status: u16,
    outcome: &Outcome,
    bindings: &Bindings,
) -> Result<(), String> {
    let wanted = bindings.fill(refused).map_err(|unbound| unbound.to_string())?;
    let Outcome::Refusal { code, text, members } = outcome else {
        return Err(format!("expected the refusal '{wanted}'"));
    };
    let seen = match (wanted.contains(' '), wanted.contains(": ")) {
        (false, _) => status.to_string(),
        (true, false) => format!("{status} {code}"),
        (true, true) => format!("{status} {code}: {text}"),
    };
    if seen != wanted {
        return Err(format!("expected '{wanted}', got '{status} {code}: {text}'"));
    }
    if text.is_empty() {
        return Err("the refusal has no text".to_owned());
    }
    let member = text_in.unwrap_or("message");
    match members {
        Some(members) if members != &[member] => Err(format!("expected the one member {member}, got {members:?}")),
        Some(_) | None => Ok(()),
    }
}

fn in_short(reply: &Reply) -> String {
    match &reply.outcome {
        Outcome::Success(Some(body)) => format!("{} {body}", reply.status),
        Outcome::Success(None) => reply.status.to_string(),
        Outcome::Refusal { code, text, .. } => format!("{} {code}: {text}", reply.status),
    }
}

fn observation(play: &Play<'_>, unknown: u32, watch: &Watch) -> Observation {
    let row = play.row;
    let mut placeholders = Bindings::default();
    for (name, value) in &play.placeholders {
        placeholders.bind(name, value.clone());
    }
    let question = row.question.clone().unwrap_or_default();
    let answers = row.answer.iter().cloned().chain(row.positions.iter().map(|position| position.answer.clone()));
    Observation {
        unknown,
        // A placeholder of another kind stays as it is.
        question: placeholders.fill(&question).unwrap_or(question),
        row: row.id.clone(),
        answers: answers.filter(|answer| !watch.excluded.contains(answer)).collect(),
        seen: watch.seen.clone(),
    }
}
