//! Every Prometheus that the operator knows: the file of `--providers-config`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use http::Uri;
use serde::Deserialize;

use super::{Prometheus, Provider};
use crate::http_client::{self, Http, Trust, is_loopback};

/// The file, as YAML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// At most one of each name.
    #[serde(default)]
    pub prometheus: Vec<ProviderConfig>,
}

/// One Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderConfig {
    /// The name that metrics refer to: letters, digits, `.`, `_`, `-`, at most 63.
    pub name: String,
    /// Where its API begins: `/api/v1/query` comes after it.
    pub url: String,
    /// A file with a token that is sent with each query; over https only, or to this machine.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// A file with the only authorities that are trusted, in PEM. Absent: those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not of the form.
    #[error("could not make sense of {}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<serde_saphyr::Error>,
    },
    /// A provider in it cannot be used.
    #[error("prometheus {name}: {problem}")]
    Provider {
        /// Which.
        name: String,
        /// What is wrong, and what to change.
        problem: &'static str,
    },
    /// Its client cannot be made.
    #[error("prometheus {name}")]
    Client {
        /// Which.
        name: String,
        /// Why.
        source: http_client::Error,
    },
}

impl Prometheus {
    /// Reads the configuration, and the authorities that it names.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let config: Config = serde_saphyr::from_str(&text)
            .map_err(|source| Error::Form { path: path.to_owned(), source: Box::new(source) })?;
        Self::new(config)
    }

    /// The providers of a configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] and [`Error::Client`].
    pub fn new(config: Config) -> Result<Self, Error> {
        let mut providers = BTreeMap::new();
        for ProviderConfig { name, url, bearer_token_file, ca_file } in config.prometheus {
            let wrong = |problem| Error::Provider { name: name.chars().take(63).collect(), problem };
            let is_name = (1..=63).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !is_name {
                return Err(wrong("a name is 1 to 63 letters, digits, '.', '_' and '-'"));
            }
            if providers.contains_key(&name) {
                return Err(wrong("this name is given twice"));
            }
            let url = query_address(&url, bearer_token_file.is_some()).map_err(wrong)?;
            let trust = ca_file.as_deref().map_or(Trust::System, Trust::File);
            let http = Http::new(trust).map_err(|source| Error::Client { name: name.clone(), source })?;
            providers.insert(name, Provider { url, bearer_token_file, http });
        }
        Ok(Self { providers })
    }
}

/// Where instant queries are sent.
fn query_address(base: &str, with_token: bool) -> Result<Uri, &'static str> {
    const FORM: &str = "url must be like https://prometheus.example.com or http://prometheus.monitoring:9090/prefix";
    let uri: Uri = base.parse().ok().ok_or(FORM)?;
    let host = uri.host().ok_or(FORM)?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("leave user and password out of url: use bearerTokenFile");
    }
    if uri.query().is_some() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(FORM);
    }
    if with_token && uri.scheme_str() == Some("http") && !is_loopback(host) {
        return Err("the token would travel unencrypted: use https, or leave bearerTokenFile out");
    }
    format!("{}/api/v1/query", base.trim_end_matches('/')).parse().ok().ok_or(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Config {
        serde_saphyr::from_str(yaml).unwrap()
    }

    /// Golden: the example of the page is one that works.
    #[test]
    fn the_page_shows_a_configuration_that_is_read() {
        let page = include_str!("../../docs/prometheus.md");
        let example = page.split("```yaml configuration\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config: Config = serde_saphyr::from_str(example).unwrap();
        let [main, other] = config.prometheus.as_slice() else { panic!("{config:?}") };
        assert_eq!(main.name, "main");
        assert!(main.bearer_token_file.is_none() && other.bearer_token_file.is_some() && other.ca_file.is_some());
        let without_files = ProviderConfig { bearer_token_file: None, ca_file: None, ..other.clone() };
        assert!(Prometheus::new(Config { prometheus: vec![main.clone(), without_files] }).is_ok());
    }

    #[test]
    fn queries_go_below_the_address() {
        let cases = [
            ("http://prometheus.monitoring:9090", "http://prometheus.monitoring:9090/api/v1/query"),
            ("https://metrics.example.com/prometheus/", "https://metrics.example.com/prometheus/api/v1/query"),
        ];
        for (base, expected) in cases {
            assert_eq!(query_address(base, false).map(|uri| uri.to_string()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let cases = [
            (
                "prometheus: [{name: '', url: 'http://a'}]",
                "prometheus : a name is 1 to 63 letters, digits, '.', '_' and '-'",
            ),
            (
                "prometheus: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]",
                "prometheus a: this name is given twice",
            ),
            (
                "prometheus: [{name: a, url: 'a:9090'}]",
                "prometheus a: url must be like https://prometheus.example.com or http://prometheus.monitoring:9090/prefix",
            ),
            (
                "prometheus: [{name: a, url: 'http://me:secret@a'}]",
                "prometheus a: leave user and password out of url: use bearerTokenFile",
            ),
            (
                "prometheus: [{name: a, url: 'http://a?x=y'}]",
                "prometheus a: url must be like https://prometheus.example.com or http://prometheus.monitoring:9090/prefix",
            ),
            (
                "prometheus: [{name: a, url: 'http://a', bearerTokenFile: /x}]",
                "prometheus a: the token would travel unencrypted: use https, or leave bearerTokenFile out",
            ),
            ("prometheus: [{name: a, url: 'https://a', caFile: /dev/null}]", "prometheus a"),
        ];
        for (yaml, expected) in cases {
            assert_eq!(
                Prometheus::new(read(yaml)).map(drop).map_err(|error| error.to_string()),
                Err(expected.to_owned()),
                "{yaml}"
            );
        }
        assert!(Prometheus::new(read("prometheus: []")).is_ok());
        assert!(serde_saphyr::from_str::<Config>("prometheus: [{name: a, url: b, password: c}]").is_err());
        let missing = Prometheus::load(Path::new("/dev/null/providers.yaml")).unwrap_err();
        assert_eq!(missing.to_string(), "could not read /dev/null/providers.yaml");
    }
}
