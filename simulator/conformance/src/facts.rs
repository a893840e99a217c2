//! The facts as data: rows of requests with the exact replies that API Gateway gives, read from `simulator/facts/`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

/// The files, by name; `coverage.toml` is read by [`crate::coverage`].
const FILES: &[(&str, &str)] = &[
    ("fixtures.toml", include_str!("../../facts/fixtures.toml")),
    ("1-operations.toml", include_str!("../../facts/1-operations.toml")),
    ("1-other-services.toml", include_str!("../../facts/1-other-services.toml")),
    ("2-shapes.toml", include_str!("../../facts/2-shapes.toml")),
    ("3-stage-patches.toml", include_str!("../../facts/3-stage-patches.toml")),
    ("3-patches.toml", include_str!("../../facts/3-patches.toml")),
    ("4-canaries.toml", include_str!("../../facts/4-canaries.toml")),
    ("5-cache.toml", include_str!("../../facts/5-cache.toml")),
    ("6-errors.toml", include_str!("../../facts/6-errors.toml")),
    ("7-gateway-responses.toml", include_str!("../../facts/7-gateway-responses.toml")),
    ("8-deployments.toml", include_str!("../../facts/8-deployments.toml")),
    ("10-unknowns.toml", include_str!("../../facts/10-unknowns.toml")),
];

/// Why the facts cannot be used as they are.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Not TOML, or not of the form that [`Row`] describes.
    #[error("simulator/facts/{file}: {cause}")]
    Unreadable {
        /// Name of the file.
        file: String,
        /// What the reader says, with the line.
        cause: Box<toml::de::Error>,
    },
    /// Readable, but not meaningful.
    #[error("{place}: {problem}")]
    Wrong {
        /// A row or a fixture.
        place: String,
        /// What to change.
        problem: String,
    },
}

/// How well a fact is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Evidence {
    /// A recorded response of AWS.
    S,
    /// Documented by AWS.
    D,
    /// Quoted in public, or relied upon by a widely used tool.
    T,
    /// Nobody knows: inference, or the simulator's choice.
    U,
}

/// One fact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Row {
    /// Unique; begins with the section.
    pub id: String,
    /// Section of the notes about AWS that the facts come from.
    pub section: String,
    /// How well it is known.
    pub evidence: Evidence,
    /// The fact in one line.
    pub claim: String,
    /// Names of fixtures that are set up first, in this order.
    #[serde(default)]
    pub given: Vec<String>,
    /// The row is played once for each of these sets of placeholders.
    #[serde(default)]
    pub each: Vec<BTreeMap<String, Value>>,
    /// Positions of the simulator's switches that differ from the defaults.
    #[serde(default)]
    pub switches: Map<String, Value>,
    /// Requests with their replies, in this order.
    pub steps: Vec<Step>,
    /// Why a real account is spared this row.
    pub skip_on_real: Option<String>,
    /// The row changes the API definition or looks at whole lists: on a real account it needs an API of its own,
    /// which costs half a minute.
    #[serde(default)]
    pub own_api: bool,
    /// The row counts what happens within a second: it needs a clock that stands still until it is moved.
    #[serde(default)]
    pub still_clock: bool,
    /// Number of the unknown that this row asks about.
    pub unknown: Option<u32>,
    /// The unknown as a question; required with `unknown`.
    pub question: Option<String>,
    /// What the default position answers to the question, in words.
    pub answer: Option<String>,
    /// Other answers to the question, each a position of switches.
    #[serde(default, rename = "position")]
    pub positions: Vec<Position>,
    /// Why the Rust SDK cannot send this row's requests or show its replies.
    pub sdk: Option<String>,
    /// Why boto3 cannot.
    pub boto3: Option<String>,
}

/// Another answer to an unknown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Position {
    /// The answer in words.
    pub answer: String,
    /// The switches that give it.
    pub switches: Map<String, Value>,
    /// What the named steps are replied with instead.
    pub replies: BTreeMap<String, Expectation>,
}

