//! A call in the simulator's log, read as the log's page has it.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::screen::wrap;

/// The operation of a poll: how a stage at rest is looked at.
const POLL: &str = "GetStages";

/// Where the details of a call begin.
const INDENT: usize = 28;

/// A call to a simulated AWS service.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Call {
    service: String,
    pub(crate) operation: String,
    pub(crate) write: bool,
    path: String,
    status: Option<u16>,
    error: Option<String>,
    body: Value,
    caller: Caller,
}

#[derive(Debug, Clone, Deserialize)]
struct Caller {
    name: Option<String>,
}

impl Call {
    /// Whether the operator sent it to API Gateway. The demo's own calls carry a name.
    pub(crate) fn is_the_operators(&self) -> bool {
        self.service == "apigateway" && self.caller.name.is_none()
    }

    /// Whether it only looks at stages.
    pub(crate) fn is_poll(&self) -> bool {
        self.operation == POLL
    }

    /// Whether its path names this REST API.
    pub(crate) fn is_about(&self, rest_api: &str) -> bool {
        self.path.split(['/', '?']).any(|segment| segment == rest_api)
    }

    /// What it asks for: the patch, the body, else the path.
    pub(crate) fn details(&self) -> String {
        let patch = self.patch();
        if !patch.is_empty() {
            return patch.join("; ");
        }
        let is_empty = self.body.as_object().is_none_or(serde_json::Map::is_empty);
        if is_empty { self.path.clone() } else { spaced(&self.body) }
    }

    /// The patch operations of the body, as `op path value`.
    pub(crate) fn patch(&self) -> Vec<String> {
        let operations = self.body.get("patchOperations").and_then(Value::as_array);
        let words = |operation: &Value| {
            let members = ["op", "path", "value"].into_iter().filter_map(|member| operation.get(member)?.as_str());
            members.collect::<Vec<_>>().join(" ")
        };
        operations.into_iter().flatten().map(words).collect()
    }
}

/// Lines for people: operation, status, details.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let error = self.error.as_ref().map_or_else(String::new, |error| format!("{error}  "));
        let details = wrap(&format!("{error}{}", self.details()), INDENT);
        write!(f, "    {:<18} {status}  ", self.operation)?;
        f.write_str(details.join("\n").trim_start())
    }
}

/// JSON for people: with a space after each comma and colon, so that it can be broken into lines, and names without
/// quotes. Nothing for `null`.
pub(crate) fn spaced(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{key}: {}", spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(value: Value) -> Call {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_patch_is_shown_as_its_operations() {
        let shown = call(json!({
            "service": "apigateway", "operation": "UpdateStage", "write": true, "path": "/restapis/a1/stages/prod",
            "status": 200, "error": null, "caller": {"name": null, "accessKeyId": "AKID"},
            "body": {"patchOperations": [
                {"op": "replace", "path": "/deploymentId", "value": "dep2"}, {"op": "remove", "path": "/variables/a"},
            ]},
        }));
        assert!(shown.is_the_operators() && !shown.is_poll() && shown.is_about("a1"));
        assert!(!shown.is_about("a"), "a part of an id is another id");
        assert_eq!(shown.to_string(), "    UpdateStage        200  replace /deploymentId dep2; remove /variables/a");
    }

    #[test]
    fn a_refusal_a_body_and_a_hand_in_the_console_are_told_apart() {
        let refused = call(json!({
            "service": "apigateway", "operation": "GetRestApi", "write": false, "path": "/restapis/a1", "body": null,
            "status": 404, "error": "NotFoundException", "caller": {"name": "console"},
        }));
        assert!(!refused.is_the_operators());
        assert_eq!(refused.to_string(), "    GetRestApi         404  NotFoundException /restapis/a1");
        let created = call(json!({
            "service": "apigateway", "operation": "CreateStage", "write": true, "path": "/restapis/a1/stages",
            "body": {"stageName": "prod", "tags": {"a": "b"}}, "status": null, "error": null, "caller": {"name": null},
        }));
        assert_eq!(created.to_string(), r#"    CreateStage        none  {stageName: "prod", tags: {a: "b"}}"#);
    }
}
