//! Compares a reply with what a row expects: whole values, so that an absent member is told from an empty one.
//!
//! In an expected value, `{ like = "shape", ... }` is a shape of the fixtures with these members replaced (`"<absent>"`
//! takes one away), `{ in-any-order = [...] }` a list whose order is not known, and a text of the form `<kind>` or
//! `<name=kind>` any value of this kind, which gets the name:
//!
//! | kind | matches |
//! | --- | --- |
//! | `any` | anything |
//! | `text` | a text that is not empty |
//! | `number` | a number |
//! | `time` | a whole number of seconds since 1970 |
//! | `id6`, `id10` | so many lower-case letters and digits |
//! | `uuid` | a UUID |
//! | `iso` | an ISO 8601 date and time in UTC |
//! | `pem` | a certificate in PEM |
//! | `optional KIND` | nothing, or a value of that kind |
//! | `not NAME` | anything but the value of a placeholder |
//! | `after NAME`, `same-or-after NAME` | a number above, or not below, that of a placeholder |

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::bindings::{Bindings, whole};

/// Differences, each as `path: what is wrong`.
pub type Differences = Vec<String>;

/// Shapes by name.
pub type Shapes = BTreeMap<String, Value>;

/// Compares, and binds the names that the expected value gives.
///
/// # Errors
///
/// What differs; names are bound as far as the comparison came.
pub fn compare(expected: &Value, actual: &Value, shapes: &Shapes, bindings: &mut Bindings) -> Result<(), Differences> {
    let mut comparison = Comparison { shapes, bindings, differences: Vec::new() };
    comparison.value(expected, actual, "");
    if comparison.differences.is_empty() { Ok(()) } else { Err(comparison.differences) }
}

struct Comparison<'c> {
    shapes: &'c Shapes,
    bindings: &'c mut Bindings,
    differences: Differences,
}

impl Comparison<'_> {
    fn differ(&mut self, at: &str, problem: impl AsRef<str>) {
        let at = if at.is_empty() { "body" } else { at };
        self.differences.push(format!("{at}: {}", problem.as_ref()));
    }

    fn value(&mut self, expected: &Value, actual: &Value, at: &str) {
        match expected {
            Value::String(text) => self.text(text, actual, at),
            Value::Array(items) => self.list(items, actual, at),
            Value::Object(members) => match members.get("in-any-order").and_then(Value::as_array) {
                Some(items) => self.unordered(items, actual, at),
                None => self.object(members, actual, at),
            },
            Value::Number(number) => {
                if !actual.as_number().is_some_and(|other| same_number(number, other)) {
                    self.differ(at, format!("expected the number {number}, got {actual}"));
                }
            }
            Value::Null | Value::Bool(_) => {
                if expected != actual {
                    self.differ(at, format!("expected {expected}, got {actual}"));
                }
            }
        }
    }

    fn text(&mut self, text: &str, actual: &Value, at: &str) {
        if let Some(inside) = whole(text) {
            let (name, kind) = inside.split_once('=').map_or((None, inside), |(name, kind)| (Some(name), kind));
            if let Some(fits) = is_of_kind(kind, actual, self.bindings) {
                if !fits {
                    self.differ(at, format!("expected {text}, got {actual}"));
                } else if let Some(name) = name {
                    self.bindings.bind(name, actual.clone());
                }
                return;
            }
        }
        match self.bindings.fill_value(&Value::String(text.to_owned())) {
            Ok(filled) if filled == *actual => {}
            // The value of a placeholder is compared like any other: 1 is 1.0.
            Ok(Value::Number(number)) => self.value(&Value::Number(number), actual, at),
            Ok(filled) => self.differ(at, format!("expected {filled}, got {actual}")),
            Err(unbound) => self.differ(at, unbound.to_string()),
        }
    }

    fn list(&mut self, items: &[Value], actual: &Value, at: &str) {
        let Some(others) = actual.as_array() else {
            return self.differ(at, format!("expected a list, got {actual}"));
        };
        if items.len() != others.len() {
            self.differ(at, format!("expected {} items, got {}: {actual}", items.len(), others.len()));
        }
        for (index, (item, other)) in items.iter().zip(others).enumerate() {
            self.value(item, other, &format!("{at}[{index}]"));
        }
    }

    /// Each expected item takes the first item left that fits.
    fn unordered(&mut self, items: &[Value], actual: &Value, at: &str) {
        let Some(mut left) = actual.as_array().cloned() else {
            return self.differ(at, format!("expected a list, got {actual}"));
        };
        for item in items {
            let fitting = left.iter().position(|other| {
                let mut bindings = self.bindings.clone();
                compare(item, other, self.shapes, &mut bindings).is_ok()
            });
            match fitting {
                Some(index) => {
                    let other = left.remove(index);
                    self.value(item, &other, at);
                }
                None => self.differ(at, format!("no item is {item} in {actual}")),
            }
        }
        for other in left {
            self.differ(at, format!("unexpected item {other}"));
        }
    }

    fn object(&mut self, members: &Map<String, Value>, actual: &Value, at: &str) {
        let members = match expanded(members, self.shapes, self.bindings) {
            Ok(members) => members,
            Err(problem) => return self.differ(at, problem),
        };
        let Some(others) = actual.as_object() else {
            return self.differ(at, format!("expected an object, got {actual}"));
        };
        let mut left = others.clone();
        for (name, member) in members {
            let inside = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            match left.remove(&name) {
                Some(other) => self.value(&member, &other, &inside),
                None if member.as_str().is_some_and(|text| text.starts_with("<optional ")) => {}
                None => self.differ(&inside, format!("absent, expected {member}")),
            }
        }
        for (name, other) in left {
            let inside = if at.is_empty() { name } else { format!("{at}.{name}") };
            self.differ(&inside, format!("must be absent, got {other}"));
        }
    }
}