/// Things that are there before a row's own steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fixture {
    /// What rows call it.
    pub name: String,
    /// Fixtures that come before it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Its requests with their replies.
    pub steps: Vec<Step>,
    /// On a real account, made once for all rows that have no API of their own.
    #[serde(default)]
    pub shared: bool,
    /// Why a real account is spared the rows that need it.
    pub skip_on_real: Option<String>,
}

/// One request with its reply, or a move of the clock.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Step {
    /// For [`Position::replies`].
    pub name: Option<String>,
    /// `VERB /path?query`, where a leading `R` stands for `/restapis/<api>`; or `service:Operation`.
    pub call: Option<String>,
    /// The request's JSON body, or the operation's members.
    pub body: Option<Value>,
    /// Short for a body with `patchOperations`.
    pub patch: Option<Vec<Value>>,
    /// Sends the patch list so many times over in one request.
    pub repeat_patch: Option<usize>,
    /// A body as text, for what is no JSON.
    pub raw: Option<String>,
    /// Request headers that replace the usual ones; an empty one is left out.
    pub headers: BTreeMap<String, String>,
    /// Instead of a call: moves the simulated clock by so many seconds (up to 3 of them are waited for on a real
    /// account).
    pub advance: Option<f64>,
    /// Plays the step so many times.
    pub times: Option<u32>,
    /// HTTP status of a success.
    pub status: Option<u16>,
    /// The whole body of a success.
    pub reply: Option<Value>,
    /// `STATUS Code: text` of a refusal; without the text, or without the code too, any will do.
    pub refused: Option<String>,
    /// Response headers to check, by lower-case name; an empty one must not be there.
    pub reply_headers: BTreeMap<String, String>,
    /// Member of a refusal's body that holds the text, `message` where it is not said.
    pub text_in: Option<String>,
}

/// What a step shall be replied with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expectation {
    /// As in [`Step`].
    pub status: Option<u16>,
    /// As in [`Step`].
    pub reply: Option<Value>,
    /// As in [`Step`].
    pub refused: Option<String>,
    /// As in [`Step`].
    pub reply_headers: BTreeMap<String, String>,
    /// As in [`Step`].
    pub text_in: Option<String>,
}

impl Step {
    /// What the step itself says about its reply.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        Expectation {
            status: self.status,
            reply: self.reply.clone(),
            refused: self.refused.clone(),
            reply_headers: self.reply_headers.clone(),
            text_in: self.text_in.clone(),
        }
    }

    /// Whether it speaks to the simulator itself rather than to AWS.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.call.as_deref().is_some_and(|call| call.contains(" /_simulator/"))
    }
}

/// All facts.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// In the order of the files.
    pub rows: Vec<Row>,
    /// By name.
    pub fixtures: BTreeMap<String, Fixture>,
    /// Bodies and parts of bodies that rows refer to by `like`.
    pub shapes: BTreeMap<String, Value>,
    /// Texts that are placeholders everywhere.
    pub texts: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    row: Vec<Row>,
    fixture: Vec<Fixture>,
    shape: BTreeMap<String, Value>,
    text: BTreeMap<String, String>,
}

impl Facts {
    /// Reads all files.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with them.
    pub fn load() -> Result<Self, FactsError> {
        let mut facts = Self::default();
        for (name, text) in FILES {
            facts.add(name, text)?;
        }
        facts.check()?;
        Ok(facts)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), FactsError> {
        let file: File = toml::from_str(text)
            .map_err(|cause| FactsError::Unreadable { file: name.to_owned(), cause: Box::new(cause) })?;
        self.rows.extend(file.row);
        self.fixtures.extend(file.fixture.into_iter().map(|fixture| (fixture.name.clone(), fixture)));
        self.shapes.extend(file.shape);
        self.texts.extend(file.text);
        Ok(())
    }

