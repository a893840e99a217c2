//! YAML: objects go to a real API server, values through the real helm, files through the operator's own readers.

use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stagecraft_core::api::canary::ApiCanary;
use stagecraft_core::api::gateway_response::ApiGatewayResponse;
use stagecraft_core::api::stage::ApiStage;
use stagecraft_docs::root;
use testbed::Cluster;

use crate::blocks::{Check, check};
use crate::{Found, found};

/// Kinds whose definitions are not installed here. What can be said of them without: they are objects with a name.
const FOREIGN: [&str; 5] = [
    "Application argoproj.io/v1alpha1",
    "Kustomization kustomize.config.k8s.io/v1beta1",
    "Kustomization kustomize.toolkit.fluxcd.io/v1",
    "RestAPI apigateway.services.k8s.aws/v1alpha1",
    "Stage apigateway.services.k8s.aws/v1alpha1",
];

fn documents(place: &str, text: &str) -> Vec<Value> {
    let read: Result<Vec<Option<Value>>, _> = serde_saphyr::from_multiple(text);
    read.unwrap_or_else(|error| panic!("{place}: {error}")).into_iter().flatten().collect()
}

fn of(kind: Check) -> Vec<Found> {
    found().into_iter().filter(|found| check(found) == Ok(kind)).collect()
}

async fn cluster() -> &'static Cluster {
    let cluster = testbed::shared().await.unwrap();
    let definitions: Vec<_> =
        stagecraft_core::api::crds().iter().map(|definition| serde_saphyr::to_string(definition).unwrap()).collect();
    cluster.apply_crds(&definitions.join("---\n")).await.unwrap();
    cluster
}

/// What the API server says to an object, applied as a reader would in a namespace of theirs.
async fn dry_run(cluster: &Cluster, namespace: &str, object: &Value) -> Result<(), String> {
    let mut object = object.clone();
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    let arguments =
        ["--namespace", namespace, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
    let output = cluster.kubectl_with_input(arguments, &object.to_string()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && !told.contains("Warning") { Ok(()) } else { Err(told) }
}

/// What the operator says to it, beyond what a definition can.
fn validate(object: &Value) -> Result<(), String> {
    fn read<K: DeserializeOwned>(object: &Value) -> Result<K, String> {
        serde_json::from_value(object.clone()).map_err(|error| error.to_string())
    }
    match object["kind"].as_str() {
        Some("ApiStage") => {
            let stage: ApiStage = read(object)?;
            let settings = settings();
            // What a ConfigMap says is known where it is.
            if stage.spec.rest_api_id_from.is_some() {
                return Ok(());
            }
            stagecraft_core::validate::validate(&stage, &settings, None).map(drop).map_err(|error| error.to_string())
        }
        Some("ApiCanary") => {
            let canary: ApiCanary = read(object)?;
            stagecraft_core::validate::canary::policy(&canary.spec).map(drop).map_err(|error| error.to_string())
        }
        Some("ApiGatewayResponse") => {
            let response: ApiGatewayResponse = read(object)?;
            stagecraft_core::response::validate(&response, &settings(), None)
                .map(drop)
                .map_err(|error| error.to_string())
        }
        Some(_) | None => Ok(()),
    }
}

fn settings() -> stagecraft_core::world::Settings {
    stagecraft_core::world::Settings {
        cluster_id: "docs".to_owned(),
        region: "eu-west-1".into(),
        access: stagecraft_core::access::Policy::Open { adoption: true },
        drift_interval: std::time::Duration::from_mins(10),
        lost_reply_wait: std::time::Duration::from_mins(1),
    }
}

#[tokio::test]
async fn every_object_is_taken_by_the_api_server_and_by_the_operator() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("docs").await.unwrap();
    let (mut ours, mut others) = (0, 0);
    for found in of(Check::Manifests) {
        let documents = documents(&found.place(), &found.block.text);
        assert!(!documents.is_empty(), "{} is empty", found.place());
        for object in documents {
            let text = |member: &str| object[member].as_str().unwrap_or_default().to_owned();
            let known = format!("{} {}", text("kind"), text("apiVersion"));
            assert!(
                object["kind"].is_string() && object["apiVersion"].is_string(),
                "{}: this is no object; if it is values, a fragment or configuration, say so behind the fence",
                found.place()
            );
            if FOREIGN.contains(&known.as_str()) {
                let named = object["metadata"]["name"].is_string() || known.contains("kustomize.config.k8s.io");
                assert!(named, "{}: {known} without a name", found.place());
                others += 1;
                continue;
            }
            if let Err(why) = dry_run(cluster, namespace.name(), &object).await {
                panic!("{}: {known}: {why}", found.place());
            }
            validate(&object).unwrap_or_else(|why| panic!("{}: {known}: {why}", found.place()));
            ours += 1;
        }
    }
    assert!(ours > 12 && others > 2, "{ours} {others}");
    namespace.delete().await.unwrap();
}

/// A part of an `ApiCanary`, put where it belongs in a whole one.
#[tokio::test]
async fn every_fragment_fits_into_a_whole_object() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("docs").await.unwrap();
    for found in of(Check::Fragment) {
        let fragment: Value = serde_saphyr::from_str(&found.block.text).unwrap();
        let mut spec = json!({
            "stageRef": { "name": "orders-prod" }, "steps": [{ "setPercent": 5, "hold": "10m" }],
            "analysis": { "metrics": [{ "name": "e", "apiGateway": { "metric": "ErrorRate5xx" } }] },
        });
        for (member, value) in fragment.as_object().unwrap_or_else(|| panic!("{}: no mapping", found.place())) {
            if member == "metrics" {
                spec["analysis"]["metrics"] = value.clone();
            } else {
                spec[member] = value.clone();
            }
        }
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiCanary", "metadata": { "name": "orders" }, "spec": spec,
        });
        dry_run(cluster, namespace.name(), &object).await.unwrap_or_else(|why| panic!("{}: {why}", found.place()));
        validate(&object).unwrap_or_else(|why| panic!("{}: {why}", found.place()));
    }
    namespace.delete().await.unwrap();
}

