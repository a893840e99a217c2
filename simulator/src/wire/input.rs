//! Reads JSON bodies the way AWS's front end does: a wrong JSON type ends the call at once, violations of
//! constraints are collected and told together.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// The input of one operation while it is read.
#[derive(Debug)]
pub(crate) struct Input {
    /// As AWS spells it in its messages: `createStageInput`.
    name: String,
    violations: RefCell<Vec<String>>,
}

/// A JSON object of the input.
#[derive(Debug)]
pub(crate) struct Object<'i> {
    input: &'i Input,
    /// Path in messages, e.g. `createStageInput.canarySettings`.
    at: String,
    members: &'i Map<String, Value>,
}

impl Input {
    /// The input of this operation (`CreateStage`).
    pub(crate) fn of(operation: &str) -> Self {
        let mut letters = operation.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let name = first.into_iter().chain(letters).chain("Input".chars()).collect();
        Self { name, violations: RefCell::new(Vec::new()) }
    }

    /// The body's members.
    pub(crate) fn object<'i>(&'i self, body: &'i Value) -> Result<Object<'i>, ApiError> {
        let members = body.as_object().ok_or_else(|| unexpected(body, "an Object"))?;
        Ok(Object { input: self, at: self.name.clone(), members })
    }

    /// Adds a violation; used for path parameters, whose violations come after those of the body.
    pub(crate) fn violate(&self, text: String) {
        self.violations.borrow_mut().push(text);
    }

    /// Ends the reading: all violations as one `ValidationException`.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        let violations = self.violations.borrow();
        if violations.is_empty() { Ok(()) } else { Err(ApiError::validation(&violations)) }
    }
}

impl<'i> Object<'i> {
    /// The member, `null` counting as absent.
    fn get(&self, name: &str) -> Option<&'i Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<String>, ApiError> {
        self.get(name).map(string).transpose()
    }

    /// A string that the model requires; absent is a violation.
    pub(crate) fn required_string(&self, name: &str) -> Result<String, ApiError> {
        let value = self.string(name)?;
        if value.is_none() {
            self.require(name);
        }
        Ok(value.unwrap_or_default())
    }

    /// Adds the violation for an absent member.
    pub(crate) fn require(&self, name: &str) {
        if self.get(name).is_none() {
            let at = &self.at;
            self.input
                .violate(format!("Value null at '{at}.{name}' failed to satisfy constraint: Member must not be null"));
        }
    }

    /// A string that must be one of these; anything else is a violation.
    pub(crate) fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<String>, ApiError> {
        let value = self.string(name)?;
        if let Some(value) = value.as_deref()
            && !choices.contains(&value)
        {
            self.input.violate(not_in_set(value, &format!("{}.{name}", self.at), choices));
        }
        Ok(value)
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| unexpected(value, "an Boolean"))).transpose()
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i32>, ApiError> {
        let read = |value: &Value| {
            value.as_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(|| unexpected(value, "an Integer"))
        };
        self.get(name).map(read).transpose()
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, ApiError> {
        self.get(name).map(|value| value.as_f64().ok_or_else(|| unexpected(value, "a Double"))).transpose()
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>, ApiError> {
        let read = |value: &Value| value.as_f64().ok_or_else(|| unexpected(value, "a Double"));
        self.list(name)?.map(|items| items.iter().map(read).collect()).transpose()
    }

    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        self.list(name)?.map(|items| items.iter().map(string).collect()).transpose()
    }

    fn list(&self, name: &str) -> Result<Option<&'i Vec<Value>>, ApiError> {
        let read = |value: &'i Value| value.as_array().ok_or_else(|| ApiError::serialization("Expected list or null"));
        self.get(name).map(read).transpose()
    }

    fn map(&self, name: &str) -> Result<Option<&'i Map<String, Value>>, ApiError> {
        let read = |value: &'i Value| value.as_object().ok_or_else(|| ApiError::serialization("Expected map or null"));
        self.get(name).map(read).transpose()
    }

    /// A map of strings; a `null` value reads as an empty string.
    pub(crate) fn string_map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let read = |(key, value): (&String, &Value)| {
            let value = if value.is_null() { String::new() } else { string(value)? };
            Ok((key.clone(), value))
        };
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    pub(crate) fn boolean_map(&self, name: &str) -> Result<Option<BTreeMap<String, bool>>, ApiError> {
        let read = |(key, value): (&String, &Value)| {
            value.as_bool().map(|on| (key.clone(), on)).ok_or_else(|| unexpected(value, "an Boolean"))
        };
        self.map(name)?.map(|members| members.iter().map(read).collect()).transpose()
    }

    /// A nested structure.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        let members = self.map(name)?;
        Ok(members.map(|members| Object { input: self.input, at: format!("{}.{name}", self.at), members }))
    }

    /// A list of structures, numbered from 1 as AWS does.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let Some(items) = self.list(name)? else { return Ok(Vec::new()) };
        let read = |(index, value): (usize, &'i Value)| {
            let at = format!("{}.{name}.{}.member", self.at, index.saturating_add(1));
            let members = value.as_object().ok_or_else(|| unexpected(value, "an Object"))?;
            Ok(Object { input: self.input, at, members })
        };
        items.iter().enumerate().map(read).collect()
    }
}

