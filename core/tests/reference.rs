//! The reference of every field, `docs/reference/*.md`: written from the definitions, and equal to what they say.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference")
}

/// The page of one kind.
fn page(definition: &CustomResourceDefinition) -> String {
    let spec = &definition.spec;
    let version = spec.versions.first().unwrap();
    let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let mut text = format!("# {}\n\n", spec.names.kind);
    text.push_str(
        "<!-- Written by `make reference` from the definitions: change the comments in core/src/api. -->\n\n",
    );
    writeln!(text, "{}\n", schema.description.as_deref().unwrap_or_default()).unwrap();
    writeln!(
        text,
        "Group `{}`, version `{}`, {}. `kubectl get {}`. No field has a default that the API server fills in: what is absent stays\nabsent, and its description says what that means.\n",
        spec.group,
        version.name,
        spec.scope.to_lowercase(),
        spec.names.plural
    ).unwrap();
    refusals(&mut text, schema, "An object is refused where one of these is not so:");
    columns(&mut text, version);
    let properties = schema.properties.as_ref().unwrap();
    for part in ["spec", "status"] {
        section(&mut text, part, properties.get(part).unwrap(), 2);
    }
    format!("{}\n", text.trim_end())
}

fn columns(text: &mut String, version: &CustomResourceDefinitionVersion) {
    text.push_str("## Columns\n\n| column | shows | |\n| --- | --- | --- |\n");
    for column in version.additional_printer_columns.iter().flatten() {
        let wide = if column.priority.unwrap_or(0) > 0 { "with `-o wide`" } else { "" };
        writeln!(
            text,
            "| {} | {} (`{}`) | {wide} |",
            column.name.to_uppercase(),
            column.description.as_deref().unwrap_or_default(),
            column.json_path
        )
        .unwrap();
    }
    text.push('\n');
}

/// An object: its description, its fields, what it is refused for, and the objects in it.
fn section(text: &mut String, path: &str, schema: &JSONSchemaProps, depth: usize) {
    writeln!(text, "{} `{path}`\n", "#".repeat(depth.min(4))).unwrap();
    if let Some(description) = &schema.description {
        writeln!(text, "{}\n", description.trim()).unwrap();
    }
    refusals(text, schema, "Refused where one of these is not so:");
    let Some(properties) = &schema.properties else { return };
    let required: BTreeSet<&str> = schema.required.iter().flatten().map(String::as_str).collect();
    text.push_str("| field | type | meaning |\n| --- | --- | --- |\n");
    for (name, field) in properties {
        let mut meaning =
            field.description.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        for rule in field.x_kubernetes_validations.iter().flatten().filter(|_| field.properties.is_none()) {
            write!(meaning, " **Rule**: {}", rule.message.as_deref().unwrap_or(&rule.rule)).unwrap();
        }
        let must = if required.contains(name.as_str()) { "**required** " } else { "" };
        writeln!(text, "| `{name}` | {must}{} | {} |", cell(&kind(field)), cell(&meaning)).unwrap();
    }
    text.push('\n');
    for (name, field) in properties {
        if let Some((suffix, inner)) = inner(field) {
            section(text, &format!("{path}.{name}{suffix}"), inner, depth + 1);
        }
    }
}

/// The object that a field is, or holds many of.
fn inner(field: &JSONSchemaProps) -> Option<(&'static str, &JSONSchemaProps)> {
    if field.properties.is_some() {
        return Some(("", field));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &field.items {
        return items.properties.is_some().then_some(("[]", &**items));
    }
    match &field.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) if values.properties.is_some() => Some((".*", &**values)),
        Some(JSONSchemaPropsOrBool::Schema(_) | JSONSchemaPropsOrBool::Bool(_)) | None => None,
    }
}

fn refusals(text: &mut String, schema: &JSONSchemaProps, head: &str) {
    let rules: Vec<_> = schema.x_kubernetes_validations.iter().flatten().collect();
    if rules.is_empty() {
        return;
    }
    writeln!(text, "{head}\n").unwrap();
    for rule in rules {
        let message = rule.message.as_deref().unwrap_or("(no message)");
        let code = rule.rule.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(text, "* `{code}`\\\n  {message}").unwrap();
    }
    text.push('\n');
}

