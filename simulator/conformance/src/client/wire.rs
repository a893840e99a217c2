//! AWS's wire formats, as far as the clients without an SDK need them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ClientError;
use crate::exchange::{Body, Outcome, Reply, Request, Service, Target, encoded};

/// A request on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// By lower-case name; an empty one takes away what the transport would add.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// Writes a request.
pub(super) fn write(request: &Request) -> Wire {
    let (method, target, mut headers) = match &request.target {
        Target::Rest { method, path, query } => {
            let target = if query.is_empty() { path.clone() } else { format!("{path}?{}", encoded(query)) };
            (method.clone(), target, headers_of([("accept", "application/json"), ("content-type", "application/json")]))
        }
        Target::Operation { service, name } => ("POST".to_owned(), "/".to_owned(), operation_headers(*service, name)),
    };
    let body = match (&request.target, &request.body) {
        (Target::Operation { service: Service::Sts, name }, body) => form(name, body).into_bytes(),
        (Target::Operation { .. }, Body::None) => b"{}".to_vec(),
        (Target::Rest { .. }, Body::None) => Vec::new(),
        (_, Body::Json(body)) => body.to_string().into_bytes(),
        (_, Body::Text(body)) => body.clone().into_bytes(),
    };
    if body.is_empty() {
        headers.remove("content-type");
    }
    for (name, value) in &request.headers {
        headers.insert(name.to_ascii_lowercase(), value.clone());
    }
    Wire { method, target, headers, body }
}

fn headers_of<const N: usize>(headers: [(&str, &str); N]) -> BTreeMap<String, String> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn operation_headers(service: Service, name: &str) -> BTreeMap<String, String> {
    let (prefix, version) = match service {
        Service::Sts => return headers_of([("content-type", "application/x-www-form-urlencoded")]),
        Service::CloudWatch => ("GraniteServiceVersion20100801", "1.0"),
        Service::Logs => ("Logs_20140328", "1.1"),
        Service::Wafv2 => ("AWSWAF_20190729", "1.1"),
    };
    let (kind, target) = (format!("application/x-amz-json-{version}"), format!("{prefix}.{name}"));
    headers_of([("content-type", &kind), ("x-amz-target", &target)])
}

fn form(operation: &str, body: &Body) -> String {
    let mut pairs = vec![("Action".to_owned(), operation.to_owned()), ("Version".to_owned(), "2011-06-15".to_owned())];
    if let Body::Json(Value::Object(members)) = body {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        pairs.extend(members.iter().map(|(name, value)| (name.clone(), plain(value))));
    }
    encoded(&pairs)
}

/// Reads a response to a request for `target`.
pub(super) fn read(
    target: &Target,
    status: u16,
    headers: BTreeMap<String, String>,
    body: &[u8],
) -> Result<Reply, ClientError> {
    let body = parsed(target, body)?;
    let outcome = if status < 400 { Outcome::Success(body) } else { refusal(target, &headers, body)? };
    Ok(Reply { status, headers, outcome })
}

fn parsed(target: &Target, body: &[u8]) -> Result<Option<Value>, ClientError> {
    if body.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|error| ClientError::Unreadable(error.to_string()))?;
    if matches!(target, Target::Operation { service: Service::Sts, .. }) {
        return xml(text).map(Some).ok_or_else(|| ClientError::Unreadable(format!("no XML: {text}")));
    }
    serde_json::from_str(text).map(Some).map_err(|error| ClientError::Unreadable(format!("{error}: {text}")))
}

fn refusal(target: &Target, headers: &BTreeMap<String, String>, body: Option<Value>) -> Result<Outcome, ClientError> {
    let body = body.ok_or_else(|| ClientError::Unreadable("a refusal without a body".to_owned()))?;
    let text_of = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let rest = matches!(target, Target::Rest { .. });
    let members = body.as_object().filter(|_| rest).map(|members| members.keys().cloned().collect());
    let (code, text) = match target {
        Target::Rest { .. } => {
            let code = headers.get("x-amzn-errortype").cloned();
            (code, text_of(body.get("message").or_else(|| body.get("Message"))))
        }
        Target::Operation { service: Service::Sts, .. } => {
            (text_of(body.pointer("/ErrorResponse/Error/Code")), text_of(body.pointer("/ErrorResponse/Error/Message")))
        }
        Target::Operation { .. } => {
            (text_of(body.get("__type")), text_of(body.get("message").or_else(|| body.get("Message"))))
        }
    };
    match (code, text) {
        (Some(code), Some(text)) => {
            // A suffix from `:` and a prefix up to `#` are no part of the code.
            let code = code.split(':').next().unwrap_or_default();
            let code = code.rsplit('#').next().unwrap_or_default().to_owned();
            Ok(Outcome::Refusal { code, text, members })
        }
        _ => Err(ClientError::Unreadable(format!("a refusal without code or text: {body}"))),
    }
}

/// Elements become members, text becomes a text; attributes are left out, and one element a name suffices for STS.
fn xml(text: &str) -> Option<Value> {
    let mut rest = text.trim();
    if rest.starts_with("<?") {
        rest = rest.split_once("?>")?.1;
    }
    let mut members = Map::new();
    elements(&mut rest, &mut members)?;
    rest.trim().is_empty().then(|| Value::Object(members))
}

fn elements(rest: &mut &str, members: &mut Map<String, Value>) -> Option<()> {
    loop {
        let trimmed = rest.trim_start();
        if trimmed.is_empty() || trimmed.starts_with("</") {
            *rest = trimmed;
            return Some(());
        }
        let (tag, inside) = trimmed.strip_prefix('<')?.split_once('>')?;
        if let Some(tag) = tag.strip_suffix('/') {
            members.insert(tag.split_whitespace().next()?.to_owned(), json!(""));
            *rest = inside;
            continue;
        }
        let name = tag.split_whitespace().next()?;
        let end = format!("</{name}>");
        let value = if inside.trim_start().starts_with('<') && !inside.starts_with(&end) {
            let mut nested = Map::new();
            let mut behind = inside;
            elements(&mut behind, &mut nested)?;
            *rest = behind.strip_prefix(end.as_str())?;
            Value::Object(nested)
        } else {
            let (content, behind) = inside.split_once(end.as_str())?;
            *rest = behind;
            Value::String(unescaped(content))
        };
        members.insert(name.to_owned(), value);
    }
}

fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    named.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_becomes_members() {
        let text = r#"<R xmlns="https://x/"><A><B>1 &amp; 2</B><C/></A><D></D></R>"#;
        assert_eq!(xml(text), Some(json!({"R": {"A": {"B": "1 & 2", "C": ""}, "D": ""}})));
        assert_eq!(xml("<R><A></R>"), None);
    }

    #[test]
    fn a_refusal_is_read_from_header_and_body() {
        let target = Target::Rest { method: "GET".into(), path: "/".into(), query: Vec::new() };
        let headers = headers_of([("x-amzn-errortype", "a#NotFoundException:http://x")]);
        let reply = read(&target, 404, headers, br#"{"message":"no"}"#).unwrap();
        let members = Some(vec!["message".to_owned()]);
        let expected = Outcome::Refusal { code: "NotFoundException".into(), text: "no".into(), members };
        assert_eq!(reply.outcome, expected);
        assert!(read(&target, 404, BTreeMap::new(), b"<html>").is_err());
    }
}
