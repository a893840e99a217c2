//! What is judged: the facts about a release that windows, queries and verdicts depend on.

use jiff::Timestamp;

use crate::api::names::{DeploymentId, RestApiId, StageName};

/// A release as the analysis sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// REST API of the stage.
    pub rest_api_id: RestApiId,
    /// Its name, by which `CloudWatch` knows it; `None` while it is not known.
    pub api_name: Option<String>,
    /// The stage.
    pub stage_name: StageName,
    /// All stages of the REST API, this one too, where they are known: their counts tell what the stage's series holds.
    pub stages: Vec<StageName>,
    /// What the canary serves; in the bake what the stage serves.
    pub canary_deployment_id: DeploymentId,
    /// What is, or in the bake was, stable; `None` for a new stage.
    pub stable_deployment_id: Option<DeploymentId>,
    /// What the check looks at.
    pub scene: Scene,
    /// When this release first had traffic.
    pub began_at: Timestamp,
    /// When traffic was last changed, by whomever.
    pub traffic_changed_at: Timestamp,
    /// When this step, or the bake, began.
    pub step_began_at: Timestamp,
    /// Whether the stage has a cache cluster.
    pub stage_has_cache: bool,
    /// Whether the canary uses it.
    pub canary_uses_cache: bool,
    /// Another REST API of the same name that has a stage of this name, where one is known: the two share their series.
    pub twin: Option<RestApiId>,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scene {
    /// A canary beside the stable side.
    Canary {
        /// The step, from 1; 0 before the first.
        step: u32,
        /// The canary's share of the requests, 0.0 to 100.0.
        percent: f64,
    },
    /// The whole stage, after the promotion.
    Bake,
}

/// Characters that `CloudWatch`'s dimension `ApiName` does not have: all but ASCII are stripped, and the id stands in for
/// nothing. Source: API Gateway developer guide, "Dimensions".
pub(super) fn dimension_of(name: Option<&str>, id: &RestApiId) -> String {
    let ascii: String = name.unwrap_or_default().chars().filter(char::is_ascii).collect();
    if ascii.is_empty() { id.as_str().to_owned() } else { ascii }
}

impl Subject {
    /// Value of the dimension `ApiName`.
    #[must_use]
    pub fn api_dimension(&self) -> String {
        dimension_of(self.api_name.as_deref(), &self.rest_api_id)
    }

    /// Value of the dimension `Stage` that the canary is looked for in.
    #[must_use]
    pub fn canary_dimension(&self) -> String {
        format!("{}/Canary", self.stage_name)
    }

    /// A text with its `${…}` filled in. What is not known is left as it is: nothing will answer to it, and the text shows why.
    #[must_use]
    pub fn fill(&self, template: &str, window_minutes: i64) -> String {
        let window = format!("{window_minutes}m");
        let api_name = self.api_dimension();
        let values = [
            ("${restApiId}", Some(self.rest_api_id.as_str())),
            ("${apiName}", Some(api_name.as_str())),
            ("${stageName}", Some(self.stage_name.as_str())),
            ("${canaryDeploymentId}", Some(self.canary_deployment_id.as_str())),
            ("${stableDeploymentId}", self.stable_deployment_id.as_ref().map(DeploymentId::as_str)),
            ("${window}", Some(window.as_str())),
        ];
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        // In one go from left to right, so that a name that looks like a template stays what it is.
        while let Some(at) = rest.find("${") {
            let (before, here) = rest.split_at(at);
            filled.push_str(before);
            let known = values.iter().find_map(|(key, value)| Some((here.strip_prefix(key)?, (*value)?)));
            if let Some((after, value)) = known {
                filled.push_str(value);
                rest = after;
            } else {
                filled.push_str("${");
                rest = here.strip_prefix("${").unwrap_or_default();
            }
        }
        filled.push_str(rest);
        filled
    }
}
