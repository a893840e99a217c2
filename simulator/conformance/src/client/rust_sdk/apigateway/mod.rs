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

/// The operations that rows use.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("POST", "/restapis", "CreateRestApi"),
    ("GET", "/restapis", "GetRestApis"),
    ("GET", "/restapis/{api}", "GetRestApi"),
    ("PATCH", "/restapis/{api}", "UpdateRestApi"),
    ("DELETE", "/restapis/{api}", "DeleteRestApi"),
    ("GET", "/restapis/{api}/resources", "GetResources"),
    ("GET", "/restapis/{api}/resources/{resource}", "GetResource"),
    ("POST", "/restapis/{api}/resources/{resource}", "CreateResource"),
    ("DELETE", "/restapis/{api}/resources/{resource}", "DeleteResource"),
    ("PUT", "/restapis/{api}/resources/{resource}/methods/{verb}", "PutMethod"),
    ("GET", "/restapis/{api}/resources/{resource}/methods/{verb}", "GetMethod"),
    ("DELETE", "/restapis/{api}/resources/{resource}/methods/{verb}", "DeleteMethod"),
    ("PUT", "/restapis/{api}/resources/{resource}/methods/{verb}/responses/{status}", "PutMethodResponse"),
    ("PUT", "/restapis/{api}/resources/{resource}/methods/{verb}/integration", "PutIntegration"),
    ("GET", "/restapis/{api}/resources/{resource}/methods/{verb}/integration", "GetIntegration"),
    (
        "PUT",
        "/restapis/{api}/resources/{resource}/methods/{verb}/integration/responses/{status}",
        "PutIntegrationResponse",
    ),
    (
        "PATCH",
        "/restapis/{api}/resources/{resource}/methods/{verb}/integration/responses/{status}",
        "UpdateIntegrationResponse",
    ),
    ("POST", "/restapis/{api}/deployments", "CreateDeployment"),
    ("GET", "/restapis/{api}/deployments", "GetDeployments"),
    ("GET", "/restapis/{api}/deployments/{deployment}", "GetDeployment"),
    ("PATCH", "/restapis/{api}/deployments/{deployment}", "UpdateDeployment"),
    ("DELETE", "/restapis/{api}/deployments/{deployment}", "DeleteDeployment"),
    ("POST", "/restapis/{api}/stages", "CreateStage"),
    ("GET", "/restapis/{api}/stages", "GetStages"),
    ("GET", "/restapis/{api}/stages/{stage}", "GetStage"),
    ("PATCH", "/restapis/{api}/stages/{stage}", "UpdateStage"),
    ("DELETE", "/restapis/{api}/stages/{stage}", "DeleteStage"),
    ("DELETE", "/restapis/{api}/stages/{stage}/cache/data", "FlushStageCache"),
    ("DELETE", "/restapis/{api}/stages/{stage}/cache/authorizers", "FlushStageAuthorizersCache"),
    ("GET", "/restapis/{api}/gatewayresponses", "GetGatewayResponses"),
    ("GET", "/restapis/{api}/gatewayresponses/{type}", "GetGatewayResponse"),
    ("PUT", "/restapis/{api}/gatewayresponses/{type}", "PutGatewayResponse"),
    ("PATCH", "/restapis/{api}/gatewayresponses/{type}", "UpdateGatewayResponse"),
    ("DELETE", "/restapis/{api}/gatewayresponses/{type}", "DeleteGatewayResponse"),
    ("POST", "/restapis/{api}/documentation/parts", "CreateDocumentationPart"),
    ("DELETE", "/restapis/{api}/documentation/parts/{part}", "DeleteDocumentationPart"),
    ("POST", "/restapis/{api}/documentation/versions", "CreateDocumentationVersion"),
    ("PUT", "/tags/{arn}", "TagResource"),
    ("DELETE", "/tags/{arn}", "UntagResource"),
    ("GET", "/tags/{arn}", "GetTags"),
    ("POST", "/clientcertificates", "GenerateClientCertificate"),
    ("GET", "/clientcertificates", "GetClientCertificates"),
    ("GET", "/clientcertificates/{certificate}", "GetClientCertificate"),
    ("DELETE", "/clientcertificates/{certificate}", "DeleteClientCertificate"),
    ("GET", "/account", "GetAccount"),
    ("PATCH", "/account", "UpdateAccount"),
    ("GET", "/usageplans", "GetUsagePlans"),
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
    let fitting = OPERATIONS.iter().filter(|(verb, _, _)| *verb == method);
    let found = fitting.map(|(_, pattern, name)| (matched(pattern, &segments), *name));
    let (parameters, name) = found
        .filter_map(|(parameters, name)| Some((parameters?, name)))
        .next()
        .ok_or_else(|| ClientError::Inexpressible("no operation of the client has this verb and path".to_owned()))?;
    let call = Call { parameters, query: query.to_vec(), members: Members::of(body)? };
    if name.contains("Deployment") {
        return deployments::send(client, name, call).await;
    }
    if name.contains("Stage") {
        return stages::send(client, name, call).await;
    }
    let definition = ["RestApi", "Resource", "Method", "Integration"].iter().any(|part| name.contains(part));
    if definition && !name.contains("Tag") && name != "TagResource" && name != "UntagResource" {
        return definitions::send(client, name, call).await;
    }
    others::send(client, name, call).await
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
