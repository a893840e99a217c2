//! What each call puts on the wire, and what it makes of a full answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stagecraft_core::api::arn;
use stagecraft_core::api::gateway_response::ResponseType;
use stagecraft_core::api::names::{AccountId, DeploymentId, StageName};
use stagecraft_core::observed::{
    AccessLog, ApiSummary, Availability, CacheCluster, Canary, Deployment, GatewayResponse, GatewayResponses,
    MethodSetting, MethodSummary, ResponseContent, RestApi, Stage,
};
use stagecraft_core::patch::PatchOperation;
use stagecraft_core::response::Declared;

use super::sdk::source_of;
use super::wire::{Answer, Request, Wire};
use super::*;
use crate::aws::{NewCacheCluster, NewStage};

fn request(line: &str, body: Value) -> Request {
    Request { line: line.to_owned(), body }
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A stage with every member that AWS documents, each with a value of its own.
fn full_stage() -> Value {
    json!({
        "stageName": "prod", "deploymentId": "dep001", "description": "shop", "createdDate": 1_748_609_600,
        "lastUpdatedDate": 1_748_609_700.5, "webAclArn": "arn:acl", "clientCertificateId": "cert01",
        "documentationVersion": "v3", "tracingEnabled": true, "cacheClusterEnabled": true, "cacheClusterSize": "1.6",
        "cacheClusterStatus": "RESTING_UNTIL_MONDAY", "variables": {"COLOR": "blue"}, "tags": {"team": "shop"},
        "canarySettings": {
            "deploymentId": "dep002", "percentTraffic": 10.5, "useStageCache": true,
            "stageVariableOverrides": {"COLOR": "green"}
        },
        "methodSettings": {"~1pets/GET": {
            "metricsEnabled": true, "loggingLevel": "INFO", "dataTraceEnabled": true, "throttlingBurstLimit": 5,
            "throttlingRateLimit": 2.5, "cachingEnabled": true, "cacheTtlInSeconds": 30, "cacheDataEncrypted": true,
            "requireAuthorizationForCacheControl": true, "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403"
        }},
        "accessLogSettings": {"destinationArn": "arn:logs", "format": "$context.requestId"},
        "somethingNew": {"of": "tomorrow"}
    })
}

fn full_stage_observed() -> Stage {
    Stage {
        name: StageName::from("prod"),
        deployment_id: DeploymentId::from("dep001"),
        description: Some("shop".to_owned()),
        variables: map([("COLOR", "blue")]),
        tags: Some(map([("team", "shop")])),
        canary: Some(Canary {
            deployment_id: DeploymentId::from("dep002"),
            percent_traffic: 10.5,
            use_stage_cache: true,
            stage_variable_overrides: map([("COLOR", "green")]),
        }),
        created: Some("2025-05-30T12:53:20Z".parse().unwrap()),
        last_updated: Some("2025-05-30T12:55:00.5Z".parse().unwrap()),
        web_acl_arn: Some("arn:acl".to_owned()),
        client_certificate_id: Some("cert01".to_owned()),
        documentation_version: Some("v3".to_owned()),
        tracing_enabled: true,
        cache: CacheCluster { enabled: true, size: Some("1.6".to_owned()), status: "RESTING_UNTIL_MONDAY".to_owned() },
        method_settings: BTreeMap::from([(
            "~1pets/GET".to_owned(),
            MethodSetting {
                metrics_enabled: true,
                logging_level: Some("INFO".to_owned()),
                data_trace_enabled: true,
                throttling_burst_limit: 5,
                throttling_rate_limit: 2.5,
                caching_enabled: true,
                cache_ttl_in_seconds: 30,
                cache_data_encrypted: true,
                require_authorization_for_cache_control: true,
                unauthorized_cache_control_header_strategy: Some("FAIL_WITH_403".to_owned()),
            },
        )]),
        access_log: Some(AccessLog {
            destination_arn: Some("arn:logs".to_owned()),
            format: Some("$context.requestId".to_owned()),
        }),
    }
}

/// What AWS sends of a stage that has nothing but its deployment.
fn bare_stage() -> Value {
    json!({
        "stageName": "dev", "deploymentId": "du4ot1", "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}, "tracingEnabled": false,
        "createdDate": 1_748_609_600, "lastUpdatedDate": 1_748_609_600
    })
}

fn bare_stage_observed() -> Stage {
    let created = Some("2025-05-30T12:53:20Z".parse().unwrap());
    Stage {
        name: StageName::from("dev"),
        deployment_id: DeploymentId::from("du4ot1"),
        description: None,
        variables: BTreeMap::new(),
        tags: Some(BTreeMap::new()),
        canary: None,
        created,
        last_updated: created,
        web_acl_arn: None,
        client_certificate_id: None,
        documentation_version: None,
        tracing_enabled: false,
        cache: CacheCluster { enabled: false, size: None, status: "NOT_AVAILABLE".to_owned() },
        method_settings: BTreeMap::new(),
        access_log: None,
    }
}

fn deployment(id: &str, created: &str, description: Option<&str>) -> Deployment {
    let description = description.map(str::to_owned);
    Deployment { id: DeploymentId::from(id), created: created.parse().unwrap(), description }
}

#[tokio::test]
async fn stages_are_read_whole_with_their_tags() {
    let wire = Wire::answering([Answer::Json(200, json!({"item": [full_stage(), bare_stage()]}))]).await;
    let stages = gateway(wire.url()).await.stages(&api()).await.unwrap();
    assert_eq!(stages, [full_stage_observed(), bare_stage_observed()]);
    assert_eq!(wire.requests(), [request("GET /restapis/a1b2c3d4e5/stages", Value::Null)]);
}

#[tokio::test]
async fn empty_texts_are_unset_and_one_member_of_access_logs_is_possible() {
    let mut stage = bare_stage();
    stage["description"] = json!("");
    stage["accessLogSettings"] = json!({"format": "$context.requestId"});
    stage["cacheClusterStatus"] = Value::Null;
    let wire = Wire::answering([Answer::Json(200, json!({"item": [stage]}))]).await;
    let stages = gateway(wire.url()).await.stages(&api()).await.unwrap();
    let access_log = Some(AccessLog { destination_arn: None, format: Some("$context.requestId".to_owned()) });
    let cache = CacheCluster { enabled: false, size: None, status: String::new() };
    assert_eq!(stages, [Stage { access_log, cache, ..bare_stage_observed() }]);
}

#[tokio::test]
async fn a_new_stage_is_sent_whole_and_its_reply_says_nothing_about_tags() {
    let wire = Wire::answering([Answer::Json(201, full_stage()), Answer::Json(201, bare_stage())]).await;
    let gateway = gateway(wire.url()).await;
    let new = NewStage {
        name: StageName::from("prod"),
        deployment_id: DeploymentId::from("dep001"),
        description: Some("shop".to_owned()),
        variables: map([("COLOR", "blue")]),
        tags: map([("stagecraft.dev/owner", "c/shop/prod")]),
        tracing_enabled: Some(true),
        documentation_version: Some("v3".to_owned()),
        cache: Some(NewCacheCluster { size: Some("1.6".to_owned()) }),
    };
    let bare = NewStage {
        name: StageName::from("dev"),
        deployment_id: DeploymentId::from("du4ot1"),
        description: None,
        variables: BTreeMap::new(),
        tags: BTreeMap::new(),
        tracing_enabled: None,
        documentation_version: None,
        cache: None,
    };
    let replies = [
        gateway.create_stage(&api(), new, permit()).await.unwrap(),
        gateway.create_stage(&api(), bare, permit()).await.unwrap(),
    ];
    assert_eq!(replies, [Stage { tags: None, ..full_stage_observed() }, Stage { tags: None, ..bare_stage_observed() }]);
    let body = json!({
        "stageName": "prod", "deploymentId": "dep001", "description": "shop", "variables": {"COLOR": "blue"},
        "tags": {"stagecraft.dev/owner": "c/shop/prod"}, "tracingEnabled": true, "documentationVersion": "v3",
        "cacheClusterEnabled": true, "cacheClusterSize": "1.6"
    });
    let line = "POST /restapis/a1b2c3d4e5/stages";
    assert_eq!(
        wire.requests(),
        [request(line, body), request(line, json!({"stageName": "dev", "deploymentId": "du4ot1"}))]
    );
}

#[tokio::test]
async fn a_patch_keeps_the_order_of_its_operations() {
    let wire = Wire::answering([Answer::Json(200, full_stage())]).await;
    let operations = [
        PatchOperation::copy("/canarySettings/deploymentId", "/deploymentId"),
        PatchOperation::replace("/variables/COLOR", "blue"),
        PatchOperation::remove("/variables/OLD"),
        PatchOperation::add("/accessLogSettings/format", "$context.requestId"),
    ];
    let gateway = gateway(wire.url()).await;
    let stage = gateway.update_stage(&api(), &StageName::from("prod"), &operations, permit()).await.unwrap();
    assert_eq!(stage, Stage { tags: None, ..full_stage_observed() });
    let body = json!({"patchOperations": [
        {"op": "copy", "from": "/canarySettings/deploymentId", "path": "/deploymentId"},
        {"op": "replace", "path": "/variables/COLOR", "value": "blue"},
        {"op": "remove", "path": "/variables/OLD"},
        {"op": "add", "path": "/accessLogSettings/format", "value": "$context.requestId"},
    ]});
    assert_eq!(wire.requests(), [request("PATCH /restapis/a1b2c3d4e5/stages/prod", body)]);
}

#[tokio::test]
async fn deployments_are_read_to_the_last_page_and_sorted() {
    let page = |items: Value, position: Value| Answer::Json(200, json!({"item": items, "position": position}));
    let wire = Wire::answering([
        page(
            json!([{"id": "ccc", "createdDate": 300, "description": "x [stagecraft]"}, {"id": "bbb", "createdDate": 100}]),
            json!("p/2="),
        ),
        page(json!([{"id": "aaa", "createdDate": 100, "description": ""}]), Value::Null),
    ])
    .await;
    let deployments = gateway(wire.url()).await.deployments(&api()).await.unwrap();
    assert_eq!(
        deployments,
        [
            deployment("aaa", "1970-01-01T00:01:40Z", None),
            deployment("bbb", "1970-01-01T00:01:40Z", None),
            deployment("ccc", "1970-01-01T00:05:00Z", Some("x [stagecraft]")),
        ]
    );
    assert_eq!(
        wire.requests(),
        [
            request("GET /restapis/a1b2c3d4e5/deployments?limit=500", Value::Null),
            request("GET /restapis/a1b2c3d4e5/deployments?position=p%2F2%3D&limit=500", Value::Null),
        ]
    );
}

#[tokio::test]
async fn pages_that_lead_nowhere_are_an_error_and_not_an_endless_loop() {
    let page = Answer::Json(200, json!({"item": [], "position": "same"}));
    let wire = Wire::answering([page.clone(), page.clone(), page]).await;
    let error = gateway(wire.url()).await.deployments(&api()).await.unwrap_err();
    assert_eq!(error.to_string(), "GetDeployments failed in AWS: its pages do not come to an end");
    assert_eq!(wire.requests().len(), 2);
}

#[tokio::test]
async fn a_snapshot_never_names_a_stage() {
    let reply = json!({"id": "4fk2x1", "createdDate": 100, "description": "[stagecraft revision=r1]"});
    let wire = Wire::answering([Answer::Json(201, reply.clone()), Answer::Json(200, reply)]).await;
    let gateway = gateway(wire.url()).await;
    let text = "[stagecraft revision=r1]";
    let expected = deployment("4fk2x1", "1970-01-01T00:01:40Z", Some(text));
    assert_eq!(gateway.create_deployment(&api(), text, permit()).await.unwrap(), expected);
    let id = DeploymentId::from("4fk2x1");
    assert_eq!(gateway.update_deployment(&api(), &id, "good", permit()).await.unwrap(), expected);
    let patch = json!({"patchOperations": [{"op": "replace", "path": "/description", "value": "good"}]});
    assert_eq!(
        wire.requests(),
        [
            request("POST /restapis/a1b2c3d4e5/deployments", json!({ "description": text })),
            request("PATCH /restapis/a1b2c3d4e5/deployments/4fk2x1", patch),
        ]
    );
}

#[tokio::test]
async fn deletions_flushes_and_tags_go_where_they_should() {
    let empty =
        |status: u16| Answer::Raw(format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    let no_content = Answer::Raw("HTTP/1.1 204 x\r\nconnection: close\r\n\r\n".to_owned());
    let wire = Wire::answering([empty(202), empty(202), empty(202), empty(202), no_content.clone(), no_content]).await;
    let gateway = gateway(wire.url()).await;
    let stage = StageName::from("prod");
    gateway.flush_stage_cache(&api(), &stage, permit()).await.unwrap();
    gateway.flush_stage_authorizers_cache(&api(), &stage, permit()).await.unwrap();
    gateway.delete_stage(&api(), &stage, permit()).await.unwrap();
    gateway.delete_deployment(&api(), &DeploymentId::from("4fk2x1"), permit()).await.unwrap();
    let arn = arn::stage_arn(gateway.region(), &api(), &stage);
    gateway.tag(&arn, map([("team", "shop"), ("stagecraft.dev/owner", "c/shop/prod")]), permit()).await.unwrap();
    gateway.untag(&arn, &["team".to_owned(), "stagecraft.dev/owner".to_owned()], permit()).await.unwrap();
    let tags = "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Fa1b2c3d4e5%2Fstages%2Fprod";
    assert_eq!(
        wire.requests(),
        [
            request("DELETE /restapis/a1b2c3d4e5/stages/prod/cache/data", Value::Null),
            request("DELETE /restapis/a1b2c3d4e5/stages/prod/cache/authorizers", Value::Null),
            request("DELETE /restapis/a1b2c3d4e5/stages/prod", Value::Null),
            request("DELETE /restapis/a1b2c3d4e5/deployments/4fk2x1", Value::Null),
            request(&format!("PUT {tags}"), json!({"tags": {"team": "shop", "stagecraft.dev/owner": "c/shop/prod"}})),
            request(&format!("DELETE {tags}?tagKeys=team&tagKeys=stagecraft.dev%2Fowner"), Value::Null),
        ]
    );
}

#[tokio::test]
async fn gateway_responses_are_read_put_patched_and_deleted() {
    let shape = |kind: &str, default: bool| {
        json!({
            "responseType": kind, "statusCode": "420", "defaultResponse": default,
            "responseParameters": {"gatewayresponse.header.a": "'1'"}, "responseTemplates": {"text/plain": "slow"}
        })
    };
    let family = json!({"responseType": "DEFAULT_4XX", "defaultResponse": true, "responseParameters": {}, "responseTemplates": {}});
    let dated = |status: u16, body: &Value| {
        let body = body.to_string();
        let length = body.len();
        Answer::Raw(format!(
            "HTTP/1.1 {status} x\r\ndate: Sat, 01 Aug 2026 12:34:56 GMT\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    };
    let wire = Wire::answering([
        dated(200, &json!({"item": [shape("THROTTLED", true), family, shape("TEAPOT", true)]})),
        dated(201, &shape("THROTTLED", false)),
        Answer::Json(201, shape("THROTTLED", false)),
        dated(200, &shape("THROTTLED", false)),
        Answer::Raw("HTTP/1.1 202 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()),
    ])
    .await;
    let gateway = gateway(wire.url()).await;
    let kind = ResponseType::Throttled;
    let content = ResponseContent {
        status_code: Some("420".to_owned()),
        response_parameters: map([("gatewayresponse.header.a", "'1'")]),
        response_templates: map([("text/plain", "slow")]),
    };
    let response =
        |default_response| GatewayResponse { response_type: kind, default_response, content: content.clone() };
    let answered = Some("2026-08-01T12:34:56Z".parse().unwrap());
    let family = GatewayResponse {
        response_type: ResponseType::Default4xx,
        default_response: true,
        content: ResponseContent::default(),
    };
    let items = vec![response(true), family];
    assert_eq!(gateway.gateway_responses(&api()).await.unwrap(), GatewayResponses { items, answered });
    let declared = Declared {
        status_code: Some("420".to_owned()),
        response_parameters: content.response_parameters.clone(),
        response_templates: Some(content.response_templates.clone()),
    };
    let written = gateway.put_gateway_response(&api(), kind, &declared, permit()).await.unwrap();
    assert_eq!(written, (response(false), answered));
    let undated = gateway.put_gateway_response(&api(), kind, &Declared::default(), permit()).await.unwrap();
    assert_eq!(undated.1, None, "where AWS tells no time there is none");
    let operations = [
        PatchOperation::add("/responseParameters/gatewayresponse.header.a", "'1'"),
        PatchOperation::replace("/responseTemplates/text~1plain", "slow"),
    ];
    let written = gateway.update_gateway_response(&api(), kind, &operations, permit()).await.unwrap();
    assert_eq!(written, (response(false), answered));
    gateway.delete_gateway_response(&api(), kind, permit()).await.unwrap();
    let line = "/restapis/a1b2c3d4e5/gatewayresponses";
    let whole = json!({
        "statusCode": "420", "responseParameters": {"gatewayresponse.header.a": "'1'"},
        "responseTemplates": {"text/plain": "slow"}
    });
    let patch = json!({"patchOperations": [
        {"op": "add", "path": "/responseParameters/gatewayresponse.header.a", "value": "'1'"},
        {"op": "replace", "path": "/responseTemplates/text~1plain", "value": "slow"},
    ]});
    assert_eq!(
        wire.requests(),
        [
            request(&format!("GET {line}"), Value::Null),
            request(&format!("PUT {line}/THROTTLED"), whole),
            request(&format!("PUT {line}/THROTTLED"), json!({})),
            request(&format!("PATCH {line}/THROTTLED"), patch),
            request(&format!("DELETE {line}/THROTTLED"), Value::Null),
        ]
    );
}

#[tokio::test]
async fn a_rest_api_says_whether_it_is_private_and_whether_it_changes() {
    let api_with = |types: Value, status: Value| {
        json!({
            "id": "a1b2c3d4e5", "name": "shop", "createdDate": 100,
            "endpointConfiguration": {"types": types}, "apiStatus": status
        })
    };
    let cases = [
        (api_with(json!(["EDGE"]), Value::Null), false, Availability::Available),
        (api_with(json!(["PRIVATE"]), json!("AVAILABLE")), true, Availability::Available),
        (api_with(json!(["REGIONAL"]), json!("UPDATING")), false, Availability::Changing),
        (api_with(json!(["REGIONAL"]), json!("PENDING")), false, Availability::Changing),
        (api_with(json!(["REGIONAL"]), json!("FAILED")), false, Availability::Available),
        (api_with(json!(["REGIONAL"]), json!("SOMETHING_NEW")), false, Availability::Available),
    ];
    for (reply, private, availability) in cases {
        let wire = Wire::answering([Answer::Json(200, reply.clone())]).await;
        let seen = gateway(wire.url()).await.rest_api(&api()).await.unwrap();
        assert_eq!(seen, RestApi { id: api(), name: "shop".to_owned(), private, availability }, "{reply}");
        assert_eq!(wire.requests(), [request("GET /restapis/a1b2c3d4e5", Value::Null)]);
    }
}

#[tokio::test]
async fn a_summary_lists_methods_by_path_and_verb() {
    let method = |authorization: &str, key: bool| json!({"authorizationType": authorization, "apiKeyRequired": key});
    let summary = json!({
        "/": {"GET": method("NONE", false)},
        "/pets/{id}": {"GET": method("AWS_IAM", true), "ANY": method("CUSTOM", false)}
    });
    let reply = json!({"id": "4fk2x1", "createdDate": 100, "apiSummary": summary});
    let wire = Wire::answering([Answer::Json(200, reply)]).await;
    let id = DeploymentId::from("4fk2x1");
    let summary = gateway(wire.url()).await.api_summary(&api(), &id).await.unwrap();
    let method = |authorization_type: &str, api_key_required| MethodSummary {
        authorization_type: authorization_type.to_owned(),
        api_key_required,
    };
    let expected: ApiSummary = BTreeMap::from([
        ("/".to_owned(), BTreeMap::from([("GET".to_owned(), method("NONE", false))])),
        (
            "/pets/{id}".to_owned(),
            BTreeMap::from([("ANY".to_owned(), method("CUSTOM", false)), ("GET".to_owned(), method("AWS_IAM", true))]),
        ),
    ]);
    assert_eq!(summary, expected);
    let line = "GET /restapis/a1b2c3d4e5/deployments/4fk2x1?embed=apisummary";
    assert_eq!(wire.requests(), [request(line, Value::Null)]);
}

#[tokio::test]
async fn calls_are_signed_for_their_region_and_carry_our_name() {
    let wire = Wire::answering([Answer::Json(200, json!({"item": []})), Answer::Json(200, json!({"item": []}))]).await;
    let aws = aws(options(wire.url())).await;
    aws.gateway(&Region::from("eu-west-1")).stages(&api()).await.unwrap();
    aws.gateway(&Region::from("us-east-1")).stages(&api()).await.unwrap();
    let heads = wire.heads();
    for (head, region) in heads.iter().zip(["eu-west-1", "us-east-1"]) {
        assert!(head.contains(&format!("/{region}/apigateway/aws4_request")), "{head}");
        assert!(head.contains("app/stagecraft"), "{head}");
    }
    assert_eq!(heads.len(), 2);
}

#[tokio::test]
async fn the_account_is_asked_once_it_has_answered() {
    let answer = |body: &str| {
        let length = body.len();
        Answer::Raw(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    };
    let whole = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>x</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>";
    let wire = Wire::answering([Answer::HangUp, answer(whole)]).await;
    let aws = aws(options(wire.url())).await;
    let lost = aws.account_id().await.unwrap_err();
    assert_eq!(lost.operation, Operation::GetCallerIdentity);
    let (one, other) = tokio::join!(aws.account_id(), aws.account_id());
    assert_eq!((one, other), (Ok(AccountId::from("123456789012")), Ok(AccountId::from("123456789012"))));
    assert_eq!(aws.account_id().await, Ok(AccountId::from("123456789012")));
    let line = request("POST /", json!("Action=GetCallerIdentity&Version=2011-06-15"));
    assert_eq!(wire.requests(), [line.clone(), line]);
}

/// `partitions.json`, as the SDK's source holds it: all Regions that were known when it was made.
#[test]
fn our_partitions_are_those_of_the_sdk() {
    const BEGINNING: &str = "PartitionResolver::new_from_json(b\"";
    let source = std::fs::read_to_string(source_of("aws-sdk-apigateway").join("endpoint_lib.rs")).unwrap();
    let (_, literal) = source.split_once(BEGINNING).expect("the SDK holds them elsewhere");
    let (literal, _) = literal.split_once("\")").unwrap();
    let text = literal.replace("\\\"", "\"").replace("\\\\", "\\");
    let known: Value = serde_json::from_str(&text).unwrap();
    let mut regions = 0;
    for partition in known["partitions"].as_array().unwrap() {
        let of_all = |region: &&String| !region.ends_with("-global");
        for region in partition["regions"].as_object().unwrap().keys().filter(of_all) {
            let region = Region::from(region.as_str());
            assert_eq!(arn::partition(&region), partition["id"], "{region}");
            assert_eq!(arn::dns_suffix(&region), partition["outputs"]["dnsSuffix"], "{region}");
            regions += 1;
        }
    }
    assert!(regions > 40, "{regions} regions");
}
