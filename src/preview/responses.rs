//! What is shown of a gateway response. What its headers and bodies hold is the user's own, as values of variables are.

use std::collections::{BTreeMap, BTreeSet};

use stagecraft_core::observed::ResponseContent;
use stagecraft_core::response::{Action, Declared, Place, What};

use super::calls::{CALLER, Call, given, patch_operation};
use super::shown::{self, Field, Ready, Shown};
use crate::controller::ForeseenResponse;

/// The path of the one member that is nobody's secret.
const STATUS_CODE: &str = "statusCode";

impl Shown {
    pub(super) fn of_response(name: String, new_object: bool, foreseen: &ForeseenResponse, show_values: bool) -> Self {
        let ForeseenResponse { place, reads, before, calls, status } = foreseen;
        let fields = calls.iter().flat_map(|action| {
            let after = place.as_ref().and_then(|place| after(action, place));
            fields(before.as_ref(), after.as_ref(), show_values)
        });
        Self {
            kind: "ApiGatewayResponse",
            name,
            new_object,
            place: place.as_ref().map(|place| shown::Place {
                account_id: place.account.to_string(),
                region: place.region.to_string(),
                rest_api_id: place.rest_api.to_string(),
                stage_name: None,
                response_type: Some(place.response_type.to_string()),
            }),
            fields: fields.collect(),
            calls: reads
                .iter()
                .copied()
                .map(read)
                .chain(calls.iter().map(|action| write(action, show_values)))
                .collect(),
            release: None,
            ready: Ready::of(&status.conditions),
        }
    }
}

/// What the customisation would hold; `None`: it would be gone.
fn after(action: &Action, place: &Place) -> Option<ResponseContent> {
    match action {
        Action::Put(change) | Action::Update(change, _) => Some(change.declared.content(place.response_type)),
        Action::Delete => None,
    }
}

/// What would change, with AWS's defaults where nothing is declared.
fn fields(before: Option<&ResponseContent>, after: Option<&ResponseContent>, show_values: bool) -> Vec<Field> {
    let (mut old, mut new) = (before.map(members).unwrap_or_default(), after.map(members).unwrap_or_default());
    let paths: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let values = paths.into_iter().map(|path| {
        let values = (old.remove(&path), new.remove(&path));
        (path, values)
    });
    let changed = values.filter(|(_, (old, new))| old != new);
    changed.map(|(path, values)| Field::of(path.clone(), values, path != STATUS_CODE && !show_values)).collect()
}

/// By path, as the status and the events name them.
fn members(content: &ResponseContent) -> BTreeMap<String, String> {
    let ResponseContent { status_code, response_parameters, response_templates } = content;
    let status_code = status_code.iter().map(|code| (STATUS_CODE.to_owned(), code.clone()));
    let of = |member: &'static str, map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| (format!("{member}[{key}]"), value.clone())).collect::<Vec<_>>()
    };
    let parameters = of("responseParameters", response_parameters);
    status_code.chain(parameters).chain(of("responseTemplates", response_templates)).collect()
}

fn read(what: What) -> Call {
    Call::read(match what {
        What::Account => CALLER,
        What::Responses => "GetGatewayResponses",
        What::Deployments => "GetDeployments",
    })
}

fn write(action: &Action, show_values: bool) -> Call {
    let (operation, details) = match action {
        Action::Put(change) => ("PutGatewayResponse", put(&change.declared, show_values)),
        Action::Update(_, patch) => {
            let operations = patch.iter();
            let hidden = |path: &str| !show_values && path.strip_prefix('/') != Some(STATUS_CODE);
            ("UpdateGatewayResponse", operations.map(|one| patch_operation(one, hidden(&one.path))).collect())
        }
        Action::Delete => ("DeleteGatewayResponse", Vec::new()),
    };
    Call::write(operation, "response", details)
}

/// What `PutGatewayResponse` is given, by the names of its members.
fn put(declared: &Declared, show_values: bool) -> Vec<String> {
    // No `..`: what is sent shows in the plan.
    let Declared { status_code, response_parameters, response_templates } = declared;
    let maps = [("responseParameters", Some(response_parameters)), ("responseTemplates", response_templates.as_ref())];
    let entries =
        maps.into_iter().flat_map(|(member, map)| map.into_iter().flatten().map(move |entry| (member, entry)));
    let entries = entries.map(|(member, (key, value))| given(&format!("{member}[{key}]"), value, !show_values));
    status_code.iter().map(|code| format!("{STATUS_CODE} = {code}")).chain(entries).collect()
}
