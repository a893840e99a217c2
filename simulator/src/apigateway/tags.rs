//! Tags of REST APIs, stages and client certificates, by ARN.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::switches::UnknownStage;
use crate::wire::input::Input;

/// Limits of AWS: tags a resource, characters of a key and of a value.
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// What an ARN names.
enum Target {
    RestApi(String),
    Stage(String, String),
    Certificate(String),
}

/// Checks tags that somebody gives. The texts are not recorded.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let allowed = |text: &str| {
        text.chars().all(|letter| letter.is_alphanumeric() || letter == ' ' || "+-=._:/@".contains(letter))
    };
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > LONGEST_KEY || !allowed(key) {
            return Err(ApiError::bad_request(format!("Invalid tag key: {key}")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::bad_request("Tag keys cannot start with the reserved prefix aws:"));
        }
        if value.chars().count() > LONGEST_VALUE || !allowed(value) {
            return Err(ApiError::bad_request(format!("Invalid tag value: {value}")));
        }
    }
    check_count(tags)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() <= MOST {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("A resource has at most {MOST} tags and this one would have {}", tags.len())))
}

/// `arn:{partition}:apigateway:{region}::/restapis/{api}[/stages/{stage}]` or `…::/clientcertificates/{id}`
fn parse(arn: &str, region: &str) -> Option<Target> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (arn_region, account, path) = (parts.next()?, parts.next()?, parts.next()?);
    let here = scheme == "arn" && !partition.is_empty() && service == "apigateway";
    if !here || arn_region != region || !account.is_empty() {
        return None;
    }
    let mut segments = path.strip_prefix('/')?.split('/');
    let target = match (segments.next()?, segments.next()?) {
        ("clientcertificates", id) => Target::Certificate(id.to_owned()),
        ("restapis", api) => match (segments.next(), segments.next()) {
            (None, _) => Target::RestApi(api.to_owned()),
            (Some("stages"), Some(stage)) => Target::Stage(api.to_owned(), stage.to_owned()),
            (Some(_), _) => return None,
        },
        _ => return None,
    };
    segments.next().is_none().then_some(target)
}

fn target(session: &Session<'_>, call: &Call) -> Result<Target, ApiError> {
    let arn = call.parameter("arn");
    parse(arn, session.region_name)
        .ok_or_else(|| ApiError::bad_request(format!("Invalid resource ARN specified in the request: {arn}")))
}

/// A copy of the tags of what the ARN names.
fn read(session: &Session<'_>, target: &Target) -> Result<BTreeMap<String, String>, ApiError> {
    let region = &session.region;
    let tags = match target {
        Target::RestApi(id) => region.rest_apis.get(id).map(|api| &api.tags),
        Target::Stage(id, name) => {
            region.rest_apis.get(id).and_then(|api| api.stages.get(name)).map(|stage| &stage.tags)
        }
        Target::Certificate(id) => region.client_certificates.get(id).map(|certificate| &certificate.tags),
    };
    tags.cloned().ok_or_else(|| match (target, session.switches.tag_unknown_stage) {
        (Target::Stage(..), UnknownStage::BadRequest) => ApiError::bad_request("Invalid stage identifier specified"),
        (Target::Stage(..), UnknownStage::NotFound) => ApiError::not_found("Invalid stage identifier specified"),
        (Target::RestApi(id), _) => {
            ApiError::not_found(format!("Invalid API identifier specified {}:{id}", session.account))
        }
        (Target::Certificate(_), _) => super::client_certificate::unknown(),
    })
}

fn write(session: &mut Session<'_>, target: &Target, tags: BTreeMap<String, String>) {
    let now: Timestamp = session.now;
    let moves = session.switches.tagging_moves_last_updated_date;
    match target {
        Target::RestApi(id) => {
            if let Some(api) = session.region.rest_apis.get_mut(id) {
                api.tags = tags;
            }
        }
        Target::Stage(id, name) => {
            let api = session.region.rest_apis.get_mut(id);
            if let Some(stage) = api.and_then(|api| api.stages.get_mut(name)) {
                stage.tags = tags;
                if moves {
                    stage.updated = now;
                }
            }
        }
        Target::Certificate(id) => {
            if let Some(certificate) = Arc::make_mut(&mut session.region.client_certificates).get_mut(id) {
                certificate.tags = tags;
            }
        }
    }
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let tags = read(session, &target(session, call)?)?;
    Ok(Answer::ok(json!({"tags": tags})))
}

/// Adds and overwrites, never removes.
pub(super) fn tag(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    body.require("tags");
    let given = body.string_map("tags")?.unwrap_or_default();
    input.finish()?;

    let target = target(session, call)?;
    let mut tags = read(session, &target)?;
    check(&given)?;
    tags.extend(given);
    check_count(&tags)?;
    write(session, &target, tags);
    Ok(Answer::no_content())
}

/// Keys come as repeated query parameters or as lists with commas; a key that is not there is no error.
pub(super) fn untag(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let keys: Vec<&str> = call.queries("tagKeys").flat_map(|keys| keys.split(',')).collect();
    if keys.is_empty() {
        return Err(ApiError::validation(&[
            "Value null at 'tagKeys' failed to satisfy constraint: Member must not be \
                                           null"
                .to_owned(),
        ]));
    }
    let target = target(session, call)?;
    let mut tags = read(session, &target)?;
    tags.retain(|key, _| !keys.contains(&key.as_str()));
    write(session, &target, tags);
    Ok(Answer::no_content())
}