/// The members, their names filled in, laid over those of the shapes that they are like.
fn expanded(members: &Map<String, Value>, shapes: &Shapes, bindings: &Bindings) -> Result<Map<String, Value>, String> {
    let filled = |(name, member): (&String, &Value)| {
        Ok((bindings.fill(name).map_err(|unbound| unbound.to_string())?, member.clone()))
    };
    let members: Map<String, Value> = members.iter().map(filled).collect::<Result<_, String>>()?;
    let Some(shape) = members.get("like").and_then(Value::as_str) else { return Ok(members) };
    let base = shapes.get(shape).and_then(Value::as_object).ok_or_else(|| format!("there is no shape {shape}"))?;
    let mut whole = expanded(base, shapes, bindings)?;
    for (name, member) in members.into_iter().filter(|(name, _)| name != "like") {
        if member.as_str() == Some("<absent>") {
            whole.remove(&name);
        } else {
            whole.insert(name, member);
        }
    }
    Ok(whole)
}

fn same_number(number: &serde_json::Number, other: &serde_json::Number) -> bool {
    match (number.as_f64(), other.as_f64()) {
        // Written numbers, not computed ones: they are equal or different.
        (Some(number), Some(other)) => number.total_cmp(&other).is_eq(),
        (None, _) | (_, None) => false,
    }
}

