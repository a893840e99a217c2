//! A request as a row states it, and a reply as any client sees it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bindings::{Bindings, Unbound};
use crate::facts::Step;

/// A service beside API Gateway, called by operation rather than by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Security Token Service.
    Sts,
    /// Metrics and alarms.
    CloudWatch,
    /// Log groups.
    Logs,
    /// Web ACLs.
    Wafv2,
}

impl Service {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "sts" => Some(Self::Sts),
            "cloudwatch" => Some(Self::CloudWatch),
            "logs" => Some(Self::Logs),
            "wafv2" => Some(Self::Wafv2),
            _ => None,
        }
    }

    /// As rows and boto3 call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::CloudWatch => "cloudwatch",
            Self::Logs => "logs",
            Self::Wafv2 => "wafv2",
        }
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// API Gateway, or the simulator itself.
    Rest {
        /// HTTP verb.
        method: String,
        /// Percent-encoded, without the query.
        path: String,
        /// Decoded pairs.
        query: Vec<(String, String)>,
    },
    /// Another service.
    Operation {
        /// The service.
        service: Service,
        /// E.g. `GetCallerIdentity`.
        name: String,
    },
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Value),
    /// Text that may be anything.
    Text(String),
}

/// A request with its placeholders filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it goes.
    pub target: Target,
    /// What it carries.
    pub body: Body,
    /// Headers that replace the usual ones; an empty one is left out.
    pub headers: BTreeMap<String, String>,
}

/// A call that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A placeholder has no value.
    #[error(transparent)]
    Unbound(#[from] Unbound),
    /// Neither `VERB /path` nor `service:Operation`.
    #[error("the call '{0}' is neither 'VERB /path' nor 'service:Operation'")]
    Malformed(String),
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn rest(method: &str, path: &str) -> Self {
        let target = Target::Rest { method: method.to_owned(), path: path.to_owned(), query: Vec::new() };
        Self { target, body: Body::None, headers: BTreeMap::new() }
    }

    /// The same with this JSON body.
    #[must_use]
    pub fn with(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    /// The request of a step.
    ///
    /// # Errors
    ///
    /// [`RequestError`] where the step's call is malformed or a placeholder has no value.
    pub fn of(call: &str, step: &Step, bindings: &Bindings) -> Result<Self, RequestError> {
        let body = match (&step.body, &step.patch, &step.raw) {
            (Some(body), _, _) => Body::Json(bindings.fill_value(body)?),
            (_, Some(list), _) => {
                let list = vec![list.clone(); step.repeat_patch.unwrap_or(1)].concat();
                let list = bindings.fill_value(&Value::Array(list))?;
                Body::Json(serde_json::json!({"patchOperations": list}))
            }
            (_, _, Some(raw)) => Body::Text(bindings.fill(raw)?),
            (None, None, None) => Body::None,
        };
        let headers = step.headers.iter().map(|(name, value)| Ok((name.clone(), bindings.fill(value)?)));
        let headers = headers.collect::<Result<_, Unbound>>()?;
        Ok(Self { target: target(call, bindings)?, body, headers })
    }

    /// For messages.
    #[must_use]
    pub fn line(&self) -> String {
        let call = match &self.target {
            Target::Rest { method, path, query } if query.is_empty() => format!("{method} {path}"),
            Target::Rest { method, path, query } => format!("{method} {path}?{}", encoded(query)),
            Target::Operation { service, name } => format!("{}:{name}", service.name()),
        };
        match &self.body {
            Body::None => call,
            Body::Json(body) => format!("{call} {body}"),
            Body::Text(body) => format!("{call} {body}"),
        }
    }
}

/// A query as it stands in a URL.
#[must_use]
pub fn encoded(query: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
}

fn target(call: &str, bindings: &Bindings) -> Result<Target, RequestError> {
    let malformed = || RequestError::Malformed(call.to_owned());
    let Some((method, path)) = call.split_once(' ') else {
        let (service, name) = call.split_once(':').ok_or_else(malformed)?;
        let service = Service::parse(service).ok_or_else(malformed)?;
        return Ok(Target::Operation { service, name: name.to_owned() });
    };
    let path = match path.strip_prefix('R') {
        Some(rest) => format!("/restapis/<api>{rest}"),
        None => path.to_owned(),
    };
    if !path.starts_with('/') {
        return Err(malformed());
    }
    let path = bindings.fill_url(&path)?;
    let (path, query) = path.split_once('?').map_or((path.as_str(), ""), |(path, query)| (path, query));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Ok(Target::Rest { method: method.to_owned(), path: path.to_owned(), query })
}

/// A reply as any client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    /// What it says.
    pub outcome: Outcome,
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A body, in the words of the wire, or none.
    Success(Option<Value>),
    /// A refusal.
    Refusal {
        /// Name of the exception.
        code: String,
        /// Text for people.
        text: String,
        /// Members of the body of API Gateway's refusals, for clients that see them.
        members: Option<Vec<String>>,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_becomes_a_request() {
        let mut bindings = Bindings::default();
        bindings.bind("api", json!("a1"));
        bindings.bind("dep1", json!("d/1"));
        let step = Step { patch: Some(vec![json!({"op": "replace", "value": "<dep1>"})]), ..Step::default() };
        let request = Request::of("PATCH R/stages/prod?x=<dep1>", &step, &bindings).unwrap();
        assert_eq!(
            request.line(),
            r#"PATCH /restapis/a1/stages/prod?x=d%2F1 {"patchOperations":[{"op":"replace","value":"d/1"}]}"#
        );
        let sts = Request::of("sts:GetCallerIdentity", &Step::default(), &bindings).unwrap();
        assert_eq!(sts.target, Target::Operation { service: Service::Sts, name: "GetCallerIdentity".to_owned() });
        for call in ["GET", "GET stages", "s3:ListBuckets"] {
            let refused = Request::of(call, &Step::default(), &bindings).unwrap_err();
            assert_eq!(refused, RequestError::Malformed(call.to_owned()));
        }
    }
}
