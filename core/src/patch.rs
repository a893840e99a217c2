//! Patch operations as API Gateway takes them.

use std::fmt;

/// The operations of a patch that API Gateway supports anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Adds a member; for stages only below `/accessLogSettings`.
    Add,
    /// Sets a member, and creates it where its table says so.
    Replace,
    /// Removes a member.
    Remove,
    /// Copies `from` to `path`: a canary's promotion.
    Copy,
}

/// One operation. A list of them is applied in its order; a later one sees the effect of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchOperation {
    /// What to do.
    pub op: Op,
    /// JSON pointer: inside a segment `~` is `~0` and `/` is `~1`.
    pub path: String,
    /// Always a string for AWS, also for booleans and numbers. `None` for [`Op::Remove`] and [`Op::Copy`].
    pub value: Option<String>,
    /// The source of an [`Op::Copy`].
    pub from: Option<String>,
}

impl PatchOperation {
    /// `replace path = value`.
    pub fn replace(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: Op::Replace, path: path.into(), value: Some(value.into()), from: None }
    }

    /// `remove path`.
    pub fn remove(path: impl Into<String>) -> Self {
        Self { op: Op::Remove, path: path.into(), value: None, from: None }
    }

    /// `copy from -> path`.
    pub fn copy(from: impl Into<String>, path: impl Into<String>) -> Self {
        Self { op: Op::Copy, path: path.into(), value: None, from: Some(from.into()) }
    }

    /// `add path = value`.
    pub fn add(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: Op::Add, path: path.into(), value: Some(value.into()), from: None }
    }
}

/// A text as one segment of a path.
#[must_use]
pub fn segment(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Copy => "copy",
        })
    }
}

/// Without the value: values of variables are the user's.
impl fmt::Display for PatchOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{} {from} -> {}", self.op, self.path),
            None => write!(f, "{} {}", self.op, self.path),
        }
    }
}
