//! Asked from outside: what a test sees and does without being a client of AWS.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value, json};

use crate::apigateway::deployment;
use crate::error::ApiError;
use crate::overlaps::Overlap;
use crate::quota::ForeignClient;
use crate::simulator::Simulator;
use crate::world::{Place, Region};

/// One account in one Region of a simulator.
#[derive(Clone)]
pub struct Scope {
    simulator: Simulator,
    place: Place,
}

impl Simulator {
    /// Another account or Region than the default one.
    #[must_use]
    pub fn scope(&self, account: &str, region: &str) -> Scope {
        let place = Place { account: account.to_owned(), region: region.to_owned() };
        Scope { simulator: self.clone(), place }
    }

    fn default_scope(&self) -> Scope {
        Scope { simulator: self.clone(), place: self.inner.default_place.clone() }
    }

    /// The stage as AWS would show it; not logged.
    #[must_use]
    pub fn stage(&self, rest_api_id: &str, stage_name: &str) -> Option<Value> {
        self.default_scope().stage(rest_api_id, stage_name)
    }

    /// The stages of a REST API as AWS would show them, by name; not logged.
    #[must_use]
    pub fn stages(&self, rest_api_id: &str) -> Vec<Value> {
        self.default_scope().stages(rest_api_id)
    }

    /// The deployments of a REST API as AWS would show them, oldest first; not logged.
    #[must_use]
    pub fn deployments(&self, rest_api_id: &str) -> Vec<Value> {
        self.default_scope().deployments(rest_api_id)
    }

    /// The REST APIs as AWS would show them, by id; not logged.
    #[must_use]
    pub fn rest_apis(&self) -> Vec<Value> {
        self.default_scope().rest_apis()
    }

    /// Makes a regional REST API that can be deployed: GET on its root, with a MOCK integration. Gives its id.
    #[expect(clippy::must_use_candidate, reason = "its effect alone can be what is wanted")]
    pub fn create_rest_api(&self, name: &str) -> String {
        self.default_scope().create_rest_api(name)
    }

    /// Adds a method with a MOCK integration, and the resources on the way to it.
    ///
    /// # Errors
    ///
    /// AWS's refusal, such as that of a method that exists.
    pub fn add_method(&self, rest_api_id: &str, path: &str, verb: &str) -> Result<(), ApiError> {
        self.default_scope().add_method(rest_api_id, path, verb)
    }

    /// A hand in the console patches a stage; logged with the caller `console`. Each operation is an object as in
    /// `UpdateStage`. Gives the stage.
    ///
    /// # Errors
    ///
    /// AWS's refusal.
    pub fn patch_stage_by_hand(
        &self,
        rest_api_id: &str,
        stage_name: &str,
        operations: &[Value],
    ) -> Result<Value, ApiError> {
        self.default_scope().patch_stage_by_hand(rest_api_id, stage_name, operations)
    }

    pub(crate) fn patch_stage_as(
        &self,
        caller: &str,
        place: &Place,
        rest_api_id: &str,
        stage_name: &str,
        operations: &[Value],
    ) -> Result<Value, ApiError> {
        let scope = Scope { simulator: self.clone(), place: place.clone() };
        let path = format!("/restapis/{rest_api_id}/stages/{stage_name}");
        scope.send_as(caller, &Method::PATCH, &path, &json!({"patchOperations": operations}))
    }

    /// Two callers' writes to one stage that came within the window of each other, in the order found.
    #[must_use]
    pub fn overlaps(&self) -> Vec<Overlap> {
        self.state().overlaps.found().to_vec()
    }

    /// Forgets the overlaps and the last writes.
    pub fn reset_overlaps(&self) {
        self.state().overlaps.reset();
    }

    /// Seconds of simulated time within which two callers' writes overlap.
    pub fn set_overlap_window(&self, seconds: f64) {
        self.state().overlaps.set_window_seconds(seconds);
    }

    pub(crate) fn overlap_report(&self) -> Value {
        let state = self.state();
        let overlaps = &state.overlaps;
        json!({"windowSeconds": overlaps.window_seconds(), "count": overlaps.count(), "overlaps": overlaps.found()})
    }

    /// Switches AWS's request quotas, with what somebody else of the account uses of them. Buckets start full.
    pub fn set_quota(&self, on: bool, foreign_client: ForeignClient) {
        self.state().quota.set(on, foreign_client);
    }

    pub(crate) fn quota_report(&self) -> Value {
        let state = self.state();
        let mode = if state.quota.on() { "aws" } else { "off" };
        json!({"mode": mode, "foreignClient": state.quota.foreign()})
    }

