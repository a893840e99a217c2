//! TLS to whom a release asks beside AWS, with the one server on this machine that has a certificate: the apiserver, which is
//! neither a gate nor a Prometheus and says so.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use stagecraft::prometheus::{Config, Prometheus, ProviderConfig};
use stagecraft::webhook::{Gate, ObjectName, Payload, ReleaseFacts, Rules, StageFacts, Webhooks};
use stagecraft_core::analysis::Reading;
use stagecraft_core::api::canary::Moment;
use stagecraft_core::validate::canary::Webhook;
use testbed::Cluster;

/// The file with the authority behind the apiserver's certificate.
fn authority(cluster: &Cluster) -> PathBuf {
    let kubeconfig = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
    kubeconfig.pointer("/clusters/0/cluster/certificate-authority").and_then(Value::as_str).unwrap().into()
}

async fn asked(cluster: &Cluster, ca_file: Option<PathBuf>) -> String {
    let provider =
        ProviderConfig { name: "main".to_owned(), url: cluster.server().to_owned(), bearer_token_file: None, ca_file };
    let prometheus = Prometheus::new(Config { prometheus: vec![provider] }).unwrap();
    let reading = prometheus.query("main", "up", Timestamp::UNIX_EPOCH).await;
    let Reading::Missing(why) = reading else { panic!("an apiserver gave a value: {reading:?}") };
    why
}

#[tokio::test]
async fn a_prometheus_is_trusted_by_its_authority_only() {
    let cluster = testbed::shared().await.unwrap();
    let said = asked(cluster, Some(authority(cluster))).await;
    assert!(said.starts_with("Prometheus main answered 40"), "with its authority it is asked: {said}");
    let said = asked(cluster, None).await;
    assert!(
        said.starts_with("Prometheus main could not be asked: no connection could be made (")
            && said.contains("certificate"),
        "the system does not know its authority: {said}"
    );
}

#[tokio::test]
async fn a_gate_that_the_system_does_not_trust_holds() {
    let cluster = testbed::shared().await.unwrap();
    let host = cluster.server().trim_start_matches("https://").trim_end_matches('/');
    let rules = Rules { allowed_hosts: vec![host.parse().unwrap()], allow_http: false };
    let webhook = Webhook {
        name: "gate".to_owned(),
        url: format!("https://{host}/release"),
        when: BTreeSet::from([Moment::AfterPromotion]),
        timeout: Duration::from_secs(20),
        retries: 0,
    };
    let name = |name: &str| ObjectName { namespace: "shop".to_owned(), name: name.to_owned() };
    let payload = Payload {
        moment: Moment::AfterPromotion,
        delivery: "r2.7/AfterPromotion".to_owned(),
        webhook: "gate".to_owned(),
        api_canary: name("orders"),
        api_stage: name("orders-prod"),
        stage: StageFacts {
            account_id: None,
            region: "eu-west-1".into(),
            rest_api_id: "a1b2c3".into(),
            stage_name: "prod".into(),
        },
        release: ReleaseFacts {
            id: "r2.7".into(),
            revision: None,
            deployment_id: None,
            variables_hash: String::new(),
            stable: None,
            started_at: Timestamp::UNIX_EPOCH,
        },
        step: None,
        changes: None,
        reason: None,
    };
    match Webhooks::new(rules).unwrap().call(&webhook, &payload).await {
        Gate::Closed(said) => assert!(
            said.starts_with("Webhook gate could not be asked: no connection could be made (")
                && said.contains("certificate"),
            "{said}"
        ),
        Gate::Open => panic!("a stranger opened a gate"),
    }
}
