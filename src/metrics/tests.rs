//! The names, labels and help texts that dashboards rely on.

use super::*;

fn denied() -> Standing {
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: "False".to_owned(),
        reason: "AccessDenied".to_owned(),
        message: String::new(),
        last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        observed_generation: None,
    };
    Standing::of(&[condition], Some("AVAILABLE"))
}

/// Each family with at least one series.
pub(super) fn sample() -> String {
    let metrics = Metrics::new();
    metrics.reconciled(Kind::ApiStage, Outcome::Ok, Duration::from_millis(30));
    metrics.reconciled(Kind::ApiStage, Outcome::WaitingFor, Duration::from_secs(3));
    metrics.aws_called("UpdateStage", Outcome::Throttled, Duration::from_millis(200));
    metrics.limiter_waited("Abort", Duration::from_millis(150));
    metrics.watch_limiter(|| (17.5, 2.5));
    metrics.status_written(Kind::ApiCanary, StatusWrite::Conflict);
    metrics.event("DriftCorrected", Publication::Failed);
    metrics.missed(Kind::ApiGatewayResponse, Miss::LostWatch);
    metrics.set_orphans(&"eu-west-1".into(), &"a1b2c3".into(), 7);
    metrics.set_orphans(&"eu-west-1".into(), &"a1b2c3".into(), 2);
    metrics.set_orphans(&"eu-west-1".into(), &"d4e5f6".into(), 3);
    metrics.history_cut(4);
    metrics.object_seen(Kind::ApiStage, &denied());
    let status = |value| serde_json::from_value::<ApiStageStatus>(value).unwrap();
    let release = serde_json::json!({
        "id": "r2.2", "how": "Canary", "phase": "Progressing", "startedAt": "2026-08-01T12:00:00Z", "target": { "variablesHash": "0" },
    });
    let canary = serde_json::json!({ "percentTraffic": 25.0, "useStageCache": false, "deploymentId": "d" });
    metrics.object_seen(
        Kind::ApiStage,
        &Standing::of_stage(&status(serde_json::json!({ "release": release, "canary": canary }))),
    );
    let entry = serde_json::json!({ "release": "r2.2", "variablesHash": "0", "how": "Canary", "stableSince": "2026-08-01T12:09:00Z" });
    metrics.status_stored(None, &status(serde_json::json!({ "release": release, "history": [entry] })));
    metrics.checked(&Check {
        at: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        step: Some(1),
        verdict: stagecraft_core::api::check::Verdict::Pass,
        metrics: Vec::new(),
    });
    metrics.set_leader(true);
    metrics.encode().unwrap()
}

#[test]
fn the_document_is_what_the_registry_says() {
    let written = std::fs::read_to_string(document::PATH).unwrap_or_default();
    assert_eq!(written, document::of(&sample()), "run `make metrics`, look at the difference and commit it");
}

/// Not a test: `make metrics` runs it.
#[test]
#[ignore = "writes docs/metrics.md"]
fn write_the_document() {
    std::fs::write(document::PATH, document::of(&sample())).unwrap();
}

#[test]
fn every_count_is_shown_under_its_documented_name() {
    let text = sample();
    for line in [
        r#"stagecraft_reconciles_total{kind="ApiStage",outcome="Ok"} 1"#,
        r#"stagecraft_reconciles_total{kind="ApiStage",outcome="WaitingFor"} 1"#,
        r#"stagecraft_reconcile_duration_seconds_bucket{le="0.05",kind="ApiStage"} 1"#,
        r#"stagecraft_reconcile_duration_seconds_count{kind="ApiStage"} 2"#,
        r#"stagecraft_aws_calls_total{operation="UpdateStage",outcome="Throttled"} 1"#,
        r#"stagecraft_aws_call_duration_seconds_sum{operation="UpdateStage"} 0.2"#,
        r#"stagecraft_aws_limiter_wait_seconds_bucket{le="0.25",priority="Abort"} 1"#,
        "stagecraft_aws_limiter_tokens 17.5",
        "stagecraft_aws_limiter_rate 2.5",
        r#"stagecraft_status_writes_total{kind="ApiCanary",outcome="Conflict"} 1"#,
        r#"stagecraft_events_total{reason="DriftCorrected",outcome="Failed"} 1"#,
        r#"stagecraft_missed_total{kind="ApiGatewayResponse",cause="LostWatch"} 1"#,
        "stagecraft_orphaned_deployments 5",
        "stagecraft_history_cut_total 4",
        r#"stagecraft_objects{kind="ApiStage",type="Ready",status="False",reason="AccessDenied"} 1"#,
        r#"stagecraft_cache_clusters{status="AVAILABLE"} 1"#,
        r#"stagecraft_releases_running{phase="Progressing"} 1"#,
        r#"stagecraft_canaries{percent="25"} 1"#,
        r#"stagecraft_releases_total{result="Canary"} 1"#,
        r#"stagecraft_release_duration_seconds_count{result="Canary"} 1"#,
        r#"stagecraft_checks_total{verdict="Pass"} 1"#,
        "stagecraft_leader 1",
        concat!(r#"stagecraft_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn every_family_is_explained_and_follows_openmetrics() {
    let text = sample();
    assert!(text.ends_with("# EOF\n"));
    let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let registered = format!("{:?}", Metrics::new().registry).matches("Descriptor {").count();
    assert_eq!(families.len(), registered, "a family that the sample does not fill:\n{text}");
    for family in families {
        assert!(family.starts_with("stagecraft_") && !family.ends_with("_total"), "{family}");
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {family} ")));
        let help = help.unwrap_or_else(|| panic!("{family} has no help text"));
        assert!(help.ends_with('.') && !help.ends_with("..") && help.len() > 15, "{family}: {help}");
    }
}
