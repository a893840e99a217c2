//! What the chart renders: accepted by a real API server, restricted, and the same definitions as `crds/`.

use std::path::Path;

use serde_json::{Value, json};
use stagecraft::cli::{Command, Settings, parse};
use stagecraft::telemetry::LogFormat;
use testbed::shared;

use crate::world::{CHART, control_plane, helm, kubectl, kubectl_with, objects, only, refused, step, value_sets};

/// Kinds of the Prometheus Operator, which a bare API server does not know.
const FOREIGN: [&str; 3] = ["ServiceMonitor", "PodMonitor", "PrometheusRule"];

#[tokio::test]
async fn every_value_set_renders_objects_that_the_api_server_takes() {
    let plane = control_plane().await;
    helm(&plane, &["lint", "--strict", "--quiet", CHART]).await;
    for namespace in ["shop", "maps", "ops"] {
        kubectl(&plane, &["create", "namespace", namespace]).await;
    }
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&plane, &["label", "namespace", "ops", label]).await;
    for values in value_sets() {
        step(&values.file_name().unwrap().to_string_lossy());
        let values = values.to_string_lossy();
        let rendered = helm(&plane, &["template", "it", CHART, "--namespace", "ops", "--values", &values]).await;
        let objects = objects(&rendered);
        let known = objects.iter().filter(|object| !FOREIGN.iter().any(|kind| object["kind"] == *kind));
        let known = json!({ "apiVersion": "v1", "kind": "List", "items": known.collect::<Vec<_>>() });
        let dry = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
        kubectl_with(&plane, &dry, &known.to_string()).await;

        // Pod Security only warns of a Deployment; it refuses a pod. Its warnings would come as one of kubectl above, too.
        let deployment = only(&objects, "Deployment");
        let settings = settings(deployment).unwrap_or_else(|error| panic!("{values}: {error}"));
        if values.contains("everything") {
            assert_eq!(settings.log_format, LogFormat::Text, "extraArgs go before values");
            assert_eq!(settings.webhooks.allowed_hosts.len(), 2);
        }
        let account = &deployment["spec"]["template"]["spec"]["serviceAccountName"];
        let mut pod = deployment["spec"]["template"].clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!("it");
        pod["metadata"]["namespace"] = json!("ops");
        // The account and the priority class are checked by the API server only where they are there.
        kubectl(&plane, &["create", "serviceaccount", account.as_str().unwrap(), "--namespace", "ops"]).await;
        kubectl_with(&plane, &["create", "--dry-run=server", "-f", "-"], &pod.to_string()).await;
        kubectl(&plane, &["delete", "serviceaccount", account.as_str().unwrap(), "--namespace", "ops"]).await;
    }
}

/// What the operator makes of the arguments that a Deployment gives it.
fn settings(deployment: &Value) -> Result<Settings, clap::Error> {
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let arguments = arguments.iter().map(|argument| argument.as_str().unwrap().to_owned());
    match parse(std::iter::once("stagecraft".to_owned()).chain(arguments))? {
        Command::Run(settings) => Ok(*settings),
        other @ (Command::Plan(_) | Command::Crds { .. }) => panic!("the pod would not run the operator: {other:?}"),
    }
}

#[tokio::test]
async fn a_pod_that_is_not_restricted_would_be_refused() {
    let plane = shared().await.unwrap();
    let namespace = plane.namespace("restricted").await.unwrap();
    let label = ["label", "namespace", namespace.name(), "pod-security.kubernetes.io/enforce=restricted"];
    kubectl(plane, &label).await;
    // Without its account the pod would be refused for another reason.
    let account = ["wait", "--for=create", "serviceaccount/default", "--timeout=60s", "--namespace", namespace.name()];
    kubectl(plane, &account).await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "it", "namespace": namespace.name() },
        "spec": { "containers": [{ "name": "it", "image": "it" }] },
    });
    let create = ["create", "--dry-run=server", "-f", "-"];
    let output = plane.kubectl_with_input(create, &pod.to_string()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("violates PodSecurity"), "the check of the other test would not fail: {said}");
}

#[tokio::test]
async fn the_definitions_are_those_of_crds_and_stay_when_the_release_goes() {
    let plane = shared().await.unwrap();
    let rendered = helm(plane, &["template", "it", CHART, "--show-only", "templates/crds.yaml"]).await;
    let mut definitions = objects(&rendered);
    for definition in &mut definitions {
        let annotations = definition["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(annotations, Some(json!({ "helm.sh/resource-policy": "keep" })));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let expected: Vec<Value> =
        files.iter().map(|file| serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()).collect();
    assert_eq!(definitions, expected);
    let plain = helm(plane, &["template", "it", CHART, "--set", "crds.keep=false"]).await;
    assert!(!plain.contains("resource-policy"));
    let none = helm(plane, &["template", "it", CHART, "--set", "crds.install=false"]).await;
    assert!(!none.contains("CustomResourceDefinition"));
}

/// Every metric that an alert or the dashboard asks for is one that the operator has.
#[test]
fn alerts_and_the_dashboard_ask_for_metrics_that_exist() {
    let documented = include_str!("../../docs/metrics.md");
    let mut asked = 0;
    for text in [
        include_str!("../../charts/stagecraft/templates/alerts.yaml"),
        include_str!("../../charts/stagecraft/files/dashboard.json"),
    ] {
        for name in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if name.starts_with("stagecraft_") {
                let family = name.trim_end_matches("_bucket");
                assert!(documented.contains(&format!("| `{family}` |")), "{name} is no metric of the operator");
                asked += 1;
            }
        }
    }
    assert!(asked > 10, "the texts were not read");
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_installed() {
    let plane = shared().await.unwrap();
    let cases = [
        ("replicaCount=2", "additional properties 'replicaCount' not allowed"),
        ("replicas=2,leaderElection.enabled=false", "/replicas"),
        ("image.digest=latest", "/image/digest"),
        ("aws.rate=11", "/aws/rate"),
        ("driftInterval=10", "/driftInterval"),
        ("clusterId=a/b", "/clusterId"),
        ("metrics.serviceMonitor.enable=true", "additional properties 'enable' not allowed"),
    ];
    for (value, sentence) in cases {
        let said = refused(plane, &["template", "it", CHART, "--set", value]).await;
        assert!(said.contains(sentence), "{value}: {said}");
    }
}
