//! Patch lists: reading them, and the form of the rule tables that say what each operation does.
//!
//! A resource that can be patched owns a table of [`Rule`]s over a draft of itself. The tables are data: one row for
//! each operation and path; what no row allows is refused in that resource's words.

use serde_json::Value;

use crate::error::ApiError;
use crate::wire::input::{Input, Object};

/// AWS's enum in the order of its messages.
const OPS: [&str; 6] = ["add", "remove", "move", "test", "replace", "copy"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Remove,
    Move,
    Test,
    Replace,
    Copy,
}

impl Op {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Add, Self::Remove, Self::Move, Self::Test, Self::Replace, Self::Copy];
        all.into_iter().find(|op| op.name() == text)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Move => "move",
            Self::Test => "test",
            Self::Replace => "replace",
            Self::Copy => "copy",
        }
    }
}

/// One operation of a patch list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatchOperation {
    pub(crate) op: Op,
    /// `null` where the member is missing: so AWS writes it into its messages.
    pub(crate) path: String,
    pub(crate) value: Option<String>,
    pub(crate) from: Option<String>,
}

/// The patch list of a request body. Violations go to `input`; the caller finishes it before it uses the list.
pub(crate) fn operations(input: &Input, body: &Value) -> Result<Vec<PatchOperation>, ApiError> {
    let body = input.object(body)?;
    let mut operations = Vec::new();
    for item in body.objects("patchOperations")? {
        operations.extend(operation(&item)?);
    }
    Ok(operations)
}

fn operation(item: &Object<'_>) -> Result<Option<PatchOperation>, ApiError> {
    item.require("op");
    let op = item.choice("op", &OPS)?.as_deref().and_then(Op::parse);
    let path = item.string("path")?.unwrap_or_else(|| "null".to_owned());
    let (value, from) = (item.string("value")?, item.string("from")?);
    Ok(op.map(|op| PatchOperation { op, path, value, from }))
}

/// One row of a table: what `op` on `path` does to a draft of type `T`.
pub(crate) struct Rule<T> {
    pub(crate) op: Op,
    /// Segments; `{name}` stands for one segment and `{name+}` for one or more. At most one of them a path.
    pub(crate) path: &'static str,
    pub(crate) effect: Effect<T>,
}

/// A change of the draft; the `&str` is what the path's parameter matched, as sent.
type Change<T, V> = fn(&mut T, &str, V) -> Result<(), ApiError>;
type TextChange<T> = fn(&mut T, &str, Option<&str>) -> Result<(), ApiError>;
type ChoiceChange<T> = fn(&mut T, &str, &str) -> Result<(), ApiError>;

/// The type of an operation's value, with the change that it makes.
pub(crate) enum Effect<T> {
    /// Any text, or none where the member is missing.
    Text(TextChange<T>),
    /// `"true"` or `"false"`. AWS reads anything else as false (recorded on two other operations).
    Boolean(Change<T, bool>),
    /// A whole number within these bounds.
    Integer(i32, i32, Change<T, i32>),
    /// A finite number within these bounds.
    Number(f64, f64, Change<T, f64>),
    /// One of these texts.
    Choice(&'static [&'static str], ChoiceChange<T>),
    /// A removal: a value, if one came, is ignored.
    Removal(fn(&mut T, &str) -> Result<(), ApiError>),
    /// A copy from this path; whoever looks rules up checks the pair first.
    Copy(&'static str, fn(&mut T) -> Result<(), ApiError>),
}

