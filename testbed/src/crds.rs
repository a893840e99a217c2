//! Custom resource definitions: applied, and in use.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::Request,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde_json::Value;
use tokio::time::{Instant, interval, timeout};

use crate::{Cluster, Error, ready::TICK};

/// A second at most on an idle machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// One owner whoever calls, so that two test processes do not contend for a field.
const FIELD_MANAGER: &str = "testbed";

impl Cluster {
    /// Applies the `CustomResourceDefinition`s of a YAML stream and waits until objects of each version are served.
    ///
    /// Again, or from several processes at once, it changes nothing. A changed schema of a definition that was there
    /// before may need a moment more: the API server does not tell when it is in force.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] where the stream holds anything else, [`Error::Request`] where the API server refuses a
    /// definition, with its words, [`Error::TooLate`] where one does not become established.
    pub async fn apply_crds(&self, yaml: &str) -> Result<(), Error> {
        // Untyped: a field that our Kubernetes types do not know must reach the API server too.
        let definitions: Vec<Value> =
            serde_saphyr::from_multiple(yaml).map_err(|error| Error::Manifest(error.to_string()))?;
        let client = self.client()?;
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        let mut names = Vec::new();
        for definition in &definitions {
            let name = name_of(definition)?;
            let applied = api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(definition)).await;
            applied.map_err(Error::request(format!("apply CustomResourceDefinition {name}")))?;
            names.push(name);
        }
        for name in names {
            let established = await_condition(api.clone(), name, is_crd_established());
            let what = format!("CustomResourceDefinition {name}");
            match timeout(DEADLINE, established).await {
                Ok(Ok(Some(definition))) => served(&client, &definition).await?,
                Ok(Ok(None)) => return Err(Error::Manifest(format!("{what} was deleted while it was waited for"))),
                Ok(Err(error)) => return Err(Error::Manifest(format!("could not watch {what}: {error}"))),
                Err(_elapsed) => return Err(Error::TooLate { what, waited: DEADLINE }),
            }
        }
        Ok(())
    }
}

fn name_of(definition: &Value) -> Result<&str, Error> {
    let field = |pointer| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (field("/kind"), field("/metadata/name"));
    if kind == "CustomResourceDefinition" && !name.is_empty() {
        return Ok(name);
    }
    Err(Error::Manifest(format!(
        "a CustomResourceDefinition with a name was expected, found kind {kind:?}, name {name:?}"
    )))
}

/// Waits until the definition's objects can be listed: the part of the API server that answers such requests learns of
/// a definition a little after its condition says that it is established.
async fn served(client: &Client, definition: &CustomResourceDefinition) -> Result<(), Error> {
    let spec = &definition.spec;
    for version in spec.versions.iter().filter(|version| version.served) {
        let path = format!("/apis/{}/{}/{}", spec.group, version.name, spec.names.plural);
        let started = Instant::now();
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            let request = Request::new(path.clone()).list(&kube::api::ListParams::default().limit(1));
            let request = request.map_err(|error| Error::request("list")(kube::Error::BuildRequest(error)))?;
            match client.request_text(request).await {
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.code == 404 && started.elapsed() < DEADLINE => {}
                Err(error) => return Err(Error::request(format!("list {path}"))(error)),
            }
        }
    }
    Ok(())
}
