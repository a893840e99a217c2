//! What is shown of one object: fields, calls, and what comes then.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;
use stagecraft_core::api::status::Release;
use stagecraft_core::forecast::{Difference, differences};
use stagecraft_core::world::{Governor, Group};

use super::calls::{CALLER, CLEAN_UP, Call, read, write};
use crate::controller::Foreseen;

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
        let Foreseen { place, reads, unlisted, calls, before, after, status } = foreseen;
        let fields = differences(before.as_ref(), after.as_ref());
        let release = status.release.as_ref().filter(|_| calls.iter().any(|call| call.group() == Group::Traffic));
        let read = reads.iter().filter_map(|what| read(what, *unlisted));
        let read = read.chain(calls.iter().map(|action| write(action, show_values)));
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

    /// An object that the operator does not look at.
    pub(super) fn unwatched(kind: &'static str, name: String, new_object: bool, watched: &[String]) -> Self {
        let message = format!(
            "the operator looks at objects in {} only (--watch-namespace), so it would do nothing about this one.",
            watched.join(", ")
        );
        Self {
            kind,
            name,
            new_object,
            place: None,
            fields: Vec::new(),
            calls: Vec::new(),
            release: None,
            ready: Ready { status: "Unknown".to_owned(), reason: "NotWatched".to_owned(), message },
        }
    }

    /// Whether anything would be written to AWS, but for the owner's tag of a stage that is adopted.
    pub(super) fn changes_something(&self) -> bool {
        self.calls.iter().any(|call| call.write && !call.is_adoption())
    }

    /// Whether anything would be written that makes the stage another one, or says something else of what it serves:
    /// deployments that nobody needs any more are not of the stage.
    pub(super) fn differs(&self) -> bool {
        self.calls.iter().any(|call| call.write && !call.is_adoption() && call.purpose != Some(CLEAN_UP))
    }

    /// Whether the stage would become this object's.
    pub(super) fn adopts(&self) -> bool {
        self.calls.iter().any(Call::is_adoption)
    }
}

/// Whose credentials these are, a process asks once.
pub(super) fn ask_once_whose_credentials(all: &mut [Shown]) {
    let mut is_known = false;
    for shown in all {
        shown.calls.retain(|call| call.operation != CALLER || !std::mem::replace(&mut is_known, true));
    }
}

impl Ready {
    pub(super) fn of(conditions: &[Condition]) -> Self {
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
        let released = field == "deploymentId" || field.starts_with("variables.") || field.starts_with("canary.");
        Self { released, ..Self::of(field, (old, new), is_private && !show_values) }
    }

    /// A field that would change from what it is to what it would be, each `None` where it is not set.
    pub(super) fn of(path: String, (old, new): (Option<String>, Option<String>), hidden: bool) -> Self {
        let change = match (&old, &new) {
            (None, _) => Change::Add,
            (Some(_), Some(_)) => Change::Update,
            (Some(_), None) => Change::Remove,
        };
        let shown = |value: Option<String>| value.filter(|_| !hidden);
        Self { change, old: shown(old), new: shown(new), hidden, released: false, path }
    }
}

/// All of it for programs.
pub(super) fn json(all: &[Shown]) -> String {
    let of = |kind: &str| all.iter().filter(|shown| shown.kind == kind).collect::<Vec<_>>();
    let (stages, responses) = (of("ApiStage"), of("ApiGatewayResponse"));
    format!("{:#}\n", serde_json::json!({ "stages": stages, "gatewayResponses": responses }))
}
