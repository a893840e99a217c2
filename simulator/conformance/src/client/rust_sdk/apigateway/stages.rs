//! Stages.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::CanarySettings;

use super::{Call, Sent, no_builder, send};
use crate::client::ClientError;
use crate::client::rust_sdk::members::Members;
use crate::client::rust_sdk::shapes::{shown, stage};

fn canary(members: &mut Members) -> Result<CanarySettings, ClientError> {
    Ok(CanarySettings::builder()
        .set_deployment_id(members.text("deploymentId")?)
        .set_percent_traffic(members.number("percentTraffic")?)
        .set_stage_variable_overrides(members.text_map("stageVariableOverrides")?)
        .set_use_stage_cache(members.boolean("useStageCache")?)
        .build())
}

pub(super) async fn send(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, stage) = (call.path("api"), call.path("stage"));
    match name {
        "CreateStage" => {
            let members = &mut call.members;
            let request = client
                .create_stage()
                .set_rest_api_id(api)
                .set_stage_name(members.text("stageName")?)
                .set_deployment_id(members.text("deploymentId")?)
                .set_description(members.text("description")?)
                .set_cache_cluster_enabled(members.boolean("cacheClusterEnabled")?)
                .set_cache_cluster_size(members.choice("cacheClusterSize")?)
                .set_variables(members.text_map("variables")?)
                .set_documentation_version(members.text("documentationVersion")?)
                .set_canary_settings(members.nested("canarySettings", canary)?)
                .set_tracing_enabled(members.boolean("tracingEnabled")?)
                .set_tags(members.text_map("tags")?);
            send!(call, request, |output| stage!(output))
        }
        "GetStages" => {
            let filter = call.query("deploymentId")?;
            let request = client.get_stages().set_rest_api_id(api).set_deployment_id(filter);
            send!(call, request, |output| shown!(output, { "item": item }))
        }
        "GetStage" => {
            let request = client.get_stage().set_rest_api_id(api).set_stage_name(stage);
            send!(call, request, |output| stage!(output))
        }
        "UpdateStage" => {
            let operations = call.operations()?;
            let request =
                client.update_stage().set_rest_api_id(api).set_stage_name(stage).set_patch_operations(operations);
            send!(call, request, |output| stage!(output))
        }
        "DeleteStage" => {
            send!(call, client.delete_stage().set_rest_api_id(api).set_stage_name(stage), |_| None)
        }
        "FlushStageCache" => {
            send!(call, client.flush_stage_cache().set_rest_api_id(api).set_stage_name(stage), |_| None)
        }
        "FlushStageAuthorizersCache" => {
            let request = client.flush_stage_authorizers_cache().set_rest_api_id(api).set_stage_name(stage);
            send!(call, request, |_| None)
        }
        _ => no_builder(name),
    }
}
