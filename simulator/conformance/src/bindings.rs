//! Placeholders: `<name>` in a request or a reply stands for a value that is known by then.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What a segment of a path or a query keeps as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A placeholder whose value is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("<{0}> has no value here")]
pub struct Unbound(pub String);

/// Names with their values.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    values: BTreeMap<String, Value>,
}

/// A piece of a text.
enum Piece<'t> {
    Literal(&'t str),
    Name(&'t str),
}

impl Bindings {
    /// Gives `name` this value, which replaces an earlier one.
    pub fn bind(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Takes over what `others` has values for and this has not.
    pub fn adopt(&mut self, others: &Self) {
        for (name, value) in &others.values {
            self.values.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The value of `name` as text.
    ///
    /// # Errors
    ///
    /// [`Unbound`] where it has none.
    pub fn text(&self, name: &str) -> Result<String, Unbound> {
        self.get(name).map(plain).ok_or_else(|| Unbound(name.to_owned()))
    }

    /// The text with its placeholders filled in.
    ///
    /// # Errors
    ///
    /// [`Unbound`] for the first placeholder without a value.
    pub fn fill(&self, text: &str) -> Result<String, Unbound> {
        self.filled(text, |value| value)
    }

    /// The same for a path or a query: values are percent-encoded, so that each stays one segment.
    ///
    /// # Errors
    ///
    /// [`Unbound`] for the first placeholder without a value.
    pub fn fill_url(&self, text: &str) -> Result<String, Unbound> {
        self.filled(text, |value| utf8_percent_encode(&value, UNRESERVED).to_string())
    }

    fn filled(&self, text: &str, encode: impl Fn(String) -> String) -> Result<String, Unbound> {
        let mut filled = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Literal(literal) => filled.push_str(literal),
                Piece::Name(name) => filled.push_str(&encode(self.text(name)?)),
            }
        }
        Ok(filled)
    }

    /// A JSON value with all its texts and names of members filled in. A text that is one placeholder takes the type
    /// of the value.
    ///
    /// # Errors
    ///
    /// [`Unbound`] for the first placeholder without a value.
    pub fn fill_value(&self, value: &Value) -> Result<Value, Unbound> {
        Ok(match value {
            Value::String(text) => match whole(text).and_then(|name| self.get(name)) {
                Some(bound) => bound.clone(),
                None => Value::String(self.fill(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, member)| Ok((self.fill(name)?, self.fill_value(member)?)))
                    .collect::<Result<_, Unbound>>()?,
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }
}

/// The inside of a text that is one placeholder and nothing else.
#[must_use]
pub fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix('<')?.strip_suffix('>')?;
    (!name.contains(['<', '>'])).then_some(name)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('<') {
        let Some((name, behind)) = after.split_once('>') else { break };
        found.push(Piece::Literal(literal));
        found.push(Piece::Name(name));
        rest = behind;
    }
    found.push(Piece::Literal(rest));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_filled_in_texts_names_and_types() {
        let mut bindings = Bindings::default();
        bindings.bind("api", json!("a1b2c3d4e5"));
        bindings.bind("time", json!(7));
        let filled = bindings.fill_value(&json!({"<api>": ["x <api>", "<time>", 1, "at <time>"]})).unwrap();
        assert_eq!(filled, json!({"a1b2c3d4e5": ["x a1b2c3d4e5", 7, 1, "at 7"]}));
        assert_eq!(bindings.fill("<nobody>"), Err(Unbound("nobody".to_owned())));
    }

    #[test]
    fn a_value_in_a_path_stays_one_segment() {
        let mut bindings = Bindings::default();
        bindings.bind("arn", json!("arn:aws::/restapis/a"));
        assert_eq!(bindings.fill_url("/tags/<arn>").unwrap(), "/tags/arn%3Aaws%3A%3A%2Frestapis%2Fa");
    }
}
