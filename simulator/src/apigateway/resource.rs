//! Resources: the tree of paths of a REST API.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::method::Method;
use super::paging::page;
use super::rest_api::{RestApi, insert};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;

/// A node of the tree.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Resource {
    pub(crate) id: String,
    /// `None` for the root.
    parent_id: Option<String>,
    path_part: Option<String>,
    pub(crate) path: String,
    /// By verb. Boxed because a map keeps room for several.
    pub(crate) methods: BTreeMap<String, Box<Method>>,
}

impl Resource {
    pub(super) fn root(id: &str) -> Self {
        Self { id: id.to_owned(), parent_id: None, path_part: None, path: "/".to_owned(), methods: BTreeMap::new() }
    }

    fn view(&self, embed_methods: bool) -> Value {
        let mut view = json!({"id": self.id});
        if let (Some(parent_id), Some(path_part)) = (&self.parent_id, &self.path_part) {
            insert(&mut view, "parentId", json!(parent_id));
            insert(&mut view, "pathPart", json!(path_part));
        }
        insert(&mut view, "path", json!(self.path));
        if !self.methods.is_empty() {
            let method = |method: &Method| if embed_methods { method.view() } else { json!({}) };
            let methods: Map<_, _> = self.methods.iter().map(|(verb, kept)| (verb.clone(), method(kept))).collect();
            insert(&mut view, "resourceMethods", Value::Object(methods));
        }
        view
    }
}

/// The refusal of an unknown REST API or resource, which AWS does not tell apart here.
fn unknown() -> ApiError {
    ApiError::not_found("Invalid Resource identifier specified")
}

impl Session<'_> {
    /// The REST API and the resource that the path names.
    pub(super) fn resource(&self, call: &Call) -> Result<&Resource, ApiError> {
        let api = self.rest_api(call).map_err(|_unknown_api| unknown())?;
        api.resources.get(call.parameter("resource_id")).ok_or_else(unknown)
    }

    /// The resource that the path names, to be changed.
    pub(super) fn resource_mut(&mut self, call: &Call) -> Result<&mut Resource, ApiError> {
        let api = self.rest_api_mut(call).map_err(|_unknown_api| unknown())?;
        api.resources.get_mut(call.parameter("resource_id")).ok_or_else(unknown)
    }
}

fn embeds_methods(call: &Call) -> bool {
    call.queries("embed").any(|embedded| embedded.split(',').any(|part| part == "methods"))
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.resource(call)?.view(embeds_methods(call))))
}

pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let resources = &session.rest_api(call)?.resources;
    let ids: Vec<&str> = resources.keys().map(String::as_str).collect();
    let embed = embeds_methods(call);
    Ok(Answer::ok(page(call, &ids, |id| Some(resources.get(id)?.view(embed)))?))
}

pub(super) fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let path_part = input.object(&call.body)?.required_string("pathPart")?;
    input.finish()?;

    let parent = session.resource(call)?;
    if !well_formed(&path_part) {
        return Err(ApiError::bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
             beginning and the end.",
        ));
    }
    let path = format!("{}/{path_part}", parent.path.trim_end_matches('/'));
    let parent_id = parent.id.clone();
    let resources = &session.rest_api(call)?.resources;
    if resources.values().any(|other| other.path == path) {
        return Err(ApiError::conflict(format!(
            "Another resource with the same parent already has this name: {path_part}"
        )));
    }
    let id = session.ids.short(|id| {
        let api = session.region.rest_apis.get(call.parameter("restapi_id"));
        api.is_some_and(|api| api.resources.contains_key(id))
    });
    let resource = Resource {
        id: id.clone(),
        parent_id: Some(parent_id),
        path_part: Some(path_part),
        path,
        methods: BTreeMap::new(),
    };
    let view = resource.view(false);
    session.rest_api_mut(call)?.resources.insert(id, resource);
    Ok(Answer::created(view))
}

fn well_formed(path_part: &str) -> bool {
    let inner = path_part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
    let name = inner.map_or(path_part, |inner| inner.strip_suffix('+').unwrap_or(inner));
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let id = session.resource(call)?.id.clone();
    let api = session.rest_api_mut(call)?;
    if id == api.root_resource_id {
        return Err(ApiError::bad_request("Root resource cannot be deleted"));
    }
    remove_tree(api, &id);
    Ok(Answer::accepted())
}

fn remove_tree(api: &mut RestApi, id: &str) {
    api.resources.remove(id);
    let orphans = api.resources.values().filter(|other| other.parent_id.as_deref() == Some(id));
    let orphans: Vec<String> = orphans.map(|other| other.id.clone()).collect();
    for orphan in orphans {
        remove_tree(api, &orphan);
    }
}