/// Whether `actual` is of this kind; `None` where there is no such kind.
fn is_of_kind(kind: &str, actual: &Value, bindings: &Bindings) -> Option<bool> {
    let id = |length: usize| {
        let lower = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        actual.as_str().is_some_and(|id| id.len() == length && id.bytes().all(lower))
    };
    if let Some(kind) = kind.strip_prefix("optional ") {
        return is_of_kind(kind, actual, bindings);
    }
    let bound = |name: &str| bindings.get(name).and_then(Value::as_f64);
    if let Some(name) = kind.strip_prefix("not ") {
        return Some(bindings.get(name).is_some_and(|other| other != actual));
    }
    if let Some(name) = kind.strip_prefix("after ") {
        return Some(actual.as_f64().zip(bound(name)).is_some_and(|(time, earlier)| time > earlier));
    }
    if let Some(name) = kind.strip_prefix("same-or-after ") {
        return Some(actual.as_f64().zip(bound(name)).is_some_and(|(time, earlier)| time >= earlier));
    }
    Some(match kind {
        "any" => true,
        "text" => actual.as_str().is_some_and(|text| !text.is_empty()),
        "number" => actual.is_number(),
        "time" => actual.as_i64().is_some_and(|seconds| seconds > 1_000_000_000),
        "id6" => id(6),
        "id10" => id(10),
        "uuid" => actual.as_str().is_some_and(is_uuid),
        "iso" => actual.as_str().is_some_and(|text| text.len() >= 20 && text.ends_with('Z') && text.contains('T')),
        "pem" => actual.as_str().is_some_and(|text| text.trim().starts_with("-----BEGIN CERTIFICATE-----")),
        _ => return None,
    })
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(expected: &Value, actual: &Value) -> Differences {
        let shapes = Shapes::from([("stage".to_owned(), json!({"name": "prod", "enabled": false}))]);
        let mut bindings = Bindings::default();
        bindings.bind("dep1", json!("du4ot1"));
        bindings.bind("t0", json!(100));
        compare(expected, actual, &shapes, &mut bindings).err().unwrap_or_default()
    }

    #[test]
    fn members_that_are_absent_or_too_many_are_told() {
        let found = differences(&json!({"a": 1, "b": {"c": "x"}}), &json!({"b": {"c": "y", "d": null}, "e": 0}));
        assert_eq!(
            found,
            [
                "a: absent, expected 1",
                "b.c: expected \"x\", got \"y\"",
                "b.d: must be absent, got null",
                "e: must be absent, got 0"
            ]
        );
    }

    #[test]
    fn types_count_but_a_number_is_a_number() {
        assert_eq!(differences(&json!({"percent": 10.0}), &json!({"percent": 10})), Differences::new());
        assert_eq!(differences(&json!(10.5), &json!("10.5")), ["body: expected the number 10.5, got \"10.5\""]);
        assert_eq!(differences(&json!(false), &json!("false")), ["body: expected false, got \"false\""]);
        assert_eq!(differences(&json!("<time>"), &json!(1_748_609_600.5)).len(), 1);
        assert_eq!(differences(&json!("<time>"), &json!("2026-01-01T00:00:00Z")).len(), 1);
    }

    #[test]
    fn shapes_are_laid_under_and_members_taken_away() {
        let like = json!({"like": "stage", "enabled": true});
        assert_eq!(differences(&like, &json!({"name": "prod", "enabled": true})), Differences::new());
        let without = json!({"like": "stage", "enabled": "<absent>"});
        assert_eq!(differences(&without, &json!({"name": "prod"})), Differences::new());
        assert_eq!(differences(&json!({"like": "nothing"}), &json!({})), ["body: there is no shape nothing"]);
    }

    #[test]
    fn kinds_bind_and_refer() {
        let expected = json!({"id": "<new=id6>", "again": "<new>", "own": "at <dep1>", "later": "<after t0>"});
        let actual = json!({"id": "a6rox0", "again": "a6rox0", "own": "at du4ot1", "later": 101});
        assert_eq!(differences(&expected, &actual), Differences::new());
        let optional = json!({"status": "<optional text>"});
        assert_eq!(differences(&optional, &json!({})), Differences::new());
        assert_eq!(differences(&optional, &json!({"status": "AVAILABLE"})), Differences::new());
        assert_eq!(differences(&optional, &json!({"status": 1})).len(), 1);
        assert_eq!(differences(&json!("<after t0>"), &json!(100)).len(), 1);
        assert_eq!(differences(&json!("<not dep1>"), &json!("du4ot1")).len(), 1);
        assert_eq!(differences(&json!("<nobody>"), &json!("x")), ["body: <nobody> has no value here"]);
    }

    #[test]
    fn whole_lists_are_compared_in_order_or_in_any() {
        assert_eq!(differences(&json!([1, 2]), &json!([2, 1])).len(), 2);
        assert_eq!(differences(&json!([1]), &json!([1, 2])).len(), 1);
        assert_eq!(differences(&json!({"in-any-order": [1, 2]}), &json!([2, 1])), Differences::new());
        assert_eq!(differences(&json!({"in-any-order": [1]}), &json!([2, 1])), ["body: unexpected item 2"]);
    }
}