    fn check(&self) -> Result<(), FactsError> {
        let mut ids = BTreeSet::new();
        for row in &self.rows {
            let wrong = |problem: String| FactsError::Wrong { place: format!("row {}", row.id), problem };
            if !ids.insert(row.id.as_str()) {
                return Err(wrong("there are two rows of this id".to_owned()));
            }
            if !row.id.starts_with(&format!("{}-", row.section)) {
                return Err(wrong(format!("the id must begin with the section: {}-", row.section)));
            }
            if row.unknown.is_some() != row.question.is_some() || row.unknown.is_some() != row.answer.is_some() {
                return Err(wrong("unknown, question and answer come together".to_owned()));
            }
            for name in &row.given {
                if !self.fixtures.contains_key(name) {
                    return Err(wrong(format!("there is no fixture {name}")));
                }
            }
            row.steps.iter().try_for_each(check_step).map_err(wrong)?;
            let names: BTreeSet<_> = row.steps.iter().filter_map(|step| step.name.as_deref()).collect();
            for position in &row.positions {
                if let Some(stranger) = position.replies.keys().find(|name| !names.contains(name.as_str())) {
                    return Err(wrong(format!("position '{}': there is no step {stranger}", position.answer)));
                }
                position.replies.values().try_for_each(check_expectation).map_err(wrong)?;
            }
        }
        for fixture in self.fixtures.values() {
            let place = format!("fixture {}", fixture.name);
            let wrong = |problem: String| FactsError::Wrong { place: place.clone(), problem };
            if let Some(stranger) = fixture.needs.iter().find(|name| !self.fixtures.contains_key(*name)) {
                return Err(wrong(format!("there is no fixture {stranger}")));
            }
            let unshared = |name: &&String| self.fixtures.get(*name).is_some_and(|needed| !needed.shared);
            if fixture.shared && fixture.needs.iter().any(|name| unshared(&name)) {
                return Err(wrong("what is shared needs only what is shared".to_owned()));
            }
            fixture.steps.iter().try_for_each(check_step).map_err(wrong)?;
        }
        Ok(())
    }

    /// The fixtures of a row with what they need, each once, in the order to set them up.
    #[must_use]
    pub fn fixtures_of(&self, row: &Row) -> Vec<&Fixture> {
        let mut ordered: Vec<&Fixture> = Vec::new();
        for name in &row.given {
            self.require(name, &mut ordered);
        }
        ordered
    }

    /// The fixtures that rows share on a real account, in the order to set them up.
    #[must_use]
    pub fn shared_fixtures(&self) -> Vec<&Fixture> {
        let mut ordered: Vec<&Fixture> = Vec::new();
        for fixture in self.fixtures.values().filter(|fixture| fixture.shared) {
            self.require(&fixture.name, &mut ordered);
        }
        ordered
    }

    fn require<'f>(&'f self, name: &str, ordered: &mut Vec<&'f Fixture>) {
        let Some(fixture) = self.fixtures.get(name) else { return };
        if ordered.iter().any(|known| known.name == fixture.name) {
            return;
        }
        for needed in &fixture.needs {
            self.require(needed, ordered);
        }
        ordered.push(fixture);
    }
}

fn check_step(step: &Step) -> Result<(), String> {
    match (&step.call, step.advance) {
        (Some(_), None) => {}
        (None, Some(_)) => return Ok(()),
        (Some(_), Some(_)) | (None, None) => return Err("a step is either a call or an advance".to_owned()),
    }
    if [step.body.is_some(), step.patch.is_some(), step.raw.is_some()].into_iter().filter(|given| *given).count() > 1 {
        return Err("a step has one of body, patch and raw".to_owned());
    }
    if step.is_control() {
        return Ok(());
    }
    check_expectation(&step.expectation()).map_err(|problem| {
        let call = step.call.as_deref().unwrap_or_default();
        format!("{call}: {problem}")
    })
}

fn check_expectation(expected: &Expectation) -> Result<(), String> {
    match (&expected.refused, &expected.reply, expected.status) {
        (Some(_), None, None) | (None, Some(_), _) | (None, None, Some(202 | 204)) => Ok(()),
        (Some(_), _, _) => Err("a refusal has its status in its text".to_owned()),
        (None, None, _) => Err("say the reply, or a status that has none (202, 204)".to_owned()),
    }
}
