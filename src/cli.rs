//! The command line: flags, each with an environment variable of the same meaning, become [`Settings`].
//!
//! Nothing else in the process reads the environment, but for what belongs to the clients: `KUBECONFIG` and the pod's
//! service account (kube), credentials and profile (AWS).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

pub use axum::http::Uri;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::http_client::is_loopback;
use crate::lease::LONGEST_DURATION;
use crate::preview;
use crate::telemetry::{self, LogFormat};
use crate::webhook::{self, AllowedHost};

/// What the process was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run the operator.
    Run(Box<Settings>),
    /// Show what the operator would do about manifests.
    Plan(Box<preview::Settings>),
    /// Write the custom resource definitions.
    Crds {
        /// One file each in this folder; `None`: to standard output.
        folder: Option<PathBuf>,
    },
}

/// Settings of `stagecraft run`, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Region of objects that name none; `None`: what the AWS configuration says.
    pub region: Option<String>,
    /// First part of the owner tag; `None`: the uid of namespace kube-system.
    pub cluster_id: Option<String>,
    /// Whether any ApiStage may adopt a stage that it did not create; never beside `access_config`, whose rules say it.
    pub allow_adoption: bool,
    /// The file of access rules; `None`: every namespace reaches what the operator's credentials reach.
    pub access_config: Option<PathBuf>,
    /// Time between two looks at a stage at rest.
    pub drift_interval: Duration,
    /// Operation timeout: the longest that one call to AWS may take.
    pub aws_timeout: Duration,
    /// Calls to API Gateway a second, per account and Region, of AWS's 10.
    pub aws_rate: u16,
    /// Calls at once after a quiet time, per account and Region, of AWS's 40.
    pub aws_burst: u16,
    /// Whether calls are not limited at all; only beside an endpoint on this machine.
    pub aws_unlimited: bool,
    /// Endpoint of all AWS services, instead of AWS's own.
    pub aws_endpoint_url: Option<Uri>,
    /// Namespaces whose objects are reconciled; empty: all.
    pub watch_namespaces: Vec<String>,
    /// Objects worked on at the same time; those that wait for AWS are not counted.
    pub concurrency: u16,
    /// How to contend for leadership; `None`: this is the only replica.
    pub leader_election: Option<LeaderElection>,
    /// Whom webhooks may call.
    pub webhooks: webhook::Rules,
    /// The file that names every Prometheus; `None`: there is none.
    pub providers_config: Option<PathBuf>,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// What is logged: a level, or directives.
    pub log_level: String,
    /// How a line of the log looks.
    pub log_format: LogFormat,
}

/// The Lease and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// Name of the Lease.
    pub name: String,
    /// Namespace of the Lease; `None`: the pod's, else the one of the kubeconfig's context.
    pub namespace: Option<String>,
    /// How long one renewal lasts, in whole seconds.
    pub duration: Duration,
    /// Time between two renewals.
    pub renew_interval: Duration,
}

