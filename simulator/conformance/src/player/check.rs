//! Holds replies against what is expected of them; where AWS is asked an unknown, notes its answers.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Observation, Play, Player};
use crate::bindings::Bindings;
use crate::exchange::{Outcome, Reply, Request, Target};
use crate::facts::{Expectation, Row, Step};
use crate::matching::{Shapes, compare};

/// What is left of the known answers while an unknown is observed.
#[derive(Debug, Default)]
pub(super) struct Watch {
    excluded: BTreeSet<String>,
    seen: Vec<String>,
}

impl Player<'_> {
    /// Notes which of the known answers this reply excludes.
    pub(super) fn watch(
        &self,
        row: &Row,
        name: &str,
        (request, reply): (&Request, &Reply),
        bindings: &mut Bindings,
        watch: &mut Watch,
    ) {
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
    }

    pub(super) fn check(
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
                let none = Shapes::new();
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

pub(super) fn in_short(reply: &Reply) -> String {
    match &reply.outcome {
        Outcome::Success(Some(body)) => format!("{} {body}", reply.status),
        Outcome::Success(None) => reply.status.to_string(),
        Outcome::Refusal { code, text, .. } => format!("{} {code}: {text}", reply.status),
    }
}

pub(super) fn observation(play: &Play<'_>, unknown: u32, watch: &Watch) -> Observation {
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