#[tokio::test]
async fn values_are_taken_by_the_chart() {
    let cluster = testbed::shared().await.unwrap();
    for found in of(Check::Values) {
        let file = cluster.folder().join(format!("docs-values-{}.yaml", found.block.line));
        fs::write(&file, &found.block.text).unwrap();
        let chart = root().join("charts/stagecraft");
        let arguments =
            ["template", "it", &chart.to_string_lossy(), "--values", &file.to_string_lossy()].map(str::to_owned);
        let output = cluster.helm(arguments).await.unwrap();
        assert!(output.status.success(), "{}: {}", found.place(), String::from_utf8_lossy(&output.stderr));
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn files_of_the_operator_are_read_by_it() {
    for found in of(Check::Configuration) {
        let path: PathBuf =
            std::env::temp_dir().join(format!("stagecraft-docs-{}-{}", std::process::id(), found.block.line));
        let value: Value = serde_saphyr::from_str(&found.block.text).unwrap();
        // Files that such a file names are not there, and that is all that may be wrong with it.
        fs::write(&path, found.block.text.replace("caFile:", "# caFile:")).unwrap();
        let read = if value.get("rules").is_some() {
            stagecraft::access::load(&path).map(drop).map_err(|error| testbed::chain(&error))
        } else {
            stagecraft::prometheus::Prometheus::load(&path).map(drop).map_err(|error| testbed::chain(&error))
        };
        fs::remove_file(path).unwrap();
        assert_eq!(read, Ok(()), "{}", found.place());
    }
}

/// The examples are documentation, too.
#[tokio::test]
async fn every_example_is_taken() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("docs").await.unwrap();
    let mut taken = 0;
    let mut paths = vec![root().join("examples")];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        for object in documents(&path.display().to_string(), &fs::read_to_string(&path).unwrap()) {
            dry_run(cluster, namespace.name(), &object).await.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            validate(&object).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            taken += 1;
        }
    }
    assert!(taken > 4, "{taken}");
    namespace.delete().await.unwrap();
}

/// The command of `docs/how-to/argocd.md`, in another namespace, and the other way that the page tells.
#[tokio::test]
async fn argocd_cm_takes_the_patch_and_keeps_what_it_has() {
    let cluster = testbed::shared().await.unwrap();
    let namespace = cluster.namespace("docs").await.unwrap();
    let patch = root().join("argocd/argocd-cm.yaml");
    let page = fs::read_to_string(root().join("docs/how-to/argocd.md")).unwrap();
    let told = "kubectl -n argocd patch configmap argocd-cm --patch-file argocd/argocd-cm.yaml";
    assert!(page.contains(told));
    let told = told.replace("-n argocd", &format!("-n {}", namespace.name()));
    let told = told.replace("argocd/argocd-cm.yaml", &patch.to_string_lossy());
    let made =
        ["create", "configmap", "argocd-cm", "-n", namespace.name(), "--from-literal=url=https://argocd.example.com"];
    for arguments in [made.map(str::to_owned).to_vec(), told.split(' ').skip(1).map(str::to_owned).collect()] {
        let output = cluster.kubectl(&arguments).await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let read = cluster.kubectl(["get", "configmap", "argocd-cm", "-n", namespace.name(), "-o", "json"]).await.unwrap();
    let patched: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(patched["data"]["url"], "https://argocd.example.com");
    let ours: Value = serde_saphyr::from_str(&fs::read_to_string(&patch).unwrap()).unwrap();
    for (key, script) in ours["data"].as_object().unwrap() {
        assert_eq!(&patched["data"][key], script, "{key}");
    }
    namespace.delete().await.unwrap();

    let blocks = of(Check::Manifests);
    let kustomization = blocks.iter().find(|found| found.block.text.contains("path: argocd-cm.yaml")).unwrap();
    let folder = cluster.folder().join("docs-kustomize");
    fs::create_dir_all(&folder).unwrap();
    let base =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n  url: https://argocd.example.com\n";
    fs::write(folder.join("argocd.yaml"), base).unwrap();
    fs::write(folder.join("kustomization.yaml"), &kustomization.block.text).unwrap();
    fs::copy(&patch, folder.join("argocd-cm.yaml")).unwrap();
    let output = cluster.kubectl(["kustomize", &folder.to_string_lossy()]).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let built: Value = serde_saphyr::from_slice(&output.stdout).unwrap();
    assert_eq!(built["data"].as_object().unwrap().len(), ours["data"].as_object().unwrap().len() + 1);
}