#[derive(Debug, Parser)]
#[command(name = "stagecraft", version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run the operator until it is told to stop
    Run(Box<Run>),
    /// Show what the operator would do about manifests, field by field and call by call, and write nothing
    ///
    /// Reads the manifests, the live objects and API Gateway. Exit code: 0 no change, 2 changes, 1 an error.
    Plan(Box<Plan>),
    /// Print the custom resource definitions as YAML
    Crds {
        /// Write one file for each into this folder instead
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Plan {
    /// File with manifests, as kubectl takes it; `-`: standard input. May be given several times
    #[arg(short = 'f', long = "filename", required = true)]
    files: Vec<PathBuf>,
    /// Namespace of manifests that name none [default: that of the kubeconfig's context]
    #[arg(short, long, value_parser = label)]
    namespace: Option<String>,
    /// For people, or for programs
    #[arg(short, long, default_value = "text", value_enum)]
    output: Output,
    /// Show the values of variables, too
    #[arg(long)]
    show_values: bool,
    #[command(flatten, next_help_heading = "The operator's own flags, which its plans depend on")]
    operator: Run,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Flags of `stagecraft run`, for every program whose plans are to be the operator's.
// The last one counts, so that what a chart's extraArgs say goes before what its values say.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag, and flags do not exclude each other")]
pub struct Run {
    /// Region of objects that name none [default: that of the variable `AWS_REGION`, else what the AWS configuration says]
    #[arg(long, env = "STAGECRAFT_REGION", value_parser = region)]
    region: Option<String>,
    /// Name of this cluster in the tags of the stages it owns: letters, digits, `.`, `_`, `-`, at most 63 [default: uid
    /// of namespace kube-system]
    #[arg(long, env = "STAGECRAFT_CLUSTER_ID", value_parser = cluster_id)]
    cluster_id: Option<String>,
    /// Let objects with an adoptionPolicy take over stages that they did not create
    #[arg(long, env = "STAGECRAFT_ALLOW_ADOPTION")]
    allow_adoption: bool,
    /// File of access rules: which namespaces govern stages of which REST APIs, with which role [default: all, with the
    /// operator's own credentials]
    #[arg(long, env = "STAGECRAFT_ACCESS_CONFIG")]
    access_config: Option<PathBuf>,
    /// Time between two looks at a stage at rest
    #[arg(long, env = "STAGECRAFT_DRIFT_INTERVAL", default_value = "10m", value_parser = duration)]
    drift_interval: Duration,
    /// The longest that one call to AWS may take
    #[arg(long, env = "STAGECRAFT_AWS_TIMEOUT", default_value = "10s", value_parser = duration)]
    aws_timeout: Duration,
    /// Calls to API Gateway a second, per account and Region; AWS allows 10 to everybody together, and others need some
    #[arg(long, env = "STAGECRAFT_AWS_RATE", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=10))]
    aws_rate: u16,
    /// Calls to API Gateway at once after a quiet time, per account and Region; AWS allows 40 to everybody together
    #[arg(long, env = "STAGECRAFT_AWS_BURST", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=40))]
    aws_burst: u16,
    /// Do not limit calls to API Gateway: for a simulator, so only with an --aws-endpoint-url on this machine
    #[arg(long, env = "STAGECRAFT_AWS_UNLIMITED")]
    aws_unlimited: bool,
    /// Endpoint of all AWS services instead of AWS's own: https, or http on this machine
    #[arg(long, env = "STAGECRAFT_AWS_ENDPOINT_URL", value_parser = endpoint)]
    aws_endpoint_url: Option<Uri>,
    /// Reconcile objects of this namespace only; may be given several times, or as a list with commas [default: all]
    #[arg(long = "watch-namespace", env = "STAGECRAFT_WATCH_NAMESPACE", value_delimiter = ',', value_parser = label)]
    watch_namespaces: Vec<String>,
    /// Objects worked on at the same time; those that wait for AWS are not counted
    #[arg(long, env = "STAGECRAFT_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// Contend for a Lease, so that of several replicas one writes; without it there must be one replica only
    #[arg(long, env = "STAGECRAFT_LEADER_ELECT", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    leader_elect: bool,
    /// Name of the Lease
    #[arg(long, env = "STAGECRAFT_LEASE_NAME", default_value = "stagecraft", value_parser = label)]
    lease_name: String,
    /// Namespace of the Lease [default: the pod's, else the one of the kubeconfig's context]
    #[arg(long, env = "STAGECRAFT_LEASE_NAMESPACE", value_parser = label)]
    lease_namespace: Option<String>,
    /// How long a leader may lead after a renewal, in whole seconds; the same for all replicas
    #[arg(long, env = "STAGECRAFT_LEASE_DURATION", default_value = "30s", value_parser = duration)]
    lease_duration: Duration,
    /// Time between two renewals
    #[arg(long, env = "STAGECRAFT_LEASE_RENEW_INTERVAL", default_value = "5s", value_parser = duration)]
    lease_renew_interval: Duration,
    /// Hosts that webhooks of ApiCanary objects may call, as a list with commas: gate.example.com, gate.example.com:8443,
    /// *.example.com [default: none]
    #[arg(long, env = "STAGECRAFT_WEBHOOK_ALLOWED_HOSTS", value_delimiter = ',')]
    webhook_allowed_hosts: Vec<AllowedHost>,
    /// Let webhooks use plain http: whoever is on the way can then open a gate
    #[arg(long, env = "STAGECRAFT_WEBHOOK_ALLOW_HTTP")]
    webhook_allow_http: bool,
    /// File that names every Prometheus that metrics of ApiCanary objects may ask [default: there is none]
    #[arg(long, env = "STAGECRAFT_PROVIDERS_CONFIG")]
    providers_config: Option<PathBuf>,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env = "STAGECRAFT_LISTEN", default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080))]
    listen: SocketAddr,
    /// What is logged: error, warn, info, debug, trace, or directives such as info,stagecraft=debug
    #[arg(long, env = "STAGECRAFT_LOG_LEVEL", default_value = "info", value_parser = log_level)]
    log_level: String,
    /// How a line of the log looks
    #[arg(long, env = "STAGECRAFT_LOG_FORMAT", default_value = "text", value_enum)]
    log_format: LogFormat,
}

