//! REST APIs, resources, methods, integrations and their responses.

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::EndpointConfiguration;

use super::{Call, Sent, no_builder, send};
use crate::client::ClientError;
use crate::client::rust_sdk::members::Members;
use crate::client::rust_sdk::shapes::{
    integration, integration_response, method, method_response, resource, rest_api, shown,
};

fn endpoint(members: &mut Members) -> Result<EndpointConfiguration, ClientError> {
    Ok(EndpointConfiguration::builder()
        .set_types(members.choices("types")?)
        .set_ip_address_type(members.choice("ipAddressType")?)
        .set_vpc_endpoint_ids(members.texts("vpcEndpointIds")?)
        .build())
}

pub(super) async fn rest_apis(client: &Client, name: &str, mut call: Call) -> Sent {
    let api = call.path("api");
    match name {
        "CreateRestApi" => {
            let members = &mut call.members;
            let request = client
                .create_rest_api()
                .set_name(members.text("name")?)
                .set_description(members.text("description")?)
                .set_version(members.text("version")?)
                .set_clone_from(members.text("cloneFrom")?)
                .set_binary_media_types(members.texts("binaryMediaTypes")?)
                .set_minimum_compression_size(members.integer("minimumCompressionSize")?)
                .set_api_key_source(members.choice("apiKeySource")?)
                .set_endpoint_configuration(members.nested("endpointConfiguration", endpoint)?)
                .set_policy(members.text("policy")?)
                .set_tags(members.text_map("tags")?)
                .set_disable_execute_api_endpoint(members.boolean("disableExecuteApiEndpoint")?);
            send!(call, request, |output| rest_api!(output))
        }
        "GetRestApis" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let request = client.get_rest_apis().set_position(position).set_limit(limit);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        "GetRestApi" => send!(call, client.get_rest_api().set_rest_api_id(api), |output| rest_api!(output)),
        "UpdateRestApi" => {
            let operations = call.operations()?;
            let request = client.update_rest_api().set_rest_api_id(api).set_patch_operations(operations);
            send!(call, request, |output| rest_api!(output))
        }
        "DeleteRestApi" => send!(call, client.delete_rest_api().set_rest_api_id(api), |_| None),
        _ => no_builder(name),
    }
}

pub(super) async fn resources(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, resource) = (call.path("api"), call.path("resource"));
    match name {
        "GetResources" => {
            let (position, limit) = (call.query("position")?, call.limit()?);
            let embed = call.queries("embed");
            let request =
                client.get_resources().set_rest_api_id(api).set_position(position).set_limit(limit).set_embed(embed);
            send!(call, request, |output| shown!(output, { "item": items, "position": position }))
        }
        "GetResource" => {
            let embed = call.queries("embed");
            let request = client.get_resource().set_rest_api_id(api).set_resource_id(resource).set_embed(embed);
            send!(call, request, |output| resource!(output))
        }
        "CreateResource" => {
            let part = call.members.text("pathPart")?;
            let request = client.create_resource().set_rest_api_id(api).set_parent_id(resource).set_path_part(part);
            send!(call, request, |output| resource!(output))
        }
        "DeleteResource" => {
            send!(call, client.delete_resource().set_rest_api_id(api).set_resource_id(resource), |_| None)
        }
        _ => no_builder(name),
    }
}

pub(super) async fn methods(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, resource, verb) = (call.path("api"), call.path("resource"), call.path("verb"));
    match name {
        "PutMethod" => {
            let members = &mut call.members;
            let request = client
                .put_method()
                .set_rest_api_id(api)
                .set_resource_id(resource)
                .set_http_method(verb)
                .set_authorization_type(members.text("authorizationType")?)
                .set_authorizer_id(members.text("authorizerId")?)
                .set_api_key_required(members.boolean("apiKeyRequired")?)
                .set_operation_name(members.text("operationName")?)
                .set_request_parameters(members.boolean_map("requestParameters")?)
                .set_request_models(members.text_map("requestModels")?)
                .set_request_validator_id(members.text("requestValidatorId")?)
                .set_authorization_scopes(members.texts("authorizationScopes")?);
            send!(call, request, |output| method!(output))
        }
        "GetMethod" => {
            let request = client.get_method().set_rest_api_id(api).set_resource_id(resource).set_http_method(verb);
            send!(call, request, |output| method!(output))
        }
        "DeleteMethod" => {
            let request = client.delete_method().set_rest_api_id(api).set_resource_id(resource).set_http_method(verb);
            send!(call, request, |_| None)
        }
        "PutMethodResponse" => {
            let status = call.path("status");
            let request = client
                .put_method_response()
                .set_rest_api_id(api)
                .set_resource_id(resource)
                .set_http_method(verb)
                .set_status_code(status)
                .set_response_parameters(call.members.boolean_map("responseParameters")?)
                .set_response_models(call.members.text_map("responseModels")?);
            send!(call, request, |output| method_response!(output))
        }
        _ => no_builder(name),
    }
}

pub(super) async fn integrations(client: &Client, name: &str, mut call: Call) -> Sent {
    let (api, resource, verb) = (call.path("api"), call.path("resource"), call.path("verb"));
    let status = call.path("status");
    match name {
        "PutIntegration" => {
            let members = &mut call.members;
            let request = client
                .put_integration()
                .set_rest_api_id(api)
                .set_resource_id(resource)
                .set_http_method(verb)
                .set_type(members.choice("type")?)
                .set_integration_http_method(members.text("httpMethod")?)
                .set_uri(members.text("uri")?)
                .set_connection_type(members.choice("connectionType")?)
                .set_connection_id(members.text("connectionId")?)
                .set_credentials(members.text("credentials")?)
                .set_request_parameters(members.text_map("requestParameters")?)
                .set_request_templates(members.text_map("requestTemplates")?)
                .set_passthrough_behavior(members.text("passthroughBehavior")?)
                .set_cache_namespace(members.text("cacheNamespace")?)
                .set_cache_key_parameters(members.texts("cacheKeyParameters")?)
                .set_content_handling(members.choice("contentHandling")?)
                .set_timeout_in_millis(members.integer("timeoutInMillis")?);
            send!(call, request, |output| integration!(output))
        }
        "GetIntegration" => {
            let request = client.get_integration().set_rest_api_id(api).set_resource_id(resource).set_http_method(verb);
            send!(call, request, |output| integration!(output))
        }
        "PutIntegrationResponse" => {
            let members = &mut call.members;
            let request = client
                .put_integration_response()
                .set_rest_api_id(api)
                .set_resource_id(resource)
                .set_http_method(verb)
                .set_status_code(status)
                .set_selection_pattern(members.text("selectionPattern")?)
                .set_response_parameters(members.text_map("responseParameters")?)
                .set_response_templates(members.text_map("responseTemplates")?)
                .set_content_handling(members.choice("contentHandling")?);
            send!(call, request, |output| integration_response!(output))
        }
        "UpdateIntegrationResponse" => {
            let operations = call.operations()?;
            let request = client
                .update_integration_response()
                .set_rest_api_id(api)
                .set_resource_id(resource)
                .set_http_method(verb)
                .set_status_code(status)
                .set_patch_operations(operations);
            send!(call, request, |output| integration_response!(output))
        }
        _ => no_builder(name),
    }
}
