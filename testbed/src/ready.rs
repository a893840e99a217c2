//! Waits for the control plane itself, not for time to pass.

use std::{
    path::Path,
    process::ExitStatus,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use tokio::time::{Instant, interval, timeout};

use crate::{Cluster, Error, chain, supervisor::Supervisor};

/// Three seconds on an idle machine; a busy one with cold disks takes many times that.
const DEADLINE: Duration = Duration::from_mins(2);

/// Between two looks.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A single question. An API server that starts may accept a connection long before it answers.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// A panic of another thread leaves nothing half-changed behind this lock.
pub(crate) fn lock(supervisor: &Mutex<Supervisor>) -> MutexGuard<'_, Supervisor> {
    supervisor.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the API server says that it is ready, and connects to it.
///
/// # Errors
///
/// As soon as a program ends: [`Error::PortTaken`] where its log blames the port, else [`Error::Ended`].
/// [`Error::NotReady`] after two minutes.
pub(crate) async fn api_server(
    supervisor: &Mutex<Supervisor>,
    kubeconfig: &Path,
    kubectl: &Path,
) -> Result<Cluster, Error> {
    let started = Instant::now();
    let mut tick = interval(TICK);
    loop {
        tick.tick().await;
        no_program_ended(supervisor)?;
        // kube-apiserver writes its certificate while it starts; until it is whole there is nobody to trust.
        let last = match Cluster::open(kubeconfig, kubectl.to_owned()).await {
            Ok(cluster) => match timeout(ANSWER, cluster.is_ready()).await {
                Ok(Ok(())) => return Ok(cluster),
                Ok(Err(error)) => chain(&error),
                Err(_elapsed) => "no answer".to_owned(),
            },
            Err(error) => chain(&error),
        };
        if started.elapsed() > DEADLINE {
            return Err(Error::NotReady { waited: DEADLINE, last, logs: lock(supervisor).log_tails() });
        }
    }
}

/// Waits until kube-controller-manager works: then the namespace `default` has its `ServiceAccount`.
pub(crate) async fn controllers(supervisor: &Mutex<Supervisor>, cluster: &Cluster) -> Result<(), Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client()?, "default");
    let started = Instant::now();
    let mut tick = interval(TICK);
    loop {
        tick.tick().await;
        no_program_ended(supervisor)?;
        let found = accounts.get_opt("default").await.map_err(Error::request("read a service account"))?;
        if found.is_some() {
            return Ok(());
        }
        if started.elapsed() > DEADLINE {
            let what = format!("kube-controller-manager's first ServiceAccount\n{}", lock(supervisor).log_tails());
            return Err(Error::TooLate { what, waited: DEADLINE });
        }
    }
}

fn no_program_ended(supervisor: &Mutex<Supervisor>) -> Result<(), Error> {
    let mut supervisor = lock(supervisor);
    supervisor.ended().map_or(Ok(()), |(name, status)| Err(why(name, status, supervisor.log_tail(name))))
}

/// Go's words for EADDRINUSE, in etcd's log and in kube-apiserver's.
fn why(name: &'static str, status: ExitStatus, log: String) -> Error {
    if log.contains("address already in use") {
        Error::PortTaken { name, log }
    } else {
        Error::Ended { name, status, log }
    }
}
