//! The environment variables that the testbed reads and sets. `KUBEBUILDER_ASSETS` and `XDG_CACHE_HOME` are not here:
//! `control-plane/build.sh` alone knows what they mean.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{Cluster, Error};

/// Names the admin's kubeconfig of a control plane that runs already; [`shared`](crate::shared) then uses that one.
/// `testbed exec` sets it for the command that it runs.
pub const KUBECONFIG_VARIABLE: &str = "STAGECRAFT_TESTBED_KUBECONFIG";

/// The kubeconfig of the control plane that runs already, if one is named.
pub(crate) fn kubeconfig() -> Option<PathBuf> {
    read(KUBECONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the testbed reads its environment")]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Cluster {
    /// What a command needs in its environment to use this control plane and no other, with kubectl found first on
    /// `PATH`.
    ///
    /// `KUBECONFIG` also keeps a program that asks for "the default client" away from the user's own cluster.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let kubeconfig = self.kubeconfig().as_os_str().to_owned();
        let mut path = self.kubectl_program().parent().map(Path::as_os_str).unwrap_or_default().to_owned();
        if let Some(inherited) = read("PATH") {
            path.push(":");
            path.push(inherited);
        }
        vec![
            (KUBECONFIG_VARIABLE, kubeconfig.clone()),
            ("KUBECONFIG", kubeconfig),
            ("KUBECACHEDIR", self.kubectl_cache().into_os_string()),
            ("PATH", path),
        ]
    }
}

/// The name of what cannot be reached, for an [`Error`].
pub(crate) fn not_there(reason: String) -> Error {
    Error::NotThere { variable: KUBECONFIG_VARIABLE, reason }
}
