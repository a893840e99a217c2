//! Asks a Prometheus for one number.
//!
//! Which Prometheus there are, the operator's configuration says; an `ApiCanary` names one of them. Whatever is not exactly one
//! finite number of now is missing, with its reason: a release is judged by values or not at all.

mod answer;
mod config;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use jiff::Timestamp;
use stagecraft_core::analysis::Reading;

pub use config::{Config, Error, ProviderConfig};

use crate::http_client::Http;

/// How long a query may take.
const LONGEST: Duration = Duration::from_secs(10);

/// What is read of an answer at most; one number takes some hundred bytes.
const MOST_READ: usize = 1024 * 1024;

/// A token is no longer than this.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Every Prometheus that the operator knows.
#[derive(Clone, Debug, Default)]
pub struct Prometheus {
    providers: BTreeMap<String, Provider>,
}

#[derive(Clone, Debug)]
struct Provider {
    /// The address of instant queries.
    url: Uri,
    /// Read for each query: tokens of service accounts change by the hour.
    bearer_token_file: Option<PathBuf>,
    http: Http,
}

impl Prometheus {
    /// The value of `query` at `at`, by the Prometheus of this name: [`Reading::Scalar`], always finite, or
    /// [`Reading::Missing`]. Takes at most 10 s.
    pub async fn query(&self, provider: &str, query: &str, at: Timestamp) -> Reading {
        let Some(known) = self.providers.get(provider) else {
            return Reading::Missing(self.unknown(provider));
        };
        match known.ask(query, at).await {
            Ok(value) => Reading::Scalar(value),
            Err(why) => Reading::Missing(format!("Prometheus {provider} {why}")),
        }
    }

    fn unknown(&self, provider: &str) -> String {
        let names: Vec<&str> = self.providers.keys().map(String::as_str).take(10).collect();
        let known =
            if names.is_empty() { "it names none".to_owned() } else { format!("it names {}", names.join(", ")) };
        format!("the operator's configuration names no Prometheus {provider} ({known})")
    }
}

impl Provider {
    /// The value, or a phrase that goes on after the provider's name.
    async fn ask(&self, query: &str, at: Timestamp) -> Result<f64, String> {
        let mut request = Request::new(Full::new(form(query, at)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(file) = &self.bearer_token_file {
            headers.insert(header::AUTHORIZATION, bearer(file).await?);
        }
        let answer = self.http.call(request, LONGEST, MOST_READ).await;
        answer::read(&answer.map_err(|failure| format!("could not be asked: {failure}"))?)
    }
}

/// By POST, so that no query is too long for an address.
fn form(query: &str, at: Timestamp) -> Bytes {
    let time = format!("{}.{:03}", at.as_second(), at.subsec_millisecond());
    let timeout = format!("{}s", LONGEST.as_secs());
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("query", query).append_pair("time", &time).append_pair("timeout", &timeout);
    form.finish().into()
}

async fn bearer(file: &PathBuf) -> Result<HeaderValue, String> {
    let unusable = |why: &str| format!("could not be asked: its token in {} cannot be used ({why})", file.display());
    let token = tokio::fs::read_to_string(file).await.map_err(|error| unusable(&error.kind().to_string()))?;
    let token = token.trim();
    if token.is_empty() || token.len() > LONGEST_TOKEN {
        return Err(unusable("it is empty or longer than 16 KiB"));
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).ok().ok_or_else(|| unusable("it holds more than one line"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
