//! Each field of spec against each thing that can happen to it, with the exact calls. The fields come from the definition
//! that users install: one that is new has no rows, and that fails here.

use std::collections::BTreeSet;

use super::bench::{Bench, map, of};
use crate::access::Policy;
use crate::api::gateway_response::{ApiGatewayResponseSpec, ResponseType};
use crate::api::stage::AdoptionPolicy;
use crate::cause::Cause;
use crate::observed::ResponseContent;

/// What can happen to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// It is declared on a new object.
    Create,
    /// It gets another value, or another key.
    Change,
    /// It is not declared any more.
    Drop,
    /// A hand changes it.
    Drift,
    /// It is declared, and the customisation that is there says something else.
    Adoption,
    /// AWS refuses it.
    Refusal,
}

use Happening::{Adoption, Change, Create, Drift, Drop, Refusal};

const ALL: [Happening; 6] = [Create, Change, Drop, Drift, Adoption, Refusal];

/// Fields that say where, whether or how, and never become part of a call's content. What they do has tests of its own.
const POLICIES: [&str; 8] = [
    "restApiId",
    "restApiIdFrom",
    "region",
    "responseType",
    "adoptionPolicy",
    "deletionPolicy",
    "driftPolicy",
    "suspend",
];

struct Row {
    field: &'static str,
    happening: Happening,
    /// The write, as the bench spells it; for a refusal the one that is refused.
    write: &'static str,
}

const fn row(field: &'static str, happening: Happening, write: &'static str) -> Row {
    Row { field, happening, write }
}

const TABLE: &[Row] = &[
    row("statusCode", Create, "Put statusCode 420"),
    row("statusCode", Change, "Update replace /statusCode 503"),
    row("statusCode", Drop, "Put"),
    row("statusCode", Drift, "Update replace /statusCode 420"),
    row("statusCode", Adoption, "Update replace /statusCode 420"),
    row("statusCode", Refusal, "Put statusCode 420"),
    row("responseParameters", Create, "Put gatewayresponse.header.a"),
    row(
        "responseParameters",
        Change,
        "Update replace /responseParameters/gatewayresponse.header.a '2'; add /responseParameters/gatewayresponse.header.b '1'",
    ),
    row("responseParameters", Drop, "Put"),
    row("responseParameters", Drift, "Update add /responseParameters/gatewayresponse.header.a '1'"),
    row("responseParameters", Adoption, "Update replace /responseParameters/gatewayresponse.header.a '1'"),
    row("responseParameters", Refusal, "Put gatewayresponse.header.a"),
    row("responseTemplates", Create, "Put text/a~b"),
    row(
        "responseTemplates",
        Change,
        "Update replace /responseTemplates/text~1a~0b two; add /responseTemplates/text~1c one",
    ),
    row("responseTemplates", Drop, "Put"),
    row("responseTemplates", Drift, "Update add /responseTemplates/text~1a~0b one"),
    row("responseTemplates", Adoption, "Update replace /responseTemplates/text~1a~0b one"),
    row("responseTemplates", Refusal, "Put text/a~b"),
];

/// The field's first value.
fn declare(field: &str, spec: &mut ApiGatewayResponseSpec) {
    match field {
        "statusCode" => spec.status_code = Some("420".to_owned()),
        "responseParameters" => spec.response_parameters = Some(map(&[("gatewayresponse.header.a", "'1'")])),
        "responseTemplates" => spec.response_templates = Some(map(&[("text/a~b", "one")])),
        other => panic!("{other} has rows and no value"),
    }
}

fn change(field: &str, spec: &mut ApiGatewayResponseSpec) {
    match field {
        "statusCode" => spec.status_code = Some("503".to_owned()),
        "responseParameters" => {
            spec.response_parameters =
                Some(map(&[("gatewayresponse.header.a", "'2'"), ("gatewayresponse.header.b", "'1'")]));
        }
        "responseTemplates" => spec.response_templates = Some(map(&[("text/a~b", "two"), ("text/c", "one")])),
        other => panic!("{other} has rows and no other value"),
    }
}

fn drop_field(field: &str, spec: &mut ApiGatewayResponseSpec) {
    match field {
        "statusCode" => spec.status_code = None,
        "responseParameters" => spec.response_parameters = None,
        "responseTemplates" => spec.response_templates = None,
        other => panic!("{other} has rows and cannot be dropped"),
    }
}

