//! What is shown of one object: fields, calls, and what comes then.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;
use stagecraft_core::api::status::Release;
use stagecraft_core::forecast::{Difference, differences};
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::plan::{Action, What};
use stagecraft_core::response;
use stagecraft_core::world::{Governor, Group};

use crate::controller::{Foreseen, ForeseenResponse};

/// What is shown of one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    #[serde(skip)]
    pub(super) kind: &'static str,
    /// `namespace/name`.
    pub(super) name: String,
    /// Whether there is no such object yet.
    pub(super) new_object: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Place>,
    pub(super) fields: Vec<Field>,
    pub(super) calls: Vec<Call>,
    /// The release that would begin or go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<ReleaseShown>,
    /// What the object would say then.
    pub(super) ready: Ready,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) account_id: String,
    pub(super) region: String,
    pub(super) rest_api_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stage_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_type: Option<String>,
}

/// One field that would change. Values that are not shown are absent, and `hidden` says so.
#[derive(Serialize)]
pub(super) struct Field {
    #[serde(rename = "field")]
    pub(super) path: String,
    pub(super) change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) new: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) hidden: bool,
    /// Whether it ships with the release.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) released: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Add,
    Update,
    Remove,
}

/// One call, as it would be sent.
#[derive(Serialize)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    pub(super) write: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReleaseShown {
    pub(super) id: String,
    pub(super) through: Option<String>,
    pub(super) phase: String,
    pub(super) step: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct Ready {
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Shown {
    pub(super) fn new(
        name: String,
        new_object: bool,
        governor: Option<Governor>,
        foreseen: &Foreseen,
        show_values: bool,
    ) -> Self {
        let Foreseen { place, reads, calls, before, after, status } = foreseen;
        let fields = differences(before.as_ref(), after.as_ref());
        let release = status.release.as_ref().filter(|_| calls.iter().any(|call| call.group() == Group::Traffic));
        let read = reads.iter().filter_map(read).chain(calls.iter().map(|action| write(action, show_values)));
        Self {
            kind: "ApiStage",
            name,
            new_object,
            place: place.as_ref().map(|place| Place {
                account_id: place.account.to_string(),
                region: place.region.to_string(),
                rest_api_id: place.rest_api.to_string(),
                stage_name: Some(place.stage.to_string()),
                response_type: None,
            }),
            fields: fields.into_iter().map(|difference| Field::new(difference, show_values)).collect(),
            calls: read.collect(),
            release: release.map(|release| ReleaseShown::new(release, governor)),
            ready: Ready::of(&status.conditions),
        }
    }

    pub(super) fn of_response(name: String, new_object: bool, foreseen: &ForeseenResponse) -> Self {
        let ForeseenResponse { place, reads, calls, status } = foreseen;
        let read = |what: &response::What| Call {
            operation: match what {
                response::What::Account => "GetCallerIdentity",
                response::What::Responses => "GetGatewayResponses",
                response::What::Deployments => "GetDeployments",
            },
            purpose: None,
            details: Vec::new(),
            write: false,
        };
        let write = |action: &response::Action| {
            let (operation, details) = match action {
                response::Action::Put(change) => ("PutGatewayResponse", change.paths.clone()),
                response::Action::Update(_, patch) => {
                    ("UpdateGatewayResponse", patch.iter().map(ToString::to_string).collect())
                }
                response::Action::Delete => ("DeleteGatewayResponse", Vec::new()),
            };
            Call { operation, purpose: Some("response"), details, write: true }
        };
        let paths = calls.iter().flat_map(|action| match action {
            response::Action::Put(change) | response::Action::Update(change, _) => change.paths.as_slice(),
            response::Action::Delete => &[],
        });
        // What headers and bodies hold is the user's own; paths tell what changes.
        let fields = paths.map(|path| Field {
            path: path.clone(),
            change: Change::Update,
            old: None,
            new: None,
            hidden: true,
            released: false,
        });
        Self {
            kind: "ApiGatewayResponse",
            name,
            new_object,
            place: place.as_ref().map(|place| Place {
                account_id: place.account.to_string(),
                region: place.region.to_string(),
                rest_api_id: place.rest_api.to_string(),
                stage_name: None,
                response_type: Some(place.response_type.to_string()),
            }),
            fields: fields.collect(),
            calls: reads.iter().map(read).chain(calls.iter().map(write)).collect(),
            release: None,
            ready: Ready::of(&status.conditions),
        }
    }

    /// Whether anything would be written to AWS, but for the owner's tag of a stage that is adopted.
    pub(super) fn changes_something(&self) -> bool {
        self.calls.iter().any(|call| call.write && !call.is_adoption())
    }

    /// Whether the stage would become this object's.
    pub(super) fn adopts(&self) -> bool {
        self.calls.iter().any(Call::is_adoption)
    }
}

impl Call {
    fn is_adoption(&self) -> bool {
        self.operation == "TagResource" && self.purpose == Some("adoption")
    }
}

impl Ready {
    fn of(conditions: &[Condition]) -> Self {
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        Self {
            status: ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone()),
            reason: ready.map_or_else(String::new, |ready| ready.reason.clone()),
            message: ready.map_or_else(String::new, |ready| ready.message.clone()),
        }
    }
}

