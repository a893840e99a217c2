//! API Gateway: which operation a verb and a path name, and its builder.

mod definitions;
mod deployments;
mod others;
mod stages;

use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::types::{Op, PatchOperation};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::members::Members;
use crate::client::ClientError;
use crate::exchange::Reply;

type Sent = Result<Reply, ClientError>;

/// Sends a builder once everything that the row says has found its place in it.
macro_rules! send {
    ($call:ident, $request:expr, $show:expr) => {{
        let request = $request;
        $call.finish()?;
        let tap = $crate::client::rust_sdk::Tap::default();
        let sent = request.customize().interceptor(tap.clone()).send().await;
        tap.reply(sent, $show)
    }};
}
use send;

/// Operations that share a file's function.
#[derive(Debug, Clone, Copy)]
enum Family {
    RestApi,
    Resource,
    Method,
    Integration,
    Deployment,
    Stage,
    GatewayResponse,
    Documentation,
    Tags,
    Account,
}

/// The operations that rows use: verb, path, name.
const OPERATIONS: &[(Family, &str, &str, &str)] = &[
    (Family::RestApi, "POST", "/restapis", "CreateRestApi"),
    (Family::RestApi, "GET", "/restapis", "GetRestApis"),
    (Family::RestApi, "GET", "/restapis/{api}", "GetRestApi"),
    (Family::RestApi, "PATCH", "/restapis/{api}", "UpdateRestApi"),
    (Family::RestApi, "DELETE", "/restapis/{api}", "DeleteRestApi"),
    (Family::Resource, "GET", "/restapis/{api}/resources", "GetResources"),
    (Family::Resource, "GET", "/restapis/{api}/resources/{resource}", "GetResource"),
    (Family::Resource, "POST", "/restapis/{api}/resources/{resource}", "CreateResource"),
    (Family::Resource, "DELETE", "/restapis/{api}/resources/{resource}", "DeleteResource"),
    (Family::Method, "PUT", "/restapis/{api}/resources/{resource}/methods/{verb}", "PutMethod"),
    (Family::Method, "GET", "/restapis/{api}/resources/{resource}/methods/{verb}", "GetMethod"),
    (Family::Method, "DELETE", "/restapis/{api}/resources/{resource}/methods/{verb}", "DeleteMethod"),
    (
        Family::Method,
        "PUT",
        "/restapis/{api}/resources/{resource}/methods/{verb}/responses/{status}",
        "PutMethodResponse",
    ),
    (Family::Integration, "PUT", "/restapis/{api}/resources/{resource}/methods/{verb}/integration", "PutIntegration"),
    (Family::Integration, "GET", "/restapis/{api}/resources/{resource}/methods/{verb}/integration", "GetIntegration"),
    (
        Family::Integration,
        "PUT",
        "/restapis/{api}/resources/{resource}/methods/{verb}/integration/responses/{status}",
        "PutIntegrationResponse",
    ),
    (
        Family::Integration,
        "PATCH",
        "/restapis/{api}/resources/{resource}/methods/{verb}/integration/responses/{status}",
        "UpdateIntegrationResponse",
    ),
    (Family::Deployment, "POST", "/restapis/{api}/deployments", "CreateDeployment"),
    (Family::Deployment, "GET", "/restapis/{api}/deployments", "GetDeployments"),
    (Family::Deployment, "GET", "/restapis/{api}/deployments/{deployment}", "GetDeployment"),
    (Family::Deployment, "PATCH", "/restapis/{api}/deployments/{deployment}", "UpdateDeployment"),
    (Family::Deployment, "DELETE", "/restapis/{api}/deployments/{deployment}", "DeleteDeployment"),
    (Family::Stage, "POST", "/restapis/{api}/stages", "CreateStage"),
    (Family::Stage, "GET", "/restapis/{api}/stages", "GetStages"),
    (Family::Stage, "GET", "/restapis/{api}/stages/{stage}", "GetStage"),
    (Family::Stage, "PATCH", "/restapis/{api}/stages/{stage}", "UpdateStage"),
    (Family::Stage, "DELETE", "/restapis/{api}/stages/{stage}", "DeleteStage"),
    (Family::Stage, "DELETE", "/restapis/{api}/stages/{stage}/cache/data", "FlushStageCache"),
    (Family::Stage, "DELETE", "/restapis/{api}/stages/{stage}/cache/authorizers", "FlushStageAuthorizersCache"),
    (Family::GatewayResponse, "GET", "/restapis/{api}/gatewayresponses", "GetGatewayResponses"),
    (Family::GatewayResponse, "GET", "/restapis/{api}/gatewayresponses/{type}", "GetGatewayResponse"),
    (Family::GatewayResponse, "PUT", "/restapis/{api}/gatewayresponses/{type}", "PutGatewayResponse"),
    (Family::GatewayResponse, "PATCH", "/restapis/{api}/gatewayresponses/{type}", "UpdateGatewayResponse"),
    (Family::GatewayResponse, "DELETE", "/restapis/{api}/gatewayresponses/{type}", "DeleteGatewayResponse"),
    (Family::Documentation, "POST", "/restapis/{api}/documentation/parts", "CreateDocumentationPart"),
    (Family::Documentation, "DELETE", "/restapis/{api}/documentation/parts/{part}", "DeleteDocumentationPart"),
    (Family::Documentation, "POST", "/restapis/{api}/documentation/versions", "CreateDocumentationVersion"),
    (Family::Tags, "PUT", "/tags/{arn}", "TagResource"),
    (Family::Tags, "DELETE", "/tags/{arn}", "UntagResource"),
    (Family::Tags, "GET", "/tags/{arn}", "GetTags"),
    (Family::Account, "POST", "/clientcertificates", "GenerateClientCertificate"),
    (Family::Account, "GET", "/clientcertificates", "GetClientCertificates"),
    (Family::Account, "GET", "/clientcertificates/{certificate}", "GetClientCertificate"),
    (Family::Account, "DELETE", "/clientcertificates/{certificate}", "DeleteClientCertificate"),
    (Family::Account, "GET", "/account", "GetAccount"),
    (Family::Account, "PATCH", "/account", "UpdateAccount"),
    (Family::Account, "GET", "/usageplans", "GetUsagePlans"),
];

