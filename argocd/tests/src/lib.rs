//! Argo CD's side of a sync, for tests: its Lua sandbox, and what it makes of the answers.
//!
//! What is run is what a cluster gets: the scripts are read from `argocd/argocd-cm.yaml`, the patch of the `ConfigMap` `argocd-cm`.
//! The sandbox is Argo CD's, release 3.5 (`util/lua/lua.go`): Lua 5.1 with the base and the table library and nothing else, no
//! string methods, and the object as the global `obj`, whose nulls are nil and whose numbers are floats. Nothing here is shipped.

mod config_map;
mod sandbox;
mod values;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

pub use config_map::{config_map, folder};
use sandbox::run;

/// What stops Argo CD. In health it blocks a sync for ever, since a resource whose health cannot be told stays "running".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The script raised an error or does not compile.
    #[error("the script failed: {0}")]
    Script(String),
    /// What it returned cannot be told as JSON.
    #[error("what the script returned cannot be told as JSON: {0}")]
    Encode(&'static str),
    /// A number in it is none of JSON's.
    #[error("what the script returned has a number that is too large")]
    Number(#[from] std::num::ParseIntError),
    /// What it returned is not of the form that Argo CD reads.
    #[error("Argo CD cannot read what the script returned")]
    Form(#[from] serde_json::Error),
    /// There is no script for this kind of object, or no action of this name.
    #[error("there is no {0}")]
    Missing(String),
    /// The `ConfigMap` or a text in it is no YAML.
    #[error("argocd-cm.yaml cannot be read: {0}")]
    Yaml(String),
}

/// What Argo CD shows of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// One of Argo CD's words.
    pub status: Status,
    /// A sentence for people.
    pub message: String,
}

/// Argo CD's words for health. It has more (`Missing`, `Unknown`), which no script of ours may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Status {
    /// A sync goes on to the next wave.
    Healthy,
    /// A sync waits.
    Progressing,
    /// A sync waits.
    Suspended,
    /// A sync fails.
    Degraded,
}

/// An action as Argo CD's UI shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Action {
    /// Whether it is greyed out. Argo CD runs it all the same if it is asked to.
    pub disabled: bool,
    /// What the menu says.
    pub display_name: String,
    /// The icon beside it, of Font Awesome.
    pub icon_class: String,
}

/// The customizations that `argocd/argocd-cm.yaml` installs.
#[derive(Debug)]
pub struct Customizations {
    data: BTreeMap<String, String>,
    actions: BTreeMap<String, Actions>,
}

/// The text under `resource.customizations.actions.<group>_<Kind>`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Actions {
    #[serde(rename = "discovery.lua")]
    discovery: String,
    definitions: Vec<Definition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: String,
    #[serde(rename = "action.lua")]
    action: String,
}

impl Customizations {
    /// Those of the committed file.
    ///
    /// # Errors
    ///
    /// [`Error::Yaml`], [`Error::Missing`].
    pub fn installed() -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct ConfigMap {
            data: BTreeMap<String, String>,
        }
        let path = folder().join("argocd-cm.yaml");
        let text =
            std::fs::read_to_string(&path).map_err(|error| Error::Missing(format!("{}: {error}", path.display())))?;
        let map: ConfigMap = serde_saphyr::from_str(&text).map_err(|error| Error::Yaml(error.to_string()))?;
        let mut actions = BTreeMap::new();
        for (key, text) in map.data.iter().filter(|(key, _)| key.starts_with("resource.customizations.actions.")) {
            let read = serde_saphyr::from_str(text).map_err(|error| Error::Yaml(error.to_string()))?;
            actions.insert(key.clone(), read);
        }
        Ok(Self { data: map.data, actions })
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.data.keys().map(String::as_str)
    }

    /// The script of a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).map(String::as_str)
    }

    /// What Argo CD shows of this object.
    ///
    /// # Errors
    ///
    /// [`Error`]: a sync would be blocked for ever.
    pub fn health(&self, object: &Value) -> Result<Health, Error> {
        let key = key("health", object);
        let script = self.data.get(&key).ok_or(Error::Missing(key))?;
        Ok(serde_json::from_value(run(script, object)?)?)
    }

    fn actions(&self, object: &Value) -> Result<&Actions, Error> {
        let key = key("actions", object);
        self.actions.get(&key).ok_or(Error::Missing(key))
    }

    /// Names of the actions that are defined for an object of this kind.
    ///
    /// # Errors
    ///
    /// [`Error::Yaml`], [`Error::Missing`].
    pub fn defined(&self, object: &Value) -> Result<Vec<String>, Error> {
        Ok(self.actions(object)?.definitions.iter().map(|definition| definition.name.clone()).collect())
    }

    /// The actions that Argo CD offers for this object.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn discover(&self, object: &Value) -> Result<BTreeMap<String, Action>, Error> {
        Ok(serde_json::from_value(run(&self.actions(object)?.discovery, object)?)?)
    }

    /// The merge patch that Argo CD sends when this action is run: how the object that the script returns differs from the live
    /// one.
    ///
    /// # Errors
    ///
    /// [`Error`]: Argo CD shows the text and sends nothing.
    pub fn act(&self, name: &str, object: &Value) -> Result<Value, Error> {
        let actions = self.actions(object)?;
        let definition = actions.definitions.iter().find(|definition| definition.name == name);
        let definition = definition.ok_or_else(|| Error::Missing(format!("action {name}")))?;
        let mut returned = run(&definition.action, object)?;
        values::repair(&mut returned, object);
        Ok(values::merge_patch(object, &returned).unwrap_or_else(|| json!({})))
    }
}

/// The key under which `argocd-cm` has what concerns an object of this kind.
fn key(what: &str, object: &Value) -> String {
    let text = |member: &str| object.get(member).and_then(Value::as_str).unwrap_or_default();
    let group = text("apiVersion").split('/').next().unwrap_or_default();
    format!("resource.customizations.{what}.{group}_{}", text("kind"))
}
