//! The id of a REST API that a spec refers to instead of naming it: `restApiIdFrom`.
//!
//! Resolved once: as soon as the stage is governed, status has the REST API, and that is the one. A `ConfigMap` that changes
//! later moves nothing, since a stage cannot move between REST APIs; that it differs is said.

use std::collections::BTreeMap;

use crate::api::names::RestApiId;
use crate::api::settings::{ConfigMapKeyRef, RestApiIdSource};

/// What was found where a spec refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referred {
    /// The id of a REST API.
    Id(RestApiId),
    /// There is no such `ConfigMap`.
    NoConfigMap,
    /// The `ConfigMap` has no such key.
    NoKey,
    /// The value is not the id of a REST API. It is not shown: who may read the object need not be allowed to read the
    /// `ConfigMap`.
    NotAnId,
}

/// Name of the `ConfigMap` that a spec refers to. For the pass that reads it, and for the watch that tells of its changes.
#[must_use]
pub fn config_map(source: Option<&RestApiIdSource>) -> Option<&str> {
    source.map(|source| source.config_map_key_ref.name.as_str())
}

/// Looks the id up in the data of the `ConfigMap`; `None`: there is no such `ConfigMap`.
#[must_use]
pub fn look_up(source: &RestApiIdSource, data: Option<&BTreeMap<String, String>>) -> Referred {
    let Some(data) = data else { return Referred::NoConfigMap };
    let Some(value) = data.get(&source.config_map_key_ref.key) else { return Referred::NoKey };
    // What templates and pipelines write often ends in a line break.
    let id = value.trim();
    let usable =
        (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if usable { Referred::Id(RestApiId::from(id)) } else { Referred::NotAnId }
}

/// What to do so that the id can be found: the sentence of the condition. `None`: it is found.
#[must_use]
pub fn problem(source: &RestApiIdSource, referred: &Referred) -> Option<String> {
    let RestApiIdSource { config_map_key_ref: ConfigMapKeyRef { name, key } } = source;
    match referred {
        Referred::Id(_) => None,
        Referred::NoConfigMap => Some(format!(
            "There is no ConfigMap {name} in this namespace, where spec.restApiIdFrom refers to. Create it with the id of the REST API under the key {key}; it then goes on."
        )),
        Referred::NoKey => Some(format!(
            "ConfigMap {name}, where spec.restApiIdFrom refers to, has no key {key}. Add it with the id of the REST API; it then goes on."
        )),
        Referred::NotAnId => Some(format!(
            "What ConfigMap {name} has under {key} is not the id of a REST API, such as a1b2c3d4e5 (spec.restApiIdFrom). Correct it; it then goes on."
        )),
    }
}

/// Why a spec leads to no REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// It names none and refers to none.
    Nothing,
    /// It names one and refers to one.
    Both,
    /// Where it refers to, there is none; the sentence says what to do.
    Reference(String),
}

/// The REST API of an object: the one that spec names; else the one that is governed; else what was found where spec refers to.
///
/// # Errors
///
/// [`Unresolved`] where there is none of these.
pub fn resolve(
    named: Option<&RestApiId>,
    source: Option<&RestApiIdSource>,
    governed: Option<&RestApiId>,
    referred: Option<&Referred>,
) -> Result<RestApiId, Unresolved> {
    let source = match (named, source) {
        (Some(_), Some(_)) => return Err(Unresolved::Both),
        (Some(id), None) => return Ok(id.clone()),
        (None, None) => return Err(Unresolved::Nothing),
        (None, Some(source)) => source,
    };
    if let Some(governed) = governed {
        return Ok(governed.clone());
    }
    match referred {
        Some(Referred::Id(id)) => Ok(id.clone()),
        Some(other @ (Referred::NoConfigMap | Referred::NoKey | Referred::NotAnId)) => {
            Err(Unresolved::Reference(problem(source, other).unwrap_or_default()))
        }
        None => Err(Unresolved::Reference("What spec.restApiIdFrom refers to has not been read yet.".to_owned())),
    }
}

/// What is said while the `ConfigMap` names another REST API than the governed one. `None`: it does not.
#[must_use]
pub fn difference(source: &RestApiIdSource, referred: &Referred, governed: &RestApiId) -> Option<String> {
    let Referred::Id(now) = referred else { return None };
    (now != governed).then(|| {
        format!(
            "ConfigMap {} names REST API {now} now; this object stays with {governed}. To follow it, delete the object and create it anew.",
            source.config_map_key_ref.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> RestApiIdSource {
        RestApiIdSource { config_map_key_ref: ConfigMapKeyRef { name: "orders-api".to_owned(), key: "id".to_owned() } }
    }

    #[test]
    fn the_id_is_what_the_key_holds() {
        let cases = [
            ("an id", "a1b2c3d4e5", Referred::Id("a1b2c3d4e5".into())),
            ("with a line break", "a1b2c3d4e5\n", Referred::Id("a1b2c3d4e5".into())),
            ("empty", "", Referred::NotAnId),
            ("a placeholder", "${API_ID}", Referred::NotAnId),
            ("an ARN", "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3d4e5", Referred::NotAnId),
            ("upper case", "A1B2C3D4E5", Referred::NotAnId),
            ("too long", &"a".repeat(33), Referred::NotAnId),
        ];
        for (case, value, expected) in cases {
            let data = BTreeMap::from([("id".to_owned(), value.to_owned())]);
            assert_eq!(look_up(&source(), Some(&data)), expected, "{case}");
        }
        assert_eq!(look_up(&source(), Some(&BTreeMap::new())), Referred::NoKey);
        assert_eq!(look_up(&source(), None), Referred::NoConfigMap);
    }

    #[test]
    fn a_value_that_is_no_id_is_not_shown() {
        let data = BTreeMap::from([("id".to_owned(), "hunter!2".to_owned())]);
        let said = problem(&source(), &look_up(&source(), Some(&data))).unwrap();
        assert!(said.contains("ConfigMap orders-api has under id") && !said.contains("hunter"), "{said}");
    }
}
