//! Turns a spec into what is desired: defaults applied, exclusive fields made one, names checked against what is governed.
//!
//! The apiserver has refused what schema and CEL can refuse; this is what only status and settings can tell, and a second
//! line for objects that got past the schema (an older definition, a restore).

pub mod canary;
mod settings;

use std::collections::BTreeMap;

use kube::ResourceExt as _;

use crate::api::names::{DeploymentId, Region, RestApiId, Revision, StageName};
use crate::api::stage::{AdoptionPolicy, ApiStage, DeletionPolicy, DriftPolicy};
use crate::reference::{self, Referred, Unresolved};
use crate::world::Settings;
pub use settings::{DesiredSettings, InvalidSetting};

/// What an `ApiStage` asks for, with the defaults of the API version filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// REST API of the stage.
    pub rest_api_id: RestApiId,
    /// Region of the REST API.
    pub region: Region,
    /// Name of the stage.
    pub stage_name: StageName,
    /// What it shall serve.
    pub wanted: Wanted,
    /// Declared variables.
    pub variables: BTreeMap<String, String>,
    /// What is declared beside the release.
    pub settings: DesiredSettings,
    /// Whether an existing stage may become ours.
    pub adoption: AdoptionPolicy,
    /// What is done about drift.
    pub drift: DriftPolicy,
    /// Whether AWS must be left alone.
    pub suspended: bool,
}

/// Which deployment is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The snapshot of this revision.
    Revision(Revision),
    /// A deployment that others made.
    Deployment(DeploymentId),
    /// What the stage serves; for a new stage a first snapshot under this name.
    Keep {
        /// `initial-<first 8 of the object's uid>`.
        initial: Revision,
    },
}

/// Why a spec cannot be used as it is: one sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No REST API.
    #[error("spec.restApiId is missing: set it to the id of the REST API, such as a1b2c3d4e5.")]
    NoRestApi,
    /// Both ways to name the REST API.
    #[error("spec.restApiId and spec.restApiIdFrom exclude each other: keep the one that names the REST API.")]
    BothRestApis,
    /// What spec refers to is not there, or no id; the sentence says what to do.
    #[error("{0}")]
    Unresolved(String),
    /// Both of two exclusive fields.
    #[error(
        "spec.revision and spec.deploymentId exclude each other: keep the one that names what the stage shall serve."
    )]
    Both,
    /// A name that no stage can have.
    #[error(
        "{0:?} cannot be a stage name (letters, digits, _ and - only, at most 128): delete this ApiStage and create one with spec.stageName."
    )]
    StageName(String),
    /// A setting beside the release.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// Another stage than the one that is governed.
    #[error(
        "{field} is {wanted}, but this ApiStage governs stage {stage} of {governed}: set it back, or delete this ApiStage (deletionPolicy decides about the stage) and create another."
    )]
    IdentityChanged {
        /// The field that differs.
        field: &'static str,
        /// What it says now.
        wanted: String,
        /// What is governed.
        governed: String,
        /// The governed stage.
        stage: String,
    },
}

/// Reads the spec.
///
/// # Errors
///
/// [`Invalid`], whose text becomes the condition's message.
pub fn validate(object: &ApiStage, settings: &Settings, referred: Option<&Referred>) -> Result<Desired, Invalid> {
    let spec = &object.spec;
    let rest_api_id = rest_api_id(object, referred)?;
    let stage_name = spec.stage_name.clone().unwrap_or_else(|| StageName::new(object.name_any()));
    let governed = object.status.as_ref();
    let region = spec
        .region
        .clone()
        // A stage stays where it is when the operator's own Region changes.
        .or_else(|| governed.and_then(|status| status.region.clone()))
        .unwrap_or_else(|| settings.region.clone());

    let is_stage_name = !stage_name.as_str().is_empty()
        && stage_name.as_str().len() <= 128
        && stage_name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !is_stage_name {
        return Err(Invalid::StageName(stage_name.to_string()));
    }

    if let Some((status, governed)) = governed.and_then(|status| Some((status, status.rest_api_id.as_ref()?))) {
        let stage = status.stage_name.as_ref().unwrap_or(&stage_name).to_string();
        let changed = |field, wanted: &str, governed: &str| Invalid::IdentityChanged {
            field,
            wanted: wanted.to_owned(),
            governed: governed.to_owned(),
            stage: stage.clone(),
        };
        if *governed != rest_api_id {
            return Err(changed("spec.restApiId", rest_api_id.as_str(), &format!("REST API {governed}")));
        }
        if status.region.as_ref().is_some_and(|governed| *governed != region) {
            let governed = status.region.as_ref().map_or("", Region::as_str);
            return Err(changed("spec.region", region.as_str(), &format!("a REST API in {governed}")));
        }
        if stage != stage_name.as_str() {
            return Err(changed("spec.stageName", stage_name.as_str(), &format!("REST API {governed}")));
        }
    }

    let wanted = match (&spec.revision, &spec.deployment_id) {
        (Some(_), Some(_)) => return Err(Invalid::Both),
        (Some(revision), None) => Wanted::Revision(revision.clone()),
        (None, Some(deployment)) => Wanted::Deployment(deployment.clone()),
        (None, None) => {
            let uid: String = object.uid().unwrap_or_default().chars().take(8).collect();
            Wanted::Keep { initial: Revision::new(format!("initial-{uid}")) }
        }
    };
    Ok(Desired {
        rest_api_id,
        region,
        stage_name,
        wanted,
        variables: spec.variables.clone().unwrap_or_default(),
        settings: settings::read(spec)?,
        adoption: spec.adoption_policy.unwrap_or(AdoptionPolicy::Never),
        drift: spec.drift_policy.unwrap_or(DriftPolicy::Correct),
        suspended: is_suspended(object),
    })
}

fn rest_api_id(object: &ApiStage, referred: Option<&Referred>) -> Result<RestApiId, Invalid> {
    let governed = object.status.as_ref().and_then(|status| status.rest_api_id.as_ref());
    let (named, source) = (object.spec.rest_api_id.as_ref(), object.spec.rest_api_id_from.as_ref());
    reference::resolve(named, source, governed, referred).map_err(|unresolved| match unresolved {
        Unresolved::Nothing => Invalid::NoRestApi,
        Unresolved::Both => Invalid::BothRestApis,
        Unresolved::Reference(sentence) => Invalid::Unresolved(sentence),
    })
}

/// Whether AWS must be left alone; also asked where a spec is too broken to be validated.
#[must_use]
pub fn is_suspended(object: &ApiStage) -> bool {
    object.spec.suspend.unwrap_or(false)
}

/// What an absent `deletionPolicy` means: a stage that we created goes with its object, any other stays.
#[must_use]
pub fn deletion_policy(object: &ApiStage) -> DeletionPolicy {
    use crate::api::status::Origin;
    object.spec.deletion_policy.unwrap_or_else(|| match object.status.as_ref().and_then(|status| status.origin) {
        Some(Origin::Created) => DeletionPolicy::Delete,
        Some(Origin::Adopted) | None => DeletionPolicy::Retain,
    })
}