/// Reads the arguments, the program's name first, and the environment.
///
/// # Errors
///
/// What clap has to print: help, the version, or one sentence about what to change.
pub fn parse<I, T>(arguments: I) -> Result<Command, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    match Cli::try_parse_from(arguments)?.command {
        Subcommands::Run(run) => match run.settings() {
            Ok(settings) => Ok(Command::Run(Box::new(settings))),
            Err(sentence) => Err(Cli::command().error(ErrorKind::ValueValidation, sentence)),
        },
        Subcommands::Plan(plan) => match plan.settings() {
            Ok(settings) => Ok(Command::Plan(Box::new(settings))),
            Err(sentence) => Err(Cli::command().error(ErrorKind::ValueValidation, sentence)),
        },
        Subcommands::Crds { dir } => Ok(Command::Crds { folder: dir }),
    }
}

/// Prints what [`parse`] has to say (help and the version are "errors" too), and the exit code that goes with it.
#[must_use]
pub fn told(message: &clap::Error) -> ExitCode {
    // 2, clap's own for what it cannot read, is that of `plan` for changes: a pipeline must not take the one for the other.
    let code = if message.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    // With nobody to print to, the exit code has to do.
    message.print().map_or(ExitCode::FAILURE, |()| code)
}

impl Plan {
    fn settings(self) -> Result<preview::Settings, String> {
        let Self { files, namespace, output, show_values, operator } = self;
        let json = output == Output::Json;
        Ok(preview::Settings { files, namespace, json, show_values, operator: operator.settings()? })
    }
}

