//! `stagecraft plan`: what the operator would do about manifests, without doing it.
//!
//! It reads the manifests, the live objects and API Gateway, lets the same plans be made as the operator makes, and shows
//! per field what would change, and the calls. It asks the API server to judge the manifests (a dry run), and sends no
//! write to AWS: its leadership never permits one.

mod cluster;
pub mod manifests;
mod shown;
mod text;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use kube::{Config, ResourceExt as _};
use stagecraft_core::api::stage::ApiStage;

use crate::run::{self, BoxError};
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

/// What was planned, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The text, or JSON.
    pub text: String,
    /// Whether something would change. The owner's tag alone, by which a stage is adopted as it is, is no change.
    pub changes: bool,
}

impl Told {
    /// 0: no change, 2: changes.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.changes { ExitCode::from(2) } else { ExitCode::SUCCESS }
    }
}

/// Plans, prints, and says by its exit code whether something would change: 0 no, 2 yes.
///
/// # Errors
///
/// One sentence about what could not be read or is refused; the program then exits with 1.
pub async fn run(settings: Settings) -> Result<ExitCode, BoxError> {
    let config = Config::infer().await.map_err(run::Error::NoCluster)?;
    let told = Box::pin(of_files(&settings, config)).await?;
    io::stdout().lock().write_all(told.text.as_bytes())?;
    Ok(told.exit_code())
}

/// Plans what the files hold, in the cluster of this configuration.
///
/// # Errors
///
/// As [`run()`].
pub async fn of_files(settings: &Settings, config: Config) -> Result<Told, BoxError> {
    let manifests = manifests::read(&settings.files)?;
    let cluster = Cluster::connect(settings, config, &manifests).await?;
    let mut all = Vec::new();
    for manifest in &manifests.stages {
        let (object, is_new) = cluster.judged(&**manifest).await?;
        all.push(stage(settings, &cluster, object, is_new).await?);
    }
    for manifest in &manifests.responses {
        let (object, is_new) = cluster.judged(manifest).await?;
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let foreseen = crate::controller::foresee_response(&cluster.context, object).await;
        let foreseen = foreseen.map_err(|error| format!("ApiGatewayResponse {name}: {}", Chain(&*error)))?;
        all.push(Shown::of_response(name, is_new, &foreseen));
    }
    let text = if settings.json { shown::json(&all) } else { text::print(&all) };
    Ok(Told { text, changes: all.iter().any(Shown::changes_something) })
}

/// Plans an object as the API server holds it: how its stage differs from what it declares.
///
/// # Errors
///
/// As [`run()`].
pub async fn of_stage(settings: &Settings, config: Config, object: ApiStage) -> Result<Told, BoxError> {
    let cluster = Cluster::connect(settings, config, &manifests::Manifests::default()).await?;
    let shown = stage(settings, &cluster, object, false).await?;
    let changes = shown.changes_something();
    let text = if settings.json { shown::json(&[shown]) } else { text::differences(&shown) };
    Ok(Told { text, changes })
}

async fn stage(settings: &Settings, cluster: &Cluster, object: ApiStage, is_new: bool) -> Result<Shown, BoxError> {
    let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
    let governor = crate::controller::governor(&cluster.context, &object);
    let foreseen = crate::controller::foresee(&cluster.context, object).await;
    let foreseen = foreseen.map_err(|error| format!("ApiStage {name}: {}", Chain(&*error)))?;
    Ok(Shown::new(name, is_new, governor, &foreseen, settings.show_values))
}

/// Runs [`run()`] on a runtime of its own.
///
/// # Errors
///
/// Those of [`run()`].
pub fn play(settings: Settings) -> Result<ExitCode, BoxError> {
    // No log: what a plan has to say it prints. An error means that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(settings))
}
