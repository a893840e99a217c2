//! One control plane for all tests of a run.

use tokio::{sync::OnceCell, time::timeout};

use crate::{Cluster, ControlPlane, Error, Options, chain, environment, programs::Programs, ready::ANSWER};

enum Shared {
    /// `testbed exec` started it and will end it.
    Joined(Cluster),
    /// This test binary runs alone. A static is never dropped: the supervisor ends it with the process.
    Own(ControlPlane),
}

/// The control plane that all tests of a run share.
///
/// It is the one that `STAGECRAFT_TESTBED_KUBECONFIG` names (`make test` runs everything under `testbed exec`, which
/// sets it), else one that this process starts at the first call and keeps until its end.
///
/// Take a namespace of your own, and nothing cluster-wide that another test could meet.
///
/// # Errors
///
/// [`Error::NotThere`] where the named control plane does not answer; else as [`ControlPlane::start`].
pub async fn shared() -> Result<&'static Cluster, Error> {
    static SHARED: OnceCell<Shared> = OnceCell::const_new();
    SHARED.get_or_try_init(join_or_start).await.map(|shared| match shared {
        Shared::Joined(cluster) => cluster,
        Shared::Own(control_plane) => control_plane.cluster(),
    })
}

async fn join_or_start() -> Result<Shared, Error> {
    let Some(kubeconfig) = environment::kubeconfig() else {
        return ControlPlane::start(Options::default()).await.map(Shared::Own);
    };
    let kubectl = Programs::locate().await?.kubectl;
    let cluster = Cluster::open(&kubeconfig, kubectl).await.map_err(|error| environment::not_there(chain(&error)))?;
    match timeout(ANSWER, cluster.is_ready()).await {
        Ok(Ok(())) => Ok(Shared::Joined(cluster)),
        Ok(Err(error)) => Err(environment::not_there(chain(&error))),
        Err(_elapsed) => Err(environment::not_there("no answer".to_owned())),
    }
}
