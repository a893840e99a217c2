//! Where the Go programs are.

use std::path::PathBuf;

use tokio::process::Command;

use crate::Error;

/// Knows the cache folder and `KUBEBUILDER_ASSETS`, for the Makefile and for us, so that the two cannot differ.
const BUILD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/control-plane/build.sh");

/// The programs of a control plane, all of them there.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) etcd: PathBuf,
    pub(crate) kube_apiserver: PathBuf,
    pub(crate) kubectl: PathBuf,
    /// Absent where `KUBEBUILDER_ASSETS` holds none and it could not be built.
    pub(crate) kube_controller_manager: Option<PathBuf>,
    /// Absent until `make helm` has built it.
    pub(crate) helm: Option<PathBuf>,
}

impl Programs {
    /// # Errors
    ///
    /// [`Error::NotBuilt`] where one is missing that nothing works without.
    pub(crate) async fn locate() -> Result<Self, Error> {
        let output = Command::new("bash").args([BUILD_SCRIPT, "--locate"]).output().await.map_err(Error::Locate)?;
        if !output.status.success() {
            return Err(Error::LocateFailed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Self::read(&String::from_utf8_lossy(&output.stdout))
    }

    /// `listing`: a line for each program that is there, its name, a space, its path.
    fn read(listing: &str) -> Result<Self, Error> {
        let path_of = |name: &str| {
            listing.lines().filter_map(|line| line.split_once(' ')).find(|(n, _)| *n == name).map(|(_, p)| p.into())
        };
        let (controllers, helm) = (path_of("kube-controller-manager"), path_of("helm"));
        match (path_of("etcd"), path_of("kube-apiserver"), path_of("kubectl")) {
            (Some(etcd), Some(kube_apiserver), Some(kubectl)) => {
                Ok(Self { etcd, kube_apiserver, kubectl, kube_controller_manager: controllers, helm })
            }
            (etcd, apiserver, kubectl) => {
                let missing: Vec<&str> = [("etcd", etcd), ("kube-apiserver", apiserver), ("kubectl", kubectl)]
                    .into_iter()
                    .filter_map(|(name, path)| path.is_none().then_some(name))
                    .collect();
                Err(Error::NotBuilt { missing: missing.join(", ") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_space_in_its_name_is_found() {
        let listing = "etcd /a b/etcd\nkube-apiserver /a b/kube-apiserver\nkubectl /a b/kubectl\n";
        let programs = Programs::read(listing).unwrap();
        assert_eq!(programs.kube_apiserver, PathBuf::from("/a b/kube-apiserver"));
        assert_eq!(programs.kube_controller_manager, None);
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        let error = Programs::read("etcd /bin/etcd\n").unwrap_err().to_string();
        assert!(error.starts_with("kube-apiserver, kubectl not built yet: run `make control-plane`"), "{error}");
    }
}
