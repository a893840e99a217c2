//! What every test may expect of the control plane that a run shares.

use std::{process::Output, time::Duration};

use futures::future::join_all;
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Namespace, ServiceAccount},
        rbac::v1::ClusterRole,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client, Error,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::json;
use testbed::{Cluster, shared};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_mins(1);

/// A kind whose rule needs the old object too, which a schema alone could not check.
const PARCELS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: parcels.testbed.example
spec:
  group: testbed.example
  names: { kind: Parcel, plural: parcels, singular: parcel }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                address:
                  type: string
                  maxLength: 64
                  x-kubernetes-validations:
                    - rule: self == oldSelf
                      message: A parcel on its way keeps its address. Send another one.
";

const PARCEL: &str = r"
apiVersion: testbed.example/v1
kind: Parcel
metadata: { name: first }
spec: { address: Harbour Road 1 }
";

#[expect(clippy::expect_used, reason = "support for tests may panic")]
/// A client that belongs to the calling test's runtime.
async fn cluster_and_client() -> (&'static Cluster, Client) {
    let cluster = shared().await.expect("a control plane");
    (cluster, cluster.client().expect("a client"))
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "kubectl failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn kubectl_has_the_servers_version_and_talks_to_no_other_cluster() {
    let (cluster, client) = cluster_and_client().await;
    let version = client.apiserver_version().await.unwrap();
    let output = cluster.kubectl(["version", "--output=json"]).await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["serverVersion"]["gitVersion"], version.git_version);
    assert_eq!(told["clientVersion"]["gitVersion"], version.git_version);
    let output = cluster.kubectl(["config", "view", "--output=jsonpath={.clusters[*].cluster.server}"]).await.unwrap();
    assert_eq!(stdout(&output), cluster.server());
}

#[tokio::test]
async fn a_failure_of_kubectl_is_an_output_and_not_an_error() {
    let (cluster, _) = cluster_and_client().await;
    let output = cluster.kubectl(["get", "namespace", "nowhere"]).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr).trim(),
        r#"Error from server (NotFound): namespaces "nowhere" not found"#
    );
}

#[tokio::test]
async fn a_namespace_gets_its_service_account_and_is_gone_after_deletion() {
    let (cluster, client) = cluster_and_client().await;
    let namespace = cluster.namespace("short-lived").await.unwrap();
    let name = namespace.name().to_owned();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &name);
    let exists = |account: Option<&ServiceAccount>| account.is_some();
    timeout(DEADLINE, await_condition(accounts, "default", exists)).await.expect("in time").unwrap();

    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name);
    maps.create(&PostParams::default(), &config_map("inside")).await.unwrap();
    namespace.delete().await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    assert_eq!(namespaces.get_opt(&name).await.unwrap(), None);
    assert_eq!(maps.get_opt("inside").await.unwrap(), None);
}

#[tokio::test]
async fn two_namespaces_of_one_prefix_differ() {
    let (cluster, _) = cluster_and_client().await;
    let (one, other) = (cluster.namespace("twin").await.unwrap(), cluster.namespace("twin").await.unwrap());
    assert_ne!(one.name(), other.name());
    assert!(one.name().starts_with("twin-"), "{one}");
}

#[tokio::test]
async fn an_owner_takes_what_it_owns_along() {
    let (cluster, client) = cluster_and_client().await;
    let namespace = cluster.namespace("owners").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace.name());
    let owner = maps.create(&PostParams::default(), &config_map("owner")).await.unwrap();
    let mut possession = config_map("possession");
    possession.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: "owner".to_owned(),
        uid: owner.metadata.uid.unwrap(),
        ..Default::default()
    }]);
    maps.create(&PostParams::default(), &possession).await.unwrap();
    maps.delete("owner", &DeleteParams::default()).await.unwrap();
    let gone = |map: Option<&ConfigMap>| map.is_none();
    timeout(DEADLINE, await_condition(maps, "possession", gone)).await.expect("in time").unwrap();
}

#[tokio::test]
async fn the_role_view_is_filled() {
    let (_, client) = cluster_and_client().await;
    let roles: Api<ClusterRole> = Api::all(client);
    let filled =
        |role: Option<&ClusterRole>| role.is_some_and(|role| role.rules.as_ref().is_some_and(|r| !r.is_empty()));
    timeout(DEADLINE, await_condition(roles, "view", filled)).await.expect("in time").unwrap();
}

