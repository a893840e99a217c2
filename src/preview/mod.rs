//! `stagecraft plan`: what the operator would do about manifests, without doing it.
//!
//! It reads the manifests, the live objects and API Gateway, lets the same plans be made as the operator makes, and shows
//! per field what would change, and the calls. It asks the API server to judge the manifests (a dry run), and sends no
//! write to AWS: its leadership never permits one.

mod cluster;
mod manifests;
mod shown;
mod text;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use kube::ResourceExt as _;

use crate::run::BoxError;
use crate::telemetry::Chain;
use cluster::Cluster;
use shown::Shown;

/// What to plan, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Files with manifests; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Namespace of objects that name none; `None`: that of the kubeconfig's context.
    pub namespace: Option<String>,
    /// For programs instead of people.
    pub json: bool,
    /// Whether values of variables are shown.
    pub show_values: bool,
    /// The operator's settings, as far as its plans depend on them.
    pub operator: crate::cli::Settings,
}

/// Plans, prints, and says by its exit code whether something would change: 0 no, 2 yes.
///
/// # Errors
///
/// One sentence about what could not be read or is refused; the program then exits with 1.
pub async fn run(settings: Settings) -> Result<ExitCode, BoxError> {
    let manifests = manifests::read(&settings.files)?;
    let cluster = Cluster::connect(&settings, &manifests).await?;
    let mut all = Vec::new();
    for manifest in &manifests.stages {
        let (object, is_new) = cluster.judged(&**manifest).await?;
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let governor = crate::controller::governor(&cluster.context, &object);
        let foreseen = crate::controller::foresee(&cluster.context, object).await;
        let foreseen = foreseen.map_err(|error| format!("ApiStage {name}: {}", Chain(&*error)))?;
        all.push(Shown::new(name, is_new, governor, &foreseen, settings.show_values));
    }
    for manifest in &manifests.responses {
        let (object, is_new) = cluster.judged(manifest).await?;
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let foreseen = crate::controller::foresee_response(&cluster.context, object).await;
        let foreseen = foreseen.map_err(|error| format!("ApiGatewayResponse {name}: {}", Chain(&*error)))?;
        all.push(Shown::of_response(name, is_new, &foreseen));
    }
    let printed = if settings.json { shown::json(&all) } else { text::print(&all) };
    io::stdout().lock().write_all(printed.as_bytes())?;
    let changes = all.iter().any(Shown::changes_something);
    Ok(if changes { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// Runs [`run`] on a runtime of its own.
///
/// # Errors
///
/// Those of [`run`].
pub fn play(settings: Settings) -> Result<ExitCode, BoxError> {
    // No log: what a plan has to say it prints. An error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(settings))
}
