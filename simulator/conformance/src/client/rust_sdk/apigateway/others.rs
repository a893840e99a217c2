//! Gateway responses, documentation, tags, client certificates, the account.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{DocumentationPartLocation, DocumentationPartType, GatewayResponseType};

use super::{Call, Sent, no_builder, send};
use crate::client::ClientError;
use crate::client::rust_sdk::members::Members;
use crate::client::rust_sdk::shapes::{
    account, certificate, documentation_part, documentation_version, gateway_response, shown, structure,
};

structure!(aws_sdk_apigateway::types::UsagePlan, { "id": id, "name": name, "description": description });

fn location(members: &mut Members) -> Result<DocumentationPartLocation, ClientError> {
    DocumentationPartLocation::builder()
        .set_type(members.choice::<DocumentationPartType>("type")?)
        .set_path(members.text("path")?)
        .set_method(members.text("method")?)
        .set_status_code(members.text("statusCode")?)
        .set_name(members.text("name")?)
        .build()
        .map_err(|error| ClientError::Inexpressible(error.to_string()))
}

pub(super) async fn gateway_responses(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, kind) = (call.path("api"), call.path("type").map(|kind| GatewayResponseType::from(kind.as_str())));
    match name {
        "GetGatewayResponses" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_gateway_responses().set_rest_api_id(api).set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        "GetGatewayResponse" => {
            let request = client.get_gateway_response().set_rest_api_id(api).set_response_type(kind);
            send!(call, request, |output| gateway_response!(output))
        }
        "PutGatewayResponse" => {
            let members = &mut call.members;
            let request = client
                .put_gateway_response()
                .set_rest_api_id(api)
                .set_response_type(kind)
                .set_status_code(members.text("statusCode")?)
                .set_response_parameters(members.text_map("responseParameters")?)
                .set_response_templates(members.text_map("responseTemplates")?);
            send!(call, request, |output| gateway_response!(output))
        }
        "UpdateGatewayResponse" => {
            let operations = call.operations()?;
            let request = client
                .update_gateway_response()
                .set_rest_api_id(api)
                .set_response_type(kind)
                .set_patch_operations(operations);
            send!(call, request, |output| gateway_response!(output))
        }
        "DeleteGatewayResponse" => {
            send!(call, client.delete_gateway_response().set_rest_api_id(api).set_response_type(kind), |_| None)
        }
        _ => no_builder(name),
    }
}

pub(super) async fn documentation(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, part) = (call.path("api"), call.path("part"));
    match name {
        "CreateDocumentationPart" => {
            let request = client
                .create_documentation_part()
                .set_rest_api_id(api)
                .set_location(call.members.nested("location", location)?)
                .set_properties(call.members.text("properties")?);
            send!(call, request, |output| documentation_part!(output))
        }
        "DeleteDocumentationPart" => {
            let request = client.delete_documentation_part().set_rest_api_id(api).set_documentation_part_id(part);
            send!(call, request, |_| None)
        }
        "CreateDocumentationVersion" => {
            let members = &mut call.members;
            let request = client
                .create_documentation_version()
                .set_rest_api_id(api)
                .set_documentation_version(members.text("documentationVersion")?)
                .set_stage_name(members.text("stageName")?)
                .set_description(members.text("description")?);
            send!(call, request, |output| documentation_version!(output))
        }
        _ => no_builder(name),
    }
}

pub(super) async fn tags(client: &Client, name: &str, mut call: Call) -> Sent {
    let arn = call.path("arn");
    match name {
        "TagResource" => {
            let given = call.members.text_map("tags")?;
            send!(call, client.tag_resource().set_resource_arn(arn).set_tags(given), |_| None)
        }
        "UntagResource" => {
            let keys = call.queries("tagKeys");
            send!(call, client.untag_resource().set_resource_arn(arn).set_tag_keys(keys), |_| None)
        }
        "GetTags" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_tags().set_resource_arn(arn).set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "tags": tags }))
        }
        _ => no_builder(name),
    }
}

pub(super) async fn account_wide(client: &Client, name: &str, mut call: Call) -> Sent {
    let id = call.path("certificate");
    match name {
        "GenerateClientCertificate" => {
            let members = &mut call.members;
            let request = client
                .generate_client_certificate()
                .set_description(members.text("description")?)
                .set_tags(members.text_map("tags")?);
            send!(call, request, |output| certificate!(output))
        }
        "GetClientCertificates" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_client_certificates().set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        "GetClientCertificate" => {
            let request = client.get_client_certificate().set_client_certificate_id(id);
            send!(call, request, |output| certificate!(output))
        }
        "DeleteClientCertificate" => {
            send!(call, client.delete_client_certificate().set_client_certificate_id(id), |_| None)
        }
        "GetAccount" => send!(call, client.get_account(), |output| account!(output)),
        "UpdateAccount" => {
            let operations = call.operations()?;
            send!(call, client.update_account().set_patch_operations(operations), |output| account!(output))
        }
        "GetUsagePlans" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_usage_plans().set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        _ => no_builder(name),
    }
}
