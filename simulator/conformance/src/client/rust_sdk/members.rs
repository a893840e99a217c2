//! Takes the members of a request's body apart for the SDK's builders, and tells what they cannot take.

use std::collections::HashMap;

use aws_smithy_types::DateTime;
use serde_json::{Map, Value};

use crate::client::ClientError;

/// Members not taken yet.
#[derive(Debug, Default)]
pub(super) struct Members {
    left: Map<String, Value>,
}

fn wrong(name: &str, wanted: &str) -> ClientError {
    ClientError::Inexpressible(format!("the SDK takes {wanted} for {name}"))
}

impl Members {
    pub(super) fn of(body: Option<&Value>) -> Result<Self, ClientError> {
        match body {
            None => Ok(Self::default()),
            Some(Value::Object(members)) => Ok(Self { left: members.clone() }),
            Some(_) => Err(ClientError::Inexpressible("a body that is no object".to_owned())),
        }
    }

    fn take<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, ClientError> {
        self.left.remove(name).map(|value| read(&value).ok_or_else(|| wrong(name, wanted))).transpose()
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ClientError> {
        self.take(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// A text that the SDK has an open enum for.
    pub(super) fn choice<T: for<'t> From<&'t str>>(&mut self, name: &str) -> Result<Option<T>, ClientError> {
        self.take(name, "a text", |value| value.as_str().map(T::from))
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ClientError> {
        self.take(name, "a boolean", Value::as_bool)
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i32>, ClientError> {
        self.take(name, "a whole number", |value| value.as_i64().and_then(|number| number.try_into().ok()))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, ClientError> {
        self.take(name, "a number", Value::as_f64)
    }

    /// Seconds since 1970.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<DateTime>, ClientError> {
        self.take(name, "a time", |value| value.as_f64().map(DateTime::from_secs_f64))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, ClientError> {
        self.take(name, "a list of texts", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn numbers(&mut self, name: &str) -> Result<Option<Vec<f64>>, ClientError> {
        self.take(name, "a list of numbers", |value| value.as_array()?.iter().map(Value::as_f64).collect())
    }

    pub(super) fn choices<T: for<'t> From<&'t str>>(&mut self, name: &str) -> Result<Option<Vec<T>>, ClientError> {
        Ok(self.texts(name)?.map(|texts| texts.iter().map(|text| T::from(text.as_str())).collect()))
    }

    pub(super) fn text_map(&mut self, name: &str) -> Result<Option<HashMap<String, String>>, ClientError> {
        self.take(name, "a map of texts", |value| {
            value.as_object()?.iter().map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
        })
    }

    pub(super) fn boolean_map(&mut self, name: &str) -> Result<Option<HashMap<String, bool>>, ClientError> {
        self.take(name, "a map of booleans", |value| {
            value.as_object()?.iter().map(|(key, on)| Some((key.clone(), on.as_bool()?))).collect()
        })
    }

    /// A nested structure, built by `build` and taken whole.
    pub(super) fn nested<T>(
        &mut self,
        name: &str,
        build: impl FnOnce(&mut Self) -> Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        self.left.remove(name).map(|value| whole(&value, build)).transpose()
    }

    /// A list of structures.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        build: impl Fn(&mut Self) -> Result<T, ClientError>,
    ) -> Result<Option<Vec<T>>, ClientError> {
        let Some(value) = self.left.remove(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| wrong(name, "a list"))?;
        items.iter().map(|item| whole(item, &build)).collect::<Result<_, _>>().map(Some)
    }

    /// Ends the reading: what is left has no place in the builder.
    pub(super) fn finish(self) -> Result<(), ClientError> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(ClientError::Inexpressible(format!("the SDK has no member {name} here"))),
        }
    }
}

fn whole<T>(value: &Value, read: impl FnOnce(&mut Members) -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut members = Members::of(Some(value))?;
    let built = read(&mut members)?;
    members.finish()?;
    Ok(built)
}
