//! The page of everything that is sent and read, held against the SDK's own types: a member that AWS adds is missing there.
//!
//! `Debug` of an empty value names every member, so nothing has to be listed by hand.

use std::collections::BTreeMap;
use std::fmt::Debug;

use aws_sdk_apigateway::operation::{
    create_deployment, create_stage, get_deployment, get_stage, get_stages, put_gateway_response, update_deployment,
    update_gateway_response, update_stage,
};
use aws_sdk_apigateway::types;

const PAGE: &str = include_str!("../../../docs/coverage.md");

/// Members of a value by AWS's names, in the order of the SDK; those of the SDK itself (`_request_id`) are left out.
fn members(value: &impl Debug) -> Vec<String> {
    let text = format!("{value:#?}");
    // Nested values are indented further.
    let lines = text.lines().filter_map(|line| line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '_'])));
    lines.filter_map(|line| Some(camel_case(line.split_once(": ")?.0))).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

/// The rows of each section: member and what is said of it.
fn sections() -> BTreeMap<&'static str, Vec<(String, &'static str)>> {
    let sections = PAGE.split("\n## ").skip(1);
    sections
        .map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
            (heading, rows.map(|(member, said)| (member.to_owned(), said)).collect())
        })
        .collect()
}

#[test]
fn every_member_that_the_sdk_knows_is_decided_about() {
    let held: Vec<(&str, Vec<String>)> = vec![
        ("CreateDeployment request", members(&create_deployment::CreateDeploymentInput::builder().build().unwrap())),
        ("DeploymentCanarySettings", members(&types::DeploymentCanarySettings::builder().build())),
        ("UpdateDeployment request", members(&update_deployment::UpdateDeploymentInput::builder().build().unwrap())),
        ("Deployment", members(&types::Deployment::builder().build())),
        ("Deployment", members(&create_deployment::CreateDeploymentOutput::builder().build())),
        ("Deployment", members(&update_deployment::UpdateDeploymentOutput::builder().build())),
        ("Deployment", members(&get_deployment::GetDeploymentOutput::builder().build())),
        ("MethodSnapshot", members(&types::MethodSnapshot::builder().build())),
        ("PatchOperation", members(&types::PatchOperation::builder().build())),
        ("CreateStage request", members(&create_stage::CreateStageInput::builder().build().unwrap())),
        ("UpdateStage request", members(&update_stage::UpdateStageInput::builder().build().unwrap())),
        ("GetStage request", members(&get_stage::GetStageInput::builder().build().unwrap())),
        ("GetStages request", members(&get_stages::GetStagesInput::builder().build().unwrap())),
        ("GetStages reply", members(&get_stages::GetStagesOutput::builder().build())),
        ("Stage", members(&types::Stage::builder().build())),
        ("Stage", members(&create_stage::CreateStageOutput::builder().build())),
        ("Stage", members(&update_stage::UpdateStageOutput::builder().build())),
        ("Stage", members(&get_stage::GetStageOutput::builder().build())),
        ("CanarySettings", members(&types::CanarySettings::builder().build())),
        ("AccessLogSettings", members(&types::AccessLogSettings::builder().build())),
        ("MethodSetting", members(&types::MethodSetting::builder().build())),
        (
            "PutGatewayResponse request",
            members(&put_gateway_response::PutGatewayResponseInput::builder().build().unwrap()),
        ),
        (
            "UpdateGatewayResponse request",
            members(&update_gateway_response::UpdateGatewayResponseInput::builder().build().unwrap()),
        ),
        ("GatewayResponse", members(&put_gateway_response::PutGatewayResponseOutput::builder().build())),
        ("GatewayResponse", members(&update_gateway_response::UpdateGatewayResponseOutput::builder().build())),
    ];
    let mut sections = sections();
    for (heading, members) in &held {
        assert!(!members.is_empty(), "{heading}: no member was found, so nothing was held");
        let rows = sections.get(heading).unwrap_or_else(|| panic!("docs/coverage.md has no section {heading}"));
        let written: Vec<_> = rows.iter().map(|(member, _)| member).collect();
        assert_eq!(written, members.iter().collect::<Vec<_>>(), "docs/coverage.md, {heading}, against the SDK");
        assert!(rows.iter().all(|(_, said)| said.len() > 6), "{heading}: a row says nothing");
    }
    for (heading, _) in held {
        sections.remove(heading);
    }
    assert!(sections.is_empty(), "sections that nothing holds: {:?}", sections.keys());
}
