//! Every refusal that is known of API Gateway, as the simulator's facts have it, and what this operator makes of it.
//!
//! The snapshot is read line by line by whoever changes it: a fact that is new has no line yet, and fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use toml::Value;

use super::*;

/// The operation of a call as facts write it, such as `PATCH R/stages/prod`; `None`: not one of ours.
fn operation_of(call: &str) -> Option<Operation> {
    let (verb, path) = call.split_once(' ')?;
    let path = path.split('?').next()?.trim_matches('/');
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.first() == Some(&"restapis") && parts.len() > 1 {
        // `R` is a REST API that exists.
        parts.splice(0..2, ["R"]);
    }
    Some(match (verb, parts.as_slice()) {
        ("GET", ["R"]) => Operation::GetRestApi,
        ("GET", ["R", "stages"]) => Operation::GetStages,
        ("GET", ["R", "stages", _]) => Operation::GetStage,
        ("POST", ["R", "stages"]) => Operation::CreateStage,
        ("PATCH", ["R", "stages", _]) => Operation::UpdateStage,
        ("DELETE", ["R", "stages", _]) => Operation::DeleteStage,
        ("DELETE", ["R", "stages", _, "cache", "data"]) => Operation::FlushStageCache,
        ("DELETE", ["R", "stages", _, "cache", "authorizers"]) => Operation::FlushStageAuthorizersCache,
        ("GET", ["R", "deployments"]) => Operation::GetDeployments,
        ("GET", ["R", "deployments", _]) => Operation::GetDeployment,
        ("POST", ["R", "deployments"]) => Operation::CreateDeployment,
        ("PATCH", ["R", "deployments", _]) => Operation::UpdateDeployment,
        ("DELETE", ["R", "deployments", _]) => Operation::DeleteDeployment,
        ("GET", ["R", "gatewayresponses"]) => Operation::GetGatewayResponses,
        ("PUT", ["R", "gatewayresponses", _]) => Operation::PutGatewayResponse,
        ("PATCH", ["R", "gatewayresponses", _]) => Operation::UpdateGatewayResponse,
        ("DELETE", ["R", "gatewayresponses", _]) => Operation::DeleteGatewayResponse,
        ("PUT", ["tags", _]) => Operation::TagResource,
        ("DELETE", ["tags", _]) => Operation::UntagResource,
        _ => return None,
    })
}

/// Calls and their refusals, however deep they stand.
fn refusals(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            if let (Some(Value::String(call)), Some(Value::String(refused))) = (table.get("call"), table.get("refused"))
            {
                found.push((call.clone(), refused.clone()));
            }
            table.values().for_each(|value| refusals(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| refusals(value, found)),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[test]
fn every_refusal_of_the_facts_has_its_cause() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator/facts");
    let fixtures: Value = toml::from_str(&fs::read_to_string(folder.join("fixtures.toml")).unwrap()).unwrap();
    // What stands for a longer text.
    let texts = fixtures["text"].as_table().unwrap();
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            refusals(&toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap(), &mut found);
        }
    }
    // By what is said, since most calls can be answered so.
    let mut causes: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for (call, refused) in &found {
        let refused = texts.iter().fold(refused.clone(), |refused, (name, text)| {
            refused.replace(&format!("<{name}>"), text.as_str().unwrap_or_default())
        });
        let Some(operation) = operation_of(call) else { continue };
        let (head, text) = refused.split_once(": ").unwrap_or((&refused, ""));
        let (status, code) = head.split_once(' ').unwrap_or((head, ""));
        // A row whose answer is filled in from a table of its own.
        let Ok(status) = status.parse() else { continue };
        let cause = cause(operation, status, (!code.is_empty()).then_some(code), text);
        let operations = causes.entry(refused.clone()).or_default().entry(format!("{cause:?}")).or_default();
        if !operations.contains(&operation.name()) {
            operations.push(operation.name());
        }
    }
    assert!(causes.len() > 60, "only {} refusals were found", causes.len());
    let mut told = String::new();
    for (refused, causes) in causes {
        writeln!(told, "{refused}").unwrap();
        for (cause, mut operations) in causes {
            operations.sort_unstable();
            writeln!(told, "    {cause}: {}", operations.join(", ")).unwrap();
        }
    }
    insta::assert_snapshot!(told);
}