/// The type with its bounds.
fn kind(schema: &JSONSchemaProps) -> String {
    let mut parts = vec![name_of(schema)];
    let mut add = |text: String| parts.push(text);
    if let Some(values) = &schema.enum_ {
        let values: Vec<_> =
            values.iter().map(|value| format!("`{}`", value.0.to_string().trim_matches('"'))).collect();
        add(format!("one of {}", values.join(", ")));
    }
    if let Some(default) = &schema.default {
        add(format!("default `{}`", default.0));
    }
    if let Some(pattern) = &schema.pattern {
        add(format!("`{pattern}`"));
    }
    range(&mut add, schema.minimum, schema.maximum, schema.exclusive_minimum == Some(true), "");
    let count = |value: Option<i64>| value.map(|value| f64::from(i32::try_from(value).unwrap()));
    range(&mut add, count(schema.min_length), count(schema.max_length), false, " characters");
    range(&mut add, count(schema.min_items), count(schema.max_items), false, " entries");
    range(&mut add, count(schema.min_properties), count(schema.max_properties), false, " entries");
    if let Some(keys) = &schema.x_kubernetes_list_map_keys {
        add(format!("one entry for each `{}`", keys.join("`, `")));
    }
    parts.join("; ")
}

fn range(add: &mut impl FnMut(String), least: Option<f64>, most: Option<f64>, above: bool, unit: &str) {
    match (least, most) {
        (Some(least), Some(most)) if above => add(format!("above {least}, to {most}{unit}")),
        (Some(least), Some(most)) => add(format!("{least} to {most}{unit}")),
        (Some(least), None) if above => add(format!("above {least}{unit}")),
        (Some(least), None) => add(format!("{least}{unit} or more")),
        (None, Some(most)) => add(format!("at most {most}{unit}")),
        (None, None) => {}
    }
}

fn name_of(schema: &JSONSchemaProps) -> String {
    if let Some(format @ "date-time") = schema.format.as_deref() {
        return format.to_owned();
    }
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "integer or string".to_owned();
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        let set = if schema.x_kubernetes_list_type.as_deref() == Some("set") { "set" } else { "list" };
        return format!("{set} of {}", kind(items));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        return format!("map of {}", kind(values));
    }
    schema.type_.clone().unwrap_or_else(|| "any".to_owned())
}

/// A cell of a table must not end before its text does.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn pages() -> Vec<(String, String)> {
    let crds = stagecraft_core::api::crds();
    crds.iter().map(|crd| (format!("{}.md", crd.spec.names.singular.clone().unwrap()), page(crd))).collect()
}

#[test]
#[ignore = "it writes docs/reference: `make reference`"]
fn write_the_pages() {
    fs::create_dir_all(folder()).unwrap();
    for (file, text) in pages() {
        fs::write(folder().join(file), text).unwrap();
    }
}

#[test]
fn the_pages_say_what_the_definitions_say() {
    for (file, text) in pages() {
        let committed = fs::read_to_string(folder().join(&file)).unwrap_or_default();
        assert_eq!(committed, text, "run 'make reference', look at the difference of {file} and commit it");
    }
}

/// Whatever a definition has, a reader finds: the path of every field, from the YAML's own side.
#[test]
fn every_field_of_every_definition_is_told() {
    let mut told = 0;
    for (crd, (file, text)) in stagecraft_core::api::crds().iter().zip(pages()) {
        let version = crd.spec.versions.first().unwrap();
        let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        let mut left = vec![schema];
        while let Some(schema) = left.pop() {
            for (name, field) in schema.properties.iter().flatten() {
                assert!(field.default.is_none(), "{file} says that there are no defaults, and {name} has one");
                if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&name.as_str()) {
                    assert!(text.contains(&format!("| `{name}` |")), "{file} has no {name}");
                    assert!(
                        field.description.is_some() || inner(field).is_some(),
                        "{name} of {file} has no description"
                    );
                    told += 1;
                }
                left.push(field);
                if let Some((_, inner)) = inner(field).filter(|(suffix, _)| !suffix.is_empty()) {
                    left.push(inner);
                }
            }
            for rule in schema.x_kubernetes_validations.iter().flatten() {
                let message = rule.message.as_deref().unwrap();
                let shown = message.replace('|', "\\|");
                assert!(text.contains(message) || text.contains(&shown), "{file} does not tell: {message}");
            }
        }
    }
    assert!(told > 150, "{told}");
}
