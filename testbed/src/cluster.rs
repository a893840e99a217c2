//! What a test may do with a control plane, its own or the shared one: everything but stopping it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use http::Request;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace as NamespaceObject, ServiceAccount},
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{conditions::is_deleted, wait::await_condition},
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    Error,
    credentials::{kubeconfig, random_hex},
};

/// The namespace controller asks again after 5 s, 10 s and so on where an object resists.
const NAMESPACE_DEADLINE: Duration = Duration::from_mins(2);

/// A connection to a running control plane, as its admin.
#[derive(Clone)]
pub struct Cluster {
    folder: PathBuf,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    config: Config,
    server: String,
    certificate_authority: String,
    token: String,
}

/// A namespace that no other test uses. Its end is the control plane's, or [`Self::delete`].
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
    cluster: Cluster,
}

impl Cluster {
    /// Reads a kubeconfig that a [`ControlPlane`](crate::ControlPlane) wrote. Connects to nothing.
    pub(crate) async fn open(path: &Path, kubectl: PathBuf) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let unusable = |reason: String| Error::Kubeconfig { path: path.to_owned(), reason };
        let content: Value = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
        let field = |pointer: &str| {
            let value = content.pointer(pointer).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| unusable(format!("no {pointer}")))
        };
        let server = field("/clusters/0/cluster/server")?;
        let certificate_authority = field("/clusters/0/cluster/certificate-authority")?;
        let token = field("/users/0/user/token")?;
        let folder = path.parent().ok_or_else(|| unusable("it has no folder".to_owned()))?.to_owned();
        let parsed = Kubeconfig::from_yaml(&text).map_err(|error| unusable(error.to_string()))?;
        let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await;
        let mut config = config.map_err(|error| unusable(error.to_string()))?;
        // Taken from HTTPS_PROXY, which nobody means for 127.0.0.1.
        config.proxy_url = None;
        Ok(Self { folder, kubeconfig: path.to_owned(), kubectl, config, server, certificate_authority, token })
    }

    /// A client with all rights.
    ///
    /// It belongs to the Tokio runtime it is made on, and each `#[tokio::test]` has its own: make one per test.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] where the TLS library refuses the certificate.
    pub fn client(&self) -> Result<Client, Error> {
        Client::try_from(self.config.clone()).map_err(Error::request("make a client"))
    }

    /// A client that shows `token`: a user's or a service account's.
    ///
    /// # Errors
    ///
    /// As [`Self::client`].
    pub fn client_with(&self, token: &str) -> Result<Client, Error> {
        let mut config = self.config.clone();
        config.auth_info.token = Some(token.to_owned().into());
        Client::try_from(config).map_err(Error::request("make a client"))
    }

    /// The configuration of [`Self::client`], to change before making one (time limits, another address).
    #[must_use]
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The API server's address, such as `https://127.0.0.1:40123`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The admin's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The admin's kubeconfig, for kubectl and for programs under test.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig that shows `token`, as a new file that lives as long as the control plane. `user` is a label only.
    ///
    /// # Errors
    ///
    /// [`Error::File`].
    pub fn kubeconfig_with(&self, user: &str, token: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(format!("kubeconfig-{}", random_hex::<6>()?));
        let content = kubeconfig(&self.server, &self.certificate_authority, user, token);
        fs::write(&path, format!("{content:#}\n")).map_err(Error::file(&path))?;
        Ok(path)
    }

    /// Whether kube-controller-manager was started. Without it a deleted namespace stays, owner references are not
    /// collected, a namespace has no `default` service account, and the roles view, edit and admin are empty.
    #[must_use]
    pub fn has_controllers(&self) -> bool {
        self.folder.join("kube-controller-manager.log").exists()
    }

    /// The audit log, one JSON object a line, where [`Options::audit_log`](crate::Options::audit_log) asked for it.
    #[must_use]
    pub fn audit_log(&self) -> Option<PathBuf> {
        self.folder.join("audit-policy.yaml").exists().then(|| self.folder.join("audit.log"))
    }

    /// The folder of the control plane's logs (`etcd.log`, `kube-apiserver.log`, `kube-controller-manager.log`) and
    /// data. It goes when the control plane goes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a namespace called `prefix`, a hyphen and a random suffix.
    ///
    /// # Errors
    ///
    /// [`Error::Request`], also where `prefix` is no DNS label of at most 50 characters.
    pub async fn namespace(&self, prefix: &str) -> Result<Namespace, Error> {
        let name = format!("{prefix}-{}", random_hex::<6>()?);
        let mut object = NamespaceObject::default();
        object.metadata.name = Some(name.clone());
        let namespaces: Api<NamespaceObject> = Api::all(self.client()?);
        let made = namespaces.create(&PostParams::default(), &object).await;
        made.map_err(Error::request(format!("make namespace {name}")))?;
        Ok(Namespace { name, cluster: self.clone() })
    }

    /// A token of a service account that exists, from the `TokenRequest` API: it has the account's rights, no more, and
    /// is valid for an hour.
    ///
    /// # Errors
    ///
    /// [`Error::Request`], also where there is no such service account.
    pub async fn token_for(&self, namespace: &str, service_account: &str) -> Result<String, Error> {
        let what = format!("get a token of service account {namespace}/{service_account}");
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client()?, namespace);
        // No audiences: the API server's own.
        let spec = TokenRequestSpec { audiences: Vec::new(), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(service_account, &PostParams::default(), &request).await;
        let answer = answer.map_err(Error::request(what.clone()))?;
        answer.status.map(|status| status.token).ok_or(Error::Manifest(format!("could not {what}: no status")))
    }

    /// Asks `/readyz`.
    pub(crate) async fn is_ready(&self) -> Result<(), Error> {
        let what = "ask kube-apiserver whether it is ready";
        let request = Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError);
        let request = request.map_err(Error::request(what))?;
        self.client()?.request_text(request).await.map(drop).map_err(Error::request(what))
    }

    pub(crate) fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }

    /// kubectl keeps what it discovers by address, and a port will be another control plane's tomorrow.
    pub(crate) fn kubectl_cache(&self) -> PathBuf {
        self.folder.join("kubectl-cache")
    }
}

/// Without the token.
impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("server", &self.server).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Namespace {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes the namespace with all that is in it, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`Error::NoControllers`] where nobody would finish it; [`Error::TooLate`] where something in it keeps a
    /// finalizer.
    pub async fn delete(self) -> Result<(), Error> {
        if !self.cluster.has_controllers() {
            return Err(Error::NoControllers { what: "the end of a namespace" });
        }
        let what = format!("delete namespace {}", self.name);
        let namespaces: Api<NamespaceObject> = Api::all(self.cluster.client()?);
        let object = namespaces.get(&self.name).await.map_err(Error::request(what.clone()))?;
        namespaces.delete(&self.name, &DeleteParams::default()).await.map_err(Error::request(what))?;
        let uid = object.metadata.uid.unwrap_or_default();
        let gone = await_condition(namespaces, &self.name, is_deleted(&uid));
        let what = format!("the end of namespace {}", self.name);
        match timeout(NAMESPACE_DEADLINE, gone).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::Manifest(format!("could not watch {what}: {error}"))),
            Err(_elapsed) => Err(Error::TooLate { what, waited: NAMESPACE_DEADLINE }),
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
