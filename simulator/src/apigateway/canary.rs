//! A stage's canary: the member `canarySettings`, no resource of its own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::rest_api::insert;
use super::variables;
use crate::error::ApiError;
use crate::wire::input::Object;

/// The second pointer of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Canary {
    pub(crate) deployment_id: String,
    /// 0.0 to 100.0 percent.
    pub(crate) percent_traffic: f64,
    pub(crate) use_stage_cache: bool,
    pub(crate) stage_variable_overrides: BTreeMap<String, String>,
}

impl Canary {
    /// The canary that a first patch of one member makes: the stage's own deployment, no traffic. Recorded.
    pub(crate) fn implicit(stage_deployment: &str) -> Self {
        Self {
            deployment_id: stage_deployment.to_owned(),
            percent_traffic: 0.0,
            use_stage_cache: false,
            stage_variable_overrides: BTreeMap::new(),
        }
    }

    pub(crate) fn view(&self) -> Value {
        let mut view = json!({"percentTraffic": self.percent_traffic, "deploymentId": self.deployment_id});
        if !self.stage_variable_overrides.is_empty() {
            insert(&mut view, "stageVariableOverrides", json!(self.stage_variable_overrides));
        }
        insert(&mut view, "useStageCache", json!(self.use_stage_cache));
        view
    }
}

/// `canarySettings` of `CreateStage` and `CreateDeployment`. SDKs leave zero and false out.
pub(super) struct Request {
    /// `CreateStage` only.
    pub(super) deployment_id: Option<String>,
    percent_traffic: Option<f64>,
    stage_variable_overrides: BTreeMap<String, String>,
    use_stage_cache: Option<bool>,
}

impl Request {
    pub(super) fn read(settings: &Object<'_>) -> Result<Self, ApiError> {
        Ok(Self {
            deployment_id: settings.string("deploymentId")?,
            percent_traffic: settings.number("percentTraffic")?,
            stage_variable_overrides: settings.string_map("stageVariableOverrides")?.unwrap_or_default(),
            use_stage_cache: settings.boolean("useStageCache")?,
        })
    }

    /// The canary that is asked for.
    ///
    /// # Errors
    ///
    /// 400 for a percentage or an override that AWS would not take.
    pub(super) fn settings(&self, deployment_id: String) -> Result<Canary, ApiError> {
        let percent_traffic = self.percent_traffic.unwrap_or(0.0);
        if !(0.0..=100.0).contains(&percent_traffic) {
            return Err(ApiError::bad_request(format!(
                "Invalid percentTraffic '{percent_traffic}'. Must be a number from 0.0 to 100.0"
            )));
        }
        variables::check_all(&self.stage_variable_overrides)?;
        Ok(Canary {
            deployment_id,
            percent_traffic,
            use_stage_cache: self.use_stage_cache.unwrap_or(false),
            stage_variable_overrides: self.stage_variable_overrides.clone(),
        })
    }
}