#[tokio::test]
async fn a_definition_is_in_use_at_once_and_its_rule_refuses_with_its_sentence() {
    let (cluster, _) = cluster_and_client().await;
    cluster.apply_crds(PARCELS).await.unwrap();
    let namespace = cluster.namespace("parcels").await.unwrap();
    let apply = ["apply", "--filename=-", "--namespace", namespace.name()];
    let output = cluster.kubectl_with_input(apply, PARCEL).await.unwrap();
    assert_eq!(stdout(&output), "parcel.testbed.example/first created");

    let moved = PARCEL.replace("Harbour Road 1", "Station Road 2");
    let output = cluster.kubectl_with_input(apply, &moved).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let refusal = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let expected =
        "spec.address: Invalid value: \"Station Road 2\": A parcel on its way keeps its address. Send another one.";
    assert!(refusal.ends_with(expected), "{refusal}");
}

#[tokio::test]
async fn many_may_apply_the_same_definition_at_once() {
    let (cluster, client) = cluster_and_client().await;
    let own = PARCELS.replace("parcel", "crate").replace("Parcel", "Crate");
    let all = (0..8).map(|_| cluster.apply_crds(&own)).collect::<Vec<_>>();
    for applied in join_all(all).await {
        applied.unwrap();
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let definition = definitions.get("crates.testbed.example").await.unwrap();
    assert_eq!(definition.metadata.generation, Some(1), "eight times the same is one definition that never changed");
}

#[tokio::test]
async fn what_is_no_definition_is_refused_before_it_is_sent() {
    let (cluster, _) = cluster_and_client().await;
    let error = cluster.apply_crds(PARCEL).await.unwrap_err().to_string();
    assert_eq!(error, r#"a CustomResourceDefinition with a name was expected, found kind "Parcel", name "first""#);
}

#[tokio::test]
async fn the_second_owner_of_a_field_meets_a_conflict() {
    let (cluster, client) = cluster_and_client().await;
    let namespace = cluster.namespace("owners").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace.name());
    let desired = |colour: &str| {
        Patch::Apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "paint" }, "data": { "colour": colour },
        }))
    };
    maps.patch("paint", &PatchParams::apply("first"), &desired("red")).await.unwrap();
    match maps.patch("paint", &PatchParams::apply("second"), &desired("blue")).await {
        Err(Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
            assert!(status.message.contains(r#"conflict with "first": .data.colour"#), "{}", status.message);
        }
        other => panic!("expected a conflict, found {other:?}"),
    }
}

#[tokio::test]
async fn a_service_account_has_its_own_rights_and_no_more() {
    let (cluster, client) = cluster_and_client().await;
    let namespace = cluster.namespace("rights").await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace.name());
    let mut account = ServiceAccount::default();
    account.metadata.name = Some("clerk".to_owned());
    accounts.create(&PostParams::default(), &account).await.unwrap();
    let name = namespace.name();
    let grant = ["create", "role", "reader", "--verb=list", "--resource=configmaps", "--namespace", name];
    stdout(&cluster.kubectl(grant).await.unwrap());
    let account = format!("--serviceaccount={name}:clerk");
    let bind = ["create", "rolebinding", "reader", "--role=reader", &account, "--namespace", name];
    stdout(&cluster.kubectl(bind).await.unwrap());

    let token = cluster.token_for(name, "clerk").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client_with(&token).unwrap(), name);
    maps.list(&ListParams::default()).await.unwrap();
    match maps.create(&PostParams::default(), &config_map("forged")).await {
        Err(Error::Api(status)) => assert_eq!(status.code, 403, "{}", status.message),
        other => panic!("expected a refusal, found {other:?}"),
    }

    let kubeconfig = cluster.kubeconfig_with("clerk", &token).unwrap();
    let who = ["auth", "whoami", "--output=jsonpath={.status.userInfo.username}", "--kubeconfig"].map(Into::into);
    let output = cluster.kubectl(who.into_iter().chain([kubeconfig.into_os_string()])).await.unwrap();
    assert_eq!(stdout(&output), format!("system:serviceaccount:{name}:clerk"));
}

fn config_map(name: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map
}
