//! Install, upgrade, roll back, uninstall.

use serde_json::{Value, json};

use crate::world::{CHART, control_plane, helm, kubectl, kubectl_with, step};

#[tokio::test]
async fn objects_and_their_status_outlive_upgrade_rollback_and_uninstall() {
    let plane = control_plane().await;
    let at = ["--namespace", "stagecraft", "--create-namespace"];
    step("install");
    let notes = helm(&plane, &[&["install", "stagecraft", CHART][..], &at].concat()).await;
    assert!(notes.contains("WARNING: access.rules is empty"), "{notes}");
    assert!(notes.contains("kubectl wait apistage/orders-prod --for=condition=Released"), "{notes}");

    let stage = json!({
        "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage",
        "metadata": { "name": "orders-prod", "namespace": "default", "finalizers": ["stagecraft.dev/finalizer"] },
        "spec": { "restApiId": "a1b2c3d4e5", "revision": "r1" },
    });
    kubectl_with(&plane, &["apply", "-f", "-"], &stage.to_string()).await;
    let status = json!({ "status": { "observedGeneration": 1, "restApiId": "a1b2c3d4e5", "releases": 7 } }).to_string();
    let patch = ["patch", "apistage", "orders-prod", "--subresource=status", "--type=merge", "-p", &status];
    kubectl(&plane, &patch).await;
    let get = ["get", "apistage", "orders-prod", "-o", "json"];
    let before: Value = serde_json::from_str(&kubectl(&plane, &get).await).unwrap();
    assert_eq!(before["status"]["releases"], 7);

    step("upgrade, with other values");
    let rules = r#"access.rules=[{"namespace":"*","restApiIds":["*"],"regions":["*"]}]"#;
    let upgrade = ["upgrade", "stagecraft", CHART, "--namespace", "stagecraft", "--set", "replicas=2"];
    let notes = helm(&plane, &[&upgrade[..], &["--set-json", rules, "--set", "clusterId=prod-eu"]].concat()).await;
    assert!(!notes.contains("WARNING"), "{notes}");
    let deployment =
        ["get", "deployment", "stagecraft", "--namespace", "stagecraft", "-o", "jsonpath={.spec.replicas}"];
    assert_eq!(kubectl(&plane, &deployment).await, "2");
    step("roll back");
    helm(&plane, &["rollback", "stagecraft", "1", "--namespace", "stagecraft"]).await;
    assert_eq!(kubectl(&plane, &deployment).await, "1");
    step("uninstall");
    let output = plane.helm(["uninstall", "stagecraft", "--namespace", "stagecraft"]).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let left = kubectl(&plane, &["get", "all,roles,leases", "--namespace", "stagecraft", "-o", "name"]).await;
    let ours: Vec<_> = left.lines().filter(|name| name.contains("stagecraft")).collect();
    assert_eq!(ours, [""; 0]);
    let cluster_wide = kubectl(&plane, &["get", "clusterroles,clusterrolebindings", "-o", "name"]).await;
    assert!(!cluster_wide.contains("stagecraft"), "{cluster_wide}");

    let after: Value = serde_json::from_str(&kubectl(&plane, &get).await).unwrap();
    assert_eq!(after, before, "spec, status and metadata are as they were before the upgrade");
}
