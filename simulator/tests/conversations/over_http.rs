//! The same conversations over HTTP, with AWS's own SDK as the client.

use std::net::SocketAddr;
use std::time::Duration;

use apigateway_simulator::{AfterTheEffect, Server, Simulator};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::error::ProvideErrorMetadata;
use aws_sdk_apigateway::types::{CacheClusterStatus, DeploymentCanarySettings, Op, PatchOperation};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::START;

async fn served() -> (Simulator, Server) {
    let simulator = Simulator::builder().build();
    let server = Server::start(simulator.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    (simulator, server)
}

async fn configuration(server: &Server, credentials: Credentials) -> aws_config::SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials)
        .endpoint_url(server.url())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

async fn client(server: &Server) -> Client {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    Client::new(&configuration(server, credentials).await)
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder().op(Op::Replace).path(path).value(value).build()
}

#[tokio::test]
async fn the_sdk_reads_every_member_of_a_stage() {
    let (simulator, server) = served().await;
    let client = client(&server).await;
    let api = simulator.create_rest_api("petstore");
    let stable = client.create_deployment().rest_api_id(&api).description("r1").send().await.unwrap();
    let stable = stable.id().unwrap();
    let created = client
        .create_stage()
        .rest_api_id(&api)
        .stage_name("prod")
        .deployment_id(stable)
        .cache_cluster_enabled(true)
        .variables("url", "https://a.example/x?y=1")
        .tags("team", "shop")
        .send()
        .await
        .unwrap();
    assert_eq!(created.cache_cluster_status(), Some(&CacheClusterStatus::CreateInProgress));
    assert_eq!(created.created_date().unwrap().secs(), START);
    assert_eq!(created.tags().unwrap()["team"], "shop");
    let canary = DeploymentCanarySettings::builder()
        .percent_traffic(10.5)
        .stage_variable_overrides("url", "https://b.example")
        .build();
    let deployed =
        client.create_deployment().rest_api_id(&api).stage_name("prod").canary_settings(canary).send().await.unwrap();
    client
        .update_stage()
        .rest_api_id(&api)
        .stage_name("prod")
        .patch_operations(replace("/~1pets/GET/throttling/rateLimit", "12.5"))
        .patch_operations(replace("/tracingEnabled", "true"))
        .send()
        .await
        .unwrap();
    simulator.clock().advance(Duration::from_mins(4));
    let stage = client.get_stage().rest_api_id(&api).stage_name("prod").send().await.unwrap();
    assert_eq!(stage.deployment_id(), Some(stable));
    assert_eq!(stage.cache_cluster_status(), Some(&CacheClusterStatus::Available));
    assert!(stage.tracing_enabled());
    let canary = stage.canary_settings().unwrap();
    assert_eq!((canary.percent_traffic(), canary.deployment_id()), (10.5, deployed.id()));
    assert_eq!(canary.stage_variable_overrides().unwrap()["url"], "https://b.example");
    let setting = &stage.method_settings().unwrap()["~1pets/GET"];
    let read = (setting.throttling_rate_limit(), setting.throttling_burst_limit(), setting.logging_level());
    assert_eq!(read, (12.5, 5000, None));
}

#[tokio::test]
async fn the_sdk_pages_through_deployments_and_tags_by_arn() {
    let (simulator, server) = served().await;
    let client = client(&server).await;
    let api = simulator.create_rest_api("petstore");
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(client.create_deployment().rest_api_id(&api).send().await.unwrap().id().unwrap().to_owned());
    }
    let pages = client.get_deployments().rest_api_id(&api).limit(3).into_paginator().items().send();
    let listed: Vec<String> =
        pages.collect::<Result<Vec<_>, _>>().await.unwrap().into_iter().filter_map(|item| item.id).collect();
    assert_eq!(listed, made);

    client.create_stage().rest_api_id(&api).stage_name("prod").deployment_id(&made[0]).send().await.unwrap();
    let arn = format!("arn:aws:apigateway:eu-west-1::/restapis/{api}/stages/prod");
    client.tag_resource().resource_arn(&arn).tags("a", "1").tags("b", "2").send().await.unwrap();
    client.untag_resource().resource_arn(&arn).tag_keys("a").tag_keys("c").send().await.unwrap();
    assert_eq!(simulator.stage(&api, "prod").unwrap()["tags"], json!({"b": "2"}));
    let summary =
        client.get_deployment().rest_api_id(&api).deployment_id(&made[0]).embed("apisummary").send().await.unwrap();
    assert_eq!(summary.api_summary().unwrap()["/"]["GET"].authorization_type(), Some("NONE"));
}

