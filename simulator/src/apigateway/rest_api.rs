//! REST APIs: the container of everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::deployment::Deployment;
use super::documentation::{DocumentationPart, DocumentationVersion};
use super::gateway_response::Customisation;
use super::paging::page;
use super::resource::Resource;
use super::stage::Stage;
use super::tags;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::wire::input::Input;
use crate::wire::patch::{self, Effect, Op, Rule, unescape};

/// AWS's enums, in the order of its messages where one is recorded.
const ENDPOINT_TYPES: [&str; 3] = ["REGIONAL", "EDGE", "PRIVATE"];
const IP_ADDRESS_TYPES: [&str; 2] = ["ipv4", "dualstack"];
const API_KEY_SOURCES: [&str; 2] = ["HEADER", "AUTHORIZER"];

/// A REST API with all that belongs to it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RestApi {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    version: Option<String>,
    created: Timestamp,
    api_key_source: String,
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<i32>,
    endpoint: Endpoint,
    policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    disable_execute_api_endpoint: bool,
    pub(crate) root_resource_id: String,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// Shared, so that a draft of a stage can look ids up.
    #[serde(serialize_with = "crate::world::shared")]
    pub(crate) deployments: Arc<BTreeMap<String, Deployment>>,
    /// How many deployments were ever made: the order of those made in one second.
    pub(crate) deployments_made: u64,
    pub(crate) stages: BTreeMap<String, Stage>,
    /// Only those that somebody customised, by type.
    pub(crate) gateway_responses: BTreeMap<String, Customisation>,
    pub(crate) documentation_parts: BTreeMap<String, DocumentationPart>,
    /// Shared like `deployments`.
    #[serde(serialize_with = "crate::world::shared")]
    pub(crate) documentation_versions: Arc<BTreeMap<String, DocumentationVersion>>,
}

#[derive(Debug, Clone, Serialize)]
struct Endpoint {
    types: Vec<String>,
    ip_address_type: String,
    vpc_endpoint_ids: Vec<String>,
}

impl RestApi {
    /// The API as AWS shows it; `api_status` is switch 32.
    pub(crate) fn view(&self, api_status: Option<&str>) -> Value {
        let mut endpoint = json!({"types": self.endpoint.types, "ipAddressType": self.endpoint.ip_address_type});
        if !self.endpoint.vpc_endpoint_ids.is_empty() {
            insert(&mut endpoint, "vpcEndpointIds", json!(self.endpoint.vpc_endpoint_ids));
        }
        let mut view = json!({"id": self.id, "name": self.name});
        insert_some(&mut view, "description", self.description.as_ref());
        insert(&mut view, "createdDate", json!(self.created.as_second()));
        insert_some(&mut view, "version", self.version.as_ref());
        if !self.binary_media_types.is_empty() {
            insert(&mut view, "binaryMediaTypes", json!(self.binary_media_types));
        }
        insert_some(&mut view, "minimumCompressionSize", self.minimum_compression_size.as_ref());
        insert(&mut view, "apiKeySource", json!(self.api_key_source));
        insert(&mut view, "endpointConfiguration", endpoint);
        insert_some(&mut view, "policy", self.policy.as_ref());
        if !self.tags.is_empty() {
            insert(&mut view, "tags", json!(self.tags));
        }
        insert(&mut view, "disableExecuteApiEndpoint", json!(self.disable_execute_api_endpoint));
        insert(&mut view, "rootResourceId", json!(self.root_resource_id));
        insert_some(&mut view, "apiStatus", api_status.as_ref());
        view
    }
}

/// Adds a member to a JSON object.
pub(super) fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Adds a member if there is a value: AWS leaves unset members out.
pub(super) fn insert_some(object: &mut Value, name: &str, value: Option<&impl Serialize>) {
    if let Some(value) = value {
        insert(object, name, json!(value));
    }
}

impl Session<'_> {
    /// The REST API that the path names.
    pub(super) fn rest_api(&self, call: &Call) -> Result<&RestApi, ApiError> {
        let id = call.parameter("restapi_id");
        self.region.rest_apis.get(id).ok_or_else(|| unknown(self.account, id))
    }

    /// The REST API that the path names, to be changed.
    pub(super) fn rest_api_mut(&mut self, call: &Call) -> Result<&mut RestApi, ApiError> {
        let id = call.parameter("restapi_id");
        self.region.rest_apis.get_mut(id).ok_or_else(|| unknown(self.account, id))
    }
}

fn unknown(account: &str, id: &str) -> ApiError {
    ApiError::not_found(format!("Invalid API identifier specified {account}:{id}"))
}

