//! A real Kubernetes control plane on 127.0.0.1, for Stagecraft's tests and demo.
//!
//! etcd, kube-apiserver and, where it is there, kube-controller-manager with the four controllers that an API without
//! nodes needs: namespaces, service accounts, aggregated cluster roles, garbage collection. Everything an API server
//! decides is real: CRDs with CEL, server-side apply, conflicts, watches, RBAC, tokens, leases, events. What is not
//! there is a node: pods do not start.
//!
//! * A test that shares the run's control plane takes [`shared`] and a [`Namespace`] of its own.
//! * A test that stops or pauses the API server takes a [`ControlPlane`] of its own.
//!
//! The programs come from `KUBEBUILDER_ASSETS` or, built by `make control-plane`, from the user's cache folder.
//!
//! # Guarantees
//!
//! * Processes and data end with the process that started them, also when that panics or is killed (module
//!   `supervisor`).
//! * Only loopback addresses are listened on.

mod arrivals;
mod cluster;
mod control_plane;
mod crds;
mod credentials;
mod environment;
mod error;
mod helm;
mod http_client;
mod kubectl;
mod programs;
mod ready;
mod shared;
mod supervisor;

pub use arrivals::most_at_once;
pub use cluster::{Cluster, Namespace};
pub use control_plane::{ControlPlane, Options, User};
pub use environment::KUBECONFIG_VARIABLE;
pub use error::{Error, chain};
pub use http_client::HttpClient;
pub use shared::shared;