#[tokio::test]
async fn the_sdk_reads_code_and_text_of_refusals() {
    let (simulator, server) = served().await;
    let client = client(&server).await;
    let missing = client.get_stage().rest_api_id("a1b2c3d4e5").stage_name("prod").send().await.unwrap_err();
    let missing = missing.into_service_error();
    assert!(missing.is_not_found_exception());
    assert_eq!(missing.message(), Some("Invalid API identifier specified 123456789012:a1b2c3d4e5"));
    simulator.faults().on("GetStages").error(429, AfterTheEffect);
    let throttled = client.get_stages().rest_api_id("x").send().await.unwrap_err().into_service_error();
    let aws_sdk_apigateway::operation::get_stages::GetStagesError::TooManyRequestsException(throttled) = throttled
    else {
        panic!("{throttled:?}");
    };
    assert_eq!((throttled.retry_after_seconds(), throttled.message()), (Some("1"), Some("Too Many Requests")));
}

#[tokio::test]
async fn a_dropped_connection_is_closed_without_a_byte() {
    let (simulator, server) = served().await;
    let api = simulator.create_rest_api("petstore");
    simulator.faults().on("CreateDeployment").drop_connection(AfterTheEffect);
    let answered = raw(server.address(), &api).await;
    assert_eq!((answered.len(), simulator.deployments(&api).len()), (0, 1));
    let lost = client(&server).await;
    simulator.faults().on("CreateDeployment").drop_connection(AfterTheEffect);
    let lost = lost.create_deployment().rest_api_id(&api).send().await.unwrap_err();
    assert!(lost.as_service_error().is_none(), "{lost:?}");
    assert_eq!(simulator.deployments(&api).len(), 2);
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_its_promise() {
    let (simulator, server) = served().await;
    let api = simulator.create_rest_api("petstore");
    simulator.faults().on("CreateDeployment").truncate_body();
    let answered = raw(server.address(), &api).await;
    let (head, body) = answered.split_once("\r\n\r\n").unwrap();
    let length = head.to_ascii_lowercase();
    let length: usize = length.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    assert_eq!(body.len(), length / 2);
}

/// Creates a deployment over a bare socket; gives all bytes until the server closes it.
async fn raw(address: SocketAddr, api: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let signature = "0".repeat(64);
    let request = format!(
        "POST /restapis/{api}/deployments HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/apigateway/aws4_request, \
         SignedHeaders=host, Signature={signature}\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answered = Vec::new();
    // A reset is an end too.
    stream.read_to_end(&mut answered).await.ok();
    String::from_utf8(answered).unwrap()
}

#[tokio::test]
async fn an_assumed_role_of_another_account_sees_that_accounts_rest_apis() {
    let (simulator, server) = served().await;
    simulator.create_rest_api("mine");
    let home = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let sts = aws_sdk_sts::Client::new(&configuration(&server, home).await);
    let me = sts.get_caller_identity().send().await.unwrap();
    assert_eq!((me.account(), me.arn()), (Some("123456789012"), Some("arn:aws:iam::123456789012:user/simulator")));
    let role = "arn:aws:iam::210987654321:role/deploy/stagecraft";
    let assumed = sts.assume_role().role_arn(role).role_session_name("shop").send().await.unwrap();
    let issued = assumed.credentials().unwrap();
    assert_eq!(issued.expiration().secs(), START + 3600);
    let there = Credentials::new(
        issued.access_key_id(),
        issued.secret_access_key(),
        Some(issued.session_token().to_owned()),
        None,
        "test",
    );
    let configuration = configuration(&server, there).await;
    let me = aws_sdk_sts::Client::new(&configuration).get_caller_identity().send().await.unwrap();
    assert_eq!(me.arn(), Some("arn:aws:sts::210987654321:assumed-role/stagecraft/shop"));
    let apis = Client::new(&configuration).get_rest_apis().send().await.unwrap();
    assert_eq!(apis.items().len(), 0);
    let web = sts
        .assume_role_with_web_identity()
        .role_arn(role)
        .role_session_name("shop")
        .web_identity_token("token")
        .send()
        .await
        .unwrap();
    assert_eq!(web.assumed_role_user().unwrap().arn(), "arn:aws:sts::210987654321:assumed-role/stagecraft/shop");
    let refused =
        sts.assume_role().role_arn("nonsense-is-20-long-x").role_session_name("shop").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
}

#[tokio::test]
async fn only_loopback_is_listened_at() {
    let refused = Server::start(Simulator::builder().build(), "0.0.0.0:0".parse().unwrap()).await.unwrap_err();
    assert_eq!(refused.to_string(), "0.0.0.0:0 is not a loopback address; listen at 127.0.0.1 or [::1]");
}
