//! Stages: named pointers to a deployment, with settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::cache::{self, CacheCluster};
use super::canary::{self, Canary};
use super::method_settings::MethodSetting;
use super::rest_api::{insert, insert_some};
use super::{tags, variables};
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::switches::{FailedCreateStage, Switches, Verdict};
use crate::wire::input::Input;

/// A stage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) deployment_id: String,
    pub(crate) description: Option<String>,
    pub(crate) documentation_version: Option<String>,
    pub(crate) client_certificate_id: Option<String>,
    pub(crate) cache: CacheCluster,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) canary: Option<Canary>,
    pub(crate) access_log_destination: Option<String>,
    pub(crate) access_log_format: Option<String>,
    /// By the path text as sent: `*/*`, `~1pets/GET`. Boxed because a map keeps room for several.
    pub(crate) method_settings: BTreeMap<String, Box<MethodSetting>>,
    pub(crate) tracing_enabled: bool,
    /// Set by `WAFv2`, which knows the stage by its ARN.
    pub(crate) web_acl_arn: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl Stage {
    /// A stage with nothing set.
    pub(super) fn new(name: String, deployment_id: String, now: Timestamp) -> Self {
        Self {
            name,
            deployment_id,
            description: None,
            documentation_version: None,
            client_certificate_id: None,
            cache: CacheCluster::default(),
            variables: BTreeMap::new(),
            tags: BTreeMap::new(),
            canary: None,
            access_log_destination: None,
            access_log_format: None,
            method_settings: BTreeMap::new(),
            tracing_enabled: false,
            web_acl_arn: None,
            created: now,
            updated: now,
        }
    }

    /// The stage as AWS shows it: the same from all four operations.
    pub(crate) fn view(&self, now: Timestamp, switches: &Switches) -> Value {
        let status = self.cache.status(now, switches);
        let lingering = status == cache::Status::DeleteInProgress && switches.cache_cluster_enabled_while_deleting;
        let mut view = json!({"deploymentId": self.deployment_id});
        insert_some(&mut view, "clientCertificateId", self.client_certificate_id.as_ref());
        insert(&mut view, "stageName", json!(self.name));
        insert_some(&mut view, "description", self.description.as_ref());
        insert(&mut view, "cacheClusterEnabled", json!(self.cache.enabled() || lingering));
        insert_some(&mut view, "cacheClusterSize", self.cache.size().as_ref());
        insert_some(&mut view, "cacheClusterStatus", status.shown(switches).as_ref());
        insert(&mut view, "methodSettings", json!(self.method_settings));
        if !self.variables.is_empty() {
            insert(&mut view, "variables", json!(self.variables));
        }
        insert_some(&mut view, "documentationVersion", self.documentation_version.as_ref());
        if self.access_log_destination.is_some() || self.access_log_format.is_some() {
            let mut settings = json!({});
            insert_some(&mut settings, "format", self.access_log_format.as_ref());
            insert_some(&mut settings, "destinationArn", self.access_log_destination.as_ref());
            insert(&mut view, "accessLogSettings", settings);
        }
        insert_some(&mut view, "canarySettings", self.canary.as_ref().map(Canary::view).as_ref());
        insert(&mut view, "tracingEnabled", json!(self.tracing_enabled));
        insert_some(&mut view, "webAclArn", self.web_acl_arn.as_ref());
        if !self.tags.is_empty() {
            insert(&mut view, "tags", json!(self.tags));
        }
        insert(&mut view, "createdDate", json!(self.created.as_second()));
        insert(&mut view, "lastUpdatedDate", json!(self.updated.as_second()));
        view
    }

    /// The reply to a write, which may leave the tags out (switch 33).
    pub(super) fn write_view(&self, now: Timestamp, switches: &Switches) -> Value {
        let mut view = self.view(now, switches);
        if let (false, Some(members)) = (switches.tags_in_write_replies, view.as_object_mut()) {
            members.shift_remove("tags");
        }
        view
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Invalid stage identifier specified")
}

/// The refusal of a pointer to a deployment that is not there.
pub(super) fn unknown_deployment() -> ApiError {
    ApiError::bad_request("Deployment id does not exist")
}

impl Session<'_> {
    /// The stage that the path names.
    pub(super) fn stage(&self, call: &Call) -> Result<&Stage, ApiError> {
        self.rest_api(call)?.stages.get(call.parameter("stage_name")).ok_or_else(unknown)
    }

    /// The stage that the path names, to be changed.
    pub(super) fn stage_mut(&mut self, call: &Call) -> Result<&mut Stage, ApiError> {
        self.rest_api_mut(call)?.stages.get_mut(call.parameter("stage_name")).ok_or_else(unknown)
    }
}