pub(super) fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let name = body.required_string("name")?;
    let description = body.string("description")?;
    let version = body.string("version")?.filter(|version| !version.is_empty());
    let clone_from = body.string("cloneFrom")?;
    let binary_media_types = body.strings("binaryMediaTypes")?.unwrap_or_default();
    let minimum_compression_size = body.integer("minimumCompressionSize")?;
    let api_key_source = body.choice("apiKeySource", &API_KEY_SOURCES)?.unwrap_or_else(|| "HEADER".to_owned());
    let configuration = body.object("endpointConfiguration")?;
    let (mut types, mut ip_address_type, mut vpc_endpoint_ids) = (None, None, None);
    if let Some(configuration) = configuration {
        types = configuration.strings("types")?.filter(|types| !types.is_empty());
        ip_address_type = configuration.choice("ipAddressType", &IP_ADDRESS_TYPES)?;
        vpc_endpoint_ids = configuration.strings("vpcEndpointIds")?;
    }
    for kind in types.iter().flatten().filter(|kind| !ENDPOINT_TYPES.contains(&kind.as_str())) {
        input.violate(format!(
            "Value '[{kind}]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must satisfy enum value set: [{}]]",
            ENDPOINT_TYPES.join(", ")
        ));
    }
    let policy = body.string("policy")?.filter(|policy| !policy.is_empty());
    let tags = body.string_map("tags")?.unwrap_or_default();
    let disable_execute_api_endpoint = body.boolean("disableExecuteApiEndpoint")?.unwrap_or(false);
    input.finish()?;

    if description.as_deref() == Some("") {
        return Err(ApiError::bad_request("Description cannot be an empty string"));
    }
    if name.is_empty() {
        return Err(ApiError::bad_request("Name cannot be an empty string"));
    }
    check_compression_size(minimum_compression_size)?;
    tags::check(&tags)?;
    if types.as_ref().is_some_and(|types| types.len() > 1) {
        return Err(ApiError::bad_request("Cannot create an api with multiple Endpoint Types"));
    }
    let source = match clone_from {
        None => None,
        Some(id) => {
            let source = session.region.rest_apis.get(&id).cloned();
            Some(source.ok_or_else(|| unknown(session.account, &id))?)
        }
    };

    let types = types.unwrap_or_else(|| vec!["EDGE".to_owned()]);
    let ip_address_type = ip_address_type.unwrap_or_else(|| default_ip_address_type(&types));
    let id = session.ids.long(|id| session.region.rest_apis.contains_key(id));
    let root_resource_id =
        source.as_ref().map_or_else(|| session.ids.long(|_| false), |source| source.root_resource_id.clone());
    let root = Resource::root(&root_resource_id);
    let resources = source
        .as_ref()
        .map_or_else(|| BTreeMap::from([(root_resource_id.clone(), root)]), |source| source.resources.clone());
    let api = RestApi {
        id: id.clone(),
        name,
        description,
        version,
        created: session.now,
        api_key_source,
        binary_media_types,
        minimum_compression_size,
        endpoint: Endpoint { types, ip_address_type, vpc_endpoint_ids: vpc_endpoint_ids.unwrap_or_default() },
        policy,
        tags,
        disable_execute_api_endpoint,
        root_resource_id,
        resources,
        deployments: Arc::default(),
        deployments_made: 0,
        stages: BTreeMap::new(),
        gateway_responses: source.map(|source| source.gateway_responses).unwrap_or_default(),
        documentation_parts: BTreeMap::new(),
        documentation_versions: Arc::default(),
    };
    let view = api.view(session.switches.api_status.as_deref());
    session.region.rest_apis.insert(id, api);
    Ok(Answer::created(view))
}

/// EDGE and REGIONAL report ipv4, PRIVATE dualstack.
fn default_ip_address_type(types: &[String]) -> String {
    if types.iter().any(|kind| kind == "PRIVATE") { "dualstack".to_owned() } else { "ipv4".to_owned() }
}

fn check_compression_size(size: Option<i32>) -> Result<(), ApiError> {
    if size.is_none_or(|size| (0..=10_485_760).contains(&size)) {
        return Ok(());
    }
    Err(ApiError::bad_request("Invalid minimum compression size, must be between 0 and 10485760"))
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.rest_api(call)?.view(session.switches.api_status.as_deref())))
}

pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let apis = &session.region.rest_apis;
    let mut ordered: Vec<&RestApi> = apis.values().collect();
    ordered.sort_by_key(|api| api.created);
    let ids: Vec<&str> = ordered.iter().map(|api| api.id.as_str()).collect();
    let status = session.switches.api_status.as_deref();
    Ok(Answer::ok(page(call, &ids, |id| Some(apis.get(id)?.view(status)))?))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let id = session.rest_api(call)?.id.clone();
    session.region.rest_apis.remove(&id);
    Ok(Answer::accepted())
}