impl Run {
    /// Checks what only several settings together can show.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    pub fn settings(self) -> Result<Settings, String> {
        bounds("--drift-interval", self.drift_interval, Duration::from_secs(1), Duration::from_hours(24))?;
        bounds("--aws-timeout", self.aws_timeout, Duration::from_secs(1), Duration::from_mins(1))?;
        if self.allow_adoption && self.access_config.is_some() {
            return Err(
                "--allow-adoption and --access-config exclude each other: set adoption in the access rules.".to_owned()
            );
        }
        let is_here = |endpoint: &Uri| endpoint.host().is_some_and(is_loopback);
        if self.aws_unlimited && !self.aws_endpoint_url.as_ref().is_some_and(is_here) {
            return Err(
                "--aws-unlimited is for a simulator: set --aws-endpoint-url to an address of this machine, or leave \
                        it out, since AWS's quota is shared by everybody in the account."
                    .to_owned(),
            );
        }
        let leader_election = self.leader_elect.then(|| self.leader_election()).transpose()?;
        Ok(Settings {
            region: self.region.or_else(region_of_aws),
            cluster_id: self.cluster_id,
            allow_adoption: self.allow_adoption,
            access_config: self.access_config,
            drift_interval: self.drift_interval,
            aws_timeout: self.aws_timeout,
            aws_rate: self.aws_rate,
            aws_burst: self.aws_burst,
            aws_unlimited: self.aws_unlimited,
            aws_endpoint_url: self.aws_endpoint_url,
            watch_namespaces: self.watch_namespaces,
            concurrency: self.concurrency,
            leader_election,
            webhooks: webhook::Rules { allowed_hosts: self.webhook_allowed_hosts, allow_http: self.webhook_allow_http },
            providers_config: self.providers_config,
            listen: self.listen,
            log_level: self.log_level,
            log_format: self.log_format,
        })
    }

    fn leader_election(&self) -> Result<LeaderElection, String> {
        let (duration, renew_interval) = (self.lease_duration, self.lease_renew_interval);
        bounds("--lease-renew-interval", renew_interval, Duration::from_secs(1), Duration::from_mins(1))?;
        bounds("--lease-duration", duration, Duration::from_secs(1), LONGEST_DURATION)?;
        if duration.subsec_nanos() > 0 {
            return Err(format!(
                "--lease-duration is {duration:?} and must be whole seconds: the Lease object holds no fractions."
            ));
        }
        let least = self.aws_timeout + renew_interval * 2;
        if duration <= least {
            return Err(format!(
                "--lease-duration is {duration:?} and must be more than {least:?}: --aws-timeout ({:?}) plus twice \
                 --lease-renew-interval ({renew_interval:?}), or a leader could hardly ever write.",
                self.aws_timeout
            ));
        }
        Ok(LeaderElection {
            name: self.lease_name.clone(),
            namespace: self.lease_namespace.clone(),
            duration,
            renew_interval,
        })
    }
}

/// AWS's own variable, for those who set it for all their tools.
fn region_of_aws() -> Option<String> {
    let region = std::env::var_os("AWS_REGION")?.into_string().ok()?;
    self::region(&region).ok()
}

fn bounds(flag: &str, value: Duration, least: Duration, most: Duration) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("{flag} is {value:?} and must be from {least:?} to {most:?}."))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "write a number with its unit, such as 30s, 10m or 1h30m".to_owned())
}

/// A Region as a flag names it.
///
/// # Errors
///
/// A phrase that says what to write.
pub fn region(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=63).contains(&text.len()) && text.chars().all(usable) {
        Ok(text.to_owned())
    } else {
        Err("write a region as AWS does, such as eu-central-1".to_owned())
    }
}

fn cluster_id(text: &str) -> Result<String, String> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=63).contains(&text.len()) && text.chars().all(usable) {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 63 letters, digits, '.', '_' and '-'".to_owned())
    }
}

/// An RFC 1123 label: what Kubernetes takes as the name of a namespace.
fn label(text: &str) -> Result<String, String> {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let usable = text.chars().all(|c| alphanumeric(c) || c == '-');
    let edges = text.starts_with(alphanumeric) && text.ends_with(alphanumeric);
    if text.len() <= 63 && usable && edges {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 63 lower-case letters, digits and '-', with a letter or digit at both ends".to_owned())
    }
}

/// An endpoint as a flag names it. Requests are signed, but neither they nor the answers are encrypted on plain http: only to
/// this machine.
///
/// # Errors
///
/// A phrase that says what to write.
pub fn endpoint(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("write a URL, such as http://127.0.0.1:4566 ({error})"))?;
    let authority = uri.authority().ok_or("write a URL, such as http://127.0.0.1:4566")?;
    if authority.as_str().contains('@') {
        return Err("leave user and password out of the URL: it is logged".to_owned());
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(authority.host()) => Ok(uri),
        Some("http") => Err(format!(
            "use https: requests to {} would travel unencrypted; plain http is for 127.0.0.1, [::1] and localhost",
            authority.host()
        )),
        Some(_) | None => Err("write a URL that begins with https://, or with http:// for this machine".to_owned()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    match telemetry::capped(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => {
            Err(format!("use error, warn, info, debug, trace, or directives such as info,stagecraft=debug ({error})"))
        }
    }
}

#[cfg(test)]
mod tests;