/// Characters of a stage's name. The message is AWS's own; a hyphen is nevertheless taken today.
pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=128).contains(&name.len()) && name.bytes().all(word) {
        return Ok(());
    }
    Err(ApiError::bad_request("Stage name only allows a-zA-Z0-9_"))
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.stage(call)?.view(session.now, session.switches)))
}

/// Never paged; the filter looks at the stage's own deployment only.
pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let stages = session.rest_api(call)?.stages.values();
    let wanted = call.query("deploymentId").filter(|id| !id.is_empty());
    let shown = stages.filter(|stage| wanted.is_none_or(|id| stage.deployment_id == id));
    let item: Vec<Value> = shown.map(|stage| stage.view(session.now, session.switches)).collect();
    Ok(Answer::ok(json!({"item": item})))
}

pub(super) fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let name = body.required_string("stageName")?;
    let deployment_id = body.string("deploymentId")?.unwrap_or_default();
    let description = body.string("description")?.filter(|text| !text.is_empty());
    let cache_cluster_enabled = body.boolean("cacheClusterEnabled")?.unwrap_or(false);
    let cache_cluster_size = body.choice("cacheClusterSize", &cache::SIZES)?;
    let given_variables = body.string_map("variables")?.unwrap_or_default();
    let documentation_version = body.string("documentationVersion")?.filter(|version| !version.is_empty());
    let canary = body.object("canarySettings")?.map(|settings| canary::Request::read(&settings)).transpose()?;
    let tracing_enabled = body.boolean("tracingEnabled")?.unwrap_or(false);
    let given_tags = body.string_map("tags")?.unwrap_or_default();
    input.finish()?;

    let api = session.rest_api(call)?;
    check_name(&name)?;
    if deployment_id.is_empty() {
        return Err(ApiError::bad_request("DeploymentId cannot be empty"));
    }
    if api.stages.contains_key(&name) {
        return Err(ApiError::conflict("Stage already exists"));
    }
    if !api.deployments.contains_key(&deployment_id) {
        return Err(unknown_deployment());
    }
    variables::check_all(&given_variables)?;
    tags::check(&given_tags)?;
    if let Some(version) = &documentation_version
        && session.switches.unknown_reference == Verdict::Refuse
        && !api.documentation_versions.contains_key(version)
    {
        return Err(super::documentation::unknown_version());
    }
    let deployments = Arc::clone(&api.deployments);
    let mut stage = Stage::new(name, deployment_id, session.now);
    stage.description = description;
    stage.variables = given_variables;
    stage.documentation_version = documentation_version;
    stage.tracing_enabled = tracing_enabled;
    stage.tags = given_tags;
    stage.cache.change(cache_cluster_enabled, cache_cluster_size, &CacheCluster::conditions(session));
    let view_switches = session.switches;
    if let Some(request) = canary {
        let id = request.deployment_id.clone().filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| stage.deployment_id.clone());
        let settings = if deployments.contains_key(&id) { request.settings(id) } else { Err(unknown_deployment()) };
        match settings {
            Ok(settings) => stage.canary = Some(settings),
            Err(error) => {
                if session.switches.failed_create_stage == FailedCreateStage::LeavesStage {
                    session.rest_api_mut(call)?.stages.insert(stage.name.clone(), stage);
                }
                return Err(error);
            }
        }
    }
    let view = stage.write_view(session.now, view_switches);
    session.rest_api_mut(call)?.stages.insert(stage.name.clone(), stage);
    Ok(Answer::created(view))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    session.stage(call)?;
    session.rest_api_mut(call)?.stages.remove(call.parameter("stage_name"));
    Ok(Answer::accepted())
}

pub(super) fn flush_cache(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let mut cache = session.stage(call)?.cache.clone();
    let flushed = cache.flush(&CacheCluster::conditions(session), session.switches);
    if !flushed && session.switches.flush_without_cache == Verdict::Refuse {
        return Err(ApiError::bad_request("Cache cluster is not available for this stage"));
    }
    session.stage_mut(call)?.cache = cache;
    Ok(Answer::accepted())
}

pub(super) fn flush_authorizers(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    session.stage(call)?;
    Ok(Answer::accepted())
}
