//! The kind `ApiGatewayResponse`: what API Gateway itself answers to callers of a REST API, for one type of answer.

#![expect(unreachable_pub, reason = "KubeSchema repeats the struct inside a function of its own")]
#![expect(clippy::duplicated_attributes, reason = "each column has a name and a type of its own")]

mod response_type;
mod status;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{Region, RestApiId};
use super::settings::RestApiIdSource;
use super::stage::{AdoptionPolicy, DriftPolicy};
pub use response_type::ResponseType;
pub use status::{ApiGatewayResponseStatus, CanaryLiveness, Liveness, ObservedResponse, Owned, Writing};

/// What API Gateway answers by itself, without a backend: for a throttled call, a missing key, an authorizer that fails.
///
/// The object is authoritative for the whole gateway response: what it leaves out takes API Gateway's own default. A change
/// reaches callers only with a later deployment; `status.stages` says which stages have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "stagecraft.dev",
    version = "v1alpha1",
    kind = "ApiGatewayResponse",
    namespaced,
    status = "ApiGatewayResponseStatus",
    category = "stagecraft",
    doc = "A gateway response of an Amazon API Gateway REST API: what API Gateway itself answers for one type of error.",
    printcolumn(
        name = "Type",
        type_ = "string",
        json_path = ".spec.responseType",
        description = "Type of the gateway response"
    ),
    printcolumn(
        name = "API",
        type_ = "string",
        json_path = ".status.restApiId",
        description = "REST API that it belongs to"
    ),
    printcolumn(
        name = "Code",
        type_ = "string",
        json_path = ".status.observed.statusCode",
        description = "HTTP status that callers get"
    ),
    printcolumn(
        name = "Deployed",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Deployed')].status",
        description = "Whether all stages serve a deployment that holds it"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the REST API holds it as declared"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is ready or not"
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".status.region",
        description = "AWS Region",
        priority = 1
    ),
    printcolumn(
        name = "Waiting",
        type_ = "string",
        json_path = ".status.stages[?(@.waitingSince)].name",
        description = "A stage whose callers do not get it yet",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Age of the object"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.restApiId) || has(self.restApiIdFrom)")
        .message("spec.restApiId is missing: set it to the id of the REST API, such as a1b2c3d4e5, or set spec.restApiIdFrom."),
    validation = Rule::new("!(has(self.restApiId) && has(self.restApiIdFrom))")
        .message("spec.restApiId and spec.restApiIdFrom exclude each other: keep the one that names the REST API."),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("spec.region cannot be set, changed or removed later: delete this ApiGatewayResponse and create one with the other region."),
    validation = Rule::new("self.responseType == oldSelf.responseType")
        .message("spec.responseType cannot be changed: delete this ApiGatewayResponse and create one with the other type.")
)]
pub struct ApiGatewayResponseSpec {
    /// Id of the REST API that answers so, such as `a1b2c3d4e5`. Once the gateway response is governed it cannot be changed:
    /// delete the object and create another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]{1,32}$"), length(max = 32))]
    pub rest_api_id: Option<RestApiId>,

    /// Where the id of the REST API is read from, instead of restApiId. Read once; then the gateway response stays with that
    /// REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_api_id_from: Option<RestApiIdSource>,

    /// AWS Region of the REST API. Absent: the operator's own. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"), length(max = 32))]
    pub region: Option<Region>,

    /// Which answer this is. `DEFAULT_4XX` and `DEFAULT_5XX` are what all types without a customisation of their own show.
    /// Immutable.
    pub response_type: ResponseType,

    /// HTTP status that callers get: `"100"` to `"599"`, in quotes. Absent: API Gateway's own for the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "status_code_schema")]
    pub status_code: Option<String>,

    /// Headers of the answer, by `gatewayresponse.header.NAME` (`path` and `querystring` are taken, too). A value is text in
    /// single quotes, such as `"'*'"`, or a reference: `context.…`, `method.request.…`, `stageVariables.…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "parameters_schema")]
    pub response_parameters: Option<BTreeMap<String, String>>,

    /// Bodies by media type, such as `application/json`. Not VTL: only `$context.…`, `$stageVariables.…` and
    /// `method.request.…` are filled in. Absent: API Gateway's own template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "templates_schema")]
    pub response_templates: Option<BTreeMap<String, String>>,

    /// Whether a customisation that exists already may become ours. API Gateway has no tags on gateway responses, so
    /// `IfExists` and `TakeOver` do the same here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What becomes of the customisation when its object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// What is done about a change that somebody else made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,

    /// While true nothing is written to AWS. The gateway response is still observed, and deleting the object leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What happens to the customisation when this object is deleted: `Delete` or `Retain`. Absent: `Delete` for one that we
/// created, `Retain` for an adopted one. `Retain` set on an object that is being deleted frees it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// API Gateway's own answer comes back.
    Delete,
    /// The customisation stays; no call is made.
    Retain,
}

/// AWS's pattern is `[1-5]\d\d`; as a rule instead of a pattern, so that the refusal says what to write.
fn status_code_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "maxLength": 16,
        "x-kubernetes-validations": [{
            "rule": "self.matches('^[1-5][0-9][0-9]$')",
            "message": "spec.statusCode is no HTTP status: set it to a text from \"100\" to \"599\", such as \"429\", or leave it out."
        }]
    })
}

/// AWS documents no bounds; these are far above any use, and CEL's cost needs some. Places and kinds of values: API
/// reference, `PutGatewayResponse`, and what AWS was recorded to take.
fn parameters_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": { "type": "string", "maxLength": 2048 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(key, key.matches('^gatewayresponse[.](header|path|querystring)[.][A-Za-z0-9._$-]{1,128}$'))",
                "message": "a key in spec.responseParameters is not gatewayresponse.header.NAME (or .path. or .querystring.), with NAME of letters, digits and . _ $ -: rename it, such as gatewayresponse.header.Access-Control-Allow-Origin."
            },
            {
                "rule": "self.all(key, self[key].matches(\"^('.*'|(context|stageVariables|method[.]request)[.][^ ]+)$\"))",
                "message": "a value in spec.responseParameters is neither text in single quotes nor a reference: write it as \"'text'\", context.NAME, method.request.header.NAME or stageVariables.NAME."
            }
        ]
    })
}

/// At most 16 templates of 32,768 characters: an object of Kubernetes has to hold them all. AWS's own limit for a mapping
/// template is 300 KB.
fn templates_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": { "type": "string", "maxLength": 32768 },
        "x-kubernetes-validations": [
            {
                "rule": "self.size() > 0",
                "message": "spec.responseTemplates is empty: declare a template, or leave the field out for API Gateway's own."
            },
            {
                "rule": "self.all(key, key.matches('^[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+*-]{1,64}$'))",
                "message": "a key in spec.responseTemplates is no media type: use one such as application/json."
            },
            {
                "rule": "self.all(key, self[key].size() > 0)",
                "message": "a template in spec.responseTemplates is empty, which API Gateway refuses: write the body, or drop the entry."
            }
        ]
    })
}