/// What a hand does to the field: another status; a header or a template that is gone.
fn by_hand(field: &str, held: &mut ResponseContent) {
    match field {
        "statusCode" => held.status_code = Some("200".to_owned()),
        "responseParameters" => held.response_parameters.clear(),
        "responseTemplates" => held.response_templates.clear(),
        other => panic!("{other} has rows and no hand"),
    }
}

/// A customisation that differs in this field alone.
fn theirs(field: &str, bench: &Bench) -> ResponseContent {
    let mut spec = bench.object.clone();
    declare(field, &mut spec.spec);
    let mut content =
        crate::response::validate(&spec, &bench.settings, None).unwrap().declared.content(ResponseType::Throttled);
    match field {
        "statusCode" => content.status_code = Some("200".to_owned()),
        "responseParameters" => content.response_parameters = map(&[("gatewayresponse.header.a", "'theirs'")]),
        "responseTemplates" => content.response_templates = map(&[("text/a~b", "theirs")]),
        other => panic!("{other} has rows and cannot be adopted"),
    }
    content
}

/// What the write was, and what is held at the end.
fn happens(field: &str, happening: Happening) -> (String, Bench) {
    let mut bench = of(ResponseType::Throttled);
    if happening == Adoption {
        let content = theirs(field, &bench);
        bench.customise(content).settings.access = Policy::Open { adoption: true };
        bench.object.spec.adoption_policy = Some(AdoptionPolicy::IfExists);
    }
    declare(field, &mut bench.object.spec);
    if happening == Refusal {
        let planned = bench.plan(&mut crate::response::Observed::default());
        let super::super::Action::Put(change) = &planned.actions[0] else { panic!("{:?}", planned.actions) };
        let super::super::Declared { status_code, response_parameters, response_templates } = &change.declared;
        let sent: Vec<_> = status_code
            .iter()
            .map(|status| format!("statusCode {status}"))
            .chain(response_parameters.keys().cloned())
            .chain(response_templates.iter().flat_map(|templates| templates.keys().cloned()))
            .collect();
        bench.pass_refused(Cause::Refused);
        return (format!("Put {}", sent.join(", ")), bench);
    }
    bench.pass();
    match happening {
        Change => drop(bench.edit(|spec| change(field, spec)).pass()),
        Drop => drop(bench.edit(|spec| drop_field(field, spec)).pass()),
        Drift => {
            by_hand(field, bench.held());
            bench.pass();
        }
        Create | Adoption | Refusal => {}
    }
    (bench.calls.get(1..).unwrap_or_default().join(" and "), bench)
}

#[test]
fn every_field_does_what_its_rows_say() {
    for Row { field, happening, write } in TABLE {
        let (written, mut bench) = happens(field, *happening);
        assert_eq!(written, *write, "{field}: {happening:?}");
        if *happening == Refusal {
            assert_eq!(bench.condition("Ready"), "False Refused", "{field}");
            continue;
        }
        assert_eq!(bench.condition("Ready"), "True Synced", "{field}: {happening:?}");
        let wanted = crate::response::validate(&bench.object, &bench.settings, None).unwrap().declared;
        assert_eq!(*bench.held(), wanted.content(ResponseType::Throttled), "{field}: {happening:?}");
        bench.pass();
        assert_eq!((bench.calls.len(), bench.statuses.len()), (1, 0), "{field}: {happening:?} does not rest");
    }
}

#[test]
fn every_field_of_the_definition_has_all_its_rows() {
    let crd = crate::api::crds().into_iter().find(|crd| crd.spec.names.kind == "ApiGatewayResponse").unwrap();
    let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
    let spec = schema.properties.unwrap()["spec"].clone().properties.unwrap();
    let fields: BTreeSet<&str> = spec.keys().map(String::as_str).collect();
    for field in &fields {
        let rows: BTreeSet<_> = TABLE.iter().filter(|row| row.field == *field).map(|row| row.happening).collect();
        if POLICIES.contains(field) {
            assert!(rows.is_empty(), "{field} is a policy and has rows");
        } else {
            assert_eq!(rows, BTreeSet::from(ALL), "{field} is not told in all cases");
        }
    }
    let known: BTreeSet<&str> = TABLE.iter().map(|row| row.field).chain(POLICIES).collect();
    assert_eq!(known, fields, "a row speaks of a field that is not there");
}
