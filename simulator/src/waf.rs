//! `WAFv2` as far as a stage's `webAclArn` needs it. AWS JSON 1.1. No rule is evaluated.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use serde::Serialize;
use serde_json::{Value, json};

use crate::apigateway::stage::Stage;
use crate::error::ApiError;
use crate::logs::JSON;
use crate::service::{Access, Answer, Call, Found, Operation, Service, Session};
use crate::switches::MessageMember;
use crate::wire::input::Input;
use crate::wire::json_rpc;
use crate::wire::request::Incoming;

const PREFIX: &str = "AWSWAF_20190729";

/// Regional web ACLs of an account in a Region, by ARN.
pub(crate) type WebAcls = BTreeMap<String, WebAcl>;

/// A web ACL as it was created.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WebAcl {
    name: String,
    id: String,
    description: Option<String>,
    default_action: Value,
    visibility_config: Value,
    rules: Value,
}

/// The service.
pub(crate) struct Waf;

static OPERATIONS: &[Operation] = &[
    Operation { name: "CreateWebACL", access: Access::Write, signed: true, run: create },
    Operation { name: "AssociateWebACL", access: Access::Write, signed: true, run: associate },
    Operation { name: "DisassociateWebACL", access: Access::Write, signed: true, run: disassociate },
    Operation { name: "GetWebACLForResource", access: Access::Read, signed: true, run: get_for_resource },
];

impl Service for Waf {
    fn name(&self) -> &'static str {
        "wafv2"
    }

    fn claims(&self, incoming: &Incoming) -> bool {
        json_rpc::claims(incoming, PREFIX)
    }

    fn knows(&self, operation: &str) -> bool {
        OPERATIONS.iter().any(|known| known.name == operation)
    }

    fn find(&self, incoming: &Incoming) -> Option<Found> {
        json_rpc::find(incoming, PREFIX, OPERATIONS)
    }

    fn unknown(&self, incoming: &Incoming) -> ApiError {
        json_rpc::unknown(incoming)
    }

    fn decode(&self, incoming: &Incoming) -> Result<Value, ApiError> {
        json_rpc::decode(&incoming.body)
    }

    fn answer(&self, _: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
        json_rpc::answer(&answer, request_id, JSON)
    }

    fn refusal(&self, error: &ApiError, request_id: &str, _: MessageMember) -> Response<Bytes> {
        json_rpc::refusal(error, request_id, JSON, &[])
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "WAFInvalidParameterException", message)
}

fn nonexistent() -> ApiError {
    let text = "AWS WAF couldn\u{2019}t perform the operation because your resource doesn\u{2019}t exist.";
    ApiError::new(400, "WAFNonexistentItemException", text)
}

fn create(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let name = body.required_string("Name")?;
    let scope = body.choice("Scope", &["CLOUDFRONT", "REGIONAL"])?;
    let description = body.string("Description")?;
    for member in ["Scope", "DefaultAction", "VisibilityConfig"] {
        body.require(member);
    }
    body.object("DefaultAction")?;
    body.object("VisibilityConfig")?;
    body.objects("Rules")?;
    input.finish()?;
    if scope.as_deref() != Some("REGIONAL") {
        return Err(invalid(
            "The simulator has web ACLs of the Scope REGIONAL only, as API Gateway's stages need them.",
        ));
    }
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=128).contains(&name.len()) || !name.bytes().all(word) {
        return Err(invalid("The parameter Name must have 1 to 128 characters a-z A-Z 0-9 _ -."));
    }
    if session.region.web_acls.values().any(|other| other.name == name) {
        let text = "AWS WAF couldn\u{2019}t perform the operation because some resource in your request is a duplicate of an existing one.";
        return Err(ApiError::new(400, "WAFDuplicateItemException", text));
    }
    let id = session.ids.uuid();
    let lock_token = session.ids.uuid();
    let arn = format!("arn:aws:wafv2:{}:{}:regional/webacl/{name}/{id}", session.region_name, session.account);
    let kept = |member: &str| call.body.get(member).cloned().unwrap_or(Value::Null);
    let summary = json!({"Summary": {
        "Name": name, "Id": id, "Description": description.clone().unwrap_or_default(), "LockToken": lock_token,
        "ARN": arn,
    }});
    let acl = WebAcl {
        name,
        id,
        description,
        default_action: kept("DefaultAction"),
        visibility_config: kept("VisibilityConfig"),
        rules: call.body.get("Rules").cloned().unwrap_or_else(|| json!([])),
    };
    session.region.web_acls.insert(arn, acl);
    Ok(Answer::ok(summary))
}

/// The stage that an ARN names: `arn:{partition}:apigateway:{region}::/restapis/{api}/stages/{stage}`.
fn stage<'s>(session: &'s mut Session<'_>, arn: &str) -> Result<&'s mut Stage, ApiError> {
    let mut parts = arn.splitn(6, ':');
    let [scheme, partition, service, region, account, path] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let segments: Vec<&str> = path.split('/').collect();
    let well_formed = scheme == "arn" && !partition.is_empty() && service == "apigateway" && account.is_empty();
    let (true, ["", "restapis", api, "stages", name]) = (well_formed, segments.as_slice()) else {
        return Err(invalid(format!("The parameter ResourceArn must be the ARN of a stage and is '{arn}'.")));
    };
    let here = region == session.region_name;
    let stage = session.region.rest_apis.get_mut(*api).and_then(|api| api.stages.get_mut(*name));
    stage.filter(|_| here).ok_or_else(nonexistent)
}

fn associate(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let body = input.object(&call.body)?;
    let (acl, resource) = (body.required_string("WebACLArn")?, body.required_string("ResourceArn")?);
    input.finish()?;
    if !session.region.web_acls.contains_key(&acl) {
        return Err(nonexistent());
    }
    stage(session, &resource)?.web_acl_arn = Some(acl);
    Ok(Answer::no_body())
}

fn disassociate(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let resource = input.object(&call.body)?.required_string("ResourceArn")?;
    input.finish()?;
    stage(session, &resource)?.web_acl_arn = None;
    Ok(Answer::no_body())
}

fn get_for_resource(session: &mut Session<'_>, call: &Call) -> Result<Answer, ApiError> {
    let input = Input::of(call.operation);
    let resource = input.object(&call.body)?.required_string("ResourceArn")?;
    input.finish()?;
    let Some(arn) = stage(session, &resource)?.web_acl_arn.clone() else { return Ok(Answer::ok(json!({}))) };
    let Some(acl) = session.region.web_acls.get(&arn) else { return Ok(Answer::ok(json!({}))) };
    let mut view = json!({
        "Name": acl.name, "Id": acl.id, "ARN": arn, "DefaultAction": acl.default_action, "Rules": acl.rules,
        "VisibilityConfig": acl.visibility_config, "Capacity": 0, "ManagedByFirewallManager": false,
    });
    if let (Some(description), Some(members)) = (&acl.description, view.as_object_mut()) {
        members.insert("Description".to_owned(), json!(description));
    }
    Ok(Answer::ok(json!({"WebACL": view})))
}
