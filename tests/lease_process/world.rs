//! What the operators of one test share: a namespace, a REST API, a lease.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use apigateway_simulator::{CallRecord, Server, Simulator};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stagecraft_core::api::stage::ApiStage;
use testbed::{Cluster, Namespace};
use tokio::time::{Instant, interval};

use crate::operator::Operator;
use crate::wire::Wire;

/// Operation timeout (1 s) and 5 s.
pub(crate) const SETTLING_TIME: Duration = Duration::from_secs(6);

/// A request that hangs (1.5 s), two looks (1.2 s each), the lease (4 s), the settling time.
pub(crate) const TAKEOVER_BOUND: Duration = Duration::from_millis(1_500 + 2_400 + 4_000 + 6_000);

const TICK: Duration = Duration::from_millis(50);

/// Says what happens, for whoever reads a failure.
#[expect(clippy::print_stdout, reason = "the test runner shows it where a test fails")]
pub(crate) fn step(what: &str) {
    println!("  · {what}");
}

/// One namespace of the shared apiserver and one simulator.
pub(crate) struct World {
    cluster: &'static Cluster,
    namespace: Namespace,
    empty: Namespace,
    simulator: Simulator,
    server: Server,
    rest_api: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let cluster = testbed::shared().await.unwrap();
        cluster.apply_crds(&stagecraft::crds::stream().unwrap()).await.unwrap();
        let namespace = cluster.namespace("lease").await.unwrap();
        let empty = cluster.namespace("empty").await.unwrap();
        let simulator = Simulator::builder().build();
        let rest_api = simulator.create_rest_api("orders");
        simulator.add_method(&rest_api, "/orders", "GET").unwrap();
        let server = Server::start(simulator.clone(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        Self { cluster, namespace, empty, simulator, server, rest_api }
    }

    /// An operator with all rights.
    pub(crate) async fn operator(&self, access_key_id: &str) -> Operator {
        Operator::start(self.cluster.kubeconfig(), access_key_id, &self.flags()).await
    }

    /// An operator that reaches the apiserver over `wire`.
    pub(crate) async fn operator_behind(&self, wire: &Wire, access_key_id: &str) -> Operator {
        let text = fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        let rewired = text.replace(self.cluster.server(), &format!("https://{}", wire.address()));
        assert_ne!(text, rewired, "the kubeconfig names the server");
        let path = self.cluster.kubeconfig_with("rewired", self.cluster.token()).unwrap();
        fs::write(&path, rewired).unwrap();
        Operator::start(&path, access_key_id, &self.flags()).await
    }

    /// An operator with the rights of a service account.
    pub(crate) async fn operator_as(&self, account: &str, access_key_id: &str) -> Operator {
        let token = self.cluster.token_for(self.namespace.name(), account).await.unwrap();
        let kubeconfig: PathBuf = self.cluster.kubeconfig_with(account, &token).unwrap();
        Operator::start(&kubeconfig, access_key_id, &self.flags()).await
    }

    pub(crate) async fn wire(&self) -> Wire {
        let address = self.cluster.server().strip_prefix("https://").unwrap();
        Wire::to(address.parse().unwrap()).await
    }

    fn flags(&self) -> Vec<String> {
        let namespace = self.namespace.name();
        let endpoint = self.server.url();
        let flags = [
            ("--lease-namespace", namespace),
            ("--watch-namespace", namespace),
            // One without objects, which must not keep the other waiting.
            ("--watch-namespace", self.empty.name()),
            ("--cluster-id", namespace),
            ("--aws-endpoint-url", &endpoint),
            ("--region", "eu-west-1"),
            ("--lease-duration", "4s"),
            ("--lease-renew-interval", "1s"),
            ("--aws-timeout", "1s"),
            ("--drift-interval", "1s"),
        ];
        flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect()
    }

    /// A service account that may work with our objects, and with no lease.
    pub(crate) async fn account_without_rights(&self) -> String {
        let name = "operator".to_owned();
        let account = json!({ "metadata": { "name": name } });
        self.create::<ServiceAccount>(&account).await;
        name
    }

    /// The rights on leases that the chart grants.
    pub(crate) async fn grant_leases(&self, account: &str) {
        let namespace = self.namespace.name();
        let leases = |verbs: &[&str], names: &[&str]| {
            json!({
                "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs, "resourceNames": names,
            })
        };
        let rules = [leases(&["create"], &[]), leases(&["get", "patch"], &["stagecraft"])];
        self.create::<Role>(&json!({ "metadata": { "name": account }, "rules": rules })).await;
        let subject = json!({ "kind": "ServiceAccount", "name": account, "namespace": namespace });
        let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account });
        let binding = json!({ "metadata": { "name": account }, "roleRef": role, "subjects": [subject] });
        self.create::<RoleBinding>(&binding).await;
    }

    async fn create<K>(&self, object: &Value)
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
        K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.cluster.client().unwrap(), self.namespace.name());
        let object: K = serde_json::from_value(object.clone()).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// A new ApiStage of this name.
    pub(crate) async fn declare(&self, name: &str) {
        let api: Api<ApiStage> = Api::namespaced(self.cluster.client().unwrap(), self.namespace.name());
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiStage", "metadata": { "name": name },
            "spec": { "restApiId": self.rest_api, "revision": "r1", "description": name },
        });
        api.patch(name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&object)).await.unwrap();
    }

    /// A new ApiStage becomes a stage in AWS.
    pub(crate) async fn stage_appears(&self, name: &str, limit: Duration) {
        self.declare(name).await;
        self.is_put_right(name, limit).await;
    }

    /// A hand changes the description of a stage.
    pub(crate) fn move_by_hand(&self, name: &str) {
        let operation = json!({ "op": "replace", "path": "/description", "value": "by hand" });
        self.simulator.patch_stage_by_hand(&self.rest_api, name, &[operation]).unwrap();
    }

    /// The stage is in AWS as it was declared.
    pub(crate) async fn is_put_right(&self, name: &str, limit: Duration) {
        let until = Instant::now() + limit;
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            let stage = self.simulator.stage(&self.rest_api, name);
            if stage.as_ref().is_some_and(|stage| stage["description"] == *name) {
                return;
            }
            let calls: Vec<_> = self.simulator.calls().iter().map(CallRecord::line).collect();
            assert!(Instant::now() < until, "stage {name} is {stage:?}:\n{}", calls.join("\n"));
        }
    }

    pub(crate) async fn lease(&self) -> LeaseSpec {
        let api: Api<Lease> = Api::namespaced(self.cluster.client().unwrap(), self.namespace.name());
        api.get("stagecraft").await.unwrap().spec.unwrap()
    }

    /// Whoever wrote to AWS, in the order of their first writes; the console aside.
    pub(crate) fn writers(&self) -> Vec<String> {
        let mut writers = Vec::new();
        for call in self.writes() {
            let key = call.info.caller.access_key_id.unwrap_or_default();
            if !writers.contains(&key) {
                writers.push(key);
            }
        }
        writers
    }

    pub(crate) fn writes_of(&self, access_key_id: &str) -> usize {
        self.writes().iter().filter(|call| call.info.caller.access_key_id.as_deref() == Some(access_key_id)).count()
    }

    /// Place in the log.
    pub(crate) fn last_write_of(&self, access_key_id: &str) -> u64 {
        self.sequences(access_key_id).last().copied().unwrap()
    }

    /// Place in the log.
    pub(crate) fn first_write_of(&self, access_key_id: &str) -> u64 {
        self.sequences(access_key_id).first().copied().unwrap()
    }

    fn sequences(&self, access_key_id: &str) -> Vec<u64> {
        let of = |call: &CallRecord| call.info.caller.access_key_id.as_deref() == Some(access_key_id);
        self.writes().iter().filter(|call| of(call)).map(|call| call.info.sequence).collect()
    }

    fn writes(&self) -> Vec<CallRecord> {
        let by_program = |call: &CallRecord| call.info.caller.name.as_deref() != Some("console");
        self.simulator.calls().into_iter().filter(|call| call.info.write && by_program(call)).collect()
    }
}