impl ReleaseShown {
    fn new(release: &Release, governor: Option<Governor>) -> Self {
        let through = release.governed_by.as_ref().and(governor).map(|governor| governor.name);
        Self { id: release.id.to_string(), through, phase: format!("{:?}", release.phase), step: release.step }
    }
}

impl Field {
    fn new(difference: Difference, show_values: bool) -> Self {
        let Difference { field, old, new, is_private } = difference;
        let change = match (&old, &new) {
            (None, _) => Change::Add,
            (Some(_), Some(_)) => Change::Update,
            (Some(_), None) => Change::Remove,
        };
        let hidden = is_private && !show_values;
        let shown = |value: Option<String>| value.filter(|_| !hidden);
        let released = field == "deploymentId" || field.starts_with("variables.") || field.starts_with("canary.");
        Self { change, old: shown(old), new: shown(new), hidden, released, path: field }
    }
}

fn read(what: &What) -> Option<Call> {
    let operation = match what {
        What::Account => "GetCallerIdentity",
        What::RestApi => "GetRestApi",
        What::Stages => "GetStages",
        What::Deployments | What::Leftovers => "GetDeployments",
        What::Methods(_) => "GetDeployment",
        What::Gate(question) => {
            let details = question.webhooks.iter().map(|webhook| format!("{} (taken for granted here)", webhook.name));
            return Some(Call {
                operation: "webhook",
                purpose: Some("gate"),
                details: details.collect(),
                write: false,
            });
        }
        What::Governor | What::Readings(_) => return None,
    };
    Some(Call { operation, purpose: None, details: Vec::new(), write: false })
}

fn write(action: &Action, show_values: bool) -> Call {
    let patch = |operations: &[PatchOperation]| operations.iter().map(|one| operation(one, show_values)).collect();
    let (operation, purpose, details): (_, _, Vec<String>) = match action {
        Action::Snapshot { description, .. } => ("CreateDeployment", "snapshot", vec![description.clone()]),
        Action::CreateStage(new) => ("CreateStage", "traffic", vec![format!("stage {}", new.name)]),
        Action::Traffic(operations) | Action::Promote { operations, .. } | Action::Abort(operations) => {
            ("UpdateStage", "traffic", patch(operations))
        }
        Action::Settings { group, operations, .. } => ("UpdateStage", purpose_of(*group), patch(operations)),
        Action::SetTags { tags, .. } => ("TagResource", "tags", tags.keys().cloned().collect()),
        Action::RemoveTags { keys } => ("UntagResource", "tags", keys.clone()),
        Action::Tag(owner) => {
            ("TagResource", "adoption", vec![format!("{} = {owner}", stagecraft_core::api::owner::OWNER_TAG)])
        }
        Action::Untag => ("UntagResource", "adoption", Vec::new()),
        Action::FlushCache => ("FlushStageCache", "command", Vec::new()),
        Action::FlushAuthorizers => ("FlushStageAuthorizersCache", "command", Vec::new()),
        Action::DeleteStage => ("DeleteStage", "deletion", Vec::new()),
        Action::DeleteDeployment(id) => ("DeleteDeployment", "clean-up", vec![id.to_string()]),
        Action::Prune { deployment, .. } => ("DeleteDeployment", "clean-up", vec![deployment.to_string()]),
        Action::Describe { deployment, description } => {
            ("UpdateDeployment", "description", vec![format!("{deployment}: {description}")])
        }
    };
    Call { operation, purpose: Some(purpose), details, write: true }
}

fn purpose_of(group: Group) -> &'static str {
    match group {
        Group::Logging => "logging",
        Group::Cache => "cache",
        Group::Snapshot
        | Group::Traffic
        | Group::Settings
        | Group::ClientCertificate
        | Group::DocumentationVersion
        | Group::Tags
        | Group::Command
        | Group::Ownership
        | Group::CleanUp
        | Group::Housekeeping => "settings",
    }
}

/// One operation as it would be sent. Values of variables are the user's own.
fn operation(operation: &PatchOperation, show_values: bool) -> String {
    let is_private = operation.path.starts_with("/variables/") || operation.path.contains("/stageVariableOverrides/");
    match &operation.value {
        Some(_) if is_private && !show_values => format!("{operation} (value hidden; --show-values)"),
        Some(value) => format!("{operation} = {value}"),
        None => operation.to_string(),
    }
}

/// All of it for programs.
pub(super) fn json(all: &[Shown]) -> String {
    let of = |kind: &str| all.iter().filter(|shown| shown.kind == kind).collect::<Vec<_>>();
    let (stages, responses) = (of("ApiStage"), of("ApiGatewayResponse"));
    format!("{:#}\n", serde_json::json!({ "stages": stages, "gatewayResponses": responses }))
}