/// The violation of an enum; `choices` in AWS's order.
pub(crate) fn not_in_set(value: &str, at: &str, choices: &[&str]) -> String {
    format!(
        "Value '{value}' at '{at}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
        choices.join(", ")
    )
}

fn string(value: &Value) -> Result<String, ApiError> {
    value.as_str().map(str::to_owned).ok_or_else(|| unexpected(value, "an String"))
}

/// The refusal of a JSON value of the wrong type. Recorded for a boolean where a string is required; the others by
/// analogy.
fn unexpected(value: &Value, wanted: &str) -> ApiError {
    let class = match value {
        Value::Null => return ApiError::serialization(format!("null can not be converted to {wanted}")),
        Value::Array(_) => return ApiError::serialization("Start of list found where not expected."),
        Value::Object(_) => return ApiError::serialization("Start of structure or map found where not expected."),
        Value::Bool(_) => "Boolean",
        Value::String(_) => "String",
        Value::Number(number) => match number.as_i64() {
            Some(whole) if i32::try_from(whole).is_ok() => "Integer",
            Some(_) => "Long",
            None => "Double",
        },
    };
    ApiError::serialization(format!("class java.lang.{class} can not be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn violations_are_collected_and_told_together() {
        let body = json!({"type": "HTTPS_PROXY", "nested": {"kind": "x"}});
        let input = Input::of("PutIntegration");
        let object = input.object(&body).unwrap();
        object.choice("type", &["HTTP", "MOCK"]).unwrap();
        object.object("nested").unwrap().unwrap().choice("kind", &["a"]).unwrap();
        assert_eq!(
            input.finish().unwrap_err(),
            ApiError::new(
                400,
                "ValidationException",
                "2 validation errors detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy \
                 constraint: Member must satisfy enum value set: [HTTP, MOCK]; Value 'x' at \
                 'putIntegrationInput.nested.kind' failed to satisfy constraint: Member must satisfy enum value set: [a]"
            )
        );
    }

    #[test]
    fn a_wrong_json_type_is_a_serialization_exception() {
        let body = json!({"uri": true, "n": 1.5, "map": {"a": 1}});
        let input = Input::of("PutIntegration");
        let object = input.object(&body).unwrap();
        let texts = [
            object.string("uri").unwrap_err().message,
            object.integer("n").unwrap_err().message,
            object.string_map("map").unwrap_err().message,
            object.strings("uri").unwrap_err().message,
        ];
        assert_eq!(
            texts,
            [
                "class java.lang.Boolean can not be converted to an String",
                "class java.lang.Double can not be converted to an Integer",
                "class java.lang.Integer can not be converted to an String",
                "Expected list or null",
            ]
        );
    }

    #[test]
    fn null_reads_as_absent() {
        let body = json!({"description": null});
        let input = Input::of("CreateStage");
        assert_eq!(input.object(&body).unwrap().string("description").unwrap(), None);
    }
}
