//! `stagecraft plan`: what the operator would do about manifests, without doing it.
//!
//! It reads the manifests, the live objects and API Gateway, lets the same plans be made as the operator makes, and shows
//! per field what would change, and the calls. It asks the API server to judge the manifests (a dry run), and sends no
//! write to AWS: its leadership never permits one.

mod calls;
mod cluster;
pub mod manifests;
mod responses;
mod shown;
mod text;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use kube::{Config, ResourceExt};
use stagecraft_core::api::stage::ApiStage;

use crate::controller::{self, Context};
use crate::run::{self, BoxError};
use crate::telemetry::Chain;
use cluster::{Cluster, Judged, is_watched};
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
    let watched = &settings.operator.watch_namespaces;
    // Before the stages: what these would do is not known to serve when a response is judged.
    let mut responses = Vec::new();
    for Judged { object, is_new } in &cluster.responses {
        let name = name_of(object);
        if !is_watched(watched, object) {
            responses.push(Shown::unwatched("ApiGatewayResponse", name, *is_new, watched));
            continue;
        }
        let foreseen = controller::foresee_response(&cluster.context, object.clone()).await;
        let foreseen = foreseen.map_err(|error| format!("ApiGatewayResponse {name}: {}", Chain(&*error)))?;
        responses.push(Shown::of_response(name, *is_new, &foreseen, settings.show_values));
    }
    let mut all = stages(settings, &cluster.context, &cluster.stages).await?;
    all.append(&mut responses);
    shown::ask_once_whose_credentials(&mut all);
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
    let shown = stages(settings, &cluster.context, &[Judged { object, is_new: false }]).await?;
    let text = if settings.json { shown::json(&shown) } else { shown.iter().map(text::differences).collect() };
    Ok(Told { text, changes: shown.iter().any(Shown::differs) })
}

/// Plans stages, in this order.
async fn stages(settings: &Settings, context: &Context, judged: &[Judged<ApiStage>]) -> Result<Vec<Shown>, BoxError> {
    let watched = &settings.operator.watch_namespaces;
    let looked_at = judged.iter().map(|judged| &judged.object).filter(|object| is_watched(watched, *object));
    let mut foreseen = controller::foresee(context, looked_at.cloned()).await?.into_iter();
    let mut all = Vec::new();
    for Judged { object, is_new } in judged {
        let name = name_of(object);
        let foreseen = if is_watched(watched, object) { foreseen.next() } else { None };
        all.push(match foreseen {
            Some(foreseen) => {
                let governor = controller::governor(context, object);
                Shown::new(name, *is_new, governor, &foreseen, settings.show_values)
            }
            None => Shown::unwatched("ApiStage", name, *is_new, watched),
        });
    }
    Ok(all)
}

fn name_of(object: &impl ResourceExt) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
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