    /// Everything that the simulated AWS remembers, by `account/region`: for comparing before and after.
    #[must_use]
    pub fn dump(&self) -> Value {
        let state = self.state();
        // A Region that was only read from is as good as none.
        let empty = json!(Region::default());
        let regions =
            state.regions.iter().map(|(place, region)| (format!("{}/{}", place.account, place.region), json!(region)));
        Value::Object(regions.filter(|(_, region)| *region != empty).collect::<Map<_, _>>())
    }
}

impl Scope {
    /// See [`Simulator::stage`].
    #[must_use]
    pub fn stage(&self, rest_api_id: &str, stage_name: &str) -> Option<Value> {
        self.stages(rest_api_id).into_iter().find(|stage| stage.get("stageName") == Some(&json!(stage_name)))
    }

    /// See [`Simulator::stages`].
    #[must_use]
    pub fn stages(&self, rest_api_id: &str) -> Vec<Value> {
        let now = self.simulator.clock().now();
        let state = self.simulator.state();
        let api = state.regions.get(&self.place).and_then(|region| region.rest_apis.get(rest_api_id));
        let stages = api.into_iter().flat_map(|api| api.stages.values());
        stages.map(|stage| stage.view(now, &state.switches)).collect()
    }

    /// See [`Simulator::deployments`].
    #[must_use]
    pub fn deployments(&self, rest_api_id: &str) -> Vec<Value> {
        let state = self.simulator.state();
        let api = state.regions.get(&self.place).and_then(|region| region.rest_apis.get(rest_api_id));
        api.map(|api| deployment::views(&api.deployments)).unwrap_or_default()
    }

    /// See [`Simulator::rest_apis`].
    #[must_use]
    pub fn rest_apis(&self) -> Vec<Value> {
        let state = self.simulator.state();
        let apis = state.regions.get(&self.place).into_iter().flat_map(|region| region.rest_apis.values());
        apis.map(|api| api.view(state.switches.api_status.as_deref())).collect()
    }

    /// See [`Simulator::create_rest_api`].
    pub fn create_rest_api(&self, name: &str) -> String {
        let body = json!({"name": name, "endpointConfiguration": {"types": ["REGIONAL"]}});
        let created = self.send(&Method::POST, "/restapis", &body).unwrap_or_default();
        let id = created.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        // A new API has no method that could be in the way.
        drop(self.add_method(&id, "/", "GET"));
        id
    }

    /// See [`Simulator::add_method`].
    ///
    /// # Errors
    ///
    /// AWS's refusal, such as that of a method that exists.
    pub fn add_method(&self, rest_api_id: &str, path: &str, verb: &str) -> Result<(), ApiError> {
        let resources = format!("/restapis/{rest_api_id}/resources");
        let api = self.send(&Method::GET, &format!("/restapis/{rest_api_id}"), &Value::Null)?;
        let mut resource_id = api.get("rootResourceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut so_far = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            so_far = format!("{so_far}/{part}");
            resource_id = if let Some(id) = self.resource_id(rest_api_id, &so_far) {
                id
            } else {
                let parent = format!("{resources}/{resource_id}");
                let made = self.send(&Method::POST, &parent, &json!({"pathPart": part}))?;
                made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
            };
        }
        let method = format!("{resources}/{resource_id}/methods/{verb}");
        self.send(&Method::PUT, &method, &json!({"authorizationType": "NONE"}))?;
        self.send(&Method::PUT, &format!("{method}/integration"), &json!({"type": "MOCK"}))?;
        Ok(())
    }

    fn resource_id(&self, rest_api_id: &str, path: &str) -> Option<String> {
        let state = self.simulator.state();
        let api = state.regions.get(&self.place)?.rest_apis.get(rest_api_id)?;
        api.resources.values().find(|resource| resource.path == path).map(|resource| resource.id.clone())
    }

    /// See [`Simulator::patch_stage_by_hand`].
    ///
    /// # Errors
    ///
    /// AWS's refusal.
    pub fn patch_stage_by_hand(
        &self,
        rest_api_id: &str,
        stage_name: &str,
        operations: &[Value],
    ) -> Result<Value, ApiError> {
        self.simulator.patch_stage_as("console", &self.place, rest_api_id, stage_name, operations)
    }

    /// Any request by hand, logged with the caller `console`: no faults, no quota, no signature. Gives the answer's
    /// body, `null` where there is none.
    ///
    /// # Errors
    ///
    /// AWS's refusal.
    pub fn send(&self, method: &Method, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.send_as("console", method, path, body)
    }

    fn send_as(&self, caller: &str, method: &Method, path: &str, body: &Value) -> Result<Value, ApiError> {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut request = Request::new(bytes);
        *request.method_mut() = method.clone();
        *request.uri_mut() = path
            .parse()
            .map_err(|error| ApiError::bad_request(format!("The path {path} is not one of HTTP: {error}")))?;
        let answer = self.simulator.perform_as(caller, &self.place, request)?;
        Ok(answer.body)
    }
}
