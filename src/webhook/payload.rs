//! What a webhook is sent, as JSON: documented with examples in `docs/webhooks.md`, which a test reads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stagecraft_core::api::canary::Moment;
use stagecraft_core::api::names::{AccountId, DeploymentId, Region, ReleaseId, RestApiId, Revision, StageName};
use stagecraft_core::api::percent::Percent;
use stagecraft_core::api::progress::Changes;

/// A moment of a release. Holds names and no values of variables. Members may be added, so receivers ignore what they do not
/// know; members that are listed keep their meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload {
    /// Which moment.
    pub moment: Moment,
    /// Names this question or piece of news: the same whenever it is asked or told again, and after a restart.
    pub delivery: String,
    /// The webhook's name in `spec.webhooks`.
    pub webhook: String,
    /// The policy.
    pub api_canary: ObjectName,
    /// The stage's object.
    pub api_stage: ObjectName,
    /// The stage in AWS.
    pub stage: StageFacts,
    /// The release.
    pub release: ReleaseFacts,
    /// The step that is asked for; at `BeforeStep` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepFacts>,
    /// How the API changes; at `BeforeRelease`, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// Why the release was undone, in a sentence; at `AfterRollback` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageFacts {
    /// Account; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Region.
    pub region: Region,
    /// REST API.
    pub rest_api_id: RestApiId,
    /// Name of the stage.
    pub stage_name: StageName,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseFacts {
    /// Its id; commands name it.
    pub id: ReleaseId,
    /// The revision that shall serve, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The deployment that shall serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<DeploymentId>,
    /// First 16 hex digits of SHA-256 over the declared variables.
    pub variables_hash: String,
    /// What served when it began; absent for a new stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<StableFacts>,
    /// When it began.
    pub started_at: Timestamp,
}

/// What a release would replace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StableFacts {
    /// Its revision, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Its deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<DeploymentId>,
    /// As that of the release.
    pub variables_hash: String,
}

/// A step that a release would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepFacts {
    /// From 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// Percent of requests that the canary answers now.
    pub percent: Percent,
    /// Percent that it would answer then.
    pub set_percent: Percent,
}

impl Payload {
    /// The value of `delivery`: `r42.7/BeforeRelease`, and at `BeforeStep` `r42.7/BeforeStep/2`.
    #[must_use]
    pub fn delivery_of(release: &ReleaseId, moment: Moment, step: Option<u32>) -> String {
        match step {
            Some(step) => format!("{release}/{moment}/{step}"),
            None => format!("{release}/{moment}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Golden: receivers read this for years, and the page shows what is sent.
    #[test]
    fn the_page_shows_what_is_sent() {
        let page = include_str!("../../docs/webhooks.md");
        let examples: Vec<&str> =
            page.split("```json payload\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let mut moments = BTreeSet::new();
        let mut members = BTreeSet::new();
        for example in examples {
            let value: Value = serde_json::from_str(example).unwrap();
            let payload: Payload = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(
                serde_json::to_value(&payload).unwrap(),
                value,
                "every member of the example is one that is sent"
            );
            let step = payload.step.as_ref().map(|step| step.number);
            assert_eq!(payload.delivery, Payload::delivery_of(&payload.release.id, payload.moment, step));
            members.extend(value.as_object().unwrap().keys().cloned());
            moments.insert(payload.moment);
        }
        assert!(moments.len() >= 3, "{moments:?}");
        let all =
            ["moment", "delivery", "webhook", "apiCanary", "apiStage", "stage", "release", "step", "changes", "reason"];
        assert_eq!(members, all.map(str::to_owned).into(), "every member is shown");
        for moment in [
            Moment::BeforeRelease,
            Moment::BeforeStep,
            Moment::BeforePromotion,
            Moment::AfterPromotion,
            Moment::AfterRollback,
        ] {
            assert!(page.contains(&format!("`{moment}`")), "{moment} is explained");
        }
    }
}
