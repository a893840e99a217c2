//! Settings beside the release: how many calls, in which order, and what becomes of what is not declared.

use std::collections::BTreeMap;

use super::at_rest;
use super::bench::{Bench, orders};
use super::model;
use crate::api::event::EventReason;
use crate::api::settings::{AccessLogSettings, CacheClusterSize, HttpMethod, LoggingLevel, MethodSettings};
use crate::api::stage::{ApiStageSpec, DriftPolicy};
use crate::cause::Cause;
use crate::world::Group;

fn entry(path: &str, method: HttpMethod) -> MethodSettings {
    MethodSettings { resource_path: path.to_owned(), http_method: method, ..MethodSettings::default() }
}

fn all() -> MethodSettings {
    entry("*", HttpMethod::All)
}

fn get(path: &str) -> MethodSettings {
    entry(path, HttpMethod::Get)
}

fn methods(bench: &mut Bench, entries: Vec<MethodSettings>) -> &mut Bench {
    bench.edit(|spec| spec.method_settings = Some(entries))
}

fn log() -> AccessLogSettings {
    AccessLogSettings {
        destination_arn: "arn:aws:logs:eu-west-1:123456789012:log-group:orders".to_owned(),
        format: "$context.requestId".to_owned(),
    }
}

#[test]
fn a_new_stage_gets_all_it_can_with_its_creation_and_the_rest_at_once() {
    let mut bench = orders();
    bench.revision("r1").edit(|spec| {
        spec.tracing_enabled = Some(true);
        spec.documentation_version = Some("v1".to_owned());
        spec.cache_cluster_enabled = Some(true);
        spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop".to_owned())]));
        spec.client_certificate_id = Some("abc123".to_owned());
        spec.access_log_settings = Some(log());
    });
    methods(&mut bench, vec![MethodSettings { throttling_burst_limit: Some(50), ..all() }]);
    bench.pass();
    assert_eq!(
        bench.written[1..],
        [
            "CreateStage deploymentId=dep1",
            "  tracingEnabled=true",
            "  documentationVersion=v1",
            "  cacheClusterEnabled=true",
            "  tags team=shop",
            "UpdateStage",
            "  replace /clientCertificateId = abc123",
            "  replace /*/*/throttling/burstLimit = 50",
            "UpdateStage",
            "  replace /accessLogSettings/destinationArn = arn:aws:logs:eu-west-1:123456789012:log-group:orders",
            "  replace /accessLogSettings/format = $context.requestId",
        ]
    );
    let pending = bench.statuses.iter().flat_map(|status| &status.conditions);
    let pending: Vec<_> = pending.filter(|condition| condition.reason == "SettingsPending").collect();
    assert_eq!(
        pending.first().map(|condition| condition.message.as_str()),
        Some("To be applied: clientCertificateId, methodSettings[*:*], accessLogSettings."),
        "meanwhile it names what is missing"
    );
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn an_edit_of_twenty_methods_logs_variables_and_tags_takes_few_calls() {
    let mut bench = at_rest();
    let entries = (0..20).map(|n| MethodSettings {
        metrics_enabled: Some(true),
        caching_enabled: Some(true),
        cache_ttl_in_seconds: Some(60),
        cache_data_encrypted: Some(true),
        throttling_burst_limit: Some(10),
        throttling_rate_limit: Some(5.0),
        logging_level: Some(LoggingLevel::Error),
        ..get(&format!("/orders/{n}"))
    });
    methods(&mut bench, entries.collect());
    bench.variable("backend", "green").edit(|spec| {
        spec.access_log_settings = Some(log());
        spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop".to_owned()), ("tier".to_owned(), "1".to_owned())]));
    });
    bench.pass();
    let operations = bench.written.iter().filter(|text| text.starts_with("  ")).count();
    let updates = bench.written.iter().filter(|text| *text == "UpdateStage").count();
    assert_eq!((operations, updates), (1 + 20 * 7 + 2, 4), "traffic, two of settings, logging");
    assert!(updates <= operations.div_ceil(80) + 2);
    assert_eq!(bench.calls.iter().filter(|call| call.ends_with("TagResource")).count(), 1);
    assert_eq!(
        bench.written[..2],
        ["UpdateStage", "  replace /variables/backend = green"],
        "traffic is alone, and first"
    );
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn what_an_entry_leaves_out_follows_the_declared_entry_of_all_methods() {
    let mut bench = at_rest();
    let wide = MethodSettings { metrics_enabled: Some(true), throttling_burst_limit: Some(50), ..all() };
    methods(&mut bench, vec![MethodSettings { caching_enabled: Some(true), ..get("/pets") }, wide.clone()]);
    bench.pass();
    assert_eq!(
        bench.written,
        [
            "UpdateStage",
            "  replace /*/*/metrics/enabled = true",
            "  replace /*/*/throttling/burstLimit = 50",
            // The rest comes with it from */*.
            "  replace /~1pets/GET/caching/enabled = true",
        ]
    );
    assert_eq!(bench.stage().method_settings["~1pets/GET"].throttling_burst_limit, 50);

    // Another value for all is written to the entry, too: API Gateway does not pass it on.
    let wider = MethodSettings { throttling_burst_limit: Some(70), ..wide };
    methods(&mut bench, vec![wider, MethodSettings { caching_enabled: Some(true), ..get("/pets") }]).pass();
    assert_eq!(
        bench.written,
        [
            "UpdateStage",
            "  replace /*/*/throttling/burstLimit = 70",
            "  replace /~1pets/GET/throttling/burstLimit = 70",
        ]
    );

    // Nothing declares a throttle any more: what we once set is lifted; metrics go back to AWS's default.
    methods(&mut bench, vec![MethodSettings { caching_enabled: Some(true), ..get("/pets") }]).pass();
    assert_eq!(
        bench.written,
        [
            "UpdateStage",
            "  remove /*/*",
            "  replace /~1pets/GET/metrics/enabled = false",
            "  replace /~1pets/GET/throttling/burstLimit = -1",
        ]
    );
    let managed: Vec<_> = bench.status().managed.iter().filter(|path| path.starts_with("methodSettings")).collect();
    assert_eq!(managed, ["methodSettings[/pets:GET]"]);
    assert_eq!(bench.ready(), "True Synced (Released True)");
}

#[test]
fn a_throttle_that_nobody_declares_stays_as_aws_made_it() {
    let mut bench = at_rest();
    methods(&mut bench, vec![MethodSettings { metrics_enabled: Some(true), ..get("/pets") }]).pass();
    let made = &bench.stage().method_settings["~1pets/GET"];
    assert_eq!(made.throttling_burst_limit, model::fresh().throttling_burst_limit);
    bench.stage().method_settings.get_mut("~1pets/GET").unwrap().throttling_burst_limit = 1250;
    bench.pass();
    assert_eq!(bench.written, [""; 0]);
}

#[test]
fn an_entry_made_from_somebodys_entry_of_all_methods_is_told_what_is_otherwise() {
    let mut bench = at_rest();
    let mut theirs = model::fresh();
    theirs.caching_enabled = true;
    theirs.logging_level = Some("INFO".to_owned());
    bench.stage().method_settings.insert("*/*".to_owned(), theirs.clone());
    methods(&mut bench, vec![MethodSettings { metrics_enabled: Some(true), ..get("/pets") }]).pass();
    assert_eq!(
        bench.written,
        [
            "UpdateStage",
            "  replace /~1pets/GET/metrics/enabled = true",
            "  replace /~1pets/GET/caching/enabled = false",
            "UpdateStage",
            "  replace /~1pets/GET/logging/loglevel = OFF",
        ]
    );
    assert_eq!(bench.stage().method_settings["*/*"], theirs, "theirs is not touched");
    assert_eq!(bench.status().unmanaged, ["methodSettings[*:*]"]);
}

#[test]
fn an_entry_that_declares_nothing_is_made_and_owned() {
    let mut bench = at_rest();
    methods(&mut bench, vec![MethodSettings { logging_level: Some(LoggingLevel::Off), ..get("/") }]).pass();
    assert_eq!(
        bench.written,
        ["UpdateStage", "  replace /~1/GET/metrics/enabled = false"],
        "no role is needed for OFF"
    );
    bench.stage().method_settings.get_mut("~1/GET").unwrap().caching_enabled = true;
    bench.pass();
    assert_eq!(bench.written, ["UpdateStage", "  replace /~1/GET/caching/enabled = false"]);
}

#[test]
fn entries_of_others_are_listed_and_left() {
    let mut bench = at_rest();
    for key in ["test/GET", "~1orders~1{id}/ANY"] {
        bench.stage().method_settings.insert(key.to_owned(), model::fresh());
    }
    methods(&mut bench, vec![MethodSettings { metrics_enabled: Some(true), ..get("/test") }]).pass();
    assert_eq!(bench.written, ["UpdateStage", "  replace /~1test/GET/metrics/enabled = true"]);
    assert_eq!(bench.status().unmanaged, ["methodSettings[test:GET]", "methodSettings[/orders/{id}:ANY]"]);
    for n in 0..300 {
        bench.stage().method_settings.insert(format!("~1{n:0>40}/GET"), model::fresh());
    }
    bench.pass();
    let size = serde_json::to_string(bench.status()).unwrap().len();
    assert!(size < 8 * 1024, "{size} bytes");
    assert!(bench.status().unmanaged.last().is_some_and(|last| last.starts_with("and ") && last.ends_with(" more")));
}

#[test]
fn every_group_has_its_own_refusal() {
    let declare = |bench: &mut Bench| {
        methods(bench, vec![MethodSettings { metrics_enabled: Some(true), ..all() }]);
        bench.edit(|spec| {
            spec.access_log_settings = Some(log());
            spec.cache_cluster_enabled = Some(true);
            spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop".to_owned())]));
        });
    };
    let applied = |bench: &mut Bench| {
        let stage = bench.stage();
        let tags = stage.tags.clone().unwrap_or_default();
        [
            (Group::Settings, stage.method_settings.contains_key("*/*")),
            (Group::Logging, stage.access_log.is_some()),
            (Group::Tags, tags.contains_key("team")),
            (Group::Cache, stage.cache.enabled),
        ]
    };
    for refused in [Group::Settings, Group::Logging, Group::Tags, Group::Cache] {
        let mut bench = at_rest();
        declare(&mut bench);
        bench.refusing = Some((refused, Cause::Denied));
        bench.pass();
        for (group, is_applied) in applied(&mut bench) {
            assert_eq!(is_applied, group != refused, "{group:?} while {refused:?} is refused");
        }
        assert_eq!(bench.ready(), "False AccessDenied (Released True)", "{refused:?}");
        // The calls of a group that is refused for long are not repeated before their time.
        bench.recent.retry_at.insert(refused, super::bench::at(1_000_000));
        let calls = |bench: &Bench| bench.calls.iter().filter(|call| !call.starts_with("Get")).count();
        bench.recent.tried.insert(refused);
        bench.refusing = None;
        bench.pass_keeping_tried();
        assert_eq!(calls(&bench), 0, "{refused:?}");
        bench.recent.retry_at.clear();
        bench.pass();
        assert_eq!(bench.ready(), "True Synced (Released True)", "{refused:?}");
    }
}

#[test]
fn the_missing_role_says_where_to_set_it() {
    let mut bench = at_rest();
    bench.refusing = Some((Group::Logging, Cause::LogsRoleMissing));
    bench.edit(|spec| spec.access_log_settings = Some(log())).pass();
    assert_eq!(bench.ready(), "False LogsRoleMissing (Released True)");
    assert_eq!(
        bench.message(),
        "API Gateway refused logging: this account has no CloudWatch Logs role in eu-west-1. Set one in the account settings, or remove logging from spec; everything else is applied."
    );
}

#[test]
fn what_aws_takes_and_does_not_show_is_not_sent_again_and_again() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.documentation_version = Some("v1".to_owned())).pass();
    bench.edit(|spec| {
        spec.documentation_version = None;
        spec.description = Some("Orders 2".to_owned());
    });
    bench.forgetful = true;
    bench.pass();
    assert_eq!(
        bench.written,
        ["UpdateStage", "  replace /description = Orders 2", "  replace /documentationVersion = "],
        "once"
    );
    assert_eq!(bench.ready(), "False SettingNotKept (Released True)");
    assert_eq!(
        bench.message(),
        "API Gateway accepted documentationVersion but does not show it as declared. Declare it as API Gateway shows it, or remove it from spec."
    );
    let wait = bench.wake_up_at.unwrap().duration_since(bench.now).as_secs();
    assert!(wait >= 240, "and not soon again: {wait}");

    let conditions = bench.status().conditions.clone();
    // Hours of polls, and what other groups and releases do meanwhile.
    for hour in 0..6 {
        for poll in 0..10 {
            bench.now = bench.now.checked_add(std::time::Duration::from_mins(5)).unwrap();
            bench.pass();
            assert_eq!(bench.written, [""; 0], "hour {hour}, poll {poll}");
            assert_eq!(bench.events, [], "hour {hour}, poll {poll}");
            let moved = bench.statuses.iter().any(|status| status.conditions != conditions);
            assert!(!moved, "hour {hour}, poll {poll}: no condition flips and flips back");
            bench.stage().last_updated = Some(bench.now);
            bench.stage().cache.status = if poll % 2 == 0 { "NOT_AVAILABLE".to_owned() } else { String::new() };
        }
    }
    assert_eq!(bench.ready(), "False SettingNotKept (Released True)");

    // Another value in API Gateway may make it take this one: it is tried once.
    bench.stage().documentation_version = Some("v7".to_owned());
    bench.pass();
    assert_eq!(bench.written, ["UpdateStage", "  replace /documentationVersion = "]);
    bench.pass();
    assert_eq!(bench.written, [""; 0]);
    bench.stage().description = Some("by hand".to_owned());
    bench.pass();
    assert_eq!(bench.stage().description.as_deref(), Some("Orders 2"), "what it does keep is put right all the same");
    bench.pass();
    assert_eq!(bench.written, [""; 0]);
    assert_eq!(bench.ready(), "False SettingNotKept (Released True)");

    bench.forgetful = false;
    bench.edit(|spec| spec.description = Some("Orders 3".to_owned())).pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "another spec asks anew");
}