/// What `UpdateRestApi` can do. Source: the page on patch operations; the texts of refusals follow the family's style.
static RULES: &[Rule<RestApi>] = &[
    Rule { op: Op::Replace, path: "/name", effect: Effect::Text(set_name) },
    Rule {
        op: Op::Replace,
        path: "/description",
        effect: Effect::Text(|api, _, text| set(&mut api.description, text)),
    },
    Rule { op: Op::Replace, path: "/version", effect: Effect::Text(|api, _, text| set(&mut api.version, text)) },
    Rule { op: Op::Replace, path: "/policy", effect: Effect::Text(|api, _, text| set(&mut api.policy, text)) },
    Rule {
        op: Op::Replace,
        path: "/apiKeySource",
        effect: Effect::Choice(&API_KEY_SOURCES, |api, _, source| {
            source.clone_into(&mut api.api_key_source);
            Ok(())
        }),
    },
    Rule {
        op: Op::Replace,
        path: "/disableExecuteApiEndpoint",
        effect: Effect::Boolean(|api, _, on| {
            api.disable_execute_api_endpoint = on;
            Ok(())
        }),
    },
    Rule { op: Op::Replace, path: "/minimumCompressionSize", effect: Effect::Text(set_compression_size) },
    Rule {
        op: Op::Remove,
        path: "/minimumCompressionSize",
        effect: Effect::Removal(|api, _| {
            api.minimum_compression_size = None;
            Ok(())
        }),
    },
    Rule {
        op: Op::Add,
        path: "/binaryMediaTypes/{type}",
        effect: Effect::Text(|api, kind, _| {
            let kind = unescape(kind);
            if !api.binary_media_types.contains(&kind) {
                api.binary_media_types.push(kind);
            }
            Ok(())
        }),
    },
    Rule {
        op: Op::Replace,
        path: "/binaryMediaTypes/{type}",
        effect: Effect::Text(|api, kind, value| {
            let kind = unescape(kind);
            let known = api.binary_media_types.iter_mut().find(|known| **known == kind);
            let known = known.ok_or_else(|| patch::invalid_path(&format!("/binaryMediaTypes/{kind}")))?;
            *known = value.map_or(kind, str::to_owned);
            Ok(())
        }),
    },
    Rule {
        op: Op::Remove,
        path: "/binaryMediaTypes/{type}",
        effect: Effect::Removal(|api, kind| {
            let kind = unescape(kind);
            api.binary_media_types.retain(|known| *known != kind);
            Ok(())
        }),
    },
    Rule { op: Op::Replace, path: "/endpointConfiguration/types/{type}", effect: Effect::Text(set_endpoint_type) },
    Rule {
        op: Op::Replace,
        path: "/endpointConfiguration/ipAddressType",
        effect: Effect::Choice(&IP_ADDRESS_TYPES, |api, _, kind| {
            kind.clone_into(&mut api.endpoint.ip_address_type);
            Ok(())
        }),
    },
    Rule {
        op: Op::Add,
        path: "/endpointConfiguration/vpcEndpointIds",
        effect: Effect::Text(|api, _, id| {
            api.endpoint.vpc_endpoint_ids.extend(id.map(str::to_owned));
            Ok(())
        }),
    },
    Rule {
        op: Op::Remove,
        path: "/endpointConfiguration/vpcEndpointIds",
        effect: Effect::Text(|api, _, id| {
            api.endpoint.vpc_endpoint_ids.retain(|known| Some(known.as_str()) != id);
            Ok(())
        }),
    },
];

#[expect(clippy::unnecessary_wraps, reason = "the form of a rule's change")]
fn set(field: &mut Option<String>, text: Option<&str>) -> Result<(), ApiError> {
    *field = text.filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(())
}

fn set_name(api: &mut RestApi, _: &str, name: Option<&str>) -> Result<(), ApiError> {
    let name = name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::bad_request("Name cannot be an empty string"))?;
    name.clone_into(&mut api.name);
    Ok(())
}

fn set_compression_size(api: &mut RestApi, _: &str, size: Option<&str>) -> Result<(), ApiError> {
    let size = size.filter(|size| !size.is_empty()).map(|size| size.parse().unwrap_or(-1));
    check_compression_size(size)?;
    api.minimum_compression_size = size;
    Ok(())
}

/// The path names the present type, the value the new one.
fn set_endpoint_type(api: &mut RestApi, _: &str, kind: Option<&str>) -> Result<(), ApiError> {
    let kind = kind.filter(|kind| ENDPOINT_TYPES.contains(kind)).ok_or_else(|| {
        let given = kind.unwrap_or("null");
        ApiError::bad_request(format!(
            "Invalid EndpointTypes specified. Valid options are {}. Provided value is {given}",
            ENDPOINT_TYPES.join(",")
        ))
    })?;
    api.endpoint.types = vec![kind.to_owned()];
    if kind == "PRIVATE" {
        api.endpoint.ip_address_type = default_ip_address_type(&api.endpoint.types);
    }
    Ok(())
}

pub(super) fn update(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let list = patch::read(call.operation, &call.body)?;
    let status = session.switches.api_status.clone();
    let api = session.rest_api_mut(call)?;
    let mut draft = api.clone();
    patch::apply_all(RULES, &mut draft, &list)?;
    *api = draft;
    let mut view = api.view(status.as_deref());
    // Recorded: the reply of this one operation has the member even without tags.
    insert(&mut view, "tags", json!(api.tags));
    Ok(Answer::ok(view))
}
