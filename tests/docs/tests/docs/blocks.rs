//! What kinds of blocks there are, and which check each of them gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use stagecraft_docs::root;

use crate::{Found, found};

/// How a block is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// Objects of Kubernetes: `manifests`.
    Manifests,
    /// Values of the chart: `manifests`.
    Values,
    /// A file of the operator's: `manifests`.
    Configuration,
    /// A part of an `ApiCanary`: `manifests`.
    Fragment,
    /// JSON: here.
    Json,
    /// Commands: `commands`.
    Shell,
    /// Commands behind `$`, with what they print: `commands`.
    Console,
    /// Lua of `argocd/`, or pictures and output made of letters: nothing in it can be run.
    Text,
}

/// The check for what stands behind the fence.
pub(crate) fn check(found: &Found) -> Result<Check, String> {
    match found.words().as_slice() {
        ["yaml"] => Ok(Check::Manifests),
        ["yaml", "values"] => Ok(Check::Values),
        ["yaml", "configuration"] => Ok(Check::Configuration),
        ["yaml", "fragment"] => Ok(Check::Fragment),
        ["json" | "json payload"] | ["json", "payload"] => Ok(Check::Json),
        ["sh"] => Ok(Check::Shell),
        ["console"] => Ok(Check::Console),
        ["text"] => Ok(Check::Text),
        [] => Err("it has no language: put it in a fence that says what it is".to_owned()),
        words => Err(format!("nothing checks {words:?}")),
    }
}

#[test]
fn every_block_has_a_check() {
    let mut counts = BTreeMap::<Check, usize>::new();
    let mut unknown = Vec::new();
    for found in found() {
        match check(&found) {
            Ok(check) => *counts.entry(check).or_default() += 1,
            Err(why) => unknown.push(format!("{}: {why}", found.place())),
        }
    }
    assert!(unknown.is_empty(), "blocks that nothing checks:\n{}", unknown.join("\n"));
    for check in [Check::Manifests, Check::Values, Check::Configuration, Check::Fragment, Check::Json, Check::Shell] {
        assert!(counts.contains_key(&check), "no block is {check:?}: {counts:?}");
    }
}

/// A picture has nothing in it that somebody would type.
#[test]
fn no_command_hides_in_a_picture() {
    for found in found().iter().filter(|found| check(found) == Ok(Check::Text)) {
        for line in found.block.text.lines() {
            let first = line.trim_start_matches("$ ").split_whitespace().next().unwrap_or_default();
            let programs = ["kubectl", "helm", "stagecraft", "aws", "argocd", "flux"];
            assert!(!programs.contains(&first), "{}: a command in a block of text: {line}", found.place());
        }
    }
}

#[test]
fn json_is_json_and_a_policy_is_a_policy() {
    let blocks = found();
    let mut texts: Vec<(String, String)> = blocks
        .iter()
        .filter(|found| check(found) == Ok(Check::Json))
        .map(|found| (found.place(), found.block.text.clone()))
        .collect();
    let policy = root().join("docs/iam-policy.json");
    texts.push((policy.display().to_string(), std::fs::read_to_string(policy).unwrap()));
    let mut policies = 0;
    for (place, text) in texts {
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
        let Some(statements) = value.get("Statement") else { continue };
        policies += 1;
        assert_eq!(value["Version"], "2012-10-17", "{place}");
        for statement in statements.as_array().unwrap_or_else(|| panic!("{place}: Statement is a list")) {
            is_statement(&place, statement);
        }
    }
    assert!(policies >= 2, "{policies}");
}

/// The grammar of IAM's JSON policies, as far as the documentation uses it.
fn is_statement(place: &str, statement: &Value) {
    let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let members = statement.as_object().unwrap();
    assert!(members.keys().all(|member| known.contains(&member.as_str())), "{place}: {statement}");
    assert!(statement["Effect"] == "Allow" || statement["Effect"] == "Deny", "{place}: {statement}");
    let texts = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap().to_owned()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let actions = texts(&statement["Action"]);
    assert!(!actions.is_empty() && actions.iter().all(|action| action.contains(':')), "{place}: {statement}");
    // A policy of a role's own names resources, one of trust names who may assume it.
    assert_ne!(members.contains_key("Resource"), members.contains_key("Principal"), "{place}: {statement}");
    for resource in texts(&statement["Resource"]) {
        assert!(resource == "*" || resource.split(':').count() >= 6, "{place}: {resource} is no ARN");
    }
}

/// Pictures are small, well-formed, and readable without a program.
#[test]
fn pictures_are_svg_with_a_title() {
    let mut seen = 0;
    for (path, svg) in pictures() {
        let text = std::fs::read_to_string(&svg).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.trim_start().starts_with("<svg"), "{path}");
        assert!(text.trim_end().ends_with("</svg>") && text.len() < 100_000, "{path}");
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

fn pictures() -> Vec<(String, PathBuf)> {
    let pages = stagecraft_docs::pages().unwrap();
    let svg = |page: &stagecraft_docs::Page, link: &str| {
        let path = root().join(page.path.parent().unwrap()).join(link);
        path.extension()
            .is_some_and(|extension| extension == "svg")
            .then(|| (format!("{} {link}", page.path.display()), path))
    };
    pages.iter().flat_map(|page| page.links.iter().filter_map(move |(link, _)| svg(page, link))).collect()
}