#[test]
fn tags_that_aws_does_not_keep_are_not_set_again_and_again() {
    let mut bench = at_rest();
    let team = |spec: &mut ApiStageSpec| spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop ".to_owned())]));
    bench.trims_tags = true;
    bench.edit(team).pass();
    assert_eq!(bench.written, ["TagResource team=shop "]);
    assert_eq!(bench.ready(), "False SettingNotKept (Released True)");
    for _ in 0..20 {
        bench.pass();
        assert_eq!((bench.written.len(), bench.statuses.len(), bench.events.len()), (0, 0, 0));
    }
    bench.stage().tags.as_mut().unwrap().insert("team".to_owned(), "theirs".to_owned());
    bench.pass();
    assert_eq!(bench.written, ["TagResource team=shop "], "a hand is a new cause");
    bench.pass();
    assert_eq!(bench.written, [""; 0]);
}

#[test]
fn what_names_something_else_in_aws_is_sent_apart_once_the_settings_were_refused() {
    let cases = [
        ("/documentationVersion", "UpdateStage\n  replace /clientCertificateId = abc123"),
        ("/clientCertificateId", "UpdateStage\n  replace /documentationVersion = v1"),
    ];
    for (bad, good) in cases {
        let mut bench = at_rest();
        bench.invalid = vec![bad];
        bench.edit(|spec| {
            spec.description = Some("Orders 2".to_owned());
            spec.client_certificate_id = Some("abc123".to_owned());
            spec.documentation_version = Some("v1".to_owned());
        });
        bench.pass();
        assert_eq!(
            bench.refused[..4],
            [
                "UpdateStage",
                "  replace /description = Orders 2",
                "  replace /clientCertificateId = abc123",
                "  replace /documentationVersion = v1",
            ],
            "all three are one call at first"
        );
        assert_eq!(bench.refused.len(), 6, "{bad} is asked for alone once more: {:?}", bench.refused);
        assert!(bench.refused[5].contains(bad), "{:?}", bench.refused);
        assert_eq!(bench.written.join("\n"), good, "the other one waits for nothing");
        bench.pass();
        assert_eq!(bench.written, ["UpdateStage", "  replace /description = Orders 2"]);
        assert_eq!(bench.ready(), "False Refused (Released True)");
        for _ in 0..3 {
            bench.pass();
            assert_eq!(bench.written, [""; 0]);
            assert_eq!((bench.refused.len(), bench.refused[1].contains(bad)), (2, true), "{:?}", bench.refused);
        }
        bench.invalid.clear();
        bench.pass();
        assert_eq!(bench.ready(), "True Synced (Released True)");
    }
}

