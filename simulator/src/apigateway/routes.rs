//! Which operation a verb and a path name, and which function carries it out.

use super::{
    account, client_certificate, deployment, documentation, gateway_response, integration, method, resource, rest_api,
    stage, stage_patch, tags,
};
use crate::error::ApiError;
use crate::service::{Access, Answer, Call, Operation, Session};

/// One row of the table.
pub(super) struct Route {
    pub(super) verb: &'static str,
    pub(super) path: &'static str,
    pub(super) operation: Operation,
}

type Run = fn(&mut Session<'_>, &Call) -> Result<Answer, ApiError>;

const fn read(name: &'static str, path: &'static str, run: Run) -> Route {
    Route { verb: "GET", path, operation: Operation { name, access: Access::Read, signed: true, run } }
}

const fn write(name: &'static str, verb: &'static str, path: &'static str, run: Run) -> Route {
    Route { verb, path, operation: Operation { name, access: Access::Write, signed: true, run } }
}

const REST_APIS: &str = "/restapis";
const REST_API: &str = "/restapis/{restapi_id}";
const RESOURCES: &str = "/restapis/{restapi_id}/resources";
const RESOURCE: &str = "/restapis/{restapi_id}/resources/{resource_id}";
const METHOD: &str = "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}";
const METHOD_RESPONSE: &str =
    "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/responses/{status_code}";
const INTEGRATION: &str = "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration";
const INTEGRATION_RESPONSE: &str =
    "/restapis/{restapi_id}/resources/{resource_id}/methods/{http_method}/integration/responses/{status_code}";
const DEPLOYMENTS: &str = "/restapis/{restapi_id}/deployments";
const DEPLOYMENT: &str = "/restapis/{restapi_id}/deployments/{deployment_id}";
const STAGES: &str = "/restapis/{restapi_id}/stages";
const STAGE: &str = "/restapis/{restapi_id}/stages/{stage_name}";
const STAGE_CACHE: &str = "/restapis/{restapi_id}/stages/{stage_name}/cache/data";
const STAGE_AUTHORIZERS: &str = "/restapis/{restapi_id}/stages/{stage_name}/cache/authorizers";
const GATEWAY_RESPONSES: &str = "/restapis/{restapi_id}/gatewayresponses";
const GATEWAY_RESPONSE: &str = "/restapis/{restapi_id}/gatewayresponses/{response_type}";
const DOCUMENTATION_PARTS: &str = "/restapis/{restapi_id}/documentation/parts";
const DOCUMENTATION_PART: &str = "/restapis/{restapi_id}/documentation/parts/{part_id}";
const DOCUMENTATION_VERSIONS: &str = "/restapis/{restapi_id}/documentation/versions";
const CERTIFICATES: &str = "/clientcertificates";
const CERTIFICATE: &str = "/clientcertificates/{certificate_id}";
const TAGS: &str = "/tags/{arn+}";

/// Every operation that is known. What is not here is refused.
pub(super) static ROUTES: &[Route] = &[
    // The calls of a running operator first: the table is searched from the top.
    read("GetStage", STAGE, stage::get),
    read("GetStages", STAGES, stage::list),
    write("UpdateStage", "PATCH", STAGE, stage_patch::update),
    write("CreateStage", "POST", STAGES, stage::create),
    write("DeleteStage", "DELETE", STAGE, stage::delete),
    write("FlushStageCache", "DELETE", STAGE_CACHE, stage::flush_cache),
    write("FlushStageAuthorizersCache", "DELETE", STAGE_AUTHORIZERS, stage::flush_authorizers),
    read("GetDeployment", DEPLOYMENT, deployment::get),
    read("GetDeployments", DEPLOYMENTS, deployment::list),
    write("CreateDeployment", "POST", DEPLOYMENTS, deployment::create),
    write("UpdateDeployment", "PATCH", DEPLOYMENT, deployment::update),
    write("DeleteDeployment", "DELETE", DEPLOYMENT, deployment::delete),
    read("GetRestApi", REST_API, rest_api::get),
    read("GetRestApis", REST_APIS, rest_api::list),
    write("CreateRestApi", "POST", REST_APIS, rest_api::create),
    write("UpdateRestApi", "PATCH", REST_API, rest_api::update),
    write("DeleteRestApi", "DELETE", REST_API, rest_api::delete),
    read("GetResources", RESOURCES, resource::list),
    read("GetResource", RESOURCE, resource::get),
    write("CreateResource", "POST", RESOURCE, resource::create),
    write("DeleteResource", "DELETE", RESOURCE, resource::delete),
    read("GetMethod", METHOD, method::get),
    write("PutMethod", "PUT", METHOD, method::put),
    write("DeleteMethod", "DELETE", METHOD, method::delete),
    read("GetMethodResponse", METHOD_RESPONSE, method::get_response),
    write("PutMethodResponse", "PUT", METHOD_RESPONSE, method::put_response),
    write("DeleteMethodResponse", "DELETE", METHOD_RESPONSE, method::delete_response),
    read("GetIntegration", INTEGRATION, integration::get),
    write("PutIntegration", "PUT", INTEGRATION, integration::put),
    write("DeleteIntegration", "DELETE", INTEGRATION, integration::delete),
    read("GetIntegrationResponse", INTEGRATION_RESPONSE, integration::get_response),
    write("PutIntegrationResponse", "PUT", INTEGRATION_RESPONSE, integration::put_response),
    write("UpdateIntegrationResponse", "PATCH", INTEGRATION_RESPONSE, integration::update_response),
    write("DeleteIntegrationResponse", "DELETE", INTEGRATION_RESPONSE, integration::delete_response),
    read("GetGatewayResponses", GATEWAY_RESPONSES, gateway_response::list),
    read("GetGatewayResponse", GATEWAY_RESPONSE, gateway_response::get),
    write("PutGatewayResponse", "PUT", GATEWAY_RESPONSE, gateway_response::put),
    write("UpdateGatewayResponse", "PATCH", GATEWAY_RESPONSE, gateway_response::update),
    write("DeleteGatewayResponse", "DELETE", GATEWAY_RESPONSE, gateway_response::delete),
    read("GetTags", TAGS, tags::get),
    write("TagResource", "PUT", TAGS, tags::tag),
    write("UntagResource", "DELETE", TAGS, tags::untag),
    read("GetAccount", "/account", account::get),
    write("UpdateAccount", "PATCH", "/account", account::update),
    read("GetClientCertificates", CERTIFICATES, client_certificate::list),
    read("GetClientCertificate", CERTIFICATE, client_certificate::get),
    write("GenerateClientCertificate", "POST", CERTIFICATES, client_certificate::generate),
    write("DeleteClientCertificate", "DELETE", CERTIFICATE, client_certificate::delete),
    read("GetDocumentationParts", DOCUMENTATION_PARTS, documentation::parts),
    read("GetDocumentationPart", DOCUMENTATION_PART, documentation::part),
    write("CreateDocumentationPart", "POST", DOCUMENTATION_PARTS, documentation::create_part),
    write("DeleteDocumentationPart", "DELETE", DOCUMENTATION_PART, documentation::delete_part),
    read("GetDocumentationVersions", DOCUMENTATION_VERSIONS, documentation::versions),
    write("CreateDocumentationVersion", "POST", DOCUMENTATION_VERSIONS, documentation::create_version),
    // Clean-up scripts ask; there are none.
    read("GetUsagePlans", "/usageplans", |_, _| Ok(Answer::ok(serde_json::json!({"item": []})))),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_operation_and_no_verb_with_path_is_there_twice() {
        let mut names: Vec<_> = ROUTES.iter().map(|route| route.operation.name).collect();
        let mut requests: Vec<_> = ROUTES.iter().map(|route| (route.verb, route.path)).collect();
        names.sort_unstable();
        requests.sort_unstable();
        names.dedup();
        requests.dedup();
        assert_eq!((names.len(), requests.len()), (ROUTES.len(), ROUTES.len()));
    }
}
