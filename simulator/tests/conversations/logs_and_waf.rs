//! Log groups and web ACLs in AWS JSON 1.1.

use rstest::rstest;
use serde_json::{Value, json};

use crate::aws_json::call;
use crate::support::{START, World};

async fn logs(world: &World, operation: &str, body: Value) -> (u16, Value) {
    call(&world.simulator, &format!("Logs_20140328.{operation}"), &body).await
}

async fn waf(world: &World, operation: &str, body: Value) -> (u16, Value) {
    call(&world.simulator, &format!("AWSWAF_20190729.{operation}"), &body).await
}

#[tokio::test]
async fn a_log_group_is_created_described_and_deleted() {
    let world = World::new();
    let name = json!({"logGroupName": "/shop/access"});
    assert_eq!(logs(&world, "CreateLogGroup", name.clone()).await, (200, json!({})));
    let (status, twice) = logs(&world, "CreateLogGroup", name.clone()).await;
    assert_eq!((status, &twice["__type"]), (400, &json!("ResourceAlreadyExistsException")));
    assert_eq!(
        logs(&world, "DescribeLogGroups", json!({"logGroupNamePrefix": "/shop"})).await,
        (
            200,
            json!({"logGroups": [{
                "logGroupName": "/shop/access", "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/shop/access:*",
                "creationTime": START * 1000, "metricFilterCount": 0, "storedBytes": 0,
            }]})
        )
    );
    assert_eq!(logs(&world, "DeleteLogGroup", name.clone()).await, (200, json!({})));
    let (status, gone) = logs(&world, "DeleteLogGroup", name).await;
    assert_eq!((status, &gone["__type"]), (400, &json!("ResourceNotFoundException")));
    assert_eq!(logs(&world, "DescribeLogGroups", json!({})).await, (200, json!({"logGroups": []})));
}

#[tokio::test]
async fn log_groups_come_in_pages_by_name() {
    let world = World::new();
    for name in ["c", "a", "b"] {
        logs(&world, "CreateLogGroup", json!({"logGroupName": name})).await;
    }
    let names = |page: &Value| -> Vec<String> {
        page["logGroups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["logGroupName"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, first) = logs(&world, "DescribeLogGroups", json!({"limit": 2})).await;
    assert_eq!(names(&first), ["a", "b"]);
    let (_, second) = logs(&world, "DescribeLogGroups", json!({"limit": 2, "nextToken": first["nextToken"]})).await;
    assert_eq!((names(&second), second.get("nextToken")), (vec!["c".to_owned()], None));
}

#[rstest]
#[case("CreateLogGroup", json!({}), "InvalidParameterException")]
#[case("CreateLogGroup", json!({"logGroupName": "two words"}), "InvalidParameterException")]
#[case("CreateLogGroup", json!({"logGroupName": 1}), "SerializationException")]
#[case("DescribeLogGroups", json!({"limit": 51}), "InvalidParameterException")]
#[case("PutLogEvents", json!({}), "UnknownOperationException")]
#[tokio::test]
async fn what_logs_do_not_take_is_told(#[case] operation: &str, #[case] body: Value, #[case] error: &str) {
    let (status, told) = logs(&World::new(), operation, body).await;
    assert_eq!((status, &told["__type"]), (400, &json!(error)));
}

fn acl(name: &str) -> Value {
    let visibility = json!({"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "x"});
    json!({"Name": name, "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility})
}

#[tokio::test]
async fn a_stage_has_a_web_acl_while_one_is_associated() {
    let world = World::new();
    world.stage().await;
    let stage = json!({"ResourceArn": format!("arn:aws:apigateway:eu-west-1::/restapis/{}/stages/prod", world.api)});
    let (status, made) = waf(&world, "CreateWebACL", acl("shop")).await;
    assert_eq!(status, 200, "{made}");
    let arn = made["Summary"]["ARN"].as_str().unwrap().to_owned();
    let id = made["Summary"]["Id"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/shop/{id}"));
    assert_eq!(waf(&world, "GetWebACLForResource", stage.clone()).await, (200, json!({})));

    let mut both = stage.clone();
    both["WebACLArn"] = json!(arn);
    assert_eq!(waf(&world, "AssociateWebACL", both).await, (200, json!({})));
    assert_eq!(world.get("R/stages/prod").await.body["webAclArn"], json!(arn));
    let (_, read) = waf(&world, "GetWebACLForResource", stage.clone()).await;
    assert_eq!((&read["WebACL"]["Name"], &read["WebACL"]["ARN"]), (&json!("shop"), &json!(arn)));

    assert_eq!(waf(&world, "DisassociateWebACL", stage).await, (200, json!({})));
    assert_eq!(world.get("R/stages/prod").await.body.get("webAclArn"), None);
}

#[tokio::test]
async fn unknown_web_acls_and_stages_are_refused() {
    let world = World::new();
    world.stage().await;
    let (_, made) = waf(&world, "CreateWebACL", acl("shop")).await;
    let arn = made["Summary"]["ARN"].clone();
    let stage =
        |name: &str, region: &str| format!("arn:aws:apigateway:{region}::/restapis/{}/stages/{name}", world.api);
    for (acl, resource, error) in [
        (
            json!("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/x/y"),
            stage("prod", "eu-west-1"),
            "WAFNonexistentItemException",
        ),
        (arn.clone(), stage("test", "eu-west-1"), "WAFNonexistentItemException"),
        (arn.clone(), stage("prod", "us-east-1"), "WAFNonexistentItemException"),
        (arn.clone(), "nonsense".to_owned(), "WAFInvalidParameterException"),
        (json!(null), stage("prod", "eu-west-1"), "ValidationException"),
    ] {
        let (status, told) = waf(&world, "AssociateWebACL", json!({"WebACLArn": acl, "ResourceArn": resource})).await;
        assert_eq!((status, &told["__type"]), (400, &json!(error)), "{acl} {resource}");
    }
    let (_, twice) = waf(&world, "CreateWebACL", acl("shop")).await;
    assert_eq!(twice["__type"], json!("WAFDuplicateItemException"));
    let (_, missing) = waf(&world, "CreateWebACL", json!({"Name": "x"})).await;
    assert_eq!(missing["__type"], json!("ValidationException"));
}