#[test]
fn a_reference_that_was_refused_holds_back_no_later_one() {
    // The version is refused for long when the certificate is declared, and the other way round; a new spec asks for all anew.
    type Declare = fn(&mut ApiStageSpec);
    let version: Declare = |spec| spec.documentation_version = Some("typo".to_owned());
    let certificate: Declare = |spec| spec.client_certificate_id = Some("abc123".to_owned());
    let cases = [
        ("/documentationVersion", version, certificate, "  replace /clientCertificateId = abc123"),
        ("/clientCertificateId", certificate, version, "  replace /documentationVersion = typo"),
    ];
    for (bad, first, then, sent) in cases {
        let mut bench = at_rest();
        bench.invalid = vec![bad];
        bench.edit(first).pass();
        assert_eq!(bench.refused.len(), 2, "alone from the beginning: {:?}", bench.refused);
        bench.edit(then).pass();
        assert_eq!(bench.written, ["UpdateStage", sent]);
        assert_eq!(bench.ready(), "False Refused (Released True)");
    }
}

#[test]
fn a_bare_stage_is_better_than_none() {
    let mut bench = orders();
    bench.revision("r1").edit(|spec| {
        spec.documentation_version = Some("nowhere".to_owned());
        spec.cache_cluster_enabled = Some(true);
        spec.cache_cluster_size = Some(CacheClusterSize::Gb237);
    });
    bench.refusing = Some((Group::Traffic, Cause::Refused));
    bench.pass();
    assert_eq!(bench.ready(), "False Refused (Released False)");
    bench.refusing = Some((Group::DocumentationVersion, Cause::Refused));
    bench.pass();
    assert_eq!(
        bench.written,
        [
            "CreateStage deploymentId=dep1",
            "UpdateStage",
            "  replace /cacheClusterSize = 237",
            "  replace /cacheClusterEnabled = true",
        ]
    );
    assert_eq!(bench.ready(), "False Refused (Released True)", "the version says for itself what is wrong with it");
}

