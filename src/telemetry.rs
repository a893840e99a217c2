//! The log: text or JSON lines on standard error, so that standard output is left to what commands print.

use std::io::Write as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// Crates whose finer logs hold what was sent and received, headers and bodies alike. They warn at most, unless a
/// directive names them. A name stands for all targets that begin with it (`aws` for `aws_smithy_runtime`).
const WIRE: [&str; 7] = ["aws", "h2", "hyper", "rustls", "tower", "kube_client", "reqwest"];

/// Tells why the process ends: in the log, or on standard error where there is none.
pub fn tell(error: &(dyn std::error::Error + 'static)) {
    if tracing::dispatcher::has_been_set() {
        tracing::error!("{}", Chain(error));
    } else if let Err(nobody_listens) = writeln!(std::io::stderr(), "error: {}", Chain(error)) {
        drop(nobody_listens);
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter cannot be read.
    #[error("the log level cannot be read")]
    Filter(#[from] ParseError),
    /// This process has a log already.
    #[error("the log is set up already")]
    SetUp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An error with all its causes, on one line: `could not x: connection refused`.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a dyn std::error::Error);

/// Starts logging what `filter` lets through: a level (`info`), or directives (`info,stagecraft=debug`).
///
/// # Errors
///
/// See [`Error`].
pub fn install(filter: &str, format: LogFormat) -> Result<(), Error> {
    let filter = capped(filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map_err(Error::SetUp)
}

/// The filter, with the crates of the wire held down.
///
/// # Errors
///
/// What is wrong with `filter`.
pub fn capped(filter: &str) -> Result<EnvFilter, ParseError> {
    let asked = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse(filter)?;
    // A filter that lets less through than warnings needs no cap, and the cap must not let more through.
    if asked.max_level_hint().is_some_and(|level| level <= LevelFilter::WARN) {
        return Ok(asked);
    }
    // A longer name wins over a shorter one, so only a directive for the very same name must be left alone.
    let target = |directive: &'_ str| directive.split(['=', '[']).next().unwrap_or_default().trim().to_owned();
    let named = |krate: &str| filter.split(',').any(|directive| target(directive) == krate);
    WIRE.iter()
        .filter(|krate| !named(krate))
        .try_fold(asked, |filter, krate| Ok(filter.add_directive(format!("{krate}=warn").parse()?)))
}

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Errors of libraries often tell their cause already.
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                write!(f, ": {text}")?;
                told.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Whether a line of `level` from `target` would be logged.
    macro_rules! logged {
        ($filter:literal, $target:literal, $level:ident) => {{
            let subscriber = tracing_subscriber::registry().with(capped($filter).unwrap());
            tracing::subscriber::with_default(subscriber, || {
                tracing::enabled!(target: $target, tracing::Level::$level)
            })
        }};
    }

    #[test]
    fn bodies_on_the_wire_stay_out_of_the_log_at_every_level() {
        assert!(logged!("trace", "stagecraft::lease", TRACE));
        assert!(!logged!("trace", "aws_smithy_runtime::client::http", INFO));
        assert!(!logged!("trace", "aws_sdk_apigateway::operation", DEBUG));
        assert!(!logged!("debug", "hyper_util::client", DEBUG));
        assert!(logged!("debug", "aws_config::profile", WARN));
        assert!(!logged!("error", "aws_config::profile", WARN), "the cap lets nothing through that nobody asked for");
    }

    #[test]
    fn who_names_a_crate_gets_its_log_and_no_other() {
        assert!(logged!("info,aws_smithy_runtime=debug", "aws_smithy_runtime::client", DEBUG));
        assert!(!logged!("debug,aws_smithy_runtime=debug", "aws_sdk_sts::operation", DEBUG));
        assert!(logged!("debug,hyper=trace", "hyper::proto", TRACE));
    }

    #[test]
    fn a_chain_tells_every_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Told {
            text: &'static str,
            #[source]
            cause: Option<Box<Self>>,
        }
        let told = |text, cause: Option<Told>| Told { text, cause: cause.map(Box::new) };
        let refused = told("connection refused", None);
        let library = told("could not connect: connection refused", Some(refused));
        let ours = told("could not read the lease", Some(library));
        assert_eq!(Chain(&ours).to_string(), "could not read the lease: could not connect: connection refused");
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error() {
        assert!(capped("stagecraft=loud").is_err());
    }
}