/// What a row's request says, to be taken by a builder.
struct Call {
    parameters: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    members: Members,
}

/// Sends a request.
pub(super) async fn exchange(
    client: &Client,
    method: &str,
    path: &str,
    query: &[(String, String)],
    body: Option<&Value>,
) -> Sent {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let fitting = OPERATIONS.iter().filter(|(_, verb, _, _)| *verb == method);
    let mut found =
        fitting.filter_map(|(family, _, pattern, name)| Some((*family, *name, matched(pattern, &segments)?)));
    let (family, name, parameters) = found
        .next()
        .ok_or_else(|| ClientError::Inexpressible("no operation of the client has this verb and path".to_owned()))?;
    let call = Call { parameters, query: query.to_vec(), members: Members::of(body)? };
    match family {
        Family::RestApi => definitions::rest_apis(client, name, call).await,
        Family::Resource => definitions::resources(client, name, call).await,
        Family::Method => definitions::methods(client, name, call).await,
        Family::Integration => definitions::integrations(client, name, call).await,
        Family::Deployment => deployments::send(client, name, call).await,
        Family::Stage => stages::send(client, name, call).await,
        Family::GatewayResponse => others::gateway_responses(client, name, call).await,
        Family::Documentation => others::documentation(client, name, call).await,
        Family::Tags => others::tags(client, name, call).await,
        Family::Account => others::account_wide(client, name, call).await,
    }
}

fn matched(pattern: &'static str, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
    let parts: Vec<&'static str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    if parts.len() != segments.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (part, segment) in parts.into_iter().zip(segments) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => parameters.push((name, segment.clone())),
            None if part == segment => {}
            None => return None,
        }
    }
    Some(parameters)
}

/// The end of every table: the operation is listed but has no builder.
fn no_builder(name: &str) -> Sent {
    Err(ClientError::Inexpressible(format!("{name} has no builder here")))
}

impl Call {
    fn path(&self, name: &str) -> Option<String> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    /// All values of a query key.
    fn queries(&mut self, name: &str) -> Option<Vec<String>> {
        let (taken, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.query).into_iter().partition(|(key, _)| key == name);
        self.query = left;
        (!taken.is_empty()).then(|| taken.into_iter().map(|(_, value)| value).collect())
    }

    /// The one value of a query key.
    fn query(&mut self, name: &str) -> Result<Option<String>, ClientError> {
        match self.queries(name).as_deref() {
            None => Ok(None),
            Some([value]) => Ok(Some(value.clone())),
            Some(_) => Err(ClientError::Inexpressible(format!("{name} more than once"))),
        }
    }

    fn limit(&mut self) -> Result<Option<i32>, ClientError> {
        let limit = self.query("limit")?;
        let number = limit.map(|text| text.parse().map_err(|error| format!("limit: {error}")));
        number.transpose().map_err(ClientError::Inexpressible)
    }

    fn operations(&mut self) -> Result<Option<Vec<PatchOperation>>, ClientError> {
        self.members.list("patchOperations", |members| {
            Ok(PatchOperation::builder()
                .set_op(members.choice::<Op>("op")?)
                .set_path(members.text("path")?)
                .set_value(members.text("value")?)
                .set_from(members.text("from")?)
                .build())
        })
    }

    fn finish(self) -> Result<(), ClientError> {
        if let Some((name, _)) = self.query.first() {
            return Err(ClientError::Inexpressible(format!("the SDK has no query key {name} here")));
        }
        self.members.finish()
    }
}
