//! Reads manifests as kubectl would: YAML or JSON, several documents, lists.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use kube::Resource as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stagecraft_core::api::GROUP;
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::stage::ApiStage;

/// What the manifests hold of ours.
#[derive(Debug, Default)]
pub struct Manifests {
    /// In the order of the files.
    pub stages: Vec<Manifest<ApiStage>>,
    /// In the order of the files.
    pub canaries: Vec<Manifest<ApiCanary>>,
    /// In the order of the files.
    pub responses: Vec<Manifest<ApiGatewayResponse>>,
}

/// One object of a file.
#[derive(Debug)]
pub struct Manifest<K> {
    /// As far as its kind knows it.
    pub object: K,
    /// All of it, as it stands in the file: a misspelt field is here only.
    pub document: Value,
}

/// Why manifests cannot be read: which, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not there, or may not be read.
    #[error("could not read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{} is no YAML and no JSON: {reason}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// One of our objects with members that it cannot have.
    #[error("{kind} {name} in {} does not have the shape of its kind: {reason}", path.display())]
    Shape {
        /// Which file.
        path: PathBuf,
        /// The object's kind.
        kind: String,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Something that claims to be ours and is nothing that there is.
    #[error(
        "{} holds an object {name} of apiVersion {api_version} and kind {kind}, and there is no such kind: those of {GROUP}/{} are ApiStage, ApiCanary and ApiGatewayResponse",
        path.display(),
        ApiStage::version(&())
    )]
    Kind {
        /// Which file.
        path: PathBuf,
        /// The object's group and version.
        api_version: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// Nothing that governs anything.
    #[error("there is no ApiStage and no ApiGatewayResponse in {}: name a file that holds one", paths(.0))]
    Nothing(Vec<PathBuf>),
}

fn paths(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Reads all files; `-` is standard input. Objects of other kinds are passed over.
///
/// # Errors
///
/// See [`Error`]; the first file that cannot be read ends it.
pub fn read(files: &[PathBuf]) -> Result<Manifests, Error> {
    let mut manifests = Manifests::default();
    for path in files {
        let text = text_of(path).map_err(|source| Error::File { path: path.clone(), source })?;
        let documents: Vec<Option<Value>> = serde_saphyr::from_multiple(&text)
            .map_err(|error| Error::Syntax { path: path.clone(), reason: error.to_string() })?;
        for document in documents.into_iter().flatten() {
            manifests.take(path, document)?;
        }
    }
    if manifests.stages.is_empty() && manifests.responses.is_empty() {
        return Err(Error::Nothing(files.to_vec()));
    }
    Ok(manifests)
}

fn text_of(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
}

impl Manifests {
    fn take(&mut self, path: &Path, mut document: Value) -> Result<(), Error> {
        if let Some(items) = document.get_mut("items").and_then(Value::as_array_mut) {
            return std::mem::take(items).into_iter().try_for_each(|item| self.take(path, item));
        }
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let Some((GROUP, version)) = api_version.split_once('/') else { return Ok(()) };
        let shape = |reason: serde_json::Error| Error::Shape {
            path: path.to_owned(),
            kind: kind.clone(),
            name: name.clone(),
            reason: reason.to_string(),
        };
        let no_such_kind = || Error::Kind {
            path: path.to_owned(),
            api_version: api_version.clone(),
            kind: kind.clone(),
            name: name.clone(),
        };
        match kind.as_str() {
            _ if version != ApiStage::version(&()) => return Err(no_such_kind()),
            "ApiStage" => self.stages.push(typed(document).map_err(shape)?),
            "ApiGatewayResponse" => self.responses.push(typed(document).map_err(shape)?),
            "ApiCanary" => self.canaries.push(typed(document).map_err(shape)?),
            _ => return Err(no_such_kind()),
        }
        Ok(())
    }
}

fn typed<K: DeserializeOwned>(document: Value) -> serde_json::Result<Manifest<K>> {
    Ok(Manifest { object: K::deserialize(&document)?, document })
}
