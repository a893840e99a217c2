//! What `import` makes of a stage, governed by the plan: nothing of the stage changes.

use proptest::prelude::*;
use serde_json::json;

use super::bench::at;
use super::*;
use crate::import::{Imported, import};
use crate::observed::{AccessLog, CacheCluster, Deployment, MethodSetting, Stage};

/// The bench with that stage in AWS, and an object of what was imported from it.
fn adopted(stage: &Stage, imported: &Imported) -> Bench {
    let mut bench = orders();
    bench.settings.access = Policy::Open { adoption: true };
    let id = stage.deployment_id.clone();
    bench.deployments.push(Deployment { id, created: at(-9_000), description: Some("by Terraform".to_owned()) });
    bench.stages.push(stage.clone());
    bench.object.spec = imported.spec.clone();
    bench.pass();
    bench
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*/*".to_owned()),
        ("(~1[a-z{}+]{1,6}){1,3}|~1", "GET|POST|ANY|PUT|DELETE").prop_map(|(path, verb)| format!("{path}/{verb}")),
        Just("test/GET".to_owned()),
        Just("~1pets~1/GET".to_owned()),
    ]
}

fn setting() -> impl Strategy<Value = MethodSetting> {
    let levels = proptest::option::of(prop_oneof!["OFF|ERROR|INFO", "TRACE"]);
    let strategies = proptest::option::of(prop_oneof![
        "FAIL_WITH_403|SUCCEED_WITH_RESPONSE_HEADER|SUCCEED_WITHOUT_RESPONSE_HEADER",
        Just("SHRUG".to_owned()),
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, levels, strategies, -1..10_000_i32, prop_oneof![Just(-1.0), 0.0..20_000.0_f64], 0..=3600_i32).prop_map(
        |((metrics, trace, caching, encrypted, authorized), level, strategy, burst, rate, ttl)| MethodSetting {
            metrics_enabled: metrics,
            logging_level: level,
            data_trace_enabled: trace,
            throttling_burst_limit: burst,
            throttling_rate_limit: rate,
            caching_enabled: caching,
            cache_ttl_in_seconds: ttl,
            cache_data_encrypted: encrypted,
            require_authorization_for_cache_control: authorized,
            unauthorized_cache_control_header_strategy: strategy,
        },
    )
}

fn stage() -> impl Strategy<Value = Stage> {
    let texts = (
        proptest::option::of("[ -~]{1,30}"),
        proptest::option::of("[a-z0-9]{6}"),
        proptest::option::of("v[0-9]"),
        any::<bool>(),
    );
    let maps = (
        proptest::collection::btree_map("[A-Za-z0-9_]{1,8}", "[A-Za-z0-9._~:/?#&=,-]{1,12}", 0..4),
        proptest::collection::btree_map("[a-z]{1,8}|aws:cloudformation:stack-name", "[ -~]{0,12}", 0..4),
        proptest::collection::btree_map(key(), setting(), 0..5),
    );
    let caches = (
        any::<bool>(),
        proptest::option::of("0\\.5|1\\.6|237|9000"),
        "AVAILABLE|CREATE_IN_PROGRESS|FLUSH_IN_PROGRESS|DELETE_IN_PROGRESS|NOT_AVAILABLE",
    );
    let logs = proptest::option::of((
        proptest::option::of(Just("arn:aws:logs:eu-west-1:123456789012:log-group:orders".to_owned())),
        proptest::option::of(prop_oneof![
            Just("$context.requestId $context.status".to_owned()),
            Just("$context.requestId\n".to_owned()),
            Just("$context.status".to_owned()),
        ]),
    ));
    (texts, maps, caches, logs).prop_map(|(texts, (variables, tags, method_settings), (enabled, size, status), log)| {
        let (description, client_certificate_id, documentation_version, tracing_enabled) = texts;
        let access_log = log.map(|(destination_arn, format)| AccessLog { destination_arn, format });
        Stage {
            description,
            variables,
            tags: Some(tags),
            client_certificate_id,
            documentation_version,
            tracing_enabled,
            cache: CacheCluster { enabled, size: size.filter(|_| enabled), status },
            method_settings,
            access_log,
            ..a_stage("dep0")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// The one promise of an import.
    #[test]
    fn governing_what_was_imported_writes_the_owners_tag_and_nothing_else(stage in stage()) {
        let imported = import(&"eu-west-1".into(), &"a1b2c3d4e5".into(), &stage);
        let mut bench = adopted(&stage, &imported);
        prop_assert_eq!(bench.writes(), ["TagResource"], "{:#?}", imported);
        prop_assert_eq!(bench.ready(), "True Synced (Released True)", "{}", bench.message());
        let after = bench.stage().clone();
        let tags = stage.tags.clone().map(|mut tags| {
            tags.insert(OWNER_TAG.to_owned(), "prod-eu/shop/orders-prod".to_owned());
            tags
        });
        prop_assert_eq!(after, Stage { tags, ..stage });
        bench.pass();
        prop_assert_eq!(bench.writes(), [""; 0], "and then it rests");
    }
}

#[test]
fn what_follows_from_the_entry_of_all_methods_is_left_out() {
    let all = MethodSetting {
        metrics_enabled: true,
        logging_level: Some("ERROR".to_owned()),
        data_trace_enabled: false,
        throttling_burst_limit: 100,
        throttling_rate_limit: 50.5,
        caching_enabled: false,
        cache_ttl_in_seconds: 300,
        cache_data_encrypted: false,
        require_authorization_for_cache_control: true,
        unauthorized_cache_control_header_strategy: Some("SUCCEED_WITH_RESPONSE_HEADER".to_owned()),
    };
    let mut stage = a_stage("dep0");
    let orders = MethodSetting { throttling_rate_limit: 5.0, logging_level: None, ..all.clone() };
    stage.method_settings = BTreeMap::from([("*/*".to_owned(), all), ("~1orders/GET".to_owned(), orders)]);
    let spec = import(&"eu-west-1".into(), &"a1b2c3d4e5".into(), &stage).spec;
    assert_eq!(
        serde_json::to_value(&spec).unwrap(),
        json!({
            "restApiId": "a1b2c3d4e5", "region": "eu-west-1", "stageName": "prod", "deploymentId": "dep0",
            "methodSettings": [
                { "resourcePath": "*", "httpMethod": "*", "metricsEnabled": true, "loggingLevel": "ERROR",
                  "throttlingBurstLimit": 100, "throttlingRateLimit": 50.5 },
                { "resourcePath": "/orders", "httpMethod": "GET", "loggingLevel": "OFF", "throttlingRateLimit": 5.0 },
            ],
            "adoptionPolicy": "IfExists", "deletionPolicy": "Retain",
        })
    );
}

#[test]
fn what_cannot_be_declared_is_said() {
    let mut stage = a_stage("dep0");
    stage.web_acl_arn = Some("arn:acl".to_owned());
    stage.tags = Some(BTreeMap::from([(OWNER_TAG.to_owned(), "other/shop/orders".to_owned())]));
    stage.canary = Some(Canary {
        deployment_id: "dep9".into(),
        percent_traffic: 10.0,
        use_stage_cache: false,
        stage_variable_overrides: BTreeMap::new(),
    });
    stage.access_log = Some(AccessLog { destination_arn: None, format: None });
    let notes = import(&"eu-west-1".into(), &"a1b2c3d4e5".into(), &stage).notes.join(" ");
    for part in [
        "governed already, by other/shop/orders",
        "canary of deployment dep9 has 10 %",
        "web ACL arn:acl",
        "access logs have no",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}
