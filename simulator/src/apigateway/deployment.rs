//! Deployments: immutable snapshots of a REST API.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::cache::{self, CacheCluster};
use super::canary::{self, Canary};
use super::gateway_response::Customisation;
use super::paging::page;
use super::rest_api::{RestApi, insert, insert_some};
use super::stage::{self, Stage};
use super::variables;
use crate::error::ApiError;
use crate::service::{Answer, Call, Session};
use crate::switches::{DeploymentGuard, DeploymentOrder, StageMembers};
use crate::wire::input::Input;
use crate::wire::patch::{self, Effect, Op, Rule};

/// A snapshot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    description: Option<String>,
    created: Timestamp,
    /// Counts within the REST API, from 1: the order among deployments of one second.
    number: u64,
    /// Shared with the deployment before it where nothing changed in between.
    #[serde(serialize_with = "crate::world::shared")]
    pub(crate) snapshot: Arc<Snapshot>,
}

/// What a deployment keeps of the API definition: what `apiSummary` tells, and the gateway responses that ride along.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    /// By path, then verb.
    pub(crate) methods: BTreeMap<String, BTreeMap<String, MethodSummary>>,
    pub(crate) gateway_responses: BTreeMap<String, Customisation>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MethodSummary {
    authorization_type: String,
    api_key_required: bool,
}

impl Deployment {
    fn view(&self, embed_summary: bool) -> Value {
        let mut view = json!({"id": self.id});
        insert_some(&mut view, "description", self.description.as_ref());
        insert(&mut view, "createdDate", json!(self.created.as_second()));
        if embed_summary {
            insert(&mut view, "apiSummary", json!(self.snapshot.methods));
        }
        view
    }
}

impl Snapshot {
    /// A snapshot of the API as it is.
    ///
    /// # Errors
    ///
    /// AWS's refusals of an API without methods, or with a method without integration.
    fn of(api: &RestApi) -> Result<Self, ApiError> {
        let mut methods = BTreeMap::new();
        for resource in api.resources.values().filter(|resource| !resource.methods.is_empty()) {
            let mut verbs = BTreeMap::new();
            for (verb, method) in &resource.methods {
                if method.integration.is_none() {
                    return Err(ApiError::bad_request("No integration defined for method"));
                }
                let authorization_type = method.authorization_type.clone();
                let api_key_required = method.api_key_required;
                verbs.insert(verb.clone(), MethodSummary { authorization_type, api_key_required });
            }
            methods.insert(resource.path.clone(), verbs);
        }
        if methods.is_empty() {
            return Err(ApiError::bad_request("The REST API doesn't contain any methods"));
        }
        Ok(Self { methods, gateway_responses: api.gateway_responses.clone() })
    }
}

/// Text for an unknown deployment. Not recorded: switch 23's list of unknowns has it as the best guess.
fn unknown() -> ApiError {
    ApiError::not_found("Invalid Deployment identifier specified")
}

impl Session<'_> {
    fn deployment(&self, call: &Call) -> Result<&Deployment, ApiError> {
        self.rest_api(call)?.deployments.get(call.parameter("deployment_id")).ok_or_else(unknown)
    }
}

fn embeds_summary(call: &Call) -> bool {
    let asked = |embedded: &str| embedded.split(',').any(|part| part.eq_ignore_ascii_case("apisummary"));
    call.queries("embed").any(asked)
}

pub(super) fn get(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(session.deployment(call)?.view(embeds_summary(call))))
}

pub(super) fn list(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let deployments = &session.rest_api(call)?.deployments;
    let mut ordered: Vec<&Deployment> = deployments.values().collect();
    match session.switches.deployment_order {
        DeploymentOrder::Creation => ordered.sort_by_key(|deployment| deployment.number),
        DeploymentOrder::NewestFirst => ordered.sort_by_key(|deployment| std::cmp::Reverse(deployment.number)),
        DeploymentOrder::Id => {}
    }
    let ids: Vec<&str> = ordered.iter().map(|deployment| deployment.id.as_str()).collect();
    let embed = embeds_summary(call);
    Ok(Answer::ok(page(call, &ids, |id| Some(deployments.get(id)?.view(embed)))?))
}

/// What `CreateDeployment` is asked for.
struct Request {
    stage_name: Option<String>,
    stage_description: Option<String>,
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Option<BTreeMap<String, String>>,
    canary: Option<canary::Request>,
    tracing_enabled: Option<bool>,
}

impl Request {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let input = Input::of(call.operation);
        let body = input.object(&call.body)?;
        let request = Self {
            stage_name: body.string("stageName")?,
            stage_description: body.string("stageDescription")?,
            description: body.string("description")?,
            cache_cluster_enabled: body.boolean("cacheClusterEnabled")?,
            cache_cluster_size: body.choice("cacheClusterSize", &cache::SIZES)?,
            variables: body.string_map("variables")?,
            canary: body.object("canarySettings")?.map(|settings| canary::Request::read(&settings)).transpose()?,
            tracing_enabled: body.boolean("tracingEnabled")?,
        };
        input.finish()?;
        Ok(request)
    }
}