#[test]
fn drift_in_all_groups_is_put_right_in_one_breath_and_noted() {
    let mut bench = at_rest();
    methods(&mut bench, vec![MethodSettings { logging_level: Some(LoggingLevel::Info), ..all() }]);
    bench.edit(|spec| spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop".to_owned())]))).pass();
    let stage = bench.stage();
    stage.description = None;
    stage.method_settings.get_mut("*/*").unwrap().logging_level = None;
    stage.tags.as_mut().unwrap().remove("team");
    bench.pass();
    assert_eq!(bench.events, [EventReason::DriftCorrected; 3]);
    assert_eq!(bench.statuses, [], "no condition flips and flips back");
    let fields: Vec<_> = bench.status().drift.iter().map(|drift| drift.field.as_str()).collect();
    assert_eq!(fields, ["tags[team]", "methodSettings[*:*]", "description"]);

    bench.edit(|spec| spec.drift_policy = Some(DriftPolicy::Report)).pass();
    bench.stage().tags.as_mut().unwrap().remove("team");
    bench.pass();
    assert_eq!(bench.ready(), "False DriftReported (Released True)");
    bench.edit(|spec| spec.description = Some("Orders 2".to_owned())).pass();
    assert_eq!(bench.ready(), "True Synced (Released True)", "a new generation applies everything");
}

#[test]
fn tags_are_judged_from_reads_only() {
    let mut bench = at_rest();
    bench.edit(|spec| spec.tags = Some(BTreeMap::from([("team".to_owned(), "shop".to_owned())]))).pass();
    bench.edit(|spec| spec.tags = None);
    // A write's reply leaves the tags out: nothing is known of them, so nothing is forgotten either.
    let mut observed = crate::world::Observed { account: Some("123456789012".into()), ..Default::default() };
    let mut stage = bench.stage().clone();
    stage.tags = None;
    observed.stages = Some(bench.seen(vec![stage].into()));
    bench.cause_at = bench.now;
    let plan = bench.plan(&mut observed);
    assert!(plan.status.managed.contains("tags[team]"), "{:?}", plan.status.managed);
    bench.pass();
    assert_eq!(bench.written, ["UntagResource team"]);
}
