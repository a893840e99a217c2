//! Deployments.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::DeploymentCanarySettings;

use super::{Call, Sent, no_builder, send};
use crate::client::ClientError;
use crate::client::rust_sdk::members::Members;
use crate::client::rust_sdk::shapes::{deployment, shown};

fn canary(members: &mut Members) -> Result<DeploymentCanarySettings, ClientError> {
    Ok(DeploymentCanarySettings::builder()
        .set_percent_traffic(members.number("percentTraffic")?)
        .set_stage_variable_overrides(members.text_map("stageVariableOverrides")?)
        .set_use_stage_cache(members.boolean("useStageCache")?)
        .build())
}

pub(super) async fn send(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, id) = (call.path("api"), call.path("deployment"));
    match name {
        "CreateDeployment" => {
            let members = &mut call.members;
            let request = client
                .create_deployment()
                .set_rest_api_id(api)
                .set_stage_name(members.text("stageName")?)
                .set_stage_description(members.text("stageDescription")?)
                .set_description(members.text("description")?)
                .set_cache_cluster_enabled(members.boolean("cacheClusterEnabled")?)
                .set_cache_cluster_size(members.choice("cacheClusterSize")?)
                .set_variables(members.text_map("variables")?)
                .set_canary_settings(members.nested("canarySettings", canary)?)
                .set_tracing_enabled(members.boolean("tracingEnabled")?);
            send!(call, request, |output| deployment!(output))
        }
        "GetDeployments" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_deployments().set_rest_api_id(api).set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        "GetDeployment" => {
            let embed = call.queries("embed");
            let request = client.get_deployment().set_rest_api_id(api).set_deployment_id(id).set_embed(embed);
            send!(call, request, |output| deployment!(output))
        }
        "UpdateDeployment" => {
            let operations = call.operations()?;
            let request =
                client.update_deployment().set_rest_api_id(api).set_deployment_id(id).set_patch_operations(operations);
            send!(call, request, |output| deployment!(output))
        }
        "DeleteDeployment" => {
            send!(call, client.delete_deployment().set_rest_api_id(api).set_deployment_id(id), |_| None)
        }
        _ => no_builder(name),
    }
}
