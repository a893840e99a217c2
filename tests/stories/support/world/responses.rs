//! The same world for `ApiGatewayResponse`s.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use stagecraft::controller::{Passed, reconcile_response};
use stagecraft_core::api::gateway_response::{ApiGatewayResponse, ApiGatewayResponseStatus};

use super::{MOST_PASSES, World};

impl World {
    pub(crate) fn responses(&self) -> Api<ApiGatewayResponse> {
        Api::namespaced(self.client.clone(), self.namespace.name())
    }

    /// What `kubectl apply --server-side` does.
    pub(crate) async fn apply_response(&self, name: &str, spec: Value) -> Result<ApiGatewayResponse, kube::Error> {
        let object = json!({
            "apiVersion": "stagecraft.dev/v1alpha1", "kind": "ApiGatewayResponse", "metadata": { "name": name },
            "spec": spec,
        });
        self.responses().patch(name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&object)).await
    }

    pub(crate) async fn delete_response(&self, name: &str) {
        self.responses().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub(crate) async fn get_response(&self, name: &str) -> Option<ApiGatewayResponse> {
        self.responses().get_opt(name).await.unwrap()
    }

    pub(crate) async fn response_status(&self, name: &str) -> ApiGatewayResponseStatus {
        self.get_response(name).await.unwrap_or_else(|| panic!("{name} is gone")).status.unwrap_or_default()
    }

    /// Status and reason of a condition, and its message.
    pub(crate) async fn condition(&self, name: &str, kind: &str) -> (String, String) {
        let status = self.response_status(name).await;
        let found = status.conditions.iter().find(|condition| condition.type_ == kind);
        let found = found.unwrap_or_else(|| panic!("{name} has no {kind}: {status:?}"));
        (format!("{} {}", found.status, found.reason), found.message.clone())
    }

    /// One pass over what the apiserver holds now. `None`: the operator died in it.
    pub(crate) async fn pass_response(&self, name: &str) -> Option<Passed> {
        let Some(object) = self.get_response(name).await else {
            return Some(Passed { wake_up_in: None, failed: None });
        };
        // As if the watches had shown all objects of the namespace.
        let stages = self.objects().list(&ListParams::default()).await.unwrap().items;
        self.operator.show_stages(stages);
        self.operator.show_responses(self.responses().list(&ListParams::default()).await.unwrap().items);
        self.pass_time(Duration::from_secs(1));
        tokio::select! {
            biased;
            () = self.operator.tripwire.death() => None,
            passed = reconcile_response(Arc::new(object), &self.operator.ctx) => Some(passed),
        }
    }

    /// Passes until the object has nothing left to wait for but its next poll. Waits become time.
    pub(crate) async fn response_to_rest(&self, name: &str) -> Option<()> {
        for _ in 0..MOST_PASSES {
            let passed = self.pass_response(name).await?;
            match passed.wake_up_in {
                Some(wait) if wait < Duration::from_mins(4) => self.pass_time(wait),
                Some(_) | None => return Some(()),
            }
        }
        panic!("{name} does not come to rest: {}", self.tell_response(name).await);
    }

    /// As [`response_to_rest`](Self::response_to_rest), where nobody dies.
    pub(crate) async fn rest_response(&self, name: &str) {
        self.response_to_rest(name).await.expect("nobody was to die here");
    }

    /// A poll that finds nothing to do: no write to AWS, no write to the object, no event.
    pub(crate) async fn assert_response_rest(&self, name: &str) {
        let before = self.get_response(name).await.map(|object| object.resource_version());
        let (calls, events) = (self.writes().len(), self.events(name).await.len());
        self.pass_time(Duration::from_mins(12));
        self.pass_response(name).await.expect("nobody was to die here");
        let after = self.get_response(name).await.map(|object| object.resource_version());
        assert_eq!(after, before, "a poll wrote to the object: {}", self.tell_response(name).await);
        assert_eq!(self.writes().len(), calls, "a poll wrote to AWS: {:#?}", self.writes());
        assert_eq!(self.events(name).await.len(), events, "a poll published an event");
    }

    /// A gateway response of the story's REST API as AWS shows it, asked by hand.
    pub(crate) fn gateway_response(&self, kind: &str) -> Value {
        self.by_hand(&http::Method::GET, kind, &Value::Null)
    }

    /// A hand in the console.
    pub(crate) fn by_hand(&self, method: &http::Method, kind: &str, body: &Value) -> Value {
        let scope = self.simulator.scope("123456789012", "eu-west-1");
        scope.send(method, &format!("/restapis/{}/gatewayresponses/{kind}", self.api), body).unwrap()
    }

    /// The world, for whoever reads a failure.
    pub(crate) async fn tell_response(&self, name: &str) -> String {
        let object = self.get_response(name).await.map(|object| serde_json::to_string_pretty(&object).unwrap());
        format!("response {}\n{}", object.unwrap_or_else(|| "is gone".to_owned()), self.tell(name).await)
    }
}