impl<T> Rule<T> {
    /// Does what the row says.
    ///
    /// With `strict_booleans` a boolean that is neither true nor false is refused.
    pub(crate) fn apply(
        &self,
        draft: &mut T,
        operation: &PatchOperation,
        parameter: &str,
        strict_booleans: bool,
    ) -> Result<(), ApiError> {
        let value = operation.value.as_deref();
        let refuse = |wanted: String| {
            let given = value.unwrap_or("null");
            ApiError::bad_request(format!("Invalid value '{given}' for path {}. {wanted}", operation.path))
        };
        match &self.effect {
            Effect::Text(change) => change(draft, parameter, value),
            Effect::Boolean(change) => match value {
                Some(text) if text.eq_ignore_ascii_case("true") => change(draft, parameter, true),
                Some(text) if strict_booleans && !text.eq_ignore_ascii_case("false") => {
                    Err(refuse("Must be true or false".to_owned()))
                }
                Some(_) | None => change(draft, parameter, false),
            },
            Effect::Integer(least, most, change) => {
                let number = value.and_then(|text| text.parse().ok()).filter(|number| (least..=most).contains(&number));
                let number = number.ok_or_else(|| refuse(format!("Must be a whole number from {least} to {most}")))?;
                change(draft, parameter, number)
            }
            Effect::Number(least, most, change) => {
                let number: Option<f64> = value.and_then(|text| text.parse().ok());
                let number = number.filter(|number| (least..=most).contains(&number));
                let number = number.ok_or_else(|| refuse(format!("Must be a number from {least} to {most}")))?;
                change(draft, parameter, number)
            }
            Effect::Choice(choices, change) => {
                let chosen = value.filter(|text| choices.contains(text));
                let chosen = chosen.ok_or_else(|| refuse(format!("Must be one of [{}]", choices.join(", "))))?;
                change(draft, parameter, chosen)
            }
            Effect::Removal(change) => change(draft, parameter),
            Effect::Copy(_, change) => change(draft),
        }
    }
}

/// The first row for this operation and path, with what the path's parameter matched.
pub(crate) fn find<'r, 'p, T>(rules: &'r [Rule<T>], op: Op, path: &'p str) -> Option<(&'r Rule<T>, &'p str)> {
    rules.iter().filter(|rule| rule.op == op).find_map(|rule| Some((rule, matched(rule.path, path)?)))
}

/// What the pattern's parameter matched in this path (empty for a pattern without one), or `None`.
pub(crate) fn matched<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = pattern.split_once('{') else { return (pattern == path).then_some("") };
    let (name, after) = rest.split_once('}')?;
    let middle = path.strip_prefix(before)?.strip_suffix(after)?;
    let fits = !middle.is_empty() && (name.ends_with('+') || !middle.contains('/'));
    fits.then_some(middle)
}

/// Undoes JSON pointer escaping of one segment.
pub(crate) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// The words of the family for a path that nothing can be done with (recorded for gateway responses).
pub(crate) fn invalid_path(path: &str) -> ApiError {
    ApiError::bad_request(format!("Invalid patch path {path}"))
}

/// Applies a whole list to the draft in order; what no row allows is an invalid path.
pub(crate) fn apply_all<T>(rules: &[Rule<T>], draft: &mut T, list: &[PatchOperation]) -> Result<(), ApiError> {
    for operation in list {
        let (rule, parameter) =
            find(rules, operation.op, &operation.path).ok_or_else(|| invalid_path(&operation.path))?;
        rule.apply(draft, operation, parameter, false)?;
    }
    Ok(())
}

/// Reads the patch list of `operation`'s body, with no other violations to collect.
pub(crate) fn read(operation: &str, body: &Value) -> Result<Vec<PatchOperation>, ApiError> {
    let input = Input::of(operation);
    let list = operations(&input, body)?;
    input.finish()?;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("/description", "/description", Some(""))]
    #[case("/description", "/description/x", None)]
    #[case("/variables/{name+}", "/variables/a/b", Some("a/b"))]
    #[case("/variables/{name}", "/variables/a/b", None)]
    #[case("/variables/{name+}", "/variables/", None)]
    #[case("/{key+}/metrics/enabled", "/~1pets/GET/metrics/enabled", Some("~1pets/GET"))]
    #[case("/{key+}/metrics/enabled", "/metrics/enabled", None)]
    fn a_pattern_gives_its_parameter(#[case] pattern: &str, #[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(matched(pattern, path), expected);
    }

    #[test]
    fn every_wrong_op_is_told_with_its_position() {
        let body =
            json!({"patchOperations": [{"op": "wrong", "path": "/a"}, {"op": "add", "path": "/a"}, {"op": "no"}]});
        let refused = read("UpdateRestApi", &body).unwrap_err();
        assert_eq!(
            refused.message,
            "2 validation errors detected: Value 'wrong' at 'updateRestApiInput.patchOperations.1.member.op' failed to \
             satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]; Value \
             'no' at 'updateRestApiInput.patchOperations.3.member.op' failed to satisfy constraint: Member must \
             satisfy enum value set: [add, remove, move, test, replace, copy]"
        );
    }

    #[test]
    fn escapes_are_undone_in_the_right_order() {
        assert_eq!(unescape("application~1json"), "application/json");
        assert_eq!(unescape("~01"), "~1");
    }
}