pub(super) fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let request = Request::read(call)?;
    let api = session.rest_api(call)?;
    let stage = stage_after(session, api, &request)?;
    let snapshot = Snapshot::of(api)?;
    let newest = api.deployments.values().max_by_key(|deployment| deployment.number);
    let snapshot = match newest {
        Some(newest) if *newest.snapshot == snapshot => Arc::clone(&newest.snapshot),
        Some(_) | None => Arc::new(snapshot),
    };
    let known = Arc::clone(&api.deployments);
    let id = session.ids.short(|id| known.contains_key(id));
    drop(known);

    let now = session.now;
    let api = session.rest_api_mut(call)?;
    api.deployments_made = api.deployments_made.saturating_add(1);
    let description = request.description.filter(|description| !description.is_empty());
    let deployment = Deployment { id: id.clone(), description, created: now, number: api.deployments_made, snapshot };
    let view = deployment.view(false);
    Arc::make_mut(&mut api.deployments).insert(id.clone(), deployment);
    if let Some(mut stage) = stage {
        match &mut stage.canary {
            Some(canary) if request.canary.is_some() => canary.deployment_id = id,
            Some(_) | None => stage.deployment_id = id,
        }
        stage.updated = now;
        api.stages.insert(stage.name.clone(), stage);
    }
    Ok(Answer::created(view))
}

/// The stage as `CreateDeployment` will leave it, save for the new deployment's id; `None` where no stage is named.
fn stage_after(session: &Session<'_>, api: &RestApi, request: &Request) -> Result<Option<Stage>, ApiError> {
    let name = request.stage_name.as_deref().filter(|name| !name.is_empty());
    if let Some(canary) = &request.canary {
        let name = name.ok_or_else(|| {
            let given = request.stage_name.as_deref().unwrap_or("null");
            ApiError::bad_request(format!(
                "Invalid deployment content specified.Non null and non empty stageName must be provided for canary \
                 deployment. Provided value is {given}"
            ))
        })?;
        let mut stage = api.stages.get(name).cloned().ok_or_else(|| {
            ApiError::bad_request(format!(
                "Invalid deployment content specified.Stage {name} must already be created before making a canary \
                 release deployment"
            ))
        })?;
        // The new deployment's id is not known yet; the stage's own stands in for it.
        stage.canary = Some(canary.settings(stage.deployment_id.clone())?);
        return Ok(Some(stage));
    }
    let Some(name) = name else { return Ok(None) };
    let Some(existing) = api.stages.get(name) else { return new_stage(session, name, request).map(Some) };
    if existing.canary.is_some() {
        return Err(ApiError::bad_request(format!(
            "Invalid deployment content specified.Non canary deployment not supported on stage {name} because Canary is \
             enabled. Provide CanarySettings in deploymentInput."
        )));
    }
    let mut stage = existing.clone();
    if session.switches.deployment_members_on_existing_stage == StageMembers::Overwrite {
        overwrite(session, &mut stage, request)?;
    }
    Ok(Some(stage))
}

fn new_stage(session: &Session<'_>, name: &str, request: &Request) -> Result<Stage, ApiError> {
    stage::check_name(name)?;
    let mut stage = Stage::new(name.to_owned(), String::new(), session.now);
    overwrite(session, &mut stage, request)?;
    Ok(stage)
}

/// Given members overwrite the stage's, the others survive. For a stage that exists AWS's behaviour is not known
/// (switch 21).
fn overwrite(session: &Session<'_>, stage: &mut Stage, request: &Request) -> Result<(), ApiError> {
    if let Some(given) = &request.variables {
        variables::check_all(given)?;
        stage.variables.clone_from(given);
    }
    if let Some(description) = &request.stage_description {
        stage.description = Some(description.clone()).filter(|description| !description.is_empty());
    }
    if let Some(on) = request.tracing_enabled {
        stage.tracing_enabled = on;
    }
    let enabled = request.cache_cluster_enabled.unwrap_or_else(|| stage.cache.enabled());
    let size = request.cache_cluster_size.clone();
    stage.cache.change(enabled, size, &CacheCluster::conditions(session));
    Ok(())
}

static RULES: &[Rule<Deployment>] = &[Rule {
    op: Op::Replace,
    path: "/description",
    effect: Effect::Text(|deployment, _, text| {
        deployment.description = text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(())
    }),
}];

pub(super) fn update(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let list = patch::read(call.operation, &call.body)?;
    let mut draft = session.deployment(call)?.clone();
    patch::apply_all(RULES, &mut draft, &list)?;
    let view = draft.view(false);
    Arc::make_mut(&mut session.rest_api_mut(call)?.deployments).insert(draft.id.clone(), draft);
    Ok(Answer::ok(view))
}

pub(super) fn delete(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let id = session.deployment(call)?.id.clone();
    let guard_of_both = session.switches.both_deployment_guards;
    let api = session.rest_api_mut(call)?;
    let by_stage = api.stages.values().any(|stage| stage.deployment_id == id);
    let points = |canary: &Canary| canary.deployment_id == id;
    let by_canary = api.stages.values().any(|stage| stage.canary.as_ref().is_some_and(points));
    let guard = match (by_stage, by_canary) {
        (false, false) => {
            Arc::make_mut(&mut api.deployments).remove(&id);
            return Ok(Answer::accepted());
        }
        (true, false) => DeploymentGuard::Stage,
        (false, true) => DeploymentGuard::Canary,
        (true, true) => guard_of_both,
    };
    Err(ApiError::bad_request(match guard {
        DeploymentGuard::Stage => "Active stages pointing to this deployment must be moved or deleted",
        DeploymentGuard::Canary => {
            "Active stages with canary settings pointing to this deployment must be moved or deleted"
        }
    }))
}

/// The deployments of an API as AWS lists them, oldest first.
pub(crate) fn views(deployments: &BTreeMap<String, Deployment>) -> Vec<Value> {
    let mut ordered: Vec<&Deployment> = deployments.values().collect();
    ordered.sort_by_key(|deployment| deployment.number);
    ordered.into_iter().map(|deployment| deployment.view(false)).collect()
}
